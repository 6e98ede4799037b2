package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Registers of halves. A vector of them becomes two of float32: of float16 its
// lower and its upper half, of bfloat16 its even and its odd lanes, so that no
// lane need move. The vectors of a turn share them all, the processor renames
// them.
const (
	regLow        = 0
	regHigh       = 1
	regFactorLow  = 2
	regFactorHigh = 3
	regWide       = 3 // in affine planes: the shift as float32
	regRaw        = 4 // the vector as it is in memory
	regOld        = 5 // what a dropped or untouched lane gets
	regHelp       = 6
	regDropped    = 8 // in pixels of AVX2: lanes whose factor is 0

	// What bfloat16 needs in every lane of 4 bytes.
	regBias  = 9  // 0x7fff
	regLast  = 10 // 1
	regUpper = 11 // 0xffff0000
)

// halves returns the arithmetic of float16 and bfloat16.
func (p *program) halves() arithmetic {
	whole := p.whole()
	return arithmetic{
		constants: func() {
			if p.elem.name != "BF16" {
				return
			}
			for _, c := range []struct {
				to   int
				bits uint32
			}{{regBias, 0x7fff}, {regLast, 1}, {regUpper, 0xffff0000}} {
				r := p.GP32()
				p.MOVL(operand.U32(c.bits), r)
				p.VMOVD(r, vectors[c.to].AsX())
				p.VPBROADCASTD(vectors[c.to].AsX(), p.vec(c.to, whole))
			}
		},
		plane: func(factor, shift operand.Mem, to int) {
			p.broadcastWide(factor, to)
			if p.shifts() {
				p.VPBROADCASTW(shift, p.vec(regShift, whole))
				p.broadcastWide(shift, regWide)
			}
		},
		choices: func(factor operand.Mem, touch bool) {
			raw, twice, zero := p.vec(regRaw, whole), p.vec(regHelp, whole), p.vec(regZero, whole)
			p.VPBROADCASTW(factor, raw)
			p.VPADDW(raw, raw, twice) // 0 if raw is a zero of either sign
			switch {
			case p.drops() && p.tier.masks:
				p.VPTESTMW(twice, twice, maskKeep)
			case p.drops():
				p.VPCMPEQW(twice, zero, p.vec(regKeep, whole)) // lanes to drop
			}
			switch {
			case touch && p.tier.masks:
				p.VPCMPW(notEqual, raw, p.vec(regOne, whole), maskTouch)
			case touch:
				p.VPCMPEQW(raw, p.vec(regOne, whole), p.vec(regTouch, whole)) // lanes not to touch
			}
		},
		unit: func() {
			one := p.GP32()
			p.MOVL(operand.U32(p.elem.one), one)
			p.VMOVD(one, vectors[regOne].AsX())
			p.VPBROADCASTW(vectors[regOne].AsX(), p.vec(regOne, whole))
		},
		lanes: func(u int, factor, shift operand.Mem, w piece) {
			if p.shifts() {
				p.load(shift, p.vec(regOld, w), w)
			}
			p.load(factor, p.vec(regRaw, w), w)
			p.factorLanes(w)
		},
		mixed: func(from int) {
			p.VMOVUPS(p.vec(from, whole), p.vec(regRaw, whole))
			p.factorLanes(whole)
		},
		product: p.halfProduct,
	}
}

// factorLanes widens the factors in regRaw and finds out which are 0.
func (p *program) factorLanes(w piece) {
	p.widen(regRaw, regFactorLow, regFactorHigh, w)
	if !p.drops() {
		return
	}
	raw, twice := p.vec(regRaw, w), p.vec(regHelp, w)
	p.VPADDW(raw, raw, twice)
	if p.tier.masks {
		p.VPTESTMW(twice, twice, maskOf(0))
	} else {
		p.VPCMPEQW(twice, p.vec(regZero, w), p.vec(regDropped, w))
	}
}

// halfProduct stores the operation on src to dst.
func (p *program) halfProduct(_ int, dst, src operand.Mem, h how, w piece) {
	p.store(p.halfValue(dst, src, h, w), dst, w)
}

// halfValue returns a register with the operation on src, to be stored to dst.
func (p *program) halfValue(dst, src operand.Mem, h how, w piece) reg.Register {
	raw, old := p.vec(regRaw, w), p.vec(regOld, w)
	if h.touch {
		p.load(src, old, w)
		p.widen(regOld, regLow, regHigh, w)
	} else {
		p.loadWide(src, w)
	}
	factors := [2]int{h.plane, h.plane}
	drop, keep := p.vec(regKeep, w), reg.Register(maskKeep)
	if h.row {
		factors = [2]int{regFactorLow, regFactorHigh}
		drop, keep = p.vec(regDropped, w), maskOf(0)
	}
	halves := []int{regLow, regHigh}[:p.wides(w)]
	for i, x := range halves {
		p.operation(instructions["F32"])(p.Context, p.wide(factors[i], w), p.wide(x, w), p.wide(x, w))
	}
	if p.sums() {
		addend := [2]int{regFactorLow, regFactorHigh}
		switch {
		case p.readsDst():
			p.load(dst, old, w)
		case h.row: // the shifts are there
		default:
			addend = [2]int{regWide, regWide}
			if h.choose {
				p.VMOVUPS(p.vec(regShift, w), old)
			}
		}
		for _, x := range halves {
			p.round(x, w)
		}
		if addend[0] != regWide {
			p.widen(regOld, addend[0], addend[1], w)
		}
		for i, x := range halves {
			p.VADDPS(p.wide(addend[i], w), p.wide(x, w), p.wide(x, w))
		}
	}
	p.narrow(w)
	if h.choose {
		switch {
		case p.sums() && p.tier.masks:
			p.VMOVDQU16(raw, keep, old)
			raw = old
		case p.sums():
			p.VPBLENDVB(drop, old, raw, raw)
		case p.tier.masks:
			p.VMOVDQU16_Z(raw, keep, raw)
		default:
			p.VPANDN(raw, drop, raw)
		}
	}
	switch {
	case h.touch && p.tier.masks:
		p.VMOVDQU16(raw, maskTouch, old)
		raw = old
	case h.touch:
		p.VPBLENDVB(p.vec(regTouch, w), old, raw, raw)
	}
	return raw
}

// halfValues does the operation on several places with the same or with different
// factors, all loads ahead of all stores. It needs a register for each.
func (p *program) halfValues(dst, src []operand.Mem, h func(i int) how, hold []int, w piece) {
	for i := range dst {
		p.VMOVUPS(p.halfValue(dst[i], src[i], h(i), w), p.vec(hold[i], w))
	}
	for i := range dst {
		p.store(p.vec(hold[i], w), dst[i], w)
	}
}

// wides returns how many vectors of float32 a piece becomes.
func (p *program) wides(w piece) int {
	if p.elem.name == "BF16" || w.bytes == p.tier.width {
		return 2
	}
	return 1
}

// wide returns vector register i as wide as the piece's float32 need.
func (p *program) wide(i int, w piece) reg.Register {
	bytes := w.bytes
	if p.elem.name != "BF16" {
		bytes = min(2*bytes, p.tier.width)
	}
	return p.vec(i, piece{bytes: bytes})
}

// broadcastWide sets all lanes of a register to a half in memory, as float32.
func (p *program) broadcastWide(from operand.Mem, to int) {
	whole := p.whole()
	if p.elem.name == "BF16" {
		p.VPBROADCASTW(from, p.vec(to, whole))
		p.VPSLLD(operand.U8(16), p.vec(to, whole), p.vec(to, whole))
		return
	}
	half := p.vec(to, piece{bytes: p.tier.width / 2})
	p.VPBROADCASTW(from, half)
	p.VCVTPH2PS(half, p.vec(to, whole))
}

// widen sets two registers to the float32 of the halves in another.
func (p *program) widen(from, low, high int, w piece) {
	if p.elem.name == "BF16" {
		raw := p.vec(from, w)
		if w.bytes == 64 {
			p.VPANDD(raw, p.vec(regUpper, w), p.vec(high, w))
		} else {
			p.VPAND(raw, p.vec(regUpper, w), p.vec(high, w))
		}
		p.VPSLLD(operand.U8(16), raw, p.vec(low, w))
		return
	}
	lower := p.vec(from, piece{bytes: max(16, p.wideSource(w))})
	if p.wides(w) == 2 {
		p.extractUpper(p.vec(from, w), p.vec(high, piece{bytes: w.bytes / 2}))
		p.VCVTPH2PS(p.vec(high, piece{bytes: w.bytes / 2}), p.wide(high, w))
	}
	p.VCVTPH2PS(lower, p.wide(low, w))
}

// loadWide sets regLow and regHigh to the float32 of the halves in memory.
func (p *program) loadWide(from operand.Mem, w piece) {
	if p.elem.name == "BF16" || w.mask != nil || w.bytes < 8 {
		p.load(from, p.vec(regRaw, w), w)
		p.widen(regRaw, regLow, regHigh, w)
		return
	}
	// From memory the conversion does not need the port that moves lanes.
	p.VCVTPH2PS(from, p.wide(regLow, w))
	if p.wides(w) == 2 {
		from.Disp += w.bytes / 2
		p.VCVTPH2PS(from, p.wide(regHigh, w))
	}
}

// wideSource returns how many bytes of a piece become the first vector of float32.
func (p *program) wideSource(w piece) int { return w.bytes / p.wides(w) }

func (p *program) extractUpper(from, to reg.Register) {
	if p.tier.width == 64 {
		p.VEXTRACTI64X4(operand.U8(1), from, to)
	} else {
		p.VEXTRACTI128(operand.U8(1), from, to)
	}
}

// round rounds the float32 in a register to halves and widens them again.
func (p *program) round(x int, w piece) {
	if p.elem.name == "BF16" {
		p.roundBits(x, w)
		if w.bytes == 64 {
			p.VPANDD(p.vec(x, w), p.vec(regUpper, w), p.vec(x, w))
		} else {
			p.VPAND(p.vec(x, w), p.vec(regUpper, w), p.vec(x, w))
		}
		return
	}
	help := p.vec(regHelp, piece{bytes: max(16, p.wideSource(w))})
	p.VCVTPS2PH(operand.U8(0), p.wide(x, w), help)
	p.VCVTPH2PS(help, p.wide(x, w))
}

// roundBits makes the upper 16 bits of each lane the nearest bfloat16 of its
// float32: it adds just less than half of their last bit, or half of it where
// that makes it even. A NaN would be spoilt if a carry went through its bits,
// but none does: it comes from a bfloat16 and so has no lower bits.
func (p *program) roundBits(x int, w piece) {
	bits, help := p.vec(x, w), p.vec(regHelp, w)
	p.VPSRLD(operand.U8(16), bits, help)
	if w.bytes == 64 {
		p.VPANDD(help, p.vec(regLast, w), help)
	} else {
		p.VPAND(help, p.vec(regLast, w), help)
	}
	p.VPADDD(p.vec(regBias, w), bits, bits)
	p.VPADDD(help, bits, bits)
}

// narrow rounds the float32 of a piece to the halves of regRaw.
func (p *program) narrow(w piece) {
	raw := p.vec(regRaw, w)
	if p.elem.name == "BF16" {
		low, high := p.vec(regLow, w), p.vec(regHigh, w)
		p.roundBits(regLow, w)
		p.roundBits(regHigh, w)
		p.VPSRLD(operand.U8(16), low, raw)
		if w.bytes == 64 {
			p.VPTERNLOGD(operand.U8(0xf8), p.vec(regUpper, w), high, raw) // raw | high & upper
		} else {
			p.VPBLENDW(operand.U8(0xaa), high, raw, raw)
		}
		return
	}
	lower := p.vec(regRaw, piece{bytes: max(16, p.wideSource(w))})
	p.VCVTPS2PH(operand.U8(0), p.wide(regLow, w), lower)
	if p.wides(w) == 2 {
		upper := p.vec(regHelp, piece{bytes: w.bytes / 2})
		p.VCVTPS2PH(operand.U8(0), p.wide(regHigh, w), upper)
		if w.bytes == 64 {
			p.VINSERTI64X4(operand.U8(1), upper, raw, raw)
		} else {
			p.VINSERTI128(operand.U8(1), upper, raw, raw)
		}
	}
}
