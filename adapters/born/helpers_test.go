package born

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/backend/cpu"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// taped is the backend of nearly all tests.
type taped = *autodiff.Backend[*cpu.Backend]

// recording returns a backend whose tape records.
func recording() taped {
	b := autodiff.New(cpu.New())
	b.Tape().StartRecording()
	return b
}

// numbers returns so many numbers, positive and negative, none of them 0.
func numbers[T Float](seed uint64, n int) []T {
	r := rand.New(rand.NewPCG(seed, 1))
	v := make([]T, n)
	for i := range v {
		v[i] = T(r.NormFloat64())
		if v[i] == 0 {
			v[i] = 1
		}
	}
	return v
}

// bits returns the bits of numbers, as text that can be compared.
func bits[T Float](t testing.TB, v []T) string {
	t.Helper()
	b, err := binary.Append(nil, binary.BigEndian, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// same fails the test unless two slices have the same bits.
func same[T Float](t testing.TB, what string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		if bits(t, got[i:i+1]) != bits(t, want[i:i+1]) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// must returns v and ends the test if there is an error.
func must[V any](v V, err error) func(t testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// product returns the number of elements of a shape.
func product(shape []int) int { return tensor.Shape(shape).NumElements() }

// tensorOf returns a tensor with a copy of v.
func tensorOf[T Float, B tensor.Backend](t testing.TB, b B, v []T, shape ...int) *tensor.Tensor[T, B] {
	t.Helper()
	return must(tensor.FromSlice(v, tensor.Shape(shape), b))(t)
}

// layerOf returns a layer, or ends the test.
func layerOf[T Float, B tensor.Backend](t testing.TB, b B, rate float64, opts ...spatialdropout.Option) *Dropout[T, B] {
	t.Helper()
	return must(NewDropout[T](rate, b, opts...))(t)
}

// coreOf returns a Dropout of the core, or ends the test.
func coreOf(t testing.TB, rate float64, opts ...spatialdropout.Option) *spatialdropout.Dropout {
	t.Helper()
	return must(spatialdropout.New(rate, opts...))(t)
}

// training returns what the core makes of x with the next mask of d, and what it makes of the
// gradient dy with the same mask.
func training[T Float](t testing.TB, d *spatialdropout.Dropout, order layout.Order, shape []int, x, dy []T) (y, dx []T, m *mask.Mask) {
	t.Helper()
	geom := must(order.Of(shape...))(t)
	m = must(d.Draw(geom))(t)
	y, dx = make([]T, len(x)), make([]T, len(dy))
	if err := spatialdropout.Apply(y, x, m, geom); err != nil {
		t.Fatal(err)
	}
	if err := spatialdropout.Apply(dx, dy, m.Gradient(), geom); err != nil {
		t.Fatal(err)
	}
	return y, dx, m
}

// evaluation returns what the core makes of x and of the gradient dy in evaluation.
func evaluation[T Float](t testing.TB, d *spatialdropout.Dropout, order layout.Order, shape []int, x, dy []T) (y, dx []T) {
	t.Helper()
	geom := must(order.Of(shape...))(t)
	y, dx = make([]T, len(x)), make([]T, len(dy))
	pass := must(d.Evaluate(spatialdropout.Of(y, geom), spatialdropout.Of(x, geom)))(t)
	if err := pass.Backward(spatialdropout.Of(dx, geom), spatialdropout.Of(dy, geom)); err != nil {
		t.Fatal(err)
	}
	return y, dx
}

// step runs a layer on x with the loss Σ y·w on a new tape, and returns y and the gradient with
// respect to x. w is the gradient with respect to y.
func step[T Float](t testing.TB, d *Dropout[T, taped], x, w []T, shape ...int) (y, dx []T) {
	t.Helper()
	b := recording()
	in, weights := tensorOf(t, b, x, shape...), tensorOf(t, b, w, shape...)
	out := must(d.TryForward(in))(t)
	grads := autodiff.Backward(out.Mul(weights), b)
	same(t, "the input after both passes", in.Data(), x)
	return out.Data(), elements[T](grads[in.Raw()])
}

// elements returns the elements of a tensor.
func elements[T Float](raw *tensor.RawTensor) []T { return tensor.New[T](raw, cpu.New()).Data() }

// both runs a test with both types.
func both(t *testing.T, f32, f64 func(t *testing.T)) {
	t.Run("float32", f32)
	t.Run("float64", f64)
}

// shapes are tensors in every order that is not blocked. No two axes of one have the same
// size: an axis taken for another one changes the result.
func shapes() map[layout.Order][]int {
	return map[layout.Order][]int{
		layout.NCHW: {3, 5, 4, 2}, layout.NHWC: {3, 4, 2, 5}, layout.NCW: {3, 5, 7}, layout.NWC: {3, 7, 5},
		layout.NCDHW: {2, 5, 4, 3, 1}, layout.NDHWC: {2, 4, 3, 1, 5}, layout.CHW: {6, 4, 2}, layout.HWC: {4, 2, 6},
		layout.CW: {6, 7}, layout.WC: {7, 6}, layout.CDHW: {6, 2, 3, 1}, layout.DHWC: {2, 3, 1, 6}, layout.NC: {4, 6},
		layout.ChannelsFirst: {3, 5, 2, 4, 1, 6}, layout.ChannelsLast: {3, 2, 4, 1, 6, 5},
	}
}

// panicked returns the error with which a function panics.
func panicked(t testing.TB, f func()) (err error) {
	t.Helper()
	defer func() {
		t.Helper()
		r := recover()
		var ok bool
		if err, ok = r.(error); !ok {
			t.Errorf("a panic with %v, want one with an error", r)
			err = errors.New("no error")
		}
	}()
	f()
	return nil
}
