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
	// WideReciprocal is x · fl(1/fl(q)), where q is rounded to float32 if the data are
	// halves: that of PyTorch from version 2 on.
	WideReciprocal
	// RoundedReciprocal is x · fl(1/fl(q)), where q is rounded to the data's type:
	// PyTorch's before version 2.
	RoundedReciprocal
	// Quotient is x / fl(q), a true division: that of Keras on PyTorch, and of JAX in the
	// output of a function that jax.vjp or jax.grad takes and that is not compiled. To a
	// half q is rounded by way of float32. A dropped element is +0, whatever the policy.
	Quotient
	// CompiledQuotient is what XLA makes of x / fl(q), where it knows q: RoundedReciprocal,
	// but of bfloat16 Quotient, since it multiplies those by a float32 and the rounded
	// product is the quotient. It is JAX's, Flax's and that of Keras on JAX, in plain calls,
	// in compiled functions and in all gradients.
	CompiledQuotient
	// Unscaled is x: for dropout whose evaluation scales, and for none at all.
	Unscaled
	// Expectation is x · fl(q): what evaluation does where training is Unscaled.
	Expectation
	// Alpha is x·a + b, and b' for a dropped element: feature alpha dropout
	// (Klambauer et al. 2017), which keeps mean and variance of the activations of
	// self-normalising networks. With α = 1.7580993408473766 and
	// a = 1/√((α²·rate+1)·q), b = α·a·rate and b' = b − α·a, in the roundings of
	// PyTorch: after each operation to the type, with scalars that are rounded to float32
	// before halves are multiplied by them, and to the half before they are added.
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
		return [...]string{"Reciprocal", "WideReciprocal", "RoundedReciprocal", "Quotient", "CompiledQuotient", "Unscaled", "Expectation", "Alpha", "AlphaGradient", "Gaussian"}[r]
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

// once returns f rounded to each type.
func once(f float64) numbers {
	return numbers{math.Float64bits(f), math.Float32bits(float32(f)), half(f, 10, 5), half(f, 7, 8)}
}

// twice returns f rounded to each type, to a half by way of float32: how frameworks
// give numbers of Python to halves.
func twice(f float64) numbers {
	n := once(float64(float32(f)))
	n.f64 = math.Float64bits(f)
	return n
}

// half returns the bits of f rounded to the nearest number with so many bits of
// fraction and exponent, ties to even.
func half(f float64, fraction, exponent int) uint16 {
	if math.IsNaN(f) {
		return uint16(1<<(exponent+1)-1) << (fraction - 1) // quiet
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

// wideReciprocal returns the factor of the rule of this name.
func wideReciprocal(q float64) numbers {
	f32 := 1 / float32(q)
	return numbers{math.Float64bits(1 / q), math.Float32bits(f32), half(float64(f32), 10, 5), half(float64(f32), 7, 8)}
}

// compiledQuotient returns the factor of the rule of this name, the divisor of bfloat16.
func compiledQuotient(q float64) numbers {
	n := roundedReciprocal(q)
	n.bf16 = twice(q).bf16
	return n
}

// roundedReciprocal returns the factor of the rule of this name. A quotient of halves
// that float32 rounds first comes to the same.
func roundedReciprocal(q float64) numbers {
	n := wideReciprocal(q)
	n.f16 = half(float64(1/value(half(q, 10, 5), 10, 5)), 10, 5)
	n.bf16 = half(float64(1/value(half(q, 7, 8), 7, 8)), 7, 8)
	return n
}

// alphaNumbers returns what PyTorch's alpha dropout, with noise m of 1 or 0, multiplies
// elements by, m·a, and what it adds to kept and to dropped ones, (m−1)·(αa) + αa·rate.
// It rounds to the type after each operation. For halves a scalar is rounded to float32,
// and to the half as well before it is added.
func alphaNumbers(a, rate float64) (factor, kept, dropped numbers) {
	s := float64(alpha * a)
	b := float64(s * rate)
	factor, kept = twice(a), twice(b)
	dropped = numbers{math.Float64bits(b - s), math.Float32bits(float32(b) - float32(s)), minus(kept.f16, s, 10, 5), minus(kept.bf16, s, 7, 8)}
	return factor, kept, dropped
}

// minus returns a half less s, which is a float32 and then a half.
func minus(bits uint16, s float64, fraction, exponent int) uint16 {
	other := value(half(float64(float32(s)), fraction, exponent), fraction, exponent)
	return half(float64(value(bits, fraction, exponent)-other), fraction, exponent)
}

// value returns a half as float32.
func value(bits uint16, fraction, exponent int) float32 {
	e, digits := int(bits<<1>>1>>fraction), int(bits)&(1<<fraction-1)
	var x float64
	switch bias := 1<<(exponent-1) - 1; e {
	case 0:
		x = math.Ldexp(float64(digits), 1-bias-fraction)
	case 1<<exponent - 1:
		x = math.Inf(1)
	default:
		x = math.Ldexp(float64(digits|1<<fraction), e-bias-fraction)
	}
	if bits>>15 == 1 {
		x = -x
	}
	return float32(x)
}
