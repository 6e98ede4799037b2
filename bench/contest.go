package main

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// contest is a set of contenders that are measured in turn, since their figures are
// compared.
type contest struct {
	name   string
	bytes  int
	rounds int // 0: those of the report
	tiers  []string
	rows   []*row
	probes []probe
	others []*contender
}

// row is a piece of work, with the contenders that do it.
type row struct {
	work
	shape  shape
	kernel map[string]*contender
	plain  *contender            // or nil
	peer   *contender            // what another library does, or nil
	two    map[string]*contender // with two workers, or nil
	// verify compares calls with the reference before they are timed. Large tensors take
	// other paths than the small ones of verifyMap.
	verify func(calls []*contender) error
}

// calls returns the calls of the library in the order of tiers.
func (r *row) calls(tiers []string) []*contender {
	var all []*contender
	for _, by := range []map[string]*contender{r.kernel, r.two} {
		for _, tier := range tiers {
			if by[tier] != nil {
				all = append(all, by[tier])
			}
		}
	}
	return all
}

// progress begins a progress bar with a number of steps. It returns a function that
// advances it by one.
type progress func(what string, steps int) (step func())

// hold verifies and times a contest. It returns the bandwidths that it showed.
func (r *Report) hold(c contest, begin progress) (Bandwidths, error) {
	all := append([]*contender{}, c.others...)
	for _, p := range c.probes {
		all = append(all, p.contender)
	}
	for _, row := range c.rows {
		calls := row.calls(c.tiers)
		if row.peer != nil {
			calls = append(calls, row.peer)
		}
		if err := row.verify(calls); err != nil {
			return Bandwidths{}, fmt.Errorf("%s: %w", c.name, err)
		}
		r.Timed += len(calls)
		all = append(all, calls...)
		if row.plain != nil {
			all = append(all, row.plain)
		}
	}
	runtime.GC()
	rounds := cmp.Or(c.rounds, r.Rounds)
	interleave(all, rounds, begin(c.name, len(all)*rounds))
	for _, contender := range all {
		contender.run = nil // release the tensor
	}
	r.timed = append(r.timed, all...)
	b := c.bandwidths()
	if len(c.probes) > 0 {
		r.Bandwidths = append(r.Bandwidths, b)
	}
	return b, nil
}

// bandwidths returns the best that was measured of each bandwidth.
func (c contest) bandwidths() Bandwidths {
	b := Bandwidths{Case: c.name, Bytes: c.bytes}
	for _, p := range c.probes {
		p.to(&b).offer(p.throughput().Median, p.what)
	}
	for _, row := range c.rows {
		if row.dropped > 0 {
			continue
		}
		best := b.of(row.work)
		for _, tier := range c.tiers {
			best.offer(row.kernel[tier].throughput().Median, fmt.Sprintf("%s %v, %s", row.op(), row.order, tier))
		}
		if row.plain != nil {
			best.offer(row.plain.throughput().Median, fmt.Sprintf("plain Go %v", row.order))
		}
	}
	return b
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
	Plain    *Quartiles           `json:"plain_go,omitempty"`
	Peer     *Quartiles           `json:"gonum,omitempty"`
	Copy     Quartiles            `json:"copy"`
	Clear    Quartiles            `json:"clear"`
	Limit    float64              `json:"limit"`
	Fraction float64              `json:"fraction_of_limit"`
	Doubtful bool                 `json:"doubtful"` // the quartiles of a measurement lie too far apart
}

// measure holds a contest and appends a Result for each row.
func (r *Report) measure(c contest, begin progress) error {
	b, err := r.hold(c, begin)
	if err != nil {
		return err
	}
	best := c.tiers[0]
	for _, row := range c.rows {
		res := Result{
			Case: c.name, Shape: row.shape, Bytes: row.kernel[best].bytes, Layout: row.order.String(), Dropped: row.dropped, InPlace: row.inPlace,
			Kernel: map[string]Quartiles{},
			Copy:   c.probes[0].throughput(), Clear: c.probes[1].throughput(), Limit: b.limit(row.work),
		}
		for _, tier := range c.tiers {
			res.Kernel[tier] = row.kernel[tier].throughput()
		}
		res.Fraction = res.Kernel[best].Median / res.Limit
		used := append(slices.Collect(maps.Values(res.Kernel)), res.Copy)
		optional := func(c *contender) *Quartiles {
			if c == nil {
				return nil
			}
			q := c.throughput()
			used = append(used, q)
			return &q
		}
		res.Plain, res.Peer, res.Two = optional(row.plain), optional(row.peer), optional(row.two[best])
		res.Doubtful = doubtful(used...)
		r.Results = append(r.Results, res)
	}
	return nil
}

// Draw is the time of drawing a mask.
type Draw struct {
	Channels  int       `json:"channels"`
	NsPerEach Quartiles `json:"ns_per_channel"`
}

func (r *Report) measureDraw() {
	d, err := spatialdropout.New(0.5, spatialdropout.WithSeed(verifySeed))
	must(err)
	g := shape{32, 256, 1, 1}.geometry(layout.NCHW)
	m := new(mask.Mask)
	c := &contender{name: "Draw/channels=8192", tier: kernel.Tier(), run: func() { must(d.DrawInto(m, g)) }}
	interleave([]*contender{c}, r.Rounds, func() {})
	r.timed = append(r.timed, c)
	n := m.Samples() * m.Channels()
	each := make([]float64, len(c.seconds))
	for i, s := range c.seconds {
		each[i] = s * 1e9 / float64(n)
	}
	r.Draw = &Draw{n, quartilesOf(each)}
}
