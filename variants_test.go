package spatialdropout_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// sharings are the ways to share a trial that a stream allows.
func sharings(s mask.Stream) []mask.Sharing {
	all := []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample}
	if _, ok := s.(mask.Counter); ok {
		all = append(all, mask.FixedCount)
	}
	return all
}

// sharedRows returns what a mask must be in which channels share trials: what the
// stream draws for fewer channels or samples, repeated.
func sharedRows(t testing.TB, s mask.Stream, sharing mask.Sharing, samples, channels int, rate float64) []string {
	all := make([]string, samples)
	switch sharing {
	case mask.PerChannel:
		row := rows(draw(t, newDropout(t, rate, spatialdropout.WithStream(s)), dense(t, layout.NC, 1, channels).geom))[0]
		for n := range all {
			all[n] = row
		}
	case mask.PerSample:
		column := rows(draw(t, newDropout(t, rate, spatialdropout.WithStream(s)), dense(t, layout.NC, samples, 1).geom))
		for n := range all {
			for range channels {
				all[n] += column[n]
			}
		}
	default:
		return rows(draw(t, newDropout(t, rate, spatialdropout.WithStream(s)), dense(t, layout.NC, samples, channels).geom))
	}
	return all
}

func TestSharedTrialsAreRepeated(t *testing.T) {
	x := dense(t, layout.NHWC, 7, 2, 1, 45)
	for name, stream := range streams(t) {
		for _, sharing := range sharings(stream()) {
			if sharing == mask.FixedCount {
				continue
			}
			d := newDropout(t, 0.4, spatialdropout.WithStream(stream()), spatialdropout.WithSharing(sharing))
			want := sharedRows(t, stream(), sharing, 7, 45, 0.4)
			if got := rows(draw(t, d, x.geom)); !equal(got, want) {
				t.Errorf("%s, %v:\n%v, want\n%v", name, sharing, got, want)
			}
		}
	}
}

// Where the count is fixed it is the same in every sample, every channel has its
// share, and no two samples need agree.
func TestFixedCountKeepsAsManyInEverySample(t *testing.T) {
	const samples, channels = 600, 10
	x := dense(t, layout.NC, samples, channels)
	for name, stream := range streams(t) {
		if _, ok := stream().(mask.Counter); !ok {
			continue
		}
		for rate, count := range map[float64]int{0: 10, 0.01: 10, 0.25: 8, 0.5: 5, 0.72: 3, 0.949: 1, 0.96: 1, 1: 0} {
			m := draw(t, newDropout(t, rate, spatialdropout.WithStream(stream()), spatialdropout.WithSharing(mask.FixedCount)), x.geom)
			kept := make([]int, channels)
			for n := range samples {
				row := 0
				m.KeptOf(n)(func(c int) bool { kept[c]++; row++; return true })
				if row != count {
					t.Fatalf("%s, rate %v: %d kept in sample %d, want %d", name, rate, row, n, count)
				}
			}
			share := float64(count) / channels
			for c, k := range kept {
				// Five standard deviations.
				if math.Abs(float64(k)-samples*share) > 5*math.Sqrt(samples*share*(1-share)) {
					t.Errorf("%s, rate %v: channel %d is kept %d times of %d, want about %v", name, rate, c, k, samples, samples*share)
				}
			}
		}
	}
}

func testSharing[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 30))
	for _, x := range []tensor{dense(t, layout.NCHW, 3, 7, 3, 5), dense(t, layout.NHWC, 3, 3, 5, 7), dense(t, layout.NCHW8c, 3, 7, 3, 5), dense(t, layout.NC, 5, 67), strided(t, []int{3, 7, 19}, []int{231, 33, 1}, 0, 2)} {
		for _, text := range []string{"philox:5", "pytorch:5", "jax:5", "tensorflow:5"} {
			for _, sharing := range sharings(streamOf(t, text)) {
				opts := func() []spatialdropout.Option {
					return []spatialdropout.Option{spatialdropout.WithStream(streamOf(t, text)), spatialdropout.WithSharing(sharing)}
				}
				d, drawing, l := newDropout(t, 0.3, opts()...), newDropout(t, 0.3, opts()...), newLayer[T](t, 0.3, opts()...)
				for range 2 {
					p, m := d.Next(x.geom), draw(t, drawing, x.geom)
					two := sharedBy(t, d, 2).At(p.Place(), x.geom)
					dst, src := operands[T](r, x)
					c := callOf(m)
					if sharing == mask.FixedCount {
						// The factor makes up for the channels that are gone, to the bit.
						c.count = int(math.Floor(0.7*float64(x.channels) + 0.5))
					}
					for _, p := range []spatialdropout.Pass{p, two} {
						if err := checkPass(x, c, m, p, dst, src); err != nil {
							t.Fatalf("%s, %s, %v: %v", x.name, text, sharing, err)
						}
					}
					for _, c.add = range []bool{false, true} {
						if err := checkMask(x, c, m, dst, src, 1, 2); err != nil {
							t.Fatalf("%s, %s, %v: %v", x.name, text, sharing, err)
						}
					}
					want := append([]T(nil), src...)
					clear(want)
					if err := k.apply(want, src, m, x.geom); err != nil {
						t.Fatal(err)
					}
					if y := forward(t, l, src, x.geom); !same(y, want) || !maskOf(t, l).Equal(m) {
						t.Fatalf("%s, %s, %v: Forward is not Apply", x.name, text, sharing)
					}
					if dx := backward(t, l, src, x.geom); !same(dx, want) {
						t.Fatalf("%s, %s, %v: Backward is not Apply", x.name, text, sharing)
					}
				}
			}
		}
	}
}

func TestSharedTrialsAreTheOraclesThroughEveryCall(t *testing.T) {
	t.Run("float32", testSharing[float32])
	t.Run("float64", testSharing[float64])
	t.Run("float16", testSharing[float16])
	t.Run("bfloat16", testSharing[bfloat16])
}

// Shards that know the whole batch draw their rows of its mask, step for step, from
// every stream and however trials are shared.
func TestShardsOfEveryStreamDrawTheirRows(t *testing.T) {
	const batch = 11
	for _, channels := range []int{3, 64, 70} {
		geometry := func(n int) layout.Geometry { return dense(t, layout.NCW, n, channels, 2).geom }
		for name, stream := range streams(t) {
			for _, sharing := range sharings(stream()) {
				common := spatialdropout.WithSharing(sharing)
				whole := newDropout(t, 0.4, spatialdropout.WithStream(stream()), common)
				cuts := []int{0, 2, 2, 7, 11}
				var shards []*spatialdropout.Dropout
				for _, from := range cuts[:len(cuts)-1] {
					shards = append(shards, newDropout(t, 0.4, spatialdropout.WithStream(stream()), common, shardOf(uint64(from), batch)))
				}
				for step := range 3 {
					want := rows(draw(t, whole, geometry(batch)))
					for i, d := range shards {
						from, to := cuts[i], cuts[i+1]
						if got := rows(draw(t, d, geometry(to-from))); !equal(got, want[from:to]) {
							t.Fatalf("%s, %v, %d channels, step %d: samples [%d,%d) are\n%v, want\n%v", name, sharing, channels, step, from, to, got, want[from:to])
						}
						if state(d) != state(whole) {
							t.Fatalf("%s, %v: a shard is at %+v, the whole at %+v", name, sharing, state(d), state(whole))
						}
					}
				}
			}
		}
	}
}

func testScaling[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 31))
	const rate = 0.3
	for _, scaling := range []mask.Rule{mask.Reciprocal, mask.AtInference, mask.Unscaled} {
		rule := mask.Unscaled // in training
		if scaling == mask.Reciprocal {
			rule = mask.Reciprocal
		}
		for _, x := range []tensor{dense(t, layout.NCHW, 3, 7, 3, 5), dense(t, layout.NHWC, 3, 3, 5, 7), dense(t, layout.NCHW8c, 2, 11, 2, 3), dense(t, layout.NC, 5, 67), strided(t, []int{2, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1)} {
			for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
				l := newLayer[T](t, rate, spatialdropout.WithArithmetic(mask.Arithmetic{Policy: policy, Rule: scaling}))
				dst, src := operands[T](r, x)
				calls := layerCalls(t, l, x)
				drawing := newDropout(t, rate)
				check := func(what string, c call, m *mask.Mask) {
					t.Helper()
					for _, name := range []string{"Forward", "Backward", "AddTo"} {
						c.add = name == "AddTo"
						if err := checkDo(x, c, m, dst, src, calls[name], 1); err != nil {
							t.Errorf("%s, %v, %v, %s, %s: %v", x.name, scaling, policy, what, name, err)
						}
					}
				}
				check("training", call{rate: rate, policy: policy, rule: rule}, draw(t, drawing, x.geom))
				l.SetTraining(false)
				calls = layerCalls(t, l, x) // at the next step
				all, err := mask.New(x.samples, x.channels, 0, mask.Arithmetic{Policy: policy})
				if err != nil {
					t.Fatal(err)
				}
				if scaling == mask.AtInference {
					check("evaluation", call{rate: rate, policy: policy, rule: mask.Expectation}, all)
				} else {
					// The identity, padding and all.
					for _, name := range []string{"Forward", "Backward"} {
						want := append([]T(nil), dst...)
						for _, p := range x.places {
							want[p.at] = src[p.at]
						}
						for _, at := range x.padding {
							want[at] = src[at]
						}
						got := append([]T(nil), dst...)
						if err := calls[name](got, src, 1); err != nil {
							t.Fatal(err)
						}
						if err := differ(got, want, want); err != nil {
							t.Errorf("%s, %v, evaluation, %s: %v", x.name, scaling, name, err)
						}
					}
					// What is added is src, and nothing to padding.
					if err := checkDo(x, call{add: true, policy: mask.Select}, all, dst, src, calls["AddTo"], 1); err != nil {
						t.Errorf("%s, %v, %v, evaluation, AddTo: %v", x.name, scaling, policy, err)
					}
				}
				if got := step(l.Dropout()); got != 1 {
					t.Errorf("%v: step %d after a Forward in training and one in evaluation", scaling, got)
				}
			}
		}
	}
	// At rate 1 nothing is expected.
	x := dense(t, layout.NC, 2, 9)
	l := newLayer[T](t, 1, withRule(mask.AtInference))
	l.SetTraining(false)
	if y := forward(t, l, filled(x.length, k.of(3)), x.geom); !same(y, make([]T, x.length)) {
		t.Errorf("evaluation at rate 1 gives %v", y)
	}
}

func TestScalingInTrainingAndEvaluation(t *testing.T) {
	t.Run("float32", testScaling[float32])
	t.Run("float64", testScaling[float64])
	t.Run("float16", testScaling[float16])
	t.Run("bfloat16", testScaling[bfloat16])
}

// A Backward of evaluation scales as its Forward did, though others have drawn since
// and the rate is another by now.
func TestEvaluationScalesBackwardAsForward(t *testing.T) {
	x := dense(t, layout.NC, 2, 9)
	gen := spatialdropout.NewGenerator(mask.Philox(0))
	l := newLayer[float64](t, 0.5, spatialdropout.WithGenerator(gen), spatialdropout.WithSchedule(spatialdropout.Ramp(4)), withRule(mask.AtInference))
	other := newDropout(t, 0.5, spatialdropout.WithGenerator(gen))
	for _, want := range []float64{1, 0.875, 0.75, 0.625, 0.5, 0.5} {
		l.SetTraining(false)
		y := forward(t, l, filled[float64](x.length, 1), x.geom)
		draw(t, other, x.geom)
		l.SetTraining(true)
		if dx := backward(t, l, filled[float64](x.length, 1), x.geom); !same(y, filled(x.length, want)) || !same(dx, y) {
			t.Errorf("forward %v and backward %v, want %v", y[0], dx[0], want)
		}
	}
}

func testAlways[T number](t *testing.T) {
	k := kindOf[T]()
	x := dense(t, layout.NHWC, 4, 2, 3, 40)
	ones := filled(x.length, k.of(1))
	l, training := newLayer[T](t, 0.5, spatialdropout.WithAlways()), newLayer[T](t, 0.5)
	l.SetTraining(false)
	seen := make(map[string]bool)
	for pass := range 8 {
		y := forward(t, l, ones, x.geom)
		if !same(y, forward(t, training, ones, x.geom)) {
			t.Fatalf("pass %d differs from training", pass)
		}
		if !same(backward(t, l, ones, x.geom), y) {
			t.Fatalf("pass %d: Backward has another mask", pass)
		}
		seen[fmt.Sprint(rows(maskOf(t, l)))] = true
	}
	if len(seen) != 8 || l.Training() || step(l.Dropout()) != 8 {
		t.Errorf("%d different masks in 8 passes, training %v, step %d", len(seen), l.Training(), step(l.Dropout()))
	}
}

// Monte-Carlo dropout drops in evaluation, every time other channels.
func TestAlwaysDropsInEvaluation(t *testing.T) {
	t.Run("float32", testAlways[float32])
	t.Run("float64", testAlways[float64])
	t.Run("float16", testAlways[float16])
	t.Run("bfloat16", testAlways[bfloat16])
}

func TestRampGrowsInEqualParts(t *testing.T) {
	ramp := spatialdropout.Ramp(8)
	for step, want := range []float64{0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.4} {
		if got := ramp.Rate(0.4, uint64(step)); math.Abs(got-want) > 1e-16 {
			t.Errorf("step %d has rate %v, want %v", step, got, want)
		}
	}
	if got := ramp.Rate(0.4, math.MaxUint64); got != 0.4 {
		t.Errorf("in the end the rate is %v", got)
	}
	if got := spatialdropout.Ramp(0).Rate(0.4, 0); got != 0.4 {
		t.Errorf("Ramp(0) begins at %v", got)
	}
	if got := spatialdropout.Ramp(math.MaxUint64).Rate(1, math.MaxUint64-1); got > 1 {
		t.Errorf("a long ramp reaches %v", got)
	}
}

// The rate of a draw is that of its step, in a place that is drawn again and in a run
// that goes on as well.
func TestScheduleSetsTheRateOfAStep(t *testing.T) {
	x := dense(t, layout.NC, 6, 40)
	for name, stream := range streams(t) {
		opts := func() []spatialdropout.Option {
			return []spatialdropout.Option{spatialdropout.WithStream(stream()), spatialdropout.WithSchedule(spatialdropout.Ramp(6))}
		}
		d := newDropout(t, 0.6, opts()...)
		l := newLayer[float64](t, 0.6, opts()...)
		want := sequence{stream: stream()}
		for step := range 9 {
			rate := spatialdropout.Ramp(6).Rate(0.6, uint64(step))
			if d.Rate() != rate || l.Dropout().Rate() != rate {
				t.Fatalf("%s, step %d: rate %v, want %v", name, step, d.Rate(), rate)
			}
			m := draw(t, d, x.geom)
			if m.Rate() != rate || !m.Equal(want.draw(t, x, rate, mask.Each)) {
				t.Fatalf("%s, step %d: %v", name, step, m)
			}
			forward(t, l, filled[float64](x.length, 1), x.geom)
			if !maskOf(t, l).Equal(m) {
				t.Fatalf("%s, step %d: the layer's mask is %v", name, step, maskOf(t, l))
			}
			if rewinds(d.Generator().Stream()) {
				again, err := d.At(mask.Place{Step: uint64(step), Cursor: want.at.Cursor}, x.geom).Mask()
				if err != nil || again.Rate() != rate {
					t.Fatalf("%s, step %d again: %v, %v, want rate %v", name, step, again, err, rate)
				}
			}
		}
	}
}

// A rate that is not from 0 to 1 makes each call an error that writes nothing.
func TestSchedulesWithoutARateAreErrors(t *testing.T) {
	x := dense(t, layout.NC, 6, 40)
	for name, stream := range streams(t) {
		for _, bad := range []float64{math.NaN(), 2, -0.5, math.Inf(1)} {
			wrong := spatialdropout.WithSchedule(scheduled(func(rate float64, step uint64) float64 {
				if step == 1 {
					return bad
				}
				return rate
			}))
			l := newLayer[float32](t, 0.5, spatialdropout.WithStream(stream()), wrong)
			data := filled[float32](x.length, 1)
			forward(t, l, data, x.geom)
			p, before := l.Pass(), state(l.Dropout())
			var m *mask.Mask
			if rewinds(stream()) {
				m = maskOf(t, l)
			}
			dst := filled[float32](x.length, 7)
			for range 2 {
				wantError(t, name, l.Forward(dst, data, x.geom), fmt.Sprint(bad), "0 to 1")
			}
			if !same(dst, filled[float32](x.length, 7)) || state(l.Dropout()) != before || l.Pass() != p || m != nil && !maskOf(t, l).Equal(m) {
				t.Errorf("%s, rate %v: a failed Forward wrote, spent a step or replaced the pass", name, bad)
			}
			again, err := l.Dropout().At(mask.Place{Step: 1}, x.geom).Mask()
			wantError(t, name, err, fmt.Sprint(bad), "0 to 1")
			drawn, err := l.Dropout().Draw(x.geom)
			wantError(t, name+": Draw", err, fmt.Sprint(bad), "0 to 1")
			if again != nil || drawn != nil {
				t.Errorf("%s, rate %v: a mask besides the error", name, bad)
			}
			into := new(mask.Mask)
			wantError(t, name+": DrawInto", l.Dropout().DrawInto(into, x.geom), fmt.Sprint(bad), "0 to 1")
			if into.Samples() != 0 || state(l.Dropout()) != before {
				t.Errorf("%s, rate %v: a failed draw made a mask of %d samples or spent a step", name, bad, into.Samples())
			}
			// Evaluation that scales by it, too.
			e := newLayer[float32](t, 0.5, spatialdropout.WithStream(stream()), wrong, withRuleOn(stream(), mask.AtInference))
			atStep(t, e.Dropout(), 1)
			e.SetTraining(false)
			wantError(t, name+": evaluation", e.Forward(dst, data, x.geom), fmt.Sprint(bad), "0 to 1")
			wantError(t, name+": Backward", e.Backward(dst, data, x.geom), "without a Forward")
		}
	}
}

// Arithmetic is the framework's unless something else is wanted.
func TestStreamsBringTheirArithmetic(t *testing.T) {
	g := dense(t, layout.NC, 2, 3).geom
	torch, quotient, xla := mask.Arithmetic{Policy: mask.Multiply, Rule: mask.WideReciprocal}, mask.Arithmetic{Rule: mask.Quotient}, mask.Arithmetic{Rule: mask.CompiledQuotient}
	for name, want := range map[string]mask.Arithmetic{
		"philox": {}, "pytorch": torch, "pytorch-mkl": torch, "keras-torch": quotient, "tensorflow": {}, "keras-tensorflow": {},
		"jax": xla, "flax-linen": xla, "flax-nnx": xla, "keras-jax": xla, "onednn": {},
	} {
		for what, c := range map[string]struct {
			opts []spatialdropout.Option
			want mask.Arithmetic
		}{
			"as it is":       {nil, want},
			"another policy": {[]spatialdropout.Option{withPolicy(mask.Multiply)}, mask.Arithmetic{Policy: mask.Multiply}},
			"another rule":   {[]spatialdropout.Option{withRuleOn(streamOf(t, name), mask.RoundedReciprocal)}, mask.Arithmetic{Policy: want.Policy, Rule: mask.RoundedReciprocal}},
			"select":         {[]spatialdropout.Option{withRule(want.Rule)}, mask.Arithmetic{Rule: want.Rule}},
			"unscaled":       {[]spatialdropout.Option{withRuleOn(streamOf(t, name), mask.Unscaled)}, mask.Arithmetic{Policy: want.Policy, Rule: mask.Unscaled}},
			"at inference":   {[]spatialdropout.Option{withRuleOn(streamOf(t, name), mask.AtInference)}, mask.Arithmetic{Policy: want.Policy, Rule: mask.AtInference}},
			"alpha":          {[]spatialdropout.Option{withRuleOn(streamOf(t, name), mask.Alpha)}, mask.Arithmetic{Policy: want.Policy, Rule: mask.Alpha}},
			"the default":    {[]spatialdropout.Option{spatialdropout.WithArithmetic(mask.Arithmetic{})}, mask.Arithmetic{}},
		} {
			m := draw(t, newDropout(t, 0.5, append(c.opts, spatialdropout.WithStream(streamOf(t, name)))...), g)
			if m.Arithmetic().Policy != c.want.Policy || m.Arithmetic().Rule != c.want.Rule {
				t.Errorf("%s, %s: %v and %v, want %v and %v", name, what, m.Arithmetic().Policy, m.Arithmetic().Rule, c.want.Policy, c.want.Rule)
			}
		}
	}
	for _, name := range mask.StreamNames() {
		if s := newDropout(t, 0.5, spatialdropout.WithStream(streamOf(t, name))).Generator().Stream(); s.String() != streamOf(t, name).String() {
			t.Errorf("the stream of %s is %v", name, s)
		}
	}
}

func testRules[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 32))
	all := tensors(t)
	each := 3
	if testing.Short() {
		each = 9
	}
	for _, rule := range []mask.Rule{mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient, mask.CompiledQuotient} {
		for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
			if (rule == mask.Quotient || rule == mask.CompiledQuotient) && policy == mask.Multiply {
				continue
			}
			// Two of these tell whether 1−rate is rounded to a half directly.
			for _, rate := range []float64{0, 0.1, 1.0 / 3, 0.5, 0.5 - 0x1p-12 - 0x1p-40, 0.5 - 0x1p-9 - 0x1p-40, 0.9999, 1} {
				d := newDropout(t, rate, spatialdropout.WithArithmetic(mask.Arithmetic{Policy: policy, Rule: rule}))
				for i, x := range all {
					if i%each != int(rule)%each {
						continue
					}
					m := draw(t, d, x.geom)
					if m.Arithmetic().Rule != rule {
						t.Fatalf("rule %v, want %v", m.Arithmetic().Rule, rule)
					}
					dst, src := operands[T](r, x)
					onTiers(t, func(string) {
						for k := range 4 {
							c := call{add: k&1 > 0, inPlace: k&2 > 0, rate: rate, policy: policy, rule: rule}
							if err := checkMask(x, c, m, dst, src, 0, 3); err != nil {
								t.Errorf("%s: %v", x.name, err)
							}
						}
					})
				}
			}
		}
	}
}

// Factors in every rounding, and true quotients, on every tier.
func TestEveryRuleIsTheOracles(t *testing.T) {
	t.Run("float32", testRules[float32])
	t.Run("float64", testRules[float64])
	t.Run("float16", testRules[float16])
	t.Run("bfloat16", testRules[bfloat16])
}

func testAlpha[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 33))
	for _, rate := range []float64{0, 0.05, 0.2, 0.5, 0.9, 1} {
		for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
			alpha := spatialdropout.WithArithmetic(mask.Arithmetic{Policy: policy, Rule: mask.Alpha})
			d, l := newDropout(t, rate, alpha), newLayer[T](t, rate, alpha)
			for i, x := range tensors(t) {
				if testing.Short() && i%4 > 0 {
					continue
				}
				m := draw(t, d, x.geom)
				dst, src := operands[T](r, x)
				forward, gradient := call{rate: rate, policy: policy, rule: mask.Alpha}, call{rate: rate, policy: policy, rule: mask.AlphaGradient}
				sum := gradient
				sum.add = true
				onTiers(t, func(string) {
					for what, err := range map[string]error{
						"Apply":    checkMask(x, forward, m, dst, src, 1, 3),
						"Gradient": checkMask(x, gradient, m.Gradient(), dst, src, 1, 3),
						"AddTo":    checkMask(x, sum, m.Gradient(), dst, src, 1),
					} {
						if err != nil {
							t.Errorf("%s, %s: %v", x.name, what, err)
						}
					}
				})
				calls := layerCalls(t, l, x)
				for _, err := range []error{
					checkDo(x, forward, m, dst, src, calls["Forward"], 1),
					checkDo(x, gradient, m, dst, src, calls["Backward"], 1),
					checkDo(x, sum, m, dst, src, calls["AddTo"], 1),
				} {
					if err != nil {
						t.Fatalf("layer, %s: %v", x.name, err)
					}
				}
				if before := append([]T(nil), dst...); rate > 0 && rate < 1 && len(x.places) > 0 {
					err := k.addTo(dst, src, m, x.geom)
					wantError(t, "AddTo", err, "alpha", "Gradient")
					if _, ok := err.(*spatialdropout.AlphaError); !ok {
						t.Errorf("AddTo of alpha dropout: %T, want an *AlphaError", err)
					}
					if err := differ(dst, before, before); err != nil {
						t.Errorf("AddTo of alpha dropout wrote before it failed: %v", err)
					}
				}
			}
		}
	}
}

func TestAlphaDropoutIsTheOracles(t *testing.T) {
	t.Run("float32", testAlpha[float32])
	t.Run("float64", testAlpha[float64])
	t.Run("float16", testAlpha[float16])
	t.Run("bfloat16", testAlpha[bfloat16])
}

// moments returns mean and variance.
func moments(all []float64) (mean, variance float64) {
	for _, x := range all {
		mean += x / float64(len(all))
	}
	for _, x := range all {
		variance += (x - mean) * (x - mean) / float64(len(all))
	}
	return mean, variance
}

// Alpha dropout keeps mean 0 and variance 1.
func TestAlphaDropoutKeepsMeanAndVariance(t *testing.T) {
	x := dense(t, layout.NC, 500, 800)
	r := rand.New(rand.NewPCG(1, 34))
	src := make([]float64, x.length)
	for i := range src {
		src[i] = r.NormFloat64()
	}
	for _, text := range []string{"philox:5", "pytorch:5", "jax:5"} {
		for _, rate := range []float64{0.05, 0.1, 0.5} {
			y := forward(t, newLayer[float64](t, rate, spatialdropout.WithStream(streamOf(t, text)), withRuleOn(streamOf(t, text), mask.Alpha)), src, x.geom)
			if mean, variance := moments(y); math.Abs(mean) > 0.02 || math.Abs(variance-1) > 0.02 {
				t.Errorf("%s, rate %v: mean %v and variance %v, want 0 and 1", text, rate, mean, variance)
			}
		}
	}
}

func testGaussian[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 35))
	for _, x := range tensors(t) {
		d := newDropout(t, 0.3, spatialdropout.WithSeed(7), withRule(mask.Gaussian))
		l := newLayer[T](t, 0.3, spatialdropout.WithSeed(7), withRule(mask.Gaussian), spatialdropout.WithWorkers(2))
		// The factors, read off a matrix of ones.
		flat := dense(t, layout.NC, x.samples, x.channels)
		p := d.Next(x.geom)
		drawn, err := p.Mask()
		if err != nil {
			t.Fatal(err)
		}
		if drawn.Gradient() != drawn {
			t.Fatal("Gaussian noise has a gradient of its own")
		}
		f := make([]T, flat.length)
		if err := p.Forward(k.tensor(f, flat.geom), k.tensor(filled(flat.length, k.of(1)), flat.geom)); err != nil {
			t.Fatal(err)
		}
		dst, src := operands[T](r, x)
		for i := range src {
			dst[i], src[i] = k.of(r.NormFloat64()), k.of(r.NormFloat64())
		}
		want, sum := append([]T(nil), dst...), append([]T(nil), dst...)
		for _, p := range x.places {
			want[p.at] = k.times(src[p.at], f[p.n*x.channels+p.c])
			sum[p.at] = k.plus(dst[p.at], want[p.at])
		}
		for _, at := range x.padding {
			want[at] = k.times(src[at], 0) // which is a zero
		}
		got := make([]T, len(dst))
		check := func(what string, want []T, do func() error) {
			t.Helper()
			copy(got, dst)
			if err := do(); err != nil {
				t.Fatalf("%s, %s: %v", x.name, what, err)
			}
			for _, at := range x.padding {
				if k.float(got[at]) == k.float(want[at]) {
					got[at] = want[at] // zeros of either sign
				}
			}
			if err := differ(got, want, want); err != nil {
				t.Fatalf("%s, %s: %v", x.name, what, err)
			}
		}
		for _, w := range []int{1, 3} {
			p := sharedBy(t, d, w).At(p.Place(), x.geom)
			to, from := k.tensor(got, x.geom), k.tensor(src, x.geom)
			check("Pass.Forward", want, func() error { return p.Forward(to, from) })
			check("Pass.Backward", want, func() error { return p.Backward(to, from) })
			check("Pass.AddTo", sum, func() error { return p.AddTo(to, from) })
		}
		check("Forward", want, func() error { return l.Forward(got, src, x.geom) })
		if m := maskOf(t, l); m.Arithmetic().Rule != mask.Gaussian || m.CountKept() != x.samples*x.channels {
			t.Fatalf("%s: the layer's mask is %v", x.name, m)
		}
		check("Backward", want, func() error { return l.Backward(got, src, x.geom) })
		restore(t, l.Dropout(), spatialdropout.GeneratorState{Stream: "philox:7"})
		calls := layerCalls(t, l, x)
		check("AddTo", sum, func() error { return calls["AddTo"](got, src, 1) })
		l.SetTraining(false)
		if y := forward(t, l, src[:x.length], x.geom); !x.view && !same(y, src) {
			t.Fatalf("%s: evaluation is not the identity", x.name)
		}
	}
	x := dense(t, layout.NHWC, 2, 3, 3, 9)
	src := values[T](r, x.length)
	if y := forward(t, newLayer[T](t, 0, withRule(mask.Gaussian)), src, x.geom); !same(y, src) {
		t.Error("rate 0 is not the identity")
	}
	if y := forward(t, newLayer[T](t, 1, withRule(mask.Gaussian)), src, x.geom); !same(y, make([]T, x.length)) {
		t.Error("rate 1 does not give zeros")
	}
}

func TestGaussianNoiseIsOneFactorAChannel(t *testing.T) {
	t.Run("float32", testGaussian[float32])
	t.Run("float64", testGaussian[float64])
	t.Run("float16", testGaussian[float16])
	t.Run("bfloat16", testGaussian[bfloat16])
}

func TestGaussianNoiseHasMeanAndVariance(t *testing.T) {
	const n = 200000
	x := dense(t, layout.NC, n/100, 100)
	for _, rate := range []float64{0.1, 0.5, 0.8} {
		y := forward(t, newLayer[float64](t, rate, withRule(mask.Gaussian)), filled[float64](x.length, 1), x.geom)
		want := rate / (1 - rate)
		mean, variance := moments(y)
		// Five standard deviations of either.
		if math.Abs(mean-1) > 5*math.Sqrt(want/n) || math.Abs(variance-want) > 5*want*math.Sqrt(2.0/n) {
			t.Errorf("rate %v: mean %v and variance %v, want 1 and %v", rate, mean, variance, want)
		}
	}
}

// Shards have their part of the noise, steps noise of their own.
func TestGaussianNoiseIsOfItsPlace(t *testing.T) {
	ones := func(n int) []float64 { return filled[float64](n*31, 1) }
	whole := newLayer[float64](t, 0.5, withRule(mask.Gaussian))
	part := newLayer[float64](t, 0.5, withRule(mask.Gaussian), shardFrom(3))
	var last []float64
	for range 3 {
		y := forward(t, whole, ones(9), dense(t, layout.NC, 9, 31).geom)
		if !same(forward(t, part, ones(4), dense(t, layout.NC, 4, 31).geom), y[3*31:7*31]) {
			t.Error("a shard has other noise than its part of the batch")
		}
		if same(y, last) {
			t.Error("a step has the noise of the one before")
		}
		last = y
	}
}
