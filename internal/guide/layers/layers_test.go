// Package layers_test has spatial dropout as a module of a framework whose layers keep what
// their backward pass needs. The types are those of github.com/stolzmi/neugo, package nn, as
// far as a module sees them.
package layers_test

import (
	"errors"
	"fmt"
	"log"
	"math/rand"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Tensor is contiguous, and channels last: [batch, h, w, c].
type Tensor struct {
	Data  []float32
	Shape []int
}

// NewTensor returns a tensor of zeros.
func NewTensor(shape []int) *Tensor {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	return &Tensor{make([]float32, n), append([]int(nil), shape...)}
}

// Param is what an optimiser updates.
type Param struct{ Value, Grad *Tensor }

// Mode says which pass a module is in.
type Mode int

const (
	Inference Mode = iota
	Train
)

// Context goes through a network with the data.
type Context struct {
	Mode Mode
	RNG  *rand.Rand
}

// Module is a layer.
type Module interface {
	Forward(ctx *Context, x *Tensor) (*Tensor, error)
	Backward(ctx *Context, gradOut *Tensor) (*Tensor, error)
	Params() []*Param
	OutputShape(inShape []int) ([]int, error)
}

// SpatialDropout drops feature maps in training.
type SpatialDropout struct {
	layer *spatialdropout.Layer[float32]
}

// NewSpatialDropout returns layer k of a network with this seed.
func NewSpatialDropout(rate float64, seed, k uint64) (*SpatialDropout, error) {
	layer, err := spatialdropout.NewLayer[float32](rate, spatialdropout.WithSeed(mask.Child(seed, k)))
	if err != nil {
		return nil, err
	}
	return &SpatialDropout{layer}, nil
}

// Forward returns a tensor of its own: x stays as it is.
func (d *SpatialDropout) Forward(ctx *Context, x *Tensor) (*Tensor, error) {
	d.layer.SetTraining(ctx.Mode == Train)
	return through(d.layer.Forward, x)
}

// Backward belongs to the last Forward.
func (d *SpatialDropout) Backward(ctx *Context, gradOut *Tensor) (*Tensor, error) {
	return through(d.layer.Backward, gradOut)
}

// OutputShape returns the shape of the input. Data without channels are an error.
func (d *SpatialDropout) OutputShape(inShape []int) ([]int, error) {
	_, err := layout.ChannelsLast.Of(inShape...)
	return inShape, err
}

// Params returns nothing: there is nothing to learn.
func (d *SpatialDropout) Params() []*Param { return nil }

func through(do func(dst, src []float32, g layout.Geometry) error, x *Tensor) (*Tensor, error) {
	geom, err := layout.ChannelsLast.Of(x.Shape...)
	if err != nil {
		return nil, err
	}
	y := NewTensor(x.Shape)
	if err := do(y.Data, x.Data, geom); err != nil {
		return nil, err
	}
	return y, nil
}

func Example() {
	var modules []Module
	for k := range uint64(2) {
		module, err := NewSpatialDropout(0.5, 5, k)
		if err != nil {
			log.Fatal(err)
		}
		modules = append(modules, module)
	}
	ones := NewTensor([]int{1, 2, 2, 4})
	for i := range ones.Data {
		ones.Data[i] = 1
	}
	ctx := &Context{Mode: Train}
	x := ones
	for _, module := range modules {
		y, err := module.Forward(ctx, x)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(y.Data)
		x = y
	}
	dy := ones
	for k := len(modules) - 1; k >= 0; k-- {
		dx, err := modules[k].Backward(ctx, dy)
		if err != nil {
			log.Fatal(err)
		}
		dy = dx
	}
	fmt.Println(dy.Data)

	y, err := modules[0].Forward(&Context{Mode: Inference}, ones)
	fmt.Println(y.Data, err)
	_, err = modules[0].OutputShape([]int{3})
	var shape *layout.ArgumentError
	fmt.Println(errors.As(err, &shape), len(modules[0].Params()))
	_, err = NewSpatialDropout(2, 5, 0)
	fmt.Println(err)
	// Output:
	// [2 0 0 0 2 0 0 0 2 0 0 0 2 0 0 0]
	// [4 0 0 0 4 0 0 0 4 0 0 0 4 0 0 0]
	// [4 0 0 0 4 0 0 0 4 0 0 0 4 0 0 0]
	// [1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1] <nil>
	// true 0
	// mask: rate 2, want a number from 0 to 1
}
