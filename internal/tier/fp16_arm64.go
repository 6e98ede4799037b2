//go:build !purego && !darwin

package tier

import "golang.org/x/sys/cpu"

// hasFP16 reports whether the CPU computes in float16, with vectors and with
// scalars.
func hasFP16() bool { return cpu.ARM64.HasASIMDHP && cpu.ARM64.HasFPHP }
