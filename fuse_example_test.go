package spatialdropout_test

import (
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func ExampleDropout_Fuse() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	geom, err := layout.NCHW.Of(1, 4, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	bias := []float32{1, 1, -3, 1}
	out, gradient := make([]float32, geom.Len()), make([]float32, geom.Len())
	x := spatialdropout.Of([]float32{1, -2, 3, 4, 5, 6, 1, 3, 5, -4, -1, 2}, geom)
	r := spatialdropout.Of([]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, geom)
	y, dy, dx := spatialdropout.Of(out, geom), r, spatialdropout.Of(gradient, geom)

	// y = r + dropout(relu(x + bias)), each rounded as in a pass of its own.
	around := spatialdropout.Around{Shift: kernel.Of(bias), Activation: kernel.ReLU}
	pass, err := drop.Fuse(y, x, r, around)
	if err != nil {
		log.Fatal(err)
	}
	// The gradient with respect to x, through the same mask. That with respect to r is dy.
	if err := pass.FuseBackward(dx, dy, spatialdropout.FromInput(x), around); err != nil {
		log.Fatal(err)
	}
	fmt.Println(out)
	fmt.Println(gradient)
	// Output:
	// [1 1 1 1 1 1 1 1 5 1 1 7]
	// [0 0 0 0 0 0 0 0 2 0 0 2]
}

func ExampleFuse() {
	geom, err := layout.NHWC.Of(1, 1, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 0, false)

	// Three pixels of two channels: a folded normalisation, an activation, dropout, and the sum with what
	// goes around the layer.
	x, y := []float32{1, -2, 3, 4, 5, 6}, []float32{10, 20, 30, 40, 50, 60}
	around := spatialdropout.Around{
		Scale:      kernel.Of([]float32{2, 3}),
		Shift:      kernel.Of([]float32{0, 1}),
		Activation: kernel.ClippedReLU(6),
	}
	if err := spatialdropout.Fuse(y, x, y, m, around, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y)
	// Output: [10 20 30 52 50 72]
}

func ExampleFromOutput() {
	geom, err := layout.CHW.Of(2, 1, 3)
	if err != nil {
		log.Fatal(err)
	}
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
	if err != nil {
		log.Fatal(err)
	}
	m.Set(0, 1, false)

	// In place the input is gone, but the sign of the output says where it was.
	x := []float32{1, -2, 3, 4, 5, 6}
	around := spatialdropout.Around{Activation: kernel.ReLU}
	if err := spatialdropout.Fuse(x, x, nil, m, around, geom); err != nil {
		log.Fatal(err)
	}
	dx := []float32{1, 1, 1, 1, 1, 1}
	if err := spatialdropout.FuseBackward(dx, dx, spatialdropout.FromOutput(spatialdropout.Of(x, geom)), m, around, geom); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x, dx)
	// Output: [2 0 6 0 0 0] [2 0 2 0 0 0]
}
