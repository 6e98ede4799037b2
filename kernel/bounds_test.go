//go:build linux

package kernel

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"
)

// fenced is memory between pages that nobody may touch. The kernels are the same
// on every system: one is enough to test them so.
type fenced []byte

// newFenced returns at least so many bytes.
func newFenced(t *testing.T, bytes int) fenced {
	t.Helper()
	page := os.Getpagesize()
	inner := (bytes + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, inner+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{all[:page], all[page+inner:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return fenced(all[page : page+inner])
}

// at returns the address of so many bytes at the end, or at the beginning.
func (f fenced) at(end bool, bytes int) unsafe.Pointer {
	if end {
		return unsafe.Pointer(&f[len(f)-bytes])
	}
	return unsafe.Pointer(&f[0])
}

// TestKernelsStayWithinTheirSlices puts the operands next to memory that faults:
// what the other tests see is only what is written, not what is read.
func TestKernelsStayWithinTheirSlices(t *testing.T) {
	const longest, most = 200, 3
	bytes := 8 * longest * 8 // of the longest elements, as many planes as a braid has
	dst, src, factors, shifts := newFenced(t, bytes), newFenced(t, bytes), newFenced(t, bytes), newFenced(t, bytes)
	// That the fences work: a byte further is a fault.
	for _, end := range []bool{false, true} {
		if faulted(func() { *(*byte)(unsafe.Add(src.at(end, 1), map[bool]int{false: -1, true: 1}[end]))++ }) == nil {
			t.Fatalf("no fault beyond the fence, end %v", end)
		}
	}
	everyTier(t, func(t *testing.T) {
		for k, c := range catalogue {
			k, shift := id(k), c.elem.shift()
			lanes := 64 >> shift
			for length := 1; length <= longest; length++ {
				if c.stream && length < lanes || (c.stream && c.pixels || c.braid) && length%lanes != 0 {
					continue
				}
				for _, end := range []bool{false, true} {
					for count := 1; count <= most; count++ {
						planes, channels := count, count
						extra := shifts.at(end, channels<<shift)
						var b braid
						switch {
						case c.braid:
							// Planes on all places, those to multiply at both ends, and the
							// second time those to clear.
							planes, channels = 8, 8
							b.fills = 4
							for i := range 4 {
								kept, cleared := (i+6)%8, (i+2)%8
								if count == 2 {
									kept, cleared = cleared, kept
								}
								b.at[i], b.factor[i] = kept*length<<shift, kept<<shift
								b.fill[i] = cleared * length << shift
							}
							extra = unsafe.Pointer(&b)
						case c.pixels:
							channels = length
							extra = shifts.at(end, channels<<shift)
						}
						n := planes * length << shift
						for _, kept := range [][2]bool{{false, false}, {true, true}, {true, false}, {false, true}} {
							f := factors.at(end, channels<<shift)
							for i := range channels {
								at, value := unsafe.Add(f, i<<shift), uint64(0)
								if kept[i%2] {
									value = c.elem.one() + 1
								}
								switch shift {
								case 1:
									*(*uint16)(at) = uint16(value)
								case 2:
									*(*uint32)(at) = uint32(value)
								case 3:
									*(*uint64)(at) = value
								}
							}
							if fault := faulted(func() { dispatch(k, dst.at(end, n), src.at(end, n), f, extra, count, length) }); fault != nil {
								t.Fatalf("%v of %d×%d at the end of memory (%v) or at its beginning, kept %v: %v", k, count, length, end, kept, fault)
							}
						}
					}
				}
			}
		}
	})
}

// TestDrawsStayWithinTheirSlices does so with what draws write, and the twister
// reads.
func TestDrawsStayWithinTheirSlices(t *testing.T) {
	const longest = 40
	first, second := newFenced(t, 8*longest), newFenced(t, 8*longest)
	words, state := newFenced(t, 4*624), newFenced(t, 4*624)
	everyTier(t, func(t *testing.T) {
		for _, end := range []bool{false, true} {
			for length := 1; length <= longest; length++ {
				to := [][]uint64{
					unsafe.Slice((*uint64)(first.at(end, 8*length)), length),
					unsafe.Slice((*uint64)(second.at(end, 8*length)), length),
				}
				for _, g := range generators {
					if fault := faulted(func() { g.draw(to, &Draw{Below: 1}) }); fault != nil {
						t.Fatalf("%s of %d words at the end of memory (%v) or at its beginning: %v", g.name, length, end, fault)
					}
				}
			}
			if fault := faulted(func() {
				MersenneTwister((*[624]uint32)(words.at(end, 4*624)), (*[624]uint32)(state.at(end, 4*624)))
			}); fault != nil {
				t.Fatalf("mt19937 at the end of memory (%v) or at its beginning: %v", end, fault)
			}
		}
	})
}

// TestComparisonsStayWithinTheirSlices does so with what they write and read.
func TestComparisonsStayWithinTheirSlices(t *testing.T) {
	const longest = 200
	bits, words := newFenced(t, 8*(longest/64+1)), newFenced(t, 8*longest)
	everyTier(t, func(t *testing.T) {
		for _, end := range []bool{false, true} {
			for n := 1; n <= longest; n++ {
				to := unsafe.Slice((*uint64)(bits.at(end, 8*((n+63)/64))), (n+63)/64)
				for _, c := range comparisons {
					from := unsafe.Slice((*uint32)(words.at(end, 4*c.each*n)), c.each*n)
					if fault := faulted(func() { c.draw(to, from, 0, 1) }); fault != nil {
						t.Fatalf("%s of %d trials at the end of memory (%v) or at its beginning: %v", c.name, n, end, fault)
					}
				}
				if fault := faulted(func() { MCG31(to, 1, 0, 1<<30) }); fault != nil {
					t.Fatalf("MCG31 of %d words at the end of memory (%v) or at its beginning: %v", len(to), end, fault)
				}
			}
		}
	})
}

// faulted returns what f panics with, a fault of memory included.
func faulted(f func()) (fault any) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault = recover(); fault != nil {
			fault = fmt.Sprint(fault)
		}
	}()
	f()
	return nil
}
