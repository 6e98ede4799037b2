//go:build !purego

package kernel

import (
	"runtime"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/cpu"
)

var useNEONFP16, useNEON bool

// detect returns the tiers of this CPU, best first. Of macOS x/sys knows only
// what every arm64 has; cpuid asks the system.
func detect() []string {
	tiers := []string{tierGeneric}
	if !cpu.ARM64.HasASIMD {
		return tiers
	}
	tiers = append([]string{tierNEON}, tiers...)
	if cpu.ARM64.HasASIMDHP && cpu.ARM64.HasFPHP || runtime.GOOS == "darwin" && cpuid.CPU.Supports(cpuid.ASIMDHP, cpuid.FPHP) {
		tiers = append([]string{tierNEONFP16}, tiers...)
	}
	return tiers
}

func use(tier string) {
	useNEONFP16 = tier == tierNEONFP16
	useNEON = tier == tierNEON
}

func inUse() string {
	switch {
	case useNEONFP16:
		return tierNEONFP16
	case useNEON:
		return tierNEON
	}
	return tierGeneric
}

// streams reports whether the tier in use has streaming kernels that differ from
// the plain ones.
func streams() bool { return false }

func fence() {}
