package mask

import (
	"math"
	"math/bits"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// words says which words of a counter-based generator decide trials, and how.
type words struct {
	draw      draw.Spec // single sets the counter, the stride and the threshold
	threefry  bool      // the generator is Threefry, otherwise Philox
	quads     bool      // Philox's counter is the trial and the three that follow, as in oneDNN
	pairs     uint64    // if not 0, Threefry's counter is the trial and the one so much later
	inverted  bool      // a channel is kept if the number is not below the threshold
	threshold uint64    // 2³² at most, which all words are below

	// A trial takes two words, and the threshold is 2⁶⁴−1 at most. The high word comes
	// first unless lowFirst is set; the bits that draw.Shift shifts out of it do not count.
	double, lowFirst bool
}

// drawWords decides trial t of m by word first+t of a generator, or by two words. The
// 64-bit counter is the low two words of Philox's counter, and counts blocks of four
// words, or both words of Threefry's, the high one first, and counts trials.
func (m *Mask) drawWords(w *words, first uint64) {
	if !w.double && w.threshold > math.MaxUint32 {
		m.set(!w.inverted)
		return
	}
	// Whole words of bits are drawn, beginning with the one that holds the first trial.
	skip := first % 64
	index := first - skip
	w.run(m.bits, index)
	if skip > 0 {
		var more [1]uint64
		if last := len(m.bits) - 1; skip+uint64(m.samples*m.channels-last*64) > 64 {
			w.run(more[:], index+64*uint64(len(m.bits)))
		}
		for i := range m.bits {
			next := more[0]
			if i+1 < len(m.bits) {
				next = m.bits[i+1]
			}
			m.bits[i] = m.bits[i]>>skip | next<<(64-skip)
		}
	}
	if w.inverted {
		for i := range m.bits {
			m.bits[i] = ^m.bits[i]
		}
	}
	m.trim()
}

// run draws words of bits for the trials from index up, a multiple of 64.
func (w *words) run(out []uint64, index uint64) {
	if !w.double {
		w.single(out, nil, index, w.threshold)
		return
	}
	// The high word alone decides, unless it equals that of the threshold: then it is not
	// below the threshold's, but below the number after that.
	const most = 16
	var less, notMore, low [2 * most]uint64
	high := w.threshold >> 32
	for len(out) > 0 {
		some := out[:min(most, len(out))]
		if w.threefry {
			w.single(less[:len(some)], low[:len(some)], index, high)
			w.single(notMore[:len(some)], low[:len(some)], index, high+1)
		} else {
			w.single(less[:2*len(some)], nil, 2*index, high)
			w.single(notMore[:2*len(some)], nil, 2*index, high+1)
			skip := 0
			if w.lowFirst {
				skip = 1
			}
			for i := range some {
				less[i] = everySecond(less[2*i]>>skip) | everySecond(less[2*i+1]>>skip)<<32
				notMore[i] = everySecond(notMore[2*i]>>skip) | everySecond(notMore[2*i+1]>>skip)<<32
			}
		}
		for i := range some {
			some[i] = less[i]
			for open := notMore[i] &^ less[i]; open != 0; open &= open - 1 {
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
	if w.threefry {
		x0, x1 := uint32(i>>32), uint32(i)
		if w.pairs > 0 {
			x0, x1 = uint32(i), uint32(i+w.pairs)
		}
		x0, x1 = draw.ThreefryBlock(x0, x1, w.draw.Key[0], w.draw.Key[1])
		return uint64(x0)<<32|uint64(x1) < w.threshold
	}
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

// single draws bits from the words from index up, a multiple of 64. With low, bits come
// from the first word of each block of Threefry and low from the second.
func (w *words) single(bits, low []uint64, index, threshold uint64) {
	if threshold > math.MaxUint32 {
		for i := range bits {
			bits[i] = math.MaxUint64
		}
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
	if w.pairs > 0 {
		d.Counter, d.Stride = [4]uint32{uint32(index), uint32(index + w.pairs)}, [4]uint32{1, 1}
		draw.ThreefryPairs(bits, low, &d)
		return
	}
	// The kernels do not carry into the upper half of the counter, so a call ends where the
	// lower half wraps around. That is always between two words of bits.
	for len(bits) > 0 {
		per := uint64(4)
		if w.threefry {
			per = 1
		}
		count := index / per
		until := (1<<32 - count%(1<<32)) * per / 64
		n := min(uint64(len(bits)), until)
		switch {
		case low != nil:
			d.Counter[0], d.Counter[1], d.Stride[1] = uint32(count>>32), uint32(count), 1
			draw.ThreefryPairs(bits[:n], low[:n], &d)
			low = low[n:]
		case w.threefry:
			d.Counter[0], d.Counter[1], d.Stride[1] = uint32(count>>32), uint32(count), 1
			draw.Threefry(bits[:n], &d)
		default:
			d.Counter[0], d.Counter[1], d.Stride[0] = uint32(count), uint32(count>>32), 1
			draw.Philox(bits[:n], &d)
		}
		bits, index = bits[n:], index+64*n
	}
}
