// Package machine looks at the state of the processor that assembly must leave as it
// was, and fills registers with garbage that it must not depend on. It serves the
// tests of package kernel alone: assembly may not be in files of tests.
package machine

// State is what a function must leave as it was.
type State struct {
	Control uint64 // of the floating-point unit, without the flags of what has happened: MXCSR, or FPCR
	Flags   uint64 // on amd64 the direction flag, bit 10
	G       uint64 // on arm64 R28, the goroutine
	Frame   uint64 // on arm64 R29 less RSP: a stack may move as a whole
	Other   uint64 // on arm64 R18, which belongs to the platform
}
