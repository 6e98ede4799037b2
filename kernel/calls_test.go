package kernel

import (
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Calls are the exported functions for one type of data. The tests of package
// kernel_test use them, too.
type Calls[T any] struct {
	Name   string // what the calls are: a kind, and the way the slices are given
	Kind   *Kind
	Planes func(op Op, dst, src, factors, shifts []T, plane int)
	Pixels func(op Op, dst, src, factors, shifts []T)
	Run    func(op Op, dst, src, factors, shifts []T, loops []layout.Loop, workers int) error
}

// CallsOfFloats are the functions that take slices.
func CallsOfFloats[T Float]() Calls[T] {
	return Calls[T]{
		Name:   kindOf[T]().String(),
		Kind:   kindOf[T](),
		Planes: Planes[T],
		Pixels: Pixels[T],
		Run:    CallsOfVectors(Of[T]).Run,
	}
}

// CallsOfVectors are the functions that take a Vector for each slice.
func CallsOfVectors[T any](of func(s []T) Vector) Calls[T] {
	kind := of(nil).Kind()
	return Calls[T]{
		Name: kind.String() + " vectors",
		Kind: kind,
		Planes: func(op Op, dst, src, factors, shifts []T, plane int) {
			PlanesOf(op, of(dst), of(src), of(factors), of(shifts), plane)
		},
		Pixels: func(op Op, dst, src, factors, shifts []T) {
			PixelsOf(op, of(dst), of(src), of(factors), of(shifts))
		},
		Run: func(op Op, dst, src, factors, shifts []T, loops []layout.Loop, workers int) error {
			return Run(op, of(dst), of(src), of(factors), of(shifts), loops, workers)
		},
	}
}

// HalvesOf returns the function that makes a Vector of one kind of halves.
func HalvesOf[T Half](kind *Kind) func(s []T) Vector {
	return func(s []T) Vector { return As(kind, s) }
}

// ShiftsOf returns the shifts that op takes: the given ones, or none.
func ShiftsOf[T any](op Op, shifts []T) []T {
	if op < ops && operations[op].shifts {
		return shifts
	}
	return nil
}

// vectorOf returns the Vector of a slice of the tests' T.
func vectorOf[T number](s []T) Vector {
	switch s := any(s).(type) {
	case []float32:
		return Of(s)
	case []float64:
		return Of(s)
	case []float16:
		return As(F16, s)
	case []bfloat16:
		return As(BF16, s)
	}
	panic("unknown type")
}

// callsOf returns the functions that take the tests' T.
func callsOf[T number]() Calls[T] {
	var calls any
	switch formatOf[T]().typ {
	case dtype.Float32:
		calls = CallsOfFloats[float32]()
	case dtype.Float64:
		calls = CallsOfFloats[float64]()
	default:
		return CallsOfVectors(vectorOf[T])
	}
	return calls.(Calls[T])
}

// kinds has the kind of each type.
var kinds = [...]*Kind{dtype.Float32: F32, dtype.Float64: F64, dtype.Float16: F16, dtype.BFloat16: BF16}

// eachKernel calls f with every kernel of the catalogue.
func eachKernel(f func(k id)) {
	for k := none + 1; k < ids; k++ {
		f(k)
	}
}

// typ returns the type of the elements of a kernel.
func (k id) typ() dtype.Type { return catalogue[k].typ }

// exec runs a kernel on the tier in use.
func (k id) exec(dst, src, factors, extra unsafe.Pointer, count, length int) {
	kinds[k.typ()].exec(k, dst, src, factors, extra, count, length)
}

// alike returns a loop with the same stride in dst and in src.
func alike(size, stride, factor int) layout.Loop { return apart(size, stride, stride, factor) }

// apart returns a loop with a stride of dst and another one of src.
func apart(size, dst, src, factor int) layout.Loop {
	return layout.Loop{Size: size, Dst: dst, Src: src, Factor: factor}
}
