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

func fence() {}

func pause() {}
