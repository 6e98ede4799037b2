package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of halves. A vector of halves becomes two of float32: the lower and
// the upper half of float16, the even and the odd lanes of bfloat16, so that no lane has
// to move. All vectors of a turn use the same registers: the processor renames them.
const (
	regLow        = 0
	regHigh       = 1
	regFactorLow  = 2
	regFactorHigh = 3
	regWide       = 3 // in planes: the shift as float32
	regRaw        = 4 // the vector as it is in memory
	regOld        = 5 // y, the shifts, or x: what a dropped or untouched lane gets
	regHelp       = 6
	regDropped    = 8 // in pixels of AVX2: lanes whose factor is 0

	// What bfloat16 needs in every lane of 4 bytes.
	regBias  = 9  // 0x7fff
	regLast  = 10 // 0x10001: the last bit of each half
	regUpper = 11 // 0xffff0000

	regSigns = 15 // on AVX-512: what rectify and shut need
)

// x86Halves is the arithmetic of float16 and bfloat16. The accumulator is float32
// in regLow and regHigh, not yet rounded, until finish makes halves of it.
type x86Halves struct {
	*x86
	raw reg.Register // what finish has made
}

func (p *x86Halves) constants() {
	if p.elem.name == "BF16" {
		p.lanesOf(regBias, 0x7fff)
		p.lanesOf(regLast, 0x10001)
		p.lanesOf(regUpper, 0xffff0000)
	}
	if p.masks && (p.kernel.value.applies(maximum) || p.kernel.value.applies(clipping) || p.kernel.value.applies(gating)) {
		p.signs = regSigns
		p.lanesOf(p.signs, notPositive)
	}
}

// lanesOf sets all lanes of 4 bytes of a register.
func (p *x86Halves) lanesOf(to int, bits uint32) {
	r := p.GP32()
	p.MOVL(operand.U32(bits), r)
	p.VMOVD(r, vectors[to].AsX())
	p.VPBROADCASTD(vectors[to].AsX(), p.vec(to, p.whole()))
}

func (p *x86Halves) plane(factor, shift operand.Mem, to int) {
	p.broadcastWide(factor, to)
	if p.shifts() {
		p.VPBROADCASTW(shift, p.vec(regShift, p.whole()))
		p.broadcastWide(shift, regWide)
	}
}

func (p *x86Halves) choose(factor operand.Mem, c choice) {
	whole := p.whole()
	raw, twice, zero := p.vec(regRaw, whole), p.vec(regHelp, whole), p.vec(regZero, whole)
	p.VPBROADCASTW(factor, raw)
	p.VPADDW(raw, raw, twice) // 0 if raw is a zero of either sign
	switch {
	case c.drop && p.masks:
		p.VPTESTMW(twice, twice, maskKeep)
	case c.drop:
		p.VPCMPEQW(twice, zero, p.vec(regKeep, whole)) // lanes to drop
	}
	switch {
	case c.keep && p.masks:
		p.VPCMPW(notEqual, raw, p.vec(regOne, whole), maskTouch)
	case c.keep:
		p.VPCMPEQW(raw, p.vec(regOne, whole), p.vec(regTouch, whole)) // lanes not to touch
	}
}

func (p *x86Halves) unit() {
	one := p.GP32()
	p.MOVL(operand.U32(p.elem.one), one)
	p.VMOVD(one, vectors[regOne].AsX())
	p.VPBROADCASTW(vectors[regOne].AsX(), p.vec(regOne, p.whole()))
}

func (p *x86Halves) lanes(b block, factor, shift operand.Mem) {
	if p.shifts() {
		p.load(shift, p.vec(regOld, b), b)
	}
	p.load(factor, p.vec(regRaw, b), b)
	p.factorLanes(b)
}

func (p *x86Halves) mixed(from int) {
	p.VMOVUPS(p.vec(from, p.whole()), p.vec(regRaw, p.whole()))
	p.factorLanes(p.whole())
}

// factorLanes widens the factors in regRaw and finds out which are 0.
func (p *x86Halves) factorLanes(w block) {
	p.widen(regRaw, regFactorLow, regFactorHigh, w)
	if p.drops() {
		p.dropLanes(regRaw, w)
	}
}

// dropLanes finds out which of the factors in a register are 0.
func (p *x86Halves) dropLanes(factors int, w block) {
	raw, twice := p.vec(factors, w), p.vec(regHelp, w)
	p.VPADDW(raw, raw, twice)
	if p.masks {
		p.VPTESTMW(twice, twice, maskOf(0))
	} else {
		p.VPCMPEQW(twice, p.vec(regZero, w), p.vec(regDropped, w))
	}
}

func (p *x86Halves) value(block) reg.Register { return p.raw }

func (p *x86Halves) takeX(b block, c choice) {
	if c.keep {
		p.load(p.place(toSrc, b), p.vec(regOld, b), b)
		p.widen(regOld, regLow, regHigh, b)
		return
	}
	if !c.drop {
		p.loadWide(p.place(toSrc, b), regLow, regHigh, b)
		return
	}
	raw := p.vec(regRaw, b)
	drop, keep := p.chosen(b, c)
	switch {
	case p.masks && b.bytes == p.tier.width:
		if c.row {
			p.fetchAhead(p.place(toSrc, b))
		}
		p.VMOVDQU16_Z(p.place(toSrc, b), keep, raw)
	case p.masks:
		p.load(p.place(toSrc, b), raw, b)
		p.VMOVDQU16_Z(raw, keep, raw)
	default:
		p.load(p.place(toSrc, b), raw, b)
		p.VPANDN(raw, drop, raw)
	}
	p.widen(regRaw, regLow, regHigh, b)
}

// chosen returns the register with the lanes to drop, or the mask of those to keep.
func (p *x86Halves) chosen(b block, c choice) (drop, keep reg.Register) {
	if c.row {
		return p.vec(regDropped, b), maskOf(0)
	}
	return p.vec(regKeep, b), maskKeep
}

// rectifyShift rounds its result again, which changes nothing, and adds 0 to make a
// signalling NaN quiet, as the sum with a product does.
func (p *x86Halves) rectifyShift() int {
	whole := p.whole()
	for _, x := range []int{regLow, regHigh} {
		p.VADDPS(p.vec(regZero, whole), p.vec(regWide, whole), p.vec(x, whole))
		p.rectify(instructions["F32"], p.vec(x, whole), p.vec(regFactorLow, whole), maskOf(1), whole)
	}
	p.narrow(regLow, regHigh, regRaw, whole)
	return regRaw
}

func (p *x86Halves) apply(s stage, b block, c choice) {
	accum := []int{regLow, regHigh}[:p.wides(b)]
	switch s.operator {
	case sum:
		p.add(s.leaf, accum, b, c)
		return
	case maximum:
		for _, x := range accum {
			p.rectify(instructions["F32"], p.wide(x, b), p.wide(regFactorLow, b), maskOf(1), p.wideBlock(b))
		}
		return
	}
	factors := [2]int{p.factor, p.factor}
	if c.row {
		factors = [2]int{regFactorLow, regFactorHigh}
	}
	for i, x := range accum {
		p.operation(instructions["F32"])(p.Context, p.wide(factors[i], b), p.wide(x, b), p.wide(x, b))
	}
}

// add rounds the accumulator and adds y or the shift, which stay in regOld.
func (p *x86Halves) add(leaf *expr, accum []int, b block, c choice) {
	addend := [2]int{regFactorLow, regFactorHigh}
	switch {
	case leaf == Y:
		p.load(p.place(toDst, b), p.vec(regOld, b), b)
	case c.row: // lanes has loaded the shifts
	default:
		addend = [2]int{regWide, regWide}
		if c.drop {
			p.VMOVUPS(p.vec(regShift, b), p.vec(regOld, b))
		}
	}
	for _, x := range accum {
		p.round(x, b)
	}
	if addend[0] != regWide {
		p.widen(regOld, addend[0], addend[1], b)
	}
	for i, x := range accum {
		p.VADDPS(p.wide(addend[i], b), p.wide(x, b), p.wide(x, b))
	}
}

// finish makes halves of the accumulator and gives dropped lanes, and those to be
// left as they are, what regOld has for them.
func (p *x86Halves) finish(b block, c choice) {
	raw, old := p.vec(regRaw, b), p.vec(regOld, b)
	p.narrow(regLow, regHigh, regRaw, b)
	drop, keep := p.chosen(b, c)
	switch {
	case !c.drop:
	case p.sums() && p.masks:
		p.VMOVDQU16(raw, keep, old)
		raw = old
	case p.sums():
		p.VPBLENDVB(drop, old, raw, raw)
	case p.masks:
		p.VMOVDQU16_Z(raw, keep, raw)
	default:
		p.VPANDN(raw, drop, raw)
	}
	switch {
	case c.keep && p.masks:
		p.VMOVDQU16(raw, maskTouch, old)
		raw = old
	case c.keep:
		p.VPBLENDVB(p.vec(regTouch, b), old, raw, raw)
	}
	p.raw = raw
}

// wides returns how many vectors of float32 a block becomes.
func (p *x86) wides(w block) int {
	if p.elem.name == "BF16" || w.bytes == p.tier.width {
		return 2
	}
	return 1
}

// wide returns vector register i, as wide as the float32 of a block need.
func (p *x86) wide(i int, w block) reg.Register { return p.vec(i, p.wideBlock(w)) }

// wideBlock returns a block as wide as the float32 of another need.
func (p *x86) wideBlock(w block) block {
	if p.elem.name == "BF16" {
		return block{bytes: w.bytes}
	}
	return block{bytes: min(2*w.bytes, p.tier.width)}
}

// broadcastWide sets all lanes of a register to a half from memory, as float32.
func (p *x86) broadcastWide(from operand.Mem, to int) {
	whole := p.whole()
	if p.elem.name == "BF16" {
		p.VPBROADCASTW(from, p.vec(to, whole))
		p.VPSLLD(operand.U8(16), p.vec(to, whole), p.vec(to, whole))
		return
	}
	half := p.vec(to, block{bytes: p.tier.width / 2})
	p.VPBROADCASTW(from, half)
	p.VCVTPH2PS(half, p.vec(to, whole))
}

// widen sets two registers to the halves of another, which may be high, as float32.
func (p *x86) widen(from, low, high int, w block) {
	if p.elem.name == "BF16" {
		raw := p.vec(from, w)
		p.VPSLLD(operand.U8(16), raw, p.vec(low, w))
		if w.bytes == 64 {
			p.VPANDD(raw, p.vec(regUpper, w), p.vec(high, w))
		} else {
			p.VPAND(raw, p.vec(regUpper, w), p.vec(high, w))
		}
		return
	}
	p.VCVTPH2PS(p.vec(from, block{bytes: max(16, p.wideSource(w))}), p.wide(low, w))
	if p.wides(w) == 2 {
		p.extractUpper(p.vec(from, w), p.vec(high, block{bytes: w.bytes / 2}))
		p.VCVTPH2PS(p.vec(high, block{bytes: w.bytes / 2}), p.wide(high, w))
	}
}

// loadWide sets two registers to halves from memory, as float32.
func (p *x86) loadWide(from operand.Mem, low, high int, w block) {
	if p.elem.name == "BF16" || w.tail || w.bytes < 8 {
		p.load(from, p.vec(high, w), w)
		p.widen(high, low, high, w)
		return
	}
	// From memory the conversion does not need the port that moves lanes.
	p.VCVTPH2PS(from, p.wide(low, w))
	if p.wides(w) == 2 {
		from.Disp += w.bytes / 2
		p.VCVTPH2PS(from, p.wide(high, w))
	}
}

// wideSource returns how many bytes of a block become the first vector of float32.
func (p *x86) wideSource(w block) int { return w.bytes / p.wides(w) }

func (p *x86) extractUpper(from, to reg.Register) {
	if p.tier.width == 64 {
		p.VEXTRACTI64X4(operand.U8(1), from, to)
	} else {
		p.VEXTRACTI128(operand.U8(1), from, to)
	}
}

// round rounds the float32 in a register to halves and widens them again.
func (p *x86) round(x int, w block) {
	if p.elem.name == "BF16" {
		p.roundBits(x, w)
		if w.bytes == 64 {
			p.VPANDD(p.vec(x, w), p.vec(regUpper, w), p.vec(x, w))
		} else {
			p.VPAND(p.vec(x, w), p.vec(regUpper, w), p.vec(x, w))
		}
		return
	}
	help := p.vec(regHelp, block{bytes: max(16, p.wideSource(w))})
	p.VCVTPS2PH(operand.U8(0), p.wide(x, w), help)
	p.VCVTPH2PS(help, p.wide(x, w))
}

// roundBits makes the upper 16 bits of each lane the bfloat16 nearest to its float32. It adds
// just less than half of their last bit. Ties go to even, since that bit is first joined to the lowest
// one, where it turns the scale in a tie and nowhere else. No carry can spoil a NaN: it comes from a bfloat16,
// whose lower bits are 0.
//
// VCVTNE2PS2BF16 takes subnormal numbers for 0. To look for them costs what it saves.
func (p *x86) roundBits(x int, w block) {
	bits, help := p.vec(x, w), p.vec(regHelp, w)
	p.VPSRLD(operand.U8(16), bits, help)
	if p.masks {
		p.joinBits(help, p.vec(regLast, w), bits)
	} else {
		p.VPAND(help, p.vec(regLast, w), help)
		p.VPOR(help, bits, bits)
	}
	p.VPADDD(p.vec(regBias, w), bits, bits)
}

// narrowBits rounds two registers at a time. If to is the first, regFactorLow must be free. It puts their upper halves into one register and the lower ones
// into another. An upper half goes up by one if the lower one is more than half of that, or half and the upper
// one odd. Without the subtraction of 1 where that is even, the first bit of the lower one says so.
func (p *x86) narrowBits(low, high, to int, w block) {
	upper, even := p.vec(to, w), p.vec(regHelp, w)
	if to == low {
		upper, even = even, p.vec(regFactorLow, w)
	}
	first, second := p.vec(low, w), p.vec(high, w)
	p.VPSRLD(operand.U8(16), first, upper)
	p.VPBLENDW(operand.U8(0xaa), second, upper, upper)
	p.VPSLLD(operand.U8(16), second, second)
	p.VPBLENDW(operand.U8(0xaa), second, first, first)
	p.VPANDN(p.vec(regLast, w), upper, even) // 1 where even
	p.VPSUBUSW(even, first, first)
	p.VPSRLW(operand.U8(15), first, first)
	p.VPADDW(first, upper, p.vec(to, w))
}

// joinBits joins those bits to a register that two others have in common.
func (p *x86) joinBits(a, b, to reg.Register) {
	p.VPTERNLOGD(operand.U8(0xf8), b, a, to)
}

// narrow rounds the float32 in two registers to the halves of another, which may be the first.
func (p *x86) narrow(low, high, to int, w block) {
	raw := p.vec(to, w)
	if p.elem.name == "BF16" {
		if !p.masks {
			p.narrowBits(low, high, to, w)
			return
		}
		p.roundBits(low, w)
		p.roundBits(high, w)
		p.VPSRLD(operand.U8(16), p.vec(low, w), raw)
		if w.bytes == 64 {
			p.joinBits(p.vec(high, w), p.vec(regUpper, w), raw)
		} else {
			p.VPBLENDW(operand.U8(0xaa), p.vec(high, w), raw, raw)
		}
		return
	}
	p.VCVTPS2PH(operand.U8(0), p.wide(low, w), p.vec(to, block{bytes: max(16, p.wideSource(w))}))
	if p.wides(w) == 2 {
		upper := p.vec(regHelp, block{bytes: w.bytes / 2})
		p.VCVTPS2PH(operand.U8(0), p.wide(high, w), upper)
		if w.bytes == 64 {
			p.VINSERTI64X4(operand.U8(1), upper, raw, raw)
		} else {
			p.VINSERTI128(operand.U8(1), upper, raw, raw)
		}
	}
}
