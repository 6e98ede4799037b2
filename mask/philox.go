package mask

import (
	"fmt"
	"math"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// Philox returns the default stream: Philox4x32-10, the counter-based generator of Salmon
// et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), with the key seed. Trial
// i of a step takes word i mod 4 of the block with counter (i div 4, step), both 64 bits,
// low half first. The channel is kept if and only if word·2⁻³² < 1−rate. So every trial
// is a pure function of (seed, step, i), and can be drawn without the others.
//
// Probabilities are resolved to 2⁻³².
//
// With the rule [Gaussian] trial i is a standard normal number z instead, and the channel
// is multiplied by 1 + σ·z, where σ² = rate/(1−rate). z is the inverse of the normal
// distribution function at u = (r+½)·2⁻⁵², where r is the upper 52 bits of a 64-bit
// number: words 0 and 1, low half first, of the block with counter (i div 2, step) for an
// even i, words 2 and 3 for an odd one. At rate 0 the factors are 1, at rate 1 they are 0.
//
// A fixed count takes the same 64-bit numbers. From the first channel of a sample to the
// last, a channel is kept with probability needed/left: how many are still to be kept over
// how many are left (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S). It is
// kept if and only if ⌊r·left·2⁻⁶⁴⌋ < needed, with the number r of its trial.
func Philox(seed uint64) Counter { return philox{seed} }

type philox struct{ seed uint64 }

func (p philox) String() string { return fmt.Sprintf("philox:%d", p.seed) }

func (p philox) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, p, at)
	}
	p.draw(m, at.Step, at.first(m))
	return nil
}

// draw decides trial t of m by word first+t of a step. A draw from the first word on, in one call of the
// assembly, is little code: where much else has run since the one before, each line of it comes from memory.
func (p philox) draw(m *Mask, step, first uint64) {
	if m.count|m.whole == 0 && first == 0 && m.below-1 < math.MaxUint32 && uint(len(m.bits)-1) < draw.StepWords {
		draw.PhiloxStep(m.bits, p.seed, step, uint32(m.below))
		m.trim()
		return
	}
	if m.settled() {
		return
	}
	m.drawWords(&words{
		draw: draw.Spec{
			Key:     halves(p.seed),
			Counter: [4]uint32{2: uint32(step), 3: uint32(step >> 32)},
		},
		threshold: m.below,
	}, first)
}

func (p philox) After(at Place, samples, channels int, rate float64) Place { return at.next() }

func (p philox) Arithmetic() Arithmetic { return Arithmetic{} }

func (p philox) DrawCount(m *Mask, count int, at Place) error {
	if m == nil {
		return noMask()
	}
	if at.partial(m.channels) {
		return drawPart(m, p, at, count)
	}
	wide := wideNumbers{seed: p.seed, step: at.Step}
	return m.drawCount(count, at, wide.at)
}

// Child returns the seed of child k of a seed, such as that of layer k of a network: the
// first 64 bits, low word first, of the Philox4x32-10 block with the key seed and the
// counter (2⁶³, k). No draw uses that block, since block indexes are below 2⁶³. So
// layers that use the children of one seed differ from each other and from a layer that
// uses the seed itself, and a child has children of its own.
func Child(seed, k uint64) uint64 {
	w0, w1, _, _ := philox4x32(seed, 1<<63, k)
	return uint64(w1)<<32 | uint64(w0)
}

// settled begins a draw: it forgets the count of an earlier one. Where nothing is left to
// chance it fills the mask and returns true.
func (m *Mask) settled() bool {
	m.setCount(0, 0)
	if !m.draws() {
		m.fill()
		return true
	}
	return false
}

// draws reports whether a draw takes numbers.
func (m *Mask) draws() bool { return m.rate > 0 && m.rate < 1 && len(m.bits) > 0 }

// ceil returns ⌈p·2^bits⌉ for a probability p, the number of integers k ≥ 0 with
// k·2^−bits < p. The product is exact.
func ceil(p float64, bits int) uint64 {
	x := p * float64(uint64(1)<<bits)
	n := int64(x) // in less code than math.Ceil
	if float64(n) < x {
		n++
	}
	return uint64(n)
}

// halves returns the halves of a 64-bit number, the low one first.
func halves(x uint64) [2]uint32 { return [2]uint32{uint32(x), uint32(x >> 32)} }

// wideNumbers are the 64-bit numbers of a step, two to a block, low half first.
type wideNumbers struct {
	seed, step uint64
	index      uint64 // of pair, from 1; 0 if there is none
	pair       [2]uint64
}

// at returns number i.
func (w *wideNumbers) at(i uint64) uint64 {
	if w.index != i/2+1 {
		w0, w1, w2, w3 := philox4x32(w.seed, i/2, w.step)
		w.index, w.pair = i/2+1, [2]uint64{uint64(w1)<<32 | uint64(w0), uint64(w3)<<32 | uint64(w2)}
	}
	return w.pair[i%2]
}

// philox4x32 returns Philox4x32-10 of a 64-bit key and a 128-bit counter, each with the
// low half first.
func philox4x32(key, counterLo, counterHi uint64) (c0, c1, c2, c3 uint32) {
	return draw.PhiloxBlock(uint32(counterLo), uint32(counterLo>>32), uint32(counterHi), uint32(counterHi>>32), uint32(key), uint32(key>>32))
}
