package mask

import "fmt"

// PyTorch is what torch.nn.functional.dropout1d, dropout2d and dropout3d draw on a CPU
// after torch.manual_seed(Seed), from version 2.7 on, and before where [PyTorchMKL] does
// not hold: mt19937, two words a trial. Its low 32 bits are all that counts of a seed.
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

// Arithmetic is that of PyTorch from version 2 on: the product with a factor that was
// rounded twice, also with 0.
func (p *PyTorch) Arithmetic() Arithmetic { return Arithmetic{Multiply, WideReciprocal} }

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

// PyTorchMKL is what they draw where MKL does it: in builds with MKL, the usual ones
// for x86-64, of versions 2.0 to 2.6, and of version 1 on processors of Intel's. A call takes one word of mt19937 as the seed of
// MCG31m1, x₀ = word mod (2³¹−1), or 1 where that is 0; trial i is decided by
// xᵢ = 1132489760ⁱ·x₀ mod (2³¹−1) and kept if and only if xᵢ·2⁻³¹ < 1−rate, both rounded
// to float32. (On processors of others MKL takes a tie for the larger number, which one
// xᵢ of 2³¹ can show.)
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
	s.seek(uint32(p.Seed), at.calls())
	seed := s.words[at.calls()%blockWords]
	s.mu.Unlock()
	x := uint64(seed % mcg31)
	if x == 0 {
		x = 1
	}
	m.drawMCG31(mcg31Mul(x, mcg31Power(at.first(m))), ceilMCG31(1-m.rate))
	return nil
}

// After returns the next step, which is one word further unless this one took none.
func (p *PyTorchMKL) After(at Place, samples, channels int, rate float64) Place {
	// A shard without samples is part of a batch that has some.
	some := samples > 0 || at.Offset > 0 || at.Batch > 0
	return at.nextCall(some && channels > 0 && rate > 0 && rate < 1)
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

// ceilMCG31 returns how many numbers x have x·2⁻³¹ < q, as float32 numbers.
func ceilMCG31(q float64) uint64 {
	// A product with a power of two is exact. Of the numbers below it, those within
	// half a place, at most 64, are rounded to it.
	bound := float32(q) * (1 << 31)
	x := uint64(bound)
	for x > 0 && float32(x-1) >= bound {
		x--
	}
	for float32(x) < bound {
		x++
	}
	return x
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

// KerasTorch is what keras.layers.SpatialDropout1D, 2D and 3D of Keras 3 draw on the
// PyTorch backend and a CPU, made with seed=Seed: every call seeds mt19937 with
// Seed + calls, of which the lower 32 bits count, and takes a word a trial. A trial is
// kept if and only if the lowest 24 bits of its word, times 2⁻²⁴, are below 1−rate as a
// float32.
//
// Calls at the rates 0 and 1 do not count: [Place.Cursor] is how many there were.
type KerasTorch struct {
	Seed int32
}

// String names the stream and its seed, see [ParseStream].
func (k KerasTorch) String() string { return fmt.Sprintf("keras-torch:%d", k.Seed) }

// Arithmetic is that of Keras on PyTorch: a true division. Of halves it is not Keras's,
// which divides by a float32.
func (k KerasTorch) Arithmetic() Arithmetic { return Arithmetic{Rule: Quotient} }

// Draw decides every channel of m anew.
func (k KerasTorch) Draw(m *Mask, at Place) error {
	if m.settled() {
		return nil
	}
	var g mersenne
	g.seed(uint32(k.Seed) + uint32(at.calls()))
	threshold := uint32(ceil(float64(float32(1-m.rate)), 24))
	first := at.first(m)
	g.skip(first / blockWords)
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
func (k KerasTorch) After(at Place, samples, channels int, rate float64) Place {
	return at.nextCall(rate > 0 && rate < 1)
}
