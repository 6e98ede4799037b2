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

// constants takes the limit. Its product with 0 is no number if it is infinite. A gate
// compares with the sum of both, and a comparison with what is no number never closes it.
func (p *x86FusedFloats) constants() {
	if p.limit == nil {
		return
	}
	whole := p.whole()
	limit, zero := p.vec(regCap, whole), p.vec(regZero, whole)
	p.set.broadcast(p.Context, mem(p.limit, 0), limit)
	if p.kernel.value.applies(gating) {
		p.set.mul(p.Context, zero, limit, p.vec(regAside, whole))
		p.set.add(p.Context, p.vec(regAside, whole), limit, limit)
	}
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
func (p *x86FusedFloats) channels(base reg.Register, b block) operand.Mem {
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
		if s.operator == product {
			p.set.mul(p.Context, y, x, value)
		} else {
			p.set.add(p.Context, y, x, value)
		}
	case clipping:
		p.rectify(p.set, value, aside, maskOf(1), b)
		// What is no number stays: of two that do not compare, this instruction takes its first operand.
		p.set.min(p.Context, value, p.vec(regCap, b), value)
	case leaking:
		p.attenuate(value, value, b)
	}
}

// pass applies a gate or a slope to the result.
func (p *x86FusedFloats) pass(s stage, b block, c choice) {
	result, decides, aside := p.vec(regResult, b), p.vec(regDecides, b), p.vec(regAside, b)
	zero, limit := p.vec(regZero, b), p.vec(regCap, b)
	t := p.leaf(Z, b, c, regDecides)
	for _, of := range s.of.chainFrom(Z) {
		p.step(of, regDecides, t, b, c)
		t = decides
	}
	switch {
	case s.operator == sloping:
		p.attenuate(t, result, b)
	case p.masks:
		p.set.cmp(p.Context, notAtLeast, t, zero, maskOf(1))
		if s.leaf == L {
			p.set.cmp(p.Context, notAtMost, t, limit, maskOf(1), maskOf(1))
		}
		p.set.movZ(p.Context, result, maskOf(1), result)
	default:
		p.set.cmp(p.Context, notAtLeast, t, zero, aside)
		if s.leaf == L {
			p.set.cmp(p.Context, notAtMost, t, limit, decides)
			p.set.and(p.Context, decides, aside, aside)
		}
		p.set.and(p.Context, aside, result, result)
	}
}

// attenuate multiplies a value by the limit where t is not greater than 0.
func (p *x86FusedFloats) attenuate(t operand.Op, value reg.Register, b block) {
	zero, limit, decides, aside := p.vec(regZero, b), p.vec(regCap, b), p.vec(regDecides, b), p.vec(regAside, b)
	if p.masks {
		p.set.cmp(p.Context, notLess, t, zero, maskOf(1))
		p.set.mul(p.Context, limit, value, maskOf(1), value)
		return
	}
	p.set.cmp(p.Context, less, t, zero, decides)
	p.set.mul(p.Context, limit, value, aside)
	p.set.blend(p.Context, decides, value, aside, value)
}

// Comparisons of 0, or a limit, with another operand. Those that say not are true also for a NaN.
const (
	less       = operand.U8(17) // LT_OQ
	notLess    = operand.U8(21) // NLT_UQ
	notAtLeast = operand.U8(25) // NGE_UQ
	notAtMost  = operand.U8(22) // NLE_UQ
)
