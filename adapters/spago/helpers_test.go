package spago

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

type number interface{ float32 | float64 }

// must returns the result of a call that has no error.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// numbers returns n numbers, with a NaN, an infinity, a zero and a subnormal among them.
func numbers[T number](r *rand.Rand, n int) []T {
	all := make([]T, n)
	for i := range all {
		if all[i] = T(r.NormFloat64()); r.IntN(6) == 0 {
			all[i] = []T{T(math.Inf(1)), T(math.Copysign(0, -1)), T(math.NaN()), T(math.Float32frombits(3))}[r.IntN(4)]
		}
	}
	return all
}

// matrices returns data as n matrices of so many rows. They require a gradient.
func matrices[T number](data []T, n, rows int) []mat.Tensor {
	all := make([]mat.Tensor, n)
	length := len(data) / max(n, 1)
	for i := range all {
		part := append([]T(nil), data[i*length:(i+1)*length]...)
		all[i] = mat.NewDense[T](mat.WithShape(rows, length/rows), mat.WithBacking(part), mat.WithGrad(true))
	}
	return all
}

// joined returns the numbers of matrices, one after the other.
func joined[T number](xs []mat.Tensor) (all []T) {
	for _, x := range xs {
		all = append(all, mat.Data[T](x.Value())...)
	}
	return all
}

// gradients returns the gradients of matrices, one after the other.
func gradients[T number](t testing.TB, xs []mat.Tensor) (all []T) {
	t.Helper()
	for i, x := range xs {
		if !x.HasGrad() {
			t.Fatalf("matrix %d has no gradient", i)
		}
		all = append(all, mat.Data[T](x.Grad())...)
	}
	return all
}

// backward gives results a gradient each and propagates them.
func backward[T number](t testing.TB, ys []mat.Tensor, dy []T) {
	t.Helper()
	length := len(dy) / max(len(ys), 1)
	for i, y := range ys {
		shape := y.Value().Shape()
		y.AccGrad(mat.NewDense[T](mat.WithShape(shape...), mat.WithBacking(append([]T(nil), dy[i*length:(i+1)*length]...))))
	}
	if err := ag.Backward(ys...); err != nil {
		t.Fatal(err)
	}
}

// differ returns an error at the first number with other bits.
func differ[T number](got, want []T) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d numbers, want %d", len(got), len(want))
	}
	for i := range want {
		if bits(got[i]) != bits(want[i]) {
			return fmt.Errorf("number %d is %v, want %v", i, got[i], want[i])
		}
	}
	return nil
}

func bits[T number](x T) uint64 {
	if unsafe.Sizeof(x) == 4 {
		return uint64(math.Float32bits(float32(x)))
	}
	return math.Float64bits(float64(x))
}

// core is the core on one slice, for comparison.
type core[T number] struct {
	drop     *spatialdropout.Dropout
	geometry layout.Geometry
}

func (c core[T]) forward(t testing.TB, x []T, evaluate bool) ([]T, spatialdropout.Pass) {
	t.Helper()
	y := make([]T, len(x))
	call := c.drop.Forward
	if evaluate {
		call = c.drop.Evaluate
	}
	pass, err := call(spatialdropout.Of(y, c.geometry), spatialdropout.Of(x, c.geometry))
	if err != nil {
		t.Fatal(err)
	}
	return y, pass
}

func (c core[T]) backward(t testing.TB, p spatialdropout.Pass, dy []T) []T {
	t.Helper()
	dx := make([]T, len(dy))
	if err := p.Backward(spatialdropout.Of(dx, c.geometry), spatialdropout.Of(dy, c.geometry)); err != nil {
		t.Fatal(err)
	}
	return dx
}

// checkOptions compares a model with the core, forward, backward and in evaluation, over some
// steps.
func checkOptions(t *testing.T, rate float64, opts func() []spatialdropout.Option) {
	t.Helper()
	checkOptionsOf[float32](t, rate, opts)
	checkOptionsOf[float64](t, rate, opts)
}

func checkOptionsOf[T number](t *testing.T, rate float64, opts func() []spatialdropout.Option) {
	t.Helper()
	const samples, channels, rows, columns = 3, 5, 2, 7
	r := rand.New(rand.NewPCG(1, 2))
	geometry := must(layout.NCHW.Of(samples, channels, rows, columns))(t)
	want := core[T]{must(spatialdropout.New(rate, opts()...))(t), geometry}
	list, one := must(New(rate, opts()...))(t), must(New(rate, opts()...))(t)
	list.Channels, one.Channels = channels, channels
	for step := range 5 {
		x, dy := numbers[T](r, geometry.Len()), numbers[T](r, geometry.Len())
		evaluate := step == 2 || step == 4
		list.SetTraining(!evaluate)
		one.SetTraining(!evaluate)
		y, pass := want.forward(t, x, evaluate)
		dx := want.backward(t, pass, dy)
		xs, matrix := matrices(x, samples*channels, rows), matrices(x, 1, samples*channels)
		ys, rowsOf := must(list.TryForward(xs...))(t), must(one.TryForwardRows(matrix[0]))(t)
		for what, got := range map[string][]mat.Tensor{"a list": ys, "rows": {rowsOf}} {
			if err := differ(joined[T](got), y); err != nil {
				t.Fatalf("step %d, %s: %v", step, what, err)
			}
			of := xs
			if what == "rows" {
				of = matrix
			}
			if got[0] == of[0] {
				continue // the identity has no operator, and backward would have none to run
			}
			backward(t, got, dy)
			if err := differ(gradients[T](t, of), dx); err != nil {
				t.Fatalf("step %d, %s: gradient: %v", step, what, err)
			}
			if err := differ(joined[T](of), x); err != nil {
				t.Fatalf("step %d, %s: the input has changed: %v", step, what, err)
			}
		}
	}
	if got := list.Dropout().State(); got != want.drop.State() {
		t.Fatalf("the model is at %+v, the core at %+v", got, want.drop.State())
	}
}
