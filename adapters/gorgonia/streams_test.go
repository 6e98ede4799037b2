package gorgonia

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
	G "gorgonia.org/gorgonia"
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
				x := G.NewTensor(G.NewGraph(), G.Float32, 4, G.WithShape(2, 3, 2, 2), G.WithName("x"))
				_, err := Dropout(x, 0.3, option)
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

// rising is a schedule of its own.
type rising struct{}

func (rising) Rate(rate float64, step uint64) float64 { return rate * float64(step%3) / 2 }

// All other options are those of the core.
func TestOptions(t *testing.T) {
	options := map[string]func() []spatialdropout.Option{
		"WithAlways":     func() []spatialdropout.Option { return with(spatialdropout.WithAlways()) },
		"always, source": func() []spatialdropout.Option { return source(spatialdropout.WithAlways()) },
		"Ramp":           func() []spatialdropout.Option { return with(spatialdropout.WithSchedule(spatialdropout.Ramp(3))) },
		"WithSchedule":   func() []spatialdropout.Option { return with(spatialdropout.WithSchedule(rising{})) },
		"samples": func() []spatialdropout.Option {
			return with(spatialdropout.WithShard(mask.Shard{SampleOffset: 5, Samples: 10}))
		},
		"channels": func() []spatialdropout.Option {
			return with(spatialdropout.WithShard(mask.Shard{ChannelOffset: 2, Channels: 9}))
		},
		"one worker":  func() []spatialdropout.Option { return with(spatialdropout.WithWorkers(1)) },
		"two workers": func() []spatialdropout.Option { return with(spatialdropout.WithWorkers(2)) },
		"WithGenerator": func() []spatialdropout.Option {
			return []spatialdropout.Option{spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.PyTorch(8)))}
		},
	}
	for sharing := mask.Sharing(0); known(sharing); sharing++ {
		options[sharing.String()] = func() []spatialdropout.Option { return with(spatialdropout.WithSharing(sharing)) }
	}
	for name, opts := range options {
		t.Run(name, func(t *testing.T) { checkOptions(t, 0.45, opts) })
	}
}

// with returns options with a seed.
func with(o spatialdropout.Option) []spatialdropout.Option {
	return []spatialdropout.Option{o, spatialdropout.WithSeed(13)}
}

// source returns options with a source of random numbers, which cannot go back.
func source(o spatialdropout.Option) []spatialdropout.Option {
	return []spatialdropout.Option{o, spatialdropout.WithStream(mask.Source(rand.NewPCG(3, 4)))}
}

// checkOptions compares three steps of training, two evaluations and another step with the
// core, in both types and on both machines. opts returns the options anew with each call, as
// some of them hold a state.
func checkOptions(t *testing.T, rate float64, opts func() []spatialdropout.Option) {
	t.Helper()
	checkOptionsOf[float32](t, rate, opts)
	checkOptionsOf[float64](t, rate, opts)
}

func checkOptionsOf[T number](t *testing.T, rate float64, opts func() []spatialdropout.Option) {
	t.Helper()
	shape := []int{3, 7, 2, 2}
	geom := must(layout.NCHW.Of(shape...))(t)
	x, w := numbers[T](1, product(shape)), numbers[T](2, product(shape))
	for _, machine := range machines {
		core := coreOf(t, rate, opts()...)
		apply := func(x *G.Node) (*G.Node, error) { return Dropout(x, rate, opts()...) }
		n := newNetwork(t, machine, apply, x, w, shape...)
		for i, train := range []bool{true, true, true, false, false, true} {
			var want struct{ y, dx []T }
			if train {
				want.y, want.dx, _ = training(t, core, layout.NCHW, shape, x, w)
			} else {
				want.y, want.dx = make([]T, len(x)), make([]T, len(x))
				pass := must(core.Evaluate(spatialdropout.Of(want.y, geom), spatialdropout.Of(x, geom)))(t)
				if err := pass.Backward(spatialdropout.Of(want.dx, geom), spatialdropout.Of(w, geom)); err != nil {
					t.Fatal(err)
				}
			}
			var mode []G.VMOpt
			if n.lisp && !train {
				mode = append(mode, G.EvalMode())
			} else if err := SetTraining(n.g, train); err != nil {
				t.Fatal(err)
			}
			y, dx := n.step(t, mode...)
			same(t, fmt.Sprintf("%s, %T, run %d: output", machine, x[0], i), y, want.y)
			if n.lisp { // it adds to +0, which leaves no -0
				for i := range want.dx {
					want.dx[i] += 0
				}
			}
			same(t, fmt.Sprintf("%s, %T, run %d: gradient", machine, x[0], i), dx, want.dx)
		}
	}
}

// Layers that share a generator draw from it one after the other, in the order in which the
// machine runs them.
func TestLayersThatShareAGenerator(t *testing.T) {
	shape := []int{2, 12, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	for _, machine := range machines {
		gen, coreGen := spatialdropout.NewGenerator(mask.PyTorch(8)), spatialdropout.NewGenerator(mask.PyTorch(8))
		apply := func(x *G.Node) (*G.Node, error) {
			y, err := Dropout(x, 0.2, spatialdropout.WithGenerator(gen))
			if err != nil {
				return nil, err
			}
			return Dropout(y, 0.4, spatialdropout.WithGenerator(gen))
		}
		first, second := coreOf(t, 0.2, spatialdropout.WithGenerator(coreGen)), coreOf(t, 0.4, spatialdropout.WithGenerator(coreGen))
		n := newNetwork(t, machine, apply, x, w, shape...)
		for range 3 {
			y, dx := n.step(t)
			h, _, m := training(t, first, layout.NCHW, shape, x, w)
			wantY, dh, _ := training(t, second, layout.NCHW, shape, h, w)
			wantDx := make([]float32, len(x))
			if err := spatialdropout.Apply(wantDx, dh, m, must(layout.NCHW.Of(shape...))(t)); err != nil {
				t.Fatal(err)
			}
			if n.lisp {
				for i := range wantDx {
					wantDx[i] += 0
				}
			}
			same(t, name(machine, "output"), y, wantY)
			same(t, name(machine, "gradient"), dx, wantDx)
		}
	}
}
