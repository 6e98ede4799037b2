package gorgonia

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// UnsafeDo writes to its input, and UsePreallocDo to what it is given, whatever that holds.
func TestDestinations(t *testing.T) { both(t, testDestinations[float32], testDestinations[float64]) }

func testDestinations[T number](t *testing.T) {
	shape := []int{2, 16, 3, 2}
	x, dy := numbers[T](1, product(shape)), numbers[T](2, product(shape))
	o := layerOp(t, Layer{Dropout: coreOf(t, 0.5, spatialdropout.WithSeed(7))}, dtypeOf[T](), shape)
	core := coreOf(t, 0.5, spatialdropout.WithSeed(7))
	d := &gradientOp{o}
	check := func(what string, in *tensor.Dense, out G.Value, want *tensor.Dense) {
		t.Helper()
		y, dx, _ := training(t, core, layout.NCHW, shape, x, dy)
		same(t, what, data[T](t, out), y)
		if want != nil && out != G.Value(want) {
			t.Errorf("%s: another tensor is returned", what)
		}
		if want != in {
			same(t, what+", input", data[T](t, in), x)
		}
		same(t, what+", gradient", data[T](t, must(d.Do(out, denseOf(slices.Clone(dy), shape...)))(t)), dx)
		dirty := denseOf(numbers[T](3, len(x)), shape...)
		if got := must(d.UsePreallocDo(dirty, out, denseOf(slices.Clone(dy), shape...)))(t); got != G.Value(dirty) {
			t.Errorf("%s: another tensor is returned for the gradient", what)
		}
		same(t, what+", gradient into memory", data[T](t, dirty), dx)
		itself := denseOf(slices.Clone(dy), shape...)
		must(d.UsePreallocDo(itself, out, itself))(t)
		same(t, what+", gradient over itself", data[T](t, itself), dx)
		sum := denseOf(slices.Clone(x), shape...)
		if err := d.IncrDo(sum, out, denseOf(slices.Clone(dy), shape...)); err != nil {
			t.Fatal(err)
		}
		for i := range dx {
			dx[i] = x[i] + dx[i]
		}
		same(t, what+", sum", data[T](t, sum), dx)
	}
	for range 2 {
		in := denseOf(slices.Clone(x), shape...)
		check("Do", in, must(o.Do(in))(t), nil)
		in = denseOf(slices.Clone(x), shape...)
		check("UnsafeDo", in, must(o.UnsafeDo(in))(t), in)
		in, dirty := denseOf(slices.Clone(x), shape...), denseOf(numbers[T](3, len(x)), shape...)
		check("UsePreallocDo", in, must(o.UsePreallocDo(dirty, in))(t), dirty)
		in = denseOf(slices.Clone(x), shape...)
		check("UsePreallocDo over the input", in, must(o.UsePreallocDo(in, in))(t), in)
		wide := denseOf(numbers[T](4, 2*20*6), 2, 20, 3, 2)
		part := must(wide.Slice(nil, G.S(2, 18)))(t).(*tensor.Dense)
		must(o.UsePreallocDo(part, in))(t) // a view is a destination like another
		y, _, _ := training(t, core, layout.NCHW, shape, data[T](t, in), dy)
		same(t, "UsePreallocDo of a view", logical[T](t, part), y)
	}
}

// What an operation refuses leaves the destination alone and takes no step of the stream.
func TestOperationsRefuse(t *testing.T) {
	shape := []int{2, 16, 3, 2}
	x, dy := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	o := opOf(t, 0.5, shape, spatialdropout.WithSeed(7))
	d := &gradientOp{o}
	in := denseOf(slices.Clone(x), shape...)
	grad := denseOf(slices.Clone(dy), shape...)
	y := must(o.Do(in))(t)
	one := G.F32(1)
	wide := denseOf(numbers[float32](4, 2*20*6), 2, 20, 3, 2)
	a, b := must(wide.Slice(nil, G.S(0, 16)))(t).(*tensor.Dense), must(wide.Slice(nil, G.S(1, 17)))(t).(*tensor.Dense)
	var wrong *TensorError
	var overlap *kernel.OverlapError
	var rank *layout.ArgumentError
	for _, c := range []struct {
		what   string
		do     func(dst *tensor.Dense) error
		target any
		dst    *tensor.Dense
	}{
		{"two inputs", func(*tensor.Dense) error { return second(o.Do(in, in)) }, &wrong, nil},
		{"no inputs in place", func(*tensor.Dense) error { return second(o.UnsafeDo()) }, &wrong, nil},
		{"two inputs into memory", func(dst *tensor.Dense) error { return second(o.UsePreallocDo(dst, in, in)) }, &wrong, denseOf(x, shape...)},
		{"a scalar", func(*tensor.Dense) error { return second(o.Do(&one)) }, &wrong, nil},
		{"nothing", func(*tensor.Dense) error { return second(o.Do(nil)) }, &wrong, nil},
		{"into a scalar", func(*tensor.Dense) error { return second(o.UsePreallocDo(&one, in)) }, &wrong, nil},
		{"other shape", func(dst *tensor.Dense) error { return second(o.UsePreallocDo(dst, in)) }, &wrong, denseOf(numbers[float32](5, 192), 2, 16, 2, 3)},
		{"other type", func(dst *tensor.Dense) error { return second(o.UsePreallocDo(dst, in)) }, &wrong, tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Float64))},
		{"other rank", func(*tensor.Dense) error { return second(o.Do(denseOf(x, 2, 16, 6))) }, &rank, nil},
		{"integers", func(*tensor.Dense) error {
			return second(o.Do(tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Int))))
		}, &wrong, nil},
		{"overlap", func(dst *tensor.Dense) error { return second(o.UsePreallocDo(dst, b)) }, &overlap, a},
		{"gradient, one input", func(*tensor.Dense) error { return second(d.Do(y)) }, &wrong, nil},
		{"gradient, no output", func(*tensor.Dense) error { return second(d.Do(&one, grad)) }, &wrong, nil},
		{"gradient, no gradient", func(*tensor.Dense) error { return second(d.Do(y, nil)) }, &wrong, nil},
		{"gradient, other shape", func(*tensor.Dense) error { return second(d.Do(y, denseOf(x, 2, 16, 2, 3))) }, &wrong, nil},
		{"gradient into another shape", func(dst *tensor.Dense) error { return second(d.UsePreallocDo(dst, y, grad)) }, &wrong, denseOf(numbers[float32](5, 192), 2, 16, 2, 3)},
		{"gradient into a scalar", func(*tensor.Dense) error { return second(d.UsePreallocDo(&one, y, grad)) }, &wrong, nil},
		{"sum into another shape", func(dst *tensor.Dense) error { return d.IncrDo(dst, y, grad) }, &wrong, denseOf(numbers[float32](5, 192), 2, 16, 2, 3)},
	} {
		var before []byte
		if c.dst != nil {
			before = slices.Clone(rawBytes(t, c.dst))
		}
		err := c.do(c.dst)
		if !errors.As(err, c.target) {
			t.Errorf("%s: error %v, want a %T", c.what, err, c.target)
		}
		if c.dst != nil && !slices.Equal(before, rawBytes(t, c.dst)) {
			t.Errorf("%s: the destination has changed", c.what)
		}
		if step := o.drop.State().Step; step != 1 {
			t.Fatalf("%s: step %d, want 1", c.what, step)
		}
	}
}

// rawBytes returns the bits of a tensor, and of all that lies between its elements.
func rawBytes(t testing.TB, d *tensor.Dense) []byte {
	t.Helper()
	if d.Dtype() == tensor.Float32 {
		return []byte(bits(t, d.Data().([]float32)))
	}
	return []byte(bits(t, d.Data().([]float64)))
}

// In a graph InPlace writes over the input where nothing reads it later, and gives the same
// outputs and gradients.
func TestInPlaceInAGraph(t *testing.T) {
	shape := []int{2, 16, 3, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	ops := map[string]struct {
		op    func(*G.Node) (*G.Node, error)
		reads bool // whether the gradient reads the input of dropout
	}{
		"Neg":     {G.Neg, false},
		"Sigmoid": {G.Sigmoid, true},
		"Tanh":    {G.Tanh, true},
	}
	for what, c := range ops {
		run := func(inPlace bool) (y, dx []float32, over bool) {
			g := G.NewGraph()
			xn := G.NodeFromAny(g, denseOf(slices.Clone(x), shape...), G.WithName("x"))
			wn := G.NodeFromAny(g, denseOf(w, shape...), G.WithName("w"))
			h := must(c.op(xn))(t)
			layer := Layer{Dropout: coreOf(t, 0.5, spatialdropout.WithSeed(7)), InPlace: inPlace}
			yn := must(layer.Apply(h))(t)
			var seen G.Value
			G.Read(yn, &seen)
			must(G.Grad(must(G.Sum(must(G.HadamardProd(yn, wn))(t)))(t), xn))(t)
			vm := G.NewTapeMachine(g)
			defer vm.Close()
			for range 3 {
				vm.Reset()
				if err := vm.RunAll(); err != nil {
					t.Fatal(err)
				}
			}
			same(t, what+", input", data[float32](t, xn.Value()), x)
			return data[float32](t, seen), data[float32](t, must(xn.Grad())(t)), h.Value() == yn.Value()
		}
		y, dx, over := run(true)
		wantY, wantDx, apart := run(false)
		same(t, what+", output", y, wantY)
		same(t, what+", gradient", dx, wantDx)
		if over == c.reads || apart {
			t.Errorf("%s: written over the input: %t in place, want %t, and %t otherwise, want false", what, over, !c.reads, apart)
		}
	}
}

// Inputs of the graph are never written over.
func TestInPlaceLeavesInputsAlone(t *testing.T) {
	shape := []int{2, 16, 3, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	for _, machine := range machines {
		layer := Layer{Dropout: coreOf(t, 0.5, spatialdropout.WithSeed(7)), InPlace: true}
		n := newNetwork(t, machine, layer.Apply, slices.Clone(x), w, shape...)
		y, _ := n.step(t)
		want, _, _ := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(7)), layout.NCHW, shape, x, w)
		same(t, name(machine, "output"), y, want)
		same(t, name(machine, "input"), data[float32](t, n.x.Value()), x)
	}
}

// A node of Reshape shares its memory with another node, and so may one of Gorgonia's own
// Dropout and of the identity. InPlace refuses them.
func TestInPlaceRefusesSharedMemory(t *testing.T) {
	g := G.NewGraph()
	x := G.NewTensor(g, G.Float32, 4, G.WithShape(2, 3, 2, 2), G.WithName("x"))
	for what, shared := range map[string]*G.Node{
		"Reshape": must(G.Reshape(x, tensor.Shape{3, 2, 2, 2}))(t),
		"Dropout": must(G.Dropout(x, 0.5))(t),
		"I":       must(G.ApplyOp(G.Iop{}, x))(t),
	} {
		_, err := Layer{Dropout: coreOf(t, 0.5), InPlace: true}.Apply(shared)
		var wrong *TensorError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "in place") {
			t.Errorf("%s: error %v, want a *TensorError", what, err)
		}
		if _, err := (Layer{Dropout: coreOf(t, 0.5)}).Apply(shared); err != nil {
			t.Errorf("%s, not in place: %v", what, err)
		}
	}
}
