// Package dtype names the types of elements and converts halves.
package dtype

import "math"

// Type is the type of an element.
type Type uint8

const (
	Float32 Type = iota
	Float64
	Float16
	BFloat16
)

// String returns the name that NumPy uses.
func (t Type) String() string {
	return [...]string{"float32", "float64", "float16", "bfloat16"}[t]
}

// Size returns the bytes of an element.
func (t Type) Size() int { return [...]int{4, 8, 2, 2}[t] }

func (t Type) Widen(h uint16) float32 {
	if t == BFloat16 {
		return math.Float32frombits(uint32(h) << 16)
	}
	const bias = 112 << 23
	bits := uint32(h&0x7fff) << 13
	switch {
	case h&0x7fff > 0x7c00:
		bits |= 0x7fc00000
	case h&0x7c00 == 0x7c00:
		bits |= 0x7f800000
	case h&0x7c00 == 0:
		bits = math.Float32bits(math.Float32frombits(0x3f000000|uint32(h&0x7fff)) - 0.5)
	default:
		bits += bias
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

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
	case bits >= 0x47800000:
		return sign | 0x7c00
	case bits < 0x38800000:
		return sign | uint16(math.Float32bits(math.Float32frombits(bits)+0.5))
	}
	const bias = 112 << 23
	return sign | uint16((bits-bias+0xfff+bits>>13&1)>>13)
}
