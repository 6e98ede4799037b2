package spatialdropout

import (
	"runtime"
	"sync"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Apply writes src with dropout to dst. The elements of a dropped channel become +0, or
// their product with 0 if the mask's policy is [mask.Multiply]. Those of a kept channel
// are multiplied by 1/(1−rate), rounded once, unless the mask has another [mask.Rule].
// Applied to a gradient Apply is the backward pass, since the operator is linear and its
// own transpose. (Alpha dropout is not linear: its gradient takes [mask.Mask.Gradient].)
//
// g says where the channels of both dst and src lie. Each slice holds g.Len() elements, or
// more if g is a view. Elements of dst in the gaps of a view stay as they are. The padding
// channels of a blocked layout count as dropped: their elements become +0, or their product
// with 0 with [mask.Multiply] and with the rule [mask.Gaussian].
//
// dst may be src itself. A plane of two or more elements whose factor is 1 is not touched
// then. dst and src may share memory in other ways, as two channel slices of one tensor
// do, but no element: that is a [*kernel.OverlapError]. A slice of the wrong length, and a mask
// of other samples or channels, is an [*ArgumentError]. On an error dst is untouched.
//
// Where everything is kept and the factor is 1, as at rate 0, and nothing is padding,
// Apply copies src to dst to the bit.
//
// Apply shares large work among goroutines, as [kernel.Strategy] says. It does not allocate
// after warm-up. [ApplyTensor] serves halves, tensors that lie differently, and another
// number of goroutines.
func Apply[T kernel.Float](dst, src []T, m *mask.Mask, g layout.Geometry) error {
	if direct(kernel.Scale, kernel.Of(dst), kernel.Of(src), &g, m, 0) {
		return nil
	}
	return applySlices(kernel.Scale, kernel.Of(dst), kernel.Of(src), &g, m)
}

// AddTo adds what [Apply] would write to dst: for tapes that accumulate gradients. Product
// and sum are rounded separately. With [mask.Select] the dropped channels of dst stay as
// they are, and so does padding, except with Gaussian noise.
//
// A mask of alpha dropout is an [*ArgumentError]: its gradient takes [mask.Mask.Gradient]. The other
// errors are those of Apply.
func AddTo[T kernel.Float](dst, src []T, m *mask.Mask, g layout.Geometry) error {
	if direct(kernel.Add, kernel.Of(dst), kernel.Of(src), &g, m, 0) {
		return nil
	}
	return applySlices(kernel.Add, kernel.Of(dst), kernel.Of(src), &g, m)
}

// ApplyTensor is [Apply] on tensors of any kind. dst and src may lie differently: dropout and
// a change of layout are one pass then. Both have the same samples, channels and spatial dims.
// Otherwise the error is that of [layout.Join]. Tensors that lie differently must not
// overlap. Each may be a list of slices, see [Tensor].
//
// workers is the greatest number of goroutines that share the work, the
// calling one among them. 0 stands for GOMAXPROCS, and a negative number is a
// [*kernel.ArgumentError]. The result does not depend on it.
func ApplyTensor(dst, src Tensor, m *mask.Mask, workers int) error {
	return applyTensors(kernel.Scale, &dst, &src, m, workers)
}

// AddToTensor is [AddTo] on tensors of any kind, which may lie differently, see
// [ApplyTensor].
func AddToTensor(dst, src Tensor, m *mask.Mask, workers int) error {
	return applyTensors(kernel.Add, &dst, &src, m, workers)
}

// applyTensors does what a mask makes of Scale or Add. In a small call the tensors stay in memory: to pass on what they
// consist of takes longer.
func applyTensors(op kernel.Op, dst, src *Tensor, m *mask.Mask, workers int) error {
	if workers < 0 {
		return negative(workers)
	}
	g, from := &dst.Geometry, &src.Geometry
	if loop.Alike(g, from) {
		if direct(op, dst.Data, src.Data, g, m, workers) {
			return nil
		}
		from = g
	}
	return general(op, dst.Data, src.Data, g, from, m, false, workers)
}

// apply does what a mask makes of Scale or Add, or what of it belongs to a gradient.
func apply(op kernel.Op, dst, src kernel.Vector, g, srcGeom *layout.Geometry, m *mask.Mask, gradient bool, workers int) error {
	if g == srcGeom || loop.Alike(g, srcGeom) {
		if direct(op, dst, src, g, m, workers) {
			return nil
		}
		srcGeom = g
	}
	return general(op, dst, src, g, srcGeom, m, gradient, workers)
}

// general is apply in the way that serves all calls.
func general(op kernel.Op, dst, src kernel.Vector, g, srcGeom *layout.Geometry, m *mask.Mask, gradient bool, workers int) error {
	joined, err := pair(dst, src, g, srcGeom)
	if err != nil {
		return err
	}
	return multiply(op, dst, src, g, nestOf(joined), m, gradient, workers)
}

// applySlices is general for two slices of one kind that lie alike. A program that calls no more than [Apply] and [AddTo]
// links neither what joins tensors nor what lists need.
func applySlices(op kernel.Op, dst, src kernel.Vector, g *layout.Geometry, m *mask.Mask) error {
	if err := checkSlice("dst", dst, g); err != nil {
		return err
	}
	if err := checkSlice("src", src, g); err != nil {
		return err
	}
	return multiply(op, dst, src, g, nil, m, false, 0)
}

// multiply is general after the checks of the tensors. The joined nest must not be used afterwards.
func multiply(op kernel.Op, dst, src kernel.Vector, g *layout.Geometry, joined nested, m *mask.Mask, gradient bool, workers int) error {
	if m == nil || m.Samples() != g.Samples() || m.Channels() != g.Channels() {
		return maskError(m, g)
	}
	if g.Len() == 0 {
		if joined != nil {
			joined.release()
		}
		return nil
	}
	if gradient {
		m = m.Gradient()
	}
	if op == kernel.Scale && m.Channels() == g.PaddedChannels() && m.Identity() {
		return run(kernel.Copy, dst, src, kernel.Vector{}, kernel.Vector{}, g, joined, workers)
	}
	kind := dst.Kind()
	action := m.Action(kind.Type())
	op, err := operation(op, action)
	if err != nil {
		return err
	}
	bytes := g.Samples() * g.PaddedChannels() * kind.Size()
	if !action.Shift && bytes <= fewBytes && g.Len() <= fewElements {
		// The factors are on the stack, which with one worker they do not leave.
		var room [fewBytes / 8]uint64
		factors := hide(&room)[:bytes]
		m.Fill(kind.Type(), factors, nil, g.PaddedChannels())
		err = run(op, dst, src, kernel.OfBytes(kind, factors), kernel.Vector{}, g, joined, 1)
		runtime.KeepAlive(&room)
		return err
	}
	room := scratchOf(2 * bytes)
	factors, shifts := kernel.OfBytes(kind, (*room)[:bytes]), kernel.Vector{}
	if action.Shift {
		shifts = kernel.OfBytes(kind, (*room)[bytes:])
	}
	m.Fill(kind.Type(), factors.Bytes(), shifts.Bytes(), g.PaddedChannels())
	err = run(op, dst, src, factors, shifts, g, joined, workers)
	scratch.Put(room)
	return err
}

// direct does what a mask makes of Scale or Add if that is one block which one goroutine does. A
// call on few elements is all overhead. One on more of them also waits for its own code to come from memory if much
// else has run since the one before: 125 KB, with nothing in the caches, took 1.2 to 1.3 times as long in the
// general way (Zen 5). Where anything is wrong, direct does nothing and returns false.
func direct(op kernel.Op, dst, src kernel.Vector, g *layout.Geometry, m *mask.Mask, workers int) bool {
	elements, kind := g.Len(), dst.Kind()
	if elements == 0 || !g.Planes() && !g.Pixels() || dst.Len() != elements || src.Len() != elements || kind == nil || src.Kind() != kind {
		return false
	}
	if m == nil || m.Samples() != g.Samples() || m.Channels() != g.Channels() || m.Arithmetic().Rule == mask.Alpha {
		return false
	}
	pitch := g.PaddedChannels()
	bytes := g.Samples() * pitch * kind.Size()
	// The distance of dst and src, if they are two, must not be from −length to length.
	distance, length := uintptr(dst.Data())-uintptr(src.Data()), uintptr(elements*kind.Size())
	if distance != 0 && distance+length-1 < 2*length-1 || op == kernel.Scale && m.Channels() == pitch && m.Identity() {
		return false
	}
	if workers != 1 && elements > fewElements && int(length) >= kernel.CurrentStrategy().Share {
		return false
	}
	var few [fewBytes / 8]uint64
	var many *[]byte
	factors := (*[fewBytes]byte)(unsafe.Pointer(&few))[:min(bytes, fewBytes)]
	if bytes > fewBytes {
		many = scratchOf(bytes)
		factors = *many
	}
	op, err := operation(op, m.Fill(kind.Type(), factors, nil, pitch))
	var f kernel.Vector // by a conversion that is inlined, which kernel.OfBytes is not
	switch p, n := unsafe.Pointer(unsafe.SliceData(factors)), g.Samples()*pitch; kind.Size() {
	case 2:
		f = kernel.As(kind, unsafe.Slice((*uint16)(p), n))
	case 4:
		f = kernel.As(kind, unsafe.Slice((*float32)(p), n))
	default:
		f = kernel.As(kind, unsafe.Slice((*float64)(p), n))
	}
	if err == nil && g.Planes() {
		kernel.PlanesOf(op, dst, src, f, kernel.Vector{}, g.Spatial())
	} else if err == nil {
		kernel.PixelsOf(op, dst, src, f, kernel.Vector{})
	}
	if many != nil {
		scratch.Put(many)
	}
	return err == nil
}

// operation returns the kernel operation that an action makes of Scale or Add.
func operation(op kernel.Op, a mask.Action) (kernel.Op, error) {
	add := op == kernel.Add
	switch {
	case a == (mask.Action{Drop: true}): // first, as it is what most masks mean
		return op, nil
	case a.Shift && add:
		return op, &ArgumentError{"mask", "AddTo with a mask of alpha dropout", "that of its gradient (mask.Mask.Gradient)"}
	case a.Shift && a.Drop:
		return kernel.Affine, nil
	case a.Shift:
		return kernel.AffineMultiply, nil
	case a.Divide && add:
		return kernel.AddDivide, nil
	case a.Divide:
		return kernel.Divide, nil
	case add:
		return kernel.AddMultiply, nil
	}
	return kernel.Multiply, nil
}

const (
	fewBytes    = 128
	fewElements = 1 << 12
)

// hide returns the bytes of room in a way that escape analysis does not follow. While the
// address is a number the stack must not move, so nothing may be called meanwhile. Inlined, the
// compiler could keep the number across calls, and checkptr, which the race detector brings,
// would add one.
//
//go:noinline
//go:nocheckptr
func hide(room *[fewBytes / 8]uint64) []byte {
	bits := uintptr(unsafe.Pointer(room))
	return (*(**[fewBytes]byte)(unsafe.Pointer(&bits)))[:]
}

// scratch holds the factors and shifts of a call for the next one.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// scratchOf returns memory of so many bytes, aligned to any element.
func scratchOf(bytes int) *[]byte {
	room := scratch.Get().(*[]byte)
	if cap(*room) < bytes {
		words := make([]uint64, (bytes+7)/8)
		*room = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 8*len(words))
	}
	*room = (*room)[:bytes]
	return room
}
