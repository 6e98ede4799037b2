package main

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// suite measures the cases by which the library is judged.
type suite struct {
	*Report
	begin progress
	tiers []string
	data  []float32 // repeated in every tensor
}

// size is the size of a tensor in samples of 64 planes of 56×56.
type size struct {
	name string
	n    int
}

// sizes are those of the full suite. Two tensors of the first size fit into 2 MiB. A
// tensor of the second size has 206 MB.
var sizes = []size{{"L2", 1}, {"DRAM", 256}}

// sizesBetween are the sizes from L2 to DRAM, doubled from one to the next: a batch of feature
// maps lies in a third cache, if anywhere.
var sizesBetween = []size{{"1.6 MB", 2}, {"3.2 MB", 4}, {"6.4 MB", 8}, {"12.8 MB", 16}, {"25.7 MB", 32}, {"51.4 MB", 64}}

// measureFull verifies and times the full suite.
func (r *Report) measureFull(sizes, between []size, all []featureMap, begin progress) error {
	s := &suite{r, begin, figureTiers(r.Machine.Tiers), all[0].data}
	small, large := sizes[0], sizes[len(sizes)-1]
	type part struct {
		measure func(size) error
		size    size
	}
	parts := []part{
		{s.planes, large}, {s.planes, small}, {s.tiny, small},
		{s.pixels, small}, {s.pixels, large},
	}
	for _, z := range between {
		parts = append(parts, part{s.both, z})
	}
	for _, c := range append(parts,
		part{s.halves, large},
		part{s.adds, small}, part{s.adds, large},
		part{s.factorOne, small}, part{s.factorOne, large},
		part{s.draws, large},
		part{s.overhead, small},
	) {
		if err := c.measure(c.size); err != nil {
			return err
		}
		runtime.GC() // free the tensor before the next one is allocated
	}
	return nil
}

func (z size) shape() shape { return shape{z.n, 64, 56, 56} }
func (z size) large() bool  { return z.n > 1 }

// tensorOf returns a tensor of n elements. Both orders hold the same data, since the
// values do not matter.
func tensorOf[T element](k kind[T], data []float32, n int) *tensor[T] {
	src := repeated(as(k, data), n)
	return &tensor[T]{k, make([]T, n), map[layout.Order][]T{layout.NCHW: src, layout.NHWC: src}}
}

// halfOf returns the first draw at rate 0.5 that drops half of the channels to within
// 1 %.
func halfOf(s shape) *mask.Mask {
	d, err := spatialdropout.New(0.5, spatialdropout.WithSeed(verifySeed))
	must(err)
	m, g := new(mask.Mask), s.geometry(layout.NCHW)
	for n := s.samples() * s.channels(); ; {
		must(d.DrawInto(m, g))
		if excess := 2*m.CountKept() - n; max(excess, -excess) <= max(1, n/100) {
			return m
		}
	}
}

// judge appends the ratio of a and b to the figures. more is printed beside it.
func (s *suite) judge(name, figure string, aim Aim, a, b Quantity, more ...Quantity) {
	f := over(a, b, s.tiers)
	f.Medians = append(f.Medians, more...)
	s.Figures = append(s.Figures, f.judge(name, figure, aim, s.tiers[0]))
}

// planes measures channels-first data, out of place and in place, with no channel dropped
// and with half of them. Large data are also measured with two workers.
func (s *suite) planes(z size) error {
	sh := z.shape()
	t := tensorOf(float32s, s.data, sh.len())
	c := contest{name: "NCHW, " + z.name, bytes: t.bytes(sh), tiers: s.tiers, probes: probes(t, sh, s.tiers[0])}
	for _, inPlace := range []bool{false, true} {
		for _, m := range masks(sh, barely, halfOf(sh)) {
			w := work{order: layout.NCHW, inPlace: inPlace}
			r := t.row(w, sh, m, s.tiers)
			if m.rate == 0 {
				r.plain = plain(t, w, sh, m, s.tiers[0])
			}
			if z.large() && m.rate > 0 && !inPlace {
				r.two = t.calls(w, sh, m, 2, s.tiers)
			}
			c.rows = append(c.rows, r)
		}
	}
	both := t.named("CopyTwo", sh, s.tiers[0], copyByTwo(t.operands(work{order: layout.NCHW}, sh)))
	if z.large() {
		c.others = []*contender{both}
	}
	b, err := s.hold(c, s.begin)
	if err != nil {
		return err
	}

	names := []string{"out of place, %s, rate 0", "out of place, %s, rate 0.5", "in place, %s, rate 0", "in place, %s, rate 0.5"}
	var rates, limits []Quantity
	for i, r := range c.rows {
		names[i] = "NCHW " + fmt.Sprintf(names[i], z.name)
		rates = append(rates, throughput("kernel", r.kernel))
		limits = append(limits, computed("limit", b.limit(r.work)))
	}
	if !z.large() {
		for i, name := range names {
			s.judge(name, "of limit", atLeast(0.9), rates[i], limits[i])
		}
		return nil
	}
	copied := single("copy", c.probes[0].throughput())
	s.judge(names[1], "× copy", atLeast(1.7), rates[1], copied)
	s.judge(names[1], "of limit", atLeast(0.95), rates[1], limits[1])
	s.judge(names[0], "× copy", atLeast(1.2), rates[0], copied)
	s.judge(names[3], "of limit", atLeast(0.9), rates[3], limits[3])
	s.judge(names[3], "× rate 0", atLeast(1), rates[3], Quantity{"rate 0", rates[2].By})
	s.judge(names[1]+", two workers", "× one worker", atLeast(1.8), throughput("two", c.rows[1].two), Quantity{"one", rates[1].By},
		single("copy by two", both.throughput()), copied)
	return nil
}

// copyByTwo returns a copy by two goroutines. It shows what a second core can add.
func copyByTwo(dst, src []float32) func() {
	half := len(dst) / 2
	return func() {
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			copy(dst[half:], src[half:])
		}()
		copy(dst[:half], src[:half])
		wg.Wait()
	}
}

// tiny measures planes of 7×7.
func (s *suite) tiny(size) error {
	sh := shape{8, 512, 7, 7}
	t := tensorOf(float32s, s.data, sh.len())
	c := contest{name: "planes of 7×7", bytes: t.bytes(sh), tiers: s.tiers, probes: probes(t, sh, s.tiers[0])}
	for _, m := range masks(sh, barely, halfOf(sh)) {
		c.rows = append(c.rows, t.row(work{order: layout.NCHW}, sh, m, s.tiers))
	}
	if _, err := s.hold(c, s.begin); err != nil {
		return err
	}
	const name = "NCHW, 4096 planes of 7×7, rate 0.5"
	rate := throughput("kernel", c.rows[1].kernel)
	s.judge(name, "× copy", atLeast(0.8), rate, single("copy", c.probes[0].throughput()))
	s.judge(name, "× rate 0", atLeast(1), rate, throughput("rate 0", c.rows[0].kernel))
	return nil
}

// pixels measures channels-last data with many and with few channels.
func (s *suite) pixels(z size) error {
	all := z.shape().len()
	t := tensorOf(float32s, s.data, all)
	c := contest{name: "NHWC, " + z.name, bytes: 4 * all, tiers: s.tiers, probes: probes(t, z.shape(), s.tiers[0])}
	channels := []int{64, 256, 2048, 1, 3, 5, 8}
	for i, n := range channels {
		side := []int{56, 28, 7, 56, 56, 56, 56}[i]
		sh := shape{all / (n * side * side), n, side, side}
		m := masks(sh, barely, halfOf(sh))[1]
		c.rows = append(c.rows, t.row(work{order: layout.NHWC}, sh, m, s.tiers))
	}
	whole := masks(z.shape(), barely, halfOf(z.shape()))[0]
	c.rows = append(c.rows, t.row(work{order: layout.NHWC}, z.shape(), whole, s.tiers)) // for the limit
	b, err := s.hold(c, s.begin)
	if err != nil {
		return err
	}
	copied, aim := single("copy", c.probes[0].throughput()), atLeast(0.95)
	if z.large() {
		aim = atLeast(1.15)
	}
	for i, n := range channels {
		name, rate := fmt.Sprintf("NHWC, C = %d, %s, rate 0.5", n, z.name), throughput("kernel", c.rows[i].kernel)
		if n < 64 {
			s.judge(name, "× C = 64", atLeast(0.9), rate, throughput("C = 64", c.rows[0].kernel))
			continue
		}
		s.judge(name, "× copy", aim, rate, copied, computed("limit", b.limit(c.rows[i].work)))
	}
	return nil
}

// both measures a size between the caches and memory: both orders, out of place and in
// place, half of the channels dropped.
func (s *suite) both(z size) error {
	sh := z.shape()
	t := tensorOf(float32s, s.data, sh.len())
	m := masks(sh, barely, halfOf(sh))[1]
	c := contest{name: z.name, bytes: t.bytes(sh), rounds: max(1, s.Rounds/2), tiers: s.tiers, probes: probes(t, sh, s.tiers[0])}
	for _, o := range []layout.Order{layout.NCHW, layout.NHWC} {
		for _, inPlace := range []bool{false, true} {
			c.rows = append(c.rows, t.row(work{order: o, inPlace: inPlace}, sh, m, s.tiers))
		}
	}
	b, err := s.hold(c, s.begin)
	if err != nil {
		return err
	}
	for _, r := range c.rows {
		rate, limit := throughput("kernel", r.kernel), computed("limit", b.limit(r.work))
		copied := single("copy", c.probes[0].throughput())
		if r.inPlace {
			s.judge(fmt.Sprintf("%v in place, %s, rate 0.5", r.order, z.name), "of limit", atLeast(0.9), rate, limit, copied)
			continue
		}
		s.judge(fmt.Sprintf("%v out of place, %s, rate 0.5", r.order, z.name), "× copy", atLeast(1), rate, copied, limit)
	}
	return nil
}

// halves measures the 16-bit kinds against float32.
func (s *suite) halves(z size) error {
	sh := z.shape()
	half := halfOf(sh)
	c := contest{name: "halves, " + z.name, bytes: 4 * sh.len(), tiers: s.tiers}
	c.rows = append(outOfPlace(s, float32s, sh, half), append(outOfPlace(s, float16s, sh, half), outOfPlace(s, bfloat16s, sh, half)...)...)
	if _, err := s.hold(c, s.begin); err != nil {
		return err
	}
	elements := func(of string, i, size int) Quantity {
		q := throughput(of, c.rows[i].kernel)
		for tier, x := range q.By {
			q.By[tier] = x.over(float64(size))
		}
		return q
	}
	for i, name := range []string{"float16", "bfloat16"} {
		for k, rate := range []string{"0", "0.5"} {
			s.judge(fmt.Sprintf("%s, NCHW out of place, %s, rate %s", name, z.name, rate), "× float32", atLeast(1.8),
				elements(name, 2*i+2+k, 2), elements("float32", k, 4))
			s.Figures[len(s.Figures)-1].Unit = "G elements/s"
		}
	}
	return nil
}

// outOfPlace returns the rows of a new tensor, with no channel dropped and with half of
// them.
func outOfPlace[T element](s *suite, k kind[T], sh shape, half *mask.Mask) []*row {
	t := tensorOf(k, s.data, sh.len())
	var rows []*row
	for _, m := range masks(sh, k.barely, half) {
		rows = append(rows, t.row(work{order: layout.NCHW}, sh, m, s.tiers))
	}
	return rows
}

// adds measures AddTo.
func (s *suite) adds(z size) error {
	sh := z.shape()
	t := tensorOf(float32s, s.data, sh.len())
	c := contest{name: "AddTo, " + z.name, bytes: t.bytes(sh), tiers: s.tiers, probes: append(probes(t, sh, s.tiers[0]), addProbes(t, sh, s.tiers[0])...)}
	for _, m := range masks(sh, barely, halfOf(sh)) {
		c.rows = append(c.rows, t.row(work{order: layout.NCHW, add: true}, sh, m, s.tiers))
	}
	b, err := s.hold(c, s.begin)
	if err != nil {
		return err
	}
	for i, rate := range []string{"0", "0.5"} {
		r := c.rows[i]
		s.judge(fmt.Sprintf("AddTo, NCHW, %s, rate %s", z.name, rate), "of limit", atLeast(0.9),
			throughput("kernel", r.kernel), computed("limit", b.limit(r.work)), single("copy", c.probes[0].throughput()))
	}
	return nil
}

// factorOne measures calls in place whose factor is 1. Kept channels need no work, so
// that the time should be that of clearing the dropped ones.
func (s *suite) factorOne(z size) error {
	sh := z.shape()
	t := tensorOf(float32s, s.data, sh.len())
	m := masks(sh, 0, halfOf(sh))[1]
	c := contest{name: "factor 1, " + z.name, bytes: t.bytes(sh), tiers: s.tiers, probes: probes(t, sh, s.tiers[0])}
	r := t.row(work{order: layout.NCHW, inPlace: true}, sh, m, s.tiers)
	c.rows = []*row{r}

	var dropped [][]float32
	for i := range sh.samples() * sh.channels() {
		if !m.Kept(i/sh.channels(), i%sh.channels()) {
			dropped = append(dropped, t.dst[i*sh.spatial():][:sh.spatial()])
		}
	}
	fill := t.named("ClearDropped", sh, s.tiers[0], func() {
		for _, plane := range dropped {
			clear(plane)
		}
	})
	c.others = []*contender{fill}
	for _, one := range append(r.calls(s.tiers), fill) {
		one.bytes = 4 * len(dropped) * sh.spatial()
	}
	if _, err := s.hold(c, s.begin); err != nil {
		return err
	}
	// A ratio of times is the inverse ratio of throughputs.
	s.judge(fmt.Sprintf("NCHW in place, %s, factor 1, dropped 0.5", z.name), "× time of clear", atMost(1.05),
		single("clear of the dropped", fill.throughput()), throughput("kernel", r.kernel), single("clear of all", c.probes[1].throughput()))
	return nil
}

// draws measures the draw of a mask against its application to planes of 7×7, where each
// trial has the least work.
func (s *suite) draws(z size) error {
	sh := shape{z.n / 2, 512, 7, 7}
	t := tensorOf(float32s, s.data, sh.len())
	m := masks(sh, barely, halfOf(sh))[1]
	r := t.row(work{order: layout.NCHW}, sh, m, s.tiers)
	c := contest{name: "draws", bytes: t.bytes(sh), tiers: s.tiers, rows: []*row{r}}
	streams := []string{"philox", "jax"}
	drawn, by := new(mask.Mask), map[string]map[string]*contender{}
	must(drawn.Reset(sh.samples(), sh.channels(), 0.5, mask.Arithmetic{}))
	for _, name := range streams {
		stream, err := mask.ParseStream(name)
		must(err)
		by[name] = map[string]*contender{}
		for _, tier := range s.tiers {
			var at mask.Place
			one := t.named("Draw/stream="+name+"/tier="+tier, sh, tier, func() {
				must(stream.Draw(drawn, at))
				at = stream.After(at, sh.samples(), sh.channels(), 0.5)
			})
			by[name][tier] = one
			c.others = append(c.others, one)
		}
	}
	if _, err := s.hold(c, s.begin); err != nil {
		return err
	}
	trials := sh.samples() * sh.channels()
	for _, name := range streams {
		draw, apply := nanoseconds("draw", by[name], trials), nanoseconds("apply", r.kernel, trials)
		s.judge(fmt.Sprintf("draw of %d channels, %s", trials, name), "× time of Apply, 7×7", atMost(0.05), draw, apply)
		s.Figures[len(s.Figures)-1].Unit = "ns a channel"
	}
	return nil
}

// nanoseconds returns the time of contenders divided by n, by tier.
func nanoseconds(of string, by map[string]*contender, n int) Quantity {
	q := Quantity{of, map[string]Quartiles{}}
	for tier, c := range by {
		q.By[tier] = quartilesOf(c.seconds).over(float64(n) / 1e9)
	}
	return q
}

// overhead measures a call that has almost no work.
func (s *suite) overhead(size) error {
	sh := shape{1, 1, 4, 4}
	t := tensorOf(float32s, s.data, sh.len())
	m := masks(sh, barely, halfOf(sh))[0]
	r := t.row(work{order: layout.NCHW}, sh, m, s.tiers)
	r.kernel = t.calls(r.work, sh, m, 0, s.tiers)
	g := sh.geometry(layout.NCHW)
	dst, src := t.operands(r.work, sh)
	// Call Apply as a user does. The compiler knows the types, which costs less.
	call := func() { must(spatialdropout.Apply(dst, src, m.Mask, g)) }
	for _, one := range r.kernel {
		one.run = call
	}
	c := contest{name: "one plane of 16", bytes: t.bytes(sh), tiers: s.tiers, rows: []*row{r}}
	if _, err := s.hold(c, s.begin); err != nil {
		return err
	}
	took := nanoseconds("call", r.kernel, 1)
	ns := Figure{Values: map[string]float64{}, Medians: []Quantity{took}, Unit: "ns", Doubtful: took.doubtful()}
	allocated := Figure{Values: map[string]float64{}, Medians: []Quantity{}}
	defer useTier(kernel.Tier())
	for _, tier := range s.tiers {
		ns.Values[tier] = took.at(tier)
		useTier(tier)
		allocated.Values[tier] = testing.AllocsPerRun(1000, call)
	}
	const name = "Apply to one plane of 16 elements"
	s.Figures = append(s.Figures, ns.judge(name, "ns", atMost(25), s.tiers[0]), allocated.judge(name, "allocations", atMost(0), s.tiers[0]))
	return nil
}
