package mask_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// BenchmarkDraw draws 65,536 channels from every stream. The reported metric is
// nanoseconds a channel.
func BenchmarkDraw(b *testing.B) {
	streams := []mask.Stream{parse("jax:0/original"), parse("jax:0/x64"), parse("tensorflow:0/float64"), mask.Source(rand.NewPCG(1, 2))}
	for _, name := range mask.StreamNames() {
		s, err := mask.ParseStream(name)
		if err != nil {
			b.Fatal(err)
		}
		streams = append(streams, s)
	}
	m, err := mask.New(128, 512, 0.5, mask.Arithmetic{})
	if err != nil {
		b.Fatal(err)
	}
	perChannel := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(128*512), "ns/channel")
	}
	for _, s := range streams {
		at := mask.Place{} // goes on where the run before ended: a source cannot go back
		// A slash within a value would end it.
		b.Run("stream="+strings.ReplaceAll(s.String(), "/", "+"), func(b *testing.B) {
			for range b.N {
				if err := s.Draw(m, at); err != nil {
					b.Fatal(err)
				}
				at = s.After(at, 128, 512, 0.5)
			}
			perChannel(b)
		})
	}
	for _, share := range []mask.Sharing{mask.PerChannel, mask.PerSample, mask.FixedCount} {
		b.Run("sharing="+share.String(), func(b *testing.B) {
			for i := range b.N {
				if err := mask.Draw(m, mask.Philox(0), share, mask.Place{Step: uint64(i)}); err != nil {
					b.Fatal(err)
				}
			}
			perChannel(b)
		})
	}
	b.Run("rule=Gaussian", func(b *testing.B) {
		factors := make([]float32, 128*512)
		if err := m.Reset(128, 512, 0.5, mask.Arithmetic{Rule: mask.Gaussian}); err != nil {
			b.Fatal(err)
		}
		for i := range b.N {
			if err := mask.Philox(0).Draw(m, mask.Place{Step: uint64(i)}); err != nil {
				b.Fatal(err)
			}
			if err := mask.Factors(mask.Float32, factors, m, 512); err != nil {
				b.Fatal(err)
			}
		}
		perChannel(b)
	})
}
