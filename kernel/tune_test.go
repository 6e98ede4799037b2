package kernel

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// takes returns a tuner on a clock that stands still, for which the first way takes ratio
// times as long as the second one.
func takes(ratio func(w *work) float64) *tuner {
	return &tuner{budget: 1, now: func() int64 { return 0 }, sample: func(w *work, k int) (call, read time.Duration) {
		if k == 0 {
			return time.Duration(1e6 * ratio(w)), 0
		}
		return 1e6, 0
	}}
}

const mib = 1 << 20

func TestTuneStreamsFromTheSizeThatWins(t *testing.T) {
	const never = math.MaxInt
	for _, c := range []struct {
		about          string
		standard, want int
		ratios         [6]float64 // at 2, 4, 8, 16, 32 and 64 MiB, and at half as much again
	}{
		{"wins from above the default on", 8 * mib, 16 * mib, [6]float64{0.6, 0.6, 0.7, 1.2, 1.4, 1.5}},
		{"wins from below the default on", 32 * mib, 8 * mib, [6]float64{0.6, 0.6, 1.2, 1.2, 1.4, 1.5}},
		{"contradicts nothing", 25 * mib, 25 * mib, [6]float64{0.7, 0.7, 0.7, 0.9, 1.3, 1.2}},
		{"agrees", 16 * mib, 16 * mib, [6]float64{0.7, 0.7, 0.7, 1.3, 1.3, 1.2}},
		{"loses at the default", 16 * mib, 32 * mib, [6]float64{0.7, 0.7, 0.7, 0.9, 1.3, 1.2}},
		{"loses at the default, just below", 12 * mib, 16 * mib, [6]float64{0.7, 0.7, 0.7, 1.3, 1.3, 1.2}},
		{"loses at the default, and ties above", 24 * mib, 32 * mib, [6]float64{0.7, 0.7, 0.7, 0.7, 1, 1}},
		{"by just as much as it must", 8 * mib, 16 * mib, [6]float64{1, 1, 1, 1.1, 1.1, 1.1}},
		{"by less", 8 * mib, 64 * mib, [6]float64{1, 1, 1, 1.099, 1.099, 1.1}},
		{"not at all larger sizes", 32 * mib, 16 * mib, [6]float64{1.5, 1.5, 1, 1.2, 1.2, 1.2}},
		{"everywhere", 32 * mib, 2 * mib, [6]float64{1.5, 1.5, 1.5, 1.5, 1.5, 1.5}},
		{"everywhere, and the default is smaller", mib, mib, [6]float64{1.5, 1.5, 1.5, 1.5, 1.5, 1.5}},
		{"nowhere", 32 * mib, 128 * mib, [6]float64{0.7, 0.7, 0.7, 0.7, 0.7, 0.7}},
		{"nowhere, and the default is larger", 256 * mib, 256 * mib, [6]float64{0.7, 0.7, 0.7, 0.7, 0.7, 0.7}},
		{"nowhere, as by default", never, never, [6]float64{0.7, 0.7, 0.7, 0.7, 0.7, 0.7}},
		{"a tie at last", 8 * mib, 64 * mib, [6]float64{0.7, 0.7, 0.7, 0.7, 0.7, 1}},
		{"ties from above the default on", 8 * mib, 16 * mib, [6]float64{0.7, 0.7, 0.7, 1, 1.2, 1}},
		{"ties from below the default on", 32 * mib, 32 * mib, [6]float64{0.7, 0.7, 0.7, 1, 1, 1}},
		{"ties", 8 * mib, 8 * mib, [6]float64{1, 1, 1, 1, 1, 1}},
	} {
		for _, name := range []string{"stream-planes", "stream-rows", "stream-in-place"} {
			var s Strategy
			for i := range fields {
				if fields[i].name == name {
					*fields[i].size(&s) = c.standard
				}
			}
			want := s
			for i := range fields {
				if fields[i].name == name {
					*fields[i].size(&want) = c.want
				}
			}
			at := map[int]float64{}
			for i, ratio := range c.ratios {
				at[2*mib<<i], at[3*mib<<i] = ratio, ratio
			}
			got := takes(func(w *work) float64 {
				if w.Field == name {
					return at[w.Bytes]
				}
				return 1
			}).tune(s)
			if got != want {
				t.Errorf("%s, %s: %v, want %v", name, c.about, got, want)
			}
		}
	}
}

func TestTunePrefetchesWhereItWins(t *testing.T) {
	for _, c := range []struct {
		standard, want int
		ratios         [4]float64 // out of place and in place, then in the larger size
	}{
		{0, 512, [4]float64{1.3, 1.1, 1.2, 1.1}},
		{512, 0, [4]float64{0.9, 0.8, 0.9, 0.7}},
		{512, 512, [4]float64{1.3, 1.3, 1.3, 1.3}},
		{0, 0, [4]float64{0.5, 0.5, 0.5, 0.5}},
		{0, 0, [4]float64{1.049, 1.049, 1.049, 1.049}},
		{512, 512, [4]float64{0.96, 0.96, 0.96, 0.96}},
		{0, 512, [4]float64{0.9, 1.2, 1.2, 1.2}},
		{512, 512, [4]float64{0.8, 1.25, 1, 1}}, // gains and costs of the same size
		{64, 64, [4]float64{1, 1, 1, 1}},
	} {
		got := takes(func(w *work) float64 {
			if w.Field != "store-ahead" {
				return 1
			}
			i := slices.Index(cachedSizes[:], w.Bytes) * 2
			if w.inPlace {
				i++
			}
			return c.ratios[i]
		}).tune(Strategy{StoreAhead: c.standard})
		if want := (Strategy{StoreAhead: c.want}); got != want {
			t.Errorf("%v: %v, want %v", c.ratios, got, want)
		}
	}
}

func TestTuneWalksInQuartersWhereItWins(t *testing.T) {
	const always = math.MaxInt
	for _, c := range []struct {
		standard, want int
		ratios         [3]float64 // rows of 512 bytes, 2 KiB and 8 KiB
	}{
		{always, 0, [3]float64{0.9, 0.9, 0.8}},
		{0, 0, [3]float64{0.9, 0.9, 0.8}},
		{0, always, [3]float64{1.2, 1.2, 1.2}},
		{always, 8 << 10, [3]float64{1.2, 1.2, 0.7}},
		{0, 8 << 10, [3]float64{1.2, 1.2, 0.7}},
		{8 << 10, always, [3]float64{1, 1, 1.06}},
		{8 << 10, 8 << 10, [3]float64{1.04, 1.04, 1.04}},
		{always, always, [3]float64{0.97, 0.97, 0.97}},
		{0, 0, [3]float64{1, 1, 1}},
		{16 << 10, 0, [3]float64{0.8, 0.8, 0.8}},
		{16 << 10, 16 << 10, [3]float64{1.2, 1.2, 1.2}}, // longer rows have not been measured
	} {
		got := takes(func(w *work) float64 {
			if w.Field != "quarter-rows" {
				return 1
			}
			return c.ratios[slices.Index([]int{512, 2 << 10, 8 << 10}, w.length*4)]
		}).tune(Strategy{QuarterRows: c.standard})
		if want := (Strategy{QuarterRows: c.want}); got != want {
			t.Errorf("%d by default, %v: %v, want %v", c.standard, c.ratios, got, want)
		}
	}
}

// What follows is measured with what has been decided before.
func TestTuneMeasuresWithWhatItHasDecided(t *testing.T) {
	tuner := takes(nil)
	tuner.sample = func(w *work, k int) (call, read time.Duration) {
		y, ahead, quarters := w.ways[k], 512, 0
		switch w.Field {
		case "store-ahead":
			ahead, quarters = []int{0, 512}[k], math.MaxInt
		case "quarter-rows":
			quarters = []int{0, math.MaxInt}[k]
		}
		if want := (tuneWay{k == 1 && w.reads, ahead, quarters}); y != want {
			t.Errorf("%+v in way %d: %+v, want %+v", w.Comparison, k, y, want)
		}
		if w.Field == "quarter-rows" {
			k = 1 - k
		}
		return []time.Duration{2000, 1000}[k], 0
	}
	s := tuner.tune(Strategy{StoreAhead: 0, QuarterRows: math.MaxInt})
	if s.StoreAhead != 512 || s.QuarterRows != 0 {
		t.Errorf("%v", s)
	}
}

func TestHalfOfReadingCounts(t *testing.T) {
	for _, c := range []struct {
		Comparison
		want float64
	}{
		{Comparison{Calls: [2]time.Duration{300, 200}}, 1.5},
		{Comparison{Calls: [2]time.Duration{300, 200}, Reads: [2]time.Duration{100, 300}}, 1},
		{Comparison{Calls: [2]time.Duration{100, 200}, Reads: [2]time.Duration{0, 400}}, 0.25},
		{Comparison{}, 1},
		{Comparison{Calls: [2]time.Duration{0, 200}}, 1},
		{Comparison{Calls: [2]time.Duration{200, 0}}, 1},
	} {
		if got := c.Ratio(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.Comparison, got, c.want)
		}
	}
}

func TestShortestTimeCounts(t *testing.T) {
	samples := 0
	tuner := takes(nil)
	tuner.sample = func(w *work, k int) (call, read time.Duration) {
		samples++
		return time.Duration(1000 + samples*7919%1000), time.Duration(5000 - samples)
	}
	shortest := map[*work][2]time.Duration{}
	inner := tuner.sample
	tuner.sample = func(w *work, k int) (call, read time.Duration) {
		call, read = inner(w, k)
		all := shortest[w]
		if all[k] == 0 || call < all[k] {
			all[k] = call
		}
		shortest[w] = all
		return call, read
	}
	tuner.tune(Strategy{})
	if all := 2 * turns * passes * (4 + 6 + 33); samples != all || len(tuner.made) != 43 || len(shortest) != 43 {
		t.Errorf("%d samples, %d comparisons and %d works, want %d, 43 and 43", samples, len(tuner.made), len(shortest), all)
	}
	for w, all := range shortest {
		if !slices.Contains(tuner.made, w.Comparison) || w.Calls != all {
			t.Errorf("%+v, want the times %v", w.Comparison, all)
		}
	}
	if last := tuner.made[42]; last.Reads[1] != time.Duration(5000-samples) {
		t.Errorf("%+v, want the last time to read, which is the shortest", last)
	}
}

// A clock that advances with each sample ends the comparisons, and the fields that it does not
// reach keep their defaults.
func TestTuneEndsWithItsBudget(t *testing.T) {
	const each = 10 // a sample
	standard := Strategy{StreamPlanes: 7 * mib, StreamRows: 7 * mib, StreamInPlace: 7 * mib, StoreAhead: 512, QuarterRows: 0}
	for budget := int64(0); budget < 2*each*turns*(4+6+33)*passes+100; budget += 37 {
		clock, samples := int64(1000), 0
		tuner := &tuner{budget: budget, now: func() int64 { return clock }, sample: func(w *work, k int) (call, read time.Duration) {
			clock += each
			samples++
			switch {
			case w.Field == "store-ahead":
				return time.Duration(1 + k), 0
			case w.Field == "quarter-rows":
				return time.Duration(2 - k), 0
			case w.Bytes < 16*mib:
				return time.Duration(1 + k), 0
			}
			return time.Duration(2 - k), 0
		}}
		s := tuner.tune(standard)
		if spent := clock - 1000; spent >= budget+2*each || spent%(2*each) != 0 {
			t.Fatalf("a budget of %d: spent %d", budget, spent)
		}
		want := standard
		pairs := samples / 2 / turns // whole comparisons, if in one pass
		made := min(pairs, 4)
		if made == 4 {
			want.StoreAhead = 0
		}
		if left := pairs - 4*passes; left > 0 {
			made += min(left, 6)
			if left >= 6 {
				want.QuarterRows = math.MaxInt
			}
		}
		if left := pairs - 10*passes; left > 0 {
			made += min(left, 33)
			for i, size := range []*int{&want.StreamPlanes, &want.StreamRows, &want.StreamInPlace} {
				switch measured := min((left+2-i)/3, len(streamSizes)); {
				case measured == 0, streamSizes[measured-1] < 7*mib:
				case streamSizes[measured-1] < 16*mib: // it loses there
					*size = 2 * streamSizes[measured-1]
				default:
					*size = 16 * mib
				}
			}
		}
		if s != want || len(tuner.made) != made {
			t.Fatalf("a budget of %d, %d samples: %v and %d comparisons, want %v and %d", budget, samples, s, len(tuner.made), want, made)
		}
	}
}

func TestTuneWithoutBudgetOrStreamingIsTheDefault(t *testing.T) {
	silent := func(c Comparison) { t.Errorf("%+v is reported", c) }
	for _, budget := range []time.Duration{0, -1, math.MinInt64} {
		if got := Tune(budget, silent); got != defaultStrategy() {
			t.Errorf("a budget of %v: %v, want the default", budget, got)
		}
	}
	machine.EachTier(func(name string) {
		if !streams() {
			if got := Tune(math.MaxInt64, silent); got != defaultStrategy() {
				t.Errorf("tier %s: %v, want the default", name, got)
			}
		}
	})
	if tier.InUse() == tier.Generic && streams() {
		t.Error("plain Go stores past the cache")
	}
}

// Tune reports what it has measured to each that asks, passes over nil, and sets nothing.
func TestTuneSetsNothing(t *testing.T) {
	if !streams() {
		t.Skip("no tier stores past the cache")
	}
	before, ahead, quarters := CurrentStrategy(), storeAhead, quarterRows
	var made [2][]Comparison
	s := Tune(30*time.Millisecond, func(c Comparison) { made[0] = append(made[0], c) }, nil, func(c Comparison) { made[1] = append(made[1], c) })
	if err := s.check(); err != nil {
		t.Error(err)
	}
	if CurrentStrategy() != before || storeAhead != ahead || quarterRows != quarters {
		t.Errorf("%v with %d and %d in use, want %v", CurrentStrategy(), storeAhead, quarterRows, before)
	}
	if !slices.Equal(made[0], made[1]) {
		t.Errorf("reported were %v and %v", made[0], made[1])
	}
	for _, c := range made[0] {
		if c.Calls[0] <= 0 || c.Calls[1] <= 0 {
			t.Errorf("%+v, want times", c)
		}
	}
	d := defaultStrategy()
	if d.Share, d.Grain, d.Wake, d.Linger = s.Share, s.Grain, s.Wake, s.Linger; d != defaultStrategy() {
		t.Errorf("%v, want some fields as by default", s)
	}
}

// inUseIs reports whether the strategy and the variables that hold a part of it agree.
func inUseIs(s Strategy) bool {
	spreading.Lock()
	defer spreading.Unlock()
	return CurrentStrategy() == s && storeAhead == uint64(s.StoreAhead) && loadAhead == uint64(s.LoadAhead) && quarterBytes == uint64(s.QuarterBytes) && behind == uint64(s.Behind) && quarterRows == uint64(s.QuarterRows) && streamLeast.Load() == int64(min(s.StreamPlanes, s.StreamRows, s.StreamInPlace))
}

// A strategy that is set while Tune measures is in use at once, and the variables that Tune has
// changed follow when it ends, or panics.
func TestStrategySetDuringTuneStays(t *testing.T) {
	before := CurrentStrategy()
	defer use(before)
	for name, after := range map[string]func(){"ends": func() {}, "panics": func() { panic("planted") }} {
		use(before)
		s := before
		s.StoreAhead, s.QuarterRows, s.StreamRows = 128, 777, 4321
		tuner := takes(nil)
		tuner.sample = func(w *work, k int) (call, read time.Duration) {
			tellAssembly(64, 99)
			if w.Field == "quarter-rows" {
				if err := SetStrategy(s); err != nil || CurrentStrategy() != s || streamLeast.Load() != int64(min(s.StreamPlanes, 4321, s.StreamInPlace)) || storeAhead != 64 || quarterRows != 99 {
					t.Fatalf("%v; %v, %d, %d and %d in use", err, CurrentStrategy(), streamLeast.Load(), storeAhead, quarterRows)
				}
				after()
			}
			return 1, 1
		}
		func() {
			defer func() { recover() }()
			tuner.tune(before)
		}()
		if !inUseIs(s) || lent || !tuning.TryLock() {
			t.Fatalf("%s: %v with %d and %d in use, want %v", name, CurrentStrategy(), storeAhead, quarterRows, s)
		}
		tuning.Unlock()
	}
}

// Calls of Tune, SetStrategy and Run at the same time: one Tune measures at a time, results
// are right, and the strategy that was set last is in use.
func TestTuneIsOneAtATime(t *testing.T) {
	before := CurrentStrategy()
	defer use(before)
	var all sync.WaitGroup
	var running atomic.Int32
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			tuner := takes(nil)
			tuner.sample = func(w *work, k int) (call, read time.Duration) {
				if n := running.Add(1); n != 1 {
					t.Errorf("%d measure", n)
				}
				tellAssembly(w.ways[k].ahead, w.ways[k].quarters)
				runtime.Gosched()
				running.Add(-1)
				return 1, 1
			}
			tuner.tune(before)
		}()
	}
	for range 2 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range 200 {
				s := before
				s.StoreAhead = 64 * (i % 9)
				if err := SetStrategy(s); err != nil {
					t.Error(err)
				}
				if err := doubled(1<<12, 1); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	all.Wait()
	if !inUseIs(CurrentStrategy()) || CurrentStrategy().StoreAhead != 64*(199%9) {
		t.Errorf("%v with %d and %d in use", CurrentStrategy(), storeAhead, quarterRows)
	}
}
