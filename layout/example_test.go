package layout_test

import (
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout/layout"
)

func ExampleOrder_Of() {
	geom, err := layout.NHWC.Of(32, 56, 56, 64)
	fmt.Println(geom, err)
	_, err = layout.NHWC.Of(56, 56, 64)
	fmt.Println(err)
	// Output:
	// 32×64 channels of 56×56 <nil>
	// layout: NHWC of 3 dims [56 56 64], want 4
}

func ExampleParse() {
	order, err := layout.Parse("channels_last")
	fmt.Println(order, err)
	geom, err := order.Of(8, 100, 64) // as many spatial dims as you have
	fmt.Println(geom, err)
	// Output:
	// channels_last <nil>
	// 8×64 channels of 100 <nil>
}

func ExampleStrided() {
	// Channels 2 to 4 of a tensor of 2×8 channels of 3×3, channels first: their planes
	// are contiguous, and samples are 8 planes apart.
	wide := make([]float32, 2*8*3*3)
	slice := wide[2*9:]
	geom, err := layout.Strided([]int{2, 3, 3, 3}, []int{72, 9, 3, 1}, 0, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(geom, len(slice) >= geom.Len())

	// The same tensor, transposed to channels last without moving a byte.
	turned, err := layout.Strided([]int{2, 3, 3, 3}, []int{72, 3, 1, 9}, 0, 3)
	fmt.Println(turned == geom, err)
	// Output:
	// 2×3 channels of 3×3 in a view of 99 elements true
	// true <nil>
}

func ExampleNoiseShape() {
	// Keras' noise_shape=(None, 1, 1, None) of a batch with its channels last.
	geom, err := layout.NoiseShape([]int{32, 56, 56, 64}, []int{32, 1, 1, 64})
	if err != nil {
		log.Fatal(err)
	}
	nhwc, err := layout.NHWC.Of(32, 56, 56, 64)
	fmt.Println(geom == nhwc, err)

	// A trial for each time step of each sequence.
	steps, err := layout.NoiseShape([]int{8, 100, 64}, []int{8, 100, 1})
	fmt.Println(steps, err)
	// Output:
	// true <nil>
	// 8×100 channels of 64 <nil>
}

func ExampleGeometry_Len() {
	// 20 channels in groups of 16 are two groups.
	geom, err := layout.NCHW16c.Of(1, 20, 7, 7)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(geom.Channels(), geom.PaddedChannels(), geom.Len() == 32*7*7)
	// Output: 20 32 true
}

func ExampleOrders() {
	for _, order := range layout.Orders()[:4] {
		fmt.Print(order, " ")
	}
	// Output: NCHW NHWC NCW NWC
}

func ExampleGeometry_Loops() {
	geom, err := layout.NHWC.Of(2, 5, 5, 3)
	if err != nil {
		log.Fatal(err)
	}
	for _, loop := range geom.Loops() { // samples, pixels, channels
		fmt.Printf("%+v\n", loop)
	}
	// Output:
	// {Size:2 Dst:75 Src:75 Factor:3}
	// {Size:25 Dst:3 Src:3 Factor:0}
	// {Size:3 Dst:1 Src:1 Factor:1}
}

func ExampleGeometry_Planes() {
	for _, order := range []layout.Order{layout.NCHW, layout.NHWC, layout.NCHW8c} {
		geom, err := order.Of(1, 3, 4, 5)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(order, geom.Planes(), geom.Pixels())
	}
	// Output:
	// NCHW true false
	// NHWC false true
	// NCHW8c false true
}

func ExampleJoin() {
	// From channels first to channels last.
	dst, err := layout.NHWC.Of(2, 5, 5, 3)
	if err != nil {
		log.Fatal(err)
	}
	src, err := layout.NCHW.Of(2, 3, 5, 5)
	if err != nil {
		log.Fatal(err)
	}
	nest, err := layout.Join(dst, src)
	if err != nil {
		log.Fatal(err)
	}
	for _, part := range nest.Parts() { // a single one
		for _, loop := range part.Loops() {
			fmt.Printf("%+v\n", loop)
		}
	}

	turned, err := layout.NCHW.Of(2, 3, 1, 25)
	if err != nil {
		log.Fatal(err)
	}
	_, err = layout.Join(dst, turned)
	fmt.Println(err)
	// Output:
	// {Size:2 Dst:75 Src:75 Factor:3}
	// {Size:25 Dst:3 Src:1 Factor:0}
	// {Size:3 Dst:1 Src:25 Factor:1}
	// layout: dst of 2×3 channels of 5×5 with src of 2×3 channels of 25, want the same samples, channels and spatial dims
}
