package kernel

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/layout"
)

// BenchmarkFused measures a scale with a shift, ReLU and dropout in one pass beside the same in
// two passes, in bytes of dst. Half of the channels are dropped. past stores past the cache. The
// two passes do as [Run] does with one worker.
//
//	go test ./kernel -run '^$' -bench 'Fused/bytes=25690112'
func BenchmarkFused(b *testing.B) {
	for _, bytes := range []int{256 << 10, 25690112} {
		for _, c := range []struct {
			name   string
			length int
			shape  shape
		}{{"planes=7x7", 49, planes}, {"planes=14x14", 196, planes}, {"planes=28x28", 784, planes}, {"planes=56x56", 3136, planes}, {"planes=112x112", 12544, planes}, {"rows=64", 64, pixels}, {"rows=2048", 2048, pixels}} {
			count := max(1, bytes/4/c.length)
			n := count * c.length
			dst, src := aligned[float32](n), aligned[float32](n)
			for i := range src {
				src[i] = float32(i%13) - 6
			}
			channels, loops := count, densePlanes(count, c.length)
			if c.shape == pixels {
				channels, loops = c.length, denseRows(count, c.length)
			}
			factors, scales, shifts := make([]float32, channels), make([]float32, channels), make([]float32, channels)
			for i := range factors {
				// An order that no branch predictor learns.
				factors[i], scales[i], shifts[i] = float32(uint32(i)*2654435761>>31*2), 1.5, 0.25
			}
			limit := formats[0].inf()
			run := func(name string, f func()) {
				b.Run(fmt.Sprintf("bytes=%d/%s/%s", bytes, c.name, name), func(b *testing.B) {
					b.SetBytes(int64(4 * n))
					for range b.N {
						f()
					}
				})
			}
			pass := func(op Op, to, from, factors, shifts []float32, loops []layout.Loop) {
				if err := Run(op, Of(to), Of(from), Of(factors), Of(shifts), loops, 1); err != nil {
					b.Fatal(err)
				}
			}
			run("way=passes", func() {
				pass(AffineMax, dst, src, scales, shifts, loops)
				pass(Scale, dst, dst, factors, nil, loops)
			})
			for past, k := range waysFusedF32[fuseReLU] {
				if k := k[c.shape]; k != noFused {
					run("way="+[]string{"fused", "past"}[past], func() {
						dispatchFusedF32(k, unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), nil, unsafe.Pointer(&factors[0]), unsafe.Pointer(&scales[0]), unsafe.Pointer(&shifts[0]), unsafe.Pointer(&limit), count, c.length)
						fence()
					})
				}
			}
		}
	}
}
