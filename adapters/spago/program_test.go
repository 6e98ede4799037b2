package spago_test

import (
	"fmt"
	"log"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/spago"
)

func Example() {
	drop, err := spago.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	// Four feature maps of 2×2, as a convolution returns them.
	xs := make([]mat.Tensor, 4)
	for c := range xs {
		xs[c] = mat.NewDense[float32](mat.WithShape(2, 2), mat.WithBacking([]float32{1, 2, 3, 4}), mat.WithGrad(true))
	}
	var loss mat.Tensor
	for _, y := range drop.Forward(xs...) {
		fmt.Println(y.Value().Data())
		loss = ag.Add(loss, ag.ReduceSum(y))
	}
	if err := ag.Backward(loss); err != nil {
		log.Fatal(err)
	}
	fmt.Println(xs[0].Grad().Data(), xs[3].Grad().Data())

	drop.SetTraining(false) // evaluation: from here on Forward returns xs
	fmt.Println(drop.Forward(xs...)[0] == xs[0])
	// Output:
	// [0 0 0 0]
	// [0 0 0 0]
	// [2 4 6 8]
	// [2 4 6 8]
	// [0 0 0 0] [2 2 2 2]
	// true
}
