package main

// layer is a layer of a network. The data of n samples lie one after the other, channels first.
// What a method returns belongs to the layer and is valid until it is called again.
type layer[T number] interface {
	// forward returns the output for the input x, which stays as it is until backward.
	forward(x []T, n int, training bool) ([]T, error)
	// backward returns the gradient with respect to the input of the last forward, and sets the
	// gradients of the parameters. dy is the gradient with respect to the output.
	backward(dy []T, n int) ([]T, error)
	parameters() []parameter[T]
}

// parameter is what a layer learns, and its gradient.
type parameter[T number] struct {
	value, gradient []T
}

func newParameter[T number](n int) parameter[T] {
	return parameter[T]{make([]T, n), make([]T, n)}
}

// shape is what a sample looks like between two layers.
type shape struct{ channels, height, width int }

func (s shape) plane() int { return s.height * s.width }
func (s shape) len() int   { return s.channels * s.plane() }

// resize returns a slice of n elements, which is s where that is large enough.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
