//go:build !asan

package machine

// Sanitized reports whether the address sanitizer is on.
const Sanitized = false
