package spatialdropout_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
		if gen.State() != (spatialdropout.GeneratorState{Stream: stream().String()}) || first.Generator() != gen || second.Generator() != gen || gen.Stream().String() != stream().String() {
			t.Fatalf("%s: a new generator is at %+v", name, gen.State())
		}
		for round := range 3 {
			for i, x := range shapes {
				equal := func(what string, got, want *mask.Mask) {
					if !got.Equal(want) {
						t.Fatalf("%s, round %d, shape %d, %s: %v, want\n%v", name, round, i, what, got, want)
					}
				}
				equal("first", draw(t, first, x.geom), want.draw(t, x, 0.5, mask.Each))
				equal("second", draw(t, second, x.geom), want.draw(t, x, 0.2, mask.PerSample))
				equal("never", draw(t, never, x.geom), want.draw(t, x, 0, mask.Each))
				forward(t, layer, make([]float32, x.length), x.geom)
				equal("layer", maskOf(t, layer), want.draw(t, x, 0.3, mask.Each))
				forward(t, half, make([]float16, x.length), x.geom)
				equal("layer of halves", maskOf(t, half), want.draw(t, x, 0.7, mask.PerChannel))
				layer.SetTraining(false)
				forward(t, layer, make([]float32, x.length), x.geom) // takes nothing
				layer.SetTraining(true)
				want := spatialdropout.GeneratorState{Stream: stream().String(), Step: want.at.Step, Cursor: want.at.Cursor}
				if gen.State() != want || state(first) != want || state(layer.Dropout()) != want || first.State().GeneratorState != want {
					t.Fatalf("%s: states %+v, %+v and %+v, want %+v", name, gen.State(), state(first), state(layer.Dropout()), want)
				}
			}
		}
	}
}

// What one user of a generator restores, all have.
func TestGeneratorIsRestoredForAll(t *testing.T) {
	x := dense(t, layout.NC, 5, 9)
	gen := spatialdropout.NewGenerator(mask.PyTorch(3))
	a, b := newDropout(t, 0.5, spatialdropout.WithGenerator(gen)), newDropout(t, 0.5, spatialdropout.WithGenerator(gen))
	draw(t, a, x.geom)
	s := gen.State()
	want := [2]*mask.Mask{draw(t, a, x.geom), draw(t, b, x.geom)}
	restore(t, b, s)
	if got := draw(t, a, x.geom); !got.Equal(want[0]) {
		t.Errorf("%v, want\n%v", got, want[0])
	}
	if got := draw(t, b, x.geom); !got.Equal(want[1]) {
		t.Errorf("%v, want\n%v", got, want[1])
	}
}

// A shard has its part of the batch, on a generator that others use as well.
func TestPartsOfABatchDoNotReachOtherUsers(t *testing.T) {
	x := dense(t, layout.NC, 3, 9)
	want := sequence{stream: mask.PyTorch(3)}
	gen := spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.PyTorch(3)))
	part, whole := newDropout(t, 0.5, gen, shardOf(2, 8)), newDropout(t, 0.5, gen)
	for range 3 {
		want.at.Shard = mask.Shard{SampleOffset: 2, Samples: 8}
		if got, want := draw(t, part, x.geom), want.draw(t, x, 0.5, mask.Each); !got.Equal(want) {
			t.Fatalf("%v, want\n%v", got, want)
		}
		want.at.Shard = mask.Shard{}
		if got, want := draw(t, whole, x.geom), want.draw(t, x, 0.5, mask.Each); !got.Equal(want) {
			t.Fatalf("%v, want\n%v", got, want)
		}
	}
}

// A Forward that fails gives its place to the next one, unless another layer has drawn
// meanwhile.
func TestFailedForwardGivesThePlaceBack(t *testing.T) {
	x := dense(t, layout.NC, 5, 9)
	for name, stream := range streams(t) {
		gen := spatialdropout.NewGenerator(stream())
		l := newLayer[float64](t, 0.5, spatialdropout.WithGenerator(gen), shardOf(1, 6))
		d := newDropout(t, 0.5, spatialdropout.WithGenerator(gen))
		undisturbed := newDropout(t, 0.5, spatialdropout.WithStream(stream()))
		want := [2]*mask.Mask{}
		draw(t, undisturbed, x.geom)
		want[0] = draw(t, undisturbed, x.geom)
		draw(t, d, x.geom)
		before := gen.State()
		buf := make([]float64, 100)
		wantError(t, name, l.Forward(buf[1:46], buf[:45], x.geom), "overlap")
		wantError(t, name, l.Forward(buf[:44], buf[:45], x.geom), "dst")
		if gen.State() != before {
			t.Fatalf("%s: at %+v after failed Forwards, was at %+v", name, gen.State(), before)
		}
		if got := draw(t, d, x.geom); !got.Equal(want[0]) {
			t.Fatalf("%s: the next draw is %v, want\n%v", name, got, want[0])
		}
	}
	// A batch with too few samples is what PyTorch's stream refuses.
	l := newLayer[float64](t, 0.5, spatialdropout.WithStream(mask.PyTorch(0)), shardOf(4, 6))
	wantError(t, "a shard too large", l.Forward(make([]float64, 45), make([]float64, 45), x.geom), "samples 4 to 8", "batch of 6")
	if state(l.Dropout()) != (spatialdropout.GeneratorState{Stream: "pytorch:0"}) {
		t.Errorf("a shard too large moves the stream to %+v", state(l.Dropout()))
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
				failed = errors.New("a mask of no step, or a step drawn twice")
			}
			if !places[at] {
				failed = fmt.Errorf("place %+v was taken twice, or is no place of a draw", at)
			}
			delete(places, at)
		}
		for k := range users {
			group.Add(1)
			d, l := newDropout(t, 0.5, gen), newLayer[float32](t, 0.5, gen)
			go func() {
				defer group.Done()
				defer func() {
					if p := recover(); p != nil {
						mu.Lock()
						defer mu.Unlock()
						failed = fmt.Errorf("panic: %v", p)
					}
				}()
				m, data := new(mask.Mask), make([]float32, x.length)
				for range each {
					var err error
					switch k % 3 {
					case 0:
						err = d.DrawInto(m, x.geom)
					case 1:
						var p spatialdropout.Pass
						if p, err = d.Forward(spatialdropout.Of(data, x.geom), spatialdropout.Of(data, x.geom)); err == nil {
							m, err = p.Mask()
						}
					default:
						if err = l.Forward(data, data, x.geom); err == nil {
							m, err = l.Pass().Mask()
						}
					}
					if err != nil {
						panic(err)
					}
					taken(m, advancing.Next(x.geom).Place())
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
	generator, seed, stream := spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.Philox(0))), spatialdropout.WithSeed(1), spatialdropout.WithStream(mask.Philox(0))
	alpha, gaussian, rule := withRule(mask.Alpha), withRule(mask.Gaussian), withRule(mask.Reciprocal)
	atInference, quotient, unscaled := withRule(mask.AtInference), withRule(mask.Quotient), withRule(mask.Unscaled)
	torch, jax := spatialdropout.WithStream(mask.PyTorch(0)), spatialdropout.WithStream(streamOf(t, "jax"))
	count, perChannel, perSample := spatialdropout.WithSharing(mask.FixedCount), spatialdropout.WithSharing(mask.PerChannel), spatialdropout.WithSharing(mask.PerSample)
	multiply := func(r mask.Rule) spatialdropout.Option {
		return spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply, Rule: r})
	}
	nothing := spatialdropout.WithAlways()
	for _, c := range []struct {
		a, b   spatialdropout.Option
		option string // the argument in an *ArgumentError, "" for a *mask.ArgumentError
		words  string
	}{
		{generator, seed, "WithGenerator", "WithGenerator WithSeed"}, {generator, stream, "WithGenerator", "WithGenerator WithStream"}, {generator, torch, "WithGenerator", "WithGenerator WithStream"},
		{seed, stream, "WithSeed", "WithSeed WithStream"}, {seed, torch, "WithSeed", "WithSeed WithStream"},
		{multiply(mask.Quotient), nothing, "", "Quotient Multiply Select"}, {multiply(mask.CompiledQuotient), nothing, "", "CompiledQuotient Multiply Select"},
		{multiply(mask.Quotient), torch, "", "Quotient Multiply Select"}, {multiply(mask.CompiledQuotient), jax, "", "CompiledQuotient Multiply Select"},
		{gaussian, torch, "", "Gaussian pytorch:0 Philox"}, {gaussian, jax, "", "Gaussian jax:0 Philox"}, {gaussian, count, "", "Gaussian FixedCount Each"},
		{gaussian, perChannel, "", "Gaussian PerChannel Each"}, {gaussian, perSample, "", "Gaussian PerSample Each"},
		{alpha, count, "", "Alpha FixedCount"}, {atInference, count, "", "AtInference FixedCount"}, {count, torch, "", "fixed count pytorch:0 Counter"}, {count, jax, "", "fixed count jax:0 Counter"},
	} {
		for _, opts := range [][]spatialdropout.Option{{c.a, c.b}, {c.b, c.a}} {
			d, err := spatialdropout.New(0.5, opts...)
			wantError(t, c.words, err, strings.Fields(c.words)...)
			l, lerr := spatialdropout.NewLayer[float32](0.5, opts...)
			wantError(t, "NewLayer "+c.words, lerr, strings.Fields(c.words)...)
			if d != nil || l != nil {
				t.Errorf("%s: a result besides the error", c.words)
			}
			for _, err := range []error{err, lerr} {
				var arithmetic *mask.ArgumentError
				if c.option == "" && !errors.As(err, &arithmetic) || c.option != "" && !refusesArgument(err, c.option) {
					t.Errorf("%s: %T %v", c.words, err, err)
				}
			}
		}
	}
	// These contradict nothing.
	for what, opts := range map[string][]spatialdropout.Option{
		"a generator and a part of a batch": {generator, shardOf(2, 8)},
		"alpha and policy":                  {multiply(mask.Alpha)}, "PyTorch and a rule": {torch, rule}, "JAX and another rule": {jax, multiply(mask.Reciprocal)}, "JAX and alpha": {jax, alpha},
		"alpha and a trial a channel": {alpha, perChannel}, "a count and a rule": {count, quotient}, "PyTorch and alpha": {torch, multiply(mask.Alpha)},
		"a batch of one": {shardOf(0, 1)}, "the last sample of a batch": {shardOf(7, 8)}, "the last channel": {spatialdropout.WithShard(mask.Shard{ChannelOffset: 7, Channels: 8})},
		"samples of a batch of unknown size": {shardFrom(7)}, "Philox twice": {stream, stream}, "JAX unscaled": {jax, unscaled}, "PyTorch with a quotient": {torch, quotient},
	} {
		if _, err := spatialdropout.New(0.5, opts...); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Of two options of one name the last one counts.
	d := newDropout(t, 0.5, spatialdropout.WithSeed(1), spatialdropout.WithSeed(2), alpha, unscaled, shardFrom(3), shardFrom(0))
	if want := newDropout(t, 0.5, spatialdropout.WithSeed(2), unscaled).State(); d.State() != want {
		t.Errorf("state %+v, want %+v", d.State(), want)
	}
}

// ownStream is a stream of a user that draws each place once.
type ownStream struct{ mask.Counter }

func (ownStream) Once() {}

// The mask of a stream that has Once is kept for the backward pass.
func TestStreamsOfUsersMayDrawEachPlaceOnce(t *testing.T) {
	x := dense(t, layout.NCHW, 3, 5, 2, 2)
	d := newDropout(t, 0.5, spatialdropout.WithStream(ownStream{mask.Source(rand.NewPCG(1, 2))}))
	src, y, dx := make([]float32, x.geom.Len()), make([]float32, x.geom.Len()), make([]float32, x.geom.Len())
	for i := range src {
		src[i] = 1
	}
	first, err := d.Forward(spatialdropout.Of(y, x.geom), spatialdropout.Of(src, x.geom))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Draw(x.geom); err != nil { // the next place
		t.Fatal(err)
	}
	if err := first.Backward(spatialdropout.Of(dx, x.geom), spatialdropout.Of(src, x.geom)); err != nil || !slices.Equal(dx, y) {
		t.Errorf("the gradient of the first draw is %v, %v, want %v", dx, err, y)
	}
}

// What other parts of a program take from a stream between two draws is skipped.
func TestWordsOfOtherCallsAreLeftOut(t *testing.T) {
	x := dense(t, layout.NC, 3, 41)
	for words := range uint64(4) {
		for _, c := range []struct {
			stream mask.Stream
			cursor uint64 // before step 1, if step 0 has drawn nothing
			later  string
		}{
			{mask.PyTorch(5), 0, fmt.Sprintf("pytorch:5/from=%d", 2*3*41+words)},
			{mask.PyTorchMKL(5), 1, fmt.Sprintf("pytorch-mkl:5/from=%d", 1+words)},
		} {
			d := newDropout(t, 0.5, spatialdropout.WithStream(c.stream), spatialdropout.WithSchedule(spatialdropout.Ramp(1)))
			restore(t, d, spatialdropout.GeneratorState{Stream: c.stream.String(), Step: 1, Cursor: c.cursor})
			draw(t, d, x.geom)
			d.Generator().Skip(words)
			later := newDropout(t, 0.5, spatialdropout.WithStream(streamOf(t, c.later)))
			if step := d.State().Step; step != 2 { // on which a Schedule depends
				t.Errorf("%v: step %d after one draw and %d words, want 2", c.stream, step, words)
			}
			resumed, err := spatialdropout.Restore(d.State())
			if err != nil {
				t.Fatal(err)
			}
			want := draw(t, later, x.geom)
			for what, got := range map[string]*mask.Mask{"skipped": draw(t, d, x.geom), "restored": draw(t, resumed, x.geom)} {
				if !got.Equal(want) {
					t.Errorf("%v after %d words, %s:\n%v, want\n%v", c.stream, words, what, got, want)
				}
			}
		}
	}
}

// A generator skips as its stream does, for all of its users, and goes on from there.
func TestGeneratorsSkipAsTheirStreams(t *testing.T) {
	x := dense(t, layout.NC, 3, 41)
	for name, stream := range streams(t) {
		gen := spatialdropout.NewGenerator(stream())
		first, second := newDropout(t, 0.5, spatialdropout.WithGenerator(gen)), newDropout(t, 0.5, spatialdropout.WithGenerator(gen))
		want := sequence{stream: stream()}
		for round := range uint64(3) {
			if got, want := draw(t, first, x.geom), want.draw(t, x, 0.5, mask.Each); !got.Equal(want) {
				t.Errorf("%s, round %d:\n%v, want\n%v", name, round, got, want)
			}
			gen.Skip(5 * round)
			want.at = mask.Skip(want.stream, want.at, 5*round)
			if got, want := draw(t, second, x.geom), want.draw(t, x, 0.5, mask.Each); !got.Equal(want) {
				t.Errorf("%s after skip %d:\n%v, want\n%v", name, round, got, want)
			}
			if state := gen.State(); state.Step != want.at.Step || state.Cursor != want.at.Cursor {
				t.Errorf("%s: %+v, want %+v", name, state, want.at)
			}
		}
	}
}
