package main

import "gonum.org/v1/gonum/blas/gonum"

// unfold writes the patches of a sample: for each channel and each tap of a filter, the map as that
// tap sees it, zero beyond the border.
//
// A tap sees the map shifted by a number of elements, save for the column that wraps round to the
// next row.
func (s shape) unfold(patches, x []float32) {
	n := s.plane()
	for c := range s.in {
		from := x[c*n:][:n]
		for t := range s.taps() {
			to := patches[s.row(c, t)*n:][:n]
			shift, low, high := s.tap(t)
			clear(to[:low])
			if low < high {
				copy(to[low:high], from[low+shift:])
			}
			clear(to[high:])
			s.clearWrapped(to, t)
		}
	}
}

// fold adds the patches of each channel to the places that they come from, and writes the sums to
// dx. It overwrites what lies beyond the border in the patches with zeros.
func (s shape) fold(dx, patches []float32) {
	n := s.plane()
	centre := s.taps() / 2
	for c := range s.in {
		to := dx[c*n:][:n]
		copy(to, patches[s.row(c, centre)*n:])
		for t := range s.taps() {
			shift, low, high := s.tap(t)
			if t == centre || low >= high {
				continue
			}
			from := patches[s.row(c, t)*n:][:n]
			s.clearWrapped(from, t)
			add(to[low+shift:high+shift], from[low:high])
		}
	}
}

// tap returns how far a tap shifts a map, and which elements of the shifted map lie within it.
func (s shape) tap(t int) (shift, low, high int) {
	r := s.filter / 2
	shift = (t/s.filter-r)*s.side + t%s.filter - r
	n := s.plane()
	low = min(n, max(0, -shift))
	return shift, low, max(low, min(n, n-shift))
}

// clearWrapped clears the column of a shifted map that lies beyond the border.
func (s shape) clearWrapped(m []float32, t int) {
	column := 0
	switch t%s.filter - s.filter/2 {
	case 0:
		return
	case 1:
		column = s.side - 1
	}
	for ; column < len(m); column += s.side {
		m[column] = 0
	}
}

// add adds x to sum. gonum's own routine does that for short slices, too: a call of C takes longer.
func add(sum, x []float32) { gonum.Implementation{}.Saxpy(len(x), 1, x, 1, sum, 1) }
