package gomlx_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/mask"
)

// random returns numbers of all kinds, subnormal ones included: no arithmetic of gomlx is
// in the way here.
func allKinds(e element, r *rand.Rand, count int) []byte {
	b := e.random(r, count)
	for i := range count {
		if r.IntN(3) == 0 {
			e.set(b, i, r.Uint64N(1<<e.fraction)) // subnormal
		}
	}
	return b
}

func drawMask(t testing.TB, c shapeCase, opts ...spatialdropout.Option) *mask.Mask {
	t.Helper()
	d, err := spatialdropout.New(0.4, append(opts, spatialdropout.WithSeed(5))...)
	must(t, err)
	m, err := d.Draw(c.geometry(t))
	must(t, err)
	return m
}

func TestApplyAndAddToAreTheCores(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, e := range elements {
		for _, c := range shapeCases {
			g := c.geometry(t)
			src, old := allKinds(e, r, g.Len()), allKinds(e, r, g.Len())
			for _, a := range arithmetics() {
				m := drawMask(t, c, spatialdropout.WithArithmetic(a))
				want := slices.Clone(old)
				must(t, spatialdropout.ApplyTensor(e.core(want, g), e.core(src, g), m, 1))
				x, y := e.tensor(t, src, c.dims...), e.tensor(t, old, c.dims...)
				must(t, gomlx.Apply(backend, y, x, m, c.axis))
				if err := e.diff(bytesOf(t, y), want); err != nil {
					t.Errorf("%v %v %v: %v", e.dtype, c, a, err)
				}
				if !bytes.Equal(bytesOf(t, x), src) {
					t.Errorf("%v %v %v: the source has changed", e.dtype, c, a)
				}
				must(t, gomlx.Apply(backend, x, x, m, c.axis)) // in place
				if err := e.diff(bytesOf(t, x), want); err != nil {
					t.Errorf("%v %v %v in place: %v", e.dtype, c, a, err)
				}

				m = m.Gradient()
				want = slices.Clone(old)
				must(t, spatialdropout.AddToTensor(e.core(want, g), e.core(src, g), m, 1))
				x, y = e.tensor(t, src, c.dims...), e.tensor(t, old, c.dims...)
				must(t, gomlx.AddTo(backend, y, x, m, c.axis))
				if err := e.diff(bytesOf(t, y), want); err != nil {
					t.Errorf("%v %v %v, AddTo: %v", e.dtype, c, a, err)
				}
			}
		}
	}
}

// What is written to the memory of a tensor is what the tensor holds, whoever has read it
// before: a tensor that is fed, and the result of a graph, with a local copy or without one.
func TestViewIsTheTensorsMemory(t *testing.T) {
	c := shapeCases[0]
	g := c.geometry(t)
	m := drawMask(t, c)
	ones := make([]float32, g.Len())
	for i := range ones {
		ones[i] = 1
	}
	want := make([]float32, g.Len())
	must(t, spatialdropout.Apply(want, ones, m, g))
	double, err := graph.NewExec(backend, func(x *graph.Node) *graph.Node { return graph.MulScalar(x, 2) })
	must(t, err)
	identity, err := graph.NewExec(backend, func(x *graph.Node) *graph.Node { return graph.MulScalar(x, 0.5) })
	must(t, err)
	for what, prepare := range map[string]func(x *tensors.Tensor){
		"untouched": func(*tensors.Tensor) {},
		"read":      func(x *tensors.Tensor) { bytesOf(t, x) },
		"copied":    func(x *tensors.Tensor) { x.MaterializeLocal() },
	} {
		fed := tensors.FromFlatDataAndDimensions(slices.Clone(ones), c.dims...)
		out, err := double.Call1(tensors.FromFlatDataAndDimensions(slices.Clone(ones), c.dims...))
		must(t, err)
		for k, x := range []*tensors.Tensor{fed, out} {
			prepare(x)
			must(t, gomlx.Apply(backend, x, x, m, c.axis))
			got := tensors.MustCopyFlatData[float32](x)
			half, err := identity.Call1(x)
			must(t, err)
			read := tensors.MustCopyFlatData[float32](half)
			for i, w := range want {
				if k == 1 {
					w *= 2
				}
				if got[i] != w || read[i] != w/2 {
					t.Fatalf("%s, tensor %d: element %d is %v, and half of it %v in a graph, want %v", what, k, i, got[i], read[i], w)
				}
			}
		}
	}
}

// A view is not a copy: passes of the core write where a graph reads, and nothing is allocated
// for the elements.
func TestViewOfPasses(t *testing.T) {
	e := elements[2]
	c := shapeCase{images.ChannelsLast, []int{2, 8, 8, 16}}
	g := c.geometry(t)
	r := rand.New(rand.NewPCG(1, 8))
	src := allKinds(e, r, g.Len())
	d, err := spatialdropout.New(0.3, spatialdropout.WithSeed(6))
	must(t, err)
	x, y := e.tensor(t, src, c.dims...), tensors.FromShape(shapes.Make(e.dtype, c.dims...))
	from, err := gomlx.View(backend, x, c.axis)
	must(t, err)
	to, err := gomlx.View(backend, y, c.axis)
	must(t, err)
	p, err := d.Forward(to, from)
	must(t, err)
	want := make([]byte, len(src))
	must(t, p.Forward(e.core(want, g), e.core(src, g)))
	if err := e.diff(bytesOf(t, y), want); err != nil {
		t.Error(err)
	}
	must(t, p.Backward(from, to))
	must(t, p.Backward(e.core(want, g), e.core(slices.Clone(want), g)))
	if err := e.diff(bytesOf(t, x), want); err != nil {
		t.Error("backward: ", err)
	}
	again, err := gomlx.View(backend, x, c.axis)
	must(t, err)
	if again.Data.Data() != from.Data.Data() {
		t.Error("two views of a tensor are in different memory")
	}
}

// One tensor channels first, one channels last: dropout and the transposition are one call.
func TestViewsThatLieDifferently(t *testing.T) {
	e := elements[0]
	r := rand.New(rand.NewPCG(3, 3))
	first, last := shapeCase{images.ChannelsFirst, []int{2, 5, 4, 3}}, shapeCase{images.ChannelsLast, []int{2, 4, 3, 5}}
	src := e.random(r, 2*5*4*3)
	x, y := e.tensor(t, src, first.dims...), tensors.FromShape(shapes.Make(e.dtype, last.dims...))
	from, err := gomlx.View(backend, x, first.axis)
	must(t, err)
	to, err := gomlx.View(backend, y, last.axis)
	must(t, err)
	m := drawMask(t, first)
	must(t, spatialdropout.ApplyTensor(to, from, m, 0))
	want := make([]byte, len(src))
	must(t, spatialdropout.ApplyTensor(e.core(want, last.geometry(t)), e.core(src, first.geometry(t)), m, 1))
	if err := e.diff(bytesOf(t, y), want); err != nil {
		t.Error(err)
	}
}

func TestApplyRefuses(t *testing.T) {
	c := shapeCases[0]
	m := drawMask(t, c)
	e := elements[0]
	old := e.random(rand.New(rand.NewPCG(4, 4)), c.geometry(t).Len())
	gone := e.tensor(t, old, c.dims...)
	gone.MustFinalizeAll()
	for what, w := range map[string]struct {
		src    *tensors.Tensor
		m      *mask.Mask
		axis   images.ChannelsAxisConfig
		wanted func(error) bool
	}{
		"no mask":                {e.tensor(t, old, c.dims...), nil, c.axis, as[*spatialdropout.ArgumentError]()},
		"a mask of another axis": {e.tensor(t, old, c.dims...), m, images.ChannelsFirst, as[*spatialdropout.ArgumentError]()},
		"an unknown axis":        {e.tensor(t, old, c.dims...), m, 7, as[*gomlx.ShapeError]()},
		"rank 1":                 {tensors.FromShape(shapes.Make(dtypes.Float32, 420)), m, c.axis, as[*gomlx.ShapeError]()},
		"integers":               {tensors.FromShape(shapes.Make(dtypes.Int32, c.dims...)), m, c.axis, as[*gomlx.ShapeError]()},
		"another type":           {tensors.FromShape(shapes.Make(dtypes.Float64, c.dims...)), m, c.axis, as[*kernel.ArgumentError]()},
		"another shape":          {tensors.FromShape(shapes.Make(dtypes.Float32, 3, 4, 5, 7)), m, c.axis, func(err error) bool { return err != nil }},
		"a finalized tensor":     {gone, m, c.axis, func(err error) bool { return err != nil }},
		"no tensor":              {nil, m, c.axis, func(err error) bool { return err != nil }},
	} {
		dst := e.tensor(t, old, c.dims...)
		for k, do := range []func() error{
			func() error { return gomlx.Apply(backend, dst, w.src, w.m, w.axis) },
			func() error { return gomlx.AddTo(backend, dst, w.src, w.m, w.axis) },
		} {
			if err := do(); !w.wanted(err) {
				t.Errorf("%s, call %d: error %v", what, k, err)
			}
		}
		if !bytes.Equal(bytesOf(t, dst), old) {
			t.Errorf("%s: the destination has changed", what)
		}
	}
	x := e.tensor(t, old, c.dims...)
	if err := gomlx.AddTo(backend, x, e.tensor(t, old, c.dims...), drawMask(t, c, spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Alpha})), c.axis); !as[*spatialdropout.ArgumentError]()(err) {
		t.Errorf("AddTo of alpha dropout: error %v", err)
	}
	if err := gomlx.Apply(nil, x, x, m, c.axis); err == nil {
		t.Error("no backend: no error")
	}
}

func TestApplyToEmptyTensors(t *testing.T) {
	c := shapeCase{images.ChannelsLast, []int{2, 0, 3}}
	x := tensors.FromShape(shapes.Make(dtypes.Float32, c.dims...))
	must(t, gomlx.Apply(backend, x, x, drawMask(t, c), c.axis))
}
