package kernel_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// planesTwins and pixelsTwins are the kernels that Planes and Pixels stand for.
func planesTwins[T kernel.Float]() map[string]func(dst, src, factors []T, plane int) {
	return map[string]func(dst, src, factors []T, plane int){
		"Planes": kernel.Planes[T], "MultiplyPlanes": kernel.MultiplyPlanes[T],
		"AddPlanes": kernel.AddPlanes[T], "AddMultiplyPlanes": kernel.AddMultiplyPlanes[T],
	}
}

func pixelsTwins[T kernel.Float]() map[string]func(dst, src, factors []T) {
	return map[string]func(dst, src, factors []T){
		"Pixels": kernel.Pixels[T], "MultiplyPixels": kernel.MultiplyPixels[T],
		"AddPixels": kernel.AddPixels[T], "AddMultiplyPixels": kernel.AddMultiplyPixels[T],
	}
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
func numbered(n int) []float32 {
	all := make([]float32, n)
	for i := range all {
		all[i] = float32(i + 1)
	}
	return all
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
	words := []string{"kernel: ", want.Loop, fmt.Sprintf("dst of %d", want.Dst), fmt.Sprintf("src of %d", want.Src), fmt.Sprint(want.Factors), "want"}
	if want.Loop == "planes" {
		words = append(words, fmt.Sprintf("%d planes of %d elements", want.Factors, want.Plane))
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
}

func wantUntouched(t *testing.T, what string, s []float32) {
	t.Helper()
	for i, x := range s {
		if x != float32(i+1) {
			t.Errorf("%s: element %d was written", what, i)
			return
		}
	}
}

func TestPlanesOfOtherLengthsPanicBeforeTheyWrite(t *testing.T) {
	for _, c := range []struct{ dst, src, factors, plane int }{
		{11, 12, 3, 4}, {12, 11, 3, 4}, {13, 13, 3, 4}, {11, 11, 3, 4}, {12, 12, 4, 4}, {12, 12, 3, 5}, {12, 12, 3, 0}, {12, 12, 0, 4}, {0, 12, 3, 4}, {12, 0, 3, 4},
		{12, 12, 3, -4}, {0, 0, 3, -1}, {0, 0, 0, -1}, {0, 1, 0, 4}, {1, 0, 3, 0},
		{8, 8, 8, math.MaxInt/4 + 2}, {0, 0, 4, math.MaxInt/2 + 1}, {12, 12, 3, math.MinInt}, {12, 12, 2, math.MaxInt},
	} {
		for name, f := range planesTwins[float32]() {
			dst, src := numbered(c.dst), numbered(c.src)
			what := fmt.Sprintf("%s %+v", name, c)
			wantLength(t, what, caught(func() { f(dst, src, make([]float32, c.factors), c.plane) }), kernel.LengthError{Loop: "planes", Dst: c.dst, Src: c.src, Factors: c.factors, Plane: c.plane})
			wantUntouched(t, what, dst)
			wantUntouched(t, what, src)
		}
	}
}

func TestPixelsOfOtherLengthsPanicBeforeTheyWrite(t *testing.T) {
	for _, c := range []struct{ dst, src, factors int }{
		{11, 12, 3}, {12, 11, 3}, {13, 13, 3}, {12, 12, 5}, {12, 12, 24}, {12, 12, 0}, {0, 12, 3}, {12, 0, 3}, {2, 2, 3}, {0, 1, 0},
	} {
		for name, f := range pixelsTwins[float32]() {
			dst, src := numbered(c.dst), numbered(c.src)
			what := fmt.Sprintf("%s %+v", name, c)
			wantLength(t, what, caught(func() { f(dst, src, make([]float32, c.factors)) }), kernel.LengthError{Loop: "pixels", Dst: c.dst, Src: c.src, Factors: c.factors})
			wantUntouched(t, what, dst)
			wantUntouched(t, what, src)
		}
	}
}

func TestPartialOverlapPanicsBeforeItWrites(t *testing.T) {
	const n = 12
	for distance := 1; distance < n; distance++ {
		buf := numbered(n + distance)
		low, high := buf[:n], buf[distance:]
		for _, c := range []struct {
			dst, src []float32
			bytes    int
		}{{high, low, 4 * distance}, {low, high, -4 * distance}} {
			check := func(name string, err error) {
				t.Helper()
				var overlap *kernel.OverlapError
				if !errors.As(err, &overlap) {
					t.Errorf("%s, %d apart: %v, want an *OverlapError", name, distance, err)
					return
				}
				if overlap.Elements != n || overlap.Distance != c.bytes {
					t.Errorf("%s, %d apart: %+v, want %d elements, %d bytes", name, distance, *overlap, n, c.bytes)
				}
				for _, w := range []string{fmt.Sprintf("%d elements", n), fmt.Sprintf("%d bytes", c.bytes), "dst = src"} {
					if !strings.Contains(err.Error(), w) {
						t.Errorf("%q does not say %q", err, w)
					}
				}
				wantUntouched(t, name, buf)
			}
			for name, f := range planesTwins[float32]() {
				check(name, caught(func() { f(c.dst, c.src, make([]float32, 3), 4) }))
			}
			for name, f := range pixelsTwins[float32]() {
				check(name, caught(func() { f(c.dst, c.src, make([]float32, 4)) }))
			}
		}
	}
}

func TestKernelsTakeAliasesNeighboursAndNothing(t *testing.T) {
	buf := numbered(24)
	for _, s := range [][2][]float32{{buf[:12], buf[:12]}, {buf[:12], buf[12:]}, {buf[12:], buf[:12]}} {
		for name, f := range planesTwins[float32]() {
			if err := caught(func() { f(s[0], s[1], make([]float32, 3), 4) }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, f := range pixelsTwins[float32]() {
			if err := caught(func() { f(s[0], s[1], make([]float32, 4)) }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name, f := range planesTwins[float64]() {
		for _, c := range []struct{ factors, plane int }{{0, 0}, {0, 7}, {7, 0}, {0, math.MaxInt}} {
			if err := caught(func() { f(nil, nil, make([]float64, c.factors), c.plane) }); err != nil {
				t.Errorf("%s %+v of nothing: %v", name, c, err)
			}
		}
	}
	for name, f := range pixelsTwins[float64]() {
		for _, factors := range []int{0, 7} {
			if err := caught(func() { f([]float64{}, nil, make([]float64, factors)) }); err != nil {
				t.Errorf("%s with %d factors of nothing: %v", name, factors, err)
			}
		}
	}
}

// Nothing to do is done without a panic: no planes, planes of no elements, no
// rows, no channels.
func TestKernelsTakeEmptySlices(t *testing.T) {
	for name, f := range planesTwins[float32]() {
		for _, c := range []struct{ factors, plane int }{{0, 0}, {0, 7}, {3, 0}} {
			if err := caught(func() { f(nil, []float32{}, make([]float32, c.factors), c.plane) }); err != nil {
				t.Errorf("%s of %d planes of %d elements: %v", name, c.factors, c.plane, err)
			}
		}
	}
	for name, f := range pixelsTwins[float32]() {
		for _, channels := range []int{0, 3} {
			if err := caught(func() { f([]float32{}, nil, make([]float32, channels)) }); err != nil {
				t.Errorf("%s of no rows of %d channels: %v", name, channels, err)
			}
		}
	}
}
