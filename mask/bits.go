package mask

// fill keeps every channel, or none at rate 1.
func (m *Mask) fill() { m.set(m.rate != 1) }

// set keeps every channel, or none.
func (m *Mask) set(kept bool) {
	word := uint64(0)
	if kept {
		word = ^word
	}
	for i := range m.bits {
		m.bits[i] = word
	}
	m.trim()
}

// trim clears the bits past the last trial.
func (m *Mask) trim() {
	if rest := m.samples * m.channels % 64; rest > 0 {
		m.bits[len(m.bits)-1] &= 1<<rest - 1
	}
}

// get returns the 64 bits from one on, zeros past the last word.
func (m *Mask) get(at int) uint64 {
	w, s := at/64, at%64
	word := m.bits[w] >> s
	if s > 0 && w+1 < len(m.bits) {
		word |= m.bits[w+1] << (64 - s)
	}
	return word
}

// put writes the lowest n bits of word, 1 to 64, from a bit on.
func (m *Mask) put(at, n int, word uint64) {
	keep := ^uint64(0) >> (64 - n)
	word &= keep
	w, s := at/64, at%64
	m.bits[w] = m.bits[w]&^(keep<<s) | word<<s
	if s+n > 64 {
		m.bits[w+1] = m.bits[w+1]&^(keep>>(64-s)) | word>>(64-s)
	}
}

// copyBits copies n bits to a later place that does not overlap them.
func (m *Mask) copyBits(to, from, n int) {
	for n > 0 {
		k := min(64, n)
		m.put(to, k, m.get(from))
		to, from, n = to+k, from+k, n-k
	}
}

// bitWriter fills a mask from its first trial to its last.
type bitWriter struct {
	m *Mask
	n int // trials so far
}

// add appends n trials, 64 in a word.
func (b *bitWriter) add(words []uint64, n int) {
	for ; n > 0; n -= 64 {
		k := min(n, 64)
		b.m.put(b.n, k, words[0])
		b.n, words = b.n+k, words[1:]
	}
}
