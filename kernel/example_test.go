package kernel_test

import (
	"fmt"
	"math"
	"time"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

func ExamplePlanes() {
	x := []float32{1, 2, 3, float32(math.NaN()), 5, 6} // two planes of three
	y := make([]float32, 6)
	kernel.Planes(kernel.Scale, y, x, []float32{2, 0}, nil, 3)
	fmt.Println(y) // the second plane is dropped, with its NaN
	// Output: [2 4 6 0 0 0]
}

func ExamplePixels() {
	x := []float32{1, 2, 3, 4, 5, 6} // three pixels of two channels
	kernel.Pixels(kernel.Scale, x, x, []float32{10, 0}, nil)
	fmt.Println(x)
	// Output: [10 0 30 0 50 0]
}

func ExamplePlanes_multiply() {
	x := []float64{1, -1, math.Inf(1)}
	y := make([]float64, 3)
	kernel.Planes(kernel.Multiply, y, x, []float64{0}, nil, 3)
	fmt.Println(y)
	// Output: [0 -0 NaN]
}

func ExamplePixels_multiply() {
	x := []float64{1, -1}
	y := make([]float64, 2)
	kernel.Pixels(kernel.Multiply, y, x, []float64{2, 0}, nil)
	fmt.Println(y)
	// Output: [2 -0]
}

func ExamplePlanes_divide() {
	// A quotient is not always the product with the reciprocal.
	x := []float32{1, 0.3, 3, float32(math.NaN())}
	y, z := make([]float32, 4), make([]float32, 4)
	keep := float32(0.9)
	kernel.Planes(kernel.Divide, y, x, []float32{keep, 0}, nil, 2)
	kernel.Planes(kernel.Scale, z, x, []float32{1 / keep, 0}, nil, 2)
	fmt.Println(y)
	fmt.Println(z)
	// Output:
	// [1.1111112 0.33333334 0 0]
	// [1.1111112 0.33333337 0 0]
}

func ExamplePixels_divide() {
	x := []float32{1, 2, 3, 4} // two pixels of two channels
	kernel.Pixels(kernel.Divide, x, x, []float32{0.5, 0}, nil)
	fmt.Println(x)
	// Output: [2 0 6 0]
}

func ExamplePlanes_add() {
	dx, dy := []float32{1, 1, 1, 1}, []float32{1, 2, 3, 4}
	kernel.Planes(kernel.Add, dx, dy, []float32{0, 2}, nil, 2)
	fmt.Println(dx)
	// Output: [1 1 7 9]
}

func ExamplePixels_add() {
	dx, dy := []float32{1, 1, 1, 1}, []float32{1, 2, 3, 4}
	kernel.Pixels(kernel.Add, dx, dy, []float32{0, 2}, nil)
	fmt.Println(dx)
	// Output: [1 5 1 9]
}

func ExamplePlanes_addMultiply() {
	dx, dy := []float64{1, 1, 1, 1}, []float64{1, 2, 3, math.NaN()}
	kernel.Planes(kernel.AddMultiply, dx, dy, []float64{2, 0}, nil, 2)
	fmt.Println(dx) // a NaN times 0 is added, too
	// Output: [3 5 1 NaN]
}

func ExamplePixels_addMultiply() {
	dx, dy := []float64{1, 1, 1, 1}, []float64{1, 2, 3, math.NaN()}
	kernel.Pixels(kernel.AddMultiply, dx, dy, []float64{2, 0}, nil)
	fmt.Println(dx)
	// Output: [3 1 7 NaN]
}

func ExamplePlanes_addDivide() {
	dx, dy := []float32{1, 1, 1, 1}, []float32{1, 2, 3, 4}
	kernel.Planes(kernel.AddDivide, dx, dy, []float32{0, 0.5}, nil, 2)
	fmt.Println(dx)
	// Output: [1 1 7 9]
}

func ExamplePixels_addDivide() {
	dx, dy := []float32{1, 1, 1, 1}, []float32{1, 2, 3, 4}
	kernel.Pixels(kernel.AddDivide, dx, dy, []float32{0, 0.5}, nil)
	fmt.Println(dx)
	// Output: [1 5 1 9]
}

func ExamplePlanes_affine() {
	x := []float32{1, 2, 3, float32(math.NaN())}
	kernel.Planes(kernel.Affine, x, x, []float32{2, 0}, []float32{10, -1}, 2)
	fmt.Println(x) // the second plane is its shift
	// Output: [12 14 -1 -1]
}

func ExamplePixels_affine() {
	x := []float32{1, 2, 3, 4} // two pixels of two channels
	kernel.Pixels(kernel.Affine, x, x, []float32{2, 0}, []float32{10, -1})
	fmt.Println(x)
	// Output: [12 -1 16 -1]
}

func ExamplePlanes_affineMultiply() {
	x := []float64{1, 2, 3, math.NaN()}
	kernel.Planes(kernel.AffineMultiply, x, x, []float64{2, 0}, []float64{10, -1}, 2)
	fmt.Println(x) // the shift is added to a NaN times 0, too
	// Output: [12 14 -1 NaN]
}

func ExamplePixels_affineMultiply() {
	x := []float64{1, 2, 3, math.NaN()}
	kernel.Pixels(kernel.AffineMultiply, x, x, []float64{2, 0}, []float64{10, -1})
	fmt.Println(x)
	// Output: [12 -1 16 NaN]
}

func ExamplePlanesOf() {
	type Float16 uint16                            // any type of 16 bits
	x := []Float16{0x3c00, 0x4000, 0x7e00, 0x3c00} // 1, 2, NaN, 1: two planes of two
	v := kernel.As(kernel.F16, x)
	kernel.PlanesOf(kernel.Scale, v, v, kernel.As(kernel.F16, []Float16{0x4000, 0}), kernel.Vector{}, 2)
	fmt.Printf("%#04x\n", x) // twice the first plane, and the second is dropped
	// Output: [0x4000 0x4400 0x0000 0x0000]
}

func ExamplePixelsOf() {
	x := []uint16{0x3f80, 0x3f80, 0x4000, 0x4000} // 1, 1, 2, 2: two pixels of two channels
	v := kernel.As(kernel.BF16, x)
	kernel.PixelsOf(kernel.Scale, v, v, kernel.As(kernel.BF16, []uint16{0x4000, 0}), kernel.Vector{})
	fmt.Printf("%#04x\n", x)
	// Output: [0x4000 0x0000 0x4080 0x0000]
}

func ExampleRun() {
	// Two rows of three elements, five apart, with a factor each.
	x := []float32{1, 1, 1, -1, -1, 1, 1, 1}
	loops := []layout.Loop{
		{Size: 2, Dst: 5, Src: 5, Factor: 1},
		{Size: 3, Dst: 1, Src: 1, Factor: 0},
	}
	err := kernel.Run(kernel.Scale, kernel.Of(x), kernel.Of(x), kernel.Of([]float32{2, 3}), kernel.Vector{}, loops, 0)
	fmt.Println(x, err)
	// Output: [2 2 2 -1 -1 3 3 3] <nil>
}

func ExampleRun_affine() {
	x := []float32{1, 2, 3, 4} // two planes of two
	loops := []layout.Loop{{Size: 2, Dst: 2, Src: 2, Factor: 1}, {Size: 2, Dst: 1, Src: 1}}
	err := kernel.Run(kernel.Affine, kernel.Of(x), kernel.Of(x), kernel.Of([]float32{2, 0}), kernel.Of([]float32{10, -1}), loops, 0)
	fmt.Println(x, err)
	// Output: [12 14 -1 -1] <nil>
}

func ExampleRun_transposition() {
	x := []float32{1, 2, 3, 10, 20, 30} // two planes of three
	y := make([]float32, 6)             // three pixels of two channels
	loops := []layout.Loop{
		{Size: 3, Dst: 2, Src: 1, Factor: 0},
		{Size: 2, Dst: 1, Src: 3, Factor: 1},
	}
	err := kernel.Run(kernel.Scale, kernel.Of(y), kernel.Of(x), kernel.Of([]float32{2, 0}), kernel.Vector{}, loops, 0)
	fmt.Println(y, err)
	err = kernel.Run(kernel.Copy, kernel.Of(y), kernel.Of(x), kernel.Vector{}, kernel.Vector{}, loops, 0)
	fmt.Println(y, err)
	// Output:
	// [2 0 4 0 6 0] <nil>
	// [1 10 2 20 3 30] <nil>
}

func ExampleRun_halves() {
	x := []uint16{0x3c00, 0x4000, 0x3c00} // float16: 1, 2, 1
	y := make([]uint16, 3)
	loops := []layout.Loop{{Size: 3, Dst: 1, Src: 1}} // a plane
	err := kernel.Run(kernel.Scale, kernel.As(kernel.F16, y), kernel.As(kernel.F16, x), kernel.As(kernel.F16, []uint16{0x4000}), kernel.Vector{}, loops, 1)
	fmt.Printf("%#04x %v\n", y, err)
	// Output: [0x4000 0x4400 0x4000] <nil>
}

func ExampleSetTier() {
	before := kernel.Tier()
	fmt.Println(kernel.SetTier("generic"), kernel.Tier()) // available on every machine
	fmt.Println(kernel.SetTier(before))
	// Output:
	// <nil> generic
	// <nil>
}

func ExampleTiers() {
	tiers := kernel.Tiers() // such as [avx512 avx2 generic]
	fmt.Println(tiers[0] == kernel.Tier(), tiers[len(tiers)-1])
	// Output: true generic
}

func ExampleTune() {
	before := kernel.CurrentStrategy()
	tuned := kernel.Tune(50 * time.Millisecond) // two seconds tell more
	if err := kernel.SetStrategy(tuned); err != nil {
		fmt.Println(err)
	}
	fmt.Println(kernel.CurrentStrategy() == tuned)
	if err := kernel.SetStrategy(before); err != nil { // other examples use the default
		fmt.Println(err)
	}
	// Output: true
}
