package spatialdropout

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Float is the data that dropout takes: float32, float64 and types made of them.
type Float = kernel.Float

// Half is the data that the functions with F16 and BF16 in their names take: any
// 16-bit type that holds float16 or bfloat16, as the name says.
type Half = kernel.Half

// Apply writes src with dropout to dst: elements of a dropped channel become +0
// (with [mask.Multiply], their product with 0), those of a kept channel are
// multiplied by 1/(1−rate), rounded once; a mask may have another [mask.Rule]. Applied
// to a gradient it is the backward pass, since the operator is linear and its own
// transpose. (Alpha dropout is not linear: its gradient takes [mask.Mask.Gradient].)
//
// g says where the channels of both dst and src lie. Each must hold g.Len()
// elements; where g is a view, or more. Elements of dst in the gaps of a view
// stay as they are, the padding channels of a blocked layout count as dropped.
//
// dst may be src itself; then a plane of two or more elements whose factor is 1
// is not touched. It may share memory with src otherwise, as two channel slices
// of one tensor do, but no element: that is a [*kernel.OverlapError]. Other
// errors are a mask for other samples or channels and a slice of the wrong
// length. On an error dst is untouched.
//
// Where everything is kept and the factor is 1, as at rate 0, and nothing is
// padding, Apply copies src to dst to the bit.
//
// From 16 MiB on Apply uses up to GOMAXPROCS goroutines; at most one argument of
// type [Workers] sets another number. Apply does not allocate after warm-up.
func Apply[T Float](dst, src []T, m *mask.Mask, g layout.Geometry, workers ...Workers) error {
	return apply(kernel.Scale, typeOf[T](), of(dst), of(src), m, &g, false, workers)
}

// AddTo adds to dst what [Apply] would write: for tapes that accumulate
// gradients. Product and sum are rounded separately. With [mask.Select] the
// dropped channels of dst stay as they are, and so does padding. A mask of alpha
// dropout is an error: its gradient's is that of [mask.Mask.Gradient].
func AddTo[T Float](dst, src []T, m *mask.Mask, g layout.Geometry, workers ...Workers) error {
	return apply(kernel.Add, typeOf[T](), of(dst), of(src), m, &g, false, workers)
}

// ApplyF16 is [Apply] of float16. The factor is rounded to float16, which makes
// it infinite at rates above 0.99998; a product is computed in float32 and
// rounded once, to the nearest float16, ties to even.
func ApplyF16[T Half](dst, src []T, m *mask.Mask, g layout.Geometry, workers ...Workers) error {
	return apply(kernel.Scale, mask.Float16, of(dst), of(src), m, &g, false, workers)
}

// AddToF16 is [AddTo] of float16: the product is rounded as [ApplyF16] does, the
// sum likewise.
func AddToF16[T Half](dst, src []T, m *mask.Mask, g layout.Geometry, workers ...Workers) error {
	return apply(kernel.Add, mask.Float16, of(dst), of(src), m, &g, false, workers)
}

// ApplyBF16 is [Apply] of bfloat16. The factor is rounded to bfloat16; a product
// is computed in float32 and rounded once, to the nearest bfloat16, ties to even.
func ApplyBF16[T Half](dst, src []T, m *mask.Mask, g layout.Geometry, workers ...Workers) error {
	return apply(kernel.Scale, mask.BFloat16, of(dst), of(src), m, &g, false, workers)
}

// AddToBF16 is [AddTo] of bfloat16: the product is rounded as [ApplyBF16] does,
// the sum likewise.
func AddToBF16[T Half](dst, src []T, m *mask.Mask, g layout.Geometry, workers ...Workers) error {
	return apply(kernel.Add, mask.BFloat16, of(dst), of(src), m, &g, false, workers)
}

// Workers is the greatest number of goroutines that share a call, the calling
// one among them: with Workers(1) nothing leaves it. Workers(0) is the default,
// which looks at the size of the data. The result does not depend on it.
type Workers int

// only returns the number that a call's optional argument gives.
func only(workers []Workers) (Workers, error) {
	var w Workers
	if len(workers) > 0 {
		w = workers[0]
	}
	if w < 0 || len(workers) > 1 {
		// A copy: what is formatted escapes, and with it the slice of every call.
		return 0, fmt.Errorf("spatialdropout: workers %v, want one number, 0 or more", append([]Workers(nil), workers...))
	}
	return w, nil
}

// typeOf returns the type of a T.
func typeOf[T Float]() mask.Type {
	var x T
	if unsafe.Sizeof(x) == 4 {
		return mask.Float32
	}
	return mask.Float64
}

// sizeOf returns the bytes of an element.
func sizeOf(e mask.Type) int {
	return [...]int{mask.Float32: 4, mask.Float64: 8, mask.Float16: 2, mask.BFloat16: 2}[e]
}

// vector is a slice whose type goes its own way, as elements.
type vector struct {
	data unsafe.Pointer
	len  int
}

func of[T Float | Half](s []T) vector { return vector{unsafe.Pointer(unsafe.SliceData(s)), len(s)} }

func slice[T any](v vector) []T { return unsafe.Slice((*T)(v.data), v.len) }

// apply does op with a mask, or with what of it belongs to a gradient.
func apply(op kernel.Op, e mask.Type, dst, src vector, m *mask.Mask, g *layout.Geometry, gradient bool, workers []Workers) error {
	var w Workers
	if len(workers) > 0 {
		var err error
		if w, err = only(workers); err != nil {
			return err
		}
	}
	if dst.len != g.Len() || src.len != g.Len() {
		if err := check(dst, src, g); err != nil {
			return err
		}
	}
	if m == nil {
		return errors.New("spatialdropout: no mask, want one of Draw")
	}
	if m.Samples() != g.Samples() || m.Channels() != g.Channels() {
		return fmt.Errorf("spatialdropout: a mask of %d×%d channels for a tensor of %d×%d, want one drawn for its geometry", m.Samples(), m.Channels(), g.Samples(), g.Channels())
	}
	if g.Len() == 0 {
		return nil
	}
	n := g.Samples() * g.PaddedChannels()
	if op == kernel.Scale && m.Channels() == g.PaddedChannels() && m.Identity() {
		return run(kernel.Copy, e, dst, src, vector{}, g, w)
	}
	shifts := m.Shifts() && !gradient
	op, err := opOf(op, e, m, shifts)
	if err != nil {
		return err
	}
	if op < kernel.Affine && n*sizeOf(e) <= fewBytes && g.Len() <= fewElements && len(g.Loops()) <= 2 {
		return alone(op, e, dst, src, m, g)
	}
	entries := n
	if shifts {
		entries = 2 * n
	}
	buf := scratchOf(entries * sizeOf(e))
	factors := vector{unsafe.Pointer(unsafe.SliceData(*buf)), n}
	fill(e, factors, m, g)
	if shifts {
		fillShifts(e, vector{unsafe.Add(factors.data, n*sizeOf(e)), n}, m, g)
		factors.len = entries
	}
	err = run(op, e, dst, src, factors, g, w)
	scratch.Put(buf)
	return err
}

// opOf returns the kernel operation that a mask makes of Scale or Add.
func opOf(op kernel.Op, e mask.Type, m *mask.Mask, shifts bool) (kernel.Op, error) {
	if m.Divides(e) {
		if op == kernel.Add {
			return kernel.AddDivide, nil
		}
		return kernel.Divide, nil
	}
	// A Gaussian factor that happens to be 0 drops nothing.
	if m.Policy() == mask.Multiply || m.Rule() == mask.Gaussian && m.Rate() < 1 {
		op += kernel.Multiply - kernel.Scale
	}
	if shifts {
		if op == kernel.Add || op == kernel.AddMultiply {
			return op, errAlpha
		}
		op += kernel.Affine - kernel.Scale
	}
	return op, nil
}

var errAlpha = errors.New("spatialdropout: AddTo with a mask of alpha dropout, want that of its Gradient")

// A call with so few factors, for so few elements, is all overhead: its factors
// are on the stack and no other goroutine is asked.
const (
	fewBytes    = 128
	fewElements = 1 << 12
)

// fill writes the factors of a mask.
func fill(e mask.Type, factors vector, m *mask.Mask, g *layout.Geometry) {
	switch pitch := g.PaddedChannels(); e {
	case mask.Float32:
		mask.Factors(slice[float32](factors), m, pitch)
	case mask.Float64:
		mask.Factors(slice[float64](factors), m, pitch)
	case mask.Float16:
		mask.FactorsF16(slice[uint16](factors), m, pitch)
	case mask.BFloat16:
		mask.FactorsBF16(slice[uint16](factors), m, pitch)
	}
}

// fillShifts writes the shifts of a mask.
func fillShifts(e mask.Type, shifts vector, m *mask.Mask, g *layout.Geometry) {
	switch pitch := g.PaddedChannels(); e {
	case mask.Float32:
		mask.Shifts(slice[float32](shifts), m, pitch)
	case mask.Float64:
		mask.Shifts(slice[float64](shifts), m, pitch)
	case mask.Float16:
		mask.ShiftsF16(slice[uint16](shifts), m, pitch)
	case mask.BFloat16:
		mask.ShiftsBF16(slice[uint16](shifts), m, pitch)
	}
}

// identity copies a tensor of geometry g, which dst and src hold, gaps of a view left
// out.
func identity(e mask.Type, dst, src vector, g *layout.Geometry, w Workers) error {
	if g.Len() == 0 {
		return nil
	}
	return run(kernel.Copy, e, dst, src, vector{}, g, w)
}

// check returns an error unless dst and src hold a tensor of geometry g.
func check(dst, src vector, g *layout.Geometry) error {
	for _, b := range [...]struct {
		name string
		len  int
	}{{"dst", dst.len}, {"src", src.len}} {
		if b.len < g.Len() || b.len > g.Len() && !g.View() {
			more := ""
			if g.View() {
				more = " or more"
			}
			return fmt.Errorf("spatialdropout: %s holds %d elements, want %d%s for %v", b.name, b.len, g.Len(), more, *g)
		}
	}
	return nil
}

// run does op on every element of g.
func run(op kernel.Op, e mask.Type, dst, src, factors vector, g *layout.Geometry, w Workers) error {
	loops := g.Loops()
	switch e {
	case mask.Float32:
		return kernel.Run(op, slice[float32](dst), slice[float32](src), slice[float32](factors), loops, int(w))
	case mask.Float64:
		return kernel.Run(op, slice[float64](dst), slice[float64](src), slice[float64](factors), loops, int(w))
	case mask.Float16:
		return kernel.RunF16(op, slice[uint16](dst), slice[uint16](src), slice[uint16](factors), loops, int(w))
	}
	return kernel.RunBF16(op, slice[uint16](dst), slice[uint16](src), slice[uint16](factors), loops, int(w))
}

// alone does op on planes or pixels with few factors, on the calling goroutine.
func alone(op kernel.Op, e mask.Type, dst, src vector, m *mask.Mask, g *layout.Geometry) error {
	loops := g.Loops()
	var room [fewBytes / 8]uint64
	pitch := g.PaddedChannels()
	factors := vector{unsafe.Pointer(&room), g.Samples() * pitch}
	switch e {
	case mask.Float32:
		f := slice[float32](factors)
		mask.Factors(f, m, pitch)
		return kernel.RunAlone(op, slice[float32](dst), slice[float32](src), f, loops)
	case mask.Float64:
		f := slice[float64](factors)
		mask.Factors(f, m, pitch)
		return kernel.RunAlone(op, slice[float64](dst), slice[float64](src), f, loops)
	}
	f := slice[uint16](factors)
	if e == mask.Float16 {
		mask.FactorsF16(f, m, pitch)
		return kernel.RunAloneF16(op, slice[uint16](dst), slice[uint16](src), f, loops)
	}
	mask.FactorsBF16(f, m, pitch)
	return kernel.RunAloneBF16(op, slice[uint16](dst), slice[uint16](src), f, loops)
}

// scratch holds the factors of a call for the next one.
var scratch = sync.Pool{New: func() any { return new([]uint64) }}

// scratchOf returns memory of so many bytes.
func scratchOf(bytes int) *[]uint64 {
	words := (bytes + 7) / 8
	buf := scratch.Get().(*[]uint64)
	if cap(*buf) < words {
		*buf = make([]uint64, words)
	}
	*buf = (*buf)[:words]
	return buf
}
