package gomlx_test

import (
	"fmt"
	"log"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/gomlx/gomlx/ml/dataset"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
	"github.com/spatialdropout/spatialdropout/mask"
)

func ExampleDropout() {
	modelFn := func(scope *model.Scope, x *graph.Node) *graph.Node {
		x = layers.Convolution(scope.In("conv"), x).Channels(64).KernelSize(3).Done()
		x = gomlx.Dropout(scope.In("drop"), x).WithRate(0.25).Done()
		x = layers.Convolution(scope.In("out"), x).Channels(10).KernelSize(1).Done()
		return graph.ReduceMean(x, 1, 2)
	}

	exec := model.MustNewExec(gobackend.GetBackend(), model.NewStore(), modelFn)
	fmt.Println(exec.MustCall1(tensors.FromFlatDataAndDimensions(make([]float32, 2*8*8*3), 2, 8, 8, 3)).Shape())
	// Output: (Float32)[2, 10]
}

func ExampleConfig_WithMasks() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithStream(mask.PyTorch(0)))
	if err != nil {
		log.Fatal(err)
	}
	modelFn := func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		scope.Store().SetTraining(inputs[0].Graph(), true) // a Trainer does that
		x, masks := inputs[0], inputs[1]
		return gomlx.Dropout(scope.In("drop"), x).WithMasks(drop, masks).Done()
	}
	exec := model.MustNewExec(gobackend.GetBackend(), model.NewStore(), modelFn)

	x := tensors.FromValue([][][]float32{{{1, 2, 3, 4}}, {{5, 6, 7, 8}}}) // 2 samples, 4 channels
	masks, err := gomlx.Draw(drop, dtypes.Float32, 2, 4)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(exec.MustCall1(x, masks).Value())
	// Output: [[[0 0 6 0]] [[0 0 14 16]]]
}

func ExampleDraw() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithStream(mask.PyTorch(0)))
	if err != nil {
		log.Fatal(err)
	}
	withMasks := func(ds train.Dataset) train.Dataset {
		return dataset.MapOnHost(ds, func(b train.Batch) train.Batch {
			masks, err := gomlx.Draw(drop, dtypes.Float32, b.Inputs[0].Shape().Dimensions[0], 64)
			if err != nil {
				log.Fatal(err)
			}
			b.Inputs = append(b.Inputs, masks)
			return b
		})
	}

	x := tensors.FromFlatDataAndDimensions(make([]float32, 8*28*28*3), 8, 28, 28, 3)
	for batch, err := range withMasks(dataset.Take(dataset.Const(train.Batch{Inputs: []*tensors.Tensor{x}}), 1)).Iter() {
		fmt.Println(batch.Inputs[1].Shape(), err)
	}
	// Output: (Float32)[3, 8, 64] <nil>
}

func ExampleApply() {
	backend := gobackend.GetBackend()
	x := tensors.FromValue([][][]float32{{{1, 2, 3, 4}, {5, 6, 7, 8}}}) // 1 sample, 2 positions, 4 channels

	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(3))
	if err != nil {
		log.Fatal(err)
	}
	view, err := gomlx.View(backend, x, images.ChannelsLast)
	if err != nil {
		log.Fatal(err)
	}
	m, err := drop.Draw(view.Geometry)
	if err != nil {
		log.Fatal(err)
	}
	if err := gomlx.Apply(backend, x, x, m, images.ChannelsLast); err != nil { // in place
		log.Fatal(err)
	}

	fmt.Println(x.Value())
	// Output: [[[0 4 0 0] [0 12 0 0]]]
}
