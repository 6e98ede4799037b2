//go:build !purego

package tier

import "golang.org/x/sys/cpu"

// NEONFP16 and NEON say which tier is in use. At most one of them is true.
var NEONFP16, NEON bool

// order has the tiers of this architecture, best first.
var order = []string{neonfp16, neon, Generic}

// detect returns the tiers of this CPU, best first.
func detect() []string {
	return supported(
		hasFP16(),
		cpu.ARM64.HasASIMD,
	)
}

func set(name string) {
	NEONFP16 = name == neonfp16
	NEON = name == neon
}
