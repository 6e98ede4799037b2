package mask

import (
	"fmt"
	"math"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/internal/missing"
)

// Policy says what an element of a dropped channel becomes.
type Policy uint8

const (
	// Select writes +0 and does not read the element: NaN and Inf in a dropped channel
	// vanish.
	Select Policy = iota
	// Multiply writes the IEEE product with 0, as PyTorch does: NaN and Inf give NaN, a
	// negative number gives -0.
	Multiply
	policies
)

var policyNames = [policies]string{"Select", "Multiply"}

// String returns the name of the policy.
func (p Policy) String() string {
	if p < policies {
		return policyNames[p]
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// MarshalText returns the name of the policy. It returns an [*ArgumentError] for an
// unknown one.
func (p Policy) MarshalText() ([]byte, error) {
	return marshalName(p, "policy", policyNames[:], int(p))
}

// UnmarshalText sets p to the policy with a name. It returns an [*ArgumentError] if
// there is none.
func (p *Policy) UnmarshalText(text []byte) error {
	i, err := unmarshalName(text, "policy", policyNames[:])
	if err == nil {
		*p = Policy(i)
	}
	return err
}

// Rule says what a kept element x becomes. q is the probability that a channel is kept,
// 1−rate, as a float64, and fl(·) rounds once to the type of the data, to nearest, ties
// to even. Every arithmetic operation is rounded.
//
// A number of float16 may be rounded to infinity or to 0: fl(1/q) is infinite at rates from
// 1 − 1/65520 (0.99998) up, and fl(q) is 0 at rates from 1 − 2⁻²⁵ up, or where a fixed count
// keeps one channel of so many. Elements become what IEEE arithmetic makes of such
// factors, as in the frameworks: x·∞ is ±∞, or NaN for 0. A kept element is never taken for
// a dropped one.
type Rule uint8

const (
	// Reciprocal is x · fl(1/q): inverted dropout, the default of this package and of
	// TensorFlow.
	Reciprocal Rule = iota
	// WideReciprocal is x · fl(1/fl(q)), where q is rounded to float32 if the data are
	// halves: PyTorch from version 2.
	WideReciprocal
	// RoundedReciprocal is x · fl(1/fl(q)), where q is rounded to the type of the data:
	// PyTorch before version 2.
	RoundedReciprocal
	// Quotient is x / fl(q), a true division: Keras on PyTorch, and JAX in the output of
	// a function under jax.vjp or jax.grad that is not compiled. For halves, q is rounded
	// to float32 first. A dropped element is +0; the policy must be [Select]. Where fl(q) is
	// 0, x/0 is computed as x·∞, which is the same.
	Quotient
	// CompiledQuotient is what XLA makes of x / fl(q) with a known q: RoundedReciprocal,
	// except for bfloat16, where it is Quotient, because XLA multiplies bfloat16 by a
	// float32 and the rounded product equals the quotient. It is the rule of JAX, Flax
	// and Keras on JAX in plain calls, in compiled functions and in all gradients.
	CompiledQuotient
	// Unscaled is x, in training and in evaluation.
	Unscaled
	// Expectation is x · fl(q): the evaluation of AtInference. Where fl(q) is 0, elements of
	// padding are multiplied by 0 as well.
	Expectation
	// Alpha is x·a + b, and b' for a dropped element: feature alpha dropout (Klambauer et
	// al. 2017), which keeps mean and variance of the activations of self-normalizing
	// networks. With α = 1.7580993408473766 and a = 1/√((α²·rate+1)·q), b = α·a·rate and
	// b' = b − α·a. Operations are rounded as in PyTorch: each to the type of the data;
	// for halves, a scalar is rounded to float32 before it is multiplied, and to the half
	// before it is added.
	Alpha
	// AlphaGradient is x·a: the gradient of Alpha, see [Mask.Gradient].
	AlphaGradient
	// Gaussian is x·(1+σ·z) with σ² = rate/q and a standard normal z for each channel of
	// each sample: multiplicative noise with mean 1 (Srivastava et al. 2014, section 10).
	// Nothing is dropped at rates below 1. Elements of padding, and of channels that
	// [Mask.Set] drops, are multiplied by 0. Factors of float16 beyond 65504 are infinite.
	// [Philox] says how z is drawn.
	Gaussian
	// AtInference is x in training and x · fl(q) in evaluation, as in the first papers on
	// dropout, see [Arithmetic.Evaluation].
	AtInference
	rules
)

var ruleNames = [rules]string{"Reciprocal", "WideReciprocal", "RoundedReciprocal", "Quotient", "CompiledQuotient", "Unscaled", "Expectation", "Alpha", "AlphaGradient", "Gaussian", "AtInference"}

// String returns the name of the rule.
func (r Rule) String() string {
	if r < rules {
		return ruleNames[r]
	}
	return fmt.Sprintf("Rule(%d)", uint8(r))
}

// MarshalText returns the name of the rule. It returns an [*ArgumentError] for an
// unknown one.
func (r Rule) MarshalText() ([]byte, error) { return marshalName(r, "rule", ruleNames[:], int(r)) }

// UnmarshalText sets r to the rule with a name. It returns an [*ArgumentError] if there
// is none.
func (r *Rule) UnmarshalText(text []byte) error {
	i, err := unmarshalName(text, "rule", ruleNames[:])
	if err == nil {
		*r = Rule(i)
	}
	return err
}

// marshalName returns the i-th name, which is that of v.
func marshalName(v fmt.Stringer, what string, names []string, i int) ([]byte, error) {
	if i >= len(names) {
		return nil, &ArgumentError{what, v.String(), oneOf(names)}
	}
	return []byte(names[i]), nil
}

// unmarshalName returns the index of a name.
func unmarshalName(text []byte, what string, names []string) (int, error) {
	for i, name := range names {
		if string(text) == name {
			return i, nil
		}
	}
	return 0, &ArgumentError{what, "unknown " + what + " " + excerpt.Quote(text), oneOf(names)}
}

// oneOf lists names: "a, b or c".
func oneOf(names []string) string {
	s := names[0]
	for i, name := range names[1:] {
		if i == len(names)-2 {
			s += " or " + name
		} else {
			s += ", " + name
		}
	}
	return s
}

// Arithmetic is what is computed once the channels are drawn. The zero Arithmetic is
// inverted dropout: x · fl(1/q) for a kept element, +0 for a dropped one.
type Arithmetic struct {
	Policy Policy `json:"policy"`
	Rule   Rule   `json:"rule"`
}

// Evaluation returns the arithmetic of evaluation and true, or false where evaluation is
// the identity. Evaluation drops nothing: its arithmetic belongs to a mask from [New], at
// the rate of training.
func (a Arithmetic) Evaluation() (Arithmetic, bool) {
	if a.Rule == AtInference {
		return Arithmetic{a.Policy, Expectation}, true
	}
	return Arithmetic{}, false
}

// check returns an error if the policy or the rule is unknown.
func (a Arithmetic) check() error {
	if a.Policy >= policies {
		return &ArgumentError{"policy", a.Policy.String(), oneOf(policyNames[:])}
	}
	if a.Rule >= rules {
		return &ArgumentError{"rule", a.Rule.String(), oneOf(ruleNames[:])}
	}
	return nil
}

// Check returns an error if training cannot draw from stream at a rate, with channels that
// share trials as s says, and compute a: an [*ArgumentError] unless the rate is a number from 0
// to 1, the others are known, and no two contradict each other.
func Check(rate float64, stream Stream, a Arithmetic, s Sharing) error {
	if err := checkRate(rate); err != nil {
		return err
	}
	return check(stream, a, s)
}

// noStream is the error of a stream that is nil.
func noStream() error {
	return &ArgumentError{"stream", "no stream", "one of this package, such as Philox"}
}

// noMask is the error of a mask that is nil.
func noMask() error { return &ArgumentError{"m", "no mask", "one of New, or a zero one"} }

// check is Check at any rate.
func check(stream Stream, a Arithmetic, s Sharing) error {
	if err := a.check(); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	if missing.In(stream) {
		return noStream()
	}
	_, noise := stream.(philox)
	_, counts := stream.(Counter)
	with := a.Rule.String() + " with " + s.String()
	switch {
	case a.Rule == Expectation:
		return &ArgumentError{"rule", "Expectation in training", "AtInference, whose evaluation it is"}
	case a.Rule == AlphaGradient:
		return &ArgumentError{"rule", "AlphaGradient in training", "Alpha, whose gradient it is"}
	case (a.Rule == Quotient || a.Rule == CompiledQuotient) && a.Policy == Multiply:
		return &ArgumentError{"policy", a.Rule.String() + " with Multiply", "Select: a dropped element is not divided by 0"}
	case a.Rule == Gaussian && !noise:
		return &ArgumentError{"stream", "Gaussian noise from " + stream.String(), "Philox"}
	case a.Rule == Gaussian && s != Each:
		return &ArgumentError{"sharing", with, "Each"}
	case s == FixedCount && !counts:
		return &ArgumentError{"stream", "a fixed count from " + stream.String(), "a stream that is a Counter, such as Philox"}
	case s == FixedCount && (a.Rule == Alpha || a.Rule == AtInference):
		// Their numbers come from the rate, not from the share that a count keeps.
		return &ArgumentError{"sharing", with, "Each, PerChannel or PerSample"}
	}
	return nil
}

// Type is an element type. Factors are rounded to it, and some streams compare numbers of
// this type.
type Type = dtype.Type

const (
	Float32  = dtype.Float32
	Float64  = dtype.Float64
	Float16  = dtype.Float16
	BFloat16 = dtype.BFloat16
)

// alpha is −λ·α of the SELU activation, to which alpha dropout sets dropped elements:
// PyTorch's constant, digit for digit.
const alpha = 1.7580993408473766

// numbers are the bits of one number in every type.
type numbers [dtype.Count]uint64

// scalar rounds x to the type in which frameworks compute with a scalar: float32 for
// halves. A quotient, or a sum, of two float32 numbers that is rounded to float64 first
// is rounded to the same float32, since float64 has more than twice the digits.
func scalar(t Type, x float64) float64 {
	if t == Float64 {
		return x
	}
	return float64(float32(x))
}

// divides reports whether kept elements of a type are divided.
func (r Rule) divides(t Type) bool { return r == Quotient || r == CompiledQuotient && t == BFloat16 }

// factor returns what a kept element is multiplied by, in float64. That of a quotient
// says what it amounts to.
func (r Rule) factor(q, rate float64) float64 {
	switch r {
	case Unscaled, AtInference, Gaussian:
		return 1
	case Expectation:
		return q
	case Alpha, AlphaGradient:
		// Conversions keep the compiler from fusing a product with a sum.
		return 1 / math.Sqrt(float64((float64(float64(alpha*alpha)*rate)+1)*q))
	}
	return 1 / q
}

// kept returns what a kept element of a type is multiplied or divided by.
func (r Rule) kept(t Type, q, rate float64) float64 {
	switch r {
	case WideReciprocal:
		return scalar(t, 1/scalar(t, q))
	case Quotient:
		if t.Rounded(scalar(t, q)) == 0 {
			return math.Inf(1)
		}
		return scalar(t, q)
	case CompiledQuotient:
		if r.divides(t) {
			return scalar(t, q)
		}
		fallthrough
	case RoundedReciprocal:
		return scalar(t, 1/t.Rounded(q))
	case Alpha, AlphaGradient:
		return scalar(t, r.factor(q, rate))
	}
	return r.factor(q, rate)
}

// alphaShifts returns what alpha dropout adds to kept and to dropped elements of a type.
// PyTorch's noise m is 1 or 0; it adds (m−1)·(αa) + αa·rate.
func alphaShifts(t Type, a, rate float64) (kept, dropped float64) {
	s := float64(alpha * a)
	kept = t.Rounded(scalar(t, float64(s*rate)))
	return kept, scalar(t, kept-t.Rounded(scalar(t, s)))
}
