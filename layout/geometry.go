// Package layout describes where the channels of a tensor lie in memory.
//
// An [Order] such as NCHW and a tensor's dims make a [Geometry]. [Strided] makes
// one from a shape and element strides, for views into a wider tensor and for
// lazily transposed ones, and [NoiseShape] one from a shape and that of its
// trials. [Join] pairs two geometries of one shape that lie differently in
// memory, such as NCHW and NHWC.
//
// A Geometry is a value. It holds no data and can be compared with ==.
package layout

import (
	"fmt"
	"math/bits"
)

// maxSpatial is the greatest number of spatial axes longer than 1.
const maxSpatial = 6

// Geometry describes the shape of a tensor, where its elements lie in a buffer,
// and which channel each belongs to. The zero Geometry is an empty tensor.
//
// Two geometries are equal if they place the same elements in the same way and
// agree on [Geometry.View], however they were made: CHW.Of(3, 4, 5), NCHW.Of(1, 3, 4, 5) and a call of
// [Strided] with the strides of these are ==. Spatial dims of 1 do not count.
type Geometry struct {
	counts
	form
	nest uint64 // the axes of the loops, outermost first, levelBits each
	// The strides of the logical axes. A stride is 0 if the axis has a single step or
	// the tensor is empty, so that equal tensors are equal values. In a blocked order
	// the channels' is that of a group.
	sampleStride, channelStride int
	spatial                     [maxSpatial]axis // those longer than 1 and empty ones, the last first
}

// counts and form are apart from Geometry, and have four fields at most, because the
// compiler copies the receiver of a method that it inlines: of all of a Geometry that took
// longer than a small call of a kernel. A struct of more fields goes through memory. For
// the same reason a Geometry does not hold its loops: they would double its size. It has no
// padding, so that two are compared as memory.
type counts struct {
	samples, channels, padded, length int
}

type form struct {
	positions int
	shape     shape
	rank      uint16 // spatial axes
	block     uint16 // channels of a group; 0 if not blocked
}

type axis struct{ size, stride int }

// shape says whether a tensor is a single block without gaps, and whether its buffer may be
// longer.
type shape uint32

const (
	planes shape = 1 << iota // a factor for each plane
	pixels                   // a factor for each channel of a row
	view
)

// A level of a nest is a number that says which axis it is. The spatial axes follow
// spatialLevel.
const (
	sampleLevel  = 1 + iota
	channelLevel // the groups, if the channels are blocked
	groupLevel   // the channels of a group
	spatialLevel
	levelMask = 1<<4 - 1
	// seamless marks a level without a gap between it and the one around it: both
	// are one loop.
	seamless  = 1 << 4
	levelBits = 5
)

// Of returns the geometry of a dense tensor. The dims are in the order that o
// spells: NCHW.Of(32, 64, 56, 56) is 32 samples of 64 channels of 56×56. Nothing can check that the data
// have this order: NCHW.Of(32, 56, 56, 64) is 32 samples of 56 channels, also for data that are NHWC.
//
// The blocked orders take the logical dims N, C, H, W. Their buffer holds
// ⌈C/8⌉ or ⌈C/16⌉ full groups, see [Geometry.Len].
//
// Of returns an [*ArgumentError] if the number of dims is not the order's, if a dim
// is negative, if more than 6 spatial dims are longer than 1, or if the number of
// elements overflows an int, where a dim of 0 counts as 1, and if o is none of the
// constants. Of does not allocate.
func (o Order) Of(dims ...int) (Geometry, error) {
	if err := o.accepts("dims", dims); err != nil {
		return Geometry{}, err
	}
	rank := len(dims)
	g := scalar()
	g.block = uint16(orders[o].block)
	group := max(int(g.block), 1)
	// From the innermost axis outwards, each stride is the product of the sizes
	// inside it.
	stride, ok := group, true
	for i := rank - 1; i >= 0; i-- {
		size := dims[i]
		if size < 0 {
			return Geometry{}, refused("dims", o, dims, fmt.Sprintf(", dim %d is %d", i, size), "0 or more")
		}
		switch o.axis(i, rank) {
		case 'N':
			g.samples, g.sampleStride = size, stride
		case 'C':
			g.channels, g.channelStride = size, stride
			size = size/group + min(size%group, 1) // groups
			g.padded = size * group                // wraps only if the number of elements overflows, too
		default:
			if !g.put(size, stride) {
				return Geometry{}, refused("dims", o, dims, "", fmt.Sprintf("at most %d spatial dims longer than 1", maxSpatial))
			}
		}
		stride, ok = mul(stride, max(size, 1), ok)
	}
	if !ok {
		return Geometry{}, refused("dims", o, dims, "", "a number of elements that fits in an int")
	}
	g.finish() // dense axes nest, and are at most four loops
	return g, nil
}

// accepts returns an error unless o is known and takes so many dims, an argument of a name.
func (o Order) accepts(argument string, dims []int) error {
	if !o.known() {
		return noOrder(o.String())
	}
	rank := len(dims)
	if want := len(orders[o].axes); want > 0 && rank != want {
		return refused(argument, o, dims, "", fmt.Sprint(want))
	} else if rank < 2 && want == 0 {
		return refused(argument, o, dims, "", "2 or more")
	}
	return nil
}

// Strided returns the geometry of a tensor whose axes have the order that o spells, and
// strides of their own: [Strided] with the sample axis and the channel axis of o. Axis k is
// the k-th letter, whatever its stride is.
//
// Strided returns an [*ArgumentError] if o is none of the constants, if the number of dims is
// not the order's, if the order is blocked, and where the function [Strided] does. It does not
// allocate.
func (o Order) Strided(shape, strides []int) (Geometry, error) {
	if err := o.accepts("shape", shape); err != nil {
		return Geometry{}, err
	}
	if orders[o].block > 0 {
		return Geometry{}, refused("order", o, shape, " with strides", "an order that is not blocked")
	}
	sample, channel := Unbatched, 0
	for i := range shape {
		switch o.axis(i, len(shape)) {
		case 'N':
			sample = i
		case 'C':
			channel = i
		}
	}
	return Strided(shape, strides, sample, channel)
}

// Unbatched is the sample axis of a tensor that has none.
const Unbatched = -1

// Strided returns the geometry of a tensor of the given shape. Element
// (i0, i1, …) lies at buffer offset Σ ik·strides[k]; strides count elements.
// Axis channelAxis is C, axis sampleAxis is N, and every other axis is spatial.
// For a single sample without an axis of its own, sampleAxis is [Unbatched].
//
// Strides that describe a dense tensor give the same value as [Order.Of]. Others
// describe a view into a wider tensor, whose buffer may go on after the last
// element, see [Geometry.View]. The buffer begins at the tensor's first element.
//
// Strided returns an [*ArgumentError] if shape and strides differ in length, an axis
// does not exist, a dim or stride is negative, more than 6 spatial dims are
// longer than 1, more than [MaxLoops] axes have gaps between them, two elements
// would share a place, the axes do not nest (each stride must be at least as long
// as all that lies inside it), or a number overflows an int. Strided does not
// allocate.
func Strided(shape, strides []int, sampleAxis, channelAxis int) (Geometry, error) {
	rank := len(shape)
	refuse := func(argument, wrong, want string) (Geometry, error) {
		return Geometry{}, &ArgumentError{Argument: argument, Given: fmt.Sprintf("dims %s with strides %s%s", list(shape), list(strides), wrong), Want: want}
	}
	if len(strides) != rank {
		return refuse("strides", fmt.Sprintf(", %d dims and %d strides", rank, len(strides)), "one stride for each dim")
	}
	if rank == 0 {
		return refuse("shape", "", "one dim or more")
	}
	if channelAxis < 0 || channelAxis >= rank {
		return refuse("channelAxis", fmt.Sprintf(", channel axis %d", channelAxis), fmt.Sprintf("an axis from 0 to %d", rank-1))
	}
	if sampleAxis != Unbatched && (sampleAxis < 0 || sampleAxis >= rank) {
		return refuse("sampleAxis", fmt.Sprintf(", sample axis %d", sampleAxis), fmt.Sprintf("an axis from 0 to %d, or Unbatched", rank-1))
	}
	if sampleAxis == channelAxis {
		return refuse("sampleAxis", fmt.Sprintf(", axis %d for both samples and channels", channelAxis), "two axes")
	}
	g := scalar()
	elements, longest, ok := 1, 0, true
	for i := rank - 1; i >= 0; i-- {
		size, stride := shape[i], strides[i]
		if size < 0 || stride < 0 {
			argument := "strides"
			if size < 0 {
				argument = "shape"
			}
			return refuse(argument, fmt.Sprintf(", axis %d has dim %d and stride %d", i, size, stride), "neither negative")
		}
		elements, ok = mul(elements, max(size, 1), ok)
		longest = max(longest, stride)
		switch i {
		case channelAxis:
			g.channels, g.padded, g.channelStride = size, size, stride
		case sampleAxis:
			g.samples, g.sampleStride = size, stride
		default:
			if !g.put(size, stride) {
				return refuse("shape", "", fmt.Sprintf("at most %d spatial dims longer than 1", maxSpatial))
			}
		}
	}
	if !ok {
		return refuse("shape", "", "a number of elements that fits in an int")
	}
	if wrong := g.finish(); wrong != "" {
		return refuse("strides", ", "+wrong, "axes that nest, each stride at least as long as what lies inside it")
	}
	if longest > elements || g.length > elements {
		g.shape |= view
	}
	return g, nil
}

// scalar returns a geometry of one element that has no loops yet.
func scalar() Geometry {
	return Geometry{counts: counts{samples: 1, channels: 1, padded: 1}, form: form{positions: 1}}
}

// put adds a spatial axis outside those that g has. It returns false if they are
// too many.
func (g *Geometry) put(size, stride int) bool {
	g.positions *= size // wraps only if the number of elements overflows, too
	if size == 1 {
		return true
	}
	if g.rank == maxSpatial {
		return false
	}
	g.spatial[g.rank] = axis{size, stride}
	g.rank++
	return true
}

// finish completes a geometry that has its axes: it sets the nest and measures
// the buffer. It returns what is wrong with the axes, if anything is.
func (g *Geometry) finish() (wrong string) {
	if g.samples == 0 || g.channels == 0 || g.positions == 0 {
		g.sampleStride, g.channelStride = 0, 0
		for i := range g.spatial {
			g.spatial[i].stride = 0
		}
		return ""
	}
	if g.samples == 1 {
		g.sampleStride = 0
	}
	if g.padded == max(int(g.block), 1) {
		g.channelStride = 0
	}
	count := g.sort()
	if count > MaxLoops {
		return fmt.Sprintf("%d axes with gaps between them, at most %d fit", count, MaxLoops)
	}
	g.length = 1
	loops := g.Loops()
	for i := len(loops) - 1; i >= 0; i-- {
		l := loops[i]
		if l.Dst < g.length {
			return fmt.Sprintf("%d steps of stride %d overlap what lies inside them, %d elements long", l.Size, l.Dst, g.length)
		}
		reach, ok := mul(l.Size-1, l.Dst, true)
		if !ok || reach > maxInt-g.length {
			return fmt.Sprintf("%d steps of stride %d overflow an int", l.Size, l.Dst)
		}
		g.length += reach
	}
	if outer, last := loops[0], loops[len(loops)-1]; len(loops) <= 2 && g.length == g.samples*g.padded*g.positions {
		if len(loops) == 1 || outer.Factor == 1 && last.Factor == 0 {
			g.shape = planes
		} else if outer.Factor == 0 && last.Factor == 1 {
			g.shape = pixels
		}
	}
	return ""
}

// sort sets the nest: the axes of more than one step, those of longer strides around
// the others. It returns the number of loops.
func (g *Geometry) sort() (count int) {
	var room [spatialLevel + maxSpatial]uint8
	levels := room[:0]
	for level := uint8(sampleLevel); level < spatialLevel+uint8(g.rank); level++ {
		if level == groupLevel && g.block == 0 {
			continue
		}
		l := g.loop(level)
		if l.Size == 1 {
			continue
		}
		i := len(levels)
		levels = levels[:i+1]
		for ; i > 0 && g.loop(levels[i-1]).Dst < l.Dst; i-- {
			levels[i] = levels[i-1]
		}
		levels[i] = level
	}
	var around Loop
	for i, level := range levels {
		l := g.loop(level)
		if i > 0 && around.Dst == l.Size*l.Dst && around.Factor == l.Size*l.Factor {
			level |= seamless
		} else {
			count++
		}
		g.nest |= uint64(level) << (levelBits * i)
		around = l
	}
	return count
}

// loop returns the loop of a level.
func (g *Geometry) loop(level uint8) Loop {
	switch level {
	case sampleLevel:
		return Loop{g.samples, g.sampleStride, g.sampleStride, g.padded}
	case channelLevel:
		if g.block > 0 {
			return Loop{g.padded / int(g.block), g.channelStride, g.channelStride, int(g.block)}
		}
		return Loop{g.padded, g.channelStride, g.channelStride, 1}
	case groupLevel:
		return Loop{int(g.block), 1, 1, 1}
	}
	a := &g.spatial[level-spatialLevel]
	return Loop{a.size, a.stride, a.stride, 0}
}

// Samples returns N; 1 for an unbatched tensor.
func (g counts) Samples() int { return g.samples }

// Channels returns C.
func (g counts) Channels() int { return g.channels }

// Spatial returns the number of positions of a feature map: the product of the
// spatial dims, 1 if there are none.
func (g form) Spatial() int { return g.positions }

// Len returns the number of elements from the first to the last in the buffer.
// For the dense orders it is N·C·spatial, with C rounded up to a full group in
// the blocked ones. For a view it includes the gaps.
func (g counts) Len() int { return g.length }

// View reports whether the tensor is part of a wider one, so that its buffer may
// be longer than [Geometry.Len]. That is so if there are gaps between elements. It is
// also so if [Strided] got a stride longer than the whole tensor, even for an axis of a
// single step, as the samples of a channel slice have. The buffer of any other tensor has
// exactly Len elements.
func (g form) View() bool { return g.shape&view != 0 }

// PaddedChannels returns the number of channels that a sample has in memory: C,
// rounded up to a full group in the blocked orders.
func (g counts) PaddedChannels() int { return g.padded }

// Planes reports whether the tensor is planes of [Geometry.Spatial] elements and nothing
// else, one after the other in the order n·PaddedChannels+c, as kernel.Planes takes them.
// A tensor without elements is neither planes nor pixels.
func (g form) Planes() bool { return g.shape&planes != 0 }

// Pixels reports whether the tensor is rows of Samples·PaddedChannels elements and
// nothing else, one after the other in the order n·PaddedChannels+c, as kernel.Pixels
// takes them: one for each spatial position, of which there are two or more.
func (g form) Pixels() bool { return g.shape&pixels != 0 }

// Loops returns the loops that visit every element once, outermost first. There
// are 1 to [MaxLoops] of them. An element's place in the buffer is Σ index·Dst,
// and Σ index·Src is the same. Σ index·Factor is n·PaddedChannels+c. Padding
// channels are visited, too.
//
// Each Dst is at least as long as all that lies inside it. Axes without a gap
// between them are one loop, and axes of a single step are left out unless there
// is no other. An empty tensor has one loop of size 0.
//
// Loops does not allocate unless the slice outlives the caller.
func (g *Geometry) Loops() []Loop {
	var room [MaxLoops]Loop // inlined, it is the caller's
	return room[:g.list(&room)]
}

// list sets the loops and returns their number.
func (g *Geometry) list(loops *[MaxLoops]Loop) int {
	if g.nest == 0 { // no element, or a single one
		loops[0] = Loop{Size: g.length, Dst: g.length, Src: g.length}
		return 1
	}
	n := 0
	for nest := g.nest; nest != 0; nest >>= levelBits {
		l := g.loop(uint8(nest & levelMask))
		if nest&seamless != 0 {
			n--
			l.Size *= loops[n].Size
		}
		loops[n] = l
		n++
	}
	return n
}

// String describes the geometry for messages.
func (g Geometry) String() string {
	s := fmt.Sprintf("%d×%d channels of ", g.samples, g.channels)
	for i := int(g.rank) - 1; i >= 0; i-- {
		s += fmt.Sprint(g.spatial[i].size)
		if i > 0 {
			s += "×"
		}
	}
	if g.rank == 0 {
		s += fmt.Sprint(g.positions)
	}
	if g.View() {
		s += fmt.Sprintf(" in a view of %d elements", g.length)
	}
	return s
}

const maxInt = int(^uint(0) >> 1)

// mul returns a·b, and false if ok was false or the product overflows an int.
func mul(a, b int, ok bool) (int, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return a * b, ok && hi == 0 && lo <= uint64(maxInt)
}

// refused returns the error of dims, or of another argument, in a call of a method of o.
func refused(argument string, o Order, dims []int, wrong, want string) error {
	return &ArgumentError{Argument: argument, Given: fmt.Sprintf("%v of %d dims %s%s", o, len(dims), list(dims), wrong), Want: want}
}
