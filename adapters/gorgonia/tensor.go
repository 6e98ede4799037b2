package gorgonia

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"gorgonia.org/tensor"
)

// Tensor returns t as the core sees it: the same elements, which are not copied, and where
// its channels lie. order says which axis of t is which. The methods of a
// [spatialdropout.Dropout] and the functions of its package take the result, as source and as
// destination.
//
// A slice of a wider tensor, a tensor that is transposed but not yet moved, and one in
// Fortran's order are served where they are. Writing to a slice writes to the tensor that it
// is part of.
//
// Tensor returns a [*TensorError] unless t is a tensor of float32 or float64 in the memory of
// the program, without a mask of its own. The other errors are those of
// [layout.Order.Strided].
func Tensor(t *tensor.Dense, order layout.Order) (spatialdropout.Tensor, error) {
	g, err := Geometry(t, order)
	if err != nil {
		return spatialdropout.Tensor{}, err
	}
	switch t.Dtype() {
	case tensor.Float32:
		return spatialdropout.Of(elements(t, (*tensor.Dense).Float32s, g.Len()), g), nil
	case tensor.Float64:
		return spatialdropout.Of(elements(t, (*tensor.Dense).Float64s, g.Len()), g), nil
	}
	return spatialdropout.Tensor{}, &TensorError{Given: fmt.Sprintf("elements of type %v", t.Dtype()), Want: "float32 or float64"}
}

// elements returns the elements of t from the first to the last. A slice with a step has more
// memory than that.
func elements[T any](t *tensor.Dense, all func(*tensor.Dense) []T, length int) []T {
	if length == 0 {
		return []T{} // an empty tensor has no memory, which the methods of Dense panic about
	}
	return all(t)[:length]
}

// Geometry returns where the channels of t lie, by its shape and its strides. order says which
// axis of t is which: with [layout.NCHW] axis 1 of four is the channel. A tensor that was
// transposed with T(0, 2, 3, 1) from NCHW has the order [layout.NHWC], whether its elements
// have been moved or not.
//
// The errors are those of [Tensor]. Elements of any type have a place.
func Geometry(t *tensor.Dense, order layout.Order) (layout.Geometry, error) {
	switch {
	case t == nil:
		return layout.Geometry{}, &TensorError{Given: "no tensor", Want: "a *tensor.Dense"}
	case !t.IsNativelyAccessible():
		return layout.Geometry{}, &TensorError{Given: "a tensor in the memory of a device", Want: "one in the memory of the program"}
	case len(t.Mask()) > 0:
		return layout.Geometry{}, &TensorError{Given: fmt.Sprintf("a tensor of shape %v with a mask of invalid elements", t.Shape()), Want: "one without"}
	}
	return order.Strided(t.Shape(), t.Strides())
}
