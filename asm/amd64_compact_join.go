package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// joinedAhead is how many bytes ahead of a gathered plane src is prefetched.
const joinedAhead = 4096

// regLine is the cache line of dst that joined planes are collected in. maskKept has the lanes of maskPart, none of
// a plane that is dropped.
const regLine = 15

var maskKept = reg.K4

// lineJoiner joins short planes to one stream of whole cache lines, on AVX-512.
type lineJoiner struct {
	*x86Compactor
	held  reg.GPVirtual // elements of the line that are in regLine, or before dst begins
	first operand.Mem   // those before dst begins, 0 after the first line
}

// walkJoined writes short planes past the cache as one stream, whatever their length is: what does not fill a line is
// collected in a register. Without masks they are written as usual.
//
// Planes of 7×7 float32 are gathered at 1.5 to 1.7 times the speed of ordinary stores, and scattered at 1.5 times where a
// fifth of the planes is dropped and at 2.5 to 3 times where half of them are (103 MB, Zen 5).
func (p *x86Compactor) walkJoined(l *loops) {
	if !p.masks {
		l.cached = true
		l.compactPlanes("short")
		l.cached = false
		return
	}
	j := &lineJoiner{x86Compactor: p}
	j.start()
	if l.gathers() {
		j.gather(l)
	} else {
		j.scatter(l)
	}
	j.end()
}

// perLine is how many elements a line has.
func (p *lineJoiner) perLine() int { return lineBytes / p.size }

// start begins with the line that dst begins in.
func (p *lineJoiner) start() {
	p.held, p.first = p.GP64(), p.AllocLocal(8)
	p.MOVQ(p.dst, p.held)
	p.ANDQ(operand.I32(lineBytes-1), p.held)
	p.SUBQ(p.held, p.dst)
	p.SHRQ(p.shift(), p.held)
	p.MOVQ(p.held, p.first)
}

// gather walks the kept planes. All lines of src are prefetched in order, those of dropped planes too: where lines are
// left out, the processor does not fetch ahead by itself, and there are fewer prefetches under way than memory can serve.
func (p *lineJoiner) gather(l *loops) {
	fetched := p.GP64()
	p.kept, p.left, p.from = p.GP64(), p.GP64(), p.GP64()
	p.MOVQ(p.src, fetched)
	p.Label("joinedGroup")
	at, group := p.left, p.GP64() // nothing is left of another plane
	p.MOVQ(p.count, at)
	p.MOVQ(operand.I32(groupPlanes), group)
	p.CMPQ(at, group)
	p.CMOVQGT(group, at)
	p.takeBits("joinedBit", at)
	p.TESTQ(p.kept, p.kept)
	p.JZ(operand.LabelRef("joinedNone"))
	p.Label("joined")
	less, end := p.GP64(), p.GP64()
	p.BSFQ(p.kept, at)
	p.LEAQ(mem(p.kept, -1), less)
	p.ANDQ(less, p.kept)
	p.plane(operand.Mem{Base: p.factors, Index: at, Scale: uint8(p.size)}, operand.Mem{}, regPlane)
	p.IMULQ(p.length, at)
	p.LEAQ(operand.Mem{Base: p.src, Index: at, Scale: uint8(p.size)}, p.from)
	p.LEAQ(mem(p.from, joinedAhead), end)
	p.CMPQ(fetched, end)
	p.JAE(operand.LabelRef("joinedFetched"))
	p.Label("joinedFetch")
	p.PREFETCHT0(mem(fetched, 0))
	p.ADDQ(operand.I32(lineBytes), fetched)
	p.CMPQ(fetched, end)
	p.JB(operand.LabelRef("joinedFetch"))
	p.Label("joinedFetched")
	p.append(l, choice{})
	p.TESTQ(p.kept, p.kept)
	p.JNZ(operand.LabelRef("joined"))
	p.Label("joinedNone")
	p.MOVQ(operand.I32(groupPlanes), at)
	p.IMULQ(p.length, at)
	p.LEAQ(operand.Mem{Base: p.src, Index: at, Scale: uint8(p.size)}, p.src)
	p.ADDQ(operand.I32(groupPlanes*p.size), p.factors)
	p.SUBQ(operand.I32(groupPlanes), p.count)
	p.JG(operand.LabelRef("joinedGroup"))
}

// scatter walks all planes. Of one that is dropped no lane is loaded, so that no branch depends on which these are.
func (p *lineJoiner) scatter(l *loops) {
	p.planeBytes()
	p.left, p.from = p.GP64(), p.GP64()
	p.Label("joined")
	p.splat(F)
	p.choices(choice{drop: true})
	p.factorBits()
	bytes, none := p.GP64(), p.GP64()
	p.XORL(none.As32(), none.As32())
	p.MOVQ(p.stride, bytes)
	p.MOVQ(p.src, p.from)
	p.shiftOutSign()
	p.CMOVQEQ(none, bytes)
	p.ADDQ(bytes, p.src)
	p.nextFactor()
	p.append(l, choice{drop: true})
	p.jumpIf(another, "joined")
}

// append appends a plane to the stream.
func (p *lineJoiner) append(l *loops, c choice) {
	line := p.perLine()
	p.restart()
	p.TESTQ(p.held, p.held)
	p.JZ(operand.LabelRef("joinedVectors"))
	p.part(c)
	p.CMPQ(p.held, operand.I32(line))
	p.JNE(operand.LabelRef("joinedNext"))
	p.CMPQ(p.first, operand.I8(0))
	p.JNE(operand.LabelRef("joinedFirst"))
	p.VMOVNTPS(p.vec(regLine, p.whole()), mem(p.dst, 0))
	p.Label("joinedStored")
	p.ADDQ(operand.I32(lineBytes), p.dst)
	p.XORL(p.held.As32(), p.held.As32())

	p.Label("joinedVectors")
	p.CMPQ(p.left, operand.I32(line))
	p.JL(operand.LabelRef("joinedTail"))
	p.Comment(p.formula(c))
	p.Label("joinedVector")
	if c.drop {
		p.PREFETCHT0(mem(p.from, loadAhead)) // as it does not by itself ahead of loads under a mask
	}
	if c.drop {
		p.VMOVNTPS(p.product(mem(p.from, 0), maskKeep), mem(p.dst, 0))
	} else {
		l.element(c)(p.whole())
	}
	p.advance(moves{toDst, toSrc}, operand.I32(lineBytes))
	p.jumpIf(again(line), "joinedVector")
	p.Label("joinedTail")
	p.TESTQ(p.left, p.left)
	p.JZ(operand.LabelRef("joinedNext"))
	p.part(c)
	p.Label("joinedNext")
}

// part appends as many elements of a plane to the line as fit.
func (p *lineJoiner) part(c choice) {
	n, lanes := p.GP64(), p.GP64()
	p.MOVQ(operand.I32(p.perLine()), n)
	p.SUBQ(p.held, n)
	p.CMPQ(n, p.left)
	p.CMOVQGT(p.left, n)
	p.MOVQ(n, reg.RCX)
	p.MOVL(operand.U32(1), lanes.As32())
	p.SHLQ(reg.CL, lanes)
	p.DECQ(lanes)
	p.MOVQ(p.held, reg.RCX)
	p.SHLQ(reg.CL, lanes)
	p.KMOVD(lanes.As32(), maskPart)
	mask := maskPart
	if c.drop {
		mask = maskKept
		p.KMOVD(maskKeep, lanes.As32()) // AND of mask registers is slower
		both := p.GP32()
		p.KMOVD(maskPart, both)
		p.ANDL(both, lanes.As32())
		p.KMOVD(lanes.As32(), maskKept)
	}
	p.NEGQ(reg.RCX)
	from := operand.Mem{Base: p.from, Index: reg.RCX, Scale: uint8(p.size)}
	p.move(p.product(from, mask), p.vec(regLine, p.whole()))
	p.ADDQ(n, p.held)
	p.SUBQ(n, p.left)
	p.LEAQ(operand.Mem{Base: p.from, Index: n, Scale: uint8(p.size)}, p.from)
}

// product returns a register with the products of the lanes of a mask, which alone are read, and +0 in the others.
func (p *lineJoiner) product(from operand.Mem, mask reg.Register) reg.Register {
	w := p.whole()
	if !p.half {
		instructions[p.elem.name].mulZ(p.Context, from, p.vec(regPlane, w), mask, p.vec(regValue, w))
		return p.vec(regValue, w)
	}
	p.VMOVDQU16_Z(from, mask, p.vec(regRaw, w))
	p.widen(regRaw, regLow, regHigh, w)
	for _, x := range []int{regLow, regHigh} {
		instructions["F32"].mul(p.Context, p.vec(regPlane, w), p.vec(x, w), p.vec(x, w))
	}
	p.narrow(regLow, regHigh, regRaw, w)
	p.VMOVDQU16_Z(p.vec(regRaw, w), mask, p.vec(regRaw, w))
	return p.vec(regRaw, w)
}

// move moves the lanes of maskPart from a register, to a register or to memory.
func (p *lineJoiner) move(from reg.Register, to operand.Op) {
	if p.half {
		p.VMOVDQU16(from, maskPart, to)
	} else {
		instructions[p.elem.name].mov(p.Context, from, maskPart, to)
	}
}

// end stores what is left in the line, and has the code for the line that dst begins in.
func (p *lineJoiner) end() {
	p.storeLanes()
	p.VZEROUPPER()
	p.RET()
	p.Label("joinedFirst")
	p.storeLanes()
	p.MOVQ(operand.I32(0), p.first)
	p.JMP(operand.LabelRef("joinedStored"))
}

// storeLanes stores the lanes from first to held.
func (p *lineJoiner) storeLanes() {
	lanes, before := p.GP64(), p.GP64()
	for _, m := range []struct {
		of operand.Op
		to reg.GPVirtual
	}{{p.held, lanes}, {p.first, before}} {
		p.MOVQ(m.of, reg.RCX)
		p.MOVQ(operand.I32(-1), m.to)
		p.SHLQ(reg.CL, m.to)
	}
	p.XORQ(before, lanes)
	p.KMOVD(lanes.As32(), maskPart)
	p.move(p.vec(regLine, p.whole()), mem(p.dst, 0))
}
