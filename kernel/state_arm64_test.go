//go:build !purego

package kernel

import "github.com/spatialdropout/spatialdropout/kernel/internal/machine"

func poison() { machine.Poison() }

// leaves has nothing to say: no function of Go expects anything of a vector register.
func leaves(bool) string { return "" }
