// Package gorgonia brings spatial dropout to graphs of gorgonia.org/gorgonia: whole feature
// maps are dropped, and the rest are scaled by 1/(1−rate).
//
//	x := G.NewTensor(g, tensor.Float32, 4, G.WithShape(32, 64, 28, 28), G.WithName("x"))
//	y, err := gorgonia.Dropout(x, 0.5)                               // channels first, a random seed
//	y, err = gorgonia.Dropout(x, 0.5, spatialdropout.WithSeed(42))   // a run that can be repeated
//	drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(7)) // a Dropout to save and restore
//	y, err = gorgonia.Layer{Dropout: drop, Order: layout.NHWC}.Apply(x)
//
// Every run of the graph in training draws a new mask, and the backward pass of a run uses the
// mask of its own forward pass, in the tape machine as well as in the LispMachine. A machine
// that is made with [G.EvalMode] evaluates. [SetTraining] switches machines that exist.
//
// [Tensor] hands a *tensor.Dense to the core without a graph.
package gorgonia

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Dropout returns a node whose value is x with spatial dropout. x has the axes N, C, H and W,
// and elements of type float32 or float64. [Layer] takes other axes.
//
// Calls with the same seed drop the same channels, each from its first draw on: give node k of
// a network spatialdropout.WithSeed(mask.Child(seed, k)). Without a seed each has a random one.
//
// The errors are those of [spatialdropout.New] and [Layer.Apply].
func Dropout(x *G.Node, rate float64, opts ...spatialdropout.Option) (*G.Node, error) {
	drop, err := spatialdropout.New(rate, opts...)
	if err != nil {
		return nil, err
	}
	return Layer{Dropout: drop}.Apply(x)
}

// Layer says how dropout is applied to a node.
type Layer struct {
	// Dropout draws the masks. Its State is what a checkpoint needs, and
	// [spatialdropout.Restore] makes one that goes on bit for bit.
	Dropout *spatialdropout.Dropout
	// Order is the order of the axes of x. The zero Order stands for [layout.NCHW].
	Order layout.Order
	// Channels is the number of channels that x must have, for callers who know it: an axis
	// taken for another one is an error then. 0 stands for any number.
	Channels int
	// InPlace lets a tape machine write the output over x, where nothing else in the graph
	// uses the value of x later, neither a gradient nor a Read. It saves the memory of the
	// output. Afterwards x.Value() is the output, too. Gorgonia does the same for its
	// operations of two operands. It does not know that a node made by Reshape shares memory
	// with its input, so none of both may have other uses.
	InPlace bool
}

// Apply returns a node whose value is x with spatial dropout. Each call makes a node that draws
// for itself: nodes of one Layer take steps of the same random stream, in the order in which
// the machine runs them.
//
// Apply returns a [*TensorError] unless x is a tensor of float32 or float64 with as many
// channels as the layer says, or if InPlace would write to memory that x shares with another
// node. It returns a [*spatialdropout.UseError] if the layer has no Dropout. The other
// errors are those of [layout.Order.Strided] and [G.ApplyOp].
func (l Layer) Apply(x *G.Node) (*G.Node, error) {
	// A Dropout that is not zero refuses the missing mask, before it draws.
	var zero *spatialdropout.UseError
	if err := l.Dropout.DrawInto(nil, layout.Geometry{}); errors.As(err, &zero) {
		return nil, err
	}
	if x == nil {
		return nil, &TensorError{Given: "no node", Want: "a node with the axes of the layer"}
	}
	o := &op{drop: l.Dropout, order: l.Order, channels: l.Channels, inPlace: l.InPlace}
	if l.Order == 0 {
		o.order = layout.NCHW
	}
	if t, ok := x.Type().(G.TensorType); !ok || t.Of != tensor.Float32 && t.Of != tensor.Float64 {
		return nil, &TensorError{Given: fmt.Sprintf("the node %v of type %v", x, x.Type()), Want: "a tensor of float32 or float64"}
	}
	g, err := o.order.Strided(x.Shape(), x.Shape().CalcStrides())
	if err != nil {
		return nil, err
	}
	if err := o.fits(g); err != nil {
		return nil, err
	}
	if l.InPlace && shares(x.Op()) {
		return nil, &TensorError{Given: fmt.Sprintf("the node %v in place, whose memory is that of its input", x), Want: "a node of its own memory, or InPlace false"}
	}
	o.id = ids.Add(1)
	return G.ApplyOp(o, x)
}

// shares reports whether an operation of Gorgonia returns the memory of its input in a
// register of its own: Reshape, the identity, and in evaluation its own Dropout.
func shares(o G.Op) bool {
	if o == nil {
		return false // an input, which no machine lets be overwritten
	}
	_, identity := o.(G.Iop)
	return identity || strings.HasPrefix(o.String(), "Reshape") || strings.HasPrefix(o.String(), "Dropout{")
}

// SetTraining switches all nodes of a graph that know a difference between training and
// evaluation, Gorgonia's own among them, from the next run on. A machine switches them when it
// is made: to evaluation with [G.EvalMode], otherwise to training.
func SetTraining(g *G.ExprGraph, training bool) error {
	for _, n := range g.AllNodes() {
		if o, ok := n.Op().(G.TrainModeOp); ok {
			if err := o.SetTraining(training); err != nil {
				return err
			}
		}
	}
	return nil
}
