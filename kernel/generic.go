package kernel

import "unsafe"

// generic runs kernel k in plain Go, the meaning of every assembly kernel.
func generic(k id, dst, src, factors unsafe.Pointer, count, length int) {
	switch k.elem() {
	case f32:
		genericOf[float32](k, dst, src, factors, count, length)
	case f64:
		genericOf[float64](k, dst, src, factors, count, length)
	}
}

func genericOf[T float32 | float64](k id, dst, src, factors unsafe.Pointer, count, length int) {
	d := unsafe.Slice((*T)(dst), count*length)
	s := unsafe.Slice((*T)(src), count*length)
	if k.pixels() {
		pixelsGeneric(k.op(), d, s, unsafe.Slice((*T)(factors), length))
		return
	}
	for p, f := range unsafe.Slice((*T)(factors), count) {
		planeGeneric(k.op(), d[p*length:(p+1)*length], s[p*length:(p+1)*length], f)
	}
}

func planeGeneric[T float32 | float64](op Op, dst, src []T, f T) {
	switch {
	case f == 0 && op == Scale:
		clear(dst)
	case f == 0 && op == Add:
	case op >= Add:
		addPlane(dst, src, f)
	case f == 1 && &dst[0] == &src[0]:
	default:
		multiplyPlane(dst, src, f)
	}
}

// pixelsGeneric takes the channels in groups, so that those of a group which
// need something else than the others can be listed once for all rows, where a
// branch on the factor in the loop would be mispredicted.
func pixelsGeneric[T float32 | float64](op Op, dst, src, factors []T) {
	const group = 1024
	var list [group]uint16
	for first := 0; first < len(factors); first += group {
		f := factors[first:min(first+group, len(factors))]
		listed := 0
		for c := range f {
			list[listed] = uint16(c)
			if dropped := f[c] == 0; dropped && op == Scale || !dropped && op == Add {
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
			case AddMultiply:
				addRow(d, s, f)
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
