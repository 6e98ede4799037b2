package main

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
)

// number is what a network computes with: float32 in training, and float64 where its gradient
// is compared with differences.
type number interface{ float32 | float64 }

// matrix is a matrix, row after row.
type matrix[T number] struct {
	data          []T
	rows, columns int
}

// multiply writes a·b + beta·c to c. Either factor may be transposed first.
func multiply[T number](c, a, b matrix[T], transposeA, transposeB blas.Transpose, beta T) {
	switch c := any(c).(type) {
	case matrix[float32]:
		a, b := any(a).(matrix[float32]), any(b).(matrix[float32])
		blas32.Gemm(transposeA, transposeB, 1, general32(a), general32(b), float32(beta), general32(c))
	case matrix[float64]:
		a, b := any(a).(matrix[float64]), any(b).(matrix[float64])
		blas64.Gemm(transposeA, transposeB, 1, general64(a), general64(b), float64(beta), general64(c))
	}
}

func general32(m matrix[float32]) blas32.General {
	return blas32.General{Rows: m.rows, Cols: m.columns, Stride: m.columns, Data: m.data}
}

func general64(m matrix[float64]) blas64.General {
	return blas64.General{Rows: m.rows, Cols: m.columns, Stride: m.columns, Data: m.data}
}
