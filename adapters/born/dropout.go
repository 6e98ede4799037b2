// Package born brings spatial dropout to networks of github.com/born-ml/born: whole feature
// maps are dropped, and the rest are scaled by 1/(1−rate).
//
//	backend := autodiff.New(cpu.New())
//	seeds := born.NewSeeds(42)
//	drop, err := born.NewDropout[float32](0.5, backend, seeds.Next())
//	y := drop.Forward(conv.Forward(x)) // an operation on the tape of the backend
//	drop.SetTraining(false)            // evaluation: Forward returns its input
//
// A [Dropout] of float32 is an nn.Module. While the tape of the backend records, each Forward
// in training is an operation on it, which draws the mask of its own step again for the
// gradient: a layer may run several times before the backward pass.
package born

import (
	"slices"

	"github.com/born-ml/born/nn"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Float is the type of the elements.
type Float interface{ float32 | float64 }

// Dropout is a layer of spatial dropout for tensors of T on a backend B. A Dropout of float32
// is an nn.Module. It starts in training and serves one goroutine at a time. [NewDropout] makes
// one: the zero Dropout is a [*spatialdropout.UseError], which methods without an error panic
// with.
type Dropout[T Float, B tensor.Backend] struct {
	// Order is the order of the axes of the input. The zero Order stands for [layout.NCHW].
	// [layout.NWC] is what transformers have: batch, position, feature.
	Order layout.Order
	// Channels is the number of channels that the input must have, for callers who know it:
	// an axis taken for another one is an error then. 0 stands for any number.
	Channels int

	drop       *spatialdropout.Dropout
	opts       []spatialdropout.Option // of NewDropout
	evaluation bool
}

// A layer of float32 is a module of born.
var _ nn.Module[tensor.Backend] = (*Dropout[float32, tensor.Backend])(nil)

// NewDropout returns a layer that drops channels with probability rate. The backend is that of
// the tensors, and only says its type. The errors are those of [spatialdropout.New].
//
// Layers with the same seed drop the same channels: [Seeds] has one for each layer of a
// network. Without a seed each layer has a random one, which its state names.
func NewDropout[T Float, B tensor.Backend](rate float64, _ B, opts ...spatialdropout.Option) (*Dropout[T, B], error) {
	drop, err := spatialdropout.New(rate, opts...)
	if err != nil {
		return nil, err
	}
	return &Dropout[T, B]{drop: drop, opts: slices.Clone(opts)}, nil
}

// zero returns an error if d is none that NewDropout has made.
func (d *Dropout[T, B]) zero() error {
	if d == nil || d.drop == nil {
		return &spatialdropout.UseError{Given: "no Dropout of package born, or a zero one", Want: "one of NewDropout"}
	}
	return nil
}

// must panics if d is none that NewDropout has made.
func (d *Dropout[T, B]) must() {
	if err := d.zero(); err != nil {
		panic(err)
	}
}

// Core returns what the layer draws with. [Dropout.LoadStateDict] replaces it.
func (d *Dropout[T, B]) Core() *spatialdropout.Dropout {
	d.must()
	return d.drop
}

// SetTraining switches between training and evaluation, from the next Forward on. The function
// [SetTraining] switches a whole model.
func (d *Dropout[T, B]) SetTraining(training bool) {
	d.must()
	d.evaluation = !training
}

// Training reports whether the layer is in training.
func (d *Dropout[T, B]) Training() bool {
	d.must()
	return !d.evaluation
}

// Parameters returns an empty slice: there is nothing to train.
func (d *Dropout[T, B]) Parameters() []*nn.Parameter[B] { return []*nn.Parameter[B]{} }

// Forward is [Dropout.TryForward] for models, whose modules return no error. Like the modules
// of born it panics where the input is refused, with the error that TryForward returns.
func (d *Dropout[T, B]) Forward(x *tensor.Tensor[T, B]) *tensor.Tensor[T, B] {
	y, err := d.TryForward(x)
	if err != nil {
		panic(err)
	}
	return y
}

// TryForward returns x with a new mask in training, as a tensor of its own. In evaluation it
// returns x itself, unless the layer has the rule [mask.AtInference], which scales in
// evaluation, or was made [spatialdropout.WithAlways].
//
// While the tape of the backend of x records, the output is an operation on it.
//
// TryForward returns a [*TensorError] for a tensor that it does not take, and a
// [*layout.ArgumentError] for one of other axes than the order has, and if there is no such order. The other errors are those of [spatialdropout.Dropout.Forward]. On an error nothing is recorded and no step is spent.
func (d *Dropout[T, B]) TryForward(x *tensor.Tensor[T, B]) (*tensor.Tensor[T, B], error) {
	if err := d.zero(); err != nil {
		return nil, err
	}
	src, err := d.view(x)
	if err != nil {
		return nil, err
	}
	if d.evaluation && d.drop.EvaluationIsIdentity() {
		return x, nil
	}
	out, err := tensor.NewRaw(x.Shape(), x.DType(), x.Device())
	if err != nil {
		return nil, err
	}
	pass, err := d.pass(spatialdropout.Tensor{Data: vector(out), Geometry: src.Geometry}, src)
	if err != nil {
		return nil, err
	}
	if tape := tapeOf(x.Backend()); tape != nil && tape.IsRecording() {
		tape.Record(newOperation(tape.Backward, pass, src.Geometry, x.Raw(), out))
	}
	return tensor.New[T](out, x.Backend()), nil
}

// ForwardInPlace makes x what [Dropout.TryForward] would return. It saves the memory of the
// output where there is no gradient. Where evaluation is the identity it does nothing.
//
// Otherwise it returns a [*TensorError], and leaves x as it is, while the tape of the backend records or
// holds operations, whose gradients may need x, and if other tensors share the memory of x. Born
// takes a tensor for shared from its first Reshape on. The other errors are those of
// TryForward.
func (d *Dropout[T, B]) ForwardInPlace(x *tensor.Tensor[T, B]) error {
	if err := d.zero(); err != nil {
		return err
	}
	t, err := d.view(x)
	if err != nil {
		return err
	}
	if d.evaluation && d.drop.EvaluationIsIdentity() {
		return nil
	}
	if tape := tapeOf(x.Backend()); tape != nil && (tape.IsRecording() || tape.NumOps() > 0) {
		return &TensorError{"a tensor in place, whose backend records a tape or has recorded one", "TryForward, or a tape that is cleared and stopped"}
	}
	if !x.Raw().IsUnique() {
		return &TensorError{"a tensor in place that shares its memory with another one", "TryForward, or a tensor of its own memory"}
	}
	_, err = d.pass(t, t)
	return err
}

// pass does what Forward does, on tensors of the core.
func (d *Dropout[T, B]) pass(dst, src spatialdropout.Tensor) (spatialdropout.Pass, error) {
	if d.evaluation {
		return d.drop.Evaluate(dst, src)
	}
	return d.drop.Forward(dst, src)
}
