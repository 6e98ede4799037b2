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
	drawsFirstDropout
	drawsLastDropout
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

// setting is the dropout of a network.
type setting struct {
	kind  kind
	place place
	rate  float64
}

func (s setting) String() string {
	if s.kind == none {
		return s.kind.String()
	}
	return fmt.Sprintf("%v %v, rate %v", s.kind, s.place, s.rate)
}

// place is where dropout stands.
type place int

const (
	afterLast place = iota // after the second convolution
	afterBoth              // after either convolution
)

var places = [...]place{afterLast, afterBoth}

func (p place) String() string { return [...]string{"after the last", "after both"}[p] }

// network is a chain of layers: two convolutions, each with pooling and rectifier (which in this
// order has a quarter of the work), and a head. Dropout stands after the rectifiers.
type network[T number] struct {
	layers      []layer[T]
	convolution [2]block
	dlogits     []T
}

// block is a convolution with what follows it up to dropout.
type block struct {
	end int   // how many layers of the network lead to its feature maps
	out shape // of its feature maps
}

// newNetwork returns a network for the digits. Its weights depend on seed and head alone.
func newNetwork[T number](h head, s setting, seed uint64) (*network[T], error) {
	first := newConv[T](shape{1, mnist.Side, mnist.Side}, firstMaps, firstSide)
	first.first = true
	firstPool := newPool[T](first.out)
	second := newConv[T](firstPool.out, secondMaps, secondSide)
	secondPool := newPool[T](second.out)

	net := &network[T]{}
	net.convolution[0] = net.add(firstPool.out, first, firstPool, &relu[T]{})
	if s.kind != none && s.place == afterBoth {
		if err := net.addDropout(s, firstPool.out, mask.Child(seed, drawsFirstDropout)); err != nil {
			return nil, err
		}
	}
	net.convolution[1] = net.add(secondPool.out, second, secondPool, &relu[T]{})
	if s.kind != none {
		if err := net.addDropout(s, secondPool.out, mask.Child(seed, drawsLastDropout)); err != nil {
			return nil, err
		}
	}
	inputs := secondPool.out.len()
	if h == average {
		net.layers = append(net.layers, &mean[T]{in: secondPool.out})
		inputs = secondPool.out.channels
	}
	last := newDense[T](inputs, mnist.Classes)
	net.layers = append(net.layers, last)

	random := rand.New(rand.NewPCG(mask.Child(seed, drawsWeights), 0))
	initialise(first.filters.value, firstSide*firstSide, random)
	initialise(second.filters.value, firstMaps*secondSide*secondSide, random)
	initialise(last.weights.value, inputs, random)
	return net, nil
}

func (net *network[T]) add(out shape, layers ...layer[T]) block {
	net.layers = append(net.layers, layers...)
	return block{len(net.layers), out}
}

func (net *network[T]) addDropout(s setting, in shape, seed uint64) error {
	d, err := newDropout[T](s.kind, in, s.rate, seed)
	net.layers = append(net.layers, d)
	return err
}

// initialise sets weights as He et al. 2015 do: normal with variance 2/inputs.
func initialise[T number](weights []T, inputs int, random *rand.Rand) {
	for i := range weights {
		weights[i] = T(random.NormFloat64() * math.Sqrt(2/float64(inputs)))
	}
}

func (net *network[T]) parameters() []parameter[T] {
	var all []parameter[T]
	for _, l := range net.layers {
		all = append(all, l.parameters()...)
	}
	return all
}

// forward returns the logits of n images.
func (net *network[T]) forward(x []T, n int, training bool) ([]T, error) {
	return through(net.layers, x, n, training)
}

// maps returns the feature maps of a convolution, before dropout, of all images.
func (net *network[T]) maps(b block, images samples[T]) ([]T, error) {
	return through(net.layers[:b.end], images.x, images.len(), false)
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
	for _, l := range slices.Backward(net.layers) {
		if dy, err = l.backward(dy, len(labels)); err != nil {
			return 0, err
		}
	}
	return loss / float64(len(labels)), nil
}
