package ztensor

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/zerfoo/ztensor/compute"
	"github.com/zerfoo/ztensor/graph"
	"github.com/zerfoo/ztensor/numeric"
)

// A node that is saved in a checkpoint and loaded goes on bit for bit, with every option.
func TestNodeGoesOnFromACheckpoint(t *testing.T) {
	shape := []int{3, 7, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	for name, opts := range options() {
		old, restored := nodeOf[float32](t, 0.45, opts()...), nodeOf[float32](t, 0.9, opts()...)
		b := graph.NewBuilder[float32](compute.NewCPUEngine[float32](numeric.Float32Ops{}))
		g := must(b.Build(b.AddNode(old, b.Input(shape))))(t)
		for range 3 {
			must(g.Forward(ctx, tensorOf(t, x, shape...)))(t)
		}
		path := filepath.Join(t.TempDir(), "model.json")
		if err := g.SaveCheckpoint(path, map[string]any{"drop": old}); err != nil {
			t.Fatal(err)
		}
		text := must(g.LoadCheckpoint(path))(t)["drop"].(string)
		if err := restored.UnmarshalText([]byte(text)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 3 {
			y, dx := step(t, restored, x, w, shape...)
			wantY, wantDx := step(t, old, x, w, shape...)
			same(t, name+", output", y, wantY)
			same(t, name+", gradient", dx, wantDx)
		}
	}
}

// What New was not given comes from the state: here all. A number near 2⁶³ is not rounded.
func TestStateBringsItsOptions(t *testing.T) {
	old := nodeOf[float64](t, 0.7,
		spatialdropout.WithSeed(1<<63+1), spatialdropout.WithAlways(), spatialdropout.WithSharing(mask.PerChannel),
		spatialdropout.WithSchedule(spatialdropout.Ramp(10)), spatialdropout.WithShard(mask.Shard{SampleOffset: 1<<40 + 1, Samples: 1 << 41}),
		spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply, Rule: mask.RoundedReciprocal}),
	)
	restored := nodeOf[float64](t, 0.2)
	restored.SetTraining(false)
	text := must(json.Marshal(map[string]any{"drop": old}))(t)
	into := struct{ Drop *Dropout[float64] }{restored}
	if err := json.Unmarshal(text, &into); err != nil {
		t.Fatal(err)
	}
	if got, want := restored.Core().State(), old.Core().State(); got != want {
		t.Errorf("the state is %+v, want %+v", got, want)
	}
	if restored.Training() {
		t.Error("a node in evaluation is in training after loading")
	}
}

// A generator that nodes share stays shared, and a pass keeps its mask when the node is loaded
// before the backward pass.
func TestLoadingBetweenForwardAndBackward(t *testing.T) {
	shape := []int{2, 8, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	shared := spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.PyTorch(3)))
	first, second := nodeOf[float32](t, 0.3, shared), nodeOf[float32](t, 0.4, shared)
	in := tensorOf(t, x, shape...)
	text := must(first.MarshalText())(t)
	must(first.Forward(ctx, in))(t)
	if err := first.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	if first.Core().Generator() != second.Core().Generator() {
		t.Error("two nodes that shared a generator have one each")
	}
	core := coreOf(t, 0.3, spatialdropout.WithStream(mask.PyTorch(3)))
	_, want, _ := training(t, core, layout.NCHW, shape, x, w)
	same(t, "gradient", backward(t, first, w, in), want)
	_, again := step(t, first, x, w, shape...)
	same(t, "gradient of the step that is taken again", again, want)
}

// What is no state of the node is a typed error, and the node goes on as if nothing had been.
func TestStatesThatAreRefused(t *testing.T) {
	stateOf := func(opts ...spatialdropout.Option) string {
		return string(must(nodeOf[float32](t, 0.5, opts...).MarshalText())(t))
	}
	generator := spatialdropout.NewGenerator(mask.PyTorch(3))
	for name, c := range map[string]struct {
		opts []spatialdropout.Option // of the node that loads
		text string
		want string
	}{
		"no JSON":           {nil, "not JSON", "JSON"},
		"no rate":           {nil, `{"rate": 7, "stream": "philox:1"}`, "rate 7"},
		"no stream":         {nil, `{"rate": 0.5, "stream": "coin:1"}`, "coin"},
		"another seed":      {[]spatialdropout.Option{spatialdropout.WithSeed(1)}, stateOf(spatialdropout.WithSeed(2)), "philox:1"},
		"another generator": {[]spatialdropout.Option{spatialdropout.WithGenerator(generator)}, stateOf(spatialdropout.WithStream(mask.PyTorch(4))), "pytorch:3"},
		"another arithmetic": {
			[]spatialdropout.Option{spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Unscaled})}, stateOf(), "Unscaled",
		},
		"another shard":              {[]spatialdropout.Option{spatialdropout.WithShard(mask.Shard{Samples: 4})}, stateOf(), "Samples:4"},
		"a schedule that is missing": {nil, stateOf(spatialdropout.WithSchedule(rising{})), "WithSchedule"},
		"a source that is missing":   {nil, stateOf(spatialdropout.WithStream(mask.Source(rand.NewPCG(1, 2)))), "source"},
	} {
		d := nodeOf[float32](t, 0.5, c.opts...)
		before := d.Core().State()
		err := d.UnmarshalText([]byte(c.text))
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
			t.Errorf("%s: the node is %+v, and was %+v", name, after, before)
		}
	}
}
