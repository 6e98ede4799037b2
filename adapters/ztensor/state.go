package ztensor

import (
	"encoding/json"
	"fmt"

	"github.com/spatialdropout/spatialdropout"
)

// MarshalText returns what restores the node: the JSON of its [spatialdropout.State], which is
// rate, options, and where the random stream is. As a text it goes through Graph.SaveCheckpoint,
// beside the state of an optimizer, without loss.
func (d *Dropout[T]) MarshalText() ([]byte, error) {
	if err := d.zero(); err != nil {
		return nil, err
	}
	return json.Marshal(d.Core().State())
}

// UnmarshalText makes the node go on where the text was taken, bit for bit, with the rate and
// the options of the state. What [New] was given and a state cannot hold stays: a schedule, the
// source of a [mask.Source], which must begin as the other one did, a number of workers, and a
// shared generator, which moves to its place in the state for all its nodes. Training or
// evaluation, the order of axes and the number of channels stay as they are. Passes keep their
// masks.
//
// UnmarshalText returns a [*spatialdropout.ArgumentError] if the text is no state, or if New was
// given an option, such as another seed, that contradicts it. The other errors are those of
// [spatialdropout.Restore]. On an error the node is as it was.
func (d *Dropout[T]) UnmarshalText(text []byte) error {
	if err := d.zero(); err != nil {
		return err
	}
	var s spatialdropout.State
	if err := json.Unmarshal(text, &s); err != nil {
		return &spatialdropout.ArgumentError{Argument: "state", Given: fmt.Sprintf("state: %.60q, which is not its JSON: %v", text, err), Want: "what MarshalText returns"}
	}
	drop, err := spatialdropout.Restore(s, d.opts...)
	if err != nil {
		return err
	}
	// Options replace what a state holds, and the generator of others stays where it is.
	got := drop.State()
	got.GeneratorState = s.GeneratorState
	if got != s {
		return &spatialdropout.ArgumentError{Argument: "state", Given: fmt.Sprintf("state: %+v", s), Want: fmt.Sprintf("one of a node with the options of New, which make it %+v", got)}
	}
	if err := drop.Generator().Restore(s.GeneratorState); err != nil {
		return err
	}
	d.drop.Store(drop)
	return nil
}
