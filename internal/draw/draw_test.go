package draw

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/race"
)

// The oracles are the generators as their papers write them, block by block.

func philoxOracle(counter [4]uint32, key [2]uint32) [4]uint32 {
	for round := range uint32(10) {
		hi0, lo0 := bits.Mul32(counter[0], 0xD2511F53)
		hi1, lo1 := bits.Mul32(counter[2], 0xCD9E8D57)
		counter = [4]uint32{
			hi1 ^ counter[1] ^ (key[0] + round*0x9E3779B9), lo1,
			hi0 ^ counter[3] ^ (key[1] + round*0xBB67AE85), lo0,
		}
	}
	return counter
}

func threefryOracle(counter, key [2]uint32) [2]uint32 {
	rotations := [8]int{13, 15, 26, 6, 17, 29, 16, 24}
	keys := [3]uint32{key[0], key[1], 0x1BD11BDA ^ key[0] ^ key[1]}
	x := [2]uint32{counter[0] + keys[0], counter[1] + keys[1]}
	for round := range 20 {
		x[0] += x[1]
		x[1] = bits.RotateLeft32(x[1], rotations[round%8])
		x[1] ^= x[0]
		if round%4 == 3 {
			s := round/4 + 1
			x[0] += keys[s%3]
			x[1] += keys[(s+1)%3] + uint32(s)
		}
	}
	return x
}

// twister is mt19937 one number at a time, with every index modulo 624.
type twister struct {
	state [624]uint32
	at    int
}

// seed sets the state to that of a seed, like init_genrand of the reference.
func (m *twister) seed(seed uint32) {
	for i := range m.state {
		m.state[i] = seed
		seed = 1812433253*(seed^seed>>30) + uint32(i) + 1
	}
	m.at = 0
}

func (m *twister) next() uint32 {
	i := m.at
	m.at = (i + 1) % 624
	y := m.state[i]&0x80000000 | m.state[m.at]&0x7fffffff
	x := m.state[(i+397)%624] ^ y>>1
	if y%2 == 1 {
		x ^= 0x9908b0df
	}
	m.state[i] = x
	x ^= x >> 11
	x ^= x << 7 & 0x9d2c5680
	x ^= x << 15 & 0xefc60000
	return x ^ x>>18
}

// generators are the draws with counter-based generators. Most fill one slice of bits,
// ThreefryPairs fills two.
var generators = []struct {
	name   string
	slices int
	draw   func(bits [][]uint64, spec *Spec)
	words  func(i int, spec *Spec) []uint32 // the word of trial i of each slice
}{
	{
		"Philox", 1,
		func(bits [][]uint64, spec *Spec) { Philox(bits[0], spec) },
		func(i int, spec *Spec) []uint32 {
			block := philoxOracle(spec.counter(i/4), spec.Key)
			return block[i%4:][:1]
		},
	},
	{
		"Threefry", 1,
		func(bits [][]uint64, spec *Spec) { Threefry(bits[0], spec) },
		func(i int, spec *Spec) []uint32 {
			c := spec.counter(i)
			x := threefryOracle([2]uint32(c[:2]), spec.Key)
			return []uint32{x[0] ^ x[1]}
		},
	},
	{
		"ThreefryPairs", 2,
		func(bits [][]uint64, spec *Spec) { ThreefryPairs(bits[0], bits[1], spec) },
		func(i int, spec *Spec) []uint32 {
			c := spec.counter(i)
			x := threefryOracle([2]uint32(c[:2]), spec.Key)
			return x[:]
		},
	},
}

// counter returns the counter of a block.
func (spec *Spec) counter(block int) [4]uint32 {
	c := spec.Counter
	for j := range c {
		c[j] += spec.Stride[j] * uint32(block)
	}
	return c
}

// bit returns the bit that is drawn with a word.
func (spec *Spec) bit(word uint32) uint64 {
	if word<<spec.Shift < spec.Threshold {
		return 1
	}
	return 0
}

func TestReferencesGiveThePublishedNumbers(t *testing.T) {
	for _, v := range publishedPhilox {
		if got := philoxOracle(v.counter, v.key); got != v.want {
			t.Errorf("Philox of %#x with key %#x gives %#x, want %#x", v.counter, v.key, got, v.want)
		}
	}
	for _, v := range publishedThreefry {
		if got := threefryOracle(v.counter, v.key); got != v.want {
			t.Errorf("Threefry of %#x with key %#x gives %#x, want %#x", v.counter, v.key, got, v.want)
		}
	}
	var m twister
	m.seed(5489)
	for range 9999 {
		m.next()
	}
	if got := m.next(); got != 4123659995 {
		t.Errorf("number 10000 of mt19937 is %d, want 4123659995", got)
	}
}

// From the known answers of Random123: zeros, ones, and digits of pi.
var publishedPhilox = []struct {
	counter [4]uint32
	key     [2]uint32
	want    [4]uint32
}{
	{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
	{
		[4]uint32{1<<32 - 1, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, [2]uint32{1<<32 - 1, 1<<32 - 1},
		[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
	},
	{
		[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
		[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
	},
}

var publishedThreefry = []struct{ counter, key, want [2]uint32 }{
	{[2]uint32{}, [2]uint32{}, [2]uint32{0x6b200159, 0x99ba4efe}},
	{[2]uint32{1<<32 - 1, 1<<32 - 1}, [2]uint32{1<<32 - 1, 1<<32 - 1}, [2]uint32{0x1cb996fc, 0xbb002be7}},
	{[2]uint32{0x243f6a88, 0x85a308d3}, [2]uint32{0x13198a2e, 0x03707344}, [2]uint32{0xc4923a9c, 0x483df7a0}},
}

// words returns the words of trials 0 to n−1 of each slice. It draws once for each bit of
// a word: with a threshold of 2³¹ a trial's bit is the complement of the word's top bit
// that is not shifted out.
func words(t *testing.T, generator, n int, spec Spec) (all [2][]uint32) {
	t.Helper()
	g := generators[generator]
	to := make([][]uint64, g.slices)
	for s := range to {
		to[s], all[s] = make([]uint64, (n+63)/64), make([]uint32, n)
	}
	spec.Threshold = 1 << 31
	for spec.Shift = 0; spec.Shift < 32; spec.Shift++ {
		g.draw(to, &spec)
		for s := range to {
			for i := range n {
				all[s][i] = all[s][i]<<1 | 1 - uint32(to[s][i/64]>>(i%64)&1)
			}
		}
	}
	return all
}

func TestDrawsGiveThePublishedNumbers(t *testing.T) {
	machine.EveryTier(t, func(t *testing.T) {
		// With strides of 0 all blocks are equal.
		for _, v := range publishedPhilox {
			for i, got := range words(t, 0, 256, Spec{Counter: v.counter, Key: v.key})[0] {
				if got != v.want[i%4] {
					t.Errorf("Philox of %#x with key %#x, word %d of block %d: %#x, want %#x", v.counter, v.key, i%4, i/4, got, v.want)
				}
			}
		}
		for _, v := range publishedThreefry {
			spec := Spec{Counter: [4]uint32{v.counter[0], v.counter[1], 5, 6}, Stride: [4]uint32{0, 0, 7, 8}, Key: v.key}
			pairs, one := words(t, 2, 64, spec), words(t, 1, 64, spec)
			for i := range 64 {
				if got := [2]uint32{pairs[0][i], pairs[1][i]}; got != v.want {
					t.Errorf("Threefry of %#x with key %#x, block %d: %#x, want %#x", v.counter, v.key, i, got, v.want)
				}
				if got, want := one[0][i], v.want[0]^v.want[1]; got != want {
					t.Errorf("Threefry of %#x with key %#x, block %d: %#x together, want %#x", v.counter, v.key, i, got, want)
				}
			}
		}
		var m twister
		m.seed(5489)
		var words [624]uint32
		for range 9999/624 + 1 {
			MersenneTwister(&words, &m.state)
		}
		if got := words[9999%624]; got != 4123659995 {
			t.Errorf("number 10000 of mt19937 is %d, want 4123659995", got)
		}
	})
}

// wantDraw returns the bits that the oracle draws for each slice.
func wantDraw(generator, length int, spec Spec) [][]uint64 {
	g := generators[generator]
	want := make([][]uint64, g.slices)
	for s := range want {
		want[s] = make([]uint64, length)
	}
	for i := range 64 * length {
		for s, word := range g.words(i, &spec) {
			want[s][i/64] |= spec.bit(word) << (i % 64)
		}
	}
	return want
}

// checkDraw compares every bit of a draw with what the oracle wants, and the memory around
// the slices with what it was.
func checkDraw(t *testing.T, generator, length int, spec Spec, want [][]uint64) {
	t.Helper()
	g := generators[generator]
	const guard, filling = 4, 0x5a5a5a5a5a5a5a5a
	room, to := make([][]uint64, g.slices), make([][]uint64, g.slices)
	for s := range room {
		room[s] = make([]uint64, length+2*guard)
		for i := range room[s] {
			room[s][i] = filling
		}
		to[s] = room[s][guard:][:length]
	}
	given := spec
	g.draw(to, &spec)
	if spec != given {
		t.Fatalf("%s of %d words changed %+v to %+v", g.name, length, given, spec)
	}
	for s := range to {
		for i, word := range to[s] {
			if wrong := word ^ want[s][i]; wrong != 0 {
				trial := 64*i + bits.TrailingZeros64(wrong)
				t.Fatalf("%s of %d words, %+v: trial %d of slice %d with word %#x is %d", g.name, length, spec, trial, s, g.words(trial, &spec)[s], word>>(trial%64)&1)
			}
		}
	}
	for s := range room {
		for i, word := range room[s] {
			if (i < guard || i >= guard+length) && word != filling {
				t.Fatalf("%s of %d words, %+v: wrote %d words from the start of slice %d", g.name, length, spec, i-guard, s)
			}
		}
	}
}

func TestDrawsMatchTheOracle(t *testing.T) {
	strides := [][4]uint32{
		{},
		{1, 0, 0, 0}, // a counter in the first word
		{0, 0, 0, 1},
		{0, 1, 0, 0},
		{4, 4, 4, 4}, // oneDNN's
		{1<<32 - 1, 1 << 31, 3, 0x9e3779b9},
		{1 << 16, 1 << 28, 1 << 26, 1<<32 - 5},
	}
	shifts := []uint32{0, 1, 8, 9, 12, 16, 31, 32}
	thresholds := []uint32{0, 1, 2, 1 << 8, 1<<8 + 1, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1<<9, 1<<32 - 2, 1<<32 - 1}
	machine.EveryTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 5))
		for generator := range generators {
			draw := func(stride int, shift, threshold uint32) Spec {
				spec := Spec{Stride: strides[stride%len(strides)], Shift: shift, Threshold: threshold}
				for j := range spec.Counter {
					spec.Counter[j] = r.Uint32()
					if r.IntN(3) == 0 {
						spec.Counter[j] |= 1<<32 - 64 // soon followed by 0
					}
				}
				for j := range spec.Key {
					spec.Key[j] = r.Uint32()
				}
				return spec
			}
			check := func(length int, spec Spec) {
				t.Helper()
				checkDraw(t, generator, length, spec, wantDraw(generator, length, spec))
			}
			n := 0
			for _, shift := range shifts {
				for _, threshold := range thresholds {
					check(1+n%3, draw(n, shift, threshold))
					n++
				}
				check(2, draw(n, shift, r.Uint32()))
			}
			for length := 0; length < 20; length++ {
				check(length, draw(length, 0, r.Uint32()))
			}
			for _, length := range []int{31, 33, threefryCall - 1, threefryCall, threefryCall + 1, 127, philoxCall - 1, philoxCall, philoxCall + 1, 3*philoxCall + 2} {
				if length > philoxCall+1 && (testing.Short() || race.Enabled) {
					continue
				}
				for stride := range strides {
					if stride == 3 || length < philoxCall {
						check(length, draw(stride, uint32(length%3*4), r.Uint32()))
					}
				}
			}
		}
	})
}

func TestMersenneTwisterMatchesTheOracle(t *testing.T) {
	const guard, filling = 8, 0x5a5a5a5a
	machine.EveryTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(6, 7))
		for block := range 200 {
			var m twister
			for i := range m.state {
				m.state[i] = r.Uint32()
				if block%4 == 0 {
					m.state[i] = -uint32(r.IntN(2))
				}
			}
			var state, out [guard + 624 + guard]uint32
			for i := range state {
				state[i], out[i] = filling, filling
			}
			copy(state[guard:], m.state[:])
			MersenneTwister((*[624]uint32)(out[guard:]), (*[624]uint32)(state[guard:]))
			for i := range out {
				word, after := uint32(filling), uint32(filling)
				if i >= guard && i < guard+624 {
					word = m.next()
					after = m.state[i-guard]
				}
				if out[i] != word || state[i] != after {
					t.Fatalf("block %d, word %d: %#x of state %#x, want %#x of %#x", block, i-guard, out[i], state[i], word, after)
				}
			}
		}
	})
}

// TestDrawsWriteEveryBit draws with thresholds that almost no word is less than, or
// almost every word.
func TestDrawsWriteEveryBit(t *testing.T) {
	machine.EveryTier(t, func(t *testing.T) {
		for _, g := range generators {
			for _, threshold := range []uint32{0, 1, 1<<32 - 1} {
				to := make([][]uint64, g.slices)
				for s := range to {
					to[s] = []uint64{0x0123456789abcdef, 0xfedcba9876543210, 1, 2, 3}
				}
				g.draw(to, &Spec{Stride: [4]uint32{1, 1, 1, 1}, Threshold: threshold})
				for s := range to {
					for i, word := range to[s] {
						if want := -uint64(threshold >> 31); word != want {
							t.Errorf("%s, threshold %d: word %d of slice %d is %#x, want %#x", g.name, threshold, i, s, word, want)
						}
					}
				}
			}
		}
	})
}

// TestBlocksOfAStep compares PhiloxStep with Philox of the same blocks.
func TestBlocksOfAStep(t *testing.T) {
	const key, step, threshold = 0x0123456789abcdef, 0xfedcba9876543210, 3 << 30
	spec := Spec{Counter: [4]uint32{2: 0x76543210, 3: 0xfedcba98}, Stride: [4]uint32{1}, Key: [2]uint32{0x89abcdef, 0x01234567}, Threshold: threshold}
	machine.EachTier(func(tier string) {
		for _, words := range []int{1, 2, 3, 6, StepWords - 1, StepWords} {
			got, want := make([]uint64, words), make([]uint64, words)
			PhiloxStep(got, key, step, threshold)
			Philox(want, &spec)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d words are %x, want %x", tier, words, got, want)
			}
		}
	})
}

func TestPairsOfDifferentLengthsAreRefused(t *testing.T) {
	first, second := []uint64{1, 2, 3}, []uint64{4, 5}
	for _, threshold := range []uint32{0, 1 << 31} {
		func() {
			defer func() {
				if got, want := recover(), "draw: 3 words of first bits and 2 of second bits, want equal numbers"; got != want {
					t.Errorf("threshold %d: panics with %v, want %q", threshold, got, want)
				}
			}()
			ThreefryPairs(first, second, &Spec{Threshold: threshold})
		}()
	}
	if !slices.Equal(first, []uint64{1, 2, 3}) || !slices.Equal(second, []uint64{4, 5}) {
		t.Errorf("refused, but wrote %v and %v", first, second)
	}
}

func TestDrawsDoNotAllocate(t *testing.T) {
	machine.EveryTier(t, func(t *testing.T) {
		for name, f := range map[string]func(){
			"Philox": func() {
				var bits [3]uint64
				Philox(bits[:], &Spec{Threshold: 7})
			},
			"Threefry": func() {
				var bits [3]uint64
				Threefry(bits[:], &Spec{Threshold: 7})
			},
			"ThreefryPairs": func() {
				var bits [4]uint64
				ThreefryPairs(bits[:2], bits[2:], &Spec{Threshold: 7})
			},
			"MersenneTwister": func() {
				var words, state [624]uint32
				MersenneTwister(&words, &state)
			},
		} {
			if n := testing.AllocsPerRun(100, f); n != 0 && !machine.Sanitized {
				t.Errorf("%s allocates %v times", name, n)
			}
		}
	})
}

// FuzzDraw compares draws with the oracle.
func FuzzDraw(f *testing.F) {
	f.Fuzz(func(t *testing.T, length uint16, c0, c1, c2, c3, s0, s1, s2, s3, k0, k1, shift, threshold uint32) {
		spec := Spec{[4]uint32{c0, c1, c2, c3}, [4]uint32{s0, s1, s2, s3}, [2]uint32{k0, k1}, shift % 33, threshold}
		words := int(length) % (philoxCall + 8)
		var want [][][]uint64
		for generator := range generators {
			want = append(want, wantDraw(generator, words, spec))
		}
		machine.EveryTier(t, func(t *testing.T) {
			for generator := range generators {
				checkDraw(t, generator, words, spec, want[generator])
			}
		})
	})
}

// FuzzMersenneTwister compares blocks of mt19937 with the oracle. The state is that of a
// seed, with its first words, or all of them, replaced by raw ones.
func FuzzMersenneTwister(f *testing.F) {
	f.Add(uint32(5489), []byte{}, false)
	f.Add(uint32(0), []byte("\x00\x00\x00\x00"), true)
	f.Add(uint32(0), []byte("\xff\xff\xff\xff"), true)
	f.Add(uint32(1), []byte("\x00\x00\x00\x80\xff\xff\xff\x7f"), true)
	f.Add(uint32(1), []byte("\x01\x00\x00\x80\xff\xff\xff\x7f\xdf\xb0\x08\x99"), false)
	f.Fuzz(func(t *testing.T, seed uint32, raw []byte, repeat bool) {
		const blocks, guard = 2, 0x5a5a5a5a
		var m twister
		m.seed(seed)
		words := len(raw) / 4
		for i := range m.state {
			if i < words || repeat && words > 0 {
				m.state[i] = binary.LittleEndian.Uint32(raw[i%words*4:])
			}
		}
		start := m.state
		var want [blocks][624]uint32
		for b := range want {
			for i := range want[b] {
				want[b][i] = m.next()
			}
		}
		machine.EachTier(func(tier string) {
			// One word more on either side, which must stay.
			var words, state [626]uint32
			words[0], words[625], state[0], state[625] = guard, guard, guard, guard
			copy(state[1:], start[:])
			for b := range want {
				MersenneTwister((*[624]uint32)(words[1:]), (*[624]uint32)(state[1:]))
				if !slices.Equal(words[1:625], want[b][:]) {
					t.Fatalf("%s: block %d is %#x, want %#x", tier, b, words, want[b])
				}
			}
			if !slices.Equal(state[1:625], m.state[:]) {
				t.Fatalf("%s: the state becomes %#x, want %#x", tier, state, m.state)
			}
			if words[0] != guard || words[625] != guard || state[0] != guard || state[625] != guard {
				t.Fatalf("%s: wrote outside words and state", tier)
			}
		})
	})
}

// BenchmarkDraw measures the time of a trial, and of a number of mt19937, on every
// tier.
//
//	go test ./internal/draw -run '^$' -bench Draw
func BenchmarkDraw(b *testing.B) {
	machine.EachTier(func(tier string) {
		for _, words := range []int{1, 32, 1024} {
			first, second := make([]uint64, words), make([]uint64, words)
			spec := &Spec{Stride: [4]uint32{1}, Key: [2]uint32{1, 2}, Threshold: 1 << 31}
			for _, g := range generators {
				b.Run(fmt.Sprintf("generator=%s/trials=%d/tier=%s", g.name, 64*words, tier), func(b *testing.B) {
					to := [][]uint64{first, second}[:g.slices]
					for range b.N {
						g.draw(to, spec)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*64*words*g.slices), "ns/trial")
				})
			}
		}
		b.Run("generator=MersenneTwister/words=624/tier="+tier, func(b *testing.B) {
			var words, state [624]uint32
			for range b.N {
				MersenneTwister(&words, &state)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*624), "ns/word")
		})
	})
}
