package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/spatialdropout/spatialdropout/examples/digits/mnist"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Sizes of the two convolutions.
const (
	firstMaps, firstSide   = 16, 5
	secondMaps, secondSide = 64, 3
)

// Children of a seed: what each of them draws.
const (
	drawsWeights = iota
	drawsOrder
	drawsDropout
)

// head is what makes logits of the last feature maps.
type head int

const (
	average  head = iota // a dense layer on the average of each map
	flattens             // a dense layer on all elements of the maps
)

func (h head) String() string { return [...]string{"average", "dense"}[h] }

func (h *head) UnmarshalText(text []byte) error {
	for _, known := range []head{average, flattens} {
		if string(text) == known.String() {
			*h = known
			return nil
		}
	}
	return fmt.Errorf("head %q, want average or dense", text)
}

func (h head) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// network is a chain of layers: two convolutions, each with rectifier and pooling, then dropout,
// and a head.
type network[T number] struct {
	features []layer[T] // the layers before dropout
	rest     []layer[T]
	mapShape shape // what dropout acts on
	dlogits  []T
}

// newNetwork returns a network for the digits. Its weights depend on seed and head alone.
func newNetwork[T number](h head, k kind, rate float64, seed uint64) (*network[T], error) {
	first := newConv[T](shape{1, mnist.Side, mnist.Side}, firstMaps, firstSide)
	first.first = true
	firstPool := newPool[T](first.out)
	second := newConv[T](firstPool.out, secondMaps, secondSide)
	secondPool := newPool[T](second.out)
	net := &network[T]{
		features: []layer[T]{first, &relu[T]{}, firstPool, second, &relu[T]{}, secondPool},
		mapShape: secondPool.out,
	}
	if k != none {
		d, err := newDropout[T](k, net.mapShape, rate, mask.Child(seed, drawsDropout))
		if err != nil {
			return nil, err
		}
		net.rest = append(net.rest, d)
	}
	inputs := net.mapShape.len()
	if h == average {
		net.rest = append(net.rest, &mean[T]{in: net.mapShape})
		inputs = net.mapShape.channels
	}
	last := newDense[T](inputs, mnist.Classes)
	net.rest = append(net.rest, last)

	random := rand.New(rand.NewPCG(mask.Child(seed, drawsWeights), 0))
	initialise(first.filters.value, firstSide*firstSide, random)
	initialise(second.filters.value, firstMaps*secondSide*secondSide, random)
	initialise(last.weights.value, inputs, random)
	return net, nil
}

// initialise sets weights as He et al. 2015 do: normal with variance 2/inputs.
func initialise[T number](weights []T, inputs int, random *rand.Rand) {
	for i := range weights {
		weights[i] = T(random.NormFloat64() * math.Sqrt(2/float64(inputs)))
	}
}

func (net *network[T]) parameters() []parameter[T] {
	var all []parameter[T]
	for _, l := range slices.Concat(net.features, net.rest) {
		all = append(all, l.parameters()...)
	}
	return all
}

// forward returns the logits of n images.
func (net *network[T]) forward(x []T, n int, training bool) ([]T, error) {
	maps, err := through(net.features, x, n, training)
	if err != nil {
		return nil, err
	}
	return through(net.rest, maps, n, training)
}

// maps returns the feature maps that dropout acts on, of all images.
func (net *network[T]) maps(images samples[T]) ([]T, error) {
	return through(net.features, images.x, images.len(), false)
}

// through returns the output of a chain of layers.
func through[T number](layers []layer[T], x []T, n int, training bool) ([]T, error) {
	var err error
	for _, l := range layers {
		if x, err = l.forward(x, n, training); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// backward sets the gradients of the mean loss of the last forward pass, and returns that loss.
func (net *network[T]) backward(logits []T, labels []byte) (float64, error) {
	net.dlogits = resize(net.dlogits, len(logits))
	loss, _ := score(net.dlogits, logits, labels)
	dy := net.dlogits
	var err error
	for _, l := range slices.Backward(slices.Concat(net.features, net.rest)) {
		if dy, err = l.backward(dy, len(labels)); err != nil {
			return 0, err
		}
	}
	return loss / float64(len(labels)), nil
}
