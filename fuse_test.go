package spatialdropout_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
)

func testFused[T number](t *testing.T) {
	shareAll(t)
	r := rand.New(rand.NewPCG(1, 70))
	runs := 16
	if instrumented || testing.Short() {
		runs = 2
	}
	all := append(tensors(t),
		// More than one call of a kernel takes, short rows, few channels, long rows, and much in small planes.
		dense(t, layout.NCHW, 1, 1, 260, 270), dense(t, layout.NCHW, 2, 3, 1, 4500), dense(t, layout.NHWC, 2, 60, 70, 3), dense(t, layout.NHWC, 1, 1, 2, 9500), dense(t, layout.NCHW, 50, 3, 2, 2),
		dense(t, layout.NC, 300, 3), dense(t, layout.NC, 9, 131), dense(t, layout.NHWC, 2, 20, 20, 16), dense(t, layout.NCHW8c, 2, 11, 20, 20))
	for i, x := range all {
		if testing.Short() && x.length > 5000 && (i+sizeOf[T]()/2)%2 > 0 {
			continue // floats have the one half of the large tensors, and halves the other
		}
		ways := append(others(t, x), x, x, x, x)
		runs := runs
		if x.length > 5000 {
			runs = max(runs/4, 1)
		}
		for i := range runs {
			y := ways[r.IntN(len(ways))]
			f := anyFusing[T](r, x, y)
			if i%4 == 0 {
				onTiers(t, func(string) {
					if err := f.check(r, 1, [3]int{}); err != nil {
						t.Fatal(err)
					}
				})
				continue
			}
			var lists [3]int
			if i%2 == 0 {
				for k, of := range [...]tensor{x, y, x} {
					if cuts := of.divisions(); len(cuts) > 0 && !of.view {
						lists[k] = cuts[r.IntN(len(cuts))] * r.IntN(2)
					}
				}
			}
			if err := f.check(r, r.IntN(4), lists); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A fused call has the bits of one pass for each operator, for every mask, tensor and way to share
// memory.
func TestFusedCallsAreTheOracles(t *testing.T) {
	t.Run("float32", testFused[float32])
	t.Run("float64", testFused[float64])
	t.Run("float16", testFused[float16])
	t.Run("bfloat16", testFused[bfloat16])
}
