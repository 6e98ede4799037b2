package spatialdropout

import "github.com/spatialdropout/spatialdropout/mask"

// State is all that restores a [Dropout]: its rate, its options and where its random
// stream is. It is plain data for encoding/json and its relatives. The number of workers
// belongs to the machine and is left out.
type State struct {
	Rate float64 `json:"rate"`
	GeneratorState
	Arithmetic mask.Arithmetic `json:"arithmetic"`
	Sharing    mask.Sharing    `json:"sharing,omitempty"`
	Shard      mask.Shard      `json:"shard"`
	// Ramp is the [Ramp] of the rate, 0 if there is none.
	Ramp Ramp `json:"ramp,omitempty"`
	// Scheduled says that there is a [Schedule] of another type, which is not data.
	Scheduled bool `json:"scheduled,omitempty"`
	Always    bool `json:"always,omitempty"`
}

// State returns what restores d.
func (d *Dropout) State() State {
	d.must()
	s := State{Rate: d.rate, GeneratorState: d.gen.State(), Arithmetic: d.arithmetic, Sharing: d.sharing, Shard: d.shard, Always: d.always}
	if ramp, ok := d.schedule.(Ramp); ok {
		s.Ramp = ramp
	} else {
		s.Scheduled = d.schedule != nil
	}
	return s
}

// Restore returns a Dropout that goes on where the state was taken, bit for bit. Options
// set what a state cannot hold, or replace what it holds: [WithGenerator] where several
// share a generator, which is then left where it is, [WithStream] where the stream is a
// [mask.Source], which must begin as the other one did, [WithSchedule], [WithWorkers].
//
// Restore returns an [*ArgumentError] if the state needs a schedule that is missing or is for
// another stream than the options give. The other errors are those of [New] and
// [mask.ParseStream]: a [*mask.ArgumentError] for a state of a [mask.Source] without
// [WithStream].
func Restore(s State, opts ...Option) (*Dropout, error) {
	c := config{arithmetic: &s.Arithmetic, sharing: s.Sharing, always: s.Always}
	if err := c.take([]Option{WithShard(s.Shard)}); err != nil {
		return nil, err
	}
	if s.Ramp > 0 {
		c.schedule = s.Ramp
	}
	if err := c.take(opts); err != nil {
		return nil, err
	}
	if s.Scheduled && c.schedule == nil {
		return nil, &ArgumentError{"state", "state: of a Dropout with a schedule", "WithSchedule"}
	}
	if c.gen == nil && c.stream == nil && c.seed == nil {
		stream, err := mask.ParseStream(s.Stream)
		if err != nil {
			return nil, err
		}
		c.stream = stream
	}
	d, err := newDropout(s.Rate, &c)
	if err != nil {
		return nil, err
	}
	if c.gen != nil {
		err = d.gen.check(s.Stream)
	} else {
		err = d.gen.Restore(s.GeneratorState)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}
