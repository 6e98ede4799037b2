package main

// Vector registers of MCG31m1: the 64 numbers of a turn, the multiplier, and room for
// four vectors of products.
const (
	vNumbers = 0
	vRatio   = 16
	vModulus = 17
	vLow     = 18 // products of the lower halves
	vHigh    = 28 // of the upper ones
)

// mcg31Bytes are the registers of the bytes that comparisons make of the numbers.
var mcg31Bytes = [4]int{22, 23, 25, 27}

// mcg31 draws 64 trials a turn. Each number is then advanced by 64 trials for the next
// turn, so that no product waits for another product of its turn.
func (p *neonDrawing) mcg31() {
	p.wide(vWeight, 0x8040201008040201, 0x8040201008040201)
	p.constant(vModulus, mcg31Modulus, "S4")
	p.ins("VDUP", x(xThreshold), p.vec(vLimit))
	for v := vNumbers; v < vNumbers+16; v += 4 {
		p.load(v, xPowers, 4*vector)
	}
	p.mcg31Factor(xFirst)
	for v := vNumbers; v < vNumbers+16; v += 4 {
		p.mcg31Step(v)
	}
	p.ins("MOVWU", at(xPowers), x(xFirst))
	p.mcg31Factor(xFirst)

	p.label("turn")
	for g, to := range mcg31Bytes {
		v := vNumbers + 4*g
		for i := range 4 {
			p.word(cmhi, vLow+i, vLimit, v+i)
		}
		p.narrowed(to, [4]int{vLow, vLow + 1, vLow + 2, vLow + 3})
		p.ins("VAND", v16(vWeight), v16(to), v16(to))
		p.mcg31Step(v)
	}
	p.joined(mcg31Bytes)
	p.ins("SUBS", imm(1), x(xWords), x(xWords))
	p.branch("BNE", "turn")
}

// mcg31Factor sets the multiplier, doubled: see mcg31Step for amd64.
func (p *neonDrawing) mcg31Factor(from int) {
	p.ins("LSL", imm(1), x(from), x(xScratch))
	p.ins("VDUP", x(xScratch), p.vec(vRatio))
}

// mcg31Step multiplies four vectors of numbers, modulo 2³¹−1.
func (p *neonDrawing) mcg31Step(from int) {
	each := func(step func(x, low, high int)) {
		for i := range 4 {
			step(from+i, vLow+i, vHigh+i)
		}
	}
	each(func(x, low, _ int) { p.word(umull, low, x, vRatio) })
	each(func(x, _, high int) { p.word(umull2, high, x, vRatio) })
	each(func(x, low, high int) { p.ins("VUZP1", p.vec(high), p.vec(low), p.vec(x)) })
	each(func(_, low, high int) { p.ins("VUZP2", p.vec(high), p.vec(low), p.vec(low)) })
	each(func(x, low, _ int) { p.ins("VUSRA", imm(1), p.vec(x), p.vec(low)) })
	each(func(_, low, high int) { p.ins("VSUB", p.vec(vModulus), p.vec(low), p.vec(high)) })
	each(func(x, low, high int) { p.ins("VUMIN", p.vec(high), p.vec(low), p.vec(x)) })
}
