package spago

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/nlpodyssey/spago/mat"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// alike returns the rows and columns of matrices, and an error if they differ, or in type.
func alike(xs []mat.Tensor) (shape []int, err error) {
	var first mat.Tensor
	for i, x := range xs {
		if x == nil {
			return nil, &InputError{Index: i, Given: "nothing", Want: "a matrix"}
		}
		v := x.Value()
		if isNil(v) {
			return nil, &InputError{Index: i, Given: "nothing", Want: "a matrix"}
		}
		switch v.(type) {
		case *mat.Dense[float32], *mat.Dense[float64]:
		default:
			return nil, &InputError{Index: i, Given: fmt.Sprintf("type %T", v), Want: "a *mat.Dense of float32 or float64"}
		}
		if i == 0 {
			first, shape = v, v.Shape()
		}
		if len(v.Shape()) != 2 {
			return nil, &InputError{Index: i, Given: fmt.Sprintf("shape %v", v.Shape()), Want: "rows and columns"}
		}
		if !slices.Equal(v.Shape(), shape) || reflect.TypeOf(v) != reflect.TypeOf(first) {
			return nil, &InputError{Index: i, Given: fmt.Sprintf("%v %T", v.Shape(), v), Want: fmt.Sprintf("%v %T as matrix 0", shape, first)}
		}
	}
	return shape, nil
}

// isNil reports whether a tensor is nil, or a pointer that is.
func isNil(x mat.Tensor) bool {
	v := reflect.ValueOf(x)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// values returns the matrices of nodes.
func values(xs []mat.Tensor) []mat.Tensor {
	all := make([]mat.Tensor, len(xs))
	for i, x := range xs {
		all[i] = x.Value()
	}
	return all
}

// blank returns n matrices of the shape and type of a node's. They share one slice, in which they
// follow each other.
func blank(like mat.Tensor, n int) []mat.Tensor {
	v := like.Value()
	if _, ok := v.(*mat.Dense[float32]); ok {
		return divided(make([]float32, n*v.Size()), v.Shape(), n)
	}
	return divided(make([]float64, n*v.Size()), v.Shape(), n)
}

// divided returns the parts of a slice as n matrices of a shape.
func divided[T float32 | float64](all []T, shape []int, n int) []mat.Tensor {
	matrices, size := make([]mat.Tensor, n), shape[0]*shape[1]
	for i := range matrices {
		matrices[i] = mat.NewDense[T](mat.WithShape(shape[0], shape[1]), mat.WithBacking(all[i*size:(i+1)*size:(i+1)*size]))
	}
	return matrices
}

// tensor returns matrices as a tensor of the core, which refers to their memory if their type is
// that of like.
func tensor(like mat.Tensor, xs []mat.Tensor, geometry layout.Geometry) spatialdropout.Tensor {
	if _, ok := like.Value().(*mat.Dense[float32]); ok {
		return spatialdropout.Tensor{Data: kernel.OfList(data[float32](xs)), Geometry: geometry}
	}
	return spatialdropout.Tensor{Data: kernel.OfList(data[float64](xs)), Geometry: geometry}
}

func data[T float32 | float64](xs []mat.Tensor) [][]T {
	all := make([][]T, len(xs))
	for i, x := range xs {
		all[i] = mat.Data[T](x)
	}
	return all
}
