// Package cpu describes the processor for reports. Nothing is decided by what it
// returns. It is a package of its own because it needs cpuid, which questions the
// processor when the program starts: only programs that print a description pay
// for that.
package cpu

import (
	"fmt"
	"runtime"
)

// CPU is the name of a processor and the sizes of its data caches in bytes, 0 if
// unknown. On a virtual machine the caches may be those of the host.
type CPU struct {
	Name       string
	L1, L2, L3 int
}

// This returns the processor that the program runs on. With the build tag purego
// it is unknown.
func This() CPU {
	c := describe()
	if c.Name == "" {
		c.Name = "unknown " + runtime.GOARCH + " processor"
	}
	return c
}

// String returns the name and the caches in one line.
func (c CPU) String() string {
	return fmt.Sprintf("%s (L1 %d KiB, L2 %d KiB, L3 %d KiB)", c.Name, c.L1>>10, c.L2>>10, c.L3>>10)
}
