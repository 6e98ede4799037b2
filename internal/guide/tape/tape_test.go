// Package tape_test has spatial dropout as an operation of a framework whose operations record a
// function that adds to the gradients of their inputs. The type is that of
// github.com/Abinesh-Mathivanan/go-torch, package tensor, as far as an operation sees it.
package tape_test

import (
	"fmt"
	"log"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Tensor is contiguous, and channels first.
type Tensor struct {
	shape        []int
	data         []float64
	Grad         *Tensor // what the uses of the tensor have added so far
	RequiresGrad bool
	Parents      []*Tensor
	Operation    string
	BackwardFunc func(*Tensor)
}

// NewTensor returns a tensor of the given data, or of zeros if they are nil.
func NewTensor(shape []int, data []float64) (*Tensor, error) {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	if data == nil {
		data = make([]float64, n)
	}
	if len(data) != n {
		return nil, fmt.Errorf("%d elements for %v", len(data), shape)
	}
	return &Tensor{shape: shape, data: data}, nil
}

// ZeroGrad makes the gradient zeros.
func (t *Tensor) ZeroGrad() {
	t.Grad = &Tensor{shape: t.shape, data: make([]float64, len(t.data))}
}

// SpatialDropout is an operation of the tape. Its backward function holds the Pass of this call: a
// tensor may be dropped more than once, by the same Dropout, too.
func SpatialDropout(t *Tensor, drop *spatialdropout.Dropout, training bool) (*Tensor, error) {
	geom, err := layout.ChannelsFirst.Of(t.shape...)
	if err != nil {
		return nil, err
	}
	r, err := NewTensor(t.shape, nil)
	if err != nil {
		return nil, err
	}
	forward := drop.Evaluate
	if training {
		forward = drop.Forward
	}
	pass, err := forward(spatialdropout.Of(r.data, geom), spatialdropout.Of(t.data, geom))
	if err != nil {
		return nil, err
	}
	if t.RequiresGrad {
		r.RequiresGrad, r.Parents, r.Operation = true, []*Tensor{t}, "spatial dropout"
		r.BackwardFunc = func(grad *Tensor) {
			if t.Grad == nil {
				t.ZeroGrad()
			}
			if err := pass.AddTo(spatialdropout.Of(t.Grad.data, geom), spatialdropout.Of(grad.data, geom)); err != nil {
				panic(err) // somebody has changed a shape since
			}
		}
	}
	return r, nil
}

func Example() {
	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7))
	if err != nil {
		log.Fatal(err)
	}
	t, err := NewTensor([]int{1, 4, 2}, []float64{1, 2, 3, 4, 5, 6, 7, 8})
	if err != nil {
		log.Fatal(err)
	}
	t.RequiresGrad = true
	use := func(training bool) *Tensor {
		r, err := SpatialDropout(t, drop, training)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.data)
		return r
	}
	left, right := use(true), use(true) // the same Dropout, two masks
	ones, tens := &Tensor{data: []float64{1, 1, 1, 1, 1, 1, 1, 1}}, &Tensor{data: []float64{10, 10, 10, 10, 10, 10, 10, 10}}
	left.BackwardFunc(ones)
	right.BackwardFunc(tens)
	fmt.Println(t.Grad.data)
	evaluated := use(false)
	evaluated.BackwardFunc(ones)
	fmt.Println(t.Grad.data)
	// Output:
	// [0 0 0 0 10 12 14 16]
	// [2 4 6 8 10 12 14 16]
	// [20 20 20 20 22 22 22 22]
	// [1 2 3 4 5 6 7 8]
	// [21 21 21 21 23 23 23 23]
}
