package spatialdropout_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

// A tensor in one slice, and in one for each sample or channel that the allocator has placed.
func BenchmarkLists(b *testing.B) {
	for _, dims := range [][]int{{8, 64, 7, 7}, {8, 64, 28, 28}, {32, 64, 56, 56}} {
		geom, err := layout.NCHW.Of(dims...)
		if err != nil {
			b.Fatal(err)
		}
		m := draw(b, newDropout(b, 0.5, spatialdropout.WithSeed(1)), geom)
		r := rand.New(rand.NewPCG(1, 1))
		for _, n := range []int{1, dims[0], dims[0] * dims[1]} {
			of := func() spatialdropout.Tensor {
				list := make([][]float32, n)
				for _, i := range r.Perm(n) {
					list[i] = make([]float32, geom.Len()/n)
				}
				return listOf(list, geom)
			}
			dst, src := of(), of()
			for _, w := range []int{1, 2} {
				b.Run(fmt.Sprintf("%v/slices=%d/workers=%d", dims, n, w), func(b *testing.B) {
					b.SetBytes(int64(4 * geom.Len()))
					for range b.N {
						if err := spatialdropout.ApplyTensor(dst, src, m, w); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
