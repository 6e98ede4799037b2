//go:build !race

package kernel

import "unsafe"

func raceKernel(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {}

func raceFused(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
}

func raceCompact(k compactID, dst, src, factors unsafe.Pointer, count, length int) {}

func raceTransposition(dst, src unsafe.Pointer, rows, columns, to, from, size int) {}
