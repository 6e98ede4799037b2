package spatialdropout_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func TestRampGrowsInEqualParts(t *testing.T) {
	ramp := spatialdropout.Ramp(8)
	for step, want := range []float64{0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.4} {
		if got := ramp.Rate(0.4, uint64(step)); math.Abs(got-want) > 1e-16 {
			t.Errorf("step %d has rate %v, want %v", step, got, want)
		}
	}
	if got := ramp.Rate(0.4, math.MaxUint64); got != 0.4 {
		t.Errorf("in the end the rate is %v", got)
	}
	if got := spatialdropout.Ramp(0).Rate(0.4, 0); got != 0.4 {
		t.Errorf("Ramp(0) begins at %v", got)
	}
	if got := spatialdropout.Ramp(math.MaxUint64).Rate(1, math.MaxUint64-1); got > 1 {
		t.Errorf("a long ramp reaches %v", got)
	}
}

// The rate of a draw is that of its step, in a place that is drawn again and in a run
// that goes on as well.
func TestScheduleSetsTheRateOfAStep(t *testing.T) {
	x := dense(t, layout.NC, 6, 40)
	for name, stream := range streams(t) {
		opts := func() []spatialdropout.Option {
			return []spatialdropout.Option{spatialdropout.WithStream(stream()), spatialdropout.WithSchedule(spatialdropout.Ramp(6))}
		}
		d := newDropout(t, 0.6, opts()...)
		l := newLayer[float64](t, 0.6, opts()...)
		want := sequence{stream: stream()}
		for step := range 9 {
			rate := spatialdropout.Ramp(6).Rate(0.6, uint64(step))
			if d.Rate() != rate || l.Dropout().Rate() != rate {
				t.Fatalf("%s, step %d: rate %v, want %v", name, step, d.Rate(), rate)
			}
			m := draw(t, d, x.geom)
			if m.Rate() != rate || !m.Equal(want.draw(t, x, rate, mask.Each)) {
				t.Fatalf("%s, step %d: %v", name, step, m)
			}
			forward(t, l, filled[float64](x.length, 1), x.geom)
			if !maskOf(t, l).Equal(m) {
				t.Fatalf("%s, step %d: the layer's mask is %v", name, step, maskOf(t, l))
			}
			if rewinds(d.Generator().Stream()) {
				again, err := d.At(mask.Place{Step: uint64(step), Cursor: want.at.Cursor}, x.geom).Mask()
				if err != nil || again.Rate() != rate {
					t.Fatalf("%s, step %d again: %v, %v, want rate %v", name, step, again, err, rate)
				}
			}
		}
	}
}

// A rate that is not from 0 to 1 makes each call an error that writes nothing.
func TestSchedulesWithoutARateAreErrors(t *testing.T) {
	x := dense(t, layout.NC, 6, 40)
	for name, stream := range streams(t) {
		for _, bad := range []float64{math.NaN(), 2, -0.5, math.Inf(1)} {
			wrong := spatialdropout.WithSchedule(scheduled(func(rate float64, step uint64) float64 {
				if step == 1 {
					return bad
				}
				return rate
			}))
			l := newLayer[float32](t, 0.5, spatialdropout.WithStream(stream()), wrong)
			data := filled[float32](x.length, 1)
			forward(t, l, data, x.geom)
			p, before := l.Pass(), state(l.Dropout())
			var m *mask.Mask
			if rewinds(stream()) {
				m = maskOf(t, l)
			}
			dst := filled[float32](x.length, 7)
			for range 2 {
				wantError(t, name, l.Forward(dst, data, x.geom), fmt.Sprint(bad), "0 to 1")
			}
			if !same(dst, filled[float32](x.length, 7)) || state(l.Dropout()) != before || l.Pass() != p || m != nil && !maskOf(t, l).Equal(m) {
				t.Errorf("%s, rate %v: a failed Forward wrote, spent a step or replaced the pass", name, bad)
			}
			again, err := l.Dropout().At(mask.Place{Step: 1}, x.geom).Mask()
			wantError(t, name, err, fmt.Sprint(bad), "0 to 1")
			drawn, err := l.Dropout().Draw(x.geom)
			wantError(t, name+": Draw", err, fmt.Sprint(bad), "0 to 1")
			if again != nil || drawn != nil {
				t.Errorf("%s, rate %v: a mask besides the error", name, bad)
			}
			into := new(mask.Mask)
			wantError(t, name+": DrawInto", l.Dropout().DrawInto(into, x.geom), fmt.Sprint(bad), "0 to 1")
			if into.Samples() != 0 || state(l.Dropout()) != before {
				t.Errorf("%s, rate %v: a failed draw made a mask of %d samples or spent a step", name, bad, into.Samples())
			}
			// Evaluation that scales by it, too.
			e := newLayer[float32](t, 0.5, spatialdropout.WithStream(stream()), wrong, withRuleOn(stream(), mask.AtInference))
			atStep(t, e.Dropout(), 1)
			e.SetTraining(false)
			wantError(t, name+": evaluation", e.Forward(dst, data, x.geom), fmt.Sprint(bad), "0 to 1")
			wantError(t, name+": Backward", e.Backward(dst, data, x.geom), "without a Forward")
		}
	}
}
