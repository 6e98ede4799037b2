package spago

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func TestRatesThatAreNone(t *testing.T) {
	for _, rate := range []float64{-0.1, 1.5, math.NaN(), math.Inf(1)} {
		m, err := New(rate)
		var refused *mask.ArgumentError
		if !errors.As(err, &refused) || refused.Argument != "rate" || m != nil {
			t.Errorf("rate %v: %v, want a *mask.ArgumentError of the rate", rate, err)
		}
	}
	var option *spatialdropout.ArgumentError
	if _, err := New(0.5, spatialdropout.WithWorkers(-1)); !errors.As(err, &option) || option.Argument != "WithWorkers" {
		t.Errorf("−1 workers: %v, want an *ArgumentError of WithWorkers", err)
	}
}

// Rate 0 keeps all to the bit, and is a step as any other. Rate 1 drops all.
func TestRatesZeroAndOne(t *testing.T) {
	x := []float32{1, -2, float32(math.NaN()), 4}
	for rate, want := range map[float64][]float32{0: x, 1: make([]float32, 4)} {
		m := must(New(rate, spatialdropout.WithSeed(1)))(t)
		xs := matrices(x, 4, 1)
		ys := m.Forward(xs...)
		if err := differ(joined[float32](ys), want); err != nil {
			t.Errorf("rate %v: %v", rate, err)
		}
		backward(t, ys, []float32{5, 6, 7, 8})
		dx := []float32{5, 6, 7, 8}
		if rate == 1 {
			dx = make([]float32, 4)
		}
		if err := differ(gradients[float32](t, xs), dx); err != nil {
			t.Errorf("rate %v: gradient: %v", rate, err)
		}
		if step := m.Dropout().State().Step; step != 1 {
			t.Errorf("rate %v: step %d after one call", rate, step)
		}
	}
}

// other is a tensor of a type that is not spago's.
type other struct{ mat.Matrix }

func (o other) Value() mat.Tensor { return o }

func TestInputsThatDoNotFit(t *testing.T) {
	of := func(shape ...int) mat.Tensor { return mat.NewDense[float32](mat.WithShape(shape...)) }
	var none *mat.Dense[float32]
	for _, c := range []struct {
		what     string
		channels int
		xs       []mat.Tensor
		want     string
	}{
		{"no tensor", 0, []mat.Tensor{of(2, 2), nil}, "spago: matrix 1 is of nothing, want a matrix"},
		{"a nil matrix", 0, []mat.Tensor{none}, "spago: matrix 0 is of nothing, want a matrix"},
		{"two shapes", 0, []mat.Tensor{of(2, 3), of(3, 2)}, "spago: matrix 1 is of [3 2] *mat.Dense[float32], want [2 3] *mat.Dense[float32] as matrix 0"},
		{"two types", 0, []mat.Tensor{of(2, 3), mat.NewDense[float64](mat.WithShape(2, 3))}, "spago: matrix 1 is of [2 3] *mat.Dense[float64], want [2 3] *mat.Dense[float32] as matrix 0"},
		{"half a sample", 2, []mat.Tensor{of(2, 2), of(2, 2), of(2, 2)}, "spago: 3 matrices with 2 Channels, want a matrix for each channel of each sample"},
		{"a negative number of channels", -2, []mat.Tensor{of(2, 2), of(2, 2)}, "spago: 2 matrices with -2 Channels, want a matrix for each channel of each sample"},
		{"another type of tensor", 0, []mat.Tensor{other{of(2, 2).(mat.Matrix)}}, "spago: matrix 0 is of type spago.other, want a *mat.Dense of float32 or float64"},
	} {
		for _, training := range []bool{true, false} {
			m := must(New(0.5, spatialdropout.WithSeed(3)))(t)
			m.Channels = c.channels
			m.SetTraining(training)
			ys, err := m.TryForward(c.xs...)
			var refused *InputError
			if !errors.As(err, &refused) || err.Error() != c.want || ys != nil {
				t.Errorf("%s: %v, want %s", c.what, err, c.want)
			}
			if len(c.xs) == 1 {
				if y, err := m.TryForwardRows(c.xs[0]); !errors.As(err, &refused) || y != nil {
					t.Errorf("%s in one matrix: %v", c.what, err)
				}
			}
			if m.Dropout().State().Step != 0 {
				t.Errorf("%s: a refused call takes a step", c.what)
			}
		}
	}
	m := must(New(0.5))(t)
	m.Channels = 4
	if _, err := m.TryForwardRows(of(6, 5)); err == nil || err.Error() != "spago: 6 rows with 4 Channels, want a row for each channel of each sample" {
		t.Errorf("a row and a half: %v", err)
	}
	// A gradient of another size.
	y := m.ForwardRows(of(4, 5)).(*ag.Operator)
	err := (&output{y, 0, y.Value()}).Backward(of(3, 5))
	var refused *InputError
	if !errors.As(err, &refused) || err.Error() != "spago: matrix 0 is of a gradient of [3 5], want one of [4 5]" {
		t.Errorf("a gradient of 3×5: %v", err)
	}
}

func TestModelsThatNewHasNotMade(t *testing.T) {
	var none *Model
	for what, m := range map[string]*Model{"nil": none, "zero": new(Model)} {
		var refused *spatialdropout.UseError
		if _, err := m.TryForward(); !errors.As(err, &refused) {
			t.Errorf("%s: %v, want a *UseError", what, err)
		}
		if _, err := m.TryForwardRows(nil); !errors.As(err, &refused) {
			t.Errorf("%s, rows: %v, want a *UseError", what, err)
		}
	}
	var refused *spatialdropout.UseError
	if err := new(Model).Restore(); !errors.As(err, &refused) {
		t.Errorf("Restore of a zero model: %v, want a *UseError", err)
	}
}

// ends is set in a process that makes a call which ends it.
const ends = "SPAGO_TEST_ENDS"

// Forward ends the process with a message, as the operators of spago do.
func TestForwardEndsTheProcessAsSpagoDoes(t *testing.T) {
	calls := map[string]func(){
		"list":  func() { new(Model).Forward() },
		"rows":  func() { new(Model).ForwardRows(nil) },
		"stock": func() { ag.NewOperator(failure{errors.New("an error")}).Run() },
	}
	if call := calls[os.Getenv(ends)]; call != nil {
		call()
		fmt.Println("it went on")
		os.Exit(0)
	}
	for name := range calls {
		command := exec.Command(os.Args[0], "-test.run", "^TestForwardEndsTheProcessAsSpagoDoes$")
		command.Env = append(os.Environ(), ends+"="+name)
		out, err := command.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "ag: error during forward pass: ") {
			t.Errorf("%s: %v, %s", name, err, out)
		}
		if name != "stock" && !strings.Contains(string(out), "no Model, or a zero one, want one of New") {
			t.Errorf("%s says %s", name, out)
		}
	}
}
