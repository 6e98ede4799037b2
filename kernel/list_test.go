package kernel

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/layout"
)

// slicesOf returns data in slices of a length, in memory of their own. The last one is as long,
// whatever data ends with.
func slicesOf[T number](r *rand.Rand, data []T, length int) [][]T {
	list := make([][]T, (len(data)+length-1)/length)
	for _, i := range r.Perm(len(list)) { // which the allocator places in this order
		list[i] = make([]T, length)
		copy(list[i], data[i*length:])
	}
	return list
}

// listOf returns the Vector of a list, or of the only slice.
func listOf[T number](list [][]T) Vector { return AsList(formatOf[T]().kind, list) }

// checkList runs a nest on lists of slices of the given lengths and compares with one slice.
func checkList[T number](t *testing.T, r *rand.Rand, op Op, part *layout.Part, loops []layout.Loop, to, from int, inPlace bool, workers int) {
	t.Helper()
	span, srcSpan, entries := extent(loops)
	begin := place{}
	if part != nil {
		begin = place{part.Dst, part.Src, part.Factor}
	}
	factors := odd[T](r, begin.factor+entries)
	shifts := make([]T, len(factors))
	for i := range shifts {
		shifts[i] = plain[T](r)
	}
	shifts = ShiftsOf(op, shifts)
	dst, src := make([]T, begin.dst+span), make([]T, begin.src+srcSpan)
	for i := range dst {
		dst[i] = plain[T](r)
	}
	for i := range src {
		src[i] = plain[T](r)
	}
	listed, inner := slicesOf(r, dst, to), slicesOf(r, src, from)
	before := slices.Concat(listed...)
	f, s := vectorOf(factors), vectorOf(shifts)
	want, given := slices.Clone(dst), src
	a, b := listOf(listed), listOf(inner)
	if inPlace {
		given, b = want, a
	}
	var err, other error
	if part == nil {
		other = Run(op, vectorOf(want), vectorOf(given), f, s, loops, 1)
		err = Run(op, a, b, f, s, loops, workers)
	} else {
		other = RunPart(op, vectorOf(want), vectorOf(given), f, s, part, 1)
		err = RunPart(op, a, b, f, s, part, workers)
	}
	if other != nil {
		t.Fatalf("%v %v on one slice: %v", op, loops, other)
	}
	if err != nil {
		t.Fatalf("%v %v on slices of %d and %d: %v", op, loops, to, from, err)
	}
	got := slices.Concat(listed...)
	want = append(want, before[len(want):]...)
	nan := func(i int) bool { return formatOf[T]().nan(bitsOf(want[i])) } // which of two survives
	if i := differBut(got, want, nan); i >= 0 {
		t.Fatalf("%v %v at %v on slices of %d and %d, in place %v, %d workers: element %d is %#x, want %#x", op, loops, begin, to, from, inPlace, workers, i, bitsOf(got[i]), bitsOf(want[i]))
	}
	if i := differ(slices.Concat(inner...)[:len(src)], src, make([]bool, len(src))); i >= 0 {
		t.Fatalf("%v %v: element %d of src was written", op, loops, i)
	}
}

func checkListOf(t *testing.T, r *rand.Rand, typ dtype.Type, op Op, part *layout.Part, loops []layout.Loop, to, from int, inPlace bool, workers int) {
	t.Helper()
	switch typ {
	case dtype.Float32:
		checkList[float32](t, r, op, part, loops, to, from, inPlace, workers)
	case dtype.Float64:
		checkList[float64](t, r, op, part, loops, to, from, inPlace, workers)
	case dtype.Float16:
		checkList[float16](t, r, op, part, loops, to, from, inPlace, workers)
	case dtype.BFloat16:
		checkList[bfloat16](t, r, op, part, loops, to, from, inPlace, workers)
	}
}

// border returns a length at which loops may go from slice to slice: a stride, or some of them.
func border(r *rand.Rand, loops []layout.Loop, stride func(l layout.Loop) int, all int) int {
	if len(loops) == 0 || r.IntN(8) == 0 {
		return 1 + r.IntN(all)
	}
	l := loops[r.IntN(len(loops))]
	steps := 1 + r.IntN(l.Size)
	if r.IntN(2) == 0 {
		steps = common(l.Size, steps)
	}
	return max(1, min(all, stride(l)*steps))
}

// A nest on lists does what it does on one slice.
func TestRandomNestsOnLists(t *testing.T) {
	runs, joined := uint64(3000), 0
	if testing.Short() || Instrumented {
		runs /= 8
	}
	everyMode(func(mode string) {
		for seed := range runs {
			r := rand.New(rand.NewPCG(12, seed))
			loops := randomNest(r, 900)
			inPlace := r.IntN(2) == 0
			if !inPlace && r.IntN(2) == 0 { // src lies otherwise
				span := 1
				for _, k := range r.Perm(len(loops)) {
					loops[k].Src = span
					span *= loops[k].Size
				}
			}
			span, srcSpan, _ := extent(loops)
			to := border(r, loops, func(l layout.Loop) int { return l.Dst }, span)
			from := border(r, loops, func(l layout.Loop) int { return l.Src }, srcSpan)
			if r.IntN(3) == 0 {
				from = srcSpan
			} else if r.IntN(3) == 0 {
				to = span
			}
			typ, op := dtype.Type(seed%uint64(len(kinds))), allOps[r.IntN(len(allOps))]
			checkListOf(t, r, typ, op, nil, loops, to, from, inPlace, r.IntN(5))
			// A part of a joined nest, from offsets on.
			dims := []int{1 + r.IntN(3), 1 + r.IntN(40), 1 + r.IntN(3), 1 + r.IntN(3)}
			orders := []layout.Order{layout.NCHW, layout.NHWC, layout.NCHW8c, layout.NCHW16c}
			if orders[r.IntN(2)] == layout.NHWC {
				dims[1], dims[3] = dims[3], dims[1]
			}
			one, err := orders[r.IntN(4)].Of(dims...)
			if err != nil {
				t.Fatal(err)
			}
			other := orders[r.IntN(4)]
			if other == layout.NHWC {
				continue
			}
			two, err := other.Of(one.Samples(), one.Channels(), dims[2], dims[3])
			if err != nil {
				t.Fatal(err)
			}
			nest, err := layout.Join(two, one)
			if err != nil {
				continue // dims in another order
			}
			for i := range nest.Parts() {
				p := &nest.Parts()[i]
				span, srcSpan, _ := extent(p.Loops())
				to := border(r, p.Loops(), func(l layout.Loop) int { return l.Dst }, p.Dst+span)
				from := border(r, p.Loops(), func(l layout.Loop) int { return l.Src }, p.Src+srcSpan)
				checkListOf(t, r, typ, op, p, p.Loops(), to, from, false, r.IntN(5))
				joined += min(i, 1)
			}
		}
	})
	if joined < int(runs)/6 {
		t.Errorf("%d parts begin at an offset in %d runs, want a sixth", joined, runs)
	}
}

// recurse takes some stack and calls f.
func recurse(depth int, f func()) byte {
	var room [64]byte
	if depth == 0 {
		f()
	} else {
		room[depth%64] = recurse(depth-1, f)
	}
	return room[depth%64]
}

// A stack grows at any depth of a call. What is on it by then must be pointers, or none.
func TestStacksGrowUnderLists(t *testing.T) {
	blocked, err := layout.NCHW8c.Of(2, 11, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := layout.NCHW.Of(2, 11, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	nest, err := layout.Join(plain, blocked)
	if err != nil {
		t.Fatal(err)
	}
	p := &nest.Parts()[1] // which begins at another factor than the first
	dst, src := make([][]float32, 22), [][]float32{repeated([]float32{3}, 32), repeated([]float32{3}, 32)}
	for i := range dst {
		dst[i] = make([]float32, 2)
	}
	factors := repeated([]float32{1}, 32)
	for _, op := range []Op{Copy, Scale, Affine} {
		f, s := vectorOf(factors), vectorOf(ShiftsOf(op, factors))
		if op == Copy {
			f = Vector{kind: F32}
		}
		for depth := range 400 {
			done := make(chan error)
			go recurse(depth, func() { done <- RunPart(op, listOf(dst), listOf(src), f, s, p, 1) })
			if err := <-done; err != nil || dst[20][1] == 0 {
				t.Fatalf("%v at depth %d: %v, %v", op, depth, err, dst)
			}
			clear(dst[20])
		}
	}
}

// Copy reads no factors: where its loops say they are there may be memory of nobody, to which no
// pointer may lead.
func TestCopiesOfListsReachForNoFactors(t *testing.T) {
	dst, src := make([][]float32, 64), make([][]float32, 64)
	for i := range dst {
		dst[i], src[i] = make([]float32, 2), []float32{float32(i), 1}
	}
	f := Of([]float32{1})
	loops := []layout.Loop{{Size: 64, Dst: 2, Src: 2, Factor: 128 << 10}, {Size: 2, Dst: 1, Src: 1}}
	l := new(lists)
	var n nest
	if _, err := l.set(&n, F32, Copy, listOf(dst).vector, listOf(src).vector, f.vector, vector{}, loops, place{}); err != nil || n.factors != nil {
		t.Errorf("a copy has factors at %v, want none: %v", n.factors, err)
	}
	if err := Run(Copy, listOf(dst), listOf(src), f, Vector{}, loops, 1); err != nil || dst[63][0] != 63 {
		t.Errorf("%v, %v", err, dst)
	}
}

// A list goes to Run alone, and its slices have one length.
func TestListsAreRefused(t *testing.T) {
	buf := repeated([]float32{7}, 64)
	six := func() [][]float32 { return [][]float32{buf[0:2], buf[2:4], buf[4:6], buf[6:8], buf[8:10], buf[10:12]} }
	with := func(i int, s []float32) [][]float32 { list := six(); list[i] = s; return list }
	one, factors, none := Of(buf[20:32]), Of([]float32{1, 2, 3, 4, 5, 6}), Vector{}
	loops := []layout.Loop{alike(6, 2, 1), alike(2, 1, 0)}
	for _, c := range []struct {
		what string
		call func() error
		want string
	}{
		{"slices of two lengths", func() error { return Run(Scale, OfList(with(3, buf[6:7])), one, factors, none, loops, 1) }, "kernel: dst in 6 slices: slice 3 holds 1 elements and slice 0 2, want equal lengths"},
		{"no slice", func() error { return Run(Scale, one, OfList(with(5, nil)), factors, none, loops, 1) }, "kernel: src in 6 slices: slice 5 holds 0 elements and slice 0 2, want equal lengths"},
		{"too few slices", func() error { return Run(Scale, OfList(six()[:5]), one, factors, none, loops, 1) }, "kernel: dst in 5 slices: 10 elements in all, want 12 or more, whose bytes an int counts"},
		{"too short a slice", func() error { return Run(Scale, OfList(six()), one.From(1), factors, none, loops, 1) }, "kernel: src beside a list of slices: 11 elements in all, want 12 or more, whose bytes an int counts"},
		{"too few factors", func() error { return Run(Scale, OfList(six()), one, factors.From(1), none, loops, 1) }, "kernel: loops [{6 2 2 1} {2 1 1 0}]: Scale of lists with factors of 5 and shifts of 0 elements, want 6 and 0 or more"},
		{"shifts", func() error { return Run(Scale, OfList(six()), one, factors, factors, loops, 1) }, "kernel: loops [{6 2 2 1} {2 1 1 0}]: Scale of lists with factors of 6 and shifts of 6 elements, want 6 and 0 or more"},
		{"factors in a list", func() error { return Run(Scale, one, Of(buf[40:]), OfList(six()), none, loops, 1) }, "kernel: factors in 6 slices, want one slice"},
		{"shifts in a list", func() error { return Run(Affine, one, Of(buf[40:]), factors, OfList(six()), loops, 1) }, "kernel: shifts in 6 slices, want one slice"},
		{"factors in dst", func() error { return Run(Scale, OfList(six()), one, Of(buf[3:9]), none, loops, 1) }, "kernel: dst of 2 elements begins -4 bytes from factors and overlaps, want no overlap"},
		{"shifts in dst", func() error { return Run(Affine, OfList(six()), one, factors, Of(buf[11:17]), loops, 1) }, "kernel: dst of 2 elements begins -4 bytes from shifts and overlaps, want no overlap"},
		{"slices that overlap", func() error { return Run(Scale, OfList(with(5, buf[9:11])), one, factors, none, loops, 1) }, "kernel: a slice of 2 elements in the list dst begins 4 bytes from another one and overlaps, want no overlap"},
		{"an unknown operation", func() error { return Run(Copy+1, OfList(six()), one, factors, none, loops, 1) }, "kernel: unknown operation"},
		{"workers", func() error { return Run(Scale, OfList(six()), one, factors, none, loops, -1) }, "kernel: -1 workers, want 0 or more"},
		{"loops", func() error {
			return Run(Scale, OfList(six()), one, factors, none, []layout.Loop{alike(-1, 1, 1)}, 1)
		}, "kernel: loops [{-1 1 1 1}]: loop 0 has a negative number, want 0 or more"},
		{"dst of planes", func() error { return refusal(func() { PlanesOf(Scale, OfList(six()), one, factors, none, 2) }) }, "kernel: dst in 6 slices, want one slice for planes"},
		{"src of planes", func() error { return refusal(func() { PlanesOf(Scale, one, OfList(six()), factors, none, 2) }) }, "kernel: src in 6 slices, want one slice for planes"},
		{"factors of planes", func() error { return refusal(func() { PlanesOf(Scale, one, one, OfList(six()), none, 2) }) }, "kernel: factors in 6 slices, want one slice for planes"},
		{"both of pixels", func() error {
			return refusal(func() { PixelsOf(Scale, OfList(six()), OfList(six()), factors, none) })
		}, "kernel: dst in 6 slices, want one slice for pixels"},
		{"factors of pixels", func() error { return refusal(func() { PixelsOf(Scale, one, one, OfList(six()), none) }) }, "kernel: factors in 6 slices, want one slice for pixels"},
		{"shifts of pixels", func() error { return refusal(func() { PixelsOf(Affine, one, one, factors, OfList(six())) }) }, "kernel: shifts in 6 slices, want one slice for pixels"},
	} {
		err := c.call()
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.what, err, c.want)
		}
	}
	if !slices.Equal(buf, repeated([]float32{7}, 64)) {
		t.Error("a refused call wrote")
	}
}

// A part that begins after the end of a slice is refused, and so are several kinds.
func TestPartsThatDoNotFitAreRefused(t *testing.T) {
	blocked, err := layout.NCHW8c.Of(1, 11, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := layout.NCHW.Of(1, 11, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	nest, err := layout.Join(blocked, plain)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]float32, 64)
	p := &nest.Parts()[1]
	for what, err := range map[string]error{
		"dst": RunPart(Scale, Of(buf[:4]), Of(buf[20:31]), Of(buf[40:56]), Vector{}, p, 1), "src": RunPart(Scale, Of(buf[:16]), Of(buf[20:24]), Of(buf[40:56]), Vector{}, p, 1),
		"factors": RunPart(Scale, Of(buf[:16]), Of(buf[20:31]), Of(buf[40:44]), Vector{}, p, 1), "shifts": RunPart(Affine, Of(buf[:16]), Of(buf[20:31]), Of(buf[40:56]), Of(buf[60:]), p, 1),
	} {
		if !Refuses(err, Argument("p")) {
			t.Errorf("a part beyond %s: %#v, want an *ArgumentError of p", what, err)
		}
	}
	// Offsets are the caller's to set.
	for i := range buf {
		buf[i] = float32(i)
	}
	before, one := slices.Clone(buf), nest.Parts()[0]
	for _, at := range []place{{dst: -1}, {dst: math.MinInt}, {dst: math.MaxInt}, {src: -3}, {src: math.MinInt}, {src: math.MaxInt}, {factor: -1}, {factor: math.MinInt}, {factor: math.MaxInt}, {factor: math.MaxInt - 4}} {
		q := one
		q.Dst, q.Src, q.Factor = at.dst, at.src, at.factor
		for _, op := range []Op{Scale, Affine, Copy} {
			if op == Copy && at.factor != 0 {
				continue // it takes none
			}
			s := Vector{}
			if op == Affine {
				s = Of(buf[44:56])
			}
			for what, err := range map[string]error{
				"slices":   RunPart(op, Of(buf[:16]), Of(buf[20:31]), Of(buf[32:44]), s, &q, 1),
				"lists":    RunPart(op, OfList([][]float32{buf[:8], buf[8:16]}), OfList([][]float32{buf[16:24], buf[24:32]}), Of(buf[32:44]), s, &q, 1),
				"a list":   RunPart(op, OfList([][]float32{buf[:8], buf[8:16]}), Of(buf[20:31]), Of(buf[32:44]), s, &q, 1),
				"src only": RunPart(op, Of(buf[:16]), OfList([][]float32{buf[16:24], buf[24:32]}), Of(buf[32:44]), s, &q, 1),
			} {
				refused := new(ArgumentError)
				if before := at.dst|at.src|at.factor < 0; before && !Refuses(err, Argument("p")) || !before && !errors.As(err, &refused) {
					t.Errorf("%v of %s from %v: %#v, want an *ArgumentError, of p before the begin", op, what, at, err)
				}
			}
		}
	}
	for what, dst := range map[string]Vector{"a slice": Of(buf[:16]), "a list": OfList([][]float32{buf[:8], buf[8:16]})} {
		if err := RunPart(Scale, dst, Of(buf[20:31]), Of(buf[32:44]), Vector{}, nil, 1); !Refuses(err, Argument("p")) {
			t.Errorf("%s and no part: %v, want an *ArgumentError of p", what, err)
		}
	}
	if !slices.Equal(buf, before) {
		t.Error("a refused call wrote")
	}
	if err := RunPart(Scale, Of(buf[:16]), Of(make([]float64, 11)), Of(buf[40:56]), Vector{}, p, 1); !Refuses(err, Argument("kind")) {
		t.Errorf("two kinds: %v, want an *ArgumentError of the kind", err)
	}
	if err := RunPart(Copy, Of(buf[:16]), Of(buf[20:31]), Of[float32](nil), Vector{}, p, 1); err != nil {
		t.Errorf("Copy without factors: %v", err)
	}
}

// The vector of a list has slices, and no elements of its own.
func TestVectorsOfLists(t *testing.T) {
	list := [][]float16{{1, 2}, {3, 4}, {5, 6}}
	v := AsList(F16, list)
	if v.Kind() != F16 || v.Len() != 0 || v.Slices() != 3 || v.Bytes() != nil || v.Slice(2).Len() != 2 || v.Slice(2).Data() != unsafe.Pointer(&list[2][0]) {
		t.Errorf("%d elements, %d slices", v.Len(), v.Slices())
	}
	if one := AsList(F16, list[:1]); one.Slices() != 0 || one.Len() != 2 || one.Data() != unsafe.Pointer(&list[0][0]) {
		t.Errorf("a list of one slice has %d elements and %d slices", one.Len(), one.Slices())
	}
	if none := AsList[float16](F16, nil); none.Slices() != 0 || none.Len() != 0 || none.Kind() != F16 {
		t.Errorf("a list of none has %d elements and %d slices", none.Len(), none.Slices())
	}
	for _, c := range []struct {
		call func()
		want ArgumentError
	}{
		{func() { v.Slice(3) }, ArgumentError{"i", "slice 3 of a list of 3", "one counted from 0"}},
		{func() { v.Slice(-1) }, ArgumentError{"i", "slice -1 of a list of 3", "one counted from 0"}},
		{func() { v.From(1) }, ArgumentError{"n", "elements from 1 up of a vector of 0", "an offset from 0 to 0"}},
		{func() { v.Slice(0).Slice(0) }, ArgumentError{"i", "slice 0 of a list of 0", "one counted from 0"}},
		{func() { AsList(F32, list) }, ArgumentError{"kind", "elements of 2 bytes for a vector of float32", "elements of 4 bytes"}},
		{func() { AsList(nil, list) }, ArgumentError{"kind", "no kind", "one such as F32"}},
	} {
		var got *ArgumentError
		if err := refusal(c.call); !errors.As(err, &got) || *got != c.want {
			t.Errorf("%v, want %v", err, &c.want)
		}
	}
}

// repeated returns s repeated n times.
func repeated(s []float32, n int) (all []float32) {
	for range n {
		all = append(all, s...)
	}
	return all
}
