package main

import "fmt"

// Vector registers of mt19937.
const (
	vWord = 0
	vNext = 1
	vFar  = 2
	vTemp = 3

	// Constants.
	vUpper  = 4
	vLowest = 5
	vAdded  = 6 // added if the next word is odd
	vTemper = 7 // two
)

// twister advances the whole state, vector by vector, and the rest of each piece by ever
// smaller parts of a vector. It tempers the words while they are in registers.
func (p *neonDrawing) twister() {
	for _, c := range []struct {
		v     int
		value uint64
	}{{vUpper, twisterUpper}, {vLowest, 1}, {vAdded, twisterOdd}, {vTemper, twisterTemper7}, {vTemper + 1, twisterTemper15}} {
		p.constant(c.v, c.value, "S4")
	}
	p.ins("MOVD", x(xState), x(xScratch))
	for i, t := range twists() {
		p.ins("ADD", imm(4*t.next), x(xScratch), x(xNext))
		p.ins("ADD", imm(4*t.far), x(xScratch), x(xFar))
		if n := t.n / 4; n > 0 {
			turn := fmt.Sprintf("turn%d", i)
			p.ins("MOVD", imm(n), x(xWords))
			p.label(turn)
			p.twisted(vector)
			p.ins("SUBS", imm(1), x(xWords), x(xWords))
			p.branch("BNE", turn)
		}
		for w := vector / 2; w >= 4; w /= 2 {
			if 4*t.n&int(w) > 0 {
				p.twisted(w)
			}
		}
	}
}

// twisted advances w bytes of the words and moves all pointers past them.
func (p *neonDrawing) twisted(w width) {
	word, next, far, temp := v16(vWord), v16(vNext), v16(vFar), v16(vTemp)
	p.peek(vWord, xState, w)
	p.load(vNext, xNext, w)
	p.load(vFar, xFar, w)
	p.ins("VCMTST", p.vec(vLowest), p.vec(vNext), p.vec(vTemp))
	p.ins("VBIT", v16(vUpper), word, next)
	p.ins("VUSHR", imm(1), p.vec(vNext), p.vec(vNext))
	p.ins("VAND", v16(vAdded), temp, temp)
	p.ins("VEOR", next, far, word)
	p.ins("VEOR", temp, word, word)
	p.ins(w.move()+".P", f(vWord), after(xState, int(w)))

	p.ins("VUSHR", imm(11), p.vec(vWord), p.vec(vTemp))
	p.ins("VEOR", temp, word, word)
	for i, by := range []int{7, 15} {
		p.ins("VSHL", imm(by), p.vec(vWord), p.vec(vTemp))
		p.ins("VAND", v16(vTemper+i), temp, temp)
		p.ins("VEOR", temp, word, word)
	}
	p.ins("VUSHR", imm(18), p.vec(vWord), p.vec(vTemp))
	p.ins("VEOR", temp, word, word)
	p.ins(w.move()+".P", f(vWord), after(xBits, int(w)))
}
