package born

import (
	"math"
	"strings"
	"testing"

	"github.com/born-ml/born/autodiff"
	"github.com/born-ml/born/backend/cpu"
	"github.com/born-ml/born/nn"
	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// These tests say what born v0.9.2 does. One that fails after an upgrade says that born has
// changed, and README.md with it.

// Born has no dropout: the rate in the configuration of its transformer does nothing. A Dropout
// of the order NWC drops features of its output.
func TestStockTransformerHasNoDropout(t *testing.T) {
	shape := []int{2, 3, 8}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	block := func(rate float32, b taped) *nn.TransformerBlock[taped] {
		nn.SetSeed(7)
		defer nn.ResetSeed()
		return nn.NewTransformerBlock(nn.TransformerConfig{EmbedDim: 8, NumHeads: 2, FFNDim: 16, Dropout: rate, NormEps: 1e-5}, b)
	}
	b := recording()
	with := block(0.9, b).Forward(tensorOf(t, b, x, shape...), nil).Data()
	without := block(0, b).Forward(tensorOf(t, b, x, shape...), nil).Data()
	same(t, "the block of rate 0.9", with, without)

	d := layerOf[float32](t, b, 0.5, spatialdropout.WithSeed(3))
	d.Order, d.Channels = layout.NWC, 8
	y, dx := step(t, d, with, w, shape...)
	wantY, wantDx, m := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(3)), layout.NWC, shape, with, w)
	same(t, "output", y, wantY)
	same(t, "gradient", dx, wantDx)
	if kept := m.CountKept(); kept == 0 || kept == 16 {
		t.Errorf("%d of 16 features are kept, want some", kept)
	}
}

// factorsOf returns the factors of the next mask of d as a tensor of the given shape.
func factorsOf(t testing.TB, b taped, d *spatialdropout.Dropout, g layout.Geometry, shape ...int) *tensor.Tensor[float32, taped] {
	t.Helper()
	factors := make([]float32, g.Samples()*g.Channels())
	if err := mask.Factors(mask.Float32, factors, must(d.Draw(g))(t), g.Channels()); err != nil {
		t.Fatal(err)
	}
	return tensorOf(t, b, factors, shape...)
}

// A product with factors that are broadcast is spatial dropout, too, as long as the numbers are
// finite: with the policy Multiply its bits are those of the layer.
func TestBroadcastProduct(t *testing.T) {
	shape := []int{2, 6, 3, 4}
	geom := must(layout.NCHW.Of(shape...))(t)
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	b := recording()
	in := tensorOf(t, b, x, shape...)
	y := in.Mul(factorsOf(t, b, coreOf(t, 0.5, spatialdropout.WithSeed(3)), geom, 2, 6, 1, 1))
	grads := autodiff.Backward(y.Mul(tensorOf(t, b, w, shape...)), b)
	d := layerOf[float32](t, b, 0.5, spatialdropout.WithSeed(3), spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply}))
	wantY, wantDx := step(t, d, x, w, shape...)
	same(t, "output", y.Data(), wantY)
	same(t, "gradient", elements[float32](grads[in.Raw()]), wantDx)
}

// A broadcast product keeps the NaN of a dropped map, in the output and in the gradient, and
// makes −0 of negative numbers. The layer has +0.
func TestStockProductKeepsNaN(t *testing.T) {
	x, dy := []float32{float32(math.NaN()), -1}, []float32{-1, float32(math.NaN())}
	b := recording()
	in := tensorOf(t, b, x, 1, 1, 1, 2)
	y := in.Mul(tensorOf(t, b, []float32{0}, 1, 1, 1, 1))
	dx := elements[float32](b.Tape().Backward(tensorOf(t, b, dy, 1, 1, 1, 2).Raw(), b)[in.Raw()])
	if y := y.Data(); y[0] == y[0] || !math.Signbit(float64(y[1])) {
		t.Errorf("the product of %v with 0 is %v, want NaN and -0", x, y)
	}
	if !math.Signbit(float64(dx[0])) || dx[1] == dx[1] {
		t.Errorf("the gradient of %v is %v, want -0 and NaN", dy, dx)
	}
	ours, gradient := step(t, layerOf[float32](t, b, 1), x, dy, 1, 1, 1, 2)
	same(t, "output", ours, []float32{0, 0})
	same(t, "gradient", gradient, []float32{0, 0})
}

// The gradient of a product with factors of the shape [C,1,1] panics: born sums it over the
// samples, keeps their axis, and takes it for that of the channels. One mask for all samples is
// the sharing PerChannel of the layer.
func TestStockGradientOfFactorsForAllSamples(t *testing.T) {
	shape := []int{2, 6, 3, 4}
	geom := must(layout.NCHW.Of(shape...))(t)
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	perChannel := []spatialdropout.Option{spatialdropout.WithSeed(3), spatialdropout.WithSharing(mask.PerChannel)}
	factors := make([]float32, 12)
	if err := mask.Factors(mask.Float32, factors, must(coreOf(t, 0.5, perChannel...).Draw(geom))(t), 6); err != nil {
		t.Fatal(err)
	}
	same(t, "factors of the second sample", factors[6:], factors[:6])

	d := layerOf[float32](t, recording(), 0.5, append(perChannel, spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply}))...)
	wantY, wantDx := step(t, d, x, w, shape...)
	for _, c := range []struct {
		shape  []int
		panics bool
	}{{[]int{1, 6, 1, 1}, false}, {[]int{6, 1, 1}, true}} {
		b := recording()
		in := tensorOf(t, b, x, shape...)
		y := in.Mul(tensorOf(t, b, factors[:6], c.shape...))
		same(t, "output", y.Data(), wantY)
		loss := y.Mul(tensorOf(t, b, w, shape...))
		if !c.panics {
			same(t, "gradient", elements[float32](autodiff.Backward(loss, b)[in.Raw()]), wantDx)
			continue
		}
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, "incompatible shapes") {
					t.Errorf("the gradient for factors of shape %v panics with %q, want incompatible shapes", c.shape, text)
				}
			}()
			autodiff.Backward(loss, b)
		}()
	}
}

// Outside of a tape the products of born overwrite their left operand if they can: after a
// layer in evaluation, which returns its input, that is the input. The layer in training never
// touches it.
func TestStockProductOverwritesItsOperand(t *testing.T) {
	x, two := numbers[float32](1, 4), []float32{2, 2, 2, 2}
	d := layerOf[float32](t, cpu.New(), 0.5)
	for _, training := range []bool{true, false} {
		in := tensorOf(t, cpu.New(), x, 1, 2, 2, 1)
		d.SetTraining(training)
		d.Forward(in).Mul(tensorOf(t, cpu.New(), two, 1, 2, 2, 1))
		if overwritten := bits(t, in.Data()) != bits(t, x); overwritten == training {
			t.Errorf("in training %v: the input is overwritten: %v", training, overwritten)
		}
	}
}

// Backward of a tape begins at its last operation, whatever tensor it is given. A forward pass
// between the loss and Backward must not be recorded: the identity of evaluation never is.
func TestStockBackwardBeginsAtTheLastOperation(t *testing.T) {
	shape := []int{1, 2, 2, 1}
	b := recording()
	in := tensorOf(t, b, numbers[float32](1, 4), shape...)
	loss := in.MulScalar(2)
	layerOf[float32](t, b, 0, spatialdropout.WithSeed(1)).Forward(in)
	same(t, "gradient", elements[float32](autodiff.Backward(loss, b)[in.Raw()]), []float32{1, 1, 1, 1})
}

// isModule reports whether a value is a module of born.
func isModule(v any) bool {
	_, ok := v.(nn.Module[taped])
	return ok
}

// The convolution of born has no state dictionary, so that it is no module, and neither
// nn.Sequential nor nn.Save takes it.
func TestStockConvolutionIsNoModule(t *testing.T) {
	b := recording()
	if isModule(nn.NewConv2D(1, 1, 1, 1, 1, 0, false, b)) {
		t.Error("the convolution is a module: README.md can use nn.Sequential")
	}
	if !isModule(layerOf[float32](t, b, 0.5)) || isModule(layerOf[float64](t, b, 0.5)) {
		t.Error("want a layer of float32 to be a module, and one of float64 not to be")
	}
}
