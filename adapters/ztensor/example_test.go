package ztensor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/ztensor"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/zerfoo/ztensor/compute"
	"github.com/zerfoo/ztensor/graph"
	"github.com/zerfoo/ztensor/numeric"
	"github.com/zerfoo/ztensor/tensor"
)

func ExampleDropout_Forward() {
	drop, err := ztensor.New[float32](0.5)
	if err != nil {
		log.Fatal(err)
	}
	drop.Order, drop.Channels = layout.NWC, 512 // batch, position, feature
	x, err := tensor.New[float32]([]int{8, 512, 100}, nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = drop.Forward(context.Background(), x)
	var refused *ztensor.TensorError
	fmt.Println(errors.As(err, &refused))
	fmt.Println(err)
	// Output:
	// true
	// ztensor: spatial dropout of a tensor of shape [8 512 100], which has 100 channels in the order NWC, want 512 channels
}

func ExampleDropout_Run() {
	ctx := context.Background()
	drop, err := ztensor.New[float64](0.5, spatialdropout.WithSeed(42))
	if err != nil {
		log.Fatal(err)
	}
	x, err := tensor.New([]int{1, 6, 1, 1}, []float64{1, 2, 3, 4, 5, 6})
	if err != nil {
		log.Fatal(err)
	}
	dy, err := tensor.New([]int{1, 6, 1, 1}, []float64{1, 1, 1, 1, 1, 1})
	if err != nil {
		log.Fatal(err)
	}

	_, call, err := drop.Run(ctx, x, x) // in place
	if err != nil {
		log.Fatal(err)
	}
	dx, err := call.Backward(ctx, dy)
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(x.Data())
	fmt.Println(dx.Data())
	// Output:
	// [0 4 6 8 0 12]
	// [0 2 2 2 0 2]
}

func ExampleDropout_UnmarshalText() {
	dir, err := os.MkdirTemp("", "ztensor")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.json")
	ctx := context.Background()
	x, err := tensor.New([]int{1, 6, 1, 1}, []float32{1, 1, 1, 1, 1, 1})
	if err != nil {
		log.Fatal(err)
	}
	drop, err := ztensor.New[float32](0.5, spatialdropout.WithStream(mask.PyTorch(7)))
	if err != nil {
		log.Fatal(err)
	}
	builder := graph.NewBuilder[float32](compute.NewCPUEngine[float32](numeric.Float32Ops{}))
	g, err := builder.Build(builder.AddNode(drop, builder.Input([]int{1, 6, 1, 1})))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := g.Forward(ctx, x); err != nil {
		log.Fatal(err)
	}

	if err := g.SaveCheckpoint(path, map[string]any{"drop": drop}); err != nil {
		log.Fatal(err)
	}
	restored, err := ztensor.New[float32](0) // all the rest is in the file
	if err != nil {
		log.Fatal(err)
	}
	state, err := g.LoadCheckpoint(path)
	if err != nil {
		log.Fatal(err)
	}
	if err := restored.UnmarshalText([]byte(state["drop"].(string))); err != nil {
		log.Fatal(err)
	}

	for _, d := range []*ztensor.Dropout[float32]{drop, restored} {
		y, err := d.Forward(ctx, x)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(y.Data())
	}
	// Output:
	// [2 0 0 0 2 2]
	// [2 0 0 0 2 2]
}
