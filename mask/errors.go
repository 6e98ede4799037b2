package mask

import (
	"fmt"
	"strings"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
)

// ArgumentError refuses what a mask is to be drawn with: a rate that is not a number from 0 to 1, an unknown policy,
// rule, sharing or stream, or a combination that cannot be computed. Nothing has been drawn or written.
type ArgumentError struct {
	Argument string // "rate", "policy", "rule", "sharing" or "stream"
	Given    string // what was given
	Want     string // what was expected
}

func (e *ArgumentError) Error() string { return "mask: " + e.Given + ", want " + e.Want }

// noRate returns the error of a rate. checkRate is inlined without it.
//
//go:noinline
func noRate(rate float64) error {
	return &ArgumentError{"rate", fmt.Sprintf("rate %v", rate), "a number from 0 to 1"}
}

// streamError returns the error of the description of a stream that does not exist, or of one that a function does not
// take. The reason has ", want " between what is wrong and what is expected.
func streamError(text, reason string) error {
	at := strings.LastIndex(reason, ", want ")
	return &ArgumentError{"stream", aboutStream(text) + reason[:at], reason[at+len(", want "):]}
}

// aboutStream is what the error of a stream begins with.
func aboutStream(text string) string { return "stream " + excerpt.Quote(text) + ": " }

// ShapeError says that numbers of samples, channels, elements or bytes do not fit each
// other, or are those of no mask: a negative number, more than 2³⁶ trials, a count of
// channels to keep that a sample does not have, a channel or a sample that a mask does not
// have, memory that does not hold a mask's factors, data that are neither the binary form of
// a mask nor a state of PyTorch's generator.
type ShapeError struct{ Given, Want string }

func (e *ShapeError) Error() string { return "mask: " + e.Given + ", want " + e.Want }

// PlaceError is a place that a stream cannot draw, or a place that does not hold the
// mask.
type PlaceError struct {
	Place       Place
	Given, Want string
}

func (e *PlaceError) Error() string { return "mask: " + e.Given + ", want " + e.Want }
