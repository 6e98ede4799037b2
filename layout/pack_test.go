package layout_test

import (
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
)

// Where samples and channels are in the nest, by the axes that each order spells.
func TestWhereSamplesAndChannelsAre(t *testing.T) {
	for _, c := range []struct {
		shape, strides  []int // of N, C, H, W
		first, channels bool
		packed          []int // strides with 2 channels, if they are others than those of these axes in order
	}{
		{[]int{2, 3, 4, 5}, []int{60, 20, 5, 1}, true, true, []int{40, 20, 5, 1}},   // NCHW
		{[]int{2, 3, 4, 5}, []int{60, 1, 15, 3}, true, true, []int{40, 1, 10, 2}},   // NHWC
		{[]int{2, 3, 4, 5}, []int{20, 40, 5, 1}, false, false, []int{20, 40, 5, 1}}, // CNHW
		{[]int{2, 3, 4, 5}, []int{1, 40, 10, 2}, false, false, []int{1, 40, 10, 2}}, // CHWN
		{[]int{2, 3, 4, 5}, []int{3, 1, 30, 6}, false, true, []int{2, 1, 20, 4}},    // HWNC
		{[]int{2, 3, 4, 5}, []int{15, 1, 30, 3}, false, true, []int{10, 1, 20, 2}},  // HNWC
		{[]int{1, 3, 4, 5}, []int{1, 20, 5, 1}, true, true, []int{40, 20, 5, 1}},    // a single sample
		{[]int{2, 1, 4, 5}, []int{1, 9, 10, 2}, false, true, []int{1, 40, 10, 2}},   // a single channel
		{[]int{2, 3, 4, 5}, []int{100, 27, 6, 1}, true, true, []int{40, 20, 5, 1}},  // gaps
	} {
		g, err := layout.Strided(c.shape, c.strides, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if g.SamplesFirst() != c.first || g.ChannelsInside() != c.channels {
			t.Errorf("strides %v: samples first %v, channels inside %v, want %v and %v", c.strides, g.SamplesFirst(), g.ChannelsInside(), c.first, c.channels)
		}
		if got, want := g.SampleOffset(1), c.strides[0]; c.shape[0] > 1 && got != want {
			t.Errorf("strides %v: sample 1 begins at %d", c.strides, got)
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

// With one list of factors for all samples the loops are the same, but for the step of the samples.
func TestSharedLoopsHaveTheChannelAlone(t *testing.T) {
	for _, strides := range [][]int{{60, 20, 5, 1}, {60, 1, 15, 3}, {20, 40, 5, 1}, {1, 40, 10, 2}, {3, 1, 30, 6}, {15, 1, 30, 3}, {100, 27, 6, 1}, {1, 60, 15, 3}} {
		g, err := layout.Strided([]int{2, 3, 4, 5}, strides, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		// The channel of each offset, from loops over the logical indices.
		channel := map[int]int{}
		for n := range 2 {
			for c := range 3 {
				for h := range 4 {
					for w := range 5 {
						channel[n*strides[0]+c*strides[1]+h*strides[2]+w*strides[3]] = c
					}
				}
			}
		}
		visited := 0
		var walk func(loops []layout.Loop, at, factor int)
		walk = func(loops []layout.Loop, at, factor int) {
			if len(loops) == 0 {
				if c, ok := channel[at]; !ok || c != factor {
					t.Fatalf("strides %v: offset %d has the factor %d, want %d", strides, at, factor, c)
				}
				visited++
				return
			}
			for i := range loops[0].Size {
				walk(loops[1:], at+i*loops[0].Dst, factor+i*loops[0].Factor)
			}
		}
		walk(g.SharedLoops(), 0, 0)
		if visited != 120 {
			t.Errorf("strides %v: %d elements", strides, visited)
		}
	}
	// Samples within channels and positions make planes.
	g, err := layout.Strided([]int{3, 4, 2}, []int{8, 2, 1}, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	if loops := g.SharedLoops(); len(loops) != 2 || loops[0] != (layout.Loop{Size: 3, Dst: 8, Src: 8, Factor: 1}) || loops[1] != (layout.Loop{Size: 8, Dst: 1, Src: 1}) {
		t.Errorf("the loops %v", loops)
	}
}
