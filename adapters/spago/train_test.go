package spago

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/losses"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn"
	"github.com/nlpodyssey/spago/optimizers/sgd"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// mixer is a network: dropout of feature maps, their weighted sum, and dropout of that.
type mixer struct {
	nn.Module
	Before, After *Model
	W             []*nn.Param
}

func (m *mixer) Forward(xs ...mat.Tensor) mat.Tensor {
	var sum mat.Tensor
	for i, y := range m.Before.Forward(xs...) {
		sum = ag.Add(sum, ag.ProdScalar(y, m.W[i]))
	}
	return m.After.Forward(sum)[0]
}

// train trains a mixer, and returns the losses in evaluation before and after, and the weights.
func train(t *testing.T, seed uint64) (before, after float64, weights []float32) {
	t.Helper()
	const maps = 8
	r := rand.New(rand.NewPCG(9, 9))
	m := &mixer{Before: must(New(0.25, spatialdropout.WithSeed(mask.Child(seed, 0))))(t), After: must(New(0.1, spatialdropout.WithSeed(mask.Child(seed, 1))))(t)}
	for range maps {
		m.W = append(m.W, nn.NewParam(mat.Scalar(float32(0.1))))
	}
	x := make([]float32, maps*16)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	xs := matrices(x, maps, 4)
	target := make([]float32, 16)
	for i := range target {
		for c := range maps {
			target[i] += float32(c%3-1) * x[16*c+i]
		}
	}
	want := matrices(target, 1, 16)[0] // a column
	loss := func() mat.Tensor { return losses.MSE(column(m.Forward(xs...)), want, true) }
	evaluated := func() float64 {
		SetTraining(m, false)
		defer SetTraining(m, true)
		return loss().Value().Item().F64()
	}
	before = evaluated()
	// One parameter after the other: optimizers.Optimizer v1.1.0 returns while its goroutines are
	// still at work.
	steps := sgd.New[float32](sgd.NewConfig(0.05, 0.9, false))
	for range 60 {
		if err := ag.Backward(loss()); err != nil {
			t.Fatal(err)
		}
		nn.ForEachParam(m, func(w *nn.Param) {
			if err := steps.OptimizeParams(w); err != nil {
				t.Fatal(err)
			}
		})
		for _, x := range xs {
			x.ZeroGrad()
		}
		nn.ZeroGrad(m)
	}
	for _, w := range m.W {
		weights = append(weights, w.Value().Item().F32())
	}
	return before, evaluated(), weights
}

// Training makes the loss smaller, and is the same for the same seed.
func TestTraining(t *testing.T) {
	before, after, weights := train(t, 1)
	if !(after < before/4) {
		t.Errorf("the loss goes from %v to %v, want a quarter", before, after)
	}
	if _, _, again := train(t, 1); !slices.Equal(again, weights) {
		t.Errorf("the same seed gives %v and %v", weights, again)
	}
	if _, _, other := train(t, 2); slices.Equal(other, weights) {
		t.Errorf("two seeds give %v", weights)
	}
}
