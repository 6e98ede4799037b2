package gomlx

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"reflect"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// stateName is the name of the hyperparameter that holds rate and options.
const stateName = "spatial_dropout_state"

// Seed returns the seed of the layer in a scope, such as "/model/drop", for a seed that all
// layers have in common: [mask.Child] of it at the 64-bit FNV-1a hash of the scope's path.
func Seed(seed uint64, scope string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(scope))
	return mask.Child(seed, h.Sum64())
}

// saved is what the hyperparameter holds, as JSON. A scope also sees the hyperparameters of
// the scopes around it, which the path tells apart.
type saved struct {
	Scope string `json:"scope"`
	spatialdropout.State
}

// layer returns the Dropout that c configures, and saves its state.
func (c *Config) layer() (*spatialdropout.Dropout, error) {
	have, err := c.load()
	if err != nil {
		return nil, err
	}
	drop, err := c.configured(have)
	if err != nil {
		return nil, err
	}
	s := drop.State()
	if err := supported(drop, s); err != nil {
		return nil, err
	}
	if have != nil && have.Stream != s.Stream {
		return nil, &StateError{c.scope.Scope(), "a saved state with the stream " + have.Stream + ", and " + s.Stream + " in the code", "the same stream, or an empty hyperparameter " + stateName + " to take another one"}
	}
	now := saved{c.scope.Scope(), s}
	text, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	g := c.x.Graph()
	used, _ := c.scope.GetGraphParam(g, stateName)
	if used, ok := used.(saved); ok && used.Scope == now.Scope && used != now {
		return nil, &StateError{c.scope.Scope(), "two layers with different options in one scope", "a scope for each, such as scope.In(\"drop\")"}
	}
	c.scope.SetGraphParam(g, stateName, now)
	c.scope.SetParam(stateName, string(text))
	return drop, nil
}

// configured returns the Dropout that c asks for. have is what was saved, or nil.
func (c *Config) configured(have *saved) (*spatialdropout.Dropout, error) {
	path := c.scope.Scope()
	if c.restored {
		if c.rate != nil || c.opts != nil {
			return nil, &StateError{path, "a rate or options beside Restored", "one of them"}
		}
		if have == nil {
			return nil, &StateError{path, "no saved state", "hyperparameters of a checkpoint, or WithRate"}
		}
		return spatialdropout.Restore(have.State)
	}
	rate := model.GetParamOr(c.scope, ParamRate, 0.0)
	if c.rate != nil {
		rate = *c.rate
	}
	given, err := seeded(c.opts)
	if err != nil {
		return nil, err
	}
	opts := c.opts
	if !given {
		var stream mask.Stream = mask.Philox(rand.Uint64())
		common, found, err := c.commonSeed()
		switch {
		case err != nil:
			return nil, err
		case found:
			stream = mask.Philox(Seed(common, path))
		case have != nil:
			if stream, err = mask.ParseStream(have.Stream); err != nil {
				return nil, err
			}
		}
		opts = append(opts[:len(opts):len(opts)], spatialdropout.WithStream(stream))
	}
	return spatialdropout.New(rate, opts...)
}

// commonSeed returns the hyperparameter [ParamSeed], and whether it is set.
func (c *Config) commonSeed() (seed uint64, found bool, err error) {
	value, _ := c.scope.GetParam(ParamSeed)
	if value == nil {
		return 0, false, nil
	}
	common := model.MustGetParam[int64](c.scope, ParamSeed)
	v := reflect.ValueOf(value) // a fraction was cut off, and a large number became any
	if common < 0 || v.CanFloat() && (v.Float() != math.Trunc(v.Float()) || v.Float() >= 1<<63) {
		return 0, false, &StateError{c.scope.Scope(), fmt.Sprintf("the hyperparameter %s is %v", ParamSeed, value), "a whole number from 0 to 2⁶³−1"}
	}
	return uint64(common), true, nil
}

// load returns the state that the scope's hyperparameters hold, or nil.
func (c *Config) load() (*saved, error) {
	text := model.GetParamOr(c.scope, stateName, "")
	if text == "" {
		return nil, nil
	}
	have := new(saved)
	if err := json.Unmarshal([]byte(text), have); err != nil {
		return nil, &StateError{c.scope.Scope(), fmt.Sprintf("the hyperparameter %s holds %.60q (%v)", stateName, text, err), "what this package has saved"}
	}
	if have.Scope != c.scope.Scope() {
		return nil, nil
	}
	return have, nil
}

// seeded reports whether options bring a seed or a stream. It returns an error if they
// bring a generator. The core knows: it refuses a second seed, stream or generator.
func seeded(opts []spatialdropout.Option) (bool, error) {
	for _, probe := range []spatialdropout.Option{spatialdropout.WithSeed(0), spatialdropout.WithStream(mask.Philox(0))} {
		_, err := spatialdropout.New(0, append(opts[:len(opts):len(opts)], probe)...)
		var refused *spatialdropout.ArgumentError
		if !errors.As(err, &refused) {
			continue
		}
		switch refused.Argument {
		case "WithGenerator":
			return false, &UnsupportedError{"a generator that several layers share in a graph", "a scope for each layer, or Draw and WithMasks"}
		case "WithSeed":
			return true, nil
		}
	}
	return false, nil
}
