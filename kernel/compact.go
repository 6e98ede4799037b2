package kernel

import (
	"fmt"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/layout"
)

// compactSingle makes a call that is no more than one of a kernel, as [doRun] does. Of others, and where anything is
// wrong, it returns false.
func compactSingle(op Compaction, dst, src, factors Vector, loops []layout.Loop) bool {
	const most = 1 << 15 // the product of two fits an int
	if uint(len(loops)-1) >= 2 {
		return false
	}
	last := &loops[len(loops)-1]
	count, wrong := 1, (last.Dst^1)|last.Factor>>1
	if len(loops) == 2 {
		around := &loops[0]
		count, wrong = around.Size, wrong|(around.Dst^last.Size)|(around.Factor^(1-last.Factor))
	}
	if wrong != 0 || uint(count-1) >= most || uint(last.Size-2) >= most {
		return false
	}
	kind, s, entries, each := dst.kind, planes, count, last.Size
	if last.Factor == 1 {
		s, entries, each = pixels, last.Size, count
	}
	full := kind.bytes(count * last.Size)
	if !alone(full) || factors.len < entries {
		return false
	}
	packed := kind.bytes(kind.kept(vector{factors.data, entries}) * each)
	to, from := full, packed
	if op == Gather {
		to, from = packed, full
	}
	// A length that is negative is that of a list.
	if packed == 0 || dst.len < to>>(kind.shift&7) || src.len < from>>(kind.shift&7) || within(dst.data, to, src.data, from) || within(dst.data, to, factors.data, kind.bytes(entries)) {
		return false
	}
	kind.more.(compacter).compact(op, 0, s, dst.data, src.data, factors.data, count, last.Size)
	return true
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
