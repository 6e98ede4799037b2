package kernel

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// packing is a call of a compaction. Its nest is that of the full tensor, and it keeps count of where the
// kept elements are in the packed one.
type packing struct {
	self    walker // c itself, to which a nest points: what the nest itself held would take its operands to the heap
	op      Compaction
	run     compacter
	inPlace bool        // packed and full begin with the same element
	full    loop.Memory // the tensor with all its planes or rows
	shift   uint8
	packed  loop.Memory // the other one, which may be a ragged list
	ends    []int       // of the slices of that list: the offset after each
	factors unsafe.Pointer
	// before[e] is the number of kept entries before entry e: an element's place in the packed tensor
	// follows from it, wherever a goroutine begins.
	before []int
	bounce [bounceBytes / 8]uint64
}

// bounceBytes is the size of the memory through which elements go that Scatter moves in place, where the place they
// come from and the one they go to overlap: the kernels go forwards. (Gather may store what it has read to where
// that was, or before.)
const bounceBytes = 4 << 10

// packings holds calls for reuse: a call does not allocate.
var packings = sync.Pool{New: func() any { return new(packing) }}

// release lets go of the caller's data and puts c back.
func (c *packing) release() {
	before := c.before
	c.run, c.full, c.packed, c.factors = nil, loop.Memory{}, loop.Memory{}, nil
	c.before, c.ends = before[:0], c.ends[:0]
	packings.Put(c)
}

// RunCompact does a compaction on every element that a nest of loops visits in the full tensor: on the
// one at offset Σ iₖ·Dstₖ, with the factor at Σ iₖ·Factorₖ. The elements of the packed tensor are
// those whose factor is not 0, one after the other in the order of the loops. The loops' Src means
// nothing.
//
// The full tensor is src with [Gather], and dst with [Scatter] and [ScatterAdd]. The packed one has as many
// elements as are kept, or more. [layout.Geometry.Loops] makes the loops of a tensor. The strides of the
// loops hold what [Run] wants of those in dst. The loops visit the factors in order and all of them: a
// loop that moves on by some factors has loops inside it that visit as many.
//
// Either tensor may be a list, see [AsList]. The slices of the packed one, a slice for each sample say, may have
// different lengths. If neither is a list, both may begin with the same element with Gather and Scatter: then the tensor
// is packed in place, and unpacked, by one goroutine. Otherwise dst and src do not overlap, from the first element to the
// last, gaps included, nor do slices of dst, and dst and factors do not.
//
// workers is that of Run, and so is what is said there of memory that RunCompact does not allocate. The
// result does not depend on workers.
//
// RunCompact returns an [*ArgumentError] or an [*OverlapError] before it writes anything.
func RunCompact(op Compaction, dst, src, factors Vector, loops []layout.Loop, workers int) error {
	kind := dst.kind
	if kind == nil || src.kind != kind || factors.kind != kind {
		return mixed(dst.kind, src.kind, factors.kind, nil)
	}
	if op >= compactions {
		return strange(op)
	}
	if workers < 0 {
		return negative(workers)
	}
	if compactSingle(op, dst, src, factors, loops) {
		return nil
	}
	return runCompact(op, dst, src, factors, loops, workers)
}

// runCompact is RunCompact of vectors of one kind.
func runCompact(op Compaction, dst, src, factors Vector, loops []layout.Loop, workers int) error {
	kind := dst.kind
	c := packings.Get().(*packing)
	defer c.release()
	var n nest
	span, err := c.set(&n, kind, op, dst.vector, src.vector, factors.vector, loops)
	if err != nil || span == 0 {
		return err
	}
	c.choose(&n, span)
	if c.inPlace {
		workers = 1
	}
	n.share(n.total(), span, workers)
	return nil
}

// set checks a call and sets n, which is the zero nest, and c. It returns the number of elements that
// dst extends over, 0 if there is nothing to do.
func (c *packing) set(n *nest, kind *Kind, op Compaction, dst, src, factors vector, loops []layout.Loop) (span int, err error) {
	var room [layout.MaxLoops]layout.Loop
	if len(loops) <= len(room) {
		loops = room[:copy(room[:], loops)]
		for i := range loops {
			loops[i].Src = loops[i].Dst
		}
	}
	r, refusal := loop.Measure(loops)
	if refusal == nil {
		refusal = inOrder(loops)
	}
	if refusal != nil {
		return 0, badLoops(loops, refusal)
	}
	full, packed, name, other := dst, src, "dst", "src"
	if op == Gather {
		full, packed, name, other = src, dst, "src", "dst"
	}
	if factors.len < 0 {
		return 0, notOne("factors", -factors.len, "one slice")
	}
	if r.Dst == 0 {
		return 0, nil
	}
	if factors.len < r.Factors {
		return 0, refused("factors", fmt.Sprintf("%d or more", r.Factors), "%s: %v with factors of %d elements", described(loops), op, factors.len)
	}
	c.full = loop.Memory{Data: full.data, Length: r.Dst}
	if full.len < 0 {
		if c.full, err = memoryOf(name, kind, full, r.Dst); err != nil {
			return 0, err
		}
	} else if full.len < r.Dst || kind.beyond(r.Dst) {
		return 0, refused(name, fmt.Sprintf("%d or more, whose bytes an int counts", r.Dst), "%s: %v with %s of %d elements", described(loops), op, name, full.len)
	}
	factors.len = r.Factors
	c.count(kind, factors)
	n.kind = kind
	n.split(Scale, loops)
	kept := c.at(n, n.total())
	if all := c.take(packed); all < kept {
		return 0, refused(other, fmt.Sprintf("%d or more, those of the factors that are not 0", kept), "%s: %v with %s of %d elements", described(loops), op, other, all)
	}
	if packed.len >= 0 {
		c.packed.Length = kept
	}
	if full.len < 0 || packed.len < 0 {
		err = c.disjointLists(kind, op, factors)
	} else {
		err = disjoint(kind, op, dst, src, factors, r.Dst, kept)
	}
	if err != nil {
		return 0, err
	}
	c.begin(n, kind, op, full, packed, factors)
	if op == Gather {
		return kept, nil
	}
	return r.Dst, nil
}

// take sets where the packed tensor lies, and returns how many elements it has, at most as many as an int counts.
func (c *packing) take(packed vector) (all int) {
	c.packed, c.ends = loop.Memory{Data: packed.data, Length: packed.len}, c.ends[:0]
	if packed.len >= 0 {
		return packed.len
	}
	c.packed = loop.Memory{Data: packed.data, Slices: -packed.len, Ragged: true}
	for i := range c.packed.Slices {
		_, length := c.packed.At(i)
		all = min(all, math.MaxInt-length) + length // parts of it are there more than once
		c.ends = append(c.ends, all)
	}
	return all
}

// address returns the address of the element of the packed tensor at an offset, which there is, and how many lie
// together from it on.
func (c *packing) address(packed int) (at unsafe.Pointer, elements int) {
	if len(c.ends) == 0 {
		return unsafe.Add(c.packed.Data, packed<<c.shift), math.MaxInt
	}
	i, _ := slices.BinarySearch(c.ends, packed+1)
	if i > 0 {
		packed -= c.ends[i-1]
	}
	data, length := c.packed.At(i)
	return unsafe.Add(data, packed<<c.shift), length - packed
}

// disjointLists is disjoint where a tensor is a list.
func (c *packing) disjointLists(kind *Kind, op Compaction, factors vector) error {
	size := kind.bytes(1)
	dst, src := &c.full, &c.packed
	if op == Gather {
		dst, src = src, dst
	}
	if with, elements, distance, shared := loop.SharedRagged(dst, src, size); shared {
		return &OverlapError{With: with, Elements: elements, Distance: distance, Packed: with == "src"}
	}
	for i := range max(dst.Slices, 1) {
		data, length := dst.At(i)
		if length > 0 && factors.len > 0 && within(data, length*size, factors.data, kind.bytes(factors.len)) {
			return &OverlapError{With: "factors", Elements: length, Distance: int(uintptr(data) - uintptr(factors.data))}
		}
	}
	return nil
}

// inOrder returns what is wrong with loops that do not visit the factors in order, each of them.
func inOrder(loops []layout.Loop) *loop.Refusal {
	entries := 1
	for i := len(loops) - 1; i >= 0; i-- {
		switch l := loops[i]; {
		case l.Size == 0:
			return nil
		case l.Size == 1 || l.Factor == 0:
		case l.Factor != entries:
			return &loop.Refusal{Given: fmt.Sprintf("loop %d moves on by %d factors", i, l.Factor), Want: fmt.Sprintf("0 or the %d of the loops inside it", entries)}
		default:
			entries *= l.Size
		}
	}
	return nil
}

// begin sets what the walk needs. The call has been checked, and its entries have been counted.
func (c *packing) begin(n *nest, kind *Kind, op Compaction, full, packed, factors vector) {
	c.op, c.run, c.shift = op, kind.more.(compacter), kind.shift
	if full.len >= 0 {
		c.full = loop.Memory{Data: full.data, Length: full.len}
	}
	c.factors = factors.data
	if packed.len >= 0 {
		c.packed = loop.Memory{Data: packed.data}
	}
	c.inPlace = full.len >= 0 && packed.len >= 0 && full.data == packed.data
	c.self = c
	n.family, n.factors = &c.self, factors.data
	n.dst, n.src = full.data, packed.data
	if op == Gather {
		n.dst, n.src = n.src, n.dst
	}
}

// choose decides whether the results are stored past the cache. span is the number of elements that
// dst extends over. Rows that are scattered are, if they are whole cache lines: rows of 256 float32 channels take 0.6 times
// as long where a fifth is dropped, and 0.5 times where half are (103 MB, Zen 5).
//
// Rows that are gathered are stored as usual. Gathered to 1 to 16 KiB in the first cache, which a second kernel
// stored past the cache, rows took 1.0 to 1.5 times as long, and planes of 7×7 as well: while the one kernel stores, the
// other does not load.
func (c *packing) choose(n *nest, span int) {
	bytes := span << c.shift
	n.op = Scale
	if op := c.op; short(bytes) || op == ScatterAdd || c.inPlace || op == Gather && n.shape == pixels || !streams() {
		return
	}
	dst := &c.packed
	if c.op == Scatter {
		dst = &c.full
	}
	n.pastCache = bytes >= strategy().streams(n.shape, false) && dst.Aligned(n.kind.bytes(1))
}

// count counts the entries that are kept, and returns how many there are.
func (c *packing) count(kind *Kind, factors vector) int {
	if cap(c.before) <= factors.len {
		c.before = make([]int, factors.len+1)
	}
	c.before = c.before[:factors.len+1]
	switch kind.shift {
	case 1:
		return countKept[uint16](c.before, factors)
	case 2:
		return countKept[uint32](c.before, factors)
	}
	return countKept[uint64](c.before, factors)
}

// countKept is count for words of the elements' size.
func countKept[W uint16 | uint32 | uint64](before []int, factors vector) int {
	kept := 0
	for i, f := range unsafe.Slice((*W)(factors.data), factors.len) {
		before[i] = kept
		if f<<1 != 0 {
			kept++
		}
	}
	before[factors.len] = kept
	return kept
}

// keeps returns how many of so many entries from one on are kept.
func (c *packing) keeps(entry, entries int) int { return c.before[entry+entries] - c.before[entry] }

// at returns where in the packed tensor a visited element is, counted in the order of the loops, or where
// the next one is that is kept.
func (c *packing) at(n *nest, visited int) int {
	// What a step of a loop visits: elements, and entries of the factors.
	elements, entries := n.count*n.length, n.entries()
	for _, l := range n.outer[:n.depth] {
		elements *= l.Size
		if l.Factor > 0 {
			entries *= l.Size
		}
	}
	packed, entry := 0, 0
	for _, l := range n.outer[:n.depth] {
		elements /= l.Size
		if l.Factor > 0 {
			entries /= l.Size
		}
		i := visited / elements
		visited -= i * elements
		switch each := elements / entries; { // elements of an entry
		case i == 0:
		case l.Factor > 0:
			packed += c.keeps(entry, i*entries) * each
			entry += i * entries
		default:
			packed += c.keeps(entry, entries) * each * i
		}
	}
	return packed + c.within(&n.block, entry, visited)
}

// entries returns the number of factors of a block.
func (b *block) entries() int {
	if b.shape == pixels {
		return b.length
	}
	return b.count
}

// within returns how many of the first elements of a block are kept, whose factors begin with an entry.
func (c *packing) within(b *block, entry, elements int) int {
	if elements == 0 { // perhaps after the last entry
		return 0
	}
	whole, part := elements/b.length, elements%b.length
	if b.shape == pixels {
		return c.keeps(entry, b.length)*whole + c.keeps(entry, part)
	}
	kept := c.keeps(entry, whole) * b.length
	if part > 0 {
		kept += c.keeps(entry+whole, 1) * part
	}
	return kept
}

// walk does what [nest.walk] does to the nest at an address. In place Scatter goes from the last block to the
// first: what it has not read yet lies in front of what it writes.
func (c *packing) walk(p unsafe.Pointer, begin place, lo, hi int) {
	n := (*nest)(p)
	loops, size := n.outer[:n.depth], n.count*n.length
	var s steps
	if c.inPlace && c.op != Gather { // all of the nest
		var room [layout.MaxLoops]layout.Loop
		packed := c.at(n, hi)
		loops, begin = reversed(room[:0], loops, begin)
		for s.set(loops, begin, size, lo, hi); s.next(loops); {
			packed -= c.within(&n.block, s.at.factor, size)
			c.backwards(n, s.at, packed)
		}
		return
	}
	packed := c.at(n, lo)
	for s.set(loops, begin, size, lo, hi); s.next(loops); {
		packed = c.forwards(n, s.at, packed, s.from, s.to)
	}
}

// reversed appends loops that begin with the last step of others, and returns where that is.
func reversed(room, loops []layout.Loop, begin place) ([]layout.Loop, place) {
	for _, l := range loops {
		i := l.Size - 1
		begin = place{begin.dst + i*l.Dst, 0, begin.factor + i*l.Factor}
		room = append(room, layout.Loop{Size: l.Size, Dst: -l.Dst, Factor: -l.Factor})
	}
	return room, begin
}

// forwards does elements from to to of the block at a place, the first of which that is kept is at an offset
// of the packed tensor. It returns the offset after the last.
func (c *packing) forwards(n *nest, at place, packed, from, to int) int {
	most := callBytes >> c.shift
	before := c.within(&n.block, at.factor, from)
	for from < to {
		most, end := most, 0
		if c.full.Slices > 0 {
			most = min(most, c.full.Length-(at.dst+from)%c.full.Length)
		}
		if inside := from % n.length; inside > 0 || n.length > min(most, to-from) {
			end = from + min(n.length-inside, to-from, most)
		} else {
			end = from + min(to-from, most)/n.length*n.length
		}
		after := c.within(&n.block, at.factor, end)
		if len(c.ends) > 0 && after > before {
			if _, elements := c.address(packed); after-before > elements {
				end = c.cut(n, at, from, end, before+elements)
				after = c.within(&n.block, at.factor, end)
			}
		}
		c.piece(n, at, packed, from, end, after-before)
		packed += after - before
		from, before = end, after
	}
	return packed
}

// cut returns where a piece of the block at a place, from elements from to end, ends so that no more than so many of
// the block are kept up to there. It is whole rows or planes or a part of one, as the piece is.
func (c *packing) cut(n *nest, at place, from, end, kept int) int {
	end = from + sort.Search(end-from, func(i int) bool { return c.within(&n.block, at.factor, from+i+1) > kept })
	if end-from > n.length {
		end -= (end - from) % n.length
	}
	return end
}

// backwards does all of the block at a place, the last elements first. The first kept one is at an offset of the
// packed tensor.
func (c *packing) backwards(n *nest, at place, packed int) {
	most := bounceBytes >> c.shift
	end := n.count * n.length
	after := c.within(&n.block, at.factor, end)
	for end > 0 {
		from := (end - 1) / n.length * n.length // of a plane or row
		before := c.within(&n.block, at.factor, from)
		switch {
		case n.length <= most:
			from -= min(from, (most/n.length-1)*n.length)
			before = c.within(&n.block, at.factor, from)
		case end-from > callBytes>>c.shift || c.overlaps(at.dst+from, end-from, packed+before, after-before):
			from += (end - 1 - from) / most * most
			before = c.within(&n.block, at.factor, from)
		}
		c.piece(n, at, packed+before, from, end, after-before)
		end, after = from, before
	}
}

// overlaps reports whether so many elements at an offset of the full tensor share memory with so many at an
// offset of the packed tensor, in place.
func (c *packing) overlaps(full, elements, packed, kept int) bool {
	return c.inPlace && kept > 0 && packed+kept > full && packed < full+elements
}

// piece does elements from to end of the block at a place, whole rows or planes or a part of one, of which so
// many are kept, from an offset of the packed tensor on.
func (c *packing) piece(n *nest, at place, packed, from, end, kept int) {
	if kept == 0 && c.op != Scatter {
		return
	}
	b, entry := block{n.shape, 1, end - from}, at.factor
	if n.shape == planes {
		entry += from / n.length
	} else {
		entry += from % n.length
	}
	if end-from >= n.length {
		b.count, b.length = (end-from)/n.length, n.length
	}
	full := c.full.Address(at.dst+from, c.shift)
	if kept == 0 { // and no address of the packed tensor, which may have ended
		c.call(n, b, full, full, entry)
		return
	}
	other, _ := c.address(packed)
	switch {
	case c.op == Scatter && c.overlaps(at.dst+from, end-from, packed, kept):
		c.call(n, b, unsafe.Pointer(&c.bounce), other, entry)
		bytes := b.count * b.length << c.shift
		copy(unsafe.Slice((*byte)(full), bytes), unsafe.Slice((*byte)(unsafe.Pointer(&c.bounce)), bytes))
	case c.op == Gather:
		c.call(n, b, other, full, entry)
	default:
		c.call(n, b, full, other, entry)
	}
}

// call runs the kernel on a block.
func (c *packing) call(n *nest, b block, dst, src unsafe.Pointer, entry int) {
	past, bytes := 0, b.length<<c.shift
	if n.pastCache && bytes >= lineBytes && (b.shape == planes || bytes%lineBytes == 0 && uintptr(dst)%lineBytes == 0) {
		past = 1
	}
	c.run.compact(c.op, past, b.shape, dst, src, unsafe.Add(c.factors, entry<<c.shift), b.count, b.length)
}
