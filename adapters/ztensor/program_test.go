package ztensor_test

import (
	"context"
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout/adapters/ztensor"
	"github.com/zerfoo/ztensor/compute"
	"github.com/zerfoo/ztensor/graph"
	"github.com/zerfoo/ztensor/numeric"
	"github.com/zerfoo/ztensor/tensor"
	"github.com/zerfoo/ztensor/types"
)

func Example() {
	ctx := context.Background()
	seeds := ztensor.NewSeeds(42) // nodes are numbered as they are made
	drop, err := ztensor.New[float32](0.5, seeds.Next())
	if err != nil {
		log.Fatal(err)
	}

	// One sample of four feature maps, each 1×2.
	builder := graph.NewBuilder[float32](compute.NewCPUEngine[float32](numeric.Float32Ops{}))
	g, err := builder.Build(builder.AddNode(drop, builder.Input([]int{1, 4, 1, 2})))
	if err != nil {
		log.Fatal(err)
	}
	x, err := tensor.New([]int{1, 4, 1, 2}, []float32{1, 2, 3, 4, 5, 6, 7, 8})
	if err != nil {
		log.Fatal(err)
	}

	y, err := g.Forward(ctx, x)
	if err != nil {
		log.Fatal(err)
	}
	if err := g.Backward(ctx, types.FullBackprop, y); err != nil {
		log.Fatal(err)
	}
	fmt.Println("training  ", y.Data())

	drop.SetTraining(false)
	if y, err = g.Forward(ctx, x); err != nil {
		log.Fatal(err)
	}
	fmt.Println("evaluation", y.Data())
	// Output:
	// training   [0 0 0 0 10 12 0 0]
	// evaluation [1 2 3 4 5 6 7 8]
}
