package kernel

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/layout"
)

// OpError refuses an operation that is unknown, or that the function does not do.
// Nothing has been written.
type OpError struct{ Op Op }

func (e *OpError) Error() string {
	if e.Op == Copy {
		return "kernel: Copy, which only Run does, want an operation with factors"
	}
	return fmt.Sprintf("kernel: unknown operation %v, want one of %v to %v", e.Op, Scale, Copy)
}

// KindError refuses vectors of several kinds, or of none, and a kind that is nil or zero.
// Nothing has been written.
type KindError struct{ Dst, Src, Factors, Shifts *Kind }

func (e *KindError) Error() string {
	if *e == (KindError{}) {
		return "kernel: no kind, want one such as F32"
	}
	if e.Factors == nil && e.Shifts == nil {
		return fmt.Sprintf("kernel: dst of %v and src of %v, want one kind", e.Dst, e.Src)
	}
	return fmt.Sprintf("kernel: dst of %v, src of %v, factors of %v and shifts of %v, want one kind", e.Dst, e.Src, e.Factors, e.Shifts)
}

// LengthError refuses slices whose lengths do not match, and on 32-bit platforms a dst of more
// bytes than an int counts. Nothing has been written.
type LengthError struct {
	Op      Op
	Loop    string // "planes" or "pixels"
	Dst     int    // length of dst
	Src     int    // length of src
	Factors int    // length of factors
	Shifts  int    // length of shifts
	Plane   int    // elements of a plane, for planes
	Most    int    // elements that dst may have, if it has more
}

func (e *LengthError) Error() string {
	if e.Most > 0 {
		return fmt.Sprintf("kernel: %v of %s with dst of %d elements, want at most %d, whose bytes an int counts", e.Op, e.Loop, e.Dst, e.Most)
	}
	want := "no shifts"
	if e.Op < ops && operations[e.Op].shifts {
		want = "as many shifts as factors"
	}
	if e.Loop == "pixels" {
		return fmt.Sprintf("kernel: %v of pixels of %d channels with dst of %d and src of %d elements and %d shifts, want dst and src of the same multiple of the channels and %s", e.Op, e.Factors, e.Dst, e.Src, e.Shifts, want)
	}
	return fmt.Sprintf("kernel: %v of %d planes of %d elements with dst of %d and src of %d elements and %d shifts, want dst and src of planes·elements and %s", e.Op, e.Factors, e.Plane, e.Dst, e.Src, e.Shifts, want)
}

// OverlapError refuses a dst that shares elements with another slice of the call: with a
// src, or an aux, that is not the same slice, some of which would be overwritten before they are
// read, or with factors, scales or shifts. Where dst is a list this is said of one of its slices, which may
// overlap another one. Nothing has been written.
type OverlapError struct {
	With     string // the other slice: "src", "aux", "factors", "scales", "shifts", or "dst" if both are in a list
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

// LoopError refuses loops of a [Run] that do not fit its slices, or that would visit an
// element twice. Nothing has been written.
type LoopError struct {
	Loops  []layout.Loop
	Reason string
}

func (e *LoopError) Error() string {
	shown, more := e.Loops, ""
	if len(shown) > 2*layout.MaxLoops {
		shown, more = shown[:2*layout.MaxLoops], " and more"
	}
	return fmt.Sprintf("kernel: loops %v%s: %s", shown, more, e.Reason)
}

// ListError refuses a list of slices that the call does not take, or whose slices do not fit
// together, and a slice beside a list that is too short. Nothing has been written.
type ListError struct {
	Name   string // of the argument: "dst", "src", "factors" or "shifts"
	Slices int    // in the list, 0 if it is one slice
	Reason string // what was given and what was expected
}

func (e *ListError) Error() string {
	if e.Slices == 0 {
		return fmt.Sprintf("kernel: %s beside a list of slices: %s", e.Name, e.Reason)
	}
	return fmt.Sprintf("kernel: %s in %d slices: %s", e.Name, e.Slices, e.Reason)
}

// WorkersError refuses a negative number of goroutines. Nothing has been written.
type WorkersError struct{ Workers int }

func (e *WorkersError) Error() string {
	return fmt.Sprintf("kernel: %d workers, want 0 or more", e.Workers)
}

// RangeError refuses an offset that is not within a vector.
type RangeError struct {
	From int // the offset
	Len  int // elements of the vector
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("kernel: elements from %d up of a vector of %d, want an offset from 0 to %d", e.From, e.Len, e.Len)
}

// TierError refuses a tier that is unknown or that the machine does not have.
type TierError struct {
	Name      string   // as given to [SetTier]
	Available []string // those of [Tiers]
}

func (e *TierError) Error() string {
	return fmt.Sprintf("kernel: tier %s is not available, want one of %s", excerpt.Quote(e.Name), strings.Join(e.Available, ", "))
}

// product returns a·b, and false if it is negative or overflows an int.
func product(a, b int) (int, bool) {
	hi, lo := bits.Mul(uint(a), uint(b))
	return int(lo), a >= 0 && b >= 0 && hi == 0 && int(lo) >= 0
}

// BytesError refuses memory that does not hold elements of a kind: bytes that are not whole
// aligned elements, or a slice whose elements have another size.
type BytesError struct {
	Kind   *Kind
	Size   int // bytes of an element of the slice, 1 if it is one of bytes
	Len    int // elements of the slice
	Offset int // bytes from an aligned address to the first element
}

func (e *BytesError) Error() string {
	if e.Size > 1 {
		return fmt.Sprintf("kernel: elements of %d bytes for a vector of %v, want elements of %d bytes", e.Size, e.Kind, e.Kind.Size())
	}
	return fmt.Sprintf("kernel: %d bytes that begin %d bytes after an aligned address for a vector of %v, want whole aligned elements of %d bytes", e.Len, e.Offset, e.Kind, e.Kind.Size())
}

// StrategyError refuses a field of a [Strategy].
type StrategyError struct {
	Name  string // of the field, as in [ParseStrategy]
	Value string
	Want  string
}

func (e *StrategyError) Error() string {
	return fmt.Sprintf("kernel: a strategy with %s, want %s", excerpt.Quote(e.Name+"="+e.Value), e.Want)
}
