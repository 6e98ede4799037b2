package main

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout/examples/digits/mnist"
)

// The gradient of the loss with respect to the parameters of every layer is that of central
// differences, with each kind of dropout, where each loss is computed with the same masks.
func TestGradientIsThatOfDifferences(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, for long under the race detector")
	}
	const n, seed, rate = 3, 5, 0.4
	random := rand.New(rand.NewPCG(1, 2))
	x, labels := make([]float64, n*mnist.Side*mnist.Side), []byte{3, 0, 9}
	for i := range x {
		x[i] = random.Float64()
	}
	for _, h := range []head{average, flattens} {
		for _, k := range kinds {
			// A new network of the same seed draws the same masks.
			pass := func(set func([]parameter[float64])) (*network[float64], float64) {
				net, err := newNetwork[float64](h, setting{k, afterBoth, rate}, seed)
				if err != nil {
					t.Fatal(err)
				}
				set(net.parameters())
				logits, err := net.forward(x, n, true)
				if err != nil {
					t.Fatal(err)
				}
				loss, err := net.backward(logits, labels)
				if err != nil {
					t.Fatal(err)
				}
				return net, loss
			}
			net, _ := pass(func([]parameter[float64]) {})
			for p, own := range net.parameters() {
				var largest float64
				for _, g := range own.gradient {
					largest = max(largest, math.Abs(g))
				}
				if largest == 0 {
					t.Errorf("%v, %v: all gradients of parameter %d are 0", h, k, p)
				}
				for range 8 {
					const h = 1e-5
					i := random.IntN(len(own.value))
					_, above := pass(func(all []parameter[float64]) { all[p].value[i] += h })
					_, below := pass(func(all []parameter[float64]) { all[p].value[i] -= h })
					got, want := own.gradient[i], (above-below)/(2*h)
					if math.Abs(got-want) > 1e-6*largest {
						t.Errorf("%v, %v: parameter %d has the gradient %v at %d, want %v", h, k, p, got, i, want)
					}
				}
			}
		}
	}
}
