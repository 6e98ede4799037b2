package spatialdropout

import (
	"fmt"
	"sync"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Generator is a random stream and how far it has been drawn. Each [Dropout] has a
// generator of its own, unless several share one [WithGenerator], as the layers of a
// PyTorch program share the global one. It is safe for many goroutines at the same time.
type Generator struct {
	stream mask.Stream
	mu     sync.Mutex
	place  mask.Place // of the next draw

	// A stream such as mask.Source cannot go back: its places must be drawn in the order in which
	// they are taken, and each of them once.
	once  bool
	draws sync.Mutex // of such a stream: held from taking a place to having drawn it
}

// NewGenerator returns a generator at the beginning of a stream. [WithGenerator] refuses
// one of a stream that is nil.
func NewGenerator(s mask.Stream) *Generator {
	_, once := s.(interface{ Once() })
	return &Generator{stream: s, once: once}
}

// begin waits until what others have taken is drawn, where that matters.
func (g *Generator) begin() {
	if g.once {
		g.draws.Lock()
	}
}

// end lets others take the next place.
func (g *Generator) end() {
	if g.once {
		g.draws.Unlock()
	}
}

// Stream returns the random stream.
func (g *Generator) Stream() mask.Stream { return g.stream }

// GeneratorState is where a random stream is: all that a run must save to go on bit for
// bit. It can be encoded as it is, with encoding/json for one.
type GeneratorState struct {
	// Stream is the stream with its seed, as [mask.ParseStream] reads it.
	Stream string `json:"stream"`
	// Step is the step of the next draw.
	Step uint64 `json:"step"`
	// Cursor is the number of random numbers that were taken, of a stream that is one
	// long sequence.
	Cursor uint64 `json:"cursor,omitempty"`
}

// State returns where the stream is.
func (g *Generator) State() GeneratorState {
	at := g.at()
	return GeneratorState{g.stream.String(), at.Step, at.Cursor}
}

// at returns the place of the next draw.
func (g *Generator) at() mask.Place {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.place
}

// Restore makes the next draw what it would have been where the state was taken. It
// returns a [*StateError] if that was another stream, or another seed of it. (Of a
// [mask.Source] only the type is known: it must begin as the other one did.)
func (g *Generator) Restore(s GeneratorState) error {
	if err := g.check(s.Stream); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.place = mask.Place{Step: s.Step, Cursor: s.Cursor}
	return nil
}

// check returns a [*StateError] unless the generator's stream is the named one.
func (g *Generator) check(stream string) error {
	have := g.stream.String()
	if stream == have {
		return nil
	}
	// There is more than one way to write a seed.
	if given, err := mask.ParseStream(stream); err != nil || given.String() != have {
		return &StateError{fmt.Sprintf("of the stream %s, want one of %q", excerpt.Quote(stream), have)}
	}
	return nil
}

// rewind goes back to a place, unless another draw has been taken since: next is the
// place after it.
func (g *Generator) rewind(at, next mask.Place) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.place == next {
		g.place = mask.Place{Step: at.Step, Cursor: at.Cursor}
	}
}
