package kernel

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// Op is what a kernel does with each element: how the element of dst follows from the
// element of src, the factor of its channel and, for some operations, the shift of its
// channel or the former element of dst.
type Op uint8

// String returns the name of the operation.
func (op Op) String() string {
	if op < ops {
		return operations[op].name
	}
	return fmt.Sprintf("Op(%d)", uint8(op))
}

// operation describes an [Op].
type operation struct {
	name      string
	divides   bool    // x/f instead of x·f
	adds      bool    // reads y
	shifts    bool    // takes shifts
	rectifies bool    // max(…, 0) at the end: a NaN stays a NaN, and −0 gives +0
	dropped   dropped // what an element becomes where the factor is 0
}

// dropped is what an element becomes where the factor is 0.
type dropped uint8

const (
	computed dropped = iota // what the formula gives
	zeroed                  // +0
	kept                    // y
	shifted                 // the shift, rectified if the operation rectifies
)

// skips reports whether the operation does nothing to a plane with factor 1 in place.
func (o *operation) skips() bool { return !o.adds && !o.shifts }

// entry describes a kernel of the catalogue.
type entry struct {
	name  string
	op    Op
	typ   dtype.Type
	past  bool // stores past the cache
	shape shape
}

// shape is how elements and factors belong together.
type shape uint8

const (
	planes     shape = iota // a factor for each plane
	pixels                  // a factor for each element of a row
	fourPlanes              // four planes side by side, which need not be neighbours
	shapes
)

// ways are the kernels of one operation and type: those that store as usual, and those
// that store past the cache.
type ways [2][shapes]id

func (k id) String() string { return catalogue[k].name }
