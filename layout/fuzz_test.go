package layout_test

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
)

// FuzzStrided compares Strided with brute force. Each axis takes two bytes, its
// dim and its stride; choice picks the sample and the channel axis.
func FuzzStrided(f *testing.F) {
	f.Fuzz(func(t *testing.T, choice uint8, axes []byte) {
		rank := min(len(axes)/2, 7)
		if rank == 0 {
			return
		}
		shape, strides := make([]int, rank), make([]int, rank)
		elements := 1
		for i := range rank {
			shape[i], strides[i] = int(axes[2*i]%8), int(axes[2*i+1])
			elements *= max(shape[i], 1)
		}
		if elements > 4000 {
			return
		}
		channel := int(choice) % rank
		sample := int(choice)/rank%(rank+1) - 1
		if sample == channel {
			if _, err := layout.Strided(shape, strides, sample, channel); err == nil {
				t.Errorf("axis %d taken as sample and channel", channel)
			}
			return
		}
		checkStrided(t, shape, strides, sample, channel)
	})
}
