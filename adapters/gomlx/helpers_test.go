package gomlx_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/images"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

var backend = gobackend.GetBackend()

// element is a type of elements with its bits.
type element struct {
	dtype    dtypes.DType
	kind     *kernel.Kind
	fraction int    // bits
	infinity uint64 // bits of the infinite number
}

var elements = []element{
	{dtypes.Float32, kernel.F32, 23, 0x7f800000},
	{dtypes.Float64, kernel.F64, 52, 0x7ff0000000000000},
	{dtypes.Float16, kernel.F16, 10, 0x7c00},
	{dtypes.BFloat16, kernel.BF16, 7, 0x7f80},
}

func (e element) bits() int { return 8 * e.kind.Size() }

func (e element) isNaN(bits uint64) bool { return bits&(1<<(e.bits()-1)-1) > e.infinity }

func (e element) get(b []byte, i int) uint64 {
	switch e.kind.Size() {
	case 2:
		return uint64(binary.NativeEndian.Uint16(b[2*i:]))
	case 4:
		return uint64(binary.NativeEndian.Uint32(b[4*i:]))
	}
	return binary.NativeEndian.Uint64(b[8*i:])
}

func (e element) set(b []byte, i int, bits uint64) {
	switch e.kind.Size() {
	case 2:
		binary.NativeEndian.PutUint16(b[2*i:], uint16(bits))
	case 4:
		binary.NativeEndian.PutUint32(b[4*i:], uint32(bits))
	default:
		binary.NativeEndian.PutUint64(b[8*i:], bits)
	}
}

// random returns numbers of both signs between 2⁻³ and 2³, and among them zeros of both
// signs, infinities and NaNs.
func (e element) random(r *rand.Rand, count int) []byte {
	b := make([]byte, count*e.kind.Size())
	one := e.infinity >> 1 &^ (1<<e.fraction - 1) // the exponent of 1
	sign := uint64(1) << (e.bits() - 1)
	for i := range count {
		bits := one - 3<<e.fraction + r.Uint64N(6<<e.fraction)
		switch r.IntN(24) {
		case 0:
			bits = 0
		case 1:
			bits = e.infinity
		case 2:
			bits = e.infinity + 1<<(e.fraction-1)
		}
		e.set(b, i, bits|sign&-r.Uint64N(2))
	}
	return b
}

// diff describes the first difference in bits, of which NaNs have none.
func (e element) diff(got, want []byte) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d bytes, want %d", len(got), len(want))
	}
	for i := range len(want) / e.kind.Size() {
		g, w := e.get(got, i), e.get(want, i)
		if g != w && !(e.isNaN(g) && e.isNaN(w)) {
			return fmt.Errorf("element %d is %#x, want %#x", i, g, w)
		}
	}
	return nil
}

// tensor returns a tensor of gomlx that holds a copy of b.
func (e element) tensor(t testing.TB, b []byte, dims ...int) *tensors.Tensor {
	t.Helper()
	x := tensors.FromShape(shapes.Make(e.dtype, dims...))
	must(t, x.MutableBytes(func(data []byte) { copy(data, b) }))
	return x
}

// core returns a tensor of the core in the memory of b.
func (e element) core(b []byte, g layout.Geometry) spatialdropout.Tensor {
	return spatialdropout.Tensor{Data: kernel.OfBytes(e.kind, b), Geometry: g}
}

func bytesOf(t testing.TB, x *tensors.Tensor) []byte {
	t.Helper()
	var b []byte
	must(t, x.ConstBytes(func(data []byte) { b = slices.Clone(data) }))
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// layer is what is built into a graph.
type layer func(scope *model.Scope, x *graph.Node) *graph.Node

// graphs are executors of the training and the evaluation of a layer, forward and backward.
type graphs struct{ training, evaluation *model.Exec }

func newGraphs(t testing.TB, backend compute.Backend, store *model.Store, l layer) graphs {
	t.Helper()
	of := func(training bool) *model.Exec {
		e, err := model.NewExec(backend, store, func(scope *model.Scope, x, dy *graph.Node) (*graph.Node, *graph.Node) {
			scope.Store().SetTraining(x.Graph(), training)
			y := l(scope, x)
			return y, graph.Gradient(graph.ReduceAllSum(graph.Mul(y, dy)), x)[0]
		})
		must(t, err)
		return e
	}
	return graphs{of(true), of(false)}
}

// step runs a graph.
func step(t testing.TB, e *model.Exec, x, dy *tensors.Tensor) (y, dx []byte) {
	t.Helper()
	out, err := e.Call(x, dy)
	must(t, err)
	return bytesOf(t, out[0]), bytesOf(t, out[1])
}

// shapeCase is a shape and where its channels are.
type shapeCase struct {
	axis images.ChannelsAxisConfig
	dims []int
}

var shapeCases = []shapeCase{
	{images.ChannelsLast, []int{3, 5, 4, 7}},
	{images.ChannelsFirst, []int{3, 7, 5, 4}},
	{images.ChannelsLast, []int{2, 9, 33}},
	{images.ChannelsFirst, []int{2, 3, 2, 3, 4}},
	{images.ChannelsLast, []int{5, 6}},
	{images.ChannelsFirst, []int{1, 1, 3}},
}

func (c shapeCase) geometry(t testing.TB) layout.Geometry {
	t.Helper()
	order := layout.ChannelsFirst
	if c.axis == images.ChannelsLast {
		order = layout.ChannelsLast
	}
	g, err := order.Of(c.dims...)
	must(t, err)
	return g
}

func (c shapeCase) String() string { return fmt.Sprint(c.axis, c.dims) }

func floats(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.NativeEndian.Uint32(b[4*i:]))
	}
	return x
}
