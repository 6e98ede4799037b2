package kernel

import (
	"math"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// Halves are computed in float32. That a quotient x/f is rounded to float32 first changes no
// half. With p digits in
// a half, a border between two of them has p+1 at most, so that x and border·f are
// integers of 2p+1 digits at most in a common unit. Where they differ, the quotient
// is 2^-(2p+1) of the border from it or further, and float32, with 24 ≥ 2p+2
// digits, does not round that far. Where it has fewer, below 2^-126, a border of
// bfloat16 has fewer, too: the quotient is then 2^-142 from it or further, and
// float32 rounds by 2^-150.

// halfGroup is how many halves are widened at a time.
const halfGroup = 256

// halfRoom is memory for halves as float32, and for what becomes of the channels of a row.
type halfRoom struct {
	x, y            [halfGroup]float32
	factors, shifts [halfGroup]float32
	keep, fill      [halfGroup]uint16 // bits of computed elements that stay, and what they are joined with
	rounded         [halfGroup]uint16
}

// genericHalf is genericFloat of halves.
func genericHalf(k *entry, dst, src, factors, extra unsafe.Pointer, count, length int) {
	op := &operations[k.op]
	switch k.shape {
	case planes:
		halfPlanes(k.typ, op, dst, src, factors, extra, count, length)
	case pixels:
		halfPixels(k.typ, op, dst, src, factors, extra, count, length)
	case fourPlanes:
		p := (*fourPlaces)(extra)
		for i, at := range p.at {
			halfPlane(k.typ, op, unsafe.Slice((*uint16)(unsafe.Add(dst, at)), length), unsafe.Slice((*uint16)(unsafe.Add(src, at)), length), *(*uint16)(unsafe.Add(factors, p.factor[i])), 0)
		}
		for _, at := range p.fill[:p.fills] {
			clear(unsafe.Slice((*uint16)(unsafe.Add(dst, at)), length))
		}
	}
}

// few is the length below which a loop over the halves of a plane is all overhead.
const few = 16

func halfPlanes(t dtype.Type, op *operation, dst, src, factors, shifts unsafe.Pointer, count, length int) {
	one := t.Narrow(1)
	f := unsafe.Slice((*uint16)(factors), count)
	b := f // the shifts, unused where there are none
	if op.shifts {
		b = unsafe.Slice((*uint16)(shifts), count)
	}
	skips := dst == src && op.skips()
	if formula := op.formula(); t == dtype.BFloat16 && length < few && formula <= quotient && !skips {
		fewBFloat16(formula == quotient, op.dropped == zeroed, dst, src, f, length)
		return
	}
	for p := range f {
		d, s := unsafe.Slice((*uint16)(unsafe.Add(dst, 2*p*length)), length), unsafe.Slice((*uint16)(unsafe.Add(src, 2*p*length)), length)
		switch zero := f[p]&0x7fff == 0; {
		case zero && op.dropped == zeroed:
			clear(d)
		case zero && op.dropped == kept:
		case zero && op.dropped == shifted:
			shift := droppedHalf(t, op, b[p])
			for i := range d {
				d[i] = shift
			}
		case f[p] == one && skips:
		default:
			halfPlane(t, op, d, s, f[p], b[p])
		}
	}
}

// halfPlane computes the formula of an operation for a plane.
func halfPlane(t dtype.Type, op *operation, dst, src []uint16, f, b uint16) {
	if t == dtype.BFloat16 {
		bfloat16Plane(op.formula(), dst, src, value(f), value(b))
	} else {
		float16Plane(op, dst, src, t.Widen(f), t.Widen(b))
	}
}

// fewBFloat16 computes products or quotients for short planes without a branch on the
// factor.
func fewBFloat16(divides, zeroes bool, dst, src unsafe.Pointer, factors []uint16, length int) {
	for p, factor := range factors {
		keep := uint16(0xffff)
		if zeroes && factor&0x7fff == 0 {
			keep = 0
		}
		f := value(factor)
		d, s := unsafe.Add(dst, 2*p*length), unsafe.Add(src, 2*p*length)
		if divides {
			for i := 0; i < 2*length; i += 2 {
				*(*uint16)(unsafe.Add(d, i)) = nearest(value(*(*uint16)(unsafe.Add(s, i)))/f) & keep
			}
			continue
		}
		for i := 0; i < 2*length; i += 2 {
			*(*uint16)(unsafe.Add(d, i)) = nearest(value(*(*uint16)(unsafe.Add(s, i)))*f) & keep
		}
	}
}

// droppedHalf returns what an element becomes that a factor of 0 drops to its shift.
func droppedHalf(t dtype.Type, op *operation, shift uint16) uint16 {
	if op.rectifies {
		return t.Narrow(rectifiedShift(t.Widen(shift)))
	}
	return shift
}

// halfPixels selects dropped elements by their bits: a branch on the factor of each
// would be mispredicted.
func halfPixels(t dtype.Type, op *operation, dst, src, factors, shifts unsafe.Pointer, count, length int) {
	var room halfRoom
	for first := 0; first < length; first += halfGroup {
		n := min(halfGroup, length-first)
		f := unsafe.Slice((*uint16)(unsafe.Add(factors, 2*first)), n)
		b := f
		if op.shifts {
			b = unsafe.Slice((*uint16)(unsafe.Add(shifts, 2*first)), n)
		}
		room.set(t, op, f, b)
		for row := range count {
			at := 2 * (row*length + first)
			room.row(t, op, unsafe.Add(dst, at), unsafe.Add(src, at), n)
		}
	}
}

// set prepares rows of channels with these factors and shifts.
func (r *halfRoom) set(t dtype.Type, op *operation, factors, shifts []uint16) {
	if t == dtype.BFloat16 {
		for c, f := range factors {
			r.factors[c], r.shifts[c] = value(f), value(shifts[c])
		}
	} else {
		widen(r.factors[:len(factors)], factors)
		widen(r.shifts[:len(shifts)], shifts)
	}
	for c, f := range factors {
		r.keep[c], r.fill[c] = 0xffff, 0
		if f&0x7fff == 0 && op.dropped != computed {
			r.keep[c] = 0
			r.factors[c] = 1 // a quotient that is a NaN would take longer
			if op.dropped == shifted {
				r.fill[c] = droppedHalf(t, op, shifts[c])
			}
		}
	}
}

// row processes a row of n channels.
func (r *halfRoom) row(t dtype.Type, op *operation, dst, src unsafe.Pointer, n int) {
	d, s := unsafe.Slice((*uint16)(dst), n), unsafe.Slice((*uint16)(src), n)
	if t == dtype.BFloat16 {
		bfloat16Row(r, op.formula(), d, s)
	} else {
		float16Row(r, op, d, s)
	}
}

// value returns the number that a bfloat16 stands for.
func value(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// nearest returns the bfloat16 nearest to x, ties to even. x is a product, quotient or sum of
// numbers that were bfloat16: a NaN among those has no bit that rounding could carry further.
func nearest(x float32) uint16 {
	bits := math.Float32bits(x)
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// once returns x rounded to the nearest bfloat16.
func once(x float32) float32 { return value(nearest(x)) }

// bfloat16Plane computes a formula for a plane.
func bfloat16Plane(formula formula, dst, src []uint16, f, b float32) {
	src = src[:len(dst)]
	switch formula {
	case scaled:
		for i, x := range src {
			dst[i] = nearest(value(x) * f)
		}
	case quotient:
		for i, x := range src {
			dst[i] = nearest(value(x) / f)
		}
	case productSum:
		for i, x := range src {
			dst[i] = nearest(value(dst[i]) + once(value(x)*f))
		}
	case quotientSum:
		for i, x := range src {
			dst[i] = nearest(value(dst[i]) + once(value(x)/f))
		}
	case affine:
		for i, x := range src {
			dst[i] = nearest(once(value(x)*f) + b)
		}
	case affineMax:
		for i, x := range src {
			dst[i] = nearest(max(once(value(x)*f)+b, 0))
		}
	}
}

// bfloat16Row computes a formula for a row of channels.
func bfloat16Row(room *halfRoom, formula formula, dst, src []uint16) {
	n := len(dst)
	src = src[:n]
	f, b, keep, fill := room.factors[:n], room.shifts[:n], room.keep[:n], room.fill[:n]
	switch formula {
	case scaled:
		for c, x := range src {
			dst[c] = nearest(value(x)*f[c])&keep[c] | fill[c]
		}
	case quotient:
		for c, x := range src {
			dst[c] = nearest(value(x)/f[c])&keep[c] | fill[c]
		}
	case productSum:
		for c, x := range src {
			y := dst[c]
			dst[c] = y ^ (y^nearest(value(y)+once(value(x)*f[c])))&keep[c]
		}
	case quotientSum:
		for c, x := range src {
			y := dst[c]
			dst[c] = y ^ (y^nearest(value(y)+once(value(x)/f[c])))&keep[c]
		}
	case affine:
		for c, x := range src {
			dst[c] = nearest(once(value(x)*f[c])+b[c])&keep[c] | fill[c]
		}
	case affineMax:
		for c, x := range src {
			dst[c] = nearest(max(once(value(x)*f[c])+b[c], 0))&keep[c] | fill[c]
		}
	}
}

// float16Plane computes the formula of an operation for a plane.
func float16Plane(op *operation, dst, src []uint16, f, b float32) {
	if len(dst) < few {
		fewFloat16(op, dst, src, f, b)
		return
	}
	var room struct {
		x, y    [halfGroup / 4]float32
		rounded [halfGroup / 4]uint16
	}
	for len(dst) > 0 {
		n := min(len(room.x), len(dst))
		x := room.x[:n]
		widen(x, src[:n])
		if op.divides {
			for i := range x {
				x[i] /= f
			}
		} else {
			for i := range x {
				x[i] *= f
			}
		}
		if op.adds || op.shifts {
			narrow(room.rounded[:n], x)
			widen(x, room.rounded[:n])
		}
		switch y := room.y[:n]; {
		case op.adds:
			widen(y, dst[:n])
			for i := range x {
				x[i] += y[i]
			}
		case op.rectifies:
			for i := range x {
				x[i] = max(x[i]+b, 0)
			}
		case op.shifts:
			for i := range x {
				x[i] += b
			}
		}
		narrow(dst[:n], x)
		dst, src = dst[n:], src[n:]
	}
}

// fewFloat16 computes the formula of an operation for a short plane.
func fewFloat16(op *operation, dst, src []uint16, f, b float32) {
	const t = dtype.Float16
	src = src[:len(dst)]
	if op.formula() == scaled {
		for i, h := range src {
			dst[i] = t.Narrow(t.Widen(h) * f)
		}
		return
	}
	for i, h := range src {
		x := t.Widen(h)
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
			y = t.Narrow(max(t.Widen(y)+b, 0))
		case op.shifts:
			y = t.Narrow(t.Widen(y) + b)
		}
		dst[i] = y
	}
}

// float16Row computes the formula of an operation for a row of channels.
func float16Row(room *halfRoom, op *operation, dst, src []uint16) {
	n := len(dst)
	x, f, b := room.x[:n], room.factors[:n], room.shifts[:n]
	rounded, keep, fill := room.rounded[:n], room.keep[:n], room.fill[:n]
	widen(x, src)
	if op.divides {
		for c := range x {
			x[c] /= f[c]
		}
	} else {
		for c := range x {
			x[c] *= f[c]
		}
	}
	if op.adds || op.shifts {
		narrow(rounded, x)
		widen(x, rounded)
	}
	switch y := room.y[:n]; {
	case op.adds:
		widen(y, dst)
		for c := range x {
			x[c] += y[c]
		}
	case op.rectifies:
		for c := range x {
			x[c] = max(x[c]+b[c], 0)
		}
	case op.shifts:
		for c := range x {
			x[c] += b[c]
		}
	}
	narrow(rounded, x)
	if op.adds {
		for c, y := range dst {
			dst[c] = y ^ (y^rounded[c])&keep[c]
		}
		return
	}
	for c := range dst {
		dst[c] = rounded[c]&keep[c] | fill[c]
	}
}

// widen sets dst to the numbers that float16 stand for. It does what the method of the type
// does, without a branch on what tensors hold at random, zeros and subnormal numbers.
func widen(dst []float32, src []uint16) {
	dst = dst[:len(src)]
	for i, h := range src {
		bits := uint32(h&0x7fff)<<13 + 112<<23
		small := math.Float32bits(math.Float32frombits(0x3f000000|uint32(h&0x7fff)) - 0.5)
		if h&0x7c00 == 0 {
			bits = small
		}
		if h&0x7c00 == 0x7c00 {
			bits = math.Float32bits(dtype.Float16.Widen(h & 0x7fff))
		}
		dst[i] = math.Float32frombits(bits | uint32(h&0x8000)<<16)
	}
}

// narrow sets dst to the float16 nearest to numbers, ties to even, as the method of the type
// does, without a branch on zeros and subnormal numbers.
func narrow(dst []uint16, src []float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		bits := math.Float32bits(x)
		sign := uint16(bits >> 16 & 0x8000)
		bits &= 0x7fffffff
		h := uint16((bits - 112<<23 + 0xfff + bits>>13&1) >> 13)
		small := uint16(math.Float32bits(math.Float32frombits(bits) + 0.5))
		if bits < 0x38800000 {
			h = small
		}
		if bits >= 0x47800000 {
			h = dtype.Float16.Narrow(math.Float32frombits(bits))
		}
		dst[i] = h | sign
	}
}
