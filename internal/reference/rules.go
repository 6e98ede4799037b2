package reference

import (
	"math"
	"math/big"

	"github.com/spatialdropout/spatialdropout/mask"
)

// Type is a type of data, with the format of its numbers if they are halves.
type Type struct {
	mask.Type
	*Half
}

// Types are the four types.
var Types = []Type{{Type: mask.Float32}, {Type: mask.Float64}, {mask.Float16, Float16}, {mask.BFloat16, BFloat16}}

// Round rounds to the type.
func (k Type) Round(x float64) float64 {
	switch {
	case k.Type == mask.Float64 || math.IsNaN(x):
		return x
	case k.Half != nil:
		return k.Half.Rounded(x)
	}
	return float64(float32(x))
}

// Scalar rounds to the type in which frameworks compute: float32, or float64 for float64.
func (k Type) Scalar(x float64) float64 {
	if k.Type == mask.Float64 {
		return x
	}
	return float64(float32(x))
}

// Numbers are what a rule does to the elements of a channel.
type Numbers struct {
	Factor        float64 // what a kept element is multiplied by, or divided by
	Divides       bool
	Shifts        bool
	Kept, Dropped float64 // what is added to a kept and to a dropped element
}

// NumbersOf computes, from the documentation of a rule, the numbers of a rate between 0 and 1. q is the
// share that is kept: 1−rate, or that of a fixed count.
func NumbersOf(rule mask.Rule, rate, q float64, k Type) Numbers {
	const α = 1.7580993408473766
	switch rule {
	case mask.Reciprocal:
		return Numbers{Factor: k.Round(Quotient(1, q))}
	case mask.WideReciprocal:
		return Numbers{Factor: k.Round(k.Scalar(Quotient(1, k.Scalar(q))))}
	case mask.CompiledQuotient:
		if k.Type == mask.BFloat16 {
			return Numbers{Factor: k.Round(k.Scalar(q)), Divides: true}
		}
		fallthrough
	case mask.RoundedReciprocal:
		return Numbers{Factor: k.Round(k.Scalar(Quotient(1, k.Round(q))))}
	case mask.Quotient:
		return Numbers{Factor: k.Round(k.Scalar(q)), Divides: true}
	case mask.Expectation:
		return Numbers{Factor: k.Round(q)}
	case mask.Unscaled, mask.AtInference:
		return Numbers{Factor: 1}
	case mask.Alpha, mask.AlphaGradient:
		a := Quotient(1, root(product(Sum(product(product(α, α), rate), 1), q)))
		n := Numbers{Factor: k.Round(k.Scalar(a))}
		if rule == mask.Alpha {
			// PyTorch's noise is 1 or 0: it computes b = (noise−1)·(αa) + αa·rate and noise·a.
			// With halves, a scalar is rounded to float32 in a product and to the half in a sum.
			s := k.Scalar(product(α, a))
			n.Shifts, n.Kept = true, k.Round(k.Scalar(product(product(α, a), rate)))
			n.Dropped = k.Round(k.Scalar(Sum(k.Round(-s), n.Kept)))
		}
		return n
	}
	panic("no oracle of " + rule.String())
}

// exact returns x with so many bits that products and sums of float64 are exact.
func exact(x float64) *big.Float { return new(big.Float).SetPrec(1200).SetFloat64(x) }

// Quotient returns a/b rounded to float64. 200 bits decide: no quotient of two float64, and
// no root, is nearer to the middle between two float64 than that.
func Quotient(a, b float64) float64 {
	f, _ := new(big.Float).SetPrec(200).Quo(exact(a), exact(b)).Float64()
	return f
}

// Sum returns a+b rounded to float64.
func Sum(a, b float64) float64 {
	if math.IsInf(a, 0) || math.IsInf(b, 0) {
		return a + b
	}
	f, _ := new(big.Float).SetPrec(1200).Add(exact(a), exact(b)).Float64()
	return f
}

// product returns a·b rounded to float64, never fused with a sum.
func product(a, b float64) float64 {
	f, _ := new(big.Float).SetPrec(1200).Mul(exact(a), exact(b)).Float64()
	return f
}

func root(a float64) float64 {
	f, _ := new(big.Float).SetPrec(200).Sqrt(exact(a)).Float64()
	return f
}
