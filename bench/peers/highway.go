//go:build goexperiment.simd

package main

import (
	"unsafe"

	"github.com/ajroetker/go-highway/hwy"
	"github.com/ajroetker/go-highway/hwy/contrib/vec"
)

func init() {
	floats := loops[float32]{
		planes:        highwayPlanes,
		rows:          highwayRows,
		planesInPlace: highwayPlanesInPlace,
		rowsInPlace:   highwayRowsInPlace,
	}
	halves := loops[uint16]{
		planes:        highwayPlanesBF16,
		rows:          highwayRowsBF16,
		planesInPlace: highwayPlanesInPlaceBF16,
		rowsInPlace:   highwayRowsInPlaceBF16,
	}
	register(contender{name: "go-highway", module: "github.com/ajroetker/go-highway", policy: byOrder, prepare: func(j job) (func(), error) {
		if j.dtype == bfloat16s {
			return halves.prepare(j)
		}
		return floats.prepare(j)
	}})
}

func highwayPlanes(dst, src, factors []float32, plane int) {
	for p, f := range factors {
		d := dst[p*plane : (p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		vec.ScaleToFloat32(d, f, src[p*plane:(p+1)*plane])
	}
}

func highwayPlanesInPlace(x, factors []float32, plane int) {
	for p, f := range factors {
		d := x[p*plane : (p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		vec.ScaleFloat32(f, d)
	}
}

func highwayRows(dst, src, factors []float32) {
	for c := len(factors); len(dst) > 0; dst, src = dst[c:], src[c:] {
		vec.MulToFloat32(dst[:c], src[:c], factors)
	}
}

func highwayRowsInPlace(x, factors []float32) {
	for c := len(factors); len(x) > 0; x = x[c:] {
		vec.MulFloat32(x[:c], factors)
	}
}

func highwayPlanesBF16(dst, src, factors []uint16, plane int) {
	to, from := bfloat16(dst), bfloat16(src)
	for p, f := range factors {
		d := to[p*plane : (p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		vec.ScaleToBFloat16(d, hwy.BFloat16(f), from[p*plane:(p+1)*plane])
	}
}

func highwayPlanesInPlaceBF16(x, factors []uint16, plane int) {
	for p, f := range factors {
		d := bfloat16(x[p*plane : (p+1)*plane])
		if f == 0 {
			clear(d)
			continue
		}
		vec.ScaleBFloat16(hwy.BFloat16(f), d)
	}
}

func highwayRowsBF16(dst, src, factors []uint16) {
	to, from, f := bfloat16(dst), bfloat16(src), bfloat16(factors)
	for c := len(f); len(to) > 0; to, from = to[c:], from[c:] {
		vec.MulToBFloat16(to[:c], from[:c], f)
	}
}

func highwayRowsInPlaceBF16(x, factors []uint16) {
	d, f := bfloat16(x), bfloat16(factors)
	for c := len(f); len(d) > 0; d = d[c:] {
		vec.MulBFloat16(d[:c], f)
	}
}

// bfloat16 returns a slice as the library's type.
func bfloat16(s []uint16) []hwy.BFloat16 {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*hwy.BFloat16)(&s[0]), len(s))
}
