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
	}})
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
	kind := kernel.F32
	if j.dtype == bfloat16s {
		kind = kernel.BF16
	}
	o := layout.NCW
	dims := []int{j.samples, j.channels, j.spatial}
	if j.order == rows {
		o = layout.NWC
		dims = []int{j.samples, j.spatial, j.channels}
	}
	g, err := o.Of(dims...)
	if err != nil {
		return nil, err
	}
	tensor := func(p unsafe.Pointer) spatialdropout.Tensor {
		if kind == kernel.F32 {
			return spatialdropout.As(kind, elements[float32](p, j.len()), g)
		}
		return spatialdropout.As(kind, elements[uint16](p, j.len()), g)
	}
	workers := 0 // as many as the module chooses
	if j.workers == 1 {
		workers = 1
	}
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
	m, err := mask.New(j.samples, j.channels, j.rate, a)
	if err != nil {
		return nil, err
	}
	for i := range j.samples * j.channels {
		if !kept(j, i) {
			m.Set(i/j.channels, i%j.channels, false)
		}
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
