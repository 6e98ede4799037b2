package born

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/nn"
	"github.com/born-ml/born/optim"
	"github.com/born-ml/born/tensor"
)

// network tells on which side of an image its bright half is: a convolution, spatial dropout,
// and a linear layer on the features.
type network struct {
	conv *nn.Conv2D[taped]
	drop *Dropout[float32, taped]
	out  *nn.Linear[taped]
}

// newNetwork returns a network with the parameters that a seed gives.
func newNetwork(t *testing.T, b taped, seed uint64) *network {
	t.Helper()
	nn.SetSeed(int64(seed))
	defer nn.ResetSeed()
	seeds := NewSeeds(seed)
	n := &network{conv: nn.NewConv2D(1, 8, 3, 3, 1, 1, true, b), out: nn.NewLinear(8*6*6, 1, b)}
	n.drop = layerOf[float32](t, b, 0.4, seeds.Next())
	n.drop.Channels = 8
	return n
}

func (n *network) forward(x *tensor.Tensor[float32, taped]) *tensor.Tensor[float32, taped] {
	h := nn.ReLUFunc(n.drop.Forward(n.conv.Forward(x)))
	return n.out.Forward(h.Reshape(x.Shape()[0], 8*6*6))
}

func (n *network) parameters() []*nn.Parameter[taped] {
	return append(append(n.conv.Parameters(), n.drop.Parameters()...), n.out.Parameters()...)
}

// images returns 8 images of 6×6 and the side of each, −1 or 1.
func images(t *testing.T, b taped) (x, want *tensor.Tensor[float32, taped]) {
	t.Helper()
	pixels, sides := numbers[float32](1, 8*36), make([]float32, 8)
	for i := range sides {
		sides[i] = float32(2*(i%2) - 1)
		for p := range 36 {
			if p%6 >= 3 == (i%2 == 1) {
				pixels[36*i+p] += 1
			}
		}
	}
	return tensorOf(t, b, pixels, 8, 1, 6, 6), tensorOf(t, b, sides, 8, 1)
}

// squares returns the sum of the squared errors.
func squares(v []float32) (sum float64) {
	for _, e := range v {
		sum += float64(e)
	}
	return sum
}

// optimizer is what SGD and Adam of born have in common here.
type optimizer interface {
	Step(map[*tensor.RawTensor]*tensor.RawTensor)
	ZeroGrad()
}

// train takes steps, and returns the losses: of evaluation before and after them, and of each.
func train(t *testing.T, b taped, n *network, o optimizer, steps int) (before, after float64, losses []float64) {
	t.Helper()
	x, want := images(t, b)
	evaluate := func() (loss float64) {
		n.drop.SetTraining(false)
		defer n.drop.SetTraining(true)
		autodiff.NoGrad(b, func() {
			e := n.forward(x).Sub(want)
			loss = squares(e.Mul(e).Data())
		})
		return loss
	}
	before = evaluate()
	for range steps {
		b.Tape().StartRecording()
		e := n.forward(x).Sub(want)
		loss := e.Mul(e)
		o.Step(autodiff.Backward(loss, b))
		o.ZeroGrad()
		losses = append(losses, squares(loss.Data()))
		b.ClearTape()
	}
	return before, evaluate(), losses
}

// A network with spatial dropout learns, the same in every run.
func TestTraining(t *testing.T) {
	for name, make := range map[string]func(p []*nn.Parameter[taped], b taped) optimizer{
		"SGD": func(p []*nn.Parameter[taped], b taped) optimizer {
			return optim.NewSGD(p, optim.SGDConfig{LR: 0.002, Momentum: 0.8}, b)
		},
		"Adam": func(p []*nn.Parameter[taped], b taped) optimizer {
			return optim.NewAdam(p, optim.AdamConfig{LR: 0.01}, b)
		},
	} {
		run := func(seed uint64) (float64, float64, []float64) {
			b := recording()
			n := newNetwork(t, b, seed)
			return train(t, b, n, make(n.parameters(), b), 40)
		}
		before, after, losses := run(1)
		if !(after < before/4) {
			t.Errorf("%s: the loss goes from %v to %v, want less than a quarter", name, before, after)
		}
		_, _, again := run(1)
		_, _, other := run(2)
		different := false
		for i := range losses {
			if math.Float64bits(losses[i]) != math.Float64bits(again[i]) {
				t.Fatalf("%s: the loss of step %d is %v, and %v in another run", name, i, losses[i], again[i])
			}
			different = different || losses[i] != other[i]
		}
		if !different {
			t.Errorf("%s: runs of different seeds have the same losses", name)
		}
	}
}

// A training that stops, is saved and goes on in another network is that of one which did not
// stop.
func TestTrainingGoesOnFromAFile(t *testing.T) {
	sgd := func(b taped, n *network) optimizer {
		return optim.NewSGD(n.parameters(), optim.SGDConfig{LR: 0.002}, b)
	}
	whole := recording()
	n := newNetwork(t, whole, 3)
	_, want, _ := train(t, whole, n, sgd(whole, n), 10)

	first, second := recording(), recording()
	n = newNetwork(t, first, 3)
	train(t, first, n, sgd(first, n), 4)
	path := filepath.Join(t.TempDir(), "model.born")
	if err := nn.Save(nn.NewSequential[taped](n.drop, n.out), path, "Sequential", nil); err != nil {
		t.Fatal(err)
	}
	resumed := newNetwork(t, second, 4) // other parameters
	resumed.drop = layerOf[float32](t, second, 0.1)
	if _, err := nn.Load[taped](path, second, nn.NewSequential[taped](resumed.drop, resumed.out)); err != nil {
		t.Fatal(err)
	}
	for i, p := range n.conv.Parameters() { // Conv2D is no module, and has no state
		resumed.conv.Parameters()[i].SetTensor(tensorOf(t, second, p.Tensor().Data(), p.Tensor().Shape()...))
	}
	_, got, _ := train(t, second, resumed, sgd(second, resumed), 6)
	if math.Float64bits(got) != math.Float64bits(want) {
		t.Errorf("the loss is %v, want %v", got, want)
	}
}

// The state names where the layer is, so that steps can be counted.
func TestStepsOfTraining(t *testing.T) {
	b := recording()
	n := newNetwork(t, b, 5)
	train(t, b, n, optim.NewSGD(n.parameters(), optim.SGDConfig{}, b), 7)
	if got := n.drop.Core().State(); got.Step != 7 || got.Rate != 0.4 {
		t.Errorf("step %d at rate %v, want step 7 at rate 0.4: evaluation takes none", got.Step, got.Rate)
	}
}
