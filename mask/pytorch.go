package mask

import "fmt"

// PyTorch is what torch.nn.functional.dropout1d, dropout2d and dropout3d draw on a CPU
// after torch.manual_seed(Seed), in builds without MKL and on processors that are not
// Intel's: mt19937, two words a trial. Its low 32 bits are all that counts of a seed.
// Trial i of a call is kept if and only if r·2⁻⁵³ < 1−rate, where r is the lower 53
// bits of a first word, the upper half, and a second one.
//
// The words go on from call to call: [Place.Cursor] counts those that were taken.
// Rates 0 and 1 and empty tensors take none. Seeking is free where a draw begins at
// the end of the last, and takes no longer than some milliseconds elsewhere.
//
// Use it by its address: it remembers where it was. Only that is changed by drawing, so
// that many goroutines may use it, one after the other.
type PyTorch struct {
	Seed uint64

	sequence sequence
}

// String names the stream and its seed, see [ParseStream].
func (p *PyTorch) String() string { return fmt.Sprintf("pytorch:%d", p.Seed) }

// Arithmetic is PyTorch's: the product with a factor that was rounded twice, also
// with 0.
func (p *PyTorch) Arithmetic() Arithmetic { return Arithmetic{Multiply, RoundedReciprocal} }

// Draw decides every channel of m anew. It is an error if the batch has too few
// samples for the mask.
func (p *PyTorch) Draw(m *Mask, at Place) error {
	if _, err := at.batch(m.samples); err != nil {
		return err
	}
	if m.settled() {
		return nil
	}
	s := &p.sequence
	s.mu.Lock()
	defer s.mu.Unlock()
	threshold := ceil(1-m.rate, 53)
	cursor := at.Cursor + 2*at.first(m)
	var high uint32 // the first word of a trial, when a block ends behind it
	half := false
	b := bitWriter{m: m}
	for trials := m.samples * m.channels; trials > 0; {
		s.seek(uint32(p.Seed), cursor)
		words := s.words[cursor%blockWords:]
		if half {
			b.add(below53(high, words[0], threshold))
			trials--
			words, half, cursor = words[1:], false, cursor+1
		}
		n := min(trials, len(words)/2)
		b.addPairs(words[:2*n], threshold)
		trials, words, cursor = trials-n, words[2*n:], cursor+2*uint64(n)
		if trials > 0 && len(words) == 1 {
			high, half, cursor = words[0], true, cursor+1
		}
	}
	b.flush()
	return nil
}

// After returns the place two words further for each trial.
func (p *PyTorch) After(at Place, samples, channels int, rate float64) Place {
	at.Step++
	if batch, err := at.batch(samples); err == nil && rate > 0 && rate < 1 {
		at.Cursor += 2 * batch * uint64(channels)
	}
	return at
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
func (b *bitWriter) add(kept uint64) {
	b.word |= kept << (b.n % 64)
	if b.n++; b.n%64 == 0 {
		b.m.bits[b.n/64-1], b.word = b.word, 0
	}
}

// addPairs appends a trial for every two words.
func (b *bitWriter) addPairs(words []uint32, threshold uint64) {
	for len(words) > 0 {
		n := min(len(words)/2, 64-b.n%64)
		some, word, at := words[:2*n], b.word, b.n%64
		for i := 0; i+1 < len(some); i += 2 {
			word |= below53(some[i], some[i+1], threshold) << (at & 63)
			at++
		}
		b.full(word, n)
		words = words[2*n:]
	}
}

// full takes what word has become by n more trials.
func (b *bitWriter) full(word uint64, n int) {
	b.word = word
	if b.n += n; b.n%64 == 0 {
		b.m.bits[b.n/64-1], b.word = word, 0
	}
}

// addWords appends a trial for every word: kept if its lowest 24 bits are below the
// threshold.
func (b *bitWriter) addWords(words []uint32, threshold uint32) {
	for len(words) > 0 {
		n := min(len(words), 64-b.n%64)
		word, at := b.word, b.n%64
		for _, w := range words[:n] {
			word |= uint64((w&0xffffff-threshold)>>31) << (at & 63)
			at++
		}
		b.full(word, n)
		words = words[n:]
	}
}

// flush writes the last, partial word.
func (b *bitWriter) flush() {
	if b.n%64 > 0 {
		b.m.bits[b.n/64] = b.word
	}
}

// PyTorchMKL is what they draw where MKL does it: in builds with MKL, the usual ones
// for x86, on processors of Intel's. A call takes one word of mt19937 as the seed of
// MCG31m1, x₀ = word mod (2³¹−1), or 1 where that is 0; trial i is decided by
// xᵢ = 1132489760ⁱ·x₀ mod (2³¹−1) and kept if and only if xᵢ/(2³¹−1) < 1−rate.
//
// Rates 0 and 1 and empty tensors take no word. See [PyTorch] for the rest.
type PyTorchMKL struct {
	Seed uint64

	sequence sequence
}

// String names the stream and its seed, see [ParseStream].
func (p *PyTorchMKL) String() string { return fmt.Sprintf("pytorch-mkl:%d", p.Seed) }

// Arithmetic is PyTorch's, see [PyTorch.Arithmetic].
func (p *PyTorchMKL) Arithmetic() Arithmetic { return (*PyTorch)(nil).Arithmetic() }

// Draw decides every channel of m anew.
func (p *PyTorchMKL) Draw(m *Mask, at Place) error {
	if m.settled() {
		return nil
	}
	s := &p.sequence
	s.mu.Lock()
	s.seek(uint32(p.Seed), at.Cursor)
	seed := s.words[at.Cursor%blockWords]
	s.mu.Unlock()
	x := uint64(seed % mcg31)
	if x == 0 {
		x = 1
	}
	m.drawMCG31(mcg31Mul(x, mcg31Power(at.first(m))), ceilMCG31(1-m.rate))
	return nil
}

// After returns the place one word further.
func (p *PyTorchMKL) After(at Place, samples, channels int, rate float64) Place {
	at.Step++
	if batch, err := at.batch(samples); err == nil && batch > 0 && channels > 0 && rate > 0 && rate < 1 {
		at.Cursor++
	}
	return at
}

const (
	mcg31           = 1<<31 - 1
	mcg31Multiplier = 1132489760
)

// mcg31Mul returns a·b mod 2³¹−1, for factors below it.
func mcg31Mul(a, b uint64) uint64 {
	p := a * b
	p = p&mcg31 + p>>31 // 2³¹ is 1
	if p >= mcg31 {
		p -= mcg31
	}
	return p
}

// mcg31Power returns the multiplier's n-th power.
func mcg31Power(n uint64) uint64 {
	p, square := uint64(1), uint64(mcg31Multiplier)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p = mcg31Mul(p, square)
		}
		square = mcg31Mul(square, square)
	}
	return p
}

// ceilMCG31 returns how many numbers x have x/(2³¹−1) < q.
func ceilMCG31(q float64) uint64 {
	// q·(2³¹−1) is not exact as a float64: look at its neighbours.
	t := uint64(q * mcg31)
	for t > 0 && float64(t-1)/mcg31 >= q {
		t--
	}
	for float64(t)/mcg31 < q {
		t++
	}
	return t
}

// drawMCG31 decides the trials by x and what follows it.
func (m *Mask) drawMCG31(x, threshold uint64) {
	// Eight strands, each the eighth of the numbers: a multiplication takes longer than
	// it takes to begin the next.
	const strands = 8
	var at [strands]uint64
	for i := range at {
		at[i] = x
		x = mcg31Mul(x, mcg31Multiplier)
	}
	step := mcg31Power(strands)
	for i := range m.bits {
		var word uint64
		for done := 0; done < 64; done += strands {
			for k := range at {
				word |= (at[k] - threshold) >> 63 << (done + k)
				at[k] = mcg31Mul(at[k], step)
			}
		}
		m.bits[i] = word
	}
	m.trim()
}

// KerasTorch is what keras.layers.SpatialDropout1D, 2D and 3D of Keras 3 draw on its
// PyTorch backend and a CPU, made with seed=Seed: every call seeds mt19937 with the lower 32 bits of
// Seed + step and takes a word a trial. A trial is kept if and only if the lowest 24
// bits of its word, times 2⁻²⁴, are below 1−rate as a float32.
type KerasTorch struct {
	Seed uint32
}

// String names the stream and its seed, see [ParseStream].
func (k KerasTorch) String() string { return fmt.Sprintf("keras-torch:%d", k.Seed) }

// Arithmetic is PyTorch's, see [PyTorch.Arithmetic].
func (k KerasTorch) Arithmetic() Arithmetic { return (*PyTorch)(nil).Arithmetic() }

// Draw decides every channel of m anew.
func (k KerasTorch) Draw(m *Mask, at Place) error {
	if m.settled() {
		return nil
	}
	var g mersenne
	g.seed(k.Seed + uint32(at.Step))
	threshold := uint32(ceil(float64(float32(1-m.rate)), 24))
	first := at.first(m)
	for block := first / blockWords; block > 0; block-- {
		g.next()
	}
	b := bitWriter{m: m}
	for from, trials := int(first%blockWords), m.samples*m.channels; trials > 0; from = 0 {
		g.next()
		n := min(trials, blockWords-from)
		b.addWords(g.words[from:from+n], threshold)
		trials -= n
	}
	b.flush()
	return nil
}

// After returns the next step.
func (k KerasTorch) After(at Place, samples, channels int, rate float64) Place { return at.next() }
