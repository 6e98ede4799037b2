package spatialdropout_test

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// allocs returns the allocations of a call after warm-up. A collection would
// empty the pools, so there is none meanwhile.
func allocs(f func()) float64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	warm, runs := 20, 100
	if testing.Short() {
		warm, runs = 4, 16 // under emulators, which allocate as processors do
	}
	for range warm {
		f()
	}
	return testing.AllocsPerRun(runs, f)
}

func testAllocs[T number](t *testing.T) {
	k := kindOf[T]()
	for _, x := range []tensor{
		dense(t, layout.NCHW, 4, 33, 8, 9), dense(t, layout.NHWC, 4, 8, 9, 33), dense(t, layout.NHWC, 4, 64, 64, 3),
		dense(t, layout.NCHW8c, 2, 11, 3, 3), strided(t, []int{2, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1),
		dense(t, layout.NCHW, 1, 4, 3, 3), dense(t, layout.NHWC, 2, 3, 3, 4), // small
	} {
		src, dst := make([]T, x.length), make([]T, x.length)
		drop := newDropout(t, 0.5)
		m := drop.Draw(x.geom)
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		// What is given to a function that a variable holds escapes.
		alone, two := []spatialdropout.Workers{1}, []spatialdropout.Workers{2}
		cases := map[string]func(){
			"DrawInto":                func() { drop.DrawInto(m, x.geom) },
			"Apply":                   func() { check(k.apply(dst, src, m, x.geom)) },
			"Apply in place":          func() { check(k.apply(dst, dst, m, x.geom)) },
			"Apply with one worker":   func() { check(k.apply(dst, src, m, x.geom, alone...)) },
			"Apply with two workers":  func() { check(k.apply(dst, src, m, x.geom, two...)) },
			"AddTo":                   func() { check(k.addTo(dst, src, m, x.geom)) },
			"AddTo with two workers":  func() { check(k.addTo(dst, src, m, x.geom, two...)) },
			"mask.Reset and a redraw": func() { check(m.Reset(x.samples, x.channels, 0.5, mask.Arithmetic{})); drop.DrawInto(m, x.geom) },
		}
		for _, text := range streamTexts() {
			d := newDropout(t, 0.5, spatialdropout.WithStream(streamOf(t, text)))
			at := d.Advance(x.geom)
			cases["ApplyAt of "+text] = func() { check(k.applyAt(dst, src, d, at, x.geom)) }
			cases["AddToAt of "+text+" with two workers"] = func() { check(k.addToAt(dst, src, d, d.Advance(x.geom), x.geom, two...)) }
		}
		for _, s := range []mask.Sharing{mask.PerChannel, mask.PerSample, mask.FixedCount} {
			d := newDropout(t, 0.5, spatialdropout.WithSharing(s))
			cases[fmt.Sprintf("ApplyAt shared %v", s)] = func() { check(k.applyAt(dst, src, d, d.Advance(x.geom), x.geom)) }
		}
		alpha, gaussian := newDropout(t, 0.5, spatialdropout.WithAlpha()), newDropout(t, 0.5, spatialdropout.WithGaussian())
		cases["ApplyAt of alpha dropout"] = func() { check(k.applyAt(dst, src, alpha, alpha.Advance(x.geom), x.geom)) }
		cases["ApplyAt of Gaussian noise"] = func() { check(k.applyAt(dst, src, gaussian, gaussian.Advance(x.geom), x.geom)) }
		alphaLayer := newLayer[T](t, 0.5, spatialdropout.WithAlpha(), spatialdropout.WithStream(&mask.PyTorch{}))
		cases["Layer of alpha dropout"] = func() { check(alphaLayer.Forward(dst, src, x.geom)); check(alphaLayer.BackwardAddTo(dst, src, x.geom)) }
		small := dense(t, layout.NC, 1, 1)
		one := drop.Draw(small.geom)
		cases["Apply of two sizes in turn"] = func() {
			check(k.apply(dst, src, m, x.geom))
			check(k.apply(dst[:1], src[:1], one, small.geom))
		}
		for _, w := range []spatialdropout.Workers{1, 2} {
			for _, training := range []bool{true, false} {
				l := newLayer[T](t, 0.5, spatialdropout.WithWorkers(w))
				l.SetTraining(training)
				check(l.Forward(dst, src, x.geom))
				name := fmt.Sprintf(" with %d workers, training %v", w, training)
				cases["Layer.Forward"+name] = func() { check(l.Forward(dst, src, x.geom)) }
				cases["Layer.Backward"+name] = func() { check(l.Backward(dst, src, x.geom)) }
				cases["Layer.BackwardAddTo"+name] = func() { check(l.BackwardAddTo(dst, src, x.geom)) }
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
	if raceEnabled {
		return // sync.Pool throws away at random then
	}
	t.Run("float32", testAllocs[float32])
	t.Run("float64", testAllocs[float64])
	t.Run("float16", testAllocs[float16])
	t.Run("bfloat16", testAllocs[bfloat16])
}

// A caller's mask, geometry and number of workers stay on its stack.
func TestArgumentsDoNotEscape(t *testing.T) {
	if raceEnabled {
		return // sync.Pool throws away at random then
	}
	for _, x := range []tensor{dense(t, layout.NC, 2, 3), dense(t, layout.NC, 3, 51)} {
		drawn := newDropout(t, 0.5).Draw(x.geom)
		f32s, f64s, f16s, bf16s := make([]float32, x.length), make([]float64, x.length), make([]float16, x.length), make([]bfloat16, x.length)
		for name, f := range map[string]func() error{
			"Apply of float32": func() error { m, g := *drawn, x.geom; return spatialdropout.Apply(f32s, f32s, &m, g, 2) },
			"AddTo of float32": func() error { m, g := *drawn, x.geom; return spatialdropout.AddTo(f32s, f32s, &m, g, 2) },
			"Apply of float64": func() error { m, g := *drawn, x.geom; return spatialdropout.Apply(f64s, f64s, &m, g, 2) },
			"AddTo of float64": func() error { m, g := *drawn, x.geom; return spatialdropout.AddTo(f64s, f64s, &m, g, 2) },
			"ApplyF16":         func() error { m, g := *drawn, x.geom; return spatialdropout.ApplyF16(f16s, f16s, &m, g, 2) },
			"AddToF16":         func() error { m, g := *drawn, x.geom; return spatialdropout.AddToF16(f16s, f16s, &m, g, 2) },
			"ApplyBF16":        func() error { m, g := *drawn, x.geom; return spatialdropout.ApplyBF16(bf16s, bf16s, &m, g, 2) },
			"AddToBF16":        func() error { m, g := *drawn, x.geom; return spatialdropout.AddToBF16(bf16s, bf16s, &m, g, 2) },
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

// cold returns the allocations of a call after a garbage collection has emptied
// every pool: the fewest of some, since the runtime allocates for itself, too.
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
		{dense(t, layout.NCW, n, 1, 4096/n), true}, {dense(t, layout.NCW, 1, 1, 4096), true}, {dense(t, layout.NCW, 1, 1, 4097), false},
	} {
		src, dst := make([]T, c.x.length), make([]T, c.x.length)
		m := newDropout(t, 0.5).Draw(c.x.geom)
		for name, do := range map[string]apply[T]{"Apply": k.apply, "AddTo": k.addTo} {
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

// The factors of a small call are on its stack, which has room for no more: it
// needs no warm-up.
func TestSmallCallsNeverAllocate(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates
	}
	t.Run("float32", testCold[float32])
	t.Run("float64", testCold[float64])
	t.Run("float16", testCold[float16])
	t.Run("bfloat16", testCold[bfloat16])
}
