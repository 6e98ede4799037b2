// Package gomlx is spatial dropout for github.com/gomlx/gomlx: whole feature maps are
// dropped, the others are scaled.
//
// [Dropout] is a layer of a model function, used as [github.com/gomlx/gomlx/ml/layers.DropBlock] is:
//
//	func modelFn(scope *model.Scope, x *graph.Node) *graph.Node {
//		x = layers.Convolution(scope.In("conv"), x).Channels(64).KernelSize(3).Done()
//		x = gomlx.Dropout(scope.In("drop"), x).WithRate(0.25).Done()
//		x = layers.Convolution(scope.In("out"), x).Channels(10).KernelSize(1).Done()
//		return graph.ReduceMean(x, 1, 2)
//	}
//
// The graph draws the mask. Its random stream is Philox, bit for bit that of
// [spatialdropout.Dropout] with the same options, and the step is a variable that a
// checkpoint saves. The gradient is gomlx's own. Masks that the graph cannot draw, such as
// those of PyTorch or JAX, go into the graph as an input: [Draw] makes them and
// [Config.WithMasks] applies them.
//
// Outside of a graph [View] gives the core a tensor's own memory, and [Apply] and [AddTo]
// work on it without a copy.
//
// Functions that build graphs panic with the typed errors of this package, as those of
// gomlx do. The Call methods of gomlx return them, where errors.As finds them.
package gomlx

import (
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
)

const (
	// ParamRate is the hyperparameter of the rate, a number from 0 to 1. It is used where
	// [Config.WithRate] is not. The default is 0, which drops nothing.
	ParamRate = "spatial_dropout_rate"
	// ParamSeed is the hyperparameter of a seed that layers have in common, a number from 0 to 2⁶³−1.
	// Each layer takes the child of it that [Seed] returns. Without it a layer has a random
	// seed. Layers that [Config.WithOptions] gives a seed or a stream ignore it.
	ParamSeed = "spatial_dropout_seed"
)

// Config is a dropout that is being configured, see [Dropout].
type Config struct {
	scope    *model.Scope
	x        *graph.Node
	axis     images.ChannelsAxisConfig
	rate     *float64
	opts     []spatialdropout.Option
	restored bool
	drop     *spatialdropout.Dropout // of the masks
	masks    *graph.Node
	fed      bool // whether masks come from elsewhere
}

// Dropout begins the configuration of spatial dropout of x, a tensor of float32, float64,
// float16 or bfloat16 with the axes [batch, spatial…, channels]. [Config.Done] returns the
// result, and x itself in evaluation.
//
// The scope holds the state of the layer: the step in a variable, the options in a
// hyperparameter. Give each layer a scope of its own. A layer that is applied twice in a
// graph, as one with shared weights is, uses one scope, which model.Scope.At returns as often
// as needed: each use is a step of its own.
func Dropout(scope *model.Scope, x *graph.Node) *Config {
	return &Config{scope: scope, x: x, axis: images.ChannelsLast}
}

// ChannelsAxis says where the channels are. The default is [images.ChannelsLast];
// [images.ChannelsFirst] stands for [batch, channels, spatial…]. No check can find the
// wrong one: another axis of the tensor is dropped then.
func (c *Config) ChannelsAxis(config images.ChannelsAxisConfig) *Config {
	c.axis = config
	return c
}

// WithRate sets the probability with which a channel is dropped. The default is the
// hyperparameter [ParamRate].
func (c *Config) WithRate(rate float64) *Config {
	c.rate = &rate
	return c
}

// WithOptions adds options of the core, such as [spatialdropout.WithSeed]. Done refuses
// those that a graph cannot serve with an [*UnsupportedError].
func (c *Config) WithOptions(opts ...spatialdropout.Option) *Config {
	c.opts = append(c.opts, opts...)
	return c
}

// Restored takes rate and options from what the scope's hyperparameters hold, as a
// checkpoint brings them, and not from the code. Done panics with a [*StateError] if they
// hold nothing, or if rate or options are set as well.
func (c *Config) Restored() *Config {
	c.restored = true
	return c
}

// WithMasks applies masks that [Draw] has drawn from drop, an input of the graph, instead
// of drawing in the graph. Rate and options are those of drop, of which Done reads no more
// than them. In evaluation masks may be nil, unless drop was made with
// [spatialdropout.WithAlways].
func (c *Config) WithMasks(drop *spatialdropout.Dropout, masks *graph.Node) *Config {
	c.drop, c.masks, c.fed = drop, masks, true
	return c
}

// Done returns x with dropout. It panics with a typed error if the configuration is wrong:
// those of [spatialdropout.New], an [*UnsupportedError], a [*ShapeError] or a
// [*StateError].
func (c *Config) Done() *graph.Node {
	t, err := c.tensor()
	if err != nil {
		panic(err)
	}
	g := c.x.Graph()
	drop := c.drop
	if c.fed {
		err = c.checkMasks(t)
	} else {
		drop, err = c.layer()
	}
	if err != nil {
		panic(err)
	}
	state := drop.State()
	switch training := c.scope.IsTraining(g); {
	case !training && !state.Always:
		return c.evaluate(state, t)
	case c.fed:
		return t.apply(maskOperands(c.masks, state.Arithmetic, t))
	default:
		return c.train(drop, state, t)
	}
}

// tensor returns where the channels of x lie and what its elements are.
func (c *Config) tensor() (tensor, error) {
	shape := c.x.Shape()
	k, ok := kindOf(shape.DType)
	if !ok {
		return tensor{}, &ShapeError{shape.String(), "float32, float64, float16 or bfloat16"}
	}
	if shape.Rank() < 2 {
		return tensor{}, &ShapeError{shape.String(), "two axes or more, [batch, spatial…, channels] or [batch, channels, spatial…]"}
	}
	for _, dim := range shape.Dimensions {
		if dim < 0 {
			return tensor{}, &ShapeError{shape.String(), "dimensions that are known when the graph is built"}
		}
	}
	if err := checkStrategy(c.x.Graph().DistributedStrategy()); err != nil {
		return tensor{}, err
	}
	if _, err := orderOf(c.axis); err != nil {
		return tensor{}, err
	}
	axis := images.GetChannelsAxis(c.x, c.axis)
	return tensor{x: c.x, kind: k, samples: shape.Dimensions[0], channels: shape.Dimensions[axis], axis: axis}, nil
}

// checkStrategy returns an error if the devices of a strategy build graphs of their own.
func checkStrategy(s distributed.Strategy) error {
	if s == distributed.SPMD {
		return &UnsupportedError{"the strategy SPMD, under which every device would draw the same mask,", "AutoSharding, or one device"}
	}
	return nil
}
