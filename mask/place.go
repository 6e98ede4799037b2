package mask

import (
	"fmt"
	"math"
	"math/bits"
	"sync"
)

// Place says where in a stream a draw is, and which part of a batch it is for. The zero
// Place is the first draw, for a whole batch.
//
// A shard draws its own part of one mask: rows, if it holds some samples of the batch,
// and columns, if it holds some channels of every sample.
type Place struct {
	// Step is the number of the draw.
	Step uint64
	// Cursor is what else a stream must know of the draws before. For a stream that is
	// one long sequence it is how many numbers they took; for one in which some calls do
	// not count, the number of those. Otherwise it is 0.
	//
	// Numbers, and indexes of trials, are counted modulo 2⁶⁴.
	Cursor uint64

	Shard
}

// Shard is a part of a larger tensor: some samples of a batch, some channels of each. The
// zero Shard is a whole tensor.
type Shard struct {
	// SampleOffset is the index in the batch of the shard's first sample.
	SampleOffset uint64 `json:"sampleOffset,omitempty"`
	// Samples is the number of samples of the whole batch. 0 means that the batch ends with
	// this shard. Streams need it that go on where the batch before ended, or whose trials
	// depend on the size of the batch. The masks of other streams do not depend on it.
	Samples uint64 `json:"samples,omitempty"`
	// ChannelOffset is the index in a sample of the shard's first channel.
	ChannelOffset uint64 `json:"channelOffset,omitempty"`
	// Channels is the number of channels of a whole sample. 0 means that it ends with this
	// shard. A draw for some of the channels takes the time and the memory of a mask of all
	// of them. That may have 2²⁴ trials, or 4096 for each of the shard's if that is more.
	Channels uint64 `json:"channels,omitempty"`
}

// batch returns the samples of the batch that a mask at this place is part of.
func (p *Place) batch(samples int) (uint64, error) {
	end := p.SampleOffset + uint64(samples)
	if end < p.SampleOffset || p.Samples != 0 && end > p.Samples {
		return 0, &PlaceError{*p, fmt.Sprintf("%s of a batch of %d", span("samples", p.SampleOffset, samples), p.Samples), "a batch that holds them"}
	}
	return max(end, p.Samples), nil
}

// span says which samples or channels n from a first one on are.
func span(what string, first uint64, n int) string {
	if n == 0 {
		return fmt.Sprintf("no %s at %d", what, first)
	}
	return fmt.Sprintf("%s %d to %d", what, first, first+uint64(n)-1)
}

// width returns the channels of the tensor that a mask at this place is part of.
func (p *Place) width(samples, channels int) (int, error) {
	end := p.ChannelOffset + uint64(channels)
	if end < p.ChannelOffset || p.Channels != 0 && end > p.Channels {
		return 0, &PlaceError{*p, fmt.Sprintf("%s of %d", span("channels", p.ChannelOffset, channels), p.Channels), "a tensor that holds them"}
	}
	whole := max(end, p.Channels)
	if hi, lo := bits.Mul64(max(uint64(samples), 1), whole); hi != 0 || lo > mostTrials {
		return 0, &PlaceError{*p, fmt.Sprintf("%d of %d channels, of %d samples", channels, whole, samples), fewerTrials()}
	}
	return int(whole), nil
}

// wide is width where an error does not matter: after a draw that has returned it.
func (p *Place) wide(channels int) int {
	return int(min(max(p.ChannelOffset+uint64(channels), p.Channels), math.MaxInt))
}

// partial reports whether a mask of so many channels has only a part of those of the
// tensor.
func (p *Place) partial(channels int) bool {
	return p.ChannelOffset|p.Channels != 0 && (p.ChannelOffset != 0 || p.Channels != 0 && p.Channels != uint64(channels))
}

// short reports whether the batch is given and does not hold the samples of a mask. Without
// that indexes of samples are counted modulo 2⁶⁴.
func (p *Place) short(samples int) bool {
	return p.Samples != 0 && (p.SampleOffset > p.Samples || uint64(samples) > p.Samples-p.SampleOffset)
}

// holds returns the error of a place that is short.
func (p *Place) holds(samples int) error {
	if !p.short(samples) {
		return nil
	}
	_, err := p.batch(samples)
	return err
}

// rows returns the place of the draw for all channels.
func (p Place) rows() Place {
	p.ChannelOffset, p.Channels = 0, 0
	return p
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

// first returns the index of the first trial in the batch of a mask of all channels,
// modulo 2⁶⁴.
func (p *Place) first(m *Mask) uint64 { return p.SampleOffset * uint64(m.channels) }

// special reports whether a draw needs drawSpecial: into no mask, for some of the channels,
// for Gaussian noise, or for an error.
func (m *Mask) special(at *Place) bool {
	return m == nil || m.arithmetic.Rule == Gaussian || at.ChannelOffset|at.Channels != 0 && at.partial(m.channels) || at.short(m.samples)
}

// drawSpecial is the Draw of a stream where special says so.
func drawSpecial(m *Mask, s Stream, at Place) error {
	if m == nil {
		return noMask()
	}
	if err := at.holds(m.samples); err != nil {
		return err
	}
	if m.arithmetic.Rule != Gaussian {
		return drawPart(m, s, at, -1)
	}
	p, ok := s.(philox)
	if !ok {
		return check(s, m.arithmetic, Each)
	}
	whole := uint64(m.channels)
	if at.partial(m.channels) {
		w, err := at.width(m.samples, m.channels)
		if err != nil {
			return err
		}
		whole = uint64(w)
	}
	p.drawNoise(m, at, whole)
	return nil
}

// A mask of all channels, of which some are drawn, is in proportion to these: it may have as
// many trials as mostOfPart for each of theirs, or leastOfWhole.
const (
	mostOfPart   = 1 << 12
	leastOfWhole = 1 << 24
)

// wholes holds masks of all channels for draws of some.
var wholes = sync.Pool{New: func() any { return new(Mask) }}

// drawPart draws the rows of all channels and copies the columns that are m's: those of
// s.Draw, or with count ≥ 0 those of a Counter's DrawCount.
func drawPart(m *Mask, s Stream, at Place, count int) error {
	whole, err := at.width(m.samples, m.channels)
	if err != nil {
		return err
	}
	w := m
	if len(m.bits) > 0 {
		if most := max(leastOfWhole, min(m.samples*m.channels, mostTrials/mostOfPart)*mostOfPart); m.samples*whole > most {
			return &PlaceError{at, fmt.Sprintf("%d of %d channels, of %d samples", m.channels, whole, m.samples), fmt.Sprintf("%d trials or fewer in all for so small a part", most)}
		}
		w = wholes.Get().(*Mask)
		defer wholes.Put(w)
		if err := w.Reset(m.samples, whole, m.rate, m.arithmetic); err != nil {
			return err
		}
	}
	if count >= 0 {
		if w == m {
			count = min(count, m.channels)
		}
		err = s.(Counter).DrawCount(w, count, at.rows())
	} else {
		err = s.Draw(w, at.rows())
	}
	if err != nil || w == m {
		return err
	}
	for n := range m.samples {
		to, from := n*m.channels, n*whole+int(at.ChannelOffset)
		for left := m.channels; left > 0; left -= 64 {
			m.put(to, min(left, 64), w.get(from))
			to, from = to+64, from+64
		}
	}
	m.setCount(w.count, whole)
	return nil
}
