package born

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/backend/cpu"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// rawOf returns a raw tensor, whatever it is good for.
func rawOf(t *testing.T, d tensor.DataType, device tensor.Device, shape ...int) *tensor.RawTensor {
	t.Helper()
	return must(tensor.NewRaw(shape, d, device))(t)
}

// A tensor that a layer does not take is a typed error of TryForward and of ForwardInPlace, and
// Forward panics with it. Nothing is recorded, and the next mask is that of the same step.
func TestTensorsThatAreRefused(t *testing.T) {
	transposed := rawOf(t, tensor.Float32, tensor.CPU, 2, 3, 4, 5)
	copy(transposed.Strides(), []int{60, 1, 15, 3}) // a stride that no operation of born sets
	released := rawOf(t, tensor.Float32, tensor.CPU, 2, 3, 4, 5)
	released.Release()
	good := rawOf(t, tensor.Float32, tensor.CPU, 2, 3, 4, 5)
	for name, c := range map[string]struct {
		raw      *tensor.RawTensor
		order    layout.Order
		channels int
		want     []string // parts of the message
	}{
		"no tensor":     {nil, 0, 0, []string{"no tensor"}},
		"float64":       {rawOf(t, tensor.Float64, tensor.CPU, 2, 3, 4, 5), 0, 0, []string{"float64", "float32"}},
		"int32":         {rawOf(t, tensor.Int32, tensor.CPU, 2, 3, 4, 5), 0, 0, []string{"int32", "float32"}},
		"a GPU":         {rawOf(t, tensor.Float32, tensor.WebGPU, 2, 3, 4, 5), 0, 0, []string{"WebGPU", "CPU"}},
		"strides":       {transposed, 0, 0, []string{"[60 1 15 3]", "[60 20 5 1]"}},
		"released":      {released, 0, 0, []string{"0 bytes", "480 bytes"}},
		"three axes":    {rawOf(t, tensor.Float32, tensor.CPU, 3, 4, 5), 0, 0, []string{"[3 4 5]", "NCHW"}},
		"five axes":     {rawOf(t, tensor.Float32, tensor.CPU, 2, 3, 4, 5, 6), 0, 0, []string{"[2 3 4 5 6]", "NCHW"}},
		"a scalar":      {rawOf(t, tensor.Float32, tensor.CPU), 0, 0, []string{"NCHW"}},
		"other order":   {good, layout.NWC, 0, []string{"[2 3 4 5]", "NWC"}},
		"no order":      {good, 99, 0, []string{"99"}},
		"blocked":       {rawOf(t, tensor.Float32, tensor.CPU, 2, 16, 4, 5), layout.NCHW16c, 0, []string{"NCHW16c", "not blocked"}},
		"blocked of 8":  {good, layout.NCHW8c, 0, []string{"NCHW8c", "not blocked"}},
		"channels":      {good, 0, 5, []string{"[2 3 4 5]", "3 channels", "5 channels"}},
		"channels last": {good, layout.NHWC, 3, []string{"[2 3 4 5]", "5 channels", "want 3 channels"}},
	} {
		b := recording()
		d := layerOf[float32](t, b, 0.5, spatialdropout.WithSeed(3))
		d.Order, d.Channels = c.order, c.channels
		x := tensor.New[float32](c.raw, b)
		_, err := d.TryForward(x)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		var refused *TensorError
		var axes *layout.ArgumentError
		if !errors.As(err, &refused) && !errors.As(err, &axes) {
			t.Errorf("%s: error of type %T", name, err)
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q does not say %q", name, err, part)
			}
		}
		if inPlace := d.ForwardInPlace(x); inPlace == nil || inPlace.Error() != err.Error() {
			t.Errorf("%s: in place the error is %v, want %v", name, inPlace, err)
		}
		if p := panicked(t, func() { d.Forward(x) }); p.Error() != err.Error() {
			t.Errorf("%s: Forward panics with %v, want %v", name, p, err)
		}
		d.SetTraining(false)
		if _, e := d.TryForward(x); e == nil || e.Error() != err.Error() {
			t.Errorf("%s: in evaluation the error is %v, want %v", name, e, err)
		}
		if n := b.Tape().NumOps(); n != 0 {
			t.Errorf("%s: %d operations on the tape", name, n)
		}
		if s := d.Core().State(); s.Step != 0 || s.Cursor != 0 {
			t.Errorf("%s: a step is spent: %+v", name, s)
		}
	}
	if _, err := layerOf[float32](t, cpu.New(), 0.5).TryForward(nil); err == nil {
		t.Error("a nil tensor is taken")
	}
}

// Rates and options that the core refuses are refused with its errors.
func TestRatesAndOptionsThatAreRefused(t *testing.T) {
	for _, rate := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		_, err := NewDropout[float32](rate, cpu.New())
		var refused *mask.ArgumentError
		if !errors.As(err, &refused) || refused.Argument != "rate" {
			t.Errorf("rate %v gives %v, want a *mask.ArgumentError of the rate", rate, err)
		}
	}
	for name, opts := range map[string][]spatialdropout.Option{
		"nil": {nil}, "two seeds": {spatialdropout.WithSeed(1), spatialdropout.WithStream(mask.PyTorch(1))},
		"workers": {spatialdropout.WithWorkers(-1)},
	} {
		d, err := NewDropout[float64](0.5, cpu.New(), opts...)
		var refused *spatialdropout.ArgumentError
		if !errors.As(err, &refused) || d != nil {
			t.Errorf("%s: %v and error %v, want a *spatialdropout.ArgumentError alone", name, d, err)
		}
	}
}

// The rate of a schedule that is none is an error of the pass that meets it.
func TestScheduleThatIsRefused(t *testing.T) {
	d := layerOf[float32](t, recording(), 0.5, spatialdropout.WithSchedule(wrong{}))
	x := tensorOf(t, recording(), numbers[float32](1, 8), 2, 4, 1, 1)
	_, err := d.TryForward(x)
	var refused *mask.ArgumentError
	if !errors.As(err, &refused) || refused.Argument != "rate" || x.Backend().Tape().NumOps() != 0 {
		t.Errorf("error %v and %d operations on the tape, want a *mask.ArgumentError of the rate and none", err, x.Backend().Tape().NumOps())
	}
}

type wrong struct{}

func (wrong) Rate(float64, uint64) float64 { return 2 }

// A gradient of another shape or type than the output has is refused where the tape asks for
// the gradient of the input.
func TestGradientsThatAreRefused(t *testing.T) {
	b := recording()
	x := tensorOf(t, b, numbers[float32](1, 24), 2, 3, 2, 2)
	layerOf[float32](t, b, 0.5).Forward(x)
	for name, dy := range map[string]*tensor.RawTensor{
		"one number": rawOf(t, tensor.Float32, tensor.CPU, 1),
		"transposed": rawOf(t, tensor.Float32, tensor.CPU, 3, 2, 2, 2),
		"float64":    rawOf(t, tensor.Float64, tensor.CPU, 2, 3, 2, 2),
	} {
		var refused *TensorError
		if err := panicked(t, func() { b.Tape().Backward(dy, b) }); !errors.As(err, &refused) {
			t.Errorf("%s: a panic with %v, want a *TensorError", name, err)
		}
	}
}

// Born has no tensors without elements: it refuses them before a layer sees them.
func TestBornHasNoEmptyTensors(t *testing.T) {
	for _, shape := range []tensor.Shape{{0, 3, 2, 2}, {2, 0, 2, 2}, {2, 3, 0, 2}} {
		if _, err := tensor.NewRaw(shape, tensor.Float32, tensor.CPU); err == nil {
			t.Errorf("born makes a tensor of shape %v: the layer needs tests of such tensors", shape)
		}
	}
}

// Born's transposition copies, and so does its Reshape: their results are tensors like others.
// The gradient finds its way through them.
func TestTransposedReshapedAndCutTensors(t *testing.T) {
	shape := []int{2, 4, 3, 6}
	x, w := numbers[float64](1, product(shape)), numbers[float64](2, product(shape))
	for name, view := range map[string]struct {
		of    func(x *tensor.Tensor[float64, taped]) *tensor.Tensor[float64, taped]
		shape []int
	}{
		"transposed": {func(x *tensor.Tensor[float64, taped]) *tensor.Tensor[float64, taped] { return x.Transpose(3, 2, 1, 0) }, []int{6, 3, 4, 2}},
		"reshaped":   {func(x *tensor.Tensor[float64, taped]) *tensor.Tensor[float64, taped] { return x.Reshape(4, 6, 2, 3) }, []int{4, 6, 2, 3}},
		"channels":   {func(x *tensor.Tensor[float64, taped]) *tensor.Tensor[float64, taped] { return x.Chunk(2, 1)[1] }, []int{2, 2, 3, 6}},
	} {
		// Born alone, without dropout, says where the elements and the gradients go.
		through := func(f func(v *tensor.Tensor[float64, taped]) *tensor.Tensor[float64, taped], weights []float64) (v, y, dx []float64) {
			b := recording()
			in := tensorOf(t, b, x, shape...)
			seen := view.of(in)
			v = append(v, seen.Data()...)
			out := f(seen)
			grads := autodiff.Backward(out.Mul(tensorOf(t, b, weights, view.shape...)), b)
			return v, out.Data(), elements[float64](grads[in.Raw()])
		}
		weights := w[:product(view.shape)]
		d := layerOf[float64](t, recording(), 0.5, spatialdropout.WithSeed(8))
		v, y, dx := through(d.Forward, weights)
		wantY, dv, _ := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(8)), layout.NCHW, view.shape, v, weights)
		_, _, wantDx := through(func(v *tensor.Tensor[float64, taped]) *tensor.Tensor[float64, taped] { return v }, dv)
		same(t, name+", output", y, wantY)
		same(t, name+", gradient", dx, wantDx)
	}
}
