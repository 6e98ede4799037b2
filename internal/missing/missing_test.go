package missing

import (
	"fmt"
	"testing"
)

// noName is a function that is a Stringer.
type noName func() string

func (n noName) String() string { return n() }

// names is a slice that is a Stringer, empty where it is nil.
type names []string

func (n names) String() string { return fmt.Sprint([]string(n)) }

func TestIn(t *testing.T) {
	for name, c := range map[string]struct {
		x    fmt.Stringer
		want bool
	}{
		"nothing":            {nil, true},
		"a nil pointer":      {(*names)(nil), true},
		"a nil function":     {noName(nil), true},
		"a function":         {noName(func() string { return "" }), false},
		"a nil slice":        {names(nil), false},
		"a value":            {names{"a"}, false},
		"a pointer to a nil": {new(names), false},
	} {
		if got := In(c.x); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
