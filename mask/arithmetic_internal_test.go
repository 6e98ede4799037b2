package mask

import (
	"math"
	"testing"
)

// The two conversions of halves undo each other, whatever the sign.
func TestHalvesComeBackFromTheirValues(t *testing.T) {
	for _, f := range []struct {
		name               string
		fraction, exponent int
	}{{"float16", 10, 5}, {"bfloat16", 7, 8}} {
		for bits := range 1 << 16 {
			x := value(uint16(bits), f.fraction, f.exponent)
			if exponent := bits << 1 & 0xffff >> 1 >> f.fraction; exponent == 1<<f.exponent-1 {
				if !math.IsInf(float64(x), 1-2*(bits>>15)) {
					t.Fatalf("%s %#x is %v, want an infinity", f.name, bits, x)
				}
				continue // the value of a NaN is never asked for
			}
			if back := half(float64(x), f.fraction, f.exponent); back != uint16(bits) || math.Signbit(float64(x)) != (bits>>15 == 1) {
				t.Fatalf("%s %#x is %v, which becomes %#x", f.name, bits, x, back)
			}
		}
	}
}

// The shift of a dropped channel may be the difference of two infinities.
func TestHalfOfNaNIsQuietAndPositive(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		nan := math.Copysign(math.NaN(), sign)
		if f16, bf16 := half(nan, 10, 5), half(nan, 7, 8); f16 != 0x7e00 || bf16 != 0x7fc0 {
			t.Errorf("NaN with sign %v is float16 %#x and bfloat16 %#x, want 0x7e00 and 0x7fc0", sign, f16, bf16)
		}
	}
}
