package spago

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nlpodyssey/spago/ag"
	"github.com/nlpodyssey/spago/mat"
	"github.com/nlpodyssey/spago/nn"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func geometryOf(t testing.TB, dims ...int) layout.Geometry {
	t.Helper()
	return must(layout.NCHW.Of(dims...))(t)
}

// A dropped map is +0 everywhere, whatever it held, and a kept one is scaled.
func TestDroppedMapsAreZero(t *testing.T) {
	m := must(New(0.5, spatialdropout.WithSeed(3)))(t)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	x := slices.Concat([]float32{nan, -1, inf, 2}, []float32{1, 2, 3, 4}, []float32{-5, 6, nan, 7}, []float32{1, -1, 1, -1})
	kept := 0
	for range 20 {
		for i, y := range m.Forward(matrices(x, 4, 2)...) {
			all := joined[float32]([]mat.Tensor{y})
			if slices.ContainsFunc(all, func(v float32) bool { return v != 0 && v == v }) {
				kept++
				for k, v := range all {
					if want := 2 * x[4*i+k]; bits(v) != bits(want) && want == want {
						t.Errorf("map %d: %v is kept as %v", i, x[4*i+k], v)
					}
				}
				continue
			}
			if err := differ(all, make([]float32, 4)); err != nil {
				t.Errorf("map %d: %v", i, err)
			}
		}
	}
	if kept < 20 || kept > 60 {
		t.Errorf("%d of 80 maps were kept at rate 0.5", kept)
	}
}

// column returns a matrix as a column: the shape of what ag.ReduceSum gives for a gradient.
func column(x mat.Tensor) mat.Tensor { return ag.T(ag.Flatten(x)) }

// The gradient is that of finite differences.
func TestGradientAgreesWithFiniteDifferences(t *testing.T) {
	const step = 1e-6
	r := rand.New(rand.NewPCG(4, 4))
	x := make([]float64, 2*3*4)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	loss := func(x []float64) (mat.Tensor, []mat.Tensor) {
		m := must(New(0.4, spatialdropout.WithSeed(5)))(t)
		m.Channels = 3
		xs := matrices(x, 6, 2)
		var sum mat.Tensor
		for i, y := range m.Forward(xs...) {
			sum = ag.Add(sum, ag.ProdScalar(ag.ReduceSum(ag.Square(column(y))), mat.Scalar(float64(i+1))))
		}
		return sum, xs
	}
	sum, xs := loss(x)
	if err := ag.Backward(sum); err != nil {
		t.Fatal(err)
	}
	for i, got := range gradients[float64](t, xs) {
		at := func(d float64) float64 {
			y := slices.Clone(x)
			y[i] += d
			sum, _ := loss(y)
			return sum.Value().Item().F64()
		}
		if want := (at(step) - at(-step)) / (2 * step); math.Abs(got-want) > 1e-4 {
			t.Errorf("gradient %d is %v, want %v", i, got, want)
		}
	}
}

// A sum has a gradient of another shape than what was summed. That of a map has the map's.
func TestLinearLoss(t *testing.T) {
	m := must(New(0.5, spatialdropout.WithSeed(6)))(t)
	want := core[float32]{must(spatialdropout.New(0.5, spatialdropout.WithSeed(6)))(t), geometryOf(t, 1, 6, 2, 3)}
	x := make([]float32, 36)
	for i := range x {
		x[i] = float32(i)
	}
	xs := matrices(x, 6, 2)
	var sum mat.Tensor
	for _, y := range m.Forward(xs...) {
		sum = ag.Add(sum, ag.ReduceSum(y))
	}
	if err := ag.Backward(sum); err != nil {
		t.Fatal(err)
	}
	_, pass := want.forward(t, x, false)
	if err := differ(gradients[float32](t, xs), want.backward(t, pass, slices.Repeat([]float32{1}, 36))); err != nil {
		t.Error(err)
	}
	for i, x := range xs {
		if shape := x.Grad().Shape(); !slices.Equal(shape, []int{2, 3}) {
			t.Errorf("the gradient of map %d has the shape %v, want that of the map", i, shape)
		}
	}
	// The same in one matrix.
	matrix := matrices(x, 1, 6)
	if err := ag.Backward(ag.ReduceSum(m.ForwardRows(matrix[0]))); err != nil {
		t.Fatal(err)
	}
	_, pass = want.forward(t, x, false)
	if err := differ(gradients[float32](t, matrix), want.backward(t, pass, slices.Repeat([]float32{1}, 36))); err != nil {
		t.Error(err)
	}
	if shape := matrix[0].Grad().Shape(); !slices.Equal(shape, []int{6, 6}) {
		t.Errorf("the gradient of the matrix has the shape %v, want 6×6", shape)
	}
}

func TestEvaluationIsTheIdentity(t *testing.T) {
	m := must(New(0.5, spatialdropout.WithSeed(3)))(t)
	if !m.Training() {
		t.Error("a new model is in evaluation")
	}
	m.SetTraining(false)
	xs := matrices([]float32{1, 2, 3, 4}, 2, 1)
	for i, y := range m.Forward(xs...) {
		if y != xs[i] {
			t.Errorf("map %d is another node in evaluation", i)
		}
	}
	if y := m.ForwardRows(xs[0]); y != xs[0] {
		t.Error("a matrix is another node in evaluation")
	}
	if m.Dropout().State().Step != 0 {
		t.Error("evaluation draws")
	}
}

// The switch reaches every model of a network, in slices, fields and lists of models.
func TestSetTrainingSwitchesANetwork(t *testing.T) {
	type block struct {
		nn.Module
		First *Model
		Rest  []*Model
	}
	made := func() *Model { return must(New(0.5))(t) }
	a, b, c, d := made(), made(), made(), made()
	network := &block{First: a, Rest: []*Model{b, c}}
	if n := SetTraining(network, false); n != 3 {
		t.Errorf("%d models are switched, want 3", n)
	}
	if a.Training() || b.Training() || c.Training() {
		t.Error("a model is still in training")
	}
	SetTraining(network, true)
	if !a.Training() || !b.Training() || !c.Training() {
		t.Error("a model is still in evaluation")
	}
	if n := SetTraining(d, false); n != 1 || d.Training() {
		t.Errorf("a model by itself: %d models are switched, in training %v", n, d.Training())
	}
	// What nn.Apply does not reach is neither switched nor counted.
	hidden := &struct {
		nn.Module
		First *Model
		rest  *Model
		Value Model
	}{First: made(), rest: made(), Value: *made()}
	if n := SetTraining(hidden, false); n != 1 || hidden.First.Training() || !hidden.rest.Training() || !hidden.Value.Training() {
		t.Errorf("%d models are switched, want 1: the exported pointer", n)
	}
}

// Children of one seed give two layers masks of their own, and without a seed all differ.
func TestLayersDiffer(t *testing.T) {
	x := make([]float32, 64)
	for i := range x {
		x[i] = 1
	}
	drawn := func(opts ...spatialdropout.Option) []float32 {
		return joined[float32](must(New(0.5, opts...))(t).Forward(matrices(x, 64, 1)...))
	}
	child := func(k uint64) spatialdropout.Option { return spatialdropout.WithSeed(mask.Child(7, k)) }
	if slices.Equal(drawn(child(0)), drawn(child(1))) {
		t.Error("two children of a seed drop the same maps")
	}
	if !slices.Equal(drawn(child(1)), drawn(child(1))) {
		t.Error("one child of a seed drops different maps")
	}
	if slices.Equal(drawn(), drawn()) {
		t.Error("two models without a seed drop the same maps")
	}
	ag.ManualSeed(1)
	first := drawn(child(2))
	ag.ManualSeed(2)
	if !slices.Equal(first, drawn(child(2))) {
		t.Error("the generator of spago changes the maps")
	}
}

// Matrices along another axis are other channels: the number of them does not fit then, and the
// geometry of what comes out is that of what goes in.
func TestLayout(t *testing.T) {
	m := must(New(0.5, spatialdropout.WithSeed(11)))(t)
	x := make([]float32, 3*4*5)
	for i := range x {
		x[i] = 1
	}
	for _, c := range []struct{ maps, rows int }{{3, 4}, {4, 3}, {12, 5}} {
		for i, y := range m.Forward(matrices(x, c.maps, c.rows)...) {
			all := joined[float32]([]mat.Tensor{y})
			if shape := y.Value().Shape(); shape[0] != c.rows || shape[0]*shape[1] != len(all) {
				t.Errorf("map %d of %d has the shape %v", i, c.maps, shape)
			}
			if slices.Max(all) != slices.Min(all) {
				t.Errorf("map %d of %d is dropped in parts: %v", i, c.maps, all)
			}
		}
	}
	rows := joined[float32]([]mat.Tensor{m.ForwardRows(matrices(x, 1, 12)[0])})
	for i := 0; i < len(rows); i += 5 {
		if slices.Max(rows[i:i+5]) != slices.Min(rows[i:i+5]) {
			t.Errorf("row %d is dropped in parts: %v", i/5, rows[i:i+5])
		}
	}
	if slices.Max(rows) == slices.Min(rows) {
		t.Errorf("all rows are the same: %v", rows)
	}
}

// Views, slices and transposed matrices of spago are nodes with memory of their own.
func TestViewsAreTakenAsTheyAre(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	x := make([]float32, 24)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	whole := matrices(x, 1, 6)[0]
	for name, view := range map[string]func(i int) mat.Tensor{
		"Slice":     func(i int) mat.Tensor { return ag.Slice(whole, 2*i, 1, 2*i+2, 3) },
		"T":         func(i int) mat.Tensor { return ag.T(ag.Slice(whole, 2*i, 0, 2*i+2, 4)) },
		"RowView":   func(i int) mat.Tensor { return ag.RowView(whole, i) },
		"Reshape":   func(i int) mat.Tensor { return ag.Reshape(ag.RowView(whole, i), 2, 2) },
		"StopGrad":  func(i int) mat.Tensor { return ag.StopGrad(matrices(x[8*i:8*i+8], 1, 2)[0]) },
		"Parameter": func(i int) mat.Tensor { return nn.NewParam(matrices(x[8*i:8*i+8], 1, 2)[0].(mat.Matrix)) },
	} {
		xs := []mat.Tensor{view(0), view(1), view(2)}
		data := joined[float32](xs)
		shape := xs[0].Value().Shape()
		m := must(New(0.5, spatialdropout.WithSeed(8)))(t)
		want := core[float32]{must(spatialdropout.New(0.5, spatialdropout.WithSeed(8)))(t), geometryOf(t, 1, 3, shape[0], shape[1])}
		ys := m.Forward(xs...)
		y, pass := want.forward(t, data, false)
		if err := differ(joined[float32](ys), y); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "StopGrad" {
			if ys[0].RequiresGrad() {
				t.Error("a result of constants requires a gradient")
			}
			continue
		}
		backward(t, ys, data)
		if err := differ(gradients[float32](t, xs), want.backward(t, pass, data)); err != nil {
			t.Errorf("%s: gradient: %v", name, err)
		}
	}
}

// Nothing has no elements, in a list and in matrices.
func TestNothing(t *testing.T) {
	m := must(New(0.5, spatialdropout.WithSeed(8)))(t)
	if ys := must(m.TryForward())(t); len(ys) != 0 {
		t.Errorf("no matrices give %d", len(ys))
	}
	ys := must(m.TryForward(mat.NewDense[float32](mat.WithShape(0, 3)), mat.NewDense[float32](mat.WithShape(0, 3))))(t)
	for _, y := range ys {
		if shape := y.Value().Shape(); !slices.Equal(shape, []int{0, 3}) {
			t.Errorf("a matrix of 0×3 gives %v", shape)
		}
	}
	for _, shape := range [][]int{{0, 3}, {3, 0}} {
		y := must(m.TryForwardRows(mat.NewDense[float64](mat.WithShape(shape...))))(t)
		if got := y.Value().Shape(); !slices.Equal(got, shape) {
			t.Errorf("a matrix of %v gives %v", shape, got)
		}
	}
}
