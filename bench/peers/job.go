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
// caller. y may be x, and dx may be dy.
type job struct {
	work                       work
	dtype                      dtype
	order                      order
	workers                    int
	samples, channels, spatial int
	rate                       float64 // whose factor kept channels have
	x, y, dy, dx, factors      unsafe.Pointer
}

// check returns an error unless the numbers make sense.
func (j *job) check() error {
	switch {
	case j.work < apply || j.work > draw:
		return fmt.Errorf("work %d is not one of 0 to %d", j.work, draw)
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
	return nil
}

func (j *job) backward() bool { return j.work == both || j.work == training }
func (j *job) draws() bool    { return j.work >= layer }
func (j *job) len() int       { return j.samples * j.channels * j.spatial }

func (j *job) size() int {
	if j.dtype == bfloat16s {
		return 2
	}
	return 4
}

// elements returns n elements that belong to the caller.
func elements[T any](p unsafe.Pointer, n int) []T { return unsafe.Slice((*T)(p), n) }
