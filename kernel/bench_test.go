package kernel

import (
	"fmt"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// BenchmarkRoutines measures every kernel on every tier, in bytes that it writes. Planes or
// rows fit the first cache and the second, half of them dropped.
//
//	go test ./kernel -run '^$' -bench 'Routines/routine=multiplyPlanesF32/'
func BenchmarkRoutines(b *testing.B) {
	eachKernel(func(k id) {
		for _, bytes := range []int{256, 8 << 10} { // of a plane
			machine.Benchmark(b, fmt.Sprintf("routine=%v/bytes=%d", k, bytes), kernelCall(k, 4, bytes/k.typ().Size(), [2]bool{true, false}))
		}
	})
}
