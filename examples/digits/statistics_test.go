package main

import (
	"math"
	"testing"
)

// The numbers are those of a table: the quantile 0.975 of Student's t with 4 degrees of freedom
// is 2.776.
func TestComparisonByPairs(t *testing.T) {
	got := compare([]float64{1, 2, 3, 4, 5}, []float64{2, 2, 2, 2, 2})
	reach := 2.776 * math.Sqrt(2.5) / math.Sqrt(5)
	if got.mean != 1 || math.Abs(got.low-(1-reach)) > 1e-3 || math.Abs(got.high-(1+reach)) > 1e-3 || got.less != 1 {
		t.Errorf("got %+v, want 1 ± %v, and one that is less", got, reach)
	}
}

func TestNeighbours(t *testing.T) {
	s := shape{2, 2, 4}
	ramp := []float64{0, 1, 2, 3, 4, 5, 6, 7} // the same step everywhere: 1
	board := []float64{0, 1, 0, 1, 0, 1, 0, 1}
	flat := make([]float64, 8)
	for _, c := range []struct {
		first, second []float64
		want          float64
	}{{ramp, ramp, 1}, {ramp, board, 0}, {board, flat, -1}} {
		if got := neighbours(append(append([]float64{}, c.first...), c.second...), s); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v and %v: %v, want %v", c.first, c.second, got, c.want)
		}
	}
}
