package main

import (
	"math"
	"unsafe"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/mask"
)

// fusedCall is a job of the fused family as this module sees it.
type fusedCall struct {
	x, y, other spatialdropout.Tensor // other is the zero Tensor without one
	mask, all   *mask.Mask            // the given one, and one that drops nothing
	around      spatialdropout.Around
	from        spatialdropout.From
	workers     int
}

func newFusedCall(j *job) (*fusedCall, error) {
	g, err := j.geometry()
	if err != nil {
		return nil, err
	}
	c := &fusedCall{workers: j.ourWorkers(), around: spatialdropout.Around{
		Scale: j.vector(j.scales, j.channels), Shift: j.vector(j.shifts, j.channels),
		Activation: kernel.ClippedReLU(j.limit)}}
	if j.activation == leaky {
		c.around.Activation = kernel.LeakyReLU(j.limit)
	} else if math.IsInf(j.limit, 1) {
		c.around.Activation = kernel.ReLU
	}
	c.x = spatialdropout.Tensor{Data: j.vector(j.x, j.len()), Geometry: g}
	c.y = spatialdropout.Tensor{Data: j.vector(j.y, j.len()), Geometry: g}
	if j.work != fuse {
		c.other = spatialdropout.Tensor{Data: j.vector(j.other, j.len()), Geometry: g}
	}
	c.from = spatialdropout.FromOutput(c.other)
	if j.readsInput {
		c.from = spatialdropout.FromInput(c.other)
	}
	if c.mask, err = j.mask(mask.Arithmetic{}); err != nil {
		return nil, err
	}
	c.all, err = mask.New(j.samples, j.channels, 0, mask.Arithmetic{})
	return c, err
}

// oursFused returns a function that does the job in a single pass.
func oursFused(j job) (func(), error) {
	c, err := newFusedCall(&j)
	if err != nil {
		return nil, err
	}
	if j.work == fuseBackward {
		return func() {
			must(spatialdropout.FuseBackwardTensor(c.y, c.x, c.from, c.mask, c.around, c.workers))
		}, nil
	}
	return func() {
		must(spatialdropout.FuseTensor(c.y, c.x, c.other, c.mask, c.around, c.workers))
	}, nil
}

// oursSeparate returns a function that does the job in passes: one for the scale, the shift
// and the activation, one for dropout, and one for the residual.
func oursSeparate(j job) (func(), error) {
	c, err := newFusedCall(&j)
	if err != nil {
		return nil, err
	}
	if j.work == fuseBackward {
		return func() {
			must(spatialdropout.ApplyTensor(c.y, c.x, c.mask, c.workers))
			must(spatialdropout.FuseBackwardTensor(c.y, c.y, c.from, c.all, c.around, c.workers))
		}, nil
	}
	var none spatialdropout.Tensor
	if j.work == fuse {
		return func() {
			must(spatialdropout.FuseTensor(c.y, c.x, none, c.all, c.around, c.workers))
			must(spatialdropout.ApplyTensor(c.y, c.y, c.mask, c.workers))
		}, nil
	}
	between := c.y
	if j.y == j.other { // the residual is there until the last pass
		memory := make([]float32, j.len()) // enough for any type
		between.Data = j.vector(unsafe.Pointer(&memory[0]), j.len())
	}
	return func() {
		must(spatialdropout.FuseTensor(between, c.x, none, c.all, c.around, c.workers))
		must(spatialdropout.ApplyTensor(between, between, c.mask, c.workers))
		must(spatialdropout.FuseTensor(c.y, between, c.other, c.all, spatialdropout.Around{}, c.workers))
	}, nil
}
