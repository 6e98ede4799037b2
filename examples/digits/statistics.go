package main

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// confidence is that of all intervals.
const confidence = 0.95

// difference compares two arms whose numbers x and y belong to the same replicates.
type difference struct {
	mean      float64 // of x − y
	low, high float64 // confidence interval of the mean, from Student's t distribution
	less      int     // in how many replicates x is less than y
}

func compare(x, y []float64) difference {
	var d difference
	apart := make([]float64, len(x))
	for i := range x {
		apart[i] = x[i] - y[i]
		if apart[i] < 0 {
			d.less++
		}
	}
	mean, deviation := stat.MeanStdDev(apart, nil)
	n := float64(len(x))
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1 + confidence) / 2)
	reach := t * deviation / math.Sqrt(n)
	d.mean, d.low, d.high = mean, mean-reach, mean+reach
	return d
}

// neighbours returns how similar feature maps are at neighbouring places: the correlation of
// elements with those to the right of them, over all samples, averaged over the maps that are
// not constant. The data of the samples lie one after the other.
func neighbours[T number](maps []T, s shape) float64 {
	var sum float64
	var n int
	for k := range s.channels {
		var left, right []float64
		for plane := k * s.plane(); plane < len(maps); plane += s.len() {
			for i := plane; i < plane+s.plane(); i++ {
				if (i-plane)%s.width < s.width-1 {
					left, right = append(left, float64(maps[i])), append(right, float64(maps[i+1]))
				}
			}
		}
		if c := stat.Correlation(left, right, nil); !math.IsNaN(c) {
			sum += c
			n++
		}
	}
	return sum / float64(n)
}
