package spatialdropout_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/reference"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// place is one element of a tensor: its offset in the buffer, the channel that it
// belongs to, and its position in the feature map, counted along the spatial axes.
type place struct{ at, n, c, position int }

// tensor is a tensor of the oracle. Its places come from loops over the logical indices
// and never from the loops of the geometry under test.
type tensor struct {
	name              string
	geom              layout.Geometry
	samples, channels int
	spatial           []int // the spatial dims
	places            []place
	padding           []int // offsets of padding channels
	length            int   // elements that the buffer must hold
	view              bool  // the buffer may be longer
}

// spelled are the axes of each order with a fixed rank, as its dims are given.
var spelled = map[layout.Order]string{
	layout.NCHW: "NCHW", layout.NHWC: "NHWC",
	layout.NCW: "NCW", layout.NWC: "NWC",
	layout.NCDHW: "NCDHW", layout.NDHWC: "NDHWC",
	layout.CHW: "CHW", layout.HWC: "HWC",
	layout.CW: "CW", layout.WC: "WC",
	layout.CDHW: "CDHW", layout.DHWC: "DHWC",
	layout.NC:     "NC",
	layout.NCHW8c: "NCHW", layout.NCHW16c: "NCHW",
}

// spelling returns one letter an axis for dims of the given rank.
func spelling(o layout.Order, rank int) string {
	const spatial = "XXXXXXXXXXXX"
	switch o {
	case layout.ChannelsFirst:
		return "NC" + spatial[:rank-2]
	case layout.ChannelsLast:
		return "N" + spatial[:rank-2] + "C"
	}
	return spelled[o]
}

// visit calls f with every index into shape.
func visit(shape []int, f func(index []int)) {
	index := make([]int, len(shape))
	var loop func(axis int)
	loop = func(axis int) {
		if axis == len(shape) {
			f(index)
			return
		}
		for i := 0; i < shape[axis]; i++ {
			index[axis] = i
			loop(axis + 1)
		}
	}
	loop(0)
}

// dense returns the tensor of an order and its dims.
func dense(t testing.TB, o layout.Order, dims ...int) tensor {
	t.Helper()
	g, err := o.Of(dims...)
	if err != nil {
		t.Fatalf("%v.Of(%v): %v", o, dims, err)
	}
	x := tensor{name: fmt.Sprintf("%v%v", o, dims), geom: g, samples: 1, channels: 1}
	letters := spelling(o, len(dims))
	n, c := -1, -1
	for i, d := range dims {
		switch letters[i] {
		case 'N':
			n, x.samples = i, d
		case 'C':
			c, x.channels = i, d
		default:
			x.spatial = append(x.spatial, d)
		}
	}
	if block := map[layout.Order]int{layout.NCHW8c: 8, layout.NCHW16c: 16}[o]; block > 0 {
		x.blocked(dims, block)
		return x
	}
	visit(dims, func(index []int) {
		at := 0
		for i, d := range dims {
			at = at*d + index[i]
		}
		x.add(at, dims, index, n, c)
	})
	x.length = len(x.places)
	return x
}

// blocked lays x out as N, C/block, H, W, block.
func (x *tensor) blocked(dims []int, block int) {
	groups := (dims[1] + block - 1) / block
	h, w := dims[2], dims[3]
	visit([]int{dims[0], groups * block, h, w}, func(index []int) {
		n, c, i, j := index[0], index[1], index[2], index[3]
		at := (((n*groups+c/block)*h+i)*w+j)*block + c%block
		if c < x.channels {
			x.places = append(x.places, place{at, n, c, i*w + j})
		} else {
			x.padding = append(x.padding, at)
		}
	})
	x.length = len(x.places) + len(x.padding)
}

// strided returns the tensor of a shape and strides.
func strided(t testing.TB, shape, strides []int, sampleAxis, channelAxis int) tensor {
	t.Helper()
	g, err := layout.Strided(shape, strides, sampleAxis, channelAxis)
	if err != nil {
		t.Fatalf("Strided(%v, %v, %d, %d): %v", shape, strides, sampleAxis, channelAxis, err)
	}
	x := tensor{name: fmt.Sprintf("Strided %v by %v", shape, strides), geom: g, samples: 1, channels: shape[channelAxis]}
	if sampleAxis != layout.Unbatched {
		x.samples = shape[sampleAxis]
	}
	visit(shape, func(index []int) {
		at := 0
		for i, stride := range strides {
			at += index[i] * stride
		}
		x.length = max(x.length, at+1)
		x.add(at, shape, index, sampleAxis, channelAxis)
	})
	elements := 1
	for i, d := range shape {
		elements *= max(d, 1)
		if i != sampleAxis && i != channelAxis {
			x.spatial = append(x.spatial, d)
		}
	}
	x.view = x.length > elements // gaps
	for _, stride := range strides {
		x.view = x.view || stride > elements // a wider tensor
	}
	return x
}

func (x *tensor) add(at int, shape, index []int, sampleAxis, channelAxis int) {
	p := place{at: at, c: index[channelAxis]}
	if sampleAxis >= 0 {
		p.n = index[sampleAxis]
	}
	for axis, i := range index {
		if axis != sampleAxis && axis != channelAxis {
			p.position = p.position*shape[axis] + i
		}
	}
	x.places = append(x.places, p)
}

// others returns tensors of the same shape that lie differently.
func others(t testing.TB, x tensor) []tensor {
	t.Helper()
	first := append([]int{x.samples, x.channels}, x.spatial...)
	last := append(append([]int{x.samples}, x.spatial...), x.channels)
	all := []tensor{dense(t, layout.ChannelsLast, last...), dense(t, layout.ChannelsFirst, first...)}
	if len(x.spatial) == 2 {
		all = append(all, dense(t, layout.NCHW8c, first...), dense(t, layout.NCHW16c, first...))
	}
	// Views: every second element of a tensor whose axes are reversed, and gaps after
	// samples and channels.
	backwards, gaps := make([]int, len(first)), make([]int, len(first))
	stride := 2
	for i, d := range first {
		backwards[i] = stride
		stride *= max(d, 1)
	}
	stride = 1
	for i := len(first) - 1; i >= 0; i-- {
		gaps[i] = stride
		stride *= max(first[i], 1)
		if i < 2 {
			stride += 3
		}
	}
	all = append(all, strided(t, first, backwards, 0, 1), strided(t, first, gaps, 0, 1))
	return slices.DeleteFunc(all, func(y tensor) bool { return y.geom == x.geom })
}

// tensors are small tensors of every kind that the contract names.
func tensors(t testing.TB) []tensor {
	if allTensors == nil {
		allTensors = newTensors(t)
	}
	return slices.Clone(allTensors)
}

// allTensors are those of tensors, once it was called.
var allTensors []tensor

func newTensors(t testing.TB) []tensor {
	all := []tensor{
		// Padding in the last group, full groups, and fewer channels than a group.
		dense(t, layout.NCHW8c, 2, 11, 2, 3), dense(t, layout.NCHW8c, 2, 16, 3, 1), dense(t, layout.NCHW8c, 1, 1, 2, 2),
		dense(t, layout.NCHW16c, 3, 20, 2, 2), dense(t, layout.NCHW16c, 1, 32, 1, 1), dense(t, layout.NCHW16c, 2, 7, 3, 3),
		dense(t, layout.ChannelsFirst, 3, 5), dense(t, layout.ChannelsFirst, 2, 3, 2, 2, 1, 3), dense(t, layout.ChannelsFirst, 4, 1, 9),
		dense(t, layout.ChannelsLast, 3, 5), dense(t, layout.ChannelsLast, 2, 2, 2, 1, 3, 3), dense(t, layout.ChannelsLast, 4, 9, 1),
		// Extents of one, and none at all.
		dense(t, layout.NCHW, 1, 1, 1, 1), dense(t, layout.NHWC, 1, 1, 1, 1), dense(t, layout.NCHW, 3, 4, 1, 1), dense(t, layout.NCHW, 70, 1, 1, 3),
		dense(t, layout.NCHW, 0, 4, 2, 2), dense(t, layout.NCHW, 2, 0, 2, 2), dense(t, layout.NHWC, 2, 0, 2, 2), dense(t, layout.NCHW8c, 2, 3, 0, 2),
		// Planes and rows that fill vectors and leave a rest.
		dense(t, layout.NCHW, 2, 3, 9, 15), dense(t, layout.NHWC, 2, 5, 7, 33), dense(t, layout.NC, 3, 131), dense(t, layout.NWC, 2, 700, 3),

		// Channels 2, 3 and 4 of seven.
		strided(t, []int{2, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1),
		strided(t, []int{2, 4, 5, 3}, []int{140, 35, 7, 1}, 0, 3),
		// Channels 2, 3 and 4 of a single sample, and some rows of one: without a gap, in a buffer that goes on.
		strided(t, []int{1, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1),
		strided(t, []int{1, 4, 5, 3}, []int{140, 15, 3, 1}, 0, 3),
		// A window of 2×3 positions of 4×5.
		strided(t, []int{2, 3, 2, 3}, []int{60, 20, 5, 1}, 0, 1),
		strided(t, []int{2, 2, 3, 3}, []int{60, 15, 3, 1}, 0, 3),
		// Every second position, every second row.
		strided(t, []int{2, 3, 2, 3}, []int{72, 24, 12, 2}, 0, 1),
		// NCHW in memory, seen as NHWC, and the other way round.
		strided(t, []int{2, 4, 5, 3}, []int{60, 5, 1, 20}, 0, 3),
		strided(t, []int{2, 3, 4, 5}, []int{60, 1, 15, 3}, 0, 1),
		// H and W exchanged.
		strided(t, []int{2, 3, 5, 4}, []int{60, 20, 1, 5}, 0, 1),
		// The sample axis second, innermost, and between the spatial ones.
		strided(t, []int{3, 2, 4, 5}, []int{40, 20, 5, 1}, 1, 0),
		strided(t, []int{3, 4, 2}, []int{8, 2, 1}, 2, 0),
		strided(t, []int{4, 2, 5, 3}, []int{30, 15, 3, 1}, 1, 3),
		strided(t, []int{4, 6}, []int{1, 4}, 0, 1),
		// Channels between spatial axes.
		strided(t, []int{2, 4, 3, 5}, []int{60, 15, 5, 1}, 0, 2),
		// Unbatched, and one trial a sample.
		strided(t, []int{3, 4, 5}, []int{20, 5, 1}, layout.Unbatched, 0),
		strided(t, []int{4, 5, 3}, []int{15, 3, 1}, layout.Unbatched, 2),
		strided(t, []int{5}, []int{3}, layout.Unbatched, 0),
		strided(t, []int{6, 1, 10}, []int{12, 77, 1}, 0, 1),
		// No two elements next to each other.
		strided(t, []int{2, 3, 4}, []int{100, 30, 7}, 0, 1),
		strided(t, []int{2, 4, 3}, []int{64, 16, 5}, 0, 2),
		// Six axes with a gap after each.
		strided(t, []int{2, 2, 2, 2, 2, 3}, []int{200, 90, 40, 18, 7, 2}, 0, 5),
		strided(t, []int{2, 2, 2, 2, 2, 2}, []int{200, 90, 40, 18, 7, 1}, 2, 3),
		// Rows of channels with a gap after each, and such planes.
		strided(t, []int{3, 7, 19}, []int{231, 33, 1}, 0, 2),
		strided(t, []int{3, 7, 19}, []int{231, 33, 1}, 0, 1),
		strided(t, []int{0, 3, 4}, []int{12, 4, 1}, 0, 1),
	}
	for _, o := range layout.Orders() {
		if letters := spelled[o]; letters != "" {
			dims := make([]int, len(letters))
			for i, l := range letters {
				dims[i] = map[rune]int{'N': 3, 'C': 5, 'D': 2, 'H': 3, 'W': 7}[l]
			}
			all = append(all, dense(t, o, dims...))
		}
	}
	return all
}

// call is one way to call Apply or AddTo.
type call struct {
	add, inPlace bool
	rate         float64
	policy       mask.Policy
	rule         mask.Rule
	count        int // of channels kept in each sample, 0 unless it is fixed
	seed         uint64
}

func (c call) String() string {
	name := "Apply"
	if c.add {
		name = "AddTo"
	}
	if c.inPlace {
		name += " in place"
	}
	return fmt.Sprintf("%s, rate %v, %v, %v, seed %d", name, c.rate, c.policy, c.rule, c.seed)
}

// formula is what the elements of one channel become: x·factor+shift, or x/factor where
// the rule is a quotient.
type formula[T number] struct {
	dropped, over, shifted bool
	factor, shift          T
}

// formulas returns the formulas of a kept and of a dropped channel.
func (k *kind[T]) formulas(c call, channels int) (kept, dropped formula[T]) {
	q := 1 - c.rate
	if c.count > 0 {
		q = float64(c.count) / float64(channels)
	}
	dropped.dropped = true
	switch alpha := c.rule == mask.Alpha || c.rule == mask.AlphaGradient; {
	case c.rate == 0 && c.count == 0:
		return formula[T]{factor: k.of(1)}, dropped
	case alpha && q == 0:
		return formula[T]{}, dropped // no channel is kept
	}
	n := reference.NumbersOf(c.rule, c.rate, q, k.typ)
	kept = formula[T]{over: n.Divides, factor: k.of(n.Factor), shifted: n.Shifts, shift: k.of(n.Kept)}
	dropped.shifted, dropped.shift = n.Shifts, k.of(n.Dropped)
	return kept, dropped
}

// element returns what one element becomes: y in dst, x in src, f the formula of its
// channel. There is a second answer where the contract leaves a choice: which NaN
// survives where two meet, and whether a product with 1 is computed, which shows on a
// signalling NaN.
//
//go:norace
func (k *kind[T]) element(c call, y, x T, f formula[T]) (want, or T) {
	if f.dropped && c.policy == mask.Select {
		if c.add {
			return y, y
		}
		return f.shift, f.shift
	}
	product := k.times(x, f.factor)
	if f.over {
		product = k.over(x, f.factor)
	}
	if f.shifted {
		product = k.plus(product, f.shift)
	}
	switch {
	case !c.add && f.factor == k.of(1) && !f.shifted:
		return product, x
	case !c.add:
		return product, product
	case math.IsNaN(k.float(y)) && math.IsNaN(k.float(product)):
		return product, k.plus(y, 0)
	}
	sum := k.plus(y, product)
	return sum, sum
}

// lives returns which channels a mask keeps, those of one sample after the other.
func (x *tensor) lives(m *mask.Mask) []bool {
	all := make([]bool, 0, x.samples*x.channels)
	for n := range x.samples {
		for c := range x.channels {
			all = append(all, m.Kept(n, c))
		}
	}
	return all
}

// expect returns dst as the contract wants it after the call, in two versions
// that differ where [kind.element] has two answers. The race detector does not watch it.
//
//go:norace
func expect[T number](x tensor, c call, m *mask.Mask, dst, src []T) (want, or []T) {
	k := kindOf[T]()
	want, or = append([]T(nil), dst...), append([]T(nil), dst...)
	kept, dropped := k.formulas(c, x.channels)
	padding := formula[T]{dropped: true, shifted: dropped.shifted}
	lives := x.lives(m)
	for _, p := range x.places {
		f := dropped
		if lives[p.n*x.channels+p.c] {
			f = kept
		}
		want[p.at], or[p.at] = k.element(c, dst[p.at], src[p.at], f)
	}
	for _, at := range x.padding { // counts as dropped
		want[at], or[at] = k.element(c, dst[at], src[at], padding)
	}
	return want, or
}

// differ returns an error at the first element that is neither.
func differ[T number](got, want, or []T) error {
	if bytes.Equal(bytesOf(got), bytesOf(want)) {
		return nil // at the speed of large tensors
	}
	for i := range want {
		if g := bitsOf(got[i]); g != bitsOf(want[i]) && g != bitsOf(or[i]) {
			return fmt.Errorf("element %d is %#x, want %#x", i, g, bitsOf(want[i]))
		}
	}
	return nil
}

// onTiers calls f on every tier of this machine, and restores the one in use.
func onTiers(t testing.TB, f func(tier string)) {
	t.Helper()
	before := kernel.Tier()
	defer setTier(t, before)
	for _, tier := range kernel.Tiers() {
		setTier(t, tier)
		f(tier)
	}
}

func setTier(t testing.TB, tier string) {
	t.Helper()
	if err := kernel.SetTier(tier); err != nil {
		t.Fatal(err)
	}
}

// guard is how many elements around a buffer are watched.
const guard = 37

// checkCall draws a mask for a call, makes the call on the tier in use with each number
// of workers, and compares with the oracle. dst and src hold the elements of x, and a few
// more if x is a view.
func checkCall[T number](x tensor, c call, dst, src []T, workers ...int) error {
	m, err := drawnFor(x, c)
	if err != nil {
		return err
	}
	return checkMask(x, c, m, dst, src, workers...)
}

// checkTiers is checkCall on every tier, of which all draw one mask.
func checkTiers[T number](t testing.TB, x tensor, c call, dst, src []T, workers ...int) {
	t.Helper()
	var first *mask.Mask
	var want, or []T // the same on every tier
	if c.inPlace {
		src = dst
	}
	onTiers(t, func(tier string) {
		m, err := drawnFor(x, c)
		if err == nil && first == nil {
			first = m
			want, or = expect(x, c, m, dst, src)
		}
		if err == nil && !m.Equal(first) {
			err = fmt.Errorf("%v: %v on tier %s, want %v", c, m, tier, first)
		}
		if err == nil {
			err = checkWanted(x, c, want, or, dst, src, byApply[T](x, c, m), workers...)
		}
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	})
}

// drawnFor draws the mask of a call.
func drawnFor(x tensor, c call) (*mask.Mask, error) {
	drop, err := spatialdropout.New(c.rate, spatialdropout.WithSeed(c.seed), withPolicy(c.policy))
	if err != nil {
		return nil, err
	}
	m, err := drop.Draw(x.geom)
	if err != nil {
		return nil, err
	}
	if m.Samples() != x.samples || m.Channels() != x.channels {
		return nil, fmt.Errorf("mask of %d×%d, want %d×%d", m.Samples(), m.Channels(), x.samples, x.channels)
	}
	return m, nil
}

// checkMask is checkCall with a mask that is drawn already.
func checkMask[T number](x tensor, c call, m *mask.Mask, dst, src []T, workers ...int) error {
	return checkDo(x, c, m, dst, src, byApply[T](x, c, m), workers...)
}

// byApply returns what makes a call with a mask and a number of workers, 0 for the default.
func byApply[T number](x tensor, c call, m *mask.Mask) func(dst, src []T, w int) error {
	do := kindOf[T]().apply
	if c.add {
		do = kindOf[T]().addTo
	}
	return func(dst, src []T, w int) error {
		if w == 0 {
			return do(dst, src, m, x.geom)
		}
		return do(dst, src, m, x.geom, w)
	}
}

// checkDo makes a call, in which the mask is m, with each number of workers. It compares
// every bit of dst, the gaps of a view and what lies around the buffer, and checks that
// src is only read.
func checkDo[T number](x tensor, c call, m *mask.Mask, dst, src []T, do func(dst, src []T, w int) error, workers ...int) error {
	if c.inPlace {
		src = dst
	}
	want, or := expect(x, c, m, dst, src)
	return checkWanted(x, c, want, or, dst, src, do, workers...)
}

// checkWanted is checkDo of a call whose result is known.
func checkWanted[T number](x tensor, c call, want, or, dst, src []T, do func(dst, src []T, w int) error, workers ...int) error {
	outside := kindOf[T]().of(-77)
	outer := make([]T, 2*guard+len(dst))
	got := outer[guard : guard+len(dst) : guard+len(dst)]
	for _, w := range workers {
		fill(outer, outside)
		copy(got, dst)
		from := got
		if !c.inPlace {
			from = append([]T(nil), src...)
		}
		if err := do(got, from, w); err != nil {
			return fmt.Errorf("%v, %d workers: %w", c, w, err)
		}
		if err := differ(got, want, or); err != nil {
			return fmt.Errorf("%v, %d workers, tier %s: %w", c, w, kernel.Tier(), err)
		}
		for i := range guard {
			if outer[i] != outside || outer[guard+len(dst)+i] != outside {
				return fmt.Errorf("%v, %d workers, tier %s: written outside dst", c, w, kernel.Tier())
			}
		}
		if !c.inPlace {
			if err := differ(from, src, src); err != nil {
				return fmt.Errorf("%v, %d workers, tier %s: src was written: %w", c, w, kernel.Tier(), err)
			}
		}
	}
	return nil
}

// operands returns data for dst and src.
func operands[T number](r *rand.Rand, x tensor) (dst, src []T) {
	n := x.length
	if x.view {
		n += 5
	}
	return values[T](r, n), values[T](r, n)
}
