package spago

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/mat/gradfn"
	"github.com/spatialdropout/spatialdropout"
)

// pair returns a model and its core with one seed, and numbers for an input and a gradient.
func pair(t *testing.T, n int, dims ...int) (*Model, core[float32], []float32, []float32) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(n)))
	x, dy := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], dy[i] = 1+r.Float32(), 1+r.Float32()
	}
	m := must(New(0.5, spatialdropout.WithSeed(21)))(t)
	return m, core[float32]{must(spatialdropout.New(0.5, spatialdropout.WithSeed(21)))(t), geometryOf(t, dims...)}, x, dy
}

// A model with shared weights runs several times before its backward passes, in any order, with an
// evaluation between them.
func TestOneModelTwiceBeforeItsBackwardPasses(t *testing.T) {
	m, want, x, dy := pair(t, 32, 1, 8, 2, 2)
	a, b := matrices(x, 8, 2), matrices(dy, 8, 2)
	first, second := m.Forward(a...), []mat.Tensor(nil)
	m.SetTraining(false)
	m.Forward(a...)
	m.SetTraining(true)
	second = m.Forward(b...)
	_, p := want.forward(t, x, false)
	_, q := want.forward(t, dy, false)
	backward(t, second, x)
	m.SetTraining(false)
	backward(t, first, dy)
	if err := differ(gradients[float32](t, a), want.backward(t, p, dy)); err != nil {
		t.Errorf("the first pass: %v", err)
	}
	if err := differ(gradients[float32](t, b), want.backward(t, q, x)); err != nil {
		t.Errorf("the second pass: %v", err)
	}
}

// A matrix that goes in twice gets the sum of both gradients.
func TestGradientsAccumulate(t *testing.T) {
	m, want, x, dy := pair(t, 32, 1, 8, 2, 2)
	xs := matrices(x, 8, 2)
	ys := slices.Concat(m.Forward(xs...), m.Forward(xs...))
	backward(t, ys, slices.Concat(dy, dy))
	_, p := want.forward(t, x, false)
	_, q := want.forward(t, x, false)
	sum := want.backward(t, p, dy)
	for i, g := range want.backward(t, q, dy) {
		sum[i] += g
	}
	if err := differ(gradients[float32](t, xs), sum); err != nil {
		t.Error(err)
	}
}

// Maps that the loss does not use get no gradient, and the others theirs.
func TestSomeMapsHaveNoGradient(t *testing.T) {
	m, want, x, dy := pair(t, 32, 1, 8, 2, 2)
	xs := matrices(x, 8, 2)
	ys := m.Forward(xs...)
	backward(t, []mat.Tensor{ys[1], ys[6]}, slices.Concat(dy[4:8], dy[24:28]))
	_, p := want.forward(t, x, false)
	dx := want.backward(t, p, dy)
	for i, x := range xs {
		if i != 1 && i != 6 {
			if x.HasGrad() {
				t.Errorf("map %d has a gradient", i)
			}
			continue
		}
		if err := differ(gradients[float32](t, xs[i:i+1]), dx[4*i:4*i+4]); err != nil {
			t.Errorf("map %d: %v", i, err)
		}
	}
}

// A constant among the matrices gets no gradient.
func TestConstantsHaveNoGradient(t *testing.T) {
	m, want, x, dy := pair(t, 32, 1, 8, 2, 2)
	xs := matrices(x, 8, 2)
	xs[3] = mat.NewDense[float32](mat.WithShape(2, 2), mat.WithBacking(x[12:16]))
	backward(t, m.Forward(xs...), dy)
	_, p := want.forward(t, x, false)
	dx := want.backward(t, p, dy)
	if xs[3].HasGrad() {
		t.Error("a constant has a gradient")
	}
	others := slices.Concat(xs[:3], xs[4:])
	if err := differ(gradients[float32](t, others), slices.Concat(dx[:12], dx[16:])); err != nil {
		t.Error(err)
	}
}

// A second backward pass does what it does with the operators of spago: gradients accumulate in
// the results, and go on with what they have become, unless they are set to zero before.
func TestBackwardTwice(t *testing.T) {
	m, want, x, dy := pair(t, 32, 1, 8, 2, 2)
	xs := matrices(x, 8, 2)
	ys := m.Forward(xs...)
	_, p := want.forward(t, x, false)
	dx := want.backward(t, p, dy)
	for range 2 {
		backward(t, ys, dy)
		if err := differ(gradients[float32](t, xs), dx); err != nil {
			t.Error(err)
		}
		for _, x := range append(xs, ys...) {
			x.ZeroGrad()
		}
	}
	// Half of the results the second time: the others must not come again.
	backward(t, ys, dy)
	for _, x := range append(xs, ys...) {
		x.ZeroGrad()
	}
	backward(t, ys[:4], dy[:16])
	if err := differ(gradients[float32](t, xs[:4]), dx[:16]); err != nil {
		t.Error(err)
	}
	for i, x := range xs[4:] {
		if x.HasGrad() {
			t.Errorf("map %d has a gradient of another pass", 4+i)
		}
	}
}

// Operators that run in goroutines of their own are waited for, and do not change the order of
// draws.
func TestInputsMayBeComputedLater(t *testing.T) {
	m, want, x, dy := pair(t, 32, 1, 8, 2, 2)
	for range 5 {
		xs := matrices(x, 8, 2)
		later := make([]mat.Tensor, len(xs))
		for i := range xs {
			later[i] = ag.NewOperator(gradfn.NewReshape(xs[i], 2, 2)).Run(true)
		}
		ys := m.Forward(later...)
		y, p := want.forward(t, x, false)
		if err := differ(joined[float32](ys), y); err != nil {
			t.Fatal(err)
		}
		backward(t, ys, dy)
		if err := differ(gradients[float32](t, xs), want.backward(t, p, dy)); err != nil {
			t.Fatal(err)
		}
	}
}

// Each call of many goroutines is a step of its own, and knows its backward pass.
func TestGoroutinesShareAModel(t *testing.T) {
	m, want, x, dy := pair(t, 32, 1, 8, 2, 2)
	const calls = 24
	results := make([][2][]float32, calls)
	var wg sync.WaitGroup
	for i := range results {
		wg.Add(1)
		go func() {
			defer wg.Done()
			xs := matrices(x, 8, 2)
			ys := m.Forward(xs...)
			y := joined[float32](ys)
			backward(t, ys, dy)
			results[i] = [2][]float32{y, gradients[float32](t, xs)}
		}()
	}
	wg.Wait()
	for range calls {
		y, p := want.forward(t, x, false)
		dx := want.backward(t, p, dy)
		i := slices.IndexFunc(results, func(r [2][]float32) bool { return differ(r[0], y) == nil && differ(r[1], dx) == nil })
		if i < 0 {
			t.Fatal("no call has drawn a step of the core")
		}
		results = slices.Delete(results, i, i+1)
	}
}

// The gradient of float64 for matrices of float32 is converted, as spago converts.
func TestGradientsOfAnotherType(t *testing.T) {
	m, want, x, _ := pair(t, 32, 1, 8, 2, 2)
	xs := matrices(x, 8, 2)
	ys := m.Forward(xs...)
	for _, y := range ys {
		if all := y.(*ag.Operator).Operands()[0].(*ag.Operator).Operands(); len(all) != 8 {
			t.Fatalf("%d operands, want all 8", len(all))
		}
	}
	_, p := want.forward(t, x, false)
	f := &function{p, want.geometry, xs}
	b := must(f.Forward())(t).(*bundle)
	for i := range ys {
		b.AccGrad(&part{Matrix: mat.NewDense[float64](mat.WithShape(4), mat.WithBacking([]float64{1, 2, 3, 4})), index: i})
	}
	if err := f.Backward(b.Grad()); err != nil {
		t.Fatal(err)
	}
	if err := differ(gradients[float32](t, xs), want.backward(t, p, slices.Repeat([]float32{1, 2, 3, 4}, 8))); err != nil {
		t.Error(err)
	}
}

// Many gradients are handed on by several goroutines, unless a node is there twice: then each time
// in the same order.
func TestLargeCalls(t *testing.T) {
	const maps, rows = 64, 128
	m, want, x, dy := pair(t, maps*rows*rows, 1, maps, rows, rows)
	xs := matrices(x, maps, rows)
	backward(t, m.Forward(xs...), dy)
	_, p := want.forward(t, x, false)
	dx := want.backward(t, p, dy)
	if err := differ(gradients[float32](t, xs), dx); err != nil {
		t.Error(err)
	}
	if len(dx)/shared < 2 {
		t.Errorf("%d elements are too few for two goroutines", len(dx))
	}
	one := matrices(x[:rows*rows], 1, rows)[0]
	twice := make([]mat.Tensor, maps)
	for i := range twice {
		twice[i] = one
	}
	backward(t, m.Forward(twice...), dy)
	sum := make([]float32, rows*rows)
	_, p = want.forward(t, x, false)
	for i, g := range want.backward(t, p, dy) {
		sum[i%len(sum)] += g
	}
	if err := differ(gradients[float32](t, twice[:1]), sum); err != nil {
		t.Error(err)
	}
}
