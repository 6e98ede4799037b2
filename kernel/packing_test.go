package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/layout"
)

// allCompactions are the compactions.
var allCompactions = []Compaction{Gather, Scatter, ScatterAdd}

// orderedNest returns random loops that visit the factors in order, and about so many elements at most. Gaps
// are likely.
func orderedNest(r *rand.Rand, elements int) []layout.Loop {
	var loops []layout.Loop
	inside, entries := 1, 1
	for range 1 + r.IntN(layout.MaxLoops) {
		size := 1 + r.IntN(1+r.IntN(1+r.IntN(max(1, elements))))
		l := layout.Loop{Size: size, Dst: inside, Src: r.IntN(9)} // whose Src means nothing
		if r.IntN(4) == 0 {
			l.Dst += r.IntN(9)
		}
		if r.IntN(2) == 0 {
			l.Factor = entries
			entries *= size
		} else if size == 1 {
			l.Factor = r.IntN(9)
		}
		inside += (size - 1) * l.Dst
		elements /= size
		loops = append(loops, l)
	}
	slices.Reverse(loops)
	return loops
}

// compactCase is a call of RunCompact.
type compactCase struct {
	op           Compaction
	shift, other int // elements from a cache line to the full and to the packed tensor
	inPlace      bool
	slice        int // elements of a slice of the full tensor, 0 if it is no list
	ragged       int // slices of the packed tensor, of any lengths, 0 if it is no list
	workers      int
}

// link says where an element is in the full and in the packed tensor, where -1 is nowhere, and which factor it
// has.
type link struct{ full, packed, factor int }

// linksOf returns the links of all that loops visit, and a packed tensor of values. The race detector does not
// watch it.
//
//go:norace
func linksOf[T number](f *format, all []visit, factors, values []T) (links []link, packed []T) {
	for _, at := range all {
		l := link{at.dst, -1, at.factor}
		if !f.zero(bitsOf(factors[at.factor])) {
			l.packed = len(packed)
			packed = append(packed, values[(len(packed)*7+3)%len(values)])
		}
		links = append(links, l)
	}
	return links, packed
}

// packRun sets in want, which is as dst was, what a compaction makes of all links, and in loose what is loose.
// The race detector does not watch it.
//
//go:norace
func packRun[T number](f *format, compaction Compaction, links []link, want []T, loose []bool, dst, src, factors []T) {
	for _, l := range links {
		to, from, op := l.full, l.packed, Scale
		if compaction == Gather {
			if to, from = from, to; to < 0 {
				continue
			}
		} else if compaction == ScatterAdd {
			op = Add
		}
		var x T
		if from >= 0 {
			x = src[from]
		}
		bits, is := f.oracle(op, bitsOf(dst[to]), bitsOf(x), bitsOf(factors[l.factor]), 0, false)
		want[to], loose[to] = fromBits[T](bits), is
	}
}

// checkCompact does what a case says in every mode and compares all of dst, and what surrounds it, with the
// oracle, which visits the loops one element after the other.
func checkCompact[T number](t *testing.T, r *rand.Rand, loops []layout.Loop, c compactCase) {
	t.Helper()
	const guard = 64
	f := formatOf[T]()
	span, _, entries := extent(loops)
	factors := odd[T](r, entries)
	if r.IntN(8) == 0 {
		for i := range factors {
			factors[i] = [...]T{0, num[T](2)}[r.IntN(8)%2*(i%2)]
		}
	}
	if c.slice > 0 { // the last slice is as long as the others
		span = (span + c.slice - 1) / c.slice * c.slice
	}
	var values [509]T
	for i := range values {
		values[i] = plain[T](r)
	}
	full := make([]T, span)
	for i := 0; i < len(full); {
		i += copy(full[i:], values[:])
	}
	links, packed := linksOf(f, visits(loops), factors, values[:])
	if c.inPlace && c.op == Scatter {
		copy(full, packed) // which begins with it
	}
	dst, src := full, packed
	if c.op == Gather {
		dst, src = packed, full
	}
	want, loose := slices.Clone(dst), make([]bool, len(dst))
	packRun(f, c.op, links, want, loose, dst, src, factors)
	outside := num[T](-77)
	everyMode(func(mode string) {
		outer, other := aligned[T](len(full)+c.shift+2*guard), aligned[T](len(src) + c.other)[c.other:]
		for i := range outer {
			outer[i] = outside
		}
		surroundings := slices.Clone(outer)
		y, x := outer[guard+c.shift:][:len(dst):len(dst)], other
		copy(y, dst)
		copy(x, src)
		if c.inPlace {
			buffer := outer[guard+c.shift:][:len(full):len(full)] // dst of Gather is its beginning
			copy(buffer, full)
			y, x = buffer[:len(dst)], buffer[:len(src)]
		}
		to, from := vectorOf(y), vectorOf(x)
		var list, ragged [][]T
		if c.ragged > 0 && c.op == Gather {
			ragged = raggedOf(r, y, c.ragged)
			to = listOf(ragged)
		} else if c.ragged > 0 {
			from = listOf(raggedOf(r, x, c.ragged))
		}
		if c.slice > 0 && c.op == Gather {
			list = slicesOf(r, x, c.slice)
			from = listOf(list)
		} else if c.slice > 0 {
			list = slicesOf(r, y, c.slice)
			to = listOf(list)
		}
		if err := RunCompact(c.op, to, from, vectorOf(factors), loops, c.workers); err != nil {
			t.Fatalf("%v, %+v, %s: %v", loops, c, mode, err)
		}
		if c.slice > 0 && c.op != Gather {
			y = slices.Concat(list...)
		}
		if c.ragged > 0 && c.op == Gather {
			y = slices.Concat(ragged...)
		}
		if i := differ(y, want, loose); i >= 0 {
			t.Fatalf("%s, %v, %+v, %s: element %d is %#x, want %#x (factors %#x)", f.name, loops, c, mode, i, bitsOf(y[i]), bitsOf(want[i]), factors)
		}
		if c.inPlace {
			return
		}
		copy(surroundings[guard+c.shift:], y)
		if c.slice > 0 && c.op != Gather || c.ragged > 0 && c.op == Gather {
			copy(surroundings[guard+c.shift:], dst) // what the slices were copied from
		}
		if i := differ(outer, surroundings, make([]bool, len(outer))); i >= 0 {
			t.Fatalf("%s, %v, %+v, %s: element %d of dst, of %d, was written", f.name, loops, c, mode, i-guard-c.shift, len(dst))
		}
		if i := differ(x, src, make([]bool, len(x))); i >= 0 {
			t.Fatalf("%s, %v, %+v, %s: element %d of src was written", f.name, loops, c, mode, i)
		}
	})
}

// raggedOf returns data cut anywhere into so many slices, which lie in any order and end where they may.
func raggedOf[T number](r *rand.Rand, data []T, n int) [][]T {
	list, cuts := make([][]T, n), make([]int, n+1)
	for i := range cuts[:n] {
		cuts[i] = r.IntN(len(data) + 1)
	}
	cuts[0], cuts[n] = 0, len(data)
	slices.Sort(cuts)
	for _, i := range r.Perm(n) {
		list[i] = slices.Clip(slices.Clone(data[cuts[i]:cuts[i+1]]))
	}
	return list
}

func checkCompactOf(t *testing.T, r *rand.Rand, typ dtype.Type, loops []layout.Loop, c compactCase) {
	t.Helper()
	switch typ {
	case dtype.Float32:
		checkCompact[float32](t, r, loops, c)
	case dtype.Float64:
		checkCompact[float64](t, r, loops, c)
	case dtype.Float16:
		checkCompact[float16](t, r, loops, c)
	case dtype.BFloat16:
		checkCompact[bfloat16](t, r, loops, c)
	}
}

// caseOf returns a random case.
func caseOf(r *rand.Rand, loops []layout.Loop) compactCase {
	c := compactCase{op: allCompactions[r.IntN(3)], shift: r.IntN(17), other: r.IntN(17), workers: r.IntN(5)}
	switch r.IntN(5) {
	case 0:
		c.inPlace = c.op != ScatterAdd
	case 1, 2:
		if span, _, _ := extent(loops); span > 1 {
			c.slice = border(r, loops, func(l layout.Loop) int { return l.Dst }, span-1)
		}
	}
	if !c.inPlace && r.IntN(2) == 0 {
		c.ragged = 2 + r.IntN(1+r.IntN(30))
	}
	return c
}

func TestRandomNestsArePacked(t *testing.T) {
	runs := uint64(1500)
	if testing.Short() || Instrumented {
		runs /= 10
	}
	for seed := range runs {
		r := rand.New(rand.NewPCG(21, seed))
		loops := orderedNest(r, 1+r.IntN(900))
		checkCompactOf(t, r, dtype.Type(seed%4), loops, caseOf(r, loops))
	}
}

// Nests of whole planes and of rows, short and long: the calls of a kernel are bounded, and in place elements go
// through memory of their own.
func TestLargeNestsArePacked(t *testing.T) {
	sizes := []struct{ samples, channels, positions int }{{3, 40, 49}, {2, 7, 3001}, {1, 3, 40000}, {2, 300, 77}, {1, 5000, 9}, {1, 70000, 1}}
	if testing.Short() || Instrumented {
		sizes = sizes[:2]
	}
	for i, s := range sizes {
		r := rand.New(rand.NewPCG(22, uint64(i)))
		n, c, p := s.samples, s.channels, s.positions
		gap := i % 3
		for _, loops := range [][]layout.Loop{
			{{Size: n * c, Dst: p, Factor: 1}, {Size: p, Dst: 1}},
			{{Size: n, Dst: c*p + gap, Factor: c}, {Size: p, Dst: c}, {Size: c, Dst: 1, Factor: 1}},
			{{Size: n, Dst: c * (p + gap), Factor: c}, {Size: c, Dst: p + gap, Factor: 1}, {Size: p, Dst: 1}},
			{{Size: p, Dst: n * (c + gap)}, {Size: n, Dst: c + gap, Factor: c}, {Size: c, Dst: 1, Factor: 1}},
			{{Size: n, Dst: c * p, Factor: 0}, {Size: c, Dst: p, Factor: 1}, {Size: p, Dst: 1}}, // weights of n outputs
		} {
			for _, op := range allCompactions {
				for _, inPlace := range []bool{false, true} {
					if inPlace && op == ScatterAdd {
						continue
					}
					checkCompactOf(t, r, dtype.Type((i+int(op))%4), loops, compactCase{op: op, inPlace: inPlace, shift: i, other: 2 * i, workers: 3})
				}
				checkCompactOf(t, r, dtype.Type((i+int(op)+1)%4), loops, compactCase{op: op, slice: c * p, workers: 2})
				checkCompactOf(t, r, dtype.Type((i+int(op)+2)%4), loops, compactCase{op: op, ragged: 2 + 3*i, workers: 2})
			}
		}
	}
}

// planeLoops returns the loops of so many planes, and rowLoops those of so many rows.
func planeLoops(count, plane int) []layout.Loop {
	return []layout.Loop{{Size: count, Dst: max(plane, 1), Factor: 1}, {Size: plane, Dst: 1}}
}

func rowLoops(count, channels int) []layout.Loop {
	return []layout.Loop{{Size: count, Dst: max(channels, 1)}, {Size: channels, Dst: 1, Factor: 1}}
}

// Slices of planes or rows, many of which are one call of a kernel, by the definition.
func testCompactSlices[T float32 | float64](t *testing.T) {
	f := formatOf[T]()
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(23, seed))
		channels, length := r.IntN(40), r.IntN(70)
		if r.IntN(10) == 0 {
			length *= 200
		}
		factors := odd[T](r, channels)
		kept := 0
		for _, x := range factors {
			if !f.zero(bitsOf(x)) {
				kept++
			}
		}
		full, packed := make([]T, channels*length), make([]T, kept*length)
		for i := range full {
			full[i] = T(i + 1)
		}
		for i := range packed {
			packed[i] = T(-i)
		}
		for _, op := range allCompactions {
			for _, rows := range []bool{false, true} {
				loops := planeLoops(channels, length)
				if rows {
					loops = rowLoops(length, channels)
				}
				want, k := slices.Clone(full), 0
				if op == Gather {
					want = slices.Clone(packed)
				}
				for i := range full {
					e := i / max(length, 1)
					if rows {
						e = i % channels
					}
					switch dropped := f.zero(bitsOf(factors[e])); {
					case dropped && op == Scatter:
						want[i] = 0
					case dropped:
					case op == Gather:
						want[k] = T(full[i] * factors[e])
						k++
					case op == Scatter:
						want[i] = T(packed[k] * factors[e])
						k++
					default:
						want[i] += T(packed[k] * factors[e])
						k++
					}
				}
				check := func(what string, dst, src []T) {
					if err := RunCompact(op, Of(dst), Of(src), Of(factors), loops, 1); err != nil {
						t.Fatal(err)
					}
					if i := differ(dst, want, make([]bool, len(dst))); i >= 0 {
						t.Fatalf("%v of %d×%d%s, rows %v: element %d is %v, want %v", op, channels, length, what, rows, i, dst[i], want[i])
					}
				}
				if op == Gather {
					check("", slices.Clone(packed), full)
				} else {
					check("", slices.Clone(full), packed)
				}
				if buffer := slices.Clone(full); op == Gather {
					check(" in place", buffer[:kept*length], buffer)
				} else if op == Scatter {
					copy(buffer, packed)
					check(" in place", buffer, buffer[:kept*length])
				}
			}
		}
	}
}

func TestCompactPlanesAndPixels(t *testing.T) {
	t.Run("float32", testCompactSlices[float32])
	t.Run("float64", testCompactSlices[float64])
}

// A refused call says what was wrong, and writes nothing.
func TestRefusedCompactions(t *testing.T) {
	buffer := make([]float32, 40)
	for i := range buffer {
		buffer[i] = float32(i)
	}
	buffer[12], buffer[20] = 0, 0 // factors, too, of a plane that is dropped
	before := slices.Clone(buffer)
	factors := []float32{1, 0, 2} // two planes of four elements, and of three
	x, y, z := buffer[:12], buffer[12:24], buffer[12:20]
	planes := []layout.Loop{{Size: 3, Dst: 4, Factor: 1}, {Size: 4, Dst: 1}}
	run := func(op Compaction, dst, src, factors Vector, loops []layout.Loop, workers int) func() error {
		return func() error { return RunCompact(op, dst, src, factors, loops, workers) }
	}
	list := OfList([][]float32{buffer[:6], buffer[6:12]})
	crossed := OfList([][]float32{buffer[:6], buffer[3:9]})
	f := Of(factors)
	type refused struct {
		call  func() error
		as    error
		words string
	}
	for _, c := range []refused{
		{run(3, Of(z), Of(x), f, planes, 1), Argument("op"), "unknown compaction Compaction(3), want one of Gather to ScatterAdd"},
		{run(Gather, As(F16, make([]uint16, 8)), Of(x), f, planes, 1), Argument("kind"), "one kind"},
		{run(Gather, Vector{}, Of(x), f, planes, 1), Argument("kind"), "one kind"},
		{run(Gather, Of(z), Of(x), Vector{}, planes, 1), Argument("kind"), "one kind"},
		{run(Gather, Of(z), Of(x), f, planes, -1), Argument("workers"), "-1 workers"},
		{run(Gather, Of(z[:7]), Of(x), f, planes, 1), Argument("dst"), "Gather with dst of 7 elements, want 8 or more"},
		{run(Scatter, Of(x), Of(z[:7]), f, planes, 1), Argument("src"), "Scatter with src of 7 elements, want 8 or more"},
		{run(Gather, Of(z), Of(x[:11]), f, planes, 1), Argument("src"), "Gather with src of 11 elements, want 12 or more"},
		{run(ScatterAdd, Of(x[:11]), Of(z), f, planes, 1), Argument("dst"), "ScatterAdd with dst of 11 elements, want 12 or more"},
		{run(Gather, Of(z), Of(x), Of(factors[:2]), planes, 1), Argument("factors"), "factors of 2 elements, want 3 or more"},
		{run(Gather, Of(z), Of(x), f, []layout.Loop{{Size: 3, Dst: 3, Factor: 1}, {Size: 4, Dst: 1}}, 1), Argument("loops"), "stride 3"},
		{run(Gather, Of(z), Of(x), f, []layout.Loop{{Size: 3, Dst: 4, Factor: 2}, {Size: 4, Dst: 1}}, 1), Argument("loops"), "loop 0 moves on by 2 factors, want 0 or the 1"},
		{run(Gather, Of(z), Of(x), f, []layout.Loop{{Size: 3, Dst: 4, Factor: 1}, {Size: 2, Dst: 2, Factor: 3}, {Size: 2, Dst: 1}}, 1), Argument("loops"), "loop 1 moves on by 3 factors"},
		{run(Gather, Of(z), Of(x), f, make([]layout.Loop, 7), 1), Argument("loops"), "7 loops"},
		{run(Gather, Of(z), Of(x), f, []layout.Loop{{Size: -1}}, 1), Argument("loops"), "negative"},
		{run(Gather, OfList([][]float32{buffer[:4], buffer[4:7]}), Of(y), f, planes, 1), Argument("dst"), "Gather with dst of 7 elements, want 8 or more"},
		{run(Scatter, Of(y), OfList([][]float32{buffer[:3], nil, buffer[3:7]}), f, planes, 1), Argument("src"), "Scatter with src of 7 elements"},
		{run(Gather, OfList([][]float32{buffer[:5], buffer[4:8]}), Of(y), f, planes, 1), new(OverlapError), "a slice of 4 elements in the list dst begins 16 bytes from another one"},
		{run(Gather, OfList([][]float32{buffer[30:32], buffer[8:14]}), Of(y), f, planes, 1), new(OverlapError), "dst of 6 elements begins -16 bytes from src and overlaps, one of them packed"},
		{run(Gather, OfList([][]float32{buffer[30:32], buffer[12:18]}), Of(y), f, planes, 1), new(OverlapError), "dst of 6 elements begins 0 bytes from src and overlaps, one of them packed"},
		{run(Gather, OfList([][]float32{buffer[30:36], buffer[24:30]}), Of(y), Of(buffer[28:31]), planes, 1), new(OverlapError), "from factors"},
		{run(Scatter, list, OfList([][]float32{buffer[30:32], buffer[5:11]}), f, planes, 1), new(OverlapError), "one of them packed"},
		{run(ScatterAdd, Of(x), OfList([][]float32{buffer[30:32], buffer[11:17]}), f, planes, 1), new(OverlapError), "one of them packed"},
		{run(Gather, Of(z), Of(x), OfList([][]float32{factors, factors}), planes, 1), Argument("factors"), "factors in 2 slices"},
		{run(Gather, Of(z), OfList([][]float32{buffer[:6], buffer[6:11]}), f, planes, 1), Argument("src"), "src in 2 slices: slice 1 holds 5 elements"},
		{run(Scatter, OfList([][]float32{buffer[:5], buffer[5:10]}), Of(z), f, planes, 1), Argument("dst"), "dst in 2 slices: 10 elements in all, want 12"},
		{run(Scatter, crossed, Of(z), f, planes, 1), new(OverlapError), "in the list dst begins"},
		{run(Scatter, list, Of(buffer[4:12]), f, planes, 1), new(OverlapError), "one of them packed"},
		{run(Gather, Of(buffer[:8]), list, f, planes, 1), new(OverlapError), "one of them packed"}, // not in place in a list
		{run(Gather, Of(buffer[1:9]), Of(x), f, planes, 1), new(OverlapError), "begins 4 bytes from src and overlaps, one of them packed"},
		{run(Scatter, Of(x), Of(buffer[11:19]), f, planes, 1), new(OverlapError), "begins -44 bytes from src"},
		{run(ScatterAdd, Of(x), Of(buffer[:8]), f, planes, 1), new(OverlapError), "begins 0 bytes from src"},
		{run(Gather, Of(z), Of(x), Of(buffer[19:22]), planes, 1), new(OverlapError), "from factors"},
		{run(Scatter, list, Of(z), Of(buffer[11:14]), planes, 1), new(OverlapError), "from factors"},
	} {
		err := c.call()
		if err == nil || !Refuses(err, c.as) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%#v, want %#v with %q", err, c.as, c.words)
		}
		if !slices.Equal(buffer, before) {
			t.Fatalf("written before %v", err)
		}
	}
	// Nothing to do is no reason to refuse.
	for _, err := range []error{
		RunCompact(Gather, Of([]float32{}), Of([]float32{}), Of([]float32{}), []layout.Loop{{Size: 0}}, 1),
		RunCompact(Gather, Of([]float32{}), Of([]float32{}), Of([]float32{}), planeLoops(0, 4), 1),
		RunCompact(Scatter, Of([]float32{}), Of([]float32{}), f, planeLoops(3, 0), 1),
		RunCompact(Scatter, Of([]float32{}), Of([]float32{}), f, rowLoops(0, 3), 1),
		// A vector of rows, and no src.
		RunCompact(Scatter, Of(make([]float32, 400)), Of([]float32{}), Of(make([]float32, 200)), rowLoops(2, 200), 1),
		RunCompact(Gather, Of([]float32{}), Of(x), Of(make([]float32, 3)), planes, 1),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

// What is dropped is not read: a NaN in it vanishes, and the packed tensor may end before it.
func TestDroppedPlanesOfCompactionsAreNotRead(t *testing.T) {
	nan := float32(math.NaN())
	x := []float32{nan, nan, 1, 2, nan, nan}
	factors := []float32{0, 3, float32(math.Copysign(0, -1))}
	dst := make([]float32, 2)
	run := func(op Compaction, dst, src, factors []float32) {
		if err := RunCompact(op, Of(dst), Of(src), Of(factors), planeLoops(3, 2), 1); err != nil {
			t.Error(err)
		}
	}
	run(Gather, dst, x, factors)
	if !slices.Equal(dst, []float32{3, 6}) {
		t.Error(dst)
	}
	run(Scatter, x, dst, factors)
	if want := []float32{0, 0, 9, 18, 0, 0}; !slices.Equal(x, want) {
		t.Error(x)
	}
	run(Scatter, x, nil, []float32{0, 0, 0})
	for i, v := range x {
		if math.Float32bits(v) != 0 {
			t.Errorf("element %d is %v, want +0", i, v)
		}
	}
	run(Gather, nil, x, []float32{0, 0, 0})
}

// pastRecorder is a family of kernels that counts its calls that store as usual and those that store past the cache.
type pastRecorder struct{ calls *[2]atomic.Int32 }

func (r pastRecorder) compact(_ Compaction, past int, _ shape, _, _, _ unsafe.Pointer, _, _ int) {
	r.calls[past].Add(1)
}

// Goroutines that share a compaction store past the cache from twice the size of what they write on, as in other calls:
// the packed tensor of Gather, and the full one of Scatter.
func TestSharedCompactionsStoreTwiceAsMuchInTheCache(t *testing.T) {
	if !streams() {
		return
	}
	ShareAll(t)
	ended(t)
	crew[0].state.Store(ready) // but nobody is there: the caller does all
	defer crew[0].state.Store(asleep)
	const count, plane = 256, 1 << 10 // 1 MiB of float32
	full, packed, factors := make([]float32, count*plane), make([]float32, count/2*plane), make([]float32, count)
	for i := range factors {
		factors[i] = float32(i % 2)
	}
	var calls [2]atomic.Int32
	kind := *F32
	kind.more = pastRecorder{&calls}
	vec := func(s []float32) Vector { return Vector{&kind, erase(s)} }
	for _, c := range []struct {
		op      Compaction
		stream  int
		workers int
		past    bool
	}{
		{Gather, 1 << 19, 1, true}, {Gather, 1<<19 + 1, 1, false}, {Gather, 1 << 18, 2, true}, {Gather, 1<<18 + 1, 2, false}, {Gather, 1 << 19, 2, false},
		{Scatter, 1 << 20, 1, true}, {Scatter, 1<<20 + 1, 1, false}, {Scatter, 1 << 19, 2, true}, {Scatter, 1<<19 + 1, 2, false},
	} {
		s := CurrentStrategy()
		s.StreamPlanes = c.stream
		use(s)
		rested()
		calls[0].Store(0)
		calls[1].Store(0)
		dst, src := vec(full), vec(packed)
		if c.op == Gather {
			dst, src = src, dst
		}
		if err := RunCompact(c.op, dst, src, vec(factors), planeLoops(count, plane), c.workers); err != nil {
			t.Fatal(err)
		}
		ordinary, past := calls[0].Load(), calls[1].Load()
		if c.past && (past == 0 || ordinary > 0) || !c.past && (past > 0 || ordinary == 0) {
			t.Errorf("%+v: %d calls store as usual and %d past the cache", c, ordinary, past)
		}
	}
}
