package kernel_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// Types that other modules have for their numbers go in without a conversion.
type (
	Float16  uint16
	BFloat16 uint16
	Celsius  float32
	Metres   float64
)

var (
	_ = kernel.CallsOfF16[uint16]
	_ = kernel.CallsOfBF16[uint16]
	_ = kernel.PlanesF16[Float16]
	_ = kernel.PixelsBF16[BFloat16]
	_ = kernel.RunF16[Float16]
	_ = kernel.RunAloneBF16[BFloat16]
	_ = kernel.AffinePlanes[Celsius]
	_ = kernel.Run[Metres]
)

// calls are the exported functions for one type of data, numbers whose meaning
// does not matter here.
type calls[T Celsius | Metres | Float16 | BFloat16] struct{ kernel.Calls[T] }

// everyType runs a test of this file on each type.
func everyType(t *testing.T, test func(refuser, *testing.T)) {
	for _, r := range []refuser{
		calls[Celsius]{kernel.CallsOfFloats[Celsius]()}, calls[Metres]{kernel.CallsOfFloats[Metres]()},
		calls[Float16]{kernel.CallsOfF16[Float16]()}, calls[BFloat16]{kernel.CallsOfBF16[BFloat16]()},
	} {
		t.Run(fmt.Sprintf("%T", r), func(t *testing.T) { test(r, t) })
	}
}

type refuser interface {
	planesOfOtherLengths(t *testing.T)
	pixelsOfOtherLengths(t *testing.T)
	partialOverlap(t *testing.T)
	aliasesNeighboursAndNothing(t *testing.T)
}

var allOps = []kernel.Op{kernel.Scale, kernel.Multiply, kernel.Divide, kernel.Add, kernel.AddMultiply, kernel.AddDivide, kernel.Affine, kernel.AffineMultiply, kernel.AffineMax}

func shifts(op kernel.Op) bool {
	return op == kernel.Affine || op == kernel.AffineMultiply || op == kernel.AffineMax
}

// caught returns the error that f panics with, nil if it returns.
func caught(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = p
		default:
			err = fmt.Errorf("panic with %v, which is no error", p)
		}
	}()
	f()
	return nil
}

// numbered returns n elements, none of which a kernel would leave as it is.
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

// wantLength reports unless err is want and says its numbers.
func wantLength(t *testing.T, what string, err error, want kernel.LengthError) {
	t.Helper()
	var length *kernel.LengthError
	if !errors.As(err, &length) {
		t.Errorf("%s: %v, want a *LengthError", what, err)
		return
	}
	if *length != want {
		t.Errorf("%s: %+v, want %+v", what, *length, want)
	}
	loop, affine := strings.CutPrefix(want.Loop, "affine ")
	words := []string{"kernel: ", loop, fmt.Sprintf("dst of %d", want.Dst), fmt.Sprintf("src of %d", want.Src), fmt.Sprint(want.Factors), "want"}
	if loop == "planes" {
		words = append(words, fmt.Sprintf("%d planes of %d elements", want.Factors, want.Plane))
	}
	if affine {
		words = append(words, fmt.Sprintf("%d shifts", want.Shifts), "as many shifts as factors")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
	if strings.Contains(err.Error(), "shifts") != affine {
		t.Errorf("%s: %q speaks of shifts", what, err)
	}
}

func (c calls[T]) planesOfOtherLengths(t *testing.T) {
	for _, l := range []struct{ dst, src, factors, plane, shifts int }{
		{11, 12, 3, 4, 3}, {12, 11, 3, 4, 3}, {13, 13, 3, 4, 3}, {11, 11, 3, 4, 3}, {12, 12, 4, 4, 4}, {12, 12, 3, 5, 3}, {12, 12, 3, 0, 3}, {12, 12, 0, 4, 0}, {0, 12, 3, 4, 3}, {12, 0, 3, 4, 3},
		{12, 12, 3, -4, 3}, {0, 0, 3, -1, 3}, {0, 0, 0, -1, 0}, {0, 1, 0, 4, 0}, {1, 0, 3, 0, 3},
		{8, 8, 8, math.MaxInt/4 + 2, 8}, {0, 0, 4, math.MaxInt/2 + 1, 4}, {12, 12, 3, math.MinInt, 3}, {12, 12, 2, math.MaxInt, 2},
		{12, 12, 3, 4, 2}, {12, 12, 3, 4, 4}, {12, 12, 3, 4, 0}, {12, 12, 3, 4, 12}, {0, 0, 0, 4, 1}, {0, 0, 3, 0, 0},
	} {
		for _, op := range allOps {
			want := kernel.LengthError{Loop: "planes", Dst: l.dst, Src: l.src, Factors: l.factors, Plane: l.plane}
			if shifts(op) {
				want.Loop, want.Shifts = "affine planes", l.shifts
			} else if l.shifts != l.factors {
				continue // nothing is wrong with it
			}
			dst, src := c.numbered(l.dst), c.numbered(l.src)
			what := fmt.Sprintf("%s %+v", c.Name(op, "Planes"), l)
			wantLength(t, what, caught(func() { c.CallPlanes(op, dst, src, make([]T, l.factors), make([]T, l.shifts), l.plane) }), want)
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
			want := kernel.LengthError{Loop: "pixels", Dst: l.dst, Src: l.src, Factors: l.factors}
			if shifts(op) {
				want.Loop, want.Shifts = "affine pixels", l.shifts
			} else if l.shifts != l.factors {
				continue // nothing is wrong with it
			}
			dst, src := c.numbered(l.dst), c.numbered(l.src)
			what := fmt.Sprintf("%s %+v", c.Name(op, "Pixels"), l)
			wantLength(t, what, caught(func() { c.CallPixels(op, dst, src, make([]T, l.factors), make([]T, l.shifts)) }), want)
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
						t.Errorf("%q does not say %q", err, w)
					}
				}
				c.wantUntouched(t, name, buf)
			}
			for _, op := range allOps {
				check(c.Name(op, "Planes"), caught(func() { c.CallPlanes(op, s.dst, s.src, make([]T, 3), make([]T, 3), 4) }))
				check(c.Name(op, "Pixels"), caught(func() { c.CallPixels(op, s.dst, s.src, make([]T, 4), make([]T, 4)) }))
			}
		}
	}
}

func TestPartialOverlapPanicsBeforeItWrites(t *testing.T) {
	everyType(t, refuser.partialOverlap)
}

// Nothing to do is done without a panic: no planes, planes of no elements, no
// rows, no channels.
func (c calls[T]) aliasesNeighboursAndNothing(t *testing.T) {
	buf := c.numbered(24)
	for _, op := range allOps {
		for _, s := range [][2][]T{{buf[:12], buf[:12]}, {buf[:12], buf[12:]}, {buf[12:], buf[:12]}} {
			if err := caught(func() { c.CallPlanes(op, s[0], s[1], make([]T, 3), make([]T, 3), 4) }); err != nil {
				t.Errorf("%s: %v", c.Name(op, "Planes"), err)
			}
			if err := caught(func() { c.CallPixels(op, s[0], s[1], make([]T, 4), make([]T, 4)) }); err != nil {
				t.Errorf("%s: %v", c.Name(op, "Pixels"), err)
			}
		}
		for _, l := range []struct{ factors, plane int }{{0, 0}, {0, 7}, {7, 0}, {0, math.MaxInt}} {
			for _, empty := range [][]T{nil, {}} {
				if err := caught(func() { c.CallPlanes(op, empty, nil, make([]T, l.factors), make([]T, l.factors), l.plane) }); err != nil {
					t.Errorf("%s %+v of nothing: %v", c.Name(op, "Planes"), l, err)
				}
			}
		}
		for _, factors := range []int{0, 7} {
			for _, empty := range [][]T{nil, {}} {
				if err := caught(func() { c.CallPixels(op, empty, nil, make([]T, factors), make([]T, factors)) }); err != nil {
					t.Errorf("%s with %d factors of nothing: %v", c.Name(op, "Pixels"), factors, err)
				}
			}
		}
	}
}

func TestKernelsTakeAliasesNeighboursAndNothing(t *testing.T) {
	everyType(t, refuser.aliasesNeighboursAndNothing)
}
