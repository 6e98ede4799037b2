package spatialdropout

import (
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Around is what a fused call computes around dropout, in one pass over the memory: a scale and a
// shift for each channel, which are a bias or a folded normalisation, and an activation.
//
// A normalisation γ·(x−μ)/√(σ²+ε) + β with fixed μ and σ is folded into the scale s = γ/√(σ²+ε) and the
// shift β−μ·s. Normalisation by the statistics of the batch cannot be folded.
//
// Every operator is rounded to the type of the data, as in a pass for each of them.
type Around struct {
	// Scale and Shift hold a number for each channel, of the kind of the data. An empty Scale
	// multiplies by nothing, and an empty Shift adds nothing. They lie outside the memory from the first
	// element of dst to the last: otherwise the call returns a [*kernel.OverlapError].
	Scale, Shift kernel.Vector
	// Activation comes after Shift and before dropout. The zero value is none.
	Activation kernel.Activation
}

// Fuse writes r + dropout(activation(scale·x + shift)) to dst, where x is src and r is residual:
// what several passes over a tensor between two layers compute, in one. Its bits are those of the
// passes: of the product with Scale, the sum with Shift, the activation, [Apply], and the sum
// with residual. If residual is nil there is no such sum.
//
// dst may be src, or residual, or both. Otherwise it shares no element with them:
// that is a [*kernel.OverlapError]. A dropped channel is +0, or what residual is, and its elements
// in src need not be read. With [mask.Multiply], and for alpha dropout and Gaussian noise, it is
// what Apply makes of it, and the sum with residual. Padding channels of a blocked layout are
// dropped, also in evaluation. A Scale or Shift of another length or kind, and an activation with a
// number that it cannot have, is an [*ArgumentError]. The other errors are those of Apply. On an error dst is untouched.
//
// Every [mask.Arithmetic] is served. One that multiplies by a factor, and makes dropped
// elements +0, is a single kernel. With [mask.Multiply], with [mask.Quotient], and for alpha dropout and Gaussian
// noise, pieces of 16 KiB go through two kernels one after the other, in the cache.
//
// Fuse shares large work among goroutines and does not allocate after warm-up, as Apply.
// [FuseTensor] serves halves, tensors that lie differently, and another number of goroutines.
// [FuseBackward] is the gradient.
func Fuse[T kernel.Float](dst, src, residual []T, m *mask.Mask, a Around, g layout.Geometry) error {
	c, at := fusion{dst: kernel.Of(dst), src: kernel.Of(src), around: a}, places{dst: &g, src: &g}
	if residual != nil {
		c.aux, at.aux = kernel.Of(residual), &g
	}
	return c.do(&at, m)
}

// FuseTensor is [Fuse] on tensors of any kind. The zero Tensor stands for no residual. dst and src may
// lie differently, as in [ApplyTensor]. residual lies as dst does: otherwise it is an [*ArgumentError].
// workers is that of ApplyTensor.
func FuseTensor(dst, src, residual Tensor, m *mask.Mask, a Around, workers int) error {
	c, at := fusion{dst: dst.Data, src: src.Data, around: a, workers: workers}, places{dst: &dst.Geometry, src: &src.Geometry}
	if !residual.none() {
		c.aux, at.aux = residual.Data, &residual.Geometry
	}
	return c.do(&at, m)
}

// From is what a gradient goes from: the tensor that says on which side of 0, and of its limit, the input of
// the activation of a [Fuse] was. [FromInput] and [FromOutput] make one. Without an activation the zero From will do.
type From struct {
	tensor Tensor
	output bool
}

// FromInput returns the From of what went into [Fuse]: its src, as it was before the call. A call in place
// overwrites it. If that has an activation and a residual nothing has what the gradient needs: keep src.
func FromInput(x Tensor) From { return From{x, false} }

// FromOutput returns the From of what came out of [Fuse]: its dst, of a call without a residual. The sign of
// a sum with one says nothing: [Pass.FuseBackward] refuses it on a pass of [Dropout.Fuse] or
// [Dropout.FuseEvaluation], and [FuseBackward], which cannot know, computes a wrong gradient. FromOutput
// serves where the input is no longer there, as after a call in place. Only the sign is known of
// it: it goes with [kernel.ReLU], also with a [kernel.ClippedReLU] whose limit is infinite, and with a [kernel.LeakyReLU] whose slope is not
// negative, and with a mask that makes dropped elements +0 and does not make others smaller, or infinite. The gradient
// is the same as from the input, to the bit. What it does not go with is an [*ArgumentError].
func FromOutput(y Tensor) From { return From{y, true} }

// FuseBackward writes the gradient of [Fuse] with respect to its src to dst. src is the
// gradient with respect to its dst. (That with respect to residual is src itself.) m and a are
// those of Fuse. With the scale s of a channel other than 0, the gradient of its shift is the sum of dst over the
// channel, divided by s, and that of s is the sum of dst times the src of Fuse, divided by s. Without a scale s is 1.
//
// An activation needs to know on which side its input was. Where
// that is a NaN the gradient passes a ReLU and is scaled by the slope of a leaky one. Where it is 0, or the limit of
// a [kernel.ClippedReLU], the gradient is +0 or scaled by the slope, before the product with Scale.
//
// Its bits are those of separate passes: of Apply with the mask of the gradient, the gate or the slope of the
// activation, and the product with Scale. Except with [mask.Multiply] and Gaussian
// noise a dropped channel is +0 whatever its scale is. dst may be src, or the tensor of from, or both. The errors are those of Fuse.
func FuseBackward[T kernel.Float](dst, src []T, from From, m *mask.Mask, a Around, g layout.Geometry) error {
	c, at := fusion{dst: kernel.Of(dst), src: kernel.Of(src), around: a}, places{dst: &g, src: &g}
	if c.backward = true; a.Activation != (kernel.Activation{}) {
		c.aux, at.aux, c.output = from.tensor.Data, &from.tensor.Geometry, from.output
	}
	return c.do(&at, m)
}

// FuseBackwardTensor is [FuseBackward] on tensors of any kind. dst and src may lie differently. The tensor
// of from lies as dst does: otherwise it is an [*ArgumentError]. workers is that of [ApplyTensor].
func FuseBackwardTensor(dst, src Tensor, from From, m *mask.Mask, a Around, workers int) error {
	c, at := fusion{dst: dst.Data, src: src.Data, around: a, workers: workers}, places{dst: &dst.Geometry, src: &src.Geometry}
	if c.backward = true; a.Activation != (kernel.Activation{}) {
		c.aux, at.aux, c.output = from.tensor.Data, &from.tensor.Geometry, from.output
	}
	return c.do(&at, m)
}

// Fuse writes what [FuseTensor] makes of src and residual with the mask of this pass to dst. In evaluation that keeps
// all channels, see [Pass.Mask]. The errors are those of FuseTensor and [Dropout.Forward].
func (p Pass) Fuse(dst, src, residual Tensor, a Around) error {
	c, at := fusion{dst: dst.Data, src: src.Data, around: a}, places{dst: &dst.Geometry, src: &src.Geometry}
	if !residual.none() {
		c.aux, at.aux = residual.Data, &residual.Geometry
	}
	return p.fuse(&c, &at)
}

// FuseBackward writes the gradient of [Pass.Fuse] with respect to its src to dst, see
// [FuseBackwardTensor]. It returns an [*ArgumentError] for [FromOutput] if the call that returned the pass
// had a residual.
func (p Pass) FuseBackward(dst, src Tensor, from From, a Around) error {
	c, at := fusion{dst: dst.Data, src: src.Data, around: a}, places{dst: &dst.Geometry, src: &src.Geometry}
	if c.backward = true; a.Activation != (kernel.Activation{}) {
		c.aux, at.aux, c.output = from.tensor.Data, &from.tensor.Geometry, from.output
	}
	return p.fuse(&c, &at)
}

// Fuse writes what [FuseTensor] makes of src and residual with a new mask to dst, as in training, and
// returns the pass, which knows the gradient. Its errors are those of FuseTensor and
// [Dropout.Draw]. On an error dst is untouched and no step is spent, unless others have drawn from
// the same [Generator] meanwhile.
func (d *Dropout) Fuse(dst, src, residual Tensor, a Around) (Pass, error) {
	if err := d.zero(); err != nil {
		return Pass{}, err
	}
	c, at := fusion{dst: dst.Data, src: src.Data, around: a, workers: d.workers}, places{dst: &dst.Geometry, src: &src.Geometry}
	if !residual.none() {
		c.aux, at.aux = residual.Data, &residual.Geometry
	}
	c.early = d.gen.once
	// All that can be refused is, before a step is spent that a Source cannot take back.
	joined, err := c.check(&at)
	if err != nil {
		return Pass{}, err
	}
	d.gen.begin()
	defer d.gen.end()
	p := Pass{drop: d, samples: at.dst.Samples(), channels: at.dst.Channels(), sum: at.aux != nil}
	next := d.take(at.dst, &p.place)
	if d.gen.once && at.dst.Len() > 0 {
		p.mask = new(mask.Mask)
		err = d.draw(p.mask, p.samples, p.channels, &p.place)
	}
	if err == nil {
		err = p.run(&c, &at, joined)
	} else {
		release(joined)
	}
	if err != nil {
		d.gen.rewind(&p.place, next)
		return Pass{}, err
	}
	return p, nil
}

// FuseEvaluation writes what [FuseTensor] makes of src and residual in evaluation to dst, and returns the pass, see
// [Dropout.Evaluate]. The errors are those of [Dropout.Fuse].
func (d *Dropout) FuseEvaluation(dst, src, residual Tensor, a Around) (Pass, error) {
	if err := d.zero(); err != nil {
		return Pass{}, err
	}
	if d.always {
		return d.Fuse(dst, src, residual, a)
	}
	p := Pass{drop: d, place: d.gen.at(), samples: dst.Geometry.Samples(), channels: dst.Geometry.Channels(), evaluation: true, sum: !residual.none()}
	if err := p.Fuse(dst, src, residual, a); err != nil {
		return Pass{}, err
	}
	return p, nil
}

// fuse does a fused call with the mask of the pass.
func (p *Pass) fuse(c *fusion, at *places) error {
	if p.drop == nil || at.dst.Samples() != p.samples || at.dst.Channels() != p.channels {
		return misfit(p.samples, p.channels, at.dst)
	}
	if p.sum && c.output && at.dst.Len() > 0 {
		return c.noOutput(" of a call with a residual", "FromInput: the sign of a sum does not say where its input was")
	}
	c.workers = p.drop.workers
	joined, err := c.check(at)
	if err != nil {
		return err
	}
	return p.run(c, at, joined)
}

// run does what fuse does after its checks. The joined nest must not be used afterwards.
func (p *Pass) run(c *fusion, at *places, joined *layout.Nest) error {
	if at.dst.Len() == 0 {
		release(joined)
		return nil
	}
	if p.mask != nil {
		return c.run(at, p.mask, joined)
	}
	m := masks.Get().(*mask.Mask)
	defer masks.Put(m)
	if err := p.draw(m); err != nil {
		release(joined)
		return err
	}
	return c.run(at, m, joined)
}
