package spatialdropout_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// The sum with a residual hides the sign of what dropout made, so that its pass refuses to go from it.
func TestPassRefusesTheOutputOfASum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 91))
	x := dense(t, layout.NHWC, 2, 3, 4, 5)
	src, residual, dy := values[float32](r, x.length), values[float32](r, x.length), values[float32](r, x.length)
	of := func(data []float32) spatialdropout.Tensor { return spatialdropout.Of(data, x.geom) }
	relu := spatialdropout.Around{Activation: kernel.ReLU}
	for _, opts := range [][]spatialdropout.Option{nil, {spatialdropout.WithAlways()}} {
		d := newDropout(t, 0.5, opts...)
		for name, fuse := range map[string]func(dst, src, residual spatialdropout.Tensor, a spatialdropout.Around) (spatialdropout.Pass, error){
			"Fuse": d.Fuse, "FuseEvaluation": d.FuseEvaluation,
		} {
			y := make([]float32, x.length)
			summed, err := fuse(of(y), of(src), of(residual), relu)
			if err != nil {
				t.Fatal(err)
			}
			dx := slices.Clone(dy)
			err = summed.FuseBackward(of(dx), of(dy), spatialdropout.FromOutput(of(y)), relu)
			wantError(t, name+" with a residual, from the output", err, "ReLU", "residual", "want FromInput")
			if !refusesArgument(err, "from") {
				t.Errorf("%s: %#v, want an *ArgumentError of from", name, err)
			}
			if !same(dx, dy) {
				t.Errorf("%s: written before it failed", name)
			}
			for what, err := range map[string]error{
				"from the input":        summed.FuseBackward(of(dx), of(dy), spatialdropout.FromInput(of(src)), relu),
				"without an activation": summed.FuseBackward(of(dx), of(dy), spatialdropout.FromOutput(of(y)), spatialdropout.Around{}),
			} {
				if err != nil {
					t.Errorf("%s with a residual, %s: %v", name, what, err)
				}
			}
			alone, err := fuse(of(y), of(src), spatialdropout.Tensor{}, relu)
			if err != nil {
				t.Fatal(err)
			}
			if err := alone.FuseBackward(of(dx), of(dy), spatialdropout.FromOutput(of(y)), relu); err != nil {
				t.Errorf("%s without a residual: %v", name, err)
			}
		}
	}
}

// Divided by the scale, the sum of dx over a channel is the gradient of its shift, and that of dx·x the
// gradient of its scale, as finite differences say.
func TestGradientsOfScaleAndShiftFollowFromThatOfTheInput(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 92))
	const channels, positions = 6, 20
	x := dense(t, layout.NCHW, 3, channels, 4, 5)
	src, dy := make([]float64, x.length), make([]float64, x.length)
	for i := range src {
		src[i], dy[i] = r.NormFloat64(), r.NormFloat64()
	}
	scale, shift := []float64{1.5, -0.5, 2, 0.25, -3, 1}, []float64{0.5, 0, -0.25, 1, 0.125, -1}
	around := spatialdropout.Around{Scale: kernel.Of(scale), Shift: kernel.Of(shift), Activation: kernel.LeakyReLU(0.25)}
	m := draw(t, newDropout(t, 0.3), x.geom)
	loss := func() (sum float64) {
		y := make([]float64, x.length)
		if err := spatialdropout.Fuse(y, src, nil, m, around, x.geom); err != nil {
			t.Fatal(err)
		}
		for i := range y {
			sum += y[i] * dy[i]
		}
		return sum
	}
	dx := make([]float64, x.length)
	if err := spatialdropout.FuseBackward(dx, dy, spatialdropout.FromInput(spatialdropout.Of(src, x.geom)), m, around, x.geom); err != nil {
		t.Fatal(err)
	}
	var ofScale, ofShift [channels]float64
	for i := range dx {
		c := i / positions % channels
		ofScale[c] += dx[i] * src[i] / scale[c]
		ofShift[c] += dx[i] / scale[c]
	}
	const step = 0x1p-24
	for c := range channels {
		for name, number := range map[string]*float64{"scale": &scale[c], "shift": &shift[c]} {
			got, before := ofScale[c], *number
			if name == "shift" {
				got = ofShift[c]
			}
			*number = before + step
			above := loss()
			*number = before - step
			want := (above - loss()) / (2 * step)
			*number = before
			if math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
				t.Errorf("channel %d: the gradient of the %s is %v, the quotient of differences %v", c, name, got, want)
			}
		}
	}
}
