package kernel_test

import (
	"fmt"
	"math"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

func ExamplePlanes() {
	x := []float32{1, 2, 3, float32(math.NaN()), 5, 6} // two planes of three
	y := make([]float32, 6)
	kernel.Planes(y, x, []float32{2, 0}, 3)
	fmt.Println(y) // the second plane is dropped, and its NaN with it
	// Output: [2 4 6 0 0 0]
}

func ExamplePixels() {
	x := []float32{1, 2, 3, 4, 5, 6} // three pixels of two channels
	kernel.Pixels(x, x, []float32{10, 0})
	fmt.Println(x)
	// Output: [10 0 30 0 50 0]
}

func ExampleMultiplyPlanes() {
	x := []float64{1, -1, math.Inf(1)}
	y := make([]float64, 3)
	kernel.MultiplyPlanes(y, x, []float64{0}, 3)
	fmt.Println(y)
	// Output: [0 -0 NaN]
}

func ExampleMultiplyPixels() {
	x := []float64{1, -1}
	y := make([]float64, 2)
	kernel.MultiplyPixels(y, x, []float64{2, 0})
	fmt.Println(y)
	// Output: [2 -0]
}

func ExampleDividePlanes() {
	// A quotient is not always the product with the reciprocal.
	x := []float32{1, 0.3, 3, float32(math.NaN())}
	y, z := make([]float32, 4), make([]float32, 4)
	keep := float32(0.9)
	kernel.DividePlanes(y, x, []float32{keep, 0}, 2)
	kernel.Planes(z, x, []float32{1 / keep, 0}, 2)
	fmt.Println(y)
	fmt.Println(z)
	// Output:
	// [1.1111112 0.33333334 0 0]
	// [1.1111112 0.33333337 0 0]
}

func ExampleDividePixels() {
	x := []float32{1, 2, 3, 4} // two pixels of two channels
	kernel.DividePixels(x, x, []float32{0.5, 0})
	fmt.Println(x)
	// Output: [2 0 6 0]
}

func ExampleAddPlanes() {
	dx, dy := []float32{1, 1, 1, 1}, []float32{1, 2, 3, 4}
	kernel.AddPlanes(dx, dy, []float32{0, 2}, 2)
	fmt.Println(dx)
	// Output: [1 1 7 9]
}

func ExampleAddPixels() {
	dx, dy := []float32{1, 1, 1, 1}, []float32{1, 2, 3, 4}
	kernel.AddPixels(dx, dy, []float32{0, 2})
	fmt.Println(dx)
	// Output: [1 5 1 9]
}

func ExampleAddDividePlanes() {
	dx, dy := []float32{1, 1, 1, 1}, []float32{1, 2, 3, 4}
	kernel.AddDividePlanes(dx, dy, []float32{0, 0.5}, 2)
	fmt.Println(dx)
	// Output: [1 1 7 9]
}

func ExampleAddDividePixels() {
	dx, dy := []float32{1, 1, 1, 1}, []float32{1, 2, 3, 4}
	kernel.AddDividePixels(dx, dy, []float32{0, 0.5})
	fmt.Println(dx)
	// Output: [1 5 1 9]
}

func ExampleRun() {
	// Two rows of three elements, five apart, each with a factor of its own.
	x := []float32{1, 1, 1, -1, -1, 1, 1, 1}
	loops := []layout.Loop{
		{Size: 2, Dst: 5, Src: 5, Factor: 1},
		{Size: 3, Dst: 1, Src: 1, Factor: 0},
	}
	err := kernel.Run(kernel.Scale, x, x, []float32{2, 3}, loops, 0)
	fmt.Println(x, err)
	// Output: [2 2 2 -1 -1 3 3 3] <nil>
}

func ExampleSetTier() {
	before := kernel.Tier()
	fmt.Println(kernel.SetTier("generic"), kernel.Tier()) // every machine has it
	fmt.Println(kernel.SetTier(before))
	// Output:
	// <nil> generic
	// <nil>
}

func ExampleAddMultiplyPlanes() {
	dx, dy := []float64{1, 1, 1, 1}, []float64{1, 2, 3, math.NaN()}
	kernel.AddMultiplyPlanes(dx, dy, []float64{2, 0}, 2)
	fmt.Println(dx) // a NaN times 0 is added, too
	// Output: [3 5 1 NaN]
}

func ExampleAddMultiplyPixels() {
	dx, dy := []float64{1, 1, 1, 1}, []float64{1, 2, 3, math.NaN()}
	kernel.AddMultiplyPixels(dx, dy, []float64{2, 0})
	fmt.Println(dx)
	// Output: [3 1 7 NaN]
}

func ExampleTiers() {
	tiers := kernel.Tiers() // such as [avx512 avx2 generic]
	fmt.Println(tiers[0] == kernel.Tier(), tiers[len(tiers)-1])
	// Output: true generic
}

func ExamplePlanesF16() {
	type Float16 uint16                            // any type of 16 bits will do
	x := []Float16{0x3c00, 0x4000, 0x7e00, 0x3c00} // 1, 2, NaN, 1: two planes of two
	kernel.PlanesF16(x, x, []Float16{0x4000, 0}, 2)
	fmt.Printf("%#04x\n", x) // twice the first plane, the second is dropped
	// Output: [0x4000 0x4400 0x0000 0x0000]
}

func ExamplePixelsBF16() {
	x := []uint16{0x3f80, 0x3f80, 0x4000, 0x4000} // 1, 1, 2, 2: two pixels of two channels
	kernel.PixelsBF16(x, x, []uint16{0x4000, 0})
	fmt.Printf("%#04x\n", x)
	// Output: [0x4000 0x0000 0x4080 0x0000]
}

func ExampleAffinePlanes() {
	x := []float32{1, 2, 3, float32(math.NaN())}
	kernel.AffinePlanes(x, x, []float32{2, 0}, []float32{10, -1}, 2)
	fmt.Println(x) // the second plane is its shift
	// Output: [12 14 -1 -1]
}

func ExampleAffinePixels() {
	x := []float32{1, 2, 3, 4} // two pixels of two channels
	kernel.AffinePixels(x, x, []float32{2, 0}, []float32{10, -1})
	fmt.Println(x)
	// Output: [12 -1 16 -1]
}

func ExampleAffineMultiplyPlanes() {
	x := []float64{1, 2, 3, math.NaN()}
	kernel.AffineMultiplyPlanes(x, x, []float64{2, 0}, []float64{10, -1}, 2)
	fmt.Println(x) // a NaN times 0 is shifted, too
	// Output: [12 14 -1 NaN]
}

func ExampleAffineMultiplyPixels() {
	x := []float64{1, 2, 3, math.NaN()}
	kernel.AffineMultiplyPixels(x, x, []float64{2, 0}, []float64{10, -1})
	fmt.Println(x)
	// Output: [12 -1 16 NaN]
}

func ExampleRun_affine() {
	// Factors 2 and 0 for two planes, then their shifts.
	x := []float32{1, 2, 3, 4}
	loops := []layout.Loop{{Size: 2, Dst: 2, Src: 2, Factor: 1}, {Size: 2, Dst: 1, Src: 1}}
	err := kernel.Run(kernel.Affine, x, x, []float32{2, 0, 10, -1}, loops, 0)
	fmt.Println(x, err)
	// Output: [12 14 -1 -1] <nil>
}

func ExampleRunAlone() {
	x := []float32{1, 1, 1, -1, -1, 1, 1, 1}
	loops := []layout.Loop{{Size: 2, Dst: 5, Src: 5, Factor: 1}, {Size: 3, Dst: 1, Src: 1}}
	err := kernel.RunAlone(kernel.Scale, x, x, []float32{2, 3}, loops)
	fmt.Println(x, err)
	// Output: [2 2 2 -1 -1 3 3 3] <nil>
}
