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
	dims    uint64            // of the spatial axes longer than 1 and empty ones, the last in the lowest bits
	nest    uint64            // the axes of the loops, outermost first, levelBits each
	strides [MaxLoops - 1]int // of the loops, outermost first: that of a sixth follows from the length
}

// A Geometry is copied with each tensor, which may take longer than a small call of a kernel, and so it is small: it has
// the strides of its loops alone, and spatial dims in as many bits as they have. (Their product fits in an int.)
//
// counts and form are apart from it, and have four fields at most, because the compiler copies the
// receiver of a method that it inlines, and a struct of more fields goes through memory.
type counts struct {
	samples, positions, length int
}

type form struct {
	channels int
	axes     uint64
}

// The bits of form.axes, from the lowest up: how many bits each spatial dim takes in Geometry.dims, in widthBits; how many
// spatial dims there are; the binary logarithm of the channels of a group, 0 if they are not blocked; whether the tensor is
// a single block without gaps; and whether its buffer may be longer. The uppermost bit of a dim is left out. A dim
// without any is 0, since those of 1 are not among them.
const (
	widthBits  = 6
	widthMask  = 1<<widthBits - 1
	rankShift  = maxSpatial * widthBits
	rankMask   = 1<<3 - 1
	groupShift = rankShift + 3
	groupMask  = 1<<3 - 1
	planes     = 1 << (groupShift + 3) // a factor for each plane
	pixels     = 1 << (groupShift + 4) // a factor for each channel of a row
	view       = 1 << (groupShift + 5)
	spatial    = 1<<groupShift - 1 // what tells spatial dims apart
)

func (g form) rank() int { return int(g.axes >> rankShift & rankMask) }

// group returns the binary logarithm of the channels of a group.
func (g form) group() uint64 { return g.axes >> groupShift & groupMask }

// A level of a nest is a number that says which axis it is. The spatial axes follow
// spatialLevel.
const (
	sampleLevel  = 1 + iota
	channelLevel // the groups, if the channels are blocked
	groupLevel   // the channels of a group
	spatialLevel
	levels    = spatialLevel + maxSpatial
	levelMask = 1<<4 - 1
	// seamless marks a level without a gap between it and the one around it: both
	// are one loop.
	seamless  = 1 << 4
	levelBits = 5
	// allSeamless is that mark of as many levels as there may be.
	allSeamless = (1<<(levelBits*levels) - 1) / (1<<levelBits - 1) * seamless
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
	group := 1 << orders[o].group
	d := scalar()
	d.axes = uint64(orders[o].group) << groupShift
	d.levels[groupLevel] = axis{group, 1}
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
			d.samples = size
			d.levels[sampleLevel] = axis{size, stride}
		case 'C':
			d.channels = size
			size = size/group + min(size%group, 1) // groups
			d.levels[channelLevel] = axis{size, stride}
		default:
			if !d.put(size, stride) {
				return Geometry{}, refused("dims", o, dims, "", fmt.Sprintf("at most %d spatial dims longer than 1", maxSpatial))
			}
		}
		stride, ok = mul(stride, max(size, 1), ok)
	}
	if !ok {
		return Geometry{}, refused("dims", o, dims, "", "a number of elements that fits in an int")
	}
	d.finish() // dense axes nest, and are at most four loops
	return d.Geometry, nil
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
	if orders[o].group > 0 {
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
	d := scalar()
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
			d.channels = size
			d.levels[channelLevel] = axis{size, stride}
		case sampleAxis:
			d.samples = size
			d.levels[sampleLevel] = axis{size, stride}
		default:
			if !d.put(size, stride) {
				return refuse("shape", "", fmt.Sprintf("at most %d spatial dims longer than 1", maxSpatial))
			}
		}
	}
	if !ok {
		return refuse("shape", "", "a number of elements that fits in an int")
	}
	if wrong := d.finish(); wrong != "" {
		return refuse("strides", ", "+wrong, "axes that nest, each stride at least as long as what lies inside it")
	}
	if longest > elements || d.length > elements {
		d.axes |= view
	}
	return d.Geometry, nil
}

// draft is a Geometry that is being made, with its axes by their levels.
type draft struct {
	Geometry
	levels [levels]axis
}

type axis struct{ size, stride int }

// scalar returns the draft of one element.
func scalar() draft {
	one := axis{1, 1}
	return draft{
		Geometry: Geometry{counts: counts{samples: 1, positions: 1}, form: form{channels: 1}},
		levels:   [levels]axis{sampleLevel: one, channelLevel: one, groupLevel: one},
	}
}

// put adds a spatial axis outside those that d has. It returns false if they are
// too many.
func (d *draft) put(size, stride int) bool {
	d.positions *= size // wraps only if the number of elements overflows, too
	if size == 1 {
		return true
	}
	rank := d.rank()
	if rank == maxSpatial {
		return false
	}
	d.levels[spatialLevel+rank] = axis{size, stride}
	used := uint64(0)
	for widths := d.axes & (1<<rankShift - 1); widths > 0; widths >>= widthBits {
		used += widths & widthMask
	}
	width := bits.Len(uint(size) / 2)
	// Bits are lost only if the number of elements overflows.
	d.dims |= (uint64(size) &^ (1 << width)) << used
	d.axes += uint64(width)<<(widthBits*rank) + 1<<rankShift
	return true
}

// finish completes a draft that has its axes: it sets the nest and the strides and measures
// the buffer. It returns what is wrong with the axes, if anything is.
func (d *draft) finish() (wrong string) {
	if d.samples == 0 || d.channels == 0 || d.positions == 0 {
		return ""
	}
	var room [MaxLoops]Loop
	count := d.sort(&room)
	if count > MaxLoops {
		return fmt.Sprintf("%d axes with gaps between them, at most %d fit", count, MaxLoops)
	}
	d.length = 1
	for i := count - 1; i >= 0; i-- {
		l := &room[i]
		if l.Dst < d.length {
			return fmt.Sprintf("%d steps of stride %d overlap what lies inside them, %d elements long", l.Size, l.Dst, d.length)
		}
		reach, ok := mul(l.Size-1, l.Dst, true)
		if !ok || reach > maxInt-d.length {
			return fmt.Sprintf("%d steps of stride %d overflow an int", l.Size, l.Dst)
		}
		d.length += reach
		if i < len(d.strides) {
			d.strides[i] = l.Dst
		}
	}
	if count <= 2 && d.length == d.samples*d.PaddedChannels()*d.positions {
		if count < 2 || room[0].Factor == 1 && room[1].Factor == 0 {
			d.axes |= planes
		} else if room[0].Factor == 0 && room[1].Factor == 1 {
			d.axes |= pixels
		}
	}
	return ""
}

// sort sets the nest: the axes of more than one step, those of longer strides around
// the others. It sets the loops, as many as there is room for, and returns their number.
func (d *draft) sort(loops *[MaxLoops]Loop) (count int) {
	var room [levels]uint8
	sorted := room[:0]
	for level := uint8(sampleLevel); level < spatialLevel+uint8(d.rank()); level++ {
		a := d.levels[level]
		if a.size == 1 {
			continue
		}
		i := len(sorted)
		sorted = sorted[:i+1]
		for ; i > 0 && d.levels[sorted[i-1]].stride < a.stride; i-- {
			sorted[i] = sorted[i-1]
		}
		sorted[i] = level
	}
	var around Loop
	for i, level := range sorted {
		a := d.levels[level]
		l := Loop{a.size, a.stride, a.stride, d.factor(level)}
		merged := l
		if i > 0 && around.Dst == l.Size*l.Dst && around.Factor == l.Size*l.Factor {
			level |= seamless
			count--
			merged.Size *= loops[count%MaxLoops].Size
		}
		loops[count%MaxLoops] = merged // beyond MaxLoops they are refused
		count++
		d.nest |= uint64(level) << (levelBits * i)
		around = l
	}
	return count
}

// factor returns how many entries of a list of factors a step of a level moves on by.
func (g *Geometry) factor(level uint8) int {
	switch level {
	case sampleLevel:
		return g.PaddedChannels()
	case channelLevel:
		return 1 << g.group()
	case groupLevel:
		return 1
	}
	return 0
}

// spatialDims sets the spatial dims that are kept, the last first.
func (g *Geometry) spatialDims(dims *[maxSpatial]int) {
	kept, widths := g.dims, g.axes
	for i := range g.rank() {
		width := widths & widthMask
		if width > 0 {
			dims[i] = int(1<<width | kept&(1<<width-1))
		}
		kept >>= width
		widths >>= widthBits
	}
}

// sizes sets the number of steps of each level.
func (g *Geometry) sizes(sizes *[levels]int) {
	group := g.group()
	sizes[sampleLevel], sizes[channelLevel], sizes[groupLevel] = g.samples, g.PaddedChannels()>>group, 1<<group
	g.spatialDims((*[maxSpatial]int)(sizes[spatialLevel:]))
}

// Samples returns N; 1 for an unbatched tensor.
func (g counts) Samples() int { return g.samples }

// Channels returns C.
func (g form) Channels() int { return g.channels }

// Spatial returns the number of positions of a feature map: the product of the
// spatial dims, 1 if there are none.
func (g counts) Spatial() int { return g.positions }

// Len returns the number of elements from the first to the last in the buffer.
// For the dense orders it is N·C·spatial, with C rounded up to a full group in
// the blocked ones. For a view it includes the gaps.
func (g counts) Len() int { return g.length }

// View reports whether the tensor is part of a wider one, so that its buffer may
// be longer than [Geometry.Len]. That is so if there are gaps between elements. It is
// also so if [Strided] got a stride longer than the whole tensor, even for an axis of a
// single step, as the samples of a channel slice have. The buffer of any other tensor has
// exactly Len elements.
func (g form) View() bool { return g.axes&view != 0 }

// PaddedChannels returns the number of channels that a sample has in memory: C,
// rounded up to a full group in the blocked orders.
func (g form) PaddedChannels() int {
	rest := 1<<g.group() - 1
	return (g.channels + rest) &^ rest
}

// Planes reports whether the tensor is planes of [Geometry.Spatial] elements and nothing
// else, one after the other in the order n·PaddedChannels+c, as kernel.Planes takes them.
// A tensor without elements is neither planes nor pixels.
func (g form) Planes() bool { return g.axes&planes != 0 }

// Pixels reports whether the tensor is rows of Samples·PaddedChannels elements and
// nothing else, one after the other in the order n·PaddedChannels+c, as kernel.Pixels
// takes them: one for each spatial position, of which there are two or more.
func (g form) Pixels() bool { return g.axes&pixels != 0 }

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
	group, padded := g.group(), g.PaddedChannels()
	entries := g.samples * padded
	if g.Pixels() {
		loops[0] = Loop{g.positions, entries, entries, 0}
		loops[1] = Loop{entries, 1, 1, 1}
		return 2
	}
	if g.Planes() && entries > 1 && g.positions > 1 {
		loops[0] = Loop{entries, g.positions, g.positions, 1}
		loops[1] = Loop{g.positions, 1, 1, 0}
		return 2
	}
	var dims [maxSpatial]int
	g.spatialDims(&dims)
	n := -1
	for nest := g.nest; nest != 0; nest >>= levelBits {
		size, factor, stride := 0, 0, 0
		switch level := nest & levelMask; level {
		case sampleLevel:
			size, factor = g.samples, padded
		case channelLevel:
			size, factor = padded>>group, 1<<group
		case groupLevel:
			size, factor = 1<<group, 1
		default:
			size = dims[level-spatialLevel]
		}
		if nest&seamless != 0 {
			size *= loops[n].Size
		} else {
			n++
		}
		if n < len(g.strides) {
			stride = g.strides[n]
		}
		loops[n] = Loop{size, stride, stride, factor}
	}
	if n == len(g.strides) {
		rest := g.length - 1
		for i := range g.strides {
			rest -= (loops[i].Size - 1) * loops[i].Dst
		}
		l := &loops[n]
		l.Dst = rest / (l.Size - 1)
		l.Src = l.Dst
	}
	return n + 1
}

// String describes the geometry for messages.
func (g Geometry) String() string {
	s := fmt.Sprintf("%d×%d channels of ", g.samples, g.channels)
	var dims [maxSpatial]int
	g.spatialDims(&dims)
	for i := g.rank() - 1; i >= 0; i-- {
		s += fmt.Sprint(dims[i])
		if i > 0 {
			s += "×"
		}
	}
	if g.rank() == 0 {
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
