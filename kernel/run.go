package kernel

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Run applies op to every element that a nest of loops visits: the element at
// offset Σ iₖ·Dstₖ of dst and Σ iₖ·Srcₖ of src with the factor at Σ iₖ·Factorₖ.
//
// Loops are given outermost first, at most [layout.MaxLoops] of them. The steps of
// each in dst and src are the same, and at least as long as all that lies inside
// it, so that no element is visited twice. No loops mean the single element at
// offset 0, a loop of size 0 means none. The work is fast where the innermost
// loops are planes (step 1, factor 0; around it factor 1 and no gap) or rows of
// channels (step 1, factor 1; around it factor 0 and no gap).
//
// dst and src may be the same slice, or two that share no visited element.
//
// [Affine] and [AffineMultiply] take factors and shifts in one slice, all
// factors and then as many shifts: len(factors)/2 of each.
//
// workers bounds the goroutines that share the work; 0 leaves the choice to
// Run, which uses up to GOMAXPROCS of them from 16 MiB of elements visited in
// dst and stays on the calling one below. The result does not depend on it.
// After warm-up Run does not allocate.
//
// Run returns a [*LoopError] or an [*OverlapError], before anything is written.
func Run[T Float](op Op, dst, src, factors []T, loops []layout.Loop, workers int) error {
	return shared(elemOf[T](), op, of(dst), of(src), of(factors), loops, workers)
}

// RunF16 is [Run] of float16, see [Half].
func RunF16[T Half](op Op, dst, src, factors []T, loops []layout.Loop, workers int) error {
	return shared(f16, op, of(dst), of(src), of(factors), loops, workers)
}

// RunBF16 is [Run] of bfloat16, see [Half].
func RunBF16[T Half](op Op, dst, src, factors []T, loops []layout.Loop, workers int) error {
	return shared(bf16, op, of(dst), of(src), of(factors), loops, workers)
}

// RunAlone is [Run] on the calling goroutine. Slices on its stack stay there.
func RunAlone[T Float](op Op, dst, src, factors []T, loops []layout.Loop) error {
	return alone(elemOf[T](), op, of(dst), of(src), of(factors), loops)
}

// RunAloneF16 is [RunAlone] of float16, see [Half].
func RunAloneF16[T Half](op Op, dst, src, factors []T, loops []layout.Loop) error {
	return alone(f16, op, of(dst), of(src), of(factors), loops)
}

// RunAloneBF16 is [RunAlone] of bfloat16, see [Half].
func RunAloneBF16[T Half](op Op, dst, src, factors []T, loops []layout.Loop) error {
	return alone(bf16, op, of(dst), of(src), of(factors), loops)
}

// alone runs a nest on the calling goroutine. A single call of a kernel is all
// overhead, so that one or two loops which are no more are found out first.
func alone(e elem, op Op, dst, src, factors vector, loops []layout.Loop) error {
	if op < Affine && uint(len(loops)-1) < 2 {
		last, around := loops[len(loops)-1], loops[0]
		if len(loops) == 1 {
			around = layout.Loop{Size: 1, Dst: last.Size, Src: last.Size, Factor: 1 - last.Factor}
		}
		const most = 1 << 15 // the product of two fits an int
		if last.Dst == 1 && last.Src == 1 && last.Factor>>1 == 0 && around.Dst == last.Size && around.Src == last.Size && around.Factor == 1-last.Factor && uint(around.Size-1) < most && uint(last.Size-1) < most {
			b := block{pixels: last.Factor == 1, count: around.Size, length: last.Size}
			n := b.count * b.length
			if b.small(e) && dst.len >= n && src.len >= n && factors.len >= b.entries() && overlap(dst.data, src.data, n<<e.shift()) == 0 {
				b.once(op, e, dst.data, src.data, factors.data, nil)
				return nil
			}
		}
	}
	var n nest
	span, err := n.set(e, op, dst, src, factors, loops)
	if err != nil || span == 0 {
		return err
	}
	n.operands = operandsOf(e, op, dst.data, src.data, factors, span)
	n.walk(0, n.total())
	return nil
}

// entries returns how many factors a block has.
func (b block) entries() int {
	if b.pixels {
		return b.length
	}
	return b.count
}

// shared runs a nest on several goroutines.
func shared(e elem, op Op, dst, src, factors vector, loops []layout.Loop, workers int) error {
	if workers < 0 {
		return &LoopError{Loops: clone(loops), Reason: fmt.Sprintf("%d workers, want 0 or more", workers)}
	}
	if workers <= 1 && (workers == 1 || dst.len<<e.shift() < parallelBytes) {
		return alone(e, op, dst, src, factors, loops)
	}
	var n nest
	span, err := n.set(e, op, dst, src, factors, loops)
	if err != nil || span == 0 {
		return err
	}
	n.operands = operandsOf(e, op, dst.data, src.data, factors, span)
	total := n.total()
	if workers == 0 {
		workers = 1
		if bytes := total << e.shift(); bytes >= parallelBytes {
			workers = min(runtime.GOMAXPROCS(0), bytes/grainBytes)
		}
	}
	if workers = min(workers, total); workers > 1 {
		parallel(&n, total, workers)
	} else {
		n.walk(0, total)
	}
	return nil
}

// set checks a call and sets the loops of n, which is the zero nest. It returns
// how many elements they reach over, 0 if there is nothing to do.
func (n *nest) set(e elem, op Op, dst, src, factors vector, loops []layout.Loop) (span int, err error) {
	if op > Copy {
		return 0, &LoopError{Loops: clone(loops), Reason: fmt.Sprintf("%v is no operation", op)}
	}
	reach, reason := loop.Measure(loops)
	if reason != "" {
		return 0, &LoopError{Loops: clone(loops), Reason: reason}
	}
	if !loop.Same(loops) {
		return 0, &LoopError{Loops: clone(loops), Reason: "steps differ in dst and src, want the same"}
	}
	span, entries := reach.Dst, reach.Factors
	if span == 0 {
		return 0, nil
	}
	if op == Copy {
		entries = 0
	}
	if op.shifts() && (dst.len < span || src.len < span || factors.len/2 < entries || factors.len%2 != 0) {
		return 0, &LoopError{Loops: clone(loops), Reason: fmt.Sprintf("dst of %d, src of %d and factors and shifts of %d elements in all, want %d, %d and twice %d or more", dst.len, src.len, factors.len, span, span, entries)}
	}
	if dst.len < span || src.len < span || factors.len < entries {
		return 0, &LoopError{Loops: clone(loops), Reason: fmt.Sprintf("dst of %d, src of %d and factors of %d elements, want %d, %d and %d or more", dst.len, src.len, factors.len, span, span, entries)}
	}
	if err := meet(dst.data, src.data, 1<<e.shift(), loops, reach); err != nil {
		return 0, err
	}
	if op == Copy && dst.data == src.data {
		return 0, nil
	}
	var outer []layout.Loop
	n.block, outer = split(op, loops)
	for _, l := range outer {
		if l.Size > 1 {
			n.outer[n.depth] = l
			n.depth++
		}
	}
	return span, nil
}

// meet returns an error if dst and src share an element that loops visit, unless each
// is its own source. Elements have size bytes.
func meet(dst, src unsafe.Pointer, size int, loops []layout.Loop, reach loop.Reach) error {
	if distance, meets := loop.Overlap(dst, src, size, loops, reach); meets {
		return &OverlapError{Elements: reach.Dst, Distance: distance}
	}
	return nil
}

// Overlap returns the [*OverlapError] with which [Run] would refuse dst and src, nil if
// it would not: for callers who must know before they have the factors. The loops are
// those of Run; with loops that do not nest it is a [*LoopError].
func Overlap[T Float | Half](dst, src []T, loops []layout.Loop) error {
	reach, reason := loop.Measure(loops)
	if reason != "" {
		return &LoopError{Loops: clone(loops), Reason: reason}
	}
	var x T
	return meet(of(dst).data, of(src).data, int(unsafe.Sizeof(x)), loops, reach)
}

// total returns how many elements a nest visits.
func (n *nest) total() int {
	total := n.count * n.length
	for _, l := range n.outer[:n.depth] {
		total *= l.Size
	}
	return total
}

// clone keeps the caller's loops off the heap: only an error holds on to them.
func clone(loops []layout.Loop) []layout.Loop { return append([]layout.Loop(nil), loops...) }

// block is the innermost part of a nest, without gaps: count planes of length
// elements with a factor each, or count rows of length channels with the same
// factors for every row.
type block struct {
	pixels        bool
	count, length int
}

// small reports whether the block is nothing but one call of a kernel: it is not
// to be divided or streamed, and no rows of it are to be tiled. Such a call is
// all overhead.
func (b block) small(e elem) bool {
	bytes := (b.count * b.length) << e.shift()
	return bytes < 4*tileBytes && bytes < streamBytes
}

// once runs a kernel on a small block.
func (b block) once(op Op, e elem, dst, src, factors, shifts unsafe.Pointer) {
	dispatch(kernelOf(op, false, b.pixels, e), dst, src, factors, shifts, b.count, b.length)
}

// nest is a checked call: loops around a block, with the operands.
type nest struct {
	operands
	block
	depth int
	outer [layout.MaxLoops]layout.Loop
}

// split splits loops into a block and those that are around it.
func split(op Op, loops []layout.Loop) (b block, outer []layout.Loop) {
	b = block{count: 1, length: 1}
	last, outer := inner(loops)
	if last.Dst != 1 || last.Factor > 1 && op != Copy {
		return b, loops // no two neighbours belong together: every element is a plane of its own
	}
	b.length = last.Size
	b.pixels = last.Factor == 1 && op != Copy
	around, further := inner(outer)
	if around.Dst == last.Size && (around.Factor == 1-last.Factor || op == Copy) {
		b.count = around.Size
		outer = further
	}
	if l, _ := inner(outer); l.Size == 0 {
		return b, nil // single steps lead nowhere
	}
	return b, outer
}

// inner returns the innermost loop of more than one step, the zero layout.Loop if there
// is none, and the loops around it.
func inner(loops []layout.Loop) (layout.Loop, []layout.Loop) {
	for i := len(loops) - 1; i >= 0; i-- {
		if loops[i].Size > 1 {
			return loops[i], loops[:i]
		}
	}
	return layout.Loop{}, nil
}

// walk applies the kernel to the visited elements lo to hi, counted in the
// order of the loops. In pixels both must lie on the border of a row, unless a
// block is a single one.
func (n *nest) walk(lo, hi int) {
	size := n.count * n.length
	var index [layout.MaxLoops]int
	from := lo
	if n.depth > 0 {
		from = lo % size
		for k, at := n.depth-1, lo/size; k >= 0; k-- {
			index[k] = at % n.outer[k].Size
			at /= n.outer[k].Size
		}
	}
	for left := hi - lo; left > 0; {
		var at, factor int
		for k, l := range n.outer[:n.depth] {
			at += index[k] * l.Dst
			factor += index[k] * l.Factor
		}
		to := min(size, from+left)
		if n.pixels {
			n.rows(at, factor, from, to)
		} else {
			n.planes(at, factor, from, to)
		}
		left -= to - from
		from = 0
		for k := n.depth - 1; k >= 0; k-- {
			if index[k]++; index[k] < n.outer[k].Size {
				break
			}
			index[k] = 0
		}
	}
	if n.far {
		fence()
	}
}

// planes applies the kernel to elements from to to of the block of planes at
// offset at, whose factors begin at entry factor.
func (n *nest) planes(at, factor, from, to int) {
	if n.braided() {
		n.braids(at, factor, from, to)
		return
	}
	limit := callBytes >> n.elem.shift()
	for from < to {
		plane, inside := from/n.length, from%n.length
		count, length := 1, 0
		if whole := (to - from) / n.length; inside == 0 && whole > 0 && n.length <= limit {
			count, length = min(whole, limit/n.length), n.length
		} else {
			length = min(n.length-inside, to-from, limit)
		}
		n.call(at+from, factor+plane, count, length)
		from += count * length
	}
}

// rows applies the kernel to elements from to to of the block of pixels at
// offset at, whose factors begin at entry factor.
func (n *nest) rows(at, factor, from, to int) {
	limit := callBytes >> n.elem.shift()
	if n.count == 1 || n.length > limit {
		// Part of a single row is a shorter row.
		for from < to {
			channel := from % n.length
			length := min(n.length-channel, to-from, limit)
			n.call(at+from, factor+channel, 1, length)
			from += length
		}
		return
	}
	if n.tiled(at, factor, from, to) {
		return
	}
	most := rowsOf(n.length << n.elem.shift())
	for from < to {
		count := min((to-from)/n.length, most)
		n.call(at+from, factor, count, n.length)
		from += count * n.length
	}
}

// rowsOf returns how many rows of so many bytes one call takes. The kernels walk
// through four quarters of them at once, and a load waits for a store that went to
// the same place of another page just before: quarters are whole pages apart if
// they can be. (By reasoning: alone it made no difference beyond the noise.)
func rowsOf(bytes int) int {
	most := callBytes / bytes
	unit := strands * (lineMultiple(bytes) / bytes) // rows of whole lines in each quarter
	for unit*bytes%(strands*pageBytes) != 0 {
		unit *= 2
	}
	if most >= unit {
		most -= most % unit
	}
	return most
}

// call runs the kernel on one block at offset at.
func (n *nest) call(at, factor, count, length int) {
	shift := n.elem.shift()
	if n.op == Copy {
		bytes := count * length << shift
		copy(unsafe.Slice((*byte)(unsafe.Add(n.dst, at<<shift)), bytes), unsafe.Slice((*byte)(unsafe.Add(n.src, at<<shift)), bytes))
		return
	}
	var shifts unsafe.Pointer
	if n.shifts != nil {
		shifts = unsafe.Add(n.shifts, factor<<shift)
	}
	n.exec(n.pixels, unsafe.Add(n.dst, at<<shift), unsafe.Add(n.src, at<<shift), unsafe.Add(n.factors, factor<<shift), shifts, count, length)
}

// exec runs the kernel on one block.
func (o *operands) exec(pixels bool, dst, src, factors, shifts unsafe.Pointer, count, length int) {
	stream := false
	if o.stream() {
		bytes := length << o.elem.shift()
		stream = bytes >= streamAlign && (!pixels || bytes%streamAlign == 0 && uintptr(dst)%streamAlign == 0)
	}
	dispatch(kernelOf(o.op, stream, pixels, o.elem), dst, src, factors, shifts, count, length)
}

const (
	// callBytes bounds the work of one call of an assembly kernel, which cannot
	// be preempted: a garbage collection would wait for it.
	callBytes = 256 << 10
	// streamAlign is the cache line that streaming stores fill whole.
	streamAlign = 64
	// pageBytes is a page of memory, and how many bits of two addresses a processor
	// compares before it lets a load pass a store.
	pageBytes = 4 << 10
	// parallelBytes is the size of dst from which Run uses several goroutines
	// unasked, and grainBytes what each should have at least.
	parallelBytes = 16 << 20
	grainBytes    = 4 << 20
)
