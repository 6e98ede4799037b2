package main

import "gonum.org/v1/gonum/blas"

// dense connects every input with every output.
type dense[T number] struct {
	in, out       int
	weights, bias parameter[T] // weights: out rows of in elements
	x, y, dx      []T
}

func newDense[T number](in, out int) *dense[T] {
	return &dense[T]{in: in, out: out, weights: newParameter[T](out * in), bias: newParameter[T](out)}
}

func (d *dense[T]) parameters() []parameter[T] { return []parameter[T]{d.weights, d.bias} }

func (d *dense[T]) forward(x []T, n int, _ bool) ([]T, error) {
	d.x, d.y = x, resize(d.y, n*d.out)
	for i := range n {
		copy(d.y[i*d.out:], d.bias.value)
	}
	multiply(matrix[T]{d.y, n, d.out}, matrix[T]{x, n, d.in}, matrix[T]{d.weights.value, d.out, d.in}, blas.NoTrans, blas.Trans, 1)
	return d.y, nil
}

func (d *dense[T]) backward(dy []T, n int) ([]T, error) {
	multiply(matrix[T]{d.weights.gradient, d.out, d.in}, matrix[T]{dy, n, d.out}, matrix[T]{d.x, n, d.in}, blas.Trans, blas.NoTrans, 0)
	clear(d.bias.gradient)
	for i, g := range dy {
		d.bias.gradient[i%d.out] += g
	}
	d.dx = resize(d.dx, n*d.in)
	multiply(matrix[T]{d.dx, n, d.in}, matrix[T]{dy, n, d.out}, matrix[T]{d.weights.value, d.out, d.in}, blas.NoTrans, blas.NoTrans, 0)
	return d.dx, nil
}
