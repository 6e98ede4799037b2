package spatialdropout

import (
	"fmt"
	"math/rand/v2"

	"github.com/spatialdropout/spatialdropout/internal/missing"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Option sets what [New] and [NewLayer] leave at its default.
type Option func(*config) error

// config is what options have set.
type config struct {
	seed       *uint64
	stream     mask.Stream
	gen        *Generator
	arithmetic *mask.Arithmetic
	sharing    mask.Sharing
	shard      mask.Shard
	schedule   Schedule
	always     bool
	workers    int
}

func (c *config) take(opts []Option) error {
	for i, o := range opts {
		if o == nil {
			return &ArgumentError{"opts", fmt.Sprintf("option %d is nil", i), "one that a function of this package returns"}
		}
		if err := o(c); err != nil {
			return err
		}
	}
	return nil
}

// WithSeed sets the seed of the random stream, which is [mask.Philox] then. By default the
// seed is random: no two Dropouts share it, no run repeats the one before, and
// [Dropout.State] says which one it is. The same seed, step and channel give the same trial
// everywhere, also in two layers of one network: [mask.Child] makes a seed for each layer.
func WithSeed(seed uint64) Option {
	return func(c *config) error { c.seed = &seed; return nil }
}

// WithStream sets the random stream, and with it the arithmetic of the framework that it
// reproduces, unless [WithArithmetic] sets another.
//
// A function that returns a stream and an error goes in as it is:
// WithStream(mask.JAX(key)). [New] returns the error then.
func WithStream(s mask.Stream, errs ...error) Option {
	return func(c *config) error {
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		if missing.In(s) {
			return &ArgumentError{"WithStream", "WithStream: no stream", "one of package mask"}
		}
		c.stream = s
		return nil
	}
}

// WithGenerator makes the draws those of a generator that others use, too. Each draw goes
// on where the one before it ended, as in all layers of a PyTorch program.
func WithGenerator(g *Generator) Option {
	return func(c *config) error {
		if g.zero() != nil {
			return &ArgumentError{"WithGenerator", "WithGenerator: no generator", "one of NewGenerator"}
		}
		c.gen = g
		return nil
	}
}

// WithArithmetic sets what becomes of dropped elements and how kept ones are scaled: in
// training, in evaluation, or never, by a factor that is rounded in one way or another, or
// as alpha dropout and Gaussian noise do. See [mask.Policy] and [mask.Rule]. The default is
// what goes with the stream: [mask.Select] and [mask.Reciprocal] with [mask.Philox].
func WithArithmetic(a mask.Arithmetic) Option {
	return func(c *config) error { c.arithmetic = &a; return nil }
}

// WithSharing sets which channels share a trial. The default is [mask.Each].
func WithSharing(s mask.Sharing) Option {
	return func(c *config) error { c.sharing = s; return nil }
}

// WithShard sets which part of a larger tensor the draws are for. Shards that agree on
// seed and step draw their own part of one mask. Where the part changes from step to step,
// change it in [Pass.Place] and use [Dropout.At].
func WithShard(s mask.Shard) Option {
	return func(c *config) error {
		if s.Samples > 0 && s.SampleOffset >= s.Samples || s.Channels > 0 && s.ChannelOffset >= s.Channels {
			return &ArgumentError{"WithShard", fmt.Sprintf("WithShard: %+v", s), "offsets within the batch and within the channels"}
		}
		c.shard = s
		return nil
	}
}

// Schedule gives the rate of a step, from the rate that [New] was given. It must be a pure
// function, so that a step can be drawn again, and it must not use the [Dropout] that it is
// for. A method that returns something else than a number from 0 to 1 makes the draw return
// an error.
type Schedule interface {
	Rate(rate float64, step uint64) float64
}

// Ramp is the [Schedule] of a rate that grows from 0 at step 0 in equal parts to its full
// value at step Ramp, and stays there: ScheduledDropPath (Zoph et al. 2018).
type Ramp uint64

// Rate returns the rate of a step.
func (r Ramp) Rate(rate float64, step uint64) float64 {
	if step >= uint64(r) {
		return rate
	}
	return rate * (float64(step) / float64(r))
}

// WithSchedule makes the rate depend on the step. The step is that of the generator: where
// several Dropouts share one, the draws of all count.
func WithSchedule(s Schedule) Option {
	return func(c *config) error {
		if missing.In(s) {
			return &ArgumentError{"WithSchedule", "WithSchedule: no schedule", "one such as Ramp(1000)"}
		}
		c.schedule = s
		return nil
	}
}

// WithAlways makes evaluation drop as training does, for Monte-Carlo dropout (Gal and
// Ghahramani 2016): several passes over the same input show how uncertain the network is.
func WithAlways() Option {
	return func(c *config) error { c.always = true; return nil }
}

// WithWorkers sets the greatest number of goroutines that share a call, the calling one
// among them. The default 0 stands for GOMAXPROCS, which is never exceeded.
func WithWorkers(workers int) Option {
	return func(c *config) error {
		if workers < 0 {
			return &ArgumentError{"WithWorkers", fmt.Sprintf("WithWorkers: %d workers", workers), "0 or more"}
		}
		c.workers = workers
		return nil
	}
}

// generator returns the generator that the options ask for.
func (c *config) generator() (*Generator, error) {
	switch {
	case c.gen != nil && (c.seed != nil || c.stream != nil):
		return nil, &ArgumentError{"WithGenerator", "WithGenerator: WithSeed or WithStream as well", "the generator to bring its stream"}
	case c.seed != nil && c.stream != nil:
		return nil, &ArgumentError{"WithSeed", "WithSeed: WithStream as well", "one of them: a stream brings its own seed"}
	case c.gen != nil:
		return c.gen, nil
	case c.stream != nil:
		return NewGenerator(c.stream), nil
	case c.seed != nil:
		return NewGenerator(mask.Philox(*c.seed)), nil
	}
	return NewGenerator(mask.Philox(rand.Uint64())), nil
}
