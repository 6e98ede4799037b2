package main

import "gonum.org/v1/gonum/blas"

// conv is a convolution with square filters, without padding, as one matrix product a sample:
// filters times patches.
type conv[T number] struct {
	in, out       shape
	side          int          // of a filter
	filters, bias parameter[T] // filters: out.channels rows of in.channels·side² elements
	first         bool         // no layer before it wants a gradient

	x, y, dx []T
	patches  []T // in.channels·side² rows, of which each holds one element of every patch
}

func newConv[T number](in shape, channels, side int) *conv[T] {
	out := shape{channels, in.height - side + 1, in.width - side + 1}
	return &conv[T]{
		in: in, out: out, side: side,
		filters: newParameter[T](channels * in.channels * side * side),
		bias:    newParameter[T](channels),
		patches: make([]T, in.channels*side*side*out.plane()),
	}
}

func (c *conv[T]) parameters() []parameter[T] { return []parameter[T]{c.filters, c.bias} }

func (c *conv[T]) forward(x []T, n int, _ bool) ([]T, error) {
	c.x, c.y = x, resize(c.y, n*c.out.len())
	for i := range n {
		c.unfold(c.x[i*c.in.len():][:c.in.len()])
		y := c.y[i*c.out.len():][:c.out.len()]
		for k, b := range c.bias.value {
			for j := range c.out.plane() {
				y[k*c.out.plane()+j] = b
			}
		}
		multiply(c.outputs(y), c.weights(c.filters.value), c.columns(), blas.NoTrans, blas.NoTrans, 1)
	}
	return c.y, nil
}

func (c *conv[T]) backward(dy []T, n int) ([]T, error) {
	clear(c.filters.gradient)
	clear(c.bias.gradient)
	for i := range n {
		c.unfold(c.x[i*c.in.len():][:c.in.len()])
		dy := dy[i*c.out.len():][:c.out.len()]
		multiply(c.weights(c.filters.gradient), c.outputs(dy), c.columns(), blas.NoTrans, blas.Trans, 1)
		for k := range c.bias.gradient {
			for _, d := range dy[k*c.out.plane():][:c.out.plane()] {
				c.bias.gradient[k] += d
			}
		}
	}
	if c.first {
		return nil, nil
	}
	c.dx = resize(c.dx, n*c.in.len())
	clear(c.dx)
	for i := range n {
		multiply(c.columns(), c.weights(c.filters.value), c.outputs(dy[i*c.out.len():][:c.out.len()]), blas.Trans, blas.NoTrans, 0)
		c.fold(c.dx[i*c.in.len():][:c.in.len()])
	}
	return c.dx, nil
}

// unfold copies the patches of a sample to c.patches.
func (c *conv[T]) unfold(x []T) {
	c.each(func(patches, from int) {
		copy(c.patches[patches:][:c.out.width], x[from:])
	})
}

// fold adds c.patches to the places in a sample that they come from.
func (c *conv[T]) fold(dx []T) {
	c.each(func(patches, to int) {
		row := dx[to:][:c.out.width]
		for i, d := range c.patches[patches:][:c.out.width] {
			row[i] += d
		}
	})
}

// each calls f for every run of elements that lie together both in c.patches and in a sample.
func (c *conv[T]) each(f func(patches, sample int)) {
	patches := 0
	for k := range c.in.channels {
		for dy := range c.side {
			for dx := range c.side {
				for y := range c.out.height {
					f(patches, (k*c.in.height+y+dy)*c.in.width+dx)
					patches += c.out.width
				}
			}
		}
	}
}

func (c *conv[T]) columns() matrix[T] {
	return matrix[T]{c.patches, c.in.channels * c.side * c.side, c.out.plane()}
}

func (c *conv[T]) weights(w []T) matrix[T] {
	return matrix[T]{w, c.out.channels, c.in.channels * c.side * c.side}
}

func (c *conv[T]) outputs(y []T) matrix[T] {
	return matrix[T]{y, c.out.channels, c.out.plane()}
}
