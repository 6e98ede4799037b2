package gorgonia

import (
	"fmt"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// inOperations is spatial dropout written in operations of Gorgonia.
func inOperations(x *G.Node, rate float64) (*G.Node, error) {
	shape := x.Shape()
	u := G.UniformRandomNode(x.Graph(), G.Float32, 0, 1, shape[0], shape[1], 1, 1)
	kept, err := G.Gte(u, G.NewConstant(float32(rate)), true)
	if err != nil {
		return nil, err
	}
	factors, err := G.HadamardProd(kept, G.NewConstant(float32(1/(1-rate))))
	if err != nil {
		return nil, err
	}
	return G.BroadcastHadamardProd(x, factors, nil, []byte{2, 3})
}

// contenders are ways to drop.
var contenders = []struct {
	name string
	drop func(x *G.Node, rate float64) (*G.Node, error)
}{
	{"ours", func(x *G.Node, rate float64) (*G.Node, error) { return Dropout(x, rate) }},
	{"stock", G.Dropout},
	{"operations", inOperations},
}

// benchShapes are channels first.
var benchShapes = [][]int{{8, 64, 28, 28}, {32, 64, 56, 56}}

// bench runs a graph of one dropout, with its gradient or without.
func bench(shape []int, drop func(x *G.Node, rate float64) (*G.Node, error), gradient bool) func(b *testing.B) {
	return func(b *testing.B) {
		g := G.NewGraph()
		x := G.NodeFromAny(g, denseOf(numbers[float32](1, product(shape)), shape...), G.WithName("x"))
		y := must(drop(x, 0.5))(b)
		if gradient {
			dy := G.NodeFromAny(g, denseOf(numbers[float32](2, product(shape)), shape...), G.WithName("dy"))
			must(G.Backpropagate(G.Nodes{y}, G.Nodes{dy}, G.Nodes{x}))(b)
		}
		vm := G.NewTapeMachine(g)
		defer vm.Close()
		b.SetBytes(int64(4 * product(shape)))
		for b.Loop() {
			if err := vm.RunAll(); err != nil {
				b.Fatal(err)
			}
			vm.Reset()
		}
	}
}

// BenchmarkDropout compares this package, Gorgonia's own dropout, which drops single elements,
// and spatial dropout in operations of Gorgonia, on the tape machine.
func BenchmarkDropout(b *testing.B) {
	for _, shape := range benchShapes {
		for _, gradient := range []bool{false, true} {
			for _, c := range contenders {
				what := map[bool]string{false: "forward", true: "both"}[gradient]
				b.Run(fmt.Sprintf("%dx%dx%dx%d/%s/%s", shape[0], shape[1], shape[2], shape[3], what, c.name), bench(shape, c.drop, gradient))
			}
		}
	}
}

// BenchmarkInPlace is dropout behind another operation, whose output it may write over, and
// that operation alone.
func BenchmarkInPlace(b *testing.B) {
	for _, shape := range benchShapes {
		for _, c := range []struct {
			name string
			drop func(x *G.Node) (*G.Node, error)
		}{
			{"alone", func(x *G.Node) (*G.Node, error) { return x, nil }},
			{"new", Layer{Dropout: coreOf(b, 0.5)}.Apply},
			{"inplace", Layer{Dropout: coreOf(b, 0.5), InPlace: true}.Apply},
		} {
			behind := func(x *G.Node, _ float64) (*G.Node, error) {
				h, err := G.Add(x, x)
				if err != nil {
					return nil, err
				}
				return c.drop(h)
			}
			b.Run(fmt.Sprintf("%dx%dx%dx%d/%s", shape[0], shape[1], shape[2], shape[3], c.name), bench(shape, behind, false))
		}
	}
}

// BenchmarkTensor is the core on tensors without a graph, into memory that is there and in
// place.
func BenchmarkTensor(b *testing.B) {
	for _, shape := range benchShapes {
		drop := coreOf(b, 0.5)
		x, y := denseOf(numbers[float32](1, product(shape)), shape...), tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Float32))
		for what, dst := range map[string]*tensor.Dense{"apart": y, "inplace": x} {
			b.Run(fmt.Sprintf("%dx%dx%dx%d/%s", shape[0], shape[1], shape[2], shape[3], what), func(b *testing.B) {
				b.SetBytes(int64(4 * product(shape)))
				for b.Loop() {
					to, err := Tensor(dst, layout.NCHW)
					if err != nil {
						b.Fatal(err)
					}
					from, err := Tensor(x, layout.NCHW)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := drop.Forward(to, from); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// What the benchmark calls spatial dropout in operations is that: whole maps of 0, or twice
// their input, and the gradient likewise.
func TestContendersDropMaps(t *testing.T) {
	shape := []int{4, 16, 3, 3}
	ones := slices.Repeat([]float32{1}, product(shape))
	for _, c := range contenders {
		if c.name == "stock" {
			continue
		}
		y, dx := newNetwork(t, machines[0], func(x *G.Node) (*G.Node, error) { return c.drop(x, 0.5) }, ones, ones, shape...).step(t)
		same(t, c.name+", gradient", dx, y)
		kept := 0
		for m := range 64 {
			plane := y[9*m : 9*m+9]
			same(t, c.name, plane, slices.Repeat(plane[:1], 9))
			if plane[0] == 2 {
				kept++
			} else if plane[0] != 0 {
				t.Errorf("%s: a map of %v", c.name, plane[0])
			}
		}
		if kept == 0 || kept == 64 {
			t.Errorf("%s: %d of 64 maps are kept, want some", c.name, kept)
		}
	}
}
