package mask_test

import (
	"fmt"
	"math"
	mathbits "math/bits"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// sharedBy returns a new mask with one draw whose trials are shared.
func sharedBy(t testing.TB, s mask.Stream, sharing mask.Sharing, samples, channels int, rate float64, at mask.Place) *mask.Mask {
	t.Helper()
	m, err := mask.New(samples, channels, rate, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	if err := mask.Draw(m, s, sharing, at); err != nil {
		t.Fatal(err)
	}
	return m
}

// checkShared compares a mask with kept, including the bits past the last trial.
func checkShared(t *testing.T, what string, m *mask.Mask, kept func(n, c int) bool) {
	t.Helper()
	byHand := new(mask.Mask)
	if err := byHand.UnmarshalBinary([]byte(encoded(t, m))); err != nil {
		t.Fatal(err)
	}
	count := 0
	for n := range m.Samples() {
		row := 0
		for c := range m.Channels() {
			want := kept(n, c)
			byHand.Set(n, c, want)
			if want {
				row++
			}
		}
		if keptIn(m, n) != row {
			t.Fatalf("%s, %d×%d: %d channels of sample %d kept, want %d", what, m.Samples(), m.Channels(), keptIn(m, n), n, row)
		}
		count += row
	}
	if !m.Equal(byHand) || m.CountKept() != count {
		t.Fatalf("%s, %d×%d: %d kept, want %d:\n%v, want\n%v", what, m.Samples(), m.Channels(), m.CountKept(), count, m, byHand)
	}
}

// everyShape calls f with shapes whose rows begin at every bit of a word, and are shorter
// and longer than a word.
func everyShape(f func(samples, channels int)) {
	step := 1
	if testing.Short() {
		step = 7
	}
	for samples := 0; samples <= 70; samples += step {
		for channels := 0; channels <= 130; channels++ {
			f(samples, channels)
		}
	}
}

func TestPerChannelRepeatsOneRow(t *testing.T) {
	const rate = 0.4
	everyShape(func(samples, channels int) {
		at := mask.Place{Step: uint64(samples), Shard: mask.Shard{SampleOffset: 5, Samples: 100}}
		m := sharedBy(t, mask.Philox(3), mask.PerChannel, samples, channels, rate, at)
		row := make([]bool, channels)
		for c := range row {
			row[c] = trial(3, at.Step, uint64(c), rate)
		}
		checkShared(t, "PerChannel", m, func(n, c int) bool { return row[c] })
	})
}

func TestPerSampleRepeatsOneTrial(t *testing.T) {
	const rate = 0.4
	everyShape(func(samples, channels int) {
		at := mask.Place{Step: uint64(channels), Shard: mask.Shard{SampleOffset: 5}}
		m := sharedBy(t, mask.Philox(3), mask.PerSample, samples, channels, rate, at)
		column := make([]bool, samples)
		for n := range column {
			column[n] = trial(3, at.Step, 5+uint64(n), rate)
		}
		checkShared(t, "PerSample", m, func(n, c int) bool { return column[n] })
	})
}

// countOf returns the number of channels that a fixed count keeps: the nearest integer, and
// at least one if the rate is below 1.
func countOf(rate float64, channels int) int {
	count := int(math.Floor((1-rate)*float64(channels) + 0.5))
	if count == 0 && channels > 0 && rate < 1 {
		return 1
	}
	return count
}

// countedRow returns which channels of a sample are kept, by algorithm S.
func countedRow(channels, count int, number func(c int) uint64) []bool {
	row := make([]bool, channels)
	needed := uint64(count)
	for c := range row {
		if share, _ := mathbits.Mul64(number(c), uint64(channels-c)); share < needed {
			row[c] = true
			needed--
		}
	}
	return row
}

func TestFixedCountFollowsTheRule(t *testing.T) {
	rates := []float64{0.5, 0.3, 0.01, 0.99}
	i := 0
	everyShape(func(samples, channels int) {
		i++
		rate, at := rates[i%len(rates)], mask.Place{Step: uint64(i), Shard: mask.Shard{SampleOffset: uint64(i % 9)}}
		m := sharedBy(t, mask.Philox(3), mask.FixedCount, samples, channels, rate, at)
		count := countOf(rate, channels)
		all := make([][]bool, samples)
		for n := range all {
			all[n] = countedRow(channels, count, func(c int) uint64 {
				return wide(3, at.Step, (at.SampleOffset+uint64(n))*uint64(channels)+uint64(c))
			})
			if keptIn(m, n) != count {
				t.Fatalf("%d×%d, rate %v: %d channels of sample %d kept, want %d", samples, channels, rate, keptIn(m, n), n, count)
			}
		}
		checkShared(t, "FixedCount", m, func(n, c int) bool { return all[n][c] })
		if samples == 0 || channels == 0 {
			return
		}
		if want := float64(channels) / float64(count); count > 0 && math.Abs(m.Factor()-want) > want*0x1p-52 || m.Rate() != rate {
			t.Fatalf("%d×%d, rate %v: rate %v, factor %v, want %v", samples, channels, rate, m.Rate(), m.Factor(), want)
		}
	})
}

func TestFixedCountOfASourceFollowsTheRule(t *testing.T) {
	src := rand.NewPCG(5, 5)
	s := mask.Source(rand.NewPCG(5, 5))
	at := mask.Place{}
	for channels := 1; channels < 80; channels++ {
		m := sharedBy(t, s, mask.FixedCount, 3, channels, 0.4, at)
		var all [][]bool
		for range 3 {
			all = append(all, countedRow(channels, countOf(0.4, channels), func(int) uint64 { return src.Uint64() }))
		}
		checkShared(t, "FixedCount of a source", m, func(n, c int) bool { return all[n][c] })
		at = mask.After(s, mask.FixedCount, at, 3, channels, 0.4)
	}
}

// The count is rounded to the nearest integer, halves up, and at least one below rate 1.
func TestFixedCountOfKnownRates(t *testing.T) {
	for _, c := range []struct {
		channels int
		rate     float64
		want     int
		factor   float64
	}{
		{10, 0.5, 5, 2}, {5, 0.5, 3, 5.0 / 3}, {6, 0.25, 5, 1.2}, {4, 0.9, 1, 4}, {7, 1 - 0x1p-53, 1, 7}, {4, 0.1, 4, 1},
		{7, 0, 7, 1}, {7, 1, 0, 0}, {1, 0.5, 1, 1}, {3, 0.75, 1, 3}, {64, 0.5, 32, 2}, {65, 1.0 / 65, 64, 65.0 / 64},
		{8, 0.95, 1, 8}, {3, 0.9, 1, 3}, {1, 0.6, 1, 1}, {1, 1 - 0x1p-53, 1, 1}, {1000, 1 - 0x1p-53, 1, 1000},
	} {
		m := sharedBy(t, mask.Philox(0), mask.FixedCount, 5, c.channels, c.rate, mask.Place{})
		for n := range 5 {
			if keptIn(m, n) != c.want {
				t.Errorf("rate %v: %d of %d channels kept, want %d", c.rate, keptIn(m, n), c.channels, c.want)
			}
		}
		if math.Abs(m.Factor()-c.factor) > 1e-15*c.factor {
			t.Errorf("rate %v: %d of %d channels kept, times %v, want %v", c.rate, c.want, c.channels, m.Factor(), c.factor)
		}
		if c.want == c.channels != m.Identity() {
			t.Errorf("rate %v: %d of %d channels kept: identity %v", c.rate, c.want, c.channels, m.Identity())
		}
	}
}

// A draw at a rate that leaves nothing to chance forgets what Set has changed, too.
func TestFixedCountForgetsWhatWasSet(t *testing.T) {
	for rate, want := range map[float64]int{0: 21, 0.5: 12, 1: 0} {
		m := sharedBy(t, mask.Philox(0), mask.FixedCount, 3, 7, rate, mask.Place{})
		for c := range 7 {
			m.Set(1, c, rate == 1)
		}
		if err := mask.Draw(m, mask.Philox(0), mask.FixedCount, mask.Place{}); err != nil {
			t.Fatal(err)
		}
		if m.CountKept() != want {
			t.Errorf("rate %v: %d of 21 kept, want %d", rate, m.CountKept(), want)
		}
	}
}

// The count alone says how many channels are kept, even at the rates 0 and 1.
func TestFactorOfACountDoesNotDependOnTheRate(t *testing.T) {
	for _, rate := range []float64{0, 0.5, 1} {
		m := drawnBy(t, mask.Philox(0), 2, 7, rate, mask.Place{})
		if err := mask.Philox(0).DrawCount(m, 3, mask.Place{}); err != nil {
			t.Fatal(err)
		}
		if want := 7.0 / 3; m.CountKept() != 6 || math.Abs(m.Factor()-want) > want*0x1p-52 {
			t.Errorf("rate %v: %d of 14 kept, times %v, want 6, times %v", rate, m.CountKept(), m.Factor(), want)
		}
	}
}

func TestEveryChoiceOfAFixedCountIsEquallyLikely(t *testing.T) {
	const samples = 200_000
	for name, s := range map[string]mask.Stream{"philox": mask.Philox(8), "source": mask.Source(rand.NewPCG(8, 8))} {
		// With 19 degrees of freedom χ² exceeds 70 with a probability of 8·10⁻⁸.
		m := sharedBy(t, s, mask.FixedCount, samples, 6, 0.5, mask.Place{})
		chosen := map[string]int{}
		for n := range samples {
			choice := ""
			for _, c := range m.AppendKept(nil, n) {
				choice += fmt.Sprint(c)
			}
			chosen[choice]++
		}
		if len(chosen) != 20 {
			t.Errorf("%s: %d choices of 3 of 6 channels, want 20", name, len(chosen))
		}
		squares := 0.0
		for _, count := range chosen {
			d := float64(count) - samples/20
			squares += d * d / (samples / 20)
		}
		if squares > 70 {
			t.Errorf("%s: χ² %v for %v", name, squares, chosen)
		}
	}

	// More channels have too many choices to count. Instead count channels, and pairs of
	// them, which are correlated by −1/(C−1).
	const channels, count = 9, 7
	m := sharedBy(t, mask.Philox(9), mask.FixedCount, samples, channels, 0.2, mask.Place{})
	var pairs [channels][channels]int
	for n := range samples {
		for c := range channels {
			for d := range channels {
				if m.Kept(n, c) && m.Kept(n, d) {
					pairs[c][d]++
				}
			}
		}
	}
	const q = float64(count) / channels
	for c := range channels {
		for d := range channels {
			p := q
			if c != d {
				p = q*q - q*(1-q)/(channels-1)
			}
			if z := (float64(pairs[c][d]) - samples*p) / math.Sqrt(samples*p*(1-p)); !(math.Abs(z) < farthest) {
				t.Errorf("channels %d and %d are kept together with frequency %v, want %v, z = %.1f", c, d, float64(pairs[c][d])/samples, p, z)
			}
		}
	}
}

// Shards of a batch draw its rows with every stream and sharing.
func TestShardsOfSharedTrialsAreRowsOfTheWholeBatch(t *testing.T) {
	const samples, rate = 9, 0.3
	for _, m := range makers(t) {
		for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample, mask.FixedCount} {
			if _, ok := m.of(0).(mask.Counter); !ok && sharing == mask.FixedCount {
				continue
			}
			t.Run(fmt.Sprint(m.name, " ", sharing), func(t *testing.T) {
				for _, channels := range []int{1, 3, 63, 64, 65, 130} {
					start := mask.Place{Step: 2, Shard: mask.Shard{Samples: samples}}
					whole := sharedBy(t, m.of(4), sharing, samples, channels, rate, start)
					after := mask.After(m.of(4), sharing, start, samples, channels, rate)
					for from := range samples {
						for _, to := range []int{from + 1, samples} {
							at := start
							at.SampleOffset = uint64(from)
							s := m.of(4)
							part := sharedBy(t, s, sharing, to-from, channels, rate, at)
							want := rows(t, whole, from, to)
							checkShared(t, "shard", part, want.Kept)
							if next := mask.After(s, sharing, at, to-from, channels, rate); next.Step != after.Step || next.Cursor != after.Cursor {
								t.Fatalf("after samples %d to %d of %d×%d follows %+v, after all %+v", from, to, samples, channels, next, after)
							}
						}
					}
				}
			})
		}
	}
}

// The draw after a shared one goes on where that has ended. A source shows it, since every
// number is taken once.
func TestSharedTrialsTakeOneNumberEach(t *testing.T) {
	for _, c := range []struct {
		sharing           mask.Sharing
		samples, channels int
		rate              float64
		want              uint64
	}{
		{mask.Each, 4, 30, 0.5, 120}, {mask.PerChannel, 4, 30, 0.5, 30}, {mask.PerSample, 4, 30, 0.5, 4}, {mask.FixedCount, 4, 30, 0.5, 120},
		{mask.PerChannel, 4, 30, 0, 0}, {mask.PerSample, 4, 30, 1, 0}, {mask.FixedCount, 4, 30, 1, 0},
		{mask.PerChannel, 0, 30, 0.5, 0}, {mask.PerChannel, 4, 0, 0.5, 0}, {mask.PerSample, 4, 0, 0.5, 0}, {mask.FixedCount, 4, 0, 0.5, 0},
	} {
		counted := &countingSource{}
		s := mask.Source(counted)
		sharedBy(t, s, c.sharing, c.samples, c.channels, c.rate, mask.Place{})
		if counted.numbers != c.want {
			t.Errorf("%v, %d×%d, rate %v: %d numbers drawn, want %d", c.sharing, c.samples, c.channels, c.rate, counted.numbers, c.want)
		}
		if next := mask.After(s, c.sharing, mask.Place{}, c.samples, c.channels, c.rate); next.Cursor != c.want || next.Step != 1 {
			t.Errorf("%v, %d×%d, rate %v: followed by %+v, want cursor %d", c.sharing, c.samples, c.channels, c.rate, next, c.want)
		}
	}
}

// countingSource counts the numbers that are taken.
type countingSource struct{ numbers uint64 }

func (s *countingSource) Uint64() uint64 {
	s.numbers++
	return s.numbers * 0x9e3779b97f4a7c15
}

func TestSharingNames(t *testing.T) {
	for s, want := range map[mask.Sharing]string{mask.Each: "Each", mask.PerChannel: "PerChannel", mask.PerSample: "PerSample", mask.FixedCount: "FixedCount", 4: "Sharing(4)", 255: "Sharing(255)"} {
		if s.String() != want {
			t.Errorf("%d is called %v, want %s", uint8(s), s, want)
		}
	}
}
