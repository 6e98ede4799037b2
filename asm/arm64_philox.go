package main

// Vector registers of Philox.
const (
	vWords   = 0  // of two sets of four blocks, by set and word
	vProduct = 8  // low and high half
	vMul     = 10 // two multipliers
	vWeyl    = 12 // what is added to the keys
	vKey     = 14
	vCounter = 16 // four
	vStride  = 20 // four times the stride of each word
	vOrder   = 27
)

// philox draws 32 trials a turn. Four blocks share a vector, and their products are
// sorted into high and low halves.
func (p *neonDrawing) philox() {
	p.limits()
	p.wide(vOrder, 0x0d0905010c080400, 0x0f0b07030e0a0602) // from words of blocks to blocks of words
	for h, c := range []uint32{philoxMul0, philoxMul1, philoxWeyl0, philoxWeyl1} {
		p.constant(vMul+h, uint64(c), "S4")
	}
	for h := range 2 {
		p.ins("MOVWU", offset(xTrials, drawKey+4*h), x(xKey+h))
	}
	p.counters(vCounter, vStride, 4)
	p.ins("LSL", imm(1), x(xWords), x(xWords))

	p.label("turn")
	for h := range 2 {
		p.ins("VDUP", x(xKey+h), p.vec(vKey+h))
	}
	c := [2][4]int{{0, 1, 2, 3}, {4, 5, 6, 7}}
	for s := range c {
		for j := range 4 {
			p.ins("VMOV", v16(vCounter+j), v16(vWords+c[s][j]))
			p.ins("VADD", p.vec(vStride+j), p.vec(vCounter+j), p.vec(vCounter+j))
		}
	}
	for r := range philoxRounds {
		for s := range c {
			for h := range 2 {
				product, other := vWords+c[s][2*h], vWords+c[s][3-2*h]
				p.word(umull, vProduct, product, vMul+h)
				p.word(umull2, vProduct+1, product, vMul+h)
				p.ins("VEOR", v16(vKey+1-h), v16(other), v16(other))
				p.ins("VUZP1", p.vec(vProduct+1), p.vec(vProduct), p.vec(product))
				p.ins("VUZP2", p.vec(vProduct+1), p.vec(vProduct), p.vec(vProduct))
				p.ins("VEOR", v16(vProduct), v16(other), v16(other))
			}
			c[s] = [4]int{c[s][1], c[s][2], c[s][3], c[s][0]}
		}
		for h := range 2 {
			if r < philoxRounds-1 {
				p.ins("VADD", p.vec(vWeyl+h), p.vec(vKey+h), p.vec(vKey+h))
			}
		}
	}
	for s := range c {
		p.compare(vBits+s, c[s])
		p.ins("VTBL", v16(vOrder), list16(vBits+s), v16(vBits+s))
		p.ins("VAND", v16(vWeight), v16(vBits+s), v16(vBits+s))
	}
	for range 3 {
		p.ins("VADDP", v16(vBits+1), v16(vBits), v16(vBits))
	}
	p.ins("FMOVS.P", f(vBits), after(xBits, 4))
	p.ins("SUBS", imm(1), x(xWords), x(xWords))
	p.branch("BNE", "turn")
}
