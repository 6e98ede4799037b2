package kernel

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// onStack runs every exported loop on arrays of its own stack, which may
// have to move while they are in use, and says where a result is not want.
//
//go:noinline
func onStack(want *[2]uint64) (wrong string) {
	var dst, src [3 * 37]float32
	var halves, from [3 * 37]uint16
	var factors, shifts [37]float32
	var halfFactors [37]uint16
	for i := range src {
		dst[i], src[i], from[i] = float32(i), float32(i%11), uint16(0x3c00+i)
	}
	for i := range factors {
		factors[i], shifts[i], halfFactors[i] = float32(i%3), 0.5, uint16(i%2*0x3c01)
	}
	Planes(dst[:], src[:], factors[:3], 37)
	AddMultiplyPixels(dst[:], src[:], factors[:])
	AffinePlanes(dst[:], dst[:], factors[:3], shifts[:3], 37)
	PixelsF16(halves[:], from[:], halfFactors[:])
	DividePlanesBF16(halves[:], from[:], halfFactors[1:4], 37)
	if Run(Scale, dst[:], dst[:], factors[:2], []Loop{{2, 40, 1}, {37, 1, 0}}, 1) != nil {
		return "Run refuses"
	}
	// A sum of every result, in places of their own.
	var got [2]uint64
	for i, x := range dst {
		got[0] = got[0]*31 + bitsOf(x) + uint64(i)
	}
	for _, x := range halves {
		got[1] = got[1]*31 + uint64(x)
	}
	if *want == ([2]uint64{}) {
		*want = got
	}
	if got != *want {
		return fmt.Sprintf("got %#x, want %#x", got, *want)
	}
	return ""
}

// TestStacksGrowUnderEveryRoutine has stacks that are full, at one place after the other
// of all the calls that end in assembly: they are moved, with the arrays on them. A
// collection shrinks them again.
func TestStacksGrowUnderEveryRoutine(t *testing.T) {
	want := new([2]uint64)
	if use(tierGeneric); onStack(want) != "" {
		t.Fatal("the reference contradicts itself")
	}
	use(available[0])
	machine.CheckStacks(t, func() string { return onStack(want) })
}

// TestCollectionsDuringCalls has the garbage collected over and over while kernels work
// on what nobody else refers to.
func TestCollectionsDuringCalls(t *testing.T) {
	stop, stopped := make(chan bool), make(chan bool)
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	const planes, plane = 300, 1 << 10
	one := func(workers int) error {
		dst := make([]float32, planes*plane)
		if err := Run(Scale, dst, func() []float32 {
			src := make([]float32, planes*plane)
			for i := range src {
				src[i] = float32(i)
			}
			return src
		}(), func() []float32 {
			factors := make([]float32, planes)
			for i := range factors {
				factors[i] = float32(i % 3)
			}
			return factors
		}(), []Loop{{planes, plane, 1}, {plane, 1, 0}}, workers); err != nil {
			return err
		}
		for i, y := range dst {
			if want := float32(i) * float32(i/plane%3); y != want {
				return fmt.Errorf("with %d workers element %d is %v, want %v", workers, i, y, want)
			}
		}
		return nil
	}
	everyTier(t, func(t *testing.T) {
		for rep := range 20 {
			if err := one(1 + rep%3); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestNeighboursWorkAtOnce has goroutines work on parts of the same memory that touch
// each other, all of them in lines of the cache that others write, with factors and
// shifts, and trials, that all of them read.
func TestNeighboursWorkAtOnce(t *testing.T) {
	everyTier(t, func(t *testing.T) {
		for k, c := range catalogue {
			length := 37
			if c.stream || c.braid {
				length = 64
			}
			const workers = 8
			one := kernelCall(id(k), 3, length, [2]bool{true, false})
			var want []byte
			for _, alone := range []bool{true, false} {
				// Memory of dst and src of all, one behind the other.
				n := one.Operands[0].Bytes
				dst, src := aligned[float64]((workers*n+7)/8), aligned[float64]((workers*n+7)/8)
				for i := range src {
					src[i], dst[i] = float64(i), float64(-i)
				}
				at := make([]unsafe.Pointer, 4)
				for i, o := range one.Operands[2:] {
					at[2+i] = unsafe.Pointer(&make([]uint64, o.Bytes/8+1)[0])
					if o.Fill != nil {
						o.Fill(at[2+i])
					}
				}
				var group sync.WaitGroup
				for w := range workers {
					work := func() {
						at := [4]unsafe.Pointer{unsafe.Add(unsafe.Pointer(&dst[0]), w*n), unsafe.Add(unsafe.Pointer(&src[0]), w*n), at[2], at[3]}
						one.Run(at[:])
					}
					if alone {
						work()
						continue
					}
					group.Add(1)
					go func() {
						defer group.Done()
						work()
					}()
				}
				group.Wait()
				fence()
				if alone {
					want = bytesOf(dst)
				} else if !bytes.Equal(bytesOf(dst), want) {
					t.Fatalf("%v: %d at once write something else than one after the other", id(k), workers)
				}
			}
		}
	})
}
