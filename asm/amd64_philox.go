package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of Philox: two multipliers. Blocks and intermediate results share
// the others.
const regMul = 14

// philoxSets is how many sets of blocks, with a block in each lane, are in flight. With
// two sets, which need no memory, a trial took 0.55 ns with AVX2 and 0.42 with AVX-512
// instead of 0.43 and 0.36: a round is a chain of a product, a shift and an exclusive or,
// 5 cycles or more, and the instructions of the next turn are too far away to fill them
// (Zen 4, like all numbers here). With four sets of which only the last has words in
// memory, but with the multipliers in memory too, a trial took 0.47 ns with AVX2.
const philoxSets = 4

// philoxWords says where the words of a set of blocks are: in vector registers, or in
// memory. Only words 1 and 3 may be in memory, because an exclusive or alone reads them.
type philoxWords [4]operand.Op

// philoxKernel is what the turns of one routine share.
type philoxKernel struct {
	*drawing
	counters, spilled, keys operand.Mem
	near, far               operand.Mem // from a set's counters to those of the next set, and of the one after it
	highest                 operand.Mem // the threshold less 1
}

// philox draws 64 trials a turn with AVX2. With AVX-512 it draws 128, and the last 64 in
// another way if they remain, see last. A lane of 64 bits holds a word of one block in its low half. What
// is in the high half does not matter: VPMULUDQ does not read it, and nothing moves it to
// a low half. Lanes of 32 bits would need more instructions, because their products must
// be sorted into high and low halves.
func (p *drawing) philox() {
	w := p.tier.width
	n := 4 + 2*(philoxSets-2) // vectors
	if !p.tier.masks {
		n += philoxRounds
	}
	vectors := p.aligned(n)
	scalars := p.AllocLocal(2*4*4 + 8)
	k := &philoxKernel{
		drawing:  p,
		counters: vectors, spilled: vectors.Offset(4 * w), keys: vectors.Offset(2 * philoxSets * w),
		near: scalars, far: scalars.Offset(4 * 4), highest: scalars.Offset(2 * 4 * 4),
	}
	p.constant(philoxMul0, regMul)
	p.constant(philoxMul1, regMul+1)
	// The blocks of a set are in an order that makes the final packs of AVX2, which work
	// on each half of a vector by itself, and the shuffles of AVX-512 leave the bits in
	// theirs.
	var blocks operand.Op
	near, far := 1, 3
	if p.tier.masks {
		// From a constant: a table in memory would be one more place that may be in no cache.
		order := p.GP64()
		p.MOVQ(operand.U64(0x0703060205010400), order)
		p.VMOVQ(order, reg.X2)
		p.VPMOVZXBQ(reg.X2, z(2))
		blocks, near, far = z(2), 3, 4
	} else {
		k.doubleKeys()
		highest := p.GP32()
		p.MOVL(mem(p.trials, drawThreshold), highest)
		p.DECL(highest)
		p.MOVL(highest, k.highest)
		blocks = p.table("philoxBlocksAVX2", 0, 1, 4, 5)
	}
	for j := range 4 {
		counter, stride := p.whole(0), p.whole(1)
		p.VPBROADCASTD(mem(p.trials, drawStride+4*j), stride)
		p.VPMULUDQ(blocks, stride, stride)
		p.VPBROADCASTD(mem(p.trials, drawCounter+4*j), counter)
		p.VPADDD(counter, stride, counter)
		p.move(counter, k.counters.Offset(j*w))
	}
	if p.tier.masks {
		p.SUBQ(operand.I8(2), p.words)
		p.JGE(operand.LabelRef("many"))
		p.Label("one") // here, beside what comes before it
		k.last()
		p.VZEROUPPER()
		p.RET()
		p.Label("many")
		k.keys = p.AllocLocal(2 * philoxRounds * 4)
		k.singleKeys()
	}
	for j := range 4 {
		step := p.GP32()
		p.MOVL(mem(p.trials, drawStride+4*j), step)
		p.SHLL(operand.U8(near), step)
		p.MOVL(step, k.near.Offset(4*j))
		p.SHLL(operand.U8(far-near), step)
		p.MOVL(step, k.far.Offset(4*j))
	}
	if !p.tier.masks {
		p.Label("turn")
		k.turn(philoxSets)
		p.DECQ(p.words)
		p.JNZ(operand.LabelRef("turn"))
		return
	}
	p.Label("turn")
	k.turn(philoxSets)
	p.SUBQ(operand.I8(2), p.words)
	p.JGE(operand.LabelRef("turn"))
	p.ADDQ(operand.I8(2), p.words)
	p.JNZ(operand.LabelRef("one"))
}

// doubleKeys sets up the keys for AVX2, whose exclusive or has two operands: one of them
// brings the keys of two rounds. The high half of a product p goes into the exclusive or
// of its round r and the low half into that of round r+1. With r even,
// p ^ (kᵣ<<32 | kᵣ₊₁) has both keys in.
func (k *philoxKernel) doubleKeys() {
	for h, weyl := range []uint32{philoxWeyl0, philoxWeyl1} {
		two, first := k.GP64(), k.GP64()
		k.MOVL(mem(k.trials, drawKey+4*h), two.As32())
		k.MOVQ(two, first)
		k.SHLQ(operand.U8(32), first)
		k.ADDL(operand.U32(weyl), two.As32())
		k.ORQ(first, two)
		k.VMOVQ(two, reg.X0)
		k.VPBROADCASTQ(reg.X0, y(0))
		k.constant(2*weyl, 1)
		for r := 0; r < philoxRounds; r += 2 {
			k.VMOVDQU(y(0), k.keys.Offset((r+h)*32))
			k.VPADDD(y(1), y(0), y(0))
		}
	}
}

// singleKeys sets up the keys for AVX-512, whose exclusive or of three operands takes
// one along.
func (k *philoxKernel) singleKeys() {
	for h, weyl := range []uint32{philoxWeyl0, philoxWeyl1} {
		key := k.GP32()
		k.MOVL(mem(k.trials, drawKey+4*h), key)
		for r := range philoxRounds {
			k.MOVL(key, k.keys.Offset((2*r+h)*4))
			k.ADDL(operand.U32(weyl), key)
		}
	}
}

// last draws 64 trials with two sets of blocks, all in registers, and AVX-512. Where a mask has no more,
// its draw is one call among much else, whose code comes from memory line by line: the rounds are a
// loop of three lines. (Written out, they were 18 lines, and the keys of all rounds, which are
// in memory then, 4.)
func (k *philoxKernel) last() {
	const keys, weyl, products, words = 8, 10, 12, 0xaaaa
	c := []philoxWords{{z(0), z(1), z(2), z(3)}, {z(4), z(5), z(6), z(7)}}
	for j := range 4 {
		far := z(products)
		k.VPBROADCASTD(mem(k.trials, drawStride+4*j), far)
		k.VPSLLD(operand.U8(3), far, far)
		k.move(k.counters.Offset(j*k.tier.width), c[0][j])
		k.VPADDD(c[0][j], far, c[1][j])
	}
	for h, add := range []uint32{philoxWeyl0, philoxWeyl1} {
		k.VPBROADCASTD(mem(k.trials, drawKey+4*h), z(keys+h))
		k.constant(add, weyl+h)
	}
	left := k.GP32()
	k.MOVL(operand.U32(philoxRounds), left)
	k.Label("round")
	for _, c := range c {
		for h := range 2 {
			k.VPMULUDQ(z(regMul+h), c[2*h], z(products+h))
		}
		for h := range 2 {
			// The product of word 2h becomes word 3−2h of the next round, and its high half goes
			// into word 2−2h.
			k.VPSRLQ(operand.U8(32), z(products+h), c[2-2*h])
			k.VPTERNLOGD(operand.U8(xor3), z(keys+1-h), c[3-2*h], c[2-2*h])
			k.VMOVDQU32(z(products+h), c[3-2*h])
		}
	}
	for h := range 2 {
		k.VPADDD(z(weyl+h), z(keys+h), z(keys+h))
	}
	k.DECL(left)
	k.JNZ(operand.LabelRef("round"))
	// Now two words go into each lane of 64 bits, the first one in the high half.
	k.MOVL(operand.U32(words), left)
	k.KMOVW(left, reg.K1)
	for s := range c {
		for j := 0; j < 4; j += 2 {
			k.VPSHUFD(operand.U8(0xa0), c[s][j], reg.K1, c[s][j+1])
		}
		c[s][0], c[s][2] = c[s][3], c[s][1] // as turn leaves them
	}
	k.compareMasks(c, z(products))
}

// turn draws one turn, with some sets of blocks.
func (k *philoxKernel) turn(sets int) {
	c, free := k.load(sets)
	for r := range philoxRounds {
		for s := range c {
			for h := range 2 {
				// The product of word 0 meets key 1, that of word 2 key 0.
				k.VPMULUDQ(k.whole(regMul+h), c[s][2*h], c[s][2*h])
				if !k.tier.masks && r%2 == 0 {
					k.VPXOR(k.keys.Offset((r+1-h)*32), c[s][2*h], c[s][2*h])
				}
			}
		}
		for s := range c {
			old := c[s]
			for h := range 2 {
				product, other, key := old[2*h], old[3-2*h], k.keys.Offset((2*r+1-h)*4)
				in, spilled := other.(operand.Mem)
				if r == philoxRounds-1 {
					// The product stays where it is and the other operand moves up: now both
					// halves of a lane are words of the block, the first one in the high half.
					if spilled {
						other = free[h]
						k.move(in, other)
					}
					if k.tier.masks {
						k.VPXORD_BCST(key, other, other)
					}
					k.VPSLLQ(operand.U8(32), other, other)
					k.xor(other, product, product)
					continue
				}
				// The product of word 2h becomes word 3−2h of the next round, and its high
				// half goes into word 2−2h.
				high := free[0]
				k.VPSRLQ(operand.U8(32), product, high)
				if k.tier.masks && spilled {
					k.VPBROADCASTD(key, free[1])
					k.VPTERNLOGD(operand.U8(xor3), other, free[1], high)
				} else if k.tier.masks {
					k.VPTERNLOGD_BCST(operand.U8(xor3), key, other, high)
				} else {
					k.VPXOR(other, high, high)
				}
				c[s][2-2*h], c[s][3-2*h] = high, product
				freed := other
				if spilled {
					k.move(product, in)
					c[s][3-2*h], freed = in, product
				}
				free = append(free[1:], freed.(reg.Register))
			}
		}
	}
	if k.tier.masks {
		k.compareMasks(c, free[0])
	} else {
		k.comparePacks(c, free[0])
	}
	k.ADDQ(operand.I8(sets*k.tier.width/16), k.to[0])
}

// load loads the next counters. It returns where the words of the blocks are, and the
// registers that remain free.
func (k *philoxKernel) load(sets int) (c []philoxWords, free []reg.Register) {
	w := k.tier.width
	for i := range regMul {
		free = append(free, k.whole(i))
	}
	c = make([]philoxWords, sets)
	for s := range c {
		for j := range c[s] {
			if s >= 2 && j%2 == 1 {
				c[s][j] = k.spilled.Offset((2*(s-2) + j/2) * w)
			} else {
				c[s][j], free = free[0], free[1:]
			}
		}
	}
	for j := range 4 {
		near, far := free[0], free[1]
		k.VPBROADCASTD(k.near.Offset(4*j), near)
		k.move(k.counters.Offset(j*w), c[0][j])
		k.VPADDD(c[0][j], near, c[1][j])
		k.VPBROADCASTD(k.far.Offset(4*j), far)
		for _, s := range []int{3, 2} {
			set := c[s][j]
			if m, spilled := set.(operand.Mem); spilled {
				k.VPADDD(c[s-2][j], far, near)
				k.move(near, m)
				set = near
			} else {
				k.VPADDD(c[s-2][j], far, set)
			}
			if s == 2 {
				k.VPADDD(set, far, far)
				k.move(far, k.counters.Offset(j*w))
			}
		}
	}
	return c, free
}

// comparePacks compares the words with AVX2 and writes the bits, 32 at a time.
func (k *philoxKernel) comparePacks(c []philoxWords, free reg.Register) {
	counts, highest := c[0][1], c[0][3]
	k.VPBROADCASTD(mem(k.trials, drawMask), counts)
	k.VPBROADCASTD(k.highest, highest)
	for s := range c {
		for _, j := range []int{2, 0} { // words 1 and 0, and words 3 and 2
			k.VPAND(counts, c[s][j], c[s][j])
			k.VPMINUD(highest, c[s][j], free)
			k.VPCMPEQD(free, c[s][j], c[s][j])
		}
		k.VPACKSSDW(c[s][0], c[s][2], c[s][2])
	}
	order := k.table("philoxOrderAVX2", 0x0607020304050001, 0x0e0f0a0b0c0d0809, 0x0607020304050001, 0x0e0f0a0b0c0d0809)
	for s := 0; s < len(c); s += 2 {
		bits := k.GP32()
		k.VPACKSSWB(c[s+1][2], c[s][2], c[s][2])
		k.VPSHUFB(order, c[s][2], c[s][2])
		k.VPMOVMSKB(c[s][2], bits)
		k.MOVL(bits, mem(k.to[0], 2*s))
	}
}

// compareMasks compares the words with AVX-512 and writes the bits, 16 at a time.
func (k *philoxKernel) compareMasks(c []philoxWords, free reg.Register) {
	for s := range c {
		for half, order := range []operand.U8{0x11, 0xbb} { // words 1, 0 of each two blocks, and 3, 2
			mask := maskOf((2*s + half) % 4)
			k.VSHUFPS(order, c[s][0], c[s][2], free)
			k.VPANDD_BCST(mem(k.trials, drawMask), free, free)
			k.VPCMPUD_BCST(lessThan, mem(k.trials, drawThreshold), free, mask)
			k.KMOVW(mask, mem(k.to[0], 4*s+2*half))
		}
	}
}
