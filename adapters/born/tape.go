package born

import (
	"fmt"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

// tapeOf returns the tape of a backend, or nil if it has none.
func tapeOf(backend any) *autodiff.GradientTape {
	if b, ok := backend.(autodiff.BackwardCapable); ok {
		return b.GetTape()
	}
	return nil
}

// operation is a pass on a tape. The tape gives Backward a backend of a type that is internal to
// born, and cannot be named here.
type operation[Internal any] struct {
	pass   spatialdropout.Pass
	geom   layout.Geometry
	inputs [1]*tensor.RawTensor
	output *tensor.RawTensor
}

// newOperation returns the operation that made y of x. The method Backward of the tape tells
// the compiler the type of the backend, and is not called.
func newOperation[Internal any](_ func(*tensor.RawTensor, Internal) map[*tensor.RawTensor]*tensor.RawTensor, pass spatialdropout.Pass, geom layout.Geometry, x, y *tensor.RawTensor) *operation[Internal] {
	return &operation[Internal]{pass, geom, [1]*tensor.RawTensor{x}, y}
}

// Inputs returns the input.
func (o *operation[Internal]) Inputs() []*tensor.RawTensor { return o.inputs[:] }

// Output returns the output.
func (o *operation[Internal]) Output() *tensor.RawTensor { return o.output }

// Backward returns the gradient with respect to the input in a tensor of its own, since the
// tape also gives dy to those who ask for it. It panics with a [*TensorError] if dy is no
// gradient with respect to the output.
func (o *operation[Internal]) Backward(dy *tensor.RawTensor, _ Internal) []*tensor.RawTensor {
	if err := check(dy, o.output.DType()); err != nil {
		panic(err)
	}
	if !dy.Shape().Equal(o.output.Shape()) {
		panic(&TensorError{fmt.Sprintf("a gradient of shape %v", dy.Shape()), fmt.Sprintf("%v, the shape of the output", o.output.Shape())})
	}
	dx, err := tensor.NewRaw(dy.Shape(), dy.DType(), dy.Device())
	if err != nil {
		panic(err)
	}
	err = o.pass.Backward(spatialdropout.Tensor{Data: vector(dx), Geometry: o.geom}, spatialdropout.Tensor{Data: vector(dy), Geometry: o.geom})
	if err != nil {
		panic(err)
	}
	return []*tensor.RawTensor{dx}
}
