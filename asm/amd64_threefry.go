package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Vector registers of Threefry: the two words of four sets of blocks, with a block in
// each lane, the counters of the next turn, and what words are compared with.
const (
	threefrySets = 4

	regX0      = 0
	regX1      = 4
	regSpare   = 8
	regStart   = 12
	regCounts  = 14
	regHighest = 15 // the threshold with AVX-512, with AVX2 see signed
)

// threefry draws 32 trials a turn with AVX2 and 64 with AVX-512. Each round goes through
// the sets one by one. With the sums of all sets first a trial took 0.77 ns instead of
// 0.75 with AVX-512, and 1.13 as before with AVX2 (Zen 4, like all numbers here).
func (p *drawing) threefry() {
	keys, steps := p.threefryKeys(), p.AllocLocal(2*2*4)
	blocks, near, far := p.threefryBlocks()
	for j := range 2 {
		start, other, step := p.whole(regStart+j), p.whole(0), p.GP32()
		p.VPBROADCASTD(mem(p.trials, drawStride+4*j), start)
		p.VPMULLD(blocks, start, start)
		for _, at := range []int{drawCounter, drawKey} {
			p.VPBROADCASTD(mem(p.trials, at+4*j), other)
			p.VPADDD(other, start, start)
		}
		p.MOVL(mem(p.trials, drawStride+4*j), step)
		p.SHLL(operand.U8(near), step)
		p.MOVL(step, steps.Offset(4*j))
		p.SHLL(operand.U8(far-near), step)
		p.MOVL(step, steps.Offset(8+4*j))
	}
	p.VPBROADCASTD(mem(p.trials, drawMask), p.whole(regCounts))
	if p.tier.masks {
		p.VPBROADCASTD(mem(p.trials, drawThreshold), p.whole(regHighest))
	} else {
		p.signed()
		p.SHLQ(operand.U8(1), p.words)
	}

	p.Label("turn")
	for j, x := range []int{regX0, regX1} {
		start, near, far := p.whole(regStart+j), p.whole(regSpare), p.whole(regSpare+1)
		p.VPBROADCASTD(steps.Offset(4*j), near)
		p.VPBROADCASTD(steps.Offset(8+4*j), far)
		p.move(start, p.whole(x))
		for s := 1; s < threefrySets; s++ {
			p.VPADDD(near, p.whole(x+s-1), p.whole(x+s))
		}
		p.VPADDD(far, start, start)
	}
	for r := range threefryRounds {
		for s := range threefrySets {
			x0, x1 := p.whole(regX0+s), p.whole(regX1+s)
			p.VPADDD(x1, x0, x0)
			p.rotated(x0, x1, p.whole(regSpare+s), threefryRotations[r%8])
		}
		for s := range threefrySets {
			for j, x := range []reg.Register{p.whole(regX0 + s), p.whole(regX1 + s)} {
				switch key := keys[2*(r/4)+j]; {
				case r%4 < 3:
				case p.tier.masks:
					p.VPADDD_BCST(key, x, x)
				default:
					p.VPADDD(key, x, x)
				}
			}
		}
	}
	if p.draw == threefry {
		for s := range threefrySets {
			p.xor(p.whole(regX1+s), p.whole(regX0+s), p.whole(regX0+s))
		}
	}
	for i, to := range p.to {
		if p.tier.masks {
			p.writeMasks(4*i, to)
			p.ADDQ(operand.I8(8), to)
		} else {
			p.writePacks(4*i, to)
			p.ADDQ(operand.I8(4), to)
		}
	}
	p.DECQ(p.words)
	p.JNZ(operand.LabelRef("turn"))
}

// threefryBlocks returns the numbers of the first set's blocks, and the binary logarithms
// of the distances to the blocks of the next set and of the next turn. The order makes the
// packs of AVX2, which work on each half of a vector by itself, leave four sets in theirs.
func (p *drawing) threefryBlocks() (blocks operand.Mem, near, far int) {
	n := uint64(p.tier.width / 4)
	var lanes []uint64
	for i := uint64(0); i < n; i += 2 {
		block := i
		if !p.tier.masks && i >= n/2 {
			block += threefrySets*n/2 - n/2
		}
		lanes = append(lanes, (block+1)<<32|block)
	}
	blocks = p.table("threefryBlocks"+p.tier.name, lanes...)
	if p.tier.masks {
		return blocks, 4, 6
	}
	return blocks, 2, 5
}

// threefryKeys sets up the keys that are added after each four rounds, for either word,
// and returns where they are: numbers for AVX-512, vectors for AVX2. AVX2 compares only
// signed numbers: there the last keys flip the top bits of the words as well.
func (p *drawing) threefryKeys() (keys []operand.Mem) {
	k := []reg.GPVirtual{p.GP32(), p.GP32(), p.GP32()}
	p.MOVL(mem(p.trials, drawKey), k[0])
	p.MOVL(mem(p.trials, drawKey+4), k[1])
	p.MOVL(k[0], k[2])
	p.XORL(k[1], k[2])
	p.XORL(operand.U32(threefryParity), k[2])
	const n = 2 * threefryRounds / 4
	var at operand.Mem
	size := 4
	if p.tier.masks {
		at = p.AllocLocal(n * size)
	} else {
		size = p.tier.width
		at = p.aligned(n)
	}
	for i := range n {
		// Keys 1 and 2 come first, then 2 and 0 and so on. The second key of each pair is
		// increased by the number of the pair.
		count := i/2 + 1
		key, sum := k[(count+i%2)%3], p.GP32()
		p.MOVL(key, sum)
		if i%2 == 1 {
			p.ADDL(operand.U32(count), sum)
		}
		keys = append(keys, at.Offset(i*size))
		if p.tier.masks {
			p.MOVL(sum, keys[i])
			continue
		}
		if i/2 == n/2-1 && (i%2 == 0 || p.draw == threefryPairs) {
			p.XORL(operand.U32(1<<31), sum)
		}
		p.VMOVD(sum, reg.X0)
		p.VPBROADCASTD(reg.X0, y(0))
		p.VMOVDQU(y(0), keys[i])
	}
	return keys
}

// signed sets up what AVX2 compares with: the threshold less 1, with the top bit flipped
// if it counts.
func (p *drawing) signed() {
	highest, bit := p.GP32(), p.GP32()
	p.MOVL(mem(p.trials, drawMask), bit)
	p.ANDL(operand.U32(1<<31), bit)
	p.MOVL(mem(p.trials, drawThreshold), highest)
	p.DECL(highest)
	p.XORL(bit, highest)
	p.VMOVD(highest, reg.X0)
	p.VPBROADCASTD(reg.X0, y(regHighest))
}

// rotated rotates x1 to the left and sets it to the exclusive or with x0. AVX2 has no
// rotation: by whole bytes it shuffles, otherwise it shifts twice and takes x0 to the
// shift that comes first. With x0 taken to the second shift a trial took 1.15 ns, and
// without shuffles 1.16, instead of 1.13.
func (p *drawing) rotated(x0, x1, spare reg.Register, by int) {
	switch {
	case p.tier.masks:
		p.VPROLD(operand.U8(by), x1, x1)
		p.VPXORD(x0, x1, x1)
	case by%8 == 0:
		// A byte moves up by by/8 places within its word.
		var order [2]uint64
		for i := range 16 {
			order[i/8] |= uint64(i&^3|(i-by/8)&3) << (i % 8 * 8)
		}
		p.VPSHUFB(p.table(fmt.Sprintf("rotation%d", by), order[0], order[1], order[0], order[1]), x1, x1)
		p.VPXOR(x0, x1, x1)
	default:
		p.VPSLLD(operand.U8(by), x1, spare)
		p.VPSRLD(operand.U8(32-by), x1, x1)
		p.VPXOR(x0, spare, spare)
		p.VPXOR(spare, x1, x1)
	}
}

// writePacks compares the words of four registers from one up with AVX2 and writes
// their 32 bits.
func (p *drawing) writePacks(from int, to reg.Register) {
	for s := range threefrySets {
		p.VPAND(y(regCounts), y(from+s), y(from+s))
		p.VPCMPGTD(y(regHighest), y(from+s), y(from+s))
	}
	p.VPACKSSDW(y(from+1), y(from), y(from))
	p.VPACKSSDW(y(from+3), y(from+2), y(from+2))
	p.VPACKSSWB(y(from+2), y(from), y(from))
	above := p.GP32()
	p.VPMOVMSKB(y(from), above)
	p.NOTL(above)
	p.MOVL(above, mem(to, 0))
}

// writeMasks compares the words of four registers from one up with AVX-512 and writes
// their 64 bits.
func (p *drawing) writeMasks(from int, to reg.Register) {
	for s := range threefrySets {
		p.VPANDD(z(regCounts), z(from+s), z(from+s))
		p.VPCMPUD(lessThan, z(regHighest), z(from+s), maskOf(s))
		p.KMOVW(maskOf(s), mem(to, 2*s))
	}
}
