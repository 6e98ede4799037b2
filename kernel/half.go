package kernel

import "math"

// Half is a 16-bit number, of the format that a function's name says: float16
// (F16), IEEE 754's binary16, or bfloat16 (BF16), the upper half of a float32.
// Any type that Go programs hold their halves in will do.
//
// Factors, and shifts, are halves, too. A product or quotient is computed in
// float32 and rounded once to the nearest half, ties to even, subnormals included;
// sums are computed from the rounded product or quotient likewise. float32 has
// digits enough that the result is the half nearest to the exact one. A NaN stays
// a NaN.
type Half interface{ ~uint16 }

// PlanesF16 is [Planes] of float16.
func PlanesF16[T Half](dst, src, factors []T, plane int) {
	planes(f16, Scale, of(dst), of(src), of(factors), plane)
}

// MultiplyPlanesF16 is [MultiplyPlanes] of float16.
func MultiplyPlanesF16[T Half](dst, src, factors []T, plane int) {
	planes(f16, Multiply, of(dst), of(src), of(factors), plane)
}

// DividePlanesF16 is [DividePlanes] of float16.
func DividePlanesF16[T Half](dst, src, factors []T, plane int) {
	planes(f16, Divide, of(dst), of(src), of(factors), plane)
}

// AddPlanesF16 is [AddPlanes] of float16.
func AddPlanesF16[T Half](dst, src, factors []T, plane int) {
	planes(f16, Add, of(dst), of(src), of(factors), plane)
}

// AddMultiplyPlanesF16 is [AddMultiplyPlanes] of float16.
func AddMultiplyPlanesF16[T Half](dst, src, factors []T, plane int) {
	planes(f16, AddMultiply, of(dst), of(src), of(factors), plane)
}

// AddDividePlanesF16 is [AddDividePlanes] of float16.
func AddDividePlanesF16[T Half](dst, src, factors []T, plane int) {
	planes(f16, AddDivide, of(dst), of(src), of(factors), plane)
}

// PixelsF16 is [Pixels] of float16.
func PixelsF16[T Half](dst, src, factors []T) {
	pixels(f16, Scale, of(dst), of(src), of(factors))
}

// MultiplyPixelsF16 is [MultiplyPixels] of float16.
func MultiplyPixelsF16[T Half](dst, src, factors []T) {
	pixels(f16, Multiply, of(dst), of(src), of(factors))
}

// DividePixelsF16 is [DividePixels] of float16.
func DividePixelsF16[T Half](dst, src, factors []T) {
	pixels(f16, Divide, of(dst), of(src), of(factors))
}

// AddPixelsF16 is [AddPixels] of float16.
func AddPixelsF16[T Half](dst, src, factors []T) {
	pixels(f16, Add, of(dst), of(src), of(factors))
}

// AddMultiplyPixelsF16 is [AddMultiplyPixels] of float16.
func AddMultiplyPixelsF16[T Half](dst, src, factors []T) {
	pixels(f16, AddMultiply, of(dst), of(src), of(factors))
}

// AddDividePixelsF16 is [AddDividePixels] of float16.
func AddDividePixelsF16[T Half](dst, src, factors []T) {
	pixels(f16, AddDivide, of(dst), of(src), of(factors))
}

// AffinePlanesF16 is [AffinePlanes] of float16.
func AffinePlanesF16[T Half](dst, src, factors, shifts []T, plane int) {
	affinePlanes(f16, Affine, of(dst), of(src), of(factors), of(shifts), plane)
}

// AffinePixelsF16 is [AffinePixels] of float16.
func AffinePixelsF16[T Half](dst, src, factors, shifts []T) {
	affinePixels(f16, Affine, of(dst), of(src), of(factors), of(shifts))
}

// AffineMultiplyPlanesF16 is [AffineMultiplyPlanes] of float16.
func AffineMultiplyPlanesF16[T Half](dst, src, factors, shifts []T, plane int) {
	affinePlanes(f16, AffineMultiply, of(dst), of(src), of(factors), of(shifts), plane)
}

// AffineMultiplyPixelsF16 is [AffineMultiplyPixels] of float16.
func AffineMultiplyPixelsF16[T Half](dst, src, factors, shifts []T) {
	affinePixels(f16, AffineMultiply, of(dst), of(src), of(factors), of(shifts))
}

// PlanesBF16 is [Planes] of bfloat16.
func PlanesBF16[T Half](dst, src, factors []T, plane int) {
	planes(bf16, Scale, of(dst), of(src), of(factors), plane)
}

// MultiplyPlanesBF16 is [MultiplyPlanes] of bfloat16.
func MultiplyPlanesBF16[T Half](dst, src, factors []T, plane int) {
	planes(bf16, Multiply, of(dst), of(src), of(factors), plane)
}

// DividePlanesBF16 is [DividePlanes] of bfloat16.
func DividePlanesBF16[T Half](dst, src, factors []T, plane int) {
	planes(bf16, Divide, of(dst), of(src), of(factors), plane)
}

// AddPlanesBF16 is [AddPlanes] of bfloat16.
func AddPlanesBF16[T Half](dst, src, factors []T, plane int) {
	planes(bf16, Add, of(dst), of(src), of(factors), plane)
}

// AddMultiplyPlanesBF16 is [AddMultiplyPlanes] of bfloat16.
func AddMultiplyPlanesBF16[T Half](dst, src, factors []T, plane int) {
	planes(bf16, AddMultiply, of(dst), of(src), of(factors), plane)
}

// AddDividePlanesBF16 is [AddDividePlanes] of bfloat16.
func AddDividePlanesBF16[T Half](dst, src, factors []T, plane int) {
	planes(bf16, AddDivide, of(dst), of(src), of(factors), plane)
}

// PixelsBF16 is [Pixels] of bfloat16.
func PixelsBF16[T Half](dst, src, factors []T) {
	pixels(bf16, Scale, of(dst), of(src), of(factors))
}

// MultiplyPixelsBF16 is [MultiplyPixels] of bfloat16.
func MultiplyPixelsBF16[T Half](dst, src, factors []T) {
	pixels(bf16, Multiply, of(dst), of(src), of(factors))
}

// DividePixelsBF16 is [DividePixels] of bfloat16.
func DividePixelsBF16[T Half](dst, src, factors []T) {
	pixels(bf16, Divide, of(dst), of(src), of(factors))
}

// AddPixelsBF16 is [AddPixels] of bfloat16.
func AddPixelsBF16[T Half](dst, src, factors []T) {
	pixels(bf16, Add, of(dst), of(src), of(factors))
}

// AddMultiplyPixelsBF16 is [AddMultiplyPixels] of bfloat16.
func AddMultiplyPixelsBF16[T Half](dst, src, factors []T) {
	pixels(bf16, AddMultiply, of(dst), of(src), of(factors))
}

// AddDividePixelsBF16 is [AddDividePixels] of bfloat16.
func AddDividePixelsBF16[T Half](dst, src, factors []T) {
	pixels(bf16, AddDivide, of(dst), of(src), of(factors))
}

// AffinePlanesBF16 is [AffinePlanes] of bfloat16.
func AffinePlanesBF16[T Half](dst, src, factors, shifts []T, plane int) {
	affinePlanes(bf16, Affine, of(dst), of(src), of(factors), of(shifts), plane)
}

// AffinePixelsBF16 is [AffinePixels] of bfloat16.
func AffinePixelsBF16[T Half](dst, src, factors, shifts []T) {
	affinePixels(bf16, Affine, of(dst), of(src), of(factors), of(shifts))
}

// AffineMultiplyPlanesBF16 is [AffineMultiplyPlanes] of bfloat16.
func AffineMultiplyPlanesBF16[T Half](dst, src, factors, shifts []T, plane int) {
	affinePlanes(bf16, AffineMultiply, of(dst), of(src), of(factors), of(shifts), plane)
}

// AffineMultiplyPixelsBF16 is [AffineMultiplyPixels] of bfloat16.
func AffineMultiplyPixelsBF16[T Half](dst, src, factors, shifts []T) {
	affinePixels(bf16, AffineMultiply, of(dst), of(src), of(factors), of(shifts))
}

// AffineMaxPlanesF16 is [AffineMaxPlanes] of float16.
func AffineMaxPlanesF16[T Half](dst, src, factors, shifts []T, plane int) {
	affinePlanes(f16, AffineMax, of(dst), of(src), of(factors), of(shifts), plane)
}

// AffineMaxPixelsF16 is [AffineMaxPixels] of float16.
func AffineMaxPixelsF16[T Half](dst, src, factors, shifts []T) {
	affinePixels(f16, AffineMax, of(dst), of(src), of(factors), of(shifts))
}

// AffineMaxPlanesBF16 is [AffineMaxPlanes] of bfloat16.
func AffineMaxPlanesBF16[T Half](dst, src, factors, shifts []T, plane int) {
	affinePlanes(bf16, AffineMax, of(dst), of(src), of(factors), of(shifts), plane)
}

// AffineMaxPixelsBF16 is [AffineMaxPixels] of bfloat16.
func AffineMaxPixelsBF16[T Half](dst, src, factors, shifts []T) {
	affinePixels(bf16, AffineMax, of(dst), of(src), of(factors), of(shifts))
}

// widen returns the number that a half of type e stands for.
func (e elem) widen(h uint16) float32 {
	if e == bf16 {
		return math.Float32frombits(uint32(h) << 16)
	}
	const bias = 112 << 23 // between the exponents of the two formats
	bits := uint32(h&0x7fff) << 13
	switch {
	case h&0x7fff > 0x7c00:
		bits |= 0x7fc00000 // quiet, as every processor makes it
	case h&0x7c00 == 0x7c00:
		bits |= 0x7f800000
	case h&0x7c00 == 0:
		// A subnormal counts 2⁻²⁴, and so does the last bit of 0.5.
		bits = math.Float32bits(math.Float32frombits(0x3f000000|uint32(h&0x7fff)) - 0.5)
	default:
		bits += bias
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

// narrow returns the half of type e that is nearest to x, the even one of two.
func (e elem) narrow(x float32) uint16 {
	bits := math.Float32bits(x)
	if e == bf16 {
		if x != x {
			return uint16(bits>>16) | 0x40
		}
		return uint16((bits + 0x7fff + bits>>16&1) >> 16)
	}
	sign := uint16(bits >> 16 & 0x8000)
	bits &= 0x7fffffff
	switch {
	case bits > 0x7f800000:
		return sign | 0x7e00 | uint16(bits>>13)&0x3ff
	case bits >= 0x47800000: // 2¹⁶; what is nearer to it than to the largest half, rounding takes there
		return sign | 0x7c00
	case bits < 0x38800000: // 2⁻¹⁴, the smallest normal half
		// The sum has 2⁻²⁴ for the last place of its fraction, as subnormal halves have.
		return sign | uint16(math.Float32bits(math.Float32frombits(bits)+0.5))
	}
	const bias = 112 << 23
	return sign | uint16((bits-bias+0xfff+bits>>13&1)>>13)
}
