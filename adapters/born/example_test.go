package born_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/backend/cpu"
	"github.com/born-ml/born/nn"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/born"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Network is a convolution with spatial dropout behind it.
type Network struct {
	conv *nn.Conv2D[*cpu.Backend]
	drop *born.Dropout[float32, *cpu.Backend]
}

func (n *Network) Forward(x *tensor.Tensor[float32, *cpu.Backend]) *tensor.Tensor[float32, *cpu.Backend] {
	return n.drop.Forward(n.conv.Forward(x))
}

func (n *Network) SetTraining(training bool) { n.drop.SetTraining(training) }

func ExampleNewDropout() {
	backend, seeds := cpu.New(), born.NewSeeds(42)
	drop, err := born.NewDropout[float32](0.2, backend, seeds.Next())
	if err != nil {
		log.Fatal(err)
	}
	n := &Network{nn.NewConv2D(3, 64, 3, 3, 1, 1, true, backend), drop}
	n.drop.Channels = 64
	y := n.Forward(tensor.Ones[float32](tensor.Shape{2, 3, 8, 8}, backend))
	fmt.Println(y.Shape())
	// Output:
	// [2 64 8 8]
}

func ExampleDropout_TryForward() {
	backend := cpu.New()
	drop, err := born.NewDropout[float32](0.5, backend)
	if err != nil {
		log.Fatal(err)
	}
	drop.Order, drop.Channels = layout.NWC, 512 // batch, position, feature
	_, err = drop.TryForward(tensor.Ones[float32](tensor.Shape{8, 512, 100}, backend))
	var refused *born.TensorError
	fmt.Println(errors.As(err, &refused))
	fmt.Println(err)
	// Output:
	// true
	// born: spatial dropout of a tensor of shape [8 512 100], which has 100 channels in the order NWC, want 512 channels
}

func ExampleDropout_ForwardInPlace() {
	backend := autodiff.New(cpu.New()) // whose tape does not record
	// Monte-Carlo dropout: evaluation drops, too.
	drop, err := born.NewDropout[float64](0.5, backend, spatialdropout.WithSeed(42), spatialdropout.WithAlways())
	if err != nil {
		log.Fatal(err)
	}
	drop.SetTraining(false)
	x := tensor.Ones[float64](tensor.Shape{1, 6, 1, 1}, backend)
	if err := drop.ForwardInPlace(x); err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Data())
	// Output:
	// [0 2 2 2 0 2]
}

func ExampleSetTraining() {
	backend, seeds := cpu.New(), born.NewSeeds(42)
	drop, err := born.NewDropout[float32](0.5, backend, seeds.Next())
	if err != nil {
		log.Fatal(err)
	}
	drop.Order = layout.NC
	model := nn.NewSequential[*cpu.Backend](nn.NewLinear(4, 8, backend), drop, nn.NewLinear(8, 1, backend))
	born.SetTraining(model, false)
	fmt.Println(drop.Training())
	// Output:
	// false
}

func ExampleDropout_LoadStateDict() {
	dir, err := os.MkdirTemp("", "born")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "drop.born")
	backend := cpu.New()
	x := tensor.Ones[float32](tensor.Shape{1, 6, 1, 1}, backend)
	drop, err := born.NewDropout[float32](0.5, backend, spatialdropout.WithStream(mask.PyTorch(7)))
	if err != nil {
		log.Fatal(err)
	}
	drop.Forward(x)

	if err := nn.Save(drop, path, "Dropout", nil); err != nil {
		log.Fatal(err)
	}
	restored, err := born.NewDropout[float32](0, backend) // all the rest is in the file
	if err != nil {
		log.Fatal(err)
	}
	if _, err := nn.Load(path, backend, restored); err != nil {
		log.Fatal(err)
	}

	fmt.Println(drop.Forward(x).Data())
	fmt.Println(restored.Forward(x).Data())
	// Output:
	// [2 0 0 0 2 2]
	// [2 0 0 0 2 2]
}
