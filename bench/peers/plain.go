package main

import "math"

// The contenders that need no library: loops in plain Go, and the two bounds that show
// what memory allows.
func init() {
	halves := loops[uint16]{
		planes:        plainPlanesBF16,
		rows:          plainRowsBF16,
		planesInPlace: func(x, factors []uint16, plane int) { plainPlanesBF16(x, x, factors, plane) },
		rowsInPlace:   func(x, factors []uint16) { plainRowsBF16(x, x, factors) },
	}
	floats := loops[float32]{
		planes:        plainPlanes,
		rows:          plainRows,
		planesInPlace: func(x, factors []float32, plane int) { plainPlanes(x, x, factors, plane) },
		rowsInPlace:   func(x, factors []float32) { plainRows(x, x, factors) },
	}
	register(contender{name: "plain Go", policy: byOrder, prepare: func(j job) (func(), error) {
		if j.dtype == bfloat16s {
			return halves.prepare(j)
		}
		return floats.prepare(j)
	}, fused: plainFused, compact: plainCompact})
	copies := func(j job) (func(), error) {
		if j.draws() || j.x == j.y || j.other == j.y {
			return nil, errNotOffered
		}
		return bound(j, func(dst, src []byte) { copy(dst, src) }), nil
	}
	register(contender{name: "copy", policy: isBound, prepare: copies, fused: copies})
	clears := func(j job) (func(), error) {
		if j.draws() {
			return nil, errNotOffered
		}
		return bound(j, func(dst, _ []byte) { clear(dst) }), nil
	}
	register(contender{name: "clear", policy: isBound, prepare: clears, fused: clears})
}

// bound returns a function that does something to the bytes of each pass.
func bound(j job, do func(dst, src []byte)) func() {
	size := j.len() * j.size()
	pass := func(dst, src []byte) {
		split(j.workers, j.samples*j.channels, func(from, to int) {
			unit := size / (j.samples * j.channels)
			do(dst[from*unit:to*unit], src[from*unit:to*unit])
		})
	}
	x, y := elements[byte](j.x, size), elements[byte](j.y, size)
	if !j.backward() {
		return func() { pass(y, x) }
	}
	dy, dx := elements[byte](j.dy, size), elements[byte](j.dx, size)
	return func() {
		pass(y, x)
		pass(dx, dy)
	}
}

func plainPlanes(dst, src, factors []float32, plane int) {
	for p, f := range factors {
		d, s := dst[p*plane:(p+1)*plane], src[p*plane:(p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		for i := range d {
			d[i] = s[i] * f
		}
	}
}

func plainRows(dst, src, factors []float32) {
	c := len(factors)
	for len(dst) > 0 {
		d, s := dst[:c], src[:c]
		for i, f := range factors {
			d[i] = s[i] * f
		}
		dst, src = dst[c:], src[c:]
	}
}

func plainPlanesBF16(dst, src, factors []uint16, plane int) {
	for p, f := range factors {
		d, s := dst[p*plane:(p+1)*plane], src[p*plane:(p+1)*plane]
		if f == 0 {
			clear(d)
			continue
		}
		wide := widen(f)
		for i := range d {
			d[i] = narrow(widen(s[i]) * wide)
		}
	}
}

func plainRowsBF16(dst, src, factors []uint16) {
	c := len(factors)
	for len(dst) > 0 {
		d, s := dst[:c], src[:c]
		for i, f := range factors {
			d[i] = narrow(widen(s[i]) * widen(f))
		}
		dst, src = dst[c:], src[c:]
	}
}

// widen returns a bfloat16 as a float32.
func widen(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// narrow returns the bfloat16 nearest to f, ties to even. A NaN becomes a quiet one.
func narrow(f float32) uint16 {
	b := math.Float32bits(f)
	if f != f {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// one returns a factor as an element.
func one[T float32 | uint16](f float64) T {
	var v T
	switch p := any(&v).(type) {
	case *float32:
		*p = float32(f)
	case *uint16:
		*p = narrow(float32(f))
	}
	return v
}
