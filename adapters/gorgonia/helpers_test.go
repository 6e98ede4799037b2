package gorgonia

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

type number interface{ float32 | float64 }

// dtypeOf returns the type as Gorgonia names it.
func dtypeOf[T number]() tensor.Dtype {
	if _, ok := any(T(0)).(float32); ok {
		return tensor.Float32
	}
	return tensor.Float64
}

// numbers returns so many numbers, positive and negative, none of them 0.
func numbers[T number](seed uint64, n int) []T {
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
func bits[T number](t testing.TB, v []T) string {
	t.Helper()
	b, err := binary.Append(nil, binary.BigEndian, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// same fails the test unless two slices have the same bits.
func same[T number](t testing.TB, what string, got, want []T) {
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

// data returns the elements of a value.
func data[T number](t testing.TB, v G.Value) []T {
	t.Helper()
	d, err := dense(v)
	if err != nil {
		t.Fatal(err)
	}
	if d.Shape().TotalSize() == 0 {
		return nil
	}
	return d.Data().([]T)
}

// denseOf returns a tensor that holds v.
func denseOf[T number](v []T, shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(v))
}

// product returns the number of elements of a shape.
func product(shape []int) int { return tensor.Shape(shape).TotalSize() }

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

// coreOf returns a Dropout, or ends the test.
func coreOf(t testing.TB, rate float64, opts ...spatialdropout.Option) *spatialdropout.Dropout {
	t.Helper()
	return must(spatialdropout.New(rate, opts...))(t)
}

// training returns what the core makes of x with the next mask of d, and what it makes of the
// gradient dy with the same mask.
func training[T number](t testing.TB, d *spatialdropout.Dropout, order layout.Order, shape []int, x, dy []T) (y, dx []T, m *mask.Mask) {
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

// network is a graph with the cost Σ y·w, where y is a function of x: w is the gradient with
// respect to y.
type network[T number] struct {
	g       *G.ExprGraph
	x, y, w *G.Node
	seen    G.Value // what y was when it was made: later operations may overwrite it
	lisp    bool
	vm      G.VM
}

// machines names both kinds of machines.
var machines = []string{"tape machine", "LispMachine"}

// newNetwork returns a network with the layer that apply makes.
func newNetwork[T number](t testing.TB, machine string, apply func(x *G.Node) (*G.Node, error), x, w []T, shape ...int) *network[T] {
	t.Helper()
	g := G.NewGraph()
	n := &network[T]{g: g, lisp: machine == machines[1]}
	n.x = G.NodeFromAny(g, denseOf(x, shape...), G.WithName("x"))
	n.w = G.NodeFromAny(g, denseOf(w, shape...), G.WithName("w"))
	n.y = must(apply(n.x))(t)
	G.Read(n.y, &n.seen)
	cost := must(G.Sum(must(G.HadamardProd(n.y, n.w))(t)))(t)
	if n.lisp {
		return n
	}
	must(G.Grad(cost, n.x))(t)
	n.vm = G.NewTapeMachine(g)
	t.Cleanup(func() { n.vm.Close() })
	return n
}

// step runs the graph once, and returns y and the gradient with respect to x.
func (n *network[T]) step(t testing.TB, opts ...G.VMOpt) (y, dx []T) {
	t.Helper()
	if n.lisp {
		if old, err := n.x.Grad(); err == nil {
			old.(*tensor.Dense).Zero()
		}
		n.vm = G.NewLispMachine(n.g, opts...)
	} else {
		n.vm.Reset()
	}
	if err := n.vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	y = append([]T(nil), data[T](t, n.seen)...)
	grad := must(n.x.Grad())(t)
	return y, append([]T(nil), data[T](t, grad)...)
}

// both runs a test with both types.
func both(t *testing.T, f32, f64 func(t *testing.T)) {
	t.Run("float32", f32)
	t.Run("float64", f64)
}

// shapes are tensors in every order that a tensor of Gorgonia can have.
func shapes() map[layout.Order][]int {
	return map[layout.Order][]int{
		layout.NCHW: {3, 5, 4, 2}, layout.NHWC: {3, 4, 2, 5}, layout.NCW: {3, 5, 7}, layout.NWC: {3, 7, 5},
		layout.NCDHW: {2, 5, 2, 3, 2}, layout.NDHWC: {2, 2, 3, 2, 5}, layout.CHW: {6, 4, 2}, layout.HWC: {4, 2, 6},
		layout.CW: {6, 7}, layout.WC: {7, 6}, layout.CDHW: {6, 2, 3, 2}, layout.DHWC: {2, 3, 2, 6}, layout.NC: {4, 6},
		layout.ChannelsFirst: {3, 5, 2, 2, 2, 2}, layout.ChannelsLast: {3, 2, 2, 2, 2, 5},
	}
}

// name is that of a subtest.
func name(parts ...any) string { return fmt.Sprintln(parts...) }
