package kernel

import (
	"runtime/debug"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Memory that faults, as that of a truncated file does, panics in the caller's goroutine if
// it has asked for that, whoever met it, and nobody writes any more afterwards.
func TestFaultsOfWorkersAreTheCallers(t *testing.T) {
	ShareAll(t)
	const page = 4096
	const n = 1 << 21
	memory := machine.Mapped(t, n)
	src := make([]float32, n/4)
	for i := range src {
		src[i] = 1
	}
	dst := unsafe.Slice((*float32)(unsafe.Pointer(&memory[0])), n/4)
	for _, at := range []int{0, n / 2, n - page} { // the caller's share, and those of others
		machine.Forbid(t, memory[at:at+page])
		met := at == 0 // by a helper
		for run, begin := 0, time.Now(); run < 20 || !met && time.Since(begin) < 5*time.Second; run++ {
			rested()
			fault := machine.Faulted(func() {
				_ = Run(Multiply, Of(dst), Of(src), Of([]float32{2}), Vector{}, []layout.Loop{alike(n/4, 1, 0)}, 4)
			})
			if fault == nil || !strings.Contains(fault.Error(), "memory address") {
				t.Fatalf("page %d: %v, want a fault", at/page, fault)
			}
			f, ok := fault.(interface{ Addr() uintptr })
			if begin := uintptr(unsafe.Pointer(&memory[at])); !ok || f.Addr() < begin || f.Addr() >= begin+page {
				t.Fatalf("page %d: %v, want a fault there", at/page, fault)
			}
			for k := range crew {
				if crew[k].job.Load() != nil {
					t.Fatalf("page %d: helper %d still has a job", at/page, k)
				}
			}
			j := jobs.Get().(*job) // that of the call, if there was one
			met = met || j.fault.Load() != nil
			jobs.Put(j)
		}
		machine.Allow(t, memory[at:at+page])
	}
	// They help afterwards as before.
	if err := doubled(1<<16, 4); err != nil {
		t.Error(err)
	}
	if debug.SetPanicOnFault(false) {
		t.Error("Run leaves the caller with another SetPanicOnFault")
	}
}

// A caller that meets a fault at once waits for those that help: what they write may be used for
// something else afterwards.
func TestNobodyWritesAfterAFault(t *testing.T) {
	ShareAll(t)
	const page = 4096
	const n = 1 << 25 // of which a helper takes milliseconds for its first pieces
	memory := machine.Mapped(t, n)
	src := make([]float32, n/4)
	for i := range src {
		src[i] = 1
	}
	dst := unsafe.Slice((*float32)(unsafe.Pointer(&memory[0])), n/4)
	machine.Forbid(t, memory[:page])
	helped := 0
	for begin := time.Now(); helped < 20 && time.Since(begin) < 5*time.Second; {
		rested()
		others := dst[n/8:] // the share of the second of two
		others[0] = 0
		fault := machine.Faulted(func() {
			_ = Run(Multiply, Of(dst), Of(src), Of([]float32{2}), Vector{}, []layout.Loop{alike(n/4, 1, 0)}, 2)
		})
		working := crew[0].job.Load() != nil
		if fault == nil {
			t.Fatal("no fault")
		}
		if working {
			t.Fatal("a helper still works after the fault")
		}
		if others[0] == 2 {
			helped++
		}
	}
	if helped == 0 {
		t.Log("no helper came in time")
	}
}
