package kernel

import "unsafe"

// fuser is the family of fused kernels of one type, which [Kind] has in more.
type fuser interface {
	fused(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int)
	fusedWays(fusedOp) *fusedWays
}

func (moreF32) fused(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	dispatchFusedF32(k, dst, src, aux, factors, scales, shifts, limit, count, length)
}

func (moreF64) fused(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	dispatchFusedF64(k, dst, src, aux, factors, scales, shifts, limit, count, length)
}

func (moreF16) fused(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	dispatchFusedF16(k, dst, src, aux, factors, scales, shifts, limit, count, length)
}

func (moreBF16) fused(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	dispatchFusedBF16(k, dst, src, aux, factors, scales, shifts, limit, count, length)
}

func (moreF32) fusedWays(f fusedOp) *fusedWays  { return &waysFusedF32[f] }
func (moreF64) fusedWays(f fusedOp) *fusedWays  { return &waysFusedF64[f] }
func (moreF16) fusedWays(f fusedOp) *fusedWays  { return &waysFusedF16[f] }
func (moreBF16) fusedWays(f fusedOp) *fusedWays { return &waysFusedBF16[f] }
