package layout

import (
	"fmt"
	"slices"
	"strings"
)

// ShapeError reports dims, strides, a noise shape or a pair of geometries that
// [Order.Of], [Strided], [NoiseShape] or [Join] does not take.
type ShapeError struct {
	Given string // what was passed, and what is wrong with it
	Want  string // what would have been taken
}

// Error says what was given and what was wanted.
func (e *ShapeError) Error() string {
	return fmt.Sprintf("layout: %s, want %s", e.Given, e.Want)
}

// most is how many of the dims or strides that were given are shown.
const most = 16

// list returns numbers for messages, however many there are. They are copied: what is
// formatted escapes, and with it the arguments of every call.
func list(numbers []int) string {
	if len(numbers) <= most {
		return fmt.Sprint(slices.Clone(numbers))
	}
	shown := fmt.Sprint(slices.Clone(numbers[:most]))
	return fmt.Sprintf("%s and %d more]", strings.TrimSuffix(shown, "]"), len(numbers)-most)
}

// OrderError reports a name or a number that belongs to no [Order].
type OrderError struct {
	Name string // as passed to [Parse], or what String makes of the number
}

// Error says what was given and lists the known names.
func (e *OrderError) Error() string {
	known := make([]string, 0, len(orders))
	for _, o := range Orders() {
		known = append(known, o.String())
	}
	return fmt.Sprintf("layout: unknown axis order %.64q, want one of %s", e.Name, strings.Join(known, ", "))
}
