package born

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/born-ml/born/nn"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// saved returns the path of a file of born that holds a model.
func saved(t *testing.T, model nn.Module[taped]) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.born")
	if err := nn.Save(model, path, "Sequential", nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// A model that is saved and loaded goes on bit for bit, with every option, and takes what the
// state holds from there: its layers are made without it.
func TestModelGoesOnFromAFile(t *testing.T) {
	shape := []int{3, 7, 2, 2}
	x := numbers[float32](1, product(shape))
	for name, opts := range options() {
		b := recording()
		modelOf := func(rate float64, opts []spatialdropout.Option) nn.Module[taped] {
			return nn.NewSequential[taped](layerOf[float32](t, b, rate, opts...), nn.NewReLU[taped](), layerOf[float32](t, b, 0.1, spatialdropout.WithSeed(5)))
		}
		run := func(m nn.Module[taped]) string {
			return bits(t, m.Forward(tensorOf(t, b, x, shape...)).Data())
		}
		old := modelOf(0.45, opts())
		for range 3 {
			run(old)
		}
		path := saved(t, old)
		restored := modelOf(0.9, opts())
		if _, err := nn.Load(path, b, restored); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range 3 {
			if run(restored) != run(old) {
				t.Errorf("%s: the %d. output after loading is another one", name, i+1)
			}
		}
	}
}

// What NewDropout was not given comes from the state: here all.
func TestStateBringsItsOptions(t *testing.T) {
	shape := []int{4, 6, 2, 2}
	x, w := numbers[float64](1, product(shape)), numbers[float64](2, product(shape))
	opts := []spatialdropout.Option{
		spatialdropout.WithStream(mask.PyTorch(7)), spatialdropout.WithAlways(), spatialdropout.WithSharing(mask.PerChannel),
		spatialdropout.WithSchedule(spatialdropout.Ramp(10)), spatialdropout.WithShard(mask.Shard{SampleOffset: 1, Samples: 9}),
		spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply, Rule: mask.RoundedReciprocal}),
	}
	old := layerOf[float64](t, recording(), 0.7, opts...)
	for range 5 {
		step(t, old, x, w, shape...)
	}
	restored := layerOf[float64](t, recording(), 0.2)
	restored.SetTraining(false)
	if err := restored.LoadStateDict(old.StateDict()); err != nil {
		t.Fatal(err)
	}
	if got, want := restored.Core().State(), old.Core().State(); got != want {
		t.Errorf("the state is %+v, want %+v", got, want)
	}
	if restored.Training() {
		t.Error("a layer in evaluation is in training after loading")
	}
	for range 3 { // with WithAlways, evaluation draws
		y, dx := step(t, restored, x, w, shape...)
		wantY, wantDx := step(t, old, x, w, shape...)
		same(t, "output", y, wantY)
		same(t, "gradient", dx, wantDx)
	}
}

// A generator that layers share stays shared, and moves to where it was.
func TestSharedGeneratorGoesOn(t *testing.T) {
	shape := []int{2, 9, 2, 2}
	x := numbers[float32](1, product(shape))
	b := recording()
	modelOf := func() nn.Module[taped] {
		shared := spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.PyTorch(3)))
		return nn.NewSequential[taped](layerOf[float32](t, b, 0.3, shared), layerOf[float32](t, b, 0.4, shared))
	}
	old, restored := modelOf(), modelOf()
	old.Forward(tensorOf(t, b, x, shape...))
	if _, err := nn.Load(saved(t, old), b, restored); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		same(t, "output", restored.Forward(tensorOf(t, b, x, shape...)).Data(), old.Forward(tensorOf(t, b, x, shape...)).Data())
	}
	layers := restored.(*nn.Sequential[taped])
	if first, second := layers.Module(0).(*Dropout[float32, taped]), layers.Module(1).(*Dropout[float32, taped]); first.Core().Generator() != second.Core().Generator() {
		t.Error("two layers that shared a generator have one each")
	}
}

// A pass on a tape keeps its mask when the layer is loaded before the backward pass.
func TestLoadingBetweenForwardAndBackward(t *testing.T) {
	shape := []int{2, 8, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	b := recording()
	in := tensorOf(t, b, x, shape...)
	d := layerOf[float32](t, b, 0.5)
	other := layerOf[float32](t, b, 0.2, spatialdropout.WithStream(mask.PyTorch(1)))
	before := d.Core().State()
	d.Forward(in)
	if err := d.LoadStateDict(other.StateDict()); err != nil {
		t.Fatal(err)
	}
	_, want, _ := training(t, must(spatialdropout.Restore(before))(t), layout.NCHW, shape, x, w)
	same(t, "gradient", elements[float32](b.Tape().Backward(tensorOf(t, b, w, shape...).Raw(), b)[in.Raw()]), want)
}

// bytesOf returns a tensor of bytes.
func bytesOf(t *testing.T, text string) *tensor.RawTensor {
	t.Helper()
	raw := rawOf(t, tensor.Uint8, tensor.CPU, max(1, len(text)))
	copy(raw.AsUint8(), text)
	return raw
}

// What is no state of the layer is a typed error, and the layer goes on as if nothing had been.
func TestStatesThatAreRefused(t *testing.T) {
	released := bytesOf(t, "{}")
	released.Release()
	dict := func(raw *tensor.RawTensor) map[string]*tensor.RawTensor {
		return map[string]*tensor.RawTensor{stateKey: raw}
	}
	stateOf := func(opts ...spatialdropout.Option) map[string]*tensor.RawTensor {
		return layerOf[float32](t, recording(), 0.5, opts...).StateDict()
	}
	generator := spatialdropout.NewGenerator(mask.PyTorch(3))
	for name, c := range map[string]struct {
		opts []spatialdropout.Option // of the layer that loads
		dict map[string]*tensor.RawTensor
		want string
	}{
		"nothing":        {nil, nil, `without "dropout"`},
		"another module": {nil, map[string]*tensor.RawTensor{"weight": rawOf(t, tensor.Float32, tensor.CPU, 2)}, `without "dropout"`},
		"numbers":        {nil, dict(rawOf(t, tensor.Float32, tensor.CPU, 2)), "float32"},
		"released":       {nil, dict(released), "0 bytes"},
		"no JSON":        {nil, dict(bytesOf(t, "not JSON")), "JSON"},
		"no rate":        {nil, dict(bytesOf(t, `{"rate": 7, "stream": "philox:1"}`)), "rate 7"},
		"no stream":      {nil, dict(bytesOf(t, `{"rate": 0.5, "stream": "coin:1"}`)), "coin"},
		"another seed":   {[]spatialdropout.Option{spatialdropout.WithSeed(1)}, stateOf(spatialdropout.WithSeed(2)), "philox:1"},
		"another generator": {
			[]spatialdropout.Option{spatialdropout.WithGenerator(generator)}, stateOf(spatialdropout.WithStream(mask.PyTorch(4))), "pytorch:3",
		},
		"another arithmetic": {
			[]spatialdropout.Option{spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Unscaled})}, stateOf(), "Unscaled",
		},
		"another shard":              {[]spatialdropout.Option{spatialdropout.WithShard(mask.Shard{Samples: 4})}, stateOf(), "Samples:4"},
		"a schedule that is missing": {nil, stateOf(spatialdropout.WithSchedule(rising{})), "WithSchedule"},
		"a source that is missing":   {nil, stateOf(spatialdropout.WithStream(mask.Source(rand.NewPCG(1, 2)))), "source"},
	} {
		d := layerOf[float32](t, recording(), 0.5, c.opts...)
		before := d.Core().State()
		err := d.LoadStateDict(c.dict)
		var state *spatialdropout.ArgumentError
		var made *mask.ArgumentError
		if (!errors.As(err, &state) || state.Argument != "state") && (!errors.As(err, &made) || made.Argument != "rate" && made.Argument != "stream") {
			t.Errorf("%s: error %v of type %T", name, err, err)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q does not say %q", name, err, c.want)
		}
		if after := d.Core().State(); after != before {
			t.Errorf("%s: the layer is %+v, and was %+v", name, after, before)
		}
	}
}
