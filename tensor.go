package spatialdropout

import (
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Float is the data of the generic functions: float32, float64 and types made of them.
type Float = kernel.Float

// Half is any 16-bit type that holds float16 or bfloat16. The [kernel.Kind] says which one
// it is, see [As].
type Half = kernel.Half

// Tensor is data together with where its channels lie. The data are a flat slice of any
// kind, which is not copied.
type Tensor struct {
	Data     kernel.Vector
	Geometry layout.Geometry
}

// Of returns the tensor of a slice of float32 or float64.
func Of[T Float](data []T, g layout.Geometry) Tensor { return Tensor{kernel.Of(data), g} }

// As returns the tensor of a slice whose elements are of the given kind, such as
// [kernel.F16] in any 16-bit type. A factor is rounded to that kind, which makes one of
// float16 infinite at rates above 0.99998. A product of halves is computed in float32 and
// rounded once to the nearest half, ties to even. As panics with a [*kernel.BytesError] if
// the elements of the kind have another size.
func As[T Float | Half](kind *kernel.Kind, data []T, g layout.Geometry) Tensor {
	return Tensor{kernel.As(kind, data), g}
}

// operand is a Tensor of the caller's, by its parts.
type operand struct {
	kernel.Vector
	geometry *layout.Geometry
}

func (t *Tensor) operand() operand { return operand{t.Data, &t.Geometry} }

// check returns an error unless o holds a tensor of its geometry. The name is that of the
// argument.
func (o *operand) check(name string) error {
	if want := o.geometry.Len(); o.Len() < want || o.Len() > want && !o.geometry.View() {
		return &LengthError{Name: name, Len: o.Len(), Geometry: *o.geometry}
	}
	return nil
}

// pair returns an error unless dst and src hold tensors of one kind with the same samples
// and channels.
func pair(dst, src *operand) error {
	if err := dst.check("dst"); err != nil {
		return err
	}
	if err := src.check("src"); err != nil {
		return err
	}
	if dst.Kind() != src.Kind() && dst.Len() > 0 {
		return &kernel.KindError{Dst: dst.Kind(), Src: src.Kind()}
	}
	return nil
}
