package reference

import (
	"math"
	"testing"
)

// Known numbers of both formats.
func TestHalvesOfTheOracleAreSound(t *testing.T) {
	for x, want := range map[float64][2]uint16{
		0: {0, 0}, 1: {0x3c00, 0x3f80}, -2: {0xc000, 0xc000}, 0.333251953125: {0x3555, 0x3eab}, 0x1p-24: {1, 0x3380}, 0x1p-14: {0x0400, 0x3880},
		65504: {0x7bff, 0x4780}, 65519.99: {0x7bff, 0x4780}, 65520: {0x7c00, 0x4780}, 0x1p-25: {0, 0x3300}, 0x1.8p-25: {1, 0x3340},
		0x1p-133: {0, 1}, 0x1p-134: {0, 0}, 0x1.fep127: {0x7c00, 0x7f7f}, 0x1.fefp127: {0x7c00, 0x7f7f}, 0x1.ffp127: {0x7c00, 0x7f80}, -1e300: {0xfc00, 0xff80},
	} {
		if got := [2]uint16{Float16.Nearest(x), BFloat16.Nearest(x)}; got != want {
			t.Errorf("%v is %#x, want %#x", x, got, want)
		}
	}
}

// Values that the definitions of the formats give, and what is rounded to them.
func TestHalvesFollowTheirStandards(t *testing.T) {
	for _, c := range []struct {
		h    *Half
		bits uint16
		want float64
	}{
		{Float16, 0x0001, 0x1p-24}, {Float16, 0x03ff, 0x3ffp-24}, {Float16, 0x0400, 0x1p-14}, {Float16, 0x3555, 0x1.554p-2}, {Float16, 0x3c00, 1}, {Float16, 0xc000, -2}, {Float16, 0x7bff, 65504}, {Float16, 0xfc00, math.Inf(-1)},
		{BFloat16, 0x0001, 0x1p-133}, {BFloat16, 0x007f, 0x7fp-133}, {BFloat16, 0x0080, 0x1p-126}, {BFloat16, 0x3eab, 0x1.56p-2}, {BFloat16, 0x3f80, 1}, {BFloat16, 0xc000, -2}, {BFloat16, 0x7f7f, 0x1.fep127}, {BFloat16, 0xff80, math.Inf(-1)},
	} {
		if got := c.h.Value(c.bits); got != c.want {
			t.Errorf("%#x with %d bits of fraction is %v, want %v", c.bits, c.h.Fraction, got, c.want)
		}
	}
	for _, c := range []struct {
		h    *Half
		x    float64
		want uint16
	}{
		{Float16, 1 + 0x1p-11, 0x3c00}, {Float16, 1 + 3*0x1p-11, 0x3c02}, {Float16, 1 + 0x1p-11 + 0x1p-40, 0x3c01}, {Float16, 65519, 0x7bff}, {Float16, 65520, 0x7c00}, {Float16, -1e9, 0xfc00}, {Float16, 0x1p-25, 0}, {Float16, 0x1.8p-25, 1}, {Float16, -0x1p-30, 0x8000}, {Float16, 0x3ff.8p-24, 0x400},
		{BFloat16, 1 + 0x1p-8, 0x3f80}, {BFloat16, 1 + 3*0x1p-8, 0x3f82}, {BFloat16, 0x1.ffp127, 0x7f80}, {BFloat16, 0x1.fefp127, 0x7f7f}, {BFloat16, 0x1p-134, 0}, {BFloat16, 0x1.8p-134, 1}, {BFloat16, -0x1p-149, 0x8000},
	} {
		if got := c.h.Nearest(c.x); got != c.want {
			t.Errorf("%v with %d bits of fraction is %#x, want %#x", c.x, c.h.Fraction, got, c.want)
		}
	}
}

// Every half is rounded to itself, NaNs with their payload, and the middles between halves and their
// neighbours are rounded correctly.
func TestOracleRoundsToNearestEven(t *testing.T) {
	for _, h := range []*Half{Float16, BFloat16} {
		infinity := h.Infinity()
		for i := range 1 << 16 {
			bits := uint16(i)
			x, want := h.Value(bits), bits
			if x != x {
				want |= h.Quiet()
			}
			if got := h.Nearest(x); got != want {
				t.Fatalf("%#04x is %v and then %#04x", bits, x, got)
			}
			if bits >= infinity {
				continue
			}
			next := h.Value(bits + 1)
			if bits+1 == infinity {
				next = 2*x - h.Value(bits-1)
			}
			middle, even := (x+next)/2, bits+bits&1
			for y, want := range map[float64]uint16{
				x: bits, math.Nextafter(x, 1e300): bits, math.Nextafter(middle, 0): bits,
				middle: even, math.Nextafter(middle, 1e300): bits + 1, math.Nextafter(next, 0): bits + 1,
			} {
				if got, minus := h.Nearest(y), h.Nearest(-y); got != want || minus != want|0x8000 {
					t.Fatalf("%v and its negative are rounded to %#04x and %#04x, want %#04x", y, got, minus, want)
				}
			}
		}
	}
}
