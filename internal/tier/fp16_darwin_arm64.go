//go:build !purego

package tier

import "syscall"

// hasFP16 reports whether the CPU computes in float16, with vectors and with
// scalars. x/sys does not ask macOS. The second name is the one that macOS had
// before version 12.
func hasFP16() bool {
	for _, name := range []string{"hw.optional.arm.FEAT_FP16", "hw.optional.neon_fp16"} {
		if has, err := syscall.SysctlUint32(name); err == nil {
			return has == 1
		}
	}
	return false
}
