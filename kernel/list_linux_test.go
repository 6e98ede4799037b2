package kernel

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/layout"
)

// testListsBetweenPages has slices of dst and of src, of equal or of other layouts, end or begin at
// pages that fault.
func testListsBetweenPages[T number](t *testing.T) {
	page, size := os.Getpagesize(), formatOf[T]().kind.Size()
	const most = 12 // slices of a list
	of := func() (all [most][]byte) {
		memory := machine.Mapped(t, (8*most+1)*page)
		for i := range all {
			machine.Forbid(t, memory[8*i*page:][:page])
			all[i] = memory[(8*i+1)*page : 8*(i+1)*page]
		}
		machine.Forbid(t, memory[8*most*page:])
		return all
	}
	to, from := of(), of()
	r := rand.New(rand.NewPCG(16, uint64(size)))
	var values [1021]T
	for i := range values {
		values[i] = plain[T](r)
	}
	list := func(pages [most][]byte, g layout.Geometry) [][]T {
		var cuts []int
		for n := 1; n <= most; n++ {
			if g.Divides(n) && g.Len()/n*size <= len(pages[0]) {
				cuts = append(cuts, n)
			}
		}
		if len(cuts) == 0 {
			return nil
		}
		all, end := make([][]T, cuts[r.IntN(len(cuts))]), r.IntN(2)
		for i := range all {
			bytes := g.Len() / len(all) * size
			all[i] = unsafe.Slice((*T)(unsafe.Pointer(&pages[i][end*(len(pages[i])-bytes)])), bytes/size)
			for k := 0; k < len(all[i]); {
				k += copy(all[i][k:], values[r.IntN(len(values)):])
			}
		}
		return all
	}
	runs, done := 200, 0
	if testing.Short() || Instrumented {
		runs /= 8
	}
	everyMode(func(mode string) {
		for range runs {
			n, c, h, w := 1+r.IntN(4), 1+r.IntN(40), 1+r.IntN(9), 1+r.IntN(33)
			geometry := func() layout.Geometry {
				order, dims := []layout.Order{layout.NCHW, layout.NHWC, layout.NCHW8c, layout.NCHW16c}[r.IntN(4)], []int{n, c, h, w}
				if order == layout.NHWC {
					dims = []int{n, h, w, c}
				}
				g, err := order.Of(dims...)
				if err != nil {
					t.Fatal(err)
				}
				return g
			}
			one := geometry()
			two := geometry()
			if r.IntN(3) == 0 {
				two = one
			}
			dst, src := list(to, one), list(from, two)
			if dst == nil || src == nil {
				continue
			}
			if one == two && r.IntN(2) == 0 {
				src = dst
			}
			nest, err := layout.Join(one, two)
			if err != nil {
				t.Fatal(err)
			}
			op := allOps[r.IntN(len(allOps))]
			factors := odd[T](r, one.Samples()*one.PaddedChannels())
			f, s := vectorOf(factors), vectorOf(ShiftsOf(op, factors))
			want, flat, workers := slices.Concat(dst...), slices.Concat(src...), r.IntN(4)
			for i := range nest.Parts() {
				p := &nest.Parts()[i]
				if p.Padding {
					continue
				}
				if err := RunPart(op, vectorOf(want), vectorOf(flat), f, s, p, 1); err != nil {
					t.Fatal(err)
				}
				var err error
				if fault := machine.Faulted(func() { err = RunPart(op, listOf(dst), listOf(src), f, s, p, workers) }); err != nil || fault != nil {
					t.Fatalf("%v of %v in %d slices from %v in %d: %v, %v", op, one, len(dst), two, len(src), err, fault)
				}
			}
			nan := func(i int) bool { return formatOf[T]().nan(bitsOf(want[i])) } // which of two survives
			if i := differBut(slices.Concat(dst...), want, nan); i >= 0 {
				t.Fatalf("%v of %v in %d slices from %v in %d: element %d is not what one slice gives", op, one, len(dst), two, len(src), i)
			}
			done++
		}
	})
	if done < 2*runs/3 {
		t.Errorf("%d calls of %d in each mode, want more", done, runs)
	}
}

// Nothing outside a slice is read, whatever lies in the next one.
func TestListsStayWithinTheirSlices(t *testing.T) {
	t.Run("float32", testListsBetweenPages[float32])
	t.Run("float64", testListsBetweenPages[float64])
	t.Run("float16", testListsBetweenPages[float16])
	t.Run("bfloat16", testListsBetweenPages[bfloat16])
}
