package born

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/backend/cpu"
	"github.com/born-ml/born/tensor"
)

// forward is one way to drop half of x.
type forward func(x *tensor.Tensor[float32, taped]) *tensor.Tensor[float32, taped]

// times returns x times new factors of a shape, a product of born. Factors of the shape
// [N,C,1,1] are spatial dropout, those of the shape of x the ordinary one.
func times(x *tensor.Tensor[float32, taped], shape ...int) *tensor.Tensor[float32, taped] {
	factors := tensor.Zeros[float32](shape, x.Backend())
	v := factors.Data()
	for i := range v {
		if rand.Uint64()&1 == 0 {
			v[i] = 2
		}
	}
	return x.Mul(factors)
}

// contenders are the ways to drop.
var contenders = []struct {
	name string
	of   func(tb testing.TB, b taped) forward
}{
	{"ours", func(tb testing.TB, b taped) forward { return layerOf[float32](tb, b, 0.5).Forward }},
	{"broadcast", func(testing.TB, taped) forward {
		return func(x *tensor.Tensor[float32, taped]) *tensor.Tensor[float32, taped] {
			return times(x, x.Shape()[0], x.Shape()[1], 1, 1)
		}
	}},
	{"elements", func(testing.TB, taped) forward {
		return func(x *tensor.Tensor[float32, taped]) *tensor.Tensor[float32, taped] { return times(x, x.Shape()...) }
	}},
}

// BenchmarkDropout compares this package with spatial dropout written as a product of born whose
// factors are broadcast, and with ordinary dropout written as a product with as many factors
// as elements. Born has no dropout of its own.
func BenchmarkDropout(b *testing.B) {
	for _, shape := range [][]int{{8, 64, 28, 28}, {32, 64, 56, 56}} {
		for _, gradient := range []bool{false, true} {
			for _, c := range contenders {
				what := map[bool]string{false: "forward", true: "both"}[gradient]
				b.Run(fmt.Sprintf("%dx%dx%dx%d/%s/%s", shape[0], shape[1], shape[2], shape[3], what, c.name), func(b *testing.B) {
					benchmark(b, shape, gradient, c.of)
				})
			}
		}
	}
}

func benchmark(b *testing.B, shape []int, gradient bool, of func(tb testing.TB, b taped) forward) {
	backend := autodiff.New(cpu.New())
	x := tensorOf(b, backend, numbers[float32](1, product(shape)), shape...)
	dy := tensorOf(b, backend, numbers[float32](2, product(shape)), shape...)
	drop := of(b, backend)
	b.SetBytes(int64(4 * product(shape)))
	for b.Loop() {
		if !gradient {
			drop(x)
			continue
		}
		backend.Tape().StartRecording()
		drop(x)
		if backend.Tape().Backward(dy.Raw(), backend)[x.Raw()] == nil {
			b.Fatal("no gradient")
		}
		backend.ClearTape()
	}
}

// What the benchmark compares is dropout: outputs are 0 or twice the input, and gradients
// likewise, in whole maps except for that of single elements.
func TestContendersDrop(t *testing.T) {
	shape := []int{4, 16, 3, 3}
	ones := slices.Repeat([]float32{1}, product(shape))
	for _, c := range contenders {
		b := recording()
		in := tensorOf(t, b, ones, shape...)
		y := c.of(t, b)(in).Data()
		dx := elements[float32](b.Tape().Backward(tensorOf(t, b, ones, shape...).Raw(), b)[in.Raw()])
		same(t, c.name+", gradient", dx, y)
		kept, whole := 0, true
		for i, v := range y {
			if v == 2 {
				kept++
			} else if v != 0 {
				t.Fatalf("%s: element %d is %v", c.name, i, v)
			}
			whole = whole && v == y[i-i%9]
		}
		if kept < len(y)/4 || kept > 3*len(y)/4 {
			t.Errorf("%s: %d of %d elements are kept, want about a half", c.name, kept, len(y))
		}
		if whole == (c.name == "elements") {
			t.Errorf("%s: drops whole maps: %v", c.name, whole)
		}
	}
}
