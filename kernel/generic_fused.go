package kernel

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// The generic functions of fused kernels are their meaning in plain Go. They take some
// elements through one step after the other, as separate passes would.

func genericFusedF32(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	fusedFloats[float32](&fusedCatalogue[k], dst, src, aux, factors, scales, shifts, limit, count, length)
}

func genericFusedF64(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	fusedFloats[float64](&fusedCatalogue[k], dst, src, aux, factors, scales, shifts, limit, count, length)
}

func genericFusedF16(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	fusedHalves(&fusedCatalogue[k], dst, src, aux, factors, scales, shifts, limit, count, length)
}

func genericFusedBF16(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	fusedHalves(&fusedCatalogue[k], dst, src, aux, factors, scales, shifts, limit, count, length)
}

// fusedGroup is how many elements take each step together.
const fusedGroup = 256

// fusedRoom is memory for elements as they take one step after the other.
type fusedRoom[T float32 | float64] struct {
	typ  dtype.Type
	n    int           // elements of the group
	x, z [fusedGroup]T // x becomes the result
	t, u [fusedGroup]T
	// What belongs to the channels of the elements.
	factors, scales, shifts [fusedGroup]T
	limit                   T
}

// compute takes the elements through the steps of a fusion. A factor of 0 is one like any
// other.
func (r *fusedRoom[T]) compute(op *fusion) {
	if op.backward {
		r.multiply(&r.x, &r.factors)
		if op.activation != linear {
			r.pass(op)
		}
		r.multiply(&r.x, &r.scales)
		return
	}
	r.multiply(&r.x, &r.scales)
	r.add(&r.x, &r.shifts)
	switch op.activation {
	case clipped:
		for i, t := range r.x[:r.n] {
			if t <= 0 {
				t = 0
			}
			if t > r.limit {
				t = r.limit
			}
			r.x[i] = t
		}
	case leaking:
		r.attenuate()
		for i, t := range r.x[:r.n] {
			if !(t > 0) {
				t = r.u[i]
			}
			r.x[i] = t
		}
	}
	r.multiply(&r.x, &r.factors)
	if op.aux {
		r.add(&r.x, &r.z)
	}
}

// pass multiplies gradients by the derivative of the activation, which is 0, 1 or the limit.
func (r *fusedRoom[T]) pass(op *fusion) {
	copy(r.t[:r.n], r.z[:r.n])
	if !op.outward() {
		r.multiply(&r.t, &r.scales)
		r.add(&r.t, &r.shifts)
	}
	if op.activation == leaking {
		r.attenuate()
		for i, t := range r.t[:r.n] {
			if !(t > 0) {
				r.x[i] = r.u[i]
			}
		}
		return
	}
	for i, t := range r.t[:r.n] {
		if t <= 0 {
			r.x[i] = 0
		}
	}
	if !op.limit || r.limit-r.limit != 0 { // an infinite one limits nothing
		return
	}
	for i, t := range r.t[:r.n] {
		if t >= r.limit {
			r.x[i] = 0
		}
	}
}

// attenuate sets u to the product of x and the limit.
func (r *fusedRoom[T]) attenuate() {
	for i, x := range r.x[:r.n] {
		r.u[i] = x * r.limit
	}
	r.round(&r.u)
}

func (r *fusedRoom[T]) multiply(x, by *[fusedGroup]T) {
	for i := range x[:r.n] {
		x[i] *= by[i]
	}
	r.round(x)
}

func (r *fusedRoom[T]) add(x, y *[fusedGroup]T) {
	for i := range x[:r.n] {
		x[i] += y[i]
	}
	r.round(x)
}

// round rounds to halves what stands for them.
func (r *fusedRoom[T]) round(x *[fusedGroup]T) {
	switch r.typ {
	case dtype.BFloat16:
		for i, v := range x[:r.n] {
			x[i] = T(once(float32(v)))
		}
	case dtype.Float16:
		var rounded [fusedGroup]uint16
		wide := unsafe.Slice((*float32)(unsafe.Pointer(x)), r.n)
		narrow(rounded[:], wide)
		widen(wide, rounded[:r.n])
	}
}

func fusedFloats[T float32 | float64](k *fusedEntry, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	op, size := &fusedTable[k.op], int(unsafe.Sizeof(T(0)))
	var r fusedRoom[T]
	r.typ = k.typ
	if op.limit {
		r.limit = *(*T)(limit)
	}
	// slice returns n elements from one on, or some that do not matter if there are none.
	slice := func(p unsafe.Pointer, from, n int, is bool) []T {
		if !is {
			return r.u[:n]
		}
		return unsafe.Slice((*T)(unsafe.Add(p, from*size)), n)
	}
	if k.shape == planes {
		for p := range count {
			f := *at[T](factors, p*size)
			if f == 0 {
				if d := slice(dst, p*length, length, true); op.adds() {
					copy(d, slice(aux, p*length, length, true))
				} else {
					clear(d)
				}
				continue
			}
			for i := range min(fusedGroup, length) {
				r.factors[i], r.scales[i] = f, *at[T](scales, p*size)
				r.shifts[i] = slice(shifts, p, 1, op.shifts)[0]
			}
			for first := 0; first < length; first += fusedGroup {
				r.n = min(fusedGroup, length-first)
				copy(r.x[:], slice(src, p*length+first, r.n, true))
				copy(r.z[:], slice(aux, p*length+first, r.n, op.aux))
				r.compute(op)
				copy(slice(dst, p*length+first, r.n, true), r.x[:r.n])
			}
		}
		return
	}
	for first := 0; first < length; first += fusedGroup {
		r.n = min(fusedGroup, length-first)
		copy(r.factors[:], slice(factors, first, r.n, true))
		copy(r.scales[:], slice(scales, first, r.n, true))
		copy(r.shifts[:], slice(shifts, first, r.n, op.shifts))
		for row := range count {
			at := row*length + first
			copy(r.x[:], slice(src, at, r.n, true))
			copy(r.z[:], slice(aux, at, r.n, op.aux))
			r.compute(op)
			d := slice(dst, at, r.n, true)
			for i, x := range r.x[:r.n] {
				if r.factors[i] == 0 {
					x = 0
					if op.adds() {
						x = r.z[i]
					}
				}
				d[i] = x
			}
		}
	}
}

// fusedHalves computes halves as float32, which are rounded after each step.
func fusedHalves(k *fusedEntry, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	op := &fusedTable[k.op]
	var r fusedRoom[float32]
	r.typ = k.typ
	if op.limit {
		r.limit = k.typ.Widen(*(*uint16)(limit))
	}
	slice := func(p unsafe.Pointer, from, n int) []uint16 {
		return unsafe.Slice((*uint16)(unsafe.Add(p, 2*from)), n)
	}
	take := func(to *[fusedGroup]float32, p unsafe.Pointer, from int, is bool) {
		if is {
			wider(k.typ, to[:r.n], slice(p, from, r.n))
		}
	}
	if k.shape == planes {
		for p := range count {
			f := slice(factors, p, 1)[0]
			if f&0x7fff == 0 {
				if d := slice(dst, p*length, length); op.adds() {
					copy(d, slice(aux, p*length, length))
				} else {
					clear(d)
				}
				continue
			}
			for i := range min(fusedGroup, length) {
				r.factors[i], r.scales[i] = k.typ.Widen(f), k.typ.Widen(slice(scales, p, 1)[0])
				if op.shifts {
					r.shifts[i] = k.typ.Widen(slice(shifts, p, 1)[0])
				}
			}
			for first := 0; first < length; first += fusedGroup {
				r.n = min(fusedGroup, length-first)
				take(&r.x, src, p*length+first, true)
				take(&r.z, aux, p*length+first, op.aux)
				r.compute(op)
				narrower(k.typ, slice(dst, p*length+first, r.n), r.x[:r.n])
			}
		}
		return
	}
	var old, result [fusedGroup]uint16
	for first := 0; first < length; first += fusedGroup {
		r.n = min(fusedGroup, length-first)
		take(&r.factors, factors, first, true)
		take(&r.scales, scales, first, true)
		take(&r.shifts, shifts, first, op.shifts)
		for row := range count {
			at := row*length + first
			take(&r.x, src, at, true)
			take(&r.z, aux, at, op.aux)
			if op.adds() {
				copy(old[:], slice(aux, at, r.n))
			}
			r.compute(op)
			narrower(k.typ, result[:r.n], r.x[:r.n])
			d := slice(dst, at, r.n)
			for i, y := range result[:r.n] {
				if r.factors[i] == 0 {
					y = old[i] // +0 unless it is z
				}
				d[i] = y
			}
		}
	}
}

// wider sets dst to the numbers that halves stand for.
func wider(t dtype.Type, dst []float32, src []uint16) {
	if t == dtype.Float16 {
		widen(dst, src)
		return
	}
	for i, h := range src {
		dst[i] = value(h)
	}
}

// narrower sets dst to the halves that numbers are.
func narrower(t dtype.Type, dst []uint16, src []float32) {
	if t == dtype.Float16 {
		narrow(dst, src)
		return
	}
	for i, x := range src {
		dst[i] = nearest(x)
	}
}
