package gomlx

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// View returns the memory of t as a tensor of the core, without a copy: for the methods of
// [spatialdropout.Dropout] and [spatialdropout.Pass] outside of graphs. What is written to
// it is what t holds from then on. A tensor that is not yet on the backend moves there.
//
// The view is valid until t is finalized or donated. Nothing else may use t while the view
// is written to. What was read before of a tensor that does not share its memory, such as
// the result of a graph, may be a copy that writing does not reach; t itself forgets such
// copies when the view is made.
//
// View returns an [*UnsupportedError] if the memory of the backend is not accessible, and a
// [*ShapeError] unless t has two axes or more and one of the four types, and config is one of
// the two.
func View(backend compute.Backend, t *tensors.Tensor, config images.ChannelsAxisConfig) (spatialdropout.Tensor, error) {
	var none spatialdropout.Tensor
	if err := t.CheckValid(); err != nil {
		return none, err
	}
	shape := t.Shape()
	if _, ok := kindOf(shape.DType); !ok || shape.Rank() < 2 {
		return none, &ShapeError{shape.String(), "float32, float64, float16 or bfloat16 with two axes or more"}
	}
	if backend != nil && !backend.HasSharedBuffers() {
		return none, &UnsupportedError{"the memory of backend " + backend.Name(), "a backend with shared buffers, such as that in pure Go"}
	}
	order, err := orderOf(config)
	if err != nil {
		return none, err
	}
	g, err := order.Of(shape.Dimensions...)
	if err != nil {
		return none, err
	}
	buffer, err := t.Buffer(backend, 0)
	if err != nil {
		return none, err
	}
	flat, err := buffer.Data()
	if err != nil {
		return none, err
	}
	t.FinalizeLocal() // a copy that would be read instead
	switch data := flat.(type) {
	case []float32:
		return spatialdropout.Of(data, g), nil
	case []float64:
		return spatialdropout.Of(data, g), nil
	case []float16.Float16:
		return spatialdropout.As(kernel.F16, data, g), nil
	case []bfloat16.BFloat16:
		return spatialdropout.As(kernel.BF16, data, g), nil
	}
	return none, &ShapeError{shape.String(), "elements as Go has them"}
}

// orderOf returns the order of axes that the core has for a configuration of gomlx.
func orderOf(config images.ChannelsAxisConfig) (layout.Order, error) {
	switch config {
	case images.ChannelsFirst:
		return layout.ChannelsFirst, nil
	case images.ChannelsLast:
		return layout.ChannelsLast, nil
	}
	return 0, &ShapeError{fmt.Sprintf("with the axis of channels %v", config), "images.ChannelsFirst or images.ChannelsLast"}
}

// Apply writes src with the dropout of m to dst, in the memory of both, see
// [spatialdropout.ApplyTensor]. dst may be src. On an error dst is untouched. Apply serves
// forward and backward pass, the latter with [mask.Mask.Gradient].
func Apply(backend compute.Backend, dst, src *tensors.Tensor, m *mask.Mask, config images.ChannelsAxisConfig) error {
	return viewed(spatialdropout.ApplyTensor, backend, dst, src, m, config)
}

// AddTo adds what [Apply] would write to dst, see [spatialdropout.AddToTensor].
func AddTo(backend compute.Backend, dst, src *tensors.Tensor, m *mask.Mask, config images.ChannelsAxisConfig) error {
	return viewed(spatialdropout.AddToTensor, backend, dst, src, m, config)
}

// viewed calls do with views of two tensors.
func viewed(do func(dst, src spatialdropout.Tensor, m *mask.Mask, workers int) error, backend compute.Backend, dst, src *tensors.Tensor, m *mask.Mask, config images.ChannelsAxisConfig) error {
	to, err := View(backend, dst, config)
	if err != nil {
		return err
	}
	from := to
	if src != dst {
		if from, err = View(backend, src, config); err != nil {
			return err
		}
	}
	return do(to, from, m, 0)
}
