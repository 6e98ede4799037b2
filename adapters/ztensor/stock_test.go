package ztensor

import (
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/zerfoo/ztensor/compute"
	"github.com/zerfoo/ztensor/graph"
	"github.com/zerfoo/ztensor/numeric"
)

// These tests say what ztensor v1.19.2 does. One that fails after an upgrade says that ztensor
// has changed, and README.md with it.

// engine returns a CPU engine.
func engine() *compute.CPUEngine[float32] {
	return compute.NewCPUEngine[float32](numeric.Float32Ops{})
}

// The dropout of the engine drops single elements. With one seed each call has the same mask,
// and so have all layers. A node takes a new mask with each pass.
func TestStockDropoutRepeatsItsMask(t *testing.T) {
	shape := []int{2, 8, 4, 4}
	ones := constant[float32](1, product(shape))
	x := tensorOf(t, ones, shape...)
	stock := func() []float32 { return must(engine().Dropout(ctx, x, 0.5, 7, true))(t).Data() }
	first := stock()
	same(t, "the second call", stock(), first)
	whole := true
	for i, v := range first {
		whole = whole && v == first[i-i%16]
	}
	if whole {
		t.Error("the engine drops whole maps")
	}
	d := nodeOf[float32](t, 0.5, spatialdropout.WithSeed(7))
	y, _ := step(t, d, ones, ones, shape...)
	again, _ := step(t, d, ones, ones, shape...)
	different := false
	for i, v := range y {
		different = different || v != again[i]
		if v != y[i-i%16] {
			t.Fatalf("element %d is %v, element %d of the same map is %v", i, v, i-i%16, y[i-i%16])
		}
	}
	if !different {
		t.Error("two steps have one mask")
	}
}

// The dropout of the engine refuses rate 1. A node returns +0.
func TestStockDropoutRefusesRateOne(t *testing.T) {
	x := tensorOf(t, numbers[float32](1, 8), 2, 4, 1, 1)
	if _, err := engine().Dropout(ctx, x, 1, 7, true); err == nil {
		t.Error("the engine takes rate 1")
	}
	same(t, "output", must(nodeOf[float32](t, 1).Forward(ctx, x))(t).Data(), make([]float32, 8))
}

// What the dropout of the engine writes into a view is lost. A node writes it.
func TestStockDropoutIntoAViewIsLost(t *testing.T) {
	x := tensorOf(t, numbers[float32](1, 16), 2, 2, 2, 2)
	whole := tensorOf(t, constant[float32](9, 32), 2, 4, 2, 2)
	view := must(whole.Slice([2]int{0, 2}, [2]int{1, 3}))(t)
	must(engine().Dropout(ctx, x, 0.5, 7, true, view))(t)
	same(t, "the view after the dropout of the engine", view.Data(), constant[float32](9, 16))
	want, _, _ := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(7)), layout.NCHW, x.Shape(), x.Data(), x.Data())
	if _, _, err := nodeOf[float32](t, 0.5, spatialdropout.WithSeed(7)).Run(ctx, x, view); err != nil {
		t.Fatal(err)
	}
	same(t, "the view", view.Data(), want)
}

// A graph that is given one node twice forgets the inputs of the first time, without an error.
// Two nodes with one generator are what was meant.
func TestStockGraphHoldsANodeOnce(t *testing.T) {
	shape := []int{1, 16, 1, 1}
	a, c := tensorOf(t, constant[float32](1, 16), shape...), tensorOf(t, constant[float32](100, 16), shape...)
	sum := func(first, second *Dropout[float32]) []float32 {
		b := graph.NewBuilder[float32](engine())
		left, right := b.Input(shape), b.Input(shape)
		g := must(b.Build(b.AddNode(&add{e: engine()}, b.AddNode(first, left), b.AddNode(second, right))))(t)
		return must(g.Forward(ctx, a, c))(t).Data()
	}
	d := nodeOf[float32](t, 0, spatialdropout.WithSeed(7))
	same(t, "one node twice", sum(d, d), constant[float32](200, 16))
	shared := spatialdropout.WithGenerator(spatialdropout.NewGenerator(coreOf(t, 0, spatialdropout.WithSeed(7)).Generator().Stream()))
	same(t, "two nodes", sum(nodeOf[float32](t, 0, shared), nodeOf[float32](t, 0, shared)), constant[float32](101, 16))
}

// A graph with a pool gives Backward no inputs that the pool has taken back: a pool is for
// evaluation. The node says so.
func TestStockPoolTakesInputsAway(t *testing.T) {
	shape := []int{1, 8, 1, 1}
	b := graph.NewBuilder[float32](engine())
	in := b.Input(shape)
	d := nodeOf[float32](t, 0.5)
	g := must(b.Build(b.AddNode(d, b.AddNode(&add{e: engine()}, in, in))))(t)
	g.WithPool(compute.NewTensorPool[float32]())
	x := tensorOf(t, numbers[float32](1, 8), shape...)
	y := must(g.Forward(ctx, x))(t)
	if err := g.Backward(ctx, 0, y); !typed(err) {
		t.Errorf("error %v, want a *TensorError", err)
	}
	d.SetTraining(false)
	want := make([]float32, 8)
	for i, v := range x.Data() {
		want[i] = v + v
	}
	same(t, "evaluation", must(g.Forward(ctx, x))(t).Data(), want)
}

// A graph that is compiled runs the node. One that is compiled by tracing sees operations of the
// engine alone, and fails: nothing is left out silently.
func TestCompiledGraphs(t *testing.T) {
	shape := []int{2, 8, 2, 2}
	x := tensorOf(t, numbers[float32](1, product(shape)), shape...)
	proxy := compute.NewEngineProxy[float32](engine())
	b := graph.NewBuilder[float32](proxy)
	in := b.Input(shape)
	d := nodeOf[float32](t, 0.5, spatialdropout.WithSeed(7))
	dropped := b.AddNode(d, in)
	g := must(b.Build(b.AddNode(&add{e: proxy}, dropped, dropped)))(t)
	g.SetEngineProxy(proxy)
	d.SetTraining(false) // compilation runs the graph
	plan := must(g.Compile(ctx, x))(t)
	d.SetTraining(true)
	y := must(plan.Run(ctx, x))(t)
	want, _, _ := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(7)), layout.NCHW, shape, x.Data(), x.Data())
	for i, v := range want {
		want[i] = v + v
	}
	same(t, "compiled", y.Data(), want)

	d.SetTraining(false)
	traced, err := g.CompileTraced(ctx, x)
	if err == nil {
		_, err = traced.Run(ctx, x)
	}
	if err == nil {
		t.Error("a traced graph runs without the node")
	}

	b = graph.NewBuilder[float32](proxy)
	in = b.Input(shape)
	g = must(b.Build(b.AddNode(d, b.AddNode(&add{e: proxy}, in, in))))(t)
	g.SetEngineProxy(proxy)
	traced = must(g.CompileTraced(ctx, x))(t)
	if err := panicked(t, func() { must(traced.Run(ctx, x))(t) }); err == nil {
		t.Error("a traced graph runs without its last node")
	}
}
