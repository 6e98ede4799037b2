package gomlx_test

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
)

// BenchmarkDropout compares ours in a graph, ours on the memory of tensors, gomlx's own
// dropout of single elements, and spatial dropout written with gomlx's operations, at rate
// 0.5, forward and with the gradient of a sum.
func BenchmarkDropout(b *testing.B) {
	for _, c := range []shapeCase{
		{images.ChannelsLast, []int{8, 28, 28, 64}},
		{images.ChannelsFirst, []int{8, 64, 28, 28}},
		{images.ChannelsLast, []int{32, 56, 56, 64}},
		{images.ChannelsFirst, []int{32, 64, 56, 56}},
	} {
		name := fmt.Sprintf("%v/%d", c.axis, c.dims[0])
		layersOf := []struct {
			name  string
			layer layer
		}{
			{"ours", func(s *model.Scope, x *graph.Node) *graph.Node {
				return gomlx.Dropout(s, x).ChannelsAxis(c.axis).WithRate(0.5).WithOptions(spatialdropout.WithSeed(1)).Done()
			}},
			{"stock", func(s *model.Scope, x *graph.Node) *graph.Node { return layers.DropoutStatic(s, x, 0.5) }},
			{"operations", func(s *model.Scope, x *graph.Node) *graph.Node {
				shape := x.Shape().Clone()
				for axis := 1; axis < shape.Rank(); axis++ {
					if axis != images.GetChannelsAxis(x, c.axis) {
						shape.Dimensions[axis] = 1
					}
				}
				factors := s.RandomBernoulli(graph.Scalar(x.Graph(), x.DType(), 0.5), shape)
				return graph.Mul(x, graph.MulScalar(factors, 2))
			}},
		}
		x := tensors.FromScalarAndDimensions(float32(1.5), c.dims...)
		for _, l := range layersOf {
			forward, err := model.NewExec(backend, model.NewStore(), func(s *model.Scope, x *graph.Node) *graph.Node {
				s.Store().SetTraining(x.Graph(), true)
				return l.layer(s, x)
			})
			must(b, err)
			b.Run(name+"/"+l.name+"/forward", func(b *testing.B) { run(b, forward, x) })
			both, err := model.NewExec(backend, model.NewStore(), func(s *model.Scope, x, dy *graph.Node) (*graph.Node, *graph.Node) {
				s.Store().SetTraining(x.Graph(), true)
				y := l.layer(s, x)
				return y, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, dy)), x)[0]
			})
			must(b, err)
			b.Run(name+"/"+l.name+"/both", func(b *testing.B) { run(b, both, x, x) })
		}
		y := tensors.FromShape(shapes.Make(x.DType(), c.dims...))
		drop, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1))
		must(b, err)
		to, err := gomlx.View(backend, y, c.axis)
		must(b, err)
		from, err := gomlx.View(backend, x, c.axis)
		must(b, err)
		b.Run(name+"/memory/forward", func(b *testing.B) {
			b.SetBytes(int64(8 * x.Size()))
			for range b.N {
				_, err := drop.Forward(to, from)
				must(b, err)
			}
		})
		b.Run(name+"/memory/both", func(b *testing.B) {
			b.SetBytes(int64(16 * x.Size()))
			for range b.N {
				p, err := drop.Forward(to, from)
				must(b, err)
				must(b, p.Backward(to, from))
			}
		})
	}
}

// run executes a graph and frees its results, as a trainer does.
func run(b *testing.B, exec *model.Exec, args ...any) {
	b.SetBytes(int64(8 * len(args) * args[0].(*tensors.Tensor).Size()))
	for range b.N {
		out, err := exec.Call(args...)
		must(b, err)
		for _, t := range out {
			t.MustFinalizeAll()
		}
	}
}
