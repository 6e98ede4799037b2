package spatialdropout_test

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/race"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// instrumented reports whether the race detector or the address sanitizer is on. They make
// tests slow, and let calls allocate.
const instrumented = race.Enabled || machine.Sanitized

// allocs returns the allocations of a call after warm-up. Garbage collection is off, since
// it would empty the pools.
func allocs(f func()) float64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	warm, runs, tries := 20, 100, 1
	if testing.Short() {
		warm, runs, tries = 2, 2, 5 // under emulators, which allocate as processors do, at every call or at none
	}
	for range warm {
		f()
	}
	n := testing.AllocsPerRun(runs, f)
	// A goroutine that takes part for the first time fills the pool of its processor. It may do so late.
	for ; n > 0 && tries > 1; tries-- {
		n = testing.AllocsPerRun(runs, f)
	}
	return n
}

func testAllocs[T number](t *testing.T) {
	k := kindOf[T]()
	for i, x := range []tensor{
		dense(t, layout.NCHW, 4, 33, 8, 9), dense(t, layout.NHWC, 4, 8, 9, 33), dense(t, layout.NHWC, 4, 64, 64, 3),
		dense(t, layout.NCHW8c, 2, 11, 3, 3), strided(t, []int{2, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1),
		dense(t, layout.NCHW, 1, 4, 3, 3), dense(t, layout.NHWC, 2, 3, 3, 4), // small
	} {
		if testing.Short() && (i+k.vector(nil).Kind().Size()/2)%2 > 0 {
			continue // floats have the one half of the tensors, and halves the other
		}
		src, dst := make([]T, x.length), make([]T, x.length)
		drop := newDropout(t, 0.5)
		m := draw(t, drop, x.geom)
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		// Another geometry of the same shape, for dst and src that lie differently.
		other := others(t, x)[0]
		moved := make([]T, other.length)
		around := spatialdropout.Around{Shift: k.vector(make([]T, x.channels)), Activation: kernel.ReLU}
		none := spatialdropout.Tensor{}
		to, from, elsewhere := k.tensor(dst, x.geom), k.tensor(src, x.geom), k.tensor(moved, other.geom)
		cases := map[string]func(){
			"DrawInto":                     func() { drawInto(t, drop, m, x.geom) },
			"Apply":                        func() { check(k.apply(dst, src, m, x.geom)) },
			"Apply in place":               func() { check(k.apply(dst, dst, m, x.geom)) },
			"ApplyTensor":                  func() { check(spatialdropout.ApplyTensor(to, from, m, 0)) },
			"Apply with one worker":        func() { check(k.apply(dst, src, m, x.geom, 1)) },
			"Apply with two workers":       func() { check(k.apply(dst, src, m, x.geom, 2)) },
			"Apply to another layout":      func() { check(spatialdropout.ApplyTensor(elsewhere, from, m, 1)) },
			"AddTo":                        func() { check(k.addTo(dst, src, m, x.geom)) },
			"AddTo with two workers":       func() { check(k.addTo(dst, src, m, x.geom, 2)) },
			"AddTo another layout":         func() { check(spatialdropout.AddToTensor(elsewhere, from, m, 2)) },
			"Fuse":                         func() { check(spatialdropout.FuseTensor(to, from, none, m, around, 1)) },
			"Fuse with a residual, shared": func() { check(spatialdropout.FuseTensor(to, from, to, m, around, 2)) },
			"Fuse to another layout":       func() { check(spatialdropout.FuseTensor(elsewhere, from, none, m, around, 2)) },
			"FuseBackward": func() {
				check(spatialdropout.FuseBackwardTensor(to, from, spatialdropout.FromInput(from), m, around, 1))
			},
			"FuseBackward from the output": func() {
				check(spatialdropout.FuseBackwardTensor(to, from, spatialdropout.FromOutput(to), m, around, 2))
			},
			"mask.Reset and a redraw": func() { check(m.Reset(x.samples, x.channels, 0.5, mask.Arithmetic{})); drawInto(t, drop, m, x.geom) },
		}
		passes := func(name string, d *spatialdropout.Dropout) {
			if testing.Short() && x.length > 10_000 {
				return // plain Go takes long
			}
			p := d.Next(x.geom)
			for name, do := range map[string]func(dst, src spatialdropout.Tensor) error{
				name + ", Pass.Forward": p.Forward, name + ", Pass.Backward": p.Backward, name + ", Pass.AddTo": p.AddTo,
				name + ", Fuse": func(dst, src spatialdropout.Tensor) error {
					p, err := d.Fuse(dst, src, dst, around)
					if err == nil {
						err = p.FuseBackward(dst, src, spatialdropout.FromInput(dst), around)
					}
					return err
				},
				name + ", FuseEvaluation": func(dst, src spatialdropout.Tensor) error {
					p, err := d.FuseEvaluation(dst, src, none, around)
					if err == nil {
						err = p.FuseBackward(dst, src, spatialdropout.FromInput(dst), around)
					}
					return err
				},
				name + ", Forward":           func(dst, src spatialdropout.Tensor) error { _, err := d.Forward(dst, src); return err },
				name + ", Evaluate":          func(dst, src spatialdropout.Tensor) error { _, err := d.Evaluate(dst, src); return err },
				name + ", Next and Backward": func(dst, src spatialdropout.Tensor) error { return d.Next(x.geom).Backward(dst, src) },
				name + ", At and AddTo":      func(dst, src spatialdropout.Tensor) error { return d.At(p.Place(), x.geom).AddTo(dst, src) },
				name + ", forward and backward": func(dst, src spatialdropout.Tensor) error {
					p, err := d.Forward(dst, src)
					if err == nil {
						err = p.Backward(dst, src)
					}
					return err
				},
				name + ", evaluation and its gradient": func(dst, src spatialdropout.Tensor) error {
					p, err := d.Evaluate(dst, src)
					if err == nil {
						err = p.Backward(dst, src)
					}
					if err == nil {
						err = p.AddTo(dst, src)
					}
					return err
				},
			} {
				cases[name] = func() { check(do(to, from)) }
				cases[name+" to another layout"] = func() { check(do(elsewhere, from)) }
			}
		}
		texts := streamTexts()
		if i > 0 || testing.Short() {
			texts = []string{"philox:5", "pytorch:5", "tensorflow:5", "jax:5"}
		}
		for _, text := range texts {
			passes(text, sharedBy(t, newDropout(t, 0.5, spatialdropout.WithStream(streamOf(t, text))), len(text)%2+1))
		}
		for _, s := range []mask.Sharing{mask.PerChannel, mask.PerSample, mask.FixedCount} {
			passes(s.String(), newDropout(t, 0.5, spatialdropout.WithSharing(s)))
		}
		for _, rule := range []mask.Rule{mask.Alpha, mask.Gaussian, mask.AtInference, mask.Quotient} {
			passes(rule.String(), newDropout(t, 0.5, withRule(rule)))
		}
		passes("a schedule", newDropout(t, 0.5, spatialdropout.WithSchedule(spatialdropout.Ramp(1000))))
		passes("always", newDropout(t, 0.5, spatialdropout.WithAlways()))
		passes("a shard", newDropout(t, 0.5, spatialdropout.WithShard(mask.Shard{SampleOffset: 3, ChannelOffset: 5, Channels: 100})))
		alphaLayer := newLayer[T](t, 0.5, spatialdropout.WithStream(mask.PyTorch(0)), withRuleOn(mask.PyTorch(0), mask.Alpha))
		cases["Layer of alpha dropout"] = func() { check(alphaLayer.Forward(dst, src, x.geom)); check(alphaLayer.AddTo(dst, src, x.geom)) }
		small := dense(t, layout.NC, 1, 1)
		one := draw(t, drop, small.geom)
		cases["Apply of two sizes in turn"] = func() {
			check(k.apply(dst, src, m, x.geom))
			check(k.apply(dst[:1], src[:1], one, small.geom))
		}
		for _, w := range []int{1, 2} {
			for _, training := range []bool{true, false} {
				l := newLayer[T](t, 0.5, spatialdropout.WithWorkers(w))
				l.SetTraining(training)
				name := fmt.Sprintf(" with %d workers, training %v", w, training)
				cases["Layer.Forward"+name] = func() { check(l.Forward(dst, src, x.geom)) }
				cases["Layer.Backward"+name] = func() { check(l.Forward(dst, src, x.geom)); check(l.Backward(dst, src, x.geom)) }
				cases["Layer.AddTo"+name] = func() { check(l.Forward(dst, src, x.geom)); check(l.AddTo(dst, src, x.geom)) }
				cases["Layer.Pass"+name] = func() { check(l.Forward(dst, src, x.geom)); check(l.Pass().Backward(to, from)) }
			}
		}
		for name, f := range cases {
			if n := allocs(f); n != 0 {
				t.Errorf("%s: %s allocates %v times", x.name, name, n)
			}
		}
		if t.Failed() {
			return // the other tensors would say the same
		}
	}
}

func TestNothingAllocatesAfterWarmUp(t *testing.T) {
	if instrumented {
		return // sync.Pool throws away at random then
	}
	t.Run("float32", testAllocs[float32])
	t.Run("float64", testAllocs[float64])
	t.Run("float16", testAllocs[float16])
	t.Run("bfloat16", testAllocs[bfloat16])
}

// A caller's mask, geometries and tensors stay on its stack.
func TestArgumentsDoNotEscape(t *testing.T) {
	if instrumented {
		return // sync.Pool throws away at random then
	}
	for _, x := range []tensor{dense(t, layout.NC, 2, 3), dense(t, layout.NC, 3, 51)} {
		d := newDropout(t, 0.5)
		drawn := draw(t, d, x.geom)
		f32s, f64s, f16s, bf16s := make([]float32, x.length), make([]float64, x.length), make([]float16, x.length), make([]bfloat16, x.length)
		for name, f := range map[string]func() error{
			"Apply of float32": func() error { m, g := *drawn, x.geom; return spatialdropout.Apply(f32s, f32s, &m, g) },
			"AddTo of float32": func() error { m, g := *drawn, x.geom; return spatialdropout.AddTo(f32s, f32s, &m, g) },
			"Apply of float64": func() error { m, g := *drawn, x.geom; return spatialdropout.Apply(f64s, f64s, &m, g) },
			"AddTo of float64": func() error { m, g := *drawn, x.geom; return spatialdropout.AddTo(f64s, f64s, &m, g) },
			"ApplyTensor of float16": func() error {
				m, y := *drawn, spatialdropout.As(kernel.F16, f16s, x.geom)
				return spatialdropout.ApplyTensor(y, y, &m, 2)
			},
			"AddToTensor of float16": func() error {
				m, y := *drawn, spatialdropout.As(kernel.F16, f16s, x.geom)
				return spatialdropout.AddToTensor(y, y, &m, 2)
			},
			"ApplyTensor of bfloat16": func() error {
				m, y := *drawn, spatialdropout.As(kernel.BF16, bf16s, x.geom)
				return spatialdropout.ApplyTensor(y, y, &m, 2)
			},
			"AddToTensor of bfloat16": func() error {
				m, y := *drawn, spatialdropout.As(kernel.BF16, bf16s, x.geom)
				return spatialdropout.AddToTensor(y, y, &m, 2)
			},
			"Fuse of float32": func() error {
				m, g, a := *drawn, x.geom, spatialdropout.Around{Activation: kernel.ClippedReLU(6)}
				if err := spatialdropout.Fuse(f32s, f32s, f32s, &m, a, g); err != nil {
					return err
				}
				return spatialdropout.FuseBackward(f32s, f32s, spatialdropout.FromInput(spatialdropout.Of(f32s, g)), &m, a, g)
			},
			"a fused pass of float16": func() error {
				g, a := x.geom, spatialdropout.Around{Activation: kernel.LeakyReLU(0.1)}
				y := spatialdropout.As(kernel.F16, f16s, g)
				p, err := d.Fuse(y, y, y, a)
				if err == nil {
					err = p.FuseBackward(y, y, spatialdropout.FromInput(y), a)
				}
				if err == nil {
					p, err = d.Fuse(y, y, spatialdropout.Tensor{}, a)
				}
				if err == nil {
					err = p.FuseBackward(y, y, spatialdropout.FromOutput(y), a)
				}
				return err
			},
			"a pass of float32": func() error {
				g := x.geom
				y := spatialdropout.Of(f32s, g)
				p, err := d.Forward(y, y)
				if err == nil {
					err = p.Backward(y, spatialdropout.Of(f32s, g))
				}
				return err
			},
			"an evaluation of float16": func() error {
				g := x.geom
				y := spatialdropout.As(kernel.F16, f16s, g)
				p, err := d.Evaluate(y, y)
				if err == nil {
					err = p.AddTo(y, spatialdropout.As(kernel.F16, f16s, g))
				}
				return err
			},
		} {
			n := allocs(func() {
				if err := f(); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("%s: %s allocates %v times", x.name, name, n)
			}
		}
	}
}

// cold returns the allocations of a call after a garbage collection has emptied every pool.
// It returns the fewest of several tries, since the runtime allocates, too.
func cold(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	fewest := uint64(math.MaxUint64)
	for range 5 {
		runtime.GC()
		runtime.GC() // what a pool holds outlives the first
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		fewest = min(fewest, after.Mallocs-before.Mallocs)
	}
	return fewest
}

func testCold[T number](t *testing.T) {
	k, n := kindOf[T](), few[T]()
	for _, c := range []struct {
		x     tensor
		small bool
	}{
		{dense(t, layout.NC, 1, 1), true},
		{dense(t, layout.NC, 1, n), true}, {dense(t, layout.NC, 1, n+1), false},
		{dense(t, layout.NCW, n, 1, 4096/n), true}, {dense(t, layout.NCW, 1, 1, 4096), true}, {dense(t, layout.NCW, 1, 1, 4097), true},
	} {
		src, dst := make([]T, c.x.length), make([]T, c.x.length)
		m := draw(t, newDropout(t, 0.5), c.x.geom)
		for name, do := range map[string]apply[T]{
			"Apply": func(dst, src []T, m *mask.Mask, g layout.Geometry) error { return k.apply(dst, src, m, g) },
			"AddTo": func(dst, src []T, m *mask.Mask, g layout.Geometry) error { return k.addTo(dst, src, m, g) },
		} {
			got := cold(func() {
				if err := do(dst, src, m, c.x.geom); err != nil {
					t.Fatal(err)
				}
			})
			if small := got == 0; small != c.small {
				t.Errorf("%s: %s allocates %d times with nothing to reuse", c.x.name, name, got)
			}
		}
	}
}

// The factors of a small call are on its stack, so that it needs no warm-up. The stack has
// no room for more.
func TestSmallCallsNeverAllocate(t *testing.T) {
	if instrumented {
		return // the race detector allocates
	}
	t.Run("float32", testCold[float32])
	t.Run("float64", testCold[float64])
	t.Run("float16", testCold[float16])
	t.Run("bfloat16", testCold[bfloat16])
}
