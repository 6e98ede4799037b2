package spatialdropout_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// sharings are the ways to share a trial that a stream allows.
func sharings(s mask.Stream) []mask.Sharing {
	all := []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample}
	if _, ok := s.(mask.Counter); ok {
		all = append(all, mask.FixedCount)
	}
	return all
}

// sharedRows returns what a mask must be in which channels share trials: what the
// stream draws for fewer channels or samples, repeated.
func sharedRows(t testing.TB, s mask.Stream, sharing mask.Sharing, samples, channels int, rate float64) []string {
	all := make([]string, samples)
	switch sharing {
	case mask.PerChannel:
		row := rows(draw(t, newDropout(t, rate, spatialdropout.WithStream(s)), dense(t, layout.NC, 1, channels).geom))[0]
		for n := range all {
			all[n] = row
		}
	case mask.PerSample:
		column := rows(draw(t, newDropout(t, rate, spatialdropout.WithStream(s)), dense(t, layout.NC, samples, 1).geom))
		for n := range all {
			for range channels {
				all[n] += column[n]
			}
		}
	default:
		return rows(draw(t, newDropout(t, rate, spatialdropout.WithStream(s)), dense(t, layout.NC, samples, channels).geom))
	}
	return all
}

func TestSharedTrialsAreRepeated(t *testing.T) {
	x := dense(t, layout.NHWC, 7, 2, 1, 45)
	for name, stream := range streams(t) {
		for _, sharing := range sharings(stream()) {
			if sharing == mask.FixedCount {
				continue
			}
			d := newDropout(t, 0.4, spatialdropout.WithStream(stream()), spatialdropout.WithSharing(sharing))
			want := sharedRows(t, stream(), sharing, 7, 45, 0.4)
			if got := rows(draw(t, d, x.geom)); !equal(got, want) {
				t.Errorf("%s, %v:\n%v, want\n%v", name, sharing, got, want)
			}
		}
	}
}

// Where the count is fixed it is the same in every sample, every channel has its
// share, and no two samples need agree.
func TestFixedCountKeepsAsManyInEverySample(t *testing.T) {
	const samples, channels = 600, 10
	x := dense(t, layout.NC, samples, channels)
	for name, stream := range streams(t) {
		if _, ok := stream().(mask.Counter); !ok {
			continue
		}
		for rate, count := range map[float64]int{0: 10, 0.01: 10, 0.25: 8, 0.5: 5, 0.72: 3, 0.949: 1, 0.96: 1, 1: 0} {
			m := draw(t, newDropout(t, rate, spatialdropout.WithStream(stream()), spatialdropout.WithSharing(mask.FixedCount)), x.geom)
			kept := make([]int, channels)
			for n := range samples {
				row := m.AppendKept(nil, n)
				if len(row) != count {
					t.Fatalf("%s, rate %v: %d kept in sample %d, want %d", name, rate, len(row), n, count)
				}
				for _, c := range row {
					kept[c]++
				}
			}
			share := float64(count) / channels
			for c, k := range kept {
				// Five standard deviations.
				if math.Abs(float64(k)-samples*share) > 5*math.Sqrt(samples*share*(1-share)) {
					t.Errorf("%s, rate %v: channel %d is kept %d times of %d, want about %v", name, rate, c, k, samples, samples*share)
				}
			}
		}
	}
}

func testSharing[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 30))
	for _, x := range []tensor{dense(t, layout.NCHW, 3, 7, 3, 5), dense(t, layout.NHWC, 3, 3, 5, 7), dense(t, layout.NCHW8c, 3, 7, 3, 5), dense(t, layout.NC, 5, 67), strided(t, []int{3, 7, 19}, []int{231, 33, 1}, 0, 2)} {
		for _, text := range []string{"philox:5", "pytorch:5", "jax:5", "tensorflow:5"} {
			for _, sharing := range sharings(streamOf(t, text)) {
				opts := func() []spatialdropout.Option {
					return []spatialdropout.Option{spatialdropout.WithStream(streamOf(t, text)), spatialdropout.WithSharing(sharing)}
				}
				d, drawing, l := newDropout(t, 0.3, opts()...), newDropout(t, 0.3, opts()...), newLayer[T](t, 0.3, opts()...)
				for range 2 {
					p, m := d.Next(x.geom), draw(t, drawing, x.geom)
					two := sharedBy(t, d, 2).At(p.Place(), x.geom)
					dst, src := operands[T](r, x)
					c := callOf(m)
					if sharing == mask.FixedCount {
						// The factor makes up for the channels that are gone, to the bit.
						c.count = int(math.Floor(0.7*float64(x.channels) + 0.5))
					}
					for _, p := range []spatialdropout.Pass{p, two} {
						if err := checkPass(x, c, m, p, dst, src); err != nil {
							t.Fatalf("%s, %s, %v: %v", x.name, text, sharing, err)
						}
					}
					for _, c.add = range []bool{false, true} {
						if err := checkMask(x, c, m, dst, src, 1, 2); err != nil {
							t.Fatalf("%s, %s, %v: %v", x.name, text, sharing, err)
						}
					}
					want := append([]T(nil), src...)
					clear(want)
					if err := k.apply(want, src, m, x.geom); err != nil {
						t.Fatal(err)
					}
					if y := forward(t, l, src, x.geom); !same(y, want) || !maskOf(t, l).Equal(m) {
						t.Fatalf("%s, %s, %v: Forward is not Apply", x.name, text, sharing)
					}
					if dx := backward(t, l, src, x.geom); !same(dx, want) {
						t.Fatalf("%s, %s, %v: Backward is not Apply", x.name, text, sharing)
					}
				}
			}
		}
	}
}

func TestSharedTrialsAreTheOraclesThroughEveryCall(t *testing.T) {
	t.Run("float32", testSharing[float32])
	t.Run("float64", testSharing[float64])
	t.Run("float16", testSharing[float16])
	t.Run("bfloat16", testSharing[bfloat16])
}

// Shards that know the whole batch draw their rows of its mask, step for step, from
// every stream and however trials are shared.
func TestShardsOfEveryStreamDrawTheirRows(t *testing.T) {
	const batch = 11
	for _, channels := range []int{3, 64, 70} {
		geometry := func(n int) layout.Geometry { return dense(t, layout.NCW, n, channels, 2).geom }
		for name, stream := range streams(t) {
			for _, sharing := range sharings(stream()) {
				common := spatialdropout.WithSharing(sharing)
				whole := newDropout(t, 0.4, spatialdropout.WithStream(stream()), common)
				cuts := []int{0, 2, 2, 7, 11}
				var shards []*spatialdropout.Dropout
				for _, from := range cuts[:len(cuts)-1] {
					shards = append(shards, newDropout(t, 0.4, spatialdropout.WithStream(stream()), common, shardOf(uint64(from), batch)))
				}
				for step := range 3 {
					want := rows(draw(t, whole, geometry(batch)))
					for i, d := range shards {
						from, to := cuts[i], cuts[i+1]
						if got := rows(draw(t, d, geometry(to-from))); !equal(got, want[from:to]) {
							t.Fatalf("%s, %v, %d channels, step %d: samples [%d,%d) are\n%v, want\n%v", name, sharing, channels, step, from, to, got, want[from:to])
						}
						if state(d) != state(whole) {
							t.Fatalf("%s, %v: a shard is at %+v, the whole at %+v", name, sharing, state(d), state(whole))
						}
					}
				}
			}
		}
	}
}
