package kernel

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// allWorks returns what Tune does.
func allWorks() []*work {
	s := defaultStrategy()
	return append(append(aheadWorks(&s), quarterWorks(&s)...), streamWorks(&s)...)
}

func TestTuneTakesBoundedMemory(t *testing.T) {
	var m scratch
	for _, w := range allWorks() {
		if w.Bytes > mostScratch {
			t.Fatalf("%+v, want %d bytes at most", w.Comparison, mostScratch)
		}
		if w.Bytes > 4*mib {
			w.Bytes = 0 // whose memory need not be touched
		}
		n := m.nest(w, 0)
		entries := n.count
		if n.shape == pixels {
			entries = n.length
		}
		if entries > len(m.factors) {
			t.Errorf("%+v takes %d factors of %d", w.Comparison, entries, len(m.factors))
		}
	}
	if len(m.dst)*4 != mostScratch || len(m.src)*4 != mostScratch || len(m.factors) < mostScratch/4/tunePlane {
		t.Errorf("dst, src and factors of %d, %d and %d elements", len(m.dst), len(m.src), len(m.factors))
	}
}

// The ways are those that Run chooses by a strategy, and give the same.
func TestTuneDoesWhatRunDoes(t *testing.T) {
	defer use(CurrentStrategy())
	var m scratch
	kept := 0
	for _, w := range allWorks() {
		if w.Bytes > 4*mib {
			continue
		}
		machine.EachTier(func(tier string) {
			for k, y := range w.ways {
				n := m.nest(w, k)
				elements := n.total()
				if size := elements * 4; size > w.Bytes || size <= w.Bytes-w.length*4 || n.length != w.length || n.dst == n.src != w.inPlace {
					t.Fatalf("%+v: %d bytes in %+v", w.Comparison, size, n.block)
				}
				streamFrom(math.MaxInt)
				if w.reads && k == 1 && streams() {
					streamFrom(w.Bytes / 2)
				}
				chosen := n
				chosen.pastCache = false
				if chosen.choose(elements); streams() && n != chosen {
					t.Errorf("%s, %+v: way %d is %+v, as Run chooses: %+v", tier, w.Comparison, k, n, chosen)
				}
				if !streams() {
					return // nor does Tune measure
				}
				for i := range m.dst[:elements] {
					m.dst[i] = 1
				}
				lend()
				_, read := m.sample(w, k)
				if storeAhead != uint64(y.ahead) || quarterRows != uint64(y.quarters) {
					t.Errorf("%+v: way %d with %d and %d, want %+v", w.Comparison, k, storeAhead, quarterRows, y)
				}
				takeBack()
				// The clock of Windows may stand still meanwhile.
				if coarse := runtime.GOOS == "windows" && read == 0; read > 0 != w.reads && !coarse {
					t.Errorf("%+v: %v to read", w.Comparison, read)
				}
				sign := float32(-1)
				if calls := 1 + max(1, mib/w.Bytes); w.inPlace && calls%2 == 0 {
					sign = 1
				}
				kept = 0
				for i, got := range m.dst[:elements] {
					channel := i / w.length
					if w.shape == pixels {
						channel = i % w.length
					}
					want := float32(0)
					if m.factors[channel] != 0 {
						want = sign
						kept++
					}
					if math.Float32bits(got) != math.Float32bits(want) {
						t.Fatalf("%s, %+v: element %d in way %d is %v, want %v", tier, w.Comparison, i, k, got, want)
					}
				}
				if part := float64(kept) / float64(elements); part < 0.3 || part > 0.7 {
					t.Errorf("%+v: %v of it is kept, want about half", w.Comparison, part)
				}
			}
		})
	}
}

// A work in dst of 64 MiB fits scratch memory to the last element.
func TestLargestWorkFits(t *testing.T) {
	if testing.Short() || Instrumented {
		t.Skip("takes memory")
	}
	if !streams() {
		t.Skip("no tier stores past the cache")
	}
	lend()
	defer takeBack()
	var m scratch
	for _, w := range allWorks() {
		if w.Bytes == mostScratch {
			for k := range w.ways {
				m.sample(w, k)
			}
		}
	}
	if last := m.dst[len(m.dst)-tuneRow:]; m.set != len(m.src) || !slices.Contains(last, -1) {
		t.Errorf("%d of %d elements of src are set, and the last row of dst is %v, want all, and −1 among 0", m.set, len(m.src), last)
	}
}
