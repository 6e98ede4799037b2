//go:build race

// Package race tells the race detector what assembly reads and writes, which the
// detector does not see.
package race

import (
	"runtime"
	"unsafe"
)

// Enabled says whether the program is built with the race detector.
const Enabled = true

// Read tells the race detector that some bytes are read.
func Read(p unsafe.Pointer, bytes int) { runtime.RaceReadRange(hidden(p), bytes) }

// Write tells the race detector that some bytes are written.
func Write(p unsafe.Pointer, bytes int) { runtime.RaceWriteRange(hidden(p), bytes) }

// hidden returns p in a way that the compiler cannot follow. Otherwise it would
// assume that the detector keeps the pointer, and would allocate every array on a
// caller's stack. While the address is a number the stack must not move, so checkptr must
// not add a call.
//
//go:nocheckptr
func hidden(p unsafe.Pointer) unsafe.Pointer {
	bits := uintptr(p)
	return *(*unsafe.Pointer)(unsafe.Pointer(&bits))
}
