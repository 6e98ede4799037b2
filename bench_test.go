package spatialdropout_test

import (
	"fmt"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// benchmarkShapes are samples, channels, height and width. The largest tensor has 6.4 MB of
// float32. None of them is large enough for a second goroutine.
var benchmarkShapes = [][4]int{{1, 1, 4, 4}, {8, 512, 7, 7}, {1, 64, 56, 56}, {8, 64, 56, 56}}

// eachGeometry calls f for tensors of both layouts. The name is made of keys and values as
// benchstat reads them.
func eachGeometry(b *testing.B, f func(name string, g layout.Geometry)) {
	for _, o := range []layout.Order{layout.NCHW, layout.NHWC} {
		for _, s := range benchmarkShapes {
			dims := s[:]
			if o == layout.NHWC {
				dims = []int{s[0], s[2], s[3], s[1]}
			}
			g, err := o.Of(dims...)
			if err != nil {
				b.Fatal(err)
			}
			f(fmt.Sprintf("layout=%v/size=%dx%dx%dx%d", o, s[0], s[1], s[2], s[3]), g)
		}
	}
}

// BenchmarkApply applies a mask to another tensor, in bytes that it writes. The mask is drawn
// beforehand.
//
//	go test -run '^$' -bench 'Apply/type=float32/layout=NCHW'
func BenchmarkApply(b *testing.B) {
	benchmarkApply(b, kernel.F32, spatialdropout.Apply[float32])
	benchmarkApply(b, kernel.F64, spatialdropout.Apply[float64])
	for _, k := range []*kernel.Kind{kernel.F16, kernel.BF16} {
		benchmarkApply(b, k, func(dst, src []uint16, m *mask.Mask, g layout.Geometry) error {
			return spatialdropout.ApplyTensor(spatialdropout.As(k, dst, g), spatialdropout.As(k, src, g), m, 0)
		})
	}
}

func benchmarkApply[T kernel.Float | kernel.Half](b *testing.B, k *kernel.Kind, apply func(dst, src []T, m *mask.Mask, g layout.Geometry) error) {
	eachGeometry(b, func(name string, g layout.Geometry) {
		dst, src := make([]T, g.Len()), make([]T, g.Len())
		for _, rate := range []float64{0, 0.5} {
			b.Run(fmt.Sprintf("type=%v/%s/rate=%v", k, name, rate), func(b *testing.B) {
				drop, err := spatialdropout.New(rate, spatialdropout.WithSeed(42))
				if err != nil {
					b.Fatal(err)
				}
				m, err := drop.Draw(g)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(g.Len() * k.Size()))
				b.ResetTimer()
				for range b.N {
					if err := apply(dst, src, m, g); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

// BenchmarkLayer makes the passes of a layer, which draws a mask in each forward pass and
// draws it again in the backward one.
//
//	go test -run '^$' -bench 'Layer/type=float32'
func BenchmarkLayer(b *testing.B) {
	eachGeometry(b, func(name string, g layout.Geometry) {
		x, y := make([]float32, g.Len()), make([]float32, g.Len())
		for _, both := range []bool{false, true} {
			pass := "forward"
			if both {
				pass = "both"
			}
			b.Run(fmt.Sprintf("type=float32/%s/rate=0.5/pass=%s", name, pass), func(b *testing.B) {
				layer, err := spatialdropout.NewLayer[float32](0.5, spatialdropout.WithSeed(42))
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(4 * g.Len()))
				b.ResetTimer()
				for range b.N {
					if err := layer.Forward(y, x, g); err != nil {
						b.Fatal(err)
					}
					if !both {
						continue
					}
					if err := layer.Backward(x, y, g); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}
