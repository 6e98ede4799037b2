//go:build race || asan

package spatialdropout_test

// instrumented reports whether the race detector or the address sanitizer is on. They make
// tests slow, and let calls allocate.
const instrumented = true
