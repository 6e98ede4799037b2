package kernel

import (
	"errors"
	"runtime"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/race"
)

// Instrumented reports whether the race detector or the address sanitizer is on. They make
// tests slow, and let calls allocate.
const Instrumented = race.Enabled || machine.Sanitized

// Refuses reports whether err is an error of the type of want, about the same argument.
func Refuses(err, want error) bool {
	switch want := want.(type) {
	case *ArgumentError:
		var got *ArgumentError
		return errors.As(err, &got) && got.Argument == want.Argument
	}
	return errors.As(err, new(*OverlapError))
}

// Argument is the error that refuses an argument, for [Refuses].
func Argument(name string) error { return &ArgumentError{Argument: name} }

// ShareAll lets four workers share work of every size until the test ends.
func ShareAll(t *testing.T) {
	before, procs := CurrentStrategy(), runtime.GOMAXPROCS(4)
	t.Cleanup(func() {
		use(before)
		runtime.GOMAXPROCS(procs)
	})
	shareAll()
}
