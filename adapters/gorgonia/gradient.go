package gorgonia

import (
	"fmt"
	"hash"

	"github.com/chewxy/hm"
	"github.com/spatialdropout/spatialdropout"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// gradientOp is the gradient of an op. Its inputs are the output of the forward pass, which
// says which pass it was and is not read, and the gradient with respect to it.
type gradientOp struct{ of *op }

var (
	_ G.SDOp            = (*gradientOp)(nil)
	_ G.UsePreallocDoer = (*gradientOp)(nil)
	_ G.IncrDoer        = (*gradientOp)(nil)
)

// Do writes to a new tensor.
func (d *gradientOp) Do(inputs ...G.Value) (G.Value, error) {
	pass, dy, err := d.inputs(inputs)
	if err != nil {
		return nil, err
	}
	return d.write(spatialdropout.Pass.Backward, pass, like(dy), dy)
}

// UsePreallocDo writes to prealloc, which may be the gradient of the output itself.
func (d *gradientOp) UsePreallocDo(prealloc G.Value, inputs ...G.Value) (G.Value, error) {
	return d.into(spatialdropout.Pass.Backward, prealloc, inputs)
}

// IncrDo adds to a tensor.
func (d *gradientOp) IncrDo(sum G.Value, inputs ...G.Value) error {
	_, err := d.into(spatialdropout.Pass.AddTo, sum, inputs)
	return err
}

// backward is Backward or AddTo of a pass.
type backward func(p spatialdropout.Pass, dst, src spatialdropout.Tensor) error

// into makes a backward pass into a value.
func (d *gradientOp) into(do backward, value G.Value, inputs []G.Value) (G.Value, error) {
	pass, dy, err := d.inputs(inputs)
	if err != nil {
		return nil, err
	}
	dx, err := dense(value)
	if err != nil {
		return nil, err
	}
	return d.write(do, pass, dx, dy)
}

// write makes a backward pass.
func (d *gradientOp) write(do backward, pass spatialdropout.Pass, dx, dy *tensor.Dense) (G.Value, error) {
	if err := sameShape(dx, dy); err != nil {
		return nil, err
	}
	dst, err := d.of.tensor(dx)
	if err != nil {
		return nil, err
	}
	src, err := d.of.tensor(dy)
	if err != nil {
		return nil, err
	}
	if err := do(pass, dst, src); err != nil {
		return nil, err
	}
	return dx, nil
}

// inputs returns the pass that has made the output, and the gradient with respect to it.
func (d *gradientOp) inputs(inputs []G.Value) (pass spatialdropout.Pass, dy *tensor.Dense, err error) {
	if len(inputs) != 2 {
		return pass, nil, arityError(len(inputs), 2)
	}
	y, err := dense(inputs[0])
	if err != nil {
		return pass, nil, err
	}
	if dy, err = dense(inputs[1]); err != nil {
		return pass, nil, err
	}
	if err := sameShape(dy, y); err != nil {
		return pass, nil, err
	}
	pass, ok := d.of.passes.of(y)
	if !ok {
		return pass, nil, &GradientError{Op: d.of.String()}
	}
	return pass, dy, nil
}

// SymDiff returns the node of the second derivative: the operation is linear in the gradient
// and its own transpose.
func (d *gradientOp) SymDiff(inputs G.Nodes, _, grad *G.Node) (G.Nodes, error) {
	if len(inputs) != 2 {
		return nil, arityError(len(inputs), 2)
	}
	ddy, err := G.ApplyOp(d, inputs[0], grad)
	if err != nil {
		return nil, err
	}
	return G.Nodes{nil, ddy}, nil
}

// DiffWRT says that the gradient of the input depends on that of the output alone.
func (d *gradientOp) DiffWRT(int) []bool { return []bool{false, true} }

// Arity is 2.
func (d *gradientOp) Arity() int { return 2 }

// Type is a → a → a.
func (d *gradientOp) Type() hm.Type {
	a := hm.TypeVariable('a')
	return hm.NewFnType(a, a, a)
}

// InferShape returns the shape of the gradient of the output.
func (d *gradientOp) InferShape(inputs ...G.DimSizer) (tensor.Shape, error) {
	return shapeOf(inputs, 2)
}

// ReturnsPtr says that the result may be overwritten.
func (d *gradientOp) ReturnsPtr() bool { return true }

// CallsExtern is false.
func (d *gradientOp) CallsExtern() bool { return false }

// OverwritesInput says that neither input may be overwritten: gradients are often the values
// of several nodes.
func (d *gradientOp) OverwritesInput() int { return -1 }

// WriteHash writes what no other operation has.
func (d *gradientOp) WriteHash(h hash.Hash) { fmt.Fprintf(h, "gradient of spatialdropout %d", d.of.id) }

// Hashcode returns the hash of WriteHash.
func (d *gradientOp) Hashcode() uint32 { return hashcode(d) }

// String names the operation in graphs and messages.
func (d *gradientOp) String() string { return "Gradient" + d.of.String() }
