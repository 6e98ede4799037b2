package loop_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// level is a [layout.Loop] whose fields need no names.
type level struct{ Size, Dst, Src, Factor int }

func of(loops []level) (all []layout.Loop) {
	for _, l := range loops {
		all = append(all, layout.Loop(l))
	}
	return all
}

// each calls f for every element that loops visit.
func each(loops []layout.Loop, f func(dst, src, factor int)) {
	var visit func(k, dst, src, factor int)
	visit = func(k, dst, src, factor int) {
		if k == len(loops) {
			f(dst, src, factor)
			return
		}
		for i := range loops[k].Size {
			visit(k+1, dst+i*loops[k].Dst, src+i*loops[k].Src, factor+i*loops[k].Factor)
		}
	}
	visit(0, 0, 0, 0)
}

// random returns loops that visit at most so many elements. With same they lie in src
// as in dst.
func random(r *rand.Rand, elements int, same bool) (loops []layout.Loop) {
	inside := 1
	for depth := r.IntN(layout.MaxLoops + 1); depth > 0; depth-- {
		l := layout.Loop{Size: 1 + r.IntN(5), Dst: inside + r.IntN(4)*r.IntN(2), Factor: r.IntN(5)}
		l.Src = l.Dst
		if !same {
			l.Src = r.IntN(40)
		}
		if elements /= l.Size; elements == 0 {
			break
		}
		if l.Size > 1 {
			inside += (l.Size - 1) * l.Dst
		} else if r.IntN(2) == 0 {
			l.Dst, l.Src = r.IntN(100), r.IntN(100)
		}
		loops = append([]layout.Loop{l}, loops...)
	}
	return loops
}

// reach returns by brute force what Measure returns.
func reach(loops []layout.Loop) (r loop.Reach) {
	each(loops, func(dst, src, factor int) {
		r = loop.Reach{Dst: max(r.Dst, dst+1), Src: max(r.Src, src+1), Factors: max(r.Factors, factor+1)}
	})
	return r
}

func TestMeasureMatchesBruteForce(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(12, seed))
		loops := random(r, 1000, seed%2 == 0)
		if len(loops) > 0 && r.IntN(8) == 0 {
			loops[r.IntN(len(loops))].Size = 0
		}
		got, refusal := loop.Measure(loops)
		if want := reach(loops); got != want || refusal != nil {
			t.Fatalf("seed %d: %v measure %+v, %+v, want %+v", seed, loops, got, refusal, want)
		}
	}
}

func TestMeasureUpToMaxInt(t *testing.T) {
	const half, root = math.MaxInt/2 + 1, 1 << (bits.UintSize - 2)
	for _, c := range []struct {
		loops []level
		reach loop.Reach
	}{
		{[]level{{2, math.MaxInt - 1, 1, 0}}, loop.Reach{Dst: math.MaxInt, Src: 2, Factors: 1}},
		{[]level{{2, 1, math.MaxInt - 1, 0}}, loop.Reach{Dst: 2, Src: math.MaxInt, Factors: 1}},
		{[]level{{2, 1, 0, math.MaxInt - 1}}, loop.Reach{Dst: 2, Src: 1, Factors: math.MaxInt}},
		{[]level{{2, math.MaxInt - 4, 4, 1}, {4, 1, 1, 0}}, loop.Reach{Dst: math.MaxInt, Src: 8, Factors: 2}},
		// A single step may be as long as it likes, or as short.
		{[]level{{1, math.MaxInt, math.MaxInt, math.MaxInt}, {4, 1, 1, 1}}, loop.Reach{Dst: 4, Src: 4, Factors: 4}},
		{[]level{{1, 0, 0, 0}, {3, 4, 4, 0}, {1, 2, 2, 9}, {4, 1, 1, 1}}, loop.Reach{Dst: 12, Src: 12, Factors: 4}},
		{nil, loop.Reach{Dst: 1, Src: 1, Factors: 1}},
		{[]level{{0, math.MaxInt, math.MaxInt, 0}}, loop.Reach{}},
	} {
		if got, refusal := loop.Measure(of(c.loops)); got != c.reach || refusal != nil {
			t.Errorf("%v measure %+v, %+v, want %+v", c.loops, got, refusal, c.reach)
		}
	}
	for _, c := range []struct {
		loops []level
		given string
		want  string
	}{
		{[]level{{2, math.MaxInt, 1, 0}}, "loop 0 reaches further than an int counts", "fewer or shorter steps"},
		{[]level{{2, 1, math.MaxInt, 0}}, "loop 0 reaches further than an int counts", "fewer or shorter steps"},
		{[]level{{2, 1, 1, math.MaxInt}}, "loop 0 reaches further than an int counts", "fewer or shorter steps"},
		{[]level{{2, math.MaxInt - 3, 1, 1}, {4, 1, 1, 0}}, "loop 0 reaches further than an int counts", "fewer or shorter steps"},
		{[]level{{3, half, 1, 0}}, "loop 0 reaches further than an int counts", "fewer or shorter steps"},
		{[]level{{4, root, root, 1}, {root, 1, 1, 0}}, "loop 0 reaches further than an int counts", "fewer or shorter steps"}, // the product wraps to 0
		{[]level{{3, 4, 4, 0}, {-1, 1, 1, 1}}, "loop 1 has a negative number", "0 or more"},
		{[]level{{3, -4, 4, 0}, {4, 1, 1, 1}}, "loop 0 has a negative number", "0 or more"},
		{[]level{{3, 4, -4, 0}, {4, 1, 1, 1}}, "loop 0 has a negative number", "0 or more"},
		{[]level{{3, 4, 4, -1}, {4, 1, 1, 1}}, "loop 0 has a negative number", "0 or more"},
		{[]level{{3, 3, 9, 0}, {4, 1, 1, 1}}, "loop 0 has stride 3", "at least the 4 elements inside it"},
		{[]level{{2, 0, 1, 0}}, "loop 0 has stride 0", "at least the 1 elements inside it"},
		{make([]level, 7), "7 loops", "at most 6"},
	} {
		got, refusal := loop.Measure(of(c.loops))
		if want := (loop.Refusal{Given: c.given, Want: c.want}); got != (loop.Reach{}) || refusal == nil || *refusal != want {
			t.Errorf("%v measure %+v, %+v, want %+v", c.loops, got, refusal, want)
		}
	}
}

func TestCollideMatchesBruteForce(t *testing.T) {
	both := [2]int{}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(13, seed))
		loops := random(r, 300, true)
		visited := make(map[int]bool)
		each(loops, func(dst, _, _ int) { visited[dst] = true })
		span := reach(loops).Dst
		for range 40 {
			distance := r.IntN(2*span+1) - span
			want := false
			for at := range visited {
				want = want || visited[at+distance]
			}
			if got := loop.Collide(loops, distance); got != want {
				t.Fatalf("seed %d: %v at a distance of %d collide: %v, want %v", seed, loops, distance, got, want)
			}
			if want {
				both[1]++
			} else {
				both[0]++
			}
		}
	}
	if min(both[0], both[1]) < 5000 {
		t.Errorf("%d apart and %d colliding, want 5000 of each", both[0], both[1])
	}
	// Single steps lead nowhere, however long.
	for _, loops := range [][]level{{{1, 0, 0, 0}, {4, 1, 1, 1}}, {{4, 1, 1, 1}, {1, 0, 0, 0}}, {{1, math.MaxInt, 0, 0}, {4, 1, 1, 1}}} {
		for distance := -5; distance <= 5; distance++ {
			if got, want := loop.Collide(of(loops), distance), -4 < distance && distance < 4; got != want {
				t.Errorf("%v at a distance of %d collide: %v, want %v", loops, distance, got, want)
			}
		}
	}
}

func TestOverlapMatchesBruteForce(t *testing.T) {
	memory := make([]byte, 1<<16)
	middle := unsafe.Pointer(&memory[len(memory)/2])
	count := make(map[[2]bool]int)
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(14, seed))
		same, size := seed%2 == 0, 1<<r.IntN(4)
		loops := random(r, 200, same)
		if len(loops) > 0 && r.IntN(8) == 0 {
			loops[r.IntN(len(loops))].Size = 0
		}
		visited := make(map[int]bool) // bytes of dst
		differ := false
		each(loops, func(dst, src, _ int) {
			for b := range size {
				visited[dst*size+b] = true
			}
			differ = differ || dst != src
		})
		span := reach(loops)
		for range 20 {
			distance := r.IntN(size*(span.Dst+span.Src)*5/4+3) - size*span.Dst*9/8 - 1 // dst begins that many bytes after src
			if r.IntN(8) == 0 {
				distance = 0
			}
			want := false
			if differ {
				want = distance < span.Src*size && -distance < span.Dst*size
			} else if distance != 0 {
				// An element cut in two meets whatever it is in reach of.
				want = distance%size != 0 && max(distance, -distance) < span.Dst*size
				for at := range visited {
					want = want || visited[at+distance]
				}
			}
			d, got := loop.Overlap(unsafe.Add(middle, distance), middle, size, loops, span)
			if d != distance || got != want {
				t.Fatalf("seed %d: %v of %d bytes with dst %d after src overlap: %v, want %v (at %d)", seed, loops, size, distance, got, want, d)
			}
			count[[2]bool{differ, got}]++
		}
	}
	if len(count) != 4 || min(count[[2]bool{}], count[[2]bool{true}], count[[2]bool{true, true}], count[[2]bool{false, true}]) < 2000 {
		t.Errorf("cases by whether the loops differ and overlap: %v, want 2000 of each", count)
	}
}
