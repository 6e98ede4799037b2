//go:build linux

package kernel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// fenced is memory between pages that fault when touched. The kernels are the same on every
// system: testing them on one is enough.
type fenced []byte

// newFenced returns fenced memory of at least the given size.
func newFenced(t *testing.T, bytes int) fenced {
	t.Helper()
	page := os.Getpagesize()
	inner := (bytes + page - 1) / page * page
	all := mapped(t, inner+2*page)
	for _, guard := range [][]byte{all[:page], all[page+inner:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return fenced(all[page : page+inner])
}

// mapped returns new pages.
func mapped(t *testing.T, bytes int) []byte {
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

// at returns the address of a number of bytes at the end or at the beginning.
func (f fenced) at(end bool, bytes int) unsafe.Pointer {
	if end {
		return unsafe.Pointer(&f[len(f)-bytes])
	}
	return unsafe.Pointer(&f[0])
}

// faulted returns what f panics with, a fault of memory included.
func faulted(f func()) (fault error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			fault = p.(error)
		}
	}()
	f()
	return nil
}

// beyond describes a fault: beyond which operand it is, and by how much.
func beyond(fault error, operands []operand, fences []fenced) string {
	if f, ok := fault.(interface{ Addr() uintptr }); ok {
		for i, o := range operands {
			begin := uintptr(unsafe.Pointer(&fences[i][0]))
			if before := begin - f.Addr(); before-1 < 4096 {
				return fmt.Sprintf("%d bytes before %s", before, o.name)
			}
			if after := f.Addr() - begin - uintptr(len(fences[i])); after < 4096 {
				return fmt.Sprintf("%d bytes after %s", after, o.name)
			}
		}
	}
	return fault.Error()
}

func TestFencesFault(t *testing.T) {
	f := newFenced(t, 1)
	for _, end := range []bool{false, true} {
		at := f.at(end, 1)
		*(*byte)(at)++
		step := -1
		if end {
			step = 1
		}
		if fault := faulted(func() { *(*byte)(unsafe.Add(at, step))++ }); fault == nil {
			t.Errorf("no fault beyond the fence, end %v", end)
		} else if got, want := beyond(fault, []operand{{name: "it"}}, []fenced{f}), map[bool]string{false: "before it", true: "after it"}[end]; !strings.HasSuffix(got, want) {
			t.Errorf("the fault is described as %s, want %s", got, want) // some CPUs report the page only
		}
	}
}

// TestCallsStayWithinTheirOperands places every operand next to memory that faults, on either
// side. The other tests see what calls write, and this one what they read, too.
func TestCallsStayWithinTheirOperands(t *testing.T) {
	if RaceEnabled {
		return // the same accesses fault without the race detector
	}
	var fences []fenced
	for range 4 {
		fences = append(fences, newFenced(t, 100<<10))
	}
	everyTier(t, func(t *testing.T) {
		everyCall(t, func(t *testing.T, c call) {
			// Each operand at either end of its fence, with the others at either of theirs.
			for sides := range 4 {
				var at [4]unsafe.Pointer
				for i, o := range c.operands {
					end := sides>>(i%2)&1 == 0
					at[i] = fences[i].at(end != (i >= 2 && sides >= 2), o.bytes)
					if o.fill != nil {
						o.fill(at[i])
					}
				}
				if fault := faulted(func() { c.run(at[:]) }); fault != nil {
					t.Fatalf("%v touched what is %s", c, beyond(fault, c.operands, fences))
				}
			}
		})
	})
}

// testGaps runs loops over planes or rows that lie at either end of pages, with pages in
// between that must not be touched.
func testGaps[T number](t *testing.T) {
	page, size := os.Getpagesize(), formatOf[T]().kind.Size()
	const parts = 5
	memory := [2][]byte{mapped(t, 2*parts*page), mapped(t, 2*parts*page)}
	for _, m := range memory {
		for p := range parts {
			if err := syscall.Mprotect(m[(2*p+1)*page:][:page], syscall.PROT_NONE); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := rand.New(rand.NewPCG(8, uint64(size)))
	call := callsOf[T]()
	everyMode(func(mode string) {
		for rep := range 60 {
			// Each page has some planes or rows of a length.
			length := 1 + r.IntN(page/size/(1+r.IntN(16)))
			if rep%3 == 0 {
				length = min((length+63)/64*64, page/size)
			}
			count := 1 + r.IntN(min(page/size/length, 16))
			begin := 0
			if rep%2 == 0 {
				begin = page/size - count*length
			}
			for op := Op(0); op <= Copy; op++ {
				channels, inner := count*parts, densePlanes(count, length)
				outer := alike(parts, 2*page/size, count)
				if rep/2%2 == 0 {
					channels, inner = length, denseRows(count, length)
					outer.Factor = 0
				}
				if op == Copy {
					channels = 0
				}
				factors := make([]T, channels)
				for i := range factors {
					factors[i] = num[T](float64(r.IntN(3)))
				}
				n := (2*parts-1)*page/size - begin
				dst := unsafe.Slice((*T)(unsafe.Pointer(&memory[0][begin*size])), n)
				src := unsafe.Slice((*T)(unsafe.Pointer(&memory[1][begin*size])), n)
				if r.IntN(3) == 0 && op != Copy {
					src = dst
				}
				var err error
				if fault := faulted(func() {
					err = call.Run(op, dst, src, factors, ShiftsOf(op, factors), append([]Loop{outer}, inner...), 1)
				}); fault != nil {
					t.Fatalf("%s: %v of %v around %v, from element %d of each page: %v", mode, op, outer, inner, begin, fault)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestRunDoesNotTouchTheGapsOfANest(t *testing.T) {
	t.Run("float32", testGaps[float32])
	t.Run("float64", testGaps[float64])
	t.Run("float16", testGaps[float16])
	t.Run("bfloat16", testGaps[bfloat16])
}
