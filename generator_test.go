package spatialdropout_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// sequence is a stream and a place in it, moved by hand.
type sequence struct {
	stream mask.Stream
	at     mask.Place
}

// draw returns the next mask.
func (s *sequence) draw(t testing.TB, x tensor, rate float64, sharing mask.Sharing) *mask.Mask {
	t.Helper()
	m := new(mask.Mask)
	if err := m.Reset(x.samples, x.channels, rate, s.stream.Arithmetic()); err != nil {
		t.Fatal(err)
	}
	if err := mask.Draw(m, s.stream, sharing, s.at); err != nil {
		t.Fatal(err)
	}
	s.at = mask.After(s.stream, sharing, s.at, x.samples, x.channels, rate)
	return m
}

// The layers of a network that share a generator draw one sequence, each with its own
// rate and geometry.
func TestLayersOfOneGeneratorDrawOneSequence(t *testing.T) {
	shapes := []tensor{dense(t, layout.NCHW, 4, 13, 2, 2), dense(t, layout.NHWC, 3, 2, 2, 70), dense(t, layout.NC, 5, 9)}
	for name, stream := range streams(t) {
		want := sequence{stream: stream()}
		gen := spatialdropout.NewGenerator(stream())
		shared := spatialdropout.WithGenerator(gen)
		first, second := newDropout(t, 0.5, shared), newDropout(t, 0.2, shared, spatialdropout.WithSharing(mask.PerSample))
		never, layer := newDropout(t, 0, shared), newLayer[float32](t, 0.3, shared)
		half := newLayer[float16](t, 0.7, shared, spatialdropout.WithSharing(mask.PerChannel))
		if gen.State() != (spatialdropout.State{Stream: stream().String()}) || first.Stream().String() != second.Stream().String() {
			t.Fatalf("%s: a new generator is at %+v", name, gen.State())
		}
		for round := range 3 {
			for i, x := range shapes {
				equal := func(what string, got, want *mask.Mask) {
					if !got.Equal(want) {
						t.Fatalf("%s, round %d, shape %d, %s: %v, want\n%v", name, round, i, what, got, want)
					}
				}
				equal("first", first.Draw(x.geom), want.draw(t, x, 0.5, mask.Each))
				equal("second", second.Draw(x.geom), want.draw(t, x, 0.2, mask.PerSample))
				equal("never", never.Draw(x.geom), want.draw(t, x, 0, mask.Each))
				forward(t, layer, make([]float32, x.length), x.geom)
				equal("layer", layer.Mask(), want.draw(t, x, 0.3, mask.Each))
				forward(t, half, make([]float16, x.length), x.geom)
				equal("layer of halves", half.Mask(), want.draw(t, x, 0.7, mask.PerChannel))
				layer.SetTraining(false)
				forward(t, layer, make([]float32, x.length), x.geom) // takes nothing
				layer.SetTraining(true)
				state := spatialdropout.State{Stream: stream().String(), Step: want.at.Step, Cursor: want.at.Cursor}
				if gen.State() != state || first.State() != state || layer.Dropout().State() != state || first.Step() != state.Step {
					t.Fatalf("%s: states %+v, %+v and %+v, want %+v", name, gen.State(), first.State(), layer.Dropout().State(), state)
				}
			}
		}
	}
}

// What one user of a generator restores, all have.
func TestGeneratorIsRestoredForAll(t *testing.T) {
	x := dense(t, layout.NC, 5, 9)
	gen := spatialdropout.NewGenerator(&mask.PyTorch{Seed: 3})
	a, b := newDropout(t, 0.5, spatialdropout.WithGenerator(gen)), newDropout(t, 0.5, spatialdropout.WithGenerator(gen))
	a.Draw(x.geom)
	s := gen.State()
	want := [2]*mask.Mask{a.Draw(x.geom), b.Draw(x.geom)}
	if err := b.Restore(s); err != nil {
		t.Fatal(err)
	}
	if got := a.Draw(x.geom); !got.Equal(want[0]) {
		t.Errorf("%v, want\n%v", got, want[0])
	}
	if got := b.Draw(x.geom); !got.Equal(want[1]) {
		t.Errorf("%v, want\n%v", got, want[1])
	}
}

// A shard has its part of the batch, on a generator that others use as well.
func TestPartsOfABatchDoNotReachOtherUsers(t *testing.T) {
	x := dense(t, layout.NC, 3, 9)
	want := sequence{stream: &mask.PyTorch{Seed: 3}}
	gen := spatialdropout.WithGenerator(spatialdropout.NewGenerator(&mask.PyTorch{Seed: 3}))
	part, whole := newDropout(t, 0.5, gen, spatialdropout.WithSampleOffset(2), spatialdropout.WithBatch(8)), newDropout(t, 0.5, gen)
	for range 3 {
		want.at.Offset, want.at.Batch = 2, 8
		if got, want := part.Draw(x.geom), want.draw(t, x, 0.5, mask.Each); !got.Equal(want) {
			t.Fatalf("%v, want\n%v", got, want)
		}
		want.at.Offset, want.at.Batch = 0, 0
		if got, want := whole.Draw(x.geom), want.draw(t, x, 0.5, mask.Each); !got.Equal(want) {
			t.Fatalf("%v, want\n%v", got, want)
		}
	}
}

// A Forward that fails has not been: the place is the next one's. If another layer has
// drawn behind it meanwhile, it is lost.
func TestFailedForwardGivesThePlaceBack(t *testing.T) {
	x := dense(t, layout.NC, 5, 9)
	for name, stream := range streams(t) {
		gen := spatialdropout.NewGenerator(stream())
		l := newLayer[float64](t, 0.5, spatialdropout.WithGenerator(gen), spatialdropout.WithSampleOffset(1), spatialdropout.WithBatch(6))
		d := newDropout(t, 0.5, spatialdropout.WithGenerator(gen))
		undisturbed := newDropout(t, 0.5, spatialdropout.WithStream(stream()))
		want := [2]*mask.Mask{}
		undisturbed.Draw(x.geom)
		want[0] = undisturbed.Draw(x.geom)
		d.Draw(x.geom)
		before := gen.State()
		buf := make([]float64, 100)
		wantError(t, name, l.Forward(buf[1:46], buf[:45], x.geom), "overlap")
		wantError(t, name, l.Forward(buf[:44], buf[:45], x.geom), "dst")
		if gen.State() != before {
			t.Fatalf("%s: at %+v after failed Forwards, was at %+v", name, gen.State(), before)
		}
		if got := d.Draw(x.geom); !got.Equal(want[0]) {
			t.Fatalf("%s: the next draw is %v, want\n%v", name, got, want[0])
		}
	}
	// A batch with too few samples is what PyTorch's stream refuses.
	l := newLayer[float64](t, 0.5, spatialdropout.WithStream(&mask.PyTorch{}), spatialdropout.WithSampleOffset(4), spatialdropout.WithBatch(6))
	wantError(t, "a shard too large", l.Forward(make([]float64, 45), make([]float64, 45), x.geom), "samples 4 to 9", "batch of 6")
	if l.Dropout().State() != (spatialdropout.State{Stream: "pytorch:0"}) {
		t.Errorf("a shard too large moves the stream to %+v", l.Dropout().State())
	}
}

// Goroutines that share a generator take every place once, and what they draw there is
// what one goroutine would have drawn.
func TestConcurrentUsersOfAGeneratorTakeEveryPlaceOnce(t *testing.T) {
	const users, each = 6, 20
	x := dense(t, layout.NC, 4, 50)
	for name, stream := range streams(t) {
		want := sequence{stream: stream()}
		left := make(map[string]bool)
		places := make(map[mask.Place]bool)
		for range users * each {
			places[want.at] = true
			left[fmt.Sprint(rows(want.draw(t, x, 0.5, mask.Each)))] = true
		}
		if len(left) != users*each {
			t.Fatalf("%s: %d different masks in %d draws", name, len(left), users*each)
		}
		gen := spatialdropout.WithGenerator(spatialdropout.NewGenerator(stream()))
		advancing := newDropout(t, 0.5, spatialdropout.WithStream(stream()))
		var mu sync.Mutex
		var group sync.WaitGroup
		var failed error
		taken := func(m *mask.Mask, at mask.Place) {
			mu.Lock()
			defer mu.Unlock()
			if key := fmt.Sprint(rows(m)); left[key] {
				delete(left, key)
			} else {
				failed = errors.New("a mask of no step, or one step drawn twice")
			}
			if !places[at] {
				failed = fmt.Errorf("place %+v was taken twice, or is none", at)
			}
			delete(places, at)
		}
		for k := range users {
			group.Add(1)
			go func() {
				defer group.Done()
				defer func() {
					if p := recover(); p != nil {
						mu.Lock()
						defer mu.Unlock()
						failed = fmt.Errorf("panic: %v", p)
					}
				}()
				d, l := newDropout(t, 0.5, gen), newLayer[float32](t, 0.5, gen)
				m, data := new(mask.Mask), make([]float32, x.length)
				for range each {
					if k%2 == 0 {
						d.DrawInto(m, x.geom)
					} else if err := l.Forward(data, data, x.geom); err != nil {
						panic(err)
					} else {
						m = l.Mask()
					}
					taken(m, advancing.Advance(x.geom))
				}
			}()
		}
		group.Wait()
		if failed != nil {
			t.Errorf("%s: %v", name, failed)
		} else if len(left) > 0 || len(places) > 0 {
			t.Errorf("%s: %d masks were not drawn, %d places not taken", name, len(left), len(places))
		}
	}
}

// Options that contradict each other are an error that names both, in either order.
func TestOptionsThatContradictEachOtherAreErrors(t *testing.T) {
	generator, seed, stream := spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.Philox{})), spatialdropout.WithSeed(1), spatialdropout.WithStream(mask.Philox{})
	step, state := spatialdropout.WithStep(0), spatialdropout.WithState(spatialdropout.State{Stream: "philox:0"})
	alpha, gaussian, rule := spatialdropout.WithAlpha(), spatialdropout.WithGaussian(), spatialdropout.WithRule(mask.Reciprocal)
	unscaled, atInference := spatialdropout.WithScaling(spatialdropout.Unscaled), spatialdropout.WithScaling(spatialdropout.AtInference)
	torch, jax := spatialdropout.WithStream(&mask.PyTorch{}), spatialdropout.WithStream(mask.JAX{})
	quotient, multiply, count := spatialdropout.WithRule(mask.Quotient), spatialdropout.WithPolicy(mask.Multiply), spatialdropout.WithSharing(mask.FixedCount)
	for _, c := range []struct {
		a, b  spatialdropout.Option
		words string
	}{
		{generator, seed, "WithGenerator WithSeed"}, {generator, stream, "WithGenerator WithStream"}, {generator, step, "WithGenerator WithStep"}, {generator, state, "WithGenerator WithState"},
		{step, state, "WithStep WithState"}, {seed, stream, "WithSeed WithStream"}, {seed, torch, "WithSeed WithStream"},
		{alpha, gaussian, "WithAlpha WithGaussian"}, {alpha, rule, "WithAlpha WithRule"}, {gaussian, rule, "WithGaussian WithRule"},
		{alpha, unscaled, "WithAlpha WithScaling(Unscaled)"}, {alpha, atInference, "WithAlpha WithScaling(AtInference)"}, {gaussian, unscaled, "WithGaussian WithScaling(Unscaled)"},
		{gaussian, atInference, "WithGaussian WithScaling(AtInference)"}, {rule, unscaled, "WithScaling(Unscaled) WithRule"}, {quotient, atInference, "WithScaling(AtInference) WithRule"},
		{quotient, multiply, "mask.Quotient mask.Multiply"}, {quotient, torch, "mask.Quotient mask.Multiply"}, {multiply, jax, "mask.CompiledQuotient mask.Multiply"},
		{gaussian, torch, "Gaussian pytorch:0 mask.Philox"}, {gaussian, jax, "Gaussian jax:0 mask.Philox"}, {gaussian, count, "WithGaussian WithSharing(FixedCount)"},
		{gaussian, spatialdropout.WithSharing(mask.PerChannel), "WithGaussian WithSharing(PerChannel)"}, {gaussian, spatialdropout.WithSharing(mask.PerSample), "WithGaussian WithSharing(PerSample)"},
		{alpha, count, "WithAlpha WithSharing(FixedCount)"}, {atInference, count, "WithScaling(AtInference) WithSharing(FixedCount)"}, {count, torch, "fixed count pytorch:0 mask.Counter"}, {count, jax, "fixed count jax:0 mask.Counter"},
	} {
		for _, opts := range [][]spatialdropout.Option{{c.a, c.b}, {c.b, c.a}} {
			d, err := spatialdropout.New(0.5, opts...)
			wantError(t, c.words, err, strings.Fields(c.words)...)
			l, lerr := spatialdropout.NewLayer[float32](0.5, opts...)
			wantError(t, "NewLayer "+c.words, lerr, strings.Fields(c.words)...)
			if d != nil || l != nil {
				t.Errorf("%s: a result besides the error", c.words)
			}
		}
	}
	source := func() spatialdropout.Option { return spatialdropout.WithStream(mask.NewSource(rand.NewPCG(1, 2))) }
	for words, opts := range map[string][]spatialdropout.Option{
		"WithStep(3) pytorch:0 WithState":         {torch, spatialdropout.WithStep(3)},
		"WithStep(1) source:*rand.PCG WithState":  {source(), spatialdropout.WithStep(1)},
		"WithSampleOffset(8) WithBatch(8) within": {spatialdropout.WithBatch(8), spatialdropout.WithSampleOffset(8)},
		"CompiledQuotient Multiply":               {jax, multiply},
	} {
		_, err := spatialdropout.New(0.5, opts...)
		wantError(t, words, err, strings.Fields(words)...)
	}
	// What is no contradiction.
	for what, opts := range map[string][]spatialdropout.Option{
		"seed and step": {seed, step}, "a generator and a part of a batch": {generator, spatialdropout.WithBatch(8), spatialdropout.WithSampleOffset(2)},
		"alpha and policy": {alpha, multiply}, "PyTorch and a rule": {torch, rule}, "JAX and another rule": {jax, rule, multiply}, "JAX and alpha": {jax, alpha},
		"alpha and a trial a channel": {alpha, spatialdropout.WithSharing(mask.PerChannel)}, "a count and a rule": {count, quotient}, "PyTorch and alpha": {torch, alpha}, "PyTorch from its first step on": {torch, step}, "a batch of one": {spatialdropout.WithBatch(1)}, "the last sample of a batch": {spatialdropout.WithBatch(8), spatialdropout.WithSampleOffset(7)},
		"the stream and its state": {stream, state}, "a seed and its state": {spatialdropout.WithSeed(0), state}, "JAX unscaled": {jax, unscaled},
	} {
		if _, err := spatialdropout.New(0.5, opts...); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
