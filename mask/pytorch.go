package mask

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/internal/draw"
)

// PyTorch returns the stream of torch.nn.functional.dropout1d, dropout2d and dropout3d on a
// CPU after torch.manual_seed(seed), in versions from 2.7, and in earlier ones where
// [PyTorchMKL] does not apply: mt19937, two words a trial. Only the low 32 bits of the seed
// count; uint64(s) stands for a negative seed s. A trial is kept if and only if
// r·2⁻⁵³ < 1−rate, where r is the lower 53 bits of a 64-bit number of which the first word
// is the upper half.
//
// The words go on from call to call: [Place.Cursor] counts those that were taken. Rates 0
// and 1 and empty tensors take none. Seeking is free where a draw begins at the end of
// the last one, and otherwise takes some ten milliseconds at most.
//
// Its arithmetic is that of PyTorch from version 2: the product with a factor that is
// rounded twice, and with 0 for a dropped element.
func PyTorch(seed uint64) Stream { return torchStream(seed, false, torchStart{}) }

// pyTorch remembers where it was. That is all that a draw changes, under a lock, so that
// many goroutines may share it.
type pyTorch struct {
	seed     uint64
	start    torchStart
	sequence sequence
}

func (p *pyTorch) String() string { return fmt.Sprintf("pytorch:%d%v", p.seed, p.start) }

func (p *pyTorch) Arithmetic() Arithmetic { return Arithmetic{Multiply, WideReciprocal} }

func (p *pyTorch) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, p, at)
	}
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
	cursor := p.start.from + at.Cursor + 2*at.first(m)
	b := bitWriter{m: m}
	var bits [(blockWords/2 + 63) / 64]uint64
	for trials := m.samples * m.channels; trials > 0; {
		// A block has an even number of words: a trial lies in one block, or in two if the
		// draw begins at an odd word.
		s.seek(cursor)
		words := s.words[cursor%blockWords:]
		var split [2]uint32
		if len(words) == 1 {
			split[0] = words[0]
			s.seek(cursor + 1)
			split[1] = s.words[0]
			words = split[:]
		}
		n := min(trials, len(words)/2)
		draw.Pairs(bits[:(n+63)/64], words[:2*n], threshold)
		b.add(bits[:], n)
		trials, cursor = trials-n, cursor+2*uint64(n)
	}
	return nil
}

func (p *pyTorch) After(at Place, samples, channels int, rate float64) Place {
	at.Step++
	if batch, err := at.batch(samples); err == nil && rate > 0 && rate < 1 {
		at.Cursor += 2 * batch * uint64(at.wide(channels))
	}
	return at
}

// Skip leaves words out, see [Skip].
func (p *pyTorch) Skip(at Place, n uint64) Place {
	at.Cursor += n
	return at
}

// PyTorchMKL returns the stream of [PyTorch] where MKL does the drawing: in builds with MKL,
// the usual ones for x86-64, of versions 2.0 to 2.6, and of version 1 on Intel's
// processors. A call takes one word of mt19937 as the seed of MCG31m1: x₀ = word mod
// (2³¹−1), or 1 where that is 0. Trial i is kept if and only if xᵢ·2⁻³¹ < 1−rate, both
// rounded to float32, where xᵢ = 1132489760ⁱ·x₀ mod (2³¹−1). (On processors of other
// makers MKL takes a tie for the larger number, which one xᵢ in 2³¹ can show.)
//
// Rates 0 and 1 and empty tensors take no word: [Place.Cursor] is the number of such calls,
// less that of the words that [Skip] has left out.
func PyTorchMKL(seed uint64) Stream {
	return torchStream(seed, true, torchStart{})
}

type pyTorchMKL struct {
	seed     uint64
	start    torchStart
	sequence sequence
}

func (p *pyTorchMKL) String() string { return fmt.Sprintf("pytorch-mkl:%d%v", p.seed, p.start) }

func (p *pyTorchMKL) Arithmetic() Arithmetic { return (*pyTorch)(nil).Arithmetic() }

func (p *pyTorchMKL) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, p, at)
	}
	if m.settled() {
		return nil
	}
	s := &p.sequence
	s.mu.Lock()
	word := p.start.from + at.calls()
	s.seek(word)
	seed := s.words[word%blockWords]
	s.mu.Unlock()
	x := max(seed%(1<<31-1), 1)
	draw.MCG31(m.bits, x, at.first(m), ceilMCG31(1-m.rate))
	m.trim()
	return nil
}

func (p *pyTorchMKL) After(at Place, samples, channels int, rate float64) Place {
	// A shard without samples belongs to a batch that may have some.
	some := samples > 0 || at.SampleOffset > 0 || at.Samples > 0
	return at.nextCall(some && at.wide(channels) > 0 && rate > 0 && rate < 1)
}

// Skip leaves words out, see [Skip]: a call that counts takes a word.
func (p *pyTorchMKL) Skip(at Place, n uint64) Place {
	at.Cursor -= n
	return at
}

// ceilMCG31 returns how many numbers x have x·2⁻³¹ < q, as float32 numbers.
func ceilMCG31(q float64) uint32 {
	// A product with a power of two is exact. The integers just below it, at most 64, are
	// rounded to it.
	bound := float32(q) * (1 << 31)
	x := uint32(bound)
	for x > 0 && float32(x-1) >= bound {
		x--
	}
	for float32(x) < bound {
		x++
	}
	return x
}

// KerasTorch returns the stream of keras.layers.SpatialDropout1D, 2D and 3D of Keras 3 on
// the PyTorch backend and a CPU, made with this seed. Every call seeds mt19937 with the
// lower 32 bits of seed + calls, and takes a word a trial. A trial is kept if and only if
// the lowest 24 bits of its word, times 2⁻²⁴, are below 1−rate as a float32.
//
// Calls at the rates 0 and 1 do not count: [Place.Cursor] is their number.
//
// Its arithmetic is that of Keras on PyTorch: a true division. For halves it differs from
// Keras, which divides them by a float32.
func KerasTorch(seed int32) Stream { return kerasTorch{seed} }

type kerasTorch struct{ seed int32 }

func (k kerasTorch) String() string { return fmt.Sprintf("keras-torch:%d", k.seed) }

func (k kerasTorch) Arithmetic() Arithmetic { return Arithmetic{Rule: Quotient} }

func (k kerasTorch) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, k, at)
	}
	if m.settled() {
		return nil
	}
	threshold := ceil(float64(float32(1-m.rate)), 24) << 8
	if threshold == 1<<32 {
		m.set(true)
		return nil
	}
	var g mersenne
	g.seed(uint32(k.seed) + uint32(at.calls()))
	first := at.first(m)
	g.skip(first / blockWords)
	b := bitWriter{m: m}
	var bits [(blockWords + 63) / 64]uint64
	for from, trials := int(first%blockWords), m.samples*m.channels; trials > 0; from = 0 {
		g.next()
		n := min(trials, blockWords-from)
		draw.Words(bits[:(n+63)/64], g.words[from:from+n], 8, uint32(threshold))
		b.add(bits[:], n)
		trials -= n
	}
	return nil
}

func (k kerasTorch) After(at Place, samples, channels int, rate float64) Place {
	return at.nextCall(rate > 0 && rate < 1)
}
