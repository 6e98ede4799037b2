package ztensor

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/zerfoo/float16"
	"github.com/zerfoo/ztensor/tensor"
	"github.com/zerfoo/ztensor/types"
)

var ctx = context.Background()

// all runs a test with every type.
func all(t *testing.T, f32, f64, f16, bf16 func(t *testing.T)) {
	t.Run("float32", f32)
	t.Run("float64", f64)
	t.Run("float16", f16)
	t.Run("bfloat16", bf16)
}

// number returns v in a type.
func number[T Float](v float64) T {
	var x T
	switch p := any(&x).(type) {
	case *float32:
		*p = float32(v)
	case *float64:
		*p = v
	case *float16.Float16:
		*p = float16.FromFloat32(float32(v))
	case *float16.BFloat16:
		*p = float16.BFloat16FromFloat32(float32(v))
	}
	return x
}

// bits returns the bits of a number.
func bits[T Float](x T) uint64 {
	switch x := any(x).(type) {
	case float32:
		return uint64(math.Float32bits(x))
	case float64:
		return math.Float64bits(x)
	case float16.Float16:
		return uint64(x)
	case float16.BFloat16:
		return uint64(x)
	}
	panic("no such type")
}

// numbers returns so many numbers, positive and negative, none of them 0.
func numbers[T Float](seed uint64, n int) []T {
	r := rand.New(rand.NewPCG(seed, 1))
	v := make([]T, n)
	for i := range v {
		v[i] = number[T](math.Copysign(0.25+r.Float64(), r.NormFloat64()))
	}
	return v
}

// constant returns n times v.
func constant[T Float](v float64, n int) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = number[T](v)
	}
	return all
}

// same fails the test unless two slices have the same bits.
func same[T Float](t testing.TB, what string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i := range got {
		if bits(got[i]) != bits(want[i]) {
			t.Fatalf("%s: element %d is %v (%#x), want %v (%#x)", what, i, got[i], bits(got[i]), want[i], bits(want[i]))
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
func product(shape []int) int {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	return n
}

// tensorOf returns a tensor with a copy of v.
func tensorOf[T Float](t testing.TB, v []T, shape ...int) *tensor.TensorNumeric[T] {
	t.Helper()
	return must(tensor.New(shape, append([]T{}, v...)))(t)
}

// nodeOf returns a node, or ends the test.
func nodeOf[T Float](t testing.TB, rate float64, opts ...spatialdropout.Option) *Dropout[T] {
	t.Helper()
	return must(New[T](rate, opts...))(t)
}

// coreOf returns a Dropout of the core, or ends the test.
func coreOf(t testing.TB, rate float64, opts ...spatialdropout.Option) *spatialdropout.Dropout {
	t.Helper()
	return must(spatialdropout.New(rate, opts...))(t)
}

// apply returns what the core makes of x with a mask.
func apply[T Float](t testing.TB, x []T, m *mask.Mask, geom layout.Geometry) []T {
	t.Helper()
	y := make([]T, len(x))
	if err := spatialdropout.ApplyTensor(spatialdropout.As(kindOf[T](), y, geom), spatialdropout.As(kindOf[T](), x, geom), m, 0); err != nil {
		t.Fatal(err)
	}
	return y
}

// training returns what the core makes of x with the next mask of d, and what it makes of the
// gradient dy with the same mask.
func training[T Float](t testing.TB, d *spatialdropout.Dropout, order layout.Order, shape []int, x, dy []T) (y, dx []T, m *mask.Mask) {
	t.Helper()
	geom := must(order.Of(shape...))(t)
	m = must(d.Draw(geom))(t)
	return apply(t, x, m, geom), apply(t, dy, m.Gradient(), geom), m
}

// evaluation returns what the core makes of x and of the gradient dy in evaluation.
func evaluation[T Float](t testing.TB, d *spatialdropout.Dropout, order layout.Order, shape []int, x, dy []T) (y, dx []T) {
	t.Helper()
	geom := must(order.Of(shape...))(t)
	of := func(v []T) spatialdropout.Tensor { return spatialdropout.As(kindOf[T](), v, geom) }
	y, dx = make([]T, len(x)), make([]T, len(dy))
	pass := must(d.Evaluate(of(y), of(x)))(t)
	if err := pass.Backward(of(dx), of(dy)); err != nil {
		t.Fatal(err)
	}
	return y, dx
}

// backward returns the gradient with respect to in.
func backward[T Float](t testing.TB, d *Dropout[T], dy []T, in *tensor.TensorNumeric[T]) []T {
	t.Helper()
	grads := must(d.Backward(ctx, types.FullBackprop, tensorOf(t, dy, in.Shape()...), in))(t)
	if len(grads) != 1 {
		t.Fatalf("%d gradients, want 1", len(grads))
	}
	return grads[0].Data()
}

// step runs a node forward on x and backward on dy.
func step[T Float](t testing.TB, d *Dropout[T], x, dy []T, shape ...int) (y, dx []T) {
	t.Helper()
	in := tensorOf(t, x, shape...)
	out := must(d.Forward(ctx, in))(t)
	dx = backward(t, d, dy, in)
	same(t, "the input after both passes", in.Data(), x)
	return out.Data(), dx
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
