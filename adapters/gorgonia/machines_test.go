package gorgonia

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// One layer on two inputs makes two nodes, with masks of their own, and each gradient takes
// the mask of its node.
func TestLayerTwiceBeforeTheBackwardPasses(t *testing.T) {
	shape := []int{2, 16, 2, 2}
	for _, machine := range machines {
		layer := Layer{Dropout: coreOf(t, 0.5, spatialdropout.WithSeed(6))}
		ones := make([]float64, product(shape))
		for i := range ones {
			ones[i] = 1
		}
		g := G.NewGraph()
		a := G.NodeFromAny(g, denseOf(append([]float64(nil), ones...), shape...), G.WithName("a"))
		b := G.NodeFromAny(g, denseOf(append([]float64(nil), ones...), shape...), G.WithName("b"))
		left, right := must(layer.Apply(a))(t), must(layer.Apply(b))(t)
		again := must(layer.Apply(left))(t) // and once more, behind the first
		var seen [3]G.Value
		for i, n := range []*G.Node{left, right, again} {
			G.Read(n, &seen[i])
		}
		cost := must(G.Add(must(G.Sum(again))(t), must(G.Sum(right))(t)))(t)
		var vm G.VM
		if machine == machines[0] {
			must(G.Grad(cost, a, b))(t)
			vm = G.NewTapeMachine(g)
		} else {
			vm = G.NewLispMachine(g)
		}
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		// All inputs are 1, so that the outputs are the factors, and the gradients as well.
		same(t, name(machine, "gradient of a"), data[float64](t, must(a.Grad())(t)), data[float64](t, seen[2]))
		same(t, name(machine, "gradient of b"), data[float64](t, must(b.Grad())(t)), data[float64](t, seen[1]))
		y := [3]string{}
		for i := range seen {
			y[i] = bits(t, data[float64](t, seen[i]))
		}
		if y[0] == y[1] || y[0] == y[2] || y[1] == y[2] {
			t.Errorf("%s: two of three nodes of a layer have the same mask", machine)
		}
	}
}

// Two layers differ by construction with children of one seed. With the same seed they are
// still two nodes, though they drop the same channels.
func TestLayersDiffer(t *testing.T) {
	shape := []int{4, 32, 1, 1}
	x := numbers[float32](1, product(shape))
	g := G.NewGraph()
	in := G.NodeFromAny(g, denseOf(x, shape...), G.WithName("x"))
	var seen [4]G.Value
	nodes := map[*G.Node]bool{}
	for i, seed := range []uint64{mask.Child(7, 0), mask.Child(7, 1), 7, 7} {
		y := must(Dropout(in, 0.5, spatialdropout.WithSeed(seed)))(t)
		G.Read(y, &seen[i])
		nodes[y] = true
	}
	if len(nodes) != 4 {
		t.Fatalf("%d nodes of 4 calls of Dropout", len(nodes))
	}
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	var y [4]string
	for i := range seen {
		y[i] = bits(t, data[float32](t, seen[i]))
	}
	if y[0] == y[1] || y[0] == y[2] || y[1] == y[2] {
		t.Error("layers of different seeds drop the same channels")
	}
	if y[2] != y[3] {
		t.Error("layers of the same seed drop different channels")
	}
}

// Without a seed each layer has a random one, which its state names.
func TestWithoutASeedEachLayerHasItsOwn(t *testing.T) {
	states := map[string]bool{}
	for range 8 {
		states[coreOf(t, 0.5).State().Stream] = true
	}
	if len(states) != 8 {
		t.Errorf("%d streams of 8 layers", len(states))
	}
}

// A gradient belongs to its own forward pass, whatever ran since: another forward pass, an
// evaluation, or both of another machine.
func TestGradientOfAnEarlierOutput(t *testing.T) {
	shape := []int{2, 16, 2, 2}
	o := opOf(t, 0.5, shape, spatialdropout.WithSeed(9))
	core := coreOf(t, 0.5, spatialdropout.WithSeed(9))
	x, dy := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	var outputs []G.Value
	var want [][]float32
	for range 40 { // more than are kept without a search for lost ones
		y, dx, _ := training(t, core, layout.NCHW, shape, x, dy)
		got := must(o.Do(denseOf(x, shape...)))(t)
		same(t, "output", data[float32](t, got), y)
		outputs, want = append(outputs, got), append(want, dx)
		o.SetTraining(false)
		evaluated := must(o.Do(denseOf(x, shape...)))(t)
		same(t, "evaluation", data[float32](t, evaluated), x)
		outputs, want = append(outputs, evaluated), append(want, dy)
		o.SetTraining(true)
	}
	d := &gradientOp{o}
	for i := len(outputs) - 1; i >= 0; i-- {
		got := must(d.Do(outputs[i], denseOf(dy, shape...)))(t)
		same(t, "gradient", data[float32](t, got), want[i])
	}
	_, err := d.Do(denseOf(x, shape...), denseOf(dy, shape...))
	var refused *GradientError
	if !errors.As(err, &refused) {
		t.Errorf("the gradient of a tensor that was no output gives %v, want a *GradientError", err)
	}
	runtime.KeepAlive(outputs)
}

// The passes of outputs that are gone are dropped.
func TestPassesOfLostOutputsAreDropped(t *testing.T) {
	shape := []int{1, 4, 1, 1}
	o := opOf(t, 0.5, shape)
	x := denseOf(numbers[float32](1, 4), shape...)
	for i := range 10000 {
		if _, err := o.Do(x); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			runtime.GC()
		}
	}
	runtime.GC()
	o.passes.sweep = 0
	y := must(o.Do(x))(t)
	if n := len(o.passes.byOutput); n > 10 {
		t.Errorf("%d passes of lost outputs are kept", n-1)
	}
	runtime.KeepAlive(y)
}

// Machines on clones of a graph share the operations. They may run at the same time, and each
// gradient has the mask of its output.
func TestMachinesOnClonesRunSideBySide(t *testing.T) {
	shape := []int{2, 32, 2, 2}
	ones := make([]float32, product(shape))
	for i := range ones {
		ones[i] = 1
	}
	g := G.NewGraph()
	x := G.NodeFromAny(g, denseOf(ones, shape...), G.WithName("x"))
	y := must(Dropout(x, 0.5, spatialdropout.WithSeed(4)))(t)
	must(G.Grad(must(G.Sum(y))(t), x))(t)
	var wait sync.WaitGroup
	var mu sync.Mutex
	masks := map[string]int{}
	const clones, steps = 4, 10
	for range clones {
		clone := g.Clone().(*G.ExprGraph)
		vm := G.NewTapeMachine(clone)
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer vm.Close()
			for range steps {
				if err := vm.RunAll(); err != nil {
					t.Error(err)
					return
				}
				var out, grad []float32
				for _, n := range clone.AllNodes() {
					switch n.Op().(type) {
					case *op:
						out = data[float32](t, n.Value())
					case *gradientOp:
						grad = data[float32](t, n.Value())
					}
				}
				same(t, "gradient", grad, out)
				mu.Lock()
				masks[bits(t, out)]++
				mu.Unlock()
				vm.Reset()
			}
		}()
	}
	wait.Wait()
	if len(masks) != clones*steps {
		t.Errorf("%d masks of %d runs", len(masks), clones*steps)
	}
}

// A machine made with EvalMode evaluates, and SetTraining switches one that exists. Evaluation
// takes no step of the stream.
func TestEvaluation(t *testing.T) {
	shape := []int{2, 8, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	for _, machine := range machines {
		apply := func(x *G.Node) (*G.Node, error) { return Dropout(x, 0.5, spatialdropout.WithSeed(8)) }
		core := coreOf(t, 0.5, spatialdropout.WithSeed(8))
		n := newNetwork(t, machine, apply, x, w, shape...)
		check := func(what string, train bool, opts ...G.VMOpt) {
			t.Helper()
			wantY, wantDx := x, w
			if train {
				wantY, wantDx, _ = training(t, core, layout.NCHW, shape, x, w)
			}
			y, dx := n.step(t, opts...)
			same(t, name(machine, what, "output"), y, wantY)
			same(t, name(machine, what, "gradient"), dx, wantDx)
		}
		check("training", true)
		if machine == machines[1] {
			check("EvalMode", false, G.EvalMode())
			check("training again", true)
			continue // a LispMachine is made for each run
		}
		if err := SetTraining(n.g, false); err != nil {
			t.Fatal(err)
		}
		check("evaluation", false)
		if err := SetTraining(n.g, true); err != nil {
			t.Fatal(err)
		}
		check("training again", true)
		old := n.vm
		n.vm = G.NewTapeMachine(n.g, G.EvalMode())
		check("EvalMode", false)
		n.vm.Close()
		n.vm = old
		check("the mode is that of the machine that was made last", false)
	}
}

// The output of an evaluation has memory of its own: what overwrites it leaves the input alone.
func TestEvaluationCopies(t *testing.T) {
	shape := []int{1, 2, 2, 2}
	o := opOf(t, 0.5, shape)
	o.SetTraining(false)
	x := denseOf(numbers[float32](1, 8), shape...)
	y := must(o.Do(x))(t)
	if y == G.Value(x) || y.Uintptr() == x.Uintptr() {
		t.Error("the evaluation returns the memory of its input")
	}
	same(t, "evaluation", data[float32](t, y), data[float32](t, x))
}

// A gradient can be differentiated again. The cost Σ y·u has the gradient f·u with respect to
// x, where f are the factors, and Σ f·u·v has f·v with respect to u.
func TestGradientOfTheGradient(t *testing.T) {
	shape := []int{2, 8, 2, 2}
	x, u, v := numbers[float64](1, product(shape)), numbers[float64](2, product(shape)), numbers[float64](3, product(shape))
	g := G.NewGraph()
	xn := G.NodeFromAny(g, denseOf(x, shape...), G.WithName("x"))
	un := G.NodeFromAny(g, denseOf(u, shape...), G.WithName("u"))
	vn := G.NodeFromAny(g, denseOf(v, shape...), G.WithName("v"))
	y := must(Dropout(xn, 0.5, spatialdropout.WithSeed(3)))(t)
	dx := must(G.Grad(must(G.Sum(must(G.HadamardProd(y, un))(t)))(t), xn))(t)[0]
	du := must(G.Grad(must(G.Sum(must(G.HadamardProd(dx, vn))(t)))(t), un))(t)[0]
	var seen G.Value
	G.Read(du, &seen)
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	_, want, _ := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(3)), layout.NCHW, shape, x, v)
	same(t, "gradient of the gradient", data[float64](t, seen), want)
}

// The LispMachine accumulates: an input of two layers gets the sum of both gradients.
func TestGradientsOfTwoUsesAdd(t *testing.T) {
	shape := []int{2, 8, 2, 2}
	x := numbers[float32](1, product(shape))
	var grads [2][]float32
	for i, machine := range machines {
		g := G.NewGraph()
		xn := G.NodeFromAny(g, denseOf(x, shape...), G.WithName("x"))
		a := must(Dropout(xn, 0.5, spatialdropout.WithSeed(1)))(t)
		b := must(Dropout(xn, 0.25, spatialdropout.WithSeed(2)))(t)
		cost := must(G.Sum(must(G.Add(a, b))(t)))(t)
		var vm G.VM
		if machine == machines[0] {
			must(G.Grad(cost, xn))(t)
			vm = G.NewTapeMachine(g)
		} else {
			vm = G.NewLispMachine(g)
		}
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		grads[i] = data[float32](t, must(xn.Grad())(t))
		for k, got := range grads[i] {
			n, c := k/32, k/4%8
			want := float32(0)
			geom := must(layout.NCHW.Of(shape...))(t)
			if must(coreOf(t, 0.5, spatialdropout.WithSeed(1)).Draw(geom))(t).Kept(n, c) {
				want += 2
			}
			if must(coreOf(t, 0.25, spatialdropout.WithSeed(2)).Draw(geom))(t).Kept(n, c) {
				want += float32(1 / 0.75)
			}
			if got != want {
				t.Fatalf("%s: gradient %d is %v, want %v", machine, k, got, want)
			}
		}
	}
	same(t, "gradients of both machines", grads[0], grads[1])
}

// opOf returns the operation of a new node.
func opOf(t testing.TB, rate float64, shape []int, opts ...spatialdropout.Option) *op {
	t.Helper()
	return layerOp(t, Layer{Dropout: coreOf(t, rate, opts...)}, tensor.Float32, shape)
}

// layerOp returns the operation of a new node of a layer.
func layerOp(t testing.TB, l Layer, dt tensor.Dtype, shape []int) *op {
	t.Helper()
	g := G.NewGraph()
	x := G.NewTensor(g, dt, len(shape), G.WithShape(shape...), G.WithName("x"))
	return must(l.Apply(x))(t).Op().(*op)
}

// Branches side by side that share a layer draw in an order that does not change from build to
// build, nor from one machine to the other.
func TestBranchesDrawInOneOrder(t *testing.T) {
	shape := []int{2, 16, 1, 1}
	ones := make([]float32, product(shape))
	for i := range ones {
		ones[i] = 1
	}
	var first string
	for i := range 20 {
		machine := machines[i%2]
		layer := Layer{Dropout: coreOf(t, 0.5, spatialdropout.WithSeed(6))}
		g := G.NewGraph()
		x := G.NodeFromAny(g, denseOf(ones, shape...), G.WithName("x"))
		var sum *G.Node
		var seen [4]G.Value
		for k := range seen {
			y := must(layer.Apply(x))(t)
			G.Read(y, &seen[k])
			if sum == nil {
				sum = y
			} else {
				sum = must(G.Add(y, sum))(t)
			}
		}
		cost := must(G.Sum(sum))(t)
		var vm G.VM
		if machine == machines[0] {
			must(G.Grad(cost, x))(t)
			vm = G.NewTapeMachine(g)
		} else {
			vm = G.NewLispMachine(g)
		}
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		var all string
		for _, v := range seen {
			all += bits(t, data[float32](t, v))
		}
		if first == "" {
			first = all
		}
		if all != first {
			t.Errorf("build %d, %s: other masks than those of the first build", i, machine)
		}
	}
}
