package layout

import "fmt"

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
	to, from := laidOut(&dst), laidOut(&src)
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

// laid is a geometry with all its axes: what it is made of, but for the sizes of the channels.
type laid struct {
	samples, padded int
	group           uint64 // see form.group
	spatial         int    // how many axes are spatial
	levels          [levels]axis
}

// laidOut returns the axes of a geometry.
func laidOut(g *Geometry) (l laid) {
	l.samples, l.padded, l.group, l.spatial = g.samples, g.PaddedChannels(), g.group(), g.rank()
	var sizes [levels]int
	g.sizes(&sizes)
	for i, size := range sizes {
		l.levels[i].size = size
	}
	// From the innermost axis outwards: one without a gap in it has the stride of a whole inner one.
	var loops [MaxLoops]Loop
	k := g.list(&loops) - 1
	inner, joined := axis{}, false
	for i := levels - 1; i >= 0; i-- {
		level := g.nest >> (levelBits * i)
		if level&levelMask == 0 {
			continue
		}
		a := &l.levels[level&levelMask]
		if joined {
			a.stride = inner.size * inner.stride
		} else {
			a.stride = loops[k].Dst
			k--
		}
		inner, joined = *a, level&seamless != 0
	}
	return l
}

// steps is a loop over channels: so many steps, each of so many channels.
type steps struct{ size, channels int }

// place returns the offset of channel c in a sample. It is also the distance from
// any channel to c channels further, if both lie in one group or both begin one.
func (l *laid) place(c int) int {
	return c>>l.group*l.levels[channelLevel].stride + c&(1<<l.group-1)
}

// add adds a part for channels from first up, given as loops over them, unless
// one of those has no steps. It returns false if the loops are too many.
func (joined *Nest) add(dst, src *laid, first int, channels ...steps) bool {
	var n nest
	n.add(dst.samples, dst.levels[sampleLevel].stride, src.levels[sampleLevel].stride, dst.padded)
	for _, c := range channels {
		if c.size == 0 {
			return true
		}
		n.add(c.size, dst.place(c.channels), src.place(c.channels), c.channels)
	}
	for i := range dst.spatial {
		a := dst.levels[spatialLevel+i]
		n.add(a.size, a.stride, src.levels[spatialLevel+i].stride, 0)
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
