//go:build !purego

package machine

import (
	"runtime"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// TestTheMachineIsSeen leaves what calls must not leave.
func TestTheMachineIsSeen(t *testing.T) {
	t.Logf("the processor tells which registers are in use: %v", tellsInUse)
	if s := ReverseDirection(); s.Flags == 0 || Read().Flags != 0 {
		t.Errorf("the direction flag is not seen: %+v, then %+v", s, Read())
	}
	if s := Read(); s.Control != 0x1f80 {
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
		ClearUpperHalves()
		if left := leaves(); left != "" {
			t.Errorf("VZEROUPPER %s", left)
		}
		if tellsInUse {
			poison()
			if InUse()&upperInUse == 0 {
				t.Error("the processor does not tell of garbage")
			}
		}
	})
}
