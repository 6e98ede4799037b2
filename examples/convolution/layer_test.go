package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// shapes have numbers of channels of which every rate of the test keeps a share with an exact factor.
var shapes = []shape{
	{in: 20, out: 3, side: 5, filter: 3}, {in: 20, out: 7, side: 4, filter: 1}, {in: 20, out: 4, side: 1, filter: 3},
	{in: 40, out: 2, side: 2, filter: 3}, {in: 1, out: 1, side: 3, filter: 3}, {in: 20, out: 6, side: 3, filter: 1}, {in: 40, out: 66, side: 2, filter: 3},
}

// step is what a step of training computes.
type step struct{ y, dx, df []float32 }

// integers returns small integers, whose sums are exact in any order.
func integers(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.IntN(9) - 4)
	}
	return x
}

// garbage returns memory that a layer must overwrite.
func garbage(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return x
}

func train(t *testing.T, l layer, p problem, x, dy []float32) step {
	t.Helper()
	s := step{garbage(p.batch * p.outputs()), garbage(p.batch * p.inputs()), garbage(p.weights())}
	if err := l.forward(s.y, x); err != nil {
		t.Fatal(err)
	}
	if err := l.backward(s.dx, s.df, dy); err != nil {
		t.Fatal(err)
	}
	return s
}

// Both layers, with the same masks, give the same bits as a convolution written as its definition,
// step after step: outputs, gradients of the input and gradients of the filters. All numbers
// are multiples of 1/4 that a float32 holds, so that the order of the sums does not matter.
func TestLayersAgreeWithTheDefinition(t *testing.T) {
	for i := range len(orders) * len(shapes) {
		s := shapes[i/len(orders)]
		s.order = order(i % len(orders))
		for _, sharing := range []mask.Sharing{mask.PerChannel, mask.FixedCount, mask.Each} {
			for _, rate := range []float64{0, 0.2, 0.5, 1} {
				t.Run(fmt.Sprint(s, s.order, sharing, rate), func(t *testing.T) { compare(t, s, sharing, rate) })
			}
		}
	}
}

func compare(t *testing.T, s shape, sharing mask.Sharing, rate float64) {
	drop := func() *spatialdropout.Dropout {
		d, err := spatialdropout.New(rate, spatialdropout.WithSharing(sharing), spatialdropout.WithSeed(3))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	r := rand.New(rand.NewPCG(1, 2))
	p := problem{shape: s, batch: 4, filters: integers(r, s.weights())}
	layers := map[string]layer{}
	for _, workers := range []int{1, 3} {
		p.workers = workers
		p.drop = drop()
		layers[fmt.Sprintf("every channel, %d workers", workers)] = &every{problem: p}
		p.drop = drop()
		layers[fmt.Sprintf("kept channels, %d workers", workers)] = &kept{problem: p}
	}
	geom, err := p.geometry()
	if err != nil {
		t.Fatal(err)
	}
	masks := drop()
	for k := range 2 {
		x, dy := integers(r, p.batch*p.inputs()), integers(r, p.batch*p.outputs())
		copy(p.filters, integers(r, len(p.filters))) // as a step of training does
		m, err := masks.Draw(geom)
		if err != nil {
			t.Fatal(err)
		}
		want := defined(p, m, x, dy)
		for name, l := range layers {
			got := train(t, l, p, x, dy)
			equal(t, fmt.Sprintf("%s, step %d: output", name, k), got.y, want.y)
			equal(t, fmt.Sprintf("%s, step %d: gradient of the input", name, k), got.dx, want.dx)
			equal(t, fmt.Sprintf("%s, step %d: gradient of the filters", name, k), got.df, want.df)
		}
	}
}

// defined computes a step as the sums that define it.
func defined(p problem, m *mask.Mask, x, dy []float32) step {
	s := step{make([]float32, p.batch*p.outputs()), make([]float32, p.batch*p.inputs()), make([]float32, p.weights())}
	for n := range p.batch {
		for o := range p.out {
			for c := range p.in {
				factor := float32(0)
				if m.Kept(n, c) {
					factor = float32(m.Factor())
				}
				for at := range p.plane() * p.taps() {
					row, column := at/p.taps()/p.side, at/p.taps()%p.side
					tap := at % p.taps()
					i, j := row+tap/p.filter-p.filter/2, column+tap%p.filter-p.filter/2
					if i < 0 || j < 0 || i >= p.side || j >= p.side {
						continue
					}
					out := n*p.outputs() + o*p.plane() + row*p.side + column
					in := n*p.inputs() + c*p.plane() + i*p.side + j
					weight := p.row(c, tap)*p.out + o
					if p.order == oihw {
						weight = o*p.in*p.taps() + p.row(c, tap)
					}
					s.y[out] += p.filters[weight] * (x[in] * factor)
					s.df[weight] += dy[out] * (x[in] * factor)
					s.dx[in] += p.filters[weight] * (dy[out] * factor)
				}
			}
		}
	}
	for _, sum := range [][]float32{s.y, s.dx, s.df} {
		for i := range sum {
			sum[i] += 0 // a sum that is −0 here is +0 where it begins with +0
		}
	}
	return s
}

func equal(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: element %d of %d is %v, want %v", what, i, len(want), got[i], want[i])
		}
	}
}
