package guide_test

import (
	"errors"
	"fmt"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// The types of a framework with layers that keep what their backward pass needs, shaped
// like those of github.com/stolzmi/neugo, package nn.

// Tensor is contiguous, and channels last: [batch, h, w, c].
type Tensor struct {
	Shape []int
	Data  []float32
}

// NewTensor returns a tensor of zeros.
func NewTensor(shape []int) *Tensor {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	return &Tensor{shape, make([]float32, n)}
}

// Context says which pass a layer is in.
type Context struct{ Training bool }

// Module is a layer.
type Module interface {
	Forward(ctx *Context, x *Tensor) (*Tensor, error)
	Backward(ctx *Context, gradOut *Tensor) (*Tensor, error)
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
	d.layer.SetTraining(ctx.Training)
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

func Example_layers() {
	var first, second Module = must(NewSpatialDropout(0.5, 5, 0)), must(NewSpatialDropout(0.5, 5, 1))
	x := &Tensor{[]int{1, 2, 2, 4}, numbers(must(layout.NHWC.Of(1, 2, 2, 4)))}
	training := &Context{Training: true}
	y := must(second.Forward(training, must(first.Forward(training, x))))
	fmt.Println(y.Data)
	ones := &Tensor{x.Shape, []float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}}
	dx := must(first.Backward(training, must(second.Backward(training, ones))))
	fmt.Println(dx.Data)

	y = must(first.Forward(&Context{}, x)) // evaluation
	fmt.Println(y.Data)
	_, err := first.OutputShape([]int{3})
	var shape *layout.ShapeError
	fmt.Println(errors.As(err, &shape))
	_, err = NewSpatialDropout(2, 42, 0)
	fmt.Println(err)
	// Output:
	// [4 0 0 0 20 0 0 0 36 0 0 0 52 0 0 0]
	// [4 0 0 0 4 0 0 0 4 0 0 0 4 0 0 0]
	// [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]
	// true
	// mask: rate 2, want a number from 0 to 1
}
