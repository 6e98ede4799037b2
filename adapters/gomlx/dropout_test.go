package gomlx_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
	"github.com/spatialdropout/spatialdropout/mask"
)

// compare runs steps of training, with an evaluation between them, in a graph and in the
// core, and compares the bits of outputs and gradients. want is the Dropout of the core.
func compare(t *testing.T, e element, shapes []shapeCase, l func(c shapeCase) layer, want *spatialdropout.Dropout) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	store := model.NewStore()
	for turn := range 2 {
		for _, c := range shapes {
			g := c.geometry(t)
			x, dy := e.random(r, g.Len()), e.random(r, g.Len())
			both := newGraphs(t, backend, store, l(c))
			check := func(what string, exec *model.Exec, forward func(dst, src spatialdropout.Tensor) (spatialdropout.Pass, error)) {
				t.Helper()
				y, dx := step(t, exec, e.tensor(t, x, c.dims...), e.tensor(t, dy, c.dims...))
				wantY, wantDx := make([]byte, len(x)), make([]byte, len(x))
				p, err := forward(e.core(wantY, g), e.core(x, g))
				must(t, err)
				must(t, p.Backward(e.core(wantDx, g), e.core(dy, g)))
				if err := e.diff(y, wantY); err != nil {
					t.Errorf("%v, %v, turn %d, output of %s: %v", e.dtype, c, turn, what, err)
				}
				if err := e.diff(dx, wantDx); err != nil {
					t.Errorf("%v, %v, turn %d, gradient of %s: %v", e.dtype, c, turn, what, err)
				}
			}
			check("step 1", both.training, want.Forward)
			check("evaluation", both.evaluation, want.Evaluate)
			check("step 2", both.training, want.Forward)
		}
	}
}

// inGraph compares a layer whose masks the graph draws.
func inGraph(t *testing.T, e element, shapes []shapeCase, rate float64, opts ...spatialdropout.Option) {
	t.Helper()
	want, err := spatialdropout.New(rate, opts...)
	must(t, err)
	compare(t, e, shapes, func(c shapeCase) layer {
		return func(scope *model.Scope, x *graph.Node) *graph.Node {
			return gomlx.Dropout(scope.In("drop"), x).ChannelsAxis(c.axis).WithRate(rate).WithOptions(opts...).Done()
		}
	}, want)
}

func TestLayerIsTheCore(t *testing.T) {
	for _, e := range elements {
		for _, rate := range []float64{0, 0.1, 1.0 / 3, 0.5, 0.9, 1} {
			inGraph(t, e, shapeCases, rate, spatialdropout.WithSeed(0x123456789abcdef0))
		}
	}
}

// rules are those that New takes.
var rules = []mask.Rule{mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient, mask.CompiledQuotient, mask.Unscaled, mask.Alpha, mask.Gaussian, mask.AtInference}

func arithmetics() []mask.Arithmetic {
	var all []mask.Arithmetic
	for _, rule := range rules {
		for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
			if policy == mask.Multiply && (rule == mask.Quotient || rule == mask.CompiledQuotient) {
				continue // the core refuses it
			}
			all = append(all, mask.Arithmetic{Policy: policy, Rule: rule})
		}
	}
	return all
}

func TestEveryArithmeticIsTheCores(t *testing.T) {
	for _, a := range arithmetics() {
		if a.Rule == mask.Gaussian {
			continue // refused, see TestRefusals, and in TestMasksAreTheCores
		}
		for _, e := range elements {
			for _, rate := range []float64{0, 0.3, 1} {
				t.Run(fmt.Sprint(a.Rule, a.Policy, e.dtype, rate), func(t *testing.T) {
					inGraph(t, e, shapeCases[:2], rate, spatialdropout.WithSeed(3), spatialdropout.WithArithmetic(a))
				})
			}
		}
	}
}

func TestEveryOptionIsTheCores(t *testing.T) {
	for what, opts := range map[string][]spatialdropout.Option{
		"always":              {spatialdropout.WithAlways()},
		"always at inference": {spatialdropout.WithAlways(), spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.AtInference})},
		"per channel":         {spatialdropout.WithSharing(mask.PerChannel)},
		"per sample":          {spatialdropout.WithSharing(mask.PerSample)},
		"samples":             {spatialdropout.WithShard(mask.Shard{SampleOffset: 5, Samples: 11})},
		"far samples":         {spatialdropout.WithShard(mask.Shard{SampleOffset: 1<<63 + 12345})},
		"channels":            {spatialdropout.WithShard(mask.Shard{ChannelOffset: 3, Channels: 45})},
		"both":                {spatialdropout.WithShard(mask.Shard{SampleOffset: 3, Samples: 20, ChannelOffset: 2, Channels: 50})},
		"both, per channel":   {spatialdropout.WithShard(mask.Shard{SampleOffset: 3, Samples: 20, ChannelOffset: 2, Channels: 50}), spatialdropout.WithSharing(mask.PerChannel)},
		"both, per sample":    {spatialdropout.WithShard(mask.Shard{SampleOffset: 3, Samples: 20, ChannelOffset: 2, Channels: 50}), spatialdropout.WithSharing(mask.PerSample)},
		"ramp":                {spatialdropout.WithSchedule(spatialdropout.Ramp(5))},
		"ramp at inference":   {spatialdropout.WithSchedule(spatialdropout.Ramp(5)), spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.AtInference})},
		"ramp of alpha":       {spatialdropout.WithSchedule(spatialdropout.Ramp(5)), spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Alpha})},
		"ramp of alpha, IEEE": {spatialdropout.WithSchedule(spatialdropout.Ramp(5)), spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Alpha, Policy: mask.Multiply})},
		"ramp of quotients":   {spatialdropout.WithSchedule(spatialdropout.Ramp(5)), spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Quotient})},
		"workers":             {spatialdropout.WithWorkers(1)},
	} {
		t.Run(what, func(t *testing.T) {
			for _, e := range elements {
				inGraph(t, e, shapeCases, 0.4, append(opts, spatialdropout.WithSeed(9))...)
			}
			inGraph(t, elements[0], shapeCases, 1, append(opts, spatialdropout.WithSeed(9))...)
			inGraph(t, elements[0], shapeCases, 0.4, append(opts, spatialdropout.WithStream(mask.Philox(77)))...)
		})
	}
}

// Factors of float16 beyond its numbers: 0·∞ and 0/0 must not come out of dropped channels.
func TestInfiniteFactors(t *testing.T) {
	for _, a := range []mask.Arithmetic{{}, {Rule: mask.Quotient}, {Policy: mask.Multiply}, {Rule: mask.WideReciprocal}} {
		for _, rate := range []float64{0.99999, 1 - 0x1p-26} {
			inGraph(t, elements[2], shapeCases, rate, spatialdropout.WithSeed(3), spatialdropout.WithArithmetic(a))
		}
	}
}
