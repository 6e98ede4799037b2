package main

import "math"

// adam is the optimiser of Kingma and Ba 2015, with their constants.
type adam[T number] struct {
	parameters []parameter[T]
	mean       [][]T // of gradients
	square     [][]T // mean of their squares
	steps      int
}

func newAdam[T number](parameters []parameter[T]) *adam[T] {
	a := &adam[T]{parameters: parameters}
	for _, p := range parameters {
		a.mean = append(a.mean, make([]T, len(p.value)))
		a.square = append(a.square, make([]T, len(p.value)))
	}
	return a
}

// step moves the parameters along their gradients, at a learning rate.
func (a *adam[T]) step(rate float64) {
	const beta1, beta2, epsilon = 0.9, 0.999, 1e-8
	a.steps++
	scaled := T(rate * math.Sqrt(1-math.Pow(beta2, float64(a.steps))) / (1 - math.Pow(beta1, float64(a.steps))))
	for k, p := range a.parameters {
		mean, square := a.mean[k], a.square[k]
		for i, g := range p.gradient {
			mean[i] = beta1*mean[i] + (1-beta1)*g
			square[i] = beta2*square[i] + (1-beta2)*g*g
			p.value[i] -= scaled * mean[i] / (T(math.Sqrt(float64(square[i]))) + epsilon)
		}
	}
}
