package spago

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// constructors make streams of every name, a new one with each call. That of a rand.Source has
// no name that a text could have.
func constructors(t *testing.T) map[string][]func() (mask.Stream, error) {
	t.Helper()
	stream := func(s mask.Stream) (mask.Stream, error) { return s, nil }
	key := mask.KeyOf(42, false)
	state := must(mask.PyTorchState(mask.PyTorch(9), mask.Place{Cursor: 100}))(t)
	return map[string][]func() (mask.Stream, error){
		"philox": {func() (mask.Stream, error) { return stream(mask.Philox(3)) }},
		"pytorch": {
			func() (mask.Stream, error) { return stream(mask.PyTorch(3)) },
			func() (mask.Stream, error) { return mask.PyTorchFrom(state, false) },
		},
		"pytorch-mkl": {
			func() (mask.Stream, error) { return stream(mask.PyTorchMKL(3)) },
			func() (mask.Stream, error) { return mask.PyTorchFrom(state, true) },
		},
		"keras-torch": {func() (mask.Stream, error) { return stream(mask.KerasTorch(3)) }},
		"tensorflow": {
			func() (mask.Stream, error) { return mask.TensorFlow([2]int64{3, 4}, mask.Float32) },
			func() (mask.Stream, error) { return mask.TensorFlow([2]int64{3, 4}, mask.Float64, mask.XLA) },
		},
		"keras-tensorflow": {func() (mask.Stream, error) { return mask.KerasTensorFlow(3, mask.Float32) }},
		"jax": {
			func() (mask.Stream, error) { return mask.JAX(key) },
			func() (mask.Stream, error) { return mask.JAX(key, mask.Fold, mask.X64, mask.Original) },
		},
		"flax-linen": {func() (mask.Stream, error) { return mask.Linen(key, "Block_0.Dropout_0", 1) }},
		"flax-nnx":   {func() (mask.Stream, error) { return mask.NNX(key, 2) }},
		"keras-jax":  {func() (mask.Stream, error) { return mask.KerasJAX(3) }},
		"onednn":     {func() (mask.Stream, error) { return stream(mask.OneDNN(3)) }},
		"source":     {func() (mask.Stream, error) { return stream(mask.Source(rand.NewPCG(1, 2))) }},
	}
}

func TestConstructorsOfEveryStreamAreListed(t *testing.T) {
	listed := []string{}
	for name, all := range constructors(t) {
		listed = append(listed, name)
		for _, make := range all {
			if text := must(make())(t).String(); !strings.HasPrefix(text, name+":") {
				t.Errorf("the stream %s is listed under %s", text, name)
			}
		}
	}
	want := append(mask.StreamNames(), "source")
	slices.Sort(listed)
	slices.Sort(want)
	if !slices.Equal(listed, want) {
		t.Errorf("the tests have the streams %q, want those of package mask: %q", listed, want)
	}
}

// Every stream gives the masks and the arithmetic of the core.
func TestStreams(t *testing.T) {
	for name, all := range constructors(t) {
		for i, stream := range all {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				checkOptions(t, 0.3, func() []spatialdropout.Option {
					return []spatialdropout.Option{spatialdropout.WithStream(must(stream())(t))}
				})
			})
		}
	}
}

// Every policy with every rule is that of the core, or refused as by the core.
func TestArithmetic(t *testing.T) {
	taken := 0
	for rule := mask.Rule(0); known(rule); rule++ {
		for policy := mask.Policy(0); known(policy); policy++ {
			option := spatialdropout.WithArithmetic(mask.Arithmetic{Policy: policy, Rule: rule})
			if _, refused := spatialdropout.New(0.3, option); refused != nil {
				_, err := New(0.3, option)
				var typed *mask.ArgumentError
				if !errors.As(err, &typed) || err.Error() != refused.Error() {
					t.Errorf("%v, %v: error %v, want that of the core: %v", policy, rule, err, refused)
				}
				continue
			}
			taken++
			t.Run(fmt.Sprint(policy, rule), func(t *testing.T) {
				for _, rate := range []float64{0, 0.3, 1} {
					checkOptions(t, rate, func() []spatialdropout.Option {
						return []spatialdropout.Option{option, spatialdropout.WithSeed(12)}
					})
				}
			})
		}
	}
	if taken < 10 {
		t.Errorf("%d combinations of rules and policies, want those of the core", taken)
	}
}

// known reports whether a policy, rule or sharing exists.
func known(v interface{ MarshalText() ([]byte, error) }) bool {
	_, err := v.MarshalText()
	return err == nil
}

// rising is a schedule that is no Ramp.
type rising struct{}

func (rising) Rate(rate float64, step uint64) float64 { return rate * float64(step%3) / 2 }

func TestOptions(t *testing.T) {
	all := map[string]func() spatialdropout.Option{}
	add := func(name string, o spatialdropout.Option) {
		all[name] = func() spatialdropout.Option { return o }
	}
	add("WithSeed", spatialdropout.WithSeed(14))
	add("WithAlways", spatialdropout.WithAlways())
	add("Ramp", spatialdropout.WithSchedule(spatialdropout.Ramp(3)))
	add("WithSchedule", spatialdropout.WithSchedule(rising{}))
	add("samples", spatialdropout.WithShard(mask.Shard{SampleOffset: 5, Samples: 10}))
	add("channels", spatialdropout.WithShard(mask.Shard{ChannelOffset: 2, Channels: 9}))
	add("one worker", spatialdropout.WithWorkers(1))
	add("two workers", spatialdropout.WithWorkers(2))
	for sharing := mask.Sharing(0); known(sharing); sharing++ {
		add(sharing.String(), spatialdropout.WithSharing(sharing))
	}
	for name, option := range all {
		t.Run(name, func(t *testing.T) {
			checkOptions(t, 0.4, func() []spatialdropout.Option {
				return []spatialdropout.Option{spatialdropout.WithSeed(13), option()}
			})
		})
	}
	t.Run("WithGenerator", func(t *testing.T) {
		checkOptions(t, 0.4, func() []spatialdropout.Option {
			return []spatialdropout.Option{spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.PyTorch(8)))}
		})
	})
	t.Run("WithAlways of a Source", func(t *testing.T) {
		checkOptions(t, 0.4, func() []spatialdropout.Option {
			return []spatialdropout.Option{spatialdropout.WithAlways(), spatialdropout.WithStream(mask.Source(rand.NewPCG(3, 4)))}
		})
	})
}

// Models that share a generator take turns in the order of their calls, as the core's do.
func TestModelsShareAGenerator(t *testing.T) {
	g, h := spatialdropout.NewGenerator(mask.PyTorch(8)), spatialdropout.NewGenerator(mask.PyTorch(8))
	x := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	geometry := geometryOf(t, 1, 8, 1, 1)
	models, cores := make([]*Model, 2), make([]core[float32], 2)
	for i := range models {
		models[i] = must(New(0.5, spatialdropout.WithGenerator(g)))(t)
		cores[i] = core[float32]{must(spatialdropout.New(0.5, spatialdropout.WithGenerator(h)))(t), geometry}
	}
	for step := range 6 {
		want, _ := cores[step%2].forward(t, x, false)
		if err := differ(joined[float32](models[step%2].Forward(matrices(x, 8, 1)...)), want); err != nil {
			t.Errorf("step %d: %v", step, err)
		}
	}
}
