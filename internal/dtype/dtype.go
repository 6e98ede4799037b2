// Package dtype names the element types of the module and converts to and from the
// 16-bit ones.
package dtype

import (
	"fmt"
	"math"
)

// Type is an element type: what results are rounded to.
type Type uint8

const (
	Float32  Type = iota
	Float64       // IEEE 754 binary64
	Float16       // IEEE 754 binary16
	BFloat16      // the upper half of a float32

	// Count is the number of types; every Type below it is valid.
	Count = iota
)

// String returns NumPy's name of the type.
func (t Type) String() string {
	switch t {
	case Float32:
		return "float32"
	case Float64:
		return "float64"
	case Float16:
		return "float16"
	case BFloat16:
		return "bfloat16"
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// Size returns the number of bytes of an element.
func (t Type) Size() int {
	switch t {
	case Float32:
		return 4
	case Float64:
		return 8
	}
	return 2
}

// Widen returns the number that the bits of a half stand for, exactly. t is Float16 or
// BFloat16. A float16 NaN becomes quiet, as conversion instructions make it; a bfloat16
// NaN keeps its bits.
func (t Type) Widen(h uint16) float32 {
	if t == BFloat16 {
		return math.Float32frombits(uint32(h) << 16)
	}
	bits := uint32(h&0x7fff) << 13
	switch {
	case h&0x7fff > 0x7c00:
		bits |= 0x7fc00000
	case h&0x7c00 == 0x7c00:
		bits |= 0x7f800000
	case h&0x7c00 == 0:
		// The last bit of a subnormal counts 2⁻²⁴, and so does that of 0.5.
		bits = math.Float32bits(math.Float32frombits(0x3f000000|uint32(h&0x7fff)) - 0.5)
	default:
		bits += bias
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

// bias is the difference between the exponent biases of float32 and float16.
const bias = 112 << 23

// Narrow returns the half nearest to x, ties to even. t is Float16 or BFloat16. A NaN
// keeps its sign and the upper bits of its payload, and becomes quiet.
func (t Type) Narrow(x float32) uint16 {
	bits := math.Float32bits(x)
	if t == BFloat16 {
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
	case bits >= 0x47800000: // 2¹⁶; rounding takes what is nearer to 2¹⁶ than to the largest half there, too
		return sign | 0x7c00
	case bits < 0x38800000: // 2⁻¹⁴, the smallest normal half
		// The last place of the sum counts 2⁻²⁴, as that of a subnormal half does.
		return sign | uint16(math.Float32bits(math.Float32frombits(bits)+0.5))
	}
	return sign | uint16((bits-bias+0xfff+bits>>13&1)>>13)
}

// Round returns the half nearest to x, ties to even, rounded once. t is Float16 or
// BFloat16. Every NaN becomes the positive quiet one without a payload.
func (t Type) Round(x float64) uint16 {
	if x != x {
		if t == BFloat16 {
			return 0x7fc0
		}
		return 0x7e00
	}
	// Rounding to odd keeps whether x lies above, below or on the middle between two
	// halves, so that the second rounding is the only one that counts. A float32 has
	// more than two bits more than either half, subnormals included.
	f := float32(x)
	if float64(f) != x {
		bits := math.Float32bits(f)
		if math.Abs(float64(f)) > math.Abs(x) {
			bits-- // toward zero
		}
		f = math.Float32frombits(bits | 1)
	}
	return t.Narrow(f)
}

// Bits returns the bits of x rounded once to the type, right-aligned.
func (t Type) Bits(x float64) uint64 {
	switch t {
	case Float32:
		return uint64(math.Float32bits(float32(x)))
	case Float64:
		return math.Float64bits(x)
	}
	return uint64(t.Round(x))
}

// Rounded returns x rounded once to the type.
func (t Type) Rounded(x float64) float64 {
	switch t {
	case Float32:
		return float64(float32(x))
	case Float64:
		return x
	}
	return float64(t.Widen(t.Round(x)))
}
