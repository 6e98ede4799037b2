// Package layout says where the channels of a tensor lie in memory.
//
// An [Order] such as NCHW, together with a tensor's dims, makes a [Geometry].
// [Strided] makes one from a shape and element strides, for views into a wider
// tensor and for lazily transposed ones. A Geometry is a value: it holds no
// data and can be compared with ==.
package layout

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
)

// Axis is one loop over a tensor: Size steps, each Stride elements further in
// the buffer and Factor entries further in the list of channel factors. A
// spatial axis has Factor 0: the channel stays the same along it.
type Axis struct {
	Size, Stride, Factor int
}

// maxAxes bounds the loops of a Geometry once neighbours that lie seamlessly in
// memory are merged. N, C, D, H and W apart from each other are five; a blocked
// order splits C in two.
const maxAxes = 6

// Geometry is where the elements of a tensor lie and which channel each
// belongs to. The zero Geometry is an empty tensor.
type Geometry struct {
	samples, channels, spatial int
	length                     int
	padding                    uint8 // channels of a sample that are only in memory, in blocked orders
	depth                      uint8
	view                       bool
	axes                       [maxAxes]Axis // outermost first; strides nest
}

// Of returns the geometry of a dense tensor whose dims are given as the order
// spells them: NCHW.Of(32, 64, 56, 56) is 32 samples of 64 channels of 56×56.
//
// The blocked orders take the logical dims N, C, H, W; their buffer holds
// ⌈C/8⌉ or ⌈C/16⌉ full groups, see [Geometry.Len].
//
// It is an error if the number of dims is not the order's, if a dim is
// negative, or if the number of elements (zero dims left out) overflows an int.
// Of does not allocate.
func (o Order) Of(dims ...int) (Geometry, error) {
	if o < NCHW || int(o) >= len(orders) {
		return Geometry{}, fmt.Errorf("layout: %v is not an axis order", o)
	}
	rank := len(dims)
	if want := len(orders[o].axes); want > 0 && rank != want {
		return Geometry{}, fmt.Errorf("layout: %v takes %d dims, got %d: %v", o, want, rank, slices.Clone(dims))
	} else if rank < 2 && want == 0 {
		return Geometry{}, fmt.Errorf("layout: %v takes 2 or more dims, got %d: %v", o, rank, slices.Clone(dims))
	}
	g := Geometry{samples: 1, channels: 1, spatial: 1}
	for i, d := range dims {
		if d < 0 {
			return Geometry{}, fmt.Errorf("layout: %v dim %d is %d, want 0 or more: %v", o, i, d, slices.Clone(dims))
		}
		switch o.axis(i, rank) {
		case 'N':
			g.samples = d
		case 'C':
			g.channels = d
		}
	}
	padded := g.channels
	block := orders[o].block
	if block > 0 {
		blocks := g.channels / block
		if g.channels%block > 0 {
			blocks++
		}
		if blocks > maxInt/block {
			return Geometry{}, overflow(o, dims)
		}
		padded = blocks * block
		g.padding = uint8(padded - g.channels)
	}

	// From the innermost axis outwards every stride is the product of the
	// sizes inside it.
	var room [8]Axis // the slices of this function stay off the heap
	axes := room[:0]
	stride, ok := 1, true
	put := func(size, factor int) {
		axes = append(axes, Axis{Size: size, Stride: stride, Factor: factor})
		stride, ok = mul(stride, max(size, 1), ok)
	}
	if block > 0 {
		put(block, 1)
	}
	for i := rank - 1; i >= 0; i-- {
		switch o.axis(i, rank) {
		case 'N':
			put(dims[i], padded)
		case 'C':
			put(padded/max(block, 1), max(block, 1))
		default:
			put(dims[i], 0)
			g.spatial *= dims[i] // wraps only where the product of all dims overflows, too
		}
	}
	if !ok {
		return Geometry{}, overflow(o, dims)
	}
	slices.Reverse(axes)
	return g.with(axes)
}

// Unbatched is the sample axis of a tensor that has none.
const Unbatched = -1

// Strided returns the geometry of a tensor of the given shape whose element
// (i0, i1, …) lies at buffer offset Σ ik·strides[k], strides counting elements.
// channelAxis and sampleAxis say which axes are C and N; every other axis is
// spatial. sampleAxis is [Unbatched] where the tensor is a single sample.
//
// The buffer begins at the tensor's first element and may go on after the last
// one: a channel slice of a wider tensor is described without a copy.
//
// It is an error if shape and strides differ in length, an axis does not
// exist, a dim or stride is negative, two elements would share a place, the
// axes do not nest (each stride must be at least as long as all that lies
// inside it), or a number overflows.
func Strided(shape, strides []int, sampleAxis, channelAxis int) (Geometry, error) {
	rank := len(shape)
	if len(strides) != rank {
		return Geometry{}, fmt.Errorf("layout: %d dims %v with %d strides %v, want one stride a dim", rank, shape, len(strides), strides)
	}
	if channelAxis < 0 || channelAxis >= rank {
		return Geometry{}, fmt.Errorf("layout: channel axis %d of %d dims %v, want 0 to %d", channelAxis, rank, shape, rank-1)
	}
	if sampleAxis != Unbatched && (sampleAxis < 0 || sampleAxis >= rank) {
		return Geometry{}, fmt.Errorf("layout: sample axis %d of %d dims %v, want 0 to %d or Unbatched", sampleAxis, rank, shape, rank-1)
	}
	if sampleAxis == channelAxis {
		return Geometry{}, fmt.Errorf("layout: axis %d is given as sample axis and as channel axis", channelAxis)
	}
	g := Geometry{samples: 1, channels: shape[channelAxis], spatial: 1, view: true}
	axes := make([]Axis, rank)
	elements, ok := 1, true
	for i, d := range shape {
		if d < 0 || strides[i] < 0 {
			return Geometry{}, fmt.Errorf("layout: axis %d has dim %d and stride %d, want neither negative: %v, %v", i, d, strides[i], shape, strides)
		}
		elements, ok = mul(elements, max(d, 1), ok)
		axes[i] = Axis{Size: d, Stride: strides[i]}
		switch i {
		case channelAxis:
			axes[i].Factor = 1
		case sampleAxis:
			g.samples = d
			axes[i].Factor = g.channels
		default:
			g.spatial *= d
		}
	}
	if !ok {
		return Geometry{}, fmt.Errorf("layout: %v has more elements than an int counts", shape)
	}
	slices.SortStableFunc(axes, func(a, b Axis) int { return cmp.Compare(b.Stride, a.Stride) })
	g, err := g.with(axes)
	if err != nil {
		return Geometry{}, fmt.Errorf("%w: shape %v, strides %v", err, shape, strides)
	}
	return g, nil
}

// with completes g by its axes, given outermost first: it drops those of one
// step, merges neighbours that one longer axis can stand for, and measures the
// buffer. The axes are overwritten.
func (g Geometry) with(axes []Axis) (Geometry, error) {
	g.length = 1
	for _, a := range axes {
		if a.Size == 0 {
			g.length = 0
			return g, nil
		}
	}
	merged := axes[:0]
	for _, a := range axes {
		if a.Size == 1 {
			continue
		}
		if n := len(merged); n > 0 {
			outer := &merged[n-1]
			if outer.Stride == a.Size*a.Stride && outer.Factor == a.Size*a.Factor {
				*outer = Axis{Size: outer.Size * a.Size, Stride: a.Stride, Factor: a.Factor}
				continue
			}
		}
		merged = append(merged, a)
	}
	if len(merged) > maxAxes {
		return Geometry{}, fmt.Errorf("layout: %d axes do not lie seamlessly in memory, at most %d may", len(merged), maxAxes)
	}
	g.depth = uint8(copy(g.axes[:], merged))
	for i := len(merged) - 1; i >= 0; i-- {
		a := g.axes[i]
		if a.Stride < g.length {
			return Geometry{}, fmt.Errorf("layout: %d steps of stride %d overlap what lies inside them, %d elements long", a.Size, a.Stride, g.length)
		}
		reach, ok := mul(a.Size-1, a.Stride, true)
		if !ok || reach > maxInt-g.length {
			return Geometry{}, fmt.Errorf("layout: %d steps of stride %d reach further than an int counts", a.Size, a.Stride)
		}
		g.length += reach
	}
	return g, nil
}

// Samples returns N; 1 for an unbatched tensor.
func (g *Geometry) Samples() int { return g.samples }

// Channels returns C.
func (g *Geometry) Channels() int { return g.channels }

// Spatial returns the number of positions of a feature map: the product of the
// spatial dims, 1 where there are none.
func (g *Geometry) Spatial() int { return g.spatial }

// Len returns the number of elements that a buffer must hold, from the first to
// the last: N·C·spatial for the dense orders, with C rounded up to a full group
// in the blocked ones, and with the gaps for a view.
func (g *Geometry) Len() int { return g.length }

// View reports whether the geometry comes from [Strided], so that a buffer may
// be longer than [Geometry.Len].
func (g *Geometry) View() bool { return g.view }

// PaddedChannels returns the channels that a sample has in memory: C, rounded
// up to a full group in the blocked orders.
func (g *Geometry) PaddedChannels() int { return g.channels + int(g.padding) }

// Axes returns the loops that visit every element once, the outermost first; at
// most 6. An element's place in the buffer is the sum of index·Stride; the sum of
// index·Factor is n·PaddedChannels+c. Strides nest: each is at least as long as
// all that lies inside it. Axes of a single step are left out, and axes that lie
// seamlessly in memory are one. The loops of an empty tensor mean nothing.
//
// The slice is g's own memory and is only to be read.
func (g *Geometry) Axes() []Axis { return g.axes[:g.depth] }

// String describes the geometry for messages.
func (g Geometry) String() string {
	s := fmt.Sprintf("%d×%d channels of %d", g.samples, g.channels, g.spatial)
	if g.view {
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

func overflow(o Order, dims []int) error {
	return fmt.Errorf("layout: %v of %v has more elements than an int counts", o, slices.Clone(dims))
}
