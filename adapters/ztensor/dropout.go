// Package ztensor brings spatial dropout to graphs of github.com/zerfoo/ztensor: whole feature
// maps are dropped, and the rest are scaled by 1/(1−rate).
//
//	seeds := ztensor.NewSeeds(42)
//	drop, err := ztensor.New[float32](0.5, seeds.Next())
//	node := builder.AddNode(drop, conv) // a node of the graph
//	y, err := g.Forward(ctx, x)         // then g.Backward, as for every node
//	drop.SetTraining(false)             // evaluation: the output is a copy of the input
//
// A [Dropout] is a graph.Node. It may run several times before its backward passes: each
// gradient takes the mask of its own forward pass.
package ztensor

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/zerfoo/float16"
	"github.com/zerfoo/ztensor/graph"
	"github.com/zerfoo/ztensor/tensor"
	"github.com/zerfoo/ztensor/types"
)

// Float is the type of the elements. A product of halves is computed in float32 and rounded
// once.
type Float interface {
	float32 | float64 | float16.Float16 | float16.BFloat16
}

// Dropout is a node of spatial dropout for tensors of T. It starts in training. It is safe for
// many goroutines, each with tensors of its own, once Order and Channels are set. [New] makes
// one: the zero Dropout is a [*spatialdropout.UseError], which methods without an error panic
// with.
//
// A graph holds a node once: a builder that is given one twice forgets the inputs of the first
// time. Two nodes draw from one stream with [spatialdropout.WithGenerator].
type Dropout[T Float] struct {
	graph.NoParameters[T]
	// Order is the order of the axes of the input. The zero Order stands for [layout.NCHW].
	// [layout.NWC] is what transformers have: batch, position, feature.
	Order layout.Order
	// Channels is the number of channels that the input must have, for callers who know it:
	// an axis taken for another one is an error then. 0 stands for any number.
	Channels int

	opts       []spatialdropout.Option // of New
	drop       atomic.Pointer[spatialdropout.Dropout]
	evaluation atomic.Bool
	shape      atomic.Pointer[[]int] // of the last output
	calls      calls[T]
}

// A Dropout is a node, and forgets its passes with the state of the graph.
var (
	_ graph.Node[float32] = (*Dropout[float32])(nil)
	_ graph.Resettable    = (*Dropout[float32])(nil)
)

// New returns a node that drops channels with probability rate. The errors are those of
// [spatialdropout.New].
//
// Nodes with the same seed drop the same channels: [Seeds] has one for each node of a network.
// Without a seed each node has a random one, which its state names.
func New[T Float](rate float64, opts ...spatialdropout.Option) (*Dropout[T], error) {
	drop, err := spatialdropout.New(rate, opts...)
	if err != nil {
		return nil, err
	}
	d := &Dropout[T]{opts: slices.Clone(opts)}
	d.drop.Store(drop)
	return d, nil
}

// zero returns an error if d is none that New has made.
func (d *Dropout[T]) zero() error {
	if d == nil || d.drop.Load() == nil {
		return &spatialdropout.UseError{Given: "no Dropout of package ztensor, or a zero one", Want: "one of New"}
	}
	return nil
}

// must panics if d is none that New has made.
func (d *Dropout[T]) must() {
	if err := d.zero(); err != nil {
		panic(err)
	}
}

// Core returns what the node draws with. [Dropout.UnmarshalText] replaces it.
func (d *Dropout[T]) Core() *spatialdropout.Dropout {
	d.must()
	return d.drop.Load()
}

// SetTraining switches between training and evaluation, from the next Forward on.
func (d *Dropout[T]) SetTraining(training bool) {
	d.must()
	d.evaluation.Store(!training)
}

// Training reports whether the node is in training.
func (d *Dropout[T]) Training() bool {
	d.must()
	return !d.evaluation.Load()
}

// OpType returns "SpatialDropout".
func (d *Dropout[T]) OpType() string { return "SpatialDropout" }

// Attributes returns "rate", a float64, "training", a bool, and "order", the name of the order
// of axes.
func (d *Dropout[T]) Attributes() map[string]any {
	d.must()
	return map[string]any{"rate": d.Core().Rate(), "training": d.Training(), "order": d.order().String()}
}

// OutputShape returns the shape of the last output of Forward, nil before the first one.
func (d *Dropout[T]) OutputShape() []int {
	d.must()
	if shape := d.shape.Load(); shape != nil {
		return slices.Clone(*shape)
	}
	return nil
}

// Forward returns its one input with a new mask in training, as a tensor of its own. In
// evaluation it returns a copy, as the dropout of ztensor's engines does, unless the node has the
// rule [mask.AtInference], which scales in evaluation, or was made [spatialdropout.WithAlways].
//
// The node keeps the pass, without a mask, for Backward as long as the input lives.
//
// Forward returns a [*TensorError] for inputs that it does not take, and a [*layout.ArgumentError] for
// axes or strides that the order does not have, and if there is no such order. The other errors are those of [spatialdropout.Dropout.Forward]. On an error no step is
// spent.
func (d *Dropout[T]) Forward(ctx context.Context, inputs ...*tensor.TensorNumeric[T]) (*tensor.TensorNumeric[T], error) {
	if err := d.zero(); err != nil {
		return nil, err
	}
	if len(inputs) != 1 {
		return nil, &TensorError{fmt.Sprintf("%d inputs", len(inputs)), "one"}
	}
	y, call, err := d.Run(ctx, inputs[0])
	if err != nil {
		return nil, err
	}
	d.shape.Store(&call.shape)
	d.calls.push(inputs[0], call)
	return y, nil
}

// Backward returns the gradient with respect to the input, as a tensor of its own.
//
// It is that of the last Forward on this input that has had no Backward yet: of several passes on
// the same tensor, the last one comes first, evaluation included. Once all have had theirs, it is that of
// the first one again, until the next Forward. The training switch changes nothing. Callers who
// want another order use [Dropout.Run].
//
// Backward returns a [*TensorError] if there was no Forward on the input, or if the gradient has
// another shape.
func (d *Dropout[T]) Backward(ctx context.Context, _ types.BackwardMode, dy *tensor.TensorNumeric[T], inputs ...*tensor.TensorNumeric[T]) ([]*tensor.TensorNumeric[T], error) {
	if err := d.zero(); err != nil {
		return nil, err
	}
	if len(inputs) != 1 {
		return nil, &TensorError{fmt.Sprintf("a gradient for %d inputs", len(inputs)), "one"}
	}
	call, taken := d.calls.last(inputs[0])
	if call == nil {
		return nil, &TensorError{"a gradient for a tensor that Forward was not given", "the input of a forward pass"}
	}
	dx, err := call.Backward(ctx, dy)
	if err != nil {
		return nil, err
	}
	taken()
	return []*tensor.TensorNumeric[T]{dx}, nil
}

// Reset forgets the passes of all forward passes. Graph.ResetStatefulNodes calls it. The random
// stream stays where it is.
func (d *Dropout[T]) Reset() {
	d.must()
	d.calls.reset()
}
