package main

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/layout"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// order is that of the axes of filters, from the outermost on.
type order uint8

const (
	hwio order = iota // height, width, input, output: TensorFlow, Keras, JAX
	oihw              // output, input, height, width: PyTorch
)

var orders = []string{"HWIO", "OIHW"}

func (o order) String() string { return orders[o] }

// MarshalText and UnmarshalText serve the flag.
func (o order) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

func (o *order) UnmarshalText(text []byte) error {
	for i, name := range orders {
		if name == string(text) {
			*o = order(i)
			return nil
		}
	}
	return fmt.Errorf("order of filters %q, want HWIO or OIHW", text)
}

// filterGeometry says where the input channels of filters lie.
func (s shape) filterGeometry() (layout.Geometry, error) {
	if s.order == oihw {
		return layout.Strided([]int{s.out, s.in, s.taps()}, []int{s.in * s.taps(), s.taps(), 1}, layout.Unbatched, 1)
	}
	return layout.Strided([]int{s.taps(), s.in, s.out}, []int{s.in * s.out, s.out, 1}, layout.Unbatched, 1)
}

// filterMatrix returns filters as a matrix. Its rows or its columns are those of the output.
func (s shape) filterMatrix(filters []float32) blas32.General {
	if s.order == oihw {
		return matrix(filters, s.out, s.in*s.taps())
	}
	return matrix(filters, s.in*s.taps(), s.out)
}

// row returns which row of the patches, and which row or column of the filters, belongs to a channel
// and a tap.
func (s shape) row(channel, tap int) int {
	if s.order == oihw {
		return channel*s.taps() + tap
	}
	return tap*s.in + channel
}

// transposed returns whether the matrix of filters is transposed where its rows are to be those of the
// output, and whether it is where they are to be those of the patches.
func (s shape) transposed() (toOutput, toPatches blas.Transpose) {
	if s.order == oihw {
		return blas.NoTrans, blas.Trans
	}
	return blas.Trans, blas.NoTrans
}
