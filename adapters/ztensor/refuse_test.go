package ztensor

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/zerfoo/ztensor/tensor"
)

// typed reports whether an error is one of those that Forward names.
func typed(err error) bool {
	var refused *TensorError
	var axes *layout.ArgumentError
	return errors.As(err, &refused) || errors.As(err, &axes)
}

// A tensor that a node does not take is a typed error, and the next mask is that of the same step.
func TestTensorsThatAreRefused(t *testing.T) {
	of := func(shape ...int) *tensor.TensorNumeric[float32] {
		return tensorOf(t, numbers[float32](1, product(shape)), shape...)
	}
	strided := func(strides ...int) *tensor.TensorNumeric[float32] {
		x := of(2, 3, 4, 5)
		x.SetStrides(strides)
		return x
	}
	packed := must(tensor.NewWithStorage[float32]([]int{1, 3, 1, 1}, tensor.NewBFloat16Storage([]float32{1, 2, 3})))(t)
	short := of(2, 3, 4, 5)
	short.SetData(make([]float32, 7))
	for name, c := range map[string]struct {
		x        *tensor.TensorNumeric[float32]
		order    layout.Order
		channels int
		want     []string // parts of the message
	}{
		"no tensor":     {nil, 0, 0, []string{"no tensor"}},
		"packed":        {packed, 0, 0, []string{"BFloat16Storage", "CPUStorage"}},
		"short":         {short, 0, 0, []string{"7 elements", "120"}},
		"broadcast":     {strided(60, 0, 5, 1), 0, 0, []string{"[60 0 5 1]"}},
		"few strides":   {strided(60, 20), 0, 0, []string{"[60 20]"}},
		"three axes":    {of(3, 4, 5), 0, 0, []string{"[3 4 5]", "NCHW"}},
		"a scalar":      {of(), 0, 0, []string{"NCHW"}},
		"other order":   {of(2, 3, 4, 5), layout.NWC, 0, []string{"[2 3 4 5]", "NWC"}},
		"no order":      {of(2, 3, 4, 5), 99, 0, []string{"99"}},
		"blocked":       {of(2, 16, 4, 5), layout.NCHW16c, 0, []string{"NCHW16c", "not blocked"}},
		"blocked of 8":  {of(2, 3, 4, 5), layout.NCHW8c, 0, []string{"NCHW8c", "not blocked"}},
		"channels":      {of(2, 3, 4, 5), 0, 5, []string{"[2 3 4 5]", "3 channels", "5 channels"}},
		"channels last": {of(2, 3, 4, 5), layout.NHWC, 3, []string{"5 channels", "want 3 channels"}},
	} {
		d := nodeOf[float32](t, 0.5, spatialdropout.WithSeed(3))
		d.Order, d.Channels = c.order, c.channels
		for _, train := range []bool{true, false} {
			d.SetTraining(train)
			_, err := d.Forward(ctx, c.x)
			if !typed(err) {
				t.Errorf("%s: error %v of type %T", name, err, err)
				continue
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%s: error %q does not say %q", name, err, part)
				}
			}
		}
		if s := d.Core().State(); s.Step != 0 || s.Cursor != 0 {
			t.Errorf("%s: a step is spent: %+v", name, s)
		}
	}
}

// Inputs, gradients and destinations that do not fit are typed errors, and nothing is written.
func TestCallsThatAreRefused(t *testing.T) {
	shape := []int{2, 3, 2, 2}
	x := numbers[float32](1, 24)
	d := nodeOf[float32](t, 0.5, spatialdropout.WithSeed(3))
	in, turned := tensorOf(t, x, shape...), tensorOf(t, x, 3, 2, 2, 2)
	_, call, err := d.Run(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() error{
		"no input":             func() error { _, err := d.Forward(ctx); return err },
		"two inputs":           func() error { _, err := d.Forward(ctx, in, in); return err },
		"gradient, no input":   func() error { _, err := d.Backward(ctx, 0, in); return err },
		"gradient before":      func() error { _, err := d.Backward(ctx, 0, in, turned); return err },
		"gradient, nil input":  func() error { _, err := d.Backward(ctx, 0, in, nil); return err },
		"no gradient":          func() error { _, err := call.Backward(ctx, nil); return err },
		"another gradient":     func() error { _, err := call.Backward(ctx, turned); return err },
		"another destination":  func() error { _, _, err := d.Run(ctx, in, turned); return err },
		"two destinations":     func() error { _, _, err := d.Run(ctx, in, in, in); return err },
		"gradient, dst turned": func() error { _, err := call.Backward(ctx, in, turned); return err },
	} {
		if err := f(); !typed(err) {
			t.Errorf("%s: error %v of type %T", name, err, err)
		}
	}
	// A destination that overlaps the input without being it.
	long := tensorOf(t, numbers[float32](2, 32), 4, 4, 1, 2)
	low, high := must(long.Slice([2]int{0, 3}))(t), must(long.Slice([2]int{1, 4}))(t)
	before := append([]float32{}, long.Data()...)
	var overlap *kernel.OverlapError
	if _, _, err := d.Run(ctx, low, high); !errors.As(err, &overlap) {
		t.Errorf("an overlapping destination gives %v", err)
	}
	same(t, "tensor", long.Data(), before)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := d.Forward(cancelled, in); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is cancelled gives %v", err)
	}
	if s := d.Core().State(); s.Step != 1 {
		t.Errorf("step %d, want 1", s.Step)
	}
	same(t, "input", in.Data(), x)
}

// Rates and options that the core refuses are refused with its errors.
func TestRatesAndOptionsThatAreRefused(t *testing.T) {
	for _, rate := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		_, err := New[float32](rate)
		var refused *mask.ArgumentError
		if !errors.As(err, &refused) || refused.Argument != "rate" {
			t.Errorf("rate %v gives %v, want a *mask.ArgumentError of the rate", rate, err)
		}
	}
	for name, opts := range map[string][]spatialdropout.Option{
		"nil": {nil}, "two seeds": {spatialdropout.WithSeed(1), spatialdropout.WithStream(mask.PyTorch(1))},
		"workers": {spatialdropout.WithWorkers(-1)},
	} {
		d, err := New[float64](0.5, opts...)
		var refused *spatialdropout.ArgumentError
		if !errors.As(err, &refused) || d != nil {
			t.Errorf("%s: %v and error %v, want a *spatialdropout.ArgumentError alone", name, d, err)
		}
	}
	d := nodeOf[float32](t, 0.5, spatialdropout.WithSchedule(wrong{}))
	var refused *mask.ArgumentError
	if _, err := d.Forward(ctx, tensorOf(t, numbers[float32](1, 8), 2, 4, 1, 1)); !errors.As(err, &refused) || refused.Argument != "rate" {
		t.Errorf("a schedule with rate 2 gives %v, want a *mask.ArgumentError of the rate", err)
	}
}

type wrong struct{}

func (wrong) Rate(float64, uint64) float64 { return 2 }

// The zero node is refused in the way of each method.
func TestZeroNode(t *testing.T) {
	x := tensorOf(t, numbers[float32](1, 4), 1, 4, 1, 1)
	var zero *spatialdropout.UseError
	for _, d := range []*Dropout[float32]{nil, {}} {
		for name, f := range map[string]func() error{
			"Forward":       func() error { _, err := d.Forward(ctx, x); return err },
			"Backward":      func() error { _, err := d.Backward(ctx, 0, x, x); return err },
			"Run":           func() error { _, _, err := d.Run(ctx, x); return err },
			"MarshalText":   func() error { _, err := d.MarshalText(); return err },
			"UnmarshalText": func() error { return d.UnmarshalText(nil) },
		} {
			if err := f(); !errors.As(err, &zero) {
				t.Errorf("%s gives %v", name, err)
			}
		}
		for name, f := range map[string]func(){
			"Core": func() { d.Core() }, "Training": func() { d.Training() }, "SetTraining": func() { d.SetTraining(true) },
			"Reset": func() { d.Reset() }, "OutputShape": func() { d.OutputShape() }, "Attributes": func() { d.Attributes() },
		} {
			if err := panicked(t, f); !errors.As(err, &zero) {
				t.Errorf("%s panics with %v", name, err)
			}
		}
	}
	for _, call := range []*Call[float32]{nil, {}} {
		if _, err := call.Backward(ctx, x); !errors.As(err, &zero) {
			t.Errorf("Backward of no call gives %v", err)
		}
	}
}
