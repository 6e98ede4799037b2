package born

import (
	"math"
	"testing"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/backend/cpu"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Output and gradient are those of the core to the bit, step after step, in every order of axes.
func TestPassesAreThoseOfTheCore(t *testing.T) {
	both(t, testPasses[float32], testPasses[float64])
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
		d := layerOf[T](t, recording(), 0.4, spatialdropout.WithSeed(11))
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

// The order of a layer that sets none is channels first.
func TestDefaultOrderIsNCHW(t *testing.T) {
	shape := []int{2, 6, 3, 4}
	x, w := numbers[float32](3, product(shape)), numbers[float32](4, product(shape))
	d := layerOf[float32](t, recording(), 0.3, spatialdropout.WithSeed(5))
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
	shape := []int{2, 8, 2, 2}
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	x, w := numbers[float32](5, product(shape)), numbers[float32](6, product(shape))
	for c := range 16 {
		x[4*c], x[4*c+1], x[4*c+2] = nan, inf, -1
		w[4*c], w[4*c+1], w[4*c+2] = inf, nan, -1
	}
	d := layerOf[float32](t, recording(), 0.5, spatialdropout.WithSeed(1))
	m := must(coreOf(t, 0.5, spatialdropout.WithSeed(1)).Draw(must(layout.NCHW.Of(shape...))(t)))(t)
	if kept := m.CountKept(); kept == 0 || kept == 16 {
		t.Fatalf("%d of 16 channels are kept, want some", kept)
	}
	y, dx := step(t, d, x, w, shape...)
	for c := range 16 {
		if !m.Kept(c/8, c%8) {
			same(t, "dropped map", y[4*c:4*c+4], make([]float32, 4))
			same(t, "gradient of a dropped map", dx[4*c:4*c+4], make([]float32, 4))
			continue
		}
		for what, v := range map[string][2]float32{"map": {y[4*c], y[4*c+1]}, "gradient": {dx[4*c+1], dx[4*c]}} {
			if v[0] == v[0] || v[1] != inf {
				t.Errorf("kept %s %d begins with %v, want NaN and -Inf", what, c, v)
			}
		}
	}
}

// The gradient agrees with the finite differences of a loss that is not linear.
func TestGradientAgreesWithFiniteDifferences(t *testing.T) {
	shape := []int{2, 4, 2, 1}
	x := numbers[float64](7, product(shape))
	loss := func(x []float64) float64 {
		y := layerOf[float64](t, cpu.New(), 0.5, spatialdropout.WithSeed(2)).Forward(tensorOf(t, cpu.New(), x, shape...))
		var sum float64
		for _, v := range y.Data() {
			sum += v * v * v
		}
		return sum
	}
	b := recording()
	in := tensorOf(t, b, x, shape...)
	y := layerOf[float64](t, b, 0.5, spatialdropout.WithSeed(2)).Forward(in)
	dx := elements[float64](autodiff.Backward(y.Mul(y).Mul(y), b)[in.Raw()])
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

// The gradient of a sum is the factors, whether the sum is an operation on the tape or the
// dropout is the last one there.
func TestLinearLoss(t *testing.T) {
	both(t, testLinearLoss[float32], testLinearLoss[float64])
}

func testLinearLoss[T Float](t *testing.T) {
	shape := []int{3, 4, 2, 5}
	x, ones := numbers[T](8, product(shape)), make([]T, product(shape))
	for i := range ones {
		ones[i] = 1
	}
	d := layerOf[T](t, recording(), 0.3, spatialdropout.WithSeed(3))
	core := coreOf(t, 0.3, spatialdropout.WithSeed(3))
	for name, sum := range map[string]func(y *tensor.Tensor[T, taped]) *tensor.Tensor[T, taped]{
		"summed": func(y *tensor.Tensor[T, taped]) *tensor.Tensor[T, taped] {
			for range shape {
				y = y.SumDim(-1, false)
			}
			return y
		},
		"last": func(y *tensor.Tensor[T, taped]) *tensor.Tensor[T, taped] { return y },
	} {
		b := recording()
		in := tensorOf(t, b, x, shape...)
		dx := elements[T](autodiff.Backward(sum(d.Forward(in)), b)[in.Raw()])
		_, want, _ := training(t, core, layout.NCHW, shape, x, ones)
		same(t, name, dx, want)
	}
}

// One layer on two tensors, and again behind itself, before the backward pass: each gradient
// takes the mask of its own forward pass, and the tape adds them up.
func TestLayerTwiceBeforeTheBackwardPass(t *testing.T) {
	both(t, testTwice[float32], testTwice[float64])
}

func testTwice[T Float](t *testing.T) {
	shape := []int{2, 16, 2, 3}
	a, c, w := numbers[T](1, product(shape)), numbers[T](2, product(shape)), numbers[T](3, product(shape))
	b := recording()
	d := layerOf[T](t, b, 0.5, spatialdropout.WithSeed(6))
	core := coreOf(t, 0.5, spatialdropout.WithSeed(6))
	inA, inC, weights := tensorOf(t, b, a, shape...), tensorOf(t, b, c, shape...), tensorOf(t, b, w, shape...)
	left, right := d.Forward(inA), d.Forward(inC)
	again, also := d.Forward(left), d.Forward(inA)
	loss := again.Add(right).Add(also).Mul(weights)
	grads := autodiff.Backward(loss, b)

	wantLeft, _, mLeft := training(t, core, layout.NCHW, shape, a, w)
	wantRight, dC, mRight := training(t, core, layout.NCHW, shape, c, w)
	wantAgain, dLeft, mAgain := training(t, core, layout.NCHW, shape, wantLeft, w)
	wantAlso, dAlso, mAlso := training(t, core, layout.NCHW, shape, a, w)
	dA := make([]T, len(a))
	if err := spatialdropout.Apply(dA, dLeft, mLeft, must(layout.NCHW.Of(shape...))(t)); err != nil {
		t.Fatal(err)
	}
	for i := range dA {
		dA[i] = dAlso[i] + dA[i]
	}
	same(t, "left", left.Data(), wantLeft)
	same(t, "right", right.Data(), wantRight)
	same(t, "again", again.Data(), wantAgain)
	same(t, "also", also.Data(), wantAlso)
	same(t, "gradient of a", elements[T](grads[inA.Raw()]), dA)
	same(t, "gradient of c", elements[T](grads[inC.Raw()]), dC)
	masks := map[string]bool{}
	for _, m := range []*mask.Mask{mLeft, mRight, mAgain, mAlso} {
		masks[m.String()] = true
	}
	if len(masks) != 4 {
		t.Errorf("%d masks of 4 passes", len(masks))
	}
}

// A tape can be run backwards twice, and the gradients it hands out are tensors of their own.
func TestTapeBackwardsTwice(t *testing.T) {
	shape := []int{2, 6, 2, 2}
	b := recording()
	in := tensorOf(t, b, numbers[float32](1, product(shape)), shape...)
	out := layerOf[float32](t, b, 0.5, spatialdropout.WithSeed(4)).Forward(in)
	dy := tensorOf(t, b, numbers[float32](2, product(shape)), shape...)
	first := b.Tape().Backward(dy.Raw(), b)
	second := b.Tape().Backward(dy.Raw(), b)
	same(t, "gradient", elements[float32](first[in.Raw()]), elements[float32](second[in.Raw()]))
	same(t, "gradient of the output", elements[float32](first[out.Raw()]), numbers[float32](2, product(shape)))
	if first[in.Raw()] == second[in.Raw()] || first[in.Raw()] == dy.Raw() {
		t.Error("two gradients share a tensor")
	}
}

// Without a tape that records nothing is recorded, and the outputs are the same.
func TestWithoutATape(t *testing.T) {
	shape := []int{2, 6, 2, 2}
	x := numbers[float64](1, product(shape))
	core := coreOf(t, 0.5, spatialdropout.WithSeed(4))
	want := func() []float64 {
		y, _, _ := training(t, core, layout.NCHW, shape, x, x)
		return y
	}
	b := autodiff.New(cpu.New())
	d := layerOf[float64](t, b, 0.5, spatialdropout.WithSeed(4))
	same(t, "a tape that has not begun", d.Forward(tensorOf(t, b, x, shape...)).Data(), want())
	b.Tape().StartRecording()
	autodiff.NoGrad(b, func() { same(t, "NoGrad", d.Forward(tensorOf(t, b, x, shape...)).Data(), want()) })
	if n := b.Tape().NumOps(); n != 0 {
		t.Errorf("%d operations on the tape, want none", n)
	}
	same(t, "a tape that records", d.Forward(tensorOf(t, b, x, shape...)).Data(), want())
	if n := b.Tape().NumOps(); n != 1 {
		t.Errorf("%d operations on the tape, want 1", n)
	}
	plain := layerOf[float64](t, cpu.New(), 0.5, spatialdropout.WithSeed(4))
	core = coreOf(t, 0.5, spatialdropout.WithSeed(4))
	in := tensorOf(t, cpu.New(), x, shape...)
	same(t, "a backend without a tape", plain.Forward(in).Data(), want())
	same(t, "its input", in.Data(), x)
}

// At rate 0 the output has the bits of the input, and at rate 1 it is +0.
func TestRates(t *testing.T) {
	shape := []int{2, 3, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	x[0], w[1] = float32(math.NaN()), float32(math.Copysign(0, -1))
	y, dx := step(t, layerOf[float32](t, recording(), 0), x, w, shape...)
	same(t, "rate 0, output", y, x)
	same(t, "rate 0, gradient", dx, w)
	y, dx = step(t, layerOf[float32](t, recording(), 1), x, w, shape...)
	same(t, "rate 1, output", y, make([]float32, len(x)))
	same(t, "rate 1, gradient", dx, make([]float32, len(x)))
}
