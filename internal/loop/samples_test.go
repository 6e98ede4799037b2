package loop_test

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Where samples and channels are in the nest, by the axes that each order spells.
func TestWhereSamplesAndChannelsAre(t *testing.T) {
	for _, c := range []struct {
		shape, strides  []int // of N, C, H, W
		first, channels bool
	}{
		{[]int{2, 3, 4, 5}, []int{60, 20, 5, 1}, true, true},   // NCHW
		{[]int{2, 3, 4, 5}, []int{60, 1, 15, 3}, true, true},   // NHWC
		{[]int{2, 3, 4, 5}, []int{20, 40, 5, 1}, false, false}, // CNHW
		{[]int{2, 3, 4, 5}, []int{1, 40, 10, 2}, false, false}, // CHWN
		{[]int{2, 3, 4, 5}, []int{3, 1, 30, 6}, false, true},   // HWNC
		{[]int{2, 3, 4, 5}, []int{15, 1, 30, 3}, false, true},  // HNWC
		{[]int{1, 3, 4, 5}, []int{1, 20, 5, 1}, true, true},    // a single sample
		{[]int{2, 1, 4, 5}, []int{1, 9, 10, 2}, false, true},   // a single channel
		{[]int{2, 3, 4, 5}, []int{100, 27, 6, 1}, true, true},  // gaps
	} {
		g, err := layout.Strided(c.shape, c.strides, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		if first, inside := loop.SamplesFirst(&g), loop.ChannelsInside(&g); first != c.first || inside != c.channels {
			t.Errorf("strides %v: samples first %v, channels inside %v, want %v and %v", c.strides, first, inside, c.first, c.channels)
		}
		if got, want := loop.SampleOffset(&g, 1), c.strides[0]; c.shape[0] > 1 && got != want {
			t.Errorf("strides %v: sample 1 begins at %d", c.strides, got)
		}
	}
	for _, o := range []layout.Order{layout.NCHW8c, layout.NCHW16c} {
		for _, channels := range []int{3, 8, 16, 40} {
			g, err := o.Of(3, channels, 2, 2)
			if err != nil {
				t.Fatal(err)
			}
			if !loop.SamplesFirst(&g) || !loop.ChannelsInside(&g) || loop.SampleOffset(&g, 2) != g.Len()/3*2 {
				t.Errorf("%v of %d channels: samples first %v, channels inside %v, sample 2 at %d", o, channels, loop.SamplesFirst(&g), loop.ChannelsInside(&g), loop.SampleOffset(&g, 2))
			}
		}
	}
	var none layout.Geometry
	if loops := loop.PerChannel(none.Loops(), &none); !loop.SamplesFirst(&none) || !loop.ChannelsInside(&none) || loop.SampleOffset(&none, 0) != 0 || len(loops) != 1 || loops[0] != (layout.Loop{}) {
		t.Errorf("the zero Geometry has the loops %v", loops)
	}
}

// With one list of factors for all samples the loops are the same, but for the step of the samples.
func TestSharedLoopsHaveTheChannelAlone(t *testing.T) {
	for _, strides := range [][]int{{20, 40, 5, 1}, {1, 40, 10, 2}, {25, 60, 6, 1}, {1, 2, 30, 6}} {
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
		walk(loop.PerChannel(g.Loops(), &g), 0, 0)
		if visited != 120 {
			t.Errorf("strides %v: %d elements", strides, visited)
		}
	}
	// Samples within channels and positions make planes.
	g, err := layout.Strided([]int{3, 4, 2}, []int{8, 2, 1}, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	if loops := loop.PerChannel(g.Loops(), &g); len(loops) != 2 || loops[0] != (layout.Loop{Size: 3, Dst: 8, Src: 8, Factor: 1}) || loops[1] != (layout.Loop{Size: 8, Dst: 1, Src: 1}) {
		t.Errorf("the loops %v", loops)
	}
}
