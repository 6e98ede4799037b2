package mask_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/reference"
	"github.com/spatialdropout/spatialdropout/mask"
)

// noisy returns a mask with Gaussian noise.
func noisy(t testing.TB, samples, channels int, rate float64, seed uint64, at mask.Place) *mask.Mask {
	t.Helper()
	m, err := mask.New(samples, channels, rate, mask.Arithmetic{Rule: mask.Gaussian})
	if err != nil {
		t.Fatal(err)
	}
	if err := mask.Philox(seed).Draw(m, at); err != nil {
		t.Fatal(err)
	}
	return m
}

// factors64 returns the factors of a mask.
func factors64(m *mask.Mask, pitch int) []float64 {
	f := make([]float64, m.Samples()*pitch)
	for i := range f {
		f[i] = math.NaN()
	}
	if err := mask.Factors(mask.Float64, f, m, pitch); err != nil {
		panic(err)
	}
	return f
}

// distribution is Φ, the normal distribution function.
func distribution(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// The factors come from the numbers that the documentation of Philox names.
func TestGaussianFactorsFollowTheRule(t *testing.T) {
	for i, shape := range [][2]int{{1, 1}, {3, 5}, {2, 64}, {7, 33}, {0, 4}, {4, 0}} {
		samples, channels := shape[0], shape[1]
		for _, rate := range []float64{1e-9, 0.1, 0.5, 0.9} {
			at := mask.Place{Step: 1 << (7 * i), Shard: mask.Shard{SampleOffset: 1 << (9 * i)}}
			m := noisy(t, samples, channels, rate, 42<<i, at)
			if m.Arithmetic().Rule != mask.Gaussian || m.CountKept() != samples*channels || m.Factor() != 1 || m.Action(mask.BFloat16) != (mask.Action{}) {
				t.Errorf("%v is no Gaussian noise", m)
			}
			sigma := math.Sqrt(rate / (1 - rate))
			for k, f := range factors64(m, channels) {
				r := wide(42<<i, at.Step, at.SampleOffset*uint64(channels)+uint64(k))
				want := float64(r>>12)*0x1p-52 + 0x1p-53
				z := (f - 1) / sigma
				got := distribution(z)
				// 1+σ·z is rounded to 2⁻⁵³ where σ is small.
				if tolerance := 1e-13 + 1e-15/sigma; math.Abs(got-want) > tolerance {
					t.Fatalf("rate %v: factor %d of %d×%d is %v, a normal number with probability %v, want %v", rate, k, samples, channels, f, got, want)
				}
			}
		}
	}
}

func TestGaussianFactorsOfAllTypesAreRoundedOnce(t *testing.T) {
	const samples, channels, pitch = 5, 77, 80
	for _, rate := range []float64{0, 1e-12, 0.3, 0.9, 1 - 1e-9, 1 - 0x1p-53, 1} {
		m := noisy(t, samples, channels, rate, 3, mask.Place{Step: 4})
		f64 := factors64(m, pitch)
		f32, f16, bf16 := make([]float32, len(f64)), make([]uint16, len(f64)), make([]bfloat16, len(f64))
		for i := range f32 {
			f32[i], f16[i], bf16[i] = 9, 9, 9
		}
		if err := errors.Join(mask.Factors(mask.Float32, f32, m, pitch), mask.Factors(mask.Float16, f16, m, pitch), mask.Factors(mask.BFloat16, bf16, m, pitch)); err != nil {
			t.Fatal(err)
		}
		for i, f := range f64 {
			if f32[i] != float32(f) || f16[i] != reference.Float16.Nearest(f) || uint16(bf16[i]) != reference.BFloat16.Nearest(f) {
				t.Fatalf("rate %v: factor %d, %v, is %v, %#04x and %#04x", rate, i, f, f32[i], f16[i], bf16[i])
			}
			if i%pitch >= channels && f != 0 || rate == 0 && i%pitch < channels && f != 1 || rate == 1 && f != 0 {
				t.Fatalf("rate %v: factor %d is %v", rate, i, f)
			}
		}
	}
}

// Package math and fused operations differ between CPUs. The bits of factors must not.
func TestGaussianFactorsAreTheSameOnEveryCPU(t *testing.T) {
	const name = "testdata/gaussian.txt"
	var b strings.Builder
	for _, f := range append(factors64(noisy(t, 4, 8, 0.5, 42, mask.Place{}), 8), factors64(noisy(t, 2, 16, 0.1, 1<<40, mask.Place{Step: 7, Shard: mask.Shard{SampleOffset: 99}}), 16)...) {
		fmt.Fprintf(&b, "%016x %v\n", math.Float64bits(f), f)
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := strings.Split(b.String(), "\n"), strings.Split(strings.ReplaceAll(string(want), "\r", ""), "\n")
	if len(got) != 65 || len(lines) != 65 {
		t.Fatalf("%d factors, %d in %s, want 64", len(got)-1, len(lines)-1, name)
	}
	for i := range got {
		if got[i] != lines[i] {
			t.Errorf("factor %d is %s, in %s %s", i, got[i], name, lines[i])
		}
	}
}

func TestGaussianNoiseIsNormalAndIndependent(t *testing.T) {
	samples := 10_000
	if testing.Short() {
		samples = 1000
	}
	n := float64(samples * width)
	next := factors64(noisy(t, samples, width, 0.5, 9, mask.Place{Step: 1}), width)
	other := factors64(noisy(t, samples, width, 0.5, 10, mask.Place{}), width)
	for _, rate := range []float64{0.5, 0.1, 0.8} {
		variance := rate / (1 - rate)
		f := factors64(noisy(t, samples, width, rate, 9, mask.Place{}), width)
		// The moments of z about 0, as distances from the expected ones in standard
		// deviations.
		var moments [5]float64
		for _, x := range f {
			z, power := (x-1)/math.Sqrt(variance), 1.0
			for k := range moments {
				moments[k] += power
				power *= z
			}
		}
		for k, c := range []struct{ want, variance float64 }{{1, 0}, {0, 1}, {1, 2}, {0, 15}, {3, 96}} {
			if k == 0 {
				continue
			}
			if z := (moments[k]/n - c.want) / math.Sqrt(c.variance/n); !(math.Abs(z) < farthest) {
				t.Errorf("rate %v: moment %d is %v, want %v, z = %.1f", rate, k, moments[k]/n, c.want, z)
			}
		}
		// Correlations of neighbours, samples, steps and seeds, of the numbers and of their
		// squares. Squares are correlated if both numbers of a pair come from one radius.
		for _, c := range []struct {
			what string
			o    []float64
			rate float64
			lags []int
		}{{"channel", f, rate, lags}, {"step", next, 0.5, []int{0, 1, 2, 3, 4}}, {"seed", other, 0.5, []int{0, 1, 2, 3, 4}}} {
			for _, lag := range c.lags {
				var straight, squares float64
				for i := range f[:len(f)-lag] {
					a, b := (f[i]-1)/math.Sqrt(variance), (c.o[i+lag]-1)/math.Sqrt(c.rate/(1-c.rate))
					straight += a * b
					squares += (a*a - 1) * (b*b - 1)
				}
				for name, z := range map[string]float64{"numbers": straight / math.Sqrt(n), "squares": squares / 2 / math.Sqrt(n)} {
					if !(math.Abs(z) < farthest) {
						t.Errorf("rate %v: %s, %d apart, of the next %s are correlated, z = %.1f", rate, name, lag, c.what, z)
					}
				}
			}
		}
	}
}

func TestShardsOfGaussianNoiseAreRowsOfTheWholeBatch(t *testing.T) {
	for _, channels := range []int{1, 2, 3, 7, 64, 65} {
		at := mask.Place{Step: 3, Shard: mask.Shard{SampleOffset: 10}}
		whole := factors64(noisy(t, 9, channels, 0.3, 5, at), channels)
		for from := range 9 {
			at.SampleOffset = 10 + uint64(from)
			part := factors64(noisy(t, 9-from, channels, 0.3, 5, at), channels)
			if fmt.Sprint(part) != fmt.Sprint(whole[from*channels:]) {
				t.Errorf("%d channels: samples %d to 9 have the factors %v, want %v", channels, from, part, whole[from*channels:])
			}
		}
	}
	// The index of a trial wraps around at 2⁶⁴.
	wrapped := factors64(noisy(t, 4, 3, 0.3, 5, mask.Place{Shard: mask.Shard{SampleOffset: 1<<64 - 2}}), 3)
	if begin := factors64(noisy(t, 2, 3, 0.3, 5, mask.Place{}), 3); fmt.Sprint(wrapped[6:]) != fmt.Sprint(begin) {
		t.Error("sample 2⁶⁴ is not sample 0")
	}
}

// Set drops a channel of noise and leaves the noise of the others as it is.
func TestChannelsAreDroppedFromGaussianNoiseByHand(t *testing.T) {
	const samples, channels, pitch = 3, 70, 72
	m := noisy(t, samples, channels, 0.4, 9, mask.Place{Step: 1})
	f32, f16, bf16 := make([]float32, samples*pitch), make([]uint16, samples*pitch), make([]bfloat16, samples*pitch)
	want := factors64(m, pitch)
	for n := range samples {
		for c := n; c < channels; c += 5 {
			m.Set(n, c, false)
			want[n*pitch+c] = 0
		}
	}
	if err := errors.Join(mask.Factors(mask.Float32, f32, m, pitch), mask.Factors(mask.Float16, f16, m, pitch), mask.Factors(mask.BFloat16, bf16, m, pitch)); err != nil {
		t.Fatal(err)
	}
	for i, f := range factors64(m, pitch) {
		if f != want[i] || f32[i] != float32(want[i]) || f16[i] != reference.Float16.Nearest(want[i]) || uint16(bf16[i]) != reference.BFloat16.Nearest(want[i]) {
			t.Fatalf("factor %d is %v, %v, %#x and %#x, want %v", i, f, f32[i], f16[i], bf16[i], want[i])
		}
	}
}

// A mask that is reset to what it is has no noise of an earlier draw.
func TestResetForgetsNoise(t *testing.T) {
	m, a := noisy(t, 3, 7, 0.3, 5, mask.Place{Step: 2}), mask.Arithmetic{Rule: mask.Gaussian}
	if err := m.Reset(3, 7, 0.3, a); err != nil {
		t.Fatal(err)
	}
	want, err := mask.New(3, 7, 0.3, a)
	if err != nil {
		t.Fatal(err)
	}
	if everything(m) != everything(want) || !m.Equal(want) {
		t.Errorf("%v\nafter noise, want\n%v", m, want)
	}
}

// Reset forgets noise, and noise forgets a fixed count.
func TestGaussianNoiseIsForgotten(t *testing.T) {
	m := sharedBy(t, mask.Philox(0), mask.FixedCount, 3, 7, 0.3, mask.Place{})
	if err := m.Reset(3, 7, 0.3, mask.Arithmetic{Rule: mask.Gaussian}); err != nil {
		t.Fatal(err)
	}
	if err := mask.Philox(5).Draw(m, mask.Place{Step: 2}); err != nil {
		t.Fatal(err)
	}
	if want := noisy(t, 3, 7, 0.3, 5, mask.Place{Step: 2}); everything(m) != everything(want) || !m.Equal(want) {
		t.Errorf("%v\nafter a fixed count, want\n%v", m, want)
	}
	if err := m.Reset(3, 7, 0.3, mask.Arithmetic{}); err != nil {
		t.Fatal(err)
	}
	if err := mask.Philox(1).Draw(m, mask.Place{Step: 2, Shard: mask.Shard{SampleOffset: 3}}); err != nil {
		t.Fatal(err)
	}
	if want := drawn(t, 3, 7, 0.3, 1, 2, 3); everything(m) != everything(want) || !m.Equal(want) {
		t.Errorf("%v\nafter noise, want\n%v", m, want)
	}
}
