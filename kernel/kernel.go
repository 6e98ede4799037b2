// Package kernel multiplies feature maps by per-channel factors, or divides them,
// in assembly where the CPU allows it.
//
// Two loops serve every layout. [Planes] takes channels-first data: contiguous
// planes, each with one factor. [Pixels] takes channels-last data: rows of
// channels, every row with the same factors. [Run] walks a nest of loops around
// either and splits the work among goroutines. [Op] says what is done with an
// element and its factor. Functions whose names end in F16 or BF16 take halves,
// see [Half].
//
// Planes, Pixels and their twins run on the calling goroutine alone and never
// allocate. They panic with a [*LengthError] or an [*OverlapError] before
// anything is written; nothing is ever truncated.
//
// The result is the same, bit for bit, on every tier of instructions. [Tier]
// tells which one is in use.
package kernel

import (
	"fmt"
	"unsafe"
)

// Float is the data that the kernels take.
type Float interface{ ~float32 | ~float64 }

// Op is what a kernel does with a source element x, its factor f and the
// destination y, or with a shift s. Products, quotients and sums are rounded
// separately, never fused.
type Op uint8

const (
	// Scale sets y to x·f, and to +0 where f is 0: there x does not matter, a
	// NaN or Inf vanishes.
	Scale Op = iota
	// Multiply sets y to x·f, also where f is 0: NaN and Inf give NaN, a
	// negative x gives -0.
	Multiply
	// Divide sets y to x/f, and to +0 where f is 0: there x does not matter, a
	// NaN or Inf vanishes. It is the IEEE quotient, which a product with 1/f is not
	// always.
	Divide
	// Add sets y to y + x·f, and leaves it alone where f is 0.
	Add
	// AddMultiply sets y to y + x·f, also where f is 0.
	AddMultiply
	// AddDivide sets y to y + x/f, and leaves it alone where f is 0.
	AddDivide
	// Affine sets y to x·f + s, and to s where f is 0.
	Affine
	// AffineMultiply sets y to x·f + s, also where f is 0.
	AffineMultiply
	// AffineMax sets y to max(x·f + s, 0), and to max(s, 0) where f is 0. A NaN stays a
	// NaN, and -0 gives +0.
	AffineMax
	// Copy sets y to x, to the bit. It is for [Run] and needs no factors.
	Copy
)

// String returns the operation's name.
func (op Op) String() string {
	if op <= Copy {
		return [...]string{"Scale", "Multiply", "Divide", "Add", "AddMultiply", "AddDivide", "Affine", "AffineMultiply", "AffineMax", "Copy"}[op]
	}
	return fmt.Sprintf("Op(%d)", uint8(op))
}

// adds reports whether op reads y.
func (op Op) adds() bool { return op == Add || op == AddMultiply || op == AddDivide }

// shifts reports whether op takes shifts.
func (op Op) shifts() bool { return op == Affine || op == AffineMultiply || op == AffineMax }

// Planes scales len(factors) contiguous planes of plane elements each:
//
//	for p, f := range factors {
//		for i := p * plane; i < (p+1)*plane; i++ {
//			dst[i] = src[i] * f // +0 if f is 0
//		}
//	}
//
// A plane with factor 0 is not read, or read and ignored. dst and src hold
// len(factors)·plane elements each. dst may be src itself, then a plane of two
// or more elements with factor 1 is not touched; they must not overlap
// otherwise.
func Planes[T Float](dst, src, factors []T, plane int) {
	planes(elemOf[T](), Scale, of(dst), of(src), of(factors), plane)
}

// MultiplyPlanes is [Planes] with the IEEE product everywhere, see [Multiply].
func MultiplyPlanes[T Float](dst, src, factors []T, plane int) {
	planes(elemOf[T](), Multiply, of(dst), of(src), of(factors), plane)
}

// DividePlanes divides len(factors) contiguous planes of plane elements each, as
// JAX does where it drops: by the probability with which an element is kept.
//
//	for p, f := range factors {
//		for i := p * plane; i < (p+1)*plane; i++ {
//			dst[i] = src[i] / f // +0 if f is 0
//		}
//	}
//
// All else is as in [Planes].
func DividePlanes[T Float](dst, src, factors []T, plane int) {
	planes(elemOf[T](), Divide, of(dst), of(src), of(factors), plane)
}

// AddPlanes adds what [Planes] would write to dst. Planes with factor 0 stay as
// they are.
func AddPlanes[T Float](dst, src, factors []T, plane int) {
	planes(elemOf[T](), Add, of(dst), of(src), of(factors), plane)
}

// AddMultiplyPlanes adds what [MultiplyPlanes] would write to dst.
func AddMultiplyPlanes[T Float](dst, src, factors []T, plane int) {
	planes(elemOf[T](), AddMultiply, of(dst), of(src), of(factors), plane)
}

// AddDividePlanes adds what [DividePlanes] would write to dst. Planes with factor
// 0 stay as they are.
func AddDividePlanes[T Float](dst, src, factors []T, plane int) {
	planes(elemOf[T](), AddDivide, of(dst), of(src), of(factors), plane)
}

// Pixels scales contiguous rows of len(factors) channels each:
//
//	for i := range dst {
//		f := factors[i%len(factors)]
//		dst[i] = src[i] * f // +0 if f is 0
//	}
//
// dst may be src itself. dst and src must have the same length, a multiple of
// len(factors), and must not overlap otherwise.
func Pixels[T Float](dst, src, factors []T) {
	pixels(elemOf[T](), Scale, of(dst), of(src), of(factors))
}

// MultiplyPixels is [Pixels] with the IEEE product everywhere, see [Multiply].
func MultiplyPixels[T Float](dst, src, factors []T) {
	pixels(elemOf[T](), Multiply, of(dst), of(src), of(factors))
}

// DividePixels divides contiguous rows of len(factors) channels each:
//
//	for i := range dst {
//		f := factors[i%len(factors)]
//		dst[i] = src[i] / f // +0 if f is 0
//	}
//
// All else is as in [Pixels].
func DividePixels[T Float](dst, src, factors []T) {
	pixels(elemOf[T](), Divide, of(dst), of(src), of(factors))
}

// AddPixels adds what [Pixels] would write to dst. Channels with factor 0 stay
// as they are.
func AddPixels[T Float](dst, src, factors []T) {
	pixels(elemOf[T](), Add, of(dst), of(src), of(factors))
}

// AddMultiplyPixels adds what [MultiplyPixels] would write to dst.
func AddMultiplyPixels[T Float](dst, src, factors []T) {
	pixels(elemOf[T](), AddMultiply, of(dst), of(src), of(factors))
}

// AddDividePixels adds what [DividePixels] would write to dst. Channels with
// factor 0 stay as they are.
func AddDividePixels[T Float](dst, src, factors []T) {
	pixels(elemOf[T](), AddDivide, of(dst), of(src), of(factors))
}

// AffinePlanes scales and shifts len(factors) contiguous planes of plane
// elements each, as folded normalisation and alpha dropout do:
//
//	for p, f := range factors {
//		for i := p * plane; i < (p+1)*plane; i++ {
//			dst[i] = src[i]*f + shifts[p] // not fused; shifts[p] if f is 0
//		}
//	}
//
// There are as many shifts as factors. dst may be src itself; they must not
// overlap otherwise.
func AffinePlanes[T Float](dst, src, factors, shifts []T, plane int) {
	affinePlanes(elemOf[T](), Affine, of(dst), of(src), of(factors), of(shifts), plane)
}

// AffineMultiplyPlanes is [AffinePlanes] with the IEEE product and sum
// everywhere, see [AffineMultiply].
func AffineMultiplyPlanes[T Float](dst, src, factors, shifts []T, plane int) {
	affinePlanes(elemOf[T](), AffineMultiply, of(dst), of(src), of(factors), of(shifts), plane)
}

// AffinePixels scales and shifts contiguous rows of len(factors) channels each:
//
//	for i := range dst {
//		c := i % len(factors)
//		dst[i] = src[i]*factors[c] + shifts[c] // not fused; shifts[c] if factors[c] is 0
//	}
//
// There are as many shifts as factors. dst may be src itself; they must not
// overlap otherwise.
func AffinePixels[T Float](dst, src, factors, shifts []T) {
	affinePixels(elemOf[T](), Affine, of(dst), of(src), of(factors), of(shifts))
}

// AffineMultiplyPixels is [AffinePixels] with the IEEE product and sum
// everywhere, see [AffineMultiply].
func AffineMultiplyPixels[T Float](dst, src, factors, shifts []T) {
	affinePixels(elemOf[T](), AffineMultiply, of(dst), of(src), of(factors), of(shifts))
}

// AffineMaxPlanes is [AffinePlanes] followed by the maximum with 0, see [AffineMax].
func AffineMaxPlanes[T Float](dst, src, factors, shifts []T, plane int) {
	affinePlanes(elemOf[T](), AffineMax, of(dst), of(src), of(factors), of(shifts), plane)
}

// AffineMaxPixels is [AffinePixels] followed by the maximum with 0, see [AffineMax].
func AffineMaxPixels[T Float](dst, src, factors, shifts []T) {
	affinePixels(elemOf[T](), AffineMax, of(dst), of(src), of(factors), of(shifts))
}

// vector is a slice of a type that goes its own way.
type vector struct {
	data unsafe.Pointer
	len  int
}

func of[T Float | Half](s []T) vector { return vector{unsafe.Pointer(unsafe.SliceData(s)), len(s)} }

func planes(e elem, op Op, dst, src, factors vector, plane int) {
	want, ok := product(factors.len, plane)
	if !ok || dst.len != want || src.len != want {
		panic(&LengthError{Loop: "planes", Dst: dst.len, Src: src.len, Factors: factors.len, Plane: plane})
	}
	serial(e, op, planesBlock(factors.len, plane), dst, src, factors.data, nil)
}

func affinePlanes(e elem, op Op, dst, src, factors, shifts vector, plane int) {
	want, ok := product(factors.len, plane)
	if !ok || dst.len != want || src.len != want || shifts.len != factors.len {
		panic(&LengthError{Loop: "affine planes", Dst: dst.len, Src: src.len, Factors: factors.len, Shifts: shifts.len, Plane: plane})
	}
	serial(e, op, planesBlock(factors.len, plane), dst, src, factors.data, shifts.data)
}

func pixels(e elem, op Op, dst, src, factors vector) {
	if dst.len != src.len || dst.len > 0 && (factors.len == 0 || dst.len%factors.len != 0) {
		panic(&LengthError{Loop: "pixels", Dst: dst.len, Src: src.len, Factors: factors.len})
	}
	serial(e, op, pixelsBlock(dst.len, factors.len), dst, src, factors.data, nil)
}

func affinePixels(e elem, op Op, dst, src, factors, shifts vector) {
	if dst.len != src.len || dst.len > 0 && (factors.len == 0 || dst.len%factors.len != 0) || shifts.len != factors.len {
		panic(&LengthError{Loop: "affine pixels", Dst: dst.len, Src: src.len, Factors: factors.len, Shifts: shifts.len})
	}
	serial(e, op, pixelsBlock(dst.len, factors.len), dst, src, factors.data, shifts.data)
}

// planesBlock and pixelsBlock are the blocks of whole slices.
func planesBlock(count, plane int) block {
	if plane == 1 {
		return block{pixels: true, count: 1, length: count} // the same, without a loop for each
	}
	return block{count: count, length: plane}
}

func pixelsBlock(elements, channels int) block {
	if elements == 0 {
		return block{pixels: true}
	}
	return block{pixels: true, count: elements / channels, length: channels}
}

// serial runs a kernel on a block that fills whole slices.
func serial(e elem, op Op, b block, dst, src vector, factors, shifts unsafe.Pointer) {
	if dst.len == 0 {
		return
	}
	if bytes := overlap(dst.data, src.data, dst.len<<e.shift()); bytes != 0 {
		panic(&OverlapError{Elements: dst.len, Distance: bytes})
	}
	if b.small(e) {
		b.once(op, e, dst.data, src.data, factors, shifts)
		return
	}
	n := nest{operands: operandsOf(e, op, dst.data, src.data, vector{data: factors}, dst.len), block: b}
	n.shifts = shifts
	n.walk(0, n.count*n.length)
}

// overlap returns how many bytes dst lies behind src (before it if negative)
// where the two, both of the given length in bytes, overlap without being the
// same, else 0.
func overlap(dst, src unsafe.Pointer, bytes int) int {
	distance := int(uintptr(dst) - uintptr(src))
	if distance >= bytes || -distance >= bytes {
		return 0
	}
	return distance
}

// operands are the slices of a call, with what is done to them.
type operands struct {
	elem                      elem
	op                        Op
	far                       bool // the data is far larger than the cache
	dst, src, factors, shifts unsafe.Pointer
}

// operandsOf returns the operands of a call whose dst and src reach over span
// elements. Shifts, if it takes any, lie behind the factors.
func operandsOf(e elem, op Op, dst, src unsafe.Pointer, factors vector, span int) operands {
	o := operands{elem: e, op: op, dst: dst, src: src, factors: factors.data}
	if op.shifts() {
		o.shifts = unsafe.Add(factors.data, factors.len/2<<e.shift())
	}
	size := 1 << e.shift()
	o.far = span*size >= streamBytes && streams() && op < Affine && uintptr(dst)%uintptr(size) == 0
	return o
}

// stream reports whether what is kept is written past the cache. Where dst was
// read, in place or to add to it, it is in the cache already.
func (o *operands) stream() bool { return o.far && o.dst != o.src && !o.op.adds() }
