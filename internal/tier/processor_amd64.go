//go:build !purego

package tier

import (
	"encoding/binary"
	"math/bits"
)

// f16c reports whether the CPU converts float16.
func f16c() bool {
	_, _, c, _ := cpuid(1, 0)
	return c>>29&1 != 0
}

// ThisProcessor asks the processor. On a virtual machine each question takes tens of
// microseconds: nothing asks when a program starts, and callers keep the answer.
func ThisProcessor() Processor { return processorBy(cpuid) }

// A questioner answers as the CPUID instruction does.
type questioner func(leaf, subleaf uint32) (a, b, c, d uint32)

func processorBy(ask questioner) Processor {
	last, b, c, d := ask(0, 0)
	var vendor [12]byte
	binary.LittleEndian.PutUint32(vendor[0:], b)
	binary.LittleEndian.PutUint32(vendor[4:], d)
	binary.LittleEndian.PutUint32(vendor[8:], c)
	p := Processor{Vendor: string(vendor[:])}
	a, _, _, _ := ask(1, 0)
	if p.Family = int(a >> 8 & 15); p.Family == 15 {
		p.Family += int(a >> 20 & 0xff)
	}
	// The same description of caches has two numbers: that of Intel, and that of AMD.
	switch p.Vendor {
	case "GenuineIntel":
		if last >= 4 {
			p.Cache = ask.largestCache(4)
		}
	case "AuthenticAMD", "HygonGenuine":
		if extended, _, _, _ := ask(0x80000000, 0); extended >= 0x8000001d {
			p.Cache = ask.largestCache(0x8000001d)
		}
	}
	return p
}

// largestCache returns the bytes of the largest cache that holds data.
func (ask questioner) largestCache(leaf uint32) int {
	const most = 8 // caches; there are four or five
	largest := 0
	for i := range uint32(most) {
		a, b, c, _ := ask(leaf, i)
		switch a & 31 { // what it holds
		case 0:
			return largest
		case 1, 3: // data, or both
			largest = max(largest, cacheBytes(b, c))
		}
	}
	return largest
}

// cacheBytes returns the bytes of a cache: ways, partitions, bytes of a line and sets, each
// less one.
func cacheBytes(b, c uint32) int {
	ways, partitions, line, sets := uint64(b>>22)+1, uint64(b>>12&0x3ff)+1, uint64(b&0xfff)+1, uint64(c)+1
	high, size := bits.Mul64(ways*partitions*line, sets)
	const absurd = 1 << 40
	if high != 0 || size > absurd {
		return 0
	}
	return int(size)
}
