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
	// PerChannel lets all samples of the batch share the trial of a channel: a noise shape
	// of 1×C.
	PerChannel
	// PerSample lets all channels of a sample share a trial: DropPath, or stochastic depth
	// (Huang et al. 2016).
	PerSample
	// FixedCount keeps the same number of channels in every sample: (1−rate)·C rounded to
	// the nearest integer, halves up, and at least one unless the rate is 1. Every choice
	// of them is equally likely. They are scaled by C over that number. The stream must be
	// a [Counter].
	FixedCount
)

var sharingNames = [...]string{"Each", "PerChannel", "PerSample", "FixedCount"}

// String returns the name of the sharing.
func (s Sharing) String() string {
	if s <= FixedCount {
		return sharingNames[s]
	}
	return fmt.Sprintf("Sharing(%d)", uint8(s))
}

// MarshalText returns the name of the sharing. It returns an [*ArgumentError] for an
// unknown one.
func (s Sharing) MarshalText() ([]byte, error) {
	return marshalName(s, "sharing", sharingNames[:], int(s))
}

// UnmarshalText sets s to the sharing with a name. It returns an [*ArgumentError] if
// there is none.
func (s *Sharing) UnmarshalText(text []byte) error {
	i, err := unmarshalName(text, "sharing", sharingNames[:])
	if err == nil {
		*s = Sharing(i)
	}
	return err
}

// check returns an error if the sharing is unknown.
func (s Sharing) check() error {
	if s > FixedCount {
		return &ArgumentError{"sharing", s.String(), oneOf(sharingNames[:])}
	}
	return nil
}

// Counter is a stream that can keep a fixed count of channels.
type Counter interface {
	Stream
	// DrawCount keeps exactly count channels of every sample of m, every choice of them
	// equally likely, and makes count/C the probability that m's factor comes from. It
	// returns an [*ArgumentError] if a sample does not have so many channels.
	DrawCount(m *Mask, count int, at Place) error
}

// Draw decides every channel of m anew: by the trials of the stream at a place, shared as
// s says. It returns the errors of the stream and those of [Check] that concern a draw. On
// an error m is unchanged.
func Draw(m *Mask, stream Stream, s Sharing, at Place) error {
	// What most layers draw.
	if p, ok := stream.(philox); ok && s == Each && at.SampleOffset|at.Samples|at.ChannelOffset|at.Channels == 0 && m != nil && m.arithmetic.Rule != Gaussian {
		p.draw(m, at.Step, 0)
		return nil
	}
	return drawShared(m, stream, s, &at)
}

// drawShared is Draw of any stream, sharing and place.
func drawShared(m *Mask, stream Stream, s Sharing, at *Place) error {
	if err := s.check(); err != nil {
		return err
	}
	if stream == nil {
		return noStream()
	}
	if m == nil {
		return noMask()
	}
	if err := at.holds(m.samples); err != nil {
		return err
	}
	if rule := m.arithmetic.Rule; rule == Gaussian && s != Each {
		return check(stream, m.arithmetic, s)
	}
	samples, channels := m.samples, m.channels
	whole := channels
	if at.partial(channels) {
		var err error
		if whole, err = at.width(samples, channels); err != nil {
			return err
		}
	}
	if s == Each || samples*channels == 0 {
		return share(m, stream, at)
	}
	switch s {
	case PerChannel:
		// Fewer trials than bits: the mask shrinks while it is drawn.
		m.resize(1, channels)
		at.SampleOffset, at.Samples = 0, 1
		err := share(m, stream, at)
		m.resize(samples, channels)
		if err == nil {
			m.repeatRow()
		}
		return err
	case PerSample:
		m.resize(samples, 1)
		err := stream.Draw(m, at.rows())
		m.resize(samples, channels)
		if err == nil {
			m.widenSamples()
		}
		return err
	}
	counter, ok := stream.(Counter)
	if !ok {
		return check(stream, Arithmetic{}, s)
	}
	if !m.draws() {
		m.settled()
		return nil
	}
	count := countOf(m.rate, whole)
	if at.partial(channels) {
		return drawPart(m, counter, *at, count)
	}
	return counter.DrawCount(m, count, *at)
}

// share calls a stream that need not know of shards of the channels and of noise.
func share(m *Mask, stream Stream, at *Place) error {
	if m.special(at) {
		return drawSpecial(m, stream, *at)
	}
	return stream.Draw(m, *at)
}

// After returns the place of the draw that follows one for samples×channels at a place,
// with trials shared as s says. It is the same for all shards of a batch. It panics with an
// [*ArgumentError] if stream is nil.
func After(stream Stream, s Sharing, at Place, samples, channels int, rate float64) Place {
	if _, ok := stream.(philox); ok {
		at.Step++ // whatever is drawn; an eighth of a draw of one channel
		return at
	}
	if stream == nil {
		panic(noStream())
	}
	if s == Each && at.ChannelOffset|at.Channels == 0 {
		return stream.After(at, samples, channels, rate)
	}
	part := at.rows()
	channels = at.wide(channels)
	switch s {
	case PerChannel:
		batch, _ := at.batch(samples)
		samples = int(min(batch, 1))
		part.SampleOffset, part.Samples = 0, uint64(samples)
	case PerSample:
		channels = min(channels, 1)
	}
	next := stream.After(part, samples, channels, rate)
	at.Step, at.Cursor = next.Step, next.Cursor
	return at
}

// countOf returns the number of channels that FixedCount keeps.
func countOf(rate float64, channels int) int {
	count := int(math.Floor(float64((1-rate)*float64(channels)) + 0.5)) // not fused
	if rate < 1 {
		count = max(count, min(channels, 1))
	}
	return count
}

// checkCount returns an error unless so many channels can be kept.
func (m *Mask) checkCount(count int) error {
	if count < 0 || count > m.channels {
		return &ArgumentError{"count", fmt.Sprintf("%d channels to keep in each sample", count), fmt.Sprintf("0 to %d, the number of channels", m.channels)}
	}
	if m.arithmetic.Rule == Gaussian {
		return &ArgumentError{"rule", "a fixed count with the rule Gaussian", "another rule"}
	}
	return nil
}

// drawCount keeps count channels of every sample, by the 64-bit numbers that wide returns.
func (m *Mask) drawCount(count int, at Place, wide func(i uint64) uint64) error {
	if err := at.holds(m.samples); err != nil {
		return err
	}
	if err := m.checkCount(count); err != nil {
		return err
	}
	clear(m.bits)
	m.setCount(count, 0)
	if len(m.bits) == 0 {
		return nil // there may be many samples without channels
	}
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

// resize changes the shape to one that takes no more bits.
func (m *Mask) resize(samples, channels int) {
	m.samples, m.channels = samples, channels
	m.bits = m.bits[:(samples*channels+63)/64]
}

// repeatRow copies the bits of the first sample to the others.
func (m *Mask) repeatRow() {
	// Every copy doubles what there is.
	total := m.samples * m.channels
	for have := m.channels; have < total; have *= 2 {
		m.copyBits(have, 0, min(have, total-have))
	}
}

// widenSamples copies bit n to all channels of sample n.
func (m *Mask) widenSamples() {
	// From the last sample to the first: every bit is read before its place is overwritten.
	for n := m.samples - 1; n >= 0; n-- {
		word := -(m.bits[n/64] >> (n % 64) & 1)
		for c := 0; c < m.channels; c += 64 {
			m.put(n*m.channels+c, min(64, m.channels-c), word)
		}
	}
}
