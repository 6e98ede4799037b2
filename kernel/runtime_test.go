package kernel

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
	"github.com/spatialdropout/spatialdropout/layout"
)

// onStack runs loops on arrays of its stack, which may have to move while they are
// in use. It sets want if that is zero, and describes any other result.
//
//go:noinline
func onStack(want *[3]uint64) (wrong string) {
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
	Planes(Scale, dst[:], src[:], factors[:3], nil, 37)
	Pixels(AddMultiply, dst[:], src[:], factors[:], nil)
	Planes(Affine, dst[:], dst[:], factors[:3], shifts[:3], 37)
	PixelsOf(Scale, As(F16, halves[:]), As(F16, from[:]), As(F16, halfFactors[:]), Vector{})
	PlanesOf(Divide, As(BF16, halves[:]), As(BF16, from[:]), As(BF16, halfFactors[1:4]), Vector{}, 37)
	// Run moves its arrays to the heap: they are others.
	run, ran, ranFactors, ranShifts := dst, src, factors, shifts
	if Run(Scale, Of(run[:]), Of(run[:]), Of(ranFactors[:2]), Vector{}, []layout.Loop{alike(2, 40, 1), alike(37, 1, 0)}, 1) != nil {
		return "Run refuses a nest"
	}
	if Run(Affine, Of(run[:]), Of(ran[:]), Of(ranFactors[:3]), Of(ranShifts[:3]), []layout.Loop{apart(37, 3, 1, 0), apart(3, 1, 37, 1)}, 1) != nil {
		return "Run refuses a transposition"
	}
	// A sum of every result.
	var got [3]uint64
	for i, x := range dst {
		got[0] = got[0]*31 + bitsOf(x) + uint64(i)
		got[1] = got[1]*31 + bitsOf(run[i])
	}
	for _, x := range halves {
		got[2] = got[2]*31 + uint64(x)
	}
	if *want == ([3]uint64{}) {
		*want = got
	}
	if got != *want {
		return fmt.Sprintf("got %#x, want %#x", got, *want)
	}
	return ""
}

// TestStacksGrowUnderEveryRoutine calls kernels with stacks that have little room left: they
// overflow at every place on the way to the assembly, and move with the arrays on them.
func TestStacksGrowUnderEveryRoutine(t *testing.T) {
	before := Tier()
	defer machine.Use(before)
	want := new([3]uint64)
	if machine.Use(tier.Generic); onStack(want) != "" {
		t.Fatal("the reference contradicts itself")
	}
	machine.CheckStacks(t, func() string { return onStack(want) })
}

// TestStacksShrinkUnderKernels is about the race detector above all: it adds calls to the
// library, at which a stack can move.
func TestStacksShrinkUnderKernels(t *testing.T) {
	machine.CheckShrinkingStacks(t, func() string {
		var dst, src [12]float32
		for i := range src {
			src[i] = 1
		}
		factors := [3]float32{2, 0, 3}
		Planes(Scale, dst[:], src[:], factors[:], nil, 4)
		if want := [12]float32{2, 2, 2, 2, 0, 0, 0, 0, 3, 3, 3, 3}; dst != want {
			return fmt.Sprintf("got %v, want %v", dst, want)
		}
		return ""
	})
}

// TestCollectionsDuringCalls collects garbage over and over while kernels use memory to which
// nothing else refers.
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
		if err := Run(Scale, Of(dst), Of(func() []float32 {
			src := make([]float32, planes*plane)
			for i := range src {
				src[i] = float32(i)
			}
			return src
		}()), Of(func() []float32 {
			factors := make([]float32, planes)
			for i := range factors {
				factors[i] = float32(i % 3)
			}
			return factors
		}()), Vector{}, densePlanes(planes, plane), workers); err != nil {
			return err
		}
		for i, y := range dst {
			if want := float32(i) * float32(i/plane%3); y != want {
				return fmt.Errorf("with %d workers element %d is %v, want %v", workers, i, y, want)
			}
		}
		return nil
	}
	machine.EveryTier(t, func(t *testing.T) {
		for rep := range 20 {
			if err := one(1 + rep%3); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestNeighboursWorkSimultaneously has goroutines work on adjacent parts of the same memory,
// which share cache lines, with the same factors and shifts.
func TestNeighboursWorkSimultaneously(t *testing.T) {
	machine.EveryTier(t, func(t *testing.T) {
		eachRoutine(func(k routine) {
			length := 37
			if !k.takes(length) {
				length = 64
			}
			const workers = 8
			one := k.call(3, length, [2]bool{true, false})
			var want []byte
			for _, alone := range []bool{true, false} {
				// The memory of all, one after the other.
				n := max(one.Operands[0].Bytes, one.Operands[1].Bytes)
				dst, src := aligned[float64]((workers*n+7)/8), aligned[float64]((workers*n+7)/8)
				for i := range src {
					src[i], dst[i] = float64(i), float64(-i)
				}
				var at [machine.MaxOperands]unsafe.Pointer
				for i, o := range one.Operands[2:] {
					at[2+i] = unsafe.Pointer(&make([]uint64, o.Bytes/8+1)[0])
					if o.Fill != nil {
						o.Fill(at[2+i])
					}
				}
				var group sync.WaitGroup
				for w := range workers {
					work := func() {
						at := at
						at[0], at[1] = unsafe.Add(unsafe.Pointer(&dst[0]), w*n), unsafe.Add(unsafe.Pointer(&src[0]), w*n)
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
					t.Fatalf("%v: %d goroutines write something else simultaneously than one after the other", k, workers)
				}
			}
		})
	})
}
