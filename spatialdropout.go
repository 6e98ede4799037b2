// Package spatialdropout drops whole feature maps, the regulariser for
// convolutional networks of Tompson et al., "Efficient object localization using
// convolutional networks" (CVPR 2015).
//
// For a batch of N samples with C channels there are N·C trials. A dropped
// channel is +0 everywhere in its feature map, a kept one is scaled by
// 1/(1−rate), so that the expected value of every element stays the same. In
// evaluation dropout is the identity.
//
// [New] makes a [Dropout], its Draw a mask of one bit a channel, and [Apply] or
// [AddTo] use it, forward and backward. [Layer] wraps the three with a switch
// between training and evaluation. [ApplyAt] needs no mask at all: it draws the same
// one again from the place of its step. Data are flat slices; package layout says how
// a tensor lies in them.
//
// The mask is a pure function of seed, step and the index n·C+c: the same for
// every layout, type, CPU, number of workers and split of the batch. With
// [WithStream] it is the one that PyTorch, TensorFlow, JAX or Keras would draw, and
// the arithmetic is theirs, bit for bit: see package mask. The arithmetic is done by
// package kernel.
package spatialdropout

import (
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Dropout draws masks: the n-th Draw is step n of its random stream. It is safe for
// many goroutines at once, each Draw is a step of its own.
type Dropout struct {
	gen        *Generator
	rate       float64
	schedule   Schedule
	arithmetic mask.Arithmetic
	sharing    mask.Sharing
	expect     bool // evaluation scales
	offset     uint64
	batch      uint64
}

// New returns a Dropout that drops channels with probability rate. It returns an
// error unless rate is a number from 0 to 1, or if an option's value is wrong or
// options contradict each other.
func New(rate float64, opts ...Option) (*Dropout, error) {
	c, err := configOf(opts)
	if err != nil {
		return nil, err
	}
	return newDropout(rate, c)
}

func newDropout(rate float64, c config) (*Dropout, error) {
	if err := mask.CheckRate(rate); err != nil {
		return nil, err
	}
	gen, err := c.generator()
	if err != nil {
		return nil, err
	}
	a, err := c.arithmetic(gen.stream)
	if err != nil {
		return nil, err
	}
	return &Dropout{
		gen: gen, rate: rate, schedule: c.schedule, arithmetic: a, sharing: c.sharing, expect: c.scaling == AtInference,
		offset: c.offset, batch: c.batch,
	}, nil
}

// Rate returns the probability with which a channel is dropped, that of the next
// Draw where there is a [Schedule].
func (d *Dropout) Rate() float64 { return d.rateAt(d.Step()) }

func (d *Dropout) rateAt(step uint64) float64 {
	if d.schedule != nil {
		return d.schedule(d.rate, step)
	}
	return d.rate
}

// Stream returns the random stream.
func (d *Dropout) Stream() mask.Stream { return d.gen.stream }

// Step returns the step of the next Draw.
func (d *Dropout) Step() uint64 { return d.gen.at().Step }

// State returns where the random stream is, see [Generator.State]. With [WithState]
// another Dropout continues from here.
func (d *Dropout) State() State { return d.gen.State() }

// Restore continues from a state, see [Generator.Restore].
func (d *Dropout) Restore(s State) error { return d.gen.Restore(s) }

// Draw decides over every channel of every sample of g and returns the outcome.
// The next Draw is the next step of the stream. At rate 0 everything is kept and
// at rate 1 nothing.
//
// Draw panics where [Dropout.DrawAt] returns an error, and the step is spent. With the
// streams of package mask and a schedule that keeps to numbers from 0 to 1 that is: if the
// geometry has samples beyond those of [WithBatch] and the stream depends on it; if a
// [mask.Source] is beyond the place, because somebody else drew from it or an earlier state
// was restored; or if a [mask.TensorFlow] has no such type.
func (d *Dropout) Draw(g layout.Geometry) *mask.Mask {
	m := new(mask.Mask)
	d.DrawInto(m, g)
	return m
}

// DrawInto is Draw into the memory of m, whatever it held before: it does not
// allocate once m has been large enough.
func (d *Dropout) DrawInto(m *mask.Mask, g layout.Geometry) {
	d.gen.begin()
	defer d.gen.end()
	if err := d.drawAt(m, &g, d.Advance(g)); err != nil {
		panic(err)
	}
}

// Advance takes the next step without drawing it and returns its place: for [ApplyAt]
// and its relatives, which draw when they need to.
func (d *Dropout) Advance(g layout.Geometry) mask.Place {
	at, _ := d.take(&g)
	return at
}

// take returns the place of the next draw, and that of the one after it.
func (d *Dropout) take(g *layout.Geometry) (at, next mask.Place) {
	d.gen.mu.Lock()
	defer d.gen.mu.Unlock()
	at = d.gen.place
	at.Offset, at.Batch = d.offset, d.batch
	part, samples := at, g.Samples()
	if g.Spatial() == 0 && !d.gen.once {
		// Of feature maps without elements PyTorch draws none. A source does, and has
		// given the numbers away.
		part.Offset, part.Batch, samples = 0, 0, 0
	}
	next = mask.After(d.gen.stream, d.sharing, part, samples, g.Channels(), d.rateAt(at.Step))
	next.Offset, next.Batch = 0, 0
	d.gen.place = next
	return at, next
}

// DrawAt decides over every channel of every sample of g as the Draw at this place
// did or will do. It is an error if the place cannot be drawn, see [mask.Stream], or
// if the schedule's rate is not a number from 0 to 1; m is as it was or, where only
// the stream refuses, keeps all then.
func (d *Dropout) DrawAt(m *mask.Mask, g layout.Geometry, at mask.Place) error {
	return d.drawAt(m, &g, at)
}

func (d *Dropout) drawAt(m *mask.Mask, g *layout.Geometry, at mask.Place) error {
	// A geometry counts its channels in an int: only a schedule's rate may be wrong.
	if err := m.Reset(g.Samples(), g.Channels(), d.rateAt(at.Step), d.arithmetic); err != nil {
		return err
	}
	return mask.Draw(m, d.gen.stream, d.sharing, at)
}

// Gradient returns what draws the masks of the gradient at the same places: d itself,
// or, with [WithAlpha], one whose masks are those of [mask.Mask.Gradient]. It shares
// the steps of d.
func (d *Dropout) Gradient() *Dropout {
	if d.arithmetic.Rule != mask.Alpha {
		return d
	}
	g := *d
	g.arithmetic.Rule = mask.AlphaGradient
	return &g
}
