package kernel

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/race"
)

// operands are the memory of a call, and what happens to it.
type operands struct {
	kind                      *Kind
	op                        Op
	pastCache                 bool // the data is far larger than the cache
	far                       bool // likewise, on the tier of plain Go
	listed                    bool // the nest is one of several, and a fence follows the last
	dst, src, factors, shifts unsafe.Pointer
	family                    *walker // of another family of kernels, nil of those of op
	base                      place   // where dst and factors point to, of a fused call
}

// readsDst reports whether dst is read: in place, or to add to it.
func (o *operands) readsDst() bool { return o.dst == o.src || operations[o.op].adds }

// storesPast reports whether the elements that are computed are stored past the cache.
// Where dst is read, in place or to add to it, it is in the cache already.
func (o *operands) storesPast() bool { return o.pastCache && !o.readsDst() }

// farBytes is the size of dst from which plain Go reads planes in order. Measured with float32 on
// an EPYC of 2024 with 32 MiB of cache. Tests change it.
var farBytes = 12 << 20

// exec runs the kernel on one block.
func (o *operands) exec(s shape, dst, src, factors, shifts unsafe.Pointer, count, length int) {
	if o.far && s == planes {
		if race.Enabled {
			raceKernel(o.kind.ways[o.op][0][s], dst, src, factors, shifts, count, length)
		}
		o.kind.far(o.op, hide(dst), hide(src), hide(factors), hide(shifts), count, length)
		return
	}
	past := 0
	if o.storesPast() {
		bytes := length << o.kind.shift
		if bytes >= lineBytes && (s != pixels || bytes%lineBytes == 0 && uintptr(dst)%lineBytes == 0) {
			past = 1
		}
	}
	o.kind.call(o.kind.ways[o.op][past][s], dst, src, factors, shifts, count, length)
}

const (
	// callBytes bounds the work of one call of an assembly kernel. A goroutine cannot be
	// preempted in assembly, and a garbage collection would wait for it.
	callBytes = 256 << 10
	// lineBytes is a cache line, which stores past the cache fill whole.
	lineBytes = 64
	// pageBytes is a page of memory. A processor compares as many low bits of two
	// addresses before it lets a load pass a store.
	pageBytes = 4 << 10
)

// lineMultiple returns the least common multiple of bytes and a cache line.
func lineMultiple(bytes int) int {
	a, b := bytes, lineBytes
	for b > 0 {
		a, b = b, a%b
	}
	return bytes / a * lineBytes
}
