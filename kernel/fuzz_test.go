package kernel

import (
	"encoding/binary"
	"testing"
)

// elementsOf returns n elements whose bits are raw, over and over.
func elementsOf[T number](raw []byte, n, from int) []T {
	all := make([]T, n)
	size := 1 << formatOf[T]().elem.shift()
	for i := range all {
		var bits [8]byte
		for k := range size {
			if len(raw) > 0 {
				bits[k] = raw[(from+i*size+k)%len(raw)]
			}
		}
		all[i] = fromBits[T](binary.LittleEndian.Uint64(bits[:]))
	}
	return all
}

// factorsOf returns n factors, those that dropout has among them.
func factorsOf[T number](raw []byte, n int) []T {
	f := formatOf[T]()
	all := elementsOf[T](raw, n, 3)
	for i, x := range all {
		switch k := bitsOf(x) % 5; {
		case k == 0:
			all[i] = 0
		case k == 1:
			all[i] = num[T](1)
		case k < 4 || f.nan(bitsOf(x)):
			all[i] = num[T](float64(k) / 3)
		}
	}
	return all
}

// fuzzed is one call of a kernel: planes or pixels of a size, in the place that
// bits name.
func fuzzed[T number](t *testing.T, op Op, pixels bool, count, length int, place uint8, raw []byte) {
	f, call := formatOf[T](), callsOf[T]()
	inPlace, shift := place&1 > 0, int(place>>1)%32
	n := count * length
	const guard = 64
	outer := append(elementsOf[T](raw, guard+shift, 1), elementsOf[T](raw, n+guard, 5)...)
	at := guard + shift
	dst := outer[at:][:n]
	src := elementsOf[T](raw, n, 2)
	if inPlace {
		src = append([]T(nil), dst...)
	}
	channels := count
	if pixels {
		channels = length
	}
	factors, shifts := factorsOf[T](raw, channels), elementsOf[T](raw, channels, 7)
	start := append([]T(nil), outer...)
	everyMode(func(mode string) {
		copy(outer, start)
		from := src
		if inPlace {
			from = dst
		}
		if pixels {
			call.CallPixels(op, dst, from, factors, shifts)
		} else {
			call.CallPlanes(op, dst, from, factors, shifts, length)
		}
		for i, y := range dst {
			c := i / length % channels
			if pixels {
				c = i % length
			}
			old, x, factor, addend := bitsOf(start[at+i]), bitsOf(src[i]), bitsOf(factors[c]), bitsOf(shifts[c])
			untouched := inPlace && !pixels && length > 1
			if want, loose := f.oracle(op, old, x, factor, addend, untouched); !f.same(bitsOf(y), want, loose) {
				t.Fatalf("%v of %d×%d %s, pixels %v, place %#x, %s: y %#x, x %#x, factor %#x, shift %#x gave element %d as %#x, want %#x", op, count, length, f.name, pixels, place, mode, old, x, factor, addend, i, bitsOf(y), want)
			}
			dst[i] = start[at+i]
		}
		for i := range outer {
			if bitsOf(outer[i]) != bitsOf(start[i]) {
				t.Fatalf("%v of %d×%d %s, pixels %v, place %#x, %s: written %d elements from dst", op, count, length, f.name, pixels, place, mode, i-at)
			}
		}
	})
}

func fuzz(f *testing.F, pixels bool) {
	f.Fuzz(func(t *testing.T, count, length uint16, what, format, place uint8, raw []byte) {
		c, l, op := int(count%3000)+1, int(length%3000)+1, Op(what)%(AffineMultiply+1)
		if c*l > 6000 {
			return
		}
		switch elem(format % elems) {
		case f32:
			fuzzed[float32](t, op, pixels, c, l, place, raw)
		case f64:
			fuzzed[float64](t, op, pixels, c, l, place, raw)
		case f16:
			fuzzed[float16](t, op, pixels, c, l, place, raw)
		case bf16:
			fuzzed[bfloat16](t, op, pixels, c, l, place, raw)
		}
	})
}

// FuzzPlanes compares Planes and its twins with the oracle's loop on any bits.
func FuzzPlanes(f *testing.F) { fuzz(f, false) }

// FuzzPixels does so for Pixels.
func FuzzPixels(f *testing.F) { fuzz(f, true) }
