package gomlx

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Draw draws the next mask of drop for a tensor of so many samples and channels, and
// returns it as an input for a graph with [Config.WithMasks]. drop is any Dropout of the
// core: of every stream, option and schedule. dtype is the type of the tensor that the
// masks are for.
//
// The result has the shape [3, samples, channels]: what elements are multiplied or divided
// by, what is added to them, and 1 for a channel that is not dropped. The graph knows which
// of them its arithmetic needs. The errors are those of [spatialdropout.Dropout.Draw], and a
// [*ShapeError] for another type. No step is spent then.
func Draw(drop *spatialdropout.Dropout, dtype dtypes.DType, samples, channels int) (*tensors.Tensor, error) {
	k, ok := kindOf(dtype)
	if !ok {
		return nil, &ShapeError{dtype.String(), "float32, float64, float16 or bfloat16"}
	}
	g, err := layout.NC.Of(samples, channels)
	if err != nil {
		return nil, err
	}
	m, err := drop.Draw(g)
	if err != nil {
		return nil, err
	}
	return masksOf(m, k)
}

// masksOf returns a mask as an input.
func masksOf(m *mask.Mask, k kind) (*tensors.Tensor, error) {
	n := numbersOf(m, formOf(m.Arithmetic(), k), k)
	all := append(append(n.factors, n.shifts...), n.keeps...)
	return tensorOf(k.dtype, all, 3, m.Samples(), m.Channels())
}

// checkMasks returns an error unless masks are there where they are needed, for this
// tensor, and nothing else is configured.
func (c *Config) checkMasks(t tensor) error {
	if c.drop == nil {
		return &spatialdropout.UseError{Given: "no Dropout, or a zero one", Want: "one of spatialdropout.New"}
	}
	if c.rate != nil || c.opts != nil || c.restored {
		return &UnsupportedError{"a rate, options or a restored state beside masks", "those of the Dropout that draws the masks"}
	}
	if c.masks == nil {
		if c.scope.IsTraining(t.x.Graph()) || c.drop.State().Always {
			return &ShapeError{"of no masks", "what Draw returns"}
		}
		return nil
	}
	if err := c.masks.Shape().Check(t.kind.dtype, 3, t.samples, t.channels); err != nil {
		return &ShapeError{fmt.Sprintf("of masks %v for %v", c.masks.Shape(), t.x.Shape()), fmt.Sprintf("%v, as Draw returns it", shapes.Make(t.kind.dtype, 3, t.samples, t.channels))}
	}
	return nil
}

// maskOperands returns the operands that masks bring.
func maskOperands(masks *graph.Node, a mask.Arithmetic, t tensor) operands {
	part := func(i int) *graph.Node {
		return graph.Reshape(graph.Slice(masks, graph.AxisElem(i)), t.samples, t.channels)
	}
	f := formOf(a, t.kind)
	o := operands{factor: part(0), divide: f.divide}
	if f.shift {
		o.shift = part(1)
	}
	if f.drop {
		o.keep = graph.NotEqual(part(2), graph.ScalarZero(masks.Graph(), t.kind.dtype))
	}
	return o
}
