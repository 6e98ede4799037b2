// Package kernel multiplies feature maps by per-channel factors, in assembly
// where the CPU allows it.
//
// Two loops serve every layout. [Planes] takes channels-first data: contiguous
// planes, each with one factor. [Pixels] takes channels-last data: rows of
// channels, every row with the same factors. [Run] walks a nest of loops around
// either and splits the work among goroutines. [Op] says what is done with an
// element and its factor.
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
// destination y. Products and sums are rounded separately, never fused.
type Op uint8

const (
	// Scale sets y to x·f, and to +0 where f is 0: there x does not matter, a
	// NaN or Inf vanishes.
	Scale Op = iota
	// Multiply sets y to x·f, also where f is 0: NaN and Inf give NaN, a
	// negative x gives -0.
	Multiply
	// Add sets y to y + x·f, and leaves it alone where f is 0.
	Add
	// AddMultiply sets y to y + x·f, also where f is 0.
	AddMultiply
	// Copy sets y to x, to the bit. It is for [Run] and needs no factors.
	Copy
)

// String returns the operation's name.
func (op Op) String() string {
	switch op {
	case Scale:
		return "Scale"
	case Multiply:
		return "Multiply"
	case Add:
		return "Add"
	case AddMultiply:
		return "AddMultiply"
	case Copy:
		return "Copy"
	}
	return fmt.Sprintf("Op(%d)", uint8(op))
}

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
	planes(Scale, dst, src, factors, plane)
}

// MultiplyPlanes is [Planes] with the IEEE product everywhere, see [Multiply].
func MultiplyPlanes[T Float](dst, src, factors []T, plane int) {
	planes(Multiply, dst, src, factors, plane)
}

// AddPlanes adds what [Planes] would write to dst. Planes with factor 0 stay as
// they are.
func AddPlanes[T Float](dst, src, factors []T, plane int) {
	planes(Add, dst, src, factors, plane)
}

// AddMultiplyPlanes adds what [MultiplyPlanes] would write to dst.
func AddMultiplyPlanes[T Float](dst, src, factors []T, plane int) {
	planes(AddMultiply, dst, src, factors, plane)
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
	pixels(Scale, dst, src, factors)
}

// MultiplyPixels is [Pixels] with the IEEE product everywhere, see [Multiply].
func MultiplyPixels[T Float](dst, src, factors []T) {
	pixels(Multiply, dst, src, factors)
}

// AddPixels adds what [Pixels] would write to dst. Channels with factor 0 stay
// as they are.
func AddPixels[T Float](dst, src, factors []T) {
	pixels(Add, dst, src, factors)
}

// AddMultiplyPixels adds what [MultiplyPixels] would write to dst.
func AddMultiplyPixels[T Float](dst, src, factors []T) {
	pixels(AddMultiply, dst, src, factors)
}

func planes[T Float](op Op, dst, src, factors []T, plane int) {
	want, ok := product(len(factors), plane)
	if !ok || len(dst) != want || len(src) != want {
		panic(&LengthError{Loop: "planes", Dst: len(dst), Src: len(src), Factors: len(factors), Plane: plane})
	}
	if want == 0 {
		return
	}
	b := block{count: len(factors), length: plane}
	if plane == 1 {
		b = block{pixels: true, count: 1, length: len(factors)} // the same, without a loop for each
	}
	serial(op, b, dst, src, factors)
}

func pixels[T Float](op Op, dst, src, factors []T) {
	if len(dst) != len(src) || len(dst) > 0 && (len(factors) == 0 || len(dst)%len(factors) != 0) {
		panic(&LengthError{Loop: "pixels", Dst: len(dst), Src: len(src), Factors: len(factors)})
	}
	if len(dst) == 0 {
		return
	}
	serial(op, block{pixels: true, count: len(dst) / len(factors), length: len(factors)}, dst, src, factors)
}

// serial runs a kernel on a block that fills whole slices.
func serial[T Float](op Op, b block, dst, src, factors []T) {
	if bytes := overlap(dst, src); bytes != 0 {
		panic(&OverlapError{Elements: len(dst), Distance: bytes})
	}
	if e := elemOf[T](); b.small(e) {
		b.once(op, e, dataOf(dst), dataOf(src), dataOf(factors))
		return
	}
	n := nest{operands: operandsOf(op, dst, src, factors), block: b}
	n.walk(0, n.count*n.length)
}

// overlap returns how many bytes dst lies behind src (before it if negative)
// where the two overlap without being the same, else 0. They must be of the same
// length.
func overlap[T Float](dst, src []T) int {
	distance := int(uintptr(dataOf(dst)) - uintptr(dataOf(src)))
	if bytes := len(dst) << elemOf[T]().shift(); distance >= bytes || -distance >= bytes {
		return 0
	}
	return distance
}

func dataOf[T Float](s []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }

// operands are the slices of a call, with what is done to them.
type operands struct {
	elem              elem
	op                Op
	stream            bool // the data is far larger than the cache
	dst, src, factors unsafe.Pointer
}

// operandsOf returns the operands of a call. dst and src must be of the same
// length.
func operandsOf[T Float](op Op, dst, src, factors []T) operands {
	o := operands{elem: elemOf[T](), op: op, dst: dataOf(dst), src: dataOf(src), factors: dataOf(factors)}
	size := 1 << o.elem.shift()
	o.stream = len(dst)*size >= streamBytes && streams() && o.dst != o.src && op <= Multiply && uintptr(o.dst)%uintptr(size) == 0
	return o
}
