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
// CompactPlanes stays on the calling goroutine and does not allocate after warm-up. It panics with an
// [*ArgumentError], a [*LengthError] or an [*OverlapError] before it writes anything.
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

// CompactPlanesOf is [CompactPlanes] of a kind that is known at run time. It panics with an [*ArgumentError] if the
// vectors differ in kind.
func CompactPlanesOf(op Compaction, dst, src, factors Vector, plane int) {
	doCompact(anyKind(dst.kind, src.kind, factors.kind, nil), op, planes, dst.vector, src.vector, factors.vector, plane)
}

// CompactPixelsOf is [CompactPixels] of a kind that is known at run time. It panics with an [*ArgumentError] if the
// vectors differ in kind.
func CompactPixelsOf(op Compaction, dst, src, factors Vector) {
	doCompact(anyKind(dst.kind, src.kind, factors.kind, nil), op, pixels, dst.vector, src.vector, factors.vector, 0)
}

// doCompact is CompactPlanes and CompactPixels without types.
func doCompact(kind *Kind, op Compaction, s shape, dst, src, factors vector, plane int) {
	full, packed := dst, src
	if op == Gather {
		full, packed = src, dst
	}
	kept := kind.kept(factors)
	b, wantFull, wantPacked, ok := block{shape: s, count: factors.len, length: plane}, 0, 0, true
	if s == planes {
		wantFull, ok = product(factors.len, plane)
		wantPacked = kept * plane // not more
	} else if factors.len > 0 {
		b.count, b.length = full.len/factors.len, factors.len
		wantFull, wantPacked = b.count*factors.len, b.count*kept
	}
	if op >= compactions || !ok || kind.beyond(wantFull) || full.len != wantFull || packed.len != wantPacked {
		panic(unpackable(op, s, dst, src, factors, kept, plane))
	}
	if wantFull == 0 {
		return
	}
	if err := disjoint(kind, op, dst, src, factors, wantFull, wantPacked); err != nil {
		panic(err)
	}
	if wantPacked == 0 {
		if op != Scatter {
			return
		}
		src.data = dst.data // which is not read
	} else if dst.data == src.data || !alone(kind.bytes(wantFull)) {
		compactBlock(kind, op, b, dst, src, factors)
		return
	}
	kind.more.(compacter).compact(op, 0, s, dst.data, src.data, factors.data, b.count, b.length)
}

// compactBlock does a compaction of a block that fills whole slices.
func compactBlock(kind *Kind, op Compaction, b block, dst, src, factors vector) {
	c := packings.Get().(*packing)
	defer c.release()
	c.count(kind, factors)
	full, packed := dst, src
	if op == Gather {
		full, packed = src, dst
	}
	n := nest{operands: operands{kind: kind}, block: b}
	c.begin(&n, kind, op, full, packed, factors)
	c.choose(&n, dst.len)
	n.walk(0, full.len)
}

// unpackable returns the error of slices that do not fit, or of an unknown compaction.
//
//go:noinline
func unpackable(op Compaction, s shape, dst, src, factors vector, kept, plane int) error {
	if op >= compactions {
		return strange(op)
	}
	for i, v := range [...]vector{dst, src, factors} {
		if v.len < 0 {
			return notOne([...]string{"dst", "src", "factors"}[i], -v.len, "one slice for "+[...]string{planes: "planes", pixels: "pixels"}[s])
		}
	}
	full, packed, all := "dst", "src", dst.len
	if op == Gather {
		full, packed, all = packed, full, src.len
	}
	argument := packed
	if s == pixels {
		if factors.len == 0 || all%factors.len != 0 {
			argument = full
		}
		return unfit(argument, fmt.Sprintf("%s of whole rows of all and %s of as many rows of the kept ones", full, packed), "%v of pixels of %d channels, %d of them kept, with dst of %d and src of %d elements", op, factors.len, kept, dst.len, src.len)
	}
	if elements, ok := product(factors.len, plane); !ok || elements != all {
		argument = full
	}
	return unfit(argument, fmt.Sprintf("%s of all planes and %s of the kept ones", full, packed), "%v of %d planes of %d elements, %d of them kept, with dst of %d and src of %d elements", op, factors.len, plane, kept, dst.len, src.len)
}

// kept returns the number of factors that are not 0.
func (k *Kind) kept(factors vector) int {
	switch {
	case factors.len <= 0:
		return 0
	case k.shift == 1:
		return keptOf[uint16](factors)
	case k.shift == 2:
		return keptOf[uint32](factors)
	}
	return keptOf[uint64](factors)
}

// keptOf is kept for words of the elements' size.
func keptOf[W uint16 | uint32 | uint64](factors vector) int {
	kept := 0
	for _, f := range unsafe.Slice((*W)(factors.data), factors.len) {
		if f<<1 != 0 {
			kept++
		}
	}
	return kept
}

// disjoint returns an error if the memory of a call overlaps in a way that it must not. The lengths are
// those that are visited.
func disjoint(kind *Kind, op Compaction, dst, src, factors vector, full, packed int) error {
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
	if factors.len > 0 && within(dst.data, to, factors.data, kind.bytes(factors.len)) {
		return &OverlapError{With: "factors", Elements: dst.len, Distance: int(uintptr(dst.data) - uintptr(factors.data))}
	}
	return nil
}

// strange returns the error of a compaction that is unknown.
func strange(op Compaction) error {
	return refused("op", fmt.Sprintf("one of %v to %v", Gather, ScatterAdd), "unknown compaction %v", op)
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
