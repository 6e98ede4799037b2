package machine

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/race"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// fenced is memory between pages that fault. Routines do the same on every
// system: to test them on one is enough.
type fenced []byte

// newFenced returns at least so many bytes.
func newFenced(t *testing.T, bytes int) fenced {
	t.Helper()
	page := os.Getpagesize()
	inner := (bytes + page - 1) / page * page
	all := Mapped(t, inner+2*page)
	Forbid(t, all[:page])
	Forbid(t, all[page+inner:])
	return fenced(all[page : page+inner])
}

// Mapped returns memory that begins at a page and that nothing else uses.
func Mapped(t *testing.T, bytes int) []byte {
	t.Helper()
	all, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	return all
}

// Forbid makes whole pages fault when they are read or written.
func Forbid(t *testing.T, pages []byte) {
	t.Helper()
	if err := syscall.Mprotect(pages, syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
}

// Allow makes whole pages readable and writable again.
func Allow(t *testing.T, pages []byte) {
	t.Helper()
	if err := syscall.Mprotect(pages, syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
}

// at returns the address of so many bytes at the end, or at the beginning. At the end there is
// no byte of an empty operand.
func (f fenced) at(end bool, bytes int) unsafe.Pointer {
	if end {
		return unsafe.Add(unsafe.Pointer(&f[0]), len(f)-bytes)
	}
	return unsafe.Pointer(&f[0])
}

// Faulted returns what f panics with, memory faults included, and nil if it
// returns.
func Faulted(f func()) (fault error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			fault = p.(error)
		}
	}()
	f()
	return nil
}

// beyond says which operand a fault lies beyond, and by how much.
func beyond(fault error, operands []Operand, fences []fenced) string {
	if f, ok := fault.(interface{ Addr() uintptr }); ok {
		for i, o := range operands {
			begin := uintptr(unsafe.Pointer(&fences[i][0]))
			if before := begin - f.Addr(); before-1 < 4096 {
				return fmt.Sprintf("%d bytes before %s", before, o.Name)
			}
			if after := f.Addr() - begin - uintptr(len(fences[i])); after < 4096 {
				return fmt.Sprintf("%d bytes after %s", after, o.Name)
			}
		}
	}
	return fault.Error()
}

// CheckBounds puts the operands of calls next to pages that fault, at either end.
// Other tests see only what is written, not what is read.
func CheckBounds(t *testing.T, calls Calls) {
	if race.Enabled {
		return // the fences see no more with it
	}
	var fences []fenced
	for range MaxOperands {
		fences = append(fences, newFenced(t, 100<<10))
	}
	EveryTier(t, func(t *testing.T) {
		calls(t, func(t *testing.T, c Call) {
			// Each operand at each of its ends, with the others at either of theirs. Plain Go does not
			// depend on where the others lie, and is slow.
			ways := 4
			if tier.InUse() == tier.Generic {
				ways = 2
			}
			if fault := Faulted(func() {
				for sides := range ways {
					var at [MaxOperands]unsafe.Pointer
					for i, o := range c.Operands {
						end := sides == 0
						if ways == 4 {
							end = (sides>>(i%2)&1 == 0) != (i >= 2 && sides >= 2)
						}
						at[i] = fences[i].at(end, o.Bytes)
						o.fill(at[i])
					}
					c.Run(at[:])
				}
			}); fault != nil {
				t.Fatalf("%v touched what lies %s", c, beyond(fault, c.Operands, fences))
			}
		})
	})
}
