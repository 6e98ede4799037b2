package draw

import "fmt"

// Words draws one bit with each of some words, such as those of [MersenneTwister]:
// the bit is 1 if the word, shifted left by shift, is less than the threshold. All
// bits are written, with zeros after the last trial. Words panics if bits has not
// just as many words as the trials need.
func Words(bits []uint64, words []uint32, shift, threshold uint32) {
	checkBits(bits, words, 1)
	if threshold == 0 || len(words) == 0 {
		clear(bits)
		return
	}
	var t trials
	(&Spec{Shift: shift, Threshold: threshold}).set(&t)
	bits[len(bits)-1] = 0
	whole := len(words) &^ 7
	for at := 0; at < whole; at += compareCall {
		dispatchCompareWords(&bits[at/64], &words[at], min(whole-at, compareCall)/8, t.mask, t.threshold)
	}
	for i, w := range words[whole:] {
		bits[len(bits)-1] |= t.bit(w) << ((whole + i) % 64)
	}
}

// Pairs draws one bit with each pair of words: bit i is 1 if the low 53 bits of
// the number words[2i]·2³² + words[2i+1] are less than the threshold. All bits are
// written, with zeros after the last trial. Pairs panics if the number of words is
// odd, or if bits has not just as many words as the trials need.
func Pairs(bits []uint64, words []uint32, threshold uint64) {
	checkBits(bits, words, 2)
	if threshold == 0 || len(words) == 0 {
		clear(bits)
		return
	}
	threshold = min(threshold, 1<<53) // no number is larger
	bits[len(bits)-1] = 0
	trials := len(words) / 2
	whole := trials &^ 7
	for at := 0; at < whole; at += compareCall {
		dispatchComparePairs(&bits[at/64], &words[2*at], min(whole-at, compareCall)/8, threshold)
	}
	for i := whole; i < trials; i++ {
		bits[len(bits)-1] |= pairBit(words[2*i], words[2*i+1], threshold) << (i % 64)
	}
}

// pairBit returns 1 if the number that two words make is less than the threshold,
// else 0, without a branch.
func pairBit(high, low uint32, threshold uint64) uint64 {
	return ((uint64(high)<<32|uint64(low))&(1<<53-1) - threshold) >> 63
}

// checkBits panics if the words do not make whole trials, or if bits has not just
// as many words as they need.
func checkBits(bits []uint64, words []uint32, each int) {
	if len(words)%each > 0 {
		panic(fmt.Sprintf("draw: %d words for trials of %d words each", len(words), each))
	}
	if want := (len(words)/each + 63) / 64; len(bits) != want {
		panic(fmt.Sprintf("draw: %d words of bits for %d trials, want %d", len(bits), len(words)/each, want))
	}
}

// checkPair panics if the slices differ in length.
func checkPair(first, second []uint64) {
	if len(first) != len(second) {
		panic(fmt.Sprintf("draw: %d words of first bits and %d of second bits, want equal numbers", len(first), len(second)))
	}
}
