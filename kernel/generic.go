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
		f := unsafe.Slice((*T)(factors), length)
		for row := range count {
			pixelsGeneric(k.op(), d[row*length:(row+1)*length], s[row*length:(row+1)*length], f)
		}
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

func pixelsGeneric[T float32 | float64](op Op, dst, src, factors []T) {
	src = src[:len(dst)]
	factors = factors[:len(dst)]
	switch op {
	case Scale:
		for i, f := range factors {
			x := src[i] * f
			if f == 0 {
				x = 0
			}
			dst[i] = x
		}
	case Multiply:
		for i, f := range factors {
			dst[i] = src[i] * f
		}
	case Add:
		for i, f := range factors {
			if f != 0 {
				dst[i] += T(src[i] * f)
			}
		}
	case AddMultiply:
		for i, f := range factors {
			dst[i] += T(src[i] * f)
		}
	}
}
