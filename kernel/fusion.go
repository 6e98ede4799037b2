package kernel

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// Fusion is what a fused kernel does with each element: how the element of dst follows
// from the elements of src and of aux, and from the factor, the scale and the shift of
// their channel.
type Fusion uint8

// String returns the name of the fusion.
func (op Fusion) String() string {
	if op < fusions {
		return fusedTable[op].name
	}
	return fmt.Sprintf("Fusion(%d)", uint8(op))
}

// fusion describes a [Fusion]. Every fusion takes factors and scales.
type fusion struct {
	name       string
	activation activation
	backward   bool // computes the gradient: x is that of what came out
	aux        bool // reads z
	shifts     bool // takes shifts
	limit      bool // takes a limit
}

// activation is the function of a layer, or that whose gradient is computed.
type activation uint8

const (
	linear  activation = iota
	clipped            // from +0 to the limit
	leaking            // the limit is the slope below 0
)

// adds reports whether z is added to the result, and is the result where the factor is 0.
func (f *fusion) adds() bool { return f.aux && !f.backward }

// outward reports whether z, which decides in a gradient, is what came out of the layer. It
// is what went in otherwise.
func (f *fusion) outward() bool { return f.aux && f.backward && !f.shifts }

// fusedEntry describes a fused kernel.
type fusedEntry struct {
	name  string
	op    Fusion
	typ   dtype.Type
	past  bool // stores past the cache
	shape shape
}

// fusedWays are the kernels of one fusion and type: those that store as usual, and those
// that store past the cache. A fusion may have none of the latter.
type fusedWays [2][pixels + 1]fusedID

func (k fusedID) String() string { return fusedCatalogue[k].name }
