package spago

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn"
	"github.com/nlpodyssey/spago/nn/dropout"
	"github.com/nlpodyssey/spago/optimizers"
	"github.com/spatialdropout/spatialdropout"
)

// These tests say what the stock dropout of spago v1.1.0 does, and what the model does instead. One
// that fails after an update of spago tells that the stock dropout was repaired.

// ours returns what the model makes of a matrix of four maps, of which it drops some.
func ours(t *testing.T, x []float32) []float32 {
	t.Helper()
	m := must(New(0.5, spatialdropout.WithSeed(3)))(t)
	return joined[float32](m.Forward(matrices(x, 4, 1)...))
}

// The stock dropout drops single elements.
func TestStockDropsElements(t *testing.T) {
	ag.ManualSeed(1)
	x := slices.Repeat([]float32{1}, 64)
	stock, parts := joined[float32](dropout.New(0.5).Forward(matrices(x, 4, 4)...)), 0
	model := ours(t, x)
	for i := 0; i < 64; i += 16 {
		if s := stock[i : i+16]; slices.Max(s) != slices.Min(s) {
			parts++
		}
		if s := model[i : i+16]; slices.Max(s) != slices.Min(s) {
			t.Errorf("map %d is dropped in parts: %v", i/16, s)
		}
	}
	if parts == 0 {
		t.Error("the stock dropout drops whole maps")
	}
}

// A stock dropout of 0 times NaN is NaN, and of a negative number −0.
func TestStockMultipliesByZero(t *testing.T) {
	ag.ManualSeed(1)
	x := slices.Concat(slices.Repeat([]float32{float32(math.NaN())}, 16), slices.Repeat([]float32{-1}, 48))
	nans, negative := 0, 0
	for _, y := range joined[float32](dropout.New(0.5).Forward(matrices(x, 4, 4)...)) {
		if y != y {
			nans++
		}
		if y == 0 && math.Signbit(float64(y)) {
			negative++
		}
	}
	if nans != 16 || negative == 0 {
		t.Errorf("%d NaNs and %d negative zeros of the stock dropout, want 16 and some", nans, negative)
	}
	dropped := 0
	for i, y := range ours(t, x) {
		if y == 0 {
			dropped++
			if math.Signbit(float64(y)) {
				t.Errorf("element %d is −0", i)
			}
		}
	}
	if dropped == 0 {
		t.Error("nothing is dropped")
	}
}

// The stock dropout takes any number for a rate.
func TestStockTakesAnyRate(t *testing.T) {
	x := []float32{1, 1, 1, 1}
	for rate, want := range map[float64]float32{-1: 0.5, 1.5: 0, math.NaN(): 0} {
		if y := joined[float32](dropout.New(rate).Forward(matrices(x, 4, 1)...)); y[0] != want {
			t.Errorf("the stock dropout at rate %v gives %v, want %v", rate, y, want)
		}
		if _, err := New(rate); err == nil {
			t.Errorf("rate %v is no error", rate)
		}
	}
}

// The stock dropout has no switch: it drops whenever it runs.
func TestStockHasNoEvaluation(t *testing.T) {
	x := slices.Repeat([]float32{1}, 64)
	stock := dropout.New(0.5)
	nn.Apply(stock, func(m nn.Model) {
		if _, ok := m.(interface{ SetTraining(bool) }); ok {
			t.Error("the stock dropout has a switch")
		}
	})
	if y := joined[float32](stock.Forward(matrices(x, 4, 4)...)); slices.Min(y) != 0 {
		t.Error("the stock dropout drops nothing")
	}
	m := must(New(0.5))(t)
	SetTraining(m, false)
	if err := differ(joined[float32](m.Forward(matrices(x, 4, 4)...)), x); err != nil {
		t.Error(err)
	}
}

// A stock dropout that was loaded begins anew, or anywhere: the stream is that of the process.
func TestStockForgetsItsStream(t *testing.T) {
	x := slices.Repeat([]float32{1}, 64)
	run := func(m nn.StandardModel) []float32 { return joined[float32](m.Forward(matrices(x, 64, 1)...)) }
	ag.ManualSeed(5)
	stock := dropout.New(0.5)
	run(stock)
	var file strings.Builder
	if err := nn.Dump(stock, &file); err != nil {
		t.Fatal(err)
	}
	next := run(stock)
	loaded := must(nn.Load[*dropout.Model](strings.NewReader(file.String())))(t)
	if slices.Equal(run(loaded), next) {
		t.Error("the stock dropout goes on where it was")
	}
	m := must(New(0.5, spatialdropout.WithSeed(5)))(t)
	run(m)
	again := reload(t, m)
	if err := differ(run(again), run(m)); err != nil {
		t.Error(err)
	}
}

// A sum of what the stock dropout gives ends the process in its backward pass, since the gradient
// of a sum is flat.
func TestStockEndsTheProcessAfterASum(t *testing.T) {
	x := slices.Repeat([]float32{1}, 16)
	if os.Getenv(ends) == "sum" {
		_ = ag.Backward(ag.ReduceSum(ag.Dropout(matrices(x, 1, 4)[0], 0.5)))
		os.Exit(0)
	}
	command := exec.Command(os.Args[0], "-test.run", "^TestStockEndsTheProcessAfterASum$")
	command.Env = append(os.Environ(), ends+"=sum")
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(out), "error during backward pass: fn: matrices have incompatible dimensions") {
		t.Errorf("the stock dropout: %v, %s", err, out)
	}
	xs := matrices(x, 1, 4)
	y := must(New(0.5))(t).Forward(xs...)[0]
	if err := ag.Backward(ag.ReduceSum(y)); err != nil {
		t.Fatal(err)
	}
	if want := joined[float32]([]mat.Tensor{y}); !slices.Equal(gradients[float32](t, xs), want) { // of ones
		t.Errorf("the gradient is %v, want %v", xs[0].Grad(), want)
	}
}

// slow is a strategy that waits.
type slow struct{ begin, done chan struct{} }

func (s slow) OptimizeParams(*nn.Param) error {
	<-s.begin
	close(s.done)
	return nil
}

// The optimizer of spago does not wait for what it has begun: training with it depends on chance,
// whatever dropout does.
func TestStockOptimizerReturnsBeforeItIsDone(t *testing.T) {
	w := nn.NewParam(mat.Scalar[float32](1))
	w.AccGrad(mat.Scalar[float32](1))
	s := slow{make(chan struct{}), make(chan struct{})}
	if err := optimizers.New(nn.StreamParams([]*nn.Param{w}), s).Optimize(); err != nil {
		t.Fatal(err)
	}
	close(s.begin) // it would never have returned
	<-s.done
}
