package main

import "github.com/mmcloughlin/avo/operand"

// Registers of rows that are walked in quarters: the factors, scales and shifts of a vector, which
// the rows share, and the results until all are computed.
var (
	regShared  = held{F: {regFactor}, A: {regRowScale}, S: {regRowShift}}
	regResults = [abreast]int{3, 7, 8, 9}
)

// walkShared walks fused rows of whole cache lines in four quarters side by side, and leaves other rows,
// and those that are left, to the label row. Four rows share what they load for each channel. Loads
// stay ahead of stores, as in walkFourPlanes. A line whose two vectors are stored one after the other, loads of the
// next row behind them, is streamed at half the speed (Zen 4).
//
// How many times as fast as one row after the other that is, float32, half of 128 to 1024 channels dropped, ReLU
// (Zen 5). A longer row of 4096 channels is 1.8 times as fast in place at 13 MB, and 1.2 times out of place:
//
//	                       12 KB        0.2 MB  0.8 MB  1.6 MB  6.3 MB      13 MB  26 MB  103 MB
//	in place, AVX-512      1.15, 1.25   1.7     1.7     1.6     1.3, 1.4    1.65   1.9    1.6
//	out of place, AVX-512  1.15, 1.25   1.6     1.0     0.95    0.95, 1.15  1.0    1.0    1.15
//	in place, AVX2         1.2          1.35            1.3                 1.25   1.05
//	out of place, AVX2     1.2          1.35            1.1                 1.0    0.95
//
// Of kernels with another tensor those on AVX-512 walk so whose dst is one of the two they read: 1.25 times as fast at
// 12 KB, 1.55 at 0.2 MB, 1.0 at 0.8 MB, 0.93 at 1.6 MB, 1.05 at 6.3 MB, 1.05 to 1.2 at 13 MB, 1.3 to 1.4 at 26 MB and
// 1.1 at 103 MB. Elsewhere it is 1.2 times as fast up to 0.2 MB, 0.85 to 1.0 times from there to 6.3 MB, and 0.7 to 0.9
// times past the cache. On AVX2 it is 1.15 to 1.25 times as fast up to 6.3 MB, and 0.75 to 0.85 times from there.
//
// Where dst lies 64 bytes further in its page than src, rows of 256 and 512 float32 with a ReLU do 30 GB/s backward
// instead of 16 at 3 and 6 MB, and 256 bytes further 38 instead of 27. Rows of 1024 and 2048, whose quarters are whole
// pages apart, do 18 instead of 14, and 33 instead of 18 (Zen 4). Why those wait at 64 bytes, where 128 bytes further
// they do 31, is not known.
func (p *x86) walkShared(l *loops) {
	if p.readsAux() && (p.stream || !p.masks) {
		return
	}
	p.jumpIf(ragged, "row")
	if p.readsAux() {
		p.jumpIf(inPlace, "overwriting")
		p.jumpIf(onAux, "overwriting")
		p.jump("row")
		p.Label("overwriting")
	}
	one, three := p.GP64(), p.GP64()
	p.MOVQ(p.count, one)
	p.SHRQ(operand.U8(2), one)
	p.JZ(operand.LabelRef("row"))
	p.SHLQ(p.shift(), p.length) // bytes, until all quarters are done
	p.IMULQ(p.length, one)
	p.LEAQ(operand.Mem{Base: one, Index: one, Scale: 2}, three)
	c := choice{row: true, drop: p.drops()}
	step := p.direction()
	if p.prefetches() {
		p.reverse(step, p.ahead)
	}
	p.advance(l.elements(), p.ifBackward(step, one, -lineBytes))
	p.Label("quarters")
	p.startRow()
	p.row[0] = p.ifBackward(step, p.length, -lineBytes)
	p.Comment(p.formula(c))
	p.Label("quartersLine")
	if p.prefetches() && !p.readsAux() { // those are there
		p.whereAhead(func() {
			ahead := p.GP64()
			p.LEAQ(operand.Mem{Base: p.dst, Index: p.ahead, Scale: 1}, ahead)
			for r := range abreast {
				p.PREFETCHT0(quarterOf(r, block{}, ahead, one, three))
			}
		})
	}
	p.held = regShared
	p.each(lineBytes, nil, func(b block) {
		b.vector = 0 // all vectors use the same registers
		p.lanes(b, operand.Mem{}, operand.Mem{})
		p.load(p.channels(p.scales, b), p.vec(regRowScale, b), b)
		if p.shifts() {
			p.load(p.channels(p.extra, b), p.vec(regRowShift, b), b)
		}
		for r, result := range regResults {
			p.at = func(to pointer) operand.Mem { return quarterOf(r, b, p.register(to), one, three) }
			l.compute(b, c)
			p.VMOVUPS(p.value(b), p.vec(result, b))
		}
		p.at = nil
		for r, result := range regResults {
			p.store(p.vec(result, b), quarterOf(r, b, p.dst, one, three), b)
		}
	})
	p.held = nil
	p.advance(append(l.elements(), toFactors), step)
	p.CMPQ(p.row[0], p.length) // what is below 0 is above
	p.JB(operand.LabelRef("quartersLine"))
	p.SUBQ(operand.I32(abreast), p.count)
	p.CMPQ(p.count, operand.I32(abreast))
	p.JAE(operand.LabelRef("quarters"))
	p.advance(l.elements(), p.ifBackward(step, one, lineBytes))
	p.advance(l.elements(), three)
	p.SHRQ(p.shift(), p.length)
	p.TESTQ(p.count, p.count)
	p.JNZ(operand.LabelRef("row"))
	p.ret()
}
