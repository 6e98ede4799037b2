//go:build !race

// Package race tells the race detector what assembly reads and writes, which the
// detector does not see. In a build without the detector the compiler removes its
// functions.
package race

import "unsafe"

// Enabled says whether the program is built with the race detector.
const Enabled = false

// Read tells the race detector that some bytes are read.
func Read(p unsafe.Pointer, bytes int) {}

// Write tells the race detector that some bytes are written.
func Write(p unsafe.Pointer, bytes int) {}
