package reference

import (
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// precision is the largest relative error of three roundings to each type.
var precision = map[mask.Type]float64{mask.Float32: 0x1p-22, mask.Float64: 0x1p-51, mask.Float16: 0x1p-9, mask.BFloat16: 0x1p-6}

// What is kept has the sum of all in the mean, up to roundings, or that is left to evaluation.
func TestRulesKeepTheMean(t *testing.T) {
	for _, k := range Types {
		for _, rate := range []float64{0.05, 0.1, 0.25, 1.0 / 3, 0.5, 0.9} {
			q := 1 - rate
			for _, rule := range []mask.Rule{mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient, mask.CompiledQuotient, mask.Expectation} {
				n := NumbersOf(rule, rate, q, k)
				want := 1 / q
				if n.Divides || rule == mask.Expectation {
					want = q
				}
				if divides := rule == mask.Quotient || rule == mask.CompiledQuotient && k.Type == mask.BFloat16; n.Divides != divides || n.Shifts || math.Abs(n.Factor/want-1) > precision[k.Type] {
					t.Errorf("%v of %v, rate %v: %+v, want %v", rule, k.Type, rate, n, want)
				}
			}
		}
	}
}

// Of elements with mean 0 and variance 1, alpha dropout keeps both.
func TestAlphaKeepsMeanAndVariance(t *testing.T) {
	for _, k := range Types {
		for _, rate := range []float64{0.05, 0.1, 0.25, 1.0 / 3, 0.5, 0.9} {
			q, n := 1-rate, NumbersOf(mask.Alpha, rate, 1-rate, k)
			mean := q*n.Kept + rate*n.Dropped
			variance := q*(n.Factor*n.Factor+n.Kept*n.Kept) + rate*n.Dropped*n.Dropped
			if tolerance := 4 * precision[k.Type]; !n.Shifts || math.Abs(mean) > tolerance || math.Abs(variance-1) > tolerance {
				t.Errorf("%v, rate %v: %+v, mean %v and variance %v", k.Type, rate, n, mean, variance)
			}
			if gradient := NumbersOf(mask.AlphaGradient, rate, q, k); gradient != (Numbers{Factor: n.Factor}) {
				t.Errorf("%v, rate %v: the gradient has %+v, want the factor of %+v", k.Type, rate, gradient, n)
			}
		}
	}
}
