package kernel

import (
	"fmt"
	"math"
)

// Activation is a function of each element: [ReLU], a [ClippedReLU] or a [LeakyReLU]. The zero Activation is the
// identity. A NaN stays a NaN.
type Activation struct {
	form   activation
	number float64 // the limit of a clipped one, the slope of a leaking one
}

// ReLU is max(t, 0). It is +0 for −0.
var ReLU = Activation{form: rectified}

// ClippedReLU returns the activation min(max(t, 0), limit): that of MobileNet, ReLU6, has the limit 6. The limit is
// rounded once to the type of the data, and must be above 0 then.
func ClippedReLU(limit float64) Activation { return Activation{clipped, limit} }

// LeakyReLU returns the activation that is t where t > 0, and slope·t elsewhere. The slope is
// rounded once to the type of the data, and must be finite then.
func LeakyReLU(slope float64) Activation { return Activation{leaking, slope} }

// String returns the activation as it is written in Go.
func (a Activation) String() string {
	switch a.form {
	case rectified:
		return "ReLU"
	case clipped:
		return fmt.Sprintf("ClippedReLU(%v)", a.number)
	case leaking:
		return fmt.Sprintf("LeakyReLU(%v)", a.number)
	}
	return "Activation{}"
}

// Check returns an [*ArgumentError] of "Activation" if the number is none that a can have in a kind. For a gradient from
// the output it returns one of "Output" if the sign of the output does not say on which side the input was: if a has a
// finite limit or a negative slope.
func (a Activation) Check(kind *Kind, output bool) error {
	if a.form != clipped && a.form != leaking {
		return nil // inlined
	}
	return a.check(kind, output)
}

// check is Check of an activation with a number.
func (a Activation) check(kind *Kind, output bool) error {
	x, want := kind.Type().Rounded(a.number), ""
	switch leaks := a.form == leaking; {
	case leaks && x-x != 0:
		want = "a finite slope"
	case !leaks && !(x > 0):
		want = "a limit above 0"
	case output && (leaks && a.number < 0 || !leaks && !math.IsInf(x, 1)):
		return refused("Output", "the input: the sign of the output does not say where it was", "%v: a gradient from the output", a)
	default:
		return nil
	}
	return refused("Activation", want, "%v: the number is %v as %s", a, x, kind.String())
}

// limit returns the number that a kernel takes.
func (a Activation) limit() float64 {
	if a.form == rectified {
		return math.Inf(1)
	}
	return a.number
}
