package main

import (
	"math/rand/v2"

	"github.com/spatialdropout/spatialdropout/mask"
)

// budget is what every network gets, whatever its dropout.
type budget struct {
	samples      int // in a training set
	batch        int
	epochs       int
	learningRate float64
}

// trial is the training of one network. Trials of the same replicate have the same training set,
// the same weights at the start and the same order of samples.
type trial struct {
	kind      kind
	rate      float64
	replicate int
	seed      uint64 // of all replicates
}

// result is how well a network does on a set.
type result struct {
	loss  float64 // mean cross-entropy, in nats
	error float64 // share of the images that it takes for another digit
}

// point is a network after an epoch.
type point struct {
	epoch                int
	training, validation result
}

// outcome is what became of a trial.
type outcome struct {
	curve []point
	test  result // after the last epoch, if it was asked for
	net   *network[float32]
}

// train trains a network. It looks at the validation set after some epochs, and at the test set
// after the last one if final is true.
func train(t trial, b budget, d data[float32], final bool) (outcome, error) {
	seed := mask.Child(t.seed, uint64(t.replicate))
	set, err := d.trainingSet(t.replicate, b.samples)
	if err != nil {
		return outcome{}, err
	}
	net, err := newNetwork[float32](t.kind, t.rate, seed)
	if err != nil {
		return outcome{}, err
	}
	out := outcome{net: net}
	optimiser := newAdam(net.parameters(), b.learningRate)
	random := rand.New(rand.NewPCG(mask.Child(seed, drawsOrder), 0))
	for epoch := 0; ; epoch++ {
		if observed(epoch, b.epochs) {
			p := point{epoch: epoch}
			if p.training, err = evaluate(net, set); err != nil {
				return outcome{}, err
			}
			if p.validation, err = evaluate(net, d.validation); err != nil {
				return outcome{}, err
			}
			out.curve = append(out.curve, p)
		}
		if epoch == b.epochs {
			break
		}
		order := random.Perm(set.len())
		for len(order) > 0 {
			n := min(b.batch, len(order))
			if err := net.learn(optimiser, set, order[:n]); err != nil {
				return outcome{}, err
			}
			order = order[n:]
		}
	}
	if final {
		out.test, err = evaluate(net, d.test)
	}
	return out, err
}

// observed reports whether the curve has a point after an epoch: close together at first.
func observed(epoch, epochs int) bool {
	const points = 8
	step := max(1, epochs/points)
	return epoch%step == 0 || epoch == epochs || epoch < step && epoch&(epoch-1) == 0
}

// learn makes one step on some images of a set.
func (net *network[T]) learn(optimiser *adam[T], set samples[T], chosen []int) error {
	var batch samples[T]
	for _, i := range chosen {
		batch.x = append(batch.x, set.image(i)...)
		batch.labels = append(batch.labels, set.labels[i])
	}
	logits, err := net.forward(batch.x, batch.len(), true)
	if err != nil {
		return err
	}
	if _, err := net.backward(logits, batch.labels); err != nil {
		return err
	}
	optimiser.step()
	return nil
}

// evaluate returns how a network does on a set, without dropout.
func evaluate[T number](net *network[T], set samples[T]) (result, error) {
	const batch = 50
	var loss float64
	var wrong int
	for i := 0; i < set.len(); i += batch {
		labels := set.labels[i:min(i+batch, set.len())]
		n := len(labels)
		logits, err := net.forward(set.x[i*len(set.image(0)):][:n*len(set.image(0))], n, false)
		if err != nil {
			return result{}, err
		}
		l, w := score(nil, logits, labels)
		loss, wrong = loss+l, wrong+w
	}
	return result{loss / float64(set.len()), float64(wrong) / float64(set.len())}, nil
}
