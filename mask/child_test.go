package mask_test

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// Runs of a network can be repeated only if its layers keep their seeds.
func TestChildrenHaveTheirSeeds(t *testing.T) {
	for _, c := range []struct{ seed, k, want uint64 }{
		{0, 0, 0x51408772a2b20ccf},
		{0, 1, 0x755b688dbd7f559e},
		{42, 0, 0x417141ba1e36901d},
		{42, 7, 0x87ae5358d141f01b},
		{1<<64 - 1, 1<<64 - 1, 0x13ba4d3616ac8ca1},
	} {
		if got := mask.Child(c.seed, c.k); got != c.want {
			t.Errorf("child %d of %d is %#x, want %#x", c.k, c.seed, got, c.want)
		}
	}
}

// A child is the block that the documentation names.
func TestChildIsABlockThatNoDrawUses(t *testing.T) {
	for bit := range 64 {
		for _, p := range [][2]uint64{{1 << bit, 3}, {3, 1 << bit}, {1<<bit - 1, 1<<bit - 1}} {
			counter := [4]uint32{0, 1 << 31, uint32(p[1]), uint32(p[1] >> 32)}
			key := [2]uint32{uint32(p[0]), uint32(p[0] >> 32)}
			want := uint64(word(counter, key, 1))<<32 | uint64(word(counter, key, 0))
			if got := mask.Child(p[0], p[1]); got != want {
				t.Fatalf("child %d of %d is %#x, want %#x", p[1], p[0], got, want)
			}
		}
	}
}

// Children, their children and the seeds of neighbours differ, and so do their masks.
func TestChildrenAreDistinct(t *testing.T) {
	seen := map[uint64]bool{}
	add := func(seed uint64) {
		if seen[seed] {
			t.Fatalf("the seed %#x comes twice", seed)
		}
		seen[seed] = true
	}
	for seed := range uint64(64) {
		add(seed)
		for k := range uint64(256) {
			child := mask.Child(seed, k)
			add(child)
			if k < 8 {
				for grandchild := range uint64(8) {
					add(mask.Child(child, grandchild))
				}
			}
		}
	}
	a, b := drawn(t, 1, 10_000, 0.5, mask.Child(1, 0), 0, 0), drawn(t, 1, 10_000, 0.5, mask.Child(1, 1), 0, 0)
	alike := 0
	for c := range 10_000 {
		if a.Kept(0, c) == b.Kept(0, c) {
			alike++
		}
	}
	if alike < 4700 || alike > 5300 { // six standard deviations
		t.Errorf("%d of 10000 channels of two children are alike", alike)
	}
}
