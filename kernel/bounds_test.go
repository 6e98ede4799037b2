//go:build linux

package kernel

import (
	"math/rand/v2"
	"os"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/layout"
)

// The other tests see what calls write, and this one what they read, too.
func TestCallsStayWithinTheirOperands(t *testing.T) { machine.CheckBounds(t, everyCall) }

// testGaps runs loops over planes or rows that lie at either end of pages, with pages in
// between that must not be touched.
func testGaps[T number](t *testing.T) {
	page, size := os.Getpagesize(), formatOf[T]().kind.Size()
	const parts = 5
	memory := [2][]byte{machine.Mapped(t, 2*parts*page), machine.Mapped(t, 2*parts*page)}
	for _, m := range memory {
		for p := range parts {
			machine.Forbid(t, m[(2*p+1)*page:][:page])
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
				if fault := machine.Faulted(func() {
					err = call.Run(op, dst, src, factors, ShiftsOf(op, factors), append([]layout.Loop{outer}, inner...), 1)
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
