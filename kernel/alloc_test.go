package kernel_test

import (
	"runtime/debug"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
)

func TestKernelsDoNotAllocateAfterWarmUp(t *testing.T) {
	if raceEnabled {
		return // sync.Pool throws away at random then
	}
	const n = 3 * 4096
	dst, src := make([]float32, n), make([]float32, n)
	few, many := make([]float32, 3), make([]float32, 4096)
	for i := range few {
		few[i] = 2
	}
	cases := make(map[string]func())
	for name, f := range planesTwins[float32]() {
		cases[name] = func() { f(dst, src, few, 4096) }
	}
	for name, f := range pixelsTwins[float32]() {
		cases[name+" of few channels"] = func() { f(dst, src, few) }
		cases[name+" of many channels"] = func() { f(dst, src, many) }
	}
	loops := []kernel.Loop{{Size: 4096, Stride: 3}, {Size: 3, Stride: 1, Factor: 1}}
	for _, workers := range []int{0, 1, 2, 3} {
		cases["Run with workers "+string(rune('0'+workers))] = func() {
			if err := kernel.Run(kernel.Scale, dst, src, few, loops, workers); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A collection would empty the pools.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	// Slices of the caller's stack stay there.
	cases["Planes of an array"] = func() {
		var y, x [6]float32
		kernel.Planes(y[:], x[:], []float32{2, 0}, 3)
	}
	cases["Pixels of an array"] = func() {
		var x [6]float32
		kernel.Pixels(x[:], x[:], []float32{2, 0, 1})
	}
	for name, f := range cases {
		for range 20 {
			f()
		}
		if allocs := testing.AllocsPerRun(100, f); allocs != 0 {
			t.Errorf("%s allocates %v times", name, allocs)
		}
	}
}
