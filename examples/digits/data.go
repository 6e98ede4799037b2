package main

import (
	"fmt"

	"github.com/spatialdropout/spatialdropout/examples/digits/mnist"
)

// samples are images as a network takes them, from 0 for paper to 1 for ink.
type samples[T number] struct {
	x      []T
	labels []byte
}

func (s samples[T]) len() int { return len(s.labels) }

// part returns samples from up to but without to.
func (s samples[T]) part(from, to int) samples[T] {
	const size = mnist.Side * mnist.Side
	return samples[T]{s.x[from*size : to*size], s.labels[from:to]}
}

// image returns the pixels of an image.
func (s samples[T]) image(i int) []T { return s.part(i, i+1).x }

// data are the images of an experiment.
type data[T number] struct {
	pool       samples[T] // training sets are taken from it
	validation samples[T] // on which rates are chosen
	test       samples[T] // which nothing is chosen on
}

func load[T number]() (d data[T], err error) {
	for _, s := range []struct {
		name string
		to   *samples[T]
	}{{"train", &d.pool}, {"validation", &d.validation}, {"test", &d.test}} {
		set, err := mnist.Load(s.name)
		if err != nil {
			return d, err
		}
		s.to.labels = set.Labels
		s.to.x = make([]T, len(set.Pixels))
		for i, p := range set.Pixels {
			s.to.x[i] = T(p) / 255
		}
	}
	return d, nil
}

// trainingSet returns n images, as many of each digit. The sets of two replicates have no image
// in common.
func (d data[T]) trainingSet(replicate, n int) (samples[T], error) {
	if n <= 0 || n%mnist.Classes != 0 {
		return samples[T]{}, fmt.Errorf("%d training images, want a positive multiple of %d", n, mnist.Classes)
	}
	var s samples[T]
	var seen [mnist.Classes]int
	from := replicate * n / mnist.Classes
	for i, digit := range d.pool.labels {
		if k := seen[digit] - from; k >= 0 && k < n/mnist.Classes {
			s.x = append(s.x, d.pool.image(i)...)
			s.labels = append(s.labels, digit)
		}
		seen[digit]++
	}
	if s.len() < n {
		return samples[T]{}, fmt.Errorf("%d training sets of %d images each, want %d images at most in all", replicate+1, n, d.pool.len())
	}
	return s, nil
}
