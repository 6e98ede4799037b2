package main

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// oursCompact returns a function that gathers or scatters with this module. What depends on
// the mask alone is made before.
func oursCompact(j job) (func(), error) {
	g, err := j.geometry()
	if err != nil {
		return nil, err
	}
	m, err := j.mask(mask.Arithmetic{})
	if err != nil {
		return nil, err
	}
	c, err := spatialdropout.Compact(m, g)
	if err != nil {
		return nil, err
	}
	if j.work == gather {
		packed, x := j.vector(j.y, c.Len()), j.vector(j.x, j.len())
		return func() { must(c.Gather(packed, x, j.ourWorkers())) }, nil
	}
	y, packed := j.vector(j.y, j.len()), j.vector(j.x, c.Len())
	return func() { must(c.Scatter(y, packed, j.ourWorkers())) }, nil
}
