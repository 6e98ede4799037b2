package spatialdropout

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/internal/missing"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Generator is a random stream and how far it has been drawn. Each [Dropout] has a
// generator of its own, unless several share one [WithGenerator], as the layers of a
// PyTorch program share the global one. It is safe for many goroutines at the same time.
type Generator struct {
	stream mask.Stream
	mu     sync.Mutex
	place  mask.Place // of the next draw, which is for a whole tensor

	// Whether the next draw is the next step, whatever was drawn. mask.After knows, too, but
	// its call takes longer than an eighth of a draw of one channel.
	independent bool

	// A stream such as mask.Source cannot go back: its places must be drawn in the order in which
	// they are taken, and each of them once.
	once  bool
	draws sync.Mutex // of such a stream: held from taking a place to having drawn it
}

// NewGenerator returns a generator at the beginning of a stream. Of a stream that is nil, or a
// nil pointer, it returns the zero Generator, which [WithGenerator] refuses.
func NewGenerator(s mask.Stream) *Generator {
	if missing.In(s) {
		return new(Generator)
	}
	_, once := s.(interface{ Once() })
	return &Generator{stream: s, once: once, independent: reflect.TypeOf(s) == reflect.TypeOf(mask.Philox(0))}
}

// zero returns an error if g has no stream.
func (g *Generator) zero() error {
	if g == nil || g.stream == nil {
		return &UseError{"no Generator, or a zero one", "one of NewGenerator"}
	}
	return nil
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

// Stream returns the random stream, nil of the zero Generator.
func (g *Generator) Stream() mask.Stream {
	if g == nil {
		return nil
	}
	return g.stream
}

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

// State returns where the stream is. It panics with a [*UseError] if there is none.
func (g *Generator) State() GeneratorState {
	if err := g.zero(); err != nil {
		panic(err)
	}
	at := g.at()
	return GeneratorState{g.stream.String(), at.Step, at.Cursor}
}

// position is a place without its shard, which belongs to a [Dropout].
type position struct{ step, cursor uint64 }

// at returns the place of the next draw.
func (g *Generator) at() mask.Place {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.place
}

// set makes the next draw that of a position. It leaves the shard alone: a place that is
// written in parts and read as a whole takes longer.
func (g *Generator) set(next position) { g.place.Step, g.place.Cursor = next.step, next.cursor }

// Restore makes the next draw what it would have been where the state was taken. It
// returns an [*ArgumentError] if that was another stream, or another seed of it. (Of a
// [mask.Source] only the type is known: it must begin as the other one did.) The zero
// Generator is a [*UseError].
func (g *Generator) Restore(s GeneratorState) error {
	if err := g.zero(); err != nil {
		return err
	}
	if err := g.check(s.Stream); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.set(position{s.Step, s.Cursor})
	return nil
}

// Skip makes the next draw what it would be if something else had taken n numbers from the
// stream, such as the words that the other calls of a PyTorch program take. [mask.Skip] says
// what counts as a number. It panics with a [*UseError] if there is no stream.
func (g *Generator) Skip(n uint64) {
	if err := g.zero(); err != nil {
		panic(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	next := mask.Skip(g.stream, g.place, n)
	g.set(position{next.Step, next.Cursor})
}

// check returns an [*ArgumentError] unless the generator's stream is the named one.
func (g *Generator) check(stream string) error {
	have := g.stream.String()
	if stream == have {
		return nil
	}
	// There is more than one way to write a seed.
	if given, err := mask.ParseStream(stream); err != nil || given.String() != have {
		return &ArgumentError{"state", "state: of the stream " + excerpt.Quote(stream), fmt.Sprintf("one of %q", have)}
	}
	return nil
}

// rewind goes back to a place, unless another draw has been taken since: next is the
// position after it.
func (g *Generator) rewind(at *mask.Place, next position) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.place.Step == next.step && g.place.Cursor == next.cursor {
		g.set(position{at.Step, at.Cursor})
	}
}
