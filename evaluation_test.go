package spatialdropout_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

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

// A Dropout whose evaluation is the identity says so, and Evaluate is it.
func TestEvaluationSaysWhetherItIsTheIdentity(t *testing.T) {
	x := dense(t, layout.NCHW, 2, 40, 2, 3)
	src := values[float32](rand.New(rand.NewPCG(1, 32)), x.length)
	for name, opts := range variants() {
		for _, always := range []bool{false, true} {
			opts := opts()
			if always {
				opts = append(opts, spatialdropout.WithAlways())
			}
			d, y := newDropout(t, 0.5, opts...), make([]float32, x.length)
			atStep(t, d, 4) // at step 0 a rate may still be 0
			if _, err := d.Evaluate(spatialdropout.Of(y, x.geom), spatialdropout.Of(src, x.geom)); err != nil {
				t.Fatal(err)
			}
			if got := d.EvaluationIsIdentity(); got != same(y, src) {
				t.Errorf("%s, always %v: the identity %v, but evaluation is it: %v", name, always, got, same(y, src))
			}
		}
	}
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
