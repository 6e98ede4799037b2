package main

// Vector registers of comparisons: up to eight of words, and four of bytes.
const (
	vSome   = 0
	vTrials = 16
)

// comparison compares 64 trials a turn, and the rest eight by eight.
func (p *neonDrawing) comparison() {
	p.wide(vWeight, 0x8040201008040201, 0x8040201008040201)
	if p.draw == comparePairs {
		p.wide(vCounts, 1<<pairBits-1, 1<<pairBits-1)
		p.ins("VDUP", x(xThreshold), vec(vLimit, "D2"))
	} else {
		p.ins("VDUP", x(xMask), p.vec(vCounts))
		p.ins("VDUP", x(xThreshold), p.vec(vLimit))
	}
	p.ins("AND", imm(7), x(xWords), x(xRest))
	p.ins("LSR", imm(3), x(xWords), x(xWords))
	p.ins("CBZ", x(xWords), raw("rest"))
	p.label("turn")
	for g := range 4 {
		p.compared(vTrials+g, 16)
	}
	p.joined([4]int{vTrials, vTrials + 1, vTrials + 2, vTrials + 3})
	p.ins("SUBS", imm(1), x(xWords), x(xWords))
	p.branch("BNE", "turn")

	p.label("rest")
	p.ins("CBZ", x(xRest), raw("done"))
	p.label("eight")
	p.compared(vTrials, 8)
	for range 3 {
		p.ins("VADDP", v16(vTrials), v16(vTrials), v16(vTrials))
	}
	p.ins("VMOV", vec(vTrials, "B[0]"), x(xScratch))
	p.ins("MOVB.P", x(xScratch), after(xBits, 1))
	p.ins("SUBS", imm(1), x(xRest), x(xRest))
	p.branch("BNE", "eight")
	p.label("done")
}

// compared makes bytes of the next 16 or 8 trials: the byte's weight if the trial's number
// is less than the threshold, else 0. The bytes of 8 trials are in the lower half.
func (p *neonDrawing) compared(to, trials int) {
	from := [4]int{vSome, vSome + 1, vSome + 2, vSome + 3}
	if p.draw == compareWords {
		p.load(vSome, xFrom, width(4*trials))
		p.compare(to, from)
	} else {
		for v := vSome; v < vSome+trials/2; v += 4 {
			p.load(v, xFrom, 4*vector)
		}
		for v := vSome; v < vSome+trials/2; v++ {
			// The first word of a pair is the high one.
			p.ins("VREV64", p.vec(v), p.vec(v))
		}
		for v := vSome; v < vSome+trials/2; v++ {
			p.ins("VAND", v16(vCounts), v16(v), v16(v))
		}
		for v := vSome; v < vSome+trials/2; v++ {
			p.wideWord(cmhi, v, vLimit, v)
		}
		for i := range trials / 4 {
			p.ins("VUZP1", p.vec(vSome+2*i+1), p.vec(vSome+2*i), p.vec(vSome+i))
		}
		p.narrowed(to, from)
	}
	p.ins("VAND", v16(vWeight), v16(to), v16(to))
}

// joined adds up the weights in four vectors of bytes and writes the 64 bits.
func (p *neonDrawing) joined(from [4]int) {
	for _, pair := range [][2]int{{0, 1}, {2, 3}, {0, 2}, {0, 0}} {
		p.ins("VADDP", v16(from[pair[1]]), v16(from[pair[0]]), v16(from[pair[0]]))
	}
	p.ins("FMOVD.P", f(from[0]), after(xBits, 8))
}

// wideWord adds an instruction on lanes of 8 bytes.
func (p *neonDrawing) wideWord(e encoding, registers ...int) {
	p.size = 8
	p.word(e, registers...)
	p.size = 4
}
