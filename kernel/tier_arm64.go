//go:build !purego

package kernel

// streams reports whether the tier in use has kernels that store past the cache.
func streams() bool { return false }

// strips reports whether fused kernels of the tier in use hold what short rows of floats share.
func strips() bool { return false }

func fence() {}

func pause() {}
