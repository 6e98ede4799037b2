package spatialdropout_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

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
					if !refusesArgument(err, "mask") {
						t.Errorf("AddTo of alpha dropout: %#v, want an *ArgumentError of the mask", err)
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
		// They are those of the mask, whose distribution package mask tests.
		numbers := make([]T, flat.length)
		if err := mask.Factors(k.tensor(f, flat.geom).Data.Kind().Type(), numbers, drawn, x.channels); err != nil {
			t.Fatal(err)
		}
		if !same(f, numbers) {
			t.Fatalf("%s: ones become %v, want the factors %v", x.name, f, numbers)
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
