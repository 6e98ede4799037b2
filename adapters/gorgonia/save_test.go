package gorgonia

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	G "gorgonia.org/gorgonia"
)

// A state that went through gob, as programs of Gorgonia save their tensors, or through JSON
// restores a layer that goes on bit for bit.
func TestStateGoesOn(t *testing.T) {
	codecs := map[string]func(in, out *spatialdropout.State) error{
		"gob": func(in, out *spatialdropout.State) error {
			var file bytes.Buffer
			if err := gob.NewEncoder(&file).Encode(in); err != nil {
				return err
			}
			return gob.NewDecoder(&file).Decode(out)
		},
		"JSON": func(in, out *spatialdropout.State) error {
			text, err := json.Marshal(in)
			if err != nil {
				return err
			}
			return json.Unmarshal(text, out)
		},
	}
	options := map[string][]spatialdropout.Option{
		"seed":    {spatialdropout.WithSeed(1)},
		"no seed": nil,
		"PyTorch": {spatialdropout.WithStream(mask.PyTorch(7))},
		"all": {
			spatialdropout.WithSeed(2), spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply, Rule: mask.WideReciprocal}), spatialdropout.WithSharing(mask.PerChannel),
			spatialdropout.WithShard(mask.Shard{SampleOffset: 3, ChannelOffset: 1}), spatialdropout.WithSchedule(spatialdropout.Ramp(5)), spatialdropout.WithAlways(),
		},
	}
	shape := []int{3, 8, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	for codec, through := range codecs {
		for what, opts := range options {
			drop := coreOf(t, 0.4, opts...)
			n := newNetwork(t, machines[0], Layer{Dropout: drop}.Apply, x, w, shape...)
			for range 3 {
				n.step(t)
			}
			saved := drop.State()
			var loaded spatialdropout.State
			if err := through(&saved, &loaded); err != nil {
				t.Fatal(err)
			}
			if loaded != saved {
				t.Errorf("%s, %s: loaded %+v, want %+v", codec, what, loaded, saved)
			}
			restored := newNetwork(t, machines[0], Layer{Dropout: must(spatialdropout.Restore(loaded))(t)}.Apply, x, w, shape...)
			for range 3 {
				wantY, wantDx := n.step(t)
				y, dx := restored.step(t)
				same(t, name(codec, what, "output"), y, wantY)
				same(t, name(codec, what, "gradient"), dx, wantDx)
			}
		}
	}
}

// The state of a random source is its own affair: Restore asks for a fresh one, and skips what
// was drawn.
func TestStateOfASource(t *testing.T) {
	shape := []int{3, 8, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	fresh := func() spatialdropout.Option {
		return spatialdropout.WithStream(mask.Source(rand.NewPCG(1, 2)))
	}
	drop := coreOf(t, 0.4, fresh())
	n := newNetwork(t, machines[0], Layer{Dropout: drop}.Apply, x, w, shape...)
	n.step(t)
	saved := drop.State()
	var missing *mask.ArgumentError
	if _, err := spatialdropout.Restore(saved); !errors.As(err, &missing) || missing.Argument != "stream" {
		t.Errorf("without a source: error %v, want a *mask.ArgumentError of the stream", err)
	}
	restored := newNetwork(t, machines[0], Layer{Dropout: must(spatialdropout.Restore(saved, fresh()))(t)}.Apply, x, w, shape...)
	wantY, wantDx := n.step(t)
	y, dx := restored.step(t)
	same(t, "output", y, wantY)
	same(t, "gradient", dx, wantDx)
}

// The value of a saved tensor, too, goes through gob: a whole run goes on.
func TestTrainingGoesOn(t *testing.T) {
	drop := coreOf(t, 0.3, spatialdropout.WithSeed(17))
	n := newTrainer(t, Layer{Dropout: drop})
	n.solver = G.NewVanillaSolver(G.WithLearnRate(0.01)) // which has no memory to save
	for i := range 5 {
		n.step(t, uint64(i))
	}
	var file bytes.Buffer
	enc := gob.NewEncoder(&file)
	for _, w := range n.weights {
		if err := enc.Encode(w.Value()); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Encode(drop.State()); err != nil {
		t.Fatal(err)
	}

	dec := gob.NewDecoder(&file)
	var weights [2]any
	for i := range weights {
		w := denseOf(make([]float32, 1), 1)
		if err := dec.Decode(w); err != nil {
			t.Fatal(err)
		}
		weights[i] = w
	}
	var state spatialdropout.State
	if err := dec.Decode(&state); err != nil {
		t.Fatal(err)
	}
	resumed := newTrainer(t, Layer{Dropout: must(spatialdropout.Restore(state))(t), Order: layout.ChannelsFirst})
	resumed.solver = G.NewVanillaSolver(G.WithLearnRate(0.01))
	for i, w := range resumed.weights {
		if err := G.Let(w, weights[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		same(t, "cost", []float32{resumed.step(t, uint64(5+i))}, []float32{n.step(t, uint64(5+i))})
	}
}
