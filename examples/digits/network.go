package main

import (
	"math"
	"math/rand/v2"

	"github.com/spatialdropout/spatialdropout/examples/digits/mnist"
	"github.com/spatialdropout/spatialdropout/mask"
)

// Sizes of the network: two convolutions, each with rectifier, pooling and dropout, and a
// dense layer.
const (
	firstMaps, firstSide   = 16, 5
	secondMaps, secondSide = 32, 3
)

// Children of a seed: what each of them draws.
const (
	drawsWeights = iota
	drawsOrder
	drawsDropout // and the next ones
)

// network is a chain of layers.
type network[T number] struct {
	layers  []layer[T]
	dlogits []T
}

// newNetwork returns a network for the digits with weights that depend on the seed alone.
func newNetwork[T number](k kind, rate float64, seed uint64) (*network[T], error) {
	first := newConv[T](shape{1, mnist.Side, mnist.Side}, firstMaps, firstSide)
	first.first = true
	firstPool := newPool[T](first.out)
	second := newConv[T](firstPool.out, secondMaps, secondSide)
	secondPool := newPool[T](second.out)
	last := newDense[T](secondPool.out.len(), mnist.Classes)

	random := rand.New(rand.NewPCG(mask.Child(seed, drawsWeights), 0))
	draw(first.filters.value, firstSide*firstSide, random)
	draw(second.filters.value, firstMaps*secondSide*secondSide, random)
	draw(last.weights.value, last.in, random)

	net := &network[T]{}
	net.layers = []layer[T]{first, &relu[T]{}, firstPool}
	if err := net.addDropout(k, firstPool.out, rate, mask.Child(seed, drawsDropout)); err != nil {
		return nil, err
	}
	net.layers = append(net.layers, second, &relu[T]{}, secondPool)
	if err := net.addDropout(k, secondPool.out, rate, mask.Child(seed, drawsDropout+1)); err != nil {
		return nil, err
	}
	net.layers = append(net.layers, last)
	return net, nil
}

// firstLayers is how many layers make the feature maps that the first dropout sees.
const firstLayers = 3

// draw sets weights as He et al. 2015 do: normal with variance 2/inputs.
func draw[T number](weights []T, inputs int, random *rand.Rand) {
	for i := range weights {
		weights[i] = T(random.NormFloat64() * math.Sqrt(2/float64(inputs)))
	}
}

func (net *network[T]) addDropout(k kind, in shape, rate float64, seed uint64) error {
	if k == none {
		return nil
	}
	d, err := newDropout[T](k, in, rate, seed)
	net.layers = append(net.layers, d)
	return err
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
	for i := len(net.layers) - 1; i >= 0; i-- {
		if dy, err = net.layers[i].backward(dy, len(labels)); err != nil {
			return 0, err
		}
	}
	return loss / float64(len(labels)), nil
}

// score returns the sum of the cross-entropies, and how many labels the logits miss. Where
// dlogits is not nil it becomes the gradient of the mean cross-entropy.
func score[T number](dlogits, logits []T, labels []byte) (loss float64, wrong int) {
	n := len(labels)
	for i, label := range labels {
		z := logits[i*mnist.Classes:][:mnist.Classes]
		best, sum := 0, 0.0
		for k, v := range z {
			if v > z[best] {
				best = k
			}
		}
		for _, v := range z {
			sum += math.Exp(float64(v - z[best]))
		}
		loss += math.Log(sum) - float64(z[label]-z[best])
		if best != int(label) {
			wrong++
		}
		if dlogits == nil {
			continue
		}
		for k, v := range z {
			p := math.Exp(float64(v-z[best])) / sum
			if k == int(label) {
				p--
			}
			dlogits[i*mnist.Classes+k] = T(p / float64(n))
		}
	}
	return loss, wrong
}
