package guide_test

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

// The types of a framework whose operations record a function that adds to the gradients of
// their inputs, shaped like those of github.com/Abinesh-Mathivanan/go-torch, package tensor.

// Value is a contiguous tensor, channels first.
type Value struct {
	Shape        []int
	Data         []float64
	Grad         []float64 // what the uses of the value have added so far
	RequiresGrad bool
	Parents      []*Value
	BackwardFunc func(grad []float64)
}

// NewValue returns zeros.
func NewValue(shape []int) *Value {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	return &Value{Shape: shape, Data: make([]float64, n)}
}

// Dropout is an operation of the tape. The Pass that its backward function holds is that of this
// call: v may be dropped more than once, by the same drop, too.
func Dropout(drop *spatialdropout.Dropout, v *Value, training bool) (*Value, error) {
	geom, err := layout.ChannelsFirst.Of(v.Shape...)
	if err != nil {
		return nil, err
	}
	y, forward := NewValue(v.Shape), drop.Evaluate
	if training {
		forward = drop.Forward
	}
	pass, err := forward(spatialdropout.Of(y.Data, geom), spatialdropout.Of(v.Data, geom))
	if err != nil {
		return nil, err
	}
	if v.RequiresGrad {
		y.RequiresGrad, y.Parents = true, []*Value{v}
		y.BackwardFunc = func(grad []float64) {
			if v.Grad == nil {
				v.Grad = make([]float64, len(v.Data))
			}
			if err := pass.AddTo(spatialdropout.Of(v.Grad, geom), spatialdropout.Of(grad, geom)); err != nil {
				panic(err) // the framework has changed a shape since
			}
		}
	}
	return y, nil
}

func Example_tape() {
	drop := must(spatialdropout.New(0.5, spatialdropout.WithSeed(7)))
	v := &Value{Shape: []int{1, 4, 2}, Data: []float64{1, 2, 3, 4, 5, 6, 7, 8}, RequiresGrad: true}
	left := must(Dropout(drop, v, true))
	right := must(Dropout(drop, v, true)) // the same layer, another mask
	fmt.Println(left.Data)
	fmt.Println(right.Data)
	left.BackwardFunc([]float64{1, 1, 1, 1, 1, 1, 1, 1})
	right.BackwardFunc([]float64{10, 10, 10, 10, 10, 10, 10, 10})
	fmt.Println(v.Grad)
	fmt.Println(must(Dropout(drop, v, false)).Data)
	// Output:
	// [0 0 0 0 10 12 14 16]
	// [2 4 6 8 10 12 14 16]
	// [20 20 20 20 22 22 22 22]
	// [1 2 3 4 5 6 7 8]
}
