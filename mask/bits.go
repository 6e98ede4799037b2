package mask

// fill keeps every channel, or none at rate 1.
func (m *Mask) fill() { m.set(m.rate != 1) }

// set keeps every channel, or none.
func (m *Mask) set(kept bool) {
	for i := range m.bits {
		m.bits[i] = 0
		if kept {
			m.bits[i] = ^uint64(0)
		}
	}
	m.trim()
}

// trim clears what lies behind the last trial.
func (m *Mask) trim() {
	if rest := m.samples * m.channels % 64; rest > 0 {
		m.bits[len(m.bits)-1] &= 1<<rest - 1
	}
}

// get returns 64 bits, zeros past the last word.
func (m *Mask) get(at int) uint64 {
	w, s := at/64, at%64
	word := m.bits[w] >> s
	if s > 0 && w+1 < len(m.bits) {
		word |= m.bits[w+1] << (64 - s)
	}
	return word
}

// put sets n bits, 1 to 64, to the lowest of word.
func (m *Mask) put(at, n int, word uint64) {
	keep := ^uint64(0) >> (64 - n)
	word &= keep
	w, s := at/64, at%64
	m.bits[w] = m.bits[w]&^(keep<<s) | word<<s
	if s+n > 64 {
		m.bits[w+1] = m.bits[w+1]&^(keep>>(64-s)) | word>>(64-s)
	}
}

// copyBits copies n bits to a place behind them.
func (m *Mask) copyBits(to, from, n int) {
	for n > 0 {
		k := min(64, n)
		m.put(to, k, m.get(from))
		to, from, n = to+k, from+k, n-k
	}
}

// below53 returns 1 if the number that two words make is below the threshold.
func below53(high, low uint32, threshold uint64) uint64 {
	return ((uint64(high)<<32|uint64(low))&(1<<53-1) - threshold) >> 63
}

// bitWriter fills a mask from its first trial on.
type bitWriter struct {
	m    *Mask
	word uint64
	n    int // trials so far
}

// add appends a trial, 1 for a kept channel.
func (b *bitWriter) add(kept uint64) { b.append(kept<<63, 1) }

// addPairs appends a trial for every two words.
func (b *bitWriter) addPairs(words []uint32, threshold uint64) {
	for len(words) > 0 {
		n := min(len(words)/2, 64-b.n%64)
		// From the top downwards, so that every shift is by one.
		var kept uint64
		for some := words[:2*n]; len(some) >= 2; some = some[2:] {
			number := uint64(some[0]&(1<<21-1))<<32 | uint64(some[1])
			kept = kept>>1 | (number-threshold)&(1<<63)
		}
		b.append(kept, n)
		words = words[2*n:]
	}
}

// append appends the upper n bits of kept.
func (b *bitWriter) append(kept uint64, n int) {
	b.word |= kept >> (64 - n) << (b.n % 64)
	if b.n += n; b.n%64 == 0 {
		b.m.bits[b.n/64-1], b.word = b.word, 0
	}
}

// addWords appends a trial for every word: kept if its lowest 24 bits are below the
// threshold.
func (b *bitWriter) addWords(words []uint32, threshold uint32) {
	for len(words) > 0 {
		n := min(len(words), 64-b.n%64)
		var kept uint64
		for _, w := range words[:n] {
			kept = kept>>1 | (uint64(w&(1<<24-1))-uint64(threshold))&(1<<63)
		}
		b.append(kept, n)
		words = words[n:]
	}
}

// flush writes the last, partial word.
func (b *bitWriter) flush() {
	if b.n%64 > 0 {
		b.m.bits[b.n/64] = b.word
	}
}
