package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of comparisons: the words, and the constants.
const (
	regSome  = 0
	regMask  = 12
	regLimit = 13
	regOrder = 14
)

// comparison compares 64 trials a turn, and the rest eight by eight. A turn writes its 64
// bits with one store: callers that shift them into place read 64 bits, and that load
// would have to wait for smaller stores.
func (p *drawing) comparison() {
	bits, words, turns := p.argument("bits"), p.argument("words"), p.argument("eights")
	p.limits()
	rest := p.GP64()
	p.MOVQ(turns, rest)
	p.ANDQ(operand.I8(7), rest)
	p.SHRQ(operand.U8(3), turns)
	p.JZ(operand.LabelRef("rest"))
	p.Label("turn")
	if p.tier.masks {
		p.masked(0, 64, words)
		p.KMOVQ(compareMask(0), mem(bits, 0))
	} else {
		var halves [2]reg.GPVirtual
		for i := range halves {
			halves[i] = p.packed(32*i, words)
		}
		p.SHLQ(operand.U8(32), halves[1])
		p.ORQ(halves[1], halves[0])
		p.MOVQ(halves[0], mem(bits, 0))
	}
	p.ADDQ(operand.I32(64*p.trialBytes()), words)
	p.ADDQ(operand.I8(8), bits)
	p.DECQ(turns)
	p.JNZ(operand.LabelRef("turn"))

	p.Label("rest")
	p.TESTQ(rest, rest)
	p.JZ(operand.LabelRef("done"))
	p.Label("eight")
	if p.tier.masks {
		p.masked(0, 8, words)
		p.KMOVB(compareMask(0), mem(bits, 0))
	} else {
		some := p.GP32()
		p.ordered(regSome, 0, words)
		p.VMOVMSKPS(y(regSome), some)
		p.MOVB(some.As8(), mem(bits, 0))
	}
	p.ADDQ(operand.I8(8*p.trialBytes()), words)
	p.INCQ(bits)
	p.DECQ(rest)
	p.JNZ(operand.LabelRef("eight"))
	p.Label("done")
}

// trialBytes is how many bytes of words a trial has.
func (p *drawing) trialBytes() int {
	if p.draw == comparePairs {
		return 8
	}
	return 4
}

// limits sets up what words are compared with, and which of their bits count. AVX2
// compares only signed numbers. Pairs are short enough for that. Words it compares by a
// minimum with the threshold less 1.
func (p *drawing) limits() {
	if p.draw == comparePairs {
		counts := p.GP64()
		p.MOVQ(operand.U64(1<<pairBits-1), counts)
		p.VMOVQ(counts, vectors[regMask])
		p.VPBROADCASTQ(vectors[regMask], p.whole(regMask))
		p.VMOVQ(p.argument("threshold"), vectors[regLimit])
		p.VPBROADCASTQ(vectors[regLimit], p.whole(regLimit))
		if !p.tier.masks {
			p.move(p.table("pairOrder"+p.tier.name, 0x0b0a030209080100, 0x0f0e07060d0c0504, 0x0b0a030209080100, 0x0f0e07060d0c0504), y(regOrder))
		}
		return
	}
	p.broadcast("mask", regMask)
	p.broadcast("threshold", regLimit)
	if !p.tier.masks {
		p.VPCMPEQD(y(regOrder), y(regOrder), y(regOrder))
		p.VPADDD(y(regOrder), y(regLimit), y(regLimit)) // less 1
		p.move(p.table("wordOrder"+p.tier.name, 4<<32, 5<<32|1, 6<<32|2, 7<<32|3), y(regOrder))
	}
}

// broadcast sets all lanes of a register to an argument of 32 bits.
func (p *drawing) broadcast(name string, to int) {
	x := p.GP32()
	p.Load(p.Param(name), x)
	p.VMOVD(x, vectors[to])
	p.VPBROADCASTD(vectors[to], p.whole(to))
}

// masked sets mask register k to the bits of the first n trials. It uses the registers
// that follow k as well.
func (p *drawing) masked(k, n int, words reg.Register) { p.maskedFrom(k, 0, n, words) }

// maskedFrom sets mask register k to the bits of n trials from one up.
func (p *drawing) maskedFrom(k, trial, n int, words reg.Register) {
	from := mem(words, trial*p.trialBytes())
	switch {
	case p.draw == comparePairs && n == 8:
		p.VPROLQ(operand.U8(32), from, z(regSome))
		p.VPANDQ(z(regMask), z(regSome), z(regSome))
		p.VPCMPUQ(lessThan, z(regLimit), z(regSome), compareMask(k))
		return
	case p.draw == compareWords && n == 8:
		p.VPANDD(from, y(regMask), y(regSome))
		p.VPCMPUD(lessThan, y(regLimit), y(regSome), compareMask(k))
		return
	case p.draw == compareWords && n == 16:
		p.VPANDD(from, z(regMask), z(regSome))
		p.VPCMPUD(lessThan, z(regLimit), z(regSome), compareMask(k))
		return
	}
	p.maskedFrom(k, trial, n/2, words)
	p.maskedFrom(k+1, trial+n/2, n/2, words)
	join := map[int]func(low, high, to operand.Op){16: p.KUNPCKBW, 32: p.KUNPCKWD, 64: p.KUNPCKDQ}[n]
	join(compareMask(k), compareMask(k+1), compareMask(k))
}

func compareMask(k int) reg.Register {
	return []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4}[k]
}

// packed returns the bits of 32 trials from one up. Pack instructions work on each half
// of a vector by itself: the result is brought into order at the end.
func (p *drawing) packed(trial int, words reg.Register) reg.GPVirtual {
	for u := range 4 {
		p.compared(regSome+u, trial+8*u, words)
	}
	p.VPACKSSDW(y(regSome+1), y(regSome), y(regSome))
	p.VPACKSSDW(y(regSome+3), y(regSome+2), y(regSome+2))
	p.VPACKSSWB(y(regSome+2), y(regSome), y(regSome))
	if p.draw == comparePairs {
		p.VPERMQ(operand.U8(0xd8), y(regSome), y(regSome))
		p.VPSHUFB(y(regOrder), y(regSome), y(regSome))
	} else {
		p.VPERMD(y(regSome), y(regOrder), y(regSome))
	}
	bits := p.GP64()
	p.VPMOVMSKB(y(regSome), bits.As32())
	return bits
}

// ordered sets the lanes of a vector by eight trials: all ones if the trial's number is
// less than the threshold, else 0.
func (p *drawing) ordered(to, trial int, words reg.Register) {
	p.compared(to, trial, words)
	if p.draw == comparePairs {
		p.VPERMQ(operand.U8(0xd8), y(to), y(to))
	}
}

// compared sets the lanes of a vector like ordered, except that pairs 4 and 5 come
// before pairs 2 and 3.
func (p *drawing) compared(to, trial int, words reg.Register) {
	from := mem(words, trial*p.trialBytes())
	if p.draw == compareWords {
		p.VPAND(from, y(regMask), y(to))
		p.VPMINUD(y(regLimit), y(to), y(to+4))
		p.VPCMPEQD(y(to+4), y(to), y(to))
		return
	}
	for i := range 2 {
		half := y(to + 4*i)
		p.VPSHUFD(operand.U8(0xb1), from.Offset(32*i), half)
		p.VPAND(y(regMask), half, half)
		p.VPCMPGTQ(half, y(regLimit), half)
	}
	p.VSHUFPS(operand.U8(0x88), y(to+4), y(to), y(to))
}
