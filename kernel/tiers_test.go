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

// testKernel runs a kernel on all lengths to 300, one to three planes or rows of
// each, at every misalignment of dst with one of src, in place and out of place,
// between guards that must stay.
func testKernel[T float32 | float64](t *testing.T, k id) {
	c := catalogue[k]
	r := rand.New(rand.NewPCG(1, uint64(k)))
	size := int(unsafe.Sizeof(T(0)))
	lanes := 64 / size
	guard := 2 * lanes
	pool := make([]T, 1<<13)
	for i := range pool {
		pool[i] = hard[T](r)
	}
	room := aligned[T](3*300 + 3*guard)
	from := aligned[T](3*300 + 3*guard)
	for length := 1; length <= 300; length++ {
		if c.stream && (length*size < 64 || c.pixels && length*size%64 != 0) {
			continue
		}
		for shift := range lanes {
			if c.stream && c.pixels && shift > 0 {
				continue
			}
			for _, inPlace := range []bool{false, true} {
				if c.stream && inPlace {
					continue
				}
				count := 1 + r.IntN(3)
				n := count * length
				before := pool[r.IntN(len(pool)-len(room)):][:len(room)]
				copy(room, before)
				copy(from, pool[r.IntN(len(pool)-len(from)):])
				dst := room[guard+shift:][:n]
				src := from[guard+r.IntN(lanes):][:n]
				if inPlace {
					src = dst
				}
				old := before[guard+shift:][:n]
				source := append([]T(nil), src...)
				factors := make([]T, count)
				if c.pixels {
					factors = make([]T, length)
				}
				for i := range factors {
					factors[i] = [...]T{0, 1, 1.25, 2, T(1) / 3, T(math.Copysign(0, -1))}[r.IntN(6)]
				}
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
				for i := range room {
					if bitsOf(room[i]) != bitsOf(before[i]) {
						t.Fatalf("%v of %d×%d, shift %d, in place %v wrote to element %d of what surrounds dst", k, count, length, shift, inPlace, i-guard-shift)
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
