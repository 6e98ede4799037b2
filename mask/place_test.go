package mask_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// encoded returns the binary form of m, which holds all of it.
func encoded(t testing.TB, m *mask.Mask) string {
	t.Helper()
	data, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// rows returns samples from..to of m as a mask.
func rows(t testing.TB, m *mask.Mask, from, to int) *mask.Mask {
	t.Helper()
	part, err := mask.New(to-from, m.Channels(), m.Rate(), mask.Arithmetic{Policy: m.Arithmetic().Policy})
	if err != nil {
		t.Fatal(err)
	}
	for n := from; n < to; n++ {
		for c := range m.Channels() {
			part.Set(n-from, c, m.Kept(n, c))
		}
	}
	return part
}

// checkOracle compares every trial of a mask that was drawn at a place with the oracle.
func checkOracle(t testing.TB, what any, m *mask.Mask, o oracle, at mask.Place) {
	t.Helper()
	channels := uint64(m.Channels())
	total := max(at.Samples, at.SampleOffset+uint64(m.Samples())) * channels
	kept := 0
	for n := range m.Samples() {
		for c := range m.Channels() {
			want := o(at, (at.SampleOffset+uint64(n))*channels+uint64(c), total, m.Rate())
			if want {
				kept++
			}
			if m.Kept(n, c) != want {
				t.Fatalf("%v, %d×%d, rate %v, %+v: channel %d of sample %d kept %v", what, m.Samples(), m.Channels(), m.Rate(), at, c, n, !want)
			}
		}
	}
	if m.CountKept() != kept {
		t.Fatalf("%v, %d×%d, rate %v, %+v: %d kept, want %d: there are bits past the last trial", what, m.Samples(), m.Channels(), m.Rate(), at, m.CountKept(), kept)
	}
}

// near reports whether a stream, or its oracle, walks to its trials: tests use places that
// are near.
func near(s mask.Stream) bool {
	switch of(s).name {
	case "pytorch", "pytorch-mkl", "keras-torch", "source":
		return true
	}
	return false
}

// counts32 reports whether a stream counts trials in 32 bits.
func counts32(s mask.Stream) bool {
	return of(s).original
}

// placeOf returns a random place that the stream and its oracle can reach.
func placeOf(r *rand.Rand, s mask.Stream) mask.Place {
	at := mask.Place{Step: r.Uint64() >> r.IntN(64), Shard: mask.Shard{SampleOffset: r.Uint64() >> (8 + r.IntN(56))}}
	if counts32(s) {
		at.SampleOffset %= 1 << 20
	}
	if near(s) {
		at.SampleOffset %= 40
		at.Step = 2000 + r.Uint64N(2000)
		at.Cursor = r.Uint64N(2000)
	}
	if r.IntN(2) == 0 {
		at.Samples = at.SampleOffset + 30 + r.Uint64N(20)
	}
	return at
}

func TestAllStreamsFollowTheirRulesTrialByTrial(t *testing.T) {
	draws := 150
	if testing.Short() {
		draws = 40
	}
	for _, m := range makers(t) {
		t.Run(m.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for i := range draws {
				seed := uint64(r.Uint32())
				s, o := m.of(seed), m.oracle(t, seed)
				samples, channels, at := r.IntN(30), r.IntN(1+150/(1+i%5*i%5)), placeOf(r, s)
				rate := []float64{0.5, 0.3, r.Float64()}[i%3]
				checkOracle(t, s, drawnBy(t, s, samples, channels, rate, at), o, at)
			}
		})
	}
}

// An extreme rate is rounded to the resolution of a stream: to 0, to 1 or to the nearest
// that is neither.
func TestAllStreamsFollowTheirRulesAtExtremeRates(t *testing.T) {
	extremes := append([]float64{1e-5, 1e-7, 6e-8, 1 - 1e-5, 1 - 1e-7, 1 - 6e-8, 1 - 1e-8, 0.996, 0.9999}, rates...)
	samples := 20
	if testing.Short() {
		samples = 7
	}
	for _, m := range makers(t) {
		t.Run(m.name, func(t *testing.T) {
			for _, rate := range extremes {
				s := m.of(4)
				checkOracle(t, s, drawnBy(t, s, samples, 500, rate, mask.Place{}), m.oracle(t, 4), mask.Place{})
			}
		})
	}
}

// The outcome of a trial changes between two neighbouring rates, which shows how numbers
// are compared with the threshold and how the threshold is rounded.
func TestThresholdOfEveryStreamIsExact(t *testing.T) {
	const trials = 70 // more than lie in one word of bits
	for _, m := range makers(t) {
		t.Run(m.name, func(t *testing.T) {
			// Most streams count trials in 64 bits. PyTorch's words come in blocks of 624:
			// trial 11 takes the last word of a block and the first one of the next.
			at := mask.Place{}
			if s := m.of(6); !near(s) && !counts32(s) {
				at.SampleOffset = 1 << 40
			} else if of(s).name == "pytorch" {
				at.Cursor = 601
			}
			first, total := at.SampleOffset*trials, (at.SampleOffset+1)*trials
			o, found := m.oracle(t, 6), 0
			for i := range uint64(trials) {
				kept := func(rate uint64) bool {
					return o(at, first+i, total, math.Float64frombits(rate))
				}
				low, high := uint64(1), math.Float64bits(1)-1
				if !kept(low) || kept(high) {
					continue
				}
				for high-low > 1 {
					if middle := low + (high-low)/2; kept(middle) {
						low = middle
					} else {
						high = middle
					}
				}
				found++
				for bits, want := range map[uint64]bool{low - 1: true, low: true, high: false, high + 1: false} {
					rate := math.Float64frombits(bits)
					if got := drawnBy(t, m.of(6), 1, trials, rate, at).Kept(0, int(i)); got != want {
						t.Fatalf("trial %d is kept at the rate %v: %v, want %v", i, rate, got, want)
					}
				}
			}
			if found < trials/2 {
				t.Errorf("%d thresholds found: too few", found)
			}
		})
	}
}

// checkTrial checks whether a trial is kept at rates that are too small for its neighbours
// to be dropped.
func checkTrial(t *testing.T, s mask.Stream, trial uint64, rates map[float64]bool) {
	t.Helper()
	const before = 5
	for rate, want := range rates {
		m := drawnBy(t, s, 2*before, 1, rate, mask.Place{Shard: mask.Shard{SampleOffset: trial - before}})
		for n := range 2 * before {
			if kept := n != before || want; m.Kept(n, 0) != kept {
				t.Errorf("%v at rate %v: trial %d is kept: %v, want %v", s, rate, trial-before+uint64(n), !kept, kept)
			}
		}
	}
}

// With key 0 this is the first trial whose high word has all bits set. Its low word makes
// the number 1−8.714·10⁻¹¹. The high word of the threshold is as large as it can be, and
// the low words decide.
func TestLargestHighWordIsComparedExactly(t *testing.T) {
	checkTrial(t, parse("jax:0/x64"), 1929459187, map[float64]bool{0x1p-32: false, 1e-10: false, 8.72e-11: false, 8.71e-11: true, 1e-12: true, 1e-16: true})
}

// XLA compares bfloat16 rates, which have 8 bits, with numbers of 23 bits. The last bits
// matter at the smallest rates only. This is the first trial of seed 0 whose number is
// 3·2⁻²³.
func TestXLAComparesBitsThatBFloat16Lacks(t *testing.T) {
	checkTrial(t, parse("tensorflow:0/bfloat16/xla"), 1128360, map[float64]bool{0x1p-20: false, 0x1p-21: false, 0x1.8p-22: true, 0x1p-22: true})
}

// JAX pads an odd batch with a counter of 0, which takes part in the last trial of the
// first half.
func TestOddBatchesOfOriginalJAXArePadded(t *testing.T) {
	s := parse("jax:1,2/original")
	o := oracleOf(t, s)
	for total := 1; total < 300; total++ {
		checkOracle(t, s, drawnBy(t, s, total, 1, 0.5, mask.Place{}), o, mask.Place{})
	}
	for _, total := range []int{4095, 4096, 4097, 8191, 12289} { // many blocks
		checkOracle(t, s, drawnBy(t, s, 1, total, 0.5, mask.Place{}), o, mask.Place{})
	}
}

// A shard around the middle of a batch takes trials from both ends of the pairs, and does not
// draw the pairs between: there are so many that this test would not end.
func TestShardsOfHugeBatchesOfOriginalJAXDrawTheirPairsAlone(t *testing.T) {
	s := parse("jax:1,2/original")
	for _, batch := range []uint64{1 << 44, 1<<44 + 1, 1 << 62} {
		at := mask.Place{Shard: mask.Shard{SampleOffset: batch/2 - 100, Samples: batch}}
		checkOracle(t, s, drawnBy(t, s, 200, 1, 0.5, at), oracleOf(t, s), at)
	}
}

func TestShardsAreRowsOfTheWholeBatch(t *testing.T) {
	shapes := []int{1, 2, 3, 5, 37, 63, 64, 65, 100, 127, 129, 321}
	for _, m := range makers(t) {
		t.Run(m.name, func(t *testing.T) {
			for i, channels := range shapes {
				samples := []int{7, 13, 16}[i%3]
				start := mask.Place{Step: 3, Shard: mask.Shard{Samples: uint64(samples)}}
				if near(m.of(0)) {
					start.Cursor = 601 // an odd number: halves of numbers lie in different blocks
				}
				whole := drawnBy(t, m.of(2), samples, channels, 0.3, start)
				after := m.of(2).After(start, samples, channels, 0.3)
				s := m.of(2)
				for from := 0; from <= samples; from++ {
					for to := from; to <= samples; to++ {
						if testing.Short() && (from+to)%5 > 0 {
							continue
						}
						at := start
						at.SampleOffset = uint64(from)
						if of(s).name == "source" {
							s = m.of(2) // it cannot go back
						}
						part := drawnBy(t, s, to-from, channels, 0.3, at)
						if want := rows(t, whole, from, to); !part.Equal(want) {
							t.Fatalf("%v: samples %d to %d of %d×%d draw\n%v, want\n%v", s, from, to, samples, channels, part, want)
						}
						if to == samples {
							at.Samples = 0 // then the last of the mask is the last of the batch
						}
						if got := s.After(at, to-from, channels, 0.3); got.Step != after.Step || got.Cursor != after.Cursor {
							t.Fatalf("%v: after samples %d to %d of %d×%d follows step %d, cursor %d, want %d, %d", s, from, to, samples, channels, got.Step, got.Cursor, after.Step, after.Cursor)
						}
					}
				}
			}
		})
	}
}

// A training loop is resumed at a place, and drawing an earlier step again must not change
// what comes next.
func TestPlacesAreDrawnInAnyOrder(t *testing.T) {
	for _, m := range makers(t) {
		t.Run(m.name, func(t *testing.T) {
			shapes := [][2]int{{3, 50}, {1, 1}, {7, 129}, {2, 700}, {0, 9}, {5, 64}}
			s := m.of(11)
			var places []mask.Place
			var want []*mask.Mask
			at := mask.Place{}
			for i := range 24 {
				shape := shapes[i%len(shapes)]
				places = append(places, at)
				want = append(want, drawnBy(t, s, shape[0], shape[1], 0.4, at))
				at = s.After(at, shape[0], shape[1], 0.4)
			}
			r := rand.New(rand.NewPCG(3, 3))
			for _, again := range []mask.Stream{s, m.of(11)} {
				for range 100 {
					i := r.IntN(len(places))
					shape := shapes[i%len(shapes)]
					got, err := mask.New(shape[0], shape[1], 0.4, mask.Arithmetic{})
					if err != nil {
						t.Fatal(err)
					}
					before := encoded(t, got)
					switch err := again.Draw(got, places[i]); {
					case err == nil && !got.Equal(want[i]):
						t.Fatalf("%v draws at %+v\n%v, want\n%v", s, places[i], got, want[i])
					case err == nil:
					case m.name != "source":
						t.Fatal(err)
					default:
						for _, w := range []string{fmt.Sprint("number ", places[i].Cursor), "source:*rand.PCG", "cannot go back"} {
							if !strings.Contains(err.Error(), w) {
								t.Errorf("%q does not say %q", err, w)
							}
						}
						if encoded(t, got) != before {
							t.Error("a source that cannot go back has changed the mask")
						}
					}
				}
			}
		})
	}
}

func TestSourceSkipsNumbersAndCannotGoBack(t *testing.T) {
	s := mask.Source(rand.NewPCG(1, sourceSeed))
	o := sourceOracle(rand.NewPCG(1, sourceSeed))
	for _, cursor := range []uint64{0, 100, 150, 1000} { // gaps are skipped
		at := mask.Place{Cursor: cursor}
		checkOracle(t, s, drawnBy(t, s, 2, 25, 0.5, at), o, at)
	}
	m := drawnBy(t, mask.Philox(0), 2, 25, 0.5, mask.Place{})
	if err := s.Draw(m, mask.Place{Cursor: 1049}); err == nil {
		t.Error("number 1049 was drawn twice")
	}
	if err := s.DrawCount(m, 3, mask.Place{Cursor: 1049}); err == nil {
		t.Error("number 1049 was drawn twice with a fixed count")
	}
	at := mask.Place{Cursor: 1050}
	checkOracle(t, s, drawnBy(t, s, 2, 25, 0.5, at), o, at)
}

func TestGoroutinesShareAStream(t *testing.T) {
	for _, m := range makers(t) {
		t.Run(m.name, func(t *testing.T) {
			s := m.of(1)
			var all sync.WaitGroup
			for worker := range 4 {
				all.Add(1)
				go func() {
					defer all.Done()
					r := rand.New(rand.NewPCG(uint64(worker), 0))
					o := m.oracle(t, 1)
					for range 20 {
						at := placeOf(r, s)
						got, err := mask.New(3, 41, 0.5, mask.Arithmetic{})
						if err != nil {
							t.Error(err)
							return
						}
						if err := s.Draw(got, at); err != nil {
							if m.name != "source" {
								t.Error(err)
							}
							continue
						}
						for i := range uint64(3 * 41) {
							total := max(at.Samples, at.SampleOffset+3) * 41
							if want := o(at, at.SampleOffset*41+i, total, 0.5); got.Kept(int(i/41), int(i%41)) != want {
								t.Errorf("%+v: trial %d kept %v", at, i, !want)
								return
							}
						}
					}
				}()
			}
			all.Wait()
		})
	}
}

// A jump to a distant word of mt19937 arrives at the same place as walking.
func TestDistantCursorsAreReachedByJumps(t *testing.T) {
	const block = 624
	draw := func(s mask.Stream, cursor uint64) *mask.Mask {
		return drawnBy(t, s, 3, 500, 0.5, mask.Place{Cursor: cursor})
	}
	walking := []uint64{50_000*block - 1, 50_001*block - 1, 50_001 * block, 50_002*block + 17}
	far := []uint64{70_000*block + 5, 1<<40 + 3, 1<<63 + 12345}
	if testing.Short() {
		walking, far = walking[:1], far[2:]
	}
	walked := mask.PyTorch(3)
	draw(walked, 40_000*block)
	for _, cursor := range walking {
		if want := draw(walked, cursor); !draw(mask.PyTorch(3), cursor).Equal(want) {
			t.Errorf("%v: a jump to word %d does not arrive where walking does", walked, cursor)
		}
	}
	for _, cursor := range far {
		p, mkl := mask.PyTorch(3), mask.PyTorchMKL(3)
		begin := draw(p, 0)
		long := drawnBy(t, p, 1, 3000, 0.5, mask.Place{Cursor: cursor})
		draw(p, cursor/2)
		// Draws at neighbouring words overlap in one sequence.
		for _, from := range []int{1, 311, 312, 313, 1499} {
			part := draw(p, cursor+2*uint64(from))
			for i := range 1500 {
				if part.Kept(i/500, i%500) != long.Kept(0, from+i) {
					t.Fatalf("word %d: trial %d is not trial %d from there on", cursor, from+i, i)
				}
			}
		}
		if !draw(p, 0).Equal(begin) {
			t.Errorf("the way back from word %d does not lead to the beginning", cursor)
		}
		want := draw(mkl, cursor)
		if draw(mkl, 0); !draw(mkl, cursor).Equal(want) || want.Equal(draw(mkl, cursor+1)) {
			t.Errorf("%v: word %d is not always the same, or also the next", mkl, cursor)
		}
	}
}

// A draw that leaves nothing to chance takes no number.
func TestRatesWithoutChanceTakeNoNumbers(t *testing.T) {
	for _, m := range makers(t) {
		t.Run(m.name, func(t *testing.T) {
			s, at := m.of(5), mask.Place{}
			first := drawnBy(t, m.of(5), 4, 33, 0.5, at)
			for _, c := range []struct {
				samples, channels int
				rate              float64
			}{{4, 33, 0}, {4, 33, 1}, {0, 33, 0.5}, {4, 0, 0.5}, {0, 0, 0.5}} {
				all := drawnBy(t, mask.Philox(0), c.samples, c.channels, c.rate, mask.Place{})
				if all.CountKept()+c.samples*c.channels > 0 {
					all.Set(1, 3, c.rate == 1)
				}
				if err := s.Draw(all, at); err != nil {
					t.Fatal(err)
				}
				if want := c.samples * c.channels; c.rate == 0 && all.CountKept() != want || c.rate > 0 && all.CountKept() != 0 {
					t.Errorf("%d×%d at rate %v: %d kept", c.samples, c.channels, c.rate, all.CountKept())
				}
				next := s.After(at, c.samples, c.channels, c.rate)
				// A stream whose steps are calls does not count this one, at the rates 0 and 1.
				// One that takes a word a call does not count an empty tensor either.
				skips := (mask.Place{Step: 1, Cursor: 1})
				want := s.After(at, 4, 33, 0)
				if of(s).name != "pytorch-mkl" && c.rate == 0.5 {
					want = mask.Place{Step: 1}
				}
				if next != want || want != skips && want != (mask.Place{Step: 1}) {
					t.Errorf("%d×%d at rate %v at %+v is followed by %+v, want %+v", c.samples, c.channels, c.rate, at, next, want)
				}
			}
			if !drawnBy(t, s, 4, 33, 0.5, at).Equal(first) {
				t.Error("draws without chance have taken numbers")
			}
			// The smallest draw that is left to chance counts.
			if next := s.After(at, 1, 1, 0.5); next == s.After(at, 4, 33, 0) && next.Cursor > 0 {
				t.Errorf("1×1 at rate 0.5 at %+v is followed by %+v: it counts for none", at, next)
			}
			// If a call does not count, the next one draws what it would have drawn.
			if next := s.After(at, 4, 33, 0); next.Cursor > 0 && !drawnBy(t, s, 4, 33, 0.5, next).Equal(first) {
				t.Error("a draw at rate 0 counts")
			}
		})
	}
}

// An error leaves the mask unchanged.
func TestErrorsOfDrawsLeaveTheMaskAlone(t *testing.T) {
	backwards := mask.Source(rand.NewPCG(1, 1))
	drawnBy(t, backwards, 1, 100, 0.5, mask.Place{})
	small := mask.Place{Shard: mask.Shard{SampleOffset: 3, Samples: 5}} // a batch with 2 samples left
	overflow := mask.Place{Shard: mask.Shard{SampleOffset: 1<<64 - 2}}  // samples 2⁶⁴−2 to 2⁶⁴+1
	batch := []string{"samples 3 to 5", "batch of 5"}
	cases := map[string]struct {
		draw  func(m *mask.Mask) error
		words []string
	}{
		"PyTorch, small batch":    {func(m *mask.Mask) error { return mask.PyTorch(0).Draw(m, small) }, batch},
		"JAX, small batch":        {func(m *mask.Mask) error { return parse("jax").Draw(m, small) }, batch},
		"JAX as it was":           {func(m *mask.Mask) error { return parse("jax:0/original").Draw(m, small) }, batch},
		"Keras on JAX":            {func(m *mask.Mask) error { return parse("keras-jax").Draw(m, small) }, batch},
		"source, small batch":     {func(m *mask.Mask) error { return mask.Source(rand.NewPCG(1, 1)).Draw(m, small) }, batch},
		"PyTorch, overflow":       {func(m *mask.Mask) error { return mask.PyTorch(0).Draw(m, overflow) }, []string{"samples 18446744073709551614"}},
		"source, backwards":       {func(m *mask.Mask) error { return backwards.Draw(m, mask.Place{Cursor: 99}) }, []string{"number 99", "100 are drawn", "cannot go back"}},
		"source, count":           {func(m *mask.Mask) error { return backwards.DrawCount(m, 2, mask.Place{Cursor: 99}) }, []string{"cannot go back"}},
		"source, too far":         {func(m *mask.Mask) error { return backwards.Draw(m, mask.Place{Cursor: 101 + 1<<36}) }, []string{"number 68719476837", "100 are drawn", "at most 2³⁶"}},
		"source, count, batch":    {func(m *mask.Mask) error { return backwards.DrawCount(m, 2, small) }, batch},
		"source, count below 0":   {func(m *mask.Mask) error { return backwards.DrawCount(m, -1, mask.Place{Cursor: 100}) }, []string{"-1 channels", "0 to 70"}},
		"source, shared":          {func(m *mask.Mask) error { return mask.Draw(m, backwards, mask.PerSample, mask.Place{}) }, []string{"cannot go back"}},
		"source, shared channels": {func(m *mask.Mask) error { return mask.Draw(m, backwards, mask.PerChannel, mask.Place{}) }, []string{"cannot go back"}},
		"source, fixed count":     {func(m *mask.Mask) error { return mask.Draw(m, backwards, mask.FixedCount, mask.Place{}) }, []string{"cannot go back"}},
		"no stream":               {func(m *mask.Mask) error { return mask.Draw(m, nil, mask.Each, mask.Place{}) }, []string{"no stream"}},
		"a source of nil":         {func(m *mask.Mask) error { return mask.Draw(m, mask.Source(nil), mask.PerSample, mask.Place{}) }, []string{"no stream"}},
		"count below 0":           {func(m *mask.Mask) error { return mask.Philox(0).DrawCount(m, -1, mask.Place{}) }, []string{"-1 channels", "0 to 70"}},
		"count above channels":    {func(m *mask.Mask) error { return mask.Philox(0).DrawCount(m, 71, mask.Place{}) }, []string{"71 channels", "0 to 70"}},
		"no such sharing":         {func(m *mask.Mask) error { return mask.Draw(m, mask.Philox(0), 4, mask.Place{}) }, []string{"Sharing(4)", "Each, PerChannel, PerSample or FixedCount"}},
	}
	for _, s := range makers(t) {
		if _, ok := s.of(0).(mask.Counter); !ok {
			cases[s.name+" has no count"] = struct {
				draw  func(m *mask.Mask) error
				words []string
			}{func(m *mask.Mask) error { return mask.Draw(m, s.of(0), mask.FixedCount, mask.Place{}) }, []string{"fixed count", fmt.Sprint(s.of(0)), "is a Counter"}}
		}
	}
	for name, c := range cases {
		for _, fixed := range []bool{false, true} {
			m := drawn(t, 3, 70, 0.3, 1, 2, 3)
			if fixed {
				if err := mask.Draw(m, mask.Philox(0), mask.FixedCount, mask.Place{}); err != nil {
					t.Fatal(err)
				}
			}
			before, factor := encoded(t, m), m.Factor()
			err := c.draw(m)
			if err == nil {
				t.Errorf("%s: no error", name)
				continue
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s: %q does not say %q", name, err, w)
				}
			}
			if encoded(t, m) != before || m.Factor() != factor || m.Samples() != 3 || m.Channels() != 70 {
				t.Errorf("%s: the mask has changed", name)
			}
		}
	}
}

// A draw into a used mask gives what a draw into a new one does.
func TestDrawForgetsEarlierDraws(t *testing.T) {
	for _, m := range makers(t) {
		want := drawnBy(t, m.of(1), 9, 47, 0.3, mask.Place{})
		for name, earlier := range map[string]func(m *mask.Mask) error{
			"another draw":  func(m *mask.Mask) error { return mask.Philox(0).Draw(m, mask.Place{}) },
			"PerChannel":    func(m *mask.Mask) error { return mask.Draw(m, mask.Philox(0), mask.PerChannel, mask.Place{}) },
			"PerSample":     func(m *mask.Mask) error { return mask.Draw(m, mask.Philox(0), mask.PerSample, mask.Place{}) },
			"a fixed count": func(m *mask.Mask) error { return mask.Draw(m, mask.Philox(0), mask.FixedCount, mask.Place{}) },
		} {
			got := drawnBy(t, mask.Philox(0), 9, 47, 0.3, mask.Place{})
			if err := earlier(got); err != nil {
				t.Fatal(err)
			}
			if err := m.of(1).Draw(got, mask.Place{}); err != nil {
				t.Fatal(err)
			}
			if !got.Equal(want) || got.Factor() != want.Factor() {
				t.Errorf("%s after %s: factor %v, want %v, or other channels", m.name, name, got.Factor(), want.Factor())
			}
		}
	}
}

// A draw at a rate that is too small for a stream to drop anything keeps every channel,
// including those that were dropped by Set.
func TestDrawForgetsWhatWasSetAtTinyRates(t *testing.T) {
	for _, m := range makers(t) {
		for _, rate := range []float64{1e-17, 1e-300} {
			got := drawnBy(t, m.of(1), 5, 40, rate, mask.Place{})
			if got.CountKept() != 200 {
				t.Errorf("%s at rate %v: %d of 200 kept", m.name, rate, got.CountKept())
			}
			for c := range 40 {
				got.Set(3, c, false)
			}
			if err := m.of(1).Draw(got, mask.Place{}); err != nil {
				t.Fatal(err)
			}
			if got.CountKept() != 200 {
				t.Errorf("%s at rate %v: %d of 200 kept after 40 were dropped by hand", m.name, rate, got.CountKept())
			}
		}
	}
}

// A count of 0 is not stored as a count, and must replace that of the draw before.
func TestCountOfZeroForgetsTheCountBefore(t *testing.T) {
	counted := func(counts ...int) *mask.Mask {
		m := drawnBy(t, mask.Philox(0), 9, 47, 0.3, mask.Place{})
		for _, count := range counts {
			if err := mask.Philox(0).DrawCount(m, count, mask.Place{}); err != nil {
				t.Fatal(err)
			}
		}
		return m
	}
	if got, want := counted(3, 0), counted(0); !got.Equal(want) || got.Factor() != want.Factor() {
		t.Errorf("%v,\nfactor %v, want\n%v,\nfactor %v", got, got.Factor(), want, want.Factor())
	}
}
