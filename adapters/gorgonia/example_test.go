package gorgonia_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gorgonia"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func ExampleDropout() {
	x := G.NewTensor(G.NewGraph(), tensor.Float32, 4, G.WithShape(32, 64, 28, 28), G.WithName("x"))
	// What torch.manual_seed(0) and F.dropout2d(x, 0.5) drop.
	y, err := gorgonia.Dropout(x, 0.5, spatialdropout.WithStream(mask.PyTorch(0)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y.Shape())
	_, err = gorgonia.Dropout(x, 1.5)
	fmt.Println(err)
	// Output:
	// (32, 64, 28, 28)
	// mask: rate 1.5, want a number from 0 to 1
}

func ExampleLayer() {
	x := G.NewTensor(G.NewGraph(), tensor.Float32, 4, G.WithShape(32, 28, 28, 64), G.WithName("x"))
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(mask.Child(42, 0)))
	if err != nil {
		log.Fatal(err)
	}
	layer := gorgonia.Layer{Dropout: drop, Order: layout.NHWC, Channels: 64}
	y, err := layer.Apply(x)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y.Shape())

	layer.Order = layout.NCHW // a wrong axis
	_, err = layer.Apply(x)
	fmt.Println(err)
	// Output:
	// (32, 28, 28, 64)
	// gorgonia: spatial dropout of 28 channels in the order NCHW: 32×28 channels of 28×64, want 64 channels
}

func ExampleLayer_saved() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(42))
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := gob.NewEncoder(&file).Encode(drop.State()); err != nil {
		log.Fatal(err)
	}
	// In another process.
	var state spatialdropout.State
	if err := gob.NewDecoder(&file).Decode(&state); err != nil {
		log.Fatal(err)
	}
	restored, err := spatialdropout.Restore(state)
	if err != nil {
		log.Fatal(err)
	}
	layer := gorgonia.Layer{Dropout: restored}
	fmt.Println(layer.Dropout.Rate(), restored.State() == drop.State())
	// Output: 0.5 true
}

func ExampleTensor() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(42))
	if err != nil {
		log.Fatal(err)
	}
	wide := tensor.New(tensor.WithShape(1, 6, 1, 2), tensor.WithBacking([]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}))
	channels, err := wide.Slice(nil, G.S(1, 5)) // channels 1 to 4, a view
	if err != nil {
		log.Fatal(err)
	}
	x, err := gorgonia.Tensor(channels.(*tensor.Dense), layout.NCHW)
	if err != nil {
		log.Fatal(err)
	}
	pass, err := drop.Forward(x, x) // in place, and pass.Backward is the gradient
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(wide.Data(), pass.Place().Step)
	// Output: [1 1 0 0 2 2 2 2 2 2 1 1] 0
}

func ExampleGeometry() {
	x := tensor.New(tensor.WithShape(2, 3, 4, 5), tensor.Of(tensor.Float32))
	if err := x.T(0, 2, 3, 1); err != nil { // to channels last, without moving an element
		log.Fatal(err)
	}
	geom, err := gorgonia.Geometry(x, layout.NHWC)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Shape(), geom, geom.Planes())
	// Output: (2, 4, 5, 3) 2×3 channels of 4×5 true
}
