package kernel

import (
	"runtime"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/race"
)

// Instrumented reports whether the race detector or the address sanitizer is on. They make
// tests slow, and let calls allocate.
const Instrumented = race.Enabled || machine.Sanitized

// ShareAll lets four workers share work of every size until the test ends.
func ShareAll(t *testing.T) {
	before, procs := CurrentStrategy(), runtime.GOMAXPROCS(4)
	t.Cleanup(func() {
		use(before)
		runtime.GOMAXPROCS(procs)
	})
	shareAll()
}
