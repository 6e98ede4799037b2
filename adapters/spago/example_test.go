package spago_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/mat/float"
	"github.com/nlpodyssey/spago/nn"
	"github.com/nlpodyssey/spago/nn/activation"
	"github.com/nlpodyssey/spago/nn/convolution/convolution2d"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/spago"
	"github.com/spatialdropout/spatialdropout/mask"
)

// ones returns matrices of ones.
func ones[T float.DType](n, rows, columns int) []mat.Tensor {
	all := make([]mat.Tensor, n)
	for i := range all {
		all[i] = mat.NewDense[T](mat.WithShape(rows, columns)).OnesLike()
	}
	return all
}

func ExampleModel_Forward() {
	convolution := convolution2d.New[float32](convolution2d.Config{
		KernelSizeX: 2, KernelSizeY: 2, XStride: 1, YStride: 1, InputChannels: 2, OutputChannels: 4, Activation: activation.ReLU,
	})
	for _, b := range convolution.B {
		b.Value().(mat.Matrix).SetData(float.Make[float32](1))
	}
	drop, err := spago.New(0.5, spatialdropout.WithSeed(mask.Child(3, 0)))
	if err != nil {
		log.Fatal(err)
	}
	network := nn.ModuleList[nn.StandardModel]{convolution, drop}
	for _, y := range network.Forward(ones[float32](2, 3, 3)...) {
		fmt.Println(y.Value().Data())
	}
	// Output:
	// [4 4 4 4]
	// [4 4 4 4]
	// [0 0 0 0]
	// [4 4 4 4]
}

func ExampleModel_batch() {
	drop, err := spago.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	// Two samples of three channels: the matrices of a sample follow each other.
	drop.Channels = 3
	for i, y := range drop.Forward(ones[float32](6, 1, 2)...) {
		fmt.Printf("sample %d, channel %d: %v\n", i/3, i%3, y.Value().Data())
	}
	// Output:
	// sample 0, channel 0: [0 0]
	// sample 0, channel 1: [0 0]
	// sample 0, channel 2: [2 2]
	// sample 1, channel 0: [2 2]
	// sample 1, channel 1: [2 2]
	// sample 1, channel 2: [0 0]
}

func ExampleModel_ForwardRows() {
	drop, err := spago.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	// One row for each channel of each sample, with all positions of the feature map.
	drop.Channels = 3
	x := ones[float64](1, 6, 2)[0]
	fmt.Println(drop.ForwardRows(x).Value().Data())
	// Output: [0 0 0 0 2 2 2 2 2 2 0 0]
}

func ExampleModel_Restore() {
	generator := spatialdropout.NewGenerator(mask.PyTorch(0))
	drop, err := spago.New(0.5, spatialdropout.WithGenerator(generator))
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := nn.Dump(drop, &file); err != nil {
		log.Fatal(err)
	}
	loaded, err := nn.Load[*spago.Model](&file)
	if err != nil {
		log.Fatal(err)
	}
	// A file holds the stream of this model alone. Models that share a generator are given it.
	if err := loaded.Restore(spatialdropout.WithGenerator(generator), spatialdropout.WithWorkers(1)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(loaded.Dropout().Generator() == generator)
	// Output: true
}

func ExampleModel_TryForward() {
	drop, err := spago.New(0.5)
	if err != nil {
		log.Fatal(err)
	}
	xs := append(ones[float32](1, 2, 2), ones[float32](1, 4, 1)...)
	if _, err := drop.TryForward(xs...); err != nil {
		fmt.Println(err)
	}
	// Output: spago: matrix 1 is of [4 1] *mat.Dense[float32], want [2 2] *mat.Dense[float32] as matrix 0
}

func ExampleSetTraining() {
	type network struct {
		nn.Module
		First, Second *spago.Model
	}
	made := func(seed uint64) *spago.Model {
		drop, err := spago.New(0.5, spatialdropout.WithSeed(seed))
		if err != nil {
			log.Fatal(err)
		}
		return drop
	}
	n := &network{First: made(1), Second: made(2)}
	spago.SetTraining(n, false)
	x := ag.StopGrad(mat.Scalar[float32](3))
	fmt.Println(n.Second.Forward(n.First.Forward(x)...)[0].Value().Item())
	// Output: 3
}
