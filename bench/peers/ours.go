package main

import (
	"errors"
	"strings"
	"unsafe"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// ourModule is the module that is compared with the others.
const ourModule = "github.com/spatialdropout/spatialdropout"

func init() {
	register(contender{name: "ours", module: ourModule, policy: alwaysSelect, prepare: func(j job) (func(), error) {
		return ours(j, mask.Arithmetic{}, "philox:1")
	}, fused: oursFused, compact: oursCompact})
	register(contender{name: "ours, separate", module: ourModule, policy: alwaysSelect, signed: true, fused: oursSeparate})
	register(contender{name: "ours, multiply", module: ourModule, policy: alwaysMultiply, prepare: func(j job) (func(), error) {
		if j.work == draw {
			return nil, errNotOffered // the draw does not depend on the policy
		}
		return ours(j, mask.Arithmetic{Policy: mask.Multiply}, "philox:1")
	}})
	for _, stream := range []string{"jax", "jax/original", "jax/x64", "keras-torch",
		"pytorch", "pytorch-mkl", "tensorflow", "tensorflow/float64"} {
		name, options, _ := strings.Cut(stream, "/")
		seeded := strings.TrimSuffix(name+":1/"+options, "/")
		register(contender{name: "ours, stream " + stream, module: ourModule, policy: alwaysSelect, prepare: func(j job) (func(), error) {
			if j.work != draw {
				return nil, errNotOffered // as fast as ours but for the draw
			}
			return ours(j, mask.Arithmetic{}, seeded)
		}})
	}
}

// ours returns a function that does the job with this module.
func ours(j job, a mask.Arithmetic, stream string) (func(), error) {
	g, err := j.geometry()
	if err != nil {
		return nil, err
	}
	tensor := func(p unsafe.Pointer) spatialdropout.Tensor {
		return spatialdropout.Tensor{Data: j.vector(p, j.len()), Geometry: g}
	}
	workers := j.ourWorkers()
	if j.draws() {
		s, err := mask.ParseStream(stream)
		if err != nil {
			return nil, err
		}
		d, err := spatialdropout.New(j.rate, spatialdropout.WithStream(s),
			spatialdropout.WithArithmetic(a), spatialdropout.WithWorkers(workers))
		if err != nil {
			return nil, err
		}
		return oursDrawing(j, d, g, tensor)
	}
	m, err := j.mask(a)
	if err != nil {
		return nil, err
	}
	x, y := tensor(j.x), tensor(j.y)
	if !j.backward() {
		return func() { must(spatialdropout.ApplyTensor(y, x, m, workers)) }, nil
	}
	dy, dx := tensor(j.dy), tensor(j.dx)
	return func() {
		must(spatialdropout.ApplyTensor(y, x, m, workers))
		must(spatialdropout.ApplyTensor(dx, dy, m, workers))
	}, nil
}

// oursDrawing returns a function that draws, and applies what it has drawn.
func oursDrawing(j job, d *spatialdropout.Dropout, g layout.Geometry, tensor func(unsafe.Pointer) spatialdropout.Tensor) (func(), error) {
	switch j.work {
	case draw:
		m := new(mask.Mask)
		counts := elements[int64](j.y, 1) // the caller compares the count with the rate
		return func() {
			must(d.DrawInto(m, g))
			counts[0] = int64(m.CountKept())
		}, nil
	case layer:
		x, y := tensor(j.x), tensor(j.y)
		return func() {
			_, err := d.Forward(y, x)
			must(err)
		}, nil
	case training:
		x, y, dy, dx := tensor(j.x), tensor(j.y), tensor(j.dy), tensor(j.dx)
		return func() {
			pass, err := d.Forward(y, x)
			must(err)
			must(pass.Backward(dx, dy))
		}, nil
	}
	return nil, errors.New("no work that draws")
}

// geometry returns how this module sees the tensors of a job.
func (j *job) geometry() (layout.Geometry, error) {
	if j.order == rows {
		return layout.NWC.Of(j.samples, j.spatial, j.channels)
	}
	return layout.NCW.Of(j.samples, j.channels, j.spatial)
}

// vector returns n elements of the type of a job that belong to the caller.
func (j *job) vector(p unsafe.Pointer, n int) kernel.Vector {
	if j.dtype == bfloat16s {
		return kernel.As(kernel.BF16, elements[uint16](p, n))
	}
	return kernel.Of(elements[float32](p, n))
}

// ourWorkers returns the number of goroutines that this module is told, 0 for what it chooses.
func (j *job) ourWorkers() int {
	if j.workers == 1 {
		return 1
	}
	return 0
}

// mask returns the mask that has the factors of a job.
func (j *job) mask(a mask.Arithmetic) (*mask.Mask, error) {
	m, err := mask.New(j.samples, j.channels, j.rate, a)
	if err != nil {
		return nil, err
	}
	for i := range j.samples * j.channels {
		if !kept(*j, i) {
			m.Set(i/j.channels, i%j.channels, false)
		}
	}
	return m, nil
}

// kept reports whether the factor of a channel is not 0.
func kept(j job, i int) bool {
	if j.dtype == bfloat16s {
		return elements[uint16](j.factors, i+1)[i] != 0
	}
	return elements[float32](j.factors, i+1)[i] != 0
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
