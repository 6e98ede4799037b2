// Package reference computes what tests compare with: the numbers of 16 bits by the definitions of their formats, and
// the numbers of the rules of package mask by their documentation. It shares no code with what is tested.
// The race detector does not watch it: nothing else uses what it reads.
package reference

import "math"

// Half is a format of 16 bits: a sign, an exponent and a fraction.
type Half struct {
	Fraction, Exponent int // bits of each

	values  [1 << 16]float64 // what each pattern of bits means
	ascend  []float64        // all that are not negative in order, and what would follow the largest
	octaves []int            // where in ascend the numbers of each exponent of a float64 begin, and one more
}

// The two formats: that of IEEE 754, and the upper half of a float32.
var (
	Float16  = newHalf(10, 5)
	BFloat16 = newHalf(7, 8)
)

func newHalf(fraction, exponent int) *Half {
	h := &Half{Fraction: fraction, Exponent: exponent}
	for bits := range h.values {
		h.values[bits] = h.define(uint16(bits))
	}
	h.ascend = append(h.ascend, h.values[:h.Infinity()]...)
	h.ascend = append(h.ascend, math.Ldexp(1, h.bias()+1))
	for i, x := range h.ascend {
		for len(h.octaves) <= octave(x) {
			h.octaves = append(h.octaves, i)
		}
	}
	for len(h.octaves) <= octave(math.Inf(1))+1 {
		h.octaves = append(h.octaves, len(h.ascend))
	}
	return h
}

// Infinity returns the bits of +∞, which follow those of the largest number.
func (h *Half) Infinity() uint16 { return uint16(1<<h.Exponent-1) << h.Fraction }

// Quiet returns the bit that a quiet NaN has, and a signalling one lacks.
func (h *Half) Quiet() uint16 { return 1 << (h.Fraction - 1) }

func (h *Half) bias() int { return 1<<(h.Exponent-1) - 1 }

// define returns the value of bits: ±fraction·2^exponent. A NaN keeps its payload and becomes quiet.
func (h *Half) define(bits uint16) float64 {
	exponent, fraction := int(bits&0x7fff>>h.Fraction), bits&(1<<h.Fraction-1)
	var x float64
	switch {
	case bits&0x7fff > h.Infinity():
		x = math.Float64frombits(math.Float64bits(math.Inf(1)) | uint64(fraction|h.Quiet())<<(52-h.Fraction))
	case bits&0x7fff == h.Infinity():
		x = math.Inf(1)
	case exponent == 0:
		x = math.Ldexp(float64(fraction), 1-h.bias()-h.Fraction)
	default:
		x = math.Ldexp(float64(int(fraction)+1<<h.Fraction), exponent-h.bias()-h.Fraction)
	}
	if bits>>15 == 1 {
		x = math.Copysign(x, -1)
	}
	return x
}

// Value returns what bits mean. A NaN keeps its payload and becomes quiet.
//
//go:norace
func (h *Half) Value(bits uint16) float64 { return h.values[bits] }

// octave returns the exponent of a float64 that is not negative, as its bits have it.
func octave(x float64) int { return int(math.Float64bits(x) >> 52) }

// Nearest returns the bits of the half nearest to x, the even one of two. It looks x up among all halves. A NaN
// becomes quiet, and loses the low bits of its payload.
//
//go:norace
func (h *Half) Nearest(x float64) uint16 {
	var sign uint16
	if math.Signbit(x) {
		sign = 1 << 15
		x = -x
	}
	if x != x {
		payload := uint16(math.Float64bits(x) >> (52 - h.Fraction) & (1<<h.Fraction - 1))
		return sign | h.Infinity() | h.Quiet() | payload
	}
	// The numbers of an octave are equally far apart. Comparisons decide all the same.
	begin, end := h.octaves[octave(x)], h.octaves[octave(x)+1]
	above := begin + int(math.Float64bits(x)&(1<<52-1)*uint64(end-begin)>>52)
	for above < len(h.ascend) && h.ascend[above] < x {
		above++
	}
	for above > 0 && h.ascend[above-1] >= x {
		above--
	}
	switch {
	case above == 0:
		return sign
	case above == len(h.ascend):
		return sign | h.Infinity()
	}
	below := above - 1
	up, down := h.ascend[above]-x, x-h.ascend[below]
	if up < down || up == down && above%2 == 0 {
		return sign | uint16(above) // infinity follows the largest number
	}
	return sign | uint16(below)
}

// Rounded returns the value of the half nearest to x.
func (h *Half) Rounded(x float64) float64 { return h.Value(h.Nearest(x)) }
