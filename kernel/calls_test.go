package kernel

// Calls are the exported functions for one type of data, each at its operation.
// The tests of package kernel_test use them, too.
type Calls[T any] struct {
	Suffix       string // of the functions' names
	Planes       [6]func(dst, src, factors []T, plane int)
	Pixels       [6]func(dst, src, factors []T)
	AffinePlanes [3]func(dst, src, factors, shifts []T, plane int) // Affine, AffineMultiply and AffineMax
	AffinePixels [3]func(dst, src, factors, shifts []T)
	Run          func(op Op, dst, src, factors []T, loops []Loop, workers int) error
	RunAlone     func(op Op, dst, src, factors []T, loops []Loop) error
}

// CallsOfFloats are those without a suffix.
func CallsOfFloats[T Float]() Calls[T] {
	return Calls[T]{
		Planes:       [6]func(dst, src, factors []T, plane int){Planes[T], MultiplyPlanes[T], DividePlanes[T], AddPlanes[T], AddMultiplyPlanes[T], AddDividePlanes[T]},
		Pixels:       [6]func(dst, src, factors []T){Pixels[T], MultiplyPixels[T], DividePixels[T], AddPixels[T], AddMultiplyPixels[T], AddDividePixels[T]},
		AffinePlanes: [3]func(dst, src, factors, shifts []T, plane int){AffinePlanes[T], AffineMultiplyPlanes[T], AffineMaxPlanes[T]},
		AffinePixels: [3]func(dst, src, factors, shifts []T){AffinePixels[T], AffineMultiplyPixels[T], AffineMaxPixels[T]},
		Run:          Run[T],
		RunAlone:     RunAlone[T],
	}
}

// CallsOfF16 are those of float16.
func CallsOfF16[T Half]() Calls[T] {
	return Calls[T]{
		Suffix:       "F16",
		Planes:       [6]func(dst, src, factors []T, plane int){PlanesF16[T], MultiplyPlanesF16[T], DividePlanesF16[T], AddPlanesF16[T], AddMultiplyPlanesF16[T], AddDividePlanesF16[T]},
		Pixels:       [6]func(dst, src, factors []T){PixelsF16[T], MultiplyPixelsF16[T], DividePixelsF16[T], AddPixelsF16[T], AddMultiplyPixelsF16[T], AddDividePixelsF16[T]},
		AffinePlanes: [3]func(dst, src, factors, shifts []T, plane int){AffinePlanesF16[T], AffineMultiplyPlanesF16[T], AffineMaxPlanesF16[T]},
		AffinePixels: [3]func(dst, src, factors, shifts []T){AffinePixelsF16[T], AffineMultiplyPixelsF16[T], AffineMaxPixelsF16[T]},
		Run:          RunF16[T],
		RunAlone:     RunAloneF16[T],
	}
}

// CallsOfBF16 are those of bfloat16.
func CallsOfBF16[T Half]() Calls[T] {
	return Calls[T]{
		Suffix:       "BF16",
		Planes:       [6]func(dst, src, factors []T, plane int){PlanesBF16[T], MultiplyPlanesBF16[T], DividePlanesBF16[T], AddPlanesBF16[T], AddMultiplyPlanesBF16[T], AddDividePlanesBF16[T]},
		Pixels:       [6]func(dst, src, factors []T){PixelsBF16[T], MultiplyPixelsBF16[T], DividePixelsBF16[T], AddPixelsBF16[T], AddMultiplyPixelsBF16[T], AddDividePixelsBF16[T]},
		AffinePlanes: [3]func(dst, src, factors, shifts []T, plane int){AffinePlanesBF16[T], AffineMultiplyPlanesBF16[T], AffineMaxPlanesBF16[T]},
		AffinePixels: [3]func(dst, src, factors, shifts []T){AffinePixelsBF16[T], AffineMultiplyPixelsBF16[T], AffineMaxPixelsBF16[T]},
		Run:          RunBF16[T],
		RunAlone:     RunAloneBF16[T],
	}
}

// CallPlanes calls the function of planes that does op. Where it takes no
// shifts, the given ones do not matter.
func (c Calls[T]) CallPlanes(op Op, dst, src, factors, shifts []T, plane int) {
	if op.shifts() {
		c.AffinePlanes[op-Affine](dst, src, factors, shifts, plane)
	} else {
		c.Planes[op](dst, src, factors, plane)
	}
}

// CallPixels calls that of pixels likewise.
func (c Calls[T]) CallPixels(op Op, dst, src, factors, shifts []T) {
	if op.shifts() {
		c.AffinePixels[op-Affine](dst, src, factors, shifts)
	} else {
		c.Pixels[op](dst, src, factors)
	}
}

// Name returns the name of the function of a loop that does op.
func (c Calls[T]) Name(op Op, loop string) string {
	if op == Scale {
		return loop + c.Suffix
	}
	return op.String() + loop + c.Suffix
}

// callsOf returns the functions that take the tests' T.
func callsOf[T number]() Calls[T] {
	var calls any
	switch formatOf[T]().elem {
	case f32:
		calls = CallsOfFloats[float32]()
	case f64:
		calls = CallsOfFloats[float64]()
	case f16:
		calls = CallsOfF16[float16]()
	case bf16:
		calls = CallsOfBF16[bfloat16]()
	}
	return calls.(Calls[T])
}
