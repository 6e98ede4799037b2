package main

// plainFused returns a function that does a job of the fused family in plain Go, element by
// element. Conversions keep processors from rounding a product and a sum at once.
func plainFused(j job) (func(), error) {
	if j.dtype != float32s {
		return nil, errNotOffered
	}
	p := plainPass{job: j, cap: float32(j.limit),
		x: elements[float32](j.x, j.len()), y: elements[float32](j.y, j.len()),
		factors: elements[float32](j.factors, j.samples*j.channels),
		scales:  elements[float32](j.scales, j.channels), shifts: elements[float32](j.shifts, j.channels)}
	if j.work != fuse {
		p.other = elements[float32](j.other, j.len())
	}
	if j.order == planes {
		return func() { split(j.workers, j.samples*j.channels, p.planes) }, nil
	}
	return func() { split(j.workers, j.samples*j.spatial, p.rows) }, nil
}

// plainPass is a job of float32.
type plainPass struct {
	job
	cap                     float32
	x, y, other             []float32
	factors, scales, shifts []float32
}

// planes does some planes. It reads no plane that is dropped.
func (p *plainPass) planes(from, to int) {
	for i := from; i < to; i++ {
		at, c := i*p.spatial, i%p.channels
		x, y := p.x[at:at+p.spatial], p.y[at:at+p.spatial]
		a, b, f := p.scales[c], p.shifts[c], p.factors[i]
		switch {
		case p.work == fuse && f == 0, p.work == fuseBackward && f == 0:
			clear(y)
		case p.work == fuse:
			for k, v := range x {
				y[k] = p.activate(float32(v*a)+b) * f
			}
		case f == 0:
			copy(y, p.other[at:])
		case p.work == fuseAdd:
			r := p.other[at : at+p.spatial]
			for k, v := range x {
				y[k] = r[k] + float32(p.activate(float32(v*a)+b)*f)
			}
		default:
			z := p.other[at : at+p.spatial]
			for k, g := range x {
				y[k] = p.gate(float32(g*f), z[k], a, b) * a
			}
		}
	}
}

// rows does some pixels, and multiplies what is dropped by 0.
func (p *plainPass) rows(from, to int) {
	c := p.channels
	a, b := p.scales[:c], p.shifts[:c]
	for i := from; i < to; i++ {
		n := i / p.spatial
		f := p.factors[n*c : (n+1)*c]
		x, y := p.x[i*c:(i+1)*c], p.y[i*c:(i+1)*c]
		switch p.work {
		case fuse:
			for k, v := range x {
				y[k] = p.activate(float32(v*a[k])+b[k]) * f[k]
			}
		case fuseAdd:
			r := p.other[i*c : (i+1)*c]
			for k, v := range x {
				y[k] = r[k] + float32(p.activate(float32(v*a[k])+b[k])*f[k])
			}
		default:
			z := p.other[i*c : (i+1)*c]
			for k, g := range x {
				y[k] = p.gate(float32(g*f[k]), z[k], a[k], b[k]) * a[k]
			}
		}
	}
}

// activate returns the activation of t.
func (p *plainPass) activate(t float32) float32 {
	if p.activation == leaky {
		return max(t, 0) + float32(min(t, 0)*p.cap)
	}
	return min(max(t, 0), p.cap)
}

// gate returns the gradient g of the activation, which is known by z.
func (p *plainPass) gate(g, z, a, b float32) float32 {
	if p.readsInput {
		z = float32(z*a) + b
	}
	switch {
	case p.activation == leaky && z <= 0:
		return g * p.cap
	case p.activation == relu && (z <= 0 || z >= p.cap):
		return 0
	}
	return g
}
