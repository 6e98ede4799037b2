package spatialdropout

import (
	"sync"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Pass is one use of a [Dropout] on a tensor: a step in training, or an evaluation. It is
// a small value that knows its own backward pass: a tape may hold many of them, of the
// same Dropout, and use them in any order and more than once. It holds no mask, but draws
// the one of its step again. (Only the pass of a [mask.Source], which cannot be drawn
// again, holds its mask. If the tensor has no elements nothing has been drawn for it, and it
// has none.)
//
// The zero Pass is of no Dropout and refuses every tensor.
type Pass struct {
	drop              *Dropout
	place             mask.Place
	samples, channels int
	evaluation        bool
	sum               bool       // with a residual, by the fused call that returned the pass
	mask              *mask.Mask // what the place has drawn, if it was kept
}

// Place returns where in the random stream the pass is. With [Dropout.At] it makes the
// pass again, in another process, too.
func (p Pass) Place() mask.Place { return p.place }

// Mask draws the mask of the pass. In evaluation all channels are kept.
func (p Pass) Mask() (*mask.Mask, error) {
	if p.mask != nil {
		return p.mask, nil
	}
	if p.drop == nil {
		return nil, misfit(0, 0, &layout.Geometry{})
	}
	m := new(mask.Mask)
	if err := p.draw(m); err != nil {
		return nil, err
	}
	return m, nil
}

// Forward writes src with the dropout of this pass to dst, as the forward pass that
// returned it did: for activations that are computed again. The errors are those of
// [Dropout.Forward].
func (p Pass) Forward(dst, src Tensor) error {
	return p.apply(kernel.Scale, dst.Data, src.Data, &dst.Geometry, &src.Geometry, false)
}

// Backward writes the gradient with respect to the input to dst. src is the gradient with
// respect to the output. dst may be src. Both may lie otherwise in memory than the tensors
// of the forward pass did. The errors are those of [ApplyTensor]. On an error dst is
// untouched.
//
// Backward is the gradient of dropout alone. That of a fused call is [Pass.FuseBackward].
func (p Pass) Backward(dst, src Tensor) error {
	return p.apply(kernel.Scale, dst.Data, src.Data, &dst.Geometry, &src.Geometry, true)
}

// AddTo adds what [Pass.Backward] would write to dst, for tapes that accumulate gradients.
// Product and sum are rounded separately. The padding of dst stays as it is, except that in
// training with [mask.Multiply], or with Gaussian noise, the product of the padding of src
// with 0 is added if both tensors lie alike.
func (p Pass) AddTo(dst, src Tensor) error {
	return p.apply(kernel.Add, dst.Data, src.Data, &dst.Geometry, &src.Geometry, true)
}

// apply does what the pass makes of Scale or Add.
func (p *Pass) apply(op kernel.Op, dst, src kernel.Vector, g, srcGeom *layout.Geometry, gradient bool) error {
	if p.drop == nil || g.Samples() != p.samples || g.Channels() != p.channels {
		return misfit(p.samples, p.channels, g)
	}
	if p.mask != nil {
		return apply(op, dst, src, g, srcGeom, p.mask, gradient, p.drop.workers)
	}
	if g != srcGeom && loop.Alike(g, srcGeom) {
		srcGeom = g // the same for what is called, but found at once
	}
	if p.evaluation || p.drop.gen.once || g != srcGeom || !fills(dst, g) || !fills(src, g) || dst.Kind() != src.Kind() {
		if done, err := p.prepare(op, dst, src, g, srcGeom); done || err != nil {
			return err
		}
	}
	m := masks.Get().(*mask.Mask)
	err := p.draw(m)
	if err == nil {
		err = apply(op, dst, src, g, srcGeom, m, gradient, p.drop.workers)
	}
	masks.Put(m)
	return err
}

// prepare checks the tensors of a call before a mask is drawn for one that may not exist. It returns true if all is
// done without a mask.
func (p *Pass) prepare(op kernel.Op, dst, src kernel.Vector, g, srcGeom *layout.Geometry) (bool, error) {
	joined, err := pair(dst, src, g, srcGeom)
	if err != nil {
		return false, err
	}
	if g.Len() == 0 {
		release(joined)
		return true, nil
	}
	if _, scaled := p.drop.arithmetic.Evaluation(); p.evaluation && !scaled && op == kernel.Scale && !padded(joined) {
		// The identity.
		return true, run(kernel.Copy, dst, src, kernel.Vector{}, kernel.Vector{}, g, nestOf(joined), p.drop.workers)
	}
	if p.drop.gen.once {
		// A refused call must not take numbers that cannot be drawn again.
		err = apart(dst, src, g, joined)
	}
	release(joined)
	return false, err
}

// draw makes m the mask of the pass.
func (p *Pass) draw(m *mask.Mask) error {
	d := p.drop
	if !p.evaluation {
		return d.draw(m, p.samples, p.channels, &p.place)
	}
	a, scaled := d.arithmetic.Evaluation()
	if !scaled {
		return m.Reset(p.samples, p.channels, 0, mask.Arithmetic{})
	}
	// Nothing is dropped but padding, and all at rate 1.
	return m.Reset(p.samples, p.channels, d.rateAt(p.place.Step), a)
}

// masks holds masks that are drawn for a call.
var masks = sync.Pool{New: func() any { return new(mask.Mask) }}
