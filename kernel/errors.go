package kernel

import (
	"fmt"
	"math/bits"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// ArgumentError refuses an argument. Nothing has been written. It is an operation, loops that would visit an element
// twice, a number of goroutines, a tier, a field of a [Strategy] or of a [Fused]. It is vectors that differ in kind, or
// one whose length does not fit the others or the loops, a list of slices where one slice is taken or whose slices
// differ in length, and on 32-bit platforms a slice of more bytes than an int counts.
type ArgumentError struct {
	Argument string // such as "op" or "loops"; the first vector that does not fit, such as "dst"; "kind" of several kinds; a field of a [Fused], such as "Aux", or of a [Strategy] as in [ParseStrategy]
	Given    string // what was given
	Want     string // what was expected
}

func (e *ArgumentError) Error() string { return "kernel: " + e.Given + ", want " + e.Want }

// refused returns an [*ArgumentError].
//
//go:noinline
func refused(argument, want, given string, args ...any) error {
	return &ArgumentError{argument, fmt.Sprintf(given, args...), want}
}

// OverlapError refuses a dst that shares elements with another slice of the call: with a
// src, or an aux, that is not the same slice, some of which would be overwritten before they are
// read, or with factors, scales or shifts. Where dst is a list this is said of one of its slices, which may
// overlap another one. Nothing has been written.
type OverlapError struct {
	With     string // the other slice: "src", "aux", "factors", "scales", "shifts", "dst" if both are in a list; of package spatialdropout also "residual" and "from"
	Elements int    // length of dst, or of its slice
	Distance int    // bytes from the first element of the other slice to that of dst
	Packed   bool   // the one slice is packed, see [RunCompact], and the other is not
}

func (e *OverlapError) Error() string {
	if e.With == "src" && e.Packed {
		return fmt.Sprintf("kernel: dst of %d elements begins %d bytes from src and overlaps, one of them packed, want no overlap, or the same first element in Gather and Scatter of one slice each", e.Elements, e.Distance)
	}
	if e.With == "src" && e.Distance == 0 {
		return fmt.Sprintf("kernel: dst of %d elements is src, whose elements lie differently, want no overlap", e.Elements)
	}
	if e.With == "dst" {
		return fmt.Sprintf("kernel: a slice of %d elements in the list dst begins %d bytes from another one and overlaps, want no overlap", e.Elements, e.Distance)
	}
	want := "dst = src or no overlap"
	if e.With != "src" {
		want = "no overlap"
	}
	return fmt.Sprintf("kernel: dst of %d elements begins %d bytes from %s and overlaps, want %s", e.Elements, e.Distance, e.With, want)
}

// unknown returns the error of an argument that is an unknown operation, or one that the function does not do.
func unknown(argument string, op Op) error {
	if op == Copy {
		return refused(argument, "an operation with factors", "Copy, which only Run does")
	}
	return refused(argument, fmt.Sprintf("one of %v to %v", Scale, Copy), "unknown operation %v", op)
}

// noPart returns the error of no part, or of one that begins before a slice.
//
//go:noinline
func noPart(does fmt.Stringer, p *layout.Part) error {
	if p == nil {
		return refused("p", "one of layout.Join", "no part")
	}
	return refused("p", "0 or more", "%v from element %d of dst, %d of src and entry %d of factors", does, p.Dst, p.Src, p.Factor)
}

// kindless returns the error of a kind that is nil or zero. It is inlined.
func kindless() error { return &ArgumentError{"kind", "no kind", "one such as F32"} }

// ragged returns the error of bytes that are not whole aligned elements of a kind.
//
//go:noinline
func ragged(kind *Kind, bytes, offset int) error {
	return refused("memory", fmt.Sprintf("whole aligned elements of %d bytes", kind.Size()), "%d bytes that begin %d bytes after an aligned address for a vector of %s", bytes, offset, kind.String())
}

// outside returns the error of an offset that is not within a vector.
//
//go:noinline
func outside(n, length int) error {
	length = max(length, 0) // of a list
	return refused("n", fmt.Sprintf("an offset from 0 to %d", length), "elements from %d up of a vector of %d", n, length)
}

// mixed returns the error of vectors of several kinds, or of none.
func mixed(dst, src, factors, shifts *Kind) error {
	var names [4]any
	for i, k := range [...]*Kind{dst, src, factors, shifts} {
		names[i] = k.String()
	}
	if factors == nil && shifts == nil {
		return refused("kind", "one kind", "dst of %s and src of %s", names[:2]...)
	}
	return refused("kind", "one kind", "dst of %s, src of %s, factors of %s and shifts of %s", names[:]...)
}

// negative returns the error of a number of goroutines.
func negative(workers int) error { return refused("workers", "0 or more", "%d workers", workers) }

// notOne returns the error of a list of so many slices that is none of those that are taken.
func notOne(argument string, slices int, want string) error {
	return refused(argument, want, "%s in %d slices", argument, slices)
}

// described returns loops for messages. They are copied: what is formatted goes to the heap, and with it the loops of
// every caller.
func described(loops []layout.Loop) string {
	more := ""
	if len(loops) > 2*layout.MaxLoops {
		loops, more = loops[:2*layout.MaxLoops], " and more"
	}
	return fmt.Sprintf("loops %v%s", append([]layout.Loop(nil), loops...), more)
}

// badLoops returns the error of loops that [loop.Measure], or [inOrder], refuses.
func badLoops(loops []layout.Loop, r *loop.Refusal) error {
	return refused("loops", r.Want, "%s: %s", described(loops), r.Given)
}

// product returns a·b, and false if it is negative or overflows an int.
func product(a, b int) (int, bool) {
	hi, lo := bits.Mul(uint(a), uint(b))
	return int(lo), a >= 0 && b >= 0 && hi == 0 && int(lo) >= 0
}
