package mask

import (
	"encoding/binary"
	"math"
)

// noise is where the normal numbers of a mask with the rule Gaussian come from.
type noise struct{ seed, step, first uint64 }

// drawNoise gives m the noise of a place. The mask only holds where the noise comes from.
// The numbers are computed when factors are written, the same on every CPU.
func (p philox) drawNoise(m *Mask, at Place, whole uint64) {
	m.setCount(0, 0)
	m.fill()
	if int(whole) != m.channels {
		m.whole = int(whole)
	}
	m.noise = noise{p.seed, at.Step, at.SampleOffset*whole + at.ChannelOffset}
}

// fillNoise writes the factors of the channels that are kept, as Fill does. At rate 0 they stay 1, and at rate 1
// nothing is kept.
func (m *Mask) fillNoise(t Type, factors []byte, pitch int) {
	if !m.draws() {
		return
	}
	sigma := math.Sqrt(m.rate / (1 - m.rate))
	wide := wideNumbers{seed: m.noise.seed, step: m.noise.step}
	for n := range m.samples {
		for c := range m.channels {
			r := wide.at(m.noise.first + uint64(n)*uint64(m.width()) + uint64(c))
			if !m.Kept(n, c) {
				continue // dropped by Set
			}
			bits := t.Bits(1 + float64(sigma*normal(float64(float64(r>>12)*0x1p-52)+0x1p-53)))
			switch at := factors[(n*pitch+c)*t.Size():]; t.Size() {
			case 2:
				binary.NativeEndian.PutUint16(at, uint16(bits))
			case 4:
				binary.NativeEndian.PutUint32(at, uint32(bits))
			default:
				binary.NativeEndian.PutUint64(at, bits)
			}
		}
	}
}

// normal returns the quantile of the standard normal distribution for a probability u, 0 <
// u < 1, to about 16 digits, by Wichura's algorithm AS 241, PPND16 (Applied Statistics 37,
// 1988, pp. 477–484).
//
// Every product is converted, so that none is fused with a sum. The logarithm is our own,
// because that of package math differs between CPUs.
func normal(u float64) float64 {
	q := u - 0.5
	if math.Abs(q) <= 0.425 {
		r := 0.180625 - float64(q*q)
		return float64(q*horner(r, &centre[0])) / horner(r, &centre[1])
	}
	r := min(u, 1-u)
	r = math.Sqrt(-logarithm(r))
	part := &middle
	if r -= 1.6; r > 5-1.6 {
		part, r = &tail, r-3.4
	}
	return math.Copysign(horner(r, &part[0])/horner(r, &part[1]), q)
}

// horner returns the value at x of the polynomial of degree 7 with these coefficients, the
// highest first.
func horner(x float64, coefficients *[8]float64) float64 {
	y := 0.0
	for _, c := range coefficients {
		y = float64(y*x) + c
	}
	return y
}

// The coefficients of numerators and denominators, from AS 241.
var (
	centre = [2][8]float64{
		{2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0},
		{5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1},
	}
	middle = [2][8]float64{
		{7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0},
		{1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1},
	}
	tail = [2][8]float64{
		{2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0},
		{2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1},
	}
)

// logarithm returns the natural logarithm of a normal number x to within two ulps. With x =
// m·2ᵏ and √½ ≤ m < √2, it is k·ln 2 + 2·artanh((m−1)/(m+1)). artanh is its series up to
// the 23rd power, at |(m−1)/(m+1)| < 0.172.
func logarithm(x float64) float64 {
	m, k := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, k = 2*m, k-1
	}
	s := (m - 1) / (m + 1)
	z := float64(s * s)
	y := 0.0
	for odd := 23.0; odd > 1; odd -= 2 {
		y = float64((y + 1/odd) * z)
	}
	// ln 2 in two parts, of which k times the first is exact.
	const high, low = 0.6931471803691238, 1.9082149292705877e-10
	return float64(float64(k)*high) + (2*s + (float64(2*s*y) + float64(float64(k)*low)))
}
