package gomlx_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// A layer with shared weights takes a step for each of its uses in a graph, and the
// gradients of both go through the masks of their own.
func TestLayerTwiceInAGraph(t *testing.T) {
	e, c := elements[0], shapeCases[0]
	g := c.geometry(t)
	r := rand.New(rand.NewPCG(7, 8))
	x, dy1, dy2 := e.random(r, g.Len()), e.random(r, g.Len()), e.random(r, g.Len())
	exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, x, dy1, dy2 *graph.Node) (*graph.Node, *graph.Node, *graph.Node) {
		scope.Store().SetTraining(x.Graph(), true)
		drop := func() *graph.Node {
			return gomlx.Dropout(scope.At("drop"), x).WithRate(0.3).WithOptions(spatialdropout.WithSeed(5)).Done()
		}
		y1, y2 := drop(), drop()
		loss := graph.Add(graph.ReduceAllSum(graph.Mul(y1, dy1)), graph.ReduceAllSum(graph.Mul(y2, dy2)))
		return y1, y2, graph.Gradient(loss, x)[0]
	})
	must(t, err)
	want, err := spatialdropout.New(0.3, spatialdropout.WithSeed(5))
	must(t, err)
	for range 3 {
		out, err := exec.Call(e.tensor(t, x, c.dims...), e.tensor(t, dy1, c.dims...), e.tensor(t, dy2, c.dims...))
		must(t, err)
		y1, y2, dx, dx2 := make([]byte, len(x)), make([]byte, len(x)), make([]byte, len(x)), make([]byte, len(x))
		p1, err := want.Forward(e.core(y1, g), e.core(x, g))
		must(t, err)
		p2, err := want.Forward(e.core(y2, g), e.core(x, g))
		must(t, err)
		must(t, p1.Backward(e.core(dx, g), e.core(dy1, g)))
		must(t, p2.Backward(e.core(dx2, g), e.core(dy2, g)))
		for i, b := range floats(dx2) {
			e.set(dx, i, uint64(math.Float32bits(floats(dx[4*i : 4*i+4])[0]+b)))
		}
		for i, w := range [][]byte{y1, y2, dx} {
			if err := e.diff(bytesOf(t, out[i]), w); err != nil {
				t.Errorf("result %d: %v", i, err)
			}
		}
	}
}

// Dropped maps are +0 whatever they held, kept ones are scaled, and the gradient of a sum is
// the factors.
func TestDroppedMapsAreZero(t *testing.T) {
	x := make([]float32, 2*4*4*16)
	for i := range x {
		x[i] = []float32{-1, float32(math.NaN()), float32(math.Inf(-1))}[i%3]
	}
	exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, x *graph.Node) (*graph.Node, *graph.Node) {
		scope.Store().SetTraining(x.Graph(), true)
		y := gomlx.Dropout(scope, x).WithRate(0.5).WithOptions(spatialdropout.WithSeed(2)).Done()
		return y, graph.Gradient(graph.ReduceAllSum(y), x)[0]
	})
	must(t, err)
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(x, 2, 4, 4, 16))
	must(t, err)
	y, dx := floats(bytesOf(t, out[0])), floats(bytesOf(t, out[1]))
	g, err := layout.NHWC.Of(2, 4, 4, 16)
	must(t, err)
	d, err := spatialdropout.New(0.5, spatialdropout.WithSeed(2))
	must(t, err)
	m, err := d.Draw(g)
	must(t, err)
	if kept := m.CountKept(); kept == 0 || kept == 32 {
		t.Fatalf("%d of 32 channels are kept", kept)
	}
	for i := range x {
		n, c := i/(4*4*16), i%16
		if m.Kept(n, c) {
			if want := 2 * x[i]; y[i] != want && want == want || dx[i] != 2 {
				t.Errorf("element %d of a kept map is %v with gradient %v, want %v with 2", i, y[i], dx[i], want)
			}
		} else if math.Float32bits(y[i]) != 0 || math.Float32bits(dx[i]) != 0 {
			t.Errorf("element %d of a dropped map is %v with gradient %v, want +0", i, y[i], dx[i])
		}
	}
}

// The gradient is that of the function, by finite differences, for each kind of arithmetic.
func TestFiniteDifferences(t *testing.T) {
	c := shapeCases[1]
	g := c.geometry(t)
	r := rand.New(rand.NewPCG(5, 5))
	for _, a := range arithmetics() {
		if a.Rule == mask.Gaussian {
			continue // not in a graph
		}
		loss := func(scope *model.Scope, x *graph.Node) *graph.Node {
			scope.Store().SetTraining(x.Graph(), true)
			y := gomlx.Dropout(scope, x).ChannelsAxis(c.axis).WithRate(0.4).WithOptions(spatialdropout.WithSeed(3), spatialdropout.WithArithmetic(a)).Done()
			return graph.ReduceAllSum(graph.Mul(y, graph.Square(y)))
		}
		at := func(x []float64) (float64, []float64) {
			// A new store: each call is step 0.
			exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, x *graph.Node) (*graph.Node, *graph.Node) {
				l := loss(scope, x)
				return l, graph.Gradient(l, x)[0]
			})
			must(t, err)
			defer exec.Finalize()
			out, err := exec.Call(tensors.FromFlatDataAndDimensions(x, c.dims...))
			must(t, err)
			return tensors.ToScalar[float64](out[0]), tensors.MustCopyFlatData[float64](out[1])
		}
		x := make([]float64, g.Len())
		for i := range x {
			x[i] = r.NormFloat64()
		}
		_, dx := at(x)
		for range 4 {
			i := r.IntN(len(x))
			const h = 1e-5
			moved := append([]float64(nil), x...)
			moved[i] += h
			up, _ := at(moved)
			moved[i] -= 2 * h
			down, _ := at(moved)
			if numeric := (up - down) / (2 * h); math.Abs(numeric-dx[i]) > 1e-5*(1+math.Abs(numeric)) {
				t.Errorf("%v: gradient of element %d is %v, by differences %v", a, i, dx[i], numeric)
			}
		}
	}
}

// The default are channels last, and the other axis gives another result.
func TestChannelsAxisMatters(t *testing.T) {
	x := make([]float32, 2*6*6*6)
	for i := range x {
		x[i] = 1
	}
	run := func(configure func(*gomlx.Config) *gomlx.Config) []byte {
		exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
			scope.Store().SetTraining(x.Graph(), true)
			return configure(gomlx.Dropout(scope, x).WithRate(0.5).WithOptions(spatialdropout.WithSeed(1))).Done()
		})
		must(t, err)
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(x, 2, 6, 6, 6))
		must(t, err)
		return bytesOf(t, out[0])
	}
	last := run(func(c *gomlx.Config) *gomlx.Config { return c.ChannelsAxis(images.ChannelsLast) })
	first := run(func(c *gomlx.Config) *gomlx.Config { return c.ChannelsAxis(images.ChannelsFirst) })
	if !bytes.Equal(last, run(func(c *gomlx.Config) *gomlx.Config { return c })) {
		t.Error("the default is not ChannelsLast")
	}
	if bytes.Equal(last, first) {
		t.Error("both axes give the same")
	}
	// A row of pixels is the same everywhere in a sample with channels last, a plane with
	// channels first.
	l, f := floats(last), floats(first)
	for i := range x {
		if n := i / 216; l[i] != l[n*216+i%6] {
			t.Fatalf("channels last: element %d differs within its map", i)
		}
		if f[i] != f[i/36*36] {
			t.Fatalf("channels first: element %d differs within its map", i)
		}
	}
}

// A transposed tensor is a tensor of its own in a graph: dropout before and after the
// transposition with the fitting axis is the same.
func TestTransposedTensors(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 9))
	e := elements[0]
	x := e.random(r, 2*3*4*5)
	run := func(l layer) []byte {
		exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, x *graph.Node) *graph.Node {
			scope.Store().SetTraining(x.Graph(), true)
			return l(scope, x)
		})
		must(t, err)
		out, err := exec.Call(e.tensor(t, x, 2, 3, 4, 5))
		must(t, err)
		return bytesOf(t, out[0])
	}
	opts := spatialdropout.WithSeed(6)
	before := run(func(s *model.Scope, x *graph.Node) *graph.Node {
		y := gomlx.Dropout(s, x).WithRate(0.5).WithOptions(opts).Done()
		return graph.TransposeAllAxes(graph.Slice(y, graph.AxisRange(), graph.AxisRange(1, 3)), 0, 3, 1, 2)
	})
	after := run(func(s *model.Scope, x *graph.Node) *graph.Node {
		x = graph.TransposeAllAxes(graph.Slice(x, graph.AxisRange(), graph.AxisRange(1, 3)), 0, 3, 1, 2)
		return gomlx.Dropout(s, x).ChannelsAxis(images.ChannelsFirst).WithRate(0.5).WithOptions(opts).Done()
	})
	if err := e.diff(after, before); err != nil {
		t.Error(err)
	}
}

// maskOf returns which of 64 channels a layer drops at its first step.
func maskOf(t *testing.T, store *model.Store, l layer) []byte {
	t.Helper()
	exec, err := model.NewExec(backend, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.Store().SetTraining(x.Graph(), true)
		return l(scope, x)
	})
	must(t, err)
	ones := make([]float32, 64)
	for i := range ones {
		ones[i] = 1
	}
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(ones, 1, 64))
	must(t, err)
	return bytesOf(t, out[0])
}

// Layers in scopes of their own have the children of the common seed, or random ones.
func TestLayersDiffer(t *testing.T) {
	in := func(path string, opts ...spatialdropout.Option) layer {
		return func(scope *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(scope.In("%s", path), x).WithRate(0.5).WithOptions(opts...).Done()
		}
	}
	seeded := func(seed any) *model.Store {
		s := model.NewStore()
		s.RootScope().SetParam(gomlx.ParamSeed, seed)
		return s
	}
	a, b := maskOf(t, seeded(42), in("a")), maskOf(t, seeded(42), in("b"))
	if bytes.Equal(a, b) {
		t.Error("two scopes with a common seed drop the same")
	}
	if !bytes.Equal(a, maskOf(t, seeded(int64(42)), in("a"))) {
		t.Error("the same seed and scope drop something else")
	}
	if want := maskOf(t, model.NewStore(), in("x", spatialdropout.WithSeed(gomlx.Seed(42, "/a")))); !bytes.Equal(a, want) {
		t.Error("the seed of a scope is not that of Seed")
	}
	if bytes.Equal(a, maskOf(t, seeded(43), in("a"))) {
		t.Error("another seed drops the same")
	}
	if bytes.Equal(maskOf(t, model.NewStore(), in("a")), maskOf(t, model.NewStore(), in("a"))) {
		t.Error("two layers without a seed drop the same")
	}
	twice := func(scope *model.Scope, x *graph.Node) *graph.Node {
		y := gomlx.Dropout(scope.In("a"), x).WithRate(0.5).Done()
		z := gomlx.Dropout(scope.In("b"), x).WithRate(0.5).Done()
		return graph.Sub(y, z)
	}
	if bytes.Equal(maskOf(t, model.NewStore(), twice), make([]byte, 256)) {
		t.Error("two layers of one network without a seed drop the same")
	}
}

func TestRateOfTheHyperparameters(t *testing.T) {
	store := model.NewStore()
	l := func(scope *model.Scope, x *graph.Node) *graph.Node { return gomlx.Dropout(scope.In("a"), x).Done() }
	ones := maskOf(t, model.NewStore(), func(_ *model.Scope, x *graph.Node) *graph.Node { return x })
	if !bytes.Equal(maskOf(t, store, l), ones) {
		t.Error("without a rate something is dropped")
	}
	store = model.NewStore()
	store.RootScope().SetParam(gomlx.ParamRate, 1.0)
	if !bytes.Equal(maskOf(t, store, l), make([]byte, 256)) {
		t.Error("at rate 1 something is kept")
	}
}
