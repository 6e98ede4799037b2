package spatialdropout_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// newLayer returns a Layer, see seeded, and fails the test on an error.
func newLayer[T number](t testing.TB, rate float64, opts ...spatialdropout.Option) *spatialdropout.Layer[T] {
	t.Helper()
	l, err := seeded(func(opts ...spatialdropout.Option) (*spatialdropout.Layer[T], error) {
		return kindOf[T]().layer(rate, opts...)
	}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// forward returns the layer's output for src.
func forward[T number](t testing.TB, l *spatialdropout.Layer[T], src []T, g layout.Geometry) []T {
	t.Helper()
	dst := make([]T, len(src))
	if err := l.Forward(dst, src, g); err != nil {
		t.Fatal(err)
	}
	return dst
}

// backward returns the layer's gradient for src.
func backward[T number](t testing.TB, l *spatialdropout.Layer[T], src []T, g layout.Geometry) []T {
	t.Helper()
	dst := make([]T, len(src))
	if err := l.Backward(dst, src, g); err != nil {
		t.Fatal(err)
	}
	return dst
}

// maskOf returns the mask of the layer's last Forward.
func maskOf[T number](t testing.TB, l *spatialdropout.Layer[T]) *mask.Mask {
	t.Helper()
	m, err := l.Pass().Mask()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// gradient returns the gradient of a pass for src.
func gradient[T number](t testing.TB, p spatialdropout.Pass, src []T, g layout.Geometry) []T {
	t.Helper()
	dst := make([]T, len(src))
	if err := p.Backward(kindOf[T]().tensor(dst, g), kindOf[T]().tensor(src, g)); err != nil {
		t.Fatal(err)
	}
	return dst
}

// wantBackwardError reports unless err says that a backward pass has no forward pass, or
// that another one has used it.
func wantBackwardError(t testing.TB, what string, err error, used bool) {
	t.Helper()
	want := spatialdropout.UseError{Given: "a backward pass without a Forward before it", Want: "a Forward for each; Layer.Pass gives passes that run in any order"}
	if used {
		want.Given = "a second backward pass after one Forward"
	}
	var refused *spatialdropout.UseError
	if !errors.As(err, &refused) || *refused != want {
		t.Errorf("%s: %v, want %v", what, err, &want)
	}
}

// layerCalls returns the calls of a layer. Each begins at the same place of the stream, and
// Backward and AddTo make a Forward before.
func layerCalls[T number](t testing.TB, l *spatialdropout.Layer[T], x tensor) map[string]func(dst, src []T, workers int) error {
	at := state(l.Dropout())
	after := func(do func(dst, src []T, g layout.Geometry) error) func(dst, src []T, workers int) error {
		return func(dst, src []T, _ int) error {
			restore(t, l.Dropout(), at)
			scratch := append([]T(nil), src...)
			if err := l.Forward(scratch, scratch, x.geom); err != nil {
				return err
			}
			return do(dst, src, x.geom)
		}
	}
	return map[string]func(dst, src []T, workers int) error{
		"Forward": func(dst, src []T, _ int) error {
			restore(t, l.Dropout(), at)
			return l.Forward(dst, src, x.geom)
		},
		"Backward": after(l.Backward), "AddTo": after(l.AddTo),
	}
}

func same[T number](a, b []T) bool {
	return len(a) == len(b) && differ(a, b, b) == nil
}

func testLayer[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
		l := newLayer[T](t, 0.3, spatialdropout.WithSeed(8), withPolicy(policy), shardFrom(3), spatialdropout.WithWorkers(2))
		atStep(t, l.Dropout(), 5)
		d := atStep(t, newDropout(t, 0.3, spatialdropout.WithSeed(8), withPolicy(policy), shardFrom(3)), 5)
		for _, x := range tensors(t) {
			m := draw(t, d, x.geom)
			src, want := values[T](r, x.length), make([]T, x.length)
			if err := kindOf[T]().apply(want, src, m, x.geom); err != nil {
				t.Fatal(err)
			}
			if got := forward(t, l, src, x.geom); !same(got, want) {
				t.Fatalf("%s, %v: Forward is not Apply", x.name, policy)
			}
			if !equal(rows(maskOf(t, l)), rows(m)) {
				t.Fatalf("%s: the mask of the pass is not the one drawn", x.name)
			}
			dy := values[T](r, x.length)
			clear(want)
			if err := kindOf[T]().apply(want, dy, m, x.geom); err != nil {
				t.Fatal(err)
			}
			if got := backward(t, l, dy, x.geom); !same(got, want) {
				t.Fatalf("%s, %v: Backward is not Apply", x.name, policy)
			}
			again := append([]T(nil), want...)
			wantBackwardError(t, x.name, l.Backward(again, dy, x.geom), true)
			if !same(again, want) {
				t.Fatalf("%s, %v: a second Backward wrote before it failed", x.name, policy)
			}
			for range 2 { // the backward pass of a Pass may run again
				if got := gradient(t, l.Pass(), dy, x.geom); !same(got, want) {
					t.Fatalf("%s, %v: Backward of the pass is not Apply", x.name, policy)
				}
			}
			if step(l.Dropout()) != step(d) {
				t.Fatalf("%s: step %d, want %d", x.name, step(l.Dropout()), step(d))
			}
		}
	}
}

func TestLayerIsDrawAndApply(t *testing.T) {
	t.Run("float32", testLayer[float32])
	t.Run("float16", testLayer[float16])
	t.Run("bfloat16", testLayer[bfloat16])
}

func TestLayersOfOneSeedAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	x := dense(t, layout.NHWC, 4, 3, 3, 37)
	a, b := newLayer[float64](t, 0.5, spatialdropout.WithSeed(6)), newLayer[float64](t, 0.5, spatialdropout.WithSeed(6), spatialdropout.WithWorkers(3))
	other := newLayer[float64](t, 0.5, spatialdropout.WithSeed(7))
	src := make([]float64, x.length)
	for i := range src {
		src[i] = r.NormFloat64()
	}
	seen := make(map[string]int)
	for step := range 10 {
		y := forward(t, a, src, x.geom)
		if !same(y, forward(t, b, src, x.geom)) {
			t.Fatalf("step %d differs", step)
		}
		if same(y, forward(t, other, src, x.geom)) {
			t.Errorf("seeds 6 and 7 agree in step %d", step)
		}
		drawn := fmt.Sprint(rows(maskOf(t, a)))
		if before, ok := seen[drawn]; ok {
			t.Errorf("step %d repeats step %d", step, before)
		}
		seen[drawn] = step
	}
}

func TestEvaluationIsTheIdentityToTheBit(t *testing.T) {
	t.Run("float32", testEvaluation[float32])
	t.Run("float64", testEvaluation[named64])
	t.Run("float16", testEvaluation[float16])
	t.Run("bfloat16", testEvaluation[bfloat16])
}

func testEvaluation[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	for _, workers := range []int{0, 1, 2, 7} {
		l := newLayer[T](t, 0.5, spatialdropout.WithWorkers(workers), withPolicy(mask.Multiply))
		l.SetTraining(false)
		for _, x := range tensors(t) {
			filler, src := operands[T](r, x)
			want := append([]T(nil), filler...)
			for _, p := range x.places {
				want[p.at] = src[p.at]
			}
			for _, at := range x.padding {
				want[at] = src[at]
			}
			onTiers(t, func(tier string) {
				dst := make([]T, len(src))
				calls := layerCalls(t, l, x)
				for _, name := range []string{"Forward", "Backward"} {
					copy(dst, filler)
					for _, from := range [][]T{src, dst} {
						if err := calls[name](dst, from, workers); err != nil {
							t.Fatal(err)
						}
						if err := differ(dst, want, want); err != nil {
							t.Fatalf("%s, %s, tier %s, %d workers: %v", x.name, name, tier, workers, err)
						}
					}
				}
			})
		}
		if m := maskOf(t, l); step(l.Dropout()) != 0 || !m.Identity() {
			t.Errorf("evaluation spent %d steps or has the mask %v", step(l.Dropout()), m)
		}
	}
}

func testEvaluationRefuses[T number](t *testing.T) {
	x := dense(t, layout.NCHW, 2, 3, 4, 5)
	l := newLayer[T](t, 0.5)
	l.SetTraining(false)
	r := rand.New(rand.NewPCG(1, 6))
	buf := values[T](r, 200)
	before := append([]T(nil), buf...)
	wantError(t, "short dst", l.Forward(buf[:119], buf[:120], x.geom), "dst", "119", "120")
	wantError(t, "long src", l.Forward(buf[:120], buf[:121], x.geom), "src", "121", "120")
	err := l.Forward(buf[1:121], buf[:120], x.geom)
	var overlap *kernel.OverlapError
	if !errors.As(err, &overlap) {
		t.Errorf("%v, want a *kernel.OverlapError", err)
	}
	if !same(buf, before) {
		t.Error("something was written")
	}
	err = l.Backward(buf[:120], buf[:120], x.geom)
	wantError(t, "Backward after failed Forwards", err, "Forward")
	wantBackwardError(t, "Backward after failed Forwards", err, false)
}

func TestEvaluationRefusesWhatTrainingRefuses(t *testing.T) {
	t.Run("float32", testEvaluationRefuses[float32])
	t.Run("float16", testEvaluationRefuses[float16])
	t.Run("bfloat16", testEvaluationRefuses[bfloat16])
}

// Nothing to do is no error, and Backward refuses in evaluation what Forward does.
func testEvaluationBackwardRefuses[T number](t *testing.T) {
	x, empty := dense(t, layout.NCHW, 2, 3, 4, 5), dense(t, layout.NCHW, 2, 3, 0, 5)
	l := newLayer[T](t, 0.5)
	l.SetTraining(false)
	if err := l.Forward(nil, nil, empty.geom); err != nil {
		t.Errorf("Forward of nothing: %v", err)
	}
	buf := values[T](rand.New(rand.NewPCG(1, 8)), 200)
	before := append([]T(nil), buf...)
	for name, do := range map[string]func(dst, src []T, g layout.Geometry) error{"Backward": l.Backward, "AddTo": l.AddTo} {
		if err := l.Forward(nil, nil, empty.geom); err != nil {
			t.Errorf("Forward of nothing: %v", err)
		}
		// A backward pass that fails does not use up its Forward.
		wantError(t, name+", short dst", do(buf[:119], buf[:120], x.geom), "dst", "119", "120")
		wantError(t, name+", long src", do(buf[:120], buf[:121], x.geom), "src", "121", "120")
		wantError(t, name+", overlap", do(buf[1:121], buf[:120], x.geom), "overlap")
		if err := do(nil, nil, empty.geom); err != nil {
			t.Errorf("%s of nothing: %v", name, err)
		}
		wantBackwardError(t, name+" of nothing again", do(nil, nil, empty.geom), true)
	}
	if !same(buf, before) {
		t.Error("something was written")
	}
}

func TestEvaluationRefusesBackwardToo(t *testing.T) {
	t.Run("float32", testEvaluationBackwardRefuses[float32])
	t.Run("float16", testEvaluationBackwardRefuses[float16])
	t.Run("bfloat16", testEvaluationBackwardRefuses[bfloat16])
}

func testTrainingSwitch[T number](t *testing.T) {
	x := dense(t, layout.NC, 3, 40)
	src := filled(x.length, kindOf[T]().of(1))
	l := newLayer[T](t, 0.5)
	if !l.Training() || l.Pass() != (spatialdropout.Pass{}) {
		t.Error("a new layer is not in training or has a pass")
	}
	trained := forward(t, l, src, x.geom)
	l.SetTraining(false)
	if l.Training() {
		t.Error("still in training")
	}
	if !same(backward(t, l, src, x.geom), trained) || maskOf(t, l).CountKept() == x.samples*x.channels {
		t.Error("Backward no longer belongs to the Forward before the switch")
	}
	if !same(forward(t, l, src, x.geom), src) || !maskOf(t, l).Identity() {
		t.Error("evaluation drops or has a mask that does")
	}
	l.SetTraining(true)
	if !same(backward(t, l, src, x.geom), src) {
		t.Error("Backward after evaluation drops")
	}
	if step(l.Dropout()) != 1 {
		t.Errorf("step %d after one training Forward", step(l.Dropout()))
	}
	if second := forward(t, l, src, x.geom); same(second, trained) || same(second, src) {
		t.Error("the second step repeats the first or drops nothing")
	}
}

func TestTrainingSwitchCountsFromTheNextForward(t *testing.T) {
	t.Run("float32", testTrainingSwitch[float32])
	t.Run("float16", testTrainingSwitch[float16])
	t.Run("bfloat16", testTrainingSwitch[bfloat16])
}

func testInPlaceLayer[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	for _, x := range []tensor{dense(t, layout.NCHW, 2, 9, 3, 5), dense(t, layout.NHWC, 2, 3, 5, 9)} {
		a, b := newLayer[T](t, 0.4), newLayer[T](t, 0.4)
		src := values[T](r, x.length)
		data := append([]T(nil), src...)
		if err := a.Forward(data, data, x.geom); err != nil {
			t.Fatal(err)
		}
		if !same(data, forward(t, b, src, x.geom)) {
			t.Errorf("%s: Forward in place differs", x.name)
		}
		copy(data, src)
		if err := a.Backward(data, data, x.geom); err != nil {
			t.Fatal(err)
		}
		if !same(data, backward(t, b, src, x.geom)) {
			t.Errorf("%s: Backward in place differs", x.name)
		}
	}
}

func TestInPlaceLayerIsTheLayer(t *testing.T) {
	t.Run("float32", testInPlaceLayer[float32])
	t.Run("float16", testInPlaceLayer[float16])
	t.Run("bfloat16", testInPlaceLayer[bfloat16])
}

func testBackwardElsewhere[T number](t *testing.T) {
	k := kindOf[T]()
	first, last := dense(t, layout.NCHW, 3, 5, 2, 4), dense(t, layout.NHWC, 3, 2, 4, 5)
	ones := filled(first.length, k.of(1))
	l := newLayer[T](t, 0.5)
	forward(t, l, ones, first.geom)
	m := maskOf(t, l)
	dx := backward(t, l, ones, last.geom)
	for _, p := range last.places {
		if kept := dx[p.at] == k.of(2); kept != m.Kept(p.n, p.c) {
			t.Fatalf("channel %d of sample %d is %v", p.c, p.n, k.float(dx[p.at]))
		}
	}
	forward(t, l, ones, first.geom)
	wantError(t, "Backward of other samples", l.Backward(ones, ones, dense(t, layout.NCHW, 5, 3, 2, 4).geom), "3×5", "5×3")
}

func TestBackwardMayLieOtherwiseInMemory(t *testing.T) {
	t.Run("float32", testBackwardElsewhere[float32])
	t.Run("float16", testBackwardElsewhere[float16])
	t.Run("bfloat16", testBackwardElsewhere[bfloat16])
}

func TestBackwardWithoutForwardIsAnError(t *testing.T) {
	x := dense(t, layout.NC, 2, 3)
	l := newLayer[float64](t, 0.5)
	dst := []float64{1, 2, 3, 4, 5, 6}
	for _, training := range []bool{true, false} {
		l.SetTraining(training)
		for name, err := range map[string]error{"Backward": l.Backward(dst, dst, x.geom), "AddTo": l.AddTo(dst, dst, x.geom)} {
			wantError(t, name, err, "backward pass", "without a Forward")
			wantBackwardError(t, name, err, false)
		}
	}
	if !same(dst, []float64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("dst became %v", dst)
	}
}

func TestFailedForwardSpendsNoStepAndKeepsTheMask(t *testing.T) {
	x := dense(t, layout.NC, 3, 40)
	src := make([]float32, x.length)
	for i := range src {
		src[i] = 1
	}
	l, undisturbed := newLayer[float32](t, 0.5), newLayer[float32](t, 0.5)
	for step := range 4 {
		y := forward(t, l, src, x.geom)
		if !same(y, forward(t, undisturbed, src, x.geom)) {
			t.Fatalf("step %d: a failed Forward has moved the stream", step)
		}
		p, drawn := l.Pass(), rows(maskOf(t, l))
		dst := append([]float32(nil), src...)
		other := dense(t, layout.NC, 5, 70)
		for range 3 {
			wantError(t, "short dst", l.Forward(dst[:1], src, x.geom), "dst")
			wantError(t, "another geometry", l.Forward(dst, src, other.geom), "120", "350")
			wantError(t, "overlap", l.Forward(dst[:119], dst[1:], dense(t, layout.NC, 7, 17).geom), "overlap")
		}
		if !same(dst, src) {
			t.Fatalf("step %d: a failed Forward wrote", step)
		}
		if got := state(l.Dropout()).Step; got != uint64(step+1) {
			t.Fatalf("step %d after %d Forwards", got, step+1)
		}
		if l.Pass() != p || !equal(rows(maskOf(t, l)), drawn) {
			t.Fatalf("step %d: a failed Forward replaced the mask", step)
		}
		if !same(backward(t, l, src, x.geom), y) {
			t.Fatalf("step %d: Backward no longer belongs to the Forward that succeeded", step)
		}
	}
}

// A mask is not memory that the next Forward draws into.
func TestMaskOutlivesTheNextForward(t *testing.T) {
	x := dense(t, layout.NC, 3, 40)
	l := newLayer[float32](t, 0.5)
	src := make([]float32, x.length)
	forward(t, l, src, x.geom)
	m := maskOf(t, l)
	before := rows(m)
	forward(t, l, src, x.geom)
	if !equal(rows(m), before) {
		t.Error("the next Forward overwrote the mask")
	}
}

// The buffers of a call are checked before anything is drawn for its geometry.
func TestForwardOfAnImpossibleTensorIsAnError(t *testing.T) {
	for _, dims := range [][]int{{math.MaxInt, 1}, {math.MaxInt / 1024, 1024}} {
		x, err := layout.NC.Of(dims...)
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("dims %v: panic: %v", dims, p)
				}
			}()
			l := newLayer[float32](t, 0.5)
			wantError(t, fmt.Sprint(dims), l.Forward(make([]float32, 4), make([]float32, 4), x), "dst", "4")
			if step(l.Dropout()) != 0 {
				t.Errorf("dims %v: a step was spent", dims)
			}
		}()
	}
}

func testLayerAddTo[T number](t *testing.T) {
	k := kindOf[T]()
	x := dense(t, layout.NHWC, 2, 3, 3, 17)
	l := newLayer[T](t, 0.5)
	if err := l.AddTo(make([]T, x.length), make([]T, x.length), x.geom); err == nil {
		t.Error("AddTo without a Forward before is no error")
	}
	dy, sum := make([]T, x.length), make([]T, x.length)
	for i := range dy {
		dy[i], sum[i] = k.of(float64(i%7)-3), k.of(float64(i%5))
	}
	for _, training := range []bool{true, false} {
		l.SetTraining(training)
		forward(t, l, dy, x.geom)
		dx := gradient(t, l.Pass(), dy, x.geom)
		got := append([]T(nil), sum...)
		if err := l.AddTo(got, dy, x.geom); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if want := k.plus(sum[i], dx[i]); bitsOf(got[i]) != bitsOf(want) {
				t.Fatalf("training %v: element %d is %v, want %v", training, i, k.float(got[i]), k.float(want))
			}
		}
		wantBackwardError(t, "a second AddTo", l.AddTo(got, dy, x.geom), true)
		forward(t, l, dy, x.geom)
		wantError(t, "slices too short", l.AddTo(got[1:], dy[1:], x.geom), "dst", "want 306")
	}
}

// What Backward writes is what AddTo adds, in training and evaluation.
func TestLayerAddsWhatBackwardWrites(t *testing.T) {
	t.Run("float32", testLayerAddTo[float32])
	t.Run("float16", testLayerAddTo[float16])
	t.Run("bfloat16", testLayerAddTo[bfloat16])
}

// A layer of a kind that its type cannot hold is an error when it is made.
func TestLayerRefusesAnotherKind(t *testing.T) {
	check := func(what string, none bool, err error, words ...string) {
		t.Helper()
		if !none {
			t.Errorf("%s: a layer besides the error", what)
		}
		wantError(t, what, err, words...)
	}
	d := newDropout(t, 0.5)
	a, err := spatialdropout.LayerOf[float32](kernel.F16, d)
	check("float32 as float16", a == nil, err, "elements of 4 bytes", "float16", "want elements of 2 bytes")
	if !refusesKernel(err, "kind") {
		t.Errorf("%T, want a *kernel.ArgumentError of the kind", err)
	}
	b, err := spatialdropout.LayerOf[uint16](kernel.F64, d)
	check("uint16 as float64", b == nil, err, "float64", "8 bytes")
	for what, kind := range map[string]*kernel.Kind{"no kind": nil, "a zero Kind": {}} {
		c, err := spatialdropout.LayerOf[uint16](kind, d)
		check(what, c == nil, err, "no kind, want one such as")
		if !refusesKernel(err, "kind") {
			t.Errorf("%s: %T, want a *kernel.ArgumentError of the kind", what, err)
		}
	}
	for what, d := range map[string]*spatialdropout.Dropout{"no Dropout": nil, "a zero Dropout": {}} {
		e, err := spatialdropout.LayerOf[float32](kernel.F32, d)
		check(what, e == nil, err, "want one of New")
		if zero := new(spatialdropout.UseError); !errors.As(err, &zero) {
			t.Errorf("%s: %T, want a *UseError", what, err)
		}
	}
	l, err := spatialdropout.LayerOf[named32](kernel.F32, d)
	if err != nil {
		t.Fatal(err)
	}
	y := []named32{3}
	if err := l.Forward(y, y, dense(t, layout.NC, 1, 1).geom); err != nil || y[0] != 0 && y[0] != 6 {
		t.Errorf("%v, %v", y, err)
	}
}

// Layers of one Dropout take their steps in turn, and each keeps its own pass.
func TestLayersShareADropout(t *testing.T) {
	x := dense(t, layout.NC, 3, 41)
	d, drawing := newDropout(t, 0.5, spatialdropout.WithSeed(3)), newDropout(t, 0.5, spatialdropout.WithSeed(3))
	var layers [2]*spatialdropout.Layer[float32]
	var masks [2]*mask.Mask
	ones := filled[float32](x.length, 1)
	for i := range layers {
		l, err := spatialdropout.LayerOf[float32](kernel.F32, d)
		if err != nil {
			t.Fatal(err)
		}
		layers[i], masks[i] = l, draw(t, drawing, x.geom)
		forward(t, l, ones, x.geom)
	}
	for i, l := range layers {
		want := make([]float32, x.length)
		if err := spatialdropout.Apply(want, ones, masks[i], x.geom); err != nil {
			t.Fatal(err)
		}
		if l.Dropout() != d || !same(backward(t, l, ones, x.geom), want) {
			t.Errorf("layer %d has another Dropout or another mask", i)
		}
	}
}
