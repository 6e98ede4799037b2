package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of fused kernels of halves, beside those of other kernels of halves. A
// leaf with a number for each lane is in regFactorLow and regFactorHigh.
const (
	regWideLimit = 7
	regWideScale = 8  // in planes
	regWideShift = 14 // in planes
)

// x86FusedHalves is the arithmetic of fused kernels of float16 and bfloat16. The accumulator
// is float32 in two registers, for each of the vectors that are computed side by side. It is rounded before what
// follows depends on that.
type x86FusedHalves struct {
	*x86Halves
	rounded bool
}

func (p *x86FusedHalves) constants() {
	p.x86Halves.constants()
	if p.limit == nil {
		return
	}
	p.broadcastWide(mem(p.limit, 0), regWideLimit)
	p.unlimited(instructions["F32"], p.vec(regWideLimit, p.whole()), p.vec(regHelp, p.whole()))
}

func (p *x86FusedHalves) plane(factor, shift operand.Mem, to int) {
	p.broadcastWide(factor, to)
	p.broadcastWide(mem(p.scales, 0), regWideScale)
	if p.shifts() {
		p.broadcastWide(shift, regWideShift)
	}
}

// lanes finds out which factors are 0.
func (p *x86FusedHalves) lanes(b block, _, _ operand.Mem) {
	b = p.parts(b)[0]
	p.load(p.channels(p.factors, b), p.vec(regFactorLow, b), b)
	p.dropLanes(regFactorLow, b)
}

// sideBySide returns how many vectors are computed side by side. The result of an instruction is there
// after two cycles or more, and the processor looks ahead over the instructions of two or three vectors. Side by
// side, one vector does not wait for another to be done. Registers set the bound. Planes would gain from four vectors,
// too: 0.92 times the time of two in a loop without the rest of a kernel, with a constant in a mask register.
func (p *x86) sideBySide() int {
	if p.family != fused || !p.half {
		return 1
	}
	from := false // a chain decides in a gate, which needs registers of its own
	for _, s := range p.kernel.value.chain() {
		from = from || s.of != nil && s.of != Z
	}
	switch {
	case p.pixels && p.masks && !from:
		return 4
	case p.pixels && p.masks || !from:
		return 2
	}
	return 1
}

// pairs returns two registers for a vector, by its number among those side by side. The first two are those
// of planes, too.
func (p *x86FusedHalves) pairs(i int) [2]int {
	last := regSigns
	if p.signs != 0 { // then nothing is compared with 0
		last = regZero
	}
	return [][2]int{{regLow, regHigh}, {regRaw, regOld}, {regWideShift, regPlane}, {regWideScale, last}}[i]
}

// pair returns the registers with a leaf as float32. It may take regFactorLow and
// regFactorHigh for it.
func (p *x86FusedHalves) pair(e *expr, b block, c choice) [2]int {
	var from operand.Mem
	switch {
	case e == L:
		return [2]int{regWideLimit, regWideLimit}
	case e == Z:
		from = p.place(toAux, b)
	case e == F && c.row:
		from = p.channels(p.factors, b)
	case e == F:
		return [2]int{p.factor, p.factor}
	case e == A && c.row:
		from = p.channels(p.scales, b)
	case e == A:
		return [2]int{regWideScale, regWideScale}
	case e == S && c.row:
		from = p.channels(p.extra, b)
	case e == S:
		return [2]int{regWideShift, regWideShift}
	}
	p.loadWide(from, regFactorLow, regFactorHigh, b)
	return [2]int{regFactorLow, regFactorHigh}
}

func (p *x86FusedHalves) takeX(b block, _ choice) {
	for i, v := range p.parts(b) {
		accum := p.pairs(i)
		p.loadWide(p.place(toSrc, v), accum[0], accum[1], v)
	}
	p.rounded = true
}

func (p *x86FusedHalves) apply(s stage, b block, c choice) {
	p.step(s, p.pairs, &p.rounded, b, c)
}

// step applies an operator of a chain to the registers of each vector.
func (p *x86FusedHalves) step(s stage, accum func(int) [2]int, rounded *bool, b block, c choice) {
	set, parts := instructions["F32"], p.parts(b)
	decides := func(int) [2]int { return [2]int{regFactorLow, regFactorHigh} }
	if s.of != nil && s.of != Z {
		decides = p.deciding(s.of, b, c)
	}
	if !*rounded && s.operator != clipping && s.operator != gating {
		p.settle(accum, b)
		*rounded = true
	}
	var leaf [2]int
	for i, v := range parts {
		w := p.wideBlock(v)
		help, limit := p.vec(regHelp, w), p.vec(regWideLimit, w)
		switch {
		case s.of == Z:
			p.pair(Z, v, c)
		case (s.operator == product || s.operator == sum) && (i == 0 || s.leaf == Z || !p.sharesLeaves(b)):
			leaf = p.pair(s.leaf, v, c)
		}
		registers, t := accum(i), decides(i)
		for k, x := range registers[:p.wides(v)] {
			value, t := p.vec(x, w), p.vec(t[k], w)
			switch s.operator {
			case product, sum:
				set.binary(s.operator)(p.Context, p.vec(leaf[k], w), value, value)
			case clipping:
				p.clip(set, value, help, limit, w)
			case leaking:
				p.attenuate(set, value, value, help, p.vec(regFactorLow, w), limit, w)
			case sloping:
				p.attenuate(set, t, value, t, help, limit, w)
			case gating:
				p.shut(set, s.leaf == L, t, value, t, help, limit, w)
			}
		}
	}
	if s.operator != clipping && s.operator != gating {
		*rounded = false
	}
}

// sharesLeaves reports whether the vectors of a step have the same factors, scales and shifts.
func (p *x86) sharesLeaves(b block) bool { return b.rows > 1 || !p.pixels }

// settle rounds the registers of each vector.
func (p *x86FusedHalves) settle(accum func(int) [2]int, b block) {
	for i, v := range p.parts(b) {
		registers := accum(i)
		for _, x := range registers[:p.wides(v)] {
			p.round(x, v)
		}
	}
}

// deciding computes what decides in a gate. It returns the registers with it.
func (p *x86FusedHalves) deciding(of *expr, b block, c choice) func(int) [2]int {
	// Leaves need regFactorLow and regFactorHigh in rows, and the registers of a plane are free there.
	t := func(i int) [2]int { return p.pairs(2 + i) }
	if !c.row {
		t = func(int) [2]int { return [2]int{regFactorLow, regFactorHigh} }
	}
	for i, v := range p.parts(b) {
		p.loadWide(p.place(toAux, v), t(i)[0], t(i)[1], v)
	}
	rounded := true
	for _, s := range of.chainFrom(Z) {
		p.step(s, t, &rounded, b, choice{row: c.row})
	}
	if !rounded {
		p.settle(t, b)
	}
	return t
}

func (p *x86FusedHalves) value(b block) reg.Register { return p.vec(p.pairs(b.beside)[0], b) }

// finish makes halves of the accumulators and gives dropped lanes z or 0.
func (p *x86FusedHalves) finish(b block, c choice) {
	for i, v := range p.parts(b) {
		accum := p.pairs(i)
		raw, old := p.vec(accum[0], v), p.vec(regFactorLow, v)
		p.narrow(accum[0], accum[1], accum[0], v)
		drop, keep := p.chosen(v, c)
		switch {
		case !c.drop:
		case p.dropped == Z:
			p.load(p.place(toAux, v), old, v)
			if p.masks {
				p.VPBLENDMW(raw, old, keep, raw)
			} else {
				p.VPBLENDVB(drop, old, raw, raw)
			}
		case p.masks:
			p.VMOVDQU16_Z(raw, keep, raw)
		default:
			p.VPANDN(raw, drop, raw)
		}
	}
}

// walkSideBySide walks rows of whole cache lines several at a time, which share what there is for each channel.
// It leaves the others to the label row.
//
// Rows one by one, rounded in five instructions and not in four, are 1 here (bfloat16, half of the channels
// dropped, AVX-512, Zen 5). ReLU takes 0.66 to 0.72 from 25 KB to 12.8 MB; the rounding alone brings 0.84. Rows side by
// side are no stream that the processor follows: from memory ReLU takes 1.0 to 1.17, and 0.72 to 0.75 where what is read
// is prefetched. Gradients that compute little take 0.7 to 0.8 repeated and 1.05 to 1.2 from memory. There they take
// 1.1 to 1.35 with their stores prefetched as well, and 1.1 to 1.5 two rows at a time.
func (p *x86) walkSideBySide(l *loops) {
	rows := p.sideBySide()
	if rows == 1 {
		return
	}
	p.jumpIf(ragged, "row")
	p.CMPQ(p.count, operand.I32(rows))
	p.JB(operand.LabelRef("row"))
	p.strides = [2]reg.GPVirtual{p.GP64(), p.GP64()}
	one, three := p.strides[0], p.strides[1]
	p.MOVQ(p.length, one)
	p.SHLQ(p.shift(), one)
	between := one // from the last line of a row to the next one that comes first
	if rows == 4 {
		p.LEAQ(operand.Mem{Base: one, Index: one, Scale: 2}, three)
		between = three
	}
	p.Label("abreast")
	p.startRow()
	p.Comment(p.formula(choice{row: true, drop: p.drops()}))
	p.Label("abreastLine")
	if p.prefetches() {
		p.whereAhead(func() {
			ahead := p.GP64()
			p.LEAQ(operand.Mem{Base: p.dst, Index: p.ahead, Scale: 1}, ahead)
			for r := range rows {
				p.PREFETCHT0(p.inRow(ahead, r, 0))
			}
		})
	}
	for r := range rows {
		p.PREFETCHT0(p.inRow(p.src, r, loadAhead))
		if p.readsAux() {
			p.PREFETCHT0(p.inRow(p.aux, r, loadAhead))
		}
	}
	for at := 0; at < lineBytes; at += p.tier.width {
		l.element(choice{row: true, drop: p.drops()})(block{bytes: p.tier.width, at: at, rows: rows})
	}
	m := l.elements()
	p.advance(append(m, toFactors), operand.I32(lineBytes))
	p.CMPQ(p.row[0], one)
	p.JB(operand.LabelRef("abreastLine"))
	p.advance(m, between)
	p.SUBQ(operand.I32(rows), p.count)
	p.CMPQ(p.count, operand.I32(rows))
	p.JAE(operand.LabelRef("abreast"))
	p.TESTQ(p.count, p.count)
	p.JNZ(operand.LabelRef("row"))
	p.ret()
}

// inRow returns where one of several rows side by side lies.
func (p *x86) inRow(base reg.GPVirtual, row, at int) operand.Mem {
	return quarterOf(row, block{at: at}, base, p.strides[0], p.strides[1])
}
