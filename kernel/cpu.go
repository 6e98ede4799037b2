package kernel

import (
	"fmt"
	"runtime"

	"github.com/klauspost/cpuid/v2"
)

// CPU describes the processor for reports: its name and its data caches in
// bytes, 0 where unknown. Nothing is decided by it. On a virtual machine the
// caches may be those of the host.
type CPU struct {
	Name       string
	L1, L2, L3 int
}

// ThisCPU returns the processor that the program runs on.
func ThisCPU() CPU {
	c := &cpuid.CPU
	name := c.BrandName
	if name == "" {
		name = "unknown " + runtime.GOARCH + " processor"
	}
	return CPU{Name: name, L1: max(0, c.Cache.L1D), L2: max(0, c.Cache.L2), L3: max(0, c.Cache.L3)}
}

// String returns the name and the caches in one line.
func (c CPU) String() string {
	return fmt.Sprintf("%s (L1 %d KiB, L2 %d KiB, L3 %d KiB)", c.Name, c.L1>>10, c.L2>>10, c.L3>>10)
}
