//go:build asan

package machine

// Sanitized reports whether the address sanitizer is on. It makes tests slow, and lets calls
// allocate.
const Sanitized = true
