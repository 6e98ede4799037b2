package main

import (
	tphakala "github.com/tphakala/simd/f32"
	"github.com/viterin/vek/vek32"
	"gonum.org/v1/gonum/blas/blas32"
)

// The libraries of vector functions that serve every build. Each one is called for a plane
// or for a row, which is all that they know of tensors.
func init() {
	register(library("tphakala/simd", "github.com/tphakala/simd", loops[float32]{
		planes:        tphakalaPlanes,
		rows:          tphakalaRows,
		planesInPlace: func(x, factors []float32, plane int) { tphakalaPlanes(x, x, factors, plane) },
		rowsInPlace:   func(x, factors []float32) { tphakalaRows(x, x, factors) },
	}))
	register(library("viterin/vek", "github.com/viterin/vek", loops[float32]{
		planes:        vekPlanes,
		rows:          vekRows,
		planesInPlace: vekPlanesInPlace,
		rowsInPlace:   vekRowsInPlace,
	}))
	register(library("gonum blas32.Scal", "gonum.org/v1/gonum", loops[float32]{
		planesInPlace: gonumPlanesInPlace,
	}))
}

// library makes a contender of loops over float32.
func library(name, module string, l loops[float32]) contender {
	return contender{name: name, module: module, policy: byOrder, prepare: func(j job) (func(), error) {
		if j.dtype != float32s {
			return nil, errNotOffered
		}
		return l.prepare(j)
	}}
}

func tphakalaPlanes(dst, src, factors []float32, plane int) {
	for p, f := range factors {
		d := dst[p*plane : (p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		tphakala.Scale(d, src[p*plane:(p+1)*plane], f)
	}
}

func tphakalaRows(dst, src, factors []float32) {
	for c := len(factors); len(dst) > 0; dst, src = dst[c:], src[c:] {
		tphakala.Mul(dst[:c], src[:c], factors)
	}
}

func vekPlanes(dst, src, factors []float32, plane int) {
	for p, f := range factors {
		d := dst[p*plane : (p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		vek32.MulNumber_Into(d, src[p*plane:(p+1)*plane], f)
	}
}

func vekPlanesInPlace(x, factors []float32, plane int) {
	for p, f := range factors {
		d := x[p*plane : (p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		vek32.MulNumber_Inplace(d, f)
	}
}

func vekRows(dst, src, factors []float32) {
	for c := len(factors); len(dst) > 0; dst, src = dst[c:], src[c:] {
		vek32.Mul_Into(dst[:c], src[:c], factors)
	}
}

func vekRowsInPlace(x, factors []float32) {
	for c := len(factors); len(x) > 0; x = x[c:] {
		vek32.Mul_Inplace(x[:c], factors)
	}
}

func gonumPlanesInPlace(x, factors []float32, plane int) {
	for p, f := range factors {
		d := x[p*plane : (p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		blas32.Scal(f, blas32.Vector{N: plane, Data: d, Inc: 1})
	}
}
