package main

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Quartiles of a figure over the rounds of a measurement.
type Quartiles struct {
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
}

func quartilesOf(samples []float64) Quartiles {
	s := slices.Sorted(slices.Values(samples))
	q := func(p float64) float64 { return stat.Quantile(p, stat.LinInterp, s, nil) }
	return Quartiles{q(0.25), q(0.5), q(0.75)}
}

// contender is one way to do a piece of work.
type contender struct {
	tier    string
	run     func()
	reps    int
	seconds []float64 // of one run, a sample a round
}

// minSample is the time that a sample takes at least, so that the clock and the
// way into the timed region do not matter.
const minSample = 2 * time.Millisecond

func (c *contender) time() {
	useTier(c.tier)
	start := time.Now()
	for range c.reps {
		c.run()
	}
	c.seconds = append(c.seconds, time.Since(start).Seconds()/float64(c.reps))
}

// throughput returns what the samples mean for so many bytes.
func (c *contender) throughput(bytes int) Quartiles {
	rates := make([]float64, len(c.seconds))
	for i, s := range c.seconds {
		rates[i] = float64(bytes) / s / 1e9
	}
	return quartilesOf(rates)
}

// interleave times the contenders in turn, round after round, so that what else
// the machine does hits all of them. Every other round goes backwards: none
// always finds the cache as the same neighbour left it.
func interleave(all []*contender, rounds int, step func()) {
	defer useTier(kernel.Tier())
	for _, c := range all {
		for c.reps = 1; ; c.seconds = c.seconds[:0] {
			c.time() // the first is also the warm-up
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

// useTier chooses one of this machine's tiers.
func useTier(tier string) { must(kernel.SetTier(tier)) }

// must stops at what only a mistake in this program can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Result is one row of the table.
type Result struct {
	Case     string               `json:"case"`
	Shape    shape                `json:"shape"`
	Bytes    int                  `json:"bytes"`
	Layout   string               `json:"layout"`
	Dropped  float64              `json:"dropped"`
	InPlace  bool                 `json:"in_place"`
	Kernel   map[string]Quartiles `json:"kernel"`
	Two      *Quartiles           `json:"two_workers,omitempty"`
	Plain    Quartiles            `json:"plain_go"`
	Copy     Quartiles            `json:"copy"`
	Clear    Quartiles            `json:"clear"`
	Limit    float64              `json:"limit"`
	Fraction float64              `json:"fraction_of_limit"`
}

// measure verifies and times all workloads.
func (r *Report) measure(loads []workload, all []featureMap, rounds int, progress func(string, int) func()) error {
	r.Rounds = rounds
	for _, w := range loads {
		i := slices.IndexFunc(all, func(m featureMap) bool { return m.name == w.source })
		if err := r.measureTensor(w.load(all[i]), progress); err != nil {
			return err
		}
	}
	r.measureDraw()
	return nil
}

func (r *Report) measureTensor(t *tensor, progress func(string, int) func()) error {
	tiers := r.Machine.Tiers
	rows, probes := t.rows(tiers), t.probes(tiers[0])
	var all []*contender
	for _, p := range probes {
		all = append(all, p.contender)
	}
	for _, row := range rows {
		var calls []*contender
		for _, tier := range tiers {
			calls = append(calls, row.kernel[tier])
		}
		if row.two != nil {
			calls = append(calls, row.two)
		}
		if err := t.verify(row, calls); err != nil {
			return err
		}
		r.Timed += len(calls)
		all = append(append(all, calls...), row.plain)
	}
	runtime.GC()
	interleave(all, r.Rounds, progress(t.name, len(all)*r.Rounds))

	bytes := t.bytes()
	b := Bandwidths{Case: t.name, Bytes: bytes}
	for _, p := range probes {
		p.to(&b).offer(p.throughput(bytes).Median, p.name)
	}
	for _, row := range rows {
		if row.dropped > 0 {
			continue
		}
		best := &b.Copy
		if row.inPlace {
			best = &b.Update
		}
		for _, tier := range tiers {
			best.offer(row.kernel[tier].throughput(bytes).Median, fmt.Sprintf("Apply %v, %s", row.order, tier))
		}
		best.offer(row.plain.throughput(bytes).Median, fmt.Sprintf("plain Go %v", row.order))
	}
	r.Bandwidths = append(r.Bandwidths, b)

	for _, row := range rows {
		res := Result{
			Case: t.name, Shape: t.shape, Bytes: bytes, Layout: row.order.String(), Dropped: row.dropped, InPlace: row.inPlace,
			Kernel: map[string]Quartiles{}, Plain: row.plain.throughput(bytes),
			Copy: probes[0].throughput(bytes), Clear: probes[1].throughput(bytes), Limit: b.limit(row.work),
		}
		for _, tier := range tiers {
			res.Kernel[tier] = row.kernel[tier].throughput(bytes)
		}
		res.Fraction = res.Kernel[tiers[0]].Median / res.Limit
		if row.two != nil {
			q := row.two.throughput(bytes)
			res.Two = &q
		}
		r.Results = append(r.Results, res)
	}
	return nil
}

// Draw is the time that drawing a mask takes.
type Draw struct {
	Channels  int       `json:"channels"`
	NsPerEach Quartiles `json:"ns_per_channel"`
}

func (r *Report) measureDraw() {
	d, err := spatialdropout.New(0.5, spatialdropout.WithSeed(verifySeed))
	must(err)
	g := shape{32, 256, 1, 1}.geometry(layout.NCHW)
	m := new(mask.Mask)
	c := &contender{tier: kernel.Tier(), run: func() { d.DrawInto(m, g) }}
	interleave([]*contender{c}, r.Rounds, func() {})
	n := m.Samples() * m.Channels()
	for i := range c.seconds {
		c.seconds[i] *= 1e9 / float64(n)
	}
	r.Draw = &Draw{n, quartilesOf(c.seconds)}
}
