//go:build !purego

package kernel

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel/internal/machine"
)

var tellsInUse = machine.TellsInUse()

func poison() { machine.Poison(Tier() == tierAVX512) }

// upperInUse are the bits of what [machine.InUse] returns that stand for upper halves of
// Y0 to Y15 and of Z0 to Z15.
const upperInUse = 1<<2 | 1<<6

// leaves says what of the garbage a call has left, which it must not: the upper halves
// of the vector registers, which make what Go computes with the lower ones slow. They
// are looked at, and the processor is asked, which has a register in use even where it
// has come to be 0.
func leaves(poisoned bool) string {
	var inUse uint64
	if tellsInUse {
		inUse = machine.InUse() & upperInUse
	}
	if !poisoned {
		return "" // what Go did before
	}
	for i, half := range machine.UpperHalves() {
		if half != [2]uint64{} {
			return fmt.Sprintf("left %#x in the upper half of Y%d", half, i)
		}
	}
	if inUse != 0 {
		return fmt.Sprintf("left upper halves in use, XINUSE %#x", inUse)
	}
	return ""
}

// TestTheMachineIsSeen leaves what calls must not leave.
func TestTheMachineIsSeen(t *testing.T) {
	t.Logf("the processor tells which registers are in use: %v", tellsInUse)
	if s := machine.ReverseDirection(); s.Flags == 0 || machine.Read().Flags != 0 {
		t.Errorf("the direction flag is not seen: %+v, then %+v", s, machine.Read())
	}
	if s := machine.Read(); s.Control != 0x1f80 {
		t.Errorf("MXCSR is %#x, want what Go runs with: 0x1f80", s.Control)
	}
	everyTier(t, func(t *testing.T) {
		if Tier() == tierGeneric {
			return
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		poison()
		if left := leaves(true); left == "" {
			t.Error("garbage is not seen")
		}
		poison()
		machine.ClearUpperHalves()
		if left := leaves(true); left != "" {
			t.Errorf("VZEROUPPER %s", left)
		}
		if tellsInUse {
			poison()
			if machine.InUse()&upperInUse == 0 {
				t.Error("the processor does not tell of garbage")
			}
		}
	})
}
