package spatialdropout

import (
	"sync"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// ApplyAt is [Apply] with the mask that d draws at a place, which is drawn for the call
// and forgotten: nothing but the place need be saved between the forward and the
// backward pass, and a forward pass that is computed again sees the same mask.
// [Dropout.Advance] gives the place of a new step. The gradient of alpha dropout takes
// d.Gradient() instead of d. Its errors are those of Apply and of [Dropout.DrawAt]; a
// [mask.Source] cannot be drawn again.
func ApplyAt[T Float](dst, src []T, d *Dropout, at mask.Place, g layout.Geometry, workers ...Workers) error {
	return applyAt(kernel.Scale, typeOf[T](), of(dst), of(src), d, at, &g, workers)
}

// AddToAt is [AddTo] with the mask that d draws at a place, see [ApplyAt].
func AddToAt[T Float](dst, src []T, d *Dropout, at mask.Place, g layout.Geometry, workers ...Workers) error {
	return applyAt(kernel.Add, typeOf[T](), of(dst), of(src), d, at, &g, workers)
}

// ApplyAtF16 is [ApplyAt] of float16, see [ApplyF16].
func ApplyAtF16[T Half](dst, src []T, d *Dropout, at mask.Place, g layout.Geometry, workers ...Workers) error {
	return applyAt(kernel.Scale, mask.Float16, of(dst), of(src), d, at, &g, workers)
}

// AddToAtF16 is [AddToAt] of float16, see [AddToF16].
func AddToAtF16[T Half](dst, src []T, d *Dropout, at mask.Place, g layout.Geometry, workers ...Workers) error {
	return applyAt(kernel.Add, mask.Float16, of(dst), of(src), d, at, &g, workers)
}

// ApplyAtBF16 is [ApplyAt] of bfloat16, see [ApplyBF16].
func ApplyAtBF16[T Half](dst, src []T, d *Dropout, at mask.Place, g layout.Geometry, workers ...Workers) error {
	return applyAt(kernel.Scale, mask.BFloat16, of(dst), of(src), d, at, &g, workers)
}

// AddToAtBF16 is [AddToAt] of bfloat16, see [AddToBF16].
func AddToAtBF16[T Half](dst, src []T, d *Dropout, at mask.Place, g layout.Geometry, workers ...Workers) error {
	return applyAt(kernel.Add, mask.BFloat16, of(dst), of(src), d, at, &g, workers)
}

func applyAt(op kernel.Op, e mask.Type, dst, src vector, d *Dropout, at mask.Place, g *layout.Geometry, workers []Workers) error {
	// Before a mask is drawn for a tensor that may not exist.
	if err := check(dst, src, g); err != nil {
		return err
	}
	if _, err := only(workers); err != nil {
		return err
	}
	if err := d.ready(op, e, dst, src, at, g); err != nil {
		return err
	}
	m := passing.Get().(*mask.Mask)
	defer passing.Put(m)
	if err := d.drawAt(m, g, at); err != nil {
		return err
	}
	return apply(op, e, dst, src, m, g, false, workers)
}

// ready returns the errors that a call would meet behind the draw at a place, where
// the place cannot be drawn once more.
func (d *Dropout) ready(op kernel.Op, e mask.Type, dst, src vector, at mask.Place, g *layout.Geometry) error {
	if !d.gen.once || g.Len() == 0 {
		return nil
	}
	if rate := d.rateAt(at.Step); op == kernel.Add && d.arithmetic.Rule == mask.Alpha && rate > 0 && rate < 1 {
		return errAlpha
	}
	loops := g.Loops()
	switch sizeOf(e) {
	case 2:
		return kernel.Overlap(slice[uint16](dst), slice[uint16](src), loops)
	case 4:
		return kernel.Overlap(slice[float32](dst), slice[float32](src), loops)
	}
	return kernel.Overlap(slice[float64](dst), slice[float64](src), loops)
}

// passing holds masks that are drawn for a call.
var passing = sync.Pool{New: func() any { return new(mask.Mask) }}
