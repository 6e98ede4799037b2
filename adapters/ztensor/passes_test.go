package ztensor

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/zerfoo/float16"
	"github.com/zerfoo/ztensor/tensor"
)

// One node on two tensors before the backward passes, in any order: each gradient takes the mask
// of its own forward pass, and as often as it is asked for.
func TestNodeTwiceBeforeTheBackwardPass(t *testing.T) {
	all(t, testTwice[float32], testTwice[float64], testTwice[float16.Float16], testTwice[float16.BFloat16])
}

func testTwice[T Float](t *testing.T) {
	shape := []int{2, 16, 2, 3}
	a, c, w := numbers[T](1, product(shape)), numbers[T](2, product(shape)), numbers[T](3, product(shape))
	d := nodeOf[T](t, 0.5, spatialdropout.WithSeed(6))
	core := coreOf(t, 0.5, spatialdropout.WithSeed(6))
	inA, inC := tensorOf(t, a, shape...), tensorOf(t, c, shape...)
	left, right := must(d.Forward(ctx, inA))(t), must(d.Forward(ctx, inC))(t)
	behind := must(d.Forward(ctx, left))(t)

	wantLeft, dA, mA := training(t, core, layout.NCHW, shape, a, w)
	wantRight, dC, mC := training(t, core, layout.NCHW, shape, c, w)
	wantBehind, dLeft, mLeft := training(t, core, layout.NCHW, shape, wantLeft, w)
	same(t, "left", left.Data(), wantLeft)
	same(t, "right", right.Data(), wantRight)
	same(t, "behind", behind.Data(), wantBehind)
	for range 2 {
		same(t, "gradient of a", backward(t, d, w, inA), dA)
		same(t, "gradient of left", backward(t, d, w, left), dLeft)
		same(t, "gradient of c", backward(t, d, w, inC), dC)
	}
	if mA.String() == mC.String() || mA.String() == mLeft.String() {
		t.Error("two passes have one mask")
	}
}

// Of several passes on one tensor the last comes first, and a new Forward begins anew.
func TestNodeTwiceOnOneTensor(t *testing.T) {
	shape := []int{2, 16, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	d := nodeOf[float32](t, 0.5, spatialdropout.WithSeed(6))
	core := coreOf(t, 0.5, spatialdropout.WithSeed(6))
	in := tensorOf(t, x, shape...)
	var want [5][]float32
	for i := range want {
		_, want[i], _ = training(t, core, layout.NCHW, shape, x, w)
	}
	forward := func() { must(d.Forward(ctx, in))(t) }
	forward()
	forward()
	same(t, "second", backward(t, d, w, in), want[1])
	forward()
	same(t, "third", backward(t, d, w, in), want[2])
	same(t, "first", backward(t, d, w, in), want[0])
	same(t, "first again", backward(t, d, w, in), want[0])
	forward()
	same(t, "fourth", backward(t, d, w, in), want[3])
	same(t, "fourth again", backward(t, d, w, in), want[3])
	forward()
	d.Reset()
	if _, err := d.Backward(ctx, 0, in, in); err == nil {
		t.Error("a gradient after Reset")
	}
	if s := d.Core().State(); s.Step != 5 {
		t.Errorf("step %d after Reset, want 5", s.Step)
	}
}

// Evaluation of the tensor of a pass that waits for its gradient is a pass of its own, whose
// gradient comes first. Calls of Run are apart.
func TestEvaluationOfATensorThatWaits(t *testing.T) {
	shape := []int{2, 16, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	d := nodeOf[float32](t, 0.5, spatialdropout.WithSeed(6))
	core := coreOf(t, 0.5, spatialdropout.WithSeed(6))
	in := tensorOf(t, x, shape...)
	must(d.Forward(ctx, in))(t)
	_, call, err := d.Run(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	d.SetTraining(false)
	must(d.Forward(ctx, in))(t)
	_, first, _ := training(t, core, layout.NCHW, shape, x, w)
	_, second, _ := training(t, core, layout.NCHW, shape, x, w)
	same(t, "Run", must(call.Backward(ctx, tensorOf(t, w, shape...)))(t).Data(), second)
	same(t, "evaluation", backward(t, d, w, in), w)
	same(t, "training", backward(t, d, w, in), first)
}

// A node keeps its passes no longer than their inputs.
func TestPassesGoWithTheirInputs(t *testing.T) {
	d := nodeOf[float32](t, 0.5)
	kept := tensorOf(t, numbers[float32](1, 4), 1, 4, 1, 1)
	must(d.Forward(ctx, kept))(t)
	for range 100 {
		must(d.Forward(ctx, tensorOf(t, numbers[float32](1, 4), 1, 4, 1, 1)))(t)
	}
	count := func() int {
		d.calls.mu.Lock()
		defer d.calls.mu.Unlock()
		return len(d.calls.of)
	}
	for range 1000 {
		if runtime.GC(); count() == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if n := count(); n != 1 {
		t.Errorf("passes on %d tensors are kept, want that on the one that lives", n)
	}
	if dx := backward(t, d, numbers[float32](2, 4), kept); len(dx) != 4 {
		t.Errorf("gradient %v", dx)
	}
}

// Evaluation of one tensor again and again keeps one pass.
func TestEvaluationsOfOneTensorAreOnePass(t *testing.T) {
	d := nodeOf[float32](t, 0.5, spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.AtInference}))
	d.SetTraining(false)
	in := tensorOf(t, numbers[float32](1, 4), 1, 4, 1, 1)
	for range 100 {
		must(d.Forward(ctx, in))(t)
	}
	for _, p := range d.calls.of {
		if len(p.stack) != 1 {
			t.Errorf("%d passes are kept, want 1", len(p.stack))
		}
	}
	same(t, "gradient", backward(t, d, []float32{1, 2, 3, 4}, in), []float32{0.5, 1, 1.5, 2})
}

// Goroutines may share a node: each of their passes is a step of its own.
func TestGoroutinesShareANode(t *testing.T) {
	shape := []int{1, 32, 1, 1}
	ones := constant[float32](1, 32)
	d := nodeOf[float32](t, 0.5, spatialdropout.WithSeed(1))
	core := coreOf(t, 0.5, spatialdropout.WithSeed(1))
	want := map[string]bool{}
	for range 64 {
		_, _, m := training(t, core, layout.NCHW, shape, ones, ones)
		want[m.String()] = true
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 16 {
				in, err := tensor.New(shape, ones)
				if err != nil {
					t.Error(err)
					return
				}
				y, err := d.Forward(ctx, in)
				if err != nil {
					t.Error(err)
					return
				}
				dx, err := d.Backward(ctx, 0, in, in)
				if err != nil {
					t.Error(err)
					return
				}
				for i, v := range y.Data() {
					if dx[0].Data()[i] != v {
						t.Errorf("gradient %d is %v, want %v", i, dx[0].Data()[i], v)
					}
				}
			}
		})
	}
	wg.Wait()
	if got := d.Core().State().Step; got != 64 || len(want) != 64 {
		t.Errorf("%d steps and %d masks, want 64", got, len(want))
	}
}

// Evaluation copies its input, spends no step, and leaves passes of training as they are.
func TestEvaluation(t *testing.T) {
	shape := []int{2, 16, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	d := nodeOf[float32](t, 0.5, spatialdropout.WithSeed(9))
	core := coreOf(t, 0.5, spatialdropout.WithSeed(9))
	if !d.Training() {
		t.Error("a new node is in evaluation")
	}
	in, other := tensorOf(t, x, shape...), tensorOf(t, w, shape...)
	must(d.Forward(ctx, in))(t)
	d.SetTraining(false)
	if d.Training() || d.Attributes()["training"] != false {
		t.Error("a node is in training after SetTraining(false)")
	}
	y := must(d.Forward(ctx, other))(t)
	same(t, "evaluation", y.Data(), w)
	if &y.Data()[0] == &other.Data()[0] {
		t.Error("evaluation shares the memory of its input")
	}
	same(t, "gradient of evaluation", backward(t, d, x, other), x)
	_, want, _ := training(t, core, layout.NCHW, shape, x, w)
	same(t, "gradient of training", backward(t, d, w, in), want)
	d.SetTraining(true)
	gotY, dx := step(t, d, x, w, shape...)
	wantY, want, _ := training(t, core, layout.NCHW, shape, x, w)
	same(t, "the next output", gotY, wantY)
	same(t, "the next gradient", dx, want)
}

// Nodes of one seed are numbered by construction, the same in every run.
func TestSeeds(t *testing.T) {
	seeds, again := NewSeeds(42), NewSeeds(42)
	streams := map[string]bool{}
	for k := range uint64(5) {
		want := mask.Philox(mask.Child(42, k)).String()
		for _, s := range []*Seeds{seeds, again} {
			if got := nodeOf[float32](t, 0.5, s.Next()).Core().State().Stream; got != want {
				t.Errorf("node %d draws from %s, want %s", k, got, want)
			}
		}
		streams[want] = true
		streams[nodeOf[float32](t, 0.5).Core().State().Stream] = true // without a seed
	}
	if len(streams) != 10 {
		t.Errorf("%d streams of 10 nodes", len(streams))
	}
}

// Slices, tensors with other strides and whole copies of slices are served where they lie.
func TestViews(t *testing.T) {
	all(t, testViews[float32], testViews[float64], testViews[float16.Float16], testViews[float16.BFloat16])
}

func testViews[T Float](t *testing.T) {
	wide := []int{3, 6, 4, 5}
	x := numbers[T](1, product(wide))
	for name, of := range map[string]func() *tensor.TensorNumeric[T]{
		"channels": func() *tensor.TensorNumeric[T] {
			return must(tensorOf(t, x, wide...).Slice([2]int{0, 3}, [2]int{2, 5}))(t)
		},
		"samples": func() *tensor.TensorNumeric[T] { return must(tensorOf(t, x, wide...).Slice([2]int{0, 2}))(t) },
		"window": func() *tensor.TensorNumeric[T] {
			return must(tensorOf(t, x, wide...).Slice([2]int{1, 3}, [2]int{0, 6}, [2]int{1, 3}, [2]int{2, 5}))(t)
		},
		"reshaped": func() *tensor.TensorNumeric[T] { return must(tensorOf(t, x, wide...).Reshape([]int{6, 3, 2, 10}))(t) },
		"channels last": func() *tensor.TensorNumeric[T] {
			v := tensorOf(t, x, wide...)
			v.SetShape([]int{3, 5, 6, 4})
			v.SetStrides([]int{120, 1, 20, 5})
			return must(v.Slice([2]int{0, 3}))(t) // Data of a view goes by strides
		},
	} {
		in, dst := of(), of()
		shape := in.Shape()
		seen := in.Data()
		w := numbers[T](2, len(seen))
		d, core := nodeOf[T](t, 0.5, spatialdropout.WithSeed(8)), coreOf(t, 0.5, spatialdropout.WithSeed(8))
		y := must(d.Forward(ctx, in))(t)
		wantY, wantDx, _ := training(t, core, layout.NCHW, shape, seen, w)
		same(t, name+", output", y.Data(), wantY)
		same(t, name+", gradient", backward(t, d, w, in), wantDx)
		same(t, name+", input", in.Data(), seen)

		for _, to := range []*tensor.TensorNumeric[T]{dst, in} { // into a view, and in place
			wantY, wantDx, _ := training(t, core, layout.NCHW, shape, seen, w)
			got, call, err := d.Run(ctx, in, to)
			if err != nil || got != to {
				t.Fatalf("%s: %v, error %v", name, got, err)
			}
			same(t, name+", destination", to.Data(), wantY)
			dy := tensorOf(t, w, shape...)
			same(t, name+", gradient in place", must(call.Backward(ctx, dy, dy))(t).Data(), wantDx)
			same(t, name+", its memory", dy.Data(), wantDx)
		}
	}
}

// In place a view changes what it looks at, and nothing around it.
func TestInPlaceInAView(t *testing.T) {
	wide := []int{3, 6, 2, 2}
	x := numbers[float64](1, product(wide))
	whole := tensorOf(t, x, wide...)
	part := must(whole.Slice([2]int{0, 3}, [2]int{2, 5}))(t)
	want, _, _ := training(t, coreOf(t, 0.5, spatialdropout.WithSeed(8)), layout.NCHW, part.Shape(), part.Data(), part.Data())
	if _, _, err := nodeOf[float64](t, 0.5, spatialdropout.WithSeed(8)).Run(ctx, part, part); err != nil {
		t.Fatal(err)
	}
	for i, v := range whole.Data() {
		n, c, p := i/24, i/4%6, i%4
		expected := x[i]
		if c >= 2 && c < 5 {
			expected = want[(n*3+c-2)*4+p]
		}
		if v != expected {
			t.Fatalf("element %d is %v, want %v", i, v, expected)
		}
	}
}
