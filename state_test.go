package spatialdropout_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// saved returns a state as it is after it was written to a file and read.
func saved(t testing.TB, s spatialdropout.State) spatialdropout.State {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var read spatialdropout.State
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if read != s {
		t.Fatalf("%s is read as %+v, want %+v", text, read, s)
	}
	return read
}

// uncertain is a schedule with rates of 0 and 1, at which streams draw nothing.
type uncertain struct{}

func (uncertain) Rate(rate float64, step uint64) float64 {
	switch step % 4 {
	case 0:
		return 0
	case 2:
		return 1
	}
	return rate
}

// restored returns Dropouts that go on from a state, in every way to do so. stream makes the
// stream of the state.
func restored(t testing.TB, name string, stream func() mask.Stream, s spatialdropout.State, opts ...spatialdropout.Option) map[string]*spatialdropout.Dropout {
	t.Helper()
	of := func(opts ...spatialdropout.Option) *spatialdropout.Dropout {
		d, err := spatialdropout.Restore(s, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	opts = opts[:len(opts):len(opts)]
	all := map[string]*spatialdropout.Dropout{"Restore WithStream": of(append(opts, spatialdropout.WithStream(stream()))...)}
	gen := spatialdropout.NewGenerator(stream())
	if err := gen.Restore(s.GeneratorState); err != nil {
		t.Fatal(err)
	}
	all["Restore WithGenerator"] = of(append(opts, spatialdropout.WithGenerator(gen))...)
	if name == "source" {
		return all
	}
	all["Restore alone"] = of(opts...)
	if name == "philox:5" {
		all["Restore WithSeed"] = of(append(opts, spatialdropout.WithSeed(5))...)
	}
	elsewhere := s
	elsewhere.Step, elsewhere.Cursor = 3, 2
	other, err := spatialdropout.Restore(elsewhere, opts...)
	if err != nil {
		t.Fatal(err)
	}
	draw(t, other, dense(t, layout.NC, 3, 7).geom)
	restore(t, other, s.GeneratorState)
	all["Generator.Restore"] = other
	return all
}

// A run that stops after any step and goes on elsewhere draws what it would have.
func TestStateGoesOnToTheBit(t *testing.T) {
	batches := uneven(t)
	for name, stream := range streams(t) {
		for what, opts := range map[string][]spatialdropout.Option{
			"every step at one rate":   nil,
			"rates of 0 and 1 between": {spatialdropout.WithSchedule(uncertain{})},
			"one trial a sample":       {spatialdropout.WithSharing(mask.PerSample)},
			"one trial a channel":      {spatialdropout.WithSharing(mask.PerChannel), spatialdropout.WithSchedule(uncertain{})},
		} {
			d := newDropout(t, 0.35, append(opts[:len(opts):len(opts)], spatialdropout.WithStream(stream()))...)
			var states []spatialdropout.State
			var want []*mask.Mask
			for _, x := range batches {
				states = append(states, saved(t, d.State()))
				want = append(want, draw(t, d, x.geom))
			}
			for stop, s := range states {
				if s.Step != uint64(stop) || s.Stream != d.Generator().Stream().String() {
					t.Fatalf("%s: state %+v after %d steps", name, s, stop)
				}
				for how, other := range restored(t, name, stream, s, opts...) {
					if other.State() != s {
						t.Fatalf("%s, %s: state %+v, want %+v", name, how, other.State(), s)
					}
					for i := stop; i < len(batches); i++ {
						if got := draw(t, other, batches[i].geom); !got.Equal(want[i]) {
							t.Fatalf("%s, %s, %s, stopped at %d: step %d is %v, want\n%v", name, what, how, stop, i, got, want[i])
						}
					}
					if other.State() != d.State() {
						t.Fatalf("%s, %s: in the end at %+v, want %+v", name, how, other.State(), d.State())
					}
				}
			}
		}
	}
}

// A Layer's state is that of its Dropout. Evaluation does not move it.
func TestLayerGoesOnToTheBit(t *testing.T) {
	batches := uneven(t)
	train := func(l *spatialdropout.Layer[float32], x tensor) []float32 {
		l.SetTraining(false)
		forward(t, l, filled[float32](x.length, 1), x.geom)
		l.SetTraining(true)
		y := forward(t, l, filled[float32](x.length, 1), x.geom)
		return append(y, backward(t, l, filled[float32](x.length, -3), x.geom)...)
	}
	for name, stream := range streams(t) {
		opts := func() []spatialdropout.Option {
			return []spatialdropout.Option{spatialdropout.WithStream(stream()), spatialdropout.WithSchedule(spatialdropout.Ramp(5))}
		}
		l := newLayer[float32](t, 0.5, opts()...)
		for _, x := range batches[:4] {
			train(l, x)
		}
		s := saved(t, l.Dropout().State())
		a, b := newLayer[float32](t, 0.5, opts()...), newLayer[float32](t, s.Rate, opts()...)
		restore(t, a.Dropout(), s.GeneratorState)
		restore(t, b.Dropout(), saved(t, a.Dropout().State()).GeneratorState)
		for i, x := range batches[4:] {
			want := train(l, x)
			if !same(train(a, x), want) || !same(train(b, x), want) {
				t.Fatalf("%s: step %d is another", name, 4+i)
			}
			if a.Dropout().State() != l.Dropout().State() || b.Dropout().State() != l.Dropout().State() {
				t.Fatalf("%s: states %v and %v, want %v", name, a.Dropout().State(), b.Dropout().State(), l.Dropout().State())
			}
		}
	}
}

// wantStateError reports unless err refuses a state and says all the words.
func wantStateError(t testing.TB, what string, err error, words ...string) {
	t.Helper()
	wantError(t, what, err, words...)
	if !refusesArgument(err, "state") {
		t.Errorf("%s: %T %v, want an *ArgumentError of the state", what, err, err)
	}
}

func TestStateOfAnotherStreamIsAnError(t *testing.T) {
	g := dense(t, layout.NC, 3, 7).geom
	for _, c := range []struct{ have, given string }{
		{"philox:5", "philox:6"}, {"philox:5", "pytorch:5"}, {"pytorch:5", "pytorch-mkl:5"}, {"jax:5", "jax:5/fold"}, {"tensorflow:5,6/float16", "tensorflow:5,6"},
		{"philox:5", ""}, {"philox:5", "nonsense"}, {"philox:5", "philox:5 "}, {"philox:5", "source:*rand.PCG"},
	} {
		d := newDropout(t, 0.5, spatialdropout.WithStream(streamOf(t, c.have)))
		draw(t, d, g)
		before := state(d)
		s := spatialdropout.State{Rate: 0.5, GeneratorState: spatialdropout.GeneratorState{Stream: c.given, Step: 9, Cursor: 4}}
		wantStateError(t, "Generator.Restore of "+c.given, d.Generator().Restore(s.GeneratorState), `"`+c.given+`"`, `"`+c.have+`"`)
		if state(d) != before {
			t.Errorf("a state of %q was refused and moved %q to %v", c.given, c.have, state(d))
		}
		for what, opt := range map[string]spatialdropout.Option{"WithStream": spatialdropout.WithStream(streamOf(t, c.have)), "WithGenerator": spatialdropout.WithGenerator(d.Generator())} {
			other, err := spatialdropout.Restore(s, opt)
			wantStateError(t, "Restore "+what+" of "+c.given, err, `"`+c.given+`"`, `"`+c.have+`"`)
			if other != nil {
				t.Errorf("Restore %s of %s: a result besides the error", what, c.given)
			}
		}
	}
	_, err := spatialdropout.Restore(spatialdropout.State{GeneratorState: spatialdropout.GeneratorState{Stream: "philox:5"}}, spatialdropout.WithSeed(4))
	wantStateError(t, "WithSeed and the state of another", err, `"philox:5"`, `"philox:4"`)
}

// A state's stream may be written in every way that ParseStream reads.
func TestStateTakesWhatParseStreamReads(t *testing.T) {
	for text, want := range map[string]string{
		"philox": "philox:0", "philox:0x10": "philox:16", "pytorch:-1": "pytorch:18446744073709551615", "jax:0,7": "jax:7", "jax:7/x64/fold": "jax:7/fold/x64", "tensorflow:3/float32": "tensorflow:3,0",
	} {
		s := spatialdropout.State{Rate: 0.5, GeneratorState: spatialdropout.GeneratorState{Stream: text, Step: 6}}
		for what, opts := range map[string][]spatialdropout.Option{
			"alone": nil, "WithStream": {spatialdropout.WithStream(streamOf(t, want))},
		} {
			d, err := spatialdropout.Restore(s, opts...)
			if err != nil {
				t.Errorf("Restore %s of %q: %v", what, text, err)
				continue
			}
			if got := state(d); got != (spatialdropout.GeneratorState{Stream: want, Step: 6}) {
				t.Errorf("Restore %s of %q is at %+v", what, text, got)
			}
		}
		gen := spatialdropout.NewGenerator(streamOf(t, want))
		if _, err := spatialdropout.Restore(s, spatialdropout.WithGenerator(gen)); err != nil || gen.State().Step != 0 {
			t.Errorf("Restore WithGenerator of %q: %v, the generator is at %+v", text, err, gen.State())
		}
		if err := gen.Restore(s.GeneratorState); err != nil {
			t.Errorf("Generator.Restore of %q: %v", text, err)
		}
	}
}

func TestHostileStatesAreErrors(t *testing.T) {
	for text, word := range map[string]string{
		"": "one of philox", "nothing:3": "one of philox", "philox:": "whole number", "philox:-1": "seed -1", "philox:1,2": "2 numbers", "philox:1/fold": "this stream takes none", "philox:0\n": "whole number",
		"pytorch:99999999999999999999999": "99999999999999999999999", "jax:5/fast": "fold, original, x64", "flax-linen:1/call=0": `call "0"`, "keras-jax:-1": "seed -1",
		"source:*rand.PCG": "that Source makes", "philox:" + strings.Repeat("9", 1<<16): "want 4096 at most", "PHILOX:1": "one of philox", "philox:1e3": "whole number", "\x00": "one of philox",
	} {
		d, err := spatialdropout.Restore(spatialdropout.State{Rate: 0.5, GeneratorState: spatialdropout.GeneratorState{Stream: text}})
		wantError(t, "Restore of "+text[:min(len(text), 40)], err, "mask: stream", word)
		if !refusesArgument(err, "stream") || !strings.HasPrefix(err.Error(), "mask: stream "+excerpt.Quote(text)+": ") {
			t.Errorf("%.40q: %T, want a *mask.ArgumentError of the stream", text, err)
		}
		if d != nil {
			t.Errorf("%.40q: a result besides the error", text)
		}
	}
	philox := spatialdropout.GeneratorState{Stream: "philox:1"}
	for what, c := range map[string]struct {
		state spatialdropout.State
		words []string
	}{
		"a rate":                     {spatialdropout.State{Rate: math.NaN(), GeneratorState: philox}, []string{"NaN", "0 to 1"}},
		"a policy":                   {spatialdropout.State{GeneratorState: philox, Arithmetic: mask.Arithmetic{Policy: 9}}, []string{"Policy(9)"}},
		"a rule":                     {spatialdropout.State{GeneratorState: philox, Arithmetic: mask.Arithmetic{Rule: 99}}, []string{"Rule(99)"}},
		"an evaluation":              {spatialdropout.State{GeneratorState: philox, Arithmetic: mask.Arithmetic{Rule: mask.Expectation}}, []string{"Expectation", "AtInference"}},
		"a sharing":                  {spatialdropout.State{GeneratorState: philox, Sharing: 7}, []string{"Sharing(7)"}},
		"a shard":                    {spatialdropout.State{GeneratorState: philox, Shard: mask.Shard{ChannelOffset: 4, Channels: 4}}, []string{"WithShard", "ChannelOffset:4"}},
		"contradictions":             {spatialdropout.State{GeneratorState: philox, Arithmetic: mask.Arithmetic{Rule: mask.Gaussian}, Sharing: mask.PerSample}, []string{"Gaussian", "PerSample"}},
		"a schedule that is no data": {spatialdropout.State{GeneratorState: philox, Scheduled: true}, []string{"schedule", "WithSchedule"}},
	} {
		d, err := spatialdropout.Restore(c.state)
		wantError(t, what, err, c.words...)
		if d != nil {
			t.Errorf("%s: a result besides the error", what)
		}
	}
}

// A state comes from a file. Errors quote little of it.
func TestStatesOfLongStreamsAreRefused(t *testing.T) {
	long := strings.Repeat("p", 4<<20)
	gen := spatialdropout.NewGenerator(mask.Philox(1))
	for what, f := range map[string]func() error{
		"Restore": func() error {
			_, err := spatialdropout.Restore(spatialdropout.State{GeneratorState: spatialdropout.GeneratorState{Stream: long}})
			return err
		},
		"Restore with a generator": func() error {
			_, err := spatialdropout.Restore(spatialdropout.State{GeneratorState: spatialdropout.GeneratorState{Stream: long}}, spatialdropout.WithGenerator(gen))
			return err
		},
		"Generator.Restore": func() error { return gen.Restore(spatialdropout.GeneratorState{Stream: long}) },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := f()
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "4194304") || took > 1<<20 {
			t.Errorf("%s: %.200v, and %d bytes of memory", what, err, took)
		}
	}
}

// Numbers that no run reaches are drawn like others, and step over.
func TestStatesAtTheEndOfTheNumbersDraw(t *testing.T) {
	x := dense(t, layout.NC, 40, 31)
	for _, text := range streamTexts() {
		for _, at := range [][2]uint64{{math.MaxUint64, 0}, {math.MaxUint64, math.MaxUint64}, {0, math.MaxUint64}, {1 << 32, 1<<63 - 7}} {
			s := spatialdropout.GeneratorState{Stream: streamOf(t, text).String(), Step: at[0], Cursor: at[1]}
			a, b := newDropout(t, 0.5, spatialdropout.WithStream(streamOf(t, text))), newDropout(t, 0.5, spatialdropout.WithStream(streamOf(t, text)))
			restore(t, a, s)
			restore(t, b, s)
			if m := draw(t, a, x.geom); !m.Equal(draw(t, b, x.geom)) || m.CountKept() < 400 || m.CountKept() > 840 {
				t.Errorf("%s at %v keeps %d of 1240", text, at, m.CountKept())
			}
			if step(a) != at[0]+1 {
				t.Errorf("%s at %v goes on to step %d", text, at, step(a))
			}
		}
	}
}

// A source that begins anew with its seed is passed on to where it was.
func TestSourceGoesOnFromItsSeed(t *testing.T) {
	stream := func(seed uint64) spatialdropout.Option {
		return spatialdropout.WithStream(mask.Source(rand.NewPCG(seed, 8)))
	}
	batches := uneven(t)
	d := newDropout(t, 0.5, stream(1), spatialdropout.WithSharing(mask.FixedCount))
	for _, x := range batches[:5] {
		draw(t, d, x.geom)
	}
	s := saved(t, d.State())
	if s.Stream != "source:*rand.PCG" || s.Step != 5 || s.Cursor != 5*13+5*13+2*13+5*13+5*13 {
		t.Errorf("state %+v", s)
	}
	fresh := newDropout(t, 0.5, stream(1), spatialdropout.WithSharing(mask.FixedCount))
	restore(t, fresh, s.GeneratorState)
	other, err := spatialdropout.Restore(s, stream(2))
	if err != nil {
		t.Fatal(err)
	}
	differs := false
	for i, x := range batches[5:] {
		want := draw(t, d, x.geom)
		if got := draw(t, fresh, x.geom); !got.Equal(want) {
			t.Errorf("step %d is %v, want\n%v", 5+i, got, want)
		}
		differs = differs || !draw(t, other, x.geom).Equal(want)
	}
	if !differs {
		t.Error("a source with another seed draws the same")
	}
}

// Feature maps without elements have a mask all the same. What PyTorch draws for
// them, nothing, does not bring a source out of step.
func TestEmptyFeatureMapsKeepStreamsInStep(t *testing.T) {
	empty, x := dense(t, layout.NCHW, 3, 5, 0, 4), dense(t, layout.NCHW, 3, 5, 2, 4)
	for name, stream := range streams(t) {
		for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample} {
			opts := []spatialdropout.Option{spatialdropout.WithSharing(sharing)}
			d := newDropout(t, 0.5, append(opts, spatialdropout.WithStream(stream()))...)
			if m := draw(t, d, empty.geom); m.Samples() != 3 || m.Channels() != 5 {
				t.Fatalf("%s: a mask of %d×%d", name, m.Samples(), m.Channels())
			}
			s := saved(t, d.State())
			if strings.HasPrefix(name, "pytorch") && sharing == mask.Each {
				first := newDropout(t, 0.5, append(opts, spatialdropout.WithStream(stream()))...)
				if got, want := draw(t, d, x.geom), draw(t, first, x.geom); !got.Equal(want) {
					t.Errorf("%s: after an empty batch %v, want\n%v", name, got, want)
				}
				continue
			}
			want := draw(t, d, x.geom)
			for how, other := range restored(t, name, stream, s) {
				if got := draw(t, other, x.geom); !got.Equal(want) {
					t.Errorf("%s, %s, %v: after an empty batch %v, want\n%v", name, how, sharing, got, want)
				}
			}
		}
	}
}

// A state is plain data from which another process goes on to the bit, with any options.
func TestStateRestoresEveryOption(t *testing.T) {
	g := dense(t, layout.NC, 5, 9).geom
	x := dense(t, layout.NCHW, 3, 13, 2, 3)
	r := rand.New(rand.NewPCG(1, 46))
	for name, opts := range variants() {
		l := newLayer[float32](t, 0.4, opts()...)
		for range 2 {
			draw(t, l.Dropout(), g)
		}
		s := saved(t, l.Dropout().State())
		if s.Rate != 0.4 || s.Step != 2 || s.Scheduled != (name == "a schedule") || s.Always != (name == "always" || name == "alpha dropout from a source, always") {
			t.Errorf("%s: state %+v", name, s)
		}
		// What a state cannot hold.
		var missing []spatialdropout.Option
		switch name {
		case "a schedule":
			missing = append(missing, spatialdropout.WithSchedule(wave{}))
			d, err := spatialdropout.Restore(s)
			if wantStateError(t, name, err, "schedule", "WithSchedule"); d != nil {
				t.Errorf("%s: a result besides the error", name)
			}
		case "a source", "a count from a source", "alpha dropout from a source, always":
			missing = append(missing, spatialdropout.WithStream(mask.Source(rand.NewPCG(7, 8))))
			d, err := spatialdropout.Restore(s)
			if !refusesArgument(err, "stream") || !strings.HasPrefix(err.Error(), `mask: stream "source:*rand.PCG": `) || d != nil {
				t.Errorf("%s: %v, %v, want a *mask.ArgumentError of the stream", name, d, err)
			}
		}
		d, err := spatialdropout.Restore(s, missing...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d.State() != s || d.Rate() != l.Dropout().Rate() {
			t.Errorf("%s: restored as %+v with rate %v, want %+v with %v", name, d.State(), d.Rate(), s, l.Dropout().Rate())
		}
		for i := range 3 {
			src, dy := values[float32](r, x.length), values[float32](r, x.length)
			y, dx := make([]float32, x.length), make([]float32, x.length)
			forwards := d.Forward
			if l.SetTraining(i != 1); i == 1 {
				forwards = d.Evaluate
			}
			p, err := forwards(spatialdropout.Of(y, x.geom), spatialdropout.Of(src, x.geom))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !same(y, forward(t, l, src, x.geom)) {
				t.Fatalf("%s: output %d of the restored is another", name, i)
			}
			if err := p.Backward(spatialdropout.Of(dx, x.geom), spatialdropout.Of(dy, x.geom)); err != nil {
				t.Fatal(err)
			}
			if !same(dx, backward(t, l, dy, x.geom)) {
				t.Fatalf("%s: gradient %d of the restored is another", name, i)
			}
			if d.State() != l.Dropout().State() || p.Place() != l.Pass().Place() {
				t.Fatalf("%s: restored at %+v, want %+v", name, d.State(), l.Dropout().State())
			}
		}
	}
}

// Options replace what a state holds, and a shared generator is left where it is.
func TestRestoreTakesOptions(t *testing.T) {
	s := newDropout(t, 0.4, spatialdropout.WithSeed(5), spatialdropout.WithSharing(mask.PerChannel), spatialdropout.WithSchedule(spatialdropout.Ramp(9)), shardOf(1, 4)).State()
	want := s
	want.Sharing, want.Ramp, want.Shard, want.Always, want.Arithmetic = mask.Each, 3, mask.Shard{}, true, mask.Arithmetic{Rule: mask.Unscaled}
	d, err := spatialdropout.Restore(s, spatialdropout.WithSharing(mask.Each), spatialdropout.WithSchedule(spatialdropout.Ramp(3)), spatialdropout.WithShard(mask.Shard{}), spatialdropout.WithAlways(), withRule(mask.Unscaled))
	if err != nil || d.State() != want {
		t.Errorf("%v, state %+v, want %+v", err, d.State(), want)
	}
	gen := spatialdropout.NewGenerator(mask.Philox(5))
	other := newDropout(t, 0.5, spatialdropout.WithGenerator(gen))
	draw(t, other, dense(t, layout.NC, 2, 2).geom)
	s.Step = 7
	d, err = spatialdropout.Restore(s, spatialdropout.WithGenerator(gen))
	if err != nil || d.Generator() != gen || gen.State().Step != 1 {
		t.Errorf("%v, a shared generator is at %+v, want step 1", err, gen.State())
	}
	for what, opts := range map[string][]spatialdropout.Option{
		"WithGenerator": {spatialdropout.WithGenerator(gen), spatialdropout.WithSeed(5)}, "WithSeed": {spatialdropout.WithSeed(5), spatialdropout.WithStream(mask.Philox(5))},
	} {
		_, err := spatialdropout.Restore(s, opts...)
		if !refusesArgument(err, what) {
			t.Errorf("%v, want an *ArgumentError of %s", err, what)
		}
	}
}

func testRestoredLayer[T number](t *testing.T) {
	x := dense(t, layout.NHWC, 3, 2, 3, 13)
	kind := kindOf[T]().tensor(nil, x.geom).Data.Kind()
	r := rand.New(rand.NewPCG(2, 47))
	l, err := spatialdropout.LayerOf[T](kind, newDropout(t, 0.4, spatialdropout.WithSeed(3), spatialdropout.WithAlways()))
	if err != nil {
		t.Fatal(err)
	}
	y := make([]T, x.length)
	if err := l.Forward(y, values[T](r, x.length), x.geom); err != nil {
		t.Fatal(err)
	}
	d, err := spatialdropout.Restore(saved(t, l.Dropout().State()))
	if err != nil {
		t.Fatal(err)
	}
	restored, err := spatialdropout.LayerOf[T](kind, d)
	if err != nil {
		t.Fatal(err)
	}
	var backward *spatialdropout.UseError
	if err := restored.Backward(y, y, x.geom); !errors.As(err, &backward) || !restored.Training() {
		t.Errorf("restored as training %v with a Backward that gives %v, want training without a pass", restored.Training(), err)
	}
	for i := range 3 {
		l.SetTraining(i != 1)
		restored.SetTraining(i != 1)
		src := values[T](r, x.length)
		want, got := make([]T, x.length), make([]T, x.length)
		for _, err := range []error{l.Forward(want, src, x.geom), restored.Forward(got, src, x.geom), l.Backward(want, want, x.geom), restored.Backward(got, got, x.geom)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !same(got, want) {
			t.Errorf("%v: step %d of the restored layer is another", kind, i)
		}
	}
}

func TestLayerOfARestoredDropoutGoesOn(t *testing.T) {
	t.Run("float32", testRestoredLayer[float32])
	t.Run("float64", testRestoredLayer[float64])
	t.Run("float16", testRestoredLayer[float16])
	t.Run("bfloat16", testRestoredLayer[bfloat16])
}
