package gorgonia_test

import (
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gorgonia"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func Example() {
	// One sample of four feature maps, each 1×2, channels first.
	g := G.NewGraph()
	x := G.NewTensor(g, tensor.Float32, 4, G.WithShape(1, 4, 1, 2), G.WithName("x"), G.WithInit(G.Ones()))
	y, err := gorgonia.Dropout(x, 0.5, spatialdropout.WithSeed(42))
	if err != nil {
		log.Fatal(err)
	}
	cost, err := G.Sum(y)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := G.Grad(cost, x); err != nil {
		log.Fatal(err)
	}

	vm := G.NewTapeMachine(g)
	for range 2 { // every run draws a new mask, and its gradient goes through the same one
		if err := vm.RunAll(); err != nil {
			log.Fatal(err)
		}
		dx, err := x.Grad()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(y.Value().Data(), dx.Data())
		vm.Reset()
	}

	// Evaluation: from here on the value of y is that of x.
	if err := gorgonia.SetTraining(g, false); err != nil {
		log.Fatal(err)
	}
	if err := vm.RunAll(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(y.Value().Data())
	// Output:
	// [0 0 2 2 2 2 2 2] [0 0 2 2 2 2 2 2]
	// [2 2 2 2 2 2 0 0] [2 2 2 2 2 2 0 0]
	// [1 1 1 1 1 1 1 1]
}
