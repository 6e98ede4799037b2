package kernel

import "unsafe"

// generic runs kernel k in plain Go, the meaning of every assembly kernel.
func generic(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	if catalogue[k].braid {
		braidGeneric(k, dst, src, factors, (*braid)(extra), length)
		return
	}
	switch k.elem() {
	case f32:
		genericOf[float32](k, dst, src, factors, extra, count, length)
	case f64:
		genericOf[float64](k, dst, src, factors, extra, count, length)
	default:
		genericHalf(k, dst, src, factors, extra, count, length)
	}
}

// braidGeneric does a braid plane by plane.
func braidGeneric(k id, dst, src, factors unsafe.Pointer, b *braid, length int) {
	for i, at := range b.at {
		d, s, f := unsafe.Add(dst, at), unsafe.Add(src, at), unsafe.Add(factors, b.factor[i])
		switch e := k.elem(); e {
		case f32:
			braidPlane(k.op(), unsafe.Slice((*float32)(d), length), unsafe.Slice((*float32)(s), length), *(*float32)(f))
		case f64:
			braidPlane(k.op(), unsafe.Slice((*float64)(d), length), unsafe.Slice((*float64)(s), length), *(*float64)(f))
		default:
			halves(e, k.op(), unsafe.Slice((*uint16)(d), length), unsafe.Slice((*uint16)(s), length), *(*uint16)(f), 0)
		}
	}
	for _, at := range b.fill[:b.fills] {
		clear(unsafe.Slice((*byte)(unsafe.Add(dst, at)), length<<k.elem().shift()))
	}
}

func braidPlane[T float32 | float64](op Op, dst, src []T, f T) {
	switch {
	case op == AddDivide:
		addDividedPlane(dst, src, f)
	case op == Divide:
		dividePlane(dst, src, f)
	case op.adds():
		addPlane(dst, src, f)
	default:
		multiplyPlane(dst, src, f)
	}
}

func genericOf[T float32 | float64](k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	d := unsafe.Slice((*T)(dst), count*length)
	s := unsafe.Slice((*T)(src), count*length)
	n := count
	if k.pixels() {
		n = length
	}
	f := unsafe.Slice((*T)(factors), n)
	var shifts []T
	if k.op().shifts() {
		shifts = unsafe.Slice((*T)(extra), n)
	}
	if k.pixels() {
		pixelsGeneric(k.op(), d, s, f, shifts)
		return
	}
	for p, f := range f {
		d, s := d[p*length:(p+1)*length], s[p*length:(p+1)*length]
		if shifts != nil {
			affinePlane(k.op(), d, s, f, shifts[p])
		} else {
			planeGeneric(k.op(), d, s, f)
		}
	}
}

func planeGeneric[T float32 | float64](op Op, dst, src []T, f T) {
	switch {
	case f == 0 && (op == Scale || op == Divide):
		clear(dst)
	case f == 0 && (op == Add || op == AddDivide):
	case f == 1 && &dst[0] == &src[0] && !op.adds():
	default:
		braidPlane(op, dst, src, f)
	}
}

// dividePlane sets dst to src / f. A division takes so long that its loop need not
// be written out.
func dividePlane[T float32 | float64](dst, src []T, f T) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] = src[i] / f
	}
}

// addDividedPlane adds src / f to dst.
func addDividedPlane[T float32 | float64](dst, src []T, f T) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] += src[i] / f
	}
}

// rectified returns max(x, 0): a NaN stays a NaN, and −0 gives +0.
func rectified[T float32 | float64](x T) T {
	if x <= 0 {
		return 0
	}
	return x
}

// affinePlane sets dst to src·f + shift, rectified for AffineMax.
func affinePlane[T float32 | float64](op Op, dst, src []T, f, shift T) {
	if op == AffineMax {
		for i, x := range src {
			if f == 0 {
				x = 0
			}
			dst[i] = rectified(T(x*f) + shift)
		}
		return
	}
	if f == 0 && op == Affine {
		for i := range dst {
			dst[i] = shift
		}
		return
	}
	for i := range dst {
		dst[i] = T(src[i]*f) + shift
	}
}

// pixelsGeneric takes the channels in groups, so that those of a group which
// need something else than the others can be listed once for all rows, where a
// branch on the factor in the loop would be mispredicted.
func pixelsGeneric[T float32 | float64](op Op, dst, src, factors, shifts []T) {
	const group = 1024
	var list [group]uint16
	for first := 0; first < len(factors); first += group {
		f := factors[first:min(first+group, len(factors))]
		listed := 0
		for c := range f {
			list[listed] = uint16(c)
			if dropped := f[c] == 0; dropped && (op == Scale || op == Divide || op == Affine || op == AffineMax) || !dropped && (op == Add || op == AddDivide) {
				listed++
			}
		}
		for at := first; at < len(dst); at += len(factors) {
			d, s := dst[at:][:len(f)], src[at:][:len(f)]
			switch op {
			case Scale, Multiply:
				multiplyRow(d, s, f)
				for _, c := range list[:listed] {
					d[c] = 0
				}
			case Add:
				for _, c := range list[:listed] {
					d[c] += T(s[c] * f[c])
				}
			case Divide:
				for c := range f {
					d[c] = s[c] / f[c]
				}
				for _, c := range list[:listed] {
					d[c] = 0
				}
			case AddDivide:
				for _, c := range list[:listed] {
					d[c] += s[c] / f[c]
				}
			case AddMultiply:
				addRow(d, s, f)
			case Affine, AffineMultiply:
				b := shifts[first:][:len(f)]
				for c := range f {
					d[c] = T(s[c]*f[c]) + b[c]
				}
				for _, c := range list[:listed] {
					d[c] = b[c]
				}
			case AffineMax:
				b := shifts[first:][:len(f)]
				for c := range f {
					d[c] = rectified(T(s[c]*f[c]) + b[c])
				}
				for _, c := range list[:listed] {
					d[c] = rectified(T(0*f[c]) + b[c])
				}
			}
		}
	}
}

// The inner loops take eight elements a turn: the speed of one that takes a
// single element changes twofold with the place that it happens to get in the
// program. The conversions of products keep the compiler from fusing them with a
// sum.

// multiplyPlane sets dst to src·f.
func multiplyPlane[T float32 | float64](dst, src []T, f T) {
	src = src[:len(dst)]
	for len(dst) >= 8 {
		d, s := (*[8]T)(dst), (*[8]T)(src)
		d[0] = s[0] * f
		d[1] = s[1] * f
		d[2] = s[2] * f
		d[3] = s[3] * f
		d[4] = s[4] * f
		d[5] = s[5] * f
		d[6] = s[6] * f
		d[7] = s[7] * f
		dst, src = dst[8:], src[8:]
	}
	for i := range dst {
		dst[i] = src[i] * f
	}
}

// addPlane adds src·f to dst.
func addPlane[T float32 | float64](dst, src []T, f T) {
	src = src[:len(dst)]
	for len(dst) >= 8 {
		d, s := (*[8]T)(dst), (*[8]T)(src)
		d[0] += T(s[0] * f)
		d[1] += T(s[1] * f)
		d[2] += T(s[2] * f)
		d[3] += T(s[3] * f)
		d[4] += T(s[4] * f)
		d[5] += T(s[5] * f)
		d[6] += T(s[6] * f)
		d[7] += T(s[7] * f)
		dst, src = dst[8:], src[8:]
	}
	for i := range dst {
		dst[i] += T(src[i] * f)
	}
}

// multiplyRow sets dst to src·factors, element by element.
func multiplyRow[T float32 | float64](dst, src, factors []T) {
	src = src[:len(dst)]
	factors = factors[:len(dst)]
	for len(dst) >= 8 {
		d, s, f := (*[8]T)(dst), (*[8]T)(src), (*[8]T)(factors)
		d[0] = s[0] * f[0]
		d[1] = s[1] * f[1]
		d[2] = s[2] * f[2]
		d[3] = s[3] * f[3]
		d[4] = s[4] * f[4]
		d[5] = s[5] * f[5]
		d[6] = s[6] * f[6]
		d[7] = s[7] * f[7]
		dst, src, factors = dst[8:], src[8:], factors[8:]
	}
	for i := range dst {
		dst[i] = src[i] * factors[i]
	}
}

// addRow adds src·factors to dst, element by element.
func addRow[T float32 | float64](dst, src, factors []T) {
	src = src[:len(dst)]
	factors = factors[:len(dst)]
	for len(dst) >= 8 {
		d, s, f := (*[8]T)(dst), (*[8]T)(src), (*[8]T)(factors)
		d[0] += T(s[0] * f[0])
		d[1] += T(s[1] * f[1])
		d[2] += T(s[2] * f[2])
		d[3] += T(s[3] * f[3])
		d[4] += T(s[4] * f[4])
		d[5] += T(s[5] * f[5])
		d[6] += T(s[6] * f[6])
		d[7] += T(s[7] * f[7])
		dst, src, factors = dst[8:], src[8:], factors[8:]
	}
	for i := range dst {
		dst[i] += T(src[i] * factors[i])
	}
}

// genericHalf does all operations on halves.
func genericHalf(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	e, op := k.elem(), k.op()
	n := count
	if k.pixels() {
		n = length
	}
	d := unsafe.Slice((*uint16)(dst), count*length)
	s := unsafe.Slice((*uint16)(src), count*length)
	f := unsafe.Slice((*uint16)(factors), n)
	b := f // the shifts, unused where there are none
	if op.shifts() {
		b = unsafe.Slice((*uint16)(extra), n)
	}
	if k.pixels() {
		for ; len(d) > 0; d, s = d[length:], s[length:] {
			for c := range f {
				halves(e, op, d[c:c+1], s[c:c+1], f[c], b[c])
			}
		}
		return
	}
	for p := range f {
		d, s := d[p*length:(p+1)*length], s[p*length:(p+1)*length]
		if uint64(f[p]) != e.one() || dst != src || op > Divide {
			halves(e, op, d, s, f[p], b[p])
		}
	}
}

// halves does op on elements with one factor.
//
// That a quotient x/f is rounded to float32 first changes no half. With p digits in
// a half, a border between two of them has p+1 at most, so that x and border·f are
// integers of 2p+1 digits at most in a common unit. Where they differ, the quotient
// is 2^-(2p+1) of the border from it or further, and float32, with 24 ≥ 2p+2
// digits, does not round that far. Where it has fewer, below 2^-126, a border of
// bfloat16 has fewer, too: the quotient is then 2^-142 from it or further, and
// float32 rounds by 2^-150.
func halves(e elem, op Op, dst, src []uint16, factor, shift uint16) {
	dropped, f, b := factor&0x7fff == 0, e.widen(factor), e.widen(shift)
	switch {
	case dropped && (op == Scale || op == Divide):
		clear(dst)
	case dropped && (op == Add || op == AddDivide):
	case dropped && op == Affine:
		for i := range dst {
			dst[i] = shift
		}
	case op == AffineMax:
		for i, x := range src {
			if dropped {
				x = 0
			}
			dst[i] = e.narrow(rectified(e.widen(e.narrow(e.widen(x)*f)) + b))
		}
	case op == Divide:
		for i, x := range src {
			dst[i] = e.narrow(e.widen(x) / f)
		}
	case op == AddDivide:
		for i, x := range src {
			dst[i] = e.narrow(e.widen(dst[i]) + e.widen(e.narrow(e.widen(x)/f)))
		}
	case op.adds():
		for i, x := range src {
			dst[i] = e.narrow(e.widen(dst[i]) + e.widen(e.narrow(e.widen(x)*f)))
		}
	case op.shifts():
		for i, x := range src {
			dst[i] = e.narrow(e.widen(e.narrow(e.widen(x)*f)) + b)
		}
	default:
		for i, x := range src {
			dst[i] = e.narrow(e.widen(x) * f)
		}
	}
}
