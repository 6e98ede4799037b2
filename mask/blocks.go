package mask

import (
	"math"
	"math/bits"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// blocks says which words of Threefry decide trials, and how, as [words] does for Philox.
type blocks struct {
	draw      draw.Spec // single sets the counter, the stride and the threshold
	pairs     uint64    // if not 0, the counter is the trial and the one so much later
	threshold uint64    // 2³² at most, which all words are below
	double    bool      // a trial takes both words, and the threshold is 2⁶⁴−1 at most
}

// drawBlocks decides trial t of m by the first word of block first+t, or by both words. The 64-bit
// counter is both words of Threefry's, the high one first.
func (m *Mask) drawBlocks(b *blocks, first uint64) {
	if !b.double && b.threshold > math.MaxUint32 {
		m.set(true)
		return
	}
	index, beyond := m.span(first)
	var more [1]uint64
	b.run(m.bits, index)
	if beyond {
		b.run(more[:], index+64*uint64(len(m.bits)))
	}
	m.align(first, more[0], false)
}

// run draws words of bits for the trials from index up, a multiple of 64.
func (b *blocks) run(out []uint64, index uint64) {
	if !b.double {
		b.single(out, nil, index, b.threshold)
		return
	}
	// As in [words.run].
	var notMore, low [doubled]uint64
	high := b.threshold >> 32
	for len(out) > 0 {
		some := out[:min(doubled, len(out))]
		b.single(some, low[:len(some)], index, high)
		b.single(notMore[:len(some)], low[:len(some)], index, high+1)
		for i := range some {
			for open := notMore[i] &^ some[i]; open != 0; open &= open - 1 {
				if trial := bits.TrailingZeros64(open); b.exact(index + uint64(64*i+trial)) {
					some[i] |= 1 << trial
				}
			}
		}
		out, index = out[len(some):], index+64*uint64(len(some))
	}
}

// exact reports whether the number that both words of a trial make is below the threshold.
func (b *blocks) exact(i uint64) bool {
	x0, x1 := uint32(i>>32), uint32(i)
	if b.pairs > 0 {
		x0, x1 = uint32(i), uint32(i+b.pairs)
	}
	x0, x1 = draw.ThreefryBlock(x0, x1, b.draw.Key[0], b.draw.Key[1])
	return uint64(x0)<<32|uint64(x1) < b.threshold
}

// single draws bits from the blocks from index up, a multiple of 64: with low from the first word
// of each, and low from the second.
func (b *blocks) single(bits, low []uint64, index, threshold uint64) {
	if all(bits, threshold) {
		return
	}
	d := b.draw
	d.Threshold = uint32(threshold)
	if b.pairs > 0 {
		d.Counter, d.Stride = [4]uint32{uint32(index), uint32(index + b.pairs)}, [4]uint32{1, 1}
		draw.ThreefryPairs(bits, low, &d)
		return
	}
	for len(bits) > 0 {
		n := untilCarry(bits, index, 1)
		d.Counter[0], d.Counter[1], d.Stride[1] = uint32(index>>32), uint32(index), 1
		if low != nil {
			draw.ThreefryPairs(bits[:n], low[:n], &d)
			low = low[n:]
		} else {
			draw.Threefry(bits[:n], &d)
		}
		bits, index = bits[n:], index+64*uint64(n)
	}
}
