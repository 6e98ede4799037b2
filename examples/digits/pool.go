package main

// relu is the rectifier.
type relu[T number] struct{ y, dx []T }

func (r *relu[T]) parameters() []parameter[T] { return nil }

func (r *relu[T]) forward(x []T, _ int, _ bool) ([]T, error) {
	r.y = resize(r.y, len(x))
	for i, v := range x {
		r.y[i] = max(v, 0)
	}
	return r.y, nil
}

func (r *relu[T]) backward(dy []T, _ int) ([]T, error) {
	r.dx = resize(r.dx, len(dy))
	for i, d := range dy {
		if r.y[i] <= 0 {
			d = 0
		}
		r.dx[i] = d
	}
	return r.dx, nil
}

// pool takes the greatest element of each square of 2×2. A last row or column without a
// partner is left out.
type pool[T number] struct {
	in, out shape
	y, dx   []T
	from    []int // where each output comes from
}

func newPool[T number](in shape) *pool[T] {
	return &pool[T]{in: in, out: shape{in.channels, in.height / 2, in.width / 2}}
}

func (p *pool[T]) parameters() []parameter[T] { return nil }

func (p *pool[T]) forward(x []T, n int, _ bool) ([]T, error) {
	p.y, p.from = resize(p.y, n*p.out.len()), resize(p.from, n*p.out.len())
	o := 0
	for plane := range n * p.in.channels {
		for row := range p.out.height {
			i := plane*p.in.plane() + 2*row*p.in.width
			for range p.out.width {
				best := i
				for _, j := range [...]int{i + 1, i + p.in.width, i + p.in.width + 1} {
					if x[j] > x[best] {
						best = j
					}
				}
				p.y[o], p.from[o] = x[best], best
				o++
				i += 2
			}
		}
	}
	return p.y, nil
}

func (p *pool[T]) backward(dy []T, n int) ([]T, error) {
	p.dx = resize(p.dx, n*p.in.len())
	clear(p.dx)
	for o, d := range dy {
		p.dx[p.from[o]] = d
	}
	return p.dx, nil
}
