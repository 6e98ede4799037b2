package main

import "math"

// format is a binary floating-point format of 16 bits, given by the bits of its exponent
// and of its fraction. The reference converts with it instead of with internal/dtype,
// which the library uses: an oracle that shares a converter cannot find its mistakes. It
// computes with numbers where dtype moves bits.
type format struct{ exponent, fraction int }

var (
	binary16 = format{5, 10}
	brain16  = format{8, 7}
)

func (f format) bias() int { return 1<<(f.exponent-1) - 1 }

// infinity returns the bits of infinity. Greater ones are NaNs.
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

// round returns the bits of the number nearest to x, ties to even.
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
	case x == 0: // Frexp gives no exponent
		return sign
	}
	_, exponent := math.Frexp(x) // x is 2^exponent times a number from 0.5 to 1
	exponent = max(exponent-1+f.bias(), 1)
	units := math.RoundToEven(math.Ldexp(x, f.fraction+f.bias()-exponent))
	// The leading bit of units, if there is one, adds 1 to the exponent. So does a carry.
	magnitude := uint64(exponent-1)<<f.fraction + uint64(units)
	return sign | uint16(min(magnitude, uint64(f.infinity())))
}
