package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of MCG31m1: up to eight with the numbers of a turn in the order of
// their trials, and the multipliers.
const (
	regNumbers   = 0
	regEven      = 8
	regOdd       = 9
	regModulus   = 10
	regThreshold = 11
	regFree      = 12
)

// mcg31 draws 64 trials a turn. Each number is then advanced by 64 trials for the next
// turn, so that no product waits for another product of its turn.
func (p *drawing) mcg31() {
	powers := p.argument("powers")
	p.constant(mcg31Modulus, regModulus)
	p.broadcast("threshold", regThreshold)
	n := mcg31Lanes * 4 / p.tier.width
	for v := range n {
		p.powers(v, powers)
	}
	for _, to := range []int{regEven, regOdd} {
		p.broadcast("x", to)
		p.VPADDD(p.whole(to), p.whole(to), p.whole(to))
	}
	for v := range n {
		p.mcg31Step(regNumbers + v)
	}
	// The steps to even and to odd lanes: see mcg31Step.
	for _, step := range []struct{ to, low int }{{regEven, mcg31Lanes - 1}, {regOdd, mcg31Lanes}} {
		// As lanes of 64 bits, the power that is higher by one comes first.
		first, second := p.whole(regFree), p.whole(step.to)
		p.VPBROADCASTD(mem(powers, 4*(step.low+1)), first)
		p.VPBROADCASTD(mem(powers, 4*step.low), second)
		p.VPUNPCKLQDQ(second, first, second)
		p.VPADDD(second, second, second)
	}

	p.Label("turn")
	if p.tier.masks {
		for v := range n {
			p.VPCMPUD(lessThan, z(regThreshold), z(regNumbers+v), maskOf(v))
			p.KMOVW(maskOf(v), mem(p.to[0], 2*v))
			p.mcg31Step(regNumbers + v)
		}
	} else {
		for half := range 2 {
			bits := p.GP32()
			for v := range 4 {
				p.VPCMPGTD(y(regNumbers+4*half+v), y(regThreshold), y(regFree+v))
			}
			p.VPACKSSDW(y(regFree+1), y(regFree), y(regFree))
			p.VPACKSSDW(y(regFree+3), y(regFree+2), y(regFree+2))
			p.VPACKSSWB(y(regFree+2), y(regFree), y(regFree))
			p.VPMOVMSKB(y(regFree), bits)
			p.MOVL(bits, mem(p.to[0], 4*half))
			for v := range 4 {
				p.mcg31Step(regNumbers + 4*half + v)
			}
		}
	}
	p.ADDQ(operand.I8(8), p.to[0])
	p.DECQ(p.words)
	p.JNZ(operand.LabelRef("turn"))
}

// powers loads vector v of the multiplier's first powers, each four lanes in the order
// 0, 2, 1, 3. With AVX2 the halves of a vector are 16 trials apart, because of how packs
// order them.
func (p *drawing) powers(v int, powers reg.Register) {
	to := p.whole(regNumbers + v)
	if p.tier.masks {
		p.VPSHUFD(operand.U8(0xd8), mem(powers, 64*v), to)
		return
	}
	low := mem(powers, 128*(v/4)+16*(v%4))
	p.VMOVDQU(low, vectors[regNumbers+v])
	p.VINSERTI128(operand.U8(1), low.Offset(64), to, to)
	p.VPSHUFD(operand.U8(0xd8), to, to)
}

// mcg31Step multiplies a vector of numbers, modulo 2³¹−1, those in even lanes with
// regEven and those in odd lanes with regOdd, and exchanges lanes 1 and 2 of each four.
// The exchange saves the instructions that would move the products back to the lanes of
// their factors: a number that moves from lane 1 to lane 2 is multiplied by the next
// higher power.
//
// The multipliers are doubled. Then the upper half of a product is, without a shift, how
// often the product contains 2³¹, which is 1, and the lower half is twice the remainder.
// The sum of the two parts is less than twice the modulus, and a negative difference wraps
// to a number that is larger than any other.
func (p *drawing) mcg31Step(v int) {
	x, even, odd := p.whole(v), p.whole(regFree), p.whole(regFree+1)
	p.VPSRLQ(operand.U8(32), x, odd)
	p.VPMULUDQ(p.whole(regEven), x, even)
	p.VPMULUDQ(p.whole(regOdd), odd, odd)
	p.VSHUFPS(operand.U8(0xdd), odd, even, x)
	p.VSHUFPS(operand.U8(0x88), odd, even, even)
	p.VPSRLD(operand.U8(1), even, even)
	p.VPADDD(even, x, x)
	p.VPSUBD(p.whole(regModulus), x, even)
	p.VPMINUD(even, x, x)
}
