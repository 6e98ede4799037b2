package main

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// oursCompact returns a function that gathers or scatters with this module. What depends on
// the mask alone is made before.
func oursCompact(j job) (func(), error) {
	c, err := j.compaction()
	if err != nil {
		return nil, err
	}
	if j.work == gather {
		packed, x := j.vector(j.y, c.Len()), j.vector(j.x, j.len())
		return func() { must(c.Gather(packed, x, j.ourWorkers())) }, nil
	}
	y, packed := j.vector(j.y, j.len()), j.vector(j.x, c.Len())
	if j.work == scatterAdd {
		return func() { must(c.ScatterAdd(y, packed, j.ourWorkers())) }, nil
	}
	return func() { must(c.Scatter(y, packed, j.ourWorkers())) }, nil
}

// compaction returns what packs the tensors of a job.
func (j *job) compaction() (*spatialdropout.Compaction, error) {
	m, err := j.mask(mask.Arithmetic{})
	if err != nil {
		return nil, err
	}
	c := new(spatialdropout.Compaction)
	if j.weights {
		g, err := j.weightGeometry()
		if err != nil {
			return nil, err
		}
		return c, c.ResetWeights(m, 0, g)
	}
	g, err := j.geometry()
	if err != nil {
		return nil, err
	}
	return c, c.Reset(m, g)
}

// weightGeometry returns how this module sees weights: outputs are an axis like any other.
func (j *job) weightGeometry() (layout.Geometry, error) {
	n, c, s := j.samples, j.channels, j.spatial
	if j.order == rows {
		return layout.Strided([]int{n, s, c}, []int{s * c, c, 1}, layout.Unbatched, 2)
	}
	return layout.Strided([]int{n, c, s}, []int{c * s, s, 1}, layout.Unbatched, 1)
}
