package born_test

import (
	"fmt"
	"log"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/backend/cpu"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout/adapters/born"
)

func Example() {
	backend := autodiff.New(cpu.New())
	seeds := born.NewSeeds(42) // layers are numbered as they are made

	// One sample of four feature maps, each 1×2.
	drop, err := born.NewDropout[float32](0.5, backend, seeds.Next())
	if err != nil {
		log.Fatal(err)
	}
	x := tensor.Ones[float32](tensor.Shape{1, 4, 1, 2}, backend)

	backend.Tape().StartRecording()
	y := drop.Forward(x)
	grads := autodiff.Backward(y, backend)
	fmt.Println("output  ", y.Data())
	fmt.Println("gradient", grads[x.Raw()].AsFloat32())
	backend.ClearTape()

	drop.SetTraining(false)
	fmt.Println("evaluation returns its input:", drop.Forward(x) == x)
	// Output:
	// output   [0 0 0 0 2 2 0 0]
	// gradient [0 0 0 0 2 2 0 0]
	// evaluation returns its input: true
}
