package mask_test

import (
	"runtime"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// allocated returns how many bytes a function allocates, at least.
func allocated(f func()) uint64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	least := ^uint64(0)
	for range 3 { // others may allocate meanwhile
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

func TestAllocatedBytesAreCounted(t *testing.T) {
	var keep []byte
	if n := allocated(func() { keep = make([]byte, 1<<20) }); n < 1<<20 || n > 2<<20 || len(keep) == 0 {
		t.Errorf("%d bytes", n)
	}
}

// allocations returns how often f allocates, on average. With the address sanitizer, which
// allocates by itself, f runs once and the answer is 0.
func allocations(f func()) float64 {
	if machine.Sanitized {
		f()
		return 0
	}
	return testing.AllocsPerRun(100, f)
}
