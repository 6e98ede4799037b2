package kernel

import "github.com/spatialdropout/spatialdropout/layout"

// steps go through what lies inside some loops, in their order: the blocks of a nest, or the nests of a list. They do
// not hold the loops, which would go to the heap.
type steps struct {
	at       place // where a step begins
	from, to int   // the elements of it to do
	size     int   // all elements of a step
	left     int   // elements to do after it
	index    [layout.MaxLoops]int
}

// set begins before the step that the visited element lo is in, and ends before element hi.
func (s *steps) set(loops []layout.Loop, begin place, size, lo, hi int) {
	s.at, s.from, s.size, s.left = begin, lo, size, hi-lo
	if len(loops) == 0 {
		return
	}
	s.from = lo % size
	for k, step := len(loops)-1, lo/size; k >= 0; k-- {
		l := &loops[k]
		i := step % l.Size
		step /= l.Size
		s.index[k] = i
		s.at = place{s.at.dst + i*l.Dst, s.at.src + i*l.Src, s.at.factor + i*l.Factor}
	}
}

// next takes the next step. It returns false if there is none.
func (s *steps) next(loops []layout.Loop) bool {
	if s.left == 0 {
		return false
	}
	if s.to > 0 { // this is not the first one
		s.from = 0
		for k := len(loops) - 1; k >= 0; k-- {
			l, i := &loops[k], 1
			if s.index[k]++; s.index[k] == l.Size {
				s.index[k], i = 0, 1-l.Size
			}
			s.at = place{s.at.dst + i*l.Dst, s.at.src + i*l.Src, s.at.factor + i*l.Factor}
			if i == 1 {
				break
			}
		}
	}
	s.to = min(s.size, s.from+s.left)
	s.left -= s.to - s.from
	return true
}
