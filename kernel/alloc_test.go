package kernel_test

import (
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// allocating are calls with one type of data, by name.
func allocating[T Celsius | Metres | Float16 | BFloat16](t *testing.T, c kernel.Calls[T]) map[string]func() {
	const n = 3 * 4096
	dst, src := make([]T, n), make([]T, n)
	few, many := make([]T, 3), make([]T, 4096)
	for i := range few {
		few[i] = 2
	}
	cases := make(map[string]func())
	for _, op := range allOps {
		cases[c.Name(op, "Planes")] = func() { c.CallPlanes(op, dst, src, few, few, 4096) }
		cases[c.Name(op, "Pixels")+" of few channels"] = func() { c.CallPixels(op, dst, src, few, few) }
		cases[c.Name(op, "Pixels")+" of many channels"] = func() { c.CallPixels(op, dst, src, many, many) }
	}
	loops := []layout.Loop{{Size: 4096, Dst: 3, Src: 3}, {Size: 3, Dst: 1, Src: 1, Factor: 1}}
	for _, op := range []kernel.Op{kernel.Scale, kernel.Divide, kernel.Affine} {
		factors := append([]T(nil), few...)
		if shifts(op) {
			factors = append(factors, few...)
		}
		for workers := range 4 {
			cases[fmt.Sprintf("Run%s of %v with %d workers", c.Suffix, op, workers)] = func() {
				if err := c.Run(op, dst, src, factors, loops, workers); err != nil {
					t.Fatal(err)
				}
			}
		}
		cases[fmt.Sprintf("RunAlone%s of %v", c.Suffix, op)] = func() {
			if err := c.RunAlone(op, dst, src, factors, loops); err != nil {
				t.Fatal(err)
			}
		}
	}
	return cases
}

func TestKernelsDoNotAllocateAfterWarmUp(t *testing.T) {
	if kernel.RaceEnabled {
		return // sync.Pool throws away at random then
	}
	// A collection would empty the pools.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	// Slices of the caller's stack stay there.
	onStack := map[string]func(){
		"Planes of an array": func() {
			var y, x [6]float32
			kernel.Planes(y[:], x[:], []float32{2, 0}, 3)
		},
		"Pixels of an array": func() {
			var x [6]float32
			kernel.Pixels(x[:], x[:], []float32{2, 0, 1})
		},
		"PlanesF16 of an array": func() {
			var y, x [6]Float16
			kernel.PlanesF16(y[:], x[:], []Float16{0x4000, 0}, 3)
		},
		"PixelsBF16 of an array": func() {
			var y, x [6]BFloat16
			kernel.PixelsBF16(y[:], x[:], []BFloat16{0x4000, 0})
		},
		"AffinePlanes of an array": func() {
			var y, x [6]float64
			kernel.AffinePlanes(y[:], x[:], []float64{2, 0}, []float64{1, 1}, 3)
		},
		"AffineMultiplyPixelsF16 of an array": func() {
			var y, x [6]uint16
			kernel.AffineMultiplyPixelsF16(y[:], x[:], []uint16{0x4000, 0}, []uint16{0, 0x4000})
		},
		"DividePlanes of an array": func() {
			var y, x [6]float32
			kernel.DividePlanes(y[:], x[:], []float32{2, 0}, 3)
		},
		"AddDividePixelsF16 of an array": func() {
			var y, x [6]uint16
			kernel.AddDividePixelsF16(y[:], x[:], []uint16{0x4000, 0})
		},
		"RunAlone of an array": func() {
			var y, x [6]float32
			if err := kernel.RunAlone(kernel.Scale, y[:], x[:], []float32{2, 0, 1}, []layout.Loop{{Size: 2, Dst: 3, Src: 3}, {Size: 3, Dst: 1, Src: 1, Factor: 1}}); err != nil {
				t.Error(err)
			}
		},
		"RunAloneF16 of an array": func() {
			var y, x [6]uint16
			if err := kernel.RunAloneF16(kernel.Affine, y[:], x[:], []uint16{0x4000, 0, 0, 0}, []layout.Loop{{Size: 2, Dst: 3, Src: 3, Factor: 1}, {Size: 3, Dst: 1, Src: 1}}); err != nil {
				t.Error(err)
			}
		},
		"RunAloneBF16 of an array": func() {
			var y, x [6]uint16
			if err := kernel.RunAloneBF16(kernel.Add, y[:], x[:], []uint16{0x4000, 0}, []layout.Loop{{Size: 2, Dst: 3, Src: 3, Factor: 1}, {Size: 3, Dst: 1, Src: 1}}); err != nil {
				t.Error(err)
			}
		},
	}
	for kind, cases := range map[string]map[string]func(){
		"on the stack": onStack,
		"float32":      allocating(t, kernel.CallsOfFloats[Celsius]()),
		"float64":      allocating(t, kernel.CallsOfFloats[Metres]()),
		"float16":      allocating(t, kernel.CallsOfF16[Float16]()),
		"bfloat16":     allocating(t, kernel.CallsOfBF16[BFloat16]()),
	} {
		for name, f := range cases {
			runs := 100
			if testing.Short() {
				runs = 10
			}
			for range runs / 5 {
				f()
			}
			if allocs := testing.AllocsPerRun(runs, f); allocs != 0 {
				t.Errorf("%s, %s allocates %v times", kind, name, allocs)
			}
		}
	}
}
