package layout_test

import (
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
)

// A packed tensor has the axes in the order that each nest spells.
func TestPackedTensorsKeepTheOrderOfAxes(t *testing.T) {
	for _, c := range []struct {
		shape, strides []int // of N, C, H, W
		packed         []int // strides with 2 channels, if they are others than those of these axes in order
	}{
		{[]int{2, 3, 4, 5}, []int{60, 20, 5, 1}, []int{40, 20, 5, 1}},  // NCHW
		{[]int{2, 3, 4, 5}, []int{60, 1, 15, 3}, []int{40, 1, 10, 2}},  // NHWC
		{[]int{2, 3, 4, 5}, []int{20, 40, 5, 1}, []int{20, 40, 5, 1}},  // CNHW
		{[]int{2, 3, 4, 5}, []int{1, 40, 10, 2}, []int{1, 40, 10, 2}},  // CHWN
		{[]int{2, 3, 4, 5}, []int{3, 1, 30, 6}, []int{2, 1, 20, 4}},    // HWNC
		{[]int{2, 3, 4, 5}, []int{15, 1, 30, 3}, []int{10, 1, 20, 2}},  // HNWC
		{[]int{1, 3, 4, 5}, []int{1, 20, 5, 1}, []int{40, 20, 5, 1}},   // a single sample
		{[]int{2, 1, 4, 5}, []int{1, 9, 10, 2}, []int{1, 40, 10, 2}},   // a single channel
		{[]int{2, 3, 4, 5}, []int{100, 27, 6, 1}, []int{40, 20, 5, 1}}, // gaps
	} {
		g, err := layout.Strided(c.shape, c.strides, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		channels := min(2, c.shape[1])
		want, err := layout.Strided([]int{c.shape[0], channels, 4, 5}, c.packed, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := g.Packed(channels); !ok || got != want && c.shape[0] > 1 || got.Len() != c.shape[0]*channels*20 {
			t.Errorf("strides %v with %d channels: %v with %v, want %v with %v", c.strides, channels, got, got.Loops(), want, want.Loops())
		}
		if got, ok := g.Packed(0); !ok || got.Len() != 0 {
			t.Errorf("strides %v without channels: %v, %v", c.strides, got, ok)
		}
		for _, wrong := range []int{-1, c.shape[1] + 1, math.MaxInt} {
			if got, ok := g.Packed(wrong); ok || got != (layout.Geometry{}) {
				t.Errorf("strides %v with %d channels: %v, %v", c.strides, wrong, got, ok)
			}
		}
	}
	for _, c := range []struct {
		channels int
		ok       bool
	}{{5, true}, {8, true}, {9, false}, {16, false}} {
		g, err := layout.NCHW8c.Of(2, c.channels, 3, 3)
		if err != nil {
			t.Fatal(err)
		}
		want, err := layout.NHWC.Of(2, 3, 3, 4)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := g.Packed(4); ok != c.ok || ok && got != want {
			t.Errorf("%d channels in groups of 8: %v, %v", c.channels, got, ok)
		}
	}
}
