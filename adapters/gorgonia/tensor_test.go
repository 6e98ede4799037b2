package gorgonia

import (
	"errors"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// view is a tensor that is not dense and row-major, the wider one that it is part of, and the
// order of its axes.
type view struct {
	t, of *tensor.Dense
	order layout.Order
}

// views returns tensors of every kind that tensor.Dense knows.
func views[T number](t testing.TB) map[string]func() view {
	t.Helper()
	wide := func(shape ...int) *tensor.Dense { return denseOf(numbers[T](21, product(shape)), shape...) }
	sliced := func(of *tensor.Dense, order layout.Order, slices ...tensor.Slice) view {
		v := must(of.Slice(slices...))(t)
		return view{v.(*tensor.Dense), of, order}
	}
	turned := func(of *tensor.Dense, order layout.Order, axes ...int) view {
		if err := of.T(axes...); err != nil {
			t.Fatal(err)
		}
		return view{of, of, order}
	}
	return map[string]func() view{
		"dense":          func() view { d := wide(3, 4, 5, 2); return view{d, d, layout.NCHW} },
		"samples":        func() view { return sliced(wide(5, 4, 3, 2), layout.NCHW, G.S(1, 4)) },
		"one sample":     func() view { return sliced(wide(5, 4, 3, 2), layout.CHW, G.S(2)) },
		"channels":       func() view { return sliced(wide(3, 8, 3, 2), layout.NCHW, nil, G.S(2, 7)) },
		"one channel":    func() view { return sliced(wide(3, 8, 5, 2), layout.NWC, nil, G.S(2)) },
		"every second":   func() view { return sliced(wide(3, 8, 3, 2), layout.NCHW, nil, G.S(1, 8, 2)) },
		"rows":           func() view { return sliced(wide(2, 4, 6, 3), layout.NCHW, nil, nil, G.S(1, 4)) },
		"columns":        func() view { return sliced(wide(2, 4, 3, 6), layout.NCHW, nil, nil, nil, G.S(2, 5)) },
		"odd columns":    func() view { return sliced(wide(2, 4, 3, 7), layout.NCHW, nil, nil, nil, G.S(1, 7, 2)) },
		"channels last":  func() view { return sliced(wide(2, 3, 2, 9), layout.NHWC, nil, nil, nil, G.S(3, 8)) },
		"transposed":     func() view { return turned(wide(3, 4, 5, 2), layout.NHWC, 0, 2, 3, 1) },
		"turned back":    func() view { return turned(wide(3, 5, 2, 4), layout.NCHW, 0, 3, 1, 2) },
		"samples inside": func() view { return turned(wide(4, 5, 2, 3), layout.NCHW, 3, 0, 1, 2) },
		"transposed and sliced": func() view {
			v := turned(wide(3, 6, 5, 2), layout.NHWC, 0, 2, 3, 1)
			return sliced(v.of, v.order, G.S(0, 2), nil, nil, G.S(1, 5))
		},
		"matrix":            func() view { d := wide(6, 7); return view{d, d, layout.NC} },
		"transposed matrix": func() view { return turned(wide(6, 7), layout.NC, 1, 0) },
		"Fortran": func() view {
			d := tensor.New(tensor.WithShape(3, 4, 5, 2), tensor.AsFortran(numbers[T](22, 120)))
			return view{d, d, layout.NCHW}
		},
		"slice of Fortran": func() view {
			d := tensor.New(tensor.WithShape(3, 6, 5, 2), tensor.AsFortran(numbers[T](22, 180)))
			return sliced(d, layout.NCHW, nil, G.S(1, 4))
		},
	}
}

// logical returns the elements of a tensor in the order of its axes, read one by one.
func logical[T number](t testing.TB, d *tensor.Dense) []T {
	t.Helper()
	var all []T
	shape := d.Shape()
	at := make([]int, len(shape))
	for {
		all = append(all, must(d.At(at...))(t).(T))
		axis := len(at) - 1
		for ; axis >= 0; axis-- {
			if at[axis]++; at[axis] < shape[axis] {
				break
			}
			at[axis] = 0
		}
		if axis < 0 {
			return all
		}
	}
}

// A view is served where it lies: as a source, as a destination, and in place, with the same
// elements as its dense copy, and nothing beside it is touched.
func TestTensorServesViews(t *testing.T) {
	both(t, testViews[float32], testViews[float64])
}

func testViews[T number](t *testing.T) {
	for what, make := range views[T](t) {
		v := make()
		shape := slices.Clone(v.t.Shape())
		x := logical[T](t, v.t)
		want, _, _ := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(1)), v.order, shape, x, x)
		src := must(Tensor(v.t, v.order))(t)
		before := slices.Clone(data[T](t, v.of))

		out := tensor.New(tensor.WithShape(shape...), tensor.Of(dtypeOf[T]()))
		dst := must(Tensor(out, v.order))(t)
		must(coreOf(t, 0.5, spatialdropout.WithSeed(1)).Forward(dst, src))(t)
		same(t, what+" as a source", data[T](t, out), want)
		same(t, what+" as a source, itself", data[T](t, v.of), before)

		target := make()
		must(coreOf(t, 0.5, spatialdropout.WithSeed(1)).Forward(must(Tensor(target.t, v.order))(t), src))(t)
		same(t, what+" as a destination", logical[T](t, target.t), want)

		must(coreOf(t, 0.5, spatialdropout.WithSeed(1)).Forward(src, src))(t)
		same(t, what+" in place", logical[T](t, v.t), want)
		// What is not part of the view keeps its bits: the wide tensor differs in as many
		// places as the view does.
		changed := func(a, b []T) (n int) {
			for i := range a {
				if bits(t, a[i:i+1]) != bits(t, b[i:i+1]) {
					n++
				}
			}
			return n
		}
		if got, want := changed(data[T](t, v.of), before), changed(want, x); got != want {
			t.Errorf("%s in place: %d elements of the wide tensor have changed, want %d", what, got, want)
		}
	}
}

// A view may be the value of an input node. The output is dense.
func TestViewsAsInputsOfAGraph(t *testing.T) {
	for what, make := range views[float32](t) {
		for _, machine := range machines {
			v := make()
			shape := slices.Clone(v.t.Shape())
			x, w := logical[float32](t, v.t), numbers[float32](2, product(shape))
			before := slices.Clone(data[float32](t, v.of))
			core := coreOf(t, 0.5, spatialdropout.WithSeed(1))
			layer := Layer{Dropout: coreOf(t, 0.5, spatialdropout.WithSeed(1)), Order: v.order}
			g := G.NewGraph()
			xn := G.NewTensor(g, G.Float32, len(shape), G.WithShape(shape...), G.WithName("x"), G.WithValue(v.t))
			wn := G.NodeFromAny(g, denseOf(w, shape...), G.WithName("w"))
			y := must(layer.Apply(xn))(t)
			var seen G.Value
			G.Read(y, &seen)
			cost := must(G.Sum(must(G.HadamardProd(y, wn))(t)))(t)
			var vm G.VM
			if machine == machines[0] {
				must(G.Grad(cost, xn))(t)
				vm = G.NewTapeMachine(g)
			} else {
				vm = G.NewLispMachine(g)
			}
			defer vm.Close()
			if err := vm.RunAll(); err != nil {
				t.Fatalf("%s, %s: %v", what, machine, err)
			}
			wantY, wantDx, _ := training(t, core, v.order, shape, x, w)
			same(t, name(what, machine, "output"), logical[float32](t, seen.(*tensor.Dense)), wantY)
			dx := must(xn.Grad())(t)
			same(t, name(what, machine, "gradient"), logical[float32](t, dx.(*tensor.Dense)), wantDx)
			same(t, name(what, machine, "input"), data[float32](t, v.of), before)
		}
	}
}

// Geometry is that of the order for dense tensors, and says where a transposed tensor lies.
func TestGeometry(t *testing.T) {
	for order, shape := range shapes() {
		d := tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Float32))
		if got, want := must(Geometry(d, order))(t), must(order.Of(shape...))(t); got != want {
			t.Errorf("Geometry of %v %v is %v, want %v", order, shape, got, want)
		}
	}
	d := tensor.New(tensor.WithShape(2, 3, 4, 5), tensor.Of(tensor.Int)) // elements of any type
	want := must(layout.NCHW.Of(2, 3, 4, 5))(t)
	if err := d.T(0, 2, 3, 1); err != nil {
		t.Fatal(err)
	}
	if got := must(Geometry(d, layout.NHWC))(t); got != want {
		t.Errorf("Geometry of a transposed tensor is %v, want %v", got, want)
	}
	if err := d.Transpose(); err != nil { // now its elements move
		t.Fatal(err)
	}
	if got, want := must(Geometry(d, layout.NHWC))(t), must(layout.NHWC.Of(2, 4, 5, 3))(t); got != want {
		t.Errorf("Geometry of a tensor that was moved is %v, want %v", got, want)
	}
}

// The gradient of a call on tensors goes through the same mask.
func TestTensorsWithoutAGraph(t *testing.T) {
	shape := []int{2, 8, 3, 3}
	x, dy := numbers[float64](1, product(shape)), numbers[float64](2, product(shape))
	wantY, wantDx, _ := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(1)), layout.NCHW, shape, x, dy)
	xt, yt, dt := denseOf(x, shape...), tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Float64)), denseOf(dy, shape...)
	pass := must(coreOf(t, 0.5, spatialdropout.WithSeed(1)).Forward(must(Tensor(yt, layout.NCHW))(t), must(Tensor(xt, layout.NCHW))(t)))(t)
	same(t, "output", data[float64](t, yt), wantY)
	d := must(Tensor(dt, layout.NCHW))(t)
	if err := pass.Backward(d, d); err != nil {
		t.Fatal(err)
	}
	same(t, "gradient", data[float64](t, dt), wantDx)
}

func TestTensorRefuses(t *testing.T) {
	masked := denseOf(numbers[float32](1, 4), 1, 1, 2, 2)
	if err := masked.MaskedGreater(float32(0)); err != nil {
		t.Fatal(err)
	}
	var wrong *TensorError
	for what, d := range map[string]*tensor.Dense{
		"nil":     nil,
		"masked":  masked,
		"int":     tensor.New(tensor.WithShape(1, 1, 2, 2), tensor.Of(tensor.Int)),
		"complex": tensor.New(tensor.WithShape(1, 1, 2, 2), tensor.Of(tensor.Complex64)),
	} {
		if got, err := Tensor(d, layout.NCHW); !errors.As(err, &wrong) || got.Geometry != (layout.Geometry{}) {
			t.Errorf("%s: %v with the error %v, want none with a *TensorError", what, got.Geometry, err)
		}
	}
	scalar := must(denseOf(numbers[float32](1, 4), 2, 2).Slice(G.S(1), G.S(1)))(t).(*tensor.Dense)
	var axes *layout.ArgumentError
	for what, err := range map[string]error{
		"a scalar":        second(Tensor(scalar, layout.NCHW)),
		"a rank of 3":     second(Tensor(denseOf(numbers[float32](1, 8), 2, 2, 2), layout.NCHW)),
		"a blocked order": second(Tensor(denseOf(numbers[float32](1, 16), 2, 2, 2, 2), layout.NCHW8c)),
	} {
		want := "shape"
		if what == "a blocked order" {
			want = "order"
		}
		if !errors.As(err, &axes) || axes.Argument != want {
			t.Errorf("%s: error %v, want a *layout.ArgumentError of %s", what, err, want)
		}
	}
	if err := second(Tensor(denseOf(numbers[float32](1, 16), 2, 2, 2, 2), 0)); !errors.As(err, &axes) || axes.Argument != "order" {
		t.Errorf("no order: error %v, want a *layout.ArgumentError of the order", err)
	}
}

func second[A any](_ A, err error) error { return err }

// Tensors without elements work.
func TestTensorWithoutElements(t *testing.T) {
	for _, shape := range [][]int{{0, 3, 2, 2}, {2, 0, 2, 2}, {2, 3, 0, 2}} {
		for _, dt := range []tensor.Dtype{tensor.Float32, tensor.Float64} {
			d := must(Tensor(tensor.New(tensor.WithShape(shape...), tensor.Of(dt)), layout.NCHW))(t)
			if want := must(layout.NCHW.Of(shape...))(t); d.Geometry != want {
				t.Errorf("%v: %v, want %v", shape, d.Geometry, want)
			}
			if _, err := coreOf(t, 0.5).Forward(d, d); err != nil {
				t.Errorf("%v: %v", shape, err)
			}
		}
	}
}
