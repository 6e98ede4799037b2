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
	src = src[:len(dst)]
	if f == 0 {
		switch op {
		case Scale:
			clear(dst)
			return
		case Add:
			return
		}
	}
	if op >= Add {
		for i := range dst {
			// The conversion keeps the compiler from fusing product and sum.
			dst[i] += T(src[i] * f)
		}
		return
	}
	if f == 1 && &dst[0] == &src[0] {
		return
	}
	for i := range dst {
		dst[i] = src[i] * f
	}
}

// pixelsGeneric takes the channels in groups, so that those of a group which
// need something else than the others can be listed once for all rows, where a
// branch on the factor in the loop would be mispredicted.
func pixelsGeneric[T float32 | float64](op Op, dst, src, factors []T) {
	const group = 256
	var list [group]uint8
	for first := 0; first < len(factors); first += group {
		f := factors[first:min(first+group, len(factors))]
		listed := 0
		for c := range f {
			list[listed] = uint8(c)
			if dropped := f[c] == 0; dropped && op == Scale || !dropped && op == Add {
				listed++
			}
		}
		for at := first; at < len(dst); at += len(factors) {
			d, s := dst[at:][:len(f)], src[at:][:len(f)]
			switch op {
			case Scale, Multiply:
				for c, f := range f {
					d[c] = s[c] * f
				}
				for _, c := range list[:listed] {
					d[c] = 0
				}
			case Add:
				for _, c := range list[:listed] {
					d[c] += T(s[c] * f[c])
				}
			case AddMultiply:
				for c, f := range f {
					d[c] += T(s[c] * f)
				}
			}
		}
	}
}
