package ztensor

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Seeds numbers the layers of a network by the order in which they are made, and gives each
// a seed of its own. It serves one goroutine at a time.
type Seeds struct{ seed, layers uint64 }

// NewSeeds returns the seeds of a network. The same seed gives the same masks in every run.
func NewSeeds(seed uint64) *Seeds { return &Seeds{seed: seed} }

// Next returns the option of the next layer for [New]: that of layer k is
// spatialdropout.WithSeed(mask.Child(seed, k)), and k begins at 0.
func (s *Seeds) Next() spatialdropout.Option {
	k := s.layers
	s.layers++
	return spatialdropout.WithSeed(mask.Child(s.seed, k))
}
