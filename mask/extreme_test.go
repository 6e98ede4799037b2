package mask_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/extreme"
	"github.com/spatialdropout/spatialdropout/mask"
)

// pointer is a stream of one's own with a pointer receiver.
type pointer struct{ mask.Stream }

func (p *pointer) String() string { return p.Stream.String() }

// Masks, streams and sources that are nil are named by errors and panics with a type of this
// package.
func TestNilsAreRefused(t *testing.T) {
	m, err := mask.New(2, 3, 0.5, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	nothing := mask.Stream((*pointer)(nil))
	noStream := func(err error) bool { return refuses(err, "stream") }
	noMask := func(err error) bool { return refuses(err, "m") }
	for name, c := range map[string]struct {
		want func(err error) bool
		call func() error
	}{
		"Draw into nothing": {noMask, func() error { return mask.Draw(nil, mask.Philox(1), mask.Each, mask.Place{}) }},
		"Draw of shards into nothing": {noMask, func() error {
			return mask.Draw(nil, mask.OneDNN(1), mask.PerSample, mask.Place{Shard: mask.Shard{Channels: 3}})
		}},
		"DrawCount into nothing":       {noMask, func() error { return mask.Philox(1).DrawCount(nil, 1, mask.Place{}) }},
		"a source's count of nothing":  {noMask, func() error { return mask.Source(rand.NewPCG(1, 1)).DrawCount(nil, 1, mask.Place{}) }},
		"Factors of no mask":           {noMask, func() error { return mask.Factors(mask.Float32, []float32{1}, nil, 1) }},
		"Draw of no stream":            {noStream, func() error { return mask.Draw(m, nil, mask.Each, mask.Place{}) }},
		"After of no stream":           {noStream, func() error { mask.After(nil, mask.Each, mask.Place{}, 1, 1, 0.5); return nil }},
		"Skip of no stream":            {noStream, func() error { mask.Skip(nil, mask.Place{}, 1); return nil }},
		"Check of no stream":           {noStream, func() error { return mask.Check(0.5, nil, mask.Arithmetic{}, mask.Each) }},
		"Check of a nil pointer":       {noStream, func() error { return mask.Check(0.5, nothing, mask.Arithmetic{}, mask.FixedCount) }},
		"PyTorchState of no stream":    {noStream, func() error { _, err := mask.PyTorchState(nil, mask.Place{}); return err }},
		"PyTorchState of a nil":        {noStream, func() error { _, err := mask.PyTorchState(nothing, mask.Place{}); return err }},
		"a source that is nil":         {noStream, func() error { return mask.Check(0.5, mask.Source(nil), mask.Arithmetic{}, mask.Each) }},
		"a source that is nil pointer": {noStream, func() error { return mask.Check(0.5, mask.Source((*rand.PCG)(nil)), mask.Arithmetic{}, mask.Each) }},
	} {
		extreme.Check(t, func() string { return name }, func() error {
			err := extreme.Caught(c.call)
			if !c.want(err) {
				t.Errorf("%s: %T %v, want another type or argument", name, err, err)
			}
			return err
		})
	}
	for _, s := range makers(t) {
		extreme.Check(t, func() string { return s.name }, func() error {
			err := s.of(1).Draw(nil, mask.Place{})
			if !refuses(err, "m") {
				t.Errorf("%s draws into nothing: %v, want an *ArgumentError of m", s.name, err)
			}
			return err
		})
	}
	if m.Equal(nil) || new(mask.Mask).Equal(nil) {
		t.Error("a mask equals nil")
	}
}
