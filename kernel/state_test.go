//go:build (amd64 || arm64) && !purego

package kernel

import (
	"bytes"
	"runtime"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/kernel/internal/machine"
)

// TestCallsLeaveTheMachineAsItWas runs every call twice, the second time with garbage
// in the registers, which must change neither what is written nor what the machine is
// set to. Whether a call leaves garbage behind where it must not, each architecture
// knows, see [leaves].
func TestCallsLeaveTheMachineAsItWas(t *testing.T) {
	everyTier(t, func(t *testing.T) {
		if Tier() == tierGeneric {
			return // the compiler's
		}
		var room [4][]uint64
		everyCall(t, func(t *testing.T, c call) {
			runtime.LockOSThread() // another one has the garbage of an earlier call
			defer runtime.UnlockOSThread()
			var at [4]unsafe.Pointer
			var first [4][]byte
			for _, poisoned := range []bool{false, true} {
				for i, o := range c.operands {
					if 8*len(room[i]) < o.bytes+64 {
						room[i] = make([]uint64, o.bytes/8+64)
					}
					for j := range room[i][:o.bytes/8+8] {
						room[i][j] = uint64(j+i+1) * 0x9e3779b97f4a7c15 // any bits
					}
					at[i] = unsafe.Pointer(&room[i][-uintptr(unsafe.Pointer(&room[i][0]))/8%8]) // streams need a line
					if o.fill != nil {
						o.fill(at[i])
					}
				}
				before := machine.Read()
				if poisoned {
					poison()
				}
				c.run(at[:])
				after := machine.Read()
				if left := leaves(poisoned); left != "" {
					t.Fatalf("%v %s", c, left)
				}
				if after != before {
					t.Fatalf("%v changed the state of the machine from %+v to %+v", c, before, after)
				}
				for i, o := range c.operands {
					if !o.written {
						continue
					}
					got := unsafe.Slice((*byte)(at[i]), o.bytes)
					if !poisoned {
						first[i] = append(first[i], got...)
					} else if !bytes.Equal(got, first[i]) {
						t.Fatalf("%v wrote other bits with garbage in the registers than without", c)
					}
				}
			}
		})
	})
}
