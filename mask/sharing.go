package mask

import (
	"fmt"
	"math"
	"math/bits"
)

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

// checkCount returns an error unless so many channels can be kept.
func (m *Mask) checkCount(count int) error {
	if count < 0 || count > m.channels {
		return fmt.Errorf("mask: %d channels to keep in each sample, want 0 to %d, the channels that there are", count, m.channels)
	}
	return nil
}

// drawCount keeps count channels of every sample; wide gives the numbers.
func (m *Mask) drawCount(count int, at Place, wide func(i uint64) uint64) error {
	if err := m.checkCount(count); err != nil {
		return err
	}
	clear(m.bits)
	m.count = count
	m.setNumbers()
	i, trial := at.first(m), 0
	for n := 0; n < m.samples; n++ {
		needed := uint64(count)
		for left := uint64(m.channels); left > 0; left-- {
			if kept, _ := bits.Mul64(wide(i), left); kept < needed {
				m.bits[trial/64] |= 1 << (trial % 64)
				needed--
			}
			i, trial = i+1, trial+1
		}
	}
	return nil
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
}
