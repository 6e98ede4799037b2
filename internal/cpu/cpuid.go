//go:build !purego

package cpu

import "github.com/klauspost/cpuid/v2"

func describe() CPU {
	c := &cpuid.CPU
	return CPU{c.BrandName, max(0, c.Cache.L1D), max(0, c.Cache.L2), max(0, c.Cache.L3)}
}
