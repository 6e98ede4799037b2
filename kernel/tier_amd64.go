//go:build !purego

package kernel

import (
	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/cpu"
)

var useAVX512, useAVX2 bool

// detect returns the tiers of this CPU, best first. x/sys reports AVX2 and the
// AVX-512 extensions only where the operating system saves their registers. It
// does not know F16C, the conversions of float16, which every CPU with AVX2 has;
// cpuid does.
func detect() []string {
	tiers := []string{tierGeneric}
	if !cpu.X86.HasAVX2 || !cpuid.CPU.Supports(cpuid.F16C) {
		return tiers
	}
	tiers = append([]string{tierAVX2}, tiers...)
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL {
		tiers = append([]string{tierAVX512}, tiers...)
	}
	return tiers
}

func use(tier string) {
	useAVX512 = tier == tierAVX512
	useAVX2 = tier == tierAVX2
}

func inUse() string {
	switch {
	case useAVX512:
		return tierAVX512
	case useAVX2:
		return tierAVX2
	}
	return tierGeneric
}

// streams reports whether the tier in use has streaming kernels that differ from
// the plain ones.
func streams() bool { return useAVX512 || useAVX2 }
