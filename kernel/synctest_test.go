//go:build go1.25

package kernel

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// In a bubble of package synctest the clock shows another year and stands still, and a test ends
// only when all of its goroutines have. Calls in it get no help, and those outside do not notice.
func TestNobodyHelpsInABubble(t *testing.T) {
	ShareAll(t)
	for range 3 {
		ended(t)
		rested()
		lately.Store(-int64(time.Hour))
		for k := range crew {
			crew[k].started.Store(0)
		}
		synctest.Test(t, func(t *testing.T) {
			for range 50 {
				if err := doubled(1<<14, 4); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Hour)
		})
		if at := lately.Load(); started(0) || at != -int64(time.Hour) {
			t.Errorf("calls in a bubble start helpers: %v, at %v, want none", started(0), time.Duration(at))
		}
		for range 50 {
			rested()
			if err := doubled(1<<14, 4); err != nil {
				t.Fatal(err)
			}
		}
		if runtime.GOMAXPROCS(0) > 1 && !started(0) { // WebAssembly has one
			t.Error("calls after those in a bubble start no helper")
		}
	}
}
