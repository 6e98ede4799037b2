//go:build !race && !asan

package spatialdropout_test

const instrumented = false
