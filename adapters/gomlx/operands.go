package gomlx

import (
	"github.com/gomlx/gomlx/core/graph"
)

// tensor is a node with channels.
type tensor struct {
	x                 *graph.Node
	kind              kind
	samples, channels int
	axis              int // of the channels
}

// operands are what a form computes with. Each is a scalar or has the axes [samples,
// channels], and may be nil.
type operands struct {
	keep   *graph.Node // false for a dropped channel; nil if x is taken as it is
	factor *graph.Node // nil stands for 1
	divide bool
	shift  *graph.Node // nil if nothing is added
}

// apply returns (x·factor)+shift, where x is +0 in channels that are not kept. The
// gradient of it is dy·factor, and +0 in those channels.
func (t tensor) apply(o operands) *graph.Node {
	y := t.x
	if o.keep != nil {
		keep := t.broadcast(o.keep)
		if !keep.IsScalar() {
			keep = graph.BroadcastToDims(keep, y.Shape().Dimensions...)
		}
		y = graph.Where(keep, y, graph.ScalarZero(y.Graph(), t.kind.dtype))
	}
	switch {
	case o.factor == nil:
	case o.divide:
		y = graph.Div(y, t.broadcast(o.factor))
	default:
		y = graph.Mul(y, t.broadcast(o.factor))
	}
	if o.shift != nil {
		y = graph.Add(y, t.broadcast(o.shift))
	}
	return y
}

// broadcast gives a node of [samples, channels] axes of length 1 for the spatial ones.
func (t tensor) broadcast(n *graph.Node) *graph.Node {
	if n.IsScalar() {
		return n
	}
	dims := make([]int, t.x.Rank())
	for i := range dims {
		dims[i] = 1
	}
	dims[0], dims[t.axis] = t.samples, t.channels
	return graph.Reshape(n, dims...)
}
