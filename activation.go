package spatialdropout

import (
	"fmt"
	"math"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// Activation is a function of each element: [Linear], [ReLU], [ReLU6], a [ClippedReLU] or a
// [LeakyReLU]. The zero Activation is Linear. A NaN stays a NaN.
type Activation struct {
	form   form
	number float64 // the limit of a ReLU, the slope of a leaky one
}

// form is the formula of an activation.
type form uint8

const (
	linear form = iota
	rectified
	clipped
	leaky
)

var (
	// Linear is the identity.
	Linear = Activation{}
	// ReLU is max(t, 0). It is +0 for −0.
	ReLU = Activation{form: rectified}
	// ReLU6 is min(max(t, 0), 6), the activation of MobileNet.
	ReLU6 = Activation{clipped, 6}
)

// ClippedReLU returns the activation min(max(t, 0), limit). The limit is rounded once to the
// type of the data, and must be above 0 then.
func ClippedReLU(limit float64) Activation { return Activation{clipped, limit} }

// LeakyReLU returns the activation that is t where t > 0, and slope·t elsewhere. The slope is
// rounded once to the type of the data, and must be finite then.
func LeakyReLU(slope float64) Activation { return Activation{leaky, slope} }

// String returns the activation as it is written in Go.
func (a Activation) String() string {
	switch {
	case a.form == linear:
		return "Linear"
	case a.form == rectified:
		return "ReLU"
	case a.form == clipped:
		return fmt.Sprintf("ClippedReLU(%v)", a.number)
	}
	return fmt.Sprintf("LeakyReLU(%v)", a.number)
}

// check returns an error if the number is none that the activation can have in a kind.
func (a Activation) check(kind *kernel.Kind) error {
	x, want := kind.Type().Rounded(a.number), ""
	switch a.form {
	case clipped:
		if !(x > 0) {
			want = "a limit above 0"
		}
	case leaky:
		if x-x != 0 {
			want = "a finite slope"
		}
	}
	if want == "" {
		return nil
	}
	return &ArgumentError{"Activation", fmt.Sprintf("%v: the number is %v as %s", a, x, kind.String()), want}
}

// fusion returns the formula of the kernel around whose dropout the activation is.
func (a Activation) fusion(adds bool) kernel.Fusion {
	switch {
	case a.form == linear && adds:
		return kernel.FuseAdd
	case a.form == linear:
		return kernel.Fuse
	case a.form == leaky && adds:
		return kernel.FuseLeakyAdd
	case a.form == leaky:
		return kernel.FuseLeaky
	case adds:
		return kernel.FuseReLUAdd
	}
	return kernel.FuseReLU
}

// gradient returns the formula of the gradient, from the input or from the output.
func (a Activation) gradient(output bool) kernel.Fusion {
	switch {
	case a.form == linear:
		return kernel.Grad
	case a.form == leaky && output:
		return kernel.GradLeakyOut
	case a.form == leaky:
		return kernel.GradLeaky
	case output:
		return kernel.GradReLUOut
	}
	return kernel.GradReLU
}

// limit returns the number that the kernel takes.
func (a Activation) limit() float64 {
	if a.form == rectified {
		return math.Inf(1)
	}
	return a.number
}
