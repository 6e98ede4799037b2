package mask_test

import (
	"fmt"
	"math"
	"testing"
)

// A stream returns n trials of one step: 1 for a kept channel, 0 for a dropped
// one.
type stream func(seed, step uint64, n int, rate float64) []uint8

const (
	// tested is how many trials of a step are looked at.
	tested = 1 << 20
	// width is how many channels a sample has.
	width = 100
	// farthest is how many standard deviations a statistic may lie from what it
	// should be. In the about 250 of them that are looked at, a good stream
	// goes beyond with a probability of 0.00015; seeds are fixed.
	farthest = 5
)

// philox is the stream under test.
func philox(t testing.TB) stream {
	return func(seed, step uint64, n int, rate float64) []uint8 {
		m := drawn(t, (n+width-1)/width, width, rate, seed, step, 0)
		all := make([]uint8, n)
		for i := range all {
			if m.Kept(i/width, i%width) {
				all[i] = 1
			}
		}
		return all
	}
}

// suspicion returns an error if the stream's trials do not look independent and
// kept with probability 1−rate: each for itself, neighbouring channels up to
// eight apart, neighbouring samples, and two neighbouring steps and seeds, also
// where one is a shifted copy of the other.
func suspicion(s stream, seed, step uint64, rate float64) error {
	q := 1 - rate
	trials := s(seed, step, tested, rate)

	var kept [4]float64 // by the place in a block of four
	for i, k := range trials {
		kept[i%4] += float64(k)
	}
	all := 0.0
	for place, k := range kept {
		all += k
		n := float64(tested / 4)
		if z := (k - n*q) / math.Sqrt(n*q*rate); !(math.Abs(z) < farthest) {
			return fmt.Errorf("rate %v, seed %d: trials %d, %d, … are kept with frequency %v, z = %.1f", rate, seed, place, place+4, k/n, z)
		}
	}
	if z := (all - tested*q) / math.Sqrt(tested*q*rate); !(math.Abs(z) < farthest) {
		return fmt.Errorf("rate %v, seed %d: kept with frequency %v, z = %.1f", rate, seed, all/tested, z)
	}

	for _, lag := range []int{1, 2, 3, 4, 5, 6, 7, 8, width - 1, width, width + 1} {
		if z := correlation(trials, trials, lag, q); !(math.Abs(z) < farthest) {
			return fmt.Errorf("rate %v, seed %d: trials %d apart are correlated, z = %.1f", rate, seed, lag, z)
		}
	}
	nextStep, nextSeed := s(seed, step+1, tested, rate), s(seed+1, step, tested, rate)
	for lag := range 9 {
		for what, other := range map[string][]uint8{"step": nextStep, "seed": nextSeed} {
			forth, back := correlation(trials, other, lag, q), correlation(other, trials, lag, q)
			if !(max(math.Abs(forth), math.Abs(back)) < farthest) {
				return fmt.Errorf("rate %v, seed %d: trials %d apart of the next %s are correlated, z = %.1f and %.1f", rate, seed, lag, what, forth, back)
			}
		}
	}
	return nil
}

// correlation returns how many standard deviations the covariance of a's trials
// with those of b, lag further on, lies from 0. Trials are kept with probability
// q.
func correlation(a, b []uint8, lag int, q float64) float64 {
	b = b[lag:]
	a = a[:len(b)]
	var both, as, bs int
	for i := range a {
		both += int(a[i] & b[i])
		as += int(a[i])
		bs += int(b[i])
	}
	n := float64(len(a))
	covariance := float64(both) - q*float64(as+bs) + n*q*q
	return covariance / (q * (1 - q) * math.Sqrt(n))
}

func TestTrialsAreIndependentAndKeptAsOftenAsAsked(t *testing.T) {
	for _, rate := range []float64{0.05, 0.2, 0.5, 0.9} {
		if err := suspicion(philox(t), 20, 3, rate); err != nil {
			t.Error(err)
		}
	}
}

// Each fault has happened somewhere or nearly did: a check that does not see it
// is worth nothing.
func TestPlantedFaultsAreSeen(t *testing.T) {
	good := philox(t)
	for fault, s := range map[string]stream{
		"four adjacent channels share one number": func(seed, step uint64, n int, rate float64) []uint8 {
			quarter := good(seed, step, (n+3)/4, rate)
			all := make([]uint8, n)
			for i := range all {
				all[i] = quarter[i/4]
			}
			return all
		},
		"the next seed shifts the sequence by one": func(seed, step uint64, n int, rate float64) []uint8 {
			return good(0, step, n+int(seed), rate)[seed:][:n]
		},
		"the next seed shifts the sequence by a block": func(seed, step uint64, n int, rate float64) []uint8 {
			return good(0, step, n+4*int(seed), rate)[4*seed:][:n]
		},
		"the next step shifts the sequence back by one": func(seed, step uint64, n int, rate float64) []uint8 {
			return good(seed, 0, n+8, rate)[8-step:][:n]
		},
		"the seed is ignored": func(_, step uint64, n int, rate float64) []uint8 { return good(0, step, n, rate) },
		"the step is ignored": func(seed, _ uint64, n int, rate float64) []uint8 { return good(seed, 0, n, rate) },
		"every sample has the same mask": func(seed, step uint64, n int, rate float64) []uint8 {
			row := good(seed, step, width, rate)
			all := make([]uint8, n)
			for i := range all {
				all[i] = row[i%width]
			}
			return all
		},
		"the rate is resolved to 6 bits": func(seed, step uint64, n int, rate float64) []uint8 {
			return good(seed, step, n, math.Floor(rate*64+0.5)/64)
		},
		"rate and 1−rate are exchanged": func(seed, step uint64, n int, rate float64) []uint8 {
			return good(seed, step, n, 1-rate)
		},
		"one trial of a hundred copies its neighbour": func(seed, step uint64, n int, rate float64) []uint8 {
			all := good(seed, step, n, rate)
			for i := 99; i < n; i += 100 {
				all[i] = all[i-1]
			}
			return all
		},
		"the same number of channels in every sample": func(seed, step uint64, n int, rate float64) []uint8 {
			all := good(seed, step, n, rate)
			for from := 0; from < n; from += width {
				drop := int(rate*width + 0.5)
				sample := all[from:min(from+width, n)]
				for _, k := range sample {
					drop -= 1 - int(k)
				}
				for i := 0; i < len(sample) && drop != 0; i++ {
					if drop > 0 && sample[i] == 1 {
						sample[i] = 0
						drop--
					} else if drop < 0 && sample[i] == 0 {
						sample[i] = 1
						drop++
					}
				}
			}
			return all
		},
	} {
		if err := suspicion(s, 5, 3, 0.2); err == nil {
			t.Errorf("not seen: %s", fault)
		} else {
			t.Logf("%s: %v", fault, err)
		}
	}
}
