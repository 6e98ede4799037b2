package main

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// convolution computes with one sample at a time, by one product of matrices for each result. It does
// not know of dropout: the kept channels are a convolution of fewer channels.
type convolution struct {
	patches []float32 // room for those of a sample
}

// output writes the output of a sample x to y.
func (c *convolution) output(s shape, y, filters, x []float32) {
	if s.in == 0 {
		clear(y)
		return
	}
	toOutput, _ := s.transposed()
	blas32.Gemm(toOutput, blas.NoTrans, 1, s.filterMatrix(filters), s.patchMatrix(c.patchesOf(s, x)), 0, s.outputMatrix(y))
}

// gradients writes the gradient of the filters plus beta·df to df, and then that of the input to dx, which
// may be x.
func (c *convolution) gradients(s shape, beta float32, df, dx, filters, x, dy []float32) {
	if s.in == 0 {
		return
	}
	patches, out, f := s.patchMatrix(c.patchesOf(s, x)), s.outputMatrix(dy), s.filterMatrix(df)
	if s.order == oihw {
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, out, patches, beta, f)
	} else {
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, patches, out, beta, f)
	}
	if s.filter == 1 {
		patches = s.patchMatrix(dx)
	}
	_, toPatches := s.transposed()
	blas32.Gemm(toPatches, blas.NoTrans, 1, s.filterMatrix(filters), out, 0, patches)
	if s.filter > 1 {
		s.fold(dx, c.patches)
	}
}

// patchesOf returns the patches of a sample. Those of a 1×1 convolution are the sample itself.
func (c *convolution) patchesOf(s shape, x []float32) []float32 {
	if s.filter == 1 {
		return x
	}
	c.patches = resize(c.patches, s.inputs()*s.taps())
	s.unfold(c.patches, x)
	return c.patches
}

func (s shape) patchMatrix(patches []float32) blas32.General {
	return matrix(patches, s.in*s.taps(), s.plane())
}

func (s shape) outputMatrix(y []float32) blas32.General { return matrix(y, s.out, s.plane()) }

func matrix(data []float32, rows, columns int) blas32.General {
	return blas32.General{Rows: rows, Cols: columns, Stride: columns, Data: data}
}

// resize returns n elements, in the memory of x if they fit.
func resize(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	return x[:n]
}
