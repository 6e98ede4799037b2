//go:build !asan

package kernel

// sanitized reports whether the address sanitizer is on.
const sanitized = false
