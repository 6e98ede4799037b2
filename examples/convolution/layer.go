package main

import (
	"errors"
	"sync"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
)

// layer is spatial dropout and a convolution behind it, for batches of channels-first samples.
type layer interface {
	// forward drops channels of x and writes the output of the convolution to y.
	forward(y, x []float32) error
	// backward writes the gradient of x to dx and that of the filters to df, once for each
	// forward.
	backward(dx, df, dy []float32) error
	// bytes returns how much memory the layer holds besides its arguments.
	bytes() int
}

// problem is what every layer for a convolution is made of.
type problem struct {
	shape
	batch   int
	drop    *spatialdropout.Dropout
	filters []float32 // in the order of the shape
	workers int       // goroutines that share the samples, one for each at most
}

// geometry says where the channels of the input lie.
func (p *problem) geometry() (layout.Geometry, error) {
	return layout.NCHW.Of(p.batch, p.in, p.side, p.side)
}

// each calls f for every sample, in goroutines that each have a number of their own. It returns the
// first error of a goroutine, which ends at that.
func (p *problem) each(f func(worker, sample int) error) error {
	errs := make([]error, p.workers)
	var wg sync.WaitGroup
	for w := range p.workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := w; i < p.batch && errs[w] == nil; i += p.workers {
				errs[w] = f(w, i)
			}
		}()
	}
	wg.Wait()
	return errors.Join(errs...)
}

// beta returns by what a worker multiplies its gradient of the filters before it adds that of a sample:
// by 0 at its first one.
func (p *problem) beta(worker, sample int) float32 {
	if sample == worker {
		return 0
	}
	return 1
}

// total is the sum of one gradient of the filters for each worker. The first one is the caller's.
type total [][]float32

// of returns a total of so many workers.
func (t total) of(df []float32, workers int) total {
	t = atLeast(t, workers)
	t[0] = df
	for w := range t {
		t[w] = resize(t[w], len(df))
	}
	return t
}

// sum adds the gradients of all workers to the caller's.
func (t total) sum() {
	for _, part := range t[1:] {
		add(t[0], part)
	}
	t[0] = nil
}

// len returns the number of elements of the gradients that are not the caller's.
func (t total) len() int {
	n := 0
	for _, part := range t {
		n += len(part)
	}
	return n
}

// input and output return sample i of a batch.
func (p *problem) input(x []float32, i int) []float32  { return x[i*p.inputs():][:p.inputs()] }
func (p *problem) output(y []float32, i int) []float32 { return y[i*p.outputs():][:p.outputs()] }

// atLeast returns all, and zero values behind it up to n of them.
func atLeast[T any](all []T, n int) []T {
	return append(all, make([]T, max(0, n-len(all)))...)
}
