package born

import (
	"errors"
	"testing"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/backend/cpu"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// In place a tensor becomes what TryForward would return, in its own memory.
func TestInPlace(t *testing.T) {
	shape := []int{2, 6, 3, 2}
	x := numbers[float32](1, product(shape))
	for _, option := range []spatialdropout.Option{
		spatialdropout.WithWorkers(1), spatialdropout.WithAlways(),
		spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.AtInference}),
	} {
		b := autodiff.New(cpu.New()) // which does not record
		d := layerOf[float32](t, b, 0.5, spatialdropout.WithSeed(3), option)
		core := coreOf(t, 0.5, spatialdropout.WithSeed(3), option)
		for _, train := range []bool{true, true, false, true} {
			d.SetTraining(train)
			in := tensorOf(t, b, x, shape...)
			memory := &in.Data()[0]
			if err := d.ForwardInPlace(in); err != nil {
				t.Fatal(err)
			}
			var want []float32
			if train {
				want, _, _ = training(t, core, layout.NCHW, shape, x, x)
			} else {
				want, _ = evaluation(t, core, layout.NCHW, shape, x, x)
			}
			same(t, "in place", in.Data(), want)
			if &in.Data()[0] != memory {
				t.Error("the tensor has other memory than before")
			}
		}
	}
}

// Where a gradient or another tensor may need the input, it is not overwritten, and no step is
// spent.
func TestInPlaceIsRefused(t *testing.T) {
	shape := []int{2, 6, 3, 2}
	x := numbers[float32](1, product(shape))
	for name, of := range map[string]func() *tensor.Tensor[float32, taped]{
		"recording": func() *tensor.Tensor[float32, taped] { return tensorOf(t, recording(), x, shape...) },
		"a tape that is full": func() *tensor.Tensor[float32, taped] {
			b := recording()
			in := tensorOf(t, b, x, shape...)
			in.Exp()
			b.Tape().StopRecording()
			return in
		},
		"a clone": func() *tensor.Tensor[float32, taped] {
			in := tensorOf(t, autodiff.New(cpu.New()), x, shape...)
			in.Detach()
			return in
		},
	} {
		in := of()
		d := layerOf[float32](t, in.Backend(), 0.5, spatialdropout.WithSeed(3))
		var refused *TensorError
		if err := d.ForwardInPlace(in); !errors.As(err, &refused) {
			t.Errorf("%s: error %v, want a *TensorError", name, err)
		}
		if s := d.Core().State(); s.Step != 0 {
			t.Errorf("%s: a step is spent: %+v", name, s)
		}
		d.SetTraining(false)
		if err := d.ForwardInPlace(in); err != nil {
			t.Errorf("%s: in evaluation: %v", name, err)
		}
		same(t, name, in.Data(), x)
	}
}

// A tape that is cleared and stopped holds nothing that needs the input.
func TestInPlaceAfterTheTapeIsCleared(t *testing.T) {
	shape := []int{1, 4, 2, 2}
	b := recording()
	in := tensorOf(t, b, numbers[float64](1, product(shape)), shape...)
	d := layerOf[float64](t, b, 0.5)
	d.Forward(in)
	b.Tape().StopRecording()
	if err := d.ForwardInPlace(in); err == nil {
		t.Error("overwritten while the tape holds an operation")
	}
	b.ClearTape()
	if err := d.ForwardInPlace(in); err != nil {
		t.Error(err)
	}
}
