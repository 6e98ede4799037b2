package spatialdropout_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/reference"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// formatOf returns the format of T.
func formatOf[T float16 | bfloat16]() *reference.Half {
	if _, ok := any(T(0)).(float16); ok {
		return reference.Float16
	}
	return reference.BFloat16
}

// decode returns the value of h. A NaN keeps its payload and becomes quiet.
func decode[T float16 | bfloat16](h T) float64 { return formatOf[T]().Value(uint16(h)) }

// encode returns the half nearest to x, ties to even. A NaN keeps as much of its payload as fits.
func encode[T float16 | bfloat16](x float64) T { return T(formatOf[T]().Nearest(x)) }

// timesHalf returns the product, computed in float32 and rounded to the half.
//
//go:norace
func timesHalf[T float16 | bfloat16](x, y T) T {
	return encode[T](float64(float32(decode(x)) * float32(decode(y))))
}

// plusHalf returns the sum, computed in float32 and rounded to the half.
//
//go:norace
func plusHalf[T float16 | bfloat16](x, y T) T {
	return encode[T](float64(float32(decode(x)) + float32(decode(y))))
}

// overHalf returns the quotient, computed in float32 and rounded to the half.
//
//go:norace
func overHalf[T float16 | bfloat16](x, y T) T {
	return encode[T](float64(float32(decode(x)) / float32(decode(y))))
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
	if len(all) == 0 {
		return
	}
	all[0] = x
	for n := 1; n < len(all); n *= 2 { // in few steps, which the race detector sees each as a whole
		copy(all[n:], all[:n])
	}
}

// values returns n numbers: a third hard ones, a third of any bits, a third
// ordinary.
//
//go:norace
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
