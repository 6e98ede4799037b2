package spatialdropout_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/extreme"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// pointerStream and pointerSchedule are types of users whose methods need what they point to.
type pointerStream struct{ stream mask.Stream }

func (p *pointerStream) Draw(m *mask.Mask, at mask.Place) error { return p.stream.Draw(m, at) }
func (p *pointerStream) After(at mask.Place, samples, channels int, rate float64) mask.Place {
	return p.stream.After(at, samples, channels, rate)
}
func (p *pointerStream) Arithmetic() mask.Arithmetic { return p.stream.Arithmetic() }
func (p *pointerStream) String() string              { return p.stream.String() }

type pointerSchedule struct{ rate float64 }

func (p *pointerSchedule) Rate(rate float64, step uint64) float64 { return p.rate }

// shardOfAny returns a shard of extreme numbers, most often none.
func shardOfAny(r *rand.Rand) mask.Shard {
	if r.IntN(3) > 0 {
		return mask.Shard{}
	}
	one := func() uint64 { return extreme.One[uint64](r, 0, 0, 1, 3, 6, 12, math.MaxUint64, 1<<63, 1<<40) }
	return mask.Shard{SampleOffset: one(), Samples: one(), ChannelOffset: one(), Channels: one()}
}

// anyOption returns an option, or none.
func anyOption(r *rand.Rand) spatialdropout.Option {
	switch r.IntN(16) {
	case 0:
		return nil
	case 1:
		return spatialdropout.WithStream(extreme.One[mask.Stream](r, nil, (*pointerStream)(nil), &pointerStream{mask.Philox(1)}, mask.PyTorch(1), mask.Source(nil), mask.Source(rand.NewPCG(1, 2))))
	case 2:
		return spatialdropout.WithGenerator(extreme.One(r, nil, new(spatialdropout.Generator), spatialdropout.NewGenerator(nil), spatialdropout.NewGenerator((*pointerStream)(nil)), spatialdropout.NewGenerator(mask.PyTorch(2))))
	case 3:
		return spatialdropout.WithSchedule(extreme.One[spatialdropout.Schedule](r, nil, (*pointerSchedule)(nil), &pointerSchedule{extreme.Rate(r)}, spatialdropout.Ramp(extreme.One[uint64](r, 0, 3, math.MaxUint64))))
	case 4:
		return spatialdropout.WithShard(shardOfAny(r))
	case 5:
		return spatialdropout.WithWorkers(extreme.Int(r))
	case 6:
		return spatialdropout.WithSharing(mask.Sharing(extreme.One(r, 0, 1, 2, 3, 4, 255)))
	case 7:
		return spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Policy(extreme.One(r, 0, 1, 2, 255)), Rule: mask.Rule(extreme.One(r, 0, 1, 2, 3, 5, 7, 9, 10, 11, 255))})
	case 8:
		return spatialdropout.WithAlways()
	}
	return spatialdropout.WithSeed(r.Uint64())
}

// anyGeometry returns a geometry that may be far larger than memory.
func anyGeometry(r *rand.Rand) layout.Geometry {
	if r.IntN(2) == 0 { // one that 6 or 12 elements fill
		g, _ := extreme.One(r, layout.NCHW, layout.NHWC).Of(1, extreme.One(r, 1, 2, 3), 2, extreme.One(r, 1, 2, 3))
		return g
	}
	g, _ := layout.NCHW.Of(extreme.Int(r), extreme.Int(r), extreme.Int(r), extreme.Int(r))
	return g // the zero Geometry on an error
}

// anyTensor returns a tensor whose data may be of any kind and length.
func anyTensor(r *rand.Rand, g layout.Geometry) spatialdropout.Tensor {
	n := extreme.One(r, 0, 1, 6, 12)
	if g.Len() <= 12 && r.IntN(4) > 0 {
		n = g.Len()
	}
	switch r.IntN(8) {
	case 0:
		return spatialdropout.Tensor{}
	case 1:
		return spatialdropout.Tensor{Geometry: g}
	case 2:
		return spatialdropout.Of(make([]float64, n), g)
	case 3:
		return spatialdropout.As(extreme.One(r, kernel.F16, kernel.BF16), make([]uint16, n), g)
	case 4:
		list := make([][]float32, extreme.One(r, 0, 1, 2, 3, 6, 1000))
		for i := range list {
			if list[i] = make([]float32, n/len(list)); r.IntN(20) == 0 {
				list[i] = extreme.One(r, nil, list[0], make([]float32, n))
			}
		}
		return listOf(list, g)
	}
	return spatialdropout.Of(make([]float32, n), g)
}

// anyAround returns scales, shifts and an activation, more often than not those that go with float32.
func anyAround(r *rand.Rand, g layout.Geometry) (a spatialdropout.Around) {
	for _, v := range []*kernel.Vector{&a.Scale, &a.Shift} {
		switch r.IntN(12) {
		case 0:
			*v = kernel.Of(make([]float64, g.Channels()&7))
		case 1:
			*v = kernel.OfList(make([][]float32, 3))
		case 2:
			*v = kernel.Of(make([]float32, r.IntN(5)))
		case 3, 4, 5, 6:
			*v = kernel.Of(make([]float32, g.Channels()&7))
		}
	}
	switch number := extreme.One(r, 0.5, 6, extreme.Rate(r)); r.IntN(5) {
	case 0, 1:
		a.Activation = kernel.ReLU
	case 2:
		a.Activation = kernel.ClippedReLU(number)
	case 3:
		a.Activation = kernel.LeakyReLU(number)
	}
	return a
}

// Nils, zero values and extreme numbers give an error of this module, or a panic with one.
func TestExtremes(t *testing.T) {
	runs := uint64(4000)
	if testing.Short() || instrumented {
		runs /= 8
	}
	called, done := make(map[string]bool), make(map[string]int) // done without an error
	for seed := range runs {
		r := rand.New(rand.NewPCG(32, seed))
		g := anyGeometry(r)
		last := ""
		check := func(name string, call func() error) {
			t.Helper()
			extreme.Check(t, func() string { return fmt.Sprintf("seed %d: %s on %v after %s", seed, name, g, last) }, func() error {
				err := call()
				if err == nil {
					done[name]++
				}
				return err
			})
			last, called[name] = name, true
		}
		nothing := func(call func()) func() error { return func() error { call(); return nil } }
		var opts []spatialdropout.Option
		for range r.IntN(4) {
			opts = append(opts, anyOption(r))
		}
		rate := extreme.Rate(r)
		if r.IntN(2) == 0 {
			rate = 0.5
		}
		kind := extreme.One(r, nil, new(kernel.Kind), kernel.F32, kernel.F32, kernel.F16)

		d := extreme.One(r, nil, new(spatialdropout.Dropout))
		l := extreme.One(r, nil, new(spatialdropout.Layer[float32]))
		check("New", func() error {
			made, err := spatialdropout.New(rate, opts...)
			if err == nil {
				d = made
			}
			return err
		})
		check("LayerOf", func() error {
			made, err := spatialdropout.LayerOf[float32](kind, d)
			if err == nil {
				l = made
			}
			return err
		})
		state := spatialdropout.State{Rate: rate, Shard: shardOfAny(r), Ramp: spatialdropout.Ramp(extreme.One(r, 0, 0, 3)), Scheduled: r.IntN(8) == 0, Sharing: mask.Sharing(extreme.One(r, 0, 0, 1, 9))}
		state.Stream = extreme.One(r, "", "philox:7", "pytorch:7", "source:x", "philox:"+strings.Repeat("7", 1<<12))
		state.Step, state.Cursor = extreme.One[uint64](r, 0, 5, math.MaxUint64), extreme.One[uint64](r, 0, 0, 5, math.MaxUint64)
		check("Restore", func() error { _, err := spatialdropout.Restore(state, opts...); return err })
		check("NewLayer", func() error { _, err := spatialdropout.NewLayer[float32](rate, opts...); return err })

		dst, src := anyTensor(r, g), anyTensor(r, g)
		if r.IntN(8) == 0 {
			src = anyTensor(r, anyGeometry(r))
		}
		if r.IntN(2) == 0 {
			src = dst
		}
		m := extreme.One(r, nil, new(mask.Mask))
		if made, err := mask.New(extreme.One(r, g.Samples(), extreme.Int(r)), g.Channels(), rate, mask.Arithmetic{}); err == nil && r.IntN(4) > 0 {
			m = made
		}
		workers := extreme.Int(r)
		check("ApplyTensor", func() error { return spatialdropout.ApplyTensor(dst, src, m, workers) })
		check("AddToTensor", func() error { return spatialdropout.AddToTensor(dst, src, m, workers) })
		x, y := make([]float32, r.IntN(13)), make([]float32, r.IntN(13))
		if g.Len() <= 12 && r.IntN(4) > 0 {
			x, y = make([]float32, g.Len()), make([]float32, g.Len())
		}
		check("Apply", func() error { return spatialdropout.Apply(y, x, m, g) })
		check("AddTo", func() error { return spatialdropout.AddTo(y, x, m, g) })
		around, from := anyAround(r, g), spatialdropout.FromInput(anyTensor(r, g))
		if r.IntN(2) == 0 {
			from = extreme.One(r, spatialdropout.From{}, spatialdropout.FromInput(dst), spatialdropout.FromOutput(src))
		}
		residual := extreme.One(r, spatialdropout.Tensor{}, spatialdropout.Tensor{}, dst, src, anyTensor(r, g), anyTensor(r, anyGeometry(r)))
		check("FuseTensor", func() error { return spatialdropout.FuseTensor(dst, src, residual, m, around, workers) })
		check("FuseBackwardTensor", func() error { return spatialdropout.FuseBackwardTensor(dst, src, from, m, around, workers) })
		check("Fuse", func() error { return spatialdropout.Fuse(y, x, extreme.One(r, nil, x, y), m, around, g) })
		check("FuseBackward", func() error { return spatialdropout.FuseBackward(y, x, from, m, around, g) })
		c := extreme.One(r, nil, new(spatialdropout.Compaction), new(spatialdropout.Compaction), new(spatialdropout.Compaction))
		check("Compaction.Reset", func() error { return c.Reset(m, g) })
		sample := extreme.One(r, 0, 0, 1, extreme.Int(r))
		pack := func(maker string) {
			check("Compaction.Len of "+maker, nothing(func() {
				if n := c.Len(); n <= 12 && r.IntN(4) > 0 { // a packed tensor that fits
					y = make([]float32, n)
				}
			}))
			check("Compaction.Kept of "+maker, nothing(func() { c.Kept(sample); c.Offset(sample) }))
			check("Compaction.Packed of "+maker, nothing(func() { c.Packed(); c.Shared() }))
			check("Gather with "+maker, func() error { return c.Gather(kernel.Of(y), kernel.Of(x), 0) })
			check("Scatter with "+maker, func() error { return c.Scatter(kernel.Of(x), kernel.Of(y), 0) })
			check("ScatterAdd with "+maker, func() error { return c.ScatterAdd(kernel.Of(x), kernel.Of(y), 0) })
			to, from := extreme.One(r, dst.Data, kernel.Of(y)), extreme.One(r, src.Data, kernel.Of(x))
			check("Compaction.Gather with "+maker, func() error { return c.Gather(to, from, workers) })
			check("Compaction.Scatter with "+maker, func() error { return c.Scatter(from, to, workers) })
			check("Compaction.ScatterAdd with "+maker, func() error { return c.ScatterAdd(from, to, workers) })
			check("Compaction.Unscaled with "+maker, func() error { u := c.Unscaled(); return u.Gather(to, from, 1) })
		}
		pack("Reset")
		if c != nil && r.IntN(2) == 0 {
			check("Compaction.ResetWeights", func() error { return c.ResetWeights(m, sample, g) })
			pack("ResetWeights")
		}
		check("As", nothing(func() { spatialdropout.As(kind, x, g) }))

		var p spatialdropout.Pass
		check("Dropout.Forward", func() (err error) { p, err = d.Forward(dst, src); return err })
		use := func() {
			check("Pass.Backward", func() error { return p.Backward(dst, src) })
			check("Pass.AddTo", func() error { return p.AddTo(dst, src) })
			check("Pass.Forward", func() error { return p.Forward(dst, src) })
			check("Pass.Fuse", func() error { return p.Fuse(dst, src, residual, around) })
			check("Pass.FuseBackward", func() error { return p.FuseBackward(dst, src, from, around) })
			check("Pass.Mask", func() error { _, err := p.Mask(); return err })
		}
		use()
		check("Dropout.Evaluate", func() (err error) { p, err = d.Evaluate(dst, src); return err })
		use()
		check("Dropout.Fuse", func() (err error) { p, err = d.Fuse(dst, src, residual, around); return err })
		use()
		check("Dropout.FuseEvaluation", func() (err error) { p, err = d.FuseEvaluation(dst, src, residual, around); return err })
		use()
		check("Dropout.Next", nothing(func() { p = d.Next(g) }))
		use()
		check("Dropout.At", nothing(func() {
			p = d.At(mask.Place{Step: state.Step, Cursor: state.Cursor, Shard: shardOfAny(r)}, g)
		}))
		use()
		check("Dropout.Draw", func() error { _, err := d.Draw(g); return err })
		check("Dropout.DrawInto", func() error { return d.DrawInto(m, g) })
		check("Dropout.Rate", nothing(func() { d.Rate() }))
		check("Dropout.EvaluationIsIdentity", nothing(func() { d.EvaluationIsIdentity() }))
		check("Dropout.State", nothing(func() { d.State() }))
		at := state.GeneratorState
		check("Generator.State", nothing(func() {
			if have := d.Generator().State(); r.IntN(2) == 0 {
				at.Stream = have.Stream
			}
		}))
		check("Generator.Stream", nothing(func() { d.Generator().Stream() }))
		check("Generator.Restore", func() error { return d.Generator().Restore(at) })
		check("Generator.Skip", nothing(func() { d.Generator().Skip(uint64(extreme.Int(r)) % (1 << 20)) }))
		for range 2 {
			check("Layer.Forward", func() error { return l.Forward(y, x, g) })
			if r.IntN(2) == 0 {
				check("Layer.AddTo", func() error { return l.AddTo(y, x, g) })
			}
			check("Layer.Backward", func() error { return l.Backward(y, x, g) })
			check("Layer.Pass", nothing(func() { p = l.Pass() }))
			use()
			check("Layer.SetTraining", nothing(func() { l.SetTraining(false) }))
			check("Layer.Training", nothing(func() { l.Training() }))
			check("Layer.Dropout", nothing(func() { l.Dropout() }))
		}
	}
	for name := range called {
		if done[name] < int(runs)/200 {
			t.Errorf("%d calls of %s without an error in %d runs, want one in 200", done[name], name, runs)
		}
	}
}

// The zero values of what functions make are refused, and nil pointers to them.
func TestZeroValuesAreRefused(t *testing.T) {
	g := dense(t, layout.NC, 1, 4).geom
	data := make([]float32, 4)
	x := spatialdropout.Of(data, g)
	panics := func(call func()) error { return extreme.Caught(func() error { call(); return nil }) }
	for name, d := range map[string]*spatialdropout.Dropout{"nil": nil, "zero": new(spatialdropout.Dropout)} {
		_, drawing := d.Draw(g)
		_, forward := d.Forward(x, x)
		_, evaluating := d.Evaluate(x, x)
		for what, err := range map[string]error{
			"Draw": drawing, "DrawInto": d.DrawInto(new(mask.Mask), g), "Forward": forward, "Evaluate": evaluating,
			"Rate": panics(func() { d.Rate() }), "State": panics(func() { d.State() }), "Generator": panics(func() { d.Generator() }),
			"Next": panics(func() { d.Next(g) }), "At": panics(func() { d.At(mask.Place{}, g) }),
		} {
			wantZero(t, name+" Dropout, "+what, err, "Dropout", "New")
		}
	}
	for name, l := range map[string]*spatialdropout.Layer[float32]{"nil": nil, "zero": new(spatialdropout.Layer[float32])} {
		for what, err := range map[string]error{
			"Forward": l.Forward(data, data, g), "Backward": l.Backward(data, data, g), "AddTo": l.AddTo(data, data, g),
			"SetTraining": panics(func() { l.SetTraining(true) }), "Training": panics(func() { l.Training() }),
			"Dropout": panics(func() { l.Dropout() }), "Pass": panics(func() { l.Pass() }),
		} {
			wantZero(t, name+" Layer, "+what, err, "Layer", "NewLayer")
		}
	}
	for name, gen := range map[string]*spatialdropout.Generator{
		"nil": nil, "zero": new(spatialdropout.Generator), "NewGenerator(nil)": spatialdropout.NewGenerator(nil),
		"NewGenerator of a nil pointer": spatialdropout.NewGenerator((*pointerStream)(nil)), "NewGenerator of no source": spatialdropout.NewGenerator(mask.Source(nil)),
	} {
		for what, err := range map[string]error{"State": panics(func() { gen.State() }), "Skip": panics(func() { gen.Skip(1) }), "Restore": gen.Restore(spatialdropout.GeneratorState{Stream: "philox:1"})} {
			wantZero(t, name+" Generator, "+what, err, "Generator", "NewGenerator")
		}
		if gen.Stream() != nil {
			t.Errorf("%s Generator has the stream %v", name, gen.Stream())
		}
		if _, err := spatialdropout.New(0.5, spatialdropout.WithGenerator(gen)); !refusesArgument(err, "WithGenerator") {
			t.Errorf("%s Generator: %v, want an *ArgumentError", name, err)
		}
	}
	for name, opt := range map[string]spatialdropout.Option{
		"WithStream": spatialdropout.WithStream((*pointerStream)(nil)), "WithSchedule": spatialdropout.WithSchedule((*pointerSchedule)(nil)),
	} {
		if _, err := spatialdropout.New(0.5, opt); !refusesArgument(err, name) {
			t.Errorf("%s of a nil pointer: %v, want an *ArgumentError", name, err)
		}
	}
	var refused *spatialdropout.ArgumentError
	if err := newDropout(t, 0.5).DrawInto(nil, g); !errors.As(err, &refused) || !strings.HasSuffix(refused.Given, fmt.Sprintf("for a tensor of %v", g)) {
		t.Errorf("DrawInto nil: %v, want an *ArgumentError of the mask", err)
	}
}

// wantZero fails unless err is that of the zero value of a type.
func wantZero(t *testing.T, what string, err error, typ, maker string) {
	t.Helper()
	var zero *spatialdropout.UseError
	if want := (spatialdropout.UseError{Given: "no " + typ + ", or a zero one", Want: "one of " + maker}); !errors.As(err, &zero) || *zero != want {
		t.Errorf("%s: %v, want %v", what, err, &want)
	}
}
