//go:build !purego

package machine

import (
	"runtime"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// TestTheMachineIsSeen leaves what calls must not leave.
func TestTheMachineIsSeen(t *testing.T) {
	t.Logf("the processor tells which registers are in use: %v", canAskInUse)
	if s := reverseDirection(); s.Flags == 0 || read().Flags != 0 {
		t.Errorf("the direction flag is not seen: %+v, then %+v", s, read())
	}
	if s := read(); s.Control != 0x1f80 {
		t.Errorf("MXCSR is %#x, want what Go runs with: 0x1f80", s.Control)
	}
	EveryTier(t, func(t *testing.T) {
		if tier.InUse() == tier.Generic {
			return
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		poison()
		if left := leaves(); left == "" {
			t.Error("garbage is not seen")
		}
		poison()
		clearUpperHalves()
		if left := leaves(); left != "" {
			t.Errorf("VZEROUPPER %s", left)
		}
		if canAskInUse {
			poison()
			if inUse()&upperInUse == 0 {
				t.Error("the processor does not tell of garbage")
			}
		}
	})
}
