package mask

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
)

// RateError is a rate that is not a number from 0 to 1.
type RateError struct{ Rate float64 }

func (e *RateError) Error() string {
	return fmt.Sprintf("mask: rate %v, want a number from 0 to 1", e.Rate)
}

// ShapeError says that numbers of samples, channels, elements or bytes do not fit each
// other, or are those of no mask: a negative number, more than 2³⁶ trials, a count of
// channels to keep that a sample does not have, a channel or a sample that a mask does not
// have, memory that does not hold a mask's factors, data that are neither the binary form of
// a mask nor a state of PyTorch's generator.
type ShapeError struct{ Given, Want string }

func (e *ShapeError) Error() string { return "mask: " + e.Given + ", want " + e.Want }

// ArithmeticError is an unknown policy, rule or sharing, or a combination that cannot be
// computed.
type ArithmeticError struct{ Given, Want string }

func (e *ArithmeticError) Error() string { return "mask: " + e.Given + ", want " + e.Want }

// StreamError refuses the description of a stream that does not exist.
type StreamError struct {
	Text   string // as given to ParseStream, or the name of the stream
	Reason string // what is wrong with it, and what is expected
}

func (e *StreamError) Error() string {
	return "mask: stream " + excerpt.Quote(e.Text) + ": " + e.Reason
}

// PlaceError is a place that a stream cannot draw, or a place that does not hold the
// mask.
type PlaceError struct {
	Place       Place
	Given, Want string
}

func (e *PlaceError) Error() string { return "mask: " + e.Given + ", want " + e.Want }
