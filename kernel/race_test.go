//go:build race

package kernel

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// racing calls f with a call of every kernel.
func racing(f func(name string, c machine.Call)) {
	for k, c := range catalogue {
		f(c.name, kernelCall(id(k), 3, 64, [2]bool{true, false}))
	}
}

func TestPlantedRaces(t *testing.T) { machine.PlantRaces(t, racing) }

func TestTheRaceDetectorSeesAssembly(t *testing.T) {
	machine.CheckRaces(t, "TestPlantedRaces", racing)
}

// TestCallsOfKernelsAreShort runs nests of all shapes: however much there is to do, no call
// of a kernel does more than callBytes of it. Nobody can preempt one, and a collection of
// garbage waits for it.
func TestCallsOfKernelsAreShort(t *testing.T) {
	t.Run("float32", testShortCalls[float32])
	t.Run("float64", testShortCalls[float64])
}

func testShortCalls[T number](t *testing.T) {
	call, limit := callsOf[T](), callBytes>>formatOf[T]().elem.shift()
	longest, calls := 0, 0
	watchCall = func(bytes int) { longest, calls = max(longest, bytes), calls+1 }
	defer func() { watchCall = nil }()
	for _, loops := range [][]Loop{
		planesOf(1, 3*limit), planesOf(2, limit+1), planesOf(limit, 5), planesOf(5, limit/4), planesOf(6, limit/2), planesOf(9, limit/4+7), planesOf(2*limit+9, 1),
		pixelsOf(1, 3*limit), pixelsOf(3, limit+1), pixelsOf(limit, 3), pixelsOf(5, limit/4), pixelsOf(300, limit/64), pixelsOf(2*limit+9, 1),
		{{3, 2 * limit, 1}, {2 * limit, 1, 0}}, {{3, 2*limit + 5, 0}, {limit / 32, 32, 0}, {32, 1, 1}},
	} {
		span, entries := reach(loops)
		src, factors := make([]T, span), make([]T, 2*entries)
		for i := range factors {
			factors[i] = num[T](1.5)
		}
		everyMode(func(mode string) {
			for _, op := range []Op{Scale, Add, Affine} {
				given := factors
				if !op.shifts() {
					given = factors[:entries]
				}
				longest, calls = 0, 0
				if err := call.RunAlone(op, aligned[T](span), src, given, loops); err != nil {
					t.Fatal(err)
				}
				if longest > callBytes || calls == 0 {
					t.Errorf("%s, %v of %v: %d calls of up to %d bytes, want at most %d", mode, op, loops, calls, longest, callBytes)
				}
			}
		})
	}
}
