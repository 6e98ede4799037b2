package spatialdropout_test

import (
	"fmt"
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
	for range 20 {
		f()
	}
	return testing.AllocsPerRun(100, f)
}

func TestNothingAllocatesAfterWarmUp(t *testing.T) {
	if raceEnabled {
		return // sync.Pool throws away at random then
	}
	for _, x := range []tensor{
		dense(t, layout.NCHW, 4, 33, 8, 9), dense(t, layout.NHWC, 4, 8, 9, 33), dense(t, layout.NHWC, 4, 64, 64, 3),
		dense(t, layout.NCHW8c, 2, 11, 3, 3), strided(t, []int{2, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1),
	} {
		src, dst := make([]float32, x.length), make([]float32, x.length)
		drop := newDropout(t, 0.5)
		m := drop.Draw(x.geom)
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		cases := map[string]func(){
			"DrawInto":                func() { drop.DrawInto(m, x.geom) },
			"Apply":                   func() { check(spatialdropout.Apply(dst, src, m, x.geom)) },
			"Apply in place":          func() { check(spatialdropout.Apply(dst, dst, m, x.geom)) },
			"Apply with one worker":   func() { check(spatialdropout.Apply(dst, src, m, x.geom, 1)) },
			"Apply with two workers":  func() { check(spatialdropout.Apply(dst, src, m, x.geom, 2)) },
			"AddTo":                   func() { check(spatialdropout.AddTo(dst, src, m, x.geom)) },
			"AddTo with two workers":  func() { check(spatialdropout.AddTo(dst, src, m, x.geom, 2)) },
			"mask.Reset and a redraw": func() { check(m.Reset(x.samples, x.channels, 0.5, mask.Select)); drop.DrawInto(m, x.geom) },
		}
		small := dense(t, layout.NC, 1, 1)
		one := drop.Draw(small.geom)
		cases["Apply of two sizes in turn"] = func() {
			check(spatialdropout.Apply(dst, src, m, x.geom))
			check(spatialdropout.Apply(dst[:1], src[:1], one, small.geom))
		}
		for _, w := range []spatialdropout.Workers{1, 2} {
			for _, training := range []bool{true, false} {
				l := newLayer[float32](t, 0.5, spatialdropout.WithWorkers(w))
				l.SetTraining(training)
				check(l.Forward(dst, src, x.geom))
				name := fmt.Sprintf(" with %d workers, training %v", w, training)
				cases["Layer.Forward"+name] = func() { check(l.Forward(dst, src, x.geom)) }
				cases["Layer.Backward"+name] = func() { check(l.Backward(dst, src, x.geom)) }
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
