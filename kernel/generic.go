package kernel

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// The generic functions run a kernel in plain Go: the meaning of every assembly kernel.

func genericF32(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	genericFloat[float32](&catalogue[k], dst, src, factors, extra, count, length)
}

func genericF64(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	genericFloat[float64](&catalogue[k], dst, src, factors, extra, count, length)
}

func genericF16(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	genericHalf(&catalogue[k], dst, src, factors, extra, count, length)
}

func genericBF16(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	genericHalf(&catalogue[k], dst, src, factors, extra, count, length)
}

func genericFloat[T float32 | float64](k *entry, dst, src, factors, extra unsafe.Pointer, count, length int) {
	op := &operations[k.op]
	if k.shape == fourPlanes {
		p := (*fourPlaces)(extra)
		for i, at := range p.at {
			kept := *(*T)(unsafe.Add(factors, p.factor[i]))
			planeOf(op, unsafe.Slice((*T)(unsafe.Add(dst, at)), length), unsafe.Slice((*T)(unsafe.Add(src, at)), length), kept, 0)
		}
		for _, at := range p.fill[:p.fills] {
			clear(unsafe.Slice((*T)(unsafe.Add(dst, at)), length))
		}
		return
	}
	d := unsafe.Slice((*T)(dst), count*length)
	s := unsafe.Slice((*T)(src), count*length)
	n := count
	if k.shape == pixels {
		n = length
	}
	f := unsafe.Slice((*T)(factors), n)
	b := f // the shifts, unused where there are none
	if op.shifts {
		b = unsafe.Slice((*T)(extra), n)
	}
	if k.shape == pixels {
		pixelsOf(op, d, s, f, b)
		return
	}
	for p, f := range f {
		d, s := d[p*length:(p+1)*length], s[p*length:(p+1)*length]
		switch {
		case f == 0 && op.dropped == zeroed:
			clear(d)
		case f == 0 && op.dropped == kept:
		case f == 0 && op.dropped == shifted:
			shift := shiftOf(op, f, b[p])
			for i := range d {
				d[i] = shift
			}
		case f == 1 && dst == src && op.skips():
		default:
			planeOf(op, d, s, f, b[p])
		}
	}
}

// rectified returns max(x, 0): a NaN stays a NaN, and −0 gives +0.
func rectified[T float32 | float64](x T) T {
	if x <= 0 {
		return 0
	}
	return x
}

// shiftOf returns what an element becomes that a factor of 0 drops to its shift.
func shiftOf[T float32 | float64](op *operation, f, shift T) T {
	if op.rectifies {
		return rectified(T(0*f) + shift)
	}
	return shift
}

// planeOf computes the formula of an operation for a plane. A division takes so long that
// its loop need not be unrolled.
func planeOf[T float32 | float64](op *operation, dst, src []T, f, shift T) {
	src = src[:len(dst)]
	switch {
	case op.divides && op.adds:
		for i := range dst {
			dst[i] += src[i] / f
		}
	case op.divides:
		for i := range dst {
			dst[i] = src[i] / f
		}
	case op.adds:
		addPlane(dst, src, f)
	case op.rectifies:
		for i := range dst {
			dst[i] = rectified(T(src[i]*f) + shift)
		}
	case op.shifts:
		for i := range dst {
			dst[i] = T(src[i]*f) + shift
		}
	default:
		multiplyPlane(dst, src, f)
	}
}

// pixelsOf takes the channels in groups. The channels of a group that need something else
// than the others are listed once for all rows: a branch on the factor in the loop would be
// mispredicted.
func pixelsOf[T float32 | float64](op *operation, dst, src, factors, shifts []T) {
	const group = 1024
	var list [group]uint16
	for first := 0; first < len(factors); first += group {
		f := factors[first:min(first+group, len(factors))]
		b := shifts[first:][:len(f)]
		listed := 0
		for c := range f {
			list[listed] = uint16(c)
			if zero := f[c] == 0; op.dropped != computed && zero == (op.dropped != kept) {
				listed++ // a dropped channel or, where dropped elements stay, a kept one
			}
		}
		for at := first; at < len(dst); at += len(factors) {
			d, s := dst[at:][:len(f)], src[at:][:len(f)]
			switch {
			case op.dropped == kept && op.divides:
				for _, c := range list[:listed] {
					d[c] += s[c] / f[c]
				}
			case op.dropped == kept:
				for _, c := range list[:listed] {
					d[c] += T(s[c] * f[c])
				}
			case op.divides:
				for c := range f {
					d[c] = s[c] / f[c]
				}
			case op.adds:
				addRow(d, s, f)
			case op.rectifies:
				for c := range f {
					d[c] = rectified(T(s[c]*f[c]) + b[c])
				}
			case op.shifts:
				for c := range f {
					d[c] = T(s[c]*f[c]) + b[c]
				}
			default:
				multiplyRow(d, s, f)
			}
			switch op.dropped {
			case zeroed:
				for _, c := range list[:listed] {
					d[c] = 0
				}
			case shifted:
				for _, c := range list[:listed] {
					d[c] = shiftOf(op, f[c], b[c])
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

// genericHalf is genericFloat of halves.
func genericHalf(k *entry, dst, src, factors, extra unsafe.Pointer, count, length int) {
	op := &operations[k.op]
	if k.shape == fourPlanes {
		p := (*fourPlaces)(extra)
		for i, at := range p.at {
			halves(k.typ, op, unsafe.Slice((*uint16)(unsafe.Add(dst, at)), length), unsafe.Slice((*uint16)(unsafe.Add(src, at)), length), *(*uint16)(unsafe.Add(factors, p.factor[i])), 0)
		}
		for _, at := range p.fill[:p.fills] {
			clear(unsafe.Slice((*uint16)(unsafe.Add(dst, at)), length))
		}
		return
	}
	n := count
	if k.shape == pixels {
		n = length
	}
	d := unsafe.Slice((*uint16)(dst), count*length)
	s := unsafe.Slice((*uint16)(src), count*length)
	f := unsafe.Slice((*uint16)(factors), n)
	b := f // the shifts, unused where there are none
	if op.shifts {
		b = unsafe.Slice((*uint16)(extra), n)
	}
	if k.shape == pixels {
		for ; len(d) > 0; d, s = d[length:], s[length:] {
			for c := range f {
				halves(k.typ, op, d[c:c+1], s[c:c+1], f[c], b[c])
			}
		}
		return
	}
	one := k.typ.Narrow(1)
	for p := range f {
		if f[p] != one || dst != src || !op.skips() {
			halves(k.typ, op, d[p*length:(p+1)*length], s[p*length:(p+1)*length], f[p], b[p])
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
func halves(t dtype.Type, op *operation, dst, src []uint16, factor, shift uint16) {
	if factor&0x7fff == 0 {
		switch op.dropped {
		case zeroed:
			clear(dst)
			return
		case kept:
			return
		case shifted:
			if op.rectifies {
				shift = t.Narrow(shiftOf(op, t.Widen(factor), t.Widen(shift)))
			}
			for i := range dst {
				dst[i] = shift
			}
			return
		}
	}
	f, b := t.Widen(factor), t.Widen(shift)
	for i, x := range src {
		x := t.Widen(x)
		if op.divides {
			x /= f
		} else {
			x *= f
		}
		y := t.Narrow(x)
		switch {
		case op.adds:
			y = t.Narrow(t.Widen(dst[i]) + t.Widen(y))
		case op.rectifies:
			y = t.Narrow(rectified(t.Widen(y) + b))
		case op.shifts:
			y = t.Narrow(t.Widen(y) + b)
		}
		dst[i] = y
	}
}
