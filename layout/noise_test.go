package layout_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
)

// groups returns how many groups of neighbouring axes noise has beside axis 0. Axes of a
// single step are left out.
func groups(shape, noise []int) int {
	n, together := 0, false
	for i, size := range shape {
		if size == 1 {
			continue
		}
		own := noise[i] == size
		if i == 0 && own {
			continue // the sample
		}
		if own && !together {
			n++
		}
		together = own
	}
	return n
}

// Every noise of every shape of up to five axes: the entry of an element is its index in noise,
// or there are too many groups.
func TestNoiseShapeMatchesBruteForce(t *testing.T) {
	taken, refused := 0, 0
	for rank := 1; rank <= 5; rank++ {
		for code := range pow(4, rank) {
			shape := make([]int, rank)
			for i := range shape {
				shape[i] = []int{2, 1, 3, 0}[code/pow(4, i)%4]
			}
			for own := range 1 << rank {
				noise := make([]int, rank)
				for i := range noise {
					noise[i] = 1
					if own>>i&1 == 1 {
						noise[i] = shape[i]
					}
				}
				limit := 2
				if shape[0] != 1 && noise[0] == shape[0] {
					limit = 1
				}
				g, err := layout.NoiseShape(shape, noise)
				if many := groups(shape, noise) > limit; many != (err != nil) {
					t.Fatalf("%v with noise %v: %v, want an error: %v", shape, noise, err, many)
				}
				if err != nil {
					wantError(t, fmt.Sprint(shape, noise), err, "groups", "axis 0")
					refused++
					continue
				}
				taken++
				strides, places := dense(shape), dense(noise)
				want := make(map[int]int)
				elements(shape, strides, func(index []int, offset int) {
					trial := 0
					for i, at := range index {
						if noise[i] != 1 {
							trial += at * places[i]
						}
					}
					want[offset] = trial
				})
				got := walked(t, g)
				if len(got) != len(want) || g.Len() != len(want) || g.View() {
					t.Fatalf("%v with noise %v: %v visits %d elements, want %d", shape, noise, g, len(got), len(want))
				}
				for at, trial := range want {
					if got[at] != trial {
						t.Fatalf("%v with noise %v: element %d has trial %d, want %d", shape, noise, at, got[at], trial)
					}
				}
			}
		}
	}
	if taken < 1000 || refused < 1000 {
		t.Errorf("%d shapes taken and %d refused, want more of both", taken, refused)
	}
}

func pow(base, n int) int {
	p := 1
	for range n {
		p *= base
	}
	return p
}

// dense returns the strides of a tensor without gaps.
func dense(shape []int) []int {
	strides := make([]int, len(shape))
	stride := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = stride
		stride *= max(shape[i], 1)
	}
	return strides
}

// Where there is an order for a noise shape, both give the same value.
func TestNoiseShapeEqualsOf(t *testing.T) {
	for _, c := range []struct {
		shape, noise []int
		order        layout.Order
		dims         []int
	}{
		{[]int{2, 3, 4, 5}, []int{2, 3, 1, 1}, layout.NCHW, []int{2, 3, 4, 5}},
		{[]int{2, 3, 4, 5}, []int{2, 1, 1, 5}, layout.NHWC, []int{2, 3, 4, 5}},
		{[]int{2, 3, 4, 5, 6}, []int{2, 1, 1, 1, 6}, layout.NDHWC, []int{2, 3, 4, 5, 6}},
		{[]int{2, 3, 4}, []int{2, 3, 1}, layout.NCW, []int{2, 3, 4}},
		{[]int{2, 3, 4}, []int{2, 1, 4}, layout.NWC, []int{2, 3, 4}},
		{[]int{2, 3, 4}, []int{2, 3, 4}, layout.NC, []int{2, 12}},
		{[]int{3, 4, 5}, []int{1, 1, 5}, layout.HWC, []int{3, 4, 5}},
		{[]int{1, 3, 4, 5}, []int{1, 3, 1, 1}, layout.NCHW, []int{1, 3, 4, 5}},
		{[]int{3, 4}, []int{1, 1}, layout.CDHW, []int{1, 1, 3, 4}},
		{[]int{2, 3, 4}, []int{2, 1, 1}, layout.NCHW, []int{2, 1, 3, 4}},
	} {
		want, err := c.order.Of(c.dims...)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := layout.NoiseShape(c.shape, c.noise); err != nil || got != want {
			t.Errorf("%v with noise %v is %+v, %v, want %v, %+v", c.shape, c.noise, got, err, c.order, want)
		}
	}
}

func TestNoiseShapeRefuses(t *testing.T) {
	big := math.MaxInt/2 + 1
	many := []int{3, 2, 2, 2, 2, 2, 2, 2}
	for _, c := range []struct {
		what         string
		shape, noise []int
		words        []string
	}{
		{"a dim too few", []int{2, 3}, []int{2}, []string{"2 dims", "1 of noise", "[2 3]", "[2]"}},
		{"a dim of another size", []int{2, 3}, []int{2, 2}, []string{"dim 1 is 2", "want 3 or 1"}},
		{"a noise of zero", []int{2, 3}, []int{0, 3}, []string{"dim 0 is 0", "want 2 or 1"}},
		{"a negative dim", []int{2, -3}, []int{2, -3}, []string{"dim 1 is -3", "want 0 or more"}},
		{"two groups beside the sample", []int{2, 3, 4, 5, 6}, []int{2, 3, 1, 1, 6}, []string{"axis 0", "groups"}},
		{"three groups", []int{4, 2, 3, 2, 3, 2}, []int{1, 2, 1, 2, 1, 2}, []string{"axis 0", "groups"}},
		{"seven spatial axes", many, []int{3, 1, 1, 1, 1, 1, 1, 1}, []string{"at most 6 spatial dims"}},
		{"eight spatial axes", many, []int{1, 1, 1, 1, 1, 1, 1, 1}, []string{"at most 6 spatial dims"}},
		{"twelve spatial axes", []int{2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3}, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []string{"at most 6 spatial dims"}},
		{"too many elements", []int{big, 3}, []int{big, 3}, []string{"fits in an int"}},
		{"too many channels", []int{1, big, 3}, []int{1, big, 3}, []string{"fits in an int"}},
		{"too many elements but for a zero", []int{big, 0, 3}, []int{1, 0, 3}, []string{"fits in an int"}},
	} {
		g, err := layout.NoiseShape(c.shape, c.noise)
		wantError(t, c.what, err, append(c.words, "layout: ")...)
		var refused *layout.ArgumentError
		if g != (layout.Geometry{}) || !errors.As(err, &refused) || refused.Argument != "shape" && refused.Argument != "noise" {
			t.Errorf("%s: %v with an error %#v", c.what, g, err)
		}
	}
	if g, err := layout.NoiseShape(nil, nil); err != nil || g.Len() != 1 || g.Samples()*g.Channels() != 1 {
		t.Errorf("a scalar is %v, %v", g, err)
	}
}
