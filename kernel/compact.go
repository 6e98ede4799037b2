package kernel

import (
	"fmt"
	"unsafe"
)

// CompactPlanes moves the planes whose factor is not 0 to the ones that lie densely, or back.
// The full side has len(factors) planes of plane elements each, and the packed side has those that
// are kept, in order:
//
//	k := 0
//	for p, f := range factors {
//		if f != 0 {
//			dst[k*plane:(k+1)*plane] = src[p*plane:(p+1)*plane] * f // with Gather
//			k++
//		}
//	}
//
// dst is packed with [Gather], and src is with [Scatter] and [ScatterAdd]. Both have exactly as many
// elements as that. dst and src may begin with the same element with Gather and Scatter, which
// packs in place, and unpacks. They must not overlap otherwise, and dst must not overlap factors.
//
// CompactPlanes stays on the calling goroutine and does not allocate after warm-up. It panics with a
// [*CompactionError], a [*PackedError] or an [*OverlapError] before it writes anything.
func CompactPlanes[T Float](op Compaction, dst, src, factors []T, plane int) {
	doCompact(kindOf[T](), op, planes, erase(dst), erase(src), erase(factors), plane)
}

// CompactPixels moves the channels whose factor is not 0, in rows of len(factors) channels, to rows
// that have only those, or back:
//
//	k := 0
//	for i, x := range src {
//		if f := factors[i%len(factors)]; f != 0 {
//			dst[k] = x * f // with Gather
//			k++
//		}
//	}
//
// The full side is src with [Gather], and dst with [Scatter] and [ScatterAdd]. It has whole rows. The
// packed side has exactly the elements that are kept. What holds for overlap and errors of
// [CompactPlanes] holds here.
func CompactPixels[T Float](op Compaction, dst, src, factors []T) {
	doCompact(kindOf[T](), op, pixels, erase(dst), erase(src), erase(factors), 0)
}

// doCompact is CompactPlanes and CompactPixels without types.
func doCompact(kind *Kind, op Compaction, s shape, dst, src, factors vector, plane int) {
	if op >= compactions {
		panic(&CompactionError{op})
	}
	full, packed := dst, src
	if op == Gather {
		full, packed = src, dst
	}
	c := packings.Get().(*packing)
	kept := c.count(kind, factors)
	wantFull, wantPacked, ok := full.len, 0, true
	b := block{shape: s, count: factors.len, length: plane}
	if s == planes {
		var okPacked bool
		wantFull, ok = product(factors.len, plane)
		wantPacked, okPacked = product(kept, plane)
		ok = ok && okPacked
	} else if factors.len > 0 {
		b.count, b.length = full.len/factors.len, factors.len
		wantFull, wantPacked = b.count*factors.len, b.count*kept
	} else {
		wantFull = 0
	}
	if !ok || kind.beyond(wantFull) || full.len != wantFull || packed.len != wantPacked {
		c.release()
		panic(&PackedError{Op: op, Loop: [...]string{planes: "planes", pixels: "pixels"}[s], Dst: dst.len, Src: src.len, Factors: factors.len, Kept: kept, Plane: plane})
	}
	if wantFull == 0 {
		c.release()
		return
	}
	if err := c.apart(kind, op, dst, src, factors, full.len, packed.len, factors.len); err != nil {
		c.release()
		panic(err)
	}
	n := nest{operands: operands{kind: kind, dst: dst.data, src: src.data, factors: factors.data}, block: b}
	c.begin(&n, kind, op, full, packed, factors)
	c.choose(&n, dst.len)
	c.walk(hide(unsafe.Pointer(&n)), 0, wantFull)
	c.release()
}

// apart returns an error if the memory of a call overlaps in a way that it must not. The lengths are
// those that are visited.
func (c *packing) apart(kind *Kind, op Compaction, dst, src, factors vector, full, packed, entries int) error {
	to, from := kind.bytes(full), kind.bytes(packed)
	if op == Gather {
		to, from = from, to
	}
	if to == 0 {
		return nil
	}
	if from > 0 && (op == ScatterAdd || dst.data != src.data) && within(dst.data, to, src.data, from) {
		return &OverlapError{With: "src", Elements: dst.len, Distance: int(uintptr(dst.data) - uintptr(src.data)), Packed: true}
	}
	if entries > 0 && within(dst.data, to, factors.data, kind.bytes(entries)) {
		return &OverlapError{With: "factors", Elements: dst.len, Distance: int(uintptr(dst.data) - uintptr(factors.data))}
	}
	return nil
}

// CompactionError refuses a compaction that is unknown. Nothing has been written.
type CompactionError struct{ Op Compaction }

func (e *CompactionError) Error() string {
	return fmt.Sprintf("kernel: unknown compaction %v, want one of %v to %v", e.Op, Gather, ScatterAdd)
}

// PackedError refuses slices of a compaction whose lengths do not match: the full side has every
// plane or channel, and the packed side those whose factor is not 0. Nothing has been written.
type PackedError struct {
	Op      Compaction
	Loop    string // "planes" or "pixels"
	Dst     int    // length of dst
	Src     int    // length of src
	Factors int    // length of factors
	Kept    int    // factors that are not 0
	Plane   int    // elements of a plane, for planes
}

func (e *PackedError) Error() string {
	full, packed := "dst", "src"
	if e.Op == Gather {
		full, packed = packed, full
	}
	if e.Loop == "pixels" {
		return fmt.Sprintf("kernel: %v of pixels of %d channels, %d of them kept, with dst of %d and src of %d elements, want %s of whole rows of all and %s of as many rows of the kept ones", e.Op, e.Factors, e.Kept, e.Dst, e.Src, full, packed)
	}
	return fmt.Sprintf("kernel: %v of %d planes of %d elements, %d of them kept, with dst of %d and src of %d elements, want %s of all planes and %s of the kept ones", e.Op, e.Factors, e.Plane, e.Kept, e.Dst, e.Src, full, packed)
}

// kernelOf returns the kernel of a compaction, which may have none that stores past the cache.
func kernelOf(w *[compactions]compactWays, op Compaction, past int, s shape) compactID {
	if k := w[op][past][s]; k != noCompact {
		return k
	}
	return w[op][0][s]
}

// compacter is the method of the types in [Kind.more] that runs the kernels of this family.
type compacter interface {
	compact(op Compaction, past int, s shape, dst, src, factors unsafe.Pointer, count, length int)
}

func (moreF32) compact(op Compaction, past int, s shape, dst, src, factors unsafe.Pointer, count, length int) {
	dispatchCompactF32(kernelOf(&waysCompactF32, op, past, s), dst, src, factors, count, length)
}

func (moreF64) compact(op Compaction, past int, s shape, dst, src, factors unsafe.Pointer, count, length int) {
	dispatchCompactF64(kernelOf(&waysCompactF64, op, past, s), dst, src, factors, count, length)
}

func (moreF16) compact(op Compaction, past int, s shape, dst, src, factors unsafe.Pointer, count, length int) {
	dispatchCompactF16(kernelOf(&waysCompactF16, op, past, s), dst, src, factors, count, length)
}

func (moreBF16) compact(op Compaction, past int, s shape, dst, src, factors unsafe.Pointer, count, length int) {
	dispatchCompactBF16(kernelOf(&waysCompactBF16, op, past, s), dst, src, factors, count, length)
}
