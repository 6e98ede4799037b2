package kernel

import (
	"runtime"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/race"
)

// RaceEnabled reports whether the race detector is on, which makes tests slow.
const RaceEnabled = race.Enabled

// ShareAll lets four workers share work of every size until the test ends.
func ShareAll(t *testing.T) {
	before, procs := CurrentStrategy(), runtime.GOMAXPROCS(4)
	t.Cleanup(func() {
		use(before)
		runtime.GOMAXPROCS(procs)
	})
	shareAll()
}
