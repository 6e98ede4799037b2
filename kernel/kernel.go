// Package kernel multiplies feature maps by per-channel factors, divides them or
// shifts them, in assembly where the CPU allows it.
//
// Two loops serve every layout. [Planes] takes channels-first data: contiguous planes
// with a factor each. [Pixels] takes channels-last data: rows of channels, every row
// with the same factors. [Run] walks a nest of loops around either of them, and splits
// the work among goroutines. An [Op] says what happens to an element.
//
// [RunFused] computes a scale, a shift, an activation and a sum around dropout in the same pass, and the gradient.
// [RunCompact] moves the planes, or the channels of rows, whose factor is not 0 to a packed tensor that has those
// alone, and back.
//
// [Planes] and [Pixels] take slices of float32 and float64. All other functions, [PlanesOf] and [PixelsOf] among them, take
// a [Vector] for each slice: of a slice of floats, of float16 or bfloat16, or of data whose type is known at run time
// only.
//
// The result is the same, bit for bit, on every tier of instructions. [Tier] names the
// tier in use.
package kernel

import (
	"fmt"
	"unsafe"
)

// Planes does op on len(factors) contiguous planes of plane elements each:
//
//	for p, f := range factors {
//		for i := p * plane; i < (p+1)*plane; i++ {
//			dst[i] = src[i] * f // with Scale; +0 if f is 0
//		}
//	}
//
// dst and src hold len(factors)·plane elements each. shifts holds as many elements as
// factors for [Affine] and its relatives, and is empty for other operations. dst may be
// src itself, and then a plane of two or more elements whose factor is 1 is not touched
// by [Scale], [Multiply] and [Divide]. dst must not overlap src otherwise, nor factors or
// shifts.
//
// Planes stays on the calling goroutine and does not allocate. It panics with an
// [*ArgumentError] or an [*OverlapError] before it writes anything.
func Planes[T Float](op Op, dst, src, factors, shifts []T, plane int) {
	doPlanes(kindOf[T](), op, erase(dst), erase(src), erase(factors), erase(shifts), plane)
}

// PlanesOf is [Planes] of a kind that is known at run time. It panics with a
// [*ArgumentError] if the vectors differ in kind.
func PlanesOf(op Op, dst, src, factors, shifts Vector, plane int) {
	if !ofOneKind(dst, src, factors, shifts) {
		kind := anyKind(dst.aside(), src.aside(), factors.aside(), shifts.aside())
		doPlanes(kind, op, dst.vector, src.vector, factors.vector, shifts.vector, plane)
		return
	}
	doPlanes(dst.kind, op, dst.vector, src.vector, factors.vector, shifts.vector, plane)
}

// Pixels does op on contiguous rows of len(factors) channels each:
//
//	for i := range dst {
//		f := factors[i%len(factors)]
//		dst[i] = src[i] * f // with Scale; +0 if f is 0
//	}
//
// dst and src have the same length, a multiple of len(factors). shifts holds as many
// elements as factors for [Affine] and its relatives, and is empty for other operations.
// dst may be src itself. dst must not overlap src otherwise, nor factors or shifts.
//
// Pixels stays on the calling goroutine and does not allocate. It panics with an
// [*ArgumentError] or an [*OverlapError] before it writes anything.
func Pixels[T Float](op Op, dst, src, factors, shifts []T) {
	doPixels(kindOf[T](), op, erase(dst), erase(src), erase(factors), erase(shifts))
}

// PixelsOf is [Pixels] of a kind that is known at run time. It panics with a
// [*ArgumentError] if the vectors differ in kind.
func PixelsOf(op Op, dst, src, factors, shifts Vector) {
	if !ofOneKind(dst, src, factors, shifts) {
		kind := anyKind(dst.aside(), src.aside(), factors.aside(), shifts.aside())
		doPixels(kind, op, dst.vector, src.vector, factors.vector, shifts.vector)
		return
	}
	doPixels(dst.kind, op, dst.vector, src.vector, factors.vector, shifts.vector)
}

// ofOneKind reports whether vectors are of one kind, shifts of that or of none.
func ofOneKind(dst, src, factors, shifts Vector) bool {
	k := dst.kind
	return k != nil && src.kind == k && factors.kind == k && (shifts.kind == nil || shifts.kind == k)
}

// anyKind returns the kind of vectors of which some have none. If none has one it returns a
// kind without kernels, which is enough for nothing to do.
//
//go:noinline
func anyKind(dst, src, factors, shifts *Kind) *Kind {
	kind := &noKind
	for _, k := range [...]*Kind{dst, src, factors, shifts} {
		if k == nil {
			continue
		}
		if kind != &noKind && k != kind {
			panic(mixed(dst, src, factors, shifts))
		}
		kind = k
	}
	return kind
}

// noKind is the kind of vectors that have none.
var noKind Kind

// aside returns the kind of v in a way that escape analysis does not follow. It does not tell
// the fields of a struct apart: an error that refers to the kind would move the elements to
// the heap. As with [hide], the result must not be compared with nil.
func (v Vector) aside() *Kind { return (*Kind)(hide(unsafe.Pointer(v.kind))) }

// doPlanes is Planes without types. Here and in doPixels errors are made by functions of
// their own, so that a call without one keeps its numbers in registers.
func doPlanes(kind *Kind, op Op, dst, src, factors, shifts vector, plane int) {
	want, ok := product(factors.len, plane)
	if op >= Copy || !ok || kind.beyond(want) || dst.len != want || src.len != want || shifts.len != shiftsOf(op, factors.len) {
		panic(misfit(kind, op, "planes", dst.len, src.len, factors.len, shifts.len, plane))
	}
	if want == 0 {
		return
	}
	bytes, entries := kind.bytes(want), kind.bytes(factors.len)
	if meets(dst.data, src.data, bytes) || within(dst.data, bytes, factors.data, entries) || shifts.len > 0 && within(dst.data, bytes, shifts.data, entries) {
		panic(overlapOf(kind, dst, src, factors, shifts))
	}
	b := block{count: factors.len, length: plane}
	if plane == 1 {
		b = block{shape: pixels, count: 1, length: factors.len} // the same, without a loop for each
	}
	if alonePlanes(bytes) {
		kind.exec(kind.ways[op][0][b.shape], hide(dst.data), hide(src.data), hide(factors.data), hide(shifts.data), b.count, b.length)
		return
	}
	serial(kind, op, b, dst, src, factors.data, shifts.data)
}

func doPixels(kind *Kind, op Op, dst, src, factors, shifts vector) {
	if op >= Copy || dst.len < 0 || kind.beyond(dst.len) || dst.len != src.len || dst.len > 0 && (factors.len <= 0 || dst.len%factors.len != 0) || shifts.len != shiftsOf(op, factors.len) {
		panic(misfit(kind, op, "pixels", dst.len, src.len, factors.len, shifts.len, 0))
	}
	if dst.len == 0 {
		return
	}
	bytes, entries := kind.bytes(dst.len), kind.bytes(factors.len)
	if meets(dst.data, src.data, bytes) || within(dst.data, bytes, factors.data, entries) || shifts.len > 0 && within(dst.data, bytes, shifts.data, entries) {
		panic(overlapOf(kind, dst, src, factors, shifts))
	}
	b := block{shape: pixels, count: dst.len / factors.len, length: factors.len}
	if alone(bytes) {
		kind.exec(kind.ways[op][0][pixels], hide(dst.data), hide(src.data), hide(factors.data), hide(shifts.data), b.count, b.length)
		return
	}
	serial(kind, op, b, dst, src, factors.data, shifts.data)
}

// shiftsOf returns the number of shifts that an operation takes beside so many factors.
func shiftsOf(op Op, factors int) int {
	if op < ops && operations[op].shifts {
		return factors
	}
	return 0
}

// misfit returns the error of slices that do not fit, or of an operation that Planes and
// Pixels do not do.
//
//go:noinline
func misfit(kind *Kind, op Op, loop string, dst, src, factors, shifts, plane int) error {
	if op >= Copy {
		return unknown("op", op)
	}
	for i, n := range [...]int{dst, src, factors, shifts} {
		if n < 0 {
			return notOne([...]string{"dst", "src", "factors", "shifts"}[i], -n, "one slice for "+loop)
		}
	}
	if kind.beyond(dst) {
		return refused("dst", fmt.Sprintf("at most %d, whose bytes an int counts", kind.most()), "%v of %s with dst of %d elements", op, loop, dst)
	}
	want := "no shifts"
	if operations[op].shifts {
		want = "as many shifts as factors"
	}
	argument, elements := "shifts", dst
	if loop == "planes" {
		var ok bool
		if elements, ok = product(factors, plane); !ok {
			elements = -1
		}
	} else if dst > 0 && (factors == 0 || dst%factors != 0) {
		elements = -1
	}
	switch {
	case dst != elements:
		argument = "dst"
	case src != elements:
		argument = "src"
	}
	all, of := "planes·elements", "%[1]v of %[2]d planes of %[3]d elements"
	if loop == "pixels" {
		all, of = "the same multiple of the channels", "%[1]v of pixels of %[2]d channels"
	}
	return refused(argument, "dst and src of "+all+" and "+want, of+" with dst of %[4]d and src of %[5]d elements and %[6]d shifts", op, factors, plane, dst, src, shifts)
}

// alone reports whether dst of so many bytes, without gaps, is nothing but one call of a
// kernel: it is not divided or stored past the cache, and no rows of it are repeated to
// longer ones. A number of bytes that overflows, on 32-bit platforms, is not.
func alone(bytes int) bool { return uint(bytes) < 4*tileBytes && int64(bytes) < streamLeast.Load() }

// alonePlanes is alone for planes, which no row is made of.
func alonePlanes(bytes int) bool {
	return uint(bytes) <= uint(min(callBytes, farBytes)) && int64(bytes) < streamLeast.Load()
}

// serial does op on a block that fills whole slices.
func serial(kind *Kind, op Op, b block, dst, src vector, factors, shifts unsafe.Pointer) {
	n := nest{operands: operands{kind: kind, op: op, dst: dst.data, src: src.data, factors: factors, shifts: shifts}, block: b}
	n.choose(dst.len)
	n.walk(0, n.count*n.length)
}
