package kernel

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/spatialdropout/spatialdropout/layout"
)

// LengthError is what a kernel panics with when its slices do not fit each
// other. Nothing has been written then.
type LengthError struct {
	Loop    string // "planes", "pixels", "affine planes" or "affine pixels"
	Dst     int    // length of dst
	Src     int    // length of src
	Factors int    // length of factors
	Shifts  int    // length of shifts, for the affine loops
	Plane   int    // elements of a plane, for planes
}

func (e *LengthError) Error() string {
	shifts, as := "", ""
	if strings.HasPrefix(e.Loop, "affine ") {
		shifts = fmt.Sprintf(" and %d shifts", e.Shifts)
		as = ", and as many shifts as factors"
	}
	if strings.HasSuffix(e.Loop, "pixels") {
		return fmt.Sprintf("kernel: pixels of %d channels with dst of %d and src of %d elements%s, want both the same multiple of the channels%s", e.Factors, e.Dst, e.Src, shifts, as)
	}
	return fmt.Sprintf("kernel: %d planes of %d elements with dst of %d and src of %d elements%s, want both planes·elements%s", e.Factors, e.Plane, e.Dst, e.Src, shifts, as)
}

// OverlapError says that dst and src share elements without being the same
// slice: some would be overwritten before they are read. Nothing has been
// written then.
type OverlapError struct {
	Elements int // length of dst
	Distance int // bytes from the first element of src to that of dst
}

func (e *OverlapError) Error() string {
	return fmt.Sprintf("kernel: dst of %d elements begins %d bytes from src and overlaps it, want dst = src or no overlap", e.Elements, e.Distance)
}

// LoopError says that the loops of a [Run] do not fit its slices, or that they
// would visit an element twice. Nothing has been written then.
type LoopError struct {
	Loops  []layout.Loop
	Reason string
}

func (e *LoopError) Error() string {
	return fmt.Sprintf("kernel: loops %v: %s", e.Loops, e.Reason)
}

// product returns a·b, and false if it is negative or overflows an int.
func product(a, b int) (int, bool) {
	hi, lo := bits.Mul(uint(a), uint(b))
	return int(lo), a >= 0 && b >= 0 && hi == 0 && int(lo) >= 0
}
