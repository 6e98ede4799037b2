package mask_test

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// CPython 3.11 gives these numbers, and Keras 3.15.1 has those of 123 as seeds of its first layers.
func TestSeedsOfKerasLayersAreThoseOfPython(t *testing.T) {
	for seed, numbers := range map[uint32]map[uint32]int32{
		0:         {0: 906691060, 1: 413654000, 2: 813847340},
		123:       {0: 56224986, 1: 287416173, 2: 93615980, 623: 636539040, 1000: 955931959},
		1<<32 - 1: {0: 682209859, 5: 560920438, 100000: 320415982},
	} {
		for taken, want := range numbers {
			if got := mask.KerasSeed(seed, taken); got != want {
				t.Errorf("seed %d, %d taken: %d, want %d", seed, taken, got, want)
			}
		}
	}
}
