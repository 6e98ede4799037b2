package mask

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/spatialdropout/spatialdropout/internal/missing"
)

// Source returns the stream of a [rand.Source] of your own, or nil, which is no stream, if
// src is nil or a nil pointer. Nothing else should draw from src. A trial takes a number, and is kept if and
// only if its upper 53 bits, times 2⁻⁵³, are below 1−rate. A fixed count takes a number for
// each channel, as [Philox] does.
//
// The numbers go on from draw to draw: [Place.Cursor] counts those that were taken. A draw
// skips the numbers before its place, so that shards of a batch agree and a run can be
// resumed with a fresh source. A source cannot go back: a draw returns a [*PlaceError] if
// the source is past the place, or more than 2³⁶ numbers before it.
//
// Its String is "source:" and the type of the source, which [ParseStream] does not read.
func Source(src rand.Source) Counter {
	if missing.In(src) {
		return nil
	}
	return &source{src: src}
}

type source struct {
	mu    sync.Mutex
	src   rand.Source
	drawn uint64
}

// sourceName begins the text of the stream of a source.
const sourceName = "source"

func (s *source) String() string { return fmt.Sprintf("%s:%T", sourceName, s.src) }

// Once says that a place cannot be drawn again, see [Stream].
func (s *source) Once() {}

func (s *source) Arithmetic() Arithmetic { return Arithmetic{} }

func (s *source) Draw(m *Mask, at Place) error {
	if m.special(&at) {
		return drawSpecial(m, s, at)
	}
	if _, err := at.batch(m.samples); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.draws() {
		if err := s.skip(at, at.Cursor+at.first(m)); err != nil {
			return err
		}
	}
	if m.settled() {
		return nil
	}
	threshold := ceil(1-m.rate, 53)
	trials := m.samples * m.channels
	for i := range m.bits {
		var word uint64
		for k := 0; k < min(64, trials-64*i); k++ {
			word |= (s.src.Uint64()>>11 - threshold) >> 63 << k
		}
		m.bits[i] = word
	}
	s.drawn += uint64(trials)
	return nil
}

func (s *source) DrawCount(m *Mask, count int, at Place) error {
	if m == nil {
		return noMask()
	}
	if at.partial(m.channels) {
		return drawPart(m, s, at, count)
	}
	if _, err := at.batch(m.samples); err != nil {
		return err
	}
	if err := m.checkCount(count); err != nil || len(m.bits) == 0 {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.skip(at, at.Cursor+at.first(m)); err != nil {
		return err
	}
	return m.drawCount(count, at, func(uint64) uint64 {
		s.drawn++
		return s.src.Uint64()
	})
}

// skip draws numbers up to the cursor of a draw at a place.
func (s *source) skip(at Place, cursor uint64) error {
	if cursor < s.drawn {
		return &PlaceError{at, fmt.Sprintf("number %d of %v, of which %d are drawn", cursor, s, s.drawn), "a later one: a source cannot go back"}
	}
	const farthest = 1 << 36 // some minutes
	if cursor-s.drawn > farthest {
		return &PlaceError{at, fmt.Sprintf("number %d of %v, of which %d are drawn", cursor, s, s.drawn), "at most 2³⁶ further on"}
	}
	for ; s.drawn < cursor; s.drawn++ {
		s.src.Uint64()
	}
	return nil
}

// Skip leaves numbers out, see [Skip].
func (s *source) Skip(at Place, n uint64) Place {
	at.Cursor += n
	return at
}

func (s *source) After(at Place, samples, channels int, rate float64) Place {
	at.Step++
	if batch, err := at.batch(samples); err == nil && rate > 0 && rate < 1 {
		at.Cursor += batch * uint64(at.wide(channels))
	}
	return at
}
