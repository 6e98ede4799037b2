package mask

import (
	"fmt"
	"math"
)

// Policy says what becomes of an element of a dropped channel.
type Policy uint8

const (
	// Select writes +0 and does not use the source, so that NaN and Inf in a
	// dropped channel vanish.
	Select Policy = iota
	// Multiply writes the IEEE product with 0, as PyTorch does: NaN and Inf
	// give NaN, a negative number gives -0.
	Multiply
)

// String returns the policy's name.
func (p Policy) String() string {
	switch p {
	case Select:
		return "Select"
	case Multiply:
		return "Multiply"
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// Rule says what a kept element x becomes. q is the probability that a channel is
// kept, 1−rate, as a float64, and fl(·) rounds once to the data's type, to the
// nearest, ties to even. Each arithmetic operation is rounded.
type Rule uint8

const (
	// Reciprocal is x · fl(1/q): inverted dropout, ours and TensorFlow's.
	Reciprocal Rule = iota
	// RoundedReciprocal is x · fl(1/fl(q)), where the inner fl rounds halves to float32: PyTorch's.
	RoundedReciprocal
	// Quotient is x / fl(q), a true division: JAX's, Flax's and that of Keras on JAX.
	Quotient
	// Unscaled is x: for dropout whose evaluation scales, and for none at all.
	Unscaled
	// Expectation is x · fl(q): what evaluation does where training is Unscaled.
	Expectation
	// Alpha is x·a + b, and b' for a dropped element: feature alpha dropout
	// (Klambauer et al. 2017), which keeps mean and variance of the activations of
	// self-normalising networks. With α = 1.7580993408473766 and
	// a = 1/√((α²·rate+1)·q), b = α·a·rate and b' = b − α·a, in the roundings of
	// PyTorch: see [Mask.Alpha].
	Alpha
	// AlphaGradient is x·a: the gradient of Alpha, see [Mask.Gradient].
	AlphaGradient
	// Gaussian is x·(1+σ·z) with σ² = rate/q and a standard normal z for every
	// channel: multiplicative noise of mean 1 (Srivastava et al. 2014, section 10).
	// Nothing is dropped. See [Philox.DrawGaussian].
	Gaussian
	rules
)

// String returns the rule's name.
func (r Rule) String() string {
	if r < rules {
		return [...]string{"Reciprocal", "RoundedReciprocal", "Quotient", "Unscaled", "Expectation", "Alpha", "AlphaGradient", "Gaussian"}[r]
	}
	return fmt.Sprintf("Rule(%d)", uint8(r))
}

// Arithmetic is what is done with the elements once the channels are drawn. The
// zero Arithmetic is this package's own.
type Arithmetic struct {
	Policy Policy
	Rule   Rule
}

// check returns an error unless there is such arithmetic.
func (a Arithmetic) check() error {
	if a.Policy > Multiply {
		return fmt.Errorf("mask: %v, want Select or Multiply", a.Policy)
	}
	if a.Rule >= rules {
		return fmt.Errorf("mask: %v, want one of the rules of package mask", a.Rule)
	}
	return nil
}

// Type is the type of the data: what numbers are rounded to, and what some streams
// compare.
type Type uint8

const (
	Float32 Type = iota
	Float64
	Float16
	BFloat16
	types
)

// String returns the type's name, as NumPy and its relatives write it.
func (t Type) String() string {
	if t < types {
		return [...]string{"float32", "float64", "float16", "bfloat16"}[t]
	}
	return fmt.Sprintf("Type(%d)", uint8(t))
}

// alpha is −λ·α of the SELU activation, which alpha dropout lets dropped elements
// saturate to: PyTorch's constant, digit for digit.
const alpha = 1.7580993408473766

// numbers are the bits of one number in every type.
type numbers struct {
	f64       uint64
	f32       uint32
	f16, bf16 uint16
}

// once returns f rounded to each type. f is 0 or at least 2⁻¹⁴, what float16 has
// as normal numbers.
func once(f float64) numbers {
	return numbers{math.Float64bits(f), math.Float32bits(float32(f)), half(f, 10, 5), half(f, 7, 8)}
}

// half returns the bits of f rounded to the nearest number with so many bits of
// fraction and exponent, ties to even.
func half(f float64, fraction, exponent int) uint16 {
	if math.IsNaN(f) {
		return uint16(1<<(exponent+1)-1) << (fraction - 1)
	}
	bits := math.Float64bits(f)
	sign := uint16(bits >> 63 << (fraction + exponent))
	// The exponent of the result, from 1 on, and the bits that it has no room for.
	e := int(bits<<1>>53) - 1023 + 1<<(exponent-1) - 1
	cut := 52 - fraction
	if e < 1 {
		cut, e = cut+1-e, 1 // subnormal
	}
	if cut > 53 {
		return sign // less than half of the smallest number
	}
	digits := bits<<12>>12 | 1<<52
	rounded := (digits + 1<<(cut-1) - 1 + digits>>cut&1) >> cut
	// The leading one of a normal number adds 1 to the exponent's field.
	infinity := uint64(1<<exponent-1) << fraction
	return sign | uint16(min(uint64(e-1)<<fraction+rounded, infinity))
}

// factor returns what a kept element is multiplied by, in float64. Quotient's is
// never used as such, but says what it comes to.
func (r Rule) factor(q, rate float64) float64 {
	switch r {
	case Unscaled, Gaussian:
		return 1
	case Expectation:
		return q
	case Alpha, AlphaGradient:
		// Conversions keep the compiler from fusing a product with a sum.
		return 1 / math.Sqrt(float64((float64(float64(alpha*alpha)*rate)+1)*q))
	}
	return 1 / q
}

// roundedReciprocal returns what PyTorch's noise is for a kept channel: 1 divided by
// q, which is a float64 only for float64 data and a float32 for all others.
func roundedReciprocal(q float64) numbers {
	return twice(1/q, 1/float32(q))
}

// twice returns a number as float64 and float32, and the latter rounded to halves.
func twice(f64 float64, f32 float32) numbers {
	return numbers{math.Float64bits(f64), math.Float32bits(f32), half(float64(f32), 10, 5), half(float64(f32), 7, 8)}
}

// alphaShifts returns what PyTorch's alpha dropout adds to kept and to dropped
// elements: with noise m, 1 or 0, it computes ((m−1)·(αa) + αa·rate), rounding to
// the type after each operation. The scalars αa and αa·rate are float64 for float64
// data and float32 for all others, but αa·rate is a half where it is added to one.
func alphaShifts(a, rate float64) (kept, dropped numbers) {
	s := float64(alpha * a)
	b := float64(s * rate)
	s32, b32 := float32(s), float32(b)
	kept = twice(b, b32)
	dropped = numbers{math.Float64bits(b - s), math.Float32bits(b32 - s32), shift16(s32, b32, 10, 5), shift16(s32, b32, 7, 8)}
	return kept, dropped
}

// shift16 returns −s plus b, both rounded to halves, rounded again.
func shift16(s, b float32, fraction, exponent int) uint16 {
	minus, plus := half(float64(-s), fraction, exponent), half(float64(b), fraction, exponent)
	return half(float64(value(minus, fraction, exponent)+value(plus, fraction, exponent)), fraction, exponent)
}

// value returns a half, which is a number, as float32.
func value(bits uint16, fraction, exponent int) float32 {
	sign, e := float64(1-int(bits>>15)*2), int(bits<<1>>1>>fraction)
	digits := int(bits) & (1<<fraction - 1)
	switch e {
	case 0:
		e = 1 // subnormal
	case 1<<exponent - 1:
		return float32(math.Inf(int(sign)))
	default:
		digits |= 1 << fraction
	}
	return float32(sign * math.Ldexp(float64(digits), e-(1<<(exponent-1)-1)-fraction))
}
