package gomlx_test

import (
	"fmt"
	"log"

	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
)

func Example() {
	backend := gobackend.GetBackend()
	store := model.NewStore()
	store.RootScope().SetParam(gomlx.ParamSeed, 42) // each layer takes a child of it
	if err := store.SetRNGStateFromSeed(1); err != nil {
		log.Fatal(err)
	}

	modelFn := func(scope *model.Scope, x *graph.Node) *graph.Node {
		x = layers.Convolution(scope.In("conv"), x).Channels(16).KernelSize(3).Done()
		x = gomlx.Dropout(scope.In("drop"), x).WithRate(0.25).Done()
		x = layers.Convolution(scope.In("out"), x).Channels(1).KernelSize(1).Done()
		return graph.ReduceMean(x, 1, 2)
	}
	sgd := optimizer.StochasticGradientDescent().WithLearningRate(0.1).Done()
	trainer := train.NewTrainer(backend, store, modelFn, loss.MeanSquaredError, sgd, nil, nil)

	// The second batch is smaller: another graph, which goes on with the same step.
	for _, samples := range []int{8, 5} {
		_, err := trainer.TrainStep(train.Batch{
			Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(make([]float32, samples*8*8), samples, 8, 8, 1)},
			Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(make([]float32, samples), samples, 1)},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(store.GetVariable("/drop/spatial_dropout_step").MustValue())

	// Output: uint64(2)
}
