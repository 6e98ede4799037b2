//go:build purego || !(amd64 || arm64)

package kernel

import "unsafe"

func dispatchF32(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	genericF32(k, dst, src, factors, extra, count, length)
}

func dispatchF64(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	genericF64(k, dst, src, factors, extra, count, length)
}

func dispatchF16(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	genericF16(k, dst, src, factors, extra, count, length)
}

func dispatchBF16(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	genericBF16(k, dst, src, factors, extra, count, length)
}

func dispatchFusedF32(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	genericFusedF32(k, dst, src, aux, factors, scales, shifts, limit, count, length)
}

func dispatchFusedF64(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	genericFusedF64(k, dst, src, aux, factors, scales, shifts, limit, count, length)
}

func dispatchFusedF16(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	genericFusedF16(k, dst, src, aux, factors, scales, shifts, limit, count, length)
}

func dispatchFusedBF16(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	genericFusedBF16(k, dst, src, aux, factors, scales, shifts, limit, count, length)
}

func dispatchCompactF32(k compactID, dst, src, factors unsafe.Pointer, count, length int) {
	genericCompactF32(k, dst, src, factors, count, length)
}

func dispatchCompactF64(k compactID, dst, src, factors unsafe.Pointer, count, length int) {
	genericCompactF64(k, dst, src, factors, count, length)
}

func dispatchCompactF16(k compactID, dst, src, factors unsafe.Pointer, count, length int) {
	genericCompactF16(k, dst, src, factors, count, length)
}

func dispatchCompactBF16(k compactID, dst, src, factors unsafe.Pointer, count, length int) {
	genericCompactBF16(k, dst, src, factors, count, length)
}

func dispatchTranspose16(dst, src unsafe.Pointer, rows, columns, to, from int) {
	transposeGeneric[uint16](dst, src, rows, columns, to, from)
}

func dispatchTranspose32(dst, src unsafe.Pointer, rows, columns, to, from int) {
	transposeGeneric[uint32](dst, src, rows, columns, to, from)
}

func dispatchTranspose64(dst, src unsafe.Pointer, rows, columns, to, from int) {
	transposeGeneric[uint64](dst, src, rows, columns, to, from)
}

// streams reports whether the tier in use has kernels that store past the cache.
func streams() bool { return false }

// strips reports whether fused kernels of the tier in use hold what short rows of floats share.
func strips() bool { return false }

func fence() {}

func pause() {}
