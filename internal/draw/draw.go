// Package draw draws the bits of masks: it makes the numbers of the random
// generators that the frameworks use, and compares them with a threshold. Each
// routine has assembly for every tier, and the same bits on each of them.
//
// A bit is 1 if its number is less than the threshold. Bit i of a slice is bit
// i mod 64 of word i/64.
package draw

import "math/bits"

// Spec says which numbers of a counter-based generator are drawn, and with what
// their words are compared. Frameworks differ in how many bits of a word they
// use: a bit is 1 if the word, shifted left by Shift, is less than Threshold.
type Spec struct {
	Counter   [4]uint32 // of the first block; Threefry uses the first two words
	Stride    [4]uint32 // from each block to the next, word by word modulo 2³², without a carry
	Key       [2]uint32
	Shift     uint32 // 0 to 31: the low 32−Shift bits of a word count; from 32 up none does
	Threshold uint32
}

// Philox draws bits from Philox4x32-10, the generator of Salmon et al., "Parallel
// random numbers: as easy as 1, 2, 3" (SC 2011). Bit 4b+j is drawn with word j of
// block b. All bits are written.
func Philox(bits []uint64, s *Spec) {
	if s.Threshold == 0 {
		clear(bits)
		return
	}
	var t trials
	s.set(&t)
	for len(bits) > 0 {
		n := min(len(bits), philoxCall)
		dispatchPhilox(&bits[0], n, &t)
		t.skip(n * (64 / 4))
		bits = bits[n:]
	}
}

// PhiloxStep draws bits from Philox4x32-10 as [Philox] does, with all bits of each word: those of the blocks 0, 1, …
// of a step, which is the upper half of the counter. The threshold must not be 0, and there are
// 1 to StepWords words of bits. Numbers go in registers, and into memory once.
func PhiloxStep(bits []uint64, key, step uint64, threshold uint32) {
	var t trials // set field by field: the compiler would copy a literal from memory
	t.counter[2], t.counter[3], t.stride[0] = uint32(step), uint32(step>>32), 1
	t.key[0], t.key[1] = uint32(key), uint32(key>>32)
	t.mask, t.threshold = 1<<32-1, threshold
	dispatchPhilox(&bits[0], len(bits), &t)
}

// Threefry draws bits from Threefry2x32-20, a generator of the same paper as
// Philox. Bit i is drawn with the exclusive or of the two words of block i, as in
// JAX's partitionable form. All bits are written.
func Threefry(bits []uint64, s *Spec) {
	if s.Threshold == 0 {
		clear(bits)
		return
	}
	var t trials
	s.set(&t)
	for len(bits) > 0 {
		n := min(len(bits), threefryCall)
		dispatchThreefry(&bits[0], n, &t)
		t.skip(n * 64)
		bits = bits[n:]
	}
}

// ThreefryPairs draws bits from Threefry2x32-20 with each word of a block, as in
// JAX's original form: bit i of first is drawn with the first word of block i,
// bit i of second with the second word. All bits are written. The slices may not
// overlap, and ThreefryPairs panics if they differ in length.
func ThreefryPairs(first, second []uint64, s *Spec) {
	checkPair(first, second)
	if s.Threshold == 0 {
		clear(first)
		clear(second)
		return
	}
	var t trials
	s.set(&t)
	for len(first) > 0 {
		n := min(len(first), threefryCall)
		dispatchThreefryPairs(&first[0], &second[0], n, &t)
		t.skip(n * 64)
		first, second = first[n:], second[n:]
	}
}

// MersenneTwister advances the state of mt19937 by all of its words and writes the
// next 624 numbers of the generator to words. The arrays may not overlap.
func MersenneTwister(words, state *[624]uint32) { dispatchMersenneTwister(words, state) }

// PhiloxBlock returns a block of Philox4x32-10 for a counter and a key. It returns
// four words and not an array, which the compiler would keep in memory.
func PhiloxBlock(c0, c1, c2, c3, k0, k1 uint32) (_, _, _, _ uint32) {
	const (
		mul0, mul1   = 0xd2511f53, 0xcd9e8d57
		weyl0, weyl1 = 0x9e3779b9, 0xbb67ae85 // of the golden ratio, and of √3 − 1
	)
	for range 10 {
		p0, p1 := mul0*uint64(c0), mul1*uint64(c2)
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0 += weyl0
		k1 += weyl1
	}
	return c0, c1, c2, c3
}

// ThreefryBlock returns a block of Threefry2x32-20 for a counter and a key: five
// groups of four rounds, with a key added after each group.
func ThreefryBlock(x0, x1, k0, k1 uint32) (_, _ uint32) {
	k2 := k0 ^ k1 ^ 0x1bd11bda
	x0 += k0
	x1 += k1
	for i := uint32(1); i <= 5; i++ {
		if i%2 == 1 {
			x0, x1 = threefryRound(x0, x1, 13)
			x0, x1 = threefryRound(x0, x1, 15)
			x0, x1 = threefryRound(x0, x1, 26)
			x0, x1 = threefryRound(x0, x1, 6)
		} else {
			x0, x1 = threefryRound(x0, x1, 17)
			x0, x1 = threefryRound(x0, x1, 29)
			x0, x1 = threefryRound(x0, x1, 16)
			x0, x1 = threefryRound(x0, x1, 24)
		}
		x0 += k1
		x1 += k2 + i
		k0, k1, k2 = k1, k2, k0
	}
	return x0, x1
}

func threefryRound(x0, x1 uint32, rotation int) (_, _ uint32) {
	x0 += x1
	return x0, bits.RotateLeft32(x1, rotation) ^ x0
}

// StepWords is the greatest number of words of bits of [PhiloxStep].
const StepWords = 256

// These limit what one call of assembly does, which cannot be preempted, to about
// 25 µs. A word of bits has 64 trials: 256 words take Philox 7 µs where a trial
// takes 0.43 ns (AVX2, Zen 4). They take Threefry, whose calls have 64 words,
// 20 µs where a trial takes 5 ns, which small cores with NEON may need. A trial of
// MCG31m1 and a comparison may take 1.5 ns there. A call costs less than 30 ns.
const (
	philoxCall   = StepWords
	threefryCall = 64
	mcg31Call    = 256
	compareCall  = 1 << 14 // in trials, the others in words of bits
)

// trials is a Spec as the assembly reads it: twelve numbers. Comparing words that
// are shifted left comes to the same as comparing the bits that remain with the
// threshold shifted right, rounded up.
type trials struct {
	counter, stride [4]uint32
	key             [2]uint32
	mask            uint32
	threshold       uint32 // not 0
}

// set sets t to s for the assembly. The threshold must not be 0. Numbers are copied one by
// one: the caller has just set some, and a load of several would wait for these stores.
func (s *Spec) set(t *trials) {
	for j := range s.Counter {
		t.counter[j] = s.Counter[j]
		t.stride[j] = s.Stride[j]
	}
	t.key[0], t.key[1] = s.Key[0], s.Key[1]
	t.mask = (1<<32 - 1) >> s.Shift
	t.threshold = (s.Threshold-1)>>s.Shift + 1
}

// skip advances the counter by some blocks.
func (t *trials) skip(blocks int) {
	for j := range t.counter {
		t.counter[j] += uint32(blocks) * t.stride[j]
	}
}

// bit returns 1 if a word is less than the threshold, else 0. The difference
// borrows, which sets the top bit: there is no branch on a random number.
func (t *trials) bit(word uint32) uint64 {
	return (uint64(word&t.mask) - uint64(t.threshold)) >> 63
}
