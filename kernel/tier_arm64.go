//go:build !purego

package kernel

// streams reports whether the tier in use has streaming kernels that differ from
// the plain ones.
func streams() bool { return false }

func fence() {}
