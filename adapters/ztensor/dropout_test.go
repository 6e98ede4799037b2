package ztensor

import (
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/zerfoo/float16"
)

// Output and gradient are those of the core to the bit, step after step, in every order of axes.
func TestPassesAreThoseOfTheCore(t *testing.T) {
	all(t, testPasses[float32], testPasses[float64], testPasses[float16.Float16], testPasses[float16.BFloat16])
}

func testPasses[T Float](t *testing.T) {
	covered := shapes()
	for _, order := range layout.Orders() {
		if order == layout.NCHW8c || order == layout.NCHW16c {
			continue // see TestTensorsThatAreRefused
		}
		shape := covered[order]
		if shape == nil {
			t.Fatalf("no shape for the order %v", order)
		}
		x, w := numbers[T](1, product(shape)), numbers[T](2, product(shape))
		d := nodeOf[T](t, 0.4, spatialdropout.WithSeed(11))
		d.Order = order
		core := coreOf(t, 0.4, spatialdropout.WithSeed(11))
		masks := map[string]bool{}
		for range 4 {
			y, dx := step(t, d, x, w, shape...)
			wantY, wantDx, m := training(t, core, order, shape, x, w)
			same(t, order.String()+", output", y, wantY)
			same(t, order.String()+", gradient", dx, wantDx)
			masks[m.String()] = true
		}
		if len(masks) != 4 {
			t.Errorf("%v: %d masks in 4 steps, want a new one for each", order, len(masks))
		}
	}
}

// The order of a node that sets none is channels first.
func TestDefaultOrderIsNCHW(t *testing.T) {
	shape := []int{2, 6, 3, 4}
	x, w := numbers[float32](3, product(shape)), numbers[float32](4, product(shape))
	d := nodeOf[float32](t, 0.3, spatialdropout.WithSeed(5))
	y, dx := step(t, d, x, w, shape...)
	wantY, wantDx, _ := training(t, coreOf(t, 0.3, spatialdropout.WithSeed(5)), layout.NCHW, shape, x, w)
	same(t, "output", y, wantY)
	same(t, "gradient", dx, wantDx)
	// Whole maps are dropped: what one position says, all positions of its map say.
	for i := range y {
		if first := i - i%12; (y[i] == 0) != (y[first] == 0) {
			t.Fatalf("element %d is %v, element %d of the same map is %v", i, y[i], first, y[first])
		}
	}
}

// A dropped map is +0 in the output and in the gradient, whatever it held, and NaN and Inf stay
// in a kept one.
func TestDroppedMapsAreZero(t *testing.T) {
	all(t, testDropped[float32], testDropped[float64], testDropped[float16.Float16], testDropped[float16.BFloat16])
}

func testDropped[T Float](t *testing.T) {
	shape := []int{2, 8, 2, 2}
	nan, inf, minus := number[T](math.NaN()), number[T](math.Inf(-1)), number[T](-1)
	x, w := numbers[T](5, product(shape)), numbers[T](6, product(shape))
	for c := range 16 {
		copy(x[4*c:], []T{nan, inf, minus})
		copy(w[4*c:], []T{inf, nan, minus})
	}
	d := nodeOf[T](t, 0.5, spatialdropout.WithSeed(1))
	m := must(coreOf(t, 0.5, spatialdropout.WithSeed(1)).Draw(must(layout.NCHW.Of(shape...))(t)))(t)
	if kept := m.CountKept(); kept == 0 || kept == 16 {
		t.Fatalf("%d of 16 channels are kept, want some", kept)
	}
	y, dx := step(t, d, x, w, shape...)
	for c := range 16 {
		if !m.Kept(c/8, c%8) {
			same(t, "dropped map", y[4*c:4*c+4], make([]T, 4))
			same(t, "gradient of a dropped map", dx[4*c:4*c+4], make([]T, 4))
			continue
		}
		same(t, "Inf of a kept map and of its gradient", []T{y[4*c+1], dx[4*c]}, []T{inf, inf})
		for _, v := range []T{y[4*c], dx[4*c+1]} {
			if magnitude := bits(v) &^ (bits(inf) ^ bits(number[T](math.Inf(1)))); magnitude <= bits(number[T](math.Inf(1))) {
				t.Errorf("kept map %d has %v where NaN was", c, v)
			}
		}
	}
}

// The gradient agrees with the finite differences of a loss that is not linear.
func TestGradientAgreesWithFiniteDifferences(t *testing.T) {
	shape := []int{2, 4, 2, 1}
	x := numbers[float64](7, product(shape))
	output := func(x []float64) []float64 {
		return must(nodeOf[float64](t, 0.5, spatialdropout.WithSeed(2)).Forward(ctx, tensorOf(t, x, shape...)))(t).Data()
	}
	loss := func(x []float64) (sum float64) {
		for _, v := range output(x) {
			sum += v * v * v
		}
		return sum
	}
	dy := output(x)
	for i, v := range dy {
		dy[i] = 3 * v * v
	}
	_, dx := step(t, nodeOf[float64](t, 0.5, spatialdropout.WithSeed(2)), x, dy, shape...)
	dropped := 0
	for i := range x {
		const h = 1e-5
		up, down := append([]float64(nil), x...), append([]float64(nil), x...)
		up[i] += h
		down[i] -= h
		if want := (loss(up) - loss(down)) / (2 * h); math.Abs(dx[i]-want) > 1e-6*math.Max(1, math.Abs(want)) {
			t.Errorf("gradient %d is %v, finite differences give %v", i, dx[i], want)
		}
		if dx[i] == 0 {
			dropped++
		}
	}
	if dropped == 0 || dropped == len(x) {
		t.Errorf("%d of %d gradients are 0, want some", dropped, len(x))
	}
}

// The gradient of a sum is the factors.
func TestLinearLoss(t *testing.T) {
	all(t, testLinearLoss[float32], testLinearLoss[float64], testLinearLoss[float16.Float16], testLinearLoss[float16.BFloat16])
}

func testLinearLoss[T Float](t *testing.T) {
	shape := []int{3, 4, 2, 5}
	x, ones := numbers[T](8, product(shape)), constant[T](1, product(shape))
	_, dx := step(t, nodeOf[T](t, 0.5, spatialdropout.WithSeed(3)), x, ones, shape...)
	_, want, m := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(3)), layout.NCHW, shape, x, ones)
	same(t, "gradient", dx, want)
	for i, v := range dx {
		factor := number[T](0)
		if m.Kept(i/40, i/10%4) {
			factor = number[T](2)
		}
		if bits(v) != bits(factor) {
			t.Fatalf("gradient %d is %v, want %v", i, v, factor)
		}
	}
}

// At rate 0 the output has the bits of the input, and at rate 1 it is +0.
func TestRates(t *testing.T) {
	all(t, testRates[float32], testRates[float64], testRates[float16.Float16], testRates[float16.BFloat16])
}

func testRates[T Float](t *testing.T) {
	shape := []int{2, 3, 2, 2}
	x, w := numbers[T](1, product(shape)), numbers[T](2, product(shape))
	x[0], w[1] = number[T](math.Inf(1)), number[T](math.Copysign(0, -1))
	y, dx := step(t, nodeOf[T](t, 0), x, w, shape...)
	same(t, "rate 0, output", y, x)
	same(t, "rate 0, gradient", dx, w)
	y, dx = step(t, nodeOf[T](t, 1), x, w, shape...)
	same(t, "rate 1, output", y, make([]T, len(x)))
	same(t, "rate 1, gradient", dx, make([]T, len(x)))
}

// Tensors without elements are tensors like others.
func TestNoElements(t *testing.T) {
	for _, shape := range [][]int{{0, 3, 2, 2}, {2, 0, 2, 2}, {2, 3, 0, 2}} {
		d := nodeOf[float32](t, 0.5)
		in := tensorOf(t, []float32{}, shape...)
		y, err := d.Forward(ctx, in)
		if err != nil || y.Size() != 0 || len(y.Shape()) != 4 {
			t.Errorf("%v: output %v, error %v", shape, y, err)
		}
		if dx := backward(t, d, nil, in); len(dx) != 0 {
			t.Errorf("%v: gradient %v", shape, dx)
		}
	}
}
