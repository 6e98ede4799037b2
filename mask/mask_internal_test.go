package mask

import (
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// The number of words of bits is that of the trials rounded up to a multiple of 64, which must not overflow.
func TestTrialsAreLimited(t *testing.T) {
	const most = min(1<<36, math.MaxInt-63)
	if got, err := trialsOf(1, most); got != most || err != nil {
		t.Errorf("%d, %v, want %d", got, err, most)
	}
	for _, shape := range [][2]int{{1, most + 1}, {most + 1, 1}, {most, 2}, {math.MaxInt, math.MaxInt}} {
		if got, err := trialsOf(shape[0], shape[1]); got != 0 || err == nil {
			t.Errorf("%d×%d: %d, %v, want an error", shape[0], shape[1], got, err)
		}
	}
}

// A number of two words is below the one after it, not below itself.
func TestNumbersOfTwoWordsAreComparedExactly(t *testing.T) {
	key := [2]uint32{5, 6}
	for _, trial := range []uint64{0, 1, 1<<32 - 1, 1<<32 + 7, 1 << 50} {
		x0, x1 := draw.ThreefryBlock(uint32(trial>>32), uint32(trial), key[0], key[1])
		wide := wideNumbers{seed: 6<<32 | 5}
		lowFirst := wide.at(trial)
		for _, c := range []struct {
			name   string
			below  func(threshold uint64) bool
			number uint64
		}{
			{"Threefry", func(threshold uint64) bool {
				b := blocks{draw: draw.Spec{Key: key}, double: true, threshold: threshold}
				return b.exact(trial)
			}, uint64(x0)<<32 | uint64(x1)},
			{"Philox, low word first", func(threshold uint64) bool {
				w := words{draw: draw.Spec{Key: key}, double: true, lowFirst: true, threshold: threshold}
				return w.exact(trial)
			}, lowFirst},
			{"Philox, high word first", func(threshold uint64) bool {
				w := words{draw: draw.Spec{Key: key}, double: true, threshold: threshold}
				return w.exact(trial)
			}, lowFirst<<32 | lowFirst>>32},
		} {
			for threshold, want := range map[uint64]bool{c.number - 1: false, c.number: false, c.number + 1: true} {
				if c.below(threshold) != want {
					t.Errorf("%s: trial %d, number %d, is below %d: %v, want %v", c.name, trial, c.number, threshold, !want, want)
				}
			}
		}
	}
}
