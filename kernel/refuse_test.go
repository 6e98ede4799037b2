package kernel_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/extreme"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Types of other modules for the same numbers need no conversion.
type (
	Float16  uint16
	BFloat16 uint16
	Celsius  float32
	Metres   float64
)

// calls are the exported functions for one type of data. The values of the numbers do not
// matter here.
type calls[T Celsius | Metres | Float16 | BFloat16] struct{ kernel.Calls[T] }

// everyType runs a test of this file with each type, in slices and in vectors.
func everyType(t *testing.T, test func(refuser, *testing.T)) {
	for _, r := range []refuser{
		calls[Celsius]{kernel.CallsOfFloats[Celsius]()}, calls[Metres]{kernel.CallsOfFloats[Metres]()},
		calls[Celsius]{kernel.CallsOfVectors(kernel.Of[Celsius])}, calls[Metres]{kernel.CallsOfVectors(kernel.Of[Metres])},
		calls[Float16]{kernel.CallsOfVectors(kernel.HalvesOf[Float16](kernel.F16))}, calls[BFloat16]{kernel.CallsOfVectors(kernel.HalvesOf[BFloat16](kernel.BF16))},
	} {
		t.Run(r.name(), func(t *testing.T) { test(r, t) })
	}
}

type refuser interface {
	name() string
	planesOfOtherLengths(t *testing.T)
	pixelsOfOtherLengths(t *testing.T)
	partialOverlap(t *testing.T)
	aliasesNeighboursAndNothing(t *testing.T)
	factorsWithinDst(t *testing.T)
	otherOperations(t *testing.T)
}

func (c calls[T]) name() string { return c.Name }

var allOps = []kernel.Op{kernel.Scale, kernel.Multiply, kernel.Divide, kernel.Add, kernel.AddMultiply, kernel.AddDivide, kernel.Affine, kernel.AffineMultiply, kernel.AffineMax}

func takesShifts(op kernel.Op) bool {
	return op == kernel.Affine || op == kernel.AffineMultiply || op == kernel.AffineMax
}

// caught returns the error that f panics with, nil if it returns.
func caught(f func()) error {
	return extreme.Caught(func() error { f(); return nil })
}

// numbered returns n elements that every kernel would change.
func (calls[T]) numbered(n int) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = T(i + 1)
	}
	return all
}

func (calls[T]) wantUntouched(t *testing.T, what string, s []T) {
	t.Helper()
	for i, x := range s {
		if x != T(i+1) {
			t.Errorf("%s: element %d was written", what, i)
			return
		}
	}
}

// wantLength fails unless err is want.
func wantLength(t *testing.T, what string, err error, want kernel.ArgumentError) {
	t.Helper()
	var length *kernel.ArgumentError
	if !errors.As(err, &length) {
		t.Errorf("%s: %v, want an *ArgumentError", what, err)
		return
	}
	if *length != want {
		t.Errorf("%s: %+v, want %+v", what, *length, want)
	}
	if text := "kernel: " + want.Given + ", want " + want.Want; err.Error() != text {
		t.Errorf("%s: %q, want %q", what, err, text)
	}
}

// wantShifts says how many shifts op takes.
func wantShifts(op kernel.Op) string {
	if takesShifts(op) {
		return "as many shifts as factors"
	}
	return "no shifts"
}

// firstWrong returns the name of the first slice whose length is not the wanted one.
func firstWrong(dst, src, want int) string {
	switch {
	case dst != want:
		return "dst"
	case src != want:
		return "src"
	}
	return "shifts"
}

func (c calls[T]) planesOfOtherLengths(t *testing.T) {
	for _, l := range []struct{ dst, src, factors, plane, shifts int }{
		{11, 12, 3, 4, 3}, {12, 11, 3, 4, 3}, {13, 13, 3, 4, 3}, {11, 11, 3, 4, 3}, {12, 12, 4, 4, 4}, {12, 12, 3, 5, 3}, {12, 12, 3, 0, 3}, {12, 12, 0, 4, 0}, {0, 12, 3, 4, 3}, {12, 0, 3, 4, 3},
		{12, 12, 3, -4, 3}, {0, 0, 3, -1, 3}, {0, 0, 0, -1, 0}, {0, 1, 0, 4, 0}, {1, 0, 3, 0, 3},
		{8, 8, 8, math.MaxInt/4 + 2, 8}, {0, 0, 4, math.MaxInt/2 + 1, 4}, {12, 12, 3, math.MinInt, 3}, {12, 12, 2, math.MaxInt, 2},
		{12, 12, 3, 4, 2}, {12, 12, 3, 4, 4}, {12, 12, 3, 4, 0}, {12, 12, 3, 4, 12}, {0, 0, 0, 4, 1}, {0, 0, 3, 0, 0},
	} {
		for _, op := range allOps {
			shifts := l.shifts
			if !takesShifts(op) {
				// What is wrong with the shifts alone is that there are some.
				if shifts == l.factors {
					shifts = 0
				} else if shifts == 0 {
					continue
				}
			}
			elements := -1 // where the product is negative, or greater than what an int holds
			if product := new(big.Int).Mul(big.NewInt(int64(l.factors)), big.NewInt(int64(l.plane))); product.IsInt64() && product.Int64() <= math.MaxInt && l.plane >= 0 {
				elements = int(product.Int64())
			}
			want := kernel.ArgumentError{
				Argument: firstWrong(l.dst, l.src, elements),
				Given:    fmt.Sprintf("%v of %d planes of %d elements with dst of %d and src of %d elements and %d shifts", op, l.factors, l.plane, l.dst, l.src, shifts),
				Want:     "dst and src of planes·elements and " + wantShifts(op),
			}
			dst, src := c.numbered(l.dst), c.numbered(l.src)
			what := fmt.Sprintf("Planes of %v %+v", op, l)
			wantLength(t, what, caught(func() { c.Planes(op, dst, src, make([]T, l.factors), make([]T, shifts), l.plane) }), want)
			c.wantUntouched(t, what, dst)
			c.wantUntouched(t, what, src)
		}
	}
}

func TestPlanesOfOtherLengthsPanicBeforeTheyWrite(t *testing.T) {
	everyType(t, refuser.planesOfOtherLengths)
}

func (c calls[T]) pixelsOfOtherLengths(t *testing.T) {
	for _, l := range []struct{ dst, src, factors, shifts int }{
		{11, 12, 3, 3}, {12, 11, 3, 3}, {13, 13, 3, 3}, {12, 12, 5, 5}, {12, 12, 24, 24}, {12, 12, 0, 0}, {0, 12, 3, 3}, {12, 0, 3, 3}, {2, 2, 3, 3}, {0, 1, 0, 0},
		{12, 12, 3, 2}, {12, 12, 3, 4}, {12, 12, 3, 0}, {12, 12, 3, 12}, {0, 0, 0, 1}, {0, 0, 3, 0},
	} {
		for _, op := range allOps {
			shifts := l.shifts
			if !takesShifts(op) {
				if shifts == l.factors {
					shifts = 0
				} else if shifts == 0 {
					continue
				}
			}
			elements := l.dst
			if l.dst > 0 && (l.factors == 0 || l.dst%l.factors != 0) {
				elements = -1
			}
			want := kernel.ArgumentError{
				Argument: firstWrong(l.dst, l.src, elements),
				Given:    fmt.Sprintf("%v of pixels of %d channels with dst of %d and src of %d elements and %d shifts", op, l.factors, l.dst, l.src, shifts),
				Want:     "dst and src of the same multiple of the channels and " + wantShifts(op),
			}
			dst, src := c.numbered(l.dst), c.numbered(l.src)
			what := fmt.Sprintf("Pixels of %v %+v", op, l)
			wantLength(t, what, caught(func() { c.Pixels(op, dst, src, make([]T, l.factors), make([]T, shifts)) }), want)
			c.wantUntouched(t, what, dst)
			c.wantUntouched(t, what, src)
		}
	}
}

func TestPixelsOfOtherLengthsPanicBeforeTheyWrite(t *testing.T) {
	everyType(t, refuser.pixelsOfOtherLengths)
}

func (c calls[T]) partialOverlap(t *testing.T) {
	const n = 12
	size := int(unsafe.Sizeof(T(0)))
	for distance := 1; distance < n; distance++ {
		buf := c.numbered(n + distance)
		low, high := buf[:n], buf[distance:]
		for _, s := range []struct {
			dst, src []T
			bytes    int
		}{{high, low, size * distance}, {low, high, -size * distance}} {
			check := func(name string, err error) {
				t.Helper()
				var overlap *kernel.OverlapError
				if !errors.As(err, &overlap) {
					t.Errorf("%s, %d apart: %v, want an *OverlapError", name, distance, err)
					return
				}
				if overlap.Elements != n || overlap.Distance != s.bytes {
					t.Errorf("%s, %d apart: %+v, want %d elements, %d bytes", name, distance, *overlap, n, s.bytes)
				}
				for _, w := range []string{fmt.Sprintf("%d elements", n), fmt.Sprintf("%d bytes", s.bytes), "dst = src"} {
					if !strings.Contains(err.Error(), w) {
						t.Errorf("%q does not contain %q", err, w)
					}
				}
				c.wantUntouched(t, name, buf)
			}
			for _, op := range allOps {
				check("Planes of "+op.String(), caught(func() {
					c.Planes(op, s.dst, s.src, make([]T, 3), kernel.ShiftsOf(op, make([]T, 3)), 4)
				}))
				check("Pixels of "+op.String(), caught(func() { c.Pixels(op, s.dst, s.src, make([]T, 4), kernel.ShiftsOf(op, make([]T, 4))) }))
			}
		}
	}
}

func TestPartialOverlapPanicsBeforeItWrites(t *testing.T) {
	everyType(t, refuser.partialOverlap)
}

// No planes, planes of no elements, no rows and no channels are no reason to panic.
func (c calls[T]) aliasesNeighboursAndNothing(t *testing.T) {
	buf := c.numbered(24)
	for _, op := range allOps {
		shifts := func(n int) []T { return kernel.ShiftsOf(op, make([]T, n)) }
		for _, s := range [][2][]T{{buf[:12], buf[:12]}, {buf[:12], buf[12:]}, {buf[12:], buf[:12]}} {
			if err := caught(func() { c.Planes(op, s[0], s[1], make([]T, 3), shifts(3), 4) }); err != nil {
				t.Errorf("Planes of %v: %v", op, err)
			}
			if err := caught(func() { c.Pixels(op, s[0], s[1], make([]T, 4), shifts(4)) }); err != nil {
				t.Errorf("Pixels of %v: %v", op, err)
			}
		}
		for _, l := range []struct{ factors, plane int }{{0, 0}, {0, 7}, {7, 0}, {0, math.MaxInt}} {
			for _, empty := range [][]T{nil, {}} {
				if err := caught(func() { c.Planes(op, empty, nil, make([]T, l.factors), shifts(l.factors), l.plane) }); err != nil {
					t.Errorf("Planes of %v %+v of nothing: %v", op, l, err)
				}
			}
		}
		for _, factors := range []int{0, 7} {
			for _, empty := range [][]T{nil, {}} {
				if err := caught(func() { c.Pixels(op, empty, nil, make([]T, factors), shifts(factors)) }); err != nil {
					t.Errorf("Pixels of %v with %d factors of nothing: %v", op, factors, err)
				}
			}
		}
	}
}

func TestKernelsTakeAliasesNeighboursAndNothing(t *testing.T) {
	everyType(t, refuser.aliasesNeighboursAndNothing)
}

func (c calls[T]) otherOperations(t *testing.T) {
	check := func(name string, op kernel.Op, err error, words ...string) {
		t.Helper()
		if !kernel.Refuses(err, kernel.Argument("op")) || !strings.Contains(err.Error(), op.String()) {
			t.Errorf("%s of %v: %v, want an *ArgumentError of the op", name, op, err)
			return
		}
		for _, w := range append(words, "kernel: ", "want ") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s of %v: %q does not contain %q", name, op, err, w)
			}
		}
	}
	for _, n := range []int{0, 12} { // also where there is nothing to do
		buf := c.numbered(24)
		dst, src, factors := buf[:n], buf[12:][:n], make([]T, n/3)
		check("Planes", kernel.Copy, caught(func() { c.Planes(kernel.Copy, dst, src, factors, nil, 3) }), "Copy", "only Run")
		check("Pixels", kernel.Copy, caught(func() { c.Pixels(kernel.Copy, dst, src, factors, nil) }), "Copy", "only Run")
		for _, op := range []kernel.Op{kernel.Copy + 1, 99, 255} {
			name := fmt.Sprintf("Op(%d)", op)
			check("Planes", op, caught(func() { c.Planes(op, dst, src, factors, nil, 3) }), name, "Scale", "Copy")
			check("Pixels", op, caught(func() { c.Pixels(op, dst, src, factors, factors) }), name, "Scale", "Copy")
			for workers := range 3 {
				err := c.Run(op, dst, src, factors, nil, []layout.Loop{{Size: n / 3, Dst: 3, Src: 3, Factor: 1}, {Size: 3, Dst: 1, Src: 1}}, workers)
				check("Run", op, err, name, "Scale", "Copy")
			}
		}
		c.wantUntouched(t, "other operations", buf)
	}
}

func TestOtherOperationsAreRefused(t *testing.T) {
	everyType(t, refuser.otherOperations)
}

func TestMixedKindsAreRefused(t *testing.T) {
	floats, doubles := kernel.Of(make([]float32, 4)), kernel.Of(make([]float64, 4))
	halves, brains := kernel.As(kernel.F16, make([]uint16, 4)), kernel.As(kernel.BF16, make([]uint16, 4))
	loops := []layout.Loop{{Size: 4, Dst: 1, Src: 1, Factor: 1}}
	for _, v := range [][4]kernel.Vector{
		{floats, doubles, floats, floats}, {floats, floats, doubles, floats}, {floats, floats, floats, doubles}, {doubles, floats, floats, floats},
		{halves, brains, halves, halves}, {brains, brains, halves, brains}, {brains, brains, brains, halves}, {halves, floats, doubles, brains},
		{floats, floats, floats, kernel.Of([]float64{})}, {halves, halves, kernel.As[uint16](kernel.BF16, nil), {}},
		{{}, floats, doubles, {}}, {{}, {}, floats, halves}, {{}, floats, {}, doubles},
	} {
		before := []byte{}
		for _, v := range v {
			before = append(before, v.Bytes()...)
		}
		for name, err := range map[string]error{
			"PlanesOf": caught(func() { kernel.PlanesOf(kernel.Affine, v[0], v[1], v[2], v[3], 1) }),
			"PixelsOf": caught(func() { kernel.PixelsOf(kernel.Affine, v[0], v[1], v[2], v[3]) }),
			"Run":      kernel.Run(kernel.Affine, v[0], v[1], v[2], v[3], loops, 1),
		} {
			want := fmt.Sprintf("kernel: dst of %v, src of %v, factors of %v and shifts of %v, want one kind", v[0].Kind(), v[1].Kind(), v[2].Kind(), v[3].Kind())
			if !kernel.Refuses(err, kernel.Argument("kind")) || err.Error() != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		after := []byte{}
		for _, v := range v {
			after = append(after, v.Bytes()...)
		}
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%v: refused, and written", v)
		}
	}
}

// The zero Vector has no kind and fits every kind: it stands for an empty slice.
func TestZeroVectorsAreEmpty(t *testing.T) {
	var zero kernel.Vector
	if zero.Kind() != nil || zero.Len() != 0 || zero.Bytes() != nil || zero.Kind().String() != "no kind" {
		t.Errorf("the zero Vector is %v of %v, %d elements", zero.Bytes(), zero.Kind(), zero.Len())
	}
	y, x, f := []float32{5, 5}, []float32{1, 2}, []float32{3, 4}
	kernel.PlanesOf(kernel.Scale, kernel.Of(y), kernel.Of(x), kernel.Of(f), zero, 1)
	kernel.PixelsOf(kernel.Add, kernel.Of(y), kernel.Of(x), kernel.Of(f), zero)
	if err := kernel.Run(kernel.Multiply, kernel.Of(y), kernel.Of(y), kernel.Of(f), zero, []layout.Loop{{Size: 2, Dst: 1, Src: 1, Factor: 1}}, 1); err != nil || y[0] != 18 || y[1] != 64 {
		t.Errorf("%v, %v, want 18 and 64", y, err)
	}
	if err := kernel.Run(kernel.Copy, kernel.Of(y), kernel.Of(x), zero, zero, []layout.Loop{{Size: 2, Dst: 1, Src: 1}}, 1); err != nil || y[0] != 1 || y[1] != 2 {
		t.Errorf("%v, %v, want 1 and 2", y, err)
	}
	// Nothing of no kind is nothing to do for Planes and Pixels.
	for _, v := range [][4]kernel.Vector{{}, {kernel.Of(y[:0])}, {{}, kernel.Of(x[:0])}, {{}, {}, kernel.Of(f[:0])}} {
		if err := caught(func() { kernel.PlanesOf(kernel.Scale, v[0], v[1], v[2], v[3], 7) }); err != nil {
			t.Errorf("PlanesOf %v: %v", v, err)
		}
		if err := caught(func() { kernel.PixelsOf(kernel.Scale, v[0], v[1], v[2], v[3]) }); err != nil {
			t.Errorf("PixelsOf %v: %v", v, err)
		}
	}
	// Elements with factors of no kind do not fit.
	for name, f := range map[string]func(){
		"PlanesOf":         func() { kernel.PlanesOf(kernel.Scale, kernel.Of(y), kernel.Of(x), zero, zero, 2) },
		"PixelsOf":         func() { kernel.PixelsOf(kernel.Scale, kernel.Of(y), kernel.Of(x), zero, zero) },
		"a dst of no kind": func() { kernel.PixelsOf(kernel.Scale, zero, kernel.Of(x), kernel.Of(f), zero) },
	} {
		if err := caught(f); !errors.As(err, new(*kernel.ArgumentError)) {
			t.Errorf("%s: %v, want an *ArgumentError", name, err)
		}
	}
	// Run wants to know what dst and src are.
	for _, v := range [][2]kernel.Vector{{}, {kernel.Of(y)}, {zero, kernel.Of(x)}} {
		if err := kernel.Run(kernel.Copy, v[0], v[1], zero, zero, nil, 1); !kernel.Refuses(err, kernel.Argument("kind")) {
			t.Errorf("Run of %v: %v, want an *ArgumentError of the kind", v, err)
		}
	}
	// An unknown operation is one for nothing, too.
	for name, f := range map[string]func(){
		"PlanesOf": func() { kernel.PlanesOf(99, zero, zero, zero, zero, 2) },
		"PixelsOf": func() { kernel.PixelsOf(99, zero, zero, zero, zero) },
	} {
		if err := caught(f); !kernel.Refuses(err, kernel.Argument("op")) {
			t.Errorf("%s: %v, want an *ArgumentError of the op", name, err)
		}
	}
}

func TestVectorsReferToTheirSlices(t *testing.T) {
	floats, halves := []Celsius{1, 2, 3}, []Float16{0x3c00, 0x4000}
	for _, c := range []struct {
		v    kernel.Vector
		kind *kernel.Kind
		n    int
		size int
		name string
	}{
		{kernel.Of(floats), kernel.F32, 3, 4, "float32"}, {kernel.Of([]Metres{1}), kernel.F64, 1, 8, "float64"},
		{kernel.As(kernel.F16, halves), kernel.F16, 2, 2, "float16"}, {kernel.As(kernel.BF16, []BFloat16{1, 2, 3, 4}), kernel.BF16, 4, 2, "bfloat16"},
		{kernel.As[uint16](kernel.F16, nil), kernel.F16, 0, 2, "float16"},
	} {
		if c.v.Kind() != c.kind || c.v.Len() != c.n || len(c.v.Bytes()) != c.n*c.size || c.kind.Size() != c.size || c.kind.String() != c.name || c.kind.Type().String() != c.name {
			t.Errorf("%d elements of %v in %d bytes, want %d of %s", c.v.Len(), c.v.Kind(), len(c.v.Bytes()), c.n, c.name)
		}
	}
	if unsafe.Pointer(&kernel.Of(floats).Bytes()[0]) != unsafe.Pointer(&floats[0]) || unsafe.Pointer(&kernel.As(kernel.F16, halves[1:]).Bytes()[0]) != unsafe.Pointer(&halves[1]) {
		t.Error("a vector has other memory than its slice")
	}
}

// Parts of a vector, and vectors of bytes, refer to the same memory.
func TestVectorsOfPartsAndOfBytes(t *testing.T) {
	memory := make([]float64, 3)
	bytes := kernel.Of(memory).Bytes()
	for _, kind := range []*kernel.Kind{kernel.F32, kernel.F64, kernel.F16, kernel.BF16} {
		size := kind.Size()
		v := kernel.OfBytes(kind, bytes)
		if v.Kind() != kind || v.Len() != 24/size || len(v.Bytes()) != 24 || &v.Bytes()[0] != &bytes[0] {
			t.Errorf("%v: %d elements of %v from 24 bytes", kind, v.Len(), v.Kind())
		}
		for n := range v.Len() {
			part := v.From(n)
			if part.Kind() != kind || part.Len() != v.Len()-n || &part.Bytes()[0] != &bytes[n*size] {
				t.Errorf("%v from element %d up: %d elements of %v", kind, n, part.Len(), part.Kind())
			}
		}
		for _, none := range []kernel.Vector{v.From(v.Len()), kernel.OfBytes(kind, nil), kernel.OfBytes(kind, bytes[:0])} {
			if none.Kind() != kind || none.Len() != 0 || none.Bytes() != nil {
				t.Errorf("%v: %d elements of %v, want none", kind, none.Len(), none.Kind())
			}
		}
		for _, n := range []int{-1, v.Len() + 1, math.MinInt, math.MaxInt} {
			err := caught(func() { v.From(n) })
			if want := fmt.Sprintf("kernel: elements from %d up of a vector of %d, want an offset from 0 to %d", n, v.Len(), v.Len()); !kernel.Refuses(err, kernel.Argument("n")) || err.Error() != want {
				t.Errorf("%v from element %d up: panics with %v, want %s", kind, n, err, want)
			}
		}
		wantArgument := func(what string, err error, want kernel.ArgumentError) {
			t.Helper()
			var got *kernel.ArgumentError
			if !errors.As(err, &got) || *got != want {
				t.Errorf("%v, %s: %v, want %+v", kind, what, err, want)
			}
		}
		// 32-bit platforms align numbers of 8 bytes to 4.
		align := min(size, int(unsafe.Alignof(uint64(0))))
		for offset := range 8 {
			for length := range 17 {
				err := caught(func() { kernel.OfBytes(kind, bytes[offset:][:length]) })
				if offset%align == 0 && length%size == 0 {
					if err != nil {
						t.Errorf("%v, %d bytes from byte %d up: %v", kind, length, offset, err)
					}
					continue
				}
				wantArgument(fmt.Sprintf("%d bytes from byte %d up", length, offset), err, kernel.ArgumentError{
					Argument: "memory",
					Given:    fmt.Sprintf("%d bytes that begin %d bytes after an aligned address for a vector of %v", length, offset%align, kind),
					Want:     fmt.Sprintf("whole aligned elements of %d bytes", size),
				})
			}
		}
		// A slice of elements of another size.
		for other, err := range map[int]error{
			2: caught(func() { kernel.As(kind, make([]uint16, 12)) }),
			4: caught(func() { kernel.As(kind, make([]Celsius, 6)) }),
			8: caught(func() { kernel.As(kind, memory[:3]) }),
		} {
			if other != size {
				wantArgument(fmt.Sprintf("elements of %d bytes", other), err, kernel.ArgumentError{
					Argument: "kind", Given: fmt.Sprintf("elements of %d bytes for a vector of %v", other, kind), Want: fmt.Sprintf("elements of %d bytes", size),
				})
			} else if err != nil {
				t.Errorf("%v, elements of %d bytes: %v", kind, other, err)
			}
		}
	}
	floats := []Celsius{1, 2}
	if v := kernel.As(kernel.F32, floats); v.Kind() != kernel.F32 || v.Len() != 2 || unsafe.Pointer(&v.Bytes()[0]) != unsafe.Pointer(&floats[0]) {
		t.Errorf("%d elements of %v, want 2 of float32", v.Len(), v.Kind())
	}
	if none := (kernel.Vector{}).From(0); none != (kernel.Vector{}) {
		t.Errorf("a part of the zero Vector has %d elements of %v", none.Len(), none.Kind())
	}
}

func TestVectorsOfNoKindAreRefused(t *testing.T) {
	for what, f := range map[string]func(){
		"As":      func() { kernel.As(nil, []float32{1}) },
		"OfBytes": func() { kernel.OfBytes(nil, make([]byte, 8)) },
	} {
		if err := caught(f); !kernel.Refuses(err, kernel.Argument("kind")) {
			t.Errorf("%s of no kind: %v, want an *ArgumentError of the kind", what, err)
		}
	}
}
