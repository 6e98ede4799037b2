//go:build go1.25

package kernel

import (
	"testing"
	"testing/synctest"
)

// In a bubble of package synctest the clock stands still, and a test ends only when all of
// its goroutines have.
func TestWorkersHelpInABubble(t *testing.T) {
	ShareAll(t)
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			for range 50 {
				if err := doubled(1<<14, 4); err != nil {
					t.Fatal(err)
				}
			}
		})
		for range 50 {
			if err := doubled(1<<14, 4); err != nil {
				t.Fatal(err)
			}
		}
	}
}
