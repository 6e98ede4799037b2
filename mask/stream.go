package mask

import (
	"fmt"
	"math"
)

// Stream is where trials come from. A Stream is a rule and not a state: what it
// draws is a function of itself and the [Place], the same for every layout, type
// and CPU, except where a type's comment says otherwise. All streams of this
// package are safe for many goroutines at once.
//
// A Stream that reproduces a framework draws what that framework draws, bit for
// bit, and says in Arithmetic what the framework then does with the elements.
type Stream interface {
	// Draw decides every channel of m anew, at m's rate. At rate 0 every channel
	// is kept and at rate 1 none, without a number drawn. An error says why the
	// place cannot be drawn; m is as it was then.
	Draw(m *Mask, at Place) error
	// After returns the place of the draw that follows one of samples×channels
	// trials at this rate.
	After(at Place, samples, channels int, rate float64) Place
	// Arithmetic is what goes with the stream unless the user wants something else.
	Arithmetic() Arithmetic
	// String names the stream and its seed: two streams of the same name draw alike.
	String() string
}

// Place says where in a stream a draw is, and which samples of a batch it is for.
// The zero Place is the first draw, of a whole batch.
type Place struct {
	// Step is the number of the draw.
	Step uint64
	// Cursor is what else a stream must know of the draws before this one. Of a stream
	// that is one long sequence it is how many numbers they took; of one in which some
	// calls do not count, how many those were. Others leave it at 0.
	Cursor uint64
	// Offset is the index of the mask's first sample in the batch, so that the
	// shards of a batch draw their own rows of one mask.
	Offset uint64
	// Batch is how many samples the whole batch has, 0 if the mask's last sample is
	// the batch's last. A stream that goes on where the batch before ended, or
	// whose trials depend on the size of the batch, needs it; others ignore it.
	Batch uint64
}

// batch returns the samples of the batch that a mask at this place is part of.
func (p Place) batch(samples int) (uint64, error) {
	end := p.Offset + uint64(samples)
	if end < p.Offset || p.Batch != 0 && end > p.Batch {
		return 0, fmt.Errorf("mask: samples %d to %d of a batch of %d, want a batch that holds them", p.Offset, end, p.Batch)
	}
	return max(end, p.Batch), nil
}

// next is After where steps are independent of each other.
func (p Place) next() Place {
	p.Step++
	return p
}

// nextCall is After where a step is a call, and only some count.
func (p Place) nextCall(counts bool) Place {
	p.Step++
	if !counts {
		p.Cursor++
	}
	return p
}

// calls returns how many of the steps before counted.
func (p Place) calls() uint64 { return p.Step - p.Cursor }

// first returns the index of a mask's first trial in the batch, modulo 2⁶⁴.
func (p Place) first(m *Mask) uint64 { return p.Offset * uint64(m.channels) }

// Sharing says which channels share a trial.
type Sharing uint8

const (
	// Each channel of each sample has a trial of its own: spatial dropout.
	Each Sharing = iota
	// PerChannel lets all samples of the batch share the trial of a channel: a noise
	// shape of 1×C.
	PerChannel
	// PerSample lets all channels of a sample share a trial: DropPath, or
	// stochastic depth (Huang et al. 2016).
	PerSample
	// FixedCount keeps the same number of channels in every sample, (1−rate)·C
	// rounded to the nearest whole number, halves up, every choice of them being
	// equally likely. They are scaled by C over that number. It needs a [Counter].
	FixedCount
)

// String returns the name of s.
func (s Sharing) String() string {
	if s <= FixedCount {
		return [...]string{"Each", "PerChannel", "PerSample", "FixedCount"}[s]
	}
	return fmt.Sprintf("Sharing(%d)", uint8(s))
}

// Counter is a stream that can keep a fixed count of channels.
type Counter interface {
	Stream
	// DrawCount keeps exactly count channels of every sample of m, every choice of
	// them equally likely, and makes count/C the probability that m's factor comes
	// from. It is an error if there are not so many channels.
	DrawCount(m *Mask, count int, at Place) error
}

// Draw decides every channel of m anew: the stream's trials at this place, shared
// as s says. An error is the stream's; m is as it was then.
func Draw(m *Mask, stream Stream, s Sharing, at Place) error {
	samples, channels := m.samples, m.channels
	if samples*channels == 0 || s == Each {
		return stream.Draw(m, at)
	}
	switch s {
	case PerChannel:
		// Fewer trials than bits: the mask shrinks while it is drawn.
		m.resize(1, channels)
		at.Offset, at.Batch = 0, 1
		err := stream.Draw(m, at)
		m.resize(samples, channels)
		if err == nil {
			m.repeatRow()
		}
		return err
	case PerSample:
		m.resize(samples, 1)
		err := stream.Draw(m, at)
		m.resize(samples, channels)
		if err == nil {
			m.widenSamples()
		}
		return err
	case FixedCount:
		counter, ok := stream.(Counter)
		if !ok {
			return fmt.Errorf("mask: a fixed count from %v, whose framework draws none, want a stream that is a mask.Counter", stream)
		}
		if !m.draws() {
			m.settled()
			return nil
		}
		return counter.DrawCount(m, countOf(m.rate, channels), at)
	}
	return fmt.Errorf("mask: %v, want Each, PerChannel, PerSample or FixedCount", s)
}

// After returns the place of the draw that follows one of samples×channels that
// share trials as s says.
func After(stream Stream, s Sharing, at Place, samples, channels int, rate float64) Place {
	switch s {
	case PerChannel:
		batch, _ := at.batch(samples)
		batch = min(batch, 1)
		next := stream.After(Place{Step: at.Step, Cursor: at.Cursor, Batch: batch}, int(batch), channels, rate)
		at.Step, at.Cursor = next.Step, next.Cursor
		return at
	case PerSample:
		return stream.After(at, samples, min(channels, 1), rate)
	}
	return stream.After(at, samples, channels, rate)
}

// countOf returns how many of so many channels FixedCount keeps.
func countOf(rate float64, channels int) int {
	return int(math.Floor((1-rate)*float64(channels) + 0.5))
}

// resize changes the shape within the bits that there are.
func (m *Mask) resize(samples, channels int) {
	m.samples, m.channels = samples, channels
	m.bits = m.bits[:(samples*channels+63)/64]
}

// repeatRow gives every sample the bits of the first.
func (m *Mask) repeatRow() {
	// Longer and longer copies: twice what there is, until all is there.
	total := m.samples * m.channels
	for have := m.channels; have < total; have *= 2 {
		m.copyBits(have, 0, min(have, total-have))
	}
	m.trim()
}

// copyBits copies n bits to a place behind them.
func (m *Mask) copyBits(to, from, n int) {
	for n > 0 {
		k := min(64, n)
		m.put(to, k, m.get(from))
		to, from, n = to+k, from+k, n-k
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

// widenSamples gives all channels of sample n what is bit n now.
func (m *Mask) widenSamples() {
	// From the last sample on: a bit is read before a row that it lies in is written.
	for n := m.samples - 1; n >= 0; n-- {
		word := -(m.bits[n/64] >> (n % 64) & 1)
		for c := 0; c < m.channels; c += 64 {
			m.put(n*m.channels+c, min(64, m.channels-c), word)
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
