package main

import (
	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

// kind is a kind of dropout.
type kind int

const (
	none kind = iota
	element
	spatial
)

var kinds = [...]kind{none, element, spatial}

func (k kind) String() string {
	return [...]string{"no dropout", "element-wise", "spatial"}[k]
}

// dropout is a layer of spatialdropout as a layer of a network.
type dropout[T number] struct {
	kind  kind
	in    shape
	drop  *spatialdropout.Layer[T]
	y, dx []T
}

func newDropout[T number](k kind, in shape, rate float64, seed uint64) (*dropout[T], error) {
	drop, err := spatialdropout.NewLayer[T](rate, spatialdropout.WithSeed(seed), spatialdropout.WithWorkers(1))
	if err != nil {
		return nil, err
	}
	return &dropout[T]{kind: k, in: in, drop: drop}, nil
}

func (d *dropout[T]) parameters() []parameter[T] { return nil }

// geometry says what is dropped as a whole. Spatial dropout drops feature maps. Element-wise
// dropout is the same on maps of one pixel: every element is a channel of its own.
func (d *dropout[T]) geometry(n int) (layout.Geometry, error) {
	if d.kind == element {
		return layout.NCHW.Of(n, d.in.len(), 1, 1)
	}
	return layout.NCHW.Of(n, d.in.channels, d.in.height, d.in.width)
}

func (d *dropout[T]) forward(x []T, n int, training bool) ([]T, error) {
	geom, err := d.geometry(n)
	if err != nil {
		return nil, err
	}
	d.y = resize(d.y, len(x))
	d.drop.SetTraining(training)
	return d.y, d.drop.Forward(d.y, x, geom)
}

func (d *dropout[T]) backward(dy []T, n int) ([]T, error) {
	geom, err := d.geometry(n)
	if err != nil {
		return nil, err
	}
	d.dx = resize(d.dx, len(dy))
	return d.dx, d.drop.Backward(d.dx, dy, geom)
}
