package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of fused kernels of halves, beside those of other kernels of halves. A
// leaf with a number for each lane is in regFactorLow and regFactorHigh.
const (
	regWideLimit = 7
	regWideScale = 8  // in planes
	regWideShift = 14 // in planes
)

// x86FusedHalves is the arithmetic of fused kernels of float16 and bfloat16. The accumulator
// is float32 in regLow and regHigh. It is rounded before what follows depends on that.
type x86FusedHalves struct {
	*x86Halves
	rounded bool
}

func (p *x86FusedHalves) constants() {
	p.x86Halves.constants()
	if p.limit == nil {
		return
	}
	p.broadcastWide(mem(p.limit, 0), regWideLimit)
	p.unlimited(instructions["F32"], p.vec(regWideLimit, p.whole()), p.vec(regOld, p.whole()))
}

func (p *x86FusedHalves) plane(factor, shift operand.Mem, to int) {
	p.broadcastWide(factor, to)
	p.broadcastWide(mem(p.scales, 0), regWideScale)
	if p.shifts() {
		p.broadcastWide(shift, regWideShift)
	}
}

// lanes finds out which factors are 0.
func (p *x86FusedHalves) lanes(b block, _, _ operand.Mem) {
	p.load(p.channels(p.factors, b), p.vec(regRaw, b), b)
	p.dropLanes(b)
}

// pair returns the registers with a leaf as float32. It may take regFactorLow and
// regFactorHigh for it.
func (p *x86FusedHalves) pair(e *expr, b block, c choice) [2]int {
	var from operand.Mem
	switch {
	case e == L:
		return [2]int{regWideLimit, regWideLimit}
	case e == Z && c.drop:
		// The bits are what a dropped lane gets.
		p.load(p.place(toAux, b), p.vec(regOld, b), b)
		p.widen(regOld, regFactorLow, regFactorHigh, b)
		return [2]int{regFactorLow, regFactorHigh}
	case e == Z:
		from = p.place(toAux, b)
	case e == F && c.row:
		from = p.channels(p.factors, b)
	case e == F:
		return [2]int{p.factor, p.factor}
	case e == A && c.row:
		from = p.channels(p.scales, b)
	case e == A:
		return [2]int{regWideScale, regWideScale}
	case e == S && c.row:
		from = p.channels(p.extra, b)
	case e == S:
		return [2]int{regWideShift, regWideShift}
	}
	p.loadWide(from, regFactorLow, regFactorHigh, b)
	return [2]int{regFactorLow, regFactorHigh}
}

func (p *x86FusedHalves) takeX(b block, _ choice) {
	p.loadWide(p.place(toSrc, b), regLow, regHigh, b)
	p.rounded = true
}

func (p *x86FusedHalves) apply(s stage, b block, c choice) {
	p.step(s, [2]int{regLow, regHigh}, &p.rounded, b, c)
}

// step applies an operator of a chain to what two registers hold.
func (p *x86FusedHalves) step(s stage, accum [2]int, rounded *bool, b block, c choice) {
	set, w := instructions["F32"], p.wideBlock(b)
	all := accum[:p.wides(b)]
	aside, limit := p.vec(regOld, w), p.vec(regWideLimit, w)
	var t [2]int
	if s.of != nil {
		t = p.deciding(s.of, b, c)
	}
	if !*rounded && s.operator != clipping && s.operator != gating {
		for _, x := range all {
			p.round(x, b)
		}
		*rounded = true
	}
	switch s.operator {
	case product, sum:
		with := p.pair(s.leaf, b, c)
		for i, x := range all {
			if s.operator == product {
				set.mul(p.Context, p.vec(with[i], w), p.vec(x, w), p.vec(x, w))
			} else {
				set.add(p.Context, p.vec(with[i], w), p.vec(x, w), p.vec(x, w))
			}
		}
		*rounded = false
		return
	}
	for i, x := range all {
		value, decides := p.vec(x, w), p.vec(t[i], w)
		switch s.operator {
		case clipping:
			p.clip(set, value, aside, limit, w)
		case leaking:
			p.attenuate(set, value, value, p.vec(regHelp, w), aside, limit, w)
			*rounded = false
		case sloping:
			p.attenuate(set, decides, value, p.vec(regHelp, w), aside, limit, w)
			*rounded = false
		case gating:
			p.shut(set, s.leaf == L, decides, value, decides, aside, limit, w)
		}
	}
}

// deciding computes what decides in a gate.
func (p *x86FusedHalves) deciding(of *expr, b block, c choice) [2]int {
	t := [2]int{regFactorLow, regFactorHigh}
	if c.row { // those are needed for leaves, and the registers of a plane are not
		t = [2]int{regPlane, regWideShift}
	}
	p.loadWide(p.place(toAux, b), t[0], t[1], b)
	rounded := true
	for _, s := range of.chainFrom(Z) {
		p.step(s, t, &rounded, b, choice{row: c.row})
	}
	if !rounded {
		for _, x := range t[:p.wides(b)] {
			p.round(x, b)
		}
	}
	return t
}

// finish makes halves of the accumulator and gives dropped lanes z or 0.
func (p *x86FusedHalves) finish(b block, c choice) {
	raw, old := reg.Register(p.vec(regRaw, b)), p.vec(regOld, b)
	p.narrow(b)
	drop, keep := p.chosen(b, c)
	switch {
	case !c.drop:
	case p.dropped == Z && p.masks:
		p.VMOVDQU16(raw, keep, old)
		raw = old
	case p.dropped == Z:
		p.VPBLENDVB(drop, old, raw, raw)
	case p.masks:
		p.VMOVDQU16_Z(raw, keep, raw)
	default:
		p.VPANDN(raw, drop, raw)
	}
	p.raw = raw
}
