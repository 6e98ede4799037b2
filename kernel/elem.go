package kernel

import "unsafe"

// elem is the type of the data.
type elem uint8

const (
	f32 elem = iota
	f64
	f16
	bf16
	elems = iota
)

// elemOf returns the elem of T.
func elemOf[T Float]() elem {
	var x T
	if unsafe.Sizeof(x) == 4 {
		return f32
	}
	return f64
}

// shift returns the binary logarithm of the element's size in bytes.
func (e elem) shift() uint8 { return uint8(uint16(0x1132) >> (4 * e) & 0xf) }

// one returns the bits of the number 1.
func (e elem) one() uint64 {
	return [elems]uint64{f32: 0x3f800000, f64: 0x3ff0000000000000, f16: 0x3c00, bf16: 0x3f80}[e]
}
