package layout

import (
	"fmt"
	"math/bits"
)

// Nest is what [Join] returns: loops over two buffers that hold tensors of one
// shape in different ways.
type Nest struct {
	parts [4]Part
	n     uint8
}

// Part is a nest of loops and where it begins in each buffer.
type Part struct {
	// Dst, Src and Factor are the offsets of the first element in dst and src and
	// of its entry in the list of factors.
	Dst, Src, Factor int

	// Padding marks the padding channels of a blocked dst, which src does not
	// have. Src and the loops' Src are then places in dst, so that dst is its own
	// source: zero these elements, or leave them as they are when adding.
	Padding bool

	deeper uint8 // loops inside the first
	loops  [MaxLoops]Loop
}

// Parts returns the nests that together visit every element of dst once. There
// is only one, which begins at offset 0, unless a blocked order is joined with
// another one and the number of channels is no multiple of its group: then full
// groups, the channels left over and the padding of dst are parts of their own.
//
// The slice is memory of *n and must not be changed.
func (n *Nest) Parts() []Part { return n.parts[:n.n] }

// Loops returns the loops of p, outermost first, 1 to [MaxLoops] of them. An
// element's place is Dst + Σ index·Loop.Dst in dst and Src + Σ index·Loop.Src in
// src. Factor + Σ index·Loop.Factor is n·dst.PaddedChannels+c.
//
// Each Dst is at least as long as all that lies inside it. The same holds for Src
// only if src lies as dst does. Axes that have no gap between them in either
// buffer are one loop.
//
// The slice is memory of *p and must not be changed.
func (p *Part) Loops() []Loop { return p.loops[:p.deeper+1] }

// Join returns the loops that take each element of src to its place in dst. Both
// geometries have the same samples, channels and spatial dims, and may lie
// differently in memory: NCHW and NHWC, a view and a dense tensor, a blocked
// order and a plain one. Spatial dims are compared one by one, those of 1 left
// out: 4×3 positions do not fit 3×4.
//
// If dst and src are equal, there is one part with the loops of
// [Geometry.Loops], which visit the padding of a blocked order, too. Otherwise
// the padding channels of src are not visited, and those of dst are a [Part] with
// Padding set.
//
// Join returns an [*ArgumentError] if the shapes differ, or if more than [MaxLoops]
// loops would be needed. It does not allocate.
func Join(dst, src Geometry) (Nest, error) {
	var joined Nest
	if !dst.fits(&src) {
		return joined, &ArgumentError{Argument: "src", Given: fmt.Sprintf("dst of %v with src of %v", dst, src), Want: "the same samples, channels and spatial dims"}
	}
	if dst == src || dst.length == 0 {
		part := &joined.parts[0]
		part.deeper = uint8(dst.list(&part.loops) - 1)
		joined.n = 1
		return joined, nil
	}

	// Channels go in groups of the greater of two blocks, the rest in groups of
	// the smaller one, and what is left over one by one.
	var to, from laid
	to.set(&dst)
	from.set(&src)
	wide, narrow := 1<<max(to.group, from.group), 1<<min(to.group, from.group)
	channels := dst.channels
	rest := channels % wide
	ok := joined.add(&to, &from, 0, steps{channels / wide, wide}, steps{wide / narrow, narrow}, steps{narrow, 1}) &&
		joined.add(&to, &from, channels-rest, steps{rest / narrow, narrow}, steps{narrow, 1}) &&
		joined.add(&to, &from, channels-rest%narrow, steps{rest % narrow, 1})
	if padding := dst.PaddedChannels() - channels; ok && padding > 0 {
		ok = joined.add(&to, &to, channels, steps{padding, 1})
		joined.parts[joined.n-1].Padding = true
	}
	if !ok {
		return Nest{}, &ArgumentError{Argument: "src", Given: fmt.Sprintf("dst of %v and src of %v that lie too differently", dst, src), Want: fmt.Sprintf("at most %d loops", MaxLoops)}
	}
	return joined, nil
}

// fits reports whether two geometries have the same shape.
func (g *Geometry) fits(other *Geometry) bool {
	return g.samples == other.samples && g.channels == other.channels && g.dims == other.dims && (g.axes^other.axes)&spatial == 0
}

// laid is how a geometry lies: the stride of each level, 0 if it has a single step.
type laid struct {
	samples, padded int
	group           uint64 // see form.group
	spatial         int    // how many axes are spatial
	sizes, strides  [levels]int
}

// set sets l, which is zero, to how g lies.
func (l *laid) set(g *Geometry) {
	l.samples, l.padded, l.group, l.spatial = g.samples, g.PaddedChannels(), g.group(), g.rank()
	g.sizes(&l.sizes)
	strides := g.strides[:]
	var room [MaxLoops]Loop
	depth := (bits.Len64(g.nest) + levelBits - 1) / levelBits
	loops := depth - bits.OnesCount64(g.nest&allSeamless)
	if loops > len(strides) {
		g.list(&room)
	}
	// From the innermost axis outwards: one without a gap in it has the stride of a whole inner one.
	stride, joined := 0, false
	for i := depth - 1; i >= 0; i-- {
		level := g.nest >> (levelBits * i)
		switch {
		case joined:
		case loops > len(strides):
			loops--
			stride = room[loops].Dst
		default:
			loops--
			stride = strides[loops]
		}
		axis := level & levelMask
		l.strides[axis] = stride
		stride *= l.sizes[axis]
		joined = level&seamless != 0
	}
}

// steps is a loop over channels: so many steps, each of so many channels.
type steps struct{ size, channels int }

// place returns the offset of channel c in a sample. It is also the distance from
// any channel to c channels further, if both lie in one group or both begin one.
func (l *laid) place(c int) int {
	return c>>l.group*l.strides[channelLevel] + c&(1<<l.group-1)
}

// add adds a part for channels from first up, given as loops over them, unless
// one of those has no steps. It returns false if the loops are too many.
func (joined *Nest) add(dst, src *laid, first int, channels ...steps) bool {
	for _, c := range channels {
		if c.size == 0 {
			return true
		}
	}
	var n nest
	n.add(dst.samples, dst.strides[sampleLevel], src.strides[sampleLevel], dst.padded)
	for _, c := range channels {
		n.add(c.size, dst.place(c.channels), src.place(c.channels), c.channels)
	}
	for level := spatialLevel; level < spatialLevel+dst.spatial; level++ {
		n.add(dst.sizes[level], dst.strides[level], src.strides[level], 0)
	}
	loops := n.merged()
	if len(loops) > MaxLoops {
		return false
	}
	part := Part{Dst: dst.place(first), Src: src.place(first), Factor: first}
	part.deeper = uint8(copy(part.loops[:], loops) - 1)
	joined.parts[joined.n] = part
	joined.n++
	return true
}
