package layout_test

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
)

// A slice of a divided tensor holds all elements of each feature map that it begins, and nothing else. What the maps of a
// slice are is up to the axes outside the spatial ones: whole samples, or an equal part of each one's channels.
func TestDividesIsAboutWholeFeatureMaps(t *testing.T) {
	geometry := func(g layout.Geometry, err error) layout.Geometry {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
		return g
	}
	for _, c := range []struct {
		name    string
		g       layout.Geometry
		divides []int // all of them up to most
	}{
		{"NCHW", geometry(layout.NCHW.Of(4, 6, 2, 3)), []int{1, 2, 4, 8, 12, 24}},
		{"CHW", geometry(layout.CHW.Of(6, 2, 3)), []int{1, 2, 3, 6}},
		{"NHWC", geometry(layout.NHWC.Of(4, 2, 3, 6)), []int{1, 2, 4}},
		{"one position, whatever the order", geometry(layout.NHWC.Of(4, 1, 1, 6)), []int{1, 2, 4, 8, 12, 24}},
		{"groups of 8 channels, the last with padding", geometry(layout.NCHW8c.Of(2, 12, 3, 3)), []int{1, 2, 4}},
		{"channels around samples", geometry(layout.Strided([]int{4, 6, 3}, []int{3, 12, 1}, 0, 1)), []int{1, 2, 3, 6, 12, 24}},
		{"a view with gaps", geometry(layout.Strided([]int{4, 6, 3}, []int{36, 6, 1}, 0, 1)), []int{1}},
		{"spatial axes outside", geometry(layout.Strided([]int{4, 6, 3}, []int{6, 1, 24}, 0, 1)), []int{1}},
		{"a single element", geometry(layout.NC.Of(1, 1)), []int{1}},
	} {
		const most = 30
		want := map[int]bool{}
		for _, n := range c.divides {
			want[n] = true
		}
		for n := -1; n <= most; n++ {
			if got := c.g.Divides(n); got != want[n] {
				t.Errorf("%s, %v: Divides(%d) = %v", c.name, c.g, n, got)
			}
		}
	}
	empty := geometry(layout.NCHW.Of(2, 3, 0, 4))
	for n, want := range map[int]bool{-1: false, 0: true, 1: true, 7: true} {
		if got := empty.Divides(n); got != want {
			t.Errorf("no elements: Divides(%d) = %v", n, got)
		}
	}
}
