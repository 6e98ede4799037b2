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

// Apply writes src with dropout to dst: elements of a dropped channel become +0
// (with [mask.Multiply], their product with 0), those of a kept channel are
// multiplied by 1/(1−rate), rounded once. Applied to a gradient it is the
// backward pass, since the operator is linear and its own transpose.
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
	return apply(kernel.Scale, dst, src, m, &g, workers)
}

// AddTo adds to dst what [Apply] would write: for tapes that accumulate
// gradients. Product and sum are rounded separately. With [mask.Select] the
// dropped channels of dst stay as they are, and so does padding.
func AddTo[T Float](dst, src []T, m *mask.Mask, g layout.Geometry, workers ...Workers) error {
	return apply(kernel.Add, dst, src, m, &g, workers)
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

func apply[T Float](op kernel.Op, dst, src []T, m *mask.Mask, g *layout.Geometry, workers []Workers) error {
	w, err := only(workers)
	if err != nil {
		return err
	}
	if err := check(dst, src, g); err != nil {
		return err
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
	if op == kernel.Scale && m.Factor() == 1 && m.CountKept() == g.Samples()*g.PaddedChannels() {
		return run(kernel.Copy, dst, src, nil, g, w)
	}
	if m.Policy() == mask.Multiply {
		op += kernel.Multiply - kernel.Scale
	}
	n := g.Samples() * g.PaddedChannels()
	buf := scratchOf[T](n)
	factors := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(*buf))), n)
	mask.Factors(factors, m, g.PaddedChannels())
	err = run(op, dst, src, factors, g, w)
	scratch.Put(buf)
	return err
}

// identity copies a tensor of geometry g, gaps of a view left out.
func identity[T Float](dst, src []T, g layout.Geometry, w Workers) error {
	if err := check(dst, src, &g); err != nil {
		return err
	}
	if g.Len() == 0 {
		return nil
	}
	return run(kernel.Copy, dst, src, nil, &g, w)
}

// check returns an error unless dst and src hold a tensor of geometry g.
func check[T Float](dst, src []T, g *layout.Geometry) error {
	for _, b := range [...]struct {
		name string
		len  int
	}{{"dst", len(dst)}, {"src", len(src)}} {
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
func run[T Float](op kernel.Op, dst, src, factors []T, g *layout.Geometry, w Workers) error {
	var loops [kernel.MaxLoops]kernel.Loop
	depth := g.Depth()
	for i := range depth {
		loops[i] = kernel.Loop(g.Axis(i))
	}
	return kernel.Run(op, dst, src, factors, loops[:depth], int(w))
}

// scratch holds the factors of a call for the next one.
var scratch = sync.Pool{New: func() any { return new([]uint64) }}

// scratchOf returns memory for n elements of T.
func scratchOf[T Float](n int) *[]uint64 {
	var x T
	words := (n*int(unsafe.Sizeof(x)) + 7) / 8
	buf := scratch.Get().(*[]uint64)
	if cap(*buf) < words {
		*buf = make([]uint64, words)
	}
	*buf = (*buf)[:words]
	return buf
}
