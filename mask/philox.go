package mask

// Philox is the default random stream: Philox4x32-10, the counter-based
// generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
// (SC 2011), with the key seed. Trial i of a step takes word i mod 4 of the
// block with counter (i div 4, step), both 64 bits, low half first; the channel
// is kept if and only if word·2⁻³² < 1−rate. So every trial is a pure function
// of (seed, step, i) and any of them can be drawn without the others.
//
// Probabilities are resolved to 2⁻³².
type Philox struct {
	Seed uint64
}

// Draw decides every channel of m anew: sample n of m is sample offset+n of the
// batch that the step belongs to, so that a shard draws its own rows of the
// global mask. The index of a trial, (offset+n)·channels+c, is taken modulo 2⁶⁴.
// At rate 0 every channel is kept and at rate 1 none, without a draw.
func (p Philox) Draw(m *Mask, step, offset uint64) {
	if m.rate == 0 || m.rate == 1 {
		m.fill()
		return
	}
	// word·2⁻³² < q holds for as many words as ⌈q·2³²⌉; q·2³² is exact.
	q := (1 - m.rate) * (1 << 32)
	threshold := uint64(q)
	if float64(threshold) < q {
		threshold++
	}

	first := offset * uint64(m.channels)
	block := first / 4
	skip := uint(first % 4) // words of the first block that belong to earlier samples
	trials := uint(m.samples * m.channels)
	for w := range m.bits {
		// 64 trials take 16 blocks, and a seventeenth where they do not begin
		// on a block border.
		need := min(64, trials-uint(w)*64)
		var word uint64
		// After the last index comes 0, and so after the last block.
		for done := uint(0); done < need; block = (block + 1) % (1 << 62) {
			four := uint64(p.kept(block, step, threshold)) >> skip
			word |= four << done
			done += 4 - skip
			skip = 0
			if done > 64 {
				// The rest of this block opens the next word.
				skip = 64 - (done - 4)
				break
			}
		}
		if need < 64 {
			word &= 1<<need - 1
		}
		m.bits[w] = word
	}
}

// kept returns four bits, word j of the block being bit j: 1 if the word is
// below the threshold.
func (p Philox) kept(block, step, threshold uint64) uint8 {
	w0, w1, w2, w3 := philox4x32(p.Seed, block, step)
	// word − threshold borrows, which sets the top bit, exactly where the trial
	// is kept: no branch on a random number.
	return uint8((uint64(w0)-threshold)>>63 |
		(uint64(w1)-threshold)>>63<<1 |
		(uint64(w2)-threshold)>>63<<2 |
		(uint64(w3)-threshold)>>63<<3)
}

// philox4x32 returns Philox4x32-10 of a 64-bit key and a 128-bit counter, each
// with the low half first. The words are four results and not an array, which
// the compiler would keep in memory.
func philox4x32(key, counterLo, counterHi uint64) (c0, c1, c2, c3 uint32) {
	const (
		mul0, mul1 = 0xD2511F53, 0xCD9E8D57
		weyl0      = 0x9E3779B9 // golden ratio
		weyl1      = 0xBB67AE85 // √3 − 1
	)
	c0, c1 = uint32(counterLo), uint32(counterLo>>32)
	c2, c3 = uint32(counterHi), uint32(counterHi>>32)
	k0, k1 := uint32(key), uint32(key>>32)
	for range 10 {
		p0, p1 := mul0*uint64(c0), mul1*uint64(c2)
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0 += weyl0
		k1 += weyl1
	}
	return c0, c1, c2, c3
}
