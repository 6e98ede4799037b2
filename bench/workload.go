package main

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// workload is a tensor to measure on.
type workload struct {
	name   string
	source string // the feature map whose values are repeated
	shape  shape  // zero: as the feature map is
}

// workloads are the cases of the table. The last two are far larger than the
// caches of most machines.
var workloads = []workload{
	{name: "stem", source: "stem"},
	{name: "middle", source: "middle"},
	{name: "deep", source: "deep"},
	{"deep repeated", "deep", shape{892, 384, 7, 7}},
	{"standard", "middle", shape{32, 256, 56, 56}},
}

// parallelFrom is the size in bytes from which two workers are measured too.
const parallelFrom = 16 << 20

// tensor is a workload in memory.
type tensor struct {
	name  string
	shape shape
	dst   []float32
	src   map[layout.Order][]float32
	masks []*mask.Mask // nothing dropped, and as drawn at rate 0.5
}

// barely is a rate whose factor, in float32, is the next number but one after
// 1: scaled in place over and over, data stay what they are. factor is that.
const (
	barely         = 0x1p-22
	factor float32 = 1 + 0x1p-22
)

// load brings a workload to memory.
func (w workload) load(m featureMap) *tensor {
	t := &tensor{name: w.name, shape: w.shape}
	if t.shape == (shape{}) {
		t.shape = m.shape
	}
	first := make([]float32, t.shape.len())
	for at := 0; at < len(first); {
		at += copy(first[at:], m.data)
	}
	t.dst = make([]float32, len(first))
	t.src = map[layout.Order][]float32{layout.NCHW: first, layout.NHWC: inOrder(first, t.shape, layout.NHWC)}

	whole, err := mask.New(t.shape.samples(), t.shape.channels(), barely, mask.Select)
	must(err)
	part, err := mask.New(t.shape.samples(), t.shape.channels(), barely, mask.Select)
	must(err)
	drawn := drawFor(t.shape, layout.NCHW, 0.5, mask.Select)
	for n := range part.Samples() {
		for c := range part.Channels() {
			part.Set(n, c, drawn.Kept(n, c))
		}
	}
	t.masks = []*mask.Mask{whole, part}
	return t
}

func (t *tensor) bytes() int { return 4 * t.shape.len() }

// row is a Result in the making.
type row struct {
	work
	mask   *mask.Mask
	kernel map[string]*contender
	plain  *contender
	two    *contender
}

// rows returns the rows of a tensor, with their contenders.
func (t *tensor) rows(tiers []string) []*row {
	var all []*row
	for _, o := range []layout.Order{layout.NCHW, layout.NHWC} {
		for _, inPlace := range []bool{false, true} {
			for _, m := range t.masks {
				r := &row{mask: m, kernel: map[string]*contender{}}
				r.work = work{o, 1 - float64(m.CountKept())/float64(m.Samples()*m.Channels()), inPlace}
				g, dst, src := t.shape.geometry(o), t.dst, t.src[o]
				if inPlace {
					src = dst
				}
				apply := func(tier string, workers spatialdropout.Workers) *contender {
					return &contender{tier: tier, run: func() { must(spatialdropout.Apply(dst, src, m, g, workers)) }}
				}
				for _, tier := range tiers {
					r.kernel[tier] = apply(tier, 1)
				}
				if t.bytes() >= parallelFrom {
					r.two = apply(tiers[0], 2)
				}
				r.plain = &contender{tier: tiers[0], run: plain(o, dst, src, m, t.shape)}
				all = append(all, r)
			}
		}
	}
	return all
}

// plain returns the loop that one writes without a library.
func plain(o layout.Order, dst, src []float32, m *mask.Mask, s shape) func() {
	factors := make([]float32, m.Samples()*m.Channels())
	mask.Factors(factors, m, m.Channels())
	if o == layout.NHWC {
		return func() {
			each := s.spatial() * s.channels()
			for n := range s.samples() {
				plainPixels(dst[n*each:][:each], src[n*each:][:each], factors[n*s.channels():][:s.channels()])
			}
		}
	}
	return func() { plainPlanes(dst, src, factors, s.spatial()) }
}

// The plain loops are functions of their own, so that what surrounds them does
// not move them: where a loop meets a cache line changes its speed up to twofold.

//go:noinline
func plainPlanes(dst, src, factors []float32, plane int) {
	for p, f := range factors {
		d, x := dst[p*plane:][:plane], src[p*plane:][:plane]
		for i := range d {
			d[i] = x[i] * f
		}
	}
}

//go:noinline
func plainPixels(dst, src, factors []float32) {
	c := len(factors)
	for at := 0; at < len(dst); at += c {
		d, x := dst[at:][:c], src[at:][:c]
		for i, f := range factors {
			d[i] = x[i] * f
		}
	}
}

// ordinaryChunk is well below the size from which kernels use streaming stores.
const ordinaryChunk = 1 << 20

// probe is a contender that only a bandwidth is taken from.
type probe struct {
	name string
	to   func(*Bandwidths) *Bandwidth
	*contender
}

// probes returns the strategies that rows do not have among them. To the
// kernels the tensor is a single plane.
func (t *tensor) probes(tier string) []probe {
	dst, src := t.dst, t.src[layout.NCHW]
	toCopy := func(b *Bandwidths) *Bandwidth { return &b.Copy }
	toFill := func(b *Bandwidths) *Bandwidth { return &b.Fill }
	toUpdate := func(b *Bandwidths) *Bandwidth { return &b.Update }
	planes := func(dst, src []float32, f float32, chunk int) *contender {
		factors := []float32{f}
		return &contender{tier: tier, run: func() {
			for at := 0; at < len(dst); at += chunk {
				to := min(at+chunk, len(dst))
				kernel.Planes(dst[at:to], src[at:to], factors, to-at)
			}
		}}
	}
	return []probe{
		{"copy", toCopy, &contender{tier: tier, run: func() { copy(dst, src) }}},
		{"clear", toFill, &contender{tier: tier, run: func() { clear(dst) }}},
		{"one plane scaled", toCopy, planes(dst, src, factor, len(dst))},
		{"one plane scaled, ordinary stores", toCopy, planes(dst, src, factor, ordinaryChunk)},
		{"one plane filled", toFill, planes(dst, src, 0, len(dst))},
		{"one plane filled, ordinary stores", toFill, planes(dst, dst, 0, len(dst))},
		{"one plane scaled in place", toUpdate, planes(dst, dst, factor, len(dst))},
	}
}

// verify compares the calls of a row with the reference before they are timed:
// large tensors take paths that small ones do not.
func (t *tensor) verify(r *row, calls []*contender) error {
	defer useTier(kernel.Tier())
	src := t.src[r.order]
	want := make([]float32, len(src))
	reference(want, src, t.shape, r.order, r.mask, false)
	for _, c := range calls {
		clear(t.dst)
		if r.inPlace {
			copy(t.dst, src)
		}
		useTier(c.tier)
		c.run()
		if err := compare(t.dst, want, t.shape, r.order); err != nil {
			return fmt.Errorf("%s, %v float32, %s, Apply, in place %v, %.0f %% dropped, two workers %v: %w", t.name, r.order, c.tier, r.inPlace, 100*r.dropped, c == r.two, err)
		}
	}
	return nil
}
