package mask

import (
	"fmt"
	"math/rand/v2"
	"sync"
)

// Source is the stream of a [rand.Source] of your own, made by [NewSource]. A trial takes a
// number, and is kept if and only if its upper 53 bits, times 2⁻⁵³, are below 1−rate.
//
// The numbers go on from draw to draw: [Place.Cursor] counts those that were taken. A draw
// skips the numbers before its place, so that shards of a batch agree and a run can be
// resumed with a fresh source. A source cannot go back: a draw at an earlier place returns
// an error.
type Source struct {
	mu    sync.Mutex
	src   rand.Source
	drawn uint64
}

// NewSource returns the stream of src. Nothing else should draw from src.
func NewSource(src rand.Source) *Source { return &Source{src: src} }

// String returns "source:" and the type of the source, which [ParseStream] does not read.
func (s *Source) String() string { return fmt.Sprintf("source:%T", s.src) }

// Arithmetic returns the zero Arithmetic.
func (s *Source) Arithmetic() Arithmetic { return Arithmetic{} }

// Draw decides every channel of m anew. It returns a [*PlaceError] if the source is past
// the place or more than 2³⁶ numbers before it, or if the batch or the tensor of the place
// does not hold the mask.
func (s *Source) Draw(m *Mask, at Place) error {
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

// DrawCount keeps exactly count channels of every sample, by the rule of
// [Philox.DrawCount] with the numbers of the source.
func (s *Source) DrawCount(m *Mask, count int, at Place) error {
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
func (s *Source) skip(at Place, cursor uint64) error {
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

// After returns the place of the next step, one number later for each trial.
func (s *Source) After(at Place, samples, channels int, rate float64) Place {
	at.Step++
	if batch, err := at.batch(samples); err == nil && rate > 0 && rate < 1 {
		at.Cursor += batch * uint64(at.wide(channels))
	}
	return at
}
