package mask_test

import (
	bin "encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/reference"
	"github.com/spatialdropout/spatialdropout/mask"
)

// dataType is a type of data, as the oracle sees it.
type dataType reference.Type

// dataTypes are the four types.
var dataTypes = func() (all []dataType) {
	for _, k := range reference.Types {
		all = append(all, dataType(k))
	}
	return all
}()

// number returns the number that has these bits in the type.
func (k dataType) number(b []byte) float64 {
	switch k.Type {
	case mask.Float32:
		return float64(math.Float32frombits(bin.NativeEndian.Uint32(b)))
	case mask.Float64:
		return math.Float64frombits(bin.NativeEndian.Uint64(b))
	}
	return k.Value(bin.NativeEndian.Uint16(b))
}

// aligned returns memory for n numbers of 8 bytes or fewer, all bits of which are set.
func aligned(n, size int) []byte {
	words := make([]uint64, n+1)
	for i := range words {
		words[i] = math.MaxUint64
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n*size)
}

// filled returns what Fill writes, as numbers of float64.
func (k dataType) filled(m *mask.Mask, pitch int) (factors, shifts []float64, a mask.Action) {
	n, size := m.Samples()*pitch, k.Size()
	f, s := aligned(n, size), aligned(n, size)
	if a = m.Action(k.Type); !a.Shift {
		s = nil
	}
	if got := m.Fill(k.Type, f, s, pitch); got != a {
		panic(fmt.Sprintf("%v: Fill returns %+v and Action %+v for %v", m, got, a, k.Type))
	}
	for i := range n {
		factors = append(factors, k.number(f[i*size:]))
		shifts = append(shifts, 0)
		if s != nil {
			shifts[i] = k.number(s[i*size:])
		}
	}
	return factors, shifts, a
}

// numbersOf returns what a kept element is multiplied or divided by, and what is added to a kept and to a
// dropped one.
func numbersOf(rule mask.Rule, rate float64, k dataType) (factor, kept, dropped float64) {
	n := reference.NumbersOf(rule, rate, reference.Sum(1, -rate), reference.Type(k))
	if n.Divides && n.Factor == 0 {
		n.Factor = math.Inf(1) // x/0 is x·∞
	}
	return n.Factor, n.Kept, n.Dropped
}

// identical reports whether two numbers have the same bits, or both are NaN.
func identical(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// ruledMask returns a mask of two channels, the first kept and the second dropped.
func ruledMask(t *testing.T, rule mask.Rule, rate float64) *mask.Mask {
	t.Helper()
	m := new(mask.Mask)
	if err := m.Reset(1, 2, rate, mask.Arithmetic{Rule: rule}); err != nil {
		t.Fatal(err)
	}
	m.Set(0, 0, true)
	m.Set(0, 1, false)
	return m
}

// ruleRates returns rates of all sizes: ordinary ones, close to 0 and close to 1.
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
		for _, k := range dataTypes {
			t.Run(fmt.Sprint(rule, " ", k.Type), func(t *testing.T) {
				for _, rate := range ruleRates() {
					m := ruledMask(t, rule, rate)
					factor, kept, dropped := numbersOf(rule, rate, k)
					factors, shifts, _ := k.filled(m, 2)
					if !identical(factors[0], factor) || !identical(factors[1], 0) {
						t.Fatalf("rate %v: factors %v, want %v and 0", rate, factors, factor)
					}
					var bits [8]byte
					switch b := m.FactorBits(k.Type); k.Size() {
					case 2:
						bin.NativeEndian.PutUint16(bits[:], uint16(b))
					case 4:
						bin.NativeEndian.PutUint32(bits[:], uint32(b))
					default:
						bin.NativeEndian.PutUint64(bits[:], b)
					}
					if got := k.number(bits[:k.Size()]); !identical(got, factor) {
						t.Fatalf("rate %v: FactorBits of %v, want %v", rate, got, factor)
					}
					if !identical(shifts[0], kept) || !identical(shifts[1], dropped) {
						t.Fatalf("rate %v: shifts %v of a kept and of a dropped channel, want %v and %v", rate, shifts, kept, dropped)
					}
				}
			})
		}
	}
}

// Rates at which a factor that is rounded twice, or is computed in float32, is another one.
func TestFactorIsRoundedOnceFromFloat64(t *testing.T) {
	for _, rate := range []float64{1e-20, 0.1, 0.15, 0.2, 0.3, 1.0 / 3, 0.7, 0.9, 0.999, 0.99998, 0.99999, 1 - 0x1p-53} {
		for _, k := range dataTypes {
			want := reference.Type(k).Round(1 / (1 - rate))
			if f, _, _ := k.filled(ruledMask(t, mask.Reciprocal, rate), 2); !identical(f[0], want) {
				t.Errorf("%v, rate %v: factor %v, want %v", k.Type, rate, f[0], want)
			}
		}
	}
}

// Alpha dropout keeps mean 0 and variance 1.
func TestAlphaDropoutKeepsMeanAndVariance(t *testing.T) {
	const samples, channels = 500, 800
	r := rand.New(rand.NewPCG(1, 34))
	for _, text := range []string{"philox:5", "pytorch:5", "jax:5"} {
		for _, rate := range []float64{0.05, 0.1, 0.5} {
			s := parse(text)
			m, err := mask.New(samples, channels, rate, mask.Arithmetic{Policy: s.Arithmetic().Policy, Rule: mask.Alpha})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Draw(m, mask.Place{}); err != nil {
				t.Fatal(err)
			}
			factors, shifts, _ := dataTypes[mask.Float64].filled(m, channels)
			var mean, square float64
			for i, f := range factors {
				y := r.NormFloat64()*f + shifts[i]
				mean += y / float64(len(factors))
				square += y * y / float64(len(factors))
			}
			if variance := square - mean*mean; math.Abs(mean) > 0.02 || math.Abs(variance-1) > 0.02 {
				t.Errorf("%s, rate %v: mean %v and variance %v, want 0 and 1", text, rate, mean, variance)
			}
		}
	}
}

// A factor that rounds to 0 is not that of a dropped channel, and a divisor that does is
// none.
func TestFactorsThatRoundTo0DropNothing(t *testing.T) {
	lost := map[mask.Rule]int{}
	for _, rule := range everyRule {
		if rule == mask.Gaussian {
			continue // see gaussian_test.go
		}
		for _, k := range dataTypes {
			for _, rate := range ruleRates() {
				m := ruledMask(t, rule, rate)
				factors, _, action := k.filled(m, 2)
				divides := rule == mask.Quotient || rule == mask.CompiledQuotient && k.Type == mask.BFloat16
				zero := func() bool { return reference.Type(k).Round(reference.Type(k).Scalar(reference.Sum(1, -rate))) == 0 }
				if (divides || rule == mask.Expectation) && zero() {
					lost[rule]++
					want := mask.Action{Drop: rule == mask.Quotient}
					if action != want {
						t.Fatalf("%v of %v: action %+v, want %+v", m, k.Type, action, want)
					}
					continue
				}
				if factors[0] == 0 || action.Divide != divides || !action.Drop {
					t.Fatalf("%v of %v: factors %v, action %+v", m, k.Type, factors, action)
				}
			}
		}
	}
	if len(lost) != 2 || lost[mask.Quotient] < 100 || lost[mask.Expectation] < 100 {
		t.Errorf("factors were lost with %v", lost)
	}
	if testing.Short() {
		return // the draws below take 10 s under an emulator
	}
	// A count may keep one channel of very many.
	m := new(mask.Mask)
	if err := m.Reset(1, 1<<25, 0.5, mask.Arithmetic{Rule: mask.Quotient}); err != nil {
		t.Fatal(err)
	}
	if err := mask.Philox(1).DrawCount(m, 1, mask.Place{}); err != nil {
		t.Fatal(err)
	}
	if a := m.Action(mask.Float16); a.Divide || !m.Action(mask.Float32).Divide {
		t.Errorf("one channel of 2²⁵: action %+v", a)
	}
	if err := mask.Philox(1).DrawCount(m, 0, mask.Place{}); err != nil {
		t.Fatal(err)
	}
	if a := m.Action(mask.Float16); a != (mask.Action{Divide: true, Drop: true}) {
		t.Errorf("no channel of 2²⁵: action %+v", a)
	}
}

// Factor and Identity follow from the rule and the rate.
func TestFactorAndIdentityFollowTheRule(t *testing.T) {
	for _, rule := range everyRule {
		for _, rate := range []float64{0, 0.2, 0.5, 1} {
			m := ruledMask(t, rule, rate)
			want := map[mask.Rule]float64{mask.Unscaled: 1, mask.AtInference: 1, mask.Gaussian: 1, mask.Expectation: 1 - rate}[rule]
			switch {
			case rate == 0:
				want = 1
			case rate == 1:
				want = 0
			case rule == mask.Alpha || rule == mask.AlphaGradient:
				want, _, _ = numbersOf(rule, rate, dataTypes[mask.Float64])
			case want == 0:
				want = 1 / (1 - rate)
			}
			if m.Factor() != want {
				t.Errorf("%v: factor %v, want %v", m, m.Factor(), want)
			}
			for _, k := range dataTypes {
				if rate == 0 || rate == 1 {
					if f, s, _ := k.filled(m, 2); f[0] != want || f[1] != 0 || s[0] != 0 || s[1] != 0 {
						t.Errorf("%v, %v: factors %v, shifts %v, want a factor of %v", m, k.Type, f, s, want)
					}
				}
			}
			// A mask that keeps everything with the factor 1 is the identity.
			if m.Identity() {
				t.Errorf("%v changes nothing although a channel is dropped", m)
			}
			m.Set(0, 1, true)
			if identity := rate == 0 || (rule == mask.Unscaled || rule == mask.AtInference) && rate < 1; m.Identity() != identity {
				t.Errorf("%v changes nothing: %v, want %v", m, m.Identity(), identity)
			}
		}
	}
	if !new(mask.Mask).Identity() || new(mask.Mask).Factor() != 1 {
		t.Error("the zero Mask is not the identity")
	}
}

// Only alpha dropout has another mask for its gradient: with the same channels and no
// shifts.
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
		if m.Arithmetic().Rule != mask.Alpha || !m.Action(mask.Float32).Shift {
			t.Errorf("Gradient makes the mask %v", m)
		}
		m.Set(0, 1, true)
		if !g.Kept(0, 1) {
			t.Error("the gradient's mask has channels of its own")
		}
	}
}

// The factor of a fixed count comes from the share that is kept, in every rule.
func TestNumbersOfFixedCounts(t *testing.T) {
	for _, rule := range []mask.Rule{mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient, mask.Expectation} {
		for channels := 1; channels < 40; channels++ {
			for count := 1; count <= channels; count++ {
				m := new(mask.Mask)
				if err := m.Reset(1, channels, 0.5, mask.Arithmetic{Rule: rule}); err != nil {
					t.Fatal(err)
				}
				if err := mask.Philox(0).DrawCount(m, count, mask.Place{}); err != nil {
					t.Fatal(err)
				}
				q := float64(count) / float64(channels)
				want := map[mask.Rule]float64{
					mask.Reciprocal: float64(float32(1 / q)), mask.RoundedReciprocal: float64(1 / float32(q)), mask.WideReciprocal: float64(1 / float32(q)),
					mask.Quotient: float64(float32(q)), mask.Expectation: float64(float32(q)),
				}[rule]
				f, _, _ := dataTypes[0].filled(m, channels)
				for c := range f {
					if m.Kept(0, c) && f[c] != want || !m.Kept(0, c) && f[c] != 0 {
						t.Fatalf("%v, %d of %d channels: factor %v, want %v", rule, count, channels, f[c], want)
					}
				}
			}
		}
	}
}

// Action follows from rule, policy, rate and type.
func TestActionSaysWhatTheNumbersMean(t *testing.T) {
	for _, rule := range everyRule {
		for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
			for _, rate := range []float64{0, 0.2, 1} {
				m, err := mask.New(1, 2, rate, mask.Arithmetic{Policy: policy, Rule: rule})
				if err != nil {
					t.Fatal(err)
				}
				for _, k := range dataTypes {
					divide := rule == mask.Quotient || rule == mask.CompiledQuotient && k.Type == mask.BFloat16
					noise := rule == mask.Gaussian && rate < 1
					want := mask.Action{
						Divide: divide,
						Shift:  rule == mask.Alpha && rate == 0.2,
						Drop:   divide || policy == mask.Select && !noise,
					}
					if got := m.Action(k.Type); got != want {
						t.Errorf("%v, %v: %+v, want %+v", m, k.Type, got, want)
					}
					if _, _, got := k.filled(m, 3); got != want {
						t.Errorf("%v, %v: Fill returns %+v, want %+v", m, k.Type, got, want)
					}
				}
			}
		}
	}
}

func TestPaddingHasNeitherFactorNorShift(t *testing.T) {
	for _, rule := range everyRule {
		m := ruledMask(t, rule, 0.3)
		for _, k := range dataTypes {
			for _, pitch := range []int{2, 3, 70} {
				f, s, _ := k.filled(m, pitch)
				if f[0] == 0 || f[1] != 0 || (rule == mask.Alpha) != (s[0] != 0 && s[1] != 0 && s[0] != s[1]) {
					t.Errorf("%v, %v: factors %v and shifts %v of a kept and of a dropped channel", m, k.Type, f, s)
				}
				for i := 2; i < pitch; i++ {
					if math.Float64bits(f[i])|math.Float64bits(s[i]) != 0 {
						t.Fatalf("%v, %v: factor %v and shift %v of padding", m, k.Type, f[i], s[i])
					}
				}
			}
		}
	}
}

// memory is the arguments of a call of Fill.
type memory struct {
	name            string
	factors, shifts []byte
	pitch           int
	want            string
}

// Fill writes nothing if its memory does not fit.
func TestMemoryThatDoesNotFitPanicsAndIsUntouched(t *testing.T) {
	for _, k := range dataTypes {
		size := k.Size()
		of := func(n int) []byte { return aligned(n, size) }
		m := ruledMask(t, mask.Alpha, 0.3)
		for _, c := range []memory{
			{"too few factors", of(1), of(2), 2, "1 factors in rows of 2"},
			{"too many factors", of(3), of(2), 2, "3 factors in rows of 2"},
			{"no factors", nil, of(2), 2, "0 factors in rows of 2"},
			{"a part of a factor", of(3)[:2*size+1], of(2), 2, "2 factors in memory that is not aligned"},
			{"factors that are not aligned", of(3)[1 : 2*size+1], of(2), 2, "2 factors in memory that is not aligned"},
			{"too few shifts", of(2), of(1), 2, "1 shifts in rows of 2"},
			{"no shifts", of(2), nil, 2, "0 shifts in rows of 2"},
			{"shifts that are not aligned", of(2), of(3)[1 : 2*size+1], 2, "2 shifts in memory that is not aligned"},
			{"a pitch below the channels", of(1), of(1), 1, "1 factors in rows of 1"},
			{"a negative pitch", of(2), of(2), -2, "2 factors in rows of -2"},
		} {
			got := panics(t, c.name, func() { m.Fill(k.Type, c.factors, c.shifts, c.pitch) })
			for _, w := range []string{"mask: ", c.want, "want"} {
				if !strings.Contains(got, w) {
					t.Errorf("%v, %s: panics with %q, which does not say %q", k.Type, c.name, got, w)
				}
			}
			for _, b := range append(c.factors, c.shifts...) {
				if b != 0xff {
					t.Fatalf("%v, %s: memory is written", k.Type, c.name)
				}
			}
		}
	}
	// A product that overflows must not look like a length that fits.
	many, err := mask.New(math.MaxInt/2+2, 0, 0.5, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	panics(t, "a product that overflows", func() { many.Fill(mask.Float32, aligned(4, 4), nil, 4) })
}

// Fill does not write to shifts where there are none.
func TestShiftsStayWhereThereAreNone(t *testing.T) {
	for _, rule := range everyRule {
		m := ruledMask(t, rule, 0.3)
		shifts := aligned(2, 4)
		a := m.Fill(mask.Float32, aligned(2, 4), shifts, 2)
		if written := shifts[0] != 0xff; written != a.Shift {
			t.Errorf("%v: shifts written: %v, want %v", m, written, a.Shift)
		}
	}
}

// A graph that multiplies by Factors is right or gets an error.
func TestFactorsAreMultipliersOrAnError(t *testing.T) {
	for _, rule := range everyRule {
		for _, rate := range []float64{0, 0.3, 1} {
			m := ruledMask(t, rule, rate)
			for _, k := range dataTypes {
				a := m.Action(k.Type)
				var err error
				var got []float64
				switch k.Type {
				case mask.Float32:
					f := []float32{9, 9}
					err = mask.Factors(k.Type, f, m, 2)
					got = []float64{float64(f[0]), float64(f[1])}
				case mask.Float64:
					got = []float64{9, 9}
					err = mask.Factors(k.Type, got, m, 2)
				default:
					nine := k.Nearest(9)
					f := []uint16{nine, nine}
					err = mask.Factors(k.Type, f, m, 2)
					got = []float64{k.Value(f[0]), k.Value(f[1])}
				}
				if a.Divide || a.Shift {
					if !refuses(err, "rule") || !strings.Contains(err.Error(), rule.String()) || !strings.Contains(err.Error(), k.Type.String()) || got[0] != 9 || got[1] != 9 {
						t.Errorf("%v, %v: factors %v and error %v, want an ArgumentError that names both and writes nothing", m, k.Type, got, err)
					}
					continue
				}
				if want, _, _ := k.filled(m, 2); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%v, %v: factors %v, %v, want %v", m, k.Type, got, err, want)
				}
			}
		}
	}
}

// The gradient of a kept mask costs no allocation.
func TestGradientAndFillDoNotAllocate(t *testing.T) {
	m := ruledMask(t, mask.Alpha, 0.3)
	f, s := aligned(2, 4), aligned(2, 4)
	if n := allocations(func() {
		m.Fill(mask.Float32, f, s, 2)
		m.Gradient().Fill(mask.Float32, f, nil, 2)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestUnknownArithmeticIsAnError(t *testing.T) {
	m := drawn(t, 3, 70, 0.3, 1, 2, 3)
	before := encoded(t, m)
	for a, want := range map[mask.Arithmetic]string{
		{Policy: 2}: "Policy(2), want Select or Multiply",
		{Rule: 11}:  "Rule(11), want Reciprocal, WideReciprocal",
	} {
		if err := m.Reset(2, 3, 0.5, a); err == nil || !strings.Contains(err.Error(), want) || encoded(t, m) != before {
			t.Errorf("%v: %v, want %q and the mask as it was", a, err, want)
		}
	}
}

// An unknown type has no numbers.
func TestFillOfUnknownTypesPanicsWithATypedError(t *testing.T) {
	for _, typ := range []mask.Type{4, 255} {
		func() {
			defer func() {
				err, _ := recover().(*mask.ArgumentError)
				if err == nil || err.Argument != "type" || !strings.Contains(err.Error(), typ.String()) || !strings.Contains(err.Error(), "want float32, float64, float16 or bfloat16") {
					t.Errorf("Fill panics with %v, want an *ArgumentError of the type", err)
				}
			}()
			drawn(t, 2, 3, 0.5, 0, 0, 0).Fill(typ, make([]byte, 12), nil, 3)
		}()
	}
}
