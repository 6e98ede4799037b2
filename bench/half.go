package main

import "math"

// format is a binary floating-point format of 16 bits: a sign, so many bits of
// exponent and so many of the fraction. It calculates with numbers, not with
// bits, so that it has nothing in common with the library.
type format struct{ exponent, fraction int }

var (
	binary16 = format{5, 10}
	brain16  = format{8, 7}
)

func (f format) bias() int { return 1<<(f.exponent-1) - 1 }

// infinity returns the bits of infinity; above it are NaNs.
func (f format) infinity() uint16 { return (1<<f.exponent - 1) << f.fraction }

// value returns the number that bits stand for.
func (f format) value(bits uint16) float64 {
	magnitude, sign := bits&0x7fff, 1.0
	if bits>>15 == 1 {
		sign = -1
	}
	if magnitude > f.infinity() {
		return math.NaN()
	} else if magnitude == f.infinity() {
		return math.Inf(int(sign))
	}
	exponent, units := int(magnitude>>f.fraction), int(magnitude&(1<<f.fraction-1))
	if exponent == 0 {
		exponent = 1 // subnormal: no leading bit
	} else {
		units += 1 << f.fraction
	}
	return sign * math.Ldexp(float64(units), exponent-f.bias()-f.fraction)
}

// round returns the bits of the number next to x, of two the even one.
func (f format) round(x float64) uint16 {
	var sign uint16
	if math.Signbit(x) {
		sign = 1 << 15
	}
	switch x = math.Abs(x); {
	case math.IsNaN(x):
		return sign | 0x7fff
	case math.IsInf(x, 0):
		return sign | f.infinity()
	case x == 0: // it has no exponent
		return sign
	}
	_, exponent := math.Frexp(x) // x is 2^exponent times 0.5 or more
	exponent = max(exponent-1+f.bias(), 1)
	units := math.RoundToEven(math.Ldexp(x, f.fraction+f.bias()-exponent))
	// The leading bit of units, if there is one, counts the exponent up; so does
	// a carry.
	magnitude := uint64(exponent-1)<<f.fraction + uint64(units)
	return sign | uint16(min(magnitude, uint64(f.infinity())))
}
