// Package kernel multiplies feature maps by per-channel factors, divides them or
// shifts them, in assembly where the CPU allows it.
//
// Two loops serve every layout. [Planes] takes channels-first data: contiguous planes
// with a factor each. [Pixels] takes channels-last data: rows of channels, every row
// with the same factors. [Run] walks a nest of loops around either of them, and splits
// the work among goroutines. An [Op] says what happens to an element.
//
// The functions with Of in their names take a [Vector] for each slice. They serve
// float16 and bfloat16, and callers who know the type of their data at run time only.
//
// The result is the same, bit for bit, on every tier of instructions. [Tier] names the
// tier in use.
package kernel

import "unsafe"

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
// by [Scale], [Multiply] and [Divide]. dst and src must not overlap otherwise.
//
// Planes stays on the calling goroutine and does not allocate. It panics with an
// [*OpError], a [*LengthError] or an [*OverlapError] before it writes anything.
func Planes[T Float](op Op, dst, src, factors, shifts []T, plane int) {
	doPlanes(kindOf[T](), op, erase(dst), erase(src), erase(factors), erase(shifts), plane)
}

// PlanesOf is [Planes] of a kind that is known at run time. It panics with a
// [*KindError] if the vectors differ in kind.
func PlanesOf(op Op, dst, src, factors, shifts Vector, plane int) {
	doPlanes(common(dst, src, factors, shifts), op, dst.vector, src.vector, factors.vector, shifts.vector, plane)
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
// dst may be src itself. dst and src must not overlap otherwise.
//
// Pixels stays on the calling goroutine and does not allocate. It panics with an
// [*OpError], a [*LengthError] or an [*OverlapError] before it writes anything.
func Pixels[T Float](op Op, dst, src, factors, shifts []T) {
	doPixels(kindOf[T](), op, erase(dst), erase(src), erase(factors), erase(shifts))
}

// PixelsOf is [Pixels] of a kind that is known at run time. It panics with a
// [*KindError] if the vectors differ in kind.
func PixelsOf(op Op, dst, src, factors, shifts Vector) {
	doPixels(common(dst, src, factors, shifts), op, dst.vector, src.vector, factors.vector, shifts.vector)
}

// common returns the kind of the vectors that have one. It returns a kind without kernels,
// which is enough for nothing to do, if none has one.
func common(dst, src, factors, shifts Vector) *Kind {
	if k := dst.kind; k != nil && src.kind == k && factors.kind == k && (shifts.kind == nil || shifts.kind == k) {
		return k
	}
	return anyKind(dst.aside(), src.aside(), factors.aside(), shifts.aside())
}

// anyKind is common of vectors of which some have no kind, or another one.
//
//go:noinline
func anyKind(dst, src, factors, shifts *Kind) *Kind {
	kind := &noKind
	for _, k := range [...]*Kind{dst, src, factors, shifts} {
		if k == nil {
			continue
		}
		if kind != &noKind && k != kind {
			panic(&KindError{dst, src, factors, shifts})
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

func doPlanes(kind *Kind, op Op, dst, src, factors, shifts vector, plane int) {
	wanted := shiftsOf(op, factors.len)
	want, ok := product(factors.len, plane)
	if !ok || dst.len != want || src.len != want || shifts.len != wanted {
		panic(&LengthError{Op: op, Loop: "planes", Dst: dst.len, Src: src.len, Factors: factors.len, Shifts: shifts.len, Plane: plane})
	}
	b := block{count: factors.len, length: plane}
	if plane == 1 {
		b = block{shape: pixels, count: 1, length: factors.len} // the same, without a loop for each
	}
	if check(kind, dst, src) && b.small(kind) {
		kind.call(kind.ways[op][0][b.shape], dst.data, src.data, factors.data, shifts.data, b.count, b.length)
		return
	}
	serial(kind, op, b, dst, src, factors.data, shifts.data)
}

func doPixels(kind *Kind, op Op, dst, src, factors, shifts vector) {
	if wanted := shiftsOf(op, factors.len); dst.len != src.len || dst.len > 0 && (factors.len == 0 || dst.len%factors.len != 0) || shifts.len != wanted {
		panic(&LengthError{Op: op, Loop: "pixels", Dst: dst.len, Src: src.len, Factors: factors.len, Shifts: shifts.len})
	}
	if dst.len == 0 {
		return
	}
	b := block{shape: pixels, count: dst.len / factors.len, length: factors.len}
	if check(kind, dst, src) && b.small(kind) {
		kind.call(kind.ways[op][0][pixels], dst.data, src.data, factors.data, shifts.data, b.count, b.length)
		return
	}
	serial(kind, op, b, dst, src, factors.data, shifts.data)
}

// shiftsOf returns the number of shifts that an operation takes beside so many factors. It
// panics unless Planes and Pixels do the operation.
func shiftsOf(op Op, factors int) int {
	if op >= Copy {
		panic(&OpError{op})
	}
	if operations[op].shifts {
		return factors
	}
	return 0
}

// serial does op on a block that fills whole slices.
func serial(kind *Kind, op Op, b block, dst, src vector, factors, shifts unsafe.Pointer) {
	if dst.len == 0 {
		return
	}
	n := nest{operands: operands{kind: kind, op: op, dst: dst.data, src: src.data, factors: factors, shifts: shifts}, block: b}
	n.choose(dst.len)
	n.walk(0, n.count*n.length)
}

// check panics if dst and src overlap. It reports whether there is anything to do.
func check(kind *Kind, dst, src vector) bool {
	if bytes := overlap(dst.data, src.data, dst.len<<kind.shift); bytes != 0 {
		panic(&OverlapError{Elements: dst.len, Distance: bytes})
	}
	return dst.len > 0
}

// overlap returns the bytes from src to dst, negative if dst comes first, where the two
// overlap without being the same. Otherwise it returns 0. Both have a length in bytes.
func overlap(dst, src unsafe.Pointer, bytes int) int {
	distance := int(uintptr(dst) - uintptr(src))
	if distance >= bytes || -distance >= bytes {
		return 0
	}
	return distance
}
