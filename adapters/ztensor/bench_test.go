package ztensor

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/zerfoo/ztensor/tensor"
)

// contender is one way to drop half of x: it returns the output and what returns the gradient.
type contender struct {
	name string
	of   func(tb testing.TB) func(x matrix) (matrix, func(dy matrix) (matrix, error), error)
}

// times is a product of the engine with new factors of a shape.
func times(shape func(x matrix) []int) func(testing.TB) func(x matrix) (matrix, func(dy matrix) (matrix, error), error) {
	return func(tb testing.TB) func(x matrix) (matrix, func(dy matrix) (matrix, error), error) {
		e := engine()
		return func(x matrix) (matrix, func(dy matrix) (matrix, error), error) {
			v := make([]float32, product(shape(x)))
			for i := range v {
				if rand.Uint64()&1 == 0 {
					v[i] = 2
				}
			}
			factors := must(tensor.New(shape(x), v))(tb)
			y, err := e.Mul(ctx, x, factors)
			return y, func(dy matrix) (matrix, error) { return e.Mul(ctx, dy, factors) }, err
		}
	}
}

var contenders = []contender{
	{"ours", func(tb testing.TB) func(x matrix) (matrix, func(dy matrix) (matrix, error), error) {
		d := nodeOf[float32](tb, 0.5)
		return func(x matrix) (matrix, func(dy matrix) (matrix, error), error) {
			y, err := d.Forward(ctx, x)
			return y, func(dy matrix) (matrix, error) {
				dx, err := d.Backward(ctx, 0, dy, x)
				if err != nil {
					return nil, err
				}
				return dx[0], nil
			}, err
		}
	}},
	{"stock", func(testing.TB) func(x matrix) (matrix, func(dy matrix) (matrix, error), error) {
		e := engine()
		return func(x matrix) (matrix, func(dy matrix) (matrix, error), error) {
			seed := rand.Uint64()
			y, err := e.Dropout(ctx, x, 0.5, seed, true)
			return y, func(dy matrix) (matrix, error) { return e.DropoutBackward(ctx, dy, 0.5, seed, true) }, err
		}
	}},
	{"broadcast", times(func(x matrix) []int { return []int{x.Shape()[0], x.Shape()[1], 1, 1} })},
	{"elements", times(matrix.Shape)},
}

// BenchmarkDropout compares a node with the dropout of the engine, and with products of the
// engine whose factors are broadcast, or as many as elements.
func BenchmarkDropout(b *testing.B) {
	for _, shape := range [][]int{{8, 64, 28, 28}, {32, 64, 56, 56}} {
		for _, gradient := range []bool{false, true} {
			for _, c := range contenders {
				what := map[bool]string{false: "forward", true: "both"}[gradient]
				b.Run(fmt.Sprintf("%dx%dx%dx%d/%s/%s", shape[0], shape[1], shape[2], shape[3], what, c.name), func(b *testing.B) {
					x := tensorOf(b, numbers[float32](1, product(shape)), shape...)
					dy := tensorOf(b, numbers[float32](2, product(shape)), shape...)
					drop := c.of(b)
					b.SetBytes(int64(4 * product(shape)))
					for b.Loop() {
						_, backward, err := drop(x)
						if err == nil && gradient {
							_, err = backward(dy)
						}
						if err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// What the benchmark compares is dropout: outputs are 0 or twice the input, and gradients
// likewise, in whole maps except for those of single elements.
func TestContendersDrop(t *testing.T) {
	shape := []int{4, 16, 3, 3}
	ones := tensorOf(t, constant[float32](1, product(shape)), shape...)
	for _, c := range contenders {
		y, backward, err := c.of(t)(ones)
		if err != nil {
			t.Fatal(err)
		}
		same(t, c.name+", gradient", must(backward(ones))(t).Data(), y.Data())
		kept, whole := 0, true
		for i, v := range y.Data() {
			if v == 2 {
				kept++
			} else if v != 0 {
				t.Fatalf("%s: element %d is %v", c.name, i, v)
			}
			whole = whole && v == y.Data()[i-i%9]
		}
		if kept < y.Size()/4 || kept > 3*y.Size()/4 {
			t.Errorf("%s: %d of %d elements are kept, want about a half", c.name, kept, y.Size())
		}
		if whole != (c.name == "ours" || c.name == "broadcast") {
			t.Errorf("%s: drops whole maps: %v", c.name, whole)
		}
	}
}
