package spatialdropout_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// streamTexts are streams of every name, with each of their options.
func streamTexts() []string {
	var all []string
	for _, name := range mask.StreamNames() {
		all = append(all, name+":5")
	}
	return append(all,
		"philox:18446744073709551615", "pytorch:-3", "tensorflow:5,-6", "tensorflow:5/float64", "tensorflow:5/float16", "tensorflow:5/bfloat16", "tensorflow:5/xla", "tensorflow:5/float64/xla", "keras-tensorflow:-5/bfloat16",
		"jax:5/fold", "jax:5/original", "jax:7,8/x64", "jax:5/fold/x64/original", "flax-linen:5/fold/path=Block_0.Dropout_0/call=2", "flax-nnx:5/x64/count=3", "keras-jax:5/x64",
	)
}

// streamOf returns the stream of a text, a new one with each call.
func streamOf(t testing.TB, text string) mask.Stream {
	t.Helper()
	s, err := mask.ParseStream(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// streams are those of streamTexts, and one of a source of random numbers. A call
// returns one that nobody has drawn from.
func streams(t testing.TB) map[string]func() mask.Stream {
	all := map[string]func() mask.Stream{
		"source": func() mask.Stream { return mask.Source(rand.NewPCG(5, 6)) },
	}
	for _, text := range streamTexts() {
		all[text] = func() mask.Stream { return streamOf(t, text) }
	}
	return all
}

// rewinds reports whether places of a stream can be drawn in any order.
func rewinds(s mask.Stream) bool {
	_, source := s.(interface{ Once() })
	return !source
}

// callOf returns the call with the policy, rule and rate of a mask.
func callOf(m *mask.Mask) call {
	return call{rate: m.Rate(), policy: m.Arithmetic().Policy, rule: m.Arithmetic().Rule}
}

// checkPass makes Forward, Backward and AddTo of a pass, whose mask must be m, on the
// tier in use, and compares with the oracle.
func checkPass[T number](x tensor, c call, m *mask.Mask, p spatialdropout.Pass, dst, src []T) error {
	if err := checkForward(x, c, m, p.Forward, dst, src); err != nil {
		return err
	}
	if c.rule == mask.Alpha {
		c.rule = mask.AlphaGradient
	}
	if err := checkForward(x, c, m, p.Backward, dst, src); err != nil {
		return fmt.Errorf("Backward: %w", err)
	}
	c.add = true
	return checkForward(x, c, m, p.AddTo, dst, src)
}

// checkForward makes one call of a pass.
func checkForward[T number](x tensor, c call, m *mask.Mask, do func(dst, src spatialdropout.Tensor) error, dst, src []T) error {
	k := kindOf[T]()
	return checkDo(x, c, m, dst, src, func(dst, src []T, _ int) error {
		return do(k.tensor(dst, x.geom), k.tensor(src, x.geom))
	}, 0)
}

// sharedBy returns a Dropout that does as d does, on the same generator, with so many
// workers.
func sharedBy(t testing.TB, d *spatialdropout.Dropout, workers int) *spatialdropout.Dropout {
	t.Helper()
	other, err := spatialdropout.Restore(d.State(), spatialdropout.WithGenerator(d.Generator()), spatialdropout.WithWorkers(workers))
	if err != nil {
		t.Fatal(err)
	}
	return other
}

func testPass[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 20))
	all := tensors(t)
	for j, text := range streamTexts() {
		drawing := newDropout(t, 0.4, spatialdropout.WithStream(streamOf(t, text)))
		applying := newDropout(t, 0.4, spatialdropout.WithStream(streamOf(t, text)))
		alone, three := sharedBy(t, applying, 1), sharedBy(t, applying, 3)
		for i, x := range all {
			if (i+j)%4 > 0 && (instrumented || testing.Short()) {
				continue // each stream has some of the tensors, and each tensor some of the streams
			}
			p := applying.Next(x.geom)
			m := draw(t, drawing, x.geom)
			dst, src := operands[T](r, x)
			c := callOf(m)
			c.inPlace = i%3 == 0
			for workers, p := range map[int]spatialdropout.Pass{0: p, 1: alone.At(p.Place(), x.geom), 3: three.At(p.Place(), x.geom)} {
				if err := checkPass(x, c, m, p, dst, src); err != nil {
					t.Fatalf("%s, %s, %d workers: %v", text, x.name, workers, err)
				}
			}
		}
		if state(applying) != state(drawing) {
			t.Errorf("%s: %v after Next, %v after as many Draws", text, state(applying), state(drawing))
		}
	}
}

// A pass uses the mask that Draw would give, whatever draws it.
func TestPassIsDrawAndApply(t *testing.T) {
	t.Run("float32", testPass[float32])
	t.Run("float64", testPass[float64])
	t.Run("named float32", testPass[named32])
	t.Run("named float64", testPass[named64])
	t.Run("float16", testPass[float16])
	t.Run("bfloat16", testPass[bfloat16])
}

func testForward[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 25))
	for name, stream := range streams(t) {
		drawing, applying := newDropout(t, 0.4, spatialdropout.WithStream(stream())), newDropout(t, 0.4, spatialdropout.WithStream(stream()))
		for i, x := range tensors(t) {
			if i%5 != 0 {
				continue
			}
			m := draw(t, drawing, x.geom)
			dst, src := operands[T](r, x)
			var p spatialdropout.Pass
			c := callOf(m)
			err := checkForward(x, c, m, func(dst, src spatialdropout.Tensor) (err error) {
				p, err = applying.Forward(dst, src)
				return err
			}, dst, src)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, x.name, err)
			}
			if err := checkPass(x, c, m, p, dst, src); err != nil {
				t.Fatalf("%s, %s, the pass that Forward returns: %v", name, x.name, err)
			}
			if got, err := p.Mask(); err != nil || !got.Equal(m) {
				t.Fatalf("%s, %s: mask %v, %v, want\n%v", name, x.name, got, err, m)
			}
			if p.Place().Step != uint64(i/5) || state(applying) != state(drawing) {
				t.Fatalf("%s, %s: step %d, then %+v, want %+v", name, x.name, p.Place().Step, state(applying), state(drawing))
			}
			// Evaluation draws nothing and takes no step.
			y := make([]T, len(src))
			if _, err := applying.Evaluate(k.tensor(y, x.geom), k.tensor(src, x.geom)); err != nil || state(applying) != state(drawing) {
				t.Fatalf("%s, %s: %v, evaluation moves the stream to %+v", name, x.name, err, state(applying))
			}
		}
	}
}

// Forward is Draw and Apply, and its pass is that of the mask, of a source, too.
func TestForwardIsDrawAndApply(t *testing.T) {
	t.Run("float32", testForward[float32])
	t.Run("float64", testForward[float64])
	t.Run("float16", testForward[float16])
	t.Run("bfloat16", testForward[bfloat16])
}

// drawnCall is a pass and what Draw made of its place.
type drawnCall struct {
	pass spatialdropout.Pass
	x    tensor
	m    *mask.Mask
	src  []float32
}

// uneven are tensors like those of some epochs, the last batch of which is smaller.
func uneven(t testing.TB) []tensor {
	full, last := dense(t, layout.NCHW, 5, 13, 2, 3), dense(t, layout.NCHW, 2, 13, 2, 3)
	return []tensor{full, full, last, full, full, last, dense(t, layout.NHWC, 1, 3, 1, 70), full, last}
}

// steps returns places that follow each other, with the masks that Draw gives there.
func steps(t testing.TB, applying, drawing *spatialdropout.Dropout) []drawnCall {
	var all []drawnCall
	for i, x := range uneven(t) {
		c := drawnCall{pass: applying.Next(x.geom), x: x, m: draw(t, drawing, x.geom), src: make([]float32, x.length)}
		if got := c.pass.Place().Step; got != uint64(i) || step(applying) != uint64(i+1) {
			t.Fatalf("Next %d gives step %d and goes on to %d", i, got, step(applying))
		}
		for k := range c.src {
			c.src[k] = float32(k%17) - 8.25
		}
		all = append(all, c)
	}
	return all
}

// check draws the place again.
func (c *drawnCall) check() error {
	return checkPass(c.x, callOf(c.m), c.m, c.pass, make([]float32, c.x.length), c.src)
}

// checkOnce draws the place once.
func (c *drawnCall) checkOnce() error {
	return checkForward(c.x, callOf(c.m), c.m, c.pass.Forward, make([]float32, c.x.length), c.src)
}

// A backward pass draws the steps of a forward pass from the last to the first. One that
// computes activations again draws some twice, and goroutines draw several concurrently.
func TestStepsMayBeDrawnInAnyOrderAndAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 21))
	for name, stream := range streams(t) {
		if !rewinds(stream()) {
			continue
		}
		d := newDropout(t, 0.35, spatialdropout.WithStream(stream()))
		all := steps(t, d, newDropout(t, 0.35, spatialdropout.WithStream(stream())))
		before := state(d)
		for i := len(all) - 1; i >= 0; i-- {
			if err := all[i].check(); err != nil {
				t.Fatalf("%s, backwards, step %d: %v", name, i, err)
			}
		}
		for range 3 {
			for _, i := range r.Perm(len(all)) {
				if err := all[i].check(); err != nil {
					t.Fatalf("%s, in any order, step %d: %v", name, i, err)
				}
			}
		}
		var group sync.WaitGroup
		errs := make(chan error, 4)
		for k := range cap(errs) {
			group.Add(1)
			go func() {
				defer group.Done()
				for i := range all {
					i = (i*5 + k) % len(all) // 5 and 9 have no divisor in common
					if err := all[i].check(); err != nil {
						errs <- fmt.Errorf("step %d: %w", i, err)
						return
					}
				}
			}()
		}
		group.Wait()
		close(errs)
		for err := range errs {
			t.Errorf("%s, concurrently: %v", name, err)
		}
		if state(d) != before {
			t.Errorf("%s: passes moved the stream from %v to %v", name, before, state(d))
		}
	}
}

// The numbers of a source go by once: its places are drawn forward only.
func TestStepsOfASourceMayBeDrawnForwardOnce(t *testing.T) {
	stream := streams(t)["source"]
	d := newDropout(t, 0.35, spatialdropout.WithStream(stream()))
	all := steps(t, d, newDropout(t, 0.35, spatialdropout.WithStream(stream())))
	for i := range all {
		if i == 3 {
			continue // the numbers of a step that nobody draws are passed over
		}
		if err := all[i].checkOnce(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	dst := filled[float32](all[3].x.length, 7)
	for _, i := range []int{3, len(all) - 1} {
		c := all[i]
		to, from := spatialdropout.Of(dst[:c.x.length], c.x.geom), spatialdropout.Of(c.src, c.x.geom)
		for name, do := range calledBy(c.pass) {
			wantError(t, name+" of a step gone by", do(to, from), "source:*rand.PCG", "cannot go back")
		}
	}
	if !same(dst, filled[float32](len(dst), 7)) {
		t.Error("dst was written")
	}
	m, err := all[0].pass.Mask()
	wantError(t, "Mask of a step gone by", err, "cannot go back")
	if m != nil {
		t.Error("a mask besides the error")
	}
	restore(t, d, spatialdropout.GeneratorState{Stream: d.Generator().Stream().String()})
	before := state(d)
	_, err = d.Draw(all[0].x.geom)
	wantError(t, "Draw after going back", err, "cannot go back")
	m = new(mask.Mask)
	wantError(t, "DrawInto after going back", d.DrawInto(m, all[0].x.geom), "cannot go back")
	if want := all[0].x.samples * all[0].x.channels; m.CountKept() != want {
		t.Errorf("a draw that failed keeps %d, want all %d", m.CountKept(), want)
	}
	if state(d) != before {
		t.Errorf("draws that failed moved the stream to %+v", state(d))
	}
}

// calledBy returns the calls of a pass.
func calledBy(p spatialdropout.Pass) map[string]func(dst, src spatialdropout.Tensor) error {
	return map[string]func(dst, src spatialdropout.Tensor) error{"Forward": p.Forward, "Backward": p.Backward, "AddTo": p.AddTo}
}

// Next and Draw take from the same steps.
func TestNextTakesAStepOnce(t *testing.T) {
	for name, stream := range streams(t) {
		d, drawing := newDropout(t, 0.35, spatialdropout.WithStream(stream())), newDropout(t, 0.35, spatialdropout.WithStream(stream()))
		for i, x := range uneven(t) {
			want := draw(t, drawing, x.geom)
			got := new(mask.Mask)
			var err error
			if i%2 == 0 {
				drawInto(t, d, got, x.geom)
			} else if got, err = d.At(d.Next(x.geom).Place(), x.geom).Mask(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !got.Equal(want) || state(d) != state(drawing) {
				t.Fatalf("%s, step %d: %v, want\n%v", name, i, got, want)
			}
		}
	}
}

// A place holds the part of the batch that a Dropout draws, and may be given another.
func TestPlaceSaysWhichPartOfTheBatch(t *testing.T) {
	whole, part := dense(t, layout.NC, 9, 21), dense(t, layout.NC, 3, 21)
	for _, text := range streamTexts() {
		want := draw(t, newDropout(t, 0.35, spatialdropout.WithStream(streamOf(t, text))), whole.geom)
		d := newDropout(t, 0.35, spatialdropout.WithStream(streamOf(t, text)), shardOf(3, 9))
		at := d.Next(part.geom).Place()
		if at.SampleOffset != 3 || at.Samples != 9 {
			t.Fatalf("%s: place %+v, want offset 3 of 9", text, at)
		}
		for _, from := range []int{3, 0, 6} {
			at.SampleOffset = uint64(from)
			ones, got := filled[float64](part.length, 1), make([]float64, part.length)
			if err := d.At(at, part.geom).Forward(spatialdropout.Of(got, part.geom), spatialdropout.Of(ones, part.geom)); err != nil {
				t.Fatal(err)
			}
			for _, p := range part.places {
				if kept := got[p.at] != 0; kept != want.Kept(from+p.n, p.c) {
					t.Fatalf("%s: samples from %d: channel %d of sample %d is %v", text, from, p.c, p.n, got[p.at])
				}
			}
		}
	}
}

func testPasses[T number](t *testing.T) {
	x := dense(t, layout.NHWC, 3, 4, 3, 29)
	r := rand.New(rand.NewPCG(1, 22))
	for _, text := range []string{"philox:5", "pytorch:5", "jax:5", "tensorflow:5"} {
		for _, alpha := range []bool{false, true} {
			stream := streamOf(t, text)
			opts := []spatialdropout.Option{spatialdropout.WithStream(stream)}
			if alpha {
				opts = append(opts, withRuleOn(stream, mask.Alpha))
			}
			d := newDropout(t, 0.3, opts...)
			p := d.Next(x.geom)
			if step(d) != 1 {
				t.Fatalf("%s: step %d after the first", text, step(d))
			}
			m, err := p.Mask()
			if err != nil {
				t.Fatal(err)
			}
			if a := m.Arithmetic(); alpha && (a.Rule != mask.Alpha || a.Policy != stream.Arithmetic().Policy) || !alpha && a != stream.Arithmetic() {
				t.Fatalf("%s: %v", text, a)
			}
			dst, src := operands[T](r, x)
			two := sharedBy(t, d, 2).At(p.Place(), x.geom)
			for what, p := range map[string]spatialdropout.Pass{"once": p, "again": p, "with two workers": two} {
				if err := checkPass(x, callOf(m), m, p, dst, src); err != nil {
					t.Errorf("%s, alpha %v, %s: %v", text, alpha, what, err)
				}
			}
		}
	}
}

// Forward, Forward again, Backward and AddTo use one mask.
func TestCallsOfAPassUseOneMask(t *testing.T) {
	t.Run("float32", testPasses[float32])
	t.Run("float64", testPasses[float64])
	t.Run("float16", testPasses[float16])
	t.Run("bfloat16", testPasses[bfloat16])
}

// scheduled is a Schedule of a test.
type scheduled func(rate float64, step uint64) float64

func (f scheduled) Rate(rate float64, step uint64) float64 { return f(rate, step) }

func testPassRefuses[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 23))
	x := dense(t, layout.NCHW, 2, 3, 4, 5)
	impossible, err := layout.NC.Of(math.MaxInt, 1)
	if err != nil {
		t.Fatal(err)
	}
	drawing := newDropout(t, 0.5)
	torch := newDropout(t, 0.5, spatialdropout.WithStream(mask.PyTorch(1)))
	jax := newDropout(t, 0.5, spatialdropout.WithStream(streamOf(t, "jax:0/original")))
	source := newDropout(t, 0.5, spatialdropout.WithStream(mask.Source(rand.NewPCG(1, 1))))
	wrong := newDropout(t, 0.5, spatialdropout.WithSchedule(scheduled(func(rate float64, step uint64) float64 {
		return []float64{math.NaN(), 2, -1}[step]
	})))
	buf := values[T](r, 300)
	before := append([]T(nil), buf...)
	dst, src := buf[:120], buf[150:270]
	outside := mask.Place{Shard: mask.Shard{SampleOffset: 3, Samples: 4}}
	for _, c := range []struct {
		what     string
		dst, src []T
		d        *spatialdropout.Dropout
		at       mask.Place
		g        layout.Geometry
		words    []string
	}{
		{"short dst", dst[:119], src, drawing, mask.Place{}, x.geom, []string{"dst", "119", "120"}},
		{"long src", dst, buf[150:271], drawing, mask.Place{}, x.geom, []string{"src", "121", "120"}},
		{"no dst", nil, src, drawing, mask.Place{}, x.geom, []string{"dst", "0 elements", "120"}},
		{"an impossible tensor", dst, src, drawing, mask.Place{}, impossible, []string{"dst", "120"}},
		{"overlap", buf[1:121], buf[:120], drawing, mask.Place{}, x.geom, []string{"overlap"}},
		{"overlap, of a source", buf[1:121], buf[:120], source, mask.Place{}, x.geom, []string{"overlap"}},
		{"samples outside PyTorch's batch", dst, src, torch, outside, x.geom, []string{"samples 3 to 4", "batch of 4"}},
		{"samples outside JAX's batch", dst, src, jax, outside, x.geom, []string{"samples 3 to 4", "batch of 4"}},
		{"samples outside a source's batch", dst, src, source, outside, x.geom, []string{"samples 3 to 4", "batch of 4"}},
		{"a schedule's NaN", dst, src, wrong, mask.Place{}, x.geom, []string{"NaN", "0 to 1"}},
		{"a schedule's 2", dst, src, wrong, mask.Place{Step: 1}, x.geom, []string{"rate 2", "0 to 1"}},
		{"a schedule's -1", dst, src, wrong, mask.Place{Step: 2}, x.geom, []string{"rate -1", "0 to 1"}},
	} {
		for name, do := range calledBy(c.d.At(c.at, c.g)) {
			wantError(t, name+" with "+c.what, do(k.tensor(c.dst, c.g), k.tensor(c.src, c.g)), c.words...)
			if err := differ(buf, before, before); err != nil {
				t.Fatalf("%s with %s wrote before it failed: %v", name, c.what, err)
			}
		}
	}
	// A tensor of other samples or channels is not that of the pass.
	for _, other := range []tensor{dense(t, layout.NCHW, 3, 2, 4, 5), dense(t, layout.NCHW, 1, 6, 4, 5), dense(t, layout.NC, 2, 60)} {
		for name, do := range calledBy(source.At(mask.Place{}, x.geom)) {
			err := do(k.tensor(dst, other.geom), k.tensor(src, other.geom))
			var refused *spatialdropout.ArgumentError
			if !errors.As(err, &refused) || refused.Given != fmt.Sprintf("a mask of 2×3 channels for a tensor of %v", other.geom) {
				t.Errorf("%s on %s: %v, want an *ArgumentError of the mask of 2×3", name, other.name, err)
			}
			wantError(t, name+" on "+other.name, err, "2×3", fmt.Sprintf("%d×%d", other.samples, other.channels))
		}
	}
	if err := differ(buf, before, before); err != nil {
		t.Fatalf("a pass wrote to a tensor of other channels: %v", err)
	}
	// None of that has drawn from the source.
	want := draw(t, newDropout(t, 0.5, spatialdropout.WithStream(mask.Source(rand.NewPCG(1, 1)))), x.geom)
	if err := checkForward(x, callOf(want), want, source.Next(x.geom).Forward, dst, src); err != nil {
		t.Error(err)
	}
}

func TestPassRefusesWhatDoesNotFit(t *testing.T) {
	t.Run("float32", testPassRefuses[float32])
	t.Run("float64", testPassRefuses[float64])
	t.Run("float16", testPassRefuses[float16])
	t.Run("bfloat16", testPassRefuses[bfloat16])
}

// What a call is refused for is found before anything is drawn: a source cannot give the
// numbers again.
func TestRefusedCallsTakeNothingFromASource(t *testing.T) {
	x, last := dense(t, layout.NCHW, 2, 3, 4, 5), dense(t, layout.NHWC, 2, 4, 5, 3)
	stream := func() mask.Stream { return mask.Source(rand.NewPCG(9, 9)) }
	want := draw(t, newDropout(t, 0.5, spatialdropout.WithStream(stream())), x.geom)
	buf := make([]float32, 300)
	of := func(data []float32) spatialdropout.Tensor { return spatialdropout.Of(data, x.geom) }
	for what, do := range map[string]func(forward func(dst, src spatialdropout.Tensor) error) error{
		"overlap":  func(f func(dst, src spatialdropout.Tensor) error) error { return f(of(buf[1:121]), of(buf[:120])) },
		"a length": func(f func(dst, src spatialdropout.Tensor) error) error { return f(of(buf[:12]), of(buf[:120])) },
		"another kind": func(f func(dst, src spatialdropout.Tensor) error) error {
			return f(of(buf[:120]), spatialdropout.Of(make([]float64, 120), x.geom))
		},
		"another order in place": func(f func(dst, src spatialdropout.Tensor) error) error {
			return f(of(buf[:120]), spatialdropout.Of(buf[:120], last.geom))
		},
		"another shape": func(f func(dst, src spatialdropout.Tensor) error) error {
			return f(of(buf[:120]), spatialdropout.Of(buf[150:270], dense(t, layout.NCHW, 2, 3, 5, 4).geom))
		},
	} {
		d := newDropout(t, 0.5, spatialdropout.WithStream(stream()))
		p := d.Next(x.geom)
		for name, call := range calledBy(p) {
			wantError(t, name+" refused for "+what, do(call))
		}
		if m, err := p.Mask(); err != nil || !m.Equal(want) {
			t.Errorf("after a call refused for %s the place gives %v, %v", what, m, err)
		}
		d = newDropout(t, 0.5, spatialdropout.WithStream(stream()))
		for range 2 {
			wantError(t, "Dropout.Forward refused for "+what, do(func(dst, src spatialdropout.Tensor) error {
				p, err := d.Forward(dst, src)
				if p != (spatialdropout.Pass{}) {
					t.Error("a pass besides the error")
				}
				return err
			}))
		}
		if state(d) != (spatialdropout.GeneratorState{Stream: "source:*rand.PCG"}) {
			t.Errorf("a failed Forward leaves the source at %v", state(d))
		}
		if m := draw(t, d, x.geom); !m.Equal(want) {
			t.Errorf("after a Forward refused for %s the next draw is %v", what, m)
		}
	}
	l := newLayer[float32](t, 0.5, spatialdropout.WithStream(stream()))
	for range 2 {
		if err := l.Forward(buf[1:121], buf[:120], x.geom); err == nil {
			t.Error("overlap is no error")
		}
	}
	if state(l.Dropout()) != (spatialdropout.GeneratorState{Stream: "source:*rand.PCG"}) {
		t.Errorf("a failed Forward leaves the source at %v", state(l.Dropout()))
	}
	if err := l.Forward(buf[:120], buf[:120], x.geom); err != nil || !maskOf(t, l).Equal(want) {
		t.Errorf("after a failed Forward the next one draws %v, %v", maskOf(t, l), err)
	}
	// Alpha dropout of a source refuses its mask to AddTo, and gives it to the gradient.
	alpha := newDropout(t, 0.5, spatialdropout.WithStream(stream()), withRule(mask.Alpha))
	p := alpha.Next(x.geom)
	if err := p.AddTo(of(buf[:120]), of(buf[150:270])); err != nil {
		t.Errorf("AddTo of the pass of alpha dropout: %v", err)
	}
	wantError(t, "AddTo of alpha dropout", spatialdropout.AddTo(buf[:120], buf[150:270], draw(t, alpha, x.geom), x.geom), "alpha")
}

// At rates 0 and 1, and on a tensor without elements, alpha dropout has no shifts: AddTo
// takes its masks there, of a source, too.
func TestAlphaDropoutWithoutShiftsCanBeAdded(t *testing.T) {
	for _, c := range []struct {
		rate      float64
		positions int
		want      float32
	}{{0, 3, 12}, {1, 3, 5}, {0.5, 0, 5}} {
		x := dense(t, layout.NCW, 2, 4, c.positions)
		for name, opt := range map[string]spatialdropout.Option{"philox": spatialdropout.WithSeed(1), "source": spatialdropout.WithStream(mask.Source(rand.NewPCG(9, 9)))} {
			d := newDropout(t, c.rate, opt, withRule(mask.Alpha))
			for what, do := range map[string]func(dst, src []float32) error{
				"AddTo": func(dst, src []float32) error { return spatialdropout.AddTo(dst, src, draw(t, d, x.geom), x.geom) },
				"Pass.AddTo": func(dst, src []float32) error {
					return d.Next(x.geom).AddTo(spatialdropout.Of(dst, x.geom), spatialdropout.Of(src, x.geom))
				},
			} {
				dst := filled[float32](x.length, 5)
				if err := do(dst, filled[float32](x.length, 7)); err != nil {
					t.Errorf("%s, %s, rate %v, %d elements: %v", what, name, c.rate, x.length, err)
				}
				if !same(dst, filled(x.length, c.want)) {
					t.Errorf("%s, %s, rate %v: %v, want %v", what, name, c.rate, dst, c.want)
				}
			}
		}
	}
}

// Tiers differ in how they draw, too.
func TestPassIsTheSameOnEveryTier(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 24))
	x := dense(t, layout.NCHW, 3, 700, 1, 2)
	for _, text := range streamTexts() {
		var want *mask.Mask
		dst, src := operands[float32](r, x)
		onTiers(t, func(tier string) {
			p := newDropout(t, 0.35, spatialdropout.WithStream(streamOf(t, text))).Next(x.geom)
			if want == nil {
				var err error
				if want, err = p.Mask(); err != nil {
					t.Fatal(err)
				}
			}
			if err := checkPass(x, callOf(want), want, p, dst, src); err != nil {
				t.Errorf("%s, tier %s of %v: %v", text, tier, kernel.Tiers(), err)
			}
		})
	}
}
