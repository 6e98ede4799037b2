package kernel

import (
	"fmt"
	"math/bits"
)

// Draw says which words of a counter-based generator are compared with what.
// Whatever makes a word, the bit that comes of it is 1 if the word, shifted left
// by Shift, is below Below: frameworks differ in how many bits of a word they make
// a number of.
type Draw struct {
	Counter [4]uint32 // of the first block; Threefry has the first two
	Stride  [4]uint32 // from each block to the next: each word for itself, modulo 2³², without a carry
	Key     [2]uint32
	Shift   uint32 // 0 to 31, so that the low 32−Shift bits of a word count; from 32 on none does
	Below   uint32
}

// Philox draws bits from Philox4x32-10, the generator of Salmon et al., "Parallel
// random numbers: as easy as 1, 2, 3" (SC 2011). Bit 4b+j, which is bit
// (4b+j) mod 64 of the word (4b+j)/64, is drawn with word j of block b. All bits
// are written.
func Philox(bits []uint64, d *Draw) {
	if d.Below == 0 {
		clear(bits)
		return
	}
	for t := d.trials(); len(bits) > 0; {
		n := min(len(bits), philoxCall)
		dispatchPhilox(&bits[0], n, &t)
		t.skip(n * (64 / 4))
		bits = bits[n:]
	}
}

// Threefry draws bits from Threefry2x32-20 of the same authors. Bit i is drawn with
// the exclusive or of the two words of block i, which is what JAX draws from in its
// partitionable form. All bits are written.
func Threefry(bits []uint64, d *Draw) {
	if d.Below == 0 {
		clear(bits)
		return
	}
	for t := d.trials(); len(bits) > 0; {
		n := min(len(bits), threefryCall)
		dispatchThreefry(&bits[0], n, &t)
		t.skip(n * 64)
		bits = bits[n:]
	}
}

// ThreefryPairs does so with the words by themselves, as JAX does in its original
// form: bit i of first is drawn with the first word of block i, bit i of second
// with the second. The two must have one length and may not overlap.
func ThreefryPairs(first, second []uint64, d *Draw) {
	if len(first) != len(second) {
		panic(&PairError{len(first), len(second)})
	}
	if d.Below == 0 {
		clear(first)
		clear(second)
		return
	}
	for t := d.trials(); len(first) > 0; {
		n := min(len(first), threefryCall)
		dispatchThreefryPairs(&first[0], &second[0], n, &t)
		t.skip(n * 64)
		first, second = first[n:], second[n:]
	}
}

// MersenneTwister advances the state of mt19937 by all of its words and writes to
// words what they give, tempered: the next 624 numbers of the generator. The two
// may not overlap.
func MersenneTwister(words, state *[624]uint32) { dispatchMersenneTwister(words, state) }

// MCG31 draws bits from MCG31m1, the generator of Intel's MKL: bit i, which is bit
// i mod 64 of bits[i/64], is 1 if the number 1132489760^(from+i)·x mod 2³¹−1 is below
// below. All bits are written.
func MCG31(bits []uint64, x uint32, from uint64, below uint32) {
	x = mcg31Mul(x%mcg31Modulus, mcg31Power(from))
	below = min(below, mcg31Modulus) // all are below the modulus
	for len(bits) > 0 {
		n := min(len(bits), mcg31Call)
		dispatchMCG31(&bits[0], n, &mcg31Powers, x, below)
		x = mcg31Mul(x, mcg31Skip)
		bits = bits[n:]
	}
}

// WordsBelow draws a bit with each of some words, such as [MersenneTwister] makes: bit
// i, which is bit i mod 64 of bits[i/64], is 1 if words[i], shifted left by shift, is
// below below. There must be as many words of bits as that takes. All are written, with
// zeros behind the last trial.
func WordsBelow(bits []uint64, words []uint32, shift, below uint32) {
	checkBits(bits, words, 1)
	if below == 0 || len(words) == 0 {
		clear(bits)
		return
	}
	t := (&Draw{Shift: shift, Below: below}).trials()
	bits[len(bits)-1] = 0
	whole := len(words) &^ 7
	for at := 0; at < whole; at += belowCall {
		dispatchWordsBelow(&bits[at/64], &words[at], min(whole-at, belowCall)/8, t.mask, t.below)
	}
	for i, w := range words[whole:] {
		bits[len(bits)-1] |= t.bit(w) << ((whole + i) % 64)
	}
}

// PairsBelow does so with each pair of words: bit i is 1 if the lower 53 bits of the
// number words[2i]·2³² + words[2i+1] are below below.
func PairsBelow(bits []uint64, words []uint32, below uint64) {
	checkBits(bits, words, 2)
	if below == 0 || len(words) == 0 {
		clear(bits)
		return
	}
	below = min(below, 1<<53) // all are below that
	bits[len(bits)-1] = 0
	trials := len(words) / 2
	whole := trials &^ 7
	for at := 0; at < whole; at += belowCall {
		dispatchPairsBelow(&bits[at/64], &words[2*at], min(whole-at, belowCall)/8, below)
	}
	for i := whole; i < trials; i++ {
		bits[len(bits)-1] |= pairBelow(words[2*i], words[2*i+1], below) << (i % 64)
	}
}

// PhiloxBlock returns a block of Philox4x32-10, of a counter and a key. The words are
// four results and not an array, which the compiler would keep in memory.
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

// ThreefryBlock returns a block of Threefry2x32-20, of a counter and a key: five times
// four rounds, a key behind each four.
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

// PairError is what [ThreefryPairs] panics with when its slices differ in length.
// Nothing has been written then.
type PairError struct {
	First, Second int // lengths
}

func (e *PairError) Error() string {
	return fmt.Sprintf("kernel: pairs with %d words of first and %d of second bits, want as many", e.First, e.Second)
}

// BitsError is what [WordsBelow] and [PairsBelow] panic with when their slices do not
// fit. Nothing has been written then.
type BitsError struct {
	Bits, Words int // lengths
	Each        int // words a bit
}

func (e *BitsError) Error() string {
	if e.Words%e.Each > 0 {
		return fmt.Sprintf("kernel: bits with %d words each, of %d words, want a multiple", e.Each, e.Words)
	}
	return fmt.Sprintf("kernel: %d words of bits with %d words, %d each, want %d", e.Bits, e.Words, e.Each, (e.Words/e.Each+63)/64)
}

// checkBits panics if the words do not make whole bits, or those do not just fit.
func checkBits(bits []uint64, words []uint32, each int) {
	if len(words)%each > 0 || len(bits) != (len(words)/each+63)/64 {
		panic(&BitsError{len(bits), len(words), each})
	}
}

// These bound the work of one call of an assembly kernel, which cannot be preempted,
// to about 25 µs: 64 trials a word make 7 µs of Philox where a trial takes 0.43 ns
// (AVX2, Zen 4), and 20 µs of Threefry where it takes 5, as is to be expected of small
// cores with NEON. A call costs less than 30 ns. A trial of MCG31m1 and a comparison may
// take 1.5 ns there. The last counts trials, the others words of bits.
const (
	philoxCall   = 256
	threefryCall = 64
	mcg31Call    = 256
	belowCall    = 1 << 14
)

// trials is a draw as the assembly reads it, as twelve numbers. A shifted word is
// below a number if without the bits that are shifted out it is below that number
// divided by as much, rounded up.
type trials struct {
	counter, stride [4]uint32
	key             [2]uint32
	mask            uint32
	below           uint32 // not 0, at most 2³²−1
}

// trials returns the draw for the kernels. d.Below must not be 0.
func (d *Draw) trials() trials {
	return trials{
		counter: d.Counter,
		stride:  d.Stride,
		key:     d.Key,
		mask:    (1<<32 - 1) >> d.Shift,
		below:   (d.Below-1)>>d.Shift + 1,
	}
}

// skip moves on by so many blocks.
func (t *trials) skip(blocks int) {
	for j := range t.counter {
		t.counter[j] += uint32(blocks) * t.stride[j]
	}
}

// bit returns 1 if the trial that draws a word is below its threshold, else 0.
// The difference borrows, which sets the top bit: no branch on a random number.
func (t *trials) bit(word uint32) uint64 {
	return (uint64(word&t.mask) - uint64(t.below)) >> 63
}

// pairBelow returns 1 if the number that two words make is below a threshold, else 0,
// as bit does.
func pairBelow(high, low uint32, below uint64) uint64 {
	return ((uint64(high)<<32|uint64(low))&(1<<53-1) - below) >> 63
}

// MCG31m1.
const (
	mcg31Modulus    = 1<<31 - 1
	mcg31Multiplier = 1132489760
)

// mcg31Powers are the multiplier's first powers, and mcg31Skip is the one that a call of
// a kernel goes on by.
var (
	mcg31Powers = func() (all [66]uint32) {
		for i := range all {
			all[i] = mcg31Power(uint64(i))
		}
		return all
	}()
	mcg31Skip = mcg31Power(64 * mcg31Call)
)

// mcg31Mul returns a product modulo 2³¹−1 of factors below that.
func mcg31Mul(a, b uint32) uint32 {
	p := uint64(a) * uint64(b)
	p = p&mcg31Modulus + p>>31 // 2³¹ is 1
	return uint32(min(p, p-mcg31Modulus))
}

// mcg31Power returns the multiplier's n-th power.
func mcg31Power(n uint64) uint32 {
	p, square := uint32(1), uint32(mcg31Multiplier)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p = mcg31Mul(p, square)
		}
		square = mcg31Mul(square, square)
	}
	return p
}
