package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Registers of floats: values, factors and second operands of the vectors of a
// turn.
const (
	regValue  = 0
	regFactor = 4
	regOther  = 8
)

// floats returns the arithmetic of float32 and float64.
func (p *program) floats() arithmetic {
	set := instructions[p.elem.name]
	return arithmetic{
		constants: func() {},
		plane: func(factor, shift operand.Mem, to int) {
			set.broadcast(p.Context, factor, p.vec(to, p.whole()))
			if p.shifts() {
				set.broadcast(p.Context, shift, p.vec(regShift, p.whole()))
			}
		},
		choices: func(_ operand.Mem, touch bool) {
			factor, zero, one := p.vec(regPlane, p.whole()), p.vec(regZero, p.whole()), p.vec(regOne, p.whole())
			keep, touched := p.vec(regKeep, p.whole()), p.vec(regTouch, p.whole())
			if p.tier.masks {
				keep, touched = maskKeep, maskTouch
			}
			if p.drops() {
				set.cmp(p.Context, notEqual, zero, factor, keep)
			}
			if touch {
				set.cmp(p.Context, notEqual, one, factor, touched)
			}
		},
		unit: func() {
			one := p.GP64()
			p.MOVQ(operand.U64(p.elem.one), one)
			p.VMOVQ(one, reg.X14)
			set.broadcast(p.Context, reg.X14, p.vec(regOne, p.whole()))
		},
		lanes: func(u int, factor, shift operand.Mem, w piece) {
			p.load(factor, p.vec(regFactor+u, w), w)
			if p.shifts() {
				p.load(shift, p.vec(regOther+u, w), w)
			}
			if p.drops() && p.tier.masks {
				set.cmp(p.Context, notEqual, p.vec(regZero, w), p.vec(regFactor+u, w), maskOf(u))
			}
		},
		mixed: func(from int) {
			set.mov(p.Context, p.vec(from, p.whole()), p.vec(regFactor, p.whole()))
		},
		product: func(u int, dst, src operand.Mem, h how, w piece) { p.floatProduct(set, u, dst, src, h, w) },
	}
}

// floatProduct stores the operation on src to dst.
func (p *program) floatProduct(set instructionSet, u int, dst, src operand.Mem, h how, w piece) {
	value, other := p.vec(regValue+u, w), p.vec(regOther+u, w)
	factor, keep := p.vec(h.plane, w), p.vec(regKeep, w)
	if p.tier.masks {
		keep = maskKeep
	}
	if h.row {
		factor = p.vec(regFactor+u, w)
		if p.tier.masks {
			keep = maskOf(u)
		} else if h.choose {
			keep = p.vec(regOther+u, w)
			if p.shifts() { // the shifts are there
				keep = factor
			}
		}
	}
	var from operand.Op = src
	if !w.vector() || h.touch {
		p.load(src, value, w)
		from = value
	}
	switch {
	case h.touch && p.tier.masks:
		p.operation(set)(p.Context, factor, value, maskTouch, value)
		if h.choose {
			set.movZ(p.Context, value, maskKeep, value)
		}
	case h.touch:
		p.operation(set)(p.Context, factor, value, other)
		if h.choose {
			set.and(p.Context, keep, other, other)
		}
		set.blend(p.Context, p.vec(regTouch, w), other, value, value)
	case h.choose && !p.sums() && p.tier.masks:
		p.scaleZ(set, from, factor, keep, value)
	default:
		p.scale(set, from, factor, value)
		switch {
		case h.choose && p.sums():
			// Where the factor is 0, what is added to takes the place of the sum.
			if p.readsDst() {
				p.load(dst, other, w)
			} else if !h.row {
				set.mov(p.Context, p.vec(regShift, w), other)
			}
			if p.tier.masks {
				set.add(p.Context, value, other, keep, other)
				value = other
				break
			}
			if h.row {
				keep = factor
				set.cmp(p.Context, notEqual, p.vec(regZero, w), factor, keep)
			}
			set.add(p.Context, value, other, value)
			set.blend(p.Context, keep, value, other, value)
		case h.choose:
			if h.row {
				set.cmp(p.Context, notEqual, p.vec(regZero, w), factor, keep)
			}
			set.and(p.Context, keep, value, value)
		case p.shifts() && h.row:
			set.add(p.Context, other, value, value)
		case p.shifts():
			set.add(p.Context, p.vec(regShift, w), value, value)
		case p.readsDst() && w.vector():
			set.add(p.Context, dst, value, value)
		case p.readsDst():
			p.load(dst, other, w)
			set.add(p.Context, other, value, value)
		}
	}
	p.store(value, dst, w)
}

// operation returns the instruction that multiplies a register by a factor or
// divides it. The factor is its first operand.
func (p *program) operation(set instructionSet) func(*build.Context, ...operand.Op) {
	if p.divides() {
		return set.div
	}
	return set.mul
}

// scale multiplies x, which may be in memory, by a factor or divides it.
func (p *program) scale(set instructionSet, x operand.Op, factor, to reg.Register) {
	if p.divides() {
		set.div(p.Context, factor, p.dividend(set, x, to), to)
		return
	}
	set.mul(p.Context, x, factor, to)
}

// scaleZ does what scale does in the lanes of a mask, the others become 0.
func (p *program) scaleZ(set instructionSet, x operand.Op, factor, mask, to reg.Register) {
	if p.divides() {
		set.divZ(p.Context, factor, p.dividend(set, x, to), mask, to)
		return
	}
	set.mulZ(p.Context, x, factor, mask, to)
}

// dividend returns a register with x, to if it is not in one: only a divisor may
// be in memory.
func (p *program) dividend(set instructionSet, x operand.Op, to reg.Register) operand.Op {
	if _, ok := x.(operand.Mem); !ok {
		return x
	}
	set.mov(p.Context, x, to)
	return to
}

func (p *program) load(from operand.Mem, to reg.Register, w piece) {
	switch {
	case w.mask != nil && p.half:
		p.VMOVDQU16_Z(from, w.mask, to)
	case w.mask != nil:
		instructions[p.elem.name].movZ(p.Context, from, w.mask, to)
	case w.bytes == 2:
		p.VPINSRW(operand.U8(0), from, reg.X13, to) // X13 is zero
	case w.bytes == 4:
		p.VMOVSS(from, to)
	case w.bytes == 8:
		p.VMOVSD(from, to)
	default:
		p.VMOVUPS(from, to)
	}
}

func (p *program) store(from reg.Register, to operand.Mem, w piece) {
	switch {
	case w.mask != nil && p.half:
		p.VMOVDQU16(from, w.mask, to)
	case w.mask != nil:
		instructions[p.elem.name].mov(p.Context, from, w.mask, to)
	case w.bytes == 2:
		p.VPEXTRW(operand.U8(0), from, to)
	case w.bytes == 4:
		p.VMOVSS(from, to)
	case w.bytes == 8:
		p.VMOVSD(from, to)
	case p.stream && w.bytes == p.tier.width && !w.cached:
		p.VMOVNTPS(from, to)
	default:
		p.VMOVUPS(from, to)
	}
}

// vector reports whether the piece is a whole register, which may be an operand
// in memory.
func (w piece) vector() bool { return w.mask == nil && w.bytes >= 16 }

// instructionSet is what floats of a size need of AVX2 and AVX-512.
type instructionSet struct {
	mov, mul, div, add, and, cmp, broadcast func(*build.Context, ...operand.Op)

	movZ  func(c *build.Context, from, mask, to operand.Op)
	mulZ  func(c *build.Context, x, y, mask, to operand.Op)
	divZ  func(c *build.Context, by, x, mask, to operand.Op)
	blend func(c *build.Context, choice, yes, no, to operand.Op)
}

var instructions = map[string]instructionSet{
	"F32": {
		mov:       (*build.Context).VMOVUPS,
		mul:       (*build.Context).VMULPS,
		div:       (*build.Context).VDIVPS,
		add:       (*build.Context).VADDPS,
		and:       (*build.Context).VANDPS,
		cmp:       (*build.Context).VCMPPS,
		broadcast: (*build.Context).VBROADCASTSS,
		movZ:      (*build.Context).VMOVUPS_Z,
		mulZ:      (*build.Context).VMULPS_Z,
		divZ:      (*build.Context).VDIVPS_Z,
		blend:     (*build.Context).VBLENDVPS,
	},
	"F64": {
		mov:       (*build.Context).VMOVUPD,
		mul:       (*build.Context).VMULPD,
		div:       (*build.Context).VDIVPD,
		add:       (*build.Context).VADDPD,
		and:       (*build.Context).VANDPD,
		cmp:       (*build.Context).VCMPPD,
		broadcast: (*build.Context).VBROADCASTSD,
		movZ:      (*build.Context).VMOVUPD_Z,
		mulZ:      (*build.Context).VMULPD_Z,
		divZ:      (*build.Context).VDIVPD_Z,
		blend:     (*build.Context).VBLENDVPD,
	},
}
