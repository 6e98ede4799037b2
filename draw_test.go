package spatialdropout_test

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// seeded calls make with the options, and with the seed 0 unless they say where the trials
// come from: tests that draw at random would fail at random.
func seeded[T any](make func(...spatialdropout.Option) (T, error), opts []spatialdropout.Option) (T, error) {
	made, err := make(append([]spatialdropout.Option{spatialdropout.WithSeed(0)}, opts...)...)
	var contradicting *spatialdropout.ArgumentError
	if errors.As(err, &contradicting) {
		return make(opts...)
	}
	return made, err
}

// newDropout returns a Dropout, see seeded, and fails the test on an error.
func newDropout(t testing.TB, rate float64, opts ...spatialdropout.Option) *spatialdropout.Dropout {
	t.Helper()
	d, err := seeded(func(opts ...spatialdropout.Option) (*spatialdropout.Dropout, error) {
		return spatialdropout.New(rate, opts...)
	}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// draw returns the next mask.
func draw(t testing.TB, d *spatialdropout.Dropout, g layout.Geometry) *mask.Mask {
	t.Helper()
	m, err := d.Draw(g)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// drawInto makes m the next mask.
func drawInto(t testing.TB, d *spatialdropout.Dropout, m *mask.Mask, g layout.Geometry) {
	t.Helper()
	if err := d.DrawInto(m, g); err != nil {
		t.Fatal(err)
	}
}

// step returns the step of the next draw.
func step(d *spatialdropout.Dropout) uint64 { return d.Generator().State().Step }

// state returns where the stream is.
func state(d *spatialdropout.Dropout) spatialdropout.GeneratorState { return d.Generator().State() }

// atStep returns d, with its stream of Philox at a step.
func atStep(t testing.TB, d *spatialdropout.Dropout, step uint64) *spatialdropout.Dropout {
	t.Helper()
	restore(t, d, spatialdropout.GeneratorState{Stream: d.Generator().Stream().String(), Step: step})
	return d
}

// restore sets where the stream is.
func restore(t testing.TB, d *spatialdropout.Dropout, s spatialdropout.GeneratorState) {
	t.Helper()
	if err := d.Generator().Restore(s); err != nil {
		t.Fatal(err)
	}
}

// withPolicy sets the policy, with the rule Reciprocal.
func withPolicy(p mask.Policy) spatialdropout.Option {
	return spatialdropout.WithArithmetic(mask.Arithmetic{Policy: p})
}

// withRule sets the rule, with the policy Select.
func withRule(r mask.Rule) spatialdropout.Option {
	return spatialdropout.WithArithmetic(mask.Arithmetic{Rule: r})
}

// withRuleOn sets the rule, with the policy that goes with a stream.
func withRuleOn(s mask.Stream, r mask.Rule) spatialdropout.Option {
	return spatialdropout.WithArithmetic(mask.Arithmetic{Policy: s.Arithmetic().Policy, Rule: r})
}

// shardFrom makes the samples of a draw begin at an offset of the batch.
func shardFrom(offset uint64) spatialdropout.Option {
	return spatialdropout.WithShard(mask.Shard{SampleOffset: offset})
}

// shardOf is shardFrom with the size of the batch.
func shardOf(offset, batch uint64) spatialdropout.Option {
	return spatialdropout.WithShard(mask.Shard{SampleOffset: offset, Samples: batch})
}

// rows returns the decisions of a mask, a string for each sample.
func rows(m *mask.Mask) []string {
	all := make([]string, m.Samples())
	for n := range all {
		row := make([]byte, m.Channels())
		for c := range row {
			row[c] = '0'
			if m.Kept(n, c) {
				row[c] = '1'
			}
		}
		all[n] = string(row)
	}
	return all
}

func equal(a, b []string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func TestMaskIsTheSameForEveryLayout(t *testing.T) {
	const n, c = 6, 23
	want := rows(draw(t, newDropout(t, 0.4, spatialdropout.WithSeed(99)), dense(t, layout.NC, n, c).geom))
	for _, x := range []tensor{
		dense(t, layout.NCHW, n, c, 3, 2), dense(t, layout.NHWC, n, 3, 2, c), dense(t, layout.NCW, n, c, 1), dense(t, layout.NDHWC, n, 2, 1, 1, c),
		dense(t, layout.NCHW8c, n, c, 2, 2), dense(t, layout.NCHW16c, n, c, 1, 2),
		dense(t, layout.ChannelsFirst, n, c, 2, 2, 2, 2), dense(t, layout.ChannelsLast, n, 2, c),
		strided(t, []int{c, 4, n}, []int{1, 1000, 30}, 2, 0), strided(t, []int{n, 4, c}, []int{200, 1, 5}, 0, 2),
		dense(t, layout.NCHW, n, c, 0, 4),
	} {
		onTiers(t, func(tier string) {
			if got := rows(draw(t, newDropout(t, 0.4, spatialdropout.WithSeed(99)), x.geom)); !equal(got, want) {
				t.Errorf("%s, tier %s:\n%v, want\n%v", x.name, tier, got, want)
			}
		})
	}
}

func TestShardsDrawTheirRowsOfTheGlobalMask(t *testing.T) {
	const samples = 11
	for _, channels := range []int{1, 2, 3, 5, 63, 64, 65, 127, 130} {
		global := atStep(t, newDropout(t, 0.3, spatialdropout.WithSeed(7)), 4)
		geometry := func(n int) layout.Geometry { return dense(t, layout.NC, n, channels).geom }
		want := rows(draw(t, global, geometry(samples)))
		for a := 0; a <= samples; a++ {
			for _, b := range []int{a, a + 1, samples} {
				if b > samples {
					continue
				}
				shard := atStep(t, newDropout(t, 0.3, spatialdropout.WithSeed(7), shardFrom(uint64(a))), 4)
				if got := rows(draw(t, shard, geometry(b-a))); !equal(got, want[a:b]) {
					t.Fatalf("%d channels: samples [%d,%d) are\n%v, want\n%v", channels, a, b, got, want[a:b])
				}
			}
		}
	}
}

func TestOptionsDoNotDependOnTheirOrder(t *testing.T) {
	g := dense(t, layout.NC, 5, 67).geom
	seed, sharing, offset, policy := spatialdropout.WithSeed(3), spatialdropout.WithSharing(mask.FixedCount), shardFrom(2), withPolicy(mask.Multiply)
	a, b := draw(t, newDropout(t, 0.5, seed, sharing, offset, policy), g), draw(t, newDropout(t, 0.5, policy, offset, sharing, seed), g)
	if !equal(rows(a), rows(b)) || a.Arithmetic().Policy != mask.Multiply || b.Arithmetic().Policy != mask.Multiply {
		t.Errorf("%v and %v", rows(a), rows(b))
	}
}

func TestSeedAndStepDetermineTheMask(t *testing.T) {
	g := dense(t, layout.NC, 4, 50).geom
	type point struct{ seed, step uint64 }
	seen := make(map[string]point)
	for _, seed := range []uint64{0, 1, 2, 1 << 32, 1<<32 + 1, math.MaxUint64} {
		d := newDropout(t, 0.5, spatialdropout.WithSeed(seed))
		if d.Generator().Stream() != mask.Philox(seed) || d.Rate() != 0.5 {
			t.Errorf("stream %v and rate %v, want seed %d and 0.5", d.Generator().Stream(), d.Rate(), seed)
		}
		for n := uint64(0); n < 5; n++ {
			if step(d) != n {
				t.Errorf("step %d before draw %d", step(d), n)
			}
			got := rows(draw(t, d, g))
			if again := rows(draw(t, atStep(t, newDropout(t, 0.5, spatialdropout.WithSeed(seed)), n), g)); !equal(got, again) {
				t.Errorf("seed %d restored at step %d draws\n%v, want\n%v", seed, n, again, got)
			}
			if p, ok := seen[fmt.Sprint(got)]; ok {
				t.Errorf("%v and %v have the same mask", p, point{seed, n})
			}
			seen[fmt.Sprint(got)] = point{seed, n}
		}
	}
}

func TestStepsBeyond32BitsDiffer(t *testing.T) {
	g := dense(t, layout.NC, 4, 50).geom
	low := rows(draw(t, newDropout(t, 0.5), g))
	if equal(low, rows(draw(t, atStep(t, newDropout(t, 0.5), 1<<32), g))) {
		t.Error("step 2³² has the mask of step 0")
	}
	if equal(low, rows(draw(t, newDropout(t, 0.5, shardFrom(math.MaxInt32)), g))) {
		t.Error("sample 2³¹−1 has the mask of sample 0")
	}
}

func TestDrawIntoForgetsWhatTheMaskHeld(t *testing.T) {
	small, large := dense(t, layout.NC, 3, 7).geom, dense(t, layout.NC, 9, 100).geom
	m := draw(t, newDropout(t, 0), large)
	d := newDropout(t, 0.5, spatialdropout.WithSeed(1), withPolicy(mask.Multiply))
	for step, g := range []layout.Geometry{small, large, small, {}, large} {
		drawInto(t, d, m, g)
		want := draw(t, atStep(t, newDropout(t, 0.5, spatialdropout.WithSeed(1)), uint64(step)), g)
		if !equal(rows(m), rows(want)) || m.CountKept() != want.CountKept() || m.Arithmetic().Policy != mask.Multiply || m.Rate() != 0.5 {
			t.Errorf("step %d: %v, want %v", step, rows(m), rows(want))
		}
	}
}

func TestExtremeRatesKeepAllOrNothing(t *testing.T) {
	g := dense(t, layout.NC, 5, 77).geom
	for rate, want := range map[float64]int{0: 5 * 77, math.Copysign(0, -1): 5 * 77, 1e-300: 5 * 77, 1: 0} {
		if got := draw(t, newDropout(t, rate), g).CountKept(); got != want {
			t.Errorf("rate %v keeps %d of 385, want %d", rate, got, want)
		}
	}
}

func TestConcurrentDrawsTakeEveryStepOnce(t *testing.T) {
	const draws, each = 8, 25
	g := dense(t, layout.NC, 4, 50).geom
	want := make(map[string]bool)
	d := newDropout(t, 0.5, spatialdropout.WithSeed(12))
	for range draws * each {
		want[fmt.Sprint(rows(draw(t, d, g)))] = true
	}
	if len(want) != draws*each {
		t.Fatalf("%d different masks in %d steps", len(want), draws*each)
	}

	d = newDropout(t, 0.5, spatialdropout.WithSeed(12))
	var all sync.WaitGroup
	got := make([][]string, draws)
	for k := range got {
		all.Add(1)
		go func() {
			defer all.Done()
			for range each {
				m, err := d.Draw(g)
				if err != nil {
					t.Error(err)
					return
				}
				got[k] = append(got[k], fmt.Sprint(rows(m)))
			}
		}()
	}
	all.Wait()
	for _, masks := range got {
		for _, m := range masks {
			if !want[m] {
				t.Fatal("a mask of no step, or one step drawn twice")
			}
			delete(want, m)
		}
	}
	if step(d) != draws*each {
		t.Errorf("step %d after %d draws", step(d), draws*each)
	}
}

// Shards of channels draw columns of the mask of all channels, from every stream and with
// any sharing, and what they compute is their part of the whole.
func TestShardsOfChannelsDrawTheirColumns(t *testing.T) {
	const samples, channels = 5, 70
	whole := dense(t, layout.NCW, samples, channels, 2)
	ones := filled[float32](whole.length, 1)
	for name, stream := range streams(t) {
		for _, sharing := range sharings(stream()) {
			common := spatialdropout.WithSharing(sharing)
			all := newDropout(t, 0.4, spatialdropout.WithStream(stream()), common)
			type part struct {
				shard mask.Shard
				x     tensor
				d     *spatialdropout.Dropout
			}
			var parts []part
			for _, c := range [][2]int{{0, 3}, {3, 64}, {64, 70}, {0, 70}} {
				for _, n := range [][2]int{{0, 5}, {1, 3}} {
					s := mask.Shard{SampleOffset: uint64(n[0]), Samples: samples, ChannelOffset: uint64(c[0]), Channels: channels}
					parts = append(parts, part{s, dense(t, layout.NCW, n[1]-n[0], c[1]-c[0], 2), newDropout(t, 0.4, spatialdropout.WithStream(stream()), common, spatialdropout.WithShard(s))})
				}
			}
			for step := range 2 {
				y := make([]float32, whole.length)
				p, err := all.Forward(spatialdropout.Of(y, whole.geom), spatialdropout.Of(ones, whole.geom))
				if err != nil {
					t.Fatal(err)
				}
				m, err := p.Mask()
				if err != nil {
					t.Fatal(err)
				}
				for _, part := range parts {
					got := make([]float32, part.x.length)
					p, err := part.d.Forward(spatialdropout.Of(got, part.x.geom), spatialdropout.Of(ones[:part.x.length], part.x.geom))
					if err != nil {
						t.Fatalf("%s, %v, %+v: %v", name, sharing, part.shard, err)
					}
					if p.Place().Shard != part.shard {
						t.Fatalf("%s: the shard of the place is %+v, want %+v", name, p.Place().Shard, part.shard)
					}
					mine, err := p.Mask()
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range part.x.places {
						n, c := e.n+int(part.shard.SampleOffset), e.c+int(part.shard.ChannelOffset)
						if want := y[(n*channels+c)*2]; mine.Kept(e.n, e.c) != m.Kept(n, c) || math.Float32bits(got[e.at]) != math.Float32bits(want) {
							t.Fatalf("%s, %v, step %d, %+v: channel %d of sample %d is %v, want %v", name, sharing, step, part.shard, e.c, e.n, got[e.at], want)
						}
					}
					if state(part.d) != state(all) {
						t.Fatalf("%s, %v: a shard is at %+v, the whole at %+v", name, sharing, state(part.d), state(all))
					}
				}
			}
		}
	}
}

// Layers whose seeds are children of one seed drop different channels, and the same ones
// again with the same seed.
func TestLayersWithSeedsOfTheirOwnDiffer(t *testing.T) {
	x := dense(t, layout.NC, 4, 50)
	ones := filled[float32](x.length, 1)
	seen := map[string]uint64{}
	for network := range uint64(3) {
		for layer := range uint64(20) {
			opt := spatialdropout.WithSeed(mask.Child(network, layer))
			l, again := newLayer[float32](t, 0.5, opt), newLayer[float32](t, 0.5, opt)
			for step := range uint64(3) {
				y := forward(t, l, ones, x.geom)
				if !same(y, forward(t, again, ones, x.geom)) {
					t.Fatalf("two layers with child %d of seed %d differ", layer, network)
				}
				drawn := fmt.Sprint(y)
				if other, ok := seen[drawn]; ok {
					t.Fatalf("layer %d of network %d drops at step %d what number %d dropped", layer, network, step, other)
				}
				seen[drawn] = 1000*network + 10*layer + step
			}
		}
	}
}
