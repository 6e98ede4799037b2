package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of fused kernels, beside regPlane, regShift, regZero and regKeep. All
// vectors of a turn use the same: the processor renames them.
const (
	regResult   = 0
	regDecides  = 1 // what decides in a gate, and aux
	regAside    = 2
	regRowScale = 5 // with regFactor, where they are no operands in memory
	regRowShift = 6
	regScale    = 11 // the scale of a plane
	regCap      = 10 // the limit, not a number in a gate if it is infinite
)

// x86FusedFloats is the arithmetic of fused kernels of float32 and float64.
type x86FusedFloats struct{ *x86Floats }

// constants takes the limit.
func (p *x86FusedFloats) constants() {
	if p.limit == nil {
		return
	}
	p.set.broadcast(p.Context, mem(p.limit, 0), p.vec(regCap, p.whole()))
	p.unlimited(p.set, p.vec(regCap, p.whole()), p.vec(regAside, p.whole()))
}

func (p *x86FusedFloats) plane(factor, shift operand.Mem, to int) {
	p.x86Floats.plane(factor, shift, to)
	p.set.broadcast(p.Context, mem(p.scales, 0), p.vec(regScale, p.whole()))
}

// lanes takes the factors. Scales and shifts stay in memory if they can be operands there.
func (p *x86FusedFloats) lanes(b block, _, _ operand.Mem) {
	p.load(p.channels(p.x86.factors, b), p.vec(regFactor, b), b)
	if p.masks {
		p.set.cmp(p.Context, notEqual, p.vec(regZero, b), p.vec(regFactor, b), maskOf(0))
	} else {
		p.set.cmp(p.Context, notEqual, p.vec(regZero, b), p.vec(regFactor, b), p.vec(regKeep, b))
	}
}

// channels returns where the numbers of the channels of a block lie in a row.
func (p *x86) channels(base reg.Register, b block) operand.Mem {
	return operand.Mem{Base: base, Index: p.row[0], Scale: 1, Disp: b.at}
}

// leaf returns an operand with a leaf. It loads one that cannot be an operand in memory to
// a register.
func (p *x86FusedFloats) leaf(e *expr, b block, c choice, to int) operand.Op {
	var from operand.Mem
	switch {
	case e == L:
		return p.vec(regCap, b)
	case e == X:
		from = p.place(toSrc, b)
	case e == Z:
		from = p.place(toAux, b)
	case p.held != nil:
		return p.vec(p.held[e][b.vector], b)
	case e == F && c.row:
		return p.vec(regFactor, b)
	case e == F:
		return p.vec(p.factor, b)
	case e == A && c.row:
		from, to = p.channels(p.scales, b), regRowScale
	case e == A:
		return p.vec(regScale, b)
	case e == S && c.row:
		from, to = p.channels(p.extra, b), regRowShift
	case e == S:
		return p.vec(regShift, b)
	}
	if b.operand() {
		return from
	}
	p.load(from, p.vec(to, b), b)
	return p.vec(to, b)
}

func (p *x86FusedFloats) takeX(b block, c choice) { p.accum = p.leaf(X, b, c, regResult) }

func (p *x86FusedFloats) apply(s stage, b block, c choice) {
	result := p.vec(regResult, b)
	switch {
	case c.drop && s.operator == product && p.masks:
		p.set.mulZ(p.Context, p.leaf(s.leaf, b, c, regAside), p.accum, p.keeps(b, c), result)
	case c.drop && s.operator == sum:
		p.load(p.place(toAux, b), p.vec(regDecides, b), b)
		if p.masks {
			p.set.add(p.Context, p.accum, p.vec(regDecides, b), p.keeps(b, c), p.vec(regDecides, b))
			p.accum = p.vec(regDecides, b)
			return
		}
		p.set.add(p.Context, p.accum, p.vec(regDecides, b), result)
		p.set.blend(p.Context, p.keeps(b, c), result, p.vec(regDecides, b), result)
	case s.operator == gating || s.operator == sloping:
		p.pass(s, b, c)
	default:
		p.step(s, regResult, p.accum, b, c)
	}
	p.accum = result
}

// finish drops on AVX2. On AVX-512 and in sums apply has.
func (p *x86FusedFloats) finish(b block, c choice) {
	if c.drop && !p.masks && p.dropped == Zero {
		p.set.and(p.Context, p.keeps(b, c), p.accum, p.accum)
	}
}

// keeps returns the register, or the mask, of the lanes whose factor is not 0.
func (p *x86FusedFloats) keeps(b block, c choice) reg.Register {
	switch {
	case !p.masks:
		return p.vec(regKeep, b)
	case p.held != nil:
		return maskStrip[b.vector]
	case c.row:
		return maskOf(0)
	}
	return maskKeep
}

// step applies an operator of a chain to x and leaves the result in a register.
func (p *x86FusedFloats) step(s stage, to int, x operand.Op, b block, c choice) {
	value, aside := p.vec(to, b), p.vec(regAside, b)
	switch s.operator {
	case product, sum:
		y := p.leaf(s.leaf, b, c, regAside)
		if _, ok := x.(operand.Mem); ok {
			if _, both := y.(operand.Mem); both {
				p.load(x.(operand.Mem), value, b)
				x = value
			} else {
				x, y = y, x
			}
		}
		p.set.binary(s.operator)(p.Context, y, x, value)
	case clipping:
		p.clip(p.set, value, aside, p.vec(regCap, b), b)
	case leaking:
		p.attenuate(p.set, value, value, p.vec(regDecides, b), aside, p.vec(regCap, b), b)
	}
}

// pass applies a gate or a slope to the result.
func (p *x86FusedFloats) pass(s stage, b block, c choice) {
	result, decides, aside, limit := p.vec(regResult, b), p.vec(regDecides, b), p.vec(regAside, b), p.vec(regCap, b)
	t := p.leaf(Z, b, c, regDecides)
	for _, of := range s.of.chainFrom(Z) {
		p.step(of, regDecides, t, b, c)
		t = decides
	}
	if s.operator == sloping {
		p.attenuate(p.set, t, result, decides, aside, limit, b)
	} else {
		p.shut(p.set, s.leaf == L, t, result, decides, aside, limit, b)
	}
}

// Comparisons of 0, or of a limit, with another operand. Those that say not are true also
// for a NaN.
const (
	less       = operand.U8(17) // LT_OQ
	notLess    = operand.U8(21) // NLT_UQ
	notAtMost  = operand.U8(22) // NLE_UQ
	notAtLeast = operand.U8(25) // NGE_UQ
)

// clip sets what is negative to 0, and what is greater than the limit to that. What is no
// number stays: of two that do not compare, the minimum takes its first operand.
func (p *x86) clip(set instructionSet, value, aside, limit reg.Register, w block) {
	p.rectify(set, value, aside, maskOf(1), w)
	set.min(p.Context, value, limit, value)
}

// attenuate multiplies a value by the limit where t is not greater than 0.
func (p *x86) attenuate(set instructionSet, t operand.Op, value, decides, aside, limit reg.Register, w block) {
	if p.masks {
		set.cmp(p.Context, notLess, t, p.vec(regZero, w), maskOf(1))
		set.mul(p.Context, limit, value, maskOf(1), value)
		return
	}
	set.cmp(p.Context, less, t, p.vec(regZero, w), decides)
	set.mul(p.Context, limit, value, aside)
	set.blend(p.Context, decides, value, aside, value)
}

// shut sets a value to 0 where t is 0 or less, or if limited as great as the limit or greater.
func (p *x86) shut(set instructionSet, limited bool, t operand.Op, value, decides, aside, limit reg.Register, w block) {
	zero := p.vec(regZero, w)
	switch {
	case p.signs != 0:
		p.clearNotPositive(t.(reg.Register), value, w)
		if limited {
			set.cmp(p.Context, notAtMost, t, limit, maskOf(1))
			set.movZ(p.Context, value, maskOf(1), value)
		}
		return
	case p.masks:
		set.cmp(p.Context, notAtLeast, t, zero, maskOf(1))
		if limited {
			set.cmp(p.Context, notAtMost, t, limit, maskOf(1), maskOf(1))
		}
		set.movZ(p.Context, value, maskOf(1), value)
		return
	}
	set.cmp(p.Context, notAtLeast, t, zero, aside)
	if limited {
		set.cmp(p.Context, notAtMost, t, limit, decides)
		set.and(p.Context, decides, aside, aside)
	}
	set.and(p.Context, aside, value, value)
}

// unlimited makes an infinite limit no number, by adding its product with 0. A comparison
// with what is no number never shuts a gate.
func (p *x86) unlimited(set instructionSet, limit, aside reg.Register) {
	if p.kernel.value.applies(gating) {
		set.mul(p.Context, p.vec(regZero, p.whole()), limit, aside)
		set.add(p.Context, aside, limit, limit)
	}
}
