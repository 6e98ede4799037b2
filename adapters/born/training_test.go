package born

import (
	"errors"
	"testing"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/backend/cpu"
	"github.com/born-ml/born/nn"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Evaluation returns the input itself, records nothing and spends no step, also between a
// forward pass and its backward pass.
func TestEvaluationIsTheIdentity(t *testing.T) {
	shape := []int{2, 16, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	b := recording()
	d := layerOf[float32](t, b, 0.5, spatialdropout.WithSeed(9))
	core := coreOf(t, 0.5, spatialdropout.WithSeed(9))
	if !d.Training() {
		t.Error("a new layer is in evaluation")
	}
	in, weights := tensorOf(t, b, x, shape...), tensorOf(t, b, w, shape...)
	loss := d.Forward(in).Mul(weights)
	d.SetTraining(false)
	if d.Training() {
		t.Error("a layer is in training after SetTraining(false)")
	}
	ops := b.Tape().NumOps()
	if y := d.Forward(in); y != in {
		t.Error("evaluation returns another tensor than its input")
	}
	if n := b.Tape().NumOps(); n != ops {
		t.Errorf("evaluation records %d operations", n-ops)
	}
	_, want, _ := training(t, core, layout.NCHW, shape, x, w)
	same(t, "gradient", elements[float32](autodiff.Backward(loss, b)[in.Raw()]), want)
	d.SetTraining(true)
	y, dx := step(t, d, x, w, shape...)
	wantY, want, _ := training(t, core, layout.NCHW, shape, x, w)
	same(t, "the next output", y, wantY)
	same(t, "the next gradient", dx, want)
}

// Evaluation that scales, or drops, is an operation on the tape like training.
func TestEvaluationThatIsNotTheIdentity(t *testing.T) {
	shape := []int{2, 6, 2, 2}
	x, w := numbers[float64](1, product(shape)), numbers[float64](2, product(shape))
	for name, option := range map[string]spatialdropout.Option{
		"AtInference": spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.AtInference}),
		"WithAlways":  spatialdropout.WithAlways(),
	} {
		d := layerOf[float64](t, recording(), 0.25, spatialdropout.WithSeed(3), option)
		core := coreOf(t, 0.25, spatialdropout.WithSeed(3), option)
		d.SetTraining(false)
		changed := false
		for range 3 {
			y, dx := step(t, d, x, w, shape...)
			wantY, wantDx := evaluation(t, core, layout.NCHW, shape, x, w)
			same(t, name+", output", y, wantY)
			same(t, name+", gradient", dx, wantDx)
			changed = changed || bits(t, y) != bits(t, x)
		}
		if !changed {
			t.Errorf("%s: evaluation is the identity", name)
		}
	}
}

// block is a model of a user's own, which born has no way to look into.
type block struct{ drop *Dropout[float32, taped] }

func (b *block) Forward(x *tensor.Tensor[float32, taped]) *tensor.Tensor[float32, taped] {
	return b.drop.Forward(x)
}
func (b *block) Parameters() []*nn.Parameter[taped]                 { return b.drop.Parameters() }
func (b *block) StateDict() map[string]*tensor.RawTensor            { return b.drop.StateDict() }
func (b *block) LoadStateDict(d map[string]*tensor.RawTensor) error { return b.drop.LoadStateDict(d) }

// switched is a block that can be switched.
type switched struct{ block }

func (s *switched) SetTraining(training bool) { s.drop.SetTraining(training) }

// SetTraining switches what it can reach, through modules in modules.
func TestSetTrainingOfAModel(t *testing.T) {
	b := recording()
	var layers [4]*Dropout[float32, taped]
	for i := range layers {
		layers[i] = layerOf[float32](t, b, 0.5)
	}
	model := nn.NewSequential[taped](
		layers[0], nn.NewReLU[taped](),
		nn.NewSequential[taped](layers[1], nn.NewSequential[taped](&switched{block{layers[2]}})),
		&block{layers[3]},
	)
	for _, training := range []bool{false, true, false} {
		if n := SetTraining(model, training); n != 3 {
			t.Errorf("%d modules are switched, want 3", n)
		}
		for i, d := range layers[:3] {
			if d.Training() != training {
				t.Errorf("layer %d is in training: %v, want %v", i, d.Training(), training)
			}
		}
		if !layers[3].Training() {
			t.Error("a layer in a module without SetTraining is switched")
		}
	}
	if n := SetTraining(layers[0], true); n != 1 || !layers[0].Training() {
		t.Errorf("a layer that is the model: %d modules are switched, in training %v", n, layers[0].Training())
	}
	if n := SetTraining(&block{layers[3]}, false); n != 0 {
		t.Errorf("a model without SetTraining: %d modules are switched", n)
	}
}

// A Dropout of float32 is a module wherever born asks for one.
func TestDropoutIsAModule(t *testing.T) {
	shape := []int{2, 8, 2, 2}
	x := numbers[float32](1, product(shape))
	b := recording()
	model := nn.NewSequential[taped](layerOf[float32](t, b, 0.5, spatialdropout.WithSeed(1)), nn.NewReLU[taped]())
	want, _, _ := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(1)), layout.NCHW, shape, x, x)
	for i := range want {
		want[i] = max(want[i], 0)
	}
	same(t, "output", model.Forward(tensorOf(t, b, x, shape...)).Data(), want)
	if p := model.Module(0).Parameters(); p == nil || len(p) != 0 {
		t.Errorf("parameters %v, want an empty slice", p)
	}
}

// Layers of one seed are numbered by construction. Seeds gives the same layers in every run.
func TestSeeds(t *testing.T) {
	seeds := NewSeeds(42)
	again := NewSeeds(42)
	streams := map[string]bool{}
	for k := range uint64(5) {
		d := layerOf[float32](t, cpu.New(), 0.5, seeds.Next())
		want := mask.Philox(mask.Child(42, k)).String()
		if got := d.Core().State().Stream; got != want {
			t.Errorf("layer %d draws from %s, want %s", k, got, want)
		}
		if got := layerOf[float32](t, cpu.New(), 0.5, again.Next()).Core().State().Stream; got != want {
			t.Errorf("layer %d of the second run draws from %s, want %s", k, got, want)
		}
		streams[want] = true
	}
	if len(streams) != 5 {
		t.Errorf("%d streams of 5 layers", len(streams))
	}
	if a, b := NewSeeds(1), NewSeeds(2); layerOf[float32](t, cpu.New(), 0.5, a.Next()).Core().State() == layerOf[float32](t, cpu.New(), 0.5, b.Next()).Core().State() {
		t.Error("networks of different seeds have the same first layer")
	}
}

// Without a seed each layer has a random one, which its state names.
func TestWithoutASeedEachLayerHasItsOwn(t *testing.T) {
	streams := map[string]bool{}
	for range 8 {
		streams[layerOf[float32](t, cpu.New(), 0.5).Core().State().Stream] = true
	}
	if len(streams) != 8 {
		t.Errorf("%d streams of 8 layers", len(streams))
	}
}

// The zero layer is refused in the way of each method.
func TestZeroLayer(t *testing.T) {
	x := tensorOf(t, cpu.New(), numbers[float32](1, 4), 1, 4, 1, 1)
	for _, d := range []*Dropout[float32, *cpu.Backend]{nil, {}} {
		var zero *spatialdropout.UseError
		if _, err := d.TryForward(x); !errors.As(err, &zero) {
			t.Errorf("TryForward gives %v", err)
		}
		if err := d.ForwardInPlace(x); !errors.As(err, &zero) {
			t.Errorf("ForwardInPlace gives %v", err)
		}
		if err := d.LoadStateDict(nil); !errors.As(err, &zero) {
			t.Errorf("LoadStateDict gives %v", err)
		}
		for name, f := range map[string]func(){
			"Forward": func() { d.Forward(x) }, "Core": func() { d.Core() }, "Training": func() { d.Training() },
			"SetTraining": func() { d.SetTraining(true) }, "StateDict": func() { d.StateDict() },
		} {
			if err := panicked(t, f); !errors.As(err, &zero) {
				t.Errorf("%s panics with %v", name, err)
			}
		}
	}
}
