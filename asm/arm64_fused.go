package main

// General registers of fused kernels, beside the others.
const (
	xAux       = 13
	xScales    = 14
	xRowScales = 15 // the scales left of a row
	xCap       = 19
)

// Vector registers of fused kernels, beside the others. The accumulator is vValue, and of
// halves vWide, which is rounded before what follows depends on that.
const (
	vDecides  = 8  // what decides in a gate
	vHalfway  = 6  // the same as halves
	vLeaf     = 12 // the shifts of a row
	vHalfLeaf = 18 // the same as halves
	vScaleRow = 20 // the scales of a row, until vMask is needed
	vScale    = 22 // the scale of a plane
	vCap      = 27 // not a number in a gate if it is infinite
)

// neonFused is the machine of fused kernels on both tiers of arm64.
type neonFused struct {
	*neon

	// Of halves.
	home    int  // where the accumulator is rounded
	rounded bool // the accumulator is
}

// begin takes the limit besides. Its product with 0 is no number if it is infinite: see x86.unlimited.
func (p *neonFused) begin() {
	p.neon.begin()
	p.ins("VEOR", v16(vZero), v16(vZero), v16(vZero))
	if !p.value.has(L) {
		return
	}
	if p.half {
		p.ins("VLD1R", at(xCap), p.list(vValue, 1))
		p.widen(vCap, vValue, vector/2)
	} else {
		p.ins("VLD1R", at(xCap), p.list(vCap, 1))
	}
	if p.value.applies(gating) {
		p.word(fmul, vValue, vCap, vZero)
		p.word(fadd, vCap, vCap, vValue)
	}
}

func (p *neonFused) splat(e *expr) {
	if e != F {
		p.pass(moves{toFactors})
		p.splatDropped()
		return
	}
	take := func(v, from int) {
		if !p.half {
			p.next(v, from)
			return
		}
		p.ins("VLD1R.P", after(from, p.size), p.list(vValue, 1))
		p.widen(v, vValue, vector/2)
	}
	p.next(vPlane, xFactors)
	take(vScale, xScales)
	if p.shifts() {
		take(vShift, xShifts)
	}
}

func (p *neonFused) pass(m moves) {
	for _, to := range m {
		p.neon.pass(moves{to})
		if to != toFactors {
			continue
		}
		p.ins("ADD", imm(p.size), x(xScales), x(xScales))
		if p.shifts() {
			p.ins("ADD", imm(p.size), x(xShifts), x(xShifts))
		}
	}
}

func (p *neonFused) startRow() {
	p.ins("MOVD", x(xFactors), x(xRow))
	p.ins("MOVD", x(xScales), x(xRowScales))
	if p.shifts() {
		p.ins("MOVD", x(xShifts), x(xRowShifts))
	}
}

func (p *neonFused) take(e *expr, b block, c choice) {
	if e == X {
		p.takeX(b, c)
		return
	}
	p.neon.take(e, b, c)
	if e == F {
		p.load(vScaleRow, xRowScales, width(b.bytes))
	}
}

func (p *neonFused) finish(b block, c choice) {
	if p.half {
		p.narrow(vValue, width(b.bytes))
	}
	p.neon.finish(b, c)
}

// takeX takes x, and computes what decides in a gate before.
func (p *neonFused) takeX(b block, c choice) {
	w := width(b.bytes)
	p.accum, p.home, p.rounded = vValue, vValue, true
	for _, s := range p.value.chain() {
		if s.of == nil {
			continue
		}
		if p.half {
			p.load(vHalfway, xAux, w)
			if s.of == Z {
				continue
			}
			p.accum, p.home = vWide, vHalfway
			p.widen(vWide, vHalfway, w)
		} else {
			p.load(vDecides, xAux, w)
			p.accum = vDecides
		}
		for _, of := range s.of.chainFrom(Z) {
			p.apply(of, b, choice{row: c.row})
		}
		if p.half {
			p.narrow(vHalfway, w)
		}
		p.accum, p.home, p.rounded = vValue, vValue, true
	}
	p.load(vValue, xSrc, w)
	if p.half {
		p.accum = vWide
		p.widen(vWide, vValue, w)
	}
}

// settle rounds the accumulator to halves if it has to be.
func (p *neonFused) settle(w width) {
	if p.half && !p.rounded {
		p.narrow(p.home, w)
		p.widen(vWide, p.home, w)
	}
	p.rounded = true
}

// operands returns the first of the registers with a leaf, and how far the next one is: 0 if
// one serves all.
func (p *neonFused) operands(e *expr, b block, c choice) (first, each int) {
	w := width(b.bytes)
	from, wide := vFactor, vSecond
	switch {
	case e == Z:
		from = vOther
		p.load(from, xAux, w)
	case e == F && c.row:
	case e == A && c.row:
		from = vScaleRow
	case e == S && c.row:
		from = vLeaf
		if p.half {
			from = vHalfLeaf
		}
		p.load(from, xRowShifts, w)
	default:
		return map[*expr]int{F: vPlane, A: vScale, S: vShift}[e], 0
	}
	if p.half {
		p.widen(wide, from, w)
		from = wide
	}
	return from, 1
}

// apply applies an operator of a chain to the accumulator.
func (p *neonFused) apply(s stage, b block, c choice) {
	w := width(b.bytes)
	n, t := w.vectors(), vDecides
	if p.half {
		n = w.wides()
	}
	if s.operator != clipping && s.operator != gating {
		p.settle(w)
	}
	if s.of != nil && p.half {
		t = vSecond
		p.widen(t, vHalfway, w)
	}
	switch s.operator {
	case product, sum:
		with, each := p.operands(s.leaf, b, c)
		for i := range n {
			p.word(arithmeticWords[s.operator], p.accum+i, p.accum+i, with+i*each)
		}
		p.rounded = false
	case clipping:
		for i := range n {
			p.word(fmax, p.accum+i, p.accum+i, vZero)
			p.word(fmin, p.accum+i, p.accum+i, vCap)
		}
	case leaking:
		for i := range n {
			p.word(fcmgt, vOther, p.accum+i, vZero)
			p.word(fmul, vSecond, p.accum+i, vCap)
			p.ins("VBIF", v16(vOther), v16(vSecond), v16(p.accum+i))
		}
		p.rounded = false
	case gating:
		for i := range n {
			p.word(fcmge, vOther, vZero, t+i)
			p.ins("VBIT", v16(vOther), v16(vZero), v16(p.accum+i))
			if s.leaf == L {
				p.word(fcmge, vOther, t+i, vCap)
				p.ins("VBIT", v16(vOther), v16(vZero), v16(p.accum+i))
			}
		}
	case sloping:
		for i := range n {
			p.word(fcmgt, vOther, t+i, vZero)
			p.word(fmul, t+i, p.accum+i, vCap)
			p.ins("VBIF", v16(vOther), v16(t+i), v16(p.accum+i))
		}
		p.rounded = false
	}
}
