package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// held says which registers hold the factors, scales and shifts of the vectors of a turn.
type held map[*expr][unroll]int

// Registers of rows that are three or four vectors: the factors, scales and shifts, and the lanes
// whose factor is not 0. A limit, zeros, the accumulator and what decides need the others.
var (
	regStrip  = held{F: {4, 5, 6, 7}, A: {8, 9, 11, 12}, S: {2, 3, 14, 15}}
	maskStrip = [unroll]reg.Register{reg.K4, reg.K6, reg.K7, maskKeep} // K5 is of activations
)

// walkStrips walks fused rows of three or four vectors on AVX-512. It loads what there is for
// each channel once for all rows. It leaves other rows to walkShared.
//
// With tiles of this length for shorter rows, floats of 16 to 64 channels take 0.65 to 0.8 of the time
// at 8 KB where tiles or strips are used, 0.6 to 1.0 at 24 KB, 0.35 to 0.75 at 0.2 MB, 0.45 to 0.95 at
// 0.4 and 6 MB, and 0.6 to 1.0 at 1.6 MB. From memory that is 0.3 to 0.6 in place and 0.7 to 1.2 out of
// place, where a run of the same code varies as much (Zen 5).
//
// Longer rows take walkShared. Strips of four vectors that 4 to 32 rows share are as fast in place at 0.2 MB, 1.0
// times as fast as one row after the other at 1.6 and 13 MB and 0.6 to 1.0 times from memory, and out of place
// 0.6 to 0.9 times from 0.2 MB up: loads and stores no longer follow each other. Two or four neighbouring rows at a
// time are 1.25 times as fast in place in the cache, and as slow as strips elsewhere. AVX2 has too few registers
// for a row of two lines.
func (p *x86) walkStrips(l *loops) {
	if p.half {
		p.walkSideBySide(l)
		return
	}
	if p.masks {
		lanes := p.tier.width / p.size
		p.CMPQ(p.length, operand.I32(unroll*lanes))
		p.JEQ(operand.LabelRef("strip4"))
		p.CMPQ(p.length, operand.I32((unroll-1)*lanes))
		p.JNE(operand.LabelRef("shared"))
		for vectors := unroll - 1; vectors <= unroll; vectors++ {
			p.walkStrip(l, vectors)
			p.ret()
		}
		p.Label("shared")
	}
	p.walkShared(l)
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
	p.held = regStrip
	p.each(bytes, l.elements(), func(b block) {
		l.compute(b, c)
		p.put(b)
	})
	p.held = nil
	p.jumpIf(another, label+"Row")
}
