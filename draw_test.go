package spatialdropout_test

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// newDropout returns a Dropout that must exist.
func newDropout(t testing.TB, rate float64, opts ...spatialdropout.Option) *spatialdropout.Dropout {
	t.Helper()
	d, err := spatialdropout.New(rate, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rows returns the decisions of a mask, one string a sample.
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
	want := rows(newDropout(t, 0.4, spatialdropout.WithSeed(99)).Draw(dense(t, layout.NC, n, c).geom))
	for _, x := range []tensor{
		dense(t, layout.NCHW, n, c, 3, 2), dense(t, layout.NHWC, n, 3, 2, c), dense(t, layout.NCW, n, c, 1), dense(t, layout.NDHWC, n, 2, 1, 1, c),
		dense(t, layout.NCHW8c, n, c, 2, 2), dense(t, layout.NCHW16c, n, c, 1, 2),
		dense(t, layout.ChannelsFirst, n, c, 2, 2, 2, 2), dense(t, layout.ChannelsLast, n, 2, c),
		strided(t, []int{c, 4, n}, []int{1, 1000, 30}, 2, 0), strided(t, []int{n, 4, c}, []int{200, 1, 5}, 0, 2),
		dense(t, layout.NCHW, n, c, 0, 4),
	} {
		onTiers(t, func(tier string) {
			if got := rows(newDropout(t, 0.4, spatialdropout.WithSeed(99)).Draw(x.geom)); !equal(got, want) {
				t.Errorf("%s, tier %s:\n%v, want\n%v", x.name, tier, got, want)
			}
		})
	}
}

func TestShardsDrawTheirRowsOfTheGlobalMask(t *testing.T) {
	const samples = 11
	for _, channels := range []int{1, 2, 3, 5, 63, 64, 65, 127, 130} {
		global := newDropout(t, 0.3, spatialdropout.WithSeed(7), spatialdropout.WithStep(4))
		geometry := func(n int) layout.Geometry { return dense(t, layout.NC, n, channels).geom }
		want := rows(global.Draw(geometry(samples)))
		for a := 0; a <= samples; a++ {
			for _, b := range []int{a, a + 1, samples} {
				if b > samples {
					continue
				}
				shard := newDropout(t, 0.3, spatialdropout.WithSeed(7), spatialdropout.WithStep(4), spatialdropout.WithSampleOffset(a))
				if got := rows(shard.Draw(geometry(b - a))); !equal(got, want[a:b]) {
					t.Fatalf("%d channels: samples [%d,%d) are\n%v, want\n%v", channels, a, b, got, want[a:b])
				}
			}
		}
	}
}

func TestOptionsDoNotDependOnTheirOrder(t *testing.T) {
	g := dense(t, layout.NC, 5, 67).geom
	seed, step, offset, policy := spatialdropout.WithSeed(3), spatialdropout.WithStep(8), spatialdropout.WithSampleOffset(2), spatialdropout.WithPolicy(mask.Multiply)
	a, b := newDropout(t, 0.5, seed, step, offset, policy).Draw(g), newDropout(t, 0.5, policy, offset, step, seed).Draw(g)
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
		if d.Stream() != (mask.Philox{Seed: seed}) || d.Rate() != 0.5 {
			t.Errorf("stream %v and rate %v, want seed %d and 0.5", d.Stream(), d.Rate(), seed)
		}
		for step := uint64(0); step < 5; step++ {
			if d.Step() != step {
				t.Errorf("step %d before draw %d", d.Step(), step)
			}
			got := rows(d.Draw(g))
			if again := rows(newDropout(t, 0.5, spatialdropout.WithSeed(seed), spatialdropout.WithStep(step)).Draw(g)); !equal(got, again) {
				t.Errorf("seed %d: WithStep(%d) does not resume:\n%v, want\n%v", seed, step, again, got)
			}
			if p, ok := seen[fmt.Sprint(got)]; ok {
				t.Errorf("%v and %v have the same mask", p, point{seed, step})
			}
			seen[fmt.Sprint(got)] = point{seed, step}
		}
	}
}

func TestStepsBeyond32BitsDiffer(t *testing.T) {
	g := dense(t, layout.NC, 4, 50).geom
	low := rows(newDropout(t, 0.5).Draw(g))
	if equal(low, rows(newDropout(t, 0.5, spatialdropout.WithStep(1<<32)).Draw(g))) {
		t.Error("step 2³² has the mask of step 0")
	}
	if equal(low, rows(newDropout(t, 0.5, spatialdropout.WithSampleOffset(math.MaxInt32)).Draw(g))) {
		t.Error("sample 2³¹−1 has the mask of sample 0")
	}
}

func TestDrawIntoForgetsWhatTheMaskHeld(t *testing.T) {
	small, large := dense(t, layout.NC, 3, 7).geom, dense(t, layout.NC, 9, 100).geom
	m := newDropout(t, 0).Draw(large)
	d := newDropout(t, 0.5, spatialdropout.WithSeed(1), spatialdropout.WithPolicy(mask.Multiply))
	for step, g := range []layout.Geometry{small, large, small, {}, large} {
		d.DrawInto(m, g)
		want := newDropout(t, 0.5, spatialdropout.WithSeed(1), spatialdropout.WithStep(uint64(step))).Draw(g)
		if !equal(rows(m), rows(want)) || m.CountKept() != want.CountKept() || m.Arithmetic().Policy != mask.Multiply || m.Rate() != 0.5 {
			t.Errorf("step %d: %v, want %v", step, rows(m), rows(want))
		}
	}
}

func TestExtremeRatesKeepAllOrNothing(t *testing.T) {
	g := dense(t, layout.NC, 5, 77).geom
	for rate, want := range map[float64]int{0: 5 * 77, math.Copysign(0, -1): 5 * 77, 1e-300: 5 * 77, 1: 0} {
		if got := newDropout(t, rate).Draw(g).CountKept(); got != want {
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
		want[fmt.Sprint(rows(d.Draw(g)))] = true
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
				got[k] = append(got[k], fmt.Sprint(rows(d.Draw(g))))
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
	if d.Step() != draws*each {
		t.Errorf("step %d after %d draws", d.Step(), draws*each)
	}
}
