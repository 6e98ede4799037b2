package mask

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

const bitsOfBig = 400

func bigOf(x float64) *big.Float { return new(big.Float).SetPrec(bitsOfBig).SetFloat64(x) }

// expOf returns eˣ for x ≤ 0, by the series at x/2⁸ squared eight times.
func expOf(x *big.Float) *big.Float {
	small := new(big.Float).SetMantExp(x, -8)
	sum, term := bigOf(1), bigOf(1)
	for k := 1; k < 90; k++ {
		term.Mul(term, small)
		term.Quo(term, bigOf(float64(k)))
		sum.Add(sum, term)
	}
	for range 8 {
		sum.Mul(sum, sum)
	}
	return sum
}

// piOf is π by Machin's formula.
func piOf() *big.Float {
	arctan := func(inverse float64) *big.Float {
		sum, power := bigOf(0), new(big.Float).Quo(bigOf(1), bigOf(inverse))
		for k := 1.0; k < 300; k += 2 {
			term := new(big.Float).Quo(power, bigOf(k))
			if int(k)%4 == 3 {
				term.Neg(term)
			}
			sum.Add(sum, term)
			power.Quo(power, bigOf(inverse*inverse))
		}
		return sum
	}
	a, b := arctan(5), arctan(239)
	a.Mul(a, bigOf(16))
	return a.Sub(a, b.Mul(b, bigOf(4)))
}

// normalError returns the relative error of z as the quantile of the standard normal
// distribution for u: (Φ(z)−u)/(φ(z)·z), one step of Newton's method, with Φ(z) = ½ +
// φ(z)·(z + z³/3 + z⁵/(3·5) + …).
func normalError(z, u float64, pi *big.Float) float64 {
	x := bigOf(z)
	square := new(big.Float).Mul(x, x)
	density := expOf(new(big.Float).SetMantExp(new(big.Float).Neg(square), -1))
	density.Quo(density, new(big.Float).Sqrt(new(big.Float).SetMantExp(pi, 1)))
	sum, term := new(big.Float).Set(x), new(big.Float).Set(x)
	for k := 3.0; k < 900; k += 2 {
		term.Mul(term, square)
		term.Quo(term, bigOf(k))
		sum.Add(sum, term)
		if term.Sign() == 0 || sum.MantExp(nil)-term.MantExp(nil) > bitsOfBig {
			break
		}
	}
	sum.Mul(sum, density)
	sum.Sub(sum, new(big.Float).Sub(bigOf(u), bigOf(0.5)))
	sum.Quo(sum, density.Mul(density, x))
	e, _ := sum.Float64()
	return e
}

// uniform returns number k of the 2⁵² that normal numbers are made of.
func uniform(k uint64) float64 { return float64(k)*0x1p-52 + 0x1p-53 }

func TestNormalIsTheInverseOfTheNormalDistribution(t *testing.T) {
	pi := piOf()
	if f, _ := pi.Float64(); f != math.Pi {
		t.Fatalf("π is %v", f)
	}
	const last = 1<<52 - 1
	ks := []uint64{0, 1, 2, 3, 1000, 1 << 20, 1<<51 - 1, 1 << 51, 1<<51 + 1, last - 1, last}
	for e := range 51 {
		ks = append(ks, 1<<e, last-1<<e, 1<<51+1<<e, 1<<51-1<<e)
	}
	for _, edge := range []float64{0.075, 0.925, math.Exp(-25), 0.5} { // between the approximations
		k := uint64(edge * (1 << 52))
		ks = append(ks, k-1, k, k+1)
	}
	r := rand.New(rand.NewPCG(1, 1))
	n := 1000
	if testing.Short() {
		n = 100
	}
	for range n {
		ks = append(ks, r.Uint64()>>12, r.Uint64()>>12>>r.IntN(52))
	}
	worst := 0.0
	for _, k := range ks {
		u := uniform(k)
		z := normal(u)
		if z == 0 || math.IsNaN(z) || math.IsInf(z, 0) {
			t.Fatalf("normal(%v) is %v", u, z)
		}
		e := math.Abs(normalError(z, u, pi))
		if e > 1e-15 {
			t.Errorf("normal(%v) is %v, off by %.2g of it", u, z, e)
		}
		worst = max(worst, e)
	}
	t.Logf("off by %.2g at most", worst)
}

func TestNormalIsSymmetricAndMonotone(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	const last = 1<<52 - 1
	for range 200_000 {
		k := r.Uint64() >> 12 >> r.IntN(52)
		if a, b := normal(uniform(k)), normal(uniform(last-k)); a != -b {
			t.Fatalf("normal(%v) is %v, and %v on the other side", uniform(k), a, b)
		}
		// Neighbours may be rounded to the same number, or exchanged where they are closer
		// than the error of the approximation. Numbers a little further apart may not.
		if further := k + 1 + k>>40; further <= last/2 {
			if a, b := normal(uniform(k)), normal(uniform(further)); a > b+4*(math.Nextafter(math.Abs(b), 99)-math.Abs(b)) {
				t.Fatalf("normal(%v) is %v and normal(%v) is %v", uniform(k), a, uniform(further), b)
			}
		}
	}
	for _, edge := range []float64{0.075, 0.925, math.Exp(-25), 1 - math.Exp(-25)} {
		below, above := normal(edge-1e-14), normal(edge+1e-14)
		if at := normal(edge); !(below < at && at < above) {
			t.Errorf("around %v: %v, %v, %v", edge, below, at, above)
		}
	}
}

// Quantiles from published tables.
func TestNormalGivesKnownQuantiles(t *testing.T) {
	for u, want := range map[float64]float64{
		0.5: 0, 0.975: 1.9599639845400542355, 0.025: -1.9599639845400542355, 0.75: 0.67448975019608174320,
		0.9: 1.2815515655446004, 0.99: 2.3263478740408411, 0.001: -3.0902323061678135, 1e-10: -6.3613409024040557,
	} {
		if got := normal(u); math.Abs(got-want) > 2e-15*math.Abs(want) {
			t.Errorf("normal(%v) is %v, want %v", u, got, want)
		}
	}
}

func TestLogarithmAgreesWithPackageMath(t *testing.T) {
	check := func(x float64) {
		got, want := logarithm(x), math.Log(x)
		if ulp := math.Nextafter(math.Abs(want), 1e9) - math.Abs(want); math.Abs(got-want) > 2*ulp {
			t.Fatalf("logarithm(%v) is %v, want %v: %v ulps off", x, got, want, (got-want)/ulp)
		}
	}
	r := rand.New(rand.NewPCG(3, 3))
	for range 200_000 {
		check(math.Ldexp(1-r.Float64(), -r.IntN(60)))
	}
	for e := range 53 {
		x := math.Ldexp(1, -e)
		for _, y := range []float64{x, math.Nextafter(x, 0), math.Nextafter(x, 2), x * math.Sqrt2 / 2, math.Nextafter(x*math.Sqrt2/2, 0), math.Nextafter(x*math.Sqrt2/2, 2)} {
			check(y)
		}
	}
}
