package spatialdropout

import (
	"errors"
	"fmt"

	"github.com/spatialdropout/spatialdropout/mask"
)

// Option sets what [New] and [NewLayer] leave at its default.
type Option func(*config) error

type config struct {
	seed            *uint64
	step            *uint64
	stream          mask.Stream
	gen             *Generator
	state           *State
	offset, batch   uint64
	policy          *mask.Policy
	rule            *mask.Rule
	scaling         Scaling
	alpha, gaussian bool
	sharing         mask.Sharing
	schedule        Schedule
	workers         Workers
	always          bool
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

// WithSeed sets the seed of the random stream, which is then [mask.Philox]; 0 by
// default. The same seed, step and channel give the same trial everywhere, also in two
// layers of one network: give each a seed of its own, or they drop the same channels.
func WithSeed(seed uint64) Option {
	return func(c *config) error { c.seed = &seed; return nil }
}

// WithStream sets the random stream, and with it the arithmetic of the framework that
// it reproduces, unless [WithPolicy] or [WithRule] want another.
func WithStream(s mask.Stream) Option {
	return func(c *config) error {
		if s == nil {
			return errors.New("spatialdropout: no stream, want one of package mask")
		}
		c.stream = s
		return nil
	}
}

// WithGenerator makes the draws those of a generator that others use, too, each going
// on where the one before ended, as all layers of a PyTorch program do.
func WithGenerator(g *Generator) Option {
	return func(c *config) error {
		if g == nil {
			return errors.New("spatialdropout: no generator, want one of NewGenerator")
		}
		c.gen = g
		return nil
	}
}

// WithStep sets the step of the first Draw, 0 by default. Of a stream that is one long
// sequence, [mask.PyTorch] or a [mask.Source], it does not say where in it that step is:
// there any step but 0 is an error, and [WithState] restores one.
func WithStep(step uint64) Option {
	return func(c *config) error { c.step = &step; return nil }
}

// WithState makes the first Draw what the next one would have been where the state was
// taken. The stream is that of the state; with [WithStream] it must be the same.
func WithState(s State) Option {
	return func(c *config) error { c.state = &s; return nil }
}

// WithSampleOffset says that the samples drawn for are samples offset, offset+1,
// … of a larger batch. Shards of a batch that agree on seed and step draw their
// own rows of one mask. Where the offset changes from step to step, change it in the
// place that [Dropout.Advance] returns.
func WithSampleOffset(offset int) Option {
	return func(c *config) error {
		if offset < 0 {
			return fmt.Errorf("spatialdropout: sample offset %d, want 0 or more", offset)
		}
		c.offset = uint64(offset)
		return nil
	}
}

// WithBatch says how many samples the whole batch has of which those drawn for are a
// part; by default it ends with them. Streams that depend on it need it in all shards
// but the last, see [mask.Place].
func WithBatch(samples int) Option {
	return func(c *config) error {
		if samples < 1 {
			return fmt.Errorf("spatialdropout: batch of %d samples, want 1 or more", samples)
		}
		c.batch = uint64(samples)
		return nil
	}
}

// WithPolicy sets what becomes of the elements of a dropped channel. By default it is
// what goes with the stream, [mask.Select] with Philox.
func WithPolicy(p mask.Policy) Option {
	return func(c *config) error {
		if p > mask.Multiply {
			return fmt.Errorf("spatialdropout: %v, want mask.Select or mask.Multiply", p)
		}
		c.policy = &p
		return nil
	}
}

// WithRule sets how the factor of a kept element is rounded, or that elements are
// divided: [mask.Reciprocal], [mask.WideReciprocal], [mask.RoundedReciprocal],
// [mask.Quotient] or [mask.CompiledQuotient]. By default it is what goes with the stream,
// Reciprocal with Philox. Quotients go with [mask.Select] only.
func WithRule(r mask.Rule) Option {
	return func(c *config) error {
		if r > mask.CompiledQuotient {
			return fmt.Errorf("spatialdropout: %v, want mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient or mask.CompiledQuotient", r)
		}
		c.rule = &r
		return nil
	}
}

// Scaling says where elements are scaled so that the expected value of an element is
// the same in training and in evaluation.
type Scaling uint8

const (
	// Inverted scales kept elements by 1/(1−rate) in training; evaluation is the
	// identity.
	Inverted Scaling = iota
	// AtInference leaves kept elements as they are in training and scales all by
	// 1−rate in evaluation, as the first papers did. Of that only a [Layer] knows. It
	// does not go with [mask.FixedCount].
	AtInference
	// Unscaled never scales.
	Unscaled
)

// String returns the scaling's name.
func (s Scaling) String() string {
	if s <= Unscaled {
		return [...]string{"Inverted", "AtInference", "Unscaled"}[s]
	}
	return fmt.Sprintf("Scaling(%d)", uint8(s))
}

// WithScaling sets where elements are scaled, [Inverted] by default.
func WithScaling(s Scaling) Option {
	return func(c *config) error {
		if s > Unscaled {
			return fmt.Errorf("spatialdropout: %v, want Inverted, AtInference or Unscaled", s)
		}
		c.scaling = s
		return nil
	}
}

// WithAlpha makes it feature alpha dropout, see [mask.Alpha], for networks of SELUs:
// with the stream [mask.PyTorch] what torch.nn.FeatureAlphaDropout computes, bit for
// bit. Without a stream of PyTorch's [mask.Select] is the policy: then a dropped
// element does not depend on what it was.
func WithAlpha() Option {
	return func(c *config) error { c.alpha = true; return nil }
}

// WithGaussian makes it multiplicative Gaussian noise: every channel of every sample is
// multiplied by a normal number of mean 1 and variance rate/(1−rate), see
// [mask.Gaussian]. The stream must be [mask.Philox]. A rate of 1 gives zeros. Padding
// channels are multiplied by 0.
func WithGaussian() Option {
	return func(c *config) error { c.gaussian = true; return nil }
}

// WithSharing sets which channels share a trial, [mask.Each] on its own by default.
func WithSharing(s mask.Sharing) Option {
	return func(c *config) error {
		if s > mask.FixedCount {
			return fmt.Errorf("spatialdropout: %v, want mask.Each, mask.PerChannel, mask.PerSample or mask.FixedCount", s)
		}
		c.sharing = s
		return nil
	}
}

// Schedule gives the rate of a step, from the rate that [New] was given. It must be a
// pure function, so that a step can be drawn again, and it must not use the [Dropout]
// that it is for.
type Schedule func(rate float64, step uint64) float64

// Ramp is the schedule of a rate that grows from 0 at step 0 in equal parts to its
// full value at the given step, and stays there: of ScheduledDropPath (Zoph et al.
// 2018).
func Ramp(steps uint64) Schedule {
	return func(rate float64, step uint64) float64 {
		if step >= steps {
			return rate
		}
		return rate * (float64(step) / float64(steps))
	}
}

// WithSchedule makes the rate depend on the step. The step is that of the generator:
// where several share one, the draws of all count.
func WithSchedule(s Schedule) Option {
	return func(c *config) error {
		if s == nil {
			return errors.New("spatialdropout: no schedule, want a function of rate and step")
		}
		c.schedule = s
		return nil
	}
}

// WithAlways makes a [Layer] drop in evaluation as in training, for Monte-Carlo
// dropout (Gal and Ghahramani 2016): several passes over the same input show how
// uncertain the network is. It means nothing to [New].
func WithAlways() Option {
	return func(c *config) error { c.always = true; return nil }
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

// generator returns the generator that the options ask for.
func (c *config) generator() (*Generator, error) {
	if c.gen != nil {
		if c.seed != nil || c.step != nil || c.stream != nil || c.state != nil {
			return nil, errors.New("spatialdropout: WithGenerator and WithSeed, WithStream, WithStep or WithState, want the generator to bring its own")
		}
		return c.gen, nil
	}
	if c.batch > 0 && c.offset >= c.batch {
		return nil, fmt.Errorf("spatialdropout: WithSampleOffset(%d) and WithBatch(%d), want an offset within the batch", c.offset, c.batch)
	}
	if c.step != nil && c.state != nil {
		return nil, errors.New("spatialdropout: WithStep and WithState, want one of them")
	}
	stream := c.stream
	switch {
	case c.seed != nil && stream != nil:
		return nil, errors.New("spatialdropout: WithSeed and WithStream, want one of them: a stream brings its own seed")
	case c.seed != nil:
		stream = mask.Philox{Seed: *c.seed}
	case stream == nil && c.state != nil:
		var err error
		if stream, err = mask.ParseStream(c.state.Stream); err != nil {
			return nil, err
		}
	case stream == nil:
		stream = mask.Philox{}
	}
	g := NewGenerator(stream)
	if c.step != nil {
		switch stream.(type) {
		case *mask.PyTorch, *mask.Source:
			if *c.step > 0 {
				return nil, fmt.Errorf("spatialdropout: WithStep(%d) with the stream %v, want WithState: where the step begins depends on the draws before", *c.step, stream)
			}
		}
		g.place.Step = *c.step
	}
	if c.state != nil {
		if err := g.Restore(*c.state); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// arithmetic returns what is done with the elements.
func (c *config) arithmetic(s mask.Stream) (mask.Arithmetic, error) {
	a := s.Arithmetic()
	if c.policy != nil {
		a.Policy = *c.policy
	}
	if c.rule != nil {
		a.Rule = *c.rule
	}
	var others []string
	for _, o := range []struct {
		name string
		set  bool
		rule mask.Rule
	}{
		{"WithAlpha", c.alpha, mask.Alpha},
		{"WithGaussian", c.gaussian, mask.Gaussian},
		{fmt.Sprintf("WithScaling(%v)", c.scaling), c.scaling != Inverted, mask.Unscaled},
	} {
		if o.set {
			a.Rule = o.rule
			others = append(others, o.name)
		}
	}
	if c.rule != nil {
		others = append(others, "WithRule")
	}
	if len(others) > 1 {
		return a, fmt.Errorf("spatialdropout: %s and %s, want one of them", others[0], others[1])
	}
	if (a.Rule == mask.Quotient || a.Rule == mask.CompiledQuotient) && a.Policy == mask.Multiply {
		return a, fmt.Errorf("spatialdropout: mask.%v with mask.Multiply, want mask.Select: a dropped element is not divided by 0", a.Rule)
	}
	if _, ok := s.(mask.Philox); !ok && c.gaussian {
		return a, fmt.Errorf("spatialdropout: Gaussian noise from %v, want mask.Philox", s)
	}
	if _, ok := s.(mask.Counter); !ok && c.sharing == mask.FixedCount {
		return a, fmt.Errorf("spatialdropout: a fixed count from %v, want a stream that is a mask.Counter, such as mask.Philox", s)
	}
	// Evaluation knows nothing of counts, which are those of a number of channels.
	if c.gaussian && c.sharing != mask.Each || (c.alpha || c.scaling == AtInference) && c.sharing == mask.FixedCount {
		return a, fmt.Errorf("spatialdropout: %s and WithSharing(%v), want mask.Each", others[0], c.sharing)
	}
	return a, nil
}
