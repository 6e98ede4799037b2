package main

import (
	"math/rand/v2"
	"time"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// plan is what is measured.
type plan struct {
	shapes  []shape
	rates   []float64
	order   order // of the filters
	batch   int
	workers int
	time    time.Duration
}

// whole is the name of the contender that computes with every channel.
const whole = "every channel"

// contenders are that one, whose time does not depend on the mask, and the sharings of the masks with which
// the kept channels are measured.
var contenders = []contender{{whole, mask.Each}, {"PerChannel", mask.PerChannel}, {"FixedCount", mask.FixedCount}, {"Each", mask.Each}}

// contender is a way to compute a layer.
type contender struct {
	name    string
	sharing mask.Sharing
}

// shortest is how long a time is taken at least, by repeating what is shorter.
const shortest = 30 * time.Millisecond

// measure adds times to those before, all contenders in a random order for each convolution and rate,
// again and again until the time is over. progress is told how much of it is.
func (p plan) measure(r *rand.Rand, before measurement, progress func(time.Duration)) (measurement, error) {
	m := measurement{plan: p, times: before.times}
	type cell struct {
		shape int
		rate  float64
	}
	var cells []cell
	var benches []*bench
	for i, s := range p.shapes {
		benches = append(benches, newBench(r, problem{shape: s, batch: p.batch, workers: p.workers}))
		for _, rate := range p.rates {
			cells = append(cells, cell{i, rate})
		}
	}
	first := before.rounds()
	start := time.Now()
	for round := first; ; round++ {
		r.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		for _, c := range cells {
			if round > first && time.Since(start) > p.time {
				return m, nil
			}
			for _, k := range r.Perm(len(contenders)) {
				t, err := benches[c.shape].run(contenders[k], c.rate, r.Uint64())
				if err != nil {
					return m, err
				}
				t.round = round
				m.times = append(m.times, t)
				progress(time.Since(start))
			}
		}
	}
}

// bench is a convolution with data to measure it on.
type bench struct {
	problem
	x, y, dx, dy, df []float32
	every            every
	kept             kept
}

func newBench(r *rand.Rand, p problem) *bench {
	random := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	p.filters = random(p.weights())
	x, y := p.batch*p.inputs(), p.batch*p.outputs()
	b := &bench{problem: p, x: random(x), y: random(y), dx: random(x), dy: random(y), df: random(p.weights())}

	// Memory for a mask that drops nothing, written to, so that no time is that of its first use.
	patches := 0
	if p.filter > 1 {
		patches = p.inputs() * p.taps()
	}
	b.every.dropped, b.kept.packed = ones(x), ones(x)
	for range p.workers {
		b.every.samples = append(b.every.samples, convolution{ones(patches)})
		b.kept.samples = append(b.kept.samples, sample{convolution: convolution{ones(patches)}, filters: ones(p.weights()), gradient: ones(p.weights())})
		b.every.sums = append(b.every.sums, ones(p.weights()))
		b.kept.sums = append(b.kept.sums, ones(p.weights()))
	}
	return b
}

func ones(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	return x
}

// run measures a contender with masks of a seed.
func (b *bench) run(c contender, rate float64, seed uint64) (timing, error) {
	t := timing{shape: b.shape, rate: rate, contender: c.name}
	p := b.problem
	var err error
	if p.drop, err = spatialdropout.New(rate, spatialdropout.WithSharing(c.sharing), spatialdropout.WithSeed(seed)); err != nil {
		return t, err
	}
	b.every.problem, b.kept.problem = p, p
	var l layer = &b.kept
	if c.name == whole {
		l = &b.every
	}
	n := 0
	for ; n == 0 || t.forward+t.backward < shortest; n++ {
		start := time.Now()
		if err := l.forward(b.y, b.x); err != nil {
			return t, err
		}
		middle := time.Now()
		if err := l.backward(b.dx, b.df, b.dy); err != nil {
			return t, err
		}
		t.forward += middle.Sub(start)
		t.backward += time.Since(middle)
	}
	t.forward /= time.Duration(n)
	t.backward /= time.Duration(n)
	t.bytes = l.bytes()
	return t, nil
}
