// Package spatialdropout drops whole feature maps, the regulariser for convolutional
// networks of Tompson et al., "Efficient object localization using convolutional
// networks" (CVPR 2015).
//
// A batch of N samples with C channels takes N·C trials. A dropped channel is +0
// everywhere in its feature map. A kept one is scaled by 1/(1−rate), so that the expected
// value of every element stays the same. In evaluation dropout is the identity.
//
// [New] makes a [Dropout]. Its Forward applies a new mask to a [Tensor] and returns a
// [Pass], which knows the backward pass. A [Layer] wraps both for data of one type, with a
// switch between training and evaluation. [Dropout.Draw] returns the mask alone, and
// [Apply] and [AddTo] use it. [Fuse] applies it in one pass with what lies around dropout: a bias, an
// activation, a residual. [Compaction] packs the channels that it keeps, so that the next convolution leaves
// the others out. Data are flat slices. Package layout describes how a tensor lies in them.
//
// The mask is a pure function of the seed, the step and the index n·C+c: the same for
// every layout, type, CPU, number of goroutines and split of the batch. With [WithStream]
// it is the mask that PyTorch, TensorFlow, JAX or Keras would draw, and the arithmetic is
// theirs, bit for bit: see package mask. Package kernel does the arithmetic.
package spatialdropout

import (
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Dropout is dropout at a rate. Its n-th draw is step n of its random stream. It is safe
// for many goroutines at the same time: each draw is a step of its own. [New] and [Restore]
// make one: the zero Dropout is a [*UseError], which methods without an error panic with.
type Dropout struct {
	gen        *Generator
	rate       float64
	schedule   Schedule
	arithmetic mask.Arithmetic
	sharing    mask.Sharing
	shard      mask.Shard
	always     bool
	workers    int
}

// New returns a Dropout that drops channels with probability rate. It returns a
// [*mask.ArgumentError] unless rate is a number from 0 to 1, and an [*ArgumentError] if the
// value of an option is wrong or options contradict each other.
func New(rate float64, opts ...Option) (*Dropout, error) {
	var c config
	if err := c.take(opts); err != nil {
		return nil, err
	}
	return newDropout(rate, &c)
}

// newDropout returns a Dropout with what the options have set.
func newDropout(rate float64, c *config) (*Dropout, error) {
	gen, err := c.generator()
	if err != nil {
		return nil, err
	}
	a := gen.stream.Arithmetic()
	if c.arithmetic != nil {
		a = *c.arithmetic
	}
	if err := mask.Check(rate, gen.stream, a, c.sharing); err != nil {
		return nil, err
	}
	return &Dropout{
		gen: gen, rate: rate, schedule: c.schedule, arithmetic: a, sharing: c.sharing,
		shard: c.shard, always: c.always, workers: c.workers,
	}, nil
}

// Rate returns the probability with which a channel is dropped, that of the next draw
// where there is a [Schedule].
func (d *Dropout) Rate() float64 {
	d.must()
	return d.rateAt(d.gen.at().Step)
}

// zero returns an error if d is none that a function has made.
func (d *Dropout) zero() error {
	if d == nil || d.gen == nil {
		return &UseError{"no Dropout, or a zero one", "one of New"}
	}
	return nil
}

// must panics if d is none that a function has made.
func (d *Dropout) must() {
	if err := d.zero(); err != nil {
		panic(err)
	}
}

func (d *Dropout) rateAt(step uint64) float64 {
	if d.schedule != nil {
		return d.schedule.Rate(d.rate, step)
	}
	return d.rate
}

// Generator returns the random stream and where it is.
func (d *Dropout) Generator() *Generator {
	d.must()
	return d.gen
}

// Draw decides over every channel of every sample of g and returns the mask. The next Draw
// is the next step of the stream. At rate 0 every channel is kept and at rate 1 none.
//
// Draw returns an error if the stream cannot serve the geometry, see [mask.Draw], or if
// the rate of a [Schedule] is not a number from 0 to 1. No step is spent then, unless
// others have drawn from the same [Generator] meanwhile.
func (d *Dropout) Draw(g layout.Geometry) (*mask.Mask, error) {
	m := new(mask.Mask)
	if err := d.DrawInto(m, g); err != nil {
		return nil, err
	}
	return m, nil
}

// DrawInto is [Dropout.Draw] into the memory of m, whatever m holds. It does not allocate
// once m has been large enough. It returns an [*ArgumentError] if m is nil.
func (d *Dropout) DrawInto(m *mask.Mask, g layout.Geometry) error {
	if err := d.zero(); err != nil {
		return err
	}
	if m == nil {
		return maskError(nil, &g)
	}
	d.gen.begin()
	defer d.gen.end()
	var at mask.Place
	next := d.take(&g, &at)
	err := d.draw(m, g.Samples(), g.Channels(), &at)
	if err != nil {
		d.gen.rewind(&at, next)
	}
	return err
}

// Forward writes src with a new mask to dst, as in training, and returns the pass, which
// knows the gradient. dst may be src. Its errors are those of [ApplyTensor] and
// [Dropout.Draw]. On an error dst is untouched and no step is spent, unless others have
// drawn from the same [Generator] meanwhile.
//
// Forward does not allocate after warm-up, except with a [mask.Source].
func (d *Dropout) Forward(dst, src Tensor) (p Pass, err error) {
	if err := d.zero(); err != nil {
		return Pass{}, err
	}
	if d.gen.once {
		err = d.forwardOnce(&p, dst.Data, src.Data, &dst.Geometry, &src.Geometry, new(mask.Mask))
	} else {
		err = d.forward(&p, dst.Data, src.Data, &dst.Geometry, &src.Geometry, nil)
	}
	return p, err
}

// forwardOnce is forward with a stream of which a place cannot be drawn again.
func (d *Dropout) forwardOnce(p *Pass, dst, src kernel.Vector, g, srcGeom *layout.Geometry, m *mask.Mask) error {
	if g.Len() > 0 {
		// Before anything is drawn.
		joined, err := pair(dst, src, g, srcGeom)
		if err != nil {
			return err
		}
		err = apart(dst, src, g, joined)
		release(joined)
		if err != nil {
			return err
		}
	}
	d.gen.begin()
	defer d.gen.end()
	return d.forward(p, dst, src, g, srcGeom, m)
}

// forward does what Forward does, and sets p, which is the zero Pass. If m is not nil it
// becomes the mask, and the pass keeps it.
//
// Here and in what it calls, all that a common call does not need is in functions of its own: much else runs between
// two calls of a layer, and each line of their code comes from memory then.
func (d *Dropout) forward(p *Pass, dst, src kernel.Vector, g, srcGeom *layout.Geometry, m *mask.Mask) error {
	if g.Len() == 0 {
		m = nil // there is nothing to draw for
	} else if !fills(dst, g) {
		// Before a mask is drawn for a tensor that may not exist.
		if err := check("dst", dst, g); err != nil {
			return err
		}
	}
	next := d.take(g, &p.place)
	p.drop, p.samples, p.channels, p.mask = d, g.Samples(), g.Channels(), m
	var err error
	if m != nil {
		err = d.draw(m, p.samples, p.channels, &p.place)
	}
	if err == nil {
		err = p.apply(kernel.Scale, dst, src, g, srcGeom, false)
	}
	if err != nil {
		d.undo(p, next)
	}
	return err
}

// undo takes a forward pass back that has failed. next is the position after it.
func (d *Dropout) undo(p *Pass, next position) {
	d.gen.rewind(&p.place, next)
	*p = Pass{}
}

// Evaluate writes src to dst as evaluation does, and returns the pass, which knows the
// gradient. That is the identity, or a multiplication by 1−rate with the rule
// [mask.AtInference]. A Dropout made [WithAlways] draws a mask, as Forward does. dst may be
// src. The errors are those of [Dropout.Forward].
func (d *Dropout) Evaluate(dst, src Tensor) (Pass, error) {
	if err := d.zero(); err != nil {
		return Pass{}, err
	}
	if d.always {
		return d.Forward(dst, src)
	}
	var p Pass
	err := d.evaluate(&p, dst.Data, src.Data, &dst.Geometry, &src.Geometry)
	return p, err
}

// EvaluationIsIdentity reports whether [Dropout.Evaluate] returns what it is given, so that a
// framework may hand on the tensor itself: neither [WithAlways] nor the rule [mask.AtInference] is
// set. Padding is left out: in another layout it becomes +0.
func (d *Dropout) EvaluationIsIdentity() bool {
	d.must()
	_, scaled := d.arithmetic.Evaluation()
	return !d.always && !scaled
}

// evaluate does what Evaluate does where nothing is drawn, and sets p, which is the zero Pass.
func (d *Dropout) evaluate(p *Pass, dst, src kernel.Vector, g, srcGeom *layout.Geometry) error {
	*p = Pass{drop: d, place: d.gen.at(), samples: g.Samples(), channels: g.Channels(), evaluation: true}
	err := p.apply(kernel.Scale, dst, src, g, srcGeom, false)
	if err != nil {
		*p = Pass{}
	}
	return err
}

// Next takes the next step without drawing it, and returns its pass for tensors with the
// samples and channels of g: for callers who draw later, or elsewhere.
func (d *Dropout) Next(g layout.Geometry) Pass {
	d.must()
	p := Pass{drop: d, samples: g.Samples(), channels: g.Channels()}
	d.take(&g, &p.place)
	return p
}

// At returns the pass of a place, for tensors with the samples and channels of g: for
// callers who save a place and nothing else. A [mask.Source] draws each place once.
func (d *Dropout) At(place mask.Place, g layout.Geometry) Pass {
	d.must()
	return Pass{drop: d, place: place, samples: g.Samples(), channels: g.Channels()}
}

// take sets at to the place of the next draw, and returns the position after it.
func (d *Dropout) take(g *layout.Geometry, at *mask.Place) position {
	if !d.gen.independent {
		return d.takeAfter(g, at)
	}
	d.gen.mu.Lock()
	next := position{d.gen.place.Step + 1, d.gen.place.Cursor}
	at.Step, at.Cursor, at.Shard = d.gen.place.Step, d.gen.place.Cursor, d.shard
	d.gen.set(next)
	d.gen.mu.Unlock()
	return next
}

// takeAfter is take where the position depends on what is drawn.
func (d *Dropout) takeAfter(g *layout.Geometry, at *mask.Place) position {
	d.gen.mu.Lock()
	defer d.gen.mu.Unlock()
	*at = d.gen.place
	at.Shard = d.shard
	next := d.after(g, at)
	d.gen.set(next)
	return next
}

// after returns the position after the draw of a place.
func (d *Dropout) after(g *layout.Geometry, at *mask.Place) position {
	part, samples := *at, g.Samples()
	if g.Spatial() == 0 && !d.gen.once {
		// Of feature maps without elements PyTorch draws none. A Source does, and has
		// given the numbers away.
		part.Shard, samples = mask.Shard{}, 0
	}
	next := mask.After(d.gen.stream, d.sharing, part, samples, g.Channels(), d.rateAt(at.Step))
	return position{next.Step, next.Cursor}
}

// draw makes m the mask of a place.
func (d *Dropout) draw(m *mask.Mask, samples, channels int, at *mask.Place) error {
	if err := m.Reset(samples, channels, d.rateAt(at.Step), d.arithmetic); err != nil {
		return err
	}
	return mask.Draw(m, d.gen.stream, d.sharing, *at)
}
