package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/layout"
)

// checkSharing runs a random nest on lists within one buffer, whose slices may be of dst and of src, or
// several of src. It returns whether that was refused.
func checkSharing[T number](t *testing.T, r *rand.Rand) (refused bool) {
	t.Helper()
	loops := randomNest(r, 900)
	if r.IntN(3) == 0 && len(loops) > 0 {
		loops[r.IntN(len(loops))].Src = r.IntN(4)
	}
	span, srcSpan, entries := extent(loops)
	to := border(r, loops, func(l layout.Loop) int { return l.Dst }, span)
	from := border(r, loops, func(l layout.Loop) int { return l.Src }, srcSpan)
	if r.IntN(2) == 0 {
		from = to
	}
	dst, src := make([][]T, (span+to-1)/to), make([][]T, (srcSpan+from-1)/from)
	buf := make([]T, len(dst)*(to+2)+len(src)*(from+2))
	for i := range buf {
		buf[i] = plain[T](r)
	}
	at := 0
	place := func(list [][]T, length int) {
		for _, i := range r.Perm(len(list)) {
			list[i] = buf[at : at+length : at+length]
			at += length + r.IntN(3)
		}
	}
	place(dst, to)
	place(src, from)
	in := r.IntN(3) // none, some or all of src in place
	for i := range min(len(dst), len(src)) {
		if from == to && in > r.IntN(2) {
			src[i] = dst[i]
		}
	}
	for range r.IntN(3) {
		src[r.IntN(len(src))] = src[r.IntN(len(src))]
	}
	if p := r.IntN(len(buf) - from + 1); r.IntN(8) == 0 {
		src[r.IntN(len(src))] = buf[p : p+from]
	}
	factors, shifts := odd[T](r, entries), make([]T, entries)
	for i := range factors {
		if shifts[i] = plain[T](r); r.IntN(3) == 0 {
			factors[i] = 0
		}
	}
	op := allOps[r.IntN(len(allOps))]
	f, s := vectorOf(factors), vectorOf(ShiftsOf(op, shifts))
	want, before := slices.Concat(dst...), slices.Clone(buf)
	if err := Run(op, vectorOf(want), vectorOf(slices.Concat(src...)), f, s, loops, 1); err != nil {
		t.Fatal(err)
	}
	err := Run(op, listOf(dst), listOf(src), f, s, loops, r.IntN(5))
	if err != nil {
		if differ(buf, before, make([]bool, len(buf))) >= 0 {
			t.Fatalf("%v %v on slices of %d and %d: %v, and some is written", op, loops, to, from, err)
		}
		return true
	}
	nan := func(i int) bool { return formatOf[T]().nan(bitsOf(want[i])) } // which of two survives
	if i := differBut(slices.Concat(dst...), want, nan); i >= 0 {
		t.Fatalf("%v %v on slices of %d and %d: element %d is not what one slice gives", op, loops, to, from, i)
	}
	for _, d := range dst {
		clear(d)
	}
	written := slices.Clone(buf)
	copy(buf, before)
	for _, d := range dst {
		clear(d)
	}
	if i := differ(written, buf, make([]bool, len(buf))); i >= 0 {
		t.Fatalf("%v %v on slices of %d and %d: element %d of the buffer is written, in no slice of dst", op, loops, to, from, i)
	}
	return false
}

// Where slices of lists share memory the result is that of one slice, or there is an error and
// nothing is written.
func TestListsWhoseSlicesShareMemory(t *testing.T) {
	runs, refused := uint64(1500), 0
	if testing.Short() || Instrumented {
		runs /= 8
	}
	check := map[dtype.Type]func(*testing.T, *rand.Rand) bool{
		dtype.Float32: checkSharing[float32], dtype.Float64: checkSharing[float64],
		dtype.Float16: checkSharing[float16], dtype.BFloat16: checkSharing[bfloat16],
	}
	modes := 0
	everyMode(func(mode string) {
		modes++
		for seed := range runs {
			if check[dtype.Type(seed%uint64(len(kinds)))](t, rand.New(rand.NewPCG(15, seed))) {
				refused++
			}
		}
	})
	if all := modes * int(runs); refused < all/20 || refused > all/2 {
		t.Errorf("%d of %d calls are refused, want a twentieth to a half", refused, all)
	}
}
