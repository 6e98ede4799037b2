package born

import (
	"encoding/json"
	"fmt"

	"github.com/born-ml/born/tensor"
	"github.com/spatialdropout/spatialdropout"
)

// stateKey is the name of the one tensor of a layer in a state dictionary.
const stateKey = "dropout"

// StateDict returns what restores the layer, for nn.Save: a tensor "dropout"
// of bytes, which are the JSON of its [spatialdropout.State]: rate, options, and where the
// random stream is.
func (d *Dropout[T, B]) StateDict() map[string]*tensor.RawTensor {
	d.must()
	text, err := json.Marshal(d.drop.State())
	if err != nil {
		panic(err) // a state of a Dropout that exists has no number or name that JSON lacks
	}
	raw, err := tensor.NewRaw(tensor.Shape{len(text)}, tensor.Uint8, tensor.CPU)
	if err != nil {
		panic(err)
	}
	copy(raw.AsUint8(), text)
	return map[string]*tensor.RawTensor{stateKey: raw}
}

// LoadStateDict makes the layer go on where the state was taken, bit for bit, with the rate and
// the options of the state. What [NewDropout] was given and a state cannot hold stays: a
// schedule, the source of a [mask.Source], which must begin as the other one did, a number of
// workers, and a shared generator, which moves to its place in the state for all its layers.
// Training or evaluation stays as it is. Passes on a tape keep their masks.
//
// LoadStateDict returns a [*spatialdropout.ArgumentError] if there is no state, or if NewDropout
// was given an option, such as another seed, that contradicts the state. The other errors are
// those of [spatialdropout.Restore]. On an error the layer is as it was.
func (d *Dropout[T, B]) LoadStateDict(dict map[string]*tensor.RawTensor) error {
	if err := d.zero(); err != nil {
		return err
	}
	raw := dict[stateKey]
	switch {
	case raw == nil:
		return noState(fmt.Sprintf("a dictionary without %q", stateKey), "one of StateDict")
	case raw.DType() != tensor.Uint8 || len(raw.Data()) < raw.NumElements():
		return noState(fmt.Sprintf("%q is a tensor of %v in %d bytes", stateKey, raw.DType(), len(raw.Data())), "the bytes of StateDict")
	}
	var s spatialdropout.State
	if err := json.Unmarshal(raw.AsUint8()[:raw.NumElements()], &s); err != nil {
		return noState(fmt.Sprintf("%q is not the JSON of a state: %v", stateKey, err), "the bytes of StateDict")
	}
	drop, err := spatialdropout.Restore(s, d.opts...)
	if err != nil {
		return err
	}
	// Options replace what a state holds, and the generator of others stays where it is.
	got := drop.State()
	got.GeneratorState = s.GeneratorState
	if got != s {
		return noState(fmt.Sprintf("%+v", s), fmt.Sprintf("one of a layer with the options of NewDropout, which make it %+v", got))
	}
	if err := drop.Generator().Restore(s.GeneratorState); err != nil {
		return err
	}
	d.drop = drop
	return nil
}

// noState returns the error of a state that does not restore a layer.
func noState(given, want string) error {
	return &spatialdropout.ArgumentError{Argument: "state", Given: "state: " + given, Want: want}
}
