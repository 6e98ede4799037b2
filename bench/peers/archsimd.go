//go:build goexperiment.simd && amd64

package main

import (
	"simd/archsimd"
	"unsafe"
)

// What Go's own package of vector instructions does without assembly: loops of 512 bits,
// four vectors at a time, written as plainly as the package allows.
func init() {
	floats := loops[float32]{
		planes:        archPlanes,
		rows:          archRows,
		planesInPlace: func(x, factors []float32, plane int) { archPlanes(x, x, factors, plane) },
		rowsInPlace:   func(x, factors []float32) { archRows(x, x, factors) },
	}
	halves := loops[uint16]{
		planes:        archPlanesBF16,
		rows:          archRowsBF16,
		planesInPlace: func(x, factors []uint16, plane int) { archPlanesBF16(x, x, factors, plane) },
		rowsInPlace:   func(x, factors []uint16) { archRowsBF16(x, x, factors) },
	}
	c := contender{name: "archsimd", policy: byOrder, prepare: func(j job) (func(), error) {
		if j.dtype == bfloat16s {
			return halves.prepare(j)
		}
		return floats.prepare(j)
	}}
	if !archsimd.X86.AVX512() {
		c.missing = "the processor has no AVX-512, which these loops are written for"
	}
	register(c)
}

func archPlanes(dst, src, factors []float32, plane int) {
	for p, f := range factors {
		d := dst[p*plane : (p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		archScale(d, src[p*plane:(p+1)*plane], f)
	}
}

// archScale writes src·f to dst, which is as long.
func archScale(dst, src []float32, f float32) {
	n := len(dst)
	if n == 0 {
		return
	}
	v := archsimd.BroadcastFloat32x16(f)
	d, s := unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0])
	i := 0
	for ; i+64 <= n; i += 64 {
		a := load(s, i).Mul(v)
		b := load(s, i+16).Mul(v)
		c := load(s, i+32).Mul(v)
		e := load(s, i+48).Mul(v)
		store(d, i, a)
		store(d, i+16, b)
		store(d, i+32, c)
		store(d, i+48, e)
	}
	for ; i+16 <= n; i += 16 {
		store(d, i, load(s, i).Mul(v))
	}
	if i < n {
		archsimd.LoadFloat32x16SlicePart(src[i:n]).Mul(v).StoreSlicePart(dst[i:n])
	}
	archsimd.ClearAVXUpperBits()
}

func archRows(dst, src, factors []float32) {
	c := len(factors)
	if c == 0 {
		return
	}
	f := unsafe.Pointer(&factors[0])
	for ; len(dst) > 0; dst, src = dst[c:], src[c:] {
		d, s := unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0])
		i := 0
		for ; i+64 <= c; i += 64 {
			w := load(s, i).Mul(load(f, i))
			x := load(s, i+16).Mul(load(f, i+16))
			y := load(s, i+32).Mul(load(f, i+32))
			z := load(s, i+48).Mul(load(f, i+48))
			store(d, i, w)
			store(d, i+16, x)
			store(d, i+32, y)
			store(d, i+48, z)
		}
		for ; i+16 <= c; i += 16 {
			store(d, i, load(s, i).Mul(load(f, i)))
		}
		if i < c {
			archsimd.LoadFloat32x16SlicePart(src[i:c]).Mul(archsimd.LoadFloat32x16SlicePart(factors[i:c])).StoreSlicePart(dst[i:c])
		}
	}
	archsimd.ClearAVXUpperBits()
}

func load(p unsafe.Pointer, i int) archsimd.Float32x16 {
	return archsimd.LoadFloat32x16((*[16]float32)(unsafe.Add(p, 4*i)))
}

func store(p unsafe.Pointer, i int, v archsimd.Float32x16) {
	v.Store((*[16]float32)(unsafe.Add(p, 4*i)))
}

func archPlanesBF16(dst, src, factors []uint16, plane int) {
	for p, f := range factors {
		d := dst[p*plane : (p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		archScaleBF16(d, src[p*plane:(p+1)*plane], f)
	}
}

// archScaleBF16 writes src·f to dst, which is as long.
func archScaleBF16(dst, src []uint16, f uint16) {
	n := len(dst)
	if n == 0 {
		return
	}
	v := archsimd.BroadcastFloat32x16(widen(f))
	r := newRounding()
	d, s := unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0])
	i := 0
	for ; i+32 <= n; i += 32 {
		a := r.narrow(archWiden(loadHalves(s, i)).Mul(v))
		b := r.narrow(archWiden(loadHalves(s, i+16)).Mul(v))
		storeHalves(d, i, a)
		storeHalves(d, i+16, b)
	}
	for ; i+16 <= n; i += 16 {
		storeHalves(d, i, r.narrow(archWiden(loadHalves(s, i)).Mul(v)))
	}
	if i < n {
		r.narrow(archWiden(archsimd.LoadUint16x16SlicePart(src[i:n])).Mul(v)).StoreSlicePart(dst[i:n])
	}
	archsimd.ClearAVXUpperBits()
}

func archRowsBF16(dst, src, factors []uint16) {
	c := len(factors)
	if c == 0 {
		return
	}
	r := newRounding()
	f := unsafe.Pointer(&factors[0])
	for ; len(dst) > 0; dst, src = dst[c:], src[c:] {
		d, s := unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0])
		i := 0
		for ; i+32 <= c; i += 32 {
			a := r.narrow(archWiden(loadHalves(s, i)).Mul(archWiden(loadHalves(f, i))))
			b := r.narrow(archWiden(loadHalves(s, i+16)).Mul(archWiden(loadHalves(f, i+16))))
			storeHalves(d, i, a)
			storeHalves(d, i+16, b)
		}
		for ; i+16 <= c; i += 16 {
			storeHalves(d, i, r.narrow(archWiden(loadHalves(s, i)).Mul(archWiden(loadHalves(f, i)))))
		}
		if i < c {
			x, y := archsimd.LoadUint16x16SlicePart(src[i:c]), archsimd.LoadUint16x16SlicePart(factors[i:c])
			r.narrow(archWiden(x).Mul(archWiden(y))).StoreSlicePart(dst[i:c])
		}
	}
	archsimd.ClearAVXUpperBits()
}

func loadHalves(p unsafe.Pointer, i int) archsimd.Uint16x16 {
	return archsimd.LoadUint16x16((*[16]uint16)(unsafe.Add(p, 2*i)))
}

func storeHalves(p unsafe.Pointer, i int, v archsimd.Uint16x16) {
	v.Store((*[16]uint16)(unsafe.Add(p, 2*i)))
}

// archWiden returns bfloat16 numbers as float32.
func archWiden(h archsimd.Uint16x16) archsimd.Float32x16 {
	return h.ExtendToUint32().ShiftAllLeft(16).AsFloat32x16()
}

// rounding holds the constants of narrow.
type rounding struct{ one, half, quiet archsimd.Uint32x16 }

func newRounding() rounding {
	return rounding{
		archsimd.BroadcastUint32x16(1),
		archsimd.BroadcastUint32x16(0x7fff),
		archsimd.BroadcastUint32x16(0x40),
	}
}

// narrow returns the bfloat16 numbers nearest to v, ties to even. A NaN becomes a quiet one.
func (r rounding) narrow(v archsimd.Float32x16) archsimd.Uint16x16 {
	b := v.AsUint32x16()
	upper := b.ShiftAllRight(16)
	rounded := b.Add(r.half).Add(upper.And(r.one)).ShiftAllRight(16)
	return upper.Or(r.quiet).Merge(rounded, v.IsNaN()).TruncateToUint16()
}
