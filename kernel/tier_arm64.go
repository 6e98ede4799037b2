//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

var useNEON bool

// detect returns the tiers of this CPU, best first.
func detect() []string {
	if cpu.ARM64.HasASIMD {
		return []string{tierNEON, tierGeneric}
	}
	return []string{tierGeneric}
}

func use(tier string) { useNEON = tier == tierNEON }

func inUse() string {
	if useNEON {
		return tierNEON
	}
	return tierGeneric
}

// streams reports whether the tier in use has streaming kernels that differ from
// the plain ones.
func streams() bool { return false }

func fence() {}
