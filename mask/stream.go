package mask

import "fmt"

// Stream is where trials come from. A Stream is a rule and not a state: what it
// draws is a function of itself and the [Place], the same for every layout, type
// and CPU, except where a type's comment says otherwise. All streams of this
// package are safe for many goroutines at once. ([Source] alone has a state: it cannot
// draw a place again.)
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
	// String names the stream and its seed: two streams of the same name draw alike,
	// but for Sources.
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
