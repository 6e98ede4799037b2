package gorgonia

import (
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// trainer is a small convolutional network that learns which half of an image is bright.
type trainer struct {
	x, want, cost *G.Node
	weights       G.Nodes
	graph         *G.ExprGraph
	vm            G.VM
	solver        G.Solver
}

const batch = 16

func newTrainer(t testing.TB, layer Layer) *trainer {
	t.Helper()
	g := G.NewGraph()
	n := &trainer{
		graph: g,
		x:     G.NewTensor(g, G.Float32, 4, G.WithShape(batch, 1, 6, 6), G.WithName("x")),
		want:  G.NewMatrix(g, G.Float32, G.WithShape(batch, 1), G.WithName("want")),
	}
	conv := G.NodeFromAny(g, denseOf(scaled(numbers[float32](1, 8*9), 0.3), 8, 1, 3, 3), G.WithName("conv"))
	full := G.NodeFromAny(g, denseOf(scaled(numbers[float32](2, 8*36), 0.05), 8*36, 1), G.WithName("full"))
	n.weights = G.Nodes{conv, full}
	maps := must(G.Rectify(must(G.Conv2d(n.x, conv, tensor.Shape{3, 3}, []int{1, 1}, []int{1, 1}, []int{1, 1}))(t)))(t)
	dropped := must(layer.Apply(maps))(t)
	flat := must(G.Reshape(dropped, tensor.Shape{batch, 8 * 36}))(t)
	got := must(G.Mul(flat, full))(t)
	n.cost = must(G.Mean(must(G.Square(must(G.Sub(got, n.want))(t)))(t)))(t)
	must(G.Grad(n.cost, n.weights...))(t)
	n.vm = G.NewTapeMachine(g, G.BindDualValues(n.weights...))
	t.Cleanup(func() { n.vm.Close() })
	n.solver = G.NewAdamSolver(G.WithLearnRate(0.01))
	return n
}

// scaled multiplies v by a number.
func scaled(v []float32, by float32) []float32 {
	for i := range v {
		v[i] *= by
	}
	return v
}

// step trains on one batch and returns the cost.
func (n *trainer) step(t testing.TB, seed uint64) float32 {
	t.Helper()
	x, want := numbers[float32](100+seed, batch*36), make([]float32, batch)
	for i := range want {
		half := i % 2
		want[i] = float32(2*half - 1)
		for k := range 18 {
			x[36*i+18*half+k] += 2
		}
	}
	for node, v := range map[*G.Node]*tensor.Dense{n.x: denseOf(x, batch, 1, 6, 6), n.want: denseOf(want, batch, 1)} {
		if err := G.Let(node, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	if err := n.solver.Step(G.NodesToValueGrads(n.weights)); err != nil {
		t.Fatal(err)
	}
	cost := n.cost.Value().Data().(float32)
	n.vm.Reset()
	return cost
}

// The network learns through dropout, and two runs of the same seed are equal to the bit.
func TestTraining(t *testing.T) {
	run := func(inPlace bool) (costs []float32, weights [][]float32) {
		n := newTrainer(t, Layer{Dropout: coreOf(t, 0.3, spatialdropout.WithSeed(17)), Channels: 8, InPlace: inPlace})
		for i := range 60 {
			costs = append(costs, n.step(t, uint64(i)))
		}
		for _, w := range n.weights {
			weights = append(weights, data[float32](t, w.Value()))
		}
		return costs, weights
	}
	costs, weights := run(false)
	mean := func(v []float32) (sum float32) {
		for _, c := range v {
			sum += c / float32(len(v))
		}
		return sum
	}
	first, last := mean(costs[:5]), mean(costs[55:])
	if last > first/2 {
		t.Errorf("the cost falls from %v to %v, want less than half", first, last)
	}
	for _, inPlace := range []bool{false, true} {
		again, weightsAgain := run(inPlace)
		same(t, name("costs, in place", inPlace), again, costs)
		for i := range weights {
			same(t, name("weights", i, "in place", inPlace), weightsAgain[i], weights[i])
		}
	}
	if other := newTrainer(t, Layer{Dropout: coreOf(t, 0.3, spatialdropout.WithSeed(18))}); slices.Contains(costs, other.step(t, 0)) {
		t.Error("another seed gives the same cost")
	}
}
