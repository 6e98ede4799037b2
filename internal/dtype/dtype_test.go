package dtype_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/reference"
)

// halves are the 16-bit types, with their formats.
var halves = []struct {
	dtype.Type
	*reference.Half
}{{dtype.Float16, reference.Float16}, {dtype.BFloat16, reference.BFloat16}}

func TestNamesAndSizes(t *testing.T) {
	for d, want := range map[dtype.Type]string{
		dtype.Float32: "float32 4", dtype.Float64: "float64 8", dtype.Float16: "float16 2", dtype.BFloat16: "bfloat16 2",
	} {
		if got := fmt.Sprint(d, " ", d.Size()); got != want {
			t.Errorf("type %d is %s, want %s", uint8(d), got, want)
		}
	}
	if got := dtype.Type(dtype.Count).String(); got != "Type(4)" {
		t.Errorf("the first invalid type is called %s, want Type(4)", got)
	}
}

func TestWidenIsTheValueOfEveryHalf(t *testing.T) {
	for _, h := range halves {
		for bits := range 1 << 16 {
			got, want := h.Widen(uint16(bits)), h.Value(uint16(bits))
			switch {
			case math.IsNaN(want):
				wide := uint32(bits) << 16 // keeps its bits
				if h.Type == dtype.Float16 {
					wide = uint32(bits&0x8000)<<16 | 0x7fc00000 | uint32(bits&0x3ff)<<13 // becomes quiet
				}
				if math.Float32bits(got) != wide {
					t.Fatalf("%v %#04x is widened to %#08x, want the NaN %#08x", h, bits, math.Float32bits(got), wide)
				}
			case float64(got) != want || math.Signbit(float64(got)) != math.Signbit(want):
				t.Fatalf("%v %#04x is widened to %v, want %v", h, bits, got, want)
			}
		}
	}
}

// Between two neighbouring halves only the middle and its neighbours can be rounded to
// the wrong side by a function that is monotone, so these are all tried.
func TestRoundAndNarrowToTheNearestHalfTiesToEven(t *testing.T) {
	for _, h := range halves {
		infinity := h.Infinity()
		for b := range infinity {
			x, next := h.Value(b), h.Value(b+1)
			if b+1 == infinity {
				next = 2*x - h.Value(b-1)
			}
			middle, even := (x+next)/2, b+b%2
			for _, c := range []struct {
				x    float64
				want uint16
			}{
				{x, b}, {math.Nextafter(x, math.Inf(1)), b}, {math.Nextafter(middle, 0), b},
				{middle, even}, {math.Nextafter(middle, math.Inf(1)), b + 1}, {math.Nextafter(next, 0), b + 1},
			} {
				if got := h.Round(c.x); got != c.want {
					t.Fatalf("%v: %v is rounded to %#04x, want %#04x", h, c.x, got, c.want)
				}
				if got := h.Round(-c.x); got != c.want|0x8000 {
					t.Fatalf("%v: %v is rounded to %#04x, want %#04x", h, -c.x, got, c.want|0x8000)
				}
			}
			near := float32(middle)
			for _, c := range []struct {
				x    float32
				want uint16
			}{
				{float32(x), b}, {math.Nextafter32(float32(x), float32(math.Inf(1))), b}, {math.Nextafter32(near, 0), b},
				{near, even}, {math.Nextafter32(near, float32(math.Inf(1))), b + 1}, {math.Nextafter32(float32(next), 0), b + 1},
			} {
				if math.IsInf(float64(near), 0) {
					continue // the middle between the largest bfloat16 and 2¹²⁸ is a float32, 2¹²⁸ is not
				}
				if got := h.Narrow(c.x); got != c.want {
					t.Fatalf("%v: %v is narrowed to %#04x, want %#04x", h, c.x, got, c.want)
				}
				if got := h.Narrow(-c.x); got != c.want|0x8000 {
					t.Fatalf("%v: %v is narrowed to %#04x, want %#04x", h, -c.x, got, c.want|0x8000)
				}
			}
		}
		for _, big := range []float64{math.Inf(1), math.MaxFloat64, math.MaxFloat32 * 2, 0x1p128} {
			if got, minus := h.Round(big), h.Round(-big); got != infinity || minus != infinity|0x8000 {
				t.Errorf("%v: %v and its negative are rounded to %#04x and %#04x, want infinities", h, big, got, minus)
			}
		}
		if got, minus := h.Narrow(float32(math.Inf(1))), h.Narrow(float32(math.Inf(-1))); got != infinity || minus != infinity|0x8000 {
			t.Errorf("%v: infinities are narrowed to %#04x and %#04x", h, got, minus)
		}
	}
}

func TestNarrowAndRoundAreMonotone(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, h := range halves {
		for range 300_000 {
			a, b := r.Uint32()>>1, r.Uint32()>>1
			a, b = min(a, b, 0x7f800000), min(max(a, b), 0x7f800000)
			x, y := math.Float32frombits(a), math.Float32frombits(b)
			if h.Narrow(x) > h.Narrow(y) {
				t.Fatalf("%v: %v is narrowed to %#04x and %v to %#04x", h, x, h.Narrow(x), y, h.Narrow(y))
			}
			if near := h.Round(float64(x)); near != h.Narrow(x) {
				t.Fatalf("%v: %v is rounded to %#04x and narrowed to %#04x", h, x, near, h.Narrow(x))
			}
			c, d := r.Uint64N(0x7ff0<<48), r.Uint64N(0x7ff0<<48)
			v, w := math.Float64frombits(min(c, d)), math.Float64frombits(max(c, d))
			if h.Round(v) > h.Round(w) {
				t.Fatalf("%v: %v is rounded to %#04x and %v to %#04x", h, v, h.Round(v), w, h.Round(w))
			}
		}
	}
}

func TestNaNsStayNaNs(t *testing.T) {
	for _, h := range halves {
		quiet := uint16(1<<(h.Exponent+1)-1) << (h.Fraction - 1)
		for _, payload := range []uint32{1, 0x1fff, 0x2000, 0xffff, 0x10000, 0x3fffff, 0x400000, 0x7fffff} {
			for _, sign := range []uint32{0, 1 << 31} {
				got := h.Narrow(math.Float32frombits(sign | 0x7f800000 | payload))
				want := uint16(sign>>16) | quiet | uint16(payload>>(23-h.Fraction))
				if got != want {
					t.Errorf("%v: the NaN %#08x is narrowed to %#04x, want %#04x", h, sign|0x7f800000|payload, got, want)
				}
			}
		}
		for _, sign := range []float64{1, -1} {
			if got := h.Round(math.Copysign(math.NaN(), sign)); got != quiet {
				t.Errorf("%v: a NaN of sign %v is rounded to %#04x, want %#04x", h, sign, got, quiet)
			}
		}
	}
}

// Bits and Rounded agree with the conversions of Go, and for halves with Round and Widen.
func TestBitsAndRoundedAreOneRounding(t *testing.T) {
	for _, x := range []float64{0, math.Copysign(0, -1), 1, -1.0 / 3, 1 / 0.7, 65519, 65520, 1e-7, 1e-45, 3.5e38, math.Inf(1), math.Inf(-1), math.NaN()} {
		for _, typ := range []dtype.Type{dtype.Float32, dtype.Float64, dtype.Float16, dtype.BFloat16} {
			bits, value := uint64(typ.Round(x)), float64(typ.Widen(typ.Round(x)))
			switch typ {
			case dtype.Float32:
				bits, value = uint64(math.Float32bits(float32(x))), float64(float32(x))
			case dtype.Float64:
				bits, value = math.Float64bits(x), x
			}
			if got := typ.Bits(x); got != bits {
				t.Errorf("%v: %v has the bits %#x, want %#x", typ, x, got, bits)
			}
			if got := typ.Rounded(x); math.Float64bits(got) != math.Float64bits(value) && (got == got || value == value) {
				t.Errorf("%v: %v is rounded to %v, want %v", typ, x, got, value)
			}
		}
	}
}
