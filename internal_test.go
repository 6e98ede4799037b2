package spatialdropout

import "testing"

// Scratch memory is as long as a call needs, whatever was in the pool.
func TestScratchIsAsLongAsItsBytes(t *testing.T) {
	for _, bytes := range []int{1000, 1, 8, 9, 16, 0, 4096, 7} {
		buf := scratchOf(bytes)
		if len(*buf) != bytes || cap(*buf) < bytes {
			t.Errorf("%d bytes, want %d", len(*buf), bytes)
		}
		scratch.Put(buf)
	}
}

// The result does not depend on the number of goroutines. Only here can it be seen that it
// is passed on.
func TestWorkersArePassedOn(t *testing.T) {
	l, err := NewLayer[float32](0.5, WithWorkers(3))
	if err != nil {
		t.Fatal(err)
	}
	if l.drop.workers != 3 {
		t.Errorf("%d workers, want 3", l.drop.workers)
	}
	d, err := Restore(l.drop.State(), WithWorkers(2))
	if err != nil {
		t.Fatal(err)
	}
	if d.workers != 2 {
		t.Errorf("%d workers restored, want 2", d.workers)
	}
}
