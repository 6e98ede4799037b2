package main

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// element is what a tensor holds. A bfloat16 is a uint16, as in .npy files.
type element = npy.Element

// operator is Apply or AddTo.
type operator[T element] func(dst, src []T, m *mask.Mask, g layout.Geometry, workers ...spatialdropout.Workers) error

// kind is a type of numbers: what the library does with it, and how the
// reference calculates, which uses nothing of the library.
type kind[T element] struct {
	name         string
	apply, addTo operator[T]

	of       func(float64) T // rounded once, to nearest even
	value    func(T) float64
	mul, add func(x, y T) T
	barely   float64 // a rate whose factor is just above 1
}

var (
	float32s  = floats[float32]("float32")
	float64s  = floats[float64]("float64")
	float16s  = halves("float16", binary16, spatialdropout.ApplyF16[npy.Float16], spatialdropout.AddToF16[npy.Float16])
	bfloat16s = halves("bfloat16", brain16, spatialdropout.ApplyBF16[uint16], spatialdropout.AddToBF16[uint16])
)

func floats[T float32 | float64](name string) kind[T] {
	return kind[T]{
		name, spatialdropout.Apply[T], spatialdropout.AddTo[T],
		func(x float64) T { return T(x) },
		func(x T) float64 { return float64(x) },
		func(x, y T) T { return T(x * y) },
		func(x, y T) T { return x + y },
		barely,
	}
}

// halves calculates in float32 and rounds every result.
func halves[T npy.Float16 | uint16](name string, f format, apply, addTo operator[T]) kind[T] {
	value := make([]float32, 1<<16)
	for bits := range value {
		value[bits] = float32(f.value(uint16(bits)))
	}
	return kind[T]{
		name, apply, addTo,
		func(x float64) T { return T(f.round(x)) },
		func(x T) float64 { return f.value(uint16(x)) },
		func(x, y T) T { return T(f.round(float64(value[x] * value[y]))) },
		func(x, y T) T { return T(f.round(float64(value[x] + value[y]))) },
		barelyOf(f),
	}
}

// as returns data rounded to another kind.
func as[T element](k kind[T], data []float32) []T {
	rounded := make([]T, len(data))
	for i, x := range data {
		rounded[i] = k.of(float64(x))
	}
	return rounded
}

// barely is a rate whose factor, in float32, is the next number but one after
// 1: scaled in place over and over, data stay what they are. factor is that.
const (
	barely         = 0x1p-22
	factor float32 = 1 + 0x1p-22
)

// barelyOf returns a rate whose factor is the next number after 1.
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
