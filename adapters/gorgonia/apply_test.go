package gorgonia

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func TestDropoutRefusesRates(t *testing.T) {
	x := G.NewTensor(G.NewGraph(), G.Float32, 4, G.WithShape(2, 3, 2, 2), G.WithName("x"))
	for _, rate := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := Dropout(x, rate)
		var wrong *mask.ArgumentError
		if !errors.As(err, &wrong) || wrong.Argument != "rate" || !strings.Contains(err.Error(), fmt.Sprint(rate)) {
			t.Errorf("rate %v: error %v, want a *mask.ArgumentError of the rate", rate, err)
		}
	}
	var option *spatialdropout.ArgumentError
	if _, err := Dropout(x, 0.5, nil); !errors.As(err, &option) || option.Argument != "opts" {
		t.Errorf("a nil option: error %v, want a *spatialdropout.ArgumentError of opts", err)
	}
}

// What Apply refuses adds no node to the graph.
func TestApplyRefuses(t *testing.T) {
	var wrong *TensorError
	var axes *layout.ArgumentError
	var zero *spatialdropout.UseError
	drop := coreOf(t, 0.5)
	for _, c := range []struct {
		what   string
		layer  Layer
		dtype  tensor.Dtype
		shape  []int
		target any
		words  string
	}{
		{"no Dropout", Layer{}, G.Float32, []int{2, 3, 2, 2}, &zero, "want one of New"},
		{"a zero Dropout", Layer{Dropout: &spatialdropout.Dropout{}}, G.Float32, []int{2, 3, 2, 2}, &zero, "want one of New"},
		{"integers", Layer{Dropout: drop}, tensor.Int, []int{2, 3, 2, 2}, &wrong, "want a tensor of float32 or float64"},
		{"a scalar", Layer{Dropout: drop}, G.Float32, nil, &wrong, "want a tensor"},
		{"a rank of 3", Layer{Dropout: drop}, G.Float32, []int{3, 2, 2}, &axes, "NCHW of 3 dims [3 2 2], want 4"},
		{"a rank of 2", Layer{Dropout: drop}, G.Float32, []int{3, 2}, &axes, "NCHW of 2 dims"},
		{"a rank of 5", Layer{Dropout: drop, Order: layout.NHWC}, G.Float32, []int{2, 2, 2, 2, 2}, &axes, "NHWC of 5 dims"},
		{"blocked", Layer{Dropout: drop, Order: layout.NCHW8c}, G.Float32, []int{2, 8, 2, 2}, &axes, "not blocked"},
		{"blocked by 16", Layer{Dropout: drop, Order: layout.NCHW16c}, G.Float32, []int{2, 16, 2, 2}, &axes, "not blocked"},
		{"no order", Layer{Dropout: drop, Order: 99}, G.Float32, []int{2, 3, 2, 2}, &axes, "Order(99)"},
		{"a wrong axis", Layer{Dropout: drop, Channels: 64}, G.Float32, []int{8, 28, 28, 64}, &wrong, "28 channels in the order NCHW: 8×28 channels of 28×64, want 64 channels"},
		{"a negative number of channels", Layer{Dropout: drop, Channels: -64}, G.Float32, []int{8, 64, 28, 28}, &wrong, "want -64 channels"},
		{"the other wrong axis", Layer{Dropout: drop, Channels: 64, Order: layout.ChannelsLast}, G.Float64, []int{8, 64, 28, 28}, &wrong, "28 channels"},
	} {
		g := G.NewGraph()
		var x *G.Node
		if c.shape == nil {
			x = G.NewScalar(g, c.dtype, G.WithName("x"))
		} else {
			x = G.NewTensor(g, c.dtype, len(c.shape), G.WithShape(c.shape...), G.WithName("x"))
		}
		y, err := c.layer.Apply(x)
		if y != nil || !errors.As(err, c.target) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v with the error %v, want a %T with %q", c.what, y, err, c.target, c.words)
		}
		if n := len(g.AllNodes()); n != 1 {
			t.Errorf("%s: the graph has %d nodes, want 1", c.what, n)
		}
	}
	if _, err := (Layer{Dropout: drop}).Apply(nil); !errors.As(err, &wrong) {
		t.Errorf("no node: error %v, want a *TensorError", err)
	}
	if step := drop.State().Step; step != 0 {
		t.Errorf("step %d, want 0", step)
	}
}

// The number of channels is checked again when the operation runs.
func TestChannelsAreCheckedAtEachRun(t *testing.T) {
	o := layerOp(t, Layer{Dropout: coreOf(t, 0.5), Channels: 64}, G.Float32, []int{2, 64, 3, 3})
	_, err := o.Do(denseOf(numbers[float32](1, 2*64*9), 2, 3, 3, 64))
	var wrong *TensorError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "3 channels in the order NCHW") {
		t.Errorf("error %v, want a *TensorError of 3 channels", err)
	}
	if step := o.drop.State().Step; step != 0 {
		t.Errorf("step %d, want 0", step)
	}
}

// What the core refuses when it draws comes out of the machine: here a batch that is larger
// than the whole of which it is said to be a part. The node keeps no value.
func TestMachinesReturnTheErrorsOfTheCore(t *testing.T) {
	for _, machine := range machines {
		g := G.NewGraph()
		x := G.NodeFromAny(g, denseOf(numbers[float32](1, 16), 2, 2, 2, 2), G.WithName("x"))
		y := must(Dropout(x, 0.5, spatialdropout.WithStream(mask.PyTorch(1)), spatialdropout.WithShard(mask.Shard{Samples: 1})))(t)
		var vm G.VM = G.NewTapeMachine(g)
		if machine == machines[1] {
			vm = G.NewLispMachine(g, G.ExecuteFwdOnly())
		}
		err := vm.RunAll()
		var place *mask.PlaceError
		if !errors.As(unwrapped(err), &place) {
			t.Errorf("%s: error %v, want a *mask.PlaceError", machine, err)
		}
		if y.Value() != nil {
			t.Errorf("%s: the node has the value %v", machine, y.Value())
		}
	}
}

// Rate 0 is the identity and rate 1 gives +0, gradients as well.
func TestRatesAtTheEnds(t *testing.T) {
	shape := []int{2, 8, 2, 2}
	x, w := numbers[float32](1, product(shape)), numbers[float32](2, product(shape))
	x[3] = float32(math.NaN())
	for _, machine := range machines {
		for rate, factor := range []float32{1, 0} {
			apply := func(x *G.Node) (*G.Node, error) { return Dropout(x, float64(rate)) }
			y, dx := newNetwork(t, machine, apply, x, w, shape...).step(t)
			wantY, wantDx := x, w
			if factor == 0 {
				wantY, wantDx = make([]float32, len(x)), make([]float32, len(x))
			}
			same(t, name(machine, rate, "output"), y, wantY)
			same(t, name(machine, rate, "gradient"), dx, wantDx)
		}
	}
}

// Operations on tensors without elements write nothing. They take a step, as in the core.
func TestOperationsWithoutElements(t *testing.T) {
	for _, shape := range [][]int{{0, 3, 2, 2}, {2, 0, 2, 2}, {2, 3, 0, 2}} {
		o := opOf(t, 0.5, shape)
		x := tensor.New(tensor.WithShape(shape...), tensor.Of(tensor.Float32))
		y := must(o.Do(x))(t)
		dx := must((&gradientOp{o}).Do(y, x))(t)
		if !slices.Equal(y.Shape(), shape) || !slices.Equal(dx.Shape(), shape) {
			t.Errorf("shapes %v and %v, want %v", y.Shape(), dx.Shape(), shape)
		}
		if step := o.drop.State().Step; step != 1 {
			t.Errorf("step %d, want 1", step)
		}
	}
}

// The operations describe themselves as Gorgonia asks.
func TestOperationsDescribeThemselves(t *testing.T) {
	shape := []int{2, 3, 2, 2}
	a, b := opOf(t, 0.5, shape), opOf(t, 0.5, shape)
	hashes := map[uint32]string{}
	for _, o := range []G.Op{a, b, &gradientOp{a}, &gradientOp{b}} {
		if other, ok := hashes[o.Hashcode()]; ok {
			t.Errorf("%v and %s have the same hash", o, other)
		}
		hashes[o.Hashcode()] = o.String()
		if o.CallsExtern() || !o.ReturnsPtr() || o.OverwritesInput() != -1 {
			t.Errorf("%v: CallsExtern %t, ReturnsPtr %t, OverwritesInput %d", o, o.CallsExtern(), o.ReturnsPtr(), o.OverwritesInput())
		}
		ds := make([]G.DimSizer, o.Arity())
		for i := range ds {
			ds[i] = tensor.Shape(shape)
		}
		if got := must(o.InferShape(ds...))(t); !slices.Equal(got, shape) {
			t.Errorf("%v: shape %v, want %v", o, got, shape)
		}
		var wrong *TensorError
		if _, err := o.InferShape(); !errors.As(err, &wrong) {
			t.Errorf("%v: error %v of no shape, want a *TensorError", o, err)
		}
		ds[len(ds)-1] = dimSizer{}
		if _, err := o.InferShape(ds...); !errors.As(err, &wrong) {
			t.Errorf("%v: error %v of an unknown shape, want a *TensorError", o, err)
		}
	}
	in := layerOp(t, Layer{Dropout: coreOf(t, 0.5), InPlace: true}, G.Float32, shape)
	if in.OverwritesInput() != 0 {
		t.Errorf("in place: OverwritesInput %d, want 0", in.OverwritesInput())
	}
	if !slices.Equal(a.DiffWRT(1), []bool{true}) || !slices.Equal((&gradientOp{a}).DiffWRT(2), []bool{false, true}) {
		t.Error("DiffWRT names the wrong inputs")
	}
	if name := a.String(); !strings.HasPrefix(name, "SpatialDropout") || !strings.HasSuffix(name, "(NCHW)") {
		t.Errorf("the name is %q", name)
	}
}

// dimSizer is a shape of another package.
type dimSizer struct{}

func (dimSizer) DimSize(int) (int, error) { return 1, nil }

// unwrapped returns the error inside that of a machine, which errors.As does not look into.
func unwrapped(err error) error {
	if e, ok := err.(interface{ Err() error }); ok {
		return e.Err()
	}
	return err
}
