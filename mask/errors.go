package mask

import "fmt"

// RateError is a rate that is not a number from 0 to 1.
type RateError struct{ Rate float64 }

func (e *RateError) Error() string {
	return fmt.Sprintf("mask: rate %v, want a number from 0 to 1", e.Rate)
}

// ShapeError is a shape that no mask has: a negative number, or more trials than an int
// counts.
type ShapeError struct{ Samples, Channels int }

func (e *ShapeError) Error() string {
	if e.Samples < 0 || e.Channels < 0 {
		return fmt.Sprintf("mask: %d samples of %d channels, want neither negative", e.Samples, e.Channels)
	}
	return fmt.Sprintf("mask: %d samples of %d channels are more trials than an int counts", e.Samples, e.Channels)
}

// ArithmeticError is an unknown policy, rule or sharing, or a combination that cannot be
// computed.
type ArithmeticError struct{ Given, Want string }

func (e *ArithmeticError) Error() string { return "mask: " + e.Given + ", want " + e.Want }

// StreamError is the description of a stream that does not exist.
type StreamError struct {
	Text   string // as given to ParseStream
	Reason string // what is wrong with it, and what is expected
}

func (e *StreamError) Error() string { return fmt.Sprintf("mask: stream %q: %s", e.Text, e.Reason) }

// PlaceError is a place that a stream cannot draw, or a place that does not hold the
// mask.
type PlaceError struct {
	Place       Place
	Given, Want string
}

func (e *PlaceError) Error() string { return "mask: " + e.Given + ", want " + e.Want }

// CountError is a count of channels to keep that exceeds the channels of a sample, or is
// negative.
type CountError struct{ Count, Channels int }

func (e *CountError) Error() string {
	return fmt.Sprintf("mask: %d channels to keep in each sample, want 0 to %d, the number of channels", e.Count, e.Channels)
}

// FactorsError says that memory for factors or shifts does not fit a mask. [Mask.Fill]
// panics with it.
type FactorsError struct {
	What              string // "factors" or "shifts"
	Len               int    // in elements of the type, rounded down
	Samples, Channels int    // of the mask
	Pitch             int
	Aligned           bool // whether the memory is aligned to the type and holds whole elements
}

func (e *FactorsError) Error() string {
	if !e.Aligned {
		return fmt.Sprintf("mask: %d %s in memory that is not aligned to their type or ends within an element, want whole aligned elements", e.Len, e.What)
	}
	return fmt.Sprintf("mask: %d %s in rows of %d for a mask of %d×%d, want samples·pitch %s and a pitch of channels or more", e.Len, e.What, e.Pitch, e.Samples, e.Channels, e.What)
}

// FormatError says that data are not the binary form of a mask.
type FormatError struct{ Given, Want string }

func (e *FormatError) Error() string { return "mask: " + e.Given + ", want " + e.Want }
