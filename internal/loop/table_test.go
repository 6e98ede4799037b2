package loop

import "testing"

// A table is cleared for each call: for a few slices it is small, also after one of many.
func TestTablesAreAsLargeAsTheirSlices(t *testing.T) {
	var reused table
	for _, n := range []int{1, 1 << 16, 2, 1000, 3, 1 << 16, 1<<16 + 1, 1} {
		reused.reset(n, 8)
		if len(reused.heads) < n || len(reused.heads) > 4*n || len(reused.starts) != n || len(reused.next) != n {
			t.Errorf("%d heads, %d starts and %d links for %d slices", len(reused.heads), len(reused.starts), len(reused.next), n)
		}
		for i := range n {
			reused.add(i, uintptr(16*i))
		}
		for i := range n {
			if other, found := reused.find(uintptr(16*i+7), 8, 0, false, false); !found || other != uintptr(16*i) {
				t.Fatalf("slice %d of %d is found at %d: %v", i, n, other, found)
			}
		}
		if other, found := reused.find(uintptr(16*n), 8, 0, false, false); found {
			t.Errorf("a slice at %d of %d, want none", other, n)
		}
	}
}
