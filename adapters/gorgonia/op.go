package gorgonia

import (
	"fmt"
	"hash"
	"hash/fnv"
	"slices"
	"sync/atomic"

	"github.com/chewxy/hm"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// op is the operation of one node. Each run of it in training is the next draw.
type op struct {
	id         uint64 // of this node alone: Gorgonia makes one node of operations with the same hash
	drop       *spatialdropout.Dropout
	order      layout.Order
	channels   int
	inPlace    bool
	evaluation atomic.Bool
	passes     passes
}

var (
	_ G.ADOp            = (*op)(nil)
	_ G.SDOp            = (*op)(nil)
	_ G.UsePreallocDoer = (*op)(nil)
	_ G.UnsafeDoer      = (*op)(nil)
	_ G.TrainModeOp     = (*op)(nil)
)

// ids counts the nodes of the program.
var ids atomic.Uint64

// Do writes to a new tensor.
func (o *op) Do(inputs ...G.Value) (G.Value, error) {
	x, err := o.input(inputs)
	if err != nil {
		return nil, err
	}
	return o.run(like(x), x)
}

// UsePreallocDo writes to prealloc, which may be the input itself.
func (o *op) UsePreallocDo(prealloc G.Value, inputs ...G.Value) (G.Value, error) {
	x, err := o.input(inputs)
	if err != nil {
		return nil, err
	}
	y, err := dense(prealloc)
	if err != nil {
		return nil, err
	}
	return o.run(y, x)
}

// UnsafeDo writes to the input.
func (o *op) UnsafeDo(inputs ...G.Value) (G.Value, error) {
	x, err := o.input(inputs)
	if err != nil {
		return nil, err
	}
	return o.run(x, x)
}

// run is the forward pass.
func (o *op) run(y, x *tensor.Dense) (G.Value, error) {
	if err := sameShape(y, x); err != nil {
		return nil, err
	}
	dst, err := o.tensor(y)
	if err != nil {
		return nil, err
	}
	src, err := o.tensor(x)
	if err != nil {
		return nil, err
	}
	forward := o.drop.Forward
	if o.evaluation.Load() {
		forward = o.drop.Evaluate
	}
	pass, err := forward(dst, src)
	if err != nil {
		return nil, err
	}
	o.passes.put(y, pass)
	return y, nil
}

// input returns the input of the operation.
func (o *op) input(inputs []G.Value) (*tensor.Dense, error) {
	if len(inputs) != 1 {
		return nil, arityError(len(inputs), 1)
	}
	return dense(inputs[0])
}

// tensor returns t for the core.
func (o *op) tensor(t *tensor.Dense) (spatialdropout.Tensor, error) {
	s, err := Tensor(t, o.order)
	if err != nil {
		return s, err
	}
	return s, o.fits(s.Geometry)
}

// fits returns an error unless the number of channels is the one that the layer was told.
func (o *op) fits(g layout.Geometry) error {
	if o.channels != 0 && g.Channels() != o.channels {
		return &TensorError{Given: fmt.Sprintf("%d channels in the order %v: %v", g.Channels(), o.order, g), Want: fmt.Sprintf("%d channels", o.channels)}
	}
	return nil
}

// DoDiff adds the gradient of the input to what is there: the LispMachine accumulates.
func (o *op) DoDiff(_ G.ExecutionContext, inputs G.Nodes, output *G.Node) error {
	if len(inputs) != 1 {
		return arityError(len(inputs), 1)
	}
	dx, err := inputs[0].Grad()
	if err != nil {
		return err
	}
	dy, err := output.Grad()
	if err != nil {
		return err
	}
	return (&gradientOp{o}).IncrDo(dx, output.Value(), dy)
}

// SymDiff returns the node of the gradient. It hangs on the output, without which a linear
// loss could compute the gradient before the forward pass.
func (o *op) SymDiff(inputs G.Nodes, output, grad *G.Node) (G.Nodes, error) {
	if len(inputs) != 1 {
		return nil, arityError(len(inputs), 1)
	}
	dx, err := G.ApplyOp(&gradientOp{o}, output, grad)
	if err != nil {
		return nil, err
	}
	return G.Nodes{dx}, nil
}

// DiffWRT says that the output depends on the only input.
func (o *op) DiffWRT(int) []bool { return []bool{true} }

// SetTraining switches between training and evaluation.
func (o *op) SetTraining(training bool) error {
	o.evaluation.Store(!training)
	return nil
}

// Arity is 1.
func (o *op) Arity() int { return 1 }

// Type is a → a.
func (o *op) Type() hm.Type { return hm.NewFnType(hm.TypeVariable('a'), hm.TypeVariable('a')) }

// InferShape returns the shape of the input.
func (o *op) InferShape(inputs ...G.DimSizer) (tensor.Shape, error) { return shapeOf(inputs, 1) }

// ReturnsPtr says that the output may be overwritten.
func (o *op) ReturnsPtr() bool { return true }

// CallsExtern is false.
func (o *op) CallsExtern() bool { return false }

// OverwritesInput returns the input that the tape machine may have overwritten.
func (o *op) OverwritesInput() int {
	if o.inPlace {
		return 0
	}
	return -1
}

// WriteHash writes what no other node has.
func (o *op) WriteHash(h hash.Hash) { fmt.Fprintf(h, "spatialdropout %d", o.id) }

// Hashcode returns the hash of WriteHash.
func (o *op) Hashcode() uint32 { return hashcode(o) }

// String names the operation in graphs and messages.
func (o *op) String() string { return fmt.Sprintf("SpatialDropout%d(%v)", o.id, o.order) }

func hashcode(o G.Op) uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// like returns a new tensor of the shape and type of t.
func like(t *tensor.Dense) *tensor.Dense {
	return tensor.New(tensor.WithShape(t.Shape().Clone()...), tensor.Of(t.Dtype()), tensor.WithEngine(t.Engine()))
}

// dense returns the tensor that a value is.
func dense(v G.Value) (*tensor.Dense, error) {
	if t, ok := v.(*tensor.Dense); ok && t != nil {
		return t, nil
	}
	return nil, &TensorError{Given: fmt.Sprintf("a value of type %T", v), Want: "a *tensor.Dense"}
}

// sameShape returns an error unless two tensors have the same shape and type.
func sameShape(dst, src *tensor.Dense) error {
	if slices.Equal(dst.Shape(), src.Shape()) && dst.Dtype() == src.Dtype() {
		return nil
	}
	return &TensorError{Given: fmt.Sprintf("%v of shape %v into %v of shape %v", src.Dtype(), src.Shape(), dst.Dtype(), dst.Shape()), Want: "both alike"}
}

// shapeOf returns the shape of the last of so many inputs.
func shapeOf(inputs []G.DimSizer, arity int) (tensor.Shape, error) {
	if len(inputs) != arity {
		return nil, arityError(len(inputs), arity)
	}
	shape, ok := inputs[arity-1].(tensor.Shape)
	if !ok {
		return nil, &TensorError{Given: fmt.Sprintf("a shape of type %T", inputs[arity-1]), Want: "a tensor.Shape"}
	}
	return shape.Clone(), nil
}

func arityError(given, want int) error {
	return &TensorError{Given: fmt.Sprintf("%d inputs", given), Want: fmt.Sprint(want)}
}
