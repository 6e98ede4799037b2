//go:build !purego

package tier

import "golang.org/x/sys/cpu"

// NEONFP16 and NEON say which tier is in use. At most one of them is true.
var NEONFP16, NEON bool

var order = []string{neonfp16, neon, Generic}

// detect returns the best tier of this CPU.
func detect() string {
	if !cpu.ARM64.HasASIMD {
		return Generic
	}
	if !hasFP16() {
		return neon
	}
	return neonfp16
}

func set(name string) {
	NEONFP16 = name == neonfp16
	NEON = name == neon
}
