package spatialdropout

import "testing"

// Memory is reserved in words, for as many bytes as there are and no more, whatever
// was in the pool.
func TestScratchIsAsLongAsItsBytes(t *testing.T) {
	for _, bytes := range []int{1000, 1, 8, 9, 16, 0, 4096, 7} {
		buf := scratchOf(bytes)
		if got, want := len(*buf), (bytes+7)/8; got != want {
			t.Errorf("%d words for %d bytes, want %d", got, bytes, want)
		}
		scratch.Put(buf)
	}
}

// The result does not depend on how many goroutines there may be: only here can it be
// seen that a layer passes the number on.
func TestLayersKeepTheirWorkers(t *testing.T) {
	l, err := NewLayer[float32](0.5, WithWorkers(3))
	if err != nil {
		t.Fatal(err)
	}
	if l.workers != 3 {
		t.Errorf("%d workers, want 3", l.workers)
	}
}
