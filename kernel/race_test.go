//go:build race

package kernel

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/layout"
)

// racing calls f with a call of every routine.
func racing(f func(name string, c machine.Call)) {
	eachRoutine(func(k routine) { f(k.name, k.call(3, 64, [2]bool{true, false})) })
	for _, t := range transpositions {
		f(t.name, t.call(17, 33, 0, 0))
	}
}

func TestPlantedRaces(t *testing.T) { machine.PlantRaces(t, racing) }

func TestTheRaceDetectorSeesAssembly(t *testing.T) {
	machine.CheckRaces(t, "TestPlantedRaces", racing)
}

// TestCallsOfKernelsAreShort fails if a call of a kernel gets more than callBytes: it cannot
// be preempted, and a garbage collection waits for it.
func TestCallsOfKernelsAreShort(t *testing.T) {
	t.Run("float32", testShortCalls[float32])
	t.Run("float64", testShortCalls[float64])
}

func testShortCalls[T number](t *testing.T) {
	call, limit := callsOf[T](), callBytes>>formatOf[T]().kind.shift
	longest, calls := 0, 0
	watchCall = func(bytes int) { longest, calls = max(longest, bytes), calls+1 }
	defer func() { watchCall = nil }()
	for _, loops := range [][]layout.Loop{
		densePlanes(1, 3*limit), densePlanes(2, limit+1), densePlanes(limit, 5), densePlanes(5, limit/4), densePlanes(6, limit/2), densePlanes(9, limit/4+7), densePlanes(2*limit+9, 1),
		denseRows(1, 3*limit), denseRows(3, limit+1), denseRows(limit, 3), denseRows(5, limit/4), denseRows(300, limit/64), denseRows(2*limit+9, 1),
		{alike(3, 2*limit, 1), alike(2*limit, 1, 0)}, {alike(3, 2*limit+5, 0), alike(limit/32, 32, 0), alike(32, 1, 1)},
	} {
		span, _, entries := extent(loops)
		src, factors := make([]T, span), make([]T, entries)
		for i := range factors {
			factors[i] = num[T](1.5)
		}
		everyMode(func(mode string) {
			for _, op := range []Op{Scale, Add, Affine} {
				longest, calls = 0, 0
				if err := call.Run(op, aligned[T](span), src, factors, ShiftsOf(op, factors), loops, 1); err != nil {
					t.Fatal(err)
				}
				if longest > callBytes || calls == 0 {
					t.Errorf("%s, %v of %v: %d calls of up to %d bytes, want at most %d", mode, op, loops, calls, longest, callBytes)
				}
			}
		})
	}
}
