package spago

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// reload dumps a model and loads it.
func reload(t *testing.T, m *Model) *Model {
	t.Helper()
	var file bytes.Buffer
	if err := nn.Dump(m, &file); err != nil {
		t.Fatal(err)
	}
	return must(nn.Load[*Model](&file))(t)
}

// goesOn compares two models over some steps.
func goesOn(t *testing.T, what string, got, want *Model) {
	t.Helper()
	r := rand.New(rand.NewPCG(8, 8))
	for step := range 4 {
		x := numbers[float32](r, 24)
		a, b := must(got.TryForward(matrices(x, 6, 2)...))(t), must(want.TryForward(matrices(x, 6, 2)...))(t)
		if err := differ(joined[float32](a), joined[float32](b)); err != nil {
			t.Errorf("%s, step %d: %v", what, step, err)
		}
	}
}

// A model that was dumped goes on bit for bit, with all of its options.
func TestLoadGoesOn(t *testing.T) {
	opts := map[string]spatialdropout.Option{
		"WithSeed": spatialdropout.WithSeed(4), "WithAlways": spatialdropout.WithAlways(), "Ramp": spatialdropout.WithSchedule(spatialdropout.Ramp(9)),
		"WithShard":   spatialdropout.WithShard(mask.Shard{SampleOffset: 3, Samples: 9, ChannelOffset: 1, Channels: 8}),
		"FixedCount":  spatialdropout.WithSharing(mask.FixedCount),
		"Alpha":       spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Alpha}),
		"AtInference": spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.AtInference}),
		"Multiply":    spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply}),
		"PyTorch":     spatialdropout.WithStream(mask.PyTorch(3)),
	}
	for name, opt := range opts {
		for _, training := range []bool{true, false} {
			m := must(New(0.4, opt))(t)
			m.Channels = 3
			m.SetTraining(training)
			m.Forward(matrices(make([]float32, 24), 6, 2)...)
			loaded := reload(t, m)
			if loaded.Channels != 3 || loaded.Training() != training || loaded.Dropout().State() != m.Dropout().State() {
				t.Errorf("%s: loaded with %d channels, training %v, %+v", name, loaded.Channels, loaded.Training(), loaded.Dropout().State())
			}
			goesOn(t, name, loaded, m)
		}
	}
}

// Models are saved in a network, in fields and in lists of models.
func TestNetworksHoldModels(t *testing.T) {
	type network struct {
		nn.Module
		Drop   *Model
		Layers nn.ModuleList[nn.StandardModel]
	}
	made := func(k uint64) *Model { return must(New(0.5, spatialdropout.WithSeed(mask.Child(3, k))))(t) }
	n := &network{Drop: made(0), Layers: nn.ModuleList[nn.StandardModel]{made(1), made(2)}}
	n.Layers.Forward(matrices(make([]float32, 24), 6, 2)...)
	file := filepath.Join(t.TempDir(), "network")
	if err := nn.DumpToFile(n, file); err != nil {
		t.Fatal(err)
	}
	loaded := must(nn.LoadFromFile[*network](file))(t)
	goesOn(t, "a field", loaded.Drop, n.Drop)
	for i := range n.Layers {
		goesOn(t, "a list", loaded.Layers[i].(*Model), n.Layers[i].(*Model))
	}
	SetTraining(loaded, false)
	if loaded.Drop.Training() || loaded.Layers[0].(*Model).Training() || loaded.Layers[1].(*Model).Training() {
		t.Error("a loaded model is still in training")
	}
}

// What a file cannot hold is asked for, and the model goes on once it has it.
func TestRestore(t *testing.T) {
	source := func() spatialdropout.Option { return spatialdropout.WithStream(mask.Source(rand.NewPCG(5, 6))) }
	for name, c := range map[string]struct {
		opt  func() spatialdropout.Option
		want func(err error) bool
	}{
		"a schedule": {func() spatialdropout.Option { return spatialdropout.WithSchedule(rising{}) }, func(err error) bool {
			var refused *spatialdropout.ArgumentError
			return errors.As(err, &refused) && refused.Argument == "state"
		}},
		"a source": {source, func(err error) bool {
			var refused *mask.ArgumentError
			return errors.As(err, &refused) && refused.Argument == "stream"
		}},
	} {
		m := must(New(0.5, c.opt()))(t)
		loaded := reload(t, m)
		_, err := loaded.TryForward(mat.Scalar[float32](1))
		if !c.want(err) {
			t.Errorf("%s: %#v, want that of what is missing", name, err)
		}
		if err := loaded.Restore(); !c.want(err) {
			t.Errorf("%s: Restore without it: %v", name, err)
		}
		again := reload(t, loaded) // nothing is lost meanwhile
		if err := again.Restore(c.opt()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		goesOn(t, name, again, m)
	}
	// A generator that several models share, and a number of workers.
	shared := spatialdropout.NewGenerator(mask.PyTorch(3))
	m := must(New(0.5, spatialdropout.WithGenerator(shared)))(t)
	loaded := reload(t, m)
	if err := loaded.Restore(spatialdropout.WithGenerator(shared), spatialdropout.WithWorkers(2)); err != nil || loaded.Dropout().Generator() != shared {
		t.Errorf("%v, another generator than the one given", err)
	}
	var option *spatialdropout.ArgumentError
	if err := loaded.Restore(spatialdropout.WithWorkers(-1)); !errors.As(err, &option) || option.Argument != "WithWorkers" || loaded.Dropout().Generator() != shared {
		t.Errorf("−1 workers: %v", err)
	}
}

func TestDumpsThatAreNone(t *testing.T) {
	for _, data := range []string{"", "{", "[]", `{"dropout":{"rate":"x"}}`} {
		m := must(New(0.5, spatialdropout.WithSeed(1)))(t)
		if err := m.GobDecode([]byte(data)); err == nil || m.Dropout() == nil {
			t.Errorf("%q is read, or leaves nothing of the model", data)
		}
	}
	m := reload(t, new(Model))
	var zero *spatialdropout.UseError
	if _, err := m.TryForward(); !errors.As(err, &zero) {
		t.Errorf("a zero model that was dumped: %v, want a *UseError", err)
	}
	m = new(Model)
	if err := m.GobDecode([]byte(`{"dropout":{"rate":3,"stream":"philox:1"}}`)); err != nil {
		t.Fatal(err)
	}
	var rate *mask.ArgumentError
	if _, err := m.TryForward(); !errors.As(err, &rate) || rate.Argument != "rate" {
		t.Errorf("a dump of rate 3: %v, want a *mask.ArgumentError of the rate", err)
	}
}
