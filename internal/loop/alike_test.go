package loop_test

import (
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Geometries are alike if they are equal, and no bit of them is left out.
func TestAlike(t *testing.T) {
	g, err := layout.Strided([]int{2, 3, 4, 5, 6, 7}, []int{90000, 9000, 1000, 150, 20, 2}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * unsafe.Sizeof(g) {
		other := g
		*(*byte)(unsafe.Add(unsafe.Pointer(&other), i/8)) ^= 1 << (i % 8)
		if got := loop.Alike(&g, &other); got != (g == other) {
			t.Errorf("alike with another bit %d: %v", i, got)
		}
	}
	if other := g; !loop.Alike(&g, &other) || !loop.Alike(&g, &g) {
		t.Error("equal geometries are not alike")
	}
}
