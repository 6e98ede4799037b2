package ztensor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/zerfoo/float16"
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

// Every policy with every rule, in training and in evaluation, is that of the core or refused
// as by the core.
func TestArithmetic(t *testing.T) {
	taken := 0
	for rule := mask.Rule(0); known(rule); rule++ {
		for policy := mask.Policy(0); known(policy); policy++ {
			option := spatialdropout.WithArithmetic(mask.Arithmetic{Policy: policy, Rule: rule})
			if _, refused := spatialdropout.New(0.3, option); refused != nil {
				_, err := New[float32](0.3, option)
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

// options returns what New can be asked for besides a stream and an arithmetic, anew with each
// call of its functions, as some options hold a state.
func options() map[string]func() []spatialdropout.Option {
	with := func(o spatialdropout.Option) func() []spatialdropout.Option {
		return func() []spatialdropout.Option { return []spatialdropout.Option{o, spatialdropout.WithSeed(13)} }
	}
	all := map[string]func() []spatialdropout.Option{
		"WithSeed":     func() []spatialdropout.Option { return []spatialdropout.Option{spatialdropout.WithSeed(13)} },
		"WithAlways":   with(spatialdropout.WithAlways()),
		"Ramp":         with(spatialdropout.WithSchedule(spatialdropout.Ramp(3))),
		"WithSchedule": with(spatialdropout.WithSchedule(rising{})),
		"samples":      with(spatialdropout.WithShard(mask.Shard{SampleOffset: 5, Samples: 10})),
		"channels":     with(spatialdropout.WithShard(mask.Shard{ChannelOffset: 2, Channels: 9})),
		"one worker":   with(spatialdropout.WithWorkers(1)),
		"two workers":  with(spatialdropout.WithWorkers(2)),
		"always, source": func() []spatialdropout.Option {
			return []spatialdropout.Option{spatialdropout.WithAlways(), spatialdropout.WithStream(mask.Source(rand.NewPCG(3, 4)))}
		},
		"WithGenerator": func() []spatialdropout.Option {
			return []spatialdropout.Option{spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.PyTorch(8)))}
		},
	}
	for sharing := mask.Sharing(0); known(sharing); sharing++ {
		all[sharing.String()] = with(spatialdropout.WithSharing(sharing))
	}
	return all
}

// All other options are those of the core.
func TestOptions(t *testing.T) {
	for name, opts := range options() {
		t.Run(name, func(t *testing.T) { checkOptions(t, 0.45, opts) })
	}
}

// checkOptions compares three steps of training, two evaluations and another step with the
// core, in all types. opts returns the options anew with each call.
func checkOptions(t *testing.T, rate float64, opts func() []spatialdropout.Option) {
	t.Helper()
	checkOptionsOf[float32](t, rate, opts)
	checkOptionsOf[float64](t, rate, opts)
	checkOptionsOf[float16.Float16](t, rate, opts)
	checkOptionsOf[float16.BFloat16](t, rate, opts)
}

func checkOptionsOf[T Float](t *testing.T, rate float64, opts func() []spatialdropout.Option) {
	t.Helper()
	shape := []int{3, 7, 2, 4}
	x, w := numbers[T](1, product(shape)), numbers[T](2, product(shape))
	core := coreOf(t, rate, opts()...)
	d := nodeOf[T](t, rate, opts()...)
	for i, train := range []bool{true, true, true, false, false, true} {
		var wantY, wantDx []T
		if train {
			wantY, wantDx, _ = training(t, core, layout.NCHW, shape, x, w)
		} else {
			wantY, wantDx = evaluation(t, core, layout.NCHW, shape, x, w)
		}
		d.SetTraining(train)
		y, dx := step(t, d, x, w, shape...)
		same(t, fmt.Sprintf("%T, run %d: output", x[0], i), y, wantY)
		same(t, fmt.Sprintf("%T, run %d: gradient", x[0], i), dx, wantDx)
	}
}

// Nodes that share a generator draw from it one after the other.
func TestNodesThatShareAGenerator(t *testing.T) {
	shape := []int{2, 12, 2, 3}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	shared := func() spatialdropout.Option {
		return spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.PyTorch(8)))
	}
	ours, theirs := shared(), shared()
	first, second := nodeOf[float32](t, 0.2, ours), nodeOf[float32](t, 0.4, ours)
	coreFirst, coreSecond := coreOf(t, 0.2, theirs), coreOf(t, 0.4, theirs)
	for range 3 {
		y, dx := step(t, first, x, w, shape...)
		wantY, wantDx, _ := training(t, coreFirst, layout.NCHW, shape, x, w)
		same(t, "output of the first node", y, wantY)
		same(t, "gradient of the first node", dx, wantDx)
		y, dx = step(t, second, x, w, shape...)
		wantY, wantDx, _ = training(t, coreSecond, layout.NCHW, shape, x, w)
		same(t, "output of the second node", y, wantY)
		same(t, "gradient of the second node", dx, wantDx)
	}
}
