//go:build race

package kernel

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/race"
)

// watchCall, if a test has set it, is told how many bytes of dst each call multiplies.
var watchCall func(bytes int)

// raceKernel tells of the operands of one call. dst counts as written whatever the
// factors are: a kernel may write back what it has found. Planes that are dropped
// are not read from src.
func raceKernel(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	c, shift := catalogue[k], k.elem().shift()
	if watchCall != nil {
		watchCall(count * length << shift)
	}
	if c.braid {
		b := (*braid)(extra)
		for i, at := range b.at {
			race.Read(unsafe.Add(src, at), length<<shift)
			race.Write(unsafe.Add(dst, at), length<<shift)
			race.Read(unsafe.Add(factors, b.factor[i]), 1<<shift)
		}
		for _, at := range b.fill[:b.fills] {
			race.Write(unsafe.Add(dst, at), length<<shift)
		}
		return
	}
	channels := count
	if c.pixels {
		channels = length
	}
	race.Read(factors, channels<<shift)
	if c.op.shifts() {
		race.Read(extra, channels<<shift)
	}
	race.Write(dst, count*length<<shift)
	if c.pixels {
		race.Read(src, count*length<<shift)
		return
	}
	multiplies := c.op == Multiply || c.op == AddMultiply || c.op == AffineMultiply // by 0, too
	for p := range count {
		if multiplies || !c.elem.isZero(unsafe.Add(factors, p<<shift)) {
			race.Read(unsafe.Add(src, p*length<<shift), length<<shift)
		}
	}
}

// isZero reports whether the element at p is 0 or −0.
func (e elem) isZero(p unsafe.Pointer) bool {
	switch e {
	case f32:
		return *(*float32)(p) == 0
	case f64:
		return *(*float64)(p) == 0
	}
	return *(*uint16)(p)&0x7fff == 0
}
