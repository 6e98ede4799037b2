package spatialdropout_test

import (
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
		"jax:5/fold", "jax:5/original", "jax:7,8/x64", "jax:5/fold/x64/original", "flax-linen:5/fold/path=Block_0.Dropout_0/call=2", "flax-nnx:5/x64/layer=3", "keras-jax:5/x64",
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
		"source": func() mask.Stream { return mask.NewSource(rand.NewPCG(5, 6)) },
	}
	for _, text := range streamTexts() {
		all[text] = func() mask.Stream { return streamOf(t, text) }
	}
	return all
}

// rewinds reports whether places of a stream can be drawn in any order.
func rewinds(s mask.Stream) bool {
	_, source := s.(*mask.Source)
	return !source
}

// callOf returns the call with the policy, rule and rate of a mask.
func callOf(m *mask.Mask, add bool) call {
	return call{add: add, rate: m.Rate(), policy: m.Arithmetic().Policy, rule: m.Arithmetic().Rule}
}

// checkAt makes a call of ApplyAt or AddToAt on the tier in use, in which the mask
// must be m, and compares with the oracle.
func checkAt[T number](x tensor, c call, m *mask.Mask, d *spatialdropout.Dropout, at mask.Place, dst, src []T, workers ...spatialdropout.Workers) error {
	do := kindOf[T]().applyAt
	if c.add {
		do = kindOf[T]().addToAt
	}
	return checkDo(x, c, m, dst, src, func(dst, src []T, w spatialdropout.Workers) error {
		return do(dst, src, d, at, x.geom, w)
	}, workers...)
}

func testAt[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 20))
	all := tensors(t)
	for _, text := range streamTexts() {
		drawing := newDropout(t, 0.4, spatialdropout.WithStream(streamOf(t, text)))
		applying := newDropout(t, 0.4, spatialdropout.WithStream(streamOf(t, text)))
		for i, x := range all {
			at := applying.Advance(x.geom)
			m := drawing.Draw(x.geom)
			dst, src := operands[T](r, x)
			for _, add := range []bool{false, true} {
				c := callOf(m, add)
				c.inPlace = i%3 == 0
				if err := checkAt(x, c, m, applying, at, dst, src, 0, 1, 3); err != nil {
					t.Fatalf("%s, %s: %v", text, x.name, err)
				}
			}
		}
		if applying.State() != drawing.State() {
			t.Errorf("%s: %v after Advance and ApplyAt, %v after as many Draws", text, applying.State(), drawing.State())
		}
	}
}

// ApplyAt and AddToAt use the mask that Draw would give, whatever draws it.
func TestApplyAtIsDrawAndApply(t *testing.T) {
	t.Run("float32", testAt[float32])
	t.Run("float64", testAt[float64])
	t.Run("named float32", testAt[named32])
	t.Run("named float64", testAt[named64])
	t.Run("float16", testAt[float16])
	t.Run("bfloat16", testAt[bfloat16])
}

func TestApplyAtWithoutWorkersIsTheSame(t *testing.T) {
	x := dense(t, layout.NHWC, 3, 5, 7, 11)
	d := newDropout(t, 0.4)
	at := d.Advance(x.geom)
	src := filled[float32](x.length, 3)
	a, b := make([]float32, x.length), make([]float32, x.length)
	if err := spatialdropout.ApplyAt(a, src, d, at, x.geom); err != nil {
		t.Fatal(err)
	}
	if err := spatialdropout.ApplyAt(b, src, d, at, x.geom, 2); err != nil {
		t.Fatal(err)
	}
	if !same(a, b) {
		t.Error("they differ")
	}
}

// drawnCall is a place and what Draw made of it.
type drawnCall struct {
	at  mask.Place
	x   tensor
	m   *mask.Mask
	src []float32
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
		c := drawnCall{at: applying.Advance(x.geom), x: x, m: drawing.Draw(x.geom), src: make([]float32, x.length)}
		if c.at.Step != uint64(i) || applying.Step() != uint64(i+1) {
			t.Fatalf("Advance %d gives step %d and goes on to %d", i, c.at.Step, applying.Step())
		}
		for k := range c.src {
			c.src[k] = float32(k%17) - 8.25
		}
		all = append(all, c)
	}
	return all
}

// check draws a place again.
func (c *drawnCall) check(d *spatialdropout.Dropout) error {
	return checkAt(c.x, callOf(c.m, false), c.m, d, c.at, make([]float32, c.x.length), c.src, 1)
}

// A backward pass draws the steps of a forward pass from the last to the first, one
// that computes activations again draws some twice, and goroutines all at once.
func TestStepsMayBeDrawnInAnyOrderAndAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 21))
	for name, stream := range streams(t) {
		if !rewinds(stream()) {
			continue
		}
		d := newDropout(t, 0.35, spatialdropout.WithStream(stream()))
		all := steps(t, d, newDropout(t, 0.35, spatialdropout.WithStream(stream())))
		before := d.State()
		for i := len(all) - 1; i >= 0; i-- {
			if err := all[i].check(d); err != nil {
				t.Fatalf("%s, backwards, step %d: %v", name, i, err)
			}
		}
		for range 3 {
			for _, i := range r.Perm(len(all)) {
				if err := all[i].check(d); err != nil {
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
					if err := all[i].check(d); err != nil {
						errs <- fmt.Errorf("step %d: %w", i, err)
						return
					}
				}
			}()
		}
		group.Wait()
		close(errs)
		for err := range errs {
			t.Errorf("%s, at once: %v", name, err)
		}
		if d.State() != before {
			t.Errorf("%s: ApplyAt moved the stream from %v to %v", name, before, d.State())
		}
	}
}

// The numbers of a source go by once: forward is all there is.
func TestStepsOfASourceMayBeDrawnForwardOnce(t *testing.T) {
	stream := streams(t)["source"]
	d := newDropout(t, 0.35, spatialdropout.WithStream(stream()))
	all := steps(t, d, newDropout(t, 0.35, spatialdropout.WithStream(stream())))
	for i := range all {
		if i == 3 {
			continue // what nobody wants is passed over
		}
		if err := all[i].check(d); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	dst := filled[float32](all[3].x.length, 7)
	for _, i := range []int{3, len(all) - 1} {
		c := all[i]
		wantError(t, "ApplyAt of a step gone by", spatialdropout.ApplyAt(dst[:c.x.length], c.src, d, c.at, c.x.geom), "source:*rand.PCG", "cannot go back")
	}
	if !same(dst, filled[float32](len(dst), 7)) {
		t.Error("dst was written")
	}
	var m mask.Mask
	err := d.DrawAt(&m, all[0].x.geom, all[0].at)
	wantError(t, "DrawAt of a step gone by", err, "cannot go back")
	if want := all[0].x.samples * all[0].x.channels; m.CountKept() != want {
		t.Errorf("DrawAt that failed kept %d, want all %d", m.CountKept(), want)
	}
	if err := d.Restore(spatialdropout.State{Stream: d.Stream().String()}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		err, _ := recover().(error)
		wantError(t, "Draw after going back", err, "cannot go back")
	}()
	d.Draw(all[0].x.geom)
	t.Error("Draw after going back does not panic")
}

// Advance and Draw take from the same steps.
func TestAdvanceTakesAStepOnce(t *testing.T) {
	for name, stream := range streams(t) {
		d, drawing := newDropout(t, 0.35, spatialdropout.WithStream(stream())), newDropout(t, 0.35, spatialdropout.WithStream(stream()))
		for i, x := range uneven(t) {
			want := drawing.Draw(x.geom)
			got := new(mask.Mask)
			if i%2 == 0 {
				d.DrawInto(got, x.geom)
			} else if err := d.DrawAt(got, x.geom, d.Advance(x.geom)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !got.Equal(want) || d.State() != drawing.State() {
				t.Fatalf("%s, step %d: %v, want\n%v", name, i, got, want)
			}
		}
	}
}

// A place holds the part of the batch that a Dropout draws, and may be given another.
func TestPlaceSaysWhichPartOfTheBatch(t *testing.T) {
	whole, part := dense(t, layout.NC, 9, 21), dense(t, layout.NC, 3, 21)
	for _, text := range streamTexts() {
		want := newDropout(t, 0.35, spatialdropout.WithStream(streamOf(t, text))).Draw(whole.geom)
		d := newDropout(t, 0.35, spatialdropout.WithStream(streamOf(t, text)), spatialdropout.WithSampleOffset(3), spatialdropout.WithBatch(9))
		at := d.Advance(part.geom)
		if at.Offset != 3 || at.Batch != 9 {
			t.Fatalf("%s: place %+v, want offset 3 of 9", text, at)
		}
		for _, from := range []int{3, 0, 6} {
			at.Offset = uint64(from)
			ones, got := filled[float64](part.length, 1), make([]float64, part.length)
			if err := spatialdropout.ApplyAt(got, ones, d, at, part.geom); err != nil {
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
	k := kindOf[T]()
	x := dense(t, layout.NHWC, 3, 4, 3, 29)
	r := rand.New(rand.NewPCG(1, 22))
	for _, text := range []string{"philox:5", "pytorch:5", "jax:5", "tensorflow:5"} {
		for _, alpha := range []bool{false, true} {
			opts := []spatialdropout.Option{spatialdropout.WithStream(streamOf(t, text))}
			if alpha {
				opts = append(opts, spatialdropout.WithAlpha())
			}
			d := newDropout(t, 0.3, opts...)
			if g := d.Gradient(); (g == d) == alpha || g.Gradient() != g || g.Rate() != 0.3 || g.Stream() != d.Stream() {
				t.Fatalf("%s, alpha %v: a gradient of its own %v", text, alpha, g != d)
			}
			at := d.Advance(x.geom)
			if d.Gradient().Step() != 1 {
				t.Fatalf("%s: the gradient is at step %d", text, d.Gradient().Step())
			}
			m := new(mask.Mask)
			if err := d.DrawAt(m, x.geom, at); err != nil {
				t.Fatal(err)
			}
			if rule := m.Arithmetic().Rule; alpha && rule != mask.Alpha {
				t.Fatalf("%s: rule %v", text, rule)
			}
			forward, backward := callOf(m, false), callOf(m.Gradient(), false)
			accumulate := backward
			accumulate.add = true
			dst, src := operands[T](r, x)
			for what, err := range map[string]error{
				"forward":    checkAt(x, forward, m, d, at, dst, src, 1),
				"again":      checkAt(x, forward, m, d, at, dst, src, 2),
				"backward":   checkAt(x, backward, m, d.Gradient(), at, dst, src, 1),
				"accumulate": checkAt(x, accumulate, m, d.Gradient(), at, dst, src, 1),
			} {
				if err != nil {
					t.Errorf("%s, alpha %v, %s: %v", text, alpha, what, err)
				}
			}
			if alpha {
				before := append([]T(nil), dst...)
				wantError(t, "AddToAt of alpha dropout", k.addToAt(dst, src, d, at, x.geom), "alpha", "Gradient")
				if !same(dst, before) {
					t.Error("AddToAt of alpha dropout wrote before it failed")
				}
			}
		}
	}
}

// Forward, the same forward once more, backward and into a tape: one mask.
func TestPassesAtAPlaceSeeOneMask(t *testing.T) {
	t.Run("float32", testPasses[float32])
	t.Run("float64", testPasses[float64])
	t.Run("float16", testPasses[float16])
	t.Run("bfloat16", testPasses[bfloat16])
}

func testAtRefuses[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 23))
	x := dense(t, layout.NCHW, 2, 3, 4, 5)
	impossible, err := layout.NC.Of(math.MaxInt, 1)
	if err != nil {
		t.Fatal(err)
	}
	drawing := newDropout(t, 0.5)
	torch := newDropout(t, 0.5, spatialdropout.WithStream(&mask.PyTorch{Seed: 1}))
	jax := newDropout(t, 0.5, spatialdropout.WithStream(mask.JAX{Original: true}))
	source := newDropout(t, 0.5, spatialdropout.WithStream(mask.NewSource(rand.NewPCG(1, 1))))
	scheduled := newDropout(t, 0.5, spatialdropout.WithSchedule(func(rate float64, step uint64) float64 {
		return []float64{math.NaN(), 2, -1}[step]
	}))
	buf := values[T](r, 300)
	before := append([]T(nil), buf...)
	dst, src := buf[:120], buf[150:270]
	outside := mask.Place{Offset: 3, Batch: 4}
	for _, c := range []struct {
		what     string
		dst, src []T
		d        *spatialdropout.Dropout
		at       mask.Place
		g        layout.Geometry
		workers  []spatialdropout.Workers
		words    []string
	}{
		{"short dst", dst[:119], src, drawing, mask.Place{}, x.geom, nil, []string{"dst", "119", "120"}},
		{"long src", dst, buf[150:271], drawing, mask.Place{}, x.geom, nil, []string{"src", "121", "120"}},
		{"no dst", nil, src, drawing, mask.Place{}, x.geom, nil, []string{"dst", "0 elements", "120"}},
		{"an impossible tensor", dst, src, drawing, mask.Place{}, impossible, nil, []string{"dst", "120"}},
		{"overlap", buf[1:121], buf[:120], drawing, mask.Place{}, x.geom, nil, []string{"overlap"}},
		{"negative workers", dst, src, drawing, mask.Place{}, x.geom, []spatialdropout.Workers{-2}, []string{"-2", "0 or more"}},
		{"workers twice", dst, src, drawing, mask.Place{}, x.geom, []spatialdropout.Workers{1, 2}, []string{"one number"}},
		{"samples outside PyTorch's batch", dst, src, torch, outside, x.geom, nil, []string{"samples 3 to 5", "batch of 4"}},
		{"samples outside JAX's batch", dst, src, jax, outside, x.geom, nil, []string{"samples 3 to 5", "batch of 4"}},
		{"samples outside a source's batch", dst, src, source, outside, x.geom, nil, []string{"samples 3 to 5", "batch of 4"}},
		{"a schedule's NaN", dst, src, scheduled, mask.Place{}, x.geom, nil, []string{"NaN", "0 to 1"}},
		{"a schedule's 2", dst, src, scheduled, mask.Place{Step: 1}, x.geom, nil, []string{"rate 2", "0 to 1"}},
		{"a schedule's -1", dst, src, scheduled, mask.Place{Step: 2}, x.geom, nil, []string{"rate -1", "0 to 1"}},
	} {
		for name, do := range map[string]applyAt[T]{"ApplyAt": k.applyAt, "AddToAt": k.addToAt} {
			wantError(t, name+" with "+c.what, do(c.dst, c.src, c.d, c.at, c.g, c.workers...), c.words...)
			if err := differ(buf, before, before); err != nil {
				t.Fatalf("%s with %s wrote before it failed: %v", name, c.what, err)
			}
		}
	}
	// None of that has drawn from the source.
	want := newDropout(t, 0.5, spatialdropout.WithStream(mask.NewSource(rand.NewPCG(1, 1)))).Draw(x.geom)
	if err := checkAt(x, callOf(want, false), want, source, source.Advance(x.geom), dst, src, 1); err != nil {
		t.Error(err)
	}
}

func TestApplyAtRefusesWhatDoesNotFit(t *testing.T) {
	t.Run("float32", testAtRefuses[float32])
	t.Run("float64", testAtRefuses[float64])
	t.Run("float16", testAtRefuses[float16])
	t.Run("bfloat16", testAtRefuses[bfloat16])
}

// What a call is refused for is found before anything is drawn: a source cannot give
// the numbers again.
func TestRefusedCallsTakeNothingFromASource(t *testing.T) {
	x := dense(t, layout.NCHW, 2, 3, 4, 5)
	stream := func() mask.Stream { return mask.NewSource(rand.NewPCG(9, 9)) }
	want := newDropout(t, 0.5, spatialdropout.WithStream(stream())).Draw(x.geom)
	buf := make([]float32, 300)
	refused := map[string]func(d *spatialdropout.Dropout, at mask.Place) error{
		"overlap": func(d *spatialdropout.Dropout, at mask.Place) error {
			return spatialdropout.ApplyAt(buf[1:121], buf[:120], d, at, x.geom)
		},
		"workers": func(d *spatialdropout.Dropout, at mask.Place) error {
			return spatialdropout.ApplyAt(buf[:120], buf[:120], d, at, x.geom, -1)
		},
		"a length": func(d *spatialdropout.Dropout, at mask.Place) error {
			return spatialdropout.AddToAt(buf[:12], buf[:120], d, at, x.geom)
		},
	}
	for what, do := range refused {
		d := newDropout(t, 0.5, spatialdropout.WithStream(stream()))
		at := d.Advance(x.geom)
		wantError(t, what, do(d, at))
		m := new(mask.Mask)
		if err := d.DrawAt(m, x.geom, at); err != nil || !m.Equal(want) {
			t.Errorf("after a call refused for %s the place gives %v, %v", what, m, err)
		}
	}
	l := newLayer[float32](t, 0.5, spatialdropout.WithStream(stream()))
	for range 2 {
		if err := l.Forward(buf[1:121], buf[:120], x.geom); err == nil {
			t.Error("overlap is no error")
		}
	}
	if l.Dropout().State() != (spatialdropout.State{Stream: "source:*rand.PCG"}) {
		t.Errorf("a failed Forward leaves the source at %v", l.Dropout().State())
	}
	if err := l.Forward(buf[:120], buf[:120], x.geom); err != nil || !l.Mask().Equal(want) {
		t.Errorf("after a failed Forward the next one draws %v, %v", l.Mask(), err)
	}
	alpha := newDropout(t, 0.5, spatialdropout.WithStream(stream()), spatialdropout.WithAlpha())
	at := alpha.Advance(x.geom)
	wantError(t, "AddToAt of alpha dropout", spatialdropout.AddToAt(buf[:120], buf[150:270], alpha, at, x.geom), "alpha")
	if err := spatialdropout.AddToAt(buf[:120], buf[150:270], alpha.Gradient(), at, x.geom); err != nil {
		t.Errorf("after AddToAt of alpha dropout was refused, that of its gradient: %v", err)
	}
}

// At rates 0 and 1, and of a tensor without elements, alpha dropout adds no shifts: there
// its AddTo is one like any other, of a source, too.
func TestAlphaDropoutWithoutShiftsCanBeAdded(t *testing.T) {
	for _, c := range []struct {
		rate      float64
		positions int
		want      float32
	}{{0, 3, 12}, {1, 3, 5}, {0.5, 0, 5}} {
		x := dense(t, layout.NCW, 2, 4, c.positions)
		for name, opt := range map[string]spatialdropout.Option{"philox": spatialdropout.WithSeed(1), "source": spatialdropout.WithStream(mask.NewSource(rand.NewPCG(9, 9)))} {
			d := newDropout(t, c.rate, opt, spatialdropout.WithAlpha())
			dst := filled[float32](x.length, 5)
			if err := spatialdropout.AddToAt(dst, filled[float32](x.length, 7), d, d.Advance(x.geom), x.geom); err != nil {
				t.Errorf("%s, rate %v, %d elements: %v", name, c.rate, x.length, err)
			}
			if !same(dst, filled(x.length, c.want)) {
				t.Errorf("%s, rate %v: %v, want %v", name, c.rate, dst, c.want)
			}
		}
	}
}

// Tiers differ in how they draw, too.
func TestApplyAtIsTheSameOnEveryTier(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 24))
	x := dense(t, layout.NCHW, 3, 700, 1, 2)
	for _, text := range streamTexts() {
		var want *mask.Mask
		dst, src := operands[float32](r, x)
		onTiers(t, func(tier string) {
			d := newDropout(t, 0.35, spatialdropout.WithStream(streamOf(t, text)))
			at := d.Advance(x.geom)
			if want == nil {
				want = new(mask.Mask)
				if err := d.DrawAt(want, x.geom, at); err != nil {
					t.Fatal(err)
				}
			}
			if err := checkAt(x, callOf(want, false), want, d, at, dst, src, 1); err != nil {
				t.Errorf("%s, tier %s of %v: %v", text, tier, kernel.Tiers(), err)
			}
		})
	}
}
