package spatialdropout_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// half returns how many bits of T are the exponent, after the sign, and how many are
// the fraction.
func half[T float16 | bfloat16]() (exponent, fraction, bias int) {
	exponent = 8
	if _, ok := any(T(0)).(float16); ok {
		exponent = 5
	}
	return exponent, 15 - exponent, 1<<(exponent-1) - 1
}

// decode returns the value of h. A NaN keeps its payload and becomes quiet.
func decode[T float16 | bfloat16](h T) float64 {
	if _, ok := any(h).(float16); ok {
		return decodedF16()[h]
	}
	return decodedBF16()[h]
}

// The values of all halves: the oracle asks for some of them very often.
var (
	decodedF16  = sync.OnceValue(decodeAll[float16])
	decodedBF16 = sync.OnceValue(decodeAll[bfloat16])
)

func decodeAll[T float16 | bfloat16]() *[1 << 16]float64 {
	var all [1 << 16]float64
	for i := range all {
		all[i] = value(T(i))
	}
	return &all
}

// value returns what the bits of h mean.
func value[T float16 | bfloat16](h T) float64 {
	exponent, fraction, bias := half[T]()
	e, f := int(h)>>fraction&(1<<exponent-1), int(h)&(1<<fraction-1)
	var x float64
	switch {
	case e == 1<<exponent-1 && f > 0:
		x = math.Float64frombits(0x7ff8<<48 | uint64(f)<<(52-fraction))
	case e == 1<<exponent-1:
		x = math.Inf(1)
	case e == 0:
		x = math.Ldexp(float64(f), 1-bias-fraction)
	default:
		x = math.Ldexp(float64(1<<fraction+f), e-bias-fraction)
	}
	if h>>15 == 1 {
		x = math.Copysign(x, -1)
	}
	return x
}

// encode returns the half nearest to x, ties to even: x as a number of units in the
// last place. A NaN keeps as much of its payload as fits.
func encode[T float16 | bfloat16](x float64) T {
	exponent, fraction, bias := half[T]()
	var sign T
	if math.Signbit(x) {
		sign = 1 << 15
	}
	infinity := T(1<<exponent-1) << fraction
	if x != x {
		return sign | infinity | 1<<(fraction-1) | T(math.Float64bits(x)<<12>>(64-fraction))
	}
	_, e := math.Frexp(x) // |x| is in [2^(e-1), 2^e)
	switch {
	case x == 0:
		return sign
	case math.IsInf(x, 0) || e-1 > bias:
		return sign | infinity
	}
	e = max(e-1, 1-bias)
	units := math.RoundToEven(math.Ldexp(math.Abs(x), fraction-e))
	if e == bias && units == float64(int(2)<<fraction) {
		return sign | infinity
	}
	// A subnormal number has less than 2^fraction units and no exponent. A number that
	// was rounded up to a power of two carries into its exponent.
	return sign | T(e+bias-1)<<fraction + T(units)
}

// timesHalf returns the product, computed in float32 and rounded to the half.
func timesHalf[T float16 | bfloat16](x, y T) T {
	return encode[T](float64(float32(decode(x)) * float32(decode(y))))
}

// plusHalf returns the sum, computed in float32 and rounded to the half.
func plusHalf[T float16 | bfloat16](x, y T) T {
	return encode[T](float64(float32(decode(x)) + float32(decode(y))))
}

// overHalf returns the quotient, computed in float32 and rounded to the half.
func overHalf[T float16 | bfloat16](x, y T) T {
	return encode[T](float64(float32(decode(x)) / float32(decode(y))))
}

// The conversions of the oracle are right: for known numbers, for every half, and for
// what lies between two of them.
func TestHalvesOfTheOracleAreSound(t *testing.T) {
	for x, want := range map[float64][2]uint16{
		0: {0, 0}, 1: {0x3c00, 0x3f80}, -2: {0xc000, 0xc000}, 0.333251953125: {0x3555, 0x3eab}, 0x1p-24: {1, 0x3380}, 0x1p-14: {0x0400, 0x3880},
		65504: {0x7bff, 0x4780}, 65519.99: {0x7bff, 0x4780}, 65520: {0x7c00, 0x4780}, 0x1p-25: {0, 0x3300}, 0x1.8p-25: {1, 0x3340},
		0x1p-133: {0, 1}, 0x1p-134: {0, 0}, 0x1.fep127: {0x7c00, 0x7f7f}, 0x1.fefp127: {0x7c00, 0x7f7f}, 0x1.ffp127: {0x7c00, 0x7f80}, -1e300: {0xfc00, 0xff80},
	} {
		if got := [2]uint16{uint16(encode[float16](x)), uint16(encode[bfloat16](x))}; got != want {
			t.Errorf("%v is %#x, want %#x", x, got, want)
		}
	}
	testHalves[float16](t)
	testHalves[bfloat16](t)
}

func testHalves[T float16 | bfloat16](t *testing.T) {
	exponent, fraction, bias := half[T]()
	infinity := T(1<<exponent-1) << fraction
	for i := range 1 << 16 {
		h := T(i)
		x := decode(h)
		want := h
		if x != x {
			want |= 1 << (fraction - 1)
		}
		if got := encode[T](x); got != want {
			t.Fatalf("%#x is %v and then %#x", h, x, got)
		}
		if h >= infinity {
			continue
		}
		next := decode(h + 1)
		if h+1 == infinity {
			next = math.Ldexp(1, bias+1)
		}
		middle := (x + next) / 2
		for y, want := range map[float64]T{math.Nextafter(middle, x): h, middle: h + h&1, math.Nextafter(middle, next): h + 1} {
			if got := encode[T](y); got != want || encode[T](-y) != want|1<<15 {
				t.Fatalf("%v between %v and %v is %#x, want %#x", y, x, next, got, want)
			}
		}
	}
}

// sizeOf returns the bytes of a T.
func sizeOf[T number]() int {
	var x T
	return int(unsafe.Sizeof(x))
}

// bitsOf returns the bits of x, also of a signalling NaN.
func bitsOf[T number](x T) uint64 {
	switch unsafe.Sizeof(x) {
	case 2:
		return uint64(*(*uint16)(unsafe.Pointer(&x)))
	case 4:
		return uint64(*(*uint32)(unsafe.Pointer(&x)))
	}
	return *(*uint64)(unsafe.Pointer(&x))
}

// fromBits is the inverse of bitsOf.
func fromBits[T number](b uint64) T {
	var x T
	switch unsafe.Sizeof(x) {
	case 2:
		*(*uint16)(unsafe.Pointer(&x)) = uint16(b)
	case 4:
		*(*uint32)(unsafe.Pointer(&x)) = uint32(b)
	default:
		*(*uint64)(unsafe.Pointer(&x)) = b
	}
	return x
}

// bytesOf returns the memory of s.
func bytesOf[T number](s []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*sizeOf[T]())
}

// filled returns n times x.
func filled[T number](n int, x T) []T {
	all := make([]T, n)
	fill(all, x)
	return all
}

func fill[T number](all []T, x T) {
	for i := range all {
		all[i] = x
	}
}

// values returns n numbers: a third hard ones, a third of any bits, a third
// ordinary.
func values[T number](r *rand.Rand, n int) []T {
	k := kindOf[T]()
	all := make([]T, n)
	for i := range all {
		switch r.IntN(3) {
		case 0:
			all[i] = fromBits[T](k.hard[r.IntN(len(k.hard))])
		case 1:
			all[i] = fromBits[T](r.Uint64())
		default:
			all[i] = k.of(r.NormFloat64())
		}
	}
	return all
}

// Close to rate 1 a divisor of float16 is rounded to 0, and so is the factor of an
// evaluation. Kept elements are divided by it, or multiplied, and not dropped.
func TestHalvesKeepElementsWhoseFactorIsRoundedTo0(t *testing.T) {
	const one, minus, zero, inf, nan = 0x3c00, 0xbc00, 0, 0x7c00, 0x7e00
	x := dense(t, layout.NCW, 1, 2, 5)
	src := []uint16{one, minus, zero, inf, nan, one, minus, zero, inf, nan}
	apply := func(rate float64, a mask.Arithmetic) string {
		m, err := mask.New(1, 2, rate, a)
		if err != nil {
			t.Fatal(err)
		}
		m.Set(0, 0, true)
		m.Set(0, 1, false)
		dst := make([]uint16, len(src))
		if err := spatialdropout.ApplyTensor(spatialdropout.As(kernel.F16, dst, x.geom), spatialdropout.As(kernel.F16, src, x.geom), m, 1); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%#04x", dst)
	}
	for _, rate := range []float64{1 - 0x1p-25, 1 - 0x1p-26, 1 - 0x1p-53} {
		if got, want := apply(rate, mask.Arithmetic{Rule: mask.Quotient}), "[0x7c00 0xfc00 0x7e00 0x7c00 0x7e00 0x0000 0x0000 0x0000 0x0000 0x0000]"; got != want && got != strings.Replace(want, "0x7e00", "0xfe00", 1) {
			t.Errorf("rate %v: quotients are %s, want %s", rate, got, want)
		}
		if got, want := apply(rate, mask.Arithmetic{Rule: mask.Expectation}), "[0x0000 0x8000 0x0000 0x7e00 0x7e00 0x0000 0x8000 0x0000 0x7e00 0x7e00]"; strings.ReplaceAll(got, "0xfe00", "0x7e00") != want {
			t.Errorf("rate %v: expectations are %s, want %s", rate, got, want)
		}
	}
	// One step of float16 further from 1 they are ordinary numbers: 2⁻²⁴.
	if got, want := apply(1-0x1p-24, mask.Arithmetic{Rule: mask.Expectation}), "[0x0001 0x8001 0x0000 0x7c00 0x7e00 0x0000 0x0000 0x0000 0x0000 0x0000]"; got != want {
		t.Errorf("expectations are %s, want %s", got, want)
	}
}
