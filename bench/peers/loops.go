package main

import (
	"math/rand/v2"
	"sync"
)

// loops are a library's way through a tensor, as a user of it would write it. A function
// that the library cannot serve is nil.
type loops[T float32 | uint16] struct {
	// planes multiplies plane p of dst and src by factors[p].
	planes func(dst, src, factors []T, plane int)
	// rows multiplies each row of len(factors) elements by factors.
	rows func(dst, src, factors []T)
	// planesInPlace and rowsInPlace do the same to a single tensor.
	planesInPlace func(x, factors []T, plane int)
	rowsInPlace   func(x, factors []T)
}

// prepare returns a function that does the job with these loops.
func (l loops[T]) prepare(j job) (func(), error) {
	if j.work == draw {
		return nil, errNotOffered
	}
	forward, err := l.pass(j, elements[T](j.y, j.len()), elements[T](j.x, j.len()))
	if err != nil {
		return nil, err
	}
	backward := func([]T) {}
	if j.backward() {
		if backward, err = l.pass(j, elements[T](j.dx, j.len()), elements[T](j.dy, j.len())); err != nil {
			return nil, err
		}
	}
	if !j.draws() {
		factors := elements[T](j.factors, j.samples*j.channels)
		return func() {
			forward(factors)
			backward(factors)
		}, nil
	}
	factors := make([]T, j.samples*j.channels)
	kept := one[T](1 / (1 - j.rate))
	source := rand.New(rand.NewPCG(1, 2))
	return func() {
		for i := range factors {
			factors[i] = 0
			if source.Float64() >= j.rate {
				factors[i] = kept
			}
		}
		forward(factors)
		backward(factors)
	}, nil
}

// pass returns a function that multiplies src by factors into dst.
func (l loops[T]) pass(j job, dst, src []T) (func(factors []T), error) {
	inPlace := &dst[0] == &src[0]
	if j.order == planes {
		do := l.planes
		if inPlace {
			if l.planesInPlace == nil {
				return nil, errNotOffered
			}
			do = func(dst, _, factors []T, plane int) { l.planesInPlace(dst, factors, plane) }
		}
		if do == nil {
			return nil, errNotOffered
		}
		s := j.spatial
		return func(factors []T) {
			split(j.workers, len(factors), func(from, to int) {
				do(dst[from*s:to*s], src[from*s:to*s], factors[from:to], s)
			})
		}, nil
	}
	do := l.rows
	if inPlace {
		if l.rowsInPlace == nil {
			return nil, errNotOffered
		}
		do = func(dst, _, factors []T) { l.rowsInPlace(dst, factors) }
	}
	if do == nil {
		return nil, errNotOffered
	}
	c := j.channels
	return func(factors []T) {
		split(j.workers, j.samples*j.spatial, func(from, to int) {
			for from < to { // a sample at a time
				n := from / j.spatial
				end := min(to, (n+1)*j.spatial)
				do(dst[from*c:end*c], src[from*c:end*c], factors[n*c:(n+1)*c])
				from = end
			}
		})
	}, nil
}

// split shares n pieces of work among goroutines, the calling one among them.
func split(workers, n int, do func(from, to int)) {
	if workers == 1 {
		do(0, n)
		return
	}
	var others sync.WaitGroup
	for w := 1; w < workers; w++ {
		others.Go(func() { do(n*w/workers, n*(w+1)/workers) })
	}
	do(0, n/workers)
	others.Wait()
}
