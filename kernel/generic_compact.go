package kernel

import (
	"unsafe"
)

// The generic functions of compacting kernels are their meaning in plain Go. Gather goes
// from the first element to the last and Scatter from the last to the first, so that dst
// may be src.

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

// compacted walks the elements of a call: factor is the index of an element's factor, at its
// index on the side of all planes or channels, and dense that on the other side if it is kept.
func compacted(op *compaction, s shape, count, length int, kept func(factor int) bool, do func(factor, at, dense int, kept bool)) {
	factors, runs := count, 1 // runs of factors, each of one element or of a whole plane
	if s == pixels {
		factors, runs = length, count
	}
	keeps := 0
	for f := range factors {
		if kept(f) {
			keeps++
		}
	}
	each := count * length / (factors * runs) // elements with one factor
	n, dense := factors*runs, keeps*runs
	if op.gathers {
		dense = 0
		for i := range n {
			is := kept(i % factors)
			for e := range each {
				do(i%factors, i*each+e, dense*each+e, is)
			}
			if is {
				dense++
			}
		}
		return
	}
	for i := n - 1; i >= 0; i-- {
		is := kept(i % factors)
		if is {
			dense--
		}
		for e := each - 1; e >= 0; e-- {
			do(i%factors, i*each+e, dense*each+e, is)
		}
	}
}

func compactFloats[T float32 | float64](k *compactEntry, dst, src, factors unsafe.Pointer, count, length int) {
	op, size := &compactTable[k.op], int(unsafe.Sizeof(T(0)))
	compacted(op, k.shape, count, length, func(f int) bool { return *at[T](factors, f*size) != 0 }, func(f, i, dense int, kept bool) {
		y := at[T](dst, i*size)
		switch {
		case kept && op.gathers:
			*at[T](dst, dense*size) = *at[T](src, i*size) * *at[T](factors, f*size)
		case kept && op.adds:
			*y += T(*at[T](src, dense*size) * *at[T](factors, f*size))
		case kept:
			*y = *at[T](src, dense*size) * *at[T](factors, f*size)
		case !op.gathers && !op.adds:
			*y = 0
		}
	})
}

func compactHalves(k *compactEntry, dst, src, factors unsafe.Pointer, count, length int) {
	op := &compactTable[k.op]
	half := func(p unsafe.Pointer, i int) *uint16 { return (*uint16)(unsafe.Add(p, 2*i)) }
	times := func(x, f *uint16) uint16 { return k.typ.Narrow(k.typ.Widen(*x) * k.typ.Widen(*f)) }
	compacted(op, k.shape, count, length, func(f int) bool { return *half(factors, f)&0x7fff != 0 }, func(f, i, dense int, kept bool) {
		y := half(dst, i)
		switch {
		case kept && op.gathers:
			*half(dst, dense) = times(half(src, i), half(factors, f))
		case kept && op.adds:
			*y = k.typ.Narrow(k.typ.Widen(*y) + k.typ.Widen(times(half(src, dense), half(factors, f))))
		case kept:
			*y = times(half(src, dense), half(factors, f))
		case !op.gathers && !op.adds:
			*y = 0
		}
	})
}
