package spatialdropout

import (
	"errors"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Layer is dropout with a memory: Forward draws a mask and keeps it, Backward
// uses it again. It starts in training. [NewLayer] makes one; a Layer serves one
// goroutine at a time.
type Layer[T Float | Half] struct {
	elements mask.Type
	drop     *Dropout
	mask     *mask.Mask // of the last Forward
	spare    *mask.Mask // for the next one
	workers  Workers
	eval     bool
	always   bool
	last     pass
	rate     float64 // of the last Forward in evaluation
}

// pass is what the last Forward did.
type pass uint8

const (
	nothing pass = iota
	trained
	evaluated
)

// NewLayer returns a layer in training. Its errors are those of [New]. Give each
// layer of a network a seed of its own, see [WithSeed].
func NewLayer[T Float](rate float64, opts ...Option) (*Layer[T], error) {
	return newLayer[T](typeOf[T](), rate, opts)
}

// NewLayerF16 is [NewLayer] for float16, see [ApplyF16].
func NewLayerF16[T Half](rate float64, opts ...Option) (*Layer[T], error) {
	return newLayer[T](mask.Float16, rate, opts)
}

// NewLayerBF16 is [NewLayer] for bfloat16, see [ApplyBF16].
func NewLayerBF16[T Half](rate float64, opts ...Option) (*Layer[T], error) {
	return newLayer[T](mask.BFloat16, rate, opts)
}

func newLayer[T Float | Half](e mask.Type, rate float64, opts []Option) (*Layer[T], error) {
	c, err := configOf(opts)
	if err != nil {
		return nil, err
	}
	d, err := newDropout(rate, c)
	if err != nil {
		return nil, err
	}
	return &Layer[T]{elements: e, drop: d, mask: new(mask.Mask), spare: new(mask.Mask), workers: c.workers, always: c.always}, nil
}

// SetTraining switches between training and evaluation, from the next Forward
// on.
func (l *Layer[T]) SetTraining(training bool) { l.eval = !training }

// Training reports whether the layer is in training. [WithAlways] it drops channels
// in evaluation, too.
func (l *Layer[T]) Training() bool { return !l.eval }

// Dropout returns what the layer draws with: its State is all that must be saved for
// a run to go on, see [Dropout.Restore].
func (l *Layer[T]) Dropout() *Dropout { return l.drop }

// Mask returns the mask of the last Forward, nil if there was none or if it was
// in evaluation. It stays as it is through the next Forward; the one after that
// overwrites it.
func (l *Layer[T]) Mask() *mask.Mask {
	if l.last != trained {
		return nil
	}
	return l.mask
}

// Forward writes src with dropout to dst, which may be src: in training with a
// new mask, in evaluation unchanged or, where the scaling is [AtInference], times
// 1−rate. Its errors are those of [Apply] and of [Dropout.DrawAt]. On an error dst is
// untouched, no step is spent (unless others have drawn from the same [Generator]
// meanwhile), and Backward still belongs to the Forward before.
func (l *Layer[T]) Forward(dst, src []T, g layout.Geometry) error {
	// Before a mask is drawn for a tensor that may not exist.
	if err := check(of(dst), of(src), &g); err != nil {
		return err
	}
	if l.eval && !l.always {
		rate := l.drop.Rate()
		if err := l.evaluate(kernel.Scale, rate, dst, src, &g); err != nil {
			return err
		}
		l.last, l.rate = evaluated, rate
		return nil
	}
	l.drop.gen.begin()
	defer l.drop.gen.end()
	at, next := l.drop.take(&g)
	err := l.drop.ready(kernel.Scale, l.elements, of(dst), of(src), at, &g)
	if err == nil {
		err = l.drop.drawAt(l.spare, &g, at)
	}
	if err == nil {
		err = l.apply(kernel.Scale, dst, src, l.spare, &g, false)
	}
	if err != nil {
		l.drop.gen.giveBack(at, next)
		return err
	}
	l.mask, l.spare = l.spare, l.mask
	l.last = trained
	return nil
}

// evaluate does op as evaluation does.
func (l *Layer[T]) evaluate(op kernel.Op, rate float64, dst, src []T, g *layout.Geometry) error {
	if !l.drop.expect && op == kernel.Scale {
		return identity(l.elements, of(dst), of(src), g, l.workers)
	}
	// Nothing is dropped but padding, and all at rate 1.
	a := mask.Arithmetic{Policy: l.drop.arithmetic.Policy, Rule: mask.Expectation}
	if !l.drop.expect {
		a.Policy, rate = mask.Select, 0
	}
	if err := l.spare.Reset(g.Samples(), g.Channels(), rate, a); err != nil {
		return err
	}
	return l.apply(op, dst, src, l.spare, g, false)
}

// Backward writes the gradient with respect to the last Forward's src to dst,
// src being the gradient with respect to its output; dst may be src. g may lie
// otherwise in memory than Forward's, for the same samples and channels. Without
// a Forward before it is an error; the others are those of [Apply].
func (l *Layer[T]) Backward(dst, src []T, g layout.Geometry) error {
	switch l.last {
	case trained:
		return l.apply(kernel.Scale, dst, src, l.mask, &g, true)
	case evaluated:
		if err := check(of(dst), of(src), &g); err != nil {
			return err
		}
		return l.evaluate(kernel.Scale, l.rate, dst, src, &g)
	}
	return errBackward
}

// BackwardAddTo adds to dst what [Layer.Backward] would write, for tapes that
// accumulate gradients; padding stays as it is, in training with [mask.Multiply] but
// for the sum with a product with 0. Its errors are those of Backward.
func (l *Layer[T]) BackwardAddTo(dst, src []T, g layout.Geometry) error {
	switch l.last {
	case trained:
		return l.apply(kernel.Add, dst, src, l.mask, &g, true)
	case evaluated:
		if err := check(of(dst), of(src), &g); err != nil {
			return err
		}
		return l.evaluate(kernel.Add, l.rate, dst, src, &g)
	}
	return errBackward
}

// apply does op with a mask.
func (l *Layer[T]) apply(op kernel.Op, dst, src []T, m *mask.Mask, g *layout.Geometry, gradient bool) error {
	return apply(op, l.elements, of(dst), of(src), m, g, gradient, []Workers{l.workers})
}

var errBackward = errors.New("spatialdropout: Backward without a Forward before")
