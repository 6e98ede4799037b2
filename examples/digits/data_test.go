package main

import (
	"testing"

	"github.com/spatialdropout/spatialdropout/examples/digits/mnist"
)

func TestTrainingSetsAreBalancedAndDisjoint(t *testing.T) {
	d, err := load[float32]()
	if err != nil {
		t.Fatal(err)
	}
	const n, replicates = 200, 15
	seen := map[*float32]bool{}
	for r := range replicates {
		s, err := d.trainingSet(r, n)
		if err != nil {
			t.Fatal(err)
		}
		var count [mnist.Classes]int
		for i, digit := range s.labels {
			count[digit]++
			at := find(d.pool, s.image(i), digit)
			if at == nil || seen[at] {
				t.Fatalf("image %d of set %d is not one of the pool that no other set has", i, r)
			}
			seen[at] = true
		}
		for digit, got := range count {
			if got != n/mnist.Classes {
				t.Errorf("set %d has the digit %d %d times, want %d", r, digit, got, n/mnist.Classes)
			}
		}
	}
	if _, err := d.trainingSet(replicates, n); err == nil {
		t.Errorf("a set %d of %d images, from a pool of %d", replicates, n, d.pool.len())
	}
	for _, n := range []int{-10, 0, 15} {
		if _, err := d.trainingSet(0, n); err == nil {
			t.Errorf("a set of %d images", n)
		}
	}
}

// find returns the place of an image in a pool where no image is twice.
func find(pool samples[float32], image []float32, digit byte) *float32 {
next:
	for i, label := range pool.labels {
		if label != digit {
			continue
		}
		for j, v := range pool.image(i) {
			if v != image[j] {
				continue next
			}
		}
		return &pool.image(i)[0]
	}
	return nil
}
