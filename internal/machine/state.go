package machine

import (
	"bytes"
	"runtime"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// CheckState runs every call twice, the second time with garbage in the registers.
// The garbage must change neither what is written nor the state of the machine.
// Each architecture knows what of the garbage a call must clear, see leaves.
func CheckState(t *testing.T, calls Calls) {
	EveryTier(t, func(t *testing.T) {
		if tier.InUse() == tier.Generic {
			return // the compiler's work
		}
		var room [MaxOperands][]uint64
		var bits []uint64 // any
		calls(t, func(t *testing.T, c Call) {
			runtime.LockOSThread() // another thread has the garbage of an earlier call
			defer runtime.UnlockOSThread()
			var at [MaxOperands]unsafe.Pointer
			var first [MaxOperands][]byte
			for _, poisoned := range []bool{false, true} {
				for i, o := range c.Operands {
					if 8*len(room[i]) < o.Bytes+64 {
						room[i] = make([]uint64, o.Bytes/8+64)
					}
					for n := o.Bytes/8 + 8 + MaxOperands; len(bits) < n; {
						bits = append(bits, uint64(len(bits)+1)*0x9e3779b97f4a7c15)
					}
					copy(room[i][:o.Bytes/8+8], bits[i:])
					at[i] = onLine(unsafe.Pointer(&room[i][0]))
					o.fill(at[i])
				}
				before := read()
				if poisoned {
					poison()
				}
				c.Run(at[:])
				after := read()
				if poisoned {
					if left := leaves(); left != "" {
						t.Fatalf("%v %s", c, left)
					}
				}
				if after != before {
					t.Fatalf("%v changed the state of the machine from %+v to %+v", c, before, after)
				}
				for i, o := range c.Operands {
					if !o.Written {
						continue
					}
					got := unsafe.Slice((*byte)(at[i]), o.Bytes)
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
