package kernel

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// The generic functions of compacting kernels are their meaning in plain Go. Gather goes from the first element
// to the last: dst may begin with src, or before it, in the same memory.

func genericCompactF32(k compactID, dst, src, factors unsafe.Pointer, count, length int) {
	compactFloats[float32](&compactCatalogue[k], dst, src, factors, count, length)
}

func genericCompactF64(k compactID, dst, src, factors unsafe.Pointer, count, length int) {
	compactFloats[float64](&compactCatalogue[k], dst, src, factors, count, length)
}

func genericCompactF16(k compactID, dst, src, factors unsafe.Pointer, count, length int) {
	compactHalves(&compactCatalogue[k], dst, src, factors, count, length)
}

func genericCompactBF16(k compactID, dst, src, factors unsafe.Pointer, count, length int) {
	compactHalves(&compactCatalogue[k], dst, src, factors, count, length)
}

func compactFloats[T float32 | float64](k *compactEntry, dst, src, factors unsafe.Pointer, count, length int) {
	op := &compactTable[k.op]
	kept := func(f T) bool { return f != 0 }
	if k.shape == pixels {
		row := gatherFloats[T]
		if op.adds {
			row = scatterAddFloats[T]
		} else if !op.gathers {
			row = scatterFloats[T]
		}
		compactRows(op, dst, src, factors, count, length, kept, row)
		return
	}
	formula := scaled
	if op.adds {
		formula = productSum
	}
	bytes := length * int(unsafe.Sizeof(T(0)))
	compactPlanes(op, dst, src, factors, count, bytes, kept, func(dst, src unsafe.Pointer, f *T) {
		computePlanes[T](formula, dst, src, unsafe.Pointer(f), nil, nil, 1, bytes)
	})
}

func gatherFloats[T float32 | float64](full, packed, factors []T, kept []uint16) {
	for n, i := range kept {
		packed[n] = full[i] * factors[i]
	}
}

func scatterFloats[T float32 | float64](full, packed, factors []T, kept []uint16) {
	for n, i := range kept {
		full[i] = packed[n] * factors[i]
	}
}

func scatterAddFloats[T float32 | float64](full, packed, factors []T, kept []uint16) {
	for n, i := range kept {
		full[i] += T(packed[n] * factors[i]) // the conversion keeps it from being fused
	}
}

func compactHalves(k *compactEntry, dst, src, factors unsafe.Pointer, count, length int) {
	op := &compactTable[k.op]
	kept := func(f uint16) bool { return f&0x7fff != 0 }
	if k.shape == pixels {
		compactRows(op, dst, src, factors, count, length, kept, func(full, packed, factors, kept []uint16) {
			halfRow(k.typ, op, full, packed, factors, kept)
		})
		return
	}
	operation := &operations[Scale]
	if op.adds {
		operation = &operations[Add]
	}
	compactPlanes(op, dst, src, factors, count, 2*length, kept, func(dst, src unsafe.Pointer, f *uint16) {
		halfPlane(k.typ, operation, unsafe.Slice((*uint16)(dst), length), unsafe.Slice((*uint16)(src), length), *f, 0)
	})
}

func halfRow(t dtype.Type, op *compaction, full, packed, factors, kept []uint16) {
	times := func(x, f uint16) uint16 { return t.Narrow(t.Widen(x) * t.Widen(f)) }
	for n, i := range kept {
		switch {
		case op.gathers:
			packed[n] = times(full[i], factors[i])
		case op.adds:
			full[i] = t.Narrow(t.Widen(full[i]) + t.Widen(times(packed[n], factors[i])))
		default:
			full[i] = times(packed[n], factors[i])
		}
	}
}

// compactPlanes walks planes of so many bytes, and has those computed that are kept.
func compactPlanes[T float32 | float64 | uint16](op *compaction, dst, src, factors unsafe.Pointer, count, bytes int, kept func(T) bool, compute func(dst, src unsafe.Pointer, f *T)) {
	all := unsafe.Slice((*T)(factors), count)
	packed := 0
	for p := range all {
		to, from := p*bytes, packed
		if op.gathers {
			to, from = from, to
		}
		switch {
		case kept(all[p]):
			compute(unsafe.Add(dst, to), unsafe.Add(src, from), &all[p])
			packed += bytes
		case !op.gathers && !op.adds:
			clear(unsafe.Slice((*byte)(unsafe.Add(dst, to)), bytes))
		}
	}
}

// keptGroup is how many channels of a row are listed at a time.
const keptGroup = 512

// compactRows walks rows of channels in groups, and has each group computed, of which some are kept: those of
// the list.
func compactRows[T float32 | float64 | uint16](op *compaction, dst, src, factors unsafe.Pointer, count, length int, kept func(T) bool, row func(full, packed, factors []T, kept []uint16)) {
	full, packed, size := dst, src, int(unsafe.Sizeof(T(0)))
	if op.gathers {
		full, packed = src, dst
	}
	all := unsafe.Slice((*T)(factors), length)
	var list [keptGroup]uint16
	keeps, n := 0, 0 // of the group, and in the packed rows so far
	for r := range count {
		for first := 0; first < length; first += keptGroup {
			group := all[first:min(first+keptGroup, length)]
			if r == 0 || length > keptGroup {
				keeps = 0
				for i, f := range group {
					list[keeps&(keptGroup-1)] = uint16(i) // without a branch, which would be mispredicted
					if kept(f) {
						keeps++
					}
				}
			}
			channels := unsafe.Slice((*T)(unsafe.Add(full, (r*length+first)*size)), len(group))
			if !op.gathers && !op.adds {
				clear(channels)
			}
			if keeps > 0 {
				// The list stays on the stack, which the compiler does not see through a function value.
				some, others := unsafe.Slice((*T)(unsafe.Add(packed, n*size)), keeps), (*[keptGroup]uint16)(hide(unsafe.Pointer(&list)))
				row(channels, some, group, others[:keeps])
				n += keeps
			}
		}
	}
}
