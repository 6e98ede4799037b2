package spatialdropout

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Compaction says which channels of each sample a mask keeps, and packs them: what follows dropout, a
// convolution say, need not compute with maps that are zero.
//
// The packed tensor has the kept channels only, scaled as [Apply] scales them. It has no gaps, and its axes
// are in the order of the geometry: (n, k, h, w) for NCHW, and (n, h, w, k) for NHWC. Sample n has
// the channels of [Compaction.Kept](n) from [Compaction.Offset](n) on. If every sample has as many, as with
// [mask.PerChannel] and [mask.FixedCount], [Compaction.Packed] describes it. The groups of a blocked layout are
// packed one by one, without padding: (n, group, h, w, channels of the group that are kept).
//
// [Compaction.Gather] packs a tensor, and [Compaction.Scatter] is its gradient and its transpose: with it a
// gradient goes back to the kept channels, and the dropped ones get +0. What depends on the channels of
// the next layer, its weights, is gathered by a Compaction that
// [Compaction.ResetWeights] sets.
//
// Gather takes the place of dropout: it packs what goes into dropout. What has come out of [Apply] or [Fuse] is
// scaled already, and [Compaction.Unscaled] packs it. After a residual the dropped channels are not zero, and
// the next layer needs them.
//
// [Compaction.Reset] and [Compaction.ResetWeights] set one, which may be the zero Compaction or one of an earlier mask.
// It holds no mask and no data: a mask that is drawn anew does not change it. Many goroutines may use a Compaction at
// the same time, but not while it is Reset.
type Compaction struct {
	geometry layout.Geometry
	kept     []int // channels, one sample after the other
	starts   []int // of each sample in kept, and the end
	packed   layout.Geometry
	uniform  bool // packed is the geometry of the packed tensor
	same     bool // all samples keep the same channels
	shared   bool // and have one list of factors
	made     bool
	borrowed bool // kept and starts are those of another Compaction
	scaling
}

// scaling is what a mask makes of the kept channels.
type scaling struct {
	unscaled bool
	identity bool // nothing is dropped, nothing is padding, and the factor is 1
	factors  [dtype.Count]uint64
	actions  [dtype.Count]mask.Action
	rule     mask.Rule // of the mask
	zeros    bool      // the factor is 0, at rate 1: nothing is kept
	noise    bool      // each channel has a factor of its own
}

// Reset sets c for tensors with the samples and channels of a mask, whose elements lie as g says. It does not allocate
// once c has been large enough. On an error c is of no mask, and refuses every tensor.
//
// The policy of the mask does not matter. With [mask.Multiply], that of the streams of PyTorch, [Apply] makes of a
// dropped element its product with 0: −0 of a negative number, and NaN of NaN and of an infinity. [Compaction.Scatter]
// writes +0 for all of these, as Apply does with [mask.Select]. Kept channels have the bits of Apply with both.
//
// It returns an [*ArgumentError] if the mask is nil or has other samples or channels. It returns one, too,
// for a mask of which the packed tensor would not be all. Alpha dropout sets dropped channels to a
// number other than 0, which the next layer needs. Its gradient has a Compaction, see [mask.Mask.Gradient]. Gaussian
// noise drops no channel, and each has a factor of its own. Reset returns an [*ArgumentError], too, where the samples
// are not the outermost axis and do not keep the same number of channels, or are inside the axis of channels and do not
// keep the same ones.
func (c *Compaction) Reset(m *mask.Mask, g layout.Geometry) error {
	if c == nil {
		return &UseError{"no Compaction, or a zero one", "one of Reset or ResetWeights"}
	}
	c.made = false
	if m == nil || m.Samples() != g.Samples() || m.Channels() != g.Channels() {
		return maskError(m, &g)
	}
	s := scaling{rule: m.Arithmetic().Rule, zeros: m.Factor() == 0}
	s.noise = s.rule == mask.Gaussian && m.Rate() > 0 && !s.zeros
	s.identity = g.PaddedChannels() == g.Channels() && m.Identity()
	for t := range s.factors {
		s.factors[t], s.actions[t] = m.FactorBits(mask.Type(t)), m.Action(mask.Type(t))
	}
	if err := s.refuse(mask.Float64); err != nil {
		return err
	}
	return c.reset(m, 0, g, s)
}

// ResetWeights sets c for a tensor that has the channels of sample n of a mask along one of its axes, and no samples:
// the weights of the layer behind, and their gradient. They are not scaled. The axis is the channel axis of g, and all
// others are spatial:
//
//	layout.Strided([]int{out, in, kh, kw}, []int{in * kh * kw, kh * kw, kw, 1}, layout.Unbatched, 1)
//	layout.Strided([]int{kh, kw, in, out}, []int{kw * in * out, in * out, out, 1}, layout.Unbatched, 2)
//
// It returns an [*ArgumentError] if the mask is nil, if g has another number of samples than one or of channels than the
// mask, and if the mask has no sample n. The arithmetic of the mask does not matter.
// ResetWeights does not allocate once c has been large enough. On an error c is of no mask, and refuses every tensor.
func (c *Compaction) ResetWeights(m *mask.Mask, n int, g layout.Geometry) error {
	if c == nil {
		return &UseError{"no Compaction, or a zero one", "one of Reset or ResetWeights"}
	}
	c.made = false
	if m == nil {
		return maskError(m, &g)
	}
	if g.Samples() != 1 || m.Channels() != g.Channels() {
		return &ArgumentError{
			"mask",
			fmt.Sprintf("weights with %d×%d channels for a mask of %d×%d", g.Samples(), g.Channels(), m.Samples(), m.Channels()),
			fmt.Sprintf("one sample (layout.Unbatched) of %d channels, the inputs of the layer", m.Channels()),
		}
	}
	if n < 0 || n >= m.Samples() {
		return &ArgumentError{"n", fmt.Sprintf("sample %d of a mask of %d samples", n, m.Samples()), "one counted from 0"}
	}
	return c.reset(m, n, g, scaling{unscaled: true})
}

// reset lists the kept channels of as many samples as g has, from sample first of the mask on.
func (c *Compaction) reset(m *mask.Mask, first int, g layout.Geometry, s scaling) error {
	c.geometry, c.scaling = g, s
	if c.borrowed {
		c.kept, c.starts, c.borrowed = nil, nil, false
	}
	c.kept, c.starts = c.kept[:0], append(c.starts[:0], 0)
	samples := g.Samples()
	if g.Len() == 0 {
		samples = 0 // whose number may be any
	}
	for n := range samples {
		if m.Factor() != 0 { // channels that Set keeps at rate 1 are multiplied by 0
			c.kept = m.AppendKept(c.kept, first+n)
		}
		c.starts = append(c.starts, len(c.kept))
	}
	equal, same := -1, -1 // the first sample with another number of channels than sample 0, and with others
	for n := samples - 1; n > 0; n-- {
		if len(c.of(n)) != len(c.of(0)) {
			equal = n
		}
		if !slices.Equal(c.of(n), c.of(0)) {
			same = n
		}
	}
	if s.unscaled {
		c.identity = c.whole()
	}
	inside := loop.ChannelsInside(&g)
	switch {
	case loop.SamplesFirst(&g) || samples == 0:
	case equal > 0:
		return &ArgumentError{"mask", fmt.Sprintf("samples that are not the outermost axis of which sample 0 keeps %d channels and sample %d keeps %d", len(c.of(0)), equal, len(c.of(equal))), "as many in each, see mask.PerChannel and mask.FixedCount"}
	case same > 0 && !inside:
		return &ArgumentError{"mask", fmt.Sprintf("samples within the axis of channels of which sample %d keeps others than sample 0", same), "the same ones in each, see mask.PerChannel"}
	}
	c.same, c.shared = same < 0, !inside
	c.packed, c.uniform = layout.Geometry{}, false
	if equal < 0 && samples > 0 {
		c.packed, c.uniform = g.Packed(len(c.of(0)))
	} else if samples == 0 {
		c.packed, c.uniform = g.Packed(0)
	}
	c.made = true
	return nil
}

// whole reports whether nothing is dropped, and nothing is padding.
func (c *Compaction) whole() bool {
	return len(c.kept) == (len(c.starts)-1)*c.geometry.PaddedChannels()
}

// refuse returns an error if the kept channels of a type, each times the factor, would not be all that [Apply] computes.
func (s *scaling) refuse(t mask.Type) error {
	if s.unscaled || s.identity {
		return nil
	}
	does, want := "", ""
	switch {
	case s.actions[t].Shift:
		does, want = "which sets dropped channels to a number other than 0", "a rule that only scales; the gradient, of mask.Mask.Gradient, is packed"
	case s.noise:
		does, want = "which drops no channel", "a rule that drops some"
	case s.factors[t] == 0 && !s.zeros: // a kernel would take kept channels for dropped ones
		does, want = fmt.Sprintf("whose factor for %v is rounded to 0", t), "one that is not"
	default:
		return nil
	}
	return &ArgumentError{"mask", fmt.Sprintf("a mask with %v, %s", s.rule, does), want}
}

// divides reports whether elements of a type are divided.
func (s *scaling) divides(t mask.Type) bool { return !s.unscaled && !s.identity && s.actions[t].Divide }

// must panics if c is of no mask.
func (c *Compaction) must() {
	if c == nil || !c.made {
		panic(&UseError{"no Compaction, or a zero one", "one of Reset or ResetWeights"})
	}
}

// Len returns the number of elements of the packed tensor. This method and the others that return no error panic with a
// [*UseError] if c is of no mask.
func (c *Compaction) Len() int {
	c.must()
	return len(c.kept) * c.geometry.Spatial()
}

// Kept returns the channels of sample n that are kept, in order: none if the tensor has no elements, and none at rate 1,
// where the factor is 0. The slice is memory of c, until c is Reset, and must not be changed. Kept panics with an [*ArgumentError] if there is no such sample.
func (c *Compaction) Kept(n int) []int {
	if c.must(); n < 0 || n >= c.geometry.Samples() {
		panic(&ArgumentError{"n", fmt.Sprintf("sample %d of %d", n, c.geometry.Samples()), "one counted from 0"})
	}
	return c.of(n)
}

// of returns the channels of a sample.
func (c *Compaction) of(n int) []int {
	if len(c.kept) == 0 {
		return nil
	}
	return c.kept[c.starts[n]:c.starts[n+1]:c.starts[n+1]]
}

// Shared reports whether all samples keep the same channels, as with [mask.PerChannel]: one set of weights, of any
// sample, does for the batch then.
func (c *Compaction) Shared() bool {
	c.must()
	return c.same
}

// Offset returns where the first element of sample n is in the packed tensor. Where samples are the outermost
// axis the others follow, len(Kept(n)) times the positions of a feature map. Offset panics as
// [Compaction.Kept] does.
func (c *Compaction) Offset(n int) int {
	switch c.Kept(n); {
	case len(c.kept) == 0:
		return 0
	case loop.SamplesFirst(&c.geometry):
		return c.starts[n] * c.geometry.Spatial()
	}
	return loop.SampleOffset(&c.packed, n)
}

// Packed returns the geometry of the packed tensor, and whether there is one: every sample keeps as many
// channels, and these are not in more groups than one, as those of a blocked layout may be.
func (c *Compaction) Packed() (g layout.Geometry, ok bool) {
	c.must()
	return c.packed, c.uniform
}

// Unscaled returns c without its factor: elements are moved as they are, save that a signalling NaN may become
// a quiet one, since the kernels multiply by 1. With it Gather packs what [Apply] or [Fuse] has scaled, and Scatter
// makes of a packed tensor what Apply would have written, since Gather has scaled it. The result shares the
// memory of c, and is good until c is Reset. To Reset the result does not change c.
func (c *Compaction) Unscaled() Compaction {
	if c == nil {
		return Compaction{}
	}
	u := *c
	u.borrowed = true
	u.scaling = scaling{unscaled: true, identity: c.made && c.whole()}
	return u
}

// Gather writes the kept channels of src, times the factor of the mask, to the packed tensor dst. What [Apply]
// says of the products of kept channels holds here. src is not read in dropped channels whose feature maps are contiguous.
//
// src holds a tensor of the geometry that c was made for, and dst one of [Compaction.Len] elements. Both are of one
// kind. Either may be a list, see [Tensor]. A list dst has a slice for each sample, of len(Kept(n)) times the positions of a
// feature map, where samples are the outermost axis. Where [Compaction.Packed] describes the packed tensor, it may be
// divided in any way that Tensor says, too.
//
// dst may begin with the same element as src, if both are one slice: then the tensor is packed in place, by one goroutine,
// and the rest of src means nothing. dst and src must not overlap otherwise, gaps of a view included. workers is that of
// [ApplyTensor].
//
// Gather does not allocate after warm-up. It returns an [*ArgumentError] for a slice of the wrong length, a
// [*kernel.ArgumentError] for two kinds or a negative number of workers, a [*kernel.OverlapError], a [*UseError] if c
// is not made, and an [*ArgumentError] if the factor of the mask is rounded to 0 in this kind. On an error dst is untouched.
func (c *Compaction) Gather(dst, src kernel.Vector, workers int) error {
	return c.run(kernel.Gather, dst, src, workers)
}

// Scatter writes the packed tensor src, times the factor of the mask, to the kept channels of dst, and +0 to the
// dropped ones and to padding. It is the gradient of [Compaction.Gather], and Gather is its gradient. Gaps
// of a view stay as they are. dst and src may begin with the same element: then the tensor is unpacked in
// place. What Gather says holds here with dst and src the other way around.
func (c *Compaction) Scatter(dst, src kernel.Vector, workers int) error {
	return c.run(kernel.Scatter, dst, src, workers)
}

// ScatterAdd adds the packed tensor src, times the factor of the mask, to the kept channels of dst: for tapes that
// accumulate gradients. Product and sum are rounded separately. Dropped channels of dst stay as they are, and so
// does padding. dst and src must not overlap. Otherwise it is [Compaction.Scatter].
func (c *Compaction) ScatterAdd(dst, src kernel.Vector, workers int) error {
	return c.run(kernel.ScatterAdd, dst, src, workers)
}

// run checks the tensors of a call and does it.
func (c *Compaction) run(op kernel.Compaction, dst, src kernel.Vector, workers int) error {
	if c == nil || !c.made {
		return &UseError{"no Compaction, or a zero one", "one of Reset or ResetWeights"}
	}
	if workers < 0 {
		return negative(workers)
	}
	full, packed, name, other := dst, src, "dst", "src"
	if op == kernel.Gather {
		full, packed, name, other = packed, full, other, name
	}
	g := &c.geometry
	if !fills(full, g) {
		if err := check(name, full, g); err != nil {
			return err
		}
	}
	if err := c.holds(other, packed); err != nil {
		return err
	}
	kind := full.Kind()
	if k := packed.Kind(); k != kind && k != nil && kind != nil { // a zero Vector fits every kind
		return mixed(dst, src)
	}
	if g.Len() == 0 {
		return nil
	}
	if err := c.refuse(kind.Type()); err != nil {
		return err
	}
	if c.Len() == 0 {
		if op != kernel.Scatter {
			return nil
		}
		src = kernel.OfBytes(kind, nil)
	} else if c.divides(kind.Type()) {
		return c.divide(op, dst, src, workers)
	}
	return c.move(op, dst, src, workers)
}

// holds returns an error unless v, an argument of a name, holds the packed tensor.
func (c *Compaction) holds(name string, v kernel.Vector) error {
	n, all := v.Slices(), c.Len()
	if n == 0 {
		if v.Len() != all {
			return packedError(name, fmt.Sprintf("holds %d elements", v.Len()), fmt.Sprint(all), &c.geometry)
		}
		return nil
	}
	samples := loop.SamplesFirst(&c.geometry) && n == c.geometry.Samples()
	if !samples && !(c.uniform && c.packed.Divides(n)) {
		return packedError(name, fmt.Sprintf("is a list of %d slices", n), fmt.Sprintf("one slice of %d elements, or one for each sample if samples are the outermost axis", all), &c.geometry)
	}
	for i := range n {
		want := all / n
		if samples {
			want = len(c.of(i)) * c.geometry.Spatial()
		}
		if length := v.Slice(i).Len(); length != want {
			return packedError(name, fmt.Sprintf("is a list of %d slices, of which slice %d holds %d elements", n, i, length), fmt.Sprint(want), &c.geometry)
		}
	}
	return nil
}

// move does a compaction of tensors that fit.
func (c *Compaction) move(op kernel.Compaction, dst, src kernel.Vector, workers int) error {
	g, full, packed := &c.geometry, dst, src
	if op == kernel.Gather {
		full, packed = packed, full
	}
	kind := full.Kind()
	if c.identity && op != kernel.ScatterAdd && (packed.Data() != full.Data() || c.Len() == g.Len()) {
		to, from := g, &c.packed
		if !c.uniform {
			from = g // whole groups
		}
		if op == kernel.Gather {
			to, from = from, to
		}
		joined, err := pair(dst, src, to, from)
		if err != nil {
			return err
		}
		return run(kernel.Copy, dst, src, kernel.Vector{}, kernel.Vector{}, to, nestOf(joined), workers)
	}
	room := c.fill(kind)
	defer scratch.Put(room)
	factors := kernel.OfBytes(kind, *room)
	if c.shared {
		return kernel.RunCompact(op, dst, src, factors, loop.PerChannel(g.Loops(), g), workers)
	}
	return kernel.RunCompact(op, dst, src, factors, g.Loops(), workers)
}

// divide is move where elements are divided: the packed ones all by the same number.
func (c *Compaction) divide(op kernel.Compaction, dst, src kernel.Vector, workers int) error {
	moved, kind := c.Unscaled(), dst.Kind()
	room := c.fill(kind)
	defer scratch.Put(room)
	factors := kernel.OfBytes(kind, *room)
	one := factors.From(c.firstKept())
	switch op {
	case kernel.Gather:
		if err := moved.move(op, dst, src, workers); err != nil {
			return err
		}
		return eachSlice(dst, func(v kernel.Vector, _ int) error { return divideBy(one, v, v, workers) })
	case kernel.Scatter:
		if err := moved.move(op, dst, src, workers); err != nil {
			return err
		}
		if c.shared {
			return kernel.Run(kernel.Divide, dst, dst, factors, kernel.Vector{}, loop.PerChannel(c.geometry.Loops(), &c.geometry), workers)
		}
		return kernel.Run(kernel.Divide, dst, dst, factors, kernel.Vector{}, c.geometry.Loops(), workers)
	}
	to, from := memory(dst, c.geometry.Len()), memory(src, c.Len())
	from.Ragged = src.Slices() > 0
	if with, elements, distance, shared := loop.SharedRagged(&to, &from, kind.Size()); shared {
		return &kernel.OverlapError{With: with, Elements: elements, Distance: distance, Packed: with == "src"}
	}
	quotients := scratchOf(c.Len() * kind.Size())
	defer scratch.Put(quotients)
	packed := kernel.OfBytes(kind, *quotients)
	if err := eachSlice(src, func(v kernel.Vector, at int) error { return divideBy(one, packed.From(at), v, workers) }); err != nil {
		return err
	}
	return moved.move(op, dst, packed, workers)
}

// eachSlice calls f for each slice of v, and for v if it is one, with the number of elements in those before.
func eachSlice(v kernel.Vector, f func(v kernel.Vector, at int) error) error {
	if v.Slices() == 0 {
		return f(v, 0)
	}
	at := 0
	for i := range v.Slices() {
		part := v.Slice(i)
		if err := f(part, at); err != nil {
			return err
		}
		at += part.Len()
	}
	return nil
}

// divideBy divides the elements of src by a number.
func divideBy(number, dst, src kernel.Vector, workers int) error {
	if src.Len() == 0 {
		return nil
	}
	line := [1]layout.Loop{{Size: src.Len(), Dst: 1, Src: 1}}
	return kernel.Run(kernel.Divide, dst, src, number, kernel.Vector{}, line[:], workers)
}

// fill returns the factors of all samples, or of one for all, in memory of the pool.
func (c *Compaction) fill(kind *kernel.Kind) *[]byte {
	samples := c.geometry.Samples()
	if c.shared {
		samples = 1
	}
	t := kind.Type()
	f := c.factors[t]
	if c.unscaled {
		f = t.Bits(1)
	}
	room := scratchOf(samples * c.geometry.PaddedChannels() * kind.Size())
	factors := *room
	clear(factors)
	switch data := unsafe.Pointer(unsafe.SliceData(factors)); kind.Size() {
	case 2:
		fillKept(unsafe.Slice((*uint16)(data), len(factors)/2), uint16(f), c, samples)
	case 4:
		fillKept(unsafe.Slice((*uint32)(data), len(factors)/4), uint32(f), c, samples)
	default:
		fillKept(unsafe.Slice((*uint64)(data), len(factors)/8), f, c, samples)
	}
	return room
}

// firstKept returns the entry of the factors of the first channel that is kept, of which there is one.
func (c *Compaction) firstKept() int {
	n := 0
	for c.starts[n+1] == 0 {
		n++
	}
	return n*c.geometry.PaddedChannels() + c.kept[0]
}

// fillKept is fill for words of the elements' size.
func fillKept[W uint16 | uint32 | uint64](factors []W, f W, c *Compaction, samples int) {
	pitch := c.geometry.PaddedChannels()
	for n := range samples {
		row := factors[n*pitch : (n+1)*pitch]
		for _, channel := range c.kept[c.starts[n]:c.starts[n+1]] {
			row[channel] = f
		}
	}
}
