package spatialdropout_test

import (
	"fmt"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// BenchmarkCompact measures compactions beside Apply on the same tensor, of which half of the channels are kept. Bytes
// are those of the full tensor.
func BenchmarkCompact(b *testing.B) {
	for _, x := range []struct {
		order layout.Order
		dims  []int
	}{
		{layout.NCHW, []int{1, 4, 3, 3}}, {layout.NHWC, []int{1, 3, 3, 4}}, {layout.NCHW, []int{1, 64, 7, 7}}, {layout.NHWC, []int{1, 7, 7, 64}},
		{layout.NCHW, []int{8, 64, 28, 28}}, {layout.NHWC, []int{8, 28, 28, 64}}, {layout.NCHW, []int{32, 128, 7, 7}}, {layout.NHWC, []int{32, 7, 7, 128}},
		{layout.NCHW, []int{32, 64, 56, 56}}, {layout.NHWC, []int{32, 56, 56, 64}},
	} {
		g, err := x.order.Of(x.dims...)
		if err != nil {
			b.Fatal(err)
		}
		d, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1), spatialdropout.WithSharing(mask.FixedCount))
		if err != nil {
			b.Fatal(err)
		}
		m, err := d.Draw(g)
		if err != nil {
			b.Fatal(err)
		}
		c := compact(b, m, g)
		full, other, packed := filled[float32](g.Len(), 1), filled[float32](g.Len(), 1), filled[float32](c.Len(), 1)
		of := kernel.Of[float32]
		for _, does := range []struct {
			name string
			call func() error
		}{
			{"Apply", func() error {
				return spatialdropout.ApplyTensor(spatialdropout.Of(other, g), spatialdropout.Of(full, g), m, 1)
			}},
			{"Gather", func() error { return c.Gather(of(packed), of(full), 1) }},
			{"Scatter", func() error { return c.Scatter(of(full), of(packed), 1) }},
			{"ScatterAdd", func() error { return c.ScatterAdd(of(full), of(packed), 1) }},
			{"GatherInPlace", func() error { return c.Gather(of(full[:c.Len()]), of(full), 1) }},
			{"ScatterInPlace", func() error { return c.Scatter(of(full), of(full[:c.Len()]), 1) }},
			{"Gather2", func() error { return c.Gather(of(packed), of(full), 2) }},
			{"Reset", func() error { return c.Reset(m, g) }},
		} {
			b.Run(fmt.Sprintf("%v%v/%s", x.order, x.dims, does.name), func(b *testing.B) {
				b.SetBytes(int64(4 * g.Len()))
				for range b.N {
					if err := does.call(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
