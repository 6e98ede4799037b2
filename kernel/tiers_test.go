package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// everyTier runs a test on each tier of this machine and says which they were.
func everyTier(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	before := Tier()
	defer use(before)
	for _, tier := range available {
		use(tier)
		t.Run(tier, test)
	}
}

// hard are values that a kernel may get wrong: zeros, subnormals, the extremes,
// infinities, quiet and signalling NaNs with a payload, and numbers whose
// product with a factor needs rounding.
func hard[T float32 | float64](r *rand.Rand) T {
	pick := [...]float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), 3, -1.0 / 3}
	var x T
	switch any(x).(type) {
	case float32:
		bits := [...]uint32{1, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x7fc00123, 0xffc00456, 0x7f800001, 0xffa00000}
		switch k := r.IntN(24); {
		case k < len(bits):
			return *(*T)(unsafe.Pointer(&bits[k]))
		case k < len(bits)+len(pick):
			return T(pick[k-len(bits)])
		}
	default:
		bits := [...]uint64{1, 1<<63 | 1, 1<<52 - 1, 1 << 52, 0x7fefffffffffffff, 0xffefffffffffffff, 0x7ff8000000000123, 0xfff8000000000456, 0x7ff0000000000001, 0xfff4000000000000}
		switch k := r.IntN(24); {
		case k < len(bits):
			return *(*T)(unsafe.Pointer(&bits[k]))
		case k < len(bits)+len(pick):
			return T(pick[k-len(bits)])
		}
	}
	return T(r.NormFloat64())
}

// bitsOf returns the bits of x.
func bitsOf[T float32 | float64](x T) uint64 {
	if unsafe.Sizeof(x) == 4 {
		return uint64(math.Float32bits(float32(x)))
	}
	return math.Float64bits(float64(x))
}

// oracle does op on one element, in the words of the documentation.
func oracle[T float32 | float64](op Op, y, x, f T, inPlacePlane bool) T {
	switch op {
	case Scale:
		if f == 0 {
			return 0
		}
		if f == 1 && inPlacePlane {
			return y
		}
		return x * f
	case Multiply:
		if f == 1 && inPlacePlane {
			return y
		}
		return x * f
	case Add:
		if f == 0 {
			return y
		}
	}
	p := x * f
	return y + T(p)
}

// sameBits compares a result with the oracle's. Where two NaNs meet, which one
// survives is the processor's choice and NaN is all that is promised.
func sameBits[T float32 | float64](got, want T, twoNaNs bool) bool {
	if twoNaNs {
		return got != got
	}
	return bitsOf(got) == bitsOf(want)
}

func testKernel[T float32 | float64](t *testing.T, k id) {
	c := catalogue[k]
	r := rand.New(rand.NewPCG(1, uint64(k)))
	const guard = 40
	size := int(unsafe.Sizeof(T(0)))
	for length := 1; length <= 300; length++ {
		if c.stream && (length*size < 64 || c.pixels && length*size%64 != 0) {
			continue
		}
		for _, count := range []int{1, 2, 3} {
			for _, inPlace := range []bool{false, true} {
				if c.stream && inPlace {
					continue
				}
				for shift := range 64 / size {
					if shift > 0 && (length*7+count+shift)%5 > 0 && length > 70 {
						continue // every misalignment for all short lengths, a fifth of them for long ones
					}
					if c.stream && c.pixels && shift > 0 {
						continue
					}
					n := count * length
					base := aligned[T](n + 2*guard + shift + 8)
					from := aligned[T](n + 2*guard + 8)
					for i := range base {
						base[i] = hard[T](r)
					}
					for i := range from {
						from[i] = hard[T](r)
					}
					dst := base[guard-guard%(64/size)+shift:][:n]
					src := from[guard-guard%(64/size)+(shift*3)%(64/size):][:n]
					if inPlace {
						src = dst
					}
					factors := make([]T, count)
					if c.pixels {
						factors = make([]T, length)
					}
					for i := range factors {
						factors[i] = [...]T{0, 1, 1.25, 2, T(1) / 3, T(math.Copysign(0, -1))}[r.IntN(6)]
					}
					before := append([]T(nil), base...)
					source := append([]T(nil), src...)
					old := append([]T(nil), dst...)
					dispatch(k, unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&factors[0]), count, length)
					for i := range dst {
						f := factors[i/length%len(factors)]
						if c.pixels {
							f = factors[i%length]
						}
						want := oracle(c.op, old[i], source[i], f, inPlace && !c.pixels)
						product := source[i] * f
						if !sameBits(dst[i], want, c.op >= Add && (c.op == AddMultiply || f != 0) && old[i] != old[i] && product != product) {
							t.Fatalf("%v of %d×%d, element %d, shift %d, in place %v: y %x, x %x, f %v gave %x, want %x", k, count, length, i, shift, inPlace, bitsOf(old[i]), bitsOf(source[i]), f, bitsOf(dst[i]), bitsOf(want))
						}
						dst[i] = old[i]
					}
					for i := range base {
						if bitsOf(base[i]) != bitsOf(before[i]) {
							t.Fatalf("%v of %d×%d, shift %d, in place %v wrote outside dst", k, count, length, shift, inPlace)
						}
					}
				}
			}
		}
	}
}

// aligned returns n elements that begin on a cache line.
func aligned[T float32 | float64](n int) []T {
	size := int(unsafe.Sizeof(T(0)))
	buf := make([]T, n+64/size)
	skip := int(-uintptr(unsafe.Pointer(&buf[0]))&63) / size
	return buf[skip : skip+n]
}

func TestKernelsMeanTheirReferenceLoop(t *testing.T) {
	everyTier(t, func(t *testing.T) {
		for k := range catalogue {
			k := id(k)
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				switch k.elem() {
				case f32:
					testKernel[float32](t, k)
				case f64:
					testKernel[float64](t, k)
				}
			})
		}
	})
}

func TestCatalogueIsWhatKernelOfComputes(t *testing.T) {
	for k, c := range catalogue {
		if got := kernelOf(c.op, c.stream, c.pixels, c.elem); got != id(k) {
			t.Errorf("kernelOf of %s is %v", c.name, got)
		}
	}
}
