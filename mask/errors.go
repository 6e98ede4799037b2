package mask

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
)

// ArgumentError refuses an argument. Nothing has been drawn or written. Argument is
//
//   - "rate", "policy", "rule", "sharing" or "stream" of what a mask is to be drawn with: a rate that is not a number
//     from 0 to 1, an unknown policy, rule, sharing or stream, or a combination that cannot be computed;
//   - "samples" or "channels" of a negative number of them, or of more than 2³⁶ trials, and "m" of no mask;
//   - "n" or "c" of a sample or a channel that a mask does not have, and "count" of more channels to keep than a sample
//     has;
//   - "factors", "shifts" or "type" of memory that does not hold a mask's numbers of a type;
//   - "data" or "state" of what is neither the binary form of a mask nor a state of PyTorch's generator.
type ArgumentError struct {
	Argument string
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
// take.
func streamError(text, want, given string, args ...any) error {
	return &ArgumentError{"stream", aboutStream(text) + fmt.Sprintf(given, args...), want}
}

// partError returns the error of a part of the description of a stream, which does not say of which.
func partError(want, given string, args ...any) error {
	return &ArgumentError{"stream", fmt.Sprintf(given, args...), want}
}

// aboutStream is what the error of a stream begins with.
func aboutStream(text string) string { return "stream " + excerpt.Quote(text) + ": " }

// PlaceError is a place that a stream cannot draw, or a place that does not hold the
// mask.
type PlaceError struct {
	Place       Place
	Given, Want string
}

func (e *PlaceError) Error() string { return "mask: " + e.Given + ", want " + e.Want }
