// Package machine tests routines that have assembly, in any package: it runs them
// on operands between pages that fault, with garbage in the registers, under the
// race detector and on every tier, and looks at the state of the processor
// afterwards. Only tests import it.
package machine

// state is what a function must leave as it was.
type state struct {
	Control uint64 // of the floating-point unit, without the flags of what has happened: MXCSR, or FPCR
	Flags   uint64 // on amd64 the direction flag, bit 10
	G       uint64 // on arm64 R28, the goroutine
	Frame   uint64 // on arm64 R29 less RSP: a stack may move as a whole
	Other   uint64 // on arm64 R18, which belongs to the platform
}
