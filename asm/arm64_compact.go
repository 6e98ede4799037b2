package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
)

// General registers of compaction.
const (
	// Of planes.
	xBase   = 13 // of the planes of a group, where they are not packed
	xGroup  = 14 // how many there are
	xKept   = 15 // a bit for each that is kept
	xToWalk = 19 // the bits that are left

	// Of pixels.
	xWhole  = 13 // the last place where packed has a whole vector
	xChosen = 14 // how many channels of a step are kept
	xTable  = 15 // by which lanes are compressed or expanded
	xTail   = 19 // channels of a row that are no whole step
	xLast   = 22 // the last place where packed has a whole vector after what is kept of a row

	xHelp = 20
	xMore = 21
)

// Vector registers of pixels that are compacted, beside vValue, vFactor, vOther and vMask.
const (
	vWeights = 24 // for each lane what it adds to the sum by which the table is entered
	vSource  = 25 // for each byte the one that it comes from
	vPart    = 26
)

// neonCompactor is the machine of both tiers of arm64 with the loops of compaction.
type neonCompactor struct {
	*neon
	ladder
}

func (p *neonCompactor) jumpIf(c condition, to string) {
	switch c {
	case noPlane:
		p.branch("CBZ", to, x(xToWalk))
	case anotherPlane:
		p.ins("SUB", imm(1), x(xToWalk), x(xHelp))
		p.ins("AND", x(xHelp), x(xToWalk), x(xToWalk))
		p.branch("CBNZ", to, x(xToWalk))
	case anotherGroup:
		p.ins("MUL", x(xBytes), x(xGroup), x(xHelp))
		p.ins("ADD", x(xHelp), x(xBase), x(xBase))
		p.ins("LSL", imm(p.shift()), x(xGroup), x(xHelp))
		p.ins("ADD", x(xHelp), x(xFactors), x(xFactors))
		p.ins("SUBS", x(xGroup), x(xCount), x(xCount))
		p.branch("BNE", to)
	case anotherStep:
		p.neon.jumpIf(again(p.lanes()), to)
	case wholeRow:
		p.branch("CBZ", to, x(xTail))
	case near:
		p.ins("CMP", x(xWhole), x(p.packed()))
		p.branch("BHI", to)
	case last:
		p.ins("CMP", x(xLast), x(p.packed()))
		p.branch("BHI", to)
	default:
		p.neon.jumpIf(c, to)
	}
}

func (p *neonCompactor) startGroups(bool) {
	p.start(longWalk, choice{})
	if p.kernel.gathers() {
		p.ins("MOVD", x(xSrc), x(xBase))
	} else {
		p.ins("MOVD", x(xDst), x(xBase))
	}
}

// takeGroup shifts a bit in for each factor, which leaves a carry unless it is 0, from the last
// one to the first.
func (p *neonCompactor) takeGroup(label string) {
	p.ins("MOVD", imm(groupPlanes), x(xGroup))
	p.ins("CMP", x(xGroup), x(xCount))
	p.ins("CSEL", raw("GT"), x(xGroup), x(xCount), x(xGroup))
	p.ins("LSL", imm(p.shift()), x(xGroup), x(xHelp))
	p.ins("ADD", x(xFactors), x(xHelp), x(xHelp))
	p.ins("MOVD", imm(0), x(xToWalk))
	p.label(label)
	p.ins("SUB", imm(p.size), x(xHelp), x(xHelp))
	p.ins(map[int]string{2: "MOVHU", 4: "MOVWU", 8: "MOVD"}[p.size], at(xHelp), x(xMore))
	p.ins("LSL", imm(65-8*p.size), x(xMore), x(xMore))
	p.ins("CMP", imm(1), x(xMore))
	p.ins("ADC", x(xToWalk), x(xToWalk), x(xToWalk))
	p.ins("CMP", x(xHelp), x(xFactors))
	p.branch("BNE", label)
	if p.dropped == Zero {
		p.ins("MOVD", x(xToWalk), x(xKept))
	}
}

func (p *neonCompactor) turnGroup() {
	p.ins("MOVD", imm(1), x(xToWalk))
	p.ins("LSL", x(xGroup), x(xToWalk), x(xToWalk))
	p.ins("SUB", imm(1), x(xToWalk), x(xToWalk))
	p.ins("EOR", x(xKept), x(xToWalk), x(xToWalk))
}

func (p *neonCompactor) toPlane() {
	to := xDst
	if p.kernel.gathers() {
		to = xSrc
	}
	p.ins("RBIT", x(xToWalk), x(xHelp))
	p.ins("CLZ", x(xHelp), x(xHelp))
	p.ins("LSL", imm(p.shift()), x(xHelp), x(xMore))
	p.ins("ADD", x(xFactors), x(xMore), x(xMore))
	p.ins("VLD1R", at(xMore), p.list(p.bits(vPlane), 1))
	if p.half {
		p.widen(vPlane, p.bits(vPlane), vector/2)
	}
	p.ins("MUL", x(xBytes), x(xHelp), x(xHelp))
	p.ins("ADD", x(xBase), x(xHelp), x(to))
}

func (p *neonCompactor) endGroups() {}

func (p *neonCompactor) splat(*expr) { p.splatDropped() }

// step is how many bytes of elements a step takes. Halves have half a vector, which becomes one of
// float32.
func (p *neonCompactor) step() width {
	if p.size == 2 {
		return vector / 2
	}
	return vector
}

func (p *neonCompactor) lanes() int { return int(p.step()) / p.size }

// packed returns the pointer to what is packed.
func (p *neonCompactor) packed() int {
	if p.kernel.gathers() {
		return xDst
	}
	return xSrc
}

func (p *neonCompactor) startLanes() {
	table, weights := p.table()
	p.ins("MOVD", raw("$"+table+"<>+0(SB)"), x(xTable))
	p.ins("ADD", imm(weights), x(xTable), x(xHelp))
	p.ins("FMOVQ", at(xHelp), f(vWeights))
	p.ins("AND", imm(p.lanes()-1), x(xLength), x(xTail))
	p.ins("MOVD", imm(0), x(xWhole))
}

func (p *neonCompactor) countLanes() { p.ins("ADD", x(xChosen), x(xWhole), x(xWhole)) }

func (p *neonCompactor) endLanes() {
	p.ins("LSL", imm(p.shift()), x(xWhole), x(xLast))
	p.ins("MUL", x(xCount), x(xLast), x(xWhole))
	p.ins("ADD", x(p.packed()), x(xWhole), x(xWhole))
	p.ins("SUB", imm(int(p.step())), x(xWhole), x(xWhole))
	p.ins("SUB", x(xLast), x(xWhole), x(xLast))
}

func (p *neonCompactor) startSteps(to string) {
	p.startRow()
	p.restart()
	p.jumpIf(fewer(p.lanes()), to)
}

// countBits is how many bits of the sum of the weights count the channels that are kept. Above
// them it has a bit for each.
func (p *neonCompactor) countBits() int {
	if p.size == 2 {
		return 3
	}
	return 4
}

// takeLanes adds the weights of the lanes that are kept. Where the number of those is left out of
// the sum, it is an offset in the table.
func (p *neonCompactor) takeLanes(tail bool) {
	if tail {
		p.partIn(vFactor, xRow, xTail)
	} else {
		p.load(vFactor, xRow, p.step())
	}
	p.notZero(vMask, vFactor)
	p.ins("VAND", v16(vWeights), v16(vMask), v16(vPart))
	for n := p.lanes(); n > 1; n /= 2 {
		p.ins("VADDP", p.vec(vPart), p.vec(vPart), p.vec(vPart))
	}
	p.ins("VMOV", raw(fmt.Sprintf("V%d.%s[0]", vPart, map[int]string{2: "H", 4: "S", 8: "D"}[p.size])), x(xHelp))
	p.ins("AND", imm(1<<p.countBits()-1), x(xHelp), x(xChosen))
	p.ins("SUB", x(xChosen), x(xHelp), x(xHelp))
	p.ins("ADD", x(xTable), x(xHelp), x(xHelp))
	p.ins(p.step().move(), at(xHelp), f(vSource))
}

func (p *neonCompactor) permute() {
	p.ins("VTBL", v16(vSource), raw(fmt.Sprintf("[V%d.B16]", vValue)), v16(vValue))
}

func (p *neonCompactor) compress(tail bool) {
	if tail {
		p.partIn(vValue, xSrc, xTail)
		p.move(xSrc, xTail)
	} else {
		p.load(vValue, xSrc, p.step())
	}
	p.arithmetic(fmul, vValue, vValue, vFactor, p.step())
	p.permute()
}

func (p *neonCompactor) putPacked(whole bool) {
	if !whole {
		p.partOut(vValue, xChosen)
		return
	}
	p.ins(p.step().move(), f(vValue), at(xDst))
	p.move(xDst, xChosen)
}

func (p *neonCompactor) takePacked(whole bool) {
	if whole {
		p.peek(vValue, xSrc, p.step())
	} else {
		p.partIn(vValue, xSrc, xChosen)
	}
	p.move(xSrc, xChosen)
}

func (p *neonCompactor) expand(tail bool) {
	p.permute()
	p.arithmetic(fmul, vValue, vValue, vFactor, p.step())
	if p.sums() {
		if tail {
			p.partIn(vOther, xDst, xTail)
		} else {
			p.peek(vOther, xDst, p.step())
		}
		p.arithmetic(fadd, vValue, vOther, vValue, p.step())
	}
	p.otherwise(vValue, vOther, vMask)
	if tail {
		p.partOut(vValue, xTail)
	} else {
		p.store(vValue, p.step())
	}
}

// move moves a pointer by some elements.
func (p *neonCompactor) move(pointer, elements int) {
	p.ins("LSL", imm(p.shift()), x(elements), x(xHelp))
	p.ins("ADD", x(xHelp), x(pointer), x(pointer))
}

// partIn loads the first elements of a step, fewer than all, and clears the other lanes. It takes as
// many from the end as the lowest bit of n says, and so on.
func (p *neonCompactor) partIn(v, from, n int) {
	p.ins("LSL", imm(p.shift()), x(n), x(xMore))
	p.ins("ADD", x(from), x(xMore), x(xMore))
	p.ins("VEOR", v16(v), v16(v), v16(v))
	p.climb(partsUp(p.lanes()), p.unlessBit(n), p.label, func(elements int) {
		w := width(elements * p.size)
		p.ins("SUB", imm(int(w)), x(xMore), x(xMore))
		if elements == 1 {
			p.peek(v, xMore, w)
		} else {
			lanes := map[width]string{4: "S4", 8: "D2"}[w]
			p.peek(vPart, xMore, w)
			p.ins("VZIP1", vec(v, lanes), vec(vPart, lanes), vec(v, lanes))
		}
	})
}

// partOut stores the first elements of a step, fewer than all, to dst, and moves it past them.
func (p *neonCompactor) partOut(v, n int) {
	p.climb(partsDown(p.lanes()), p.unlessBit(n), p.label, func(elements int) {
		w := width(elements * p.size)
		p.store(v, w)
		if elements > 1 {
			lane := map[width]string{4: "S", 8: "D"}[w]
			p.ins("VMOV", raw(fmt.Sprintf("V%d.%s[1]", v, lane)), raw(fmt.Sprintf("V%d.%s[0]", v, lane)))
		}
	})
}

// unlessBit returns what jumps unless a number has a bit.
func (p *neonCompactor) unlessBit(n int) func(int, string) {
	return func(bit int, to string) { p.branch("TBZ", to, imm(bits.TrailingZeros(uint(bit))), x(n)) }
}

// table returns the name of the table of the kernel, and where in it the weights begin.
func (p *neonCompactor) table() (name string, weights int) {
	name = "expand"
	if p.kernel.gathers() {
		name = "compress"
	}
	return name, 1 << p.lanes() * int(p.step())
}

// orderTable returns the table by which lanes are compressed or expanded: for each byte the one that
// it comes from, or the first one where nothing is. The weights follow.
func (p *neonCompactor) orderTable() *ir.Global {
	name, _ := p.table()
	g := ir.NewStaticGlobal(name)
	g.Attributes = attr.RODATA | attr.NOPTR
	lanes := p.lanes()
	for kept := range 1 << lanes {
		for _, from := range p.order(kept, lanes) {
			var entry uint64
			for b := range p.size {
				entry |= uint64(from*p.size+b) << (8 * b)
			}
			g.Append(constantOf(p.size, entry))
		}
	}
	for i := range int(vector) / p.size {
		weight := uint64(0)
		if i < lanes {
			weight = 1<<(i+p.countBits()) | 1
		}
		g.Append(constantOf(p.size, weight))
	}
	return g
}

// constantOf returns a constant of some bytes.
func constantOf(size int, bits uint64) operand.Constant {
	switch size {
	case 2:
		return operand.U16(bits)
	case 4:
		return operand.U32(bits)
	}
	return operand.U64(bits)
}
