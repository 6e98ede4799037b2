package kernel

import "unsafe"

// elem is the type of the data.
type elem uint8

const (
	f32 elem = iota
	f64
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
func (e elem) shift() uint8 { return uint8(e) + 2 }
