package mask

import (
	"math"
	"math/bits"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// words says which words of Philox decide trials, and how. [blocks] does so for Threefry: a
// program contains only the generator that its streams draw from.
type words struct {
	draw      draw.Spec // single sets the counter, the stride and the threshold
	quads     bool      // the counter is the trial and the three that follow, as in oneDNN
	inverted  bool      // a channel is kept if the number is not below the threshold
	threshold uint64    // 2³² at most, which all words are below

	// A trial takes two words, and the threshold is 2⁶⁴−1 at most. The high word comes
	// first unless lowFirst is set; the bits that draw.Shift shifts out of it do not count.
	double, lowFirst bool
}

// drawWords decides trial t of m by word first+t, or by two words. The 64-bit counter is the low
// two words of Philox's counter, and counts blocks of four words.
func (m *Mask) drawWords(w *words, first uint64) {
	if !w.double && w.threshold > math.MaxUint32 {
		m.set(!w.inverted)
		return
	}
	index, beyond := m.span(first)
	var more [1]uint64
	w.run(m.bits, index)
	if beyond {
		w.run(more[:], index+64*uint64(len(m.bits)))
	}
	m.align(first, more[0], w.inverted)
}

// span returns the trial from which on whole words of bits are drawn for m, whose trials begin with
// first. It reports whether they take one word more than m has.
func (m *Mask) span(first uint64) (index uint64, beyond bool) {
	skip, last := first%64, len(m.bits)-1
	return first - skip, skip > 0 && skip+uint64(m.samples*m.channels-last*64) > 64
}

// align moves the trials from first up to the beginning of m. The word more follows those of m.
func (m *Mask) align(first, more uint64, inverted bool) {
	if skip := first % 64; skip > 0 {
		for i := range m.bits {
			next := more
			if i+1 < len(m.bits) {
				next = m.bits[i+1]
			}
			m.bits[i] = m.bits[i]>>skip | next<<(64-skip)
		}
	}
	if inverted {
		for i := range m.bits {
			m.bits[i] = ^m.bits[i]
		}
	}
	m.trim()
}

// doubled is how many words of bits are drawn at a time where a trial takes two words.
const doubled = 16

// run draws words of bits for the trials from index up, a multiple of 64.
func (w *words) run(out []uint64, index uint64) {
	if !w.double {
		w.single(out, index, w.threshold)
		return
	}
	// The high word alone decides, unless it equals that of the threshold: then it is not
	// below the threshold's, but below the number after that.
	var less, notMore [2 * doubled]uint64
	high, skip := w.threshold>>32, 0
	if w.lowFirst {
		skip = 1
	}
	for len(out) > 0 {
		some := out[:min(doubled, len(out))]
		w.single(less[:2*len(some)], 2*index, high)
		w.single(notMore[:2*len(some)], 2*index, high+1)
		for i := range some {
			some[i] = everySecond(less[2*i]>>skip) | everySecond(less[2*i+1]>>skip)<<32
			open := (everySecond(notMore[2*i]>>skip) | everySecond(notMore[2*i+1]>>skip)<<32) &^ some[i]
			for ; open != 0; open &= open - 1 {
				if trial := bits.TrailingZeros64(open); w.exact(index + uint64(64*i+trial)) {
					some[i] |= 1 << trial
				}
			}
		}
		out, index = out[len(some):], index+64*uint64(len(some))
	}
}

// exact reports whether the number that both words of a trial make is below the threshold.
func (w *words) exact(i uint64) bool {
	key, step := uint64(w.draw.Key[1])<<32|uint64(w.draw.Key[0]), uint64(w.draw.Counter[3])<<32|uint64(w.draw.Counter[2])
	wide := wideNumbers{seed: key, step: step}
	number := wide.at(i)
	if !w.lowFirst {
		number = bits.RotateLeft64(number, 32)
	}
	high, low := uint32(number>>32)<<w.draw.Shift, uint32(number)
	return uint64(high)<<32|uint64(low) < w.threshold
}

// everySecond returns bits 0, 2, 4, … of a word next to each other.
func everySecond(x uint64) uint64 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return (x | x>>16) & 0x00000000ffffffff
}

// single draws bits from the words from index up, a multiple of 64.
func (w *words) single(bits []uint64, index, threshold uint64) {
	if all(bits, threshold) {
		return
	}
	d := w.draw
	d.Threshold = uint32(threshold)
	if w.quads {
		x := uint32(index)
		d.Counter, d.Stride = [4]uint32{x, x + 1, x + 2, x + 3}, [4]uint32{4, 4, 4, 4}
		draw.Philox(bits, &d)
		return
	}
	for len(bits) > 0 {
		count := index / 4
		n := untilCarry(bits, count, 4)
		d.Counter[0], d.Counter[1], d.Stride[0] = uint32(count), uint32(count>>32), 1
		draw.Philox(bits[:n], &d)
		bits, index = bits[n:], index+64*uint64(n)
	}
}

// all sets all bits and returns true if every word is below the threshold.
func all(bits []uint64, threshold uint64) bool {
	if threshold <= math.MaxUint32 {
		return false
	}
	for i := range bits {
		bits[i] = math.MaxUint64
	}
	return true
}

// untilCarry returns how many words of bits one call draws from a counter on whose blocks decide
// so many trials. The kernels do not carry into the upper half of the counter, so a call ends where the
// lower half wraps around. That is always between two words of bits.
func untilCarry(bits []uint64, count, trials uint64) int {
	return int(min(uint64(len(bits)), (1<<32-count%(1<<32))*trials/64))
}
