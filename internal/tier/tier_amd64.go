//go:build !purego

package tier

import "golang.org/x/sys/cpu"

// AVX512 and AVX2 say which tier is in use. At most one of them is true.
var AVX512, AVX2 bool

// order has the tiers of this architecture, best first.
var order = []string{avx512, avx2, Generic}

// detect returns the tiers of this CPU, best first. x/sys reports AVX2 and AVX-512
// only if the operating system saves their registers. It does not know F16C.
func detect() []string {
	return supported(
		cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL,
		cpu.X86.HasAVX2 && cpu.X86.HasPOPCNT && f16c(),
	)
}

func set(name string) {
	AVX512 = name == avx512
	AVX2 = name == avx2
}
