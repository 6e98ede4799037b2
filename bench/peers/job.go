package main

import (
	"fmt"
	"unsafe"
)

// work is what one repetition does.
type work int32

const (
	apply    work = iota // y = x · factors
	both                 // the same, and dx = dy · factors
	layer                // draw the factors, then y = x · factors
	training             // the same, and dx = dy · the same factors
	draw                 // draw the channels and nothing else

	fuse         // y = f·act(a·x + b), with a scale a and a shift b of each channel
	fuseAdd      // y = r + f·act(a·x + b)
	fuseBackward // y = act'(a·x' + b)·(f·x)·a, where x' or its result is other

	gather  // y is x without the channels whose factor is 0, scaled
	scatter // the other way: y has all channels, and x those that are kept
	// scatterAdd is scatter that adds to y, and leaves dropped channels alone.
	scatterAdd

	works
)

// family is a set of works that are measured beside each other.
type family string

const (
	core    family = "core"
	fused   family = "fused"
	compact family = "compact"
)

// family returns the family of a work.
func (w work) family() family {
	switch {
	case w >= gather:
		return compact
	case w >= fuse:
		return fused
	}
	return core
}

// activation is what the fused family does to a·x + b.
type activation int32

const (
	relu  activation = iota // max(t, 0), and min(t, limit)
	leaky                   // limit·t below 0
)

// dtype is the type of elements and factors.
type dtype int32

const (
	float32s dtype = iota
	bfloat16s
)

// order is where the channels lie: planes of N×C×S elements, or rows of N×S×C.
type order int32

const (
	planes order = iota
	rows
)

// job is the work of a row of the table, and the memory for it. The memory belongs to the
// caller. y may be x or other, and dx may be dy. A packed tensor has as many elements as
// kept channels have, in the order of the other one.
type job struct {
	work                       work
	dtype                      dtype
	order                      order
	workers                    int
	samples, channels, spatial int
	rate                       float64 // whose factor kept channels have
	x, y, dy, dx, factors      unsafe.Pointer

	// Of the fused family.
	activation            activation
	readsInput            bool    // whether other is the input of the forward pass, and not its result
	limit                 float64 // the cap of a ReLU, or the slope
	other, scales, shifts unsafe.Pointer

	// weights says of the compact family that the tensor is the weights of a layer: samples are
	// its outputs, the mask is that of the first, and kept channels are not scaled.
	weights bool
}

// check returns an error unless the numbers make sense.
func (j *job) check() error {
	switch {
	case j.work < apply || j.work >= works:
		return fmt.Errorf("work %d is not one of 0 to %d", j.work, works-1)
	case j.dtype != float32s && j.dtype != bfloat16s:
		return fmt.Errorf("dtype %d is not 0 or 1", j.dtype)
	case j.order != planes && j.order != rows:
		return fmt.Errorf("order %d is not 0 or 1", j.order)
	case j.workers < 1:
		return fmt.Errorf("%d workers, want 1 or more", j.workers)
	case j.samples < 1 || j.channels < 1 || j.spatial < 1:
		return fmt.Errorf("a tensor of %d×%d×%d, want 1 or more of each", j.samples, j.channels, j.spatial)
	}
	if j.work != draw && (j.x == nil || j.y == nil) {
		return fmt.Errorf("no memory for x or y")
	}
	if j.backward() && (j.dy == nil || j.dx == nil) {
		return fmt.Errorf("no memory for dy or dx")
	}
	if !j.draws() && j.factors == nil {
		return fmt.Errorf("no memory for factors")
	}
	if j.work.family() == fused {
		if j.activation != relu && j.activation != leaky {
			return fmt.Errorf("activation %d is not 0 or 1", j.activation)
		}
		if j.scales == nil || j.shifts == nil || j.other == nil && j.work != fuse {
			return fmt.Errorf("no memory for scales, shifts or the other tensor")
		}
	}
	return nil
}

func (j *job) backward() bool { return j.work == both || j.work == training }
func (j *job) draws() bool    { return j.work >= layer && j.work <= draw }
func (j *job) len() int       { return j.samples * j.channels * j.spatial }

func (j *job) size() int {
	if j.dtype == bfloat16s {
		return 2
	}
	return 4
}

// elements returns n elements that belong to the caller.
func elements[T any](p unsafe.Pointer, n int) []T { return unsafe.Slice((*T)(p), n) }
