package main

// plainCompact returns a function that gathers or scatters in plain Go.
func plainCompact(j job) (func(), error) {
	if j.dtype == bfloat16s {
		return compactLoops(j, moves[uint16]{scaleBF16, addBF16, packBF16, unpackBF16, addKeptBF16}), nil
	}
	return compactLoops(j, moves[float32]{scale, add, pack, unpack, addKept}), nil
}

// moves are the loops of a type.
type moves[T float32 | uint16] struct {
	scale, add func(dst, src []T, f T)           // a plane, and added to dst
	pack       func(dst, src, f []T, kept []int) // the kept channels of a pixel
	unpack     func(dst, src, f []T, kept []int) // back, and +0 between them
	addKept    func(dst, src, f []T, kept []int) // back, added to dst
}

// compactLoops returns a function that goes through both tensors, plane by plane or pixel by
// pixel.
func compactLoops[T float32 | uint16](j job, m moves[T]) func() {
	s, c := j.spatial, j.channels
	factors := elements[T](j.factors, j.samples*c)
	kept := make([][]int, j.samples)      // the kept channels of each sample
	before := make([]int, len(factors)+1) // how many channels before a channel are kept
	for i, f := range factors {
		before[i+1] = before[i]
		if f != 0 {
			kept[i/c] = append(kept[i/c], i%c)
			before[i+1]++
		}
	}
	whole, packed := j.x, j.y
	if j.work != gather {
		whole, packed = j.y, j.x
	}
	all, some := elements[T](whole, j.len()), elements[T](packed, before[len(factors)]*s)
	planar := func(from, to int) {
		for i := from; i < to; i++ {
			plane, f := all[i*s:(i+1)*s], factors[i]
			switch {
			case f != 0 && j.work == gather:
				m.scale(some[before[i]*s:][:s], plane, f)
			case f != 0 && j.work == scatterAdd:
				m.add(plane, some[before[i]*s:][:s], f)
			case f != 0:
				m.scale(plane, some[before[i]*s:][:s], f)
			case j.work == scatter:
				clear(plane)
			}
		}
	}
	pixels := func(from, to int) {
		for i := from; i < to; i++ {
			n := i / s
			k := len(kept[n])
			pixel, row := all[i*c:(i+1)*c], some[before[n*c]*s+i%s*k:][:k]
			switch f := factors[n*c : (n+1)*c]; j.work {
			case gather:
				m.pack(row, pixel, f, kept[n])
			case scatter:
				m.unpack(pixel, row, f, kept[n])
			default:
				m.addKept(pixel, row, f, kept[n])
			}
		}
	}
	if j.order == planes {
		return func() { split(j.workers, len(factors), planar) }
	}
	return func() { split(j.workers, j.samples*s, pixels) }
}

func scale(dst, src []float32, f float32) {
	for i, x := range src {
		dst[i] = x * f
	}
}

// add rounds the product before the sum, which the conversion keeps apart.
func add(dst, src []float32, f float32) {
	for i, x := range src {
		dst[i] += float32(x * f)
	}
}

func pack(dst, src, f []float32, kept []int) {
	for i, c := range kept {
		dst[i] = src[c] * f[c]
	}
}

func unpack(dst, src, f []float32, kept []int) {
	clear(dst)
	for i, c := range kept {
		dst[c] = src[i] * f[c]
	}
}

func addKept(dst, src, f []float32, kept []int) {
	for i, c := range kept {
		dst[c] += float32(src[i] * f[c])
	}
}

func scaleBF16(dst, src []uint16, f uint16) {
	wide := widen(f)
	for i, x := range src {
		dst[i] = narrow(widen(x) * wide)
	}
}

func addBF16(dst, src []uint16, f uint16) {
	wide := widen(f)
	for i, x := range src {
		dst[i] = narrow(widen(dst[i]) + widen(narrow(widen(x)*wide)))
	}
}

func packBF16(dst, src, f []uint16, kept []int) {
	for i, c := range kept {
		dst[i] = narrow(widen(src[c]) * widen(f[c]))
	}
}

func unpackBF16(dst, src, f []uint16, kept []int) {
	clear(dst)
	for i, c := range kept {
		dst[c] = narrow(widen(src[i]) * widen(f[c]))
	}
}

func addKeptBF16(dst, src, f []uint16, kept []int) {
	for i, c := range kept {
		dst[c] = narrow(widen(dst[c]) + widen(narrow(widen(src[i])*widen(f[c]))))
	}
}
