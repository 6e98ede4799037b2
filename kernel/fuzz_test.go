package kernel

import (
	"encoding/binary"
	"testing"
	"unsafe"
)

// elementsOf returns n elements whose bits are raw, over and over.
func elementsOf[T float32 | float64](raw []byte, n, from int) []T {
	all := make([]T, n)
	var bits [8]byte
	for i := range all {
		for k := range bits {
			if len(raw) > 0 {
				bits[k] = raw[(from+i*len(bits)+k)%len(raw)]
			}
		}
		word := binary.LittleEndian.Uint64(bits[:])
		all[i] = *(*T)(unsafe.Pointer(&word))
	}
	return all
}

// factorsOf returns n factors, those that dropout has among them.
func factorsOf[T float32 | float64](raw []byte, n int) []T {
	all := elementsOf[T](raw, n, 3)
	for i := range all {
		switch k := uint64(bitsOf(all[i])) % 5; {
		case k == 0:
			all[i] = 0
		case k == 1:
			all[i] = 1
		case k < 4 || all[i] != all[i]:
			all[i] = T(k) / 3
		}
	}
	return all
}

// fuzzed is one call of a kernel: planes or pixels of a size and the operation
// that the choice bits name.
func fuzzed[T float32 | float64](t *testing.T, pixels bool, count, length int, choice uint8, raw []byte) {
	op, inPlace, shift := Op(choice%4), choice&4 > 0, int(choice>>3)%16
	n := count * length
	const guard = 64
	outer := append(elementsOf[T](raw, guard+shift, 1), elementsOf[T](raw, n+guard, 5)...)
	dst := outer[guard+shift:][:n]
	src := elementsOf[T](raw, n, 2)
	if inPlace {
		src = append([]T(nil), dst...)
	}
	factors := factorsOf[T](raw, count)
	if pixels {
		factors = factorsOf[T](raw, length)
	}
	start := append([]T(nil), outer...)
	everyMode(func(mode string) {
		copy(outer, start)
		from := src
		if inPlace {
			from = dst
		}
		if pixels {
			[...]func(dst, src, factors []T){Pixels[T], MultiplyPixels[T], AddPixels[T], AddMultiplyPixels[T]}[op](dst, from, factors)
		} else {
			[...]func(dst, src, factors []T, plane int){Planes[T], MultiplyPlanes[T], AddPlanes[T], AddMultiplyPlanes[T]}[op](dst, from, factors, length)
		}
		for i, y := range dst {
			f := factors[i/length%len(factors)]
			if pixels {
				f = factors[i%length]
			}
			old, x := start[guard+shift+i], src[i]
			product := x * f
			twoNaNs := old != old && product != product && (op == AddMultiply || op == Add && f != 0)
			untouched := inPlace && !pixels && length > 1
			if want := oracle(op, old, x, f, untouched); !sameBits(y, want, twoNaNs) {
				t.Fatalf("%v of %d×%d, pixels %v, in place %v, shift %d, %s: y %#x, x %#x, f %v gave element %d as %#x, want %#x", op, count, length, pixels, inPlace, shift, mode, bitsOf(old), bitsOf(x), f, i, bitsOf(y), bitsOf(want))
			}
			dst[i] = old
		}
		for i := range outer {
			if bitsOf(outer[i]) != bitsOf(start[i]) {
				t.Fatalf("%v of %d×%d, pixels %v, in place %v, shift %d, %s: written %d elements from dst", op, count, length, pixels, inPlace, shift, mode, i-guard-shift)
			}
		}
	})
}

func fuzz(f *testing.F, pixels bool) {
	f.Fuzz(func(t *testing.T, count, length uint16, choice uint8, wide bool, raw []byte) {
		c, l := int(count%3000)+1, int(length%3000)+1
		if c*l > 6000 {
			return
		}
		if wide {
			fuzzed[float64](t, pixels, c, l, choice, raw)
		} else {
			fuzzed[float32](t, pixels, c, l, choice, raw)
		}
	})
}

// FuzzPlanes compares Planes and its twins with the oracle's loop on any bits.
func FuzzPlanes(f *testing.F) { fuzz(f, false) }

// FuzzPixels does so for Pixels.
func FuzzPixels(f *testing.F) { fuzz(f, true) }
