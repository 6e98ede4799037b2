package mask_test

import (
	"errors"
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
	var shape *mask.ShapeError
	var stream *mask.StreamError
	var arithmetic *mask.ArithmeticError
	for name, c := range map[string]struct {
		want any
		call func() error
	}{
		"Draw into nothing": {&shape, func() error { return mask.Draw(nil, mask.Philox(1), mask.Each, mask.Place{}) }},
		"Draw of shards into nothing": {&shape, func() error {
			return mask.Draw(nil, mask.OneDNN(1), mask.PerSample, mask.Place{Shard: mask.Shard{Channels: 3}})
		}},
		"DrawCount into nothing":       {&shape, func() error { return mask.Philox(1).DrawCount(nil, 1, mask.Place{}) }},
		"a source's count of nothing":  {&shape, func() error { return mask.Source(rand.NewPCG(1, 1)).DrawCount(nil, 1, mask.Place{}) }},
		"Factors of no mask":           {&shape, func() error { return mask.Factors(mask.Float32, []float32{1}, nil, 1) }},
		"Draw of no stream":            {&arithmetic, func() error { return mask.Draw(m, nil, mask.Each, mask.Place{}) }},
		"After of no stream":           {&arithmetic, func() error { mask.After(nil, mask.Each, mask.Place{}, 1, 1, 0.5); return nil }},
		"Skip of no stream":            {&arithmetic, func() error { mask.Skip(nil, mask.Place{}, 1); return nil }},
		"Check of no stream":           {&arithmetic, func() error { return mask.Check(0.5, nil, mask.Arithmetic{}, mask.Each) }},
		"Check of a nil pointer":       {&arithmetic, func() error { return mask.Check(0.5, nothing, mask.Arithmetic{}, mask.FixedCount) }},
		"PyTorchState of no stream":    {&stream, func() error { _, err := mask.PyTorchState(nil, mask.Place{}); return err }},
		"PyTorchState of a nil":        {&stream, func() error { _, err := mask.PyTorchState(nothing, mask.Place{}); return err }},
		"a source that is nil":         {&arithmetic, func() error { return mask.Check(0.5, mask.Source(nil), mask.Arithmetic{}, mask.Each) }},
		"a source that is nil pointer": {&arithmetic, func() error { return mask.Check(0.5, mask.Source((*rand.PCG)(nil)), mask.Arithmetic{}, mask.Each) }},
	} {
		extreme.Check(t, func() string { return name }, func() error {
			err := extreme.Caught(c.call)
			if !errors.As(err, c.want) {
				t.Errorf("%s: %T %v, want a %T", name, err, err, c.want)
			}
			return err
		})
	}
	for _, s := range makers(t) {
		extreme.Check(t, func() string { return s.name }, func() error {
			err := s.of(1).Draw(nil, mask.Place{})
			if !errors.As(err, &shape) {
				t.Errorf("%s draws into nothing: %v, want a ShapeError", s.name, err)
			}
			return err
		})
	}
	if m.Equal(nil) || new(mask.Mask).Equal(nil) {
		t.Error("a mask equals nil")
	}
}
