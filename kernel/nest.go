package kernel

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/tier"
	"github.com/spatialdropout/spatialdropout/layout"
)

// block is the innermost part of a nest, without gaps: count planes of length elements
// with a factor each, or count rows of length channels with the same factors for every
// row.
type block struct {
	shape         shape
	count, length int
}

// nest is a checked call: loops around a block, with the operands.
type nest struct {
	operands
	block
	across gather // where src does not lie as dst does
	long   bool   // copies are long enough for the runtime to store past the cache
	lists  *lists // where dst or src is a list: the nest is one of several
	depth  int
	outer  [layout.MaxLoops]layout.Loop
}

// walker walks a nest of a family that is not the one of [Op], or of lists. It is an interface so that a program
// links the families that it calls, and no others, and what lists need if it makes one.
type walker interface {
	// walk does the visited elements lo to hi of n, a nest whose loops begin at a place. The compiler must not see
	// the type, or n would not stay on the stack of the call.
	walk(n unsafe.Pointer, begin place, lo, hi int)
}

// place is where a block begins: elements of dst and src, and entries of the factors.
type place struct{ dst, src, factor int }

// split makes a block of the innermost loops and keeps the loops around it.
func (n *nest) split(op Op, loops []layout.Loop) {
	n.block = block{count: 1, length: 1}
	last, outer := inner(loops)
	taken := -1 // a loop around the innermost one that belongs to the block
	switch {
	case last.Dst != 1 || last.Factor > 1 && op != Copy:
		outer = loops // no two neighbours belong together: every element is a plane of its own
	case last.Src != 1:
		taken = n.transpose(op, last, outer)
	default:
		n.length = last.Size
		if last.Factor == 1 && op != Copy {
			n.shape = pixels
		}
		around, further := inner(outer)
		if around.Dst == last.Size && around.Src == last.Size && (around.Factor == 1-last.Factor || op == Copy) {
			n.count = around.Size
			outer = further
		}
	}
	for i, l := range outer {
		if l.Size > 1 && i != taken {
			n.outer[n.depth] = l
			n.depth++
		}
	}
}

// inner returns the innermost loop of more than one step and the loops around it. It
// returns the zero Loop if there is none.
func inner(loops []layout.Loop) (layout.Loop, []layout.Loop) {
	for i := len(loops) - 1; i >= 0; i-- {
		if loops[i].Size > 1 {
			return loops[i], loops[:i]
		}
	}
	return layout.Loop{}, nil
}

// choose decides whether the nest goes past the cache. span is the number of elements that
// dst extends over.
func (n *nest) choose(span int) {
	size := 1 << n.kind.shift
	if n.op == Copy {
		n.long = !short(span*size) && span*size >= strategy().StreamInPlace
		return
	}
	n.far = span*size >= farBytes && n.kind.far != nil && tier.InUse() == tier.Generic
	if bytes := span * size; short(bytes) || !streams() || n.kind.ways[n.op][0][fourPlanes] == none || uintptr(n.dst)%uintptr(size) != 0 || bytes < strategy().streams(n.shape, n.readsDst()) {
		return
	}
	n.pastCache = true
}

// together decides anew for several workers that share dst, which extends over so many bytes. Each has caches
// of its own, and they share the bandwidth of memory: data out of place stay in the cache up to
// twice the size. (With two workers on Zen 5, half of the channels dropped, ordinary over
// streaming stores: planes of 56×56 float32 are 1.65 times as fast at 13 MB and 0.75 times at 26,
// rows of 64 channels 1.6 and 0.75 times. In place four at a time are 0.75 times as fast at 13 MB
// and 1.2 times at 26, as with one.)
func (n *nest) together(s *Strategy, bytes int) {
	if !n.readsDst() && bytes/2 < s.streams(n.shape, false) {
		n.pastCache, n.long = false, false
	}
}

// streams returns the size of dst from which data go past the cache.
func (s *Strategy) streams(shape shape, readsDst bool) int {
	switch {
	case readsDst:
		return s.StreamInPlace
	case shape == pixels:
		return s.StreamRows
	}
	return s.StreamPlanes
}

// total returns the number of elements that a nest visits.
func (n *nest) total() int {
	total := n.count * n.length
	for _, l := range n.outer[:n.depth] {
		total *= l.Size
	}
	return total
}

// walk does the visited elements lo to hi, counted in the order of the loops. Both must
// be the beginning of a row, except in planes and in blocks of a single row.
func (n *nest) walk(lo, hi int) {
	switch {
	case n.lists != nil:
		n.lists.self.walk(n.hidden(), place{}, lo, hi)
	case n.family != nil:
		(*n.family).walk(n.hidden(), place{}, lo, hi)
	default:
		loops := n.outer[:n.depth]
		var s steps
		for s.set(loops, place{}, n.count*n.length, lo, hi); s.next(loops); {
			if n.across.rows > 0 {
				n.gathered(s.at, s.from, s.to)
			} else {
				n.along(s.at, s.from, s.to)
			}
		}
	}
	if n.pastCache && !n.listed {
		fence()
	}
}

// hidden returns n in a way that escape analysis does not follow, see [hide]. Checkptr would move n to the heap
// where its address is converted, and there the operands that are on the caller's stack would not move with it.
//
//go:nocheckptr
func (n *nest) hidden() unsafe.Pointer { return hide(unsafe.Pointer(n)) }

// along does elements from to to of the block at a place, whose src lies as dst does.
func (n *nest) along(at place, from, to int) {
	switch {
	case n.family != nil: // what has been gathered for one
		(*n.family).walk(n.hidden(), at, from, to)
	case n.shape == pixels:
		n.rows(at, from, to)
	default:
		n.planes(at, from, to)
	}
}

// planes does elements from to to of the block of planes at a place.
func (n *nest) planes(at place, from, to int) {
	if n.pastCache && n.fourAtOnce(at, from, to) {
		n.fourPlanes(at, from, to)
		return
	}
	limit := callBytes >> n.kind.shift
	if n.long {
		limit = longCopyBytes >> n.kind.shift
	}
	clears := n.clears()
	for from < to {
		plane, inside := from/n.length, from%n.length
		count, length := 1, 0
		if whole := (to - from) / n.length; inside == 0 && whole > 0 && n.length <= limit {
			count, length = min(whole, limit/n.length), n.length
		} else {
			length = min(n.length-inside, to-from, limit)
		}
		if clears {
			count = 1
		}
		if clears && n.bits(at.factor+plane)<<1 == 0 {
			n.clear(at, from, length)
		} else {
			n.call(at, from, plane, count, length)
		}
		from += count * length
	}
}

// longCopyBytes bounds one call of the runtime's copy in data that are better not kept in the
// cache. Copies of 1 MiB and more go past it by themselves, shorter ones do not. On Zen 5,
// one core, 26 to 102 MB are copied 1.15 to 1.25 times as fast past the cache, and 1.0 to 1.1
// times if the result is read. 13 and 16 MB are copied 1.15 times as fast, but 0.8 and 0.9 times if
// the result is read, and 1.6 to 9.6 MB 0.8 to 0.95 and 0.6 times.
const longCopyBytes = 2 << 20

// clearedBytes is the shortest plane that the runtime clears where it is dropped, in the cache.
// clearedBlock and clearedBlockInPlace are the least sizes of dst for it: the stores of
// the kernels win in the second cache, and those of the runtime beyond it. (They need not read a
// line before they write it, by reasoning.) How many times as fast clearing by the runtime is, half
// of the planes dropped, float32, Zen 5, AVX-512:
//
//	                                0.35 MB  0.8 MB  1.6 MB      3.2 MB       13 MB
//	out of place, 112×112           0.89     1.12    1.03        1.07         0.97
//	in place, 112×112, 256×256               0.9     1.05, 1.12  1.07, 1.11   1.1
//	the same with a factor of 1              0.7     0.97, 0.8   1.24         1.3
//	in place, 56×56                 0.79     0.81    0.85        1.01         1.0
//
// On Zen 4 it is 0.95 to 0.97 times as fast in place with planes of 112×112 from 2.5 to 6.4 MB, 0.97 to 1.0
// times with 256×256, and makes no difference out of place.
//
// With nothing in the caches 0.8 MB in place, planes of 112×112, take 0.9 times as long if the runtime clears. What is
// processed in place has mostly been written just before. Prefetching the first 2 KiB of the next kept plane
// while a dropped one is cleared, for loads or for stores, brings nothing in the cache and from memory.
//
// Lines to clear out of place that are prefetched for writing (PREFETCHW), 256 to 2048 bytes ahead, take 1.0 to 1.2 times
// as long from memory and 1.0 to 1.15 times in the caches (planes of 28×28 to 112×112, half of them dropped, 0.4 to 6 MB,
// Zen 4). Stored past the cache, planes of 112×112 take 0.85 to 0.95 times as long from memory and 1.2 times in the
// caches, and shorter ones 1.0 to 1.25 and 1.6 to 3.4 times. To read dropped planes as well takes 1.0 to 1.6 times as long
// from memory.
const (
	clearedBytes        = 32 << 10
	clearedBlock        = 512 << 10
	clearedBlockInPlace = 2 << 20
)

// clears reports whether the runtime clears dropped planes of the block.
func (n *nest) clears() bool {
	least := clearedBlock
	if n.dst == n.src {
		least = clearedBlockInPlace
	}
	return n.length<<n.kind.shift >= clearedBytes && n.count*n.length<<n.kind.shift >= least && operations[n.op].dropped == zeroed && !n.pastCache
}

// clear clears so many elements of the block at a place.
func (n *nest) clear(at place, from, length int) {
	shift := n.kind.shift
	clear(unsafe.Slice((*byte)(unsafe.Add(n.dst, (at.dst+from)<<shift)), length<<shift))
}

// rows does elements from to to of the block of pixels at a place.
func (n *nest) rows(at place, from, to int) {
	limit := callBytes >> n.kind.shift
	if n.count == 1 || n.length > limit {
		// Part of a single row is a shorter row.
		for from < to {
			channel := from % n.length
			length := min(n.length-channel, to-from, limit)
			n.call(at, from, channel, 1, length)
			from += length
		}
		return
	}
	if n.tiled(at, from, to) {
		return
	}
	most := rowsOf(n.length << n.kind.shift)
	for from < to {
		count := min((to-from)/n.length, most)
		n.call(at, from, 0, count, n.length)
		from += count * n.length
	}
}

// rowsOf returns how many rows of so many bytes one call takes. The kernels walk through
// four quarters of them side by side, and a load waits for a store that went to the same
// place of another page just before: quarters are whole pages apart if they can be. (By
// reasoning: alone it made no difference beyond the noise.)
func rowsOf(bytes int) int {
	most := callBytes / bytes
	unit := 4 * (lineMultiple(bytes) / bytes) // rows of whole lines in each quarter
	for unit*bytes%(4*pageBytes) != 0 {
		unit *= 2
	}
	if most >= unit {
		most -= most % unit
	}
	return most
}

// call runs the kernel on elements of the block at a place, from the given one on, whose
// factors begin with the given one.
func (n *nest) call(at place, from, factor, count, length int) {
	shift := n.kind.shift
	dst, src := unsafe.Add(n.dst, (at.dst+from)<<shift), unsafe.Add(n.src, (at.src+from)<<shift)
	if n.op == Copy {
		bytes := count * length << shift
		copy(unsafe.Slice((*byte)(dst), bytes), unsafe.Slice((*byte)(src), bytes))
		return
	}
	factors, shifts := n.channel(at.factor + factor)
	n.exec(n.shape, dst, src, factors, shifts, count, length)
}

// channel returns where the factors and shifts from an entry on are.
func (n *nest) channel(entry int) (factors, shifts unsafe.Pointer) {
	if n.shifts != nil {
		shifts = unsafe.Add(n.shifts, entry<<n.kind.shift)
	}
	return unsafe.Add(n.factors, entry<<n.kind.shift), shifts
}
