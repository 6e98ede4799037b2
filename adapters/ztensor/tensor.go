package ztensor

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/zerfoo/float16"
	"github.com/zerfoo/ztensor/tensor"
)

// axes are what a node expects of its input.
type axes struct {
	order    layout.Order
	channels int // 0 for any number
}

// order returns the order of axes.
func (d *Dropout[T]) order() layout.Order {
	if d.Order == 0 {
		return layout.NCHW
	}
	return d.Order
}

// view returns x as a tensor of the core, in its own memory, or says why it is not taken.
func view[T Float](x *tensor.TensorNumeric[T], a axes) (spatialdropout.Tensor, error) {
	var none spatialdropout.Tensor
	if x == nil {
		return none, &TensorError{"no tensor", "one with the axes of the node"}
	}
	storage, ok := x.GetStorage().(*tensor.CPUStorage[T])
	if !ok {
		return none, &TensorError{fmt.Sprintf("a tensor in a %T", x.GetStorage()), "a *tensor.CPUStorage: no GPU, and no numbers that are packed"}
	}
	shape := x.Shape()
	geom, err := a.order.Strided(shape, x.Strides())
	if err != nil {
		return none, err
	}
	if a.channels != 0 && geom.Channels() != a.channels {
		return none, &TensorError{fmt.Sprintf("a tensor of shape %v, which has %d channels in the order %v", shape, geom.Channels(), a.order), fmt.Sprintf("%d channels", a.channels)}
	}
	data := storage.Slice() // from the first element of a view to the end of what it looks at
	if len(data) < geom.Len() {
		return none, &TensorError{fmt.Sprintf("a tensor of shape %v in %d elements", shape, len(data)), fmt.Sprintf("%d or more", geom.Len())}
	}
	return spatialdropout.As(kindOf[T](), data[:geom.Len()], geom), nil
}

// kindOf returns what the core calls the type T.
func kindOf[T Float]() *kernel.Kind {
	switch any(*new(T)).(type) {
	case float64:
		return kernel.F64
	case float16.Float16:
		return kernel.F16
	case float16.BFloat16:
		return kernel.BF16
	}
	return kernel.F32
}
