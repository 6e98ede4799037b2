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
// between training and evaluation. Data are flat slices; package layout says how
// a tensor lies in them.
//
// The mask is a pure function of seed, step and the index n·C+c: the same for
// every layout, type, CPU, number of workers and split of the batch. The
// arithmetic is done by package kernel.
package spatialdropout

import (
	"fmt"
	"sync/atomic"

	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Dropout draws masks at one rate: the n-th Draw is step n of its random
// stream. It is safe for many goroutines at once, each Draw is a step of its
// own.
type Dropout struct {
	stream mask.Philox
	rate   float64
	policy mask.Policy
	offset uint64
	step   atomic.Uint64
}

// Option sets what [New] and [NewLayer] leave at its default.
type Option func(*config) error

type config struct {
	seed, step, offset uint64
	policy             mask.Policy
	workers            Workers
}

// WithSeed sets the seed of the random stream, 0 by default. The same seed, step
// and channel give the same trial everywhere, also in two layers of one network:
// give each a seed of its own, or they drop the same channels.
func WithSeed(seed uint64) Option {
	return func(c *config) error { c.seed = seed; return nil }
}

// WithStep sets the step of the first Draw, 0 by default, so that a resumed run
// continues where it stopped: see [Dropout.Step].
func WithStep(step uint64) Option {
	return func(c *config) error { c.step = step; return nil }
}

// WithSampleOffset says that the samples drawn for are samples offset, offset+1,
// … of a larger batch. Shards of a batch that agree on seed and step draw their
// own rows of one mask. Where the offset changes from step to step, or a step is
// to be drawn again, draw with [mask.Philox] itself: its Draw takes both.
func WithSampleOffset(offset int) Option {
	return func(c *config) error {
		if offset < 0 {
			return fmt.Errorf("spatialdropout: sample offset %d, want 0 or more", offset)
		}
		c.offset = uint64(offset)
		return nil
	}
}

// WithPolicy sets what becomes of the elements of a dropped channel:
// [mask.Select] by default, [mask.Multiply] to equal PyTorch in NaNs and the
// signs of zeros.
func WithPolicy(p mask.Policy) Option {
	return func(c *config) error {
		if p > mask.Multiply {
			return fmt.Errorf("spatialdropout: %v, want mask.Select or mask.Multiply", p)
		}
		c.policy = p
		return nil
	}
}

// WithWorkers sets how many goroutines a [Layer] may use, see [Workers]. It
// means nothing to [New], since Apply and AddTo take the number themselves.
func WithWorkers(workers Workers) Option {
	return func(c *config) error {
		if workers < 0 {
			return fmt.Errorf("spatialdropout: %d workers, want 0 or more", workers)
		}
		c.workers = workers
		return nil
	}
}

func configOf(opts []Option) (config, error) {
	var c config
	for _, o := range opts {
		if err := o(&c); err != nil {
			return config{}, err
		}
	}
	return c, nil
}

// New returns a Dropout that drops channels with probability rate. It returns an
// error unless rate is a number from 0 to 1, or if an option's value is wrong.
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
	d := &Dropout{stream: mask.Philox{Seed: c.seed}, rate: rate, policy: c.policy, offset: c.offset}
	d.step.Store(c.step)
	return d, nil
}

// Rate returns the probability with which a channel is dropped.
func (d *Dropout) Rate() float64 { return d.rate }

// Seed returns the seed of the random stream.
func (d *Dropout) Seed() uint64 { return d.stream.Seed }

// Step returns the step of the next Draw. With [WithStep] another Dropout
// continues from here.
func (d *Dropout) Step() uint64 { return d.step.Load() }

// Draw decides over every channel of every sample of g and returns the outcome.
// The next Draw is the next step of the stream. At rate 0 everything is kept and
// at rate 1 nothing.
func (d *Dropout) Draw(g layout.Geometry) *mask.Mask {
	m := new(mask.Mask)
	d.DrawInto(m, g)
	return m
}

// DrawInto is Draw into the memory of m, whatever it held before: it does not
// allocate once m has been large enough.
func (d *Dropout) DrawInto(m *mask.Mask, g layout.Geometry) {
	d.drawAt(m, g, d.step.Add(1)-1)
}

func (d *Dropout) drawAt(m *mask.Mask, g layout.Geometry, step uint64) {
	// A geometry counts its channels in an int and New has checked the rest.
	if err := m.Reset(g.Samples(), g.Channels(), d.rate, d.policy); err != nil {
		panic(err)
	}
	d.stream.Draw(m, step, d.offset)
}
