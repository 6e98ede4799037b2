package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of mt19937.
const (
	regTwist     = 0
	regTwistNext = 1
	regFar       = 2
	regTwistTemp = 3

	// Constants.
	regTopBit  = 11
	regLastBit = 12
	regAdded   = 13 // added if the next word is odd
	regTemper  = 14 // two
)

// twister advances the whole state, vector by vector, and the rest of each piece by ever
// smaller parts of a vector. It tempers the words while they are in registers.
func (p *drawing) twister() {
	words, state := p.argument("words"), p.argument("state")
	p.constant(twisterUpper, regTopBit)
	p.constant(1, regLastBit)
	p.constant(twisterOdd, regAdded)
	p.constant(twisterTemper7, regTemper)
	p.constant(twisterTemper15, regTemper+1)
	for i, t := range twists() {
		done, vectors := 0, t.n/(p.tier.width/4)
		if vectors > 0 {
			turn := fmt.Sprintf("turn%d", i)
			offset := p.GP64()
			p.XORL(offset.As32(), offset.As32())
			p.Label(turn)
			p.twisted(words, state, offset, t, 0, p.tier.width)
			p.ADDQ(operand.I32(p.tier.width), offset)
			p.CMPQ(offset, operand.I32(vectors*p.tier.width))
			p.JNE(operand.LabelRef(turn))
			done = vectors * p.tier.width / 4
		}
		for bytes := p.tier.width / 2; bytes >= 4; bytes /= 2 {
			if (t.n*4)&bytes > 0 {
				p.twisted(words, state, nil, t, done, bytes)
				done += bytes / 4
			}
		}
	}
}

// twisted advances some bytes of a piece, from one of its words up, or at an offset that
// is in a register.
func (p *drawing) twisted(words, state, offset reg.Register, t twist, word, bytes int) {
	v := func(i int) reg.Register {
		switch max(bytes, 16) {
		case 16:
			return vectors[i]
		case 32:
			return y(i)
		}
		return z(i)
	}
	at := func(base reg.Register, from int) operand.Mem {
		m := mem(base, 4*(from+word))
		if offset != nil {
			m.Index, m.Scale = offset, 1
		}
		return m
	}
	x, next, far, temp := v(regTwist), v(regTwistNext), v(regFar), v(regTwistTemp)
	p.part(at(state, t.from), x, bytes)
	p.part(at(state, t.next), next, bytes)
	p.part(at(state, t.far), far, bytes)
	if p.tier.masks {
		odd := maskOf(0)
		p.VPTESTMD(v(regLastBit), next, odd)
		p.VPTERNLOGD(operand.U8(choose), v(regTopBit), x, next)
		p.VPSRLD(operand.U8(1), next, next)
		p.VPXORD(far, next, x)
		p.VPXORD(v(regAdded), x, odd, x)
	} else {
		p.VPAND(v(regTopBit), x, x)
		p.VPANDN(next, v(regTopBit), temp)
		p.VPXOR(temp, x, x)
		p.VPSRLD(operand.U8(1), x, x)
		p.VPXOR(far, x, x)
		p.VPAND(v(regLastBit), next, next)
		p.VPCMPEQD(v(regLastBit), next, next)
		p.VPAND(v(regAdded), next, next)
		p.VPXOR(next, x, x)
	}
	p.part(x, at(state, t.from), bytes)

	p.VPSRLD(operand.U8(11), x, temp)
	p.xor(temp, x, x)
	for i, by := range []operand.U8{7, 15} {
		p.VPSLLD(by, x, temp)
		if p.tier.masks {
			p.VPTERNLOGD(operand.U8(xorAnd), v(regTemper+i), temp, x)
		} else {
			p.VPAND(v(regTemper+i), temp, temp)
			p.VPXOR(temp, x, x)
		}
	}
	p.VPSRLD(operand.U8(18), x, temp)
	p.xor(temp, x, x)
	p.part(x, at(words, t.from), bytes)
}

// part loads or stores the first bytes of a vector.
func (p *drawing) part(from, to operand.Op, bytes int) {
	switch bytes {
	case 4:
		p.VMOVD(from, to)
	case 8:
		p.VMOVQ(from, to)
	case 64:
		p.VMOVDQU32(from, to)
	default:
		p.VMOVDQU(from, to)
	}
}
