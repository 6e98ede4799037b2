package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/layout"
)

// testSlicesWithinAnElement has lists whose second slice begins within an element, as packed
// records do. Only memory that is aligned to elements can be stored past the cache.
func testSlicesWithinAnElement[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 73))
	const n, c, spatial = 2, 16, 520
	length := c * spatial
	size := formatOf[T]().kind.Size()
	numbers := func(n int) []T {
		all := make([]T, n)
		for i := range all[:min(n, 1021)] {
			all[i] = plain[T](r)
		}
		for i := 1021; i < n; {
			i += copy(all[i:], all[:1021])
		}
		return all
	}
	listed := func(data []T) [][]T {
		list := make([][]T, n)
		for i := range list {
			memory := make([]byte, length*size+i)[i:]
			list[i] = unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(memory))), length)
			copy(list[i], data[i*length:])
		}
		return list
	}
	factors, scales, shifts := numbers(n*c), numbers(c), numbers(c)
	for i := range factors {
		if i%3 == 0 {
			factors[i] = 0
		}
	}
	for order, dims := range map[layout.Order][]int{layout.NCW: {n, c, spatial}, layout.NWC: {n, spatial, c}} {
		g, err := order.Of(dims...)
		if err != nil {
			t.Fatal(err)
		}
		src, before := numbers(n*length), numbers(n*length)
		calls := map[string]func(dst, src, aux Vector) error{}
		for op := Scale; op <= Copy; op++ {
			calls[op.String()] = func(dst, src, _ Vector) error {
				return Run(op, dst, src, vectorOf(factors), vectorOf(ShiftsOf(op, append(shifts[:c:c], shifts...))), g.Loops(), 1)
			}
		}
		for f := range fusedOp(fusedOps) {
			of := &fusedTable[f]
			call := Fused{Backward: of.backward, Output: of.outward(), Factors: vectorOf(factors), Scales: vectorOf(scales), Shifts: vectorOf(shifts)}
			switch {
			case of.activation == leaking:
				call.Activation = LeakyReLU(2)
			case of.activation == clipped && of.limit:
				call.Activation = ClippedReLU(2)
			case of.activation == clipped:
				call.Activation = ReLU
			}
			calls[f.String()] = func(dst, src, aux Vector) error {
				f := call
				if of.aux {
					f.Aux = aux
				}
				return RunFused(&f, dst, src, g.Loops(), 1)
			}
		}
		for op := Scatter; op < compactions; op++ {
			calls[op.String()] = func(dst, _, _ Vector) error {
				return RunCompact(op, dst, vectorOf(src), vectorOf(factors), g.Loops(), 1)
			}
		}
		for what, call := range calls {
			want := slices.Clone(before)
			if err := call(vectorOf(want), vectorOf(src), vectorOf(before)); err != nil {
				t.Fatalf("%v of %v: %v", what, order, err)
			}
			got := listed(before)
			if err := call(listOf(got), listOf(listed(src)), listOf(listed(before))); err != nil {
				t.Fatalf("%v of %v: %v", what, order, err)
			}
			nan := func(i int) bool { return formatOf[T]().nan(bitsOf(want[i])) } // which of two survives
			if i := differBut(slices.Concat(got...), want, nan); i >= 0 {
				t.Fatalf("%v of %v: element %d is not what it becomes in one slice", what, order, i)
			}
		}
	}
}

// The slices of a list lie anywhere, also within an element. No store past the cache faults.
func TestListsWithSlicesWithinAnElement(t *testing.T) {
	everyMode(func(mode string) {
		t.Run(mode, func(t *testing.T) {
			t.Run("float32", testSlicesWithinAnElement[float32])
			t.Run("float64", testSlicesWithinAnElement[float64])
			t.Run("float16", testSlicesWithinAnElement[float16])
			t.Run("bfloat16", testSlicesWithinAnElement[bfloat16])
		})
	})
}
