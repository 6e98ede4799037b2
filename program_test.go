package spatialdropout_test

import (
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

func Example() {
	// Two samples of four feature maps, each 2×3, channels first.
	geom, err := layout.NCHW.Of(2, 4, 2, 3)
	if err != nil {
		log.Fatal(err)
	}
	x, y := make([]float32, geom.Len()), make([]float32, geom.Len())
	for i := range x {
		x[i] = 1
	}

	layer, err := spatialdropout.NewLayer[float32](0.5, spatialdropout.WithSeed(42))
	if err != nil {
		log.Fatal(err)
	}
	if err := layer.Forward(y, x, geom); err != nil { // y may be x itself
		log.Fatal(err)
	}
	fmt.Println(y[:12]) // the first two feature maps: [0 0 0 0 0 0 2 2 2 2 2 2]

	// The gradient goes through the same mask.
	dy, dx := x, make([]float32, geom.Len())
	if err := layer.Backward(dx, dy, geom); err != nil {
		log.Fatal(err)
	}

	layer.SetTraining(false) // evaluation: from here on Forward copies
	// Output:
	// [0 0 0 0 0 0 2 2 2 2 2 2]
}
