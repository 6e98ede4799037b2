package mask_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// dataType is a type of data, as the oracles see it.
type dataType struct {
	name               string
	fraction, exponent int // of the halves, else 0
	f64                bool
	factors, shifts    func(m *mask.Mask) float64 // of sample 0, channel 0
	dropped            func(m *mask.Mask) float64 // the shift of channel 1
}

// dataTypes returns the four types.
func dataTypes() []dataType {
	floats := func(write func(dst []float64, m *mask.Mask), c int) func(m *mask.Mask) float64 {
		return func(m *mask.Mask) float64 {
			dst := make([]float64, 2)
			write(dst, m)
			return dst[c]
		}
	}
	f32 := func(f func(dst []float32, m *mask.Mask, pitch int)) func(dst []float64, m *mask.Mask) {
		return func(dst []float64, m *mask.Mask) {
			x := make([]float32, 2)
			f(x, m, 2)
			dst[0], dst[1] = float64(x[0]), float64(x[1])
		}
	}
	f64 := func(f func(dst []float64, m *mask.Mask, pitch int)) func(dst []float64, m *mask.Mask) {
		return func(dst []float64, m *mask.Mask) { f(dst, m, 2) }
	}
	half := func(f func(dst []uint16, m *mask.Mask, pitch int), fraction, exponent int) func(dst []float64, m *mask.Mask) {
		return func(dst []float64, m *mask.Mask) {
			x := make([]uint16, 2)
			f(x, m, 2)
			dst[0], dst[1] = unrounded(x[0], fraction, exponent), unrounded(x[1], fraction, exponent)
		}
	}
	all := []dataType{{name: "float32"}, {name: "float64", f64: true}, {name: "float16", fraction: 10, exponent: 5}, {name: "bfloat16", fraction: 7, exponent: 8}}
	for i, writers := range [][2]func(dst []float64, m *mask.Mask){
		{f32(mask.Factors[float32]), f32(mask.Shifts[float32])},
		{f64(mask.Factors[float64]), f64(mask.Shifts[float64])},
		{half(mask.FactorsF16[uint16], 10, 5), half(mask.ShiftsF16[uint16], 10, 5)},
		{half(mask.FactorsBF16[uint16], 7, 8), half(mask.ShiftsBF16[uint16], 7, 8)},
	} {
		all[i].factors, all[i].shifts, all[i].dropped = floats(writers[0], 0), floats(writers[1], 0), floats(writers[1], 1)
	}
	return all
}

// round rounds once to the type.
func (k dataType) round(x float64) float64 {
	switch {
	case k.f64 || math.IsNaN(x):
		return x
	case k.fraction > 0:
		return unrounded(rounded(x, k.fraction, k.exponent), k.fraction, k.exponent)
	}
	return float64(float32(x))
}

// scalar rounds to what the type's arithmetic is done in: float32 but for float64.
func (k dataType) scalar(x float64) float64 {
	if k.f64 {
		return x
	}
	return float64(float32(x))
}

// exact returns a number that products and sums do not round.
func exact(x float64) *big.Float { return new(big.Float).SetPrec(1200).SetFloat64(x) }

// quotient returns a/b, rounded once to float64: a quotient of two of them, or a root,
// is never so near the middle between two that 200 bits are too few.
func quotient(a, b float64) float64 {
	f, _ := new(big.Float).SetPrec(200).Quo(exact(a), exact(b)).Float64()
	return f
}

// product and sum are rounded once to float64, and so never fused.
func product(a, b float64) float64 {
	f, _ := new(big.Float).SetPrec(1200).Mul(exact(a), exact(b)).Float64()
	return f
}

func sum(a, b float64) float64 {
	if math.IsInf(a, 0) || math.IsInf(b, 0) {
		return a + b
	}
	f, _ := new(big.Float).SetPrec(1200).Add(exact(a), exact(b)).Float64()
	return f
}

func root(a float64) float64 {
	f, _ := new(big.Float).SetPrec(200).Sqrt(exact(a)).Float64()
	return f
}

// numbersOf returns what the documentation of a rule says of the rate and the type:
// what a kept element is multiplied or divided by, and what is added to a kept and to a
// dropped one.
func numbersOf(rule mask.Rule, rate float64, k dataType) (factor, kept, dropped float64) {
	q := sum(1, -rate)
	const α = 1.7580993408473766
	a := quotient(1, root(product(sum(product(product(α, α), rate), 1), q)))
	switch rule {
	case mask.Reciprocal:
		return k.round(quotient(1, q)), 0, 0
	case mask.WideReciprocal:
		return k.round(k.scalar(quotient(1, k.scalar(q)))), 0, 0
	case mask.RoundedReciprocal:
		return k.round(k.scalar(quotient(1, k.round(q)))), 0, 0
	case mask.CompiledQuotient:
		if k.exponent == 8 {
			return k.round(k.scalar(q)), 0, 0 // bfloat16
		}
		return k.round(k.scalar(quotient(1, k.round(q)))), 0, 0
	case mask.Quotient:
		return k.round(k.scalar(q)), 0, 0
	case mask.Expectation:
		return k.round(q), 0, 0
	case mask.Alpha:
		// PyTorch's noise is 1 or 0; b = (noise−1)·(αa) + αa·rate, noise·a. A scalar
		// joins a product rounded to float32, the sum of a half rounded to the half.
		s, b := k.scalar(product(α, a)), k.round(k.scalar(product(product(α, a), rate)))
		return k.round(k.scalar(a)), b, k.round(k.scalar(sum(k.round(-s), b)))
	case mask.AlphaGradient:
		return k.round(k.scalar(a)), 0, 0
	}
	return 1, 0, 0
}

// identical reports whether two numbers are the same, of zeros also the sign.
func identical(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// ruledMask returns a mask of two channels, the first kept and the second dropped.
func ruledMask(t *testing.T, rule mask.Rule, rate float64) *mask.Mask {
	t.Helper()
	m := new(mask.Mask)
	if err := m.ResetArithmetic(1, 2, rate, mask.Arithmetic{Rule: rule}); err != nil {
		t.Fatal(err)
	}
	m.Set(0, 0, true)
	m.Set(0, 1, false)
	return m
}

// ruleRates are rates of all sizes: everyday ones, next to 0 and next to 1.
func ruleRates() []float64 {
	r := rand.New(rand.NewPCG(4, 4))
	all := []float64{5e-324, 1e-300, 1e-9, 0.05, 0.1, 0.2, 0.25, 1.0 / 3, 0.5, 0.7, 0.75, 0.9, 0.99, 0.999, 0.99998, 0.99999}
	for e := 1; e <= 53; e++ {
		all = append(all, 1-math.Ldexp(1, -e), math.Ldexp(1, -e))
		for range 4 {
			all = append(all, 1-math.Ldexp(1+r.Float64(), -e-1), math.Ldexp(1+r.Float64(), -e-1))
		}
	}
	ordinary := 5000
	if testing.Short() {
		ordinary = 500
	}
	for range ordinary {
		all = append(all, r.Float64())
	}
	var within []float64
	for _, rate := range all {
		if rate > 0 && rate < 1 {
			within = append(within, rate)
		}
	}
	return within
}

func TestNumbersOfEveryRuleAndType(t *testing.T) {
	for _, rule := range everyRule {
		if rule == mask.Gaussian {
			continue // see gaussian_test.go
		}
		for _, k := range dataTypes() {
			t.Run(fmt.Sprint(rule, " ", k.name), func(t *testing.T) {
				for _, rate := range ruleRates() {
					m := ruledMask(t, rule, rate)
					factor, kept, dropped := numbersOf(rule, rate, k)
					if got := k.factors(m); !identical(got, factor) {
						t.Fatalf("rate %v: factor %v, want %v", rate, got, factor)
					}
					if got := k.shifts(m); !identical(got, kept) {
						t.Fatalf("rate %v: shift of a kept channel %v, want %v", rate, got, kept)
					}
					if got := k.dropped(m); !identical(got, dropped) {
						t.Fatalf("rate %v: shift of a dropped channel %v, want %v", rate, got, dropped)
					}
				}
			})
		}
	}
}

// What a mask says of itself follows from its rule.
func TestMasksSayWhatTheirRulesDo(t *testing.T) {
	for _, rule := range everyRule {
		for _, rate := range []float64{0, 0.2, 0.5, 1} {
			m := ruledMask(t, rule, rate)
			if m.Rule() != rule || m.Divides(mask.Float16) != (rule == mask.Quotient) || m.Divides(mask.BFloat16) != (rule == mask.Quotient || rule == mask.CompiledQuotient) || m.Shifts() != (rule == mask.Alpha && rate > 0 && rate < 1) {
				t.Errorf("%v: divides %v, shifts %v", m, m.Divides(mask.Float16), m.Shifts())
			}
			want := map[mask.Rule]float64{mask.Unscaled: 1, mask.Gaussian: 1, mask.Expectation: 1 - rate}[rule]
			switch {
			case rate == 0:
				want = 1
			case rate == 1:
				want = 0
			case rule == mask.Alpha || rule == mask.AlphaGradient:
				want, _, _ = numbersOf(rule, rate, dataType{f64: true})
			case want == 0:
				want = 1 / (1 - rate)
			}
			if m.Factor() != want {
				t.Errorf("%v: factor %v, want %v", m, m.Factor(), want)
			}
			for _, k := range dataTypes() {
				if rate == 0 || rate == 1 {
					if f, s := k.factors(m), k.shifts(m); f != want || s != 0 || k.dropped(m) != 0 {
						t.Errorf("%v, %s: factor %v, shift %v", m, k.name, f, s)
					}
				}
			}
			// Nothing changes if all is kept and the factor is 1.
			if m.Identity() {
				t.Errorf("%v changes nothing although a channel is dropped", m)
			}
			m.Set(0, 1, true)
			if identity := rate == 0 || rule == mask.Unscaled && rate < 1; m.Identity() != identity {
				t.Errorf("%v changes nothing: %v, want %v", m, m.Identity(), identity)
			}
		}
	}
	if !new(mask.Mask).Identity() || new(mask.Mask).Factor() != 1 {
		t.Error("the zero Mask is not the identity")
	}
}

// Only alpha dropout has another mask for its gradient: of the same channels, and
// without shifts.
func TestGradientKeepsTheChannels(t *testing.T) {
	for _, rule := range everyRule {
		m := ruledMask(t, rule, 0.3)
		g := m.Gradient()
		if rule != mask.Alpha {
			if g != m {
				t.Errorf("%v: another mask for the gradient", rule)
			}
			continue
		}
		if want := ruledMask(t, mask.AlphaGradient, 0.3); everything(g) != everything(want) {
			t.Errorf("%v, want %v", g, want)
		}
		if m.Rule() != mask.Alpha || !m.Shifts() {
			t.Errorf("Gradient makes the mask %v", m)
		}
		m.Set(0, 1, true)
		if !g.Kept(0, 1) {
			t.Error("the gradient's mask has channels of its own")
		}
	}
}

// A fixed count has the factor of the share that is kept, in each rule.
func TestNumbersOfFixedCounts(t *testing.T) {
	for _, rule := range []mask.Rule{mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient, mask.Expectation} {
		for channels := 1; channels < 40; channels++ {
			for count := 1; count <= channels; count++ {
				m := new(mask.Mask)
				if err := m.ResetArithmetic(1, channels, 0.5, mask.Arithmetic{Rule: rule}); err != nil {
					t.Fatal(err)
				}
				if err := (mask.Philox{}).DrawCount(m, count, mask.Place{}); err != nil {
					t.Fatal(err)
				}
				q := float64(count) / float64(channels)
				want := map[mask.Rule]float64{
					mask.Reciprocal: float64(float32(1 / q)), mask.RoundedReciprocal: float64(1 / float32(q)), mask.WideReciprocal: float64(1 / float32(q)),
					mask.Quotient: float64(float32(q)), mask.Expectation: float64(float32(q)),
				}[rule]
				f := make([]float32, channels)
				mask.Factors(f, m, channels)
				for c := range f {
					if m.Kept(0, c) && float64(f[c]) != want || !m.Kept(0, c) && f[c] != 0 {
						t.Fatalf("%v, %d of %d channels: factor %v, want %v", rule, count, channels, f[c], want)
					}
				}
			}
		}
	}
}

func TestShiftsThatDoNotFitPanicAndPaddingHasNone(t *testing.T) {
	m := ruledMask(t, mask.Alpha, 0.3)
	s32, s16 := []float32{9, 9, 9}, []uint16{9, 9, 9}
	mask.Shifts(s32, m, 3)
	mask.ShiftsF16(s16, m, 3)
	if s32[0] == 0 || s32[1] == 0 || s32[0] == s32[1] || s32[2] != 0 || s16[0] == 9 || s16[1] == 9 || s16[2] != 0 {
		t.Errorf("shifts %v and %v of a kept channel, a dropped one and padding", s32, s16)
	}
	for name, f := range map[string]func(){
		"Shifts":     func() { mask.Shifts(s32, m, 1) },
		"ShiftsF16":  func() { mask.ShiftsF16(s16, m, 2) },
		"ShiftsBF16": func() { mask.ShiftsBF16(s16[:2], m, 3) },
	} {
		if got := panics(t, name, f); !strings.Contains(got, "1×2") {
			t.Errorf("%s panics with %q", name, got)
		}
	}
	reciprocal := ruledMask(t, mask.Reciprocal, 0.3)
	mask.Shifts(s32, reciprocal, 3)
	if s32[0] != 0 || s32[1] != 0 {
		t.Errorf("shifts %v without alpha dropout", s32)
	}
}

func TestArithmeticThatIsNotThereIsRefused(t *testing.T) {
	m := drawn(t, 3, 70, 0.3, 1, 2, 3)
	before := encoded(t, m)
	for a, want := range map[mask.Arithmetic]string{
		{Policy: 2}: "Policy(2), want Select or Multiply",
		{Rule: 10}:  "Rule(10), want one of the rules",
	} {
		if err := m.ResetArithmetic(2, 3, 0.5, a); err == nil || !strings.Contains(err.Error(), want) || encoded(t, m) != before {
			t.Errorf("%v: %v, want %q and the mask as it was", a, err, want)
		}
	}
}
