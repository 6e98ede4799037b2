package spago

import (
	"encoding/json"

	"github.com/spatialdropout/spatialdropout"
)

// dump is what a file holds of a Model.
type dump struct {
	Channels   int                   `json:"channels,omitempty"`
	Evaluation bool                  `json:"evaluation,omitempty"`
	Dropout    *spatialdropout.State `json:"dropout,omitempty"`
}

// GobEncode returns the rate, the options, where the random stream is, and the fields: what
// nn.Dump writes. The number of workers belongs to the machine and is left out.
func (m *Model) GobEncode() ([]byte, error) {
	d := dump{Channels: m.Channels, Evaluation: m.evaluation, Dropout: m.saved}
	if m.drop != nil {
		state := m.drop.State()
		d.Dropout = &state
	}
	return json.Marshal(d)
}

// GobDecode makes m the model that was dumped, for nn.Load. Where the file cannot hold everything,
// as of a schedule that is no data or a mask.Source, Forward refuses to run until
// [Model.Restore] has been called.
func (m *Model) GobDecode(data []byte) error {
	var d dump
	if err := json.Unmarshal(data, &d); err != nil {
		return err
	}
	*m = Model{Channels: d.Channels, evaluation: d.Evaluation, saved: d.Dropout}
	if d.Dropout != nil {
		m.missing = m.Restore()
	}
	return nil
}

// Restore sets options of a model that was loaded, as [spatialdropout.Restore] does: what a file
// does not hold, such as WithWorkers, WithGenerator where several models share one, WithSchedule and
// WithStream of a mask.Source. The model goes on where it was.
func (m *Model) Restore(opts ...spatialdropout.Option) error {
	state := m.saved
	if m.drop != nil {
		now := m.drop.State()
		state = &now
	}
	if state == nil {
		return &spatialdropout.UseError{Given: "no Model, or a zero one", Want: "one of New"}
	}
	drop, err := spatialdropout.Restore(*state, opts...)
	if err != nil {
		return err
	}
	m.drop, m.saved, m.missing = drop, nil, nil
	return nil
}
