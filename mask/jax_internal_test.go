package mask

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// The last trial of the first half of an odd batch is paired with padding. Its threshold
// is as exact as that of the others.
func TestThresholdOfATrialPairedWithPaddingIsExact(t *testing.T) {
	for _, total := range []int{1, 3, 65, 127, 129} {
		last := total / 2 // the last of the first half
		number, _ := draw.ThreefryBlock(uint32(last), 0, 5, 6)
		for threshold, want := range map[uint32]bool{number - 1: false, number: false, number + 1: true} {
			m, err := New(1, total, 0.5, Arithmetic{})
			if err != nil {
				t.Fatal(err)
			}
			m.drawPairs(Key{5, 6}, uint64(total), threshold, 0)
			if m.Kept(0, last) != want {
				t.Errorf("trial %d of %d, number %d below %d: kept %v, want %v", last, total, number, threshold, !want, want)
			}
		}
	}
}
