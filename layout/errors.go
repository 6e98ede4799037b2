package layout

import (
	"fmt"
	"slices"
	"strings"
)

// ArgumentError refuses dims, strides, axes, the shape of noise, the name or the number of an [Order], or a geometry
// that does not fit another one.
type ArgumentError struct {
	Argument string // "order" of a name or an [Order], or the name of a parameter, such as "shape"
	Given    string // what was given, and what is wrong with it
	Want     string // what was expected
}

func (e *ArgumentError) Error() string { return "layout: " + e.Given + ", want " + e.Want }

// noOrder returns the error of a name or a number that belongs to no [Order].
func noOrder(name string) error {
	known := "one of " + orders[NCHW].name
	for _, o := range orders[NCHW+1:] {
		known += ", " + o.name
	}
	return &ArgumentError{"order", fmt.Sprintf("unknown axis order %.64q", name), known}
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
