package main

import (
	"math"

	"github.com/spatialdropout/spatialdropout/examples/digits/mnist"
)

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
