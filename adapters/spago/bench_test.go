package spago

import (
	"fmt"
	"testing"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn/dropout"
	"github.com/spatialdropout/spatialdropout"
)

// BenchmarkDropout is a training step of dropout alone, float32 at rate 0.5, in bytes of the input:
// the model on a matrix for each map and on all in one, the stock dropout, and the same as the model
// in operations of the graph.
//
//	go test -run '^$' -bench Dropout
func BenchmarkDropout(b *testing.B) {
	for _, d := range [][4]int{{8, 64, 28, 28}, {32, 64, 56, 56}} {
		maps, length := d[0]*d[1], d[2]*d[3]
		x := make([]float32, maps*length)
		for i := range x {
			x[i] = float32(i%100) / 10
		}
		list, one := matrices(x, maps, d[2]), matrices(x, 1, maps)
		m := must(New(0.5, spatialdropout.WithSeed(1)))(b)
		m.Channels = d[1]
		geometry := geometryOf(b, d[:]...)
		for _, way := range []struct {
			name string
			xs   []mat.Tensor
			run  func() []mat.Tensor
		}{
			{"list", list, func() []mat.Tensor { return m.Forward(list...) }},
			{"rows", one, func() []mat.Tensor { return []mat.Tensor{m.ForwardRows(one[0])} }},
			{"stock", list, func() []mat.Tensor { return dropout.New(0.5).Forward(list...) }},
			{"graph", list, func() []mat.Tensor {
				drawn := must(m.Dropout().Draw(geometry))(b)
				ys := make([]mat.Tensor, maps)
				for i, x := range list {
					factor := float32(0)
					if drawn.Kept(i/d[1], i%d[1]) {
						factor = 2
					}
					ys[i] = ag.ProdScalar(x, mat.Scalar(factor))
				}
				return ys
			}},
		} {
			dys := blank(way.xs[0], len(way.xs))
			for _, pass := range []string{"forward", "both"} {
				b.Run(fmt.Sprintf("size=%dx%dx%dx%d/way=%s/pass=%s", d[0], d[1], d[2], d[3], way.name, pass), func(b *testing.B) {
					b.SetBytes(int64(4 * len(x)))
					for range b.N {
						ys := way.run()
						if pass == "forward" {
							continue
						}
						for i, y := range ys {
							y.AccGrad(dys[i])
						}
						if err := ag.Backward(ys...); err != nil {
							b.Fatal(err)
						}
						for _, x := range way.xs {
							x.ZeroGrad()
						}
					}
				})
			}
		}
	}
}
