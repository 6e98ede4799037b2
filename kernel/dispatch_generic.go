//go:build purego || !(amd64 || arm64)

package kernel

import "unsafe"

func dispatch(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	generic(k, dst, src, factors, extra, count, length)
}

// streams reports whether the tier in use has streaming kernels that differ from
// the plain ones.
func streams() bool { return false }

func fence() {}
