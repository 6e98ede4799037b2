package kernel

import "fmt"

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

// PairError is what [ThreefryPairs] panics with when its slices differ in length.
// Nothing has been written then.
type PairError struct {
	First, Second int // lengths
}

func (e *PairError) Error() string {
	return fmt.Sprintf("kernel: pairs with %d words of first and %d of second bits, want as many", e.First, e.Second)
}

// These bound the work of one call of an assembly kernel, which cannot be preempted,
// to about 25 µs: 64 trials a word make 7 µs of Philox where a trial takes 0.43 ns
// (AVX2, Zen 4), and 20 µs of Threefry where it takes 5, as is to be expected of small
// cores with NEON. A call costs less than 30 ns.
const (
	philoxCall   = 256
	threefryCall = 64
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
