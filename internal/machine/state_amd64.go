//go:build !purego

package machine

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/tier"
)

var canAskInUse = tellsInUse()

func poison() { poisonVectors(tier.AVX512) }

// upperInUse are the bits of what inUse returns that stand for upper halves of Y0 to
// Y15 and of Z0 to Z15.
const upperInUse = 1<<2 | 1<<6

// leaves says what of the garbage a call has left that it must clear: the upper halves
// of the vector registers, which slow down what Go computes with the lower ones. It
// reads them and asks the processor, which counts a register as in use even if it has
// become 0.
func leaves() string {
	var used uint64
	if canAskInUse {
		used = inUse() & upperInUse // before anything else uses a register
	}
	for i, half := range upperHalves() {
		if half != [2]uint64{} {
			return fmt.Sprintf("left %#x in the upper half of Y%d", half, i)
		}
	}
	if used != 0 {
		return fmt.Sprintf("left upper halves in use, XINUSE %#x", used)
	}
	return ""
}
