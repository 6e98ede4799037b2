package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// Quartiles are those of the rounds of a measurement.
type Quartiles struct {
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
}

// believable is the greatest spread of a measurement that is to be believed.
const believable = 0.10

// spread returns half the distance of the quartiles as a part of the median.
func (q Quartiles) spread() float64 {
	if q.Q3 == q.Q1 {
		return 0 // a median of 0 included
	}
	return (q.Q3 - q.Q1) / 2 / q.Median
}

// over returns quartiles divided by n.
func (q Quartiles) over(n float64) Quartiles { return Quartiles{q.Q1 / n, q.Median / n, q.Q3 / n} }

// text returns the median and the spread, as in 12.3±4%, and the median alone of a single
// sample. It has 8 characters at most, up to 9999.
func (q Quartiles) text() string {
	if q.Q3 == q.Q1 {
		return digits(q.Median)
	}
	return digits(q.Median) + "±" + percent(q.spread())
}

// digits returns a number with one decimal, or with none from 100 on.
func digits(x float64) string {
	if x >= 99.95 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.1f", x)
}

// percent returns a part as a number of per cent, 99 at most.
func percent(part float64) string { return fmt.Sprintf("%.0f%%", min(99, 100*part)) }

// doubtful reports whether any of the measurements is not to be believed.
func doubtful(all ...Quartiles) bool {
	return slices.ContainsFunc(all, func(q Quartiles) bool { return q.spread() > believable })
}

func quartilesOf(samples []float64) Quartiles {
	s := slices.Sorted(slices.Values(samples))
	q := func(p float64) float64 { return stat.Quantile(p, stat.LinInterp, s, nil) }
	return Quartiles{q(0.25), q(0.5), q(0.75)}
}

// contender is one way of doing a piece of work.
type contender struct {
	name    string // in Go's benchmark format
	bytes   int    // of the tensor; each element counts once
	tier    string
	run     func()
	reps    int
	seconds []float64 // of one run; one sample for each round
}

// minSample is the least duration of a sample. It keeps the cost of reading the clock
// negligible.
const minSample = 2 * time.Millisecond

func (c *contender) time() {
	useTier(c.tier)
	start := time.Now()
	for range c.reps {
		c.run()
	}
	c.seconds = append(c.seconds, time.Since(start).Seconds()/float64(c.reps))
}

// throughput returns the samples in GB/s.
func (c *contender) throughput() Quartiles {
	rates := make([]float64, len(c.seconds))
	for i, s := range c.seconds {
		rates[i] = float64(c.bytes) / s / 1e9
	}
	return quartilesOf(rates)
}

// interleave times the contenders in turn, round after round, so that a disturbance of
// the machine hits all of them. Every other round runs backwards, so that no contender
// always finds the cache as the same neighbour left it.
func interleave(all []*contender, rounds int, step func()) {
	defer useTier(kernel.Tier())
	for _, c := range all {
		for c.reps = 1; ; c.seconds = c.seconds[:0] {
			c.time() // the first sample is also the warm-up
			c.time()
			took := slices.Min(c.seconds) * float64(c.reps)
			if took >= minSample.Seconds() {
				break
			}
			c.reps = int(math.Ceil(float64(c.reps) * min(10, 1.2*minSample.Seconds()/max(took, 1e-9))))
		}
		c.seconds = c.seconds[:0]
	}
	all = slices.Clone(all)
	for range rounds {
		for _, c := range all {
			c.time()
			step()
		}
		slices.Reverse(all)
	}
}

// useTier makes one of this machine's tiers the one in use.
func useTier(tier string) { must(kernel.SetTier(tier)) }

// must panics at an error that only a mistake in this program can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
