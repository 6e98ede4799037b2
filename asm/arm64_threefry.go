package main

import "fmt"

// Vector registers of Threefry: the two words of four sets of four blocks, and the
// counters of the next turn.
const (
	vX0    = 0
	vX1    = 4
	vSpare = 8
	vKeys  = 12 // for either word, after each four rounds
	vStart = 22 // two
	vBytes = 27 // the order of bytes that rotates by 24 bits
	vStep  = 30 // two
)

// threefry draws 16 trials a turn.
func (p *neonDrawing) threefry() {
	p.limits()
	p.wide(vBytes, 0x0407060500030201, 0x0c0f0e0d080b0a09)
	p.counters(vStart, vStep, 2)
	k := []int{xKey, xKey + 1, xKey + 2}
	for j := range 2 {
		p.ins("MOVWU", offset(xTrials, drawKey+4*j), x(k[j]))
		p.ins("VDUP", x(k[j]), p.vec(vSpare))
		p.ins("VADD", p.vec(vSpare), p.vec(vStart+j), p.vec(vStart+j))
	}
	p.ins("EORW", x(k[0]), x(k[1]), x(k[2]))
	p.ins("MOVD", raw(fmt.Sprintf("$%#x", threefryParity)), x(xScratch))
	p.ins("EORW", x(xScratch), x(k[2]), x(k[2]))
	for i := range 2 * threefryRounds / 4 {
		// As in threefryKeys.
		count := i/2 + 1
		p.ins("ADDW", imm(i%2*count), x(k[(count+i%2)%3]), x(xScratch))
		p.ins("VDUP", x(xScratch), p.vec(vKeys+i))
	}
	p.ins("LSL", imm(2), x(xWords), x(xWords))

	p.label("turn")
	for j, to := range []int{vX0, vX1} {
		for s := range 4 {
			p.ins("VMOV", v16(vStart+j), v16(to+s))
			p.ins("VADD", p.vec(vStep+j), p.vec(vStart+j), p.vec(vStart+j))
		}
	}
	for r := range threefryRounds {
		for s := range 4 {
			p.ins("VADD", p.vec(vX1+s), p.vec(vX0+s), p.vec(vX0+s))
		}
		for s := range 4 {
			p.rotate(vSpare+s, vX1+s, threefryRotations[r%8])
		}
		for s := range 4 {
			p.ins("VEOR", v16(vX0+s), v16(vSpare+s), v16(vX1+s))
		}
		for s := range 4 {
			if r%4 == 3 {
				p.ins("VADD", p.vec(vKeys+r/4*2), p.vec(vX0+s), p.vec(vX0+s))
				p.ins("VADD", p.vec(vKeys+r/4*2+1), p.vec(vX1+s), p.vec(vX1+s))
			}
		}
	}
	if p.draw == threefry {
		for s := range 4 {
			p.ins("VEOR", v16(vX1+s), v16(vX0+s), v16(vX0+s))
		}
	}
	for i := range p.outputs() {
		p.compare(vBits, [4]int{4 * i, 4*i + 1, 4*i + 2, 4*i + 3})
		p.ins("VAND", v16(vWeight), v16(vBits), v16(vBits))
		for range 3 {
			p.ins("VADDP", v16(vBits), v16(vBits), v16(vBits))
		}
		p.word(storeHalf, vBits, xBits+i)
	}
	p.ins("SUBS", imm(1), x(xWords), x(xWords))
	p.branch("BNE", "turn")
}

// rotate rotates the words of a vector to the left.
func (p *neonDrawing) rotate(to, from, by int) {
	switch by {
	case 16:
		p.ins("VREV32", vec(from, "H8"), vec(to, "H8"))
	case 24:
		p.ins("VTBL", v16(vBytes), list16(from), v16(to))
	default:
		p.ins("VSHL", imm(by), p.vec(from), p.vec(to))
		p.ins("VSRI", imm(32-by), p.vec(from), p.vec(to))
	}
}
