package gorgonia

import (
	"io"
	"log"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// These tests assert what Dropout of Gorgonia v0.9.18 does, beside what this package does. One
// that fails after an upgrade says that a bug is gone.

// layers are both ways to drop.
var layers = []struct {
	name string
	ours bool
	drop func(x *G.Node, rate float64) (*G.Node, error)
}{
	{"stock", false, G.Dropout},
	{"ours", true, func(x *G.Node, rate float64) (*G.Node, error) { return Dropout(x, rate) }},
}

// run returns y and the gradient of Σ y with respect to x.
func run(t *testing.T, machine string, drop func(x *G.Node, rate float64) (*G.Node, error), rate float64, x []float32, shape ...int) (y, dx []float32) {
	t.Helper()
	ones := make([]float32, len(x))
	for i := range ones {
		ones[i] = 1
	}
	return newNetwork(t, machine, func(n *G.Node) (*G.Node, error) { return drop(n, rate) }, x, ones, shape...).step(t)
}

// The stock gradient is divided by the probability to drop, not by the one to keep: at rate
// 0.2 it is 5 where 1.25 is right.
func TestStockGradientIsDividedByTheRate(t *testing.T) {
	ones := []float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	for _, l := range layers {
		for _, machine := range machines {
			y, dx := run(t, machine, l.drop, 0.2, ones, 4, 4, 1, 1)
			for i, v := range y {
				want := v
				if !l.ours && v != 0 {
					want = 5
				}
				if dx[i] != want || v != 0 && v != 1.25 {
					t.Errorf("%s, %s: output %v and gradient %v, want 0 and 0, or 1.25 and %v", l.name, machine, v, dx[i], want)
				}
			}
		}
	}
}

// At rate 0 the stock output is the input, and the stock gradient 0.
func TestStockGradientAtRateZero(t *testing.T) {
	ones := []float32{1, 1, 1, 1}
	for _, l := range layers {
		for _, machine := range machines {
			y, dx := run(t, machine, l.drop, 0, ones, 1, 4, 1, 1)
			want := ones
			if !l.ours {
				want = []float32{0, 0, 0, 0}
			}
			same(t, l.name+", output", y, ones)
			same(t, l.name+", gradient", dx, want)
		}
	}
}

// The stock gradient of an input of 0 is 0 in all runs, as if it had been dropped.
func TestStockTakesZerosForDropped(t *testing.T) {
	zeros := make([]float32, 256)
	for _, l := range layers {
		for _, machine := range machines {
			_, dx := run(t, machine, l.drop, 0.5, zeros, 1, 256, 1, 1)
			if live := slices.ContainsFunc(dx, func(v float32) bool { return v != 0 }); live != l.ours {
				t.Errorf("%s, %s: a gradient of an input of 0: %t, want %t", l.name, machine, live, l.ours)
			}
		}
	}
}

// Two stock layers of one input are one node, whatever their rates are.
func TestStockLayersOfOneInputAreOneNode(t *testing.T) {
	for _, l := range layers {
		g := G.NewGraph()
		x := G.NewTensor(g, G.Float32, 4, G.WithShape(2, 3, 2, 2), G.WithName("x"))
		a, b := must(l.drop(x, 0.2))(t), must(l.drop(x, 0.8))(t)
		if (a == b) == l.ours {
			t.Errorf("%s: layers of two rates are one node: %t, want %t", l.name, a == b, !l.ours)
		}
	}
}

// The clock seeds the stock layer, and nothing else can: a program that is run again has other
// masks. Ours repeats with the same seed.
func TestStockCannotRepeatARun(t *testing.T) {
	ones := slices.Repeat([]float32{1}, 512)
	ours := func(x *G.Node, rate float64) (*G.Node, error) {
		return Dropout(x, rate, spatialdropout.WithSeed(3))
	}
	first, _ := run(t, machines[0], G.Dropout, 0.5, ones, 2, 256, 1, 1)
	second, _ := run(t, machines[0], G.Dropout, 0.5, ones, 2, 256, 1, 1)
	if slices.Equal(first, second) {
		t.Error("two runs of the stock layer are equal")
	}
	first, _ = run(t, machines[0], ours, 0.5, ones, 2, 256, 1, 1)
	second, _ = run(t, machines[0], ours, 0.5, ones, 2, 256, 1, 1)
	same(t, "second run", second, first)
}

// The stock layer drops single elements.
func TestStockDropsElements(t *testing.T) {
	ones := slices.Repeat([]float32{1}, 8*64)
	for _, l := range layers {
		y, _ := run(t, machines[0], l.drop, 0.5, ones, 1, 8, 8, 8)
		mixed := 0
		for c := range 8 {
			plane := y[64*c : 64*c+64]
			if slices.Contains(plane, 0) && slices.Contains(plane, 2) {
				mixed++
			}
		}
		if l.ours && mixed > 0 || !l.ours && mixed == 0 {
			t.Errorf("%s: %d of 8 feature maps are dropped in part", l.name, mixed)
		}
	}
}

// The stock UsePreallocDo panics: it passes a method where the data belong.
func TestStockUsePreallocDoPanics(t *testing.T) {
	log.SetOutput(io.Discard) // where it also writes what it panics with
	defer log.SetOutput(os.Stderr)
	for _, l := range layers {
		g := G.NewGraph()
		x := G.NewTensor(g, G.Float32, 4, G.WithShape(1, 4, 1, 1), G.WithName("x"))
		o := must(l.drop(x, 0.5))(t).Op().(G.UsePreallocDoer)
		panicked := func() (panicked bool) {
			defer func() { panicked = recover() != nil }()
			_, err := o.UsePreallocDo(denseOf(make([]float32, 4), 1, 4, 1, 1), denseOf(make([]float32, 4), 1, 4, 1, 1))
			if err != nil {
				t.Error(err)
			}
			return false
		}()
		if panicked == l.ours {
			t.Errorf("%s: UsePreallocDo panics: %t, want %t", l.name, panicked, !l.ours)
		}
	}
}

// In evaluation the stock layer returns its input itself, and the next operation that works in
// place overwrites it.
func TestStockEvaluationGivesItsInputAway(t *testing.T) {
	x := []float32{1, 2, 3, 4}
	for _, l := range layers {
		g := G.NewGraph()
		in := G.NodeFromAny(g, denseOf(slices.Clone(x), 1, 4, 1, 1), G.WithName("x"))
		ten := G.NodeFromAny(g, denseOf([]float32{10, 10, 10, 10}, 1, 4, 1, 1), G.WithName("ten"))
		must(G.Add(must(l.drop(in, 0.5))(t), ten))(t)
		vm := G.NewTapeMachine(g, G.EvalMode())
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		want := x
		if !l.ours {
			want = []float32{11, 12, 13, 14}
		}
		same(t, l.name+", input after the run", data[float32](t, in.Value()), want)
	}
}

// In the LispMachine the stock layer overwrites the gradient of its input with its own: that of
// 3x, which has the gradient 3, is lost.
func TestStockGradientsOfTwoUsesDoNotAdd(t *testing.T) {
	ones := slices.Repeat([]float32{1}, 64)
	for _, l := range layers {
		g := G.NewGraph()
		x := G.NodeFromAny(g, denseOf(ones, 1, 64, 1, 1), G.WithName("x"))
		three := G.NodeFromAny(g, denseOf(slices.Repeat([]float32{3}, 64), 1, 64, 1, 1), G.WithName("three"))
		y := must(l.drop(x, 0.5))(t)
		must(G.Sum(must(G.Add(y, must(G.HadamardProd(x, three))(t)))(t)))(t)
		vm := G.NewLispMachine(g)
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		for i, got := range data[float32](t, must(x.Grad())(t)) {
			want := data[float32](t, y.Value())[i] // 0 or 2: at rate 0.5 both probabilities are the same
			if l.ours {
				want += 3
			}
			if got != want {
				t.Fatalf("%s: gradient %d is %v, want %v", l.name, i, got, want)
			}
		}
	}
}

// The stock layer takes the memory of a transposed tensor for its elements in order.
func TestStockIgnoresStrides(t *testing.T) {
	for _, l := range layers {
		d := denseOf(numbers[float32](1, 2*64*3), 2, 64, 3)
		if err := d.T(0, 2, 1); err != nil {
			t.Fatal(err)
		}
		x := logical[float32](t, d)
		g := G.NewGraph()
		in := G.NewTensor(g, G.Float32, 3, G.WithShape(2, 3, 64), G.WithName("x"), G.WithValue(d))
		drop := l.drop
		if l.ours {
			drop = func(x *G.Node, rate float64) (*G.Node, error) {
				return Layer{Dropout: coreOf(t, rate), Order: layout.NWC}.Apply(x)
			}
		}
		y := must(drop(in, 0.5))(t)
		vm := G.NewTapeMachine(g)
		defer vm.Close()
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		wrong := 0
		for i, v := range logical[float32](t, y.Value().(*tensor.Dense)) {
			if v != 0 && math.Abs(float64(v-2*x[i])) > 1e-6 {
				wrong++
			}
		}
		if l.ours && wrong > 0 || !l.ours && wrong == 0 {
			t.Errorf("%s: %d of %d elements are neither 0 nor twice their input", l.name, wrong, len(x))
		}
	}
}

// Gorgonia lets an operation that works in place write over the memory that a node of Reshape
// shares with its input, here an input of the graph. So Layer.InPlace refuses such a node.
func TestOperationsWriteOverWhatReshapeShares(t *testing.T) {
	g := G.NewGraph()
	x := G.NodeFromAny(g, denseOf([]float32{1, 2, 3, 4}, 2, 2), G.WithName("x"))
	ten := G.NodeFromAny(g, denseOf([]float32{10, 10, 10, 10}, 4, 1), G.WithName("ten"))
	must(G.Add(must(G.Reshape(x, tensor.Shape{4, 1}))(t), ten))(t)
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	same(t, "input after the run", data[float32](t, x.Value()), []float32{11, 12, 13, 14})
}
