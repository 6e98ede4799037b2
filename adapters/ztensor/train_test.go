package ztensor

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/zerfoo/ztensor/compute"
	"github.com/zerfoo/ztensor/graph"
	"github.com/zerfoo/ztensor/tensor"
	"github.com/zerfoo/ztensor/types"
)

// matrix, short for the tests' nodes.
type matrix = *tensor.TensorNumeric[float32]

// add is a node that adds two tensors.
type add struct {
	graph.NoParameters[float32]
	e compute.Engine[float32]
}

func (*add) OpType() string             { return "Add" }
func (*add) Attributes() map[string]any { return nil }
func (*add) OutputShape() []int         { return nil }
func (n *add) Forward(ctx context.Context, in ...matrix) (matrix, error) {
	return n.e.Add(ctx, in[0], in[1])
}
func (n *add) Backward(_ context.Context, _ types.BackwardMode, dy matrix, _ ...matrix) ([]matrix, error) {
	return []matrix{dy, dy}, nil
}

// dense is a node that multiplies rows with weights, and gives the result a shape.
type dense struct {
	e      compute.Engine[float32]
	w      *graph.Parameter[float32]
	in     int
	output []int
}

// newDense returns a dense node with random weights.
func newDense(t *testing.T, name string, r *rand.Rand, in int, output ...int) *dense {
	t.Helper()
	out := product(output[1:])
	v := make([]float32, in*out)
	for i := range v {
		v[i] = float32(r.NormFloat64() / math.Sqrt(float64(in)))
	}
	return &dense{engine(), must(graph.NewParameter(name, tensorOf(t, v, in, out), tensor.New[float32]))(t), in, output}
}

func (*dense) OpType() string                            { return "Dense" }
func (*dense) Attributes() map[string]any                { return nil }
func (n *dense) OutputShape() []int                      { return n.output }
func (n *dense) Parameters() []*graph.Parameter[float32] { return []*graph.Parameter[float32]{n.w} }

// rows returns x as a matrix with so many columns.
func rows(x matrix, columns int) (matrix, error) { return x.Reshape([]int{-1, columns}) }

func (n *dense) Forward(ctx context.Context, in ...matrix) (matrix, error) {
	x, err := rows(in[0], n.in)
	if err != nil {
		return nil, err
	}
	y, err := n.e.MatMul(ctx, x, n.w.Value)
	if err != nil {
		return nil, err
	}
	return y.Reshape(append([]int{}, n.output...))
}

func (n *dense) Backward(ctx context.Context, _ types.BackwardMode, dy matrix, in ...matrix) ([]matrix, error) {
	x, err := rows(in[0], n.in)
	if err != nil {
		return nil, err
	}
	if dy, err = rows(dy, product(n.output[1:])); err != nil {
		return nil, err
	}
	turned, err := n.e.Transpose(ctx, x, []int{1, 0})
	if err != nil {
		return nil, err
	}
	dw, err := n.e.MatMul(ctx, turned, dy)
	if err != nil {
		return nil, err
	}
	if err := n.w.AddGradient(dw); err != nil {
		return nil, err
	}
	if turned, err = n.e.Transpose(ctx, n.w.Value, []int{1, 0}); err != nil {
		return nil, err
	}
	dx, err := n.e.MatMul(ctx, dy, turned)
	if err != nil {
		return nil, err
	}
	dx, err = dx.Reshape(in[0].Shape())
	return []matrix{dx}, err
}

// network is two dense nodes with spatial dropout of 6 maps of 2×2 between them.
type network struct {
	g    *graph.Graph[float32]
	drop *Dropout[float32]
}

func newNetwork(t *testing.T, seed uint64, opts ...spatialdropout.Option) *network {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2))
	n := &network{drop: nodeOf[float32](t, 0.3, opts...)}
	n.drop.Channels = 6
	b := graph.NewBuilder[float32](engine())
	hidden := b.AddNode(newDense(t, "first", r, 5, 16, 6, 2, 2), b.Input([]int{16, 5}))
	n.g = must(b.Build(b.AddNode(newDense(t, "second", r, 24, 16, 1), b.AddNode(n.drop, hidden))))(t)
	return n
}

// train takes steps of gradient descent, and returns the losses: of evaluation before and after
// them, and of each. Ztensor has no optimizer for the CPU.
func train(t *testing.T, n *network, steps int) (before, after float64, losses []float64) {
	t.Helper()
	x := tensorOf(t, numbers[float32](3, 16*5), 16, 5)
	target := make([]float32, 16)
	for i := range target {
		for k, v := range x.Data()[5*i : 5*i+5] {
			target[i] += float32(k-2) * v
		}
	}
	e := engine()
	forward := func() (difference matrix, loss float64) {
		difference = must(e.Sub(ctx, must(n.g.Forward(ctx, x))(t), tensorOf(t, target, 16, 1)))(t)
		for _, v := range difference.Data() {
			loss += float64(v) * float64(v)
		}
		return difference, loss
	}
	evaluate := func() float64 {
		n.drop.SetTraining(false)
		defer n.drop.SetTraining(true)
		_, loss := forward()
		return loss
	}
	before = evaluate()
	for range steps {
		difference, loss := forward()
		losses = append(losses, loss)
		if err := n.g.Backward(ctx, types.FullBackprop, difference); err != nil {
			t.Fatal(err)
		}
		for _, p := range n.g.Parameters() {
			must(e.Sub(ctx, p.Value, must(e.MulScalar(ctx, p.Gradient, 0.003))(t), p.Value))(t)
			p.ClearGradient()
		}
	}
	return before, evaluate(), losses
}

// A network with spatial dropout learns, the same in every run.
func TestTraining(t *testing.T) {
	run := func(seed uint64) (float64, float64, []float64) {
		return train(t, newNetwork(t, 1, NewSeeds(seed).Next()), 60)
	}
	before, after, losses := run(1)
	if !(after < before/4) {
		t.Errorf("the loss goes from %v to %v, want less than a quarter", before, after)
	}
	_, _, again := run(1)
	_, _, other := run(2)
	different := false
	for i := range losses {
		if math.Float64bits(losses[i]) != math.Float64bits(again[i]) {
			t.Fatalf("the loss of step %d is %v, and %v in another run", i, losses[i], again[i])
		}
		different = different || losses[i] != other[i]
	}
	if !different {
		t.Error("runs of different seeds have the same losses")
	}
}

// A training that stops, is saved and goes on in another network is that of one which did not
// stop.
func TestTrainingGoesOnFromACheckpoint(t *testing.T) {
	_, want, _ := train(t, newNetwork(t, 3, spatialdropout.WithSeed(3)), 10)
	first := newNetwork(t, 3, spatialdropout.WithSeed(3))
	train(t, first, 4)
	path := filepath.Join(t.TempDir(), "model.json")
	if err := first.g.SaveCheckpoint(path, map[string]any{"drop": first.drop}); err != nil {
		t.Fatal(err)
	}
	second := newNetwork(t, 4) // other parameters, another seed
	state := must(second.g.LoadCheckpoint(path))(t)
	if err := second.drop.UnmarshalText([]byte(state["drop"].(string))); err != nil {
		t.Fatal(err)
	}
	if _, got, _ := train(t, second, 6); math.Float64bits(got) != math.Float64bits(want) {
		t.Errorf("the loss is %v, want %v", got, want)
	}
	if s := second.drop.Core().State(); s.Step != 10 {
		t.Errorf("step %d, want 10: evaluation takes none", s.Step)
	}
}

// A node says of itself what a graph asks.
func TestMetadata(t *testing.T) {
	n := newNetwork(t, 1)
	if n.drop.OutputShape() != nil {
		t.Errorf("shape %v before the first output", n.drop.OutputShape())
	}
	train(t, n, 1)
	about := n.g.GetNodeMetadata(n.drop)
	if shape := about["output_shape"].([]int); len(shape) != 4 || product(shape) != 16*24 || shape[1] != 6 {
		t.Errorf("shape %v, want [16 6 2 2]", shape)
	}
	attributes := about["attributes"].(map[string]any)
	if about["op_type"] != "SpatialDropout" || about["parameter_count"] != 0 || attributes["rate"] != 0.3 || attributes["order"] != "NCHW" || attributes["training"] != true {
		t.Errorf("metadata %v", about)
	}
	n.g.ResetStatefulNodes()
	if err := n.g.Backward(ctx, types.FullBackprop, tensorOf(t, numbers[float32](1, 16), 16, 1)); !typed(err) {
		t.Errorf("a gradient after ResetStatefulNodes gives %v, want a *TensorError", err)
	}
}
