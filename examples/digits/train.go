package main

import (
	"math/rand/v2"

	"github.com/spatialdropout/spatialdropout/mask"
)

// budget is what every network gets, whatever its dropout.
type budget struct {
	samples      int // in a training set
	batch        int // samples a step
	epochs       int
	learningRate float64 // at the first step; it falls in equal parts to 0 after the last one
}

// trial is the training of one network. Trials of the same replicate have the same training set,
// the same weights at the start and the same order of samples.
type trial struct {
	setting   setting
	replicate int
}

// stage is what a network is trained for.
type stage int

const (
	validating stage = iota // to look at the validation set after the last epoch
	comparing               // to look at it after other epochs, too, and at the test set at the end
)

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
	test  result            // if the networks are compared
	net   *network[float32] // of the first replicate, if the networks are compared
}

func (o outcome) last() point { return o.curve[len(o.curve)-1] }

// train trains a network.
func train(t trial, p plan, d data[float32], s stage) (outcome, error) {
	set, err := d.trainingSet(t.replicate, p.samples)
	if err != nil {
		return outcome{}, err
	}
	seed := mask.Child(p.seed, uint64(t.replicate))
	net, err := newNetwork[float32](p.head, t.setting, seed)
	if err != nil {
		return outcome{}, err
	}
	var out outcome
	optimiser := newAdam(net.parameters())
	random := rand.New(rand.NewPCG(mask.Child(seed, drawsOrder), 0))
	steps := p.epochs * ((set.len() + p.batch - 1) / p.batch)
	for epoch := 0; ; epoch++ {
		if epoch == p.epochs || s == comparing && observed(epoch, p.epochs) {
			at, err := look(net, epoch, set, d.validation)
			if err != nil {
				return outcome{}, err
			}
			out.curve = append(out.curve, at)
		}
		if epoch == p.epochs {
			break
		}
		order := random.Perm(set.len())
		for len(order) > 0 {
			n := min(p.batch, len(order))
			rate := p.learningRate * (1 - float64(optimiser.steps)/float64(steps))
			if err := net.learn(optimiser, rate, set, order[:n]); err != nil {
				return outcome{}, err
			}
			order = order[n:]
		}
	}
	if s == comparing {
		out.test, err = evaluate(net, d.test)
		if t.replicate == 0 {
			out.net = net
		}
	}
	return out, err
}

// observed reports whether the curve has a point after an epoch: about twelve of them, of which
// some are close together at the beginning.
func observed(epoch, epochs int) bool {
	step := max(1, epochs/8)
	return epoch%step == 0 || epoch < step && epoch&(epoch-1) == 0
}

// look returns the point of a curve.
func look(net *network[float32], epoch int, training, validation samples[float32]) (point, error) {
	at := point{epoch: epoch}
	var err error
	if at.training, err = evaluate(net, training); err != nil {
		return at, err
	}
	at.validation, err = evaluate(net, validation)
	return at, err
}

// learn makes one step on some images of a set.
func (net *network[T]) learn(optimiser *adam[T], rate float64, set samples[T], chosen []int) error {
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
	optimiser.step(rate)
	return nil
}

// evaluate returns how a network does on a set, without dropout.
func evaluate[T number](net *network[T], set samples[T]) (result, error) {
	const batch = 10
	var loss float64
	var wrong int
	for i := 0; i < set.len(); i += batch {
		part := set.part(i, min(i+batch, set.len()))
		logits, err := net.forward(part.x, part.len(), false)
		if err != nil {
			return result{}, err
		}
		l, w := score(nil, logits, part.labels)
		loss, wrong = loss+l, wrong+w
	}
	return result{loss / float64(set.len()), float64(wrong) / float64(set.len())}, nil
}
