//go:build race

package kernel

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/race"
)

// watchCall, if a test has set it, is told how many bytes of dst each call multiplies.
var watchCall func(bytes int)

// raceKernel tells the detector of the operands of one call. dst counts as written
// whatever the factors are: a kernel may write back what it has read. Planes that are
// dropped are not read from src.
func raceKernel(k id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	c := &catalogue[k]
	operation, size := &operations[c.op], c.typ.Size()
	if watchCall != nil {
		watchCall(count * length * size)
	}
	if c.shape == fourPlanes {
		p := (*fourPlaces)(extra)
		for i, at := range p.at {
			race.Read(unsafe.Add(src, at), length*size)
			race.Write(unsafe.Add(dst, at), length*size)
			race.Read(unsafe.Add(factors, p.factor[i]), size)
		}
		for _, at := range p.fill[:p.fills] {
			race.Write(unsafe.Add(dst, at), length*size)
		}
		return
	}
	channels := count
	if c.shape == pixels {
		channels = length
	}
	race.Read(factors, channels*size)
	if operation.shifts {
		race.Read(extra, channels*size)
	}
	race.Write(dst, count*length*size)
	if c.shape == pixels {
		race.Read(src, count*length*size)
		return
	}
	for p := range count {
		if operation.dropped == computed || !isZero(c.typ, unsafe.Add(factors, p*size)) {
			race.Read(unsafe.Add(src, p*length*size), length*size)
		}
	}
}

// raceFused tells the detector of the operands of a call of a fused kernel, as raceKernel does.
// Of a plane that is dropped aux is read if it is added to.
func raceFused(k fusedID, dst, src, aux, factors, scales, shifts, limit unsafe.Pointer, count, length int) {
	c := &fusedCatalogue[k]
	op, size := &fusedTable[c.op], c.typ.Size()
	if watchCall != nil {
		watchCall(count * length * size)
	}
	channels, parts, bytes := count, count, length*size // parts have a factor each, if they are planes
	if c.shape == pixels {
		channels, parts, bytes = length, 1, count*length*size
	}
	race.Read(factors, channels*size)
	race.Read(scales, channels*size)
	if op.shifts {
		race.Read(shifts, channels*size)
	}
	if op.limit {
		race.Read(limit, size)
	}
	for p := range parts {
		kept := c.shape == pixels || !isZero(c.typ, unsafe.Add(factors, p*size))
		if kept {
			race.Read(unsafe.Add(src, p*bytes), bytes)
		}
		if op.aux && (kept || op.adds()) {
			race.Read(unsafe.Add(aux, p*bytes), bytes)
		}
		race.Write(unsafe.Add(dst, p*bytes), bytes)
	}
}

// raceCompact tells the detector of the operands of a call of a compacting kernel.
func raceCompact(k compactID, dst, src, factors unsafe.Pointer, count, length int) {
	c := &compactCatalogue[k]
	op, size := &compactTable[c.op], c.typ.Size()
	if watchCall != nil {
		watchCall(count * length * size)
	}
	channels, bytes := count, length*size // of one factor
	if c.shape == pixels {
		channels, bytes = length, count*size
	}
	race.Read(factors, channels*size)
	dense, all, access := src, dst, race.Read
	if op.gathers {
		dense, all, access = dst, src, race.Write
	}
	kept := 0
	for f := range channels {
		is := !isZero(c.typ, unsafe.Add(factors, f*size))
		if is {
			kept++
		}
		switch plane := unsafe.Add(all, f*bytes); {
		case c.shape == pixels:
		case op.gathers && is:
			race.Read(plane, bytes)
		case !op.gathers && (is || !op.adds):
			race.Write(plane, bytes)
		}
	}
	access(dense, kept*bytes)
	switch {
	case c.shape != pixels:
	case op.gathers:
		race.Read(src, count*length*size)
	default:
		race.Write(dst, count*length*size)
	}
}

// raceTransposition tells the detector of a call of a transposition of elements of some size.
func raceTransposition(dst, src unsafe.Pointer, rows, columns, to, from, size int) {
	for c := range columns {
		race.Read(unsafe.Add(src, c*from), rows*size)
	}
	for r := range rows {
		race.Write(unsafe.Add(dst, r*to), columns*size)
	}
}

// isZero reports whether the element at p is 0 or −0.
func isZero(t dtype.Type, p unsafe.Pointer) bool {
	switch t {
	case dtype.Float32:
		return *(*float32)(p) == 0
	case dtype.Float64:
		return *(*float64)(p) == 0
	}
	return *(*uint16)(p)&0x7fff == 0
}
