// Package spago is spatial dropout for the framework github.com/nlpodyssey/spago: whole feature
// maps are dropped, and the rest are scaled by 1/(1−rate). The stock dropout drops single
// elements.
//
// A convolution of spago has a list of matrices, one for each channel. So has a [Model], which is
// an [nn.StandardModel] and goes where the stock dropout goes:
//
//	drop, err := spago.New(0.5, spatialdropout.WithSeed(7))
//	ys := drop.Forward(xs...)           // a matrix for each channel, in any shape
//	err = ag.Backward(loss(ys))         // the gradient goes through the same mask
//	drop.SetTraining(false)             // evaluation: Forward returns xs
//	err = nn.Dump(drop, file)           // what Load returns goes on bit for bit
//
// Matrices are processed where they are, without a copy of all to one slice. The options are those
// of package [spatialdropout], with the masks and the arithmetic of PyTorch, TensorFlow, JAX and
// Keras among them.
package spago

import (
	"encoding/gob"
	"fmt"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

var _ nn.StandardModel = &Model{}

func init() {
	gob.Register(&Model{})
}

// Model is spatial dropout. [New] makes one, and nn.Load returns one that was dumped. It begins
// in training. Several goroutines may use it: each call of Forward is a step of its own, in the
// order in which they come. For runs that can be repeated one goroutine at a time calls it.
type Model struct {
	nn.Module
	// Channels is the number of channels of a sample. Matrix n·Channels+c of a call is
	// channel c of sample n. 0 says that all matrices of a call are channels of one sample.
	Channels int

	drop       *spatialdropout.Dropout
	evaluation bool
	// What a dump held, if that does not restore the model, and why not.
	saved   *spatialdropout.State
	missing error
}

// New returns a model that drops feature maps with probability rate. Its errors are those of
// [spatialdropout.New]. Models of one network need seeds of their own, such as those that
// mask.Child makes of one. Without a seed each has a random one.
func New(rate float64, opts ...spatialdropout.Option) (*Model, error) {
	drop, err := spatialdropout.New(rate, opts...)
	if err != nil {
		return nil, err
	}
	return &Model{drop: drop}, nil
}

// Dropout returns what the model draws with, nil if it has to be restored first.
func (m *Model) Dropout() *spatialdropout.Dropout { return m.drop }

// Training reports whether the model is in training.
func (m *Model) Training() bool { return !m.evaluation }

// SetTraining switches between training and evaluation, from the next Forward on.
func (m *Model) SetTraining(training bool) { m.evaluation = !training }

// SetTraining switches every Model in a network between training and evaluation, and returns how
// many there are. It reaches what nn.Apply reaches: exported fields, slices, maps and lists, of
// pointers. A Model in an unexported field, or one that is no pointer, goes on dropping. An
// nn.ModuleList by itself is no nn.Model: its elements are switched one by one.
func SetTraining(network nn.Model, training bool) (switched int) {
	nn.Apply(network, func(model nn.Model) {
		if m, ok := model.(*Model); ok {
			m.SetTraining(training)
			switched++
		}
	})
	return switched
}

// Forward drops some of the matrices and scales the others. All have one shape and type. In
// evaluation it returns xs, unless the options ask for something else. As operators of spago do,
// it ends the process where it cannot: [Model.TryForward] returns the error instead.
func (m *Model) Forward(xs ...mat.Tensor) []mat.Tensor {
	ys, err := m.TryForward(xs...)
	if err != nil {
		fail(err)
	}
	return ys
}

// TryForward is Forward for callers who handle errors. They are an [*InputError], a
// [*spatialdropout.UseError] of a model that New has not made, what was missing in a dump, and
// those of [spatialdropout.Dropout.Forward]. On an error no step is spent.
func (m *Model) TryForward(xs ...mat.Tensor) ([]mat.Tensor, error) {
	if err := m.ready(); err != nil {
		return nil, err
	}
	channels := m.Channels
	if channels == 0 {
		channels = len(xs)
	}
	if channels < 0 || channels > 0 && len(xs)%channels != 0 {
		return nil, &InputError{Index: -1, Given: fmt.Sprintf("%d matrices with %d Channels", len(xs), channels), Want: "a matrix for each channel of each sample"}
	}
	if len(xs) == 0 {
		return nil, nil
	}
	shape, err := alike(xs)
	if err != nil {
		return nil, err
	}
	geometry, err := layout.NCHW.Of(len(xs)/channels, channels, shape[0], shape[1])
	if err != nil {
		return nil, err
	}
	if m.identity() {
		return xs, nil
	}
	return m.apply(xs, geometry)
}

// ForwardRows is Forward for a batch in one matrix: row n·Channels+c is channel c of sample n, with
// all of its positions. If Channels is 0 all rows are channels of one sample.
func (m *Model) ForwardRows(x mat.Tensor) mat.Tensor {
	y, err := m.TryForwardRows(x)
	if err != nil {
		fail(err)
	}
	return y
}

// TryForwardRows is ForwardRows for callers who handle errors, see [Model.TryForward].
func (m *Model) TryForwardRows(x mat.Tensor) (mat.Tensor, error) {
	if err := m.ready(); err != nil {
		return nil, err
	}
	shape, err := alike([]mat.Tensor{x})
	if err != nil {
		return nil, err
	}
	channels := m.Channels
	if channels == 0 {
		channels = shape[0]
	}
	if channels < 0 || channels > 0 && shape[0]%channels != 0 {
		return nil, &InputError{Index: -1, Given: fmt.Sprintf("%d rows with %d Channels", shape[0], channels), Want: "a row for each channel of each sample"}
	}
	geometry, err := layout.NCHW.Of(shape[0]/max(channels, 1), channels, 1, shape[1])
	if err != nil {
		return nil, err
	}
	if m.identity() {
		return x, nil
	}
	ys, err := m.apply([]mat.Tensor{x}, geometry)
	if err != nil {
		return nil, err
	}
	return ys[0], nil
}

// ready returns an error if the model cannot draw.
func (m *Model) ready() error {
	switch {
	case m == nil:
		return &spatialdropout.UseError{Given: "no Model, or a zero one", Want: "one of New"}
	case m.missing != nil:
		return m.missing
	case m.drop == nil:
		return &spatialdropout.UseError{Given: "no Model, or a zero one", Want: "one of New"}
	}
	return nil
}

// identity reports whether the model returns what it gets: in evaluation, unless it drops or
// scales there.
func (m *Model) identity() bool { return m.evaluation && m.drop.EvaluationIsIdentity() }

// apply draws and computes at once, before an operator that may run later, so that calls draw in
// their order.
func (m *Model) apply(xs []mat.Tensor, geometry layout.Geometry) ([]mat.Tensor, error) {
	ys := blank(xs[0], len(xs))
	call := m.drop.Forward
	if m.evaluation {
		call = m.drop.Evaluate
	}
	pass, err := call(tensor(xs[0], ys, geometry), tensor(xs[0], values(xs), geometry))
	if err != nil {
		return nil, err
	}
	all := ag.NewOperator(&function{pass, geometry, xs}).Run()
	for i := range ys {
		ys[i] = ag.NewOperator(&output{all: all, index: i, y: ys[i]}).Run()
	}
	return ys, nil
}
