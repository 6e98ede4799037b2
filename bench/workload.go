package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// workload is a tensor to measure on.
type workload struct {
	name   string
	source string // the feature map whose values are repeated
	shape  shape  // zero: that of the feature map
}

// workloads are the cases of the table. The last two are much larger than the caches of
// most machines.
var workloads = []workload{
	{name: "stem", source: "stem"},
	{name: "middle", source: "middle"},
	{name: "deep", source: "deep"},
	{"deep repeated", "deep", shape{892, 384, 7, 7}},
	{"standard", "middle", shape{32, 256, 56, 56}},
}

// parallelFrom is the least size in bytes for which two workers are measured too.
const parallelFrom = 16 << 20

// contest returns the measurements of a workload: both orders, in place and out of place,
// with no channel dropped and with half of them.
func (w workload) contest(m featureMap, tiers []string) contest {
	s := w.shape
	if s == (shape{}) {
		s = m.shape
	}
	first := repeated(m.data, s.len())
	t := &tensor[float32]{float32s, make([]float32, len(first)), map[layout.Order][]float32{
		layout.NCHW: first, layout.NHWC: inOrder(first, s, layout.NHWC),
	}}
	c := contest{name: w.name, bytes: 4 * s.len(), tiers: tiers, probes: probes(t, s, tiers[0])}
	for _, o := range []layout.Order{layout.NCHW, layout.NHWC} {
		for _, inPlace := range []bool{false, true} {
			for _, m := range masks(s, barely, drawFor(s, layout.NCHW, 0.5, mask.Select)) {
				work := work{order: o, inPlace: inPlace}
				r := t.row(work, s, m, tiers)
				r.plain = plain(t, work, s, m, tiers[0])
				if c.bytes >= parallelFrom {
					r.two = t.calls(work, s, m, 2, tiers[:1])
				}
				c.rows = append(c.rows, r)
			}
		}
	}
	return c
}

// measureMaps verifies and times workloads.
func (r *Report) measureMaps(loads []workload, all []featureMap, begin progress) error {
	for _, w := range loads {
		i := slices.IndexFunc(all, func(m featureMap) bool { return m.name == w.source })
		if err := r.measure(w.contest(all[i], r.Machine.Tiers), begin); err != nil {
			return err
		}
		runtime.GC() // free the tensor before the next one is allocated
	}
	r.measureDraw()
	return nil
}

// repeated returns n elements: data, repeated.
func repeated[T any](data []T, n int) []T {
	all := make([]T, n)
	for at := 0; at < n; {
		at += copy(all[at:], data)
	}
	return all
}

// drawn is a mask for measurements. The factor of its kept channels is just above 1, see
// kind, whatever the rate at which it was drawn.
type drawn struct {
	*mask.Mask
	rate float64
}

func (d drawn) dropped() float64 {
	return 1 - float64(d.CountKept())/float64(d.Samples()*d.Channels())
}

// masks returns a mask that drops nothing and one that drops what half drops.
func masks(s shape, barely float64, half *mask.Mask) []drawn {
	whole, err := mask.New(s.samples(), s.channels(), barely, mask.Arithmetic{})
	must(err)
	part, err := mask.New(s.samples(), s.channels(), barely, mask.Arithmetic{})
	must(err)
	for n := range part.Samples() {
		for c := range part.Channels() {
			part.Set(n, c, half.Kept(n, c))
		}
	}
	return []drawn{{whole, 0}, {part, 0.5}}
}

// tensor is the memory of a measurement.
type tensor[T element] struct {
	kind[T]
	dst []T
	src map[layout.Order][]T
}

// operands returns the slices of a call.
func (t *tensor[T]) operands(w work, s shape) (dst, src []T) {
	dst, src = t.dst[:s.len()], t.src[w.order][:s.len()]
	if w.inPlace {
		src = dst
	}
	return dst, src
}

// calls returns the calls of the library for a piece of work, by tier.
func (t *tensor[T]) calls(w work, s shape, m drawn, workers int, tiers []string) map[string]*contender {
	to, from := t.operands(w, s)
	g, op := s.geometry(w.order), spatialdropout.ApplyTensor
	if w.add {
		op = spatialdropout.AddToTensor
	}
	dst, src := t.tensor(to, g), t.tensor(from, g)
	by := map[string]*contender{}
	for _, tier := range tiers {
		by[tier] = &contender{
			name:  fmt.Sprintf("%s/%s/workers=%d/tier=%s", w.op(), t.describe(w, s, m), workers, tier),
			bytes: t.bytes(s), tier: tier,
			run: func() { must(op(dst, src, m.Mask, workers)) },
		}
	}
	return by
}

func (t *tensor[T]) bytes(s shape) int { return s.len() * int(unsafe.Sizeof(t.dst[0])) }

// named returns a contender that is not a call of the library.
func (t *tensor[T]) named(name string, s shape, tier string, run func()) *contender {
	return &contender{name: fmt.Sprintf("%s/size=%s/type=%v", name, s.ascii(), t.Kind), bytes: t.bytes(s), tier: tier, run: run}
}

// describe returns a piece of work as keys of Go's benchmark format.
func (t *tensor[T]) describe(w work, s shape, m drawn) string {
	place := "out"
	if w.inPlace {
		place = "in"
	}
	if m.Factor() == 1 {
		place += "/factor=1"
	}
	return fmt.Sprintf("layout=%v/size=%s/type=%v/rate=%v/place=%s", w.order, s.ascii(), t.Kind, m.rate, place)
}

func (s shape) ascii() string { return strings.ReplaceAll(s.String(), "×", "x") }

// row returns a row without a plain loop and without two workers.
func (t *tensor[T]) row(w work, s shape, m drawn, tiers []string) *row {
	w.dropped = m.dropped()
	return &row{
		work: w, shape: s, kernel: t.calls(w, s, m, 1, tiers),
		verify: func(calls []*contender) error { return t.verify(w, s, m, calls) },
	}
}

func (t *tensor[T]) verify(w work, s shape, m drawn, calls []*contender) error {
	defer useTier(kernel.Tier())
	dst, src := t.dst[:s.len()], t.src[w.order][:s.len()]
	want := make([]T, len(src))
	if w.add {
		copy(want, src)
	}
	t.reference(want, src, s, w.order, m.Mask, w.add)
	for _, c := range calls {
		clear(dst)
		if w.inPlace || w.add {
			copy(dst, src)
		}
		useTier(c.tier)
		c.run()
		if err := compare(dst, want, s, w.order); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// plain returns the loop that one would write without a library.
func plain(t *tensor[float32], w work, s shape, m drawn, tier string) *contender {
	dst, src := t.operands(w, s)
	factors := make([]float32, m.Samples()*m.Channels())
	must(mask.Factors(mask.Float32, factors, m.Mask, m.Channels()))
	c := &contender{name: "Plain/" + t.describe(w, s, m), bytes: t.bytes(s), tier: tier}
	c.run = func() { plainPlanes(dst, src, factors, s.spatial()) }
	if w.order == layout.NHWC {
		each := s.spatial() * s.channels()
		c.run = func() {
			for n := range s.samples() {
				plainPixels(dst[n*each:][:each], src[n*each:][:each], factors[n*s.channels():][:s.channels()])
			}
		}
	}
	return c
}

// planeByPlane returns what a program does with gonum, whose float32 kernel scales in place:
// each kept plane is copied and scaled while it is in the first cache, and each dropped one
// is cleared.
func planeByPlane(t *tensor[float32], s shape, m drawn, tier string) *contender {
	w := work{order: layout.NCHW}
	dst, src := t.operands(w, s)
	factors := make([]float32, m.Samples()*m.Channels())
	must(mask.Factors(mask.Float32, factors, m.Mask, m.Channels()))
	c := &contender{name: "Gonum/" + t.describe(w, s, m), bytes: t.bytes(s), tier: tier}
	c.run = func() {
		plane := s.spatial()
		for p, f := range factors {
			d := dst[p*plane:][:plane]
			if f == 0 {
				clear(d)
				continue
			}
			copy(d, src[p*plane:])
			blas32.Scal(f, blas32.Vector{N: plane, Inc: 1, Data: d})
		}
	}
	return c
}

// The plain loops are functions of their own, so that changes elsewhere do not move
// them: the place of a loop relative to a cache line changes its speed up to twofold.

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

//go:noinline
func plainAdd(dst, src []float32, f float32) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] += float32(src[i] * f)
	}
}

// ordinaryChunk is a size in elements for which kernels use ordinary stores, not
// streaming ones.
const ordinaryChunk = 1 << 20

// probe is a contender that only contributes to a bandwidth.
type probe struct {
	what string
	to   func(*Bandwidths) *Bandwidth
	*contender
}

// probes returns strategies that are not among the rows. The kernels see the tensor as a
// single plane.
func probes(t *tensor[float32], s shape, tier string) []probe {
	dst, src := t.dst[:s.len()], t.src[layout.NCHW][:s.len()]
	toCopy := func(b *Bandwidths) *Bandwidth { return &b.Copy }
	toFill := func(b *Bandwidths) *Bandwidth { return &b.Fill }
	toUpdate := func(b *Bandwidths) *Bandwidth { return &b.Update }
	named := func(name string, run func()) *contender { return t.named(name, s, tier, run) }
	planes := func(name string, dst, src []float32, f float32, chunk int) *contender {
		factors := []float32{f}
		return named(name, func() {
			for at := 0; at < len(dst); at += chunk {
				to := min(at+chunk, len(dst))
				kernel.Planes(kernel.Scale, dst[at:to], src[at:to], factors, nil, to-at)
			}
		})
	}
	return []probe{
		{"copy", toCopy, named("Copy", func() { copy(dst, src) })},
		{"clear", toFill, named("Clear", func() { clear(dst) })},
		{"one plane scaled", toCopy, planes("Scale", dst, src, factor, len(dst))},
		{"one plane scaled, ordinary stores", toCopy, planes("ScaleOrdinary", dst, src, factor, ordinaryChunk)},
		{"one plane filled", toFill, planes("Fill", dst, src, 0, len(dst))},
		{"one plane filled, ordinary stores", toFill, planes("FillOrdinary", dst, dst, 0, len(dst))},
		{"one plane scaled in place", toUpdate, planes("Update", dst, dst, factor, len(dst))},
	}
}

// addProbes are the probes of AddTo.
func addProbes(t *tensor[float32], s shape, tier string) []probe {
	dst, src := t.dst[:s.len()], t.src[layout.NCHW][:s.len()]
	toAdd := func(b *Bandwidths) *Bandwidth { return &b.Add }
	named := func(name string, run func()) *contender { return t.named(name, s, tier, run) }
	factors := []float32{factor}
	return []probe{
		{"one plane added", toAdd, named("AddOnePlane", func() { kernel.Planes(kernel.Add, dst, src, factors, nil, len(dst)) })},
		{"plain Go", toAdd, named("PlainAdd", func() { plainAdd(dst, src, factor) })},
	}
}
