package born

import (
	"fmt"
	"slices"

	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// view returns x as a tensor of the core, in its own memory, or says why the layer does not
// take it.
func (d *Dropout[T, B]) view(x *tensor.Tensor[T, B]) (spatialdropout.Tensor, error) {
	var none spatialdropout.Tensor
	if x == nil || x.Raw() == nil {
		return none, &TensorError{"no tensor", "one with the axes of the layer"}
	}
	want := tensor.Float32
	if _, double := any(T(0)).(float64); double {
		want = tensor.Float64
	}
	if err := check(x.Raw(), want); err != nil {
		return none, err
	}
	order := d.Order
	if order == 0 {
		order = layout.NCHW
	}
	geom, err := order.Of(x.Shape()...)
	if err != nil {
		return none, err
	}
	if geom.Len() != x.NumElements() || order == layout.NCHW8c || order == layout.NCHW16c {
		return none, &TensorError{fmt.Sprintf("a tensor of shape %v in the order %v", x.Shape(), order), "an order that is not blocked"}
	}
	if d.Channels != 0 && geom.Channels() != d.Channels {
		return none, &TensorError{fmt.Sprintf("a tensor of shape %v, which has %d channels in the order %v", x.Shape(), geom.Channels(), order), fmt.Sprintf("%d channels", d.Channels)}
	}
	return spatialdropout.Tensor{Data: vector(x.Raw()), Geometry: geom}, nil
}

// check returns an error unless x holds elements of a type on the CPU, dense and row-major, as
// all operations of born assume.
func check(x *tensor.RawTensor, want tensor.DataType) error {
	switch {
	case x.DType() != want:
		return &TensorError{fmt.Sprintf("a tensor of %v", x.DType()), fmt.Sprintf("one of %v", want)}
	case x.Device() != tensor.CPU:
		return &TensorError{fmt.Sprintf("a tensor on %v", x.Device()), "one on the CPU"}
	case !slices.Equal(x.Strides(), x.Shape().ComputeStrides()):
		return &TensorError{fmt.Sprintf("a tensor of shape %v with the strides %v", x.Shape(), x.Strides()), fmt.Sprintf("%v: a dense tensor", x.Shape().ComputeStrides())}
	case len(x.Data()) < x.ByteSize():
		return &TensorError{fmt.Sprintf("a tensor of shape %v in %d bytes, as of one that is released", x.Shape(), len(x.Data())), fmt.Sprintf("%d bytes", x.ByteSize())}
	}
	return nil
}

// vector returns the elements of a tensor that check has let through.
func vector(x *tensor.RawTensor) kernel.Vector {
	kind := kernel.F32
	if x.DType() == tensor.Float64 {
		kind = kernel.F64
	}
	return kernel.OfBytes(kind, x.Data()[:x.ByteSize()])
}
