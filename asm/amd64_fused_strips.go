package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Registers of rows that are three or four vectors: the factors, scales and shifts, and the lanes
// whose factor is not 0. A limit, zeros, the accumulator and what decides need the others.
var (
	regStrip  = map[*expr][unroll]int{F: {4, 5, 6, 7}, A: {8, 9, 11, 12}, S: {2, 3, 14, 15}}
	maskStrip = [unroll]reg.Register{reg.K4, reg.K6, reg.K7, maskKeep} // K5 is of activations
)

// walkStrips walks fused rows of three or four vectors on AVX-512. It loads what there is for
// each channel once for all rows. It leaves other rows to the label row.
//
// With tiles of this length for shorter rows, floats of 16 to 64 channels take 0.65 to 0.8 of the time
// at 8 KB where tiles or strips are used, 0.6 to 1.0 at 24 KB, 0.35 to 0.75 at 0.2 MB, 0.45 to 0.95 at
// 0.4 and 6 MB, and 0.6 to 1.0 at 1.6 MB. From memory that is 0.3 to 0.6 in place and 0.7 to 1.2 out of
// place, where a run of the same code varies as much (Zen 5).
//
// Longer rows gain nothing from strips of four vectors that eight rows share: out of place they
// take 1.3 to 2 times as long at 0.2 MB, since stores no longer follow each other. A line of four
// rows at a time is as slow. AVX2 has too few registers for a row of two lines.
func (p *x86) walkStrips(l *loops) {
	if p.half {
		p.walkSideBySide(l)
		return
	}
	if !p.masks {
		return
	}
	lanes := p.tier.width / p.size
	p.CMPQ(p.length, operand.I32(unroll*lanes))
	p.JEQ(operand.LabelRef("strip4"))
	p.CMPQ(p.length, operand.I32((unroll-1)*lanes))
	p.JNE(operand.LabelRef("row"))
	for vectors := unroll - 1; vectors <= unroll; vectors++ {
		p.walkStrip(l, vectors)
		p.ret()
	}
}

// walkStrip walks rows of some vectors.
func (p *x86) walkStrip(l *loops, vectors int) {
	set, bytes, label := instructions[p.elem.name], vectors*p.tier.width, fmt.Sprintf("strip%d", vectors)
	p.Label(label)
	p.startRow()
	p.each(bytes, nil, func(b block) {
		factor := p.vec(regStrip[F][b.vector], b)
		p.load(p.channels(p.factors, b), factor, b)
		set.cmp(p.Context, notEqual, p.vec(regZero, b), factor, maskStrip[b.vector])
		p.load(p.channels(p.scales, b), p.vec(regStrip[A][b.vector], b), b)
		if p.shifts() {
			p.load(p.channels(p.extra, b), p.vec(regStrip[S][b.vector], b), b)
		}
	})
	c := choice{row: true, drop: p.drops()}
	p.Comment(p.formula(c))
	p.Label(label + "Row")
	if p.prefetches() {
		p.prefetch(bytes)
	}
	p.held = true
	p.each(bytes, l.elements(), func(b block) {
		l.compute(b, c)
		p.put(b)
	})
	p.held = false
	p.jumpIf(another, label+"Row")
}
