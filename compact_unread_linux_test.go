package spatialdropout_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/race"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Dropped maps are neither read by Gather nor touched by ScatterAdd: here each lies on pages that fault. Maps fill
// their pages, or leave a gap in a view.
func TestDroppedMapsAreNotTouched(t *testing.T) {
	if race.Enabled {
		t.Skip("the fences see no more with it")
	}
	const samples, channels = 3, 9
	for _, pages := range []int{1, 3, 30} {
		plane := pages * os.Getpagesize() / 4
		for _, gap := range []int{0, 1} {
			x := strided(t, []int{samples, channels, plane - gap}, []int{channels * plane, plane, 1}, 0, 1)
			for _, rule := range []mask.Rule{mask.Reciprocal, mask.Quotient, mask.Unscaled} {
				memory := machine.Mapped(t, samples*channels*plane*4)
				m, err := mask.New(samples, channels, 0.5, mask.Arithmetic{Rule: rule})
				if err != nil {
					t.Fatal(err)
				}
				r := rand.New(rand.NewPCG(2, 40))
				for p := range samples * channels {
					if r.IntN(2) == 0 {
						m.Set(p/channels, p%channels, false)
						machine.Forbid(t, memory[p*plane*4:][:plane*4])
					}
				}
				full := kernel.Of(unsafe.Slice((*float32)(unsafe.Pointer(&memory[0])), x.length))
				c := compact(t, m, x.geom)
				packed := kernel.Of(make([]float32, c.Len()))
				onTiers(t, func(tier string) {
					for _, workers := range []int{1, 3} {
						if err := machine.Faulted(func() {
							if err := c.Gather(packed, full, workers); err != nil {
								t.Error(err)
							}
							if err := c.ScatterAdd(full, packed, workers); err != nil {
								t.Error(err)
							}
						}); err != nil {
							t.Errorf("%s, %v, %d workers, tier %s: %v", x.name, rule, workers, tier, err)
						}
					}
				})
			}
		}
	}
}
