package kernel

import (
	"fmt"
	"math"
	"time"
	"unsafe"
)

// work is what [Tune] does in two ways: to scale float32, half of the channels dropped.
type work struct {
	Comparison
	shape   shape
	length  int // elements of a plane or a row
	inPlace bool
	reads   bool // whether reading dst afterwards counts
	ways    [2]tuneWay
}

// tuneWay is one of the ways to do a work.
type tuneWay struct {
	pastCache       bool
	ahead, quarters int // for the assembly
}

// cachedSizes are sizes of dst in the cache: the second one and, with src, a third one if there
// is one.
var cachedSizes = [...]int{256 << 10, 2 << 20}

const (
	tunePlane = 56 * 56 // elements
	tuneRow   = 256
)

func newWork(field string, shape shape, bytes, length int, inPlace bool) *work {
	name := "planes out of place"
	switch {
	case shape == pixels:
		name = fmt.Sprintf("rows of %d bytes", length<<F32.shift)
	case inPlace:
		name = "planes in place"
	}
	return &work{Comparison: Comparison{Field: field, Work: name, Bytes: bytes}, shape: shape, length: length, inPlace: inPlace}
}

// aheadWorks returns the works that show how far ahead to prefetch, in a strategy.
func aheadWorks(s *Strategy) (all []*work) {
	for _, bytes := range cachedSizes {
		for _, inPlace := range []bool{false, true} {
			w := newWork("store-ahead", planes, bytes, tunePlane, inPlace)
			w.Ways = [2]string{"0", "512"}
			w.ways = [2]tuneWay{{false, 0, s.QuarterRows}, {false, 512, s.QuarterRows}}
			all = append(all, w)
		}
	}
	return all
}

// quarterWorks returns those that show which rows to walk in quarters.
func quarterWorks(s *Strategy) (all []*work) {
	for _, bytes := range cachedSizes {
		for _, row := range []int{512, 2 << 10, 8 << 10} {
			w := newWork("quarter-rows", pixels, bytes, row>>F32.shift, false)
			w.Ways = [2]string{"in turn", "quarters"}
			w.ways = [2]tuneWay{{false, s.StoreAhead, 0}, {false, s.StoreAhead, math.MaxInt}}
			all = append(all, w)
		}
	}
	return all
}

// streamWorks returns those that show from which sizes on to store past the cache.
func streamWorks(s *Strategy) (all []*work) {
	for _, bytes := range streamSizes {
		for _, w := range []*work{
			newWork("stream-planes", planes, bytes, tunePlane, false),
			newWork("stream-rows", pixels, bytes, tuneRow, false),
			newWork("stream-in-place", planes, bytes, tunePlane, true),
		} {
			w.Ways = [2]string{"ordinary", "streamed"}
			w.ways = [2]tuneWay{{false, s.StoreAhead, s.QuarterRows}, {true, s.StoreAhead, s.QuarterRows}}
			w.reads = true
			all = append(all, w)
		}
	}
	return all
}

// streamSizes are sizes of dst around those from which on streaming may win. A field that is
// too large by a factor of 2 makes calls of those sizes 1.3 times as long.
var streamSizes = [...]int{2 << 20, 3 << 20, 4 << 20, 6 << 20, 8 << 20, 12 << 20, 16 << 20, 24 << 20, 32 << 20, 48 << 20, mostScratch}

// mostScratch bounds the size of dst and of src.
const mostScratch = 64 << 20

// scratch is the memory of works.
type scratch struct {
	dst, src []float32
	set      int // elements of src that are set
	factors  []float32
	sum      uint64 // of what has been read
}

// sample does a work in one of its ways twice: first to leave the cache as that way leaves it,
// and then to time it. It returns how long a call took, and how long it took to read dst
// afterwards.
func (m *scratch) sample(w *work, k int) (call, read time.Duration) {
	n := m.nest(w, k)
	tellAssembly(w.ways[k].ahead, w.ways[k].quarters)
	elements := n.total()
	dst := unsafe.Slice((*uint64)(n.dst), elements/2)
	n.walk(0, elements)
	if w.reads {
		m.read(dst)
	}
	const most = 1 << 20 // bytes; shorter calls are repeated
	calls := max(1, most/w.Bytes)
	begin := now()
	for range calls {
		n.walk(0, elements)
	}
	middle := now()
	if w.reads {
		m.read(dst)
		read = time.Duration(now() - middle)
	}
	return time.Duration(middle-begin) / time.Duration(calls), read
}

// nest returns the nest of a work in one of its ways.
func (m *scratch) nest(w *work, k int) nest {
	if m.dst == nil {
		m.dst, m.src = make([]float32, mostScratch>>F32.shift), make([]float32, mostScratch>>F32.shift)
		m.factors = make([]float32, mostScratch>>F32.shift/tunePlane) // more than a row has
		for i := range m.factors {
			// Scattered bits. −1 keeps the elements what they are, however often they are scaled in
			// place.
			h := uint32(i) * 0x9e3779b9
			if h = (h ^ h>>15) * 0x85ebca6b; h>>31 == 0 {
				m.factors[i] = -1
			}
		}
	}
	b := block{shape: w.shape, count: w.Bytes / (w.length << F32.shift), length: w.length}
	for ; m.set < b.count*b.length; m.set++ {
		m.src[m.set] = 1 // before that, all pages may be the same one of zeros
	}
	o := operands{kind: F32, op: Scale, dst: unsafe.Pointer(&m.dst[0]), src: unsafe.Pointer(&m.src[0]), factors: unsafe.Pointer(&m.factors[0]), pastCache: w.ways[k].pastCache}
	if w.inPlace {
		o.src = o.dst
	}
	return nest{operands: o, block: b}
}

// read reads all cache lines.
func (m *scratch) read(words []uint64) {
	sum := uint64(0)
	for i := 0; i < len(words); i += lineBytes / 8 {
		sum += words[i]
	}
	m.sum += sum
}
