package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of floats, four of each for the vectors of a turn: the accumulator,
// the factors, and y or the shifts.
const (
	regValue  = 0
	regFactor = 4
	regOther  = 8
)

// x86Floats is the arithmetic of float32 and float64.
type x86Floats struct {
	*x86
	set   instructionSet
	accum operand.Op // the accumulator
}

func (p *x86Floats) constants() {}

func (p *x86Floats) plane(factor, shift operand.Mem, to int) {
	p.set.broadcast(p.Context, factor, p.vec(to, p.whole()))
	if p.shifts() {
		p.set.broadcast(p.Context, shift, p.vec(regShift, p.whole()))
	}
}

func (p *x86Floats) choose(_ operand.Mem, c choice) {
	factor, zero, one := p.vec(regPlane, p.whole()), p.vec(regZero, p.whole()), p.vec(regOne, p.whole())
	keep, touched := p.vec(regKeep, p.whole()), p.vec(regTouch, p.whole())
	if p.masks {
		keep, touched = maskKeep, maskTouch
	}
	if c.drop {
		p.set.cmp(p.Context, notEqual, zero, factor, keep)
	}
	if c.keep {
		p.set.cmp(p.Context, notEqual, one, factor, touched)
	}
}

func (p *x86Floats) unit() {
	one := p.GP64()
	p.MOVQ(operand.U64(p.elem.one), one)
	p.VMOVQ(one, reg.X14)
	p.set.broadcast(p.Context, reg.X14, p.vec(regOne, p.whole()))
}

func (p *x86Floats) lanes(b block, factor, shift operand.Mem) {
	u := b.vector
	p.load(factor, p.vec(regFactor+u, b), b)
	if p.shifts() {
		p.load(shift, p.vec(regOther+u, b), b)
	}
	if p.drops() && p.masks {
		p.set.cmp(p.Context, notEqual, p.vec(regZero, b), p.vec(regFactor+u, b), maskOf(u))
	}
}

func (p *x86Floats) mixed(from int) {
	p.set.mov(p.Context, p.vec(from, p.whole()), p.vec(regFactor, p.whole()))
}

func (p *x86Floats) value(block) reg.Register { return p.accum.(reg.Register) }

// takeX leaves x in memory if the operation on it can read it there.
func (p *x86Floats) takeX(b block, c choice) {
	src := p.place(toSrc, b)
	p.accum = src
	value := p.vec(regValue+b.vector, b)
	if !b.operand() && !(c.drop && b.tail) || c.keep {
		p.load(src, value, b)
		p.accum = value
	}
	switch {
	case !c.drop:
		return
	case p.masks:
		if c.row {
			p.fetchAhead(p.accum)
		}
		p.set.movZ(p.Context, p.accum, p.mask(b, c), value)
	default:
		keep := p.vec(regKeep, b)
		if c.row {
			p.set.cmp(p.Context, notEqual, p.vec(regZero, b), p.factors(b, c), keep)
		}
		p.set.and(p.Context, p.accum, keep, value)
	}
	p.accum = value
}

func (p *x86Floats) apply(s stage, b block, c choice) {
	switch s.operator {
	case sum:
		p.add(s.leaf, b, c)
	case maximum:
		value := p.vec(regValue+b.vector, b)
		p.rectify(p.set, value, p.vec(regOther+b.vector, b), maskOf(b.vector), b)
	default:
		p.scale(b, c)
	}
}

// rectifyShift adds 0 to make a signalling NaN quiet, as the sum with a product does.
func (p *x86Floats) rectifyShift() int {
	p.set.add(p.Context, p.vec(regZero, p.whole()), p.vec(regShift, p.whole()), p.vec(regShift, p.whole()))
	p.rectify(p.set, p.vec(regShift, p.whole()), p.vec(regOther, p.whole()), maskOf(0), p.whole())
	return regShift
}

// finish has nothing to do: apply chooses, on AVX-512 by the mask of an operation.
func (p *x86Floats) finish(block, choice) {}

// factors returns the register with the factor of a block.
func (p *x86Floats) factors(b block, c choice) reg.Register {
	if c.row {
		return p.vec(regFactor+b.vector, b)
	}
	return p.vec(p.factor, b)
}

// mask returns the mask of lanes with a factor other than 0.
func (p *x86Floats) mask(b block, c choice) reg.Register {
	if c.row {
		return maskOf(b.vector)
	}
	return maskKeep
}

// scale multiplies x by the factor or divides it.
func (p *x86Floats) scale(b block, c choice) {
	value, other, factor := p.vec(regValue+b.vector, b), p.vec(regOther+b.vector, b), p.factors(b, c)
	x := p.accum
	p.accum = value
	switch {
	case c.keep && p.masks:
		p.operation(p.set)(p.Context, factor, value, maskTouch, value)
		if c.drop {
			p.set.movZ(p.Context, value, maskKeep, value)
		}
	case c.keep:
		p.operation(p.set)(p.Context, factor, value, other)
		if c.drop {
			p.set.and(p.Context, p.vec(regKeep, b), other, other)
		}
		p.set.blend(p.Context, p.vec(regTouch, b), other, value, value)
	case c.drop && p.masks:
		if c.row {
			p.fetchAhead(x)
		}
		p.scaledZ(p.set, x, factor, p.mask(b, c), value)
	case c.drop:
		p.scaled(p.set, x, factor, value)
		keep := p.vec(regKeep, b)
		if c.row {
			keep = other
			p.set.cmp(p.Context, notEqual, p.vec(regZero, b), factor, keep)
		}
		p.set.and(p.Context, keep, value, value)
	default:
		p.scaled(p.set, x, factor, value)
	}
}

// add adds y or the shift, which takes the place of the sum in a dropped lane.
func (p *x86Floats) add(leaf *expr, b block, c choice) {
	value, other, factor := p.vec(regValue+b.vector, b), p.vec(regOther+b.vector, b), p.factors(b, c)
	var addend operand.Op = other
	switch {
	case leaf == Y && !c.drop && b.operand():
		addend = p.place(toDst, b)
	case leaf == Y:
		p.load(p.place(toDst, b), other, b)
	case c.row: // lanes has loaded the shifts
	case c.drop:
		p.set.mov(p.Context, p.vec(regShift, b), other)
	default:
		addend = p.vec(regShift, b)
	}
	switch {
	case !c.drop:
		p.set.add(p.Context, addend, value, value)
	case p.masks:
		p.set.add(p.Context, value, other, p.mask(b, c), other)
		p.accum = other
	default:
		keep := p.vec(regKeep, b)
		if c.row {
			keep = factor // the shifts are in other
			p.set.cmp(p.Context, notEqual, p.vec(regZero, b), factor, keep)
		}
		p.set.add(p.Context, value, other, value)
		p.set.blend(p.Context, keep, value, other, value)
	}
}

// rectify sets what is negative to 0. MAXPS would keep -0, or lose a NaN. It needs
// another register, or a mask register.
func (p *x86) rectify(set instructionSet, value, help, mask reg.Register, w block) {
	switch {
	case p.signs != 0:
		p.clearNotPositive(value, value, w)
		return
	case p.masks:
		set.cmp(p.Context, positive, p.vec(regZero, w), value, mask)
		set.movZ(p.Context, value, mask, value)
		return
	}
	set.cmp(p.Context, positive, p.vec(regZero, w), value, help)
	set.and(p.Context, help, value, value)
}

// notPositive is a table for VFIXUPIMMPS by which zeros, negative numbers and -Inf give +0 (response 8), and all
// others, NaNs among them, leave what is there.
const notPositive = 8<<(4*2) | 8<<(4*4) | 8<<(4*6)

// clearNotPositive sets float32 to +0 where t is 0 or less.
func (p *x86) clearNotPositive(t, value reg.Register, w block) {
	p.VFIXUPIMMPS(operand.U8(0), p.vec(p.signs, w), t, value)
}

// operation returns the instruction that multiplies a register by a factor or
// divides it by one. The factor is its first operand.
func (p *x86) operation(set instructionSet) func(*build.Context, ...operand.Op) {
	return set.binary(p.scaling())
}

// scaled multiplies x, which may be in memory, by a factor, or divides it by one.
func (p *x86) scaled(set instructionSet, x operand.Op, factor, to reg.Register) {
	if p.divides() {
		set.div(p.Context, factor, p.dividend(set, x, to), to)
		return
	}
	set.mul(p.Context, x, factor, to)
}

// scaledZ is scaled in the lanes of a mask, and sets the others to 0.
func (p *x86) scaledZ(set instructionSet, x operand.Op, factor, mask, to reg.Register) {
	if p.divides() {
		set.divZ(p.Context, factor, p.dividend(set, x, to), mask, to)
		return
	}
	set.mulZ(p.Context, x, factor, mask, to)
}

// loadAhead is how many bytes ahead of a load under a mask its cache line is prefetched. In the core it is what
// a strategy says, and this is the default but for some processors.
// The processor does not do so by itself on Zen 5: rows of which half of the channels are
// dropped, in no cache before, take 1.5 times as long as without a mask (0.8 to 6 MB,
// float32, AVX-512). Prefetched, they take as long as without, and in the cache 1.0 to 1.07
// times as long as not prefetched. Distances from 256 to 4096 bytes bring the same from memory, and
// 2048 costs least in the cache. Loads of whole vectors with a mask at the product cost
// 1.0 to 1.14 times in the cache, and a whole load for one line in four brings a tenth only.
// Rows of float64 take 0.5 to 0.75 times as long with it from memory and 0.95 to 1.07 times in the
// cache. It makes little difference to halves, which compute for longer: 0.7 to 1.2 times from
// memory, on average 1.0, and 0.97 to 1.04 times in the cache.
const loadAhead = 2048

// fetchesLoads reports whether the kernel loads under the masks of a row, and so prefetches ahead of its loads. How
// far ahead is a variable of package kernel, since processors differ.
func (p *x86) fetchesLoads() bool {
	return p.family == core && p.masks && p.pixels && p.drops()
}

// fetchAhead prefetches what lies that far after x, if x is in memory. At a distance of 0 that is the line that is
// loaded next.
func (p *x86) fetchAhead(x operand.Op) {
	from, ok := x.(operand.Mem)
	switch {
	case !ok:
		return
	case from.Index == nil:
		from.Index, from.Scale = p.loads, 1
	default:
		from.Base = p.quarters
	}
	p.PREFETCHT0(from)
}

// dividend returns a register with x: only a divisor may be in memory. It loads x to
// to if x is in memory.
func (p *x86) dividend(set instructionSet, x operand.Op, to reg.Register) operand.Op {
	if _, ok := x.(operand.Mem); !ok {
		return x
	}
	set.mov(p.Context, x, to)
	return to
}

func (p *x86) load(from operand.Mem, to reg.Register, w block) {
	switch {
	case w.tail && p.half:
		p.VMOVDQU16_Z(from, maskTail, to)
	case w.tail:
		instructions[p.elem.name].movZ(p.Context, from, maskTail, to)
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

func (p *x86) store(from reg.Register, to operand.Mem, w block) {
	switch {
	case w.tail && p.half:
		p.VMOVDQU16(from, maskTail, to)
	case w.tail:
		instructions[p.elem.name].mov(p.Context, from, maskTail, to)
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

// operand reports whether a block is a whole register, which may be an operand in
// memory.
func (w block) operand() bool { return !w.tail && w.bytes >= 16 }

// instructionSet holds the instructions of AVX2 and AVX-512 for one size of floats.
type instructionSet struct {
	mov, mul, div, add, and, cmp, min, broadcast func(*build.Context, ...operand.Op)

	movZ  func(c *build.Context, from, mask, to operand.Op)
	mulZ  func(c *build.Context, x, y, mask, to operand.Op)
	divZ  func(c *build.Context, by, x, mask, to operand.Op)
	blend func(c *build.Context, choice, yes, no, to operand.Op)
}

// binary returns the instruction of an operator on two numbers.
func (set instructionSet) binary(op operator) func(*build.Context, ...operand.Op) {
	return map[operator]func(*build.Context, ...operand.Op){product: set.mul, quotient: set.div, sum: set.add}[op]
}

var instructions = map[string]instructionSet{
	"F32": {
		mov:       (*build.Context).VMOVUPS,
		mul:       (*build.Context).VMULPS,
		div:       (*build.Context).VDIVPS,
		add:       (*build.Context).VADDPS,
		and:       (*build.Context).VANDPS,
		cmp:       (*build.Context).VCMPPS,
		min:       (*build.Context).VMINPS,
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
		min:       (*build.Context).VMINPD,
		broadcast: (*build.Context).VBROADCASTSD,
		movZ:      (*build.Context).VMOVUPD_Z,
		mulZ:      (*build.Context).VMULPD_Z,
		divZ:      (*build.Context).VDIVPD_Z,
		blend:     (*build.Context).VBLENDVPD,
	},
}
