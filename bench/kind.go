package main

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// element is the Go type of an element. A uint16 holds the bits of a bfloat16.
type element = npy.Element

// kind is an element type: the library's kind, and the arithmetic of the reference. The
// arithmetic uses nothing of the library, so that the two cannot share a mistake.
type kind[T element] struct {
	*kernel.Kind

	of       func(float64) T // rounds once, to nearest, ties to even
	value    func(T) float64
	mul, add func(x, y T) T
	barely   float64 // a rate whose factor is just above 1
}

var (
	float32s  = floats[float32](kernel.F32)
	float64s  = floats[float64](kernel.F64)
	float16s  = halves[npy.Float16](kernel.F16, binary16)
	bfloat16s = halves[npy.BFloat16](kernel.BF16, brain16)
	// brainWords are bfloat16 in arrays of uint16.
	brainWords = halves[uint16](kernel.BF16, brain16)
)

func floats[T float32 | float64](k *kernel.Kind) kind[T] {
	return kind[T]{
		k,
		func(x float64) T { return T(x) },
		func(x T) float64 { return float64(x) },
		func(x, y T) T { return T(x * y) },
		func(x, y T) T { return x + y },
		barely,
	}
}

// halves returns a kind that computes in float32 and rounds each result to the format.
func halves[T npy.Float16 | npy.BFloat16 | uint16](k *kernel.Kind, f format) kind[T] {
	value := make([]float32, 1<<16)
	for bits := range value {
		value[bits] = float32(f.value(uint16(bits)))
	}
	return kind[T]{
		k,
		func(x float64) T { return T(f.round(x)) },
		func(x T) float64 { return f.value(uint16(x)) },
		func(x, y T) T { return T(f.round(float64(value[x] * value[y]))) },
		func(x, y T) T { return T(f.round(float64(value[x] + value[y]))) },
		barelyOf(f),
	}
}

// tensor returns data as the library takes them.
func (k kind[T]) tensor(data []T, g layout.Geometry) spatialdropout.Tensor {
	return spatialdropout.As(k.Kind, data, g)
}

// as returns data rounded to a kind.
func as[T element](k kind[T], data []float32) []T {
	rounded := make([]T, len(data))
	for i, x := range data {
		rounded[i] = k.of(float64(x))
	}
	return rounded
}

// barely is a rate whose factor is 1+2⁻²² in float32. Data that are scaled in place many
// times keep their magnitude. factor is that factor.
const (
	barely         = 0x1p-22
	factor float32 = 1 + 0x1p-22
)

// barelyOf returns a rate whose factor is the smallest number above 1.
func barelyOf(f format) float64 { return 1 - 1/f.value(f.round(1)+1) }

// bitsOf returns the bits of x.
func bitsOf[T element](x T) uint64 {
	switch p := unsafe.Pointer(&x); unsafe.Sizeof(x) {
	case 2:
		return uint64(*(*uint16)(p))
	case 4:
		return uint64(*(*uint32)(p))
	default:
		return *(*uint64)(p)
	}
}
