package loop

import (
	"math/bits"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/layout"
)

// words is what a [layout.Geometry] consists of on 64-bit platforms. This does not compile if it has another size there.
type words [12]uint64

var _ = [1]struct{}{}[(unsafe.Sizeof(words{})-unsafe.Sizeof(layout.Geometry{}))*(bits.UintSize/64)]

// Alike reports whether two geometries are ==. That operator calls a function that loads 32 bytes at a time. Such a load
// waits for the stores of 16 bytes that have just copied a tensor to the arguments of a call.
func Alike(a, b *layout.Geometry) bool {
	if bits.UintSize == 32 {
		return *a == *b
	}
	x, y := (*words)(unsafe.Pointer(a)), (*words)(unsafe.Pointer(b))
	return (x[0]^y[0])|(x[1]^y[1])|(x[2]^y[2])|(x[3]^y[3])|(x[4]^y[4])|(x[5]^y[5])|
		(x[6]^y[6])|(x[7]^y[7])|(x[8]^y[8])|(x[9]^y[9])|(x[10]^y[10])|(x[11]^y[11]) == 0
}
