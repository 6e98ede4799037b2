package gomlx_test

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/float16"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/adapters/gomlx"
	"github.com/spatialdropout/spatialdropout/mask"
)

// These tests say what gomlx v0.28.2 with compute v0.1.6 does. One that fails after an
// upgrade says that gomlx has changed: the README says what is true then.

// onOnes returns what a layer in training makes of 4×8×8×16 ones.
func onOnes(t *testing.T, l layer) ([]float32, error) {
	t.Helper()
	store := model.NewStore()
	must(t, store.SetRNGStateFromSeed(1))
	graphs, err := model.NewExec(backend, store, func(scope *model.Scope, x *graph.Node) *graph.Node {
		scope.Store().SetTraining(x.Graph(), true)
		return l(scope, x)
	})
	must(t, err)
	ones := make([]float32, 4*8*8*16)
	for i := range ones {
		ones[i] = 1
	}
	out, err := graphs.Call(tensors.FromFlatDataAndDimensions(ones, 4, 8, 8, 16))
	if err != nil {
		return nil, err
	}
	return floats(bytesOf(t, out[0])), nil
}

func ours(rate float64) layer {
	return func(s *model.Scope, x *graph.Node) *graph.Node {
		return gomlx.Dropout(s, x).WithRate(rate).WithOptions(spatialdropout.WithSeed(1)).Done()
	}
}

func stock(rate float64) layer {
	return func(s *model.Scope, x *graph.Node) *graph.Node { return layers.DropoutStatic(s, x, rate) }
}

// mixed returns how many feature maps are neither dropped nor kept as a whole.
func mixed(y []float32) int {
	n := 0
	for sample := range 4 {
		for c := range 16 {
			zeros := 0
			for i := range 64 {
				if y[sample*1024+i*16+c] == 0 {
					zeros++
				}
			}
			if zeros > 0 && zeros < 64 {
				n++
			}
		}
	}
	return n
}

func TestStockDropoutDropsSinglePixels(t *testing.T) {
	y, err := onOnes(t, ours(0.5))
	must(t, err)
	if n := mixed(y); n != 0 {
		t.Errorf("ours: %d maps are dropped in part", n)
	}
	y, err = onOnes(t, stock(0.5))
	must(t, err)
	if n := mixed(y); n != 64 {
		t.Errorf("the stock: %d maps of 64 are dropped in part", n)
	}
}

func TestStockDropoutAtRate1IsNaN(t *testing.T) {
	y, err := onOnes(t, ours(1))
	must(t, err)
	for i, v := range y {
		if math.Float32bits(v) != 0 {
			t.Fatalf("ours: element %d is %v", i, v)
		}
	}
	y, err = onOnes(t, stock(1))
	must(t, err)
	for i, v := range y {
		if v == v {
			t.Fatalf("the stock: element %d is %v, no NaN", i, v)
		}
	}
}

// A rate that is none is an error in ours. The stock takes a negative one for 0, and drops all
// at 1.5 and at NaN nothing, which it divides by NaN.
func TestStockDropoutTakesAnyRate(t *testing.T) {
	for _, rate := range []float64{-0.5, 1.5, math.NaN()} {
		if _, err := onOnes(t, ours(rate)); !refusesRate(err) {
			t.Errorf("ours at %v: error %v", rate, err)
		}
		y, err := onOnes(t, stock(rate))
		if err != nil {
			t.Errorf("the stock at %v: error %v", rate, err)
			continue
		}
		switch {
		case rate < 0 && y[0] == 1, rate > 1 && math.Float32bits(y[0]) == 1<<31, rate != rate && y[0] != y[0]:
		default:
			t.Errorf("the stock at %v: %v", rate, y[0])
		}
	}
}

// DropPath of gomlx does not scale what it keeps: the mean falls. Ours with PerSample does.
func TestStockDropPathDoesNotScale(t *testing.T) {
	y, err := onOnes(t, func(s *model.Scope, x *graph.Node) *graph.Node {
		return gomlx.Dropout(s, x).WithRate(0.5).WithOptions(spatialdropout.WithSeed(1), spatialdropout.WithSharing(mask.PerSample)).Done()
	})
	must(t, err)
	for i, v := range y {
		if v != 0 && v != 2 {
			t.Fatalf("ours: element %d is %v", i, v)
		}
	}
	y, err = onOnes(t, func(s *model.Scope, x *graph.Node) *graph.Node {
		return layers.DropPath(s, x, graph.Scalar(x.Graph(), dtypes.Float32, 0.5))
	})
	must(t, err)
	for i, v := range y {
		if v != 0 && v != 1 {
			t.Fatalf("the stock: element %d is %v", i, v)
		}
	}
}

// Ours passes tensors without elements. The stock ends the process: its goroutine panics.
func TestStockDropoutOfEmptyTensors(t *testing.T) {
	const variable = "GOMLX_STOCK_OF_EMPTY"
	empty := tensors.FromShape(shapes.Make(dtypes.Float32, 2, 0, 3))
	if os.Getenv(variable) != "" {
		err := buildOn(t, empty, stock(0.5))
		time.Sleep(10 * time.Second) // an error may come before the panic, which is under way
		t.Fatal("the stock returns: ", err)
	}
	must(t, buildOn(t, empty, ours(0.5)))
	child := exec.Command(os.Args[0], "-test.run=^TestStockDropoutOfEmptyTensors$")
	child.Env = append(os.Environ(), variable+"=1")
	if out, err := child.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("panic: runtime error: index out of range")) {
		t.Errorf("the stock: error %v\n%s", err, out)
	}
}

// In the pure Go backend products of float16 below 2⁻¹⁴ become 0, in all arithmetic and
// conversions. The memory of a tensor has the right ones.
func TestStockFloat16LosesSmallProducts(t *testing.T) {
	half := float16.FromBits(0x0200) // 2⁻¹⁵
	x := []float16.Float16{half, half, half, half}
	graphs, err := graph.NewExec(backend, func(x *graph.Node) *graph.Node { return graph.Mul(x, graph.ScalarOne(x.Graph(), x.DType())) })
	must(t, err)
	y, err := graphs.Call1(tensors.FromFlatDataAndDimensions(x, 2, 2))
	must(t, err)
	if got := tensors.MustCopyFlatData[float16.Float16](y)[0]; got.Bits() != 0 {
		t.Errorf("the stock: 2⁻¹⁵·1 is %#x", got.Bits())
	}
	c := shapeCase{shapeCases[0].axis, []int{2, 2}}
	d, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1), spatialdropout.WithArithmetic(mask.Arithmetic{Rule: mask.Unscaled}))
	must(t, err)
	m, err := d.Draw(c.geometry(t))
	must(t, err)
	z := tensors.FromFlatDataAndDimensions(x, 2, 2)
	must(t, gomlx.Apply(backend, z, z, m, c.axis))
	for i, got := range tensors.MustCopyFlatData[float16.Float16](z) {
		want := uint16(0)
		if m.Kept(i/2, i%2) {
			want = 0x0200
		}
		if got.Bits() != want {
			t.Errorf("ours: element %d is %#x, want %#x", i, got.Bits(), want)
		}
	}
}

// The pure Go backend takes the constants 0 and −0 for one: a sum with −0, which leaves −0
// as it is, becomes one with 0. Ours makes its constants from bits.
func TestStockConstantsLoseASign(t *testing.T) {
	negative := float32(math.Copysign(0, -1))
	graphs, err := graph.NewExec(backend, func(x *graph.Node) (*graph.Node, *graph.Node) {
		zero, minus := graph.Const(x.Graph(), float32(0)), graph.Const(x.Graph(), negative)
		return graph.Add(x, zero), graph.Add(x, minus)
	})
	must(t, err)
	out, err := graphs.Call([]float32{negative})
	must(t, err)
	if got := tensors.MustCopyFlatData[float32](out[1])[0]; math.Float32bits(got) != 0 {
		t.Errorf("−0 + −0 is %#x", math.Float32bits(got))
	}
}
