package gomlx_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
	"github.com/spatialdropout/spatialdropout/mask"
)

// newStreams makes each stream of package mask by its function. A call returns one that
// nobody has drawn from.
func newStreams(t testing.TB) map[string]func() mask.Stream {
	ok := func(s mask.Stream, err error) mask.Stream {
		t.Helper()
		must(t, err)
		return s
	}
	return map[string]func() mask.Stream{
		"philox":           func() mask.Stream { return mask.Philox(5) },
		"pytorch":          func() mask.Stream { return mask.PyTorch(5) },
		"pytorch-mkl":      func() mask.Stream { return mask.PyTorchMKL(5) },
		"keras-torch":      func() mask.Stream { return mask.KerasTorch(5) },
		"tensorflow":       func() mask.Stream { return ok(mask.TensorFlow([2]int64{5, 6}, mask.Float32)) },
		"keras-tensorflow": func() mask.Stream { return ok(mask.KerasTensorFlow(5, mask.Float32)) },
		"jax":              func() mask.Stream { return ok(mask.JAX(mask.Key{0, 5}, mask.Fold)) },
		"flax-linen":       func() mask.Stream { return ok(mask.Linen(mask.Key{0, 5}, "Dropout_0", 1)) },
		"flax-nnx":         func() mask.Stream { return ok(mask.NNX(mask.Key{0, 5}, 1)) },
		"keras-jax":        func() mask.Stream { return ok(mask.KerasJAX(5)) },
		"onednn":           func() mask.Stream { return mask.OneDNN(5) },
		"source":           func() mask.Stream { return mask.Source(rand.NewPCG(5, 6)) },
	}
}

// fed compares a layer whose masks are an input of the graph with the core. The two
// Dropouts draw the same.
func fed(t *testing.T, e element, shapes []shapeCase, drop, want *spatialdropout.Dropout) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	store := model.NewStore()
	of := func(c shapeCase, training bool) *model.Exec {
		exec, err := model.NewExec(backend, store, func(scope *model.Scope, x, dy, masks *graph.Node) (*graph.Node, *graph.Node) {
			scope.Store().SetTraining(x.Graph(), training)
			y := gomlx.Dropout(scope.In("drop"), x).ChannelsAxis(c.axis).WithMasks(drop, masks).Done()
			return y, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, dy)), x)[0]
		})
		must(t, err)
		return exec
	}
	for _, c := range shapes {
		training, evaluation := of(c, true), of(c, false)
		g := c.geometry(t)
		x, dy := e.random(r, g.Len()), e.random(r, g.Len())
		y, dx := make([]byte, len(x)), make([]byte, len(x))
		check := func(what string, exec *model.Exec, forward func(dst, src spatialdropout.Tensor) (spatialdropout.Pass, error)) {
			t.Helper()
			masks, err := gomlx.Draw(drop, e.dtype, g.Samples(), g.Channels())
			must(t, err)
			out, err := exec.Call(e.tensor(t, x, c.dims...), e.tensor(t, dy, c.dims...), masks)
			must(t, err)
			p, err := forward(e.core(y, g), e.core(x, g))
			must(t, err)
			must(t, p.Backward(e.core(dx, g), e.core(dy, g)))
			if err := e.diff(bytesOf(t, out[0]), y); err != nil {
				t.Errorf("%v, %v, output of %s: %v", e.dtype, c, what, err)
			}
			if err := e.diff(bytesOf(t, out[1]), dx); err != nil {
				t.Errorf("%v, %v, gradient of %s: %v", e.dtype, c, what, err)
			}
		}
		check("step 1", training, want.Forward)
		if s := want.State(); s.Always || s.Ramp == 0 && !s.Scheduled {
			// Masks that are drawn for an evaluation spend a step, which only matters here.
			check("evaluation", evaluation, func(dst, src spatialdropout.Tensor) (spatialdropout.Pass, error) {
				p, err := want.Evaluate(dst, src)
				if !s.Always {
					want.Next(g)
				}
				return p, err
			})
		}
		check("step 2", training, want.Forward)
	}
}

func TestMasksOfEveryStreamAreTheCores(t *testing.T) {
	all := newStreams(t)
	if names := append(mask.StreamNames(), "source"); !slices.Equal(slices.Sorted(maps.Keys(all)), slices.Sorted(slices.Values(names))) {
		t.Fatalf("streams %v are tested, want %v", slices.Sorted(maps.Keys(all)), names)
	}
	for name, stream := range all {
		t.Run(name, func(t *testing.T) {
			for _, e := range elements {
				for _, rate := range []float64{0, 0.3, 1} {
					drop, err := spatialdropout.New(rate, spatialdropout.WithStream(stream()))
					must(t, err)
					want, err := spatialdropout.New(rate, spatialdropout.WithStream(stream()))
					must(t, err)
					fed(t, e, shapeCases[:3], drop, want)
				}
			}
		})
	}
}

// A stream that the graph does not draw is refused, and the error says what serves it.
func TestGraphRefusesOtherStreams(t *testing.T) {
	for name, stream := range newStreams(t) {
		err := build(t, func(scope *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(scope, x).WithRate(0.5).WithOptions(spatialdropout.WithStream(stream())).Done()
		})
		var refused *gomlx.UnsupportedError
		if got, want := errors.As(err, &refused), name != "philox"; got != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// waves is a schedule that reaches both ends.
type waves struct{}

func (waves) Rate(rate float64, step uint64) float64 {
	return []float64{rate, 0, 1, rate / 2}[step%4]
}

func TestMasksOfEveryArithmeticAreTheCores(t *testing.T) {
	for _, a := range arithmetics() {
		for _, e := range elements {
			for _, rate := range []float64{0, 0.3, 0.99999, 1} {
				if e.dtype == dtypes.Float16 && a.Rule == mask.AtInference && rate == 0.99999 {
					continue // small products, see TestStockFloat16LosesSmallProducts
				}
				opts := []spatialdropout.Option{spatialdropout.WithSeed(4), spatialdropout.WithArithmetic(a)}
				kinds := [][]spatialdropout.Option{opts}
				if rate == 0.3 {
					kinds = append(kinds, append(opts, spatialdropout.WithSchedule(waves{})))
				}
				for _, opts := range kinds {
					drop, err := spatialdropout.New(rate, opts...)
					must(t, err)
					want, err := spatialdropout.New(rate, opts...)
					must(t, err)
					t.Run(a.Rule.String(), func(t *testing.T) { fed(t, e, shapeCases[:2], drop, want) })
				}
			}
		}
	}
}

func TestMasksOfEveryOptionAreTheCores(t *testing.T) {
	shared := func(rate float64) *spatialdropout.Dropout {
		d, err := spatialdropout.New(rate, spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.PyTorch(8))))
		must(t, err)
		return d
	}
	fed(t, elements[0], shapeCases, shared(0.4), shared(0.4))
	for what, opts := range map[string][]spatialdropout.Option{
		"always":      {spatialdropout.WithAlways()},
		"fixed count": {spatialdropout.WithSharing(mask.FixedCount)},
		"per sample":  {spatialdropout.WithSharing(mask.PerSample)},
		"per channel": {spatialdropout.WithSharing(mask.PerChannel)},
		"shard":       {spatialdropout.WithShard(mask.Shard{SampleOffset: 3, Samples: 20, ChannelOffset: 2, Channels: 50})},
		"ramp":        {spatialdropout.WithSchedule(spatialdropout.Ramp(5))},
		"schedule":    {spatialdropout.WithSchedule(waves{})},
		"workers":     {spatialdropout.WithWorkers(1)},
	} {
		t.Run(what, func(t *testing.T) {
			for _, e := range elements {
				drop, err := spatialdropout.New(0.4, append(opts, spatialdropout.WithSeed(9))...)
				must(t, err)
				want, err := spatialdropout.New(0.4, append(opts, spatialdropout.WithSeed(9))...)
				must(t, err)
				fed(t, e, shapeCases, drop, want)
			}
		})
	}
}
