package mask_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/reference"
	"github.com/spatialdropout/spatialdropout/mask"
)

// drawn returns a new mask with one draw.
func drawn(t testing.TB, samples, channels int, rate float64, seed, step, offset uint64) *mask.Mask {
	t.Helper()
	m, err := mask.New(samples, channels, rate, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	mask.Philox(seed).Draw(m, mask.Place{Step: step, Shard: mask.Shard{SampleOffset: offset}})
	return m
}

// checkDraw compares every trial of a draw with the rule.
func checkDraw(t *testing.T, samples, channels int, rate float64, seed, step, offset uint64) {
	t.Helper()
	m := drawn(t, samples, channels, rate, seed, step, offset)
	kept := 0
	for n := range samples {
		for c := range channels {
			want := trial(seed, step, (offset+uint64(n))*uint64(channels)+uint64(c), rate)
			if want {
				kept++
			}
			if m.Kept(n, c) != want {
				t.Fatalf("%d×%d, rate %v, seed %#x, step %#x, offset %#x: channel %d of sample %d kept %v", samples, channels, rate, seed, step, offset, c, n, !want)
			}
		}
	}
	// Bits past the last trial would be counted, too.
	if m.CountKept() != kept {
		t.Fatalf("%d×%d, rate %v, seed %#x, step %#x, offset %#x: %d kept, want %d", samples, channels, rate, seed, step, offset, m.CountKept(), kept)
	}
}

var rates = []float64{0, 1e-300, 1e-9, 0x1p-32, 0.1, 0.2, 1.0 / 3, 0.5, 0.75, 0.999, 1 - 0x1p-32, 1 - 0x1p-33, 1 - 0x1p-53, 1}

func TestDrawFollowsTheRuleTrialByTrial(t *testing.T) {
	for channels := 1; channels <= 70; channels++ {
		for _, samples := range []int{1, 2, 3, 5} {
			for _, offset := range []uint64{0, 1, 2, 3, 7} {
				checkDraw(t, samples, channels, 0.5, uint64(channels), uint64(samples), offset)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		checkDraw(t, r.IntN(20), r.IntN(300), rates[r.IntN(len(rates))], r.Uint64()>>r.IntN(64), r.Uint64()>>r.IntN(64), r.Uint64()>>(8+r.IntN(56)))
	}
}

// A trial is kept if its number is below the threshold, and dropped if it equals it. A
// threshold between two numbers is told from both.
func TestThresholdOfTheRateIsExact(t *testing.T) {
	const seed, step = 8, 9
	for i := range 200 {
		w := word([4]uint32{uint32(i / 4), 0, step, 0}, [2]uint32{seed, 0}, i%4)
		for halves, want := range map[float64]bool{-1: false, 0: false, 1: true, 2: true} {
			rate := 1 - (float64(w)+halves/2)*0x1p-32
			if !(rate > 0 && rate < 1) {
				continue
			}
			m := drawn(t, 1, 200, rate, seed, step, 0)
			if m.Kept(0, i) != want {
				t.Errorf("trial %d, number %#x: kept %v at a threshold %v above it", i, w, !want, halves/2)
			}
		}
	}
}

// This trial takes the first word of seed 0 and step 0 that has all bits set: only a
// threshold of 2³²−1 or less drops it.
func TestLargestWordIsDroppedAtTheSmallestRates(t *testing.T) {
	checkTrial(t, mask.Philox(0), 6153212237, map[float64]bool{0x1p-31: false, 0x1p-32: false, 0x1p-33: true})
}

// Both halves of the seed, of the step and of the block index matter.
func TestDrawUsesAllBitsOfSeedStepAndIndex(t *testing.T) {
	for bit := range 64 {
		checkDraw(t, 1, 131, 0.5, 1<<bit, 0, 0)
		checkDraw(t, 1, 131, 0.5, 0, 1<<bit, 0)
		checkDraw(t, 3, 4, 0.5, 0, 0, 1<<bit)
		checkDraw(t, 3, 1, 0.5, 0, 0, 1<<bit-1)
	}
}

func TestTrialIndexIsTakenModulo64Bits(t *testing.T) {
	for _, channels := range []int{1, 2, 3, 4, 7, 65} {
		for back := uint64(1); back < 12; back++ {
			checkDraw(t, 20, channels, 0.5, 3, 4, -back)
		}
	}
	// The samples before and after the wrap are rows of one batch.
	whole := drawn(t, 8, 5, 0.5, 3, 4, 1<<64-4)
	after := drawn(t, 4, 5, 0.5, 3, 4, 0)
	for n := range 4 {
		for c := range 5 {
			if whole.Kept(4+n, c) != after.Kept(n, c) {
				t.Fatalf("sample 2⁶⁴+%d is not sample %d", n, n)
			}
		}
	}
}

func TestDrawForgetsWhatWasSet(t *testing.T) {
	for _, rate := range []float64{0, 0.5, 1} {
		m := drawn(t, 3, 50, rate, 1, 2, 3)
		want := m.CountKept()
		for c := range 50 {
			m.Set(1, c, c%3 == 0)
		}
		mask.Philox(1).Draw(m, mask.Place{Step: 2, Shard: mask.Shard{SampleOffset: 3}})
		if m.CountKept() != want {
			t.Errorf("rate %v: %d kept after Set and Draw, want %d", rate, m.CountKept(), want)
		}
	}
}

func TestNewMaskKeepsEveryChannel(t *testing.T) {
	for trials := range 200 {
		for rate, want := range map[float64]int{0: trials, 0.5: trials, 1: 0} {
			m, err := mask.New(1, trials, rate, mask.Arithmetic{Policy: mask.Multiply})
			if err != nil {
				t.Fatal(err)
			}
			if m.CountKept() != want || m.Samples() != 1 || m.Channels() != trials || m.Rate() != rate || m.Arithmetic().Policy != mask.Multiply {
				t.Errorf("%d trials at rate %v: %d kept, want %d", trials, rate, m.CountKept(), want)
			}
		}
	}
}

func TestSetChangesOneChannel(t *testing.T) {
	const samples, channels = 3, 67
	m, err := mask.New(samples, channels, 0.5, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	model := make([]bool, samples*channels)
	for i := range model {
		model[i] = true
	}
	r := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		i, kept := r.IntN(len(model)), r.IntN(2) > 0
		m.Set(i/channels, i%channels, kept)
		model[i] = kept
	}
	count := 0
	for i, kept := range model {
		if kept {
			count++
		}
		if m.Kept(i/channels, i%channels) != kept {
			t.Errorf("trial %d kept %v", i, !kept)
		}
	}
	if m.CountKept() != count {
		t.Errorf("%d kept, want %d", m.CountKept(), count)
	}
}

// panics returns the message that f panics with, which is that of an *ArgumentError.
func panics(t *testing.T, what string, f func()) (message string) {
	t.Helper()
	defer func() {
		p := recover()
		if p == nil {
			t.Errorf("%s: no panic", what)
		} else if _, typed := p.(*mask.ArgumentError); !typed {
			t.Errorf("%s: a panic with %T: %v, want an *ArgumentError", what, p, p)
		}
		message = fmt.Sprint(p)
	}()
	f()
	return ""
}

func TestChannelsOutOfRangePanic(t *testing.T) {
	m := drawn(t, 2, 3, 0.5, 0, 0, 0)
	for _, at := range [][2]int{{-1, 0}, {2, 0}, {0, -1}, {0, 3}, {1, 3}, {math.MaxInt, math.MaxInt}} {
		before := m.CountKept()
		for what, f := range map[string]func(){
			"Kept": func() { m.Kept(at[0], at[1]) },
			"Set":  func() { m.Set(at[0], at[1], false) },
		} {
			got := panics(t, fmt.Sprint(what, at), f)
			for _, w := range []string{fmt.Sprintf("channel %d", at[1]), fmt.Sprintf("sample %d", at[0]), "2×3"} {
				if !strings.Contains(got, w) {
					t.Errorf("%s%v panics with %q, which does not say %q", what, at, got, w)
				}
			}
		}
		if m.CountKept() != before {
			t.Errorf("Set(%v) wrote", at)
		}
	}
	var zero mask.Mask
	panics(t, "Kept of the zero Mask", func() { zero.Kept(0, 0) })
	if zero.CountKept() != 0 || zero.Samples() != 0 || zero.Channels() != 0 {
		t.Error("the zero Mask has trials")
	}
}

func TestErrorsOfResetLeaveTheMaskAlone(t *testing.T) {
	m := drawn(t, 5, 30, 0.5, 1, 2, 3)
	want := fmt.Sprint(*m)
	for _, c := range []struct {
		what              string
		samples, channels int
		rate              float64
		policy            mask.Policy
		words             []string
	}{
		{"negative samples", -1, 3, 0.5, mask.Select, []string{"-1 samples", "3 channels", "negative"}},
		{"negative channels", 4, -7, 0.5, mask.Select, []string{"4 samples", "-7 channels", "negative"}},
		{"both negative", math.MinInt, math.MinInt, 0.5, mask.Select, []string{fmt.Sprint(math.MinInt), "negative"}},
		{"too many trials", math.MaxInt, 2, 0.5, mask.Select, []string{fmt.Sprint(math.MaxInt), "2 channels", "trials or fewer"}},
		{"trials that wrap", math.MaxInt/2 + 1, 4, 0.5, mask.Select, []string{"trials or fewer"}},
		{"a word too many", math.MaxInt, 1, 0.5, mask.Select, []string{"trials or fewer"}},
		{"a rate of NaN", 2, 3, math.NaN(), mask.Select, []string{"NaN", "0 to 1"}},
		{"a negative rate", 2, 3, -0.25, mask.Select, []string{"-0.25", "0 to 1"}},
		{"a rate above 1", 2, 3, 1.25, mask.Select, []string{"1.25", "0 to 1"}},
		{"an infinite rate", 2, 3, math.Inf(1), mask.Select, []string{"+Inf", "0 to 1"}},
		{"no policy", 2, 3, 0.5, 2, []string{"Policy(2)", "Select", "Multiply"}},
	} {
		for name, err := range map[string]error{
			"Reset": m.Reset(c.samples, c.channels, c.rate, mask.Arithmetic{Policy: c.policy}),
			"New": func() error {
				_, err := mask.New(c.samples, c.channels, c.rate, mask.Arithmetic{Policy: c.policy})
				return err
			}(),
		} {
			if err == nil {
				t.Errorf("%s with %s: no error", name, c.what)
				continue
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s with %s: %q does not say %q", name, c.what, err, w)
				}
			}
		}
		if fmt.Sprint(*m) != want {
			t.Fatalf("Reset with %s changed the mask", c.what)
		}
	}
}

func TestResetReusesMemoryAndForgetsTheMask(t *testing.T) {
	m := drawn(t, 9, 100, 1, 0, 0, 0) // all dropped
	for _, trials := range []int{900, 1, 63, 64, 65, 130, 0, 899} {
		if err := m.Reset(1, trials, 0.5, mask.Arithmetic{}); err != nil {
			t.Fatal(err)
		}
		if m.CountKept() != trials {
			t.Errorf("%d of %d kept", m.CountKept(), trials)
		}
	}
	// The factor of a fixed count must be forgotten, too.
	if err := mask.Philox(0).DrawCount(m, 700, mask.Place{}); err != nil {
		t.Fatal(err)
	}
	if err := m.Reset(1, 899, 0.5, mask.Arithmetic{}); err != nil {
		t.Fatal(err)
	}
	if m.CountKept() != 899 || m.Factor() != 2 {
		t.Errorf("after a fixed count %d of 899 kept, times %v", m.CountKept(), m.Factor())
	}
	n := allocations(func() {
		if err := m.Reset(9, 100, 0.5, mask.Arithmetic{}); err != nil {
			t.Fatal(err)
		}
		mask.Philox(0).Draw(m, mask.Place{})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPolicyNames(t *testing.T) {
	for p, want := range map[mask.Policy]string{mask.Select: "Select", mask.Multiply: "Multiply", 7: "Policy(7)"} {
		if p.String() != want {
			t.Errorf("%d is called %s, want %s", uint8(p), p, want)
		}
	}
}

func TestFactorIsComputedInFloat64(t *testing.T) {
	for _, rate := range append(rates, 0.15, 0.35, 0.7, 0.9) {
		m, err := mask.New(1, 1, rate, mask.Arithmetic{})
		if err != nil {
			t.Fatal(err)
		}
		want := 1 / (1 - rate)
		if rate == 1 {
			want = 0
		}
		if m.Factor() != want {
			t.Errorf("rate %v: factor %v, want %v", rate, m.Factor(), want)
		}
	}
}

// Factors are tested with named types, too.
type (
	named32  float32
	named64  float64
	float16  uint16
	bfloat16 uint16
)

type number interface {
	~float32 | ~float64 | ~uint16
}

// factors is a function like Factors.
type factors[T number] func(dst []T, m *mask.Mask, pitch int) error

// factorsOf returns what writes the factors of a type.
func factorsOf[T number](t mask.Type) factors[T] {
	return func(dst []T, m *mask.Mask, pitch int) error { return mask.Factors(t, dst, m, pitch) }
}

// bits returns the bits of x.
func bits[T number](x T) uint64 {
	switch unsafe.Sizeof(x) {
	case 2:
		return uint64(*(*uint16)(unsafe.Pointer(&x)))
	case 4:
		return uint64(*(*uint32)(unsafe.Pointer(&x)))
	}
	return *(*uint64)(unsafe.Pointer(&x))
}

func toF16(x float64) float16   { return float16(reference.Float16.Nearest(x)) }
func toBF16(x float64) bfloat16 { return bfloat16(reference.BFloat16.Nearest(x)) }

func testFactors[T number](t *testing.T, factors factors[T], of func(float64) T) {
	for _, rate := range append(rates, 0.3, 0.99998, 0.99999) {
		for _, channels := range []int{0, 1, 3, 8, 31, 63, 64, 65, 127, 128, 130} {
			for _, samples := range []int{0, 1, 2, 5} {
				for _, padding := range []int{0, 1, 7, 64} {
					m := drawn(t, samples, channels, rate, 5, 6, 7)
					pitch := channels + padding
					dst := make([]T, samples*pitch)
					for i := range dst {
						dst[i] = of(9)
					}
					if err := factors(dst, m, pitch); err != nil {
						t.Fatal(err)
					}
					for i, f := range dst {
						var want T
						if n, c := i/pitch, i%pitch; c < channels && m.Kept(n, c) {
							want = of(1 / (1 - rate)) // rounded once
						}
						if bits(f) != bits(want) {
							t.Fatalf("rate %v, %d×%d, pitch %d: factor %d is %v, want %v", rate, samples, channels, pitch, i, f, want)
						}
					}
				}
			}
		}
	}
}

func TestFactorsFollowTheMask(t *testing.T) {
	t.Run("float32", func(t *testing.T) {
		testFactors(t, factorsOf[float32](mask.Float32), func(x float64) float32 { return float32(x) })
	})
	t.Run("float64", func(t *testing.T) {
		testFactors(t, factorsOf[float64](mask.Float64), func(x float64) float64 { return x })
	})
	t.Run("named float32", func(t *testing.T) {
		testFactors(t, factorsOf[named32](mask.Float32), func(x float64) named32 { return named32(x) })
	})
	t.Run("named float64", func(t *testing.T) {
		testFactors(t, factorsOf[named64](mask.Float64), func(x float64) named64 { return named64(x) })
	})
	t.Run("float16", func(t *testing.T) { testFactors(t, factorsOf[float16](mask.Float16), toF16) })
	t.Run("bfloat16", func(t *testing.T) { testFactors(t, factorsOf[bfloat16](mask.BFloat16), toBF16) })
}

func testRounding[T float16 | bfloat16](t *testing.T, factors factors[T], of func(float64) T, fraction int) {
	var ties, above, below, twice int
	m := new(mask.Mask)
	check := func(rate float64) {
		if err := m.Reset(1, 1, rate, mask.Arithmetic{}); err != nil {
			t.Fatal(err)
		}
		var got [1]T
		if err := factors(got[:], m, 1); err != nil {
			t.Fatal(err)
		}
		exact := 1 / (1 - rate)
		want := of(exact)
		if got[0] != want {
			t.Fatalf("rate %v: factor %v is %#04x, want %#04x", rate, exact, got[0], want)
		}
		if of(float64(float32(exact))) != want {
			twice++
		}
	}
	// The factors of a dozen rates around every middle between two halves, as close as a
	// rate near 1 comes to it.
	for e := range 53 { // no factor is above 2⁵³
		for n := range 1 << fraction {
			middle := math.Ldexp(float64(1<<fraction+n)+0.5, e-fraction)
			rate := 1 - 1/middle
			for range 6 {
				rate = math.Nextafter(rate, 0)
			}
			for range 12 {
				if rate = math.Nextafter(rate, 1); rate == 1 {
					break
				}
				switch exact := 1 / (1 - rate); {
				case exact == middle:
					ties++
				case exact > middle:
					above++
				default:
					below++
				}
				check(rate)
			}
		}
	}
	if ties < 100 || above < 1000 || below < 1000 || twice < 1000 {
		t.Errorf("%d ties, %d above, %d below, %d rounded otherwise by way of float32: too few", ties, above, below, twice)
	}
	for i := range 10000 {
		check(float64(i) / 10000)
	}
}

// A factor in the middle between two halves becomes the even one. A factor next to the
// middle must not be rounded to float32 first, which would move it there.
func TestFactorsOfHalvesAreRoundedOnceToNearestEven(t *testing.T) {
	t.Run("float16", func(t *testing.T) { testRounding(t, factorsOf[float16](mask.Float16), toF16, 10) })
	t.Run("bfloat16", func(t *testing.T) { testRounding(t, factorsOf[bfloat16](mask.BFloat16), toBF16, 7) })
}

// These numbers can be checked by hand.
func TestFactorsOfHalvesAtKnownRates(t *testing.T) {
	for _, c := range []struct {
		rate float64
		f16  uint16
		bf16 uint16
	}{
		{0, 0x3c00, 0x3f80},
		{0.5, 0x4000, 0x4000},
		{0.75, 0x4400, 0x4080},
		{0.2, 0x3d00, 0x3fa0},
		{0.1, 0x3c72, 0x3f8e},                         // 1.1111
		{1.0 / 3, 0x3e00, 0x3fc0},                     // 1.5
		{1 - 1/65519.9, 0x7bff, 0x4780},               // 65504, the largest float16, and 65536
		{1 - 1/65520.1, 0x7c00, 0x4780},               // nearer to 65536, which float16 has not
		{1 - 0x1p-16, 0x7c00, 0x4780},                 // 65536
		{1 - 0x1p-53, 0x7c00, (127 + 53) << 7},        // the last rate
		{math.SmallestNonzeroFloat64, 0x3c00, 0x3f80}, // a factor of 1
		{1, 0, 0},
		{math.Copysign(0, -1), 0x3c00, 0x3f80},
	} {
		m, err := mask.New(1, 2, c.rate, mask.Arithmetic{Policy: mask.Multiply})
		if err != nil {
			t.Fatal(err)
		}
		m.Set(0, 1, false)
		f16, bf16 := []uint16{9, 9, 9}, []uint16{9, 9, 9}
		if err := errors.Join(mask.Factors(mask.Float16, f16, m, 3), mask.Factors(mask.BFloat16, bf16, m, 3)); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint([]uint16{c.f16, 0, 0}, []uint16{c.bf16, 0, 0}); fmt.Sprint(f16, bf16) != want {
			t.Errorf("rate %v: %v and %v, want %s", c.rate, f16, bf16, want)
		}
	}
	var zero mask.Mask
	if err := errors.Join(mask.Factors(mask.Float16, []float16{}, &zero, 0), mask.Factors(mask.BFloat16, []bfloat16{}, &zero, 5)); err != nil {
		t.Error(err)
	}
}

func testMisfits[T number](t *testing.T, factors factors[T]) {
	m := drawn(t, 2, 3, 0.5, 0, 0, 0)
	for _, c := range []struct{ len, pitch int }{{6, 2}, {5, 3}, {7, 3}, {6, 4}, {0, 3}, {0, 0}, {6, -3}, {8, 3}} {
		dst := make([]T, c.len)
		for i := range dst {
			dst[i] = 9
		}
		err := factors(dst, m, c.pitch)
		if !refuses(err, "factors") {
			t.Errorf("%d factors in rows of %d: error %#v", c.len, c.pitch, err)
			continue
		}
		got := err.Error()
		for _, w := range []string{fmt.Sprintf("%d factors", c.len), fmt.Sprintf("rows of %d", c.pitch), "2×3", "want samples·pitch factors"} {
			if !strings.Contains(got, w) {
				t.Errorf("%d factors in rows of %d are the error %q, which does not say %q", c.len, c.pitch, got, w)
			}
		}
		for i, f := range dst {
			if f != 9 {
				t.Errorf("%d factors in rows of %d: factor %d was written", c.len, c.pitch, i)
			}
		}
	}
}

func TestFactorsThatDoNotFitAreAnErrorAndUntouched(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testMisfits(t, factorsOf[float32](mask.Float32)) })
	t.Run("float64", func(t *testing.T) { testMisfits(t, factorsOf[float64](mask.Float64)) })
	t.Run("float16", func(t *testing.T) { testMisfits(t, factorsOf[float16](mask.Float16)) })
	t.Run("bfloat16", func(t *testing.T) { testMisfits(t, factorsOf[bfloat16](mask.BFloat16)) })
}

// Elements of another size are not written, whatever their number.
func TestFactorsOfAnotherSizeAreAnError(t *testing.T) {
	m := drawn(t, 2, 4, 0.5, 0, 0, 0)
	f32, f64, f16 := make([]float32, 8), make([]float64, 8), make([]uint16, 8)
	for name, err := range map[string]error{
		"float64 factors in elements of 4 bytes": mask.Factors(mask.Float64, f32, m, 4),
		"float16 factors in elements of 4 bytes": mask.Factors(mask.Float16, f32[:4], m, 4),
		"float32 factors in elements of 8 bytes": mask.Factors(mask.Float32, f64[:4], m, 4),
		"float32 factors in elements of 2 bytes": mask.Factors(mask.Float32, f16, m, 4),
		"Type(4) factors in elements of 2 bytes": mask.Factors(4, f16, m, 4),
	} {
		if !refuses(err, "type") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want an *ArgumentError of the type", name, err)
		}
	}
	for i := range f32 {
		if f32[i] != 0 || f64[i] != 0 || f16[i] != 0 {
			t.Errorf("factor %d was written", i)
		}
	}
}
