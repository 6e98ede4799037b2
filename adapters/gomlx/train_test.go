package gomlx_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
	"github.com/spatialdropout/spatialdropout/mask"
)

// batch returns images of one bright or dark quarter, and which of the two.
func batch(r *rand.Rand, samples int) train.Batch {
	x, y := make([]float32, samples*8*8), make([]float32, samples)
	for n := range samples {
		bright := float32(r.IntN(2))
		y[n] = bright
		for i := range 64 {
			x[n*64+i] = 0.3 * float32(r.NormFloat64())
			if i%8 < 4 && i < 32 {
				x[n*64+i] += 2*bright - 1
			}
		}
	}
	return train.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, samples, 8, 8, 1)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, samples, 1)},
	}
}

// trained returns the losses of 48 steps, and the loss of an evaluation after every sixth. With drop its masks are fed.
func trained(t *testing.T, drop *spatialdropout.Dropout) (losses, evaluations []float32) {
	t.Helper()
	store := model.NewStore()
	must(t, store.SetRNGStateFromSeed(1))
	store.RootScope().SetParam(gomlx.ParamSeed, 42)
	modelFn := func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		x := layers.Convolution(scope.In("conv"), inputs[0]).Channels(16).KernelSize(3).Done()
		d := gomlx.Dropout(scope.In("drop"), graph.Max(x, graph.ZerosLike(x)))
		switch {
		case drop == nil:
			x = d.WithRate(0.25).Done()
		case len(inputs) > 1:
			x = d.WithMasks(drop, inputs[1]).Done()
		default:
			x = d.WithMasks(drop, nil).Done()
		}
		// A product of matrices would stop the race detector: see the README.
		x = layers.Convolution(scope.In("out"), x).Channels(1).KernelSize(1).Done()
		return []*graph.Node{graph.ReduceMean(x, 1, 2)}
	}
	sgd := optimizer.StochasticGradientDescent().WithLearningRate(0.2).WithDecay(false).Done()
	trainer := train.NewTrainer(backend, store, modelFn, loss.MeanSquaredError, sgd, nil, nil)
	r := rand.New(rand.NewPCG(1, 1))
	for step := range 48 {
		b := batch(r, []int{8, 8, 8, 5}[step%4]) // two sizes: two graphs with one step
		if drop != nil {
			masks, err := gomlx.Draw(drop, dtypes.Float32, b.Inputs[0].Shape().Dimensions[0], 16)
			must(t, err)
			b.Inputs = append(b.Inputs, masks)
		}
		metrics, err := trainer.TrainStep(b)
		must(t, err)
		losses = append(losses, tensors.ToScalar[float32](metrics[0]))
		if step%6 == 5 {
			b := batch(rand.New(rand.NewPCG(2, 2)), 16)
			b.Spec = "evaluation" // a Trainer wants the same number of inputs for a Spec
			metrics, err := trainer.EvalStep(b)
			must(t, err)
			evaluations = append(evaluations, tensors.ToScalar[float32](metrics[0]))
		}
	}
	if drop == nil {
		if got := tensors.ToScalar[uint64](store.GetVariable("/drop/spatial_dropout_step").MustValue()); got != 48 {
			t.Errorf("the step is %d after 48 steps", got)
		}
	}
	return losses, evaluations
}

// Training with dropout makes the loss fall, and a seed makes it the same each time.
func TestTraining(t *testing.T) {
	losses, evaluations := trained(t, nil)
	if first, last := losses[0], evaluations[len(evaluations)-1]; !(last < first/4) {
		t.Errorf("the loss goes from %v to %v", first, last)
	}
	again, _ := trained(t, nil)
	for i := range losses {
		if math.Float32bits(losses[i]) != math.Float32bits(again[i]) {
			t.Fatalf("step %d has the loss %v, and %v in a second run", i, losses[i], again[i])
		}
	}
}

// Masks that are fed and masks that the graph draws train alike, to the bit, and PyTorch's
// train, too.
func TestTrainingWithMasks(t *testing.T) {
	losses, _ := trained(t, nil)
	drop, err := spatialdropout.New(0.25, spatialdropout.WithSeed(gomlx.Seed(42, "/drop")))
	must(t, err)
	fed, _ := trained(t, drop)
	for i := range losses {
		if math.Float32bits(losses[i]) != math.Float32bits(fed[i]) {
			t.Fatalf("step %d has the loss %v, and %v with masks that are fed", i, losses[i], fed[i])
		}
	}
	drop, err = spatialdropout.New(0.25, spatialdropout.WithStream(mask.PyTorch(42)))
	must(t, err)
	losses, evaluations := trained(t, drop)
	if first, last := losses[0], evaluations[len(evaluations)-1]; !(last < first/4) {
		t.Errorf("with masks of PyTorch the loss goes from %v to %v", first, last)
	}
}
