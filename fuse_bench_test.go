package spatialdropout_test

import (
	"fmt"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// fusedShapes are samples, channels, height and width: for the first cache, the second, the third and
// memory, in float32.
var fusedShapes = [][4]int{{1, 16, 8, 8}, {1, 64, 28, 28}, {8, 64, 28, 28}, {32, 256, 56, 56}}

// BenchmarkFuse makes fused calls, and the same with kernels that do a part of it each: a scale, a shift and a ReLU,
// then dropout, then the sum with the residual. The gradient has a plain loop for the ReLU. Bytes
// are those of dst.
//
//	go test -run '^$' -bench 'Fuse/layout=NCHW/size=32x256x56x56'
func BenchmarkFuse(b *testing.B) {
	for _, o := range []layout.Order{layout.NCHW, layout.NHWC} {
		for _, s := range fusedShapes {
			dims := s[:]
			if o == layout.NHWC {
				dims = []int{s[0], s[2], s[3], s[1]}
			}
			g, err := o.Of(dims...)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("layout=%v/size=%dx%dx%dx%d", o, s[0], s[1], s[2], s[3]), func(b *testing.B) { benchmarkFuse(b, g) })
		}
	}
}

func benchmarkFuse(b *testing.B, g layout.Geometry) {
	number := func(n int) []float32 {
		all := make([]float32, n)
		for i := range all {
			all[i] = float32(i%13-6) / 4
		}
		return all
	}
	x, r, y := number(g.Len()), number(g.Len()), number(g.Len()) // memory that is there
	scale, shift := number(g.Channels()), number(g.Channels())
	var scales, shifts []float32 // of all samples
	for range g.Samples() {
		scales, shifts = append(scales, scale...), append(shifts, shift...)
	}
	m := draw(b, newDropout(b, 0.5, spatialdropout.WithSeed(42)), g)
	factors := make([]float32, len(scales))
	if err := mask.Factors(mask.Float32, factors, m, g.Channels()); err != nil {
		b.Fatal(err)
	}
	a := spatialdropout.Around{Scale: kernel.Of(scale), Shift: kernel.Of(shift), Activation: kernel.ReLU}
	from := spatialdropout.FromInput(spatialdropout.Of(x, g))
	for _, c := range []struct {
		name  string
		calls []func() error
	}{
		{"forward/way=fused", []func() error{func() error { return spatialdropout.Fuse(y, x, nil, m, a, g) }}},
		{"forward/way=passes", []func() error{
			func() error {
				return kernel.Run(kernel.AffineMax, kernel.Of(y), kernel.Of(x), kernel.Of(scales), kernel.Of(shifts), g.Loops(), 0)
			},
			func() error { return spatialdropout.Apply(y, y, m, g) },
		}},
		{"residual/way=fused", []func() error{func() error { return spatialdropout.Fuse(y, x, y, m, a, g) }}},
		{"residual/way=apart", []func() error{func() error { return spatialdropout.Fuse(y, x, r, m, a, g) }}},
		{"residual/way=passes", []func() error{
			func() error {
				return kernel.Run(kernel.AffineMax, kernel.Of(r), kernel.Of(x), kernel.Of(scales), kernel.Of(shifts), g.Loops(), 0)
			},
			func() error { return spatialdropout.AddTo(y, r, m, g) },
		}},
		{"gradient/way=fused", []func() error{func() error { return spatialdropout.FuseBackward(y, r, from, m, a, g) }}},
		{"gradient/way=passes", []func() error{
			func() error { return spatialdropout.Apply(y, r, m, g) },
			func() error {
				return kernel.Run(kernel.Multiply, kernel.Of(y), kernel.Of(y), kernel.Of(scales), kernel.Vector{}, g.Loops(), 0)
			},
			func() error {
				x := x[:len(y)]
				for i := range y {
					if x[i] <= 0 {
						y[i] = 0
					}
				}
				return nil
			},
		}},
		{"dropout", []func() error{func() error { return spatialdropout.Apply(y, x, m, g) }}},
	} {
		b.Run("pass="+c.name, func(b *testing.B) {
			b.SetBytes(int64(4 * g.Len()))
			b.ReportAllocs()
			for range b.N {
				for _, call := range c.calls {
					if err := call(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
