package main

import "github.com/kelindar/simd"

func init() {
	register(library("kelindar/simd", "github.com/kelindar/simd", loops[float32]{
		rows:        kelindarRows,
		rowsInPlace: func(x, factors []float32) { kelindarRows(x, x, factors) },
	}))
}

func kelindarRows(dst, src, factors []float32) {
	for c := len(factors); len(dst) > 0; dst, src = dst[c:], src[c:] {
		simd.MulFloat32s(dst[:c], src[:c], factors)
	}
}
