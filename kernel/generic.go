package kernel

import (
	"math"
	"slices"
	"unsafe"
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
	op, size := &operations[k.op], int(unsafe.Sizeof(T(0)))
	switch k.shape {
	case planes:
		planesOf[T](op, false, dst, src, factors, extra, count, length*size)
	case pixels:
		pixelsOf[T](op, dst, src, factors, extra, count, length*size)
	case fourPlanes:
		p := (*fourPlaces)(extra)
		for i, at := range p.at {
			computePlanes[T](op.formula(), unsafe.Add(dst, at), unsafe.Add(src, at), unsafe.Add(factors, p.factor[i]), nil, nil, 1, length*size)
		}
		for _, at := range p.fill[:p.fills] {
			clear(unsafe.Slice((*T)(unsafe.Add(dst, at)), length))
		}
	}
}

// formula is what an operation computes of an element that is not dropped.
type formula uint8

const (
	scaled formula = iota // x·f
	quotient
	productSum // y + x·f
	quotientSum
	affine    // x·f + s
	affineMax // max(x·f + s, 0)
)

func (o *operation) formula() formula {
	switch {
	case o.divides && o.adds:
		return quotientSum
	case o.divides:
		return quotient
	case o.adds:
		return productSum
	case o.rectifies:
		return affineMax
	case o.shifts:
		return affine
	}
	return scaled
}

// farF32 and farF64 run the kernels of planes in data far larger than the cache.

func farF32(op Op, dst, src, factors, shifts unsafe.Pointer, count, length int) {
	planesOf[float32](&operations[op], true, dst, src, factors, shifts, count, length*4)
}

func farF64(op Op, dst, src, factors, shifts unsafe.Pointer, count, length int) {
	planesOf[float64](&operations[op], true, dst, src, factors, shifts, count, length*8)
}

// at returns the element so many bytes from p.
func at[T float32 | float64](p unsafe.Pointer, bytes int) *T { return (*T)(unsafe.Add(p, bytes)) }

// eight returns the eight elements so many bytes from p.
func eight[T float32 | float64](p unsafe.Pointer, bytes int) *[8]T {
	return (*[8]T)(unsafe.Add(p, bytes))
}

// four returns the four elements so many bytes from p.
func four[T float32 | float64](p unsafe.Pointer, bytes int) *[4]T {
	return (*[4]T)(unsafe.Add(p, bytes))
}

const (
	// atOnce is how many planes are told apart before they are processed, and nearBytes how
	// far they extend. Longer planes are processed one by one, in order: a processor
	// fetches ahead what follows in memory.
	atOnce    = 128
	nearBytes = 8 << 10
	// clearBytes is the shortest plane for which a call of the runtime's clear pays.
	clearBytes = 128
)

// planesOf processes planes of so many bytes. Those that are computed and those that are
// dropped are listed first: a branch on the factor of each would be mispredicted.
//
// Where planes are left out, a processor does not fetch ahead what follows in memory. With data
// far larger than the cache dropped planes are computed like others, and then
// cleared, or all lines are read in order first: half of the planes of 7×7 or 56×56 left
// out takes 1.2 to 2 times as long there as all of them (float32, EPYC of 2024).
func planesOf[T float32 | float64](op *operation, far bool, dst, src, factors, shifts unsafe.Pointer, count, bytes int) {
	size := int(unsafe.Sizeof(T(0)))
	skips := dst == src && op.skips()
	most := min(atOnce, max(1, nearBytes/bytes))
	for first := 0; first < count; first += most {
		d, s, f, b := unsafe.Add(dst, first*bytes), unsafe.Add(src, first*bytes), unsafe.Add(factors, first*size), shifts
		if op.shifts {
			b = unsafe.Add(shifts, first*size)
		}
		n := min(count-first, most)
		all := unsafe.Slice((*T)(f), n)
		leaves := skips && slices.Contains(all, 1)
		if !leaves && (op.dropped == computed || !slices.Contains(all, 0)) {
			computePlanes[T](op.formula(), d, s, f, b, nil, n, bytes)
			continue
		}
		short, long := !far && bytes < few*size, far && bytes >= nearBytes/4
		if !leaves && (short && op.dropped == zeroed || (short || long) && op.dropped == shifted && !slices.ContainsFunc(unsafe.Slice((*T)(b), n), zeroOrNaN)) {
			selectPlanes[T](op.formula(), d, s, f, b, n, bytes)
			continue
		}
		var computes, drops [atOnce]uint8
		computing, dropping := 0, 0
		for p := range n {
			computes[computing&(atOnce-1)], drops[dropping&(atOnce-1)] = uint8(p), uint8(p)
			zero, one := 0, 0
			if *at[T](f, p*size) == 0 {
				zero = 1
			}
			if *at[T](f, p*size) == 1 {
				one = 1
			}
			if op.dropped == computed {
				zero = 0
			}
			if !skips {
				one = 0
			}
			dropping += zero
			computing += 1 - zero - one
		}
		switch {
		case far && !leaves && op.dropped != kept:
			computePlanes[T](op.formula(), d, s, f, b, nil, n, bytes)
		case far && dropping > 0:
			touch(d, n*bytes)
			if dst != src {
				touch(s, n*bytes)
			}
			fallthrough
		default:
			computePlanes[T](op.formula(), d, s, f, b, computes[:computing], computing, bytes)
		}
		if op.dropped == kept {
			continue
		}
		for _, p := range drops[:dropping] {
			var x T
			if op.dropped == shifted {
				if x = *at[T](b, int(p)*size); op.rectifies {
					x = rectifiedShift(x)
				}
			}
			y := unsafe.Add(d, int(p)*bytes)
			if op.dropped == zeroed && bytes >= clearBytes {
				clear(unsafe.Slice((*byte)(y), bytes))
			} else {
				fillPlane(y, bytes, x)
			}
		}
	}
}

// The loops take eight elements a turn, then four: the speed of one that takes a single element
// changes twofold with the place that it happens to get in the program. They count bytes,
// so that an element is one address away without a check. The conversions of products keep
// the compiler from fusing them with a sum.

// computePlanes computes a formula for n planes: the listed ones, or the first if list is nil.
func computePlanes[T float32 | float64](formula formula, dst, src, factors, shifts unsafe.Pointer, list []uint8, n, bytes int) {
	size := int(unsafe.Sizeof(T(0)))
	eights, fours := bytes&^(8*size-1), bytes&^(4*size-1)
	switch formula {
	case scaled:
		for k := range n {
			p := k
			if list != nil {
				p = int(list[k])
			}
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			i := 0
			for ; i < eights; i += 8 * size {
				y, x := eight[T](d, i), eight[T](s, i)
				y[0] = x[0] * f
				y[1] = x[1] * f
				y[2] = x[2] * f
				y[3] = x[3] * f
				y[4] = x[4] * f
				y[5] = x[5] * f
				y[6] = x[6] * f
				y[7] = x[7] * f
			}
			for ; i < fours; i += 4 * size {
				y, x := four[T](d, i), four[T](s, i)
				y[0] = x[0] * f
				y[1] = x[1] * f
				y[2] = x[2] * f
				y[3] = x[3] * f
			}
			for ; i < bytes; i += size {
				*at[T](d, i) = *at[T](s, i) * f
			}
		}
	case quotient:
		for k := range n {
			p := k
			if list != nil {
				p = int(list[k])
			}
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			i := 0
			for ; i < bytes; i += size {
				*at[T](d, i) = *at[T](s, i) / f
			}
		}
	case productSum:
		for k := range n {
			p := k
			if list != nil {
				p = int(list[k])
			}
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			i := 0
			for ; i < eights; i += 8 * size {
				y, x := eight[T](d, i), eight[T](s, i)
				y[0] += T(x[0] * f)
				y[1] += T(x[1] * f)
				y[2] += T(x[2] * f)
				y[3] += T(x[3] * f)
				y[4] += T(x[4] * f)
				y[5] += T(x[5] * f)
				y[6] += T(x[6] * f)
				y[7] += T(x[7] * f)
			}
			for ; i < fours; i += 4 * size {
				y, x := four[T](d, i), four[T](s, i)
				y[0] += T(x[0] * f)
				y[1] += T(x[1] * f)
				y[2] += T(x[2] * f)
				y[3] += T(x[3] * f)
			}
			for ; i < bytes; i += size {
				*at[T](d, i) += T(*at[T](s, i) * f)
			}
		}
	case quotientSum:
		for k := range n {
			p := k
			if list != nil {
				p = int(list[k])
			}
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			i := 0
			for ; i < bytes; i += size {
				*at[T](d, i) += *at[T](s, i) / f
			}
		}
	case affine:
		for k := range n {
			p := k
			if list != nil {
				p = int(list[k])
			}
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			b := *at[T](shifts, p*size)
			i := 0
			for ; i < eights; i += 8 * size {
				y, x := eight[T](d, i), eight[T](s, i)
				y[0] = T(x[0]*f) + b
				y[1] = T(x[1]*f) + b
				y[2] = T(x[2]*f) + b
				y[3] = T(x[3]*f) + b
				y[4] = T(x[4]*f) + b
				y[5] = T(x[5]*f) + b
				y[6] = T(x[6]*f) + b
				y[7] = T(x[7]*f) + b
			}
			for ; i < fours; i += 4 * size {
				y, x := four[T](d, i), four[T](s, i)
				y[0] = T(x[0]*f) + b
				y[1] = T(x[1]*f) + b
				y[2] = T(x[2]*f) + b
				y[3] = T(x[3]*f) + b
			}
			for ; i < bytes; i += size {
				*at[T](d, i) = T(*at[T](s, i)*f) + b
			}
		}
	case affineMax:
		for k := range n {
			p := k
			if list != nil {
				p = int(list[k])
			}
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			b := *at[T](shifts, p*size)
			i := 0
			for ; i < eights; i += 8 * size {
				y, x := eight[T](d, i), eight[T](s, i)
				y[0] = max(T(x[0]*f)+b, 0)
				y[1] = max(T(x[1]*f)+b, 0)
				y[2] = max(T(x[2]*f)+b, 0)
				y[3] = max(T(x[3]*f)+b, 0)
				y[4] = max(T(x[4]*f)+b, 0)
				y[5] = max(T(x[5]*f)+b, 0)
				y[6] = max(T(x[6]*f)+b, 0)
				y[7] = max(T(x[7]*f)+b, 0)
			}
			for ; i < fours; i += 4 * size {
				y, x := four[T](d, i), four[T](s, i)
				y[0] = max(T(x[0]*f)+b, 0)
				y[1] = max(T(x[1]*f)+b, 0)
				y[2] = max(T(x[2]*f)+b, 0)
				y[3] = max(T(x[3]*f)+b, 0)
			}
			for ; i < bytes; i += size {
				*at[T](d, i) = max(T(*at[T](s, i)*f)+b, 0)
			}
		}
	}
}

// fillPlane sets the elements of a plane to x.
func fillPlane[T float32 | float64](dst unsafe.Pointer, bytes int, x T) {
	size, i := int(unsafe.Sizeof(T(0))), 0
	for whole := bytes &^ (4*size - 1); i < whole; i += 4 * size {
		*four[T](dst, i) = [4]T{x, x, x, x}
	}
	for ; i < bytes; i += size {
		*at[T](dst, i) = x
	}
}

// touch reads a line after the other, and returns a sum of what it read.
//
//go:noinline
func touch(p unsafe.Pointer, bytes int) (sum byte) {
	for i := 0; i < bytes; i += lineBytes {
		sum += *(*byte)(unsafe.Add(p, i))
	}
	return sum
}

// selectPlanes computes a formula for planes, and drops those whose factor is 0, by one loop for
// all: their elements are read as 0 and multiplied by 1. No shift of them is 0 or a NaN: the
// sum would have other bits.
func selectPlanes[T float32 | float64](formula formula, dst, src, factors, shifts unsafe.Pointer, count, bytes int) {
	size := int(unsafe.Sizeof(T(0)))
	whole := bytes &^ (4*size - 1)
	switch formula {
	case scaled:
		for p := range count {
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			drop := zeroBits(f)
			f = blend(f, 1, drop)
			i := 0
			for ; i < whole; i += 4 * size {
				y := four[T](d, i)
				y[0] = unless[T](s, i+0*size, drop) * f
				y[1] = unless[T](s, i+1*size, drop) * f
				y[2] = unless[T](s, i+2*size, drop) * f
				y[3] = unless[T](s, i+3*size, drop) * f
			}
			for ; i < bytes; i += size {
				*at[T](d, i) = unless[T](s, i, drop) * f
			}
		}
	case quotient:
		for p := range count {
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			drop := zeroBits(f)
			f = blend(f, 1, drop)
			i := 0
			for ; i < bytes; i += size {
				*at[T](d, i) = unless[T](s, i, drop) / f
			}
		}
	case affine:
		for p := range count {
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			b := *at[T](shifts, p*size)
			drop := zeroBits(f)
			f = blend(f, 1, drop)
			i := 0
			for ; i < whole; i += 4 * size {
				y := four[T](d, i)
				y[0] = T(unless[T](s, i+0*size, drop)*f) + b
				y[1] = T(unless[T](s, i+1*size, drop)*f) + b
				y[2] = T(unless[T](s, i+2*size, drop)*f) + b
				y[3] = T(unless[T](s, i+3*size, drop)*f) + b
			}
			for ; i < bytes; i += size {
				*at[T](d, i) = T(unless[T](s, i, drop)*f) + b
			}
		}
	case affineMax:
		for p := range count {
			d, s, f := unsafe.Add(dst, p*bytes), unsafe.Add(src, p*bytes), *at[T](factors, p*size)
			b := *at[T](shifts, p*size)
			drop := zeroBits(f)
			f = blend(f, 1, drop)
			i := 0
			for ; i < whole; i += 4 * size {
				y := four[T](d, i)
				y[0] = max(T(unless[T](s, i+0*size, drop)*f)+b, 0)
				y[1] = max(T(unless[T](s, i+1*size, drop)*f)+b, 0)
				y[2] = max(T(unless[T](s, i+2*size, drop)*f)+b, 0)
				y[3] = max(T(unless[T](s, i+3*size, drop)*f)+b, 0)
			}
			for ; i < bytes; i += size {
				*at[T](d, i) = max(T(unless[T](s, i, drop)*f)+b, 0)
			}
		}
	}
}

// zeroBits returns 64 bits that are set if x is +0 or -0, without a branch.
func zeroBits[T float32 | float64](x T) uint64 {
	bits := uint64(0)
	if unsafe.Sizeof(x) == 4 {
		bits = uint64(math.Float32bits(float32(x)) << 1)
	} else {
		bits = math.Float64bits(float64(x)) << 1
	}
	return ^uint64(int64(bits|-bits) >> 63)
}

// unless returns the element so many bytes from p, or 0 if all bits of drop are set.
func unless[T float32 | float64](p unsafe.Pointer, bytes int, drop uint64) T {
	if unsafe.Sizeof(T(0)) == 4 {
		return T(math.Float32frombits(*(*uint32)(unsafe.Add(p, bytes)) &^ uint32(drop)))
	}
	return T(math.Float64frombits(*(*uint64)(unsafe.Add(p, bytes)) &^ drop))
}

// blend returns x, or y if all bits of drop are set.
func blend[T float32 | float64](x, y T, drop uint64) T {
	if unsafe.Sizeof(x) == 4 {
		return T(math.Float32frombits(math.Float32bits(float32(x))&^uint32(drop) | math.Float32bits(float32(y))&uint32(drop)))
	}
	return T(math.Float64frombits(math.Float64bits(float64(x))&^drop | math.Float64bits(float64(y))&drop))
}

// group is how many channels of four rows are processed before their neighbours, in the
// first cache.
const group = 512

// pixelsOf processes rows of so many bytes. Where channels are dropped, those and the others are
// listed once for all rows: a branch on each factor would be mispredicted. Four rows at a
// time share a look at the lists. They lie a quarter of all rows apart, so that
// each walks through memory in order.
func pixelsOf[T float32 | float64](op *operation, dst, src, factors, shifts unsafe.Pointer, count, bytes int) {
	size := int(unsafe.Sizeof(T(0)))
	if op.dropped == computed || !slices.Contains(unsafe.Slice((*T)(factors), bytes/size), 0) {
		for row := range count {
			denseRow[T](op.formula(), unsafe.Add(dst, row*bytes), unsafe.Add(src, row*bytes), factors, shifts, bytes)
		}
		return
	}
	var computes, drops [group]uint16
	for first := 0; first < bytes; first += group * size {
		computing, dropping := 0, 0
		for c := first; c < min(first+group*size, bytes); c += size {
			computes[computing&(group-1)], drops[dropping&(group-1)] = uint16(c-first), uint16(c-first)
			zero := 0
			if *at[T](factors, c) == 0 {
				zero = 1
			}
			computing += 1 - zero
			dropping += zero
		}
		d, s, f, b := unsafe.Add(dst, first), unsafe.Add(src, first), unsafe.Add(factors, first), shifts
		if op.shifts {
			b = unsafe.Add(shifts, first)
		}
		quarter := count / 4
		for row := range quarter {
			fourRows[T](op, unsafe.Add(d, row*bytes), unsafe.Add(s, row*bytes), f, b, computes[:computing], drops[:dropping], quarter*bytes)
		}
		for row := 4 * quarter; row < count; row++ {
			oneRow[T](op, unsafe.Add(d, row*bytes), unsafe.Add(s, row*bytes), f, b, computes[:computing], drops[:dropping])
		}
	}
}

// zeroOrNaN reports whether x is +0, -0 or a NaN.
func zeroOrNaN[T float32 | float64](x T) bool { return x == 0 || x != x }

// fourRows processes the listed channels of four rows that follow each other. A row has so
// many bytes.
func fourRows[T float32 | float64](op *operation, dst, src, factors, shifts unsafe.Pointer, computes, drops []uint16, bytes int) {
	d1, d2, d3 := unsafe.Add(dst, bytes), unsafe.Add(dst, 2*bytes), unsafe.Add(dst, 3*bytes)
	s1, s2, s3 := unsafe.Add(src, bytes), unsafe.Add(src, 2*bytes), unsafe.Add(src, 3*bytes)
	switch op.formula() {
	case scaled:
		for _, c := range computes {
			c := int(c)
			f := *at[T](factors, c)
			x0, x1, x2, x3 := *at[T](src, c), *at[T](s1, c), *at[T](s2, c), *at[T](s3, c)
			*at[T](dst, c) = x0 * f
			*at[T](d1, c) = x1 * f
			*at[T](d2, c) = x2 * f
			*at[T](d3, c) = x3 * f
		}
	case quotient:
		for _, c := range computes {
			c := int(c)
			f := *at[T](factors, c)
			x0, x1, x2, x3 := *at[T](src, c), *at[T](s1, c), *at[T](s2, c), *at[T](s3, c)
			*at[T](dst, c) = x0 / f
			*at[T](d1, c) = x1 / f
			*at[T](d2, c) = x2 / f
			*at[T](d3, c) = x3 / f
		}
	case productSum:
		for _, c := range computes {
			c := int(c)
			f := *at[T](factors, c)
			x0, x1, x2, x3 := *at[T](src, c), *at[T](s1, c), *at[T](s2, c), *at[T](s3, c)
			*at[T](dst, c) += T(x0 * f)
			*at[T](d1, c) += T(x1 * f)
			*at[T](d2, c) += T(x2 * f)
			*at[T](d3, c) += T(x3 * f)
		}
	case quotientSum:
		for _, c := range computes {
			c := int(c)
			f := *at[T](factors, c)
			x0, x1, x2, x3 := *at[T](src, c), *at[T](s1, c), *at[T](s2, c), *at[T](s3, c)
			*at[T](dst, c) += x0 / f
			*at[T](d1, c) += x1 / f
			*at[T](d2, c) += x2 / f
			*at[T](d3, c) += x3 / f
		}
	case affine:
		for _, c := range computes {
			c := int(c)
			f := *at[T](factors, c)
			b := *at[T](shifts, c)
			x0, x1, x2, x3 := *at[T](src, c), *at[T](s1, c), *at[T](s2, c), *at[T](s3, c)
			*at[T](dst, c) = T(x0*f) + b
			*at[T](d1, c) = T(x1*f) + b
			*at[T](d2, c) = T(x2*f) + b
			*at[T](d3, c) = T(x3*f) + b
		}
	case affineMax:
		for _, c := range computes {
			c := int(c)
			f := *at[T](factors, c)
			b := *at[T](shifts, c)
			x0, x1, x2, x3 := *at[T](src, c), *at[T](s1, c), *at[T](s2, c), *at[T](s3, c)
			*at[T](dst, c) = max(T(x0*f)+b, 0)
			*at[T](d1, c) = max(T(x1*f)+b, 0)
			*at[T](d2, c) = max(T(x2*f)+b, 0)
			*at[T](d3, c) = max(T(x3*f)+b, 0)
		}
	}
	switch op.dropped {
	case zeroed:
		for _, c := range drops {
			c := int(c)
			*at[T](dst, c), *at[T](d1, c), *at[T](d2, c), *at[T](d3, c) = 0, 0, 0, 0
		}
	case shifted:
		for _, c := range drops {
			c := int(c)
			b := *at[T](shifts, c)
			if op.rectifies {
				b = rectifiedShift(b)
			}
			*at[T](dst, c), *at[T](d1, c), *at[T](d2, c), *at[T](d3, c) = b, b, b, b
		}
	}
}

// oneRow processes the listed channels of a row.
func oneRow[T float32 | float64](op *operation, dst, src, factors, shifts unsafe.Pointer, computes, drops []uint16) {
	switch op.formula() {
	case scaled:
		for _, c := range computes {
			c := int(c)
			*at[T](dst, c) = *at[T](src, c) * *at[T](factors, c)
		}
	case quotient:
		for _, c := range computes {
			c := int(c)
			*at[T](dst, c) = *at[T](src, c) / *at[T](factors, c)
		}
	case productSum:
		for _, c := range computes {
			c := int(c)
			*at[T](dst, c) += T(*at[T](src, c) * *at[T](factors, c))
		}
	case quotientSum:
		for _, c := range computes {
			c := int(c)
			*at[T](dst, c) += *at[T](src, c) / *at[T](factors, c)
		}
	case affine:
		for _, c := range computes {
			c := int(c)
			*at[T](dst, c) = T(*at[T](src, c)**at[T](factors, c)) + *at[T](shifts, c)
		}
	case affineMax:
		for _, c := range computes {
			c := int(c)
			*at[T](dst, c) = max(T(*at[T](src, c)**at[T](factors, c))+*at[T](shifts, c), 0)
		}
	}
	switch op.dropped {
	case zeroed:
		for _, c := range drops {
			*at[T](dst, int(c)) = 0
		}
	case shifted:
		for _, c := range drops {
			b := *at[T](shifts, int(c))
			if op.rectifies {
				b = rectifiedShift(b)
			}
			*at[T](dst, int(c)) = b
		}
	}
}

// denseRow computes all channels of a row of so many bytes.
func denseRow[T float32 | float64](formula formula, dst, src, factors, shifts unsafe.Pointer, bytes int) {
	size, i := int(unsafe.Sizeof(T(0))), 0
	whole := bytes &^ (4*size - 1)
	switch formula {
	case scaled:
		for ; i < whole; i += 4 * size {
			d, s, f := four[T](dst, i), four[T](src, i), four[T](factors, i)
			d[0] = s[0] * f[0]
			d[1] = s[1] * f[1]
			d[2] = s[2] * f[2]
			d[3] = s[3] * f[3]
		}
		for ; i < bytes; i += size {
			*at[T](dst, i) = *at[T](src, i) * *at[T](factors, i)
		}
	case quotient:
		for ; i < bytes; i += size {
			*at[T](dst, i) = *at[T](src, i) / *at[T](factors, i)
		}
	case productSum:
		for ; i < whole; i += 4 * size {
			d, s, f := four[T](dst, i), four[T](src, i), four[T](factors, i)
			d[0] += T(s[0] * f[0])
			d[1] += T(s[1] * f[1])
			d[2] += T(s[2] * f[2])
			d[3] += T(s[3] * f[3])
		}
		for ; i < bytes; i += size {
			*at[T](dst, i) += T(*at[T](src, i) * *at[T](factors, i))
		}
	case quotientSum:
		for ; i < bytes; i += size {
			*at[T](dst, i) += *at[T](src, i) / *at[T](factors, i)
		}
	case affine:
		for ; i < whole; i += 4 * size {
			d, s, f := four[T](dst, i), four[T](src, i), four[T](factors, i)
			b := four[T](shifts, i)
			d[0] = T(s[0]*f[0]) + b[0]
			d[1] = T(s[1]*f[1]) + b[1]
			d[2] = T(s[2]*f[2]) + b[2]
			d[3] = T(s[3]*f[3]) + b[3]
		}
		for ; i < bytes; i += size {
			*at[T](dst, i) = T(*at[T](src, i)**at[T](factors, i)) + *at[T](shifts, i)
		}
	case affineMax:
		for ; i < whole; i += 4 * size {
			d, s, f := four[T](dst, i), four[T](src, i), four[T](factors, i)
			b := four[T](shifts, i)
			d[0] = max(T(s[0]*f[0])+b[0], 0)
			d[1] = max(T(s[1]*f[1])+b[1], 0)
			d[2] = max(T(s[2]*f[2])+b[2], 0)
			d[3] = max(T(s[3]*f[3])+b[3], 0)
		}
		for ; i < bytes; i += size {
			*at[T](dst, i) = max(T(*at[T](src, i)**at[T](factors, i))+*at[T](shifts, i), 0)
		}
	}
}

// rectifiedShift returns max(shift, 0), a quiet NaN for a NaN.
func rectifiedShift[T float32 | float64](shift T) T { return max(shift+0, 0) }
