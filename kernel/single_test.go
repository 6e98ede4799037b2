package kernel

import (
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Loops of a single step change no bit, whatever way a call takes: in place a plane with factor 1
// stays as it is, and rows are multiplied, so that a signalling NaN in them becomes quiet.
func TestSingleStepsMakeNoDifference(t *testing.T) {
	before := CurrentStrategy()
	defer use(before)
	many := layout.Loop{Size: 8, Dst: 1, Src: 1}
	for _, loops := range [][]layout.Loop{
		{{Size: 8, Dst: 1, Src: 1, Factor: 1}, {Size: 1, Dst: 1, Src: 1}}, {many, {Size: 1, Dst: 1, Src: 1, Factor: 1}},
		{{Size: 1, Dst: 8, Src: 8, Factor: 1}, many}, {{Size: 1, Dst: 8, Src: 8}, {Size: 8, Dst: 1, Src: 1, Factor: 1}},
		{{Size: 1, Dst: 1, Src: 1}}, {{Size: 1, Dst: 1, Src: 1, Factor: 1}}, {{Size: 1, Dst: 1, Src: 1, Factor: 1}, {Size: 1, Dst: 1, Src: 1}},
	} {
		machine.EachTier(func(tier string) {
			run := func(workers, stream int) (bits [8]uint32) {
				streamFrom(stream)
				x, factors := make([]float32, 8), []float32{1, 1, 1, 1, 1, 1, 1, 1}
				for i := range x {
					x[i] = math.Float32frombits(0x7f800001 + uint32(i))
				}
				if err := Run(Scale, Of(x), Of(x), Of(factors), Vector{}, loops, workers); err != nil {
					t.Fatal(err)
				}
				for i := range x {
					bits[i] = math.Float32bits(x[i])
				}
				return bits
			}
			want := run(1, math.MaxInt)
			for _, stream := range []int{0, math.MaxInt} {
				for workers := range 3 {
					if got := run(workers, stream); got != want {
						t.Errorf("tier %s, %v: %#x with %d workers and streams from %d, want %#x as with one", tier, loops, got, workers, stream, want)
					}
				}
			}
		})
	}
}
