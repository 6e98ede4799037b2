package spatialdropout_test

import (
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Calls on so few elements are all overhead.
func BenchmarkSmallCalls(b *testing.B) {
	plane := dense(b, layout.NCHW, 1, 1, 4, 4).geom
	planes := dense(b, layout.NCHW, 1, 4, 2, 2).geom
	rows := dense(b, layout.NHWC, 1, 2, 2, 4).geom
	word := dense(b, layout.NC, 1, 64).geom
	x, y := make([]float32, 16), make([]float32, 16)
	half := make([]uint16, 16)
	drop := newDropout(b, 0.5, spatialdropout.WithSeed(1))
	around := spatialdropout.Around{Shift: kernel.Of([]float32{1, 2, 3, 4}), Activation: kernel.ReLU}
	layer := newLayer[float32](b, 0.5, spatialdropout.WithSeed(1))
	one, four, m := draw(b, drop, plane), draw(b, drop, planes), draw(b, drop, word)
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"Apply/plane", func() error { return spatialdropout.Apply(y, x, one, plane) }},
		{"Apply/planes", func() error { return spatialdropout.Apply(y, x, four, planes) }},
		{"Apply/rows", func() error { return spatialdropout.Apply(y, x, four, rows) }},
		{"AddTo/planes", func() error { return spatialdropout.AddTo(y, x, four, planes) }},
		{"ApplyF16/planes", func() error {
			t := spatialdropout.As(kernel.F16, half, planes)
			return spatialdropout.ApplyTensor(t, t, four, 1)
		}},
		{"Fuse/planes", func() error { return spatialdropout.Fuse(y, x, nil, four, around, planes) }},
		{"Fuse/rows", func() error { return spatialdropout.Fuse(y, x, nil, four, around, rows) }},
		{"DrawInto", func() error { return drop.DrawInto(m, word) }},
		{"Forward", func() error { return layer.Forward(y, x, planes) }},
		{"ForwardBackward", func() error {
			if err := layer.Forward(y, x, planes); err != nil {
				return err
			}
			return layer.Backward(y, x, planes)
		}},
		{"Pass", func() error {
			_, err := drop.Forward(spatialdropout.Of(y, planes), spatialdropout.Of(x, planes))
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if err := c.call(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
