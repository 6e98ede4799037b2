package ztensor

import (
	"context"
	"fmt"
	"slices"

	"github.com/spatialdropout/spatialdropout"
	"github.com/zerfoo/ztensor/tensor"
)

// Call is one forward pass, which knows its gradient. It holds no tensor and no mask, except that
// of a [mask.Source].
type Call[T Float] struct {
	pass  spatialdropout.Pass
	shape []int
	order axes
}

// Run does what [Dropout.Forward] does, for callers who keep the pass themselves. With dst, the
// output goes there, as with ztensor's engines: dst may be x, which is in place, or a view. dst
// must have the shape of x and may not overlap it otherwise. Its errors are those of Forward.
func (d *Dropout[T]) Run(ctx context.Context, x *tensor.TensorNumeric[T], dst ...*tensor.TensorNumeric[T]) (*tensor.TensorNumeric[T], *Call[T], error) {
	if err := d.zero(); err != nil {
		return nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	drop, order := d.drop.Load(), axes{d.order(), d.Channels}
	src, err := view(x, order)
	if err != nil {
		return nil, nil, err
	}
	y, out, err := output(x.Shape(), order, dst)
	if err != nil {
		return nil, nil, err
	}
	run := drop.Forward
	if d.evaluation.Load() {
		run = drop.Evaluate
	}
	pass, err := run(out, src)
	if err != nil {
		return nil, nil, err
	}
	return y, &Call[T]{pass: pass, shape: x.Shape(), order: order}, nil
}

// Backward returns the gradient with respect to the input. dy is that with respect to the output.
// With dst, the gradient goes there: dst may be dy. It may be called more than once.
//
// Backward returns a [*TensorError] if dy has another shape than the output. The other errors are
// those of [Dropout.Forward].
func (c *Call[T]) Backward(ctx context.Context, dy *tensor.TensorNumeric[T], dst ...*tensor.TensorNumeric[T]) (*tensor.TensorNumeric[T], error) {
	if c == nil || c.shape == nil {
		return nil, &spatialdropout.UseError{Given: "no Call, or a zero one", Want: "one of Run"}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if dy != nil && !slices.Equal(dy.Shape(), c.shape) {
		return nil, &TensorError{fmt.Sprintf("a gradient of shape %v", dy.Shape()), fmt.Sprintf("%v, the shape of the output", c.shape)}
	}
	src, err := view(dy, c.order)
	if err != nil {
		return nil, err
	}
	dx, out, err := output(c.shape, c.order, dst)
	if err != nil {
		return nil, err
	}
	if err := c.pass.Backward(out, src); err != nil {
		return nil, err
	}
	return dx, nil
}

// output returns the tensor that a pass writes: dst, or a new one.
func output[T Float](shape []int, order axes, dst []*tensor.TensorNumeric[T]) (y *tensor.TensorNumeric[T], out spatialdropout.Tensor, err error) {
	switch {
	case len(dst) > 1:
		return nil, out, &TensorError{fmt.Sprintf("%d destinations", len(dst)), "one, or none"}
	case len(dst) == 1 && dst[0] != nil:
		if y = dst[0]; !slices.Equal(y.Shape(), shape) {
			return nil, out, &TensorError{fmt.Sprintf("a tensor of shape %v into one of shape %v", shape, y.Shape()), "the same shape"}
		}
	default:
		if y, err = tensor.New[T](slices.Clone(shape), nil); err != nil {
			return nil, out, err
		}
	}
	out, err = view(y, order)
	return y, out, err
}
