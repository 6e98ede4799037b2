package spatialdropout_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/extreme"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Nothing is drawn for tensors without elements, however many samples and channels they
// have: a mask of them would not fit into memory.
func TestNothingIsDrawnForNothing(t *testing.T) {
	empties := []layout.Geometry{dense(t, layout.NCHW, 2, 3, 0, 4).geom}
	for _, dims := range [][2]int{{math.MaxInt / 64, 1}, {math.MaxInt >> 18, 1 << 10}, {1, math.MaxInt - 1}} {
		g, err := layout.NCHW.Of(dims[0], dims[1], 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		empties = append(empties, g)
	}
	doubling(t, func(name string, opts func() []spatialdropout.Option) {
		for _, g := range empties {
			what := func() string { return fmt.Sprintf("%s, %v", name, g) }
			d, l := newDropout(t, 0.5, opts()...), newLayer[float32](t, 0.5, opts()...)
			none := spatialdropout.Of[float32](nil, g)
			var p spatialdropout.Pass
			extreme.Check(t, what, func() (err error) { p, err = d.Forward(none, none); return err })
			extreme.Check(t, what, func() error { return p.Backward(none, none) })
			extreme.Check(t, what, func() error { return p.AddTo(none, none) })
			extreme.Check(t, what, func() error { return p.Forward(none, none) })
			extreme.Check(t, what, func() error { return l.Forward(nil, nil, g) })
			extreme.Check(t, what, func() error { return l.Backward(nil, nil, g) })
			if samples, channels := g.Samples(), g.Channels(); l.Pass().Place() != (mask.Place{}) || d.State() != l.Dropout().State() || d.State().Step != 1 {
				t.Errorf("%s: %d×%d leave %+v and %+v", name, samples, channels, d.State(), l.Dropout().State())
			}
			// The stream is where a draw leaves it.
			if g == empties[0] {
				drawn := newDropout(t, 0.5, opts()...)
				draw(t, drawn, g)
				if got := d.State(); got != drawn.State() {
					t.Errorf("%s: the state %+v, want %+v", what(), got, drawn.State())
				}
				x := dense(t, layout.NC, 3, 70)
				if got, want := draw(t, d, x.geom), draw(t, drawn, x.geom); !got.Equal(want) {
					t.Errorf("%s: the next mask is another one", what())
				}
			}
		}
	})
}

// A mask that no memory holds is an error, and no step is spent.
func TestMasksTooLargeAreRefused(t *testing.T) {
	g, err := layout.NC.Of(1, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	d := newDropout(t, 0.5)
	m := new(mask.Mask)
	for name, call := range map[string]func() error{
		"Draw":     func() error { _, err := d.Draw(g); return err },
		"DrawInto": func() error { return d.DrawInto(m, g) },
		"Mask":     func() error { _, err := d.At(mask.Place{}, g).Mask(); return err },
	} {
		extreme.Check(t, func() string { return name }, func() error {
			err := call()
			if err == nil {
				t.Errorf("%s of %v: no error", name, g)
			}
			return err
		})
	}
	if d.State().Step != 0 {
		t.Errorf("step %d, want 0", d.State().Step)
	}
	// A Forward without such a tensor names its length.
	if _, err := d.Forward(spatialdropout.Of[float32](nil, g), spatialdropout.Of[float32](nil, g)); err == nil {
		t.Error("no error of a tensor that does not exist")
	}
}

// Workers are checked where there is nothing to do, too.
func TestNegativeWorkersAreRefused(t *testing.T) {
	for _, x := range []tensor{dense(t, layout.NCHW, 2, 3, 0, 4), dense(t, layout.NCHW, 1, 3, 2, 4), dense(t, layout.NHWC, 2, 40, 40, 3), {name: "the zero Geometry"}} {
		m := draw(t, newDropout(t, 0.5), x.geom)
		dst, src := spatialdropout.Of(make([]float32, x.length), x.geom), spatialdropout.Of(filled[float32](x.length, 3), x.geom)
		for _, workers := range []int{-1, math.MinInt} {
			for name, err := range map[string]error{"ApplyTensor": spatialdropout.ApplyTensor(dst, src, m, workers), "AddToTensor": spatialdropout.AddToTensor(dst, src, m, workers)} {
				if !refusesKernel(err, "workers") || err.Error() != fmt.Sprintf("kernel: %d workers, want 0 or more", workers) {
					t.Errorf("%s of %s with %d workers: %v, want a *kernel.ArgumentError of the workers", name, x.name, workers, err)
				}
			}
		}
	}
}
