package kernel

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/layout"
)

// onStack runs every exported loop and every draw on arrays of its own stack, which may
// have to move while they are in use, and says where a result is not want.
//
//go:noinline
func onStack(want *[32]uint64) (wrong string) {
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
	if Run(Scale, dst[:], dst[:], factors[:2], []layout.Loop{level(2, 40, 1), level(37, 1, 0)}, 1) != nil {
		return "Run refuses"
	}
	d := Draw{Counter: [4]uint32{1}, Stride: [4]uint32{1}, Key: [2]uint32{2, 3}, Below: 1 << 30}
	var bits [4][3]uint64
	var words, state [624]uint32
	Philox(bits[0][:], &d)
	Threefry(bits[1][:], &d)
	ThreefryPairs(bits[2][:], bits[3][:], &d)
	state[5] = 7
	MersenneTwister(&words, &state)
	var below [2][3]uint64
	WordsBelow(below[0][:], words[:150], 0, 1<<20)
	PairsBelow(below[1][:], words[:300], 1<<50)
	var serial [3]uint64
	MCG31(serial[:], 5, 6, 1<<30)
	// A sum of every result, in places of their own.
	var got [32]uint64
	for i, x := range dst {
		got[0] = got[0]*31 + bitsOf(x) + uint64(i)
	}
	for _, x := range halves {
		got[1] = got[1]*31 + uint64(x)
	}
	for s := range bits {
		for i, w := range bits[s] {
			got[2+3*s+i] = w
		}
	}
	copy(got[14:], below[0][:])
	copy(got[17:], below[1][:])
	copy(got[20:], serial[:])
	for i, w := range state {
		got[23] = got[23]*31 + uint64(w) + uint64(words[i])
	}
	if *want == ([32]uint64{}) {
		*want = got
	}
	if got != *want {
		return fmt.Sprintf("got %#x, want %#x", got, *want)
	}
	return ""
}

// deep calls f below so many frames.
//
//go:noinline
func deep(frames int, f func()) {
	if frames > 0 {
		deep(frames-1, f)
		return
	}
	f()
}

// TestStacksGrowUnderEveryRoutine has stacks that are full, at one place after the other
// of all the calls that end in assembly: they are moved, with the arrays on them. A
// collection shrinks them again.
func TestStacksGrowUnderEveryRoutine(t *testing.T) {
	want := new([32]uint64)
	if use(tierGeneric); onStack(want) != "" {
		t.Fatal("the reference contradicts itself")
	}
	use(available[0])
	everyTier(t, func(t *testing.T) {
		for frames := range 700 { // of 32 bytes or so: the stack is doubled some times
			wrong := make(chan string)
			go func() {
				deep(frames, func() { wrong <- onStack(want) })
			}()
			if s := <-wrong; s != "" {
				t.Fatalf("below %d frames: %s", frames, s)
			}
		}
	})
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
		}(), []layout.Loop{level(planes, plane, 1), level(plane, 1, 0)}, workers); err != nil {
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
				n := one.operands[0].bytes
				dst, src := aligned[float64]((workers*n+7)/8), aligned[float64]((workers*n+7)/8)
				for i := range src {
					src[i], dst[i] = float64(i), float64(-i)
				}
				at := make([]unsafe.Pointer, 4)
				for i, o := range one.operands[2:] {
					at[2+i] = unsafe.Pointer(&make([]uint64, o.bytes/8+1)[0])
					if o.fill != nil {
						o.fill(at[2+i])
					}
				}
				var group sync.WaitGroup
				for w := range workers {
					work := func() {
						at := [4]unsafe.Pointer{unsafe.Add(unsafe.Pointer(&dst[0]), w*n), unsafe.Add(unsafe.Pointer(&src[0]), w*n), at[2], at[3]}
						one.run(at[:])
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
