package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// drawing writes one kernel that draws.
type drawing struct {
	*build.Context
	draw
	tier amd64Tier

	to     []reg.GPVirtual // where the bits go
	words  reg.GPVirtual   // how many words of them are left
	trials reg.GPVirtual   // what the draw is
}

// amd64Draws returns the kernels that draw on one tier.
func amd64Draws(t amd64Tier) (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	for _, d := range draws {
		p := &drawing{Context: c, draw: d, tier: t}
		p.Function(d.name + t.name)
		p.Attributes(attr.NOSPLIT)
		p.Pragma("noescape")
		p.Doc(d.lines(t.name)...)
		p.SignatureExpr(d.signature())
		for _, name := range d.outputs() {
			p.to = append(p.to, p.argument(name))
		}
		p.words, p.trials = p.argument("words"), p.argument("trials")
		if d == philox && t.masks {
			p.philoxAVX512()
		} else if d == philox {
			p.philoxAVX2()
		}
		p.VZEROUPPER()
		p.RET()
	}
	f, err := c.Result()
	if err != nil {
		return nil, err
	}
	return f, pass.Compile.Execute(f)
}

func (p *drawing) argument(name string) reg.GPVirtual {
	return p.Load(p.Param(name), p.GP64()).(reg.GPVirtual)
}

// Vector registers of Philox: two sets of blocks in flight, each with its four
// words.
const (
	philoxSets = 2

	regMul   = 8 // the two that are multiplied with
	regPart  = 10
	regMask  = 12
	regBelow = 13
	regTurn  = 14
)

// philoxWords returns the registers of the sets' words, by set and word.
func philoxWords() (c [philoxSets][4]int) {
	for s := range c {
		for j := range c[s] {
			c[s][j] = 4*s + j
		}
	}
	return c
}

// philoxAVX2 draws 32 trials a turn. A lane of 64 bits holds a word of one block in
// its low half, and in its high half what does not matter: VPMULUDQ does not read
// it, nor does it get from there into a low half. That takes fewer instructions than
// lanes of 32 bits, whose products must be sorted into high and low halves.
//
// Two rounds take their keys at once. Of the product p of a round with an even
// number r, the high half goes into this round's exclusive or and the low half into
// the next one's, so that p ^ (kᵣ<<32 | kᵣ₊₁) brings each its key.
func (p *drawing) philoxAVX2() {
	keys, counters := p.AllocLocal(philoxRounds*32), p.AllocLocal(4*32)
	second, turn := p.AllocLocal(4*32), p.AllocLocal(4*32)

	p.constant(philoxMul0, regMul)
	p.constant(philoxMul1, regMul+1)
	p.VPBROADCASTD(mem(p.trials, drawMask), y(regMask))
	p.VPBROADCASTD(mem(p.trials, drawBelow), y(regBelow))
	p.VPCMPEQD(y(0), y(0), y(0))
	p.VPADDD(y(0), y(regBelow), y(regBelow)) // the highest word that is below
	for h, weyl := range []uint32{philoxWeyl0, philoxWeyl1} {
		two, first := p.GP64(), p.GP64()
		p.MOVL(mem(p.trials, drawKey+4*h), two.As32())
		p.MOVQ(two, first)
		p.SHLQ(operand.U8(32), first)
		p.ADDL(operand.U32(weyl), two.As32())
		p.ORQ(first, two)
		p.VMOVQ(two, reg.X0)
		p.VPBROADCASTQ(reg.X0, y(0))
		p.constant(2*weyl, 1)
		for r := 0; r < philoxRounds; r += 2 {
			p.VMOVDQU(y(0), keys.Offset((r+h)*32))
			p.VPADDD(y(1), y(0), y(0))
		}
	}
	// The first set has blocks 0, 1, 4 and 5, the second 2, 3, 6 and 7: so packs,
	// which know only halves of a vector, leave them in their order.
	blocks := p.table("philoxBlocksAVX2", 0, 1, 4, 5)
	for j := range 4 {
		p.VPBROADCASTD(mem(p.trials, drawStride+4*j), y(0))
		p.VPMULUDQ(blocks, y(0), y(1))
		p.VPBROADCASTD(mem(p.trials, drawCounter+4*j), y(2))
		p.VPADDD(y(2), y(1), y(1))
		p.VMOVDQU(y(1), counters.Offset(j*32))
		p.VPSLLD(operand.U8(1), y(0), y(1))
		p.VMOVDQU(y(1), second.Offset(j*32))
		p.VPSLLD(operand.U8(3), y(0), y(1))
		p.VMOVDQU(y(1), turn.Offset(j*32))
	}
	p.SHLQ(operand.U8(1), p.words)

	p.Label("turn")
	c := philoxWords()
	for j := range 4 {
		p.VMOVDQU(counters.Offset(j*32), y(c[0][j]))
		p.VPADDD(second.Offset(j*32), y(c[0][j]), y(c[1][j]))
		p.VPADDD(turn.Offset(j*32), y(c[0][j]), y(regTurn))
		p.VMOVDQU(y(regTurn), counters.Offset(j*32))
	}
	for r := range philoxRounds {
		for s := range c {
			for h := range 2 {
				// The product of word 2h becomes word 3−2h, its high half goes into that
				// which is word 3−2h.
				product, other, high := y(c[s][2*h]), y(c[s][3-2*h]), y(regPart+h)
				p.VPMULUDQ(y(regMul+h), product, product)
				if r%2 == 0 {
					p.VPXOR(keys.Offset((r+1-h)*32), product, product)
				}
				if r < philoxRounds-1 {
					p.VPSRLQ(operand.U8(32), product, high)
					p.VPXOR(high, other, other)
				} else {
					// The product stays where it is and the other operand moves up: both halves
					// of a lane are words of the block, the first of them in the high one.
					p.VPSLLQ(operand.U8(32), other, other)
					p.VPXOR(other, product, product)
				}
			}
			c[s] = [4]int{c[s][1], c[s][2], c[s][3], c[s][0]}
		}
	}
	for s := range c {
		for _, j := range []int{1, 3} { // words 1 and 0, and words 3 and 2
			word := y(c[s][j])
			p.VPAND(y(regMask), word, word)
			p.VPMINUD(y(regBelow), word, y(regPart))
			p.VPCMPEQD(y(regPart), word, word)
		}
		p.VPACKSSDW(y(c[s][3]), y(c[s][1]), y(c[s][1]))
	}
	p.VPACKSSWB(y(c[1][1]), y(c[0][1]), y(0))
	p.VPSHUFB(p.table("philoxOrderAVX2", 0x0607020304050001, 0x0e0f0a0b0c0d0809, 0x0607020304050001, 0x0e0f0a0b0c0d0809), y(0), y(0))
	bits := p.GP32()
	p.VPMOVMSKB(y(0), bits)
	p.MOVL(bits, mem(p.to[0], 0))
	p.ADDQ(operand.I8(4), p.to[0])
	p.DECQ(p.words)
	p.JNZ(operand.LabelRef("turn"))
}

// philoxAVX512 draws 64 trials a turn, with lanes as in philoxAVX2. An exclusive or
// of three takes the key with it.
func (p *drawing) philoxAVX512() {
	keys, counters := p.AllocLocal(2*philoxRounds*4), p.AllocLocal(4*64)
	second, turn := p.AllocLocal(4*4), p.AllocLocal(4*4)

	p.constant(philoxMul0, regMul)
	p.constant(philoxMul1, regMul+1)
	p.VPBROADCASTD(mem(p.trials, drawMask), z(regMask))
	p.VPBROADCASTD(mem(p.trials, drawBelow), z(regBelow))
	for h, weyl := range []uint32{philoxWeyl0, philoxWeyl1} {
		key := p.GP32()
		p.MOVL(mem(p.trials, drawKey+4*h), key)
		for r := range philoxRounds {
			p.MOVL(key, keys.Offset((2*r+h)*4))
			p.ADDL(operand.U32(weyl), key)
		}
	}
	// So the halves of vectors that shuffles put together hold eight blocks in their
	// order.
	blocks := p.table("philoxBlocksAVX512", 0, 4, 1, 5, 2, 6, 3, 7)
	for j := range 4 {
		stride := p.GP32()
		p.MOVL(mem(p.trials, drawStride+4*j), stride)
		p.VPBROADCASTD(stride, z(0))
		p.VPMULUDQ(blocks, z(0), z(1))
		p.VPADDD_BCST(mem(p.trials, drawCounter+4*j), z(1), z(1))
		p.VMOVDQU32(z(1), counters.Offset(j*64))
		p.SHLL(operand.U8(3), stride)
		p.MOVL(stride, second.Offset(j*4))
		p.SHLL(operand.U8(1), stride)
		p.MOVL(stride, turn.Offset(j*4))
	}

	p.Label("turn")
	c := philoxWords()
	for j := range 4 {
		p.VMOVDQU32(counters.Offset(j*64), z(c[0][j]))
		p.VPADDD_BCST(second.Offset(j*4), z(c[0][j]), z(c[1][j]))
		p.VPADDD_BCST(turn.Offset(j*4), z(c[0][j]), z(regTurn))
		p.VMOVDQU32(z(regTurn), counters.Offset(j*64))
	}
	for r := range philoxRounds {
		for s := range c {
			for h := range 2 {
				product, other, high := z(c[s][2*h]), z(c[s][3-2*h]), z(regPart+h)
				key := keys.Offset((2*r + 1 - h) * 4)
				p.VPMULUDQ(z(regMul+h), product, product)
				if r < philoxRounds-1 {
					p.VPSRLQ(operand.U8(32), product, high)
					p.VPTERNLOGD_BCST(operand.U8(xor3), key, high, other)
				} else {
					p.VPXORD_BCST(key, other, other)
					p.VPSLLQ(operand.U8(32), other, other)
					// And without the bits that do not count.
					p.VPTERNLOGD(operand.U8(xorAnd), z(regMask), other, product)
				}
			}
			c[s] = [4]int{c[s][1], c[s][2], c[s][3], c[s][0]}
		}
	}
	for s := range c {
		for half, order := range []operand.U8{0x11, 0xbb} { // words 1, 0 of each lane, and 3, 2
			p.VSHUFPS(order, z(c[s][3]), z(c[s][1]), z(regPart))
			p.VPCMPUD(lessThan, z(regBelow), z(regPart), maskOf(2*s+half))
			p.KMOVW(maskOf(2*s+half), mem(p.to[0], 4*s+2*half))
		}
	}
	p.ADDQ(operand.I8(8), p.to[0])
	p.DECQ(p.words)
	p.JNZ(operand.LabelRef("turn"))
}

// Of AVX-512: tables of functions of three bits for VPTERNLOGD, the destination's
// bit being the highest of an index and the first operand's the lowest, and a
// comparison.
const (
	xor3     = 0x96
	xorAnd   = 0x28 // (destination ^ second) & first
	lessThan = operand.U8(1)
)

// constant fills the lanes of a vector with a number.
func (p *drawing) constant(value uint32, v int) {
	r := p.GP32()
	p.MOVL(operand.U32(value), r)
	p.VMOVD(r, vectors[v])
	p.VPBROADCASTD(vectors[v], p.whole(v))
}

// whole returns vector register i, as wide as the tier has it.
func (p *drawing) whole(i int) reg.Register {
	if p.tier.masks {
		return z(i)
	}
	return y(i)
}

// table returns where there are these numbers.
func (p *drawing) table(name string, values ...uint64) operand.Mem {
	m := p.StaticGlobal(name)
	p.DataAttributes(attr.RODATA | attr.NOPTR)
	for _, v := range values {
		p.AppendDatum(operand.U64(v))
	}
	return m
}

func y(i int) reg.Register { return vectors[i].AsY() }
func z(i int) reg.Register { return vectors[i].AsZ() }
