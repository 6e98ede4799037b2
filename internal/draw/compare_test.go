package draw

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// guarded returns n words of bits between guards, and a function that reports whether the
// guards are whole.
func guarded(n int) (bits []uint64, whole func() bool) {
	const guard, filling = 3, 0x5a5a5a5a5a5a5a5a
	room := make([]uint64, n+2*guard)
	for i := range room {
		room[i] = filling
	}
	return room[guard:][:n:n], func() bool {
		for i, w := range room {
			if (i < guard || i >= guard+n) && w != filling {
				return false
			}
		}
		return true
	}
}

// comparisons are the draws with given words.
var comparisons = []struct {
	name string
	each int // words per trial
	draw func(bits []uint64, words []uint32, shift uint32, threshold uint64)
	bit  func(words []uint32, shift uint32, threshold uint64) bool
}{
	{
		"Words", 1,
		func(bits []uint64, words []uint32, shift uint32, threshold uint64) {
			Words(bits, words, shift, uint32(threshold))
		},
		func(words []uint32, shift uint32, threshold uint64) bool { return words[0]<<shift < uint32(threshold) },
	},
	{
		"Pairs", 2,
		func(bits []uint64, words []uint32, _ uint32, threshold uint64) { Pairs(bits, words, threshold) },
		func(words []uint32, _ uint32, threshold uint64) bool {
			return (uint64(words[0])*(1<<32)+uint64(words[1]))%(1<<53) < threshold
		},
	},
}

// checkComparison compares every bit of n trials with what the oracle wants. The words
// begin skew words after the start of their memory.
func checkComparison(t *testing.T, comparison, n, skew int, shift uint32, threshold uint64, word func() uint32) {
	t.Helper()
	c := comparisons[comparison]
	words := make([]uint32, n*c.each+skew)[skew:]
	for i := range words {
		words[i] = word()
	}
	given := slices.Clone(words)
	bits, whole := guarded((n + 63) / 64)
	c.draw(bits, words, shift, threshold)
	if !slices.Equal(words, given) || !whole() {
		t.Fatalf("%s of %d trials: wrote to the words, or outside the bits", c.name, n)
	}
	for i := range 64 * len(bits) {
		want := uint64(0)
		if i < n && c.bit(words[i*c.each:][:c.each], shift, threshold) {
			want = 1
		}
		if got := bits[i/64] >> (i % 64) & 1; got != want {
			t.Fatalf("%s of %d trials, skewed by %d, shift %d, threshold %#x: bit %d is %d, want %d", c.name, n, skew, shift, threshold, i, got, want)
		}
	}
}

func TestComparisonsMatchTheOracle(t *testing.T) {
	machine.EveryTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(10, 11))
		for comparison := range comparisons {
			for n := 0; n < 300; n++ {
				threshold := r.Uint64() >> (11 + 21*(1-comparison))
				checkComparison(t, comparison, n, n%5, uint32(n%4*8), threshold, r.Uint32)
			}
			for _, n := range []int{312, 624, compareCall - 1, compareCall, compareCall + 1, compareCall + 77} {
				checkComparison(t, comparison, n, n%3, 8, 1<<31, r.Uint32)
			}
			// Words at and next to the threshold, with every shift that mask uses.
			for _, threshold := range []uint64{0, 1, 2, 1<<31 - 1, 1 << 31, 1<<32 - 1<<8, 1<<32 - 1, 1 << 32, 1<<52 + 1, 1<<53 - 1, 1 << 53, 1<<64 - 1} {
				for _, shift := range []uint32{0, 8, 9, 31} {
					near := uint32(threshold)
					words := []uint32{near, near - 1, near + 1, near >> shift, near>>shift - 1, uint32(threshold >> 32), uint32(threshold>>32) - 1, 0, 1<<32 - 1, 1 << 21, 1<<21 - 1}
					checkComparison(t, comparison, 150, 0, shift, threshold, func() uint32 { return words[r.IntN(len(words))] })
				}
			}
		}
	})
}

func TestComparisonsThatDoNotFitAreRefused(t *testing.T) {
	for _, c := range []struct {
		bits, words, each int
		want              string
	}{
		{1, 65, 1, "draw: 1 words of bits for 65 trials, want 2"},
		{2, 64, 1, "draw: 2 words of bits for 64 trials, want 1"},
		{1, 0, 1, "draw: 1 words of bits for 0 trials, want 0"},
		{0, 1, 1, "draw: 0 words of bits for 1 trials, want 1"},
		{1, 130, 2, "draw: 1 words of bits for 65 trials, want 2"},
		{1, 3, 2, "draw: 3 words for trials of 2 words each"},
	} {
		bits, words := make([]uint64, c.bits), make([]uint32, c.words)
		for i := range bits {
			bits[i] = 7
		}
		func() {
			defer func() {
				if got := recover(); got != c.want {
					t.Errorf("%+v: panics with %v", c, got)
				}
			}()
			comparisons[c.each-1].draw(bits, words, 0, 5)
		}()
		for _, w := range bits {
			if w != 7 {
				t.Errorf("%+v: refused, but wrote %v", c, bits)
			}
		}
	}
}

func TestSerialDrawsDoNotAllocate(t *testing.T) {
	machine.EveryTier(t, func(t *testing.T) {
		for name, f := range map[string]func(){
			"MCG31": func() {
				var bits [3]uint64
				MCG31(bits[:], 5, 6, 7)
			},
			"Words": func() {
				var bits [2]uint64
				var words [77]uint32
				Words(bits[:], words[:], 8, 7)
			},
			"Pairs": func() {
				var bits [2]uint64
				var words [154]uint32
				Pairs(bits[:], words[:], 7)
			},
		} {
			if n := testing.AllocsPerRun(100, f); n != 0 && !machine.Sanitized {
				t.Errorf("%s allocates %v times", name, n)
			}
		}
	})
}

// FuzzComparisons compares MCG31m1 and comparisons with the oracle. Half of the words are
// close to the threshold.
func FuzzComparisons(f *testing.F) {
	f.Add(uint16(312), uint8(0), uint32(8), uint64(1)<<52, uint32(1), uint64(0), uint64(1))
	f.Add(uint16(129), uint8(1), uint32(31), uint64(1)<<31, uint32(1<<31-2), uint64(1)<<63, uint64(2))
	f.Add(uint16(7), uint8(3), uint32(0), uint64(1)<<53, uint32(0), uint64(5), uint64(3))
	for i, n := range []uint16{0, 1, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, mcg31Call - 1, mcg31Call, mcg31Call + 1, 624, 1023, 1024, 1025, compareCall - 1, compareCall, compareCall + 1} {
		shift := [...]uint32{0, 8, 9, 31}[i%4]
		f.Add(n, uint8(i), shift, [...]uint64{1 << 31, 1<<32 - 1<<8, 1<<52 + 1<<32, 1<<53 - 1, 1}[i%5], uint32(n)<<16+1, uint64(n)<<i, uint64(i))
	}
	f.Fuzz(func(t *testing.T, n uint16, skew uint8, shift uint32, threshold uint64, x uint32, from, seed uint64) {
		shift %= 32
		machine.EachTier(func(string) {
			for comparison := range comparisons {
				r := rand.New(rand.NewPCG(seed, 0))
				checkComparison(t, comparison, int(n)%(compareCall+66), int(skew)%9, shift, threshold, func() uint32 {
					switch w := r.Uint64(); w >> 62 {
					case 0:
						return uint32(threshold)>>shift + uint32(w%3) - 1
					case 1:
						return uint32(threshold>>32) + uint32(w%3) - 1
					default:
						return uint32(w)
					}
				})
			}
			checkMCG31(t, int(n)%(mcg31Call+8), x, from, uint32(threshold))
		})
	})
}
