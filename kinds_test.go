package spatialdropout_test

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/internal/reference"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// The tests take every kind of data as a Go type of its own. Frameworks name their
// types, some of floats and all of halves.
type (
	named32  float32
	named64  float64
	float16  uint16
	bfloat16 uint16
)

type number interface {
	kernel.Float | kernel.Half
}

// apply has the type of Apply and AddTo, makeLayer that of NewLayer.
type (
	apply[T number]     func(dst, src []T, m *mask.Mask, g layout.Geometry) error
	makeLayer[T number] func(rate float64, opts ...spatialdropout.Option) (*spatialdropout.Layer[T], error)
)

// kind is a kind of data: the functions for it and its arithmetic.
type kind[T number] struct {
	typ          reference.Type
	tensor       func(data []T, g layout.Geometry) spatialdropout.Tensor
	list         func(list [][]T, g layout.Geometry) spatialdropout.Tensor
	vector       func(data []T) kernel.Vector
	plain, added apply[T] // Apply and AddTo, which halves do not have
	layer        makeLayer[T]

	of                func(x float64) T // rounded once
	float             func(x T) float64
	times, plus, over func(x, y T) T

	// Zeros, subnormals, the extremes, infinities, quiet and signalling NaNs with
	// a payload of either sign.
	hard []uint64
	// A signalling NaN with a payload: any arithmetic makes it quiet.
	signalling uint64
}

var kinds = [...]any{
	floats[float32](kernel.F32, hard32, 0x7f8abcde), floats[named32](kernel.F32, hard32, 0xff8abcde),
	floats[float64](kernel.F64, hard64, 0x7ff0abcdef012345), floats[named64](kernel.F64, hard64, 0xfff0abcdef012345),
	halves[float16](kernel.F16, hardF16, 0x7d55), halves[bfloat16](kernel.BF16, hardBF16, 0xffaa),
}

// kindOf returns the kind that T is.
func kindOf[T number]() *kind[T] {
	for _, k := range kinds {
		if k, ok := k.(*kind[T]); ok {
			return k
		}
	}
	panic("no kind of data of the tests")
}

// listOf returns the tensor of a list of slices of floats.
func listOf[T kernel.Float](list [][]T, g layout.Geometry) spatialdropout.Tensor {
	return spatialdropout.Tensor{Data: kernel.OfList(list), Geometry: g}
}

func floats[T kernel.Float](of *kernel.Kind, hard []uint64, signalling uint64) *kind[T] {
	return &kind[T]{
		typ:    reference.Types[of.Type()],
		tensor: spatialdropout.Of[T], list: listOf[T], vector: kernel.Of[T],
		plain: spatialdropout.Apply[T], added: spatialdropout.AddTo[T], layer: spatialdropout.NewLayer[T],
		of:    func(x float64) T { return T(x) },
		float: func(x T) float64 { return float64(x) },
		times: func(x, y T) T { return T(x * y) }, // the conversion keeps it from being fused with a sum
		plus:  func(x, y T) T { return x + y },
		over:  func(x, y T) T { return x / y },
		hard:  hard, signalling: signalling,
	}
}

func halves[T float16 | bfloat16](of *kernel.Kind, hard []uint64, signalling uint64) *kind[T] {
	return &kind[T]{
		typ:    reference.Types[of.Type()],
		tensor: func(data []T, g layout.Geometry) spatialdropout.Tensor { return spatialdropout.As(of, data, g) },
		list: func(list [][]T, g layout.Geometry) spatialdropout.Tensor {
			return spatialdropout.Tensor{Data: kernel.AsList(of, list), Geometry: g}
		},
		vector: func(data []T) kernel.Vector { return kernel.As(of, data) },
		layer: func(rate float64, opts ...spatialdropout.Option) (*spatialdropout.Layer[T], error) {
			d, err := spatialdropout.New(rate, opts...)
			if err != nil {
				return nil, err
			}
			return spatialdropout.LayerOf[T](of, d)
		},
		of: encode[T], float: decode[T], times: timesHalf[T], plus: plusHalf[T], over: overHalf[T],
		hard: hard, signalling: signalling,
	}
}

// apply writes src with dropout to dst: with Apply, or with ApplyTensor where that alone
// serves the kind or a number of workers is given.
func (k *kind[T]) apply(dst, src []T, m *mask.Mask, g layout.Geometry, workers ...int) error {
	if len(workers) == 0 && k.plain != nil {
		return k.plain(dst, src, m, g)
	}
	return spatialdropout.ApplyTensor(k.tensor(dst, g), k.tensor(src, g), m, only(workers))
}

// addTo is apply with AddTo and AddToTensor.
func (k *kind[T]) addTo(dst, src []T, m *mask.Mask, g layout.Geometry, workers ...int) error {
	if len(workers) == 0 && k.added != nil {
		return k.added(dst, src, m, g)
	}
	return spatialdropout.AddToTensor(k.tensor(dst, g), k.tensor(src, g), m, only(workers))
}

// only returns the number of workers in a list of at most one.
func only(workers []int) int {
	for _, w := range workers {
		return w
	}
	return 0
}

var (
	hard32 = []uint64{
		0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x807fffff, 0x7f7fffff, 0xff7fffff,
		0x7f800000, 0xff800000, 0x7fc00000, 0x7fc00123, 0xffc00456, 0x7f800001, 0xff800002, 0x7fa00789, 0xffbfffff,
	}
	hard64 = []uint64{
		0, 1 << 63, 1, 1<<63 | 1, 1<<52 - 1, 1 << 52, 1<<63 | (1<<52 - 1), 0x7fefffffffffffff, 0xffefffffffffffff,
		0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0x7ff8000000000123, 0xfff8000000000456, 0x7ff0000000000001, 0xfff0000000000002, 0x7ff4000000000789, 0xfff7ffffffffffff,
	}
	hardF16 = []uint64{
		0, 0x8000, 1, 0x8001, 0x03ff, 0x0400, 0x83ff, 0x7bff, 0xfbff,
		0x7c00, 0xfc00, 0x7e00, 0x7e23, 0xfe56, 0x7c01, 0xfc02, 0x7d89, 0xfdff,
	}
	hardBF16 = []uint64{
		0, 0x8000, 1, 0x8001, 0x007f, 0x0080, 0x807f, 0x7f7f, 0xff7f,
		0x7f80, 0xff80, 0x7fc0, 0x7fd3, 0xffe6, 0x7f81, 0xff82, 0x7fa9, 0xffbf,
	}
)
