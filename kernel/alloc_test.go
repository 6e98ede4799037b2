package kernel_test

import (
	"fmt"
	"runtime/debug"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// loops of rows of three channels, and the same as a transposition.
var (
	rows       = []layout.Loop{{Size: 4096, Dst: 3, Src: 3}, {Size: 3, Dst: 1, Src: 1, Factor: 1}}
	transposed = []layout.Loop{{Size: 4096, Dst: 3, Src: 1}, {Size: 3, Dst: 1, Src: 4096, Factor: 1}}
)

// allocating returns calls with one type of data, by name.
func allocating[T Celsius | Metres | Float16 | BFloat16](t *testing.T, c kernel.Calls[T]) map[string]func() {
	const n = 3 * 4096
	dst, src := make([]T, n), make([]T, n)
	few, many := make([]T, 3), make([]T, 4096)
	for i := range few {
		few[i] = 2
	}
	cases := make(map[string]func())
	for _, op := range allOps {
		fewShifts, manyShifts := kernel.ShiftsOf(op, few), kernel.ShiftsOf(op, many)
		cases[fmt.Sprintf("Planes of %v", op)] = func() { c.Planes(op, dst, src, few, fewShifts, 4096) }
		cases[fmt.Sprintf("Pixels of %v and few channels", op)] = func() { c.Pixels(op, dst, src, few, fewShifts) }
		cases[fmt.Sprintf("Pixels of %v and many channels", op)] = func() { c.Pixels(op, dst, src, many, manyShifts) }
	}
	for _, op := range []kernel.Op{kernel.Scale, kernel.Divide, kernel.Affine, kernel.Copy} {
		for workers := range 4 {
			for name, loops := range map[string][]layout.Loop{"rows": rows, "a transposition": transposed} {
				cases[fmt.Sprintf("Run of %v on %s with %d workers", op, name, workers)] = func() {
					if err := c.Run(op, dst, src, few, kernel.ShiftsOf(op, few), loops, workers); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	return cases
}

func TestKernelsDoNotAllocateAfterWarmUp(t *testing.T) {
	if kernel.Instrumented {
		return // sync.Pool drops values at random under the race detector
	}
	kernel.ShareAll(t)
	// A collection would empty the pools.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	// Arrays on the stack stay there, except those of Run, which may share them with other
	// goroutines.
	onStack := map[string]func(){
		"Planes of arrays": func() {
			var y, x [6]float32
			kernel.Planes(kernel.Scale, y[:], x[:], []float32{2, 0}, nil, 3)
		},
		"Planes of large arrays": func() {
			var y, x [6000]float32
			kernel.Planes(kernel.Scale, y[:], x[:], []float32{2, 0}, nil, 3000)
		},
		"Planes of Divide of arrays": func() {
			var y, x [6]float32
			kernel.Planes(kernel.Divide, y[:], x[:], []float32{2, 0}, nil, 3)
		},
		"Planes of Affine of arrays": func() {
			var y, x [6]float64
			kernel.Planes(kernel.Affine, y[:], x[:], []float64{2, 0}, []float64{1, 1}, 3)
		},
		"Pixels of an array": func() {
			var x [6]float32
			kernel.Pixels(kernel.Scale, x[:], x[:], []float32{2, 0, 1}, nil)
		},
		"Pixels of large arrays": func() {
			var y, x [6000]float64
			kernel.Pixels(kernel.AffineMultiply, y[:], x[:], []float64{2, 0, 1}, []float64{2, 0, 1})
		},
		"PlanesOf of float32": func() {
			var y, x [6]Celsius
			kernel.PlanesOf(kernel.Scale, kernel.Of(y[:]), kernel.Of(x[:]), kernel.Of([]Celsius{2, 0}), kernel.Vector{}, 3)
		},
		"PlanesOf of float16": func() {
			var y, x [6]Float16
			kernel.PlanesOf(kernel.Scale, kernel.As(kernel.F16, y[:]), kernel.As(kernel.F16, x[:]), kernel.As(kernel.F16, []Float16{0x4000, 0}), kernel.As[Float16](kernel.F16, nil), 3)
		},
		"PlanesOf of large arrays of bfloat16": func() {
			var y, x [6000]BFloat16
			kernel.PlanesOf(kernel.Scale, kernel.As(kernel.BF16, y[:]), kernel.As(kernel.BF16, x[:]), kernel.As(kernel.BF16, []BFloat16{0x4000, 0}), kernel.Vector{}, 3000)
		},
		"PixelsOf of bfloat16": func() {
			var y, x [6]BFloat16
			kernel.PixelsOf(kernel.Scale, kernel.As(kernel.BF16, y[:]), kernel.As(kernel.BF16, x[:]), kernel.As(kernel.BF16, []BFloat16{0x4000, 0}), kernel.Vector{})
		},
		"PixelsOf of AddDivide of float16": func() {
			var y, x [6]uint16
			kernel.PixelsOf(kernel.AddDivide, kernel.As(kernel.F16, y[:]), kernel.As(kernel.F16, x[:]), kernel.As(kernel.F16, []uint16{0x4000, 0}), kernel.Vector{})
		},
		"PixelsOf of AffineMultiply of float16": func() {
			var y, x [6]uint16
			kernel.PixelsOf(kernel.AffineMultiply, kernel.As(kernel.F16, y[:]), kernel.As(kernel.F16, x[:]), kernel.As(kernel.F16, []uint16{0x4000, 0}), kernel.As(kernel.F16, []uint16{0, 0x4000}))
		},
		"PixelsOf of large arrays of float64": func() {
			var y, x [6000]Metres
			kernel.PixelsOf(kernel.Scale, kernel.Of(y[:]), kernel.Of(x[:]), kernel.Of([]Metres{2, 0, 1}), kernel.Vector{})
		},
	}
	for kind, cases := range map[string]map[string]func(){
		"on the stack":     onStack,
		"float32":          allocating(t, kernel.CallsOfFloats[Celsius]()),
		"float32 vectors":  allocating(t, kernel.CallsOfVectors(kernel.Of[Celsius])),
		"float64":          allocating(t, kernel.CallsOfFloats[Metres]()),
		"float16 vectors":  allocating(t, kernel.CallsOfVectors(kernel.HalvesOf[Float16](kernel.F16))),
		"bfloat16 vectors": allocating(t, kernel.CallsOfVectors(kernel.HalvesOf[BFloat16](kernel.BF16))),
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
