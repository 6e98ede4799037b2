package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// groupPlanes is how many planes are told apart before they are walked: the bits of a word, of
// which the first one left over is needed.
const groupPlanes = 63

// Vector registers of pixels that are compacted. A step has one of each. Halves are float32
// between the load and the store.
const (
	regPacked  = 0 // what is side by side, then at its channel or the other way round
	regLanes   = 2 // the factors
	regSum     = 3 // what is added to
	regNarrow  = 4 // halves as they are in memory
	regSource  = 7 // on AVX2: for each lane the one it comes from
	regPart    = 8
	regNibbles = 12 // on AVX2: 0, 4, 8 … 28
	regChosen  = 15 // on AVX2: all ones where the factor is not 0
)

// Mask registers of AVX-512.
var (
	maskChosen = reg.K4 // lanes whose factor is not 0
	maskPart   = reg.K3 // lanes of a vector that is not whole
)

// x86Compactor is the machine of both tiers of amd64 with the loops of compaction.
type x86Compactor struct {
	*x86
	tables *orderTables // shared by the kernels of a file

	// Of planes.
	base  reg.GPVirtual // of the planes of a group, where they are not packed
	group reg.GPVirtual // how many there are
	kept  reg.GPVirtual // a bit for each that is kept
	to    reg.GPVirtual // the bits that are left
	short bool          // planes are so short that they are not written past the cache
	next  reg.GPVirtual // bytes from a plane to the next one that is gathered

	// Of pixels.
	limit  reg.GPVirtual // the last place where packed has a whole vector
	last   reg.GPVirtual // the last place where it has one after what is kept of a row
	rest   reg.GPVirtual // channels of a row that are no whole step
	n      reg.GPVirtual // how many channels of a step are kept
	order  reg.GPVirtual // the table
	ladder               // where there are no masks

	counting bool // the channels of a row that are kept
}

// orderTables are what the kernels of a file share on AVX2. An entry of the first two holds the
// number of a lane in each nibble.
type orderTables struct{ compress, expand, nibbles operand.Mem }

// streamedBytes is the shortest plane that is compacted past the cache. Shorter ones would have too many
// lines of which two of them have a part each. Of 784 bytes Scatter writes 23 GB/s this way instead
// of 16 and Gather as much as otherwise, of 196 bytes both less (128 MiB of float32, Zen 5).
const streamedBytes = 512

func (p *x86Compactor) jumpIf(c condition, to string) {
	label := operand.LabelRef(to)
	switch c {
	case noPlane:
		p.TESTQ(p.to, p.to)
		p.JZ(label)
	case anotherPlane:
		p.LEAQ(mem(p.to, -1), p.left)
		p.ANDQ(p.left, p.to)
		p.JNZ(label)
	case anotherGroup:
		p.MOVQ(p.stride, p.left)
		p.IMULQ(p.group, p.left)
		p.ADDQ(p.left, p.base)
		p.LEAQ(operand.Mem{Base: p.factors, Index: p.group, Scale: uint8(p.size)}, p.factors)
		p.SUBQ(p.group, p.count)
		p.JNZ(label)
	case anotherStep:
		p.ADDQ(operand.I32(p.memory().bytes), p.left)
		p.JNZ(label)
	case wholeRow:
		p.TESTQ(p.rest, p.rest)
		p.JZ(label)
	case near:
		p.CMPQ(p.packed(), p.limit)
		p.JHI(label)
	case last:
		p.CMPQ(p.packed(), p.last)
		p.JHI(label)
	default:
		p.x86.jumpIf(c, to)
	}
}

// clears reports whether dropped planes are cleared.
func (p *x86Compactor) clears() bool { return p.dropped == Zero }

func (p *x86Compactor) startGroups(short bool) {
	p.short = short
	p.planeBytes()
	p.left = p.GP64()
	p.base, p.group, p.kept, p.next = p.GP64(), p.GP64(), p.GP64(), p.GP64()
	p.to = p.kept
	if p.clears() {
		p.to = p.GP64()
	}
	if p.kernel.gathers() {
		p.base, p.from = p.src, p.GP64()
	} else {
		p.base, p.from = p.dst, p.src
		p.dst = p.GP64()
	}
}

// takeGroup shifts a bit in for each factor, which has left a carry unless it is 0, from the
// last one to the first.
func (p *x86Compactor) takeGroup(label string) {
	at := p.left
	p.MOVQ(p.count, p.group)
	p.MOVQ(operand.I32(groupPlanes), at)
	p.CMPQ(p.group, at)
	p.CMOVQGT(at, p.group)
	p.MOVQ(p.group, at)
	p.takeBits(label, at)
	if p.clears() {
		p.MOVQ(p.kept, p.to)
	}
}

// takeBits is takeGroup for a number of planes, which it counts down.
func (p *x86Compactor) takeBits(label string, at reg.GPVirtual) {
	bits := p.GP64()
	p.XORL(p.kept.As32(), p.kept.As32())
	p.Label(label)
	from := operand.Mem{Base: p.factors, Index: at, Scale: uint8(p.size), Disp: -p.size}
	switch p.size {
	case 8:
		p.MOVQ(from, bits)
		p.ADDQ(bits, bits)
		p.NEGQ(bits)
	case 4:
		p.MOVL(from, bits.As32())
		p.ADDL(bits.As32(), bits.As32())
		p.NEGL(bits.As32())
	default:
		p.MOVWLZX(from, bits.As32())
		p.SHLL(operand.U8(17), bits.As32())
		p.NEGL(bits.As32())
	}
	p.ADCQ(p.kept, p.kept)
	p.DECQ(at)
	p.JNZ(operand.LabelRef(label))
}

func (p *x86Compactor) turnGroup() {
	p.XORL(p.to.As32(), p.to.As32())
	p.BTSQ(p.group, p.to)
	p.DECQ(p.to)
	p.XORQ(p.kept, p.to)
}

func (p *x86Compactor) toPlane() {
	at, to := p.left, p.from // nothing is left of another plane
	p.BSFQ(p.to, at)
	p.plane(operand.Mem{Base: p.factors, Index: at, Scale: uint8(p.size)}, operand.Mem{}, regPlane)
	if !p.kernel.gathers() {
		to = p.dst
	}
	p.IMULQ(p.stride, at)
	p.LEAQ(operand.Mem{Base: p.base, Index: at, Scale: 1}, to)
	if p.stream && !p.short && p.kernel.gathers() {
		// After the last plane of a group this is any number: nothing but a prefetch depends on it.
		p.LEAQ(mem(p.to, -1), p.next)
		p.ANDQ(p.to, p.next)
		p.BSFQ(p.next, p.next)
		p.IMULQ(p.stride, p.next)
		p.SUBQ(at, p.next)
	}
}

// prefetch prefetches what is gathered next past the cache: the place in the next kept plane, or so many
// bytes ahead if planes are short. Where planes are left out, the processor does not do so by
// itself. Half of the planes of 28×28 or 56×56 float32 are gathered at 1.2 to 1.3 times the speed
// (128 MiB, Zen 5).
func (p *x86Compactor) prefetch(bytes int) {
	switch {
	case !p.stream:
		p.x86.prefetch(bytes)
	case p.short && p.kernel.gathers():
		for at := 0; at < bytes; at += lineBytes {
			p.PREFETCHT0(mem(p.from, at+loadAhead))
		}
	case p.kernel.gathers():
		for at := 0; at < bytes; at += lineBytes {
			p.PREFETCHT0(operand.Mem{Base: p.from, Index: p.next, Scale: 1, Disp: at})
		}
	}
}

func (p *x86Compactor) endGroups() {
	if !p.kernel.gathers() {
		p.dst = p.base
	}
}

// wideLane is how many bytes a lane has in the vectors of a step.
func (p *x86Compactor) wideLane() int { return max(4, p.size) }

func (p *x86Compactor) lanes() int { return p.tier.width / p.wideLane() }

// memory returns a block of the elements of a step.
func (p *x86Compactor) memory() block { return block{bytes: p.lanes() * p.size} }

// set returns the instructions of a step.
func (p *x86Compactor) set() instructionSet {
	if p.half {
		return instructions["F32"]
	}
	return instructions[p.elem.name]
}

// packed returns the pointer to what is packed.
func (p *x86Compactor) packed() reg.GPVirtual {
	if p.kernel.gathers() {
		return p.dst
	}
	return p.from
}

// full returns the pointer to what has all channels.
func (p *x86Compactor) full() reg.GPVirtual {
	if p.kernel.gathers() {
		return p.from
	}
	return p.dst
}

// startLanes leaves the bytes of all whole steps of a row in length, and factors at their end.
func (p *x86Compactor) startLanes() {
	p.from = p.src
	p.left, p.n, p.rest, p.limit, p.last = p.GP64(), p.GP64(), p.GP64(), p.GP64(), p.GP64()
	p.MOVQ(p.length, p.rest)
	p.ANDQ(operand.I32(p.lanes()-1), p.rest)
	if p.masks {
		p.lowLanes(p.rest, maskTail)
	} else {
		p.order = p.GP64()
		p.VMOVUPS(p.nibbles(), p.vec(regNibbles, p.whole()))
		p.LEAQ(p.orders(), p.order)
	}
	p.SUBQ(p.rest, p.length)
	p.SHLQ(p.shift(), p.length)
	p.ADDQ(p.length, p.factors)

	p.XORL(p.limit.As32(), p.limit.As32())
	p.counting = true
}

func (p *x86Compactor) countLanes() { p.ADDQ(p.n, p.limit) }

func (p *x86Compactor) endLanes() {
	p.counting = false
	p.SHLQ(p.shift(), p.limit)
	p.MOVQ(p.limit, p.last)
	p.IMULQ(p.count, p.limit)
	p.LEAQ(operand.Mem{Base: p.packed(), Index: p.limit, Scale: 1, Disp: -p.memory().bytes}, p.limit)
	p.NEGQ(p.last)
	p.ADDQ(p.limit, p.last)
}

func (p *x86Compactor) startSteps(to string) {
	p.MOVQ(p.length, p.left)
	if !p.counting {
		p.ADDQ(p.length, p.full())
	}
	p.NEGQ(p.left)
	p.JZ(operand.LabelRef(to))
}

// step returns where a step of a row begins: so many bytes before the end of the last one.
func (p *x86Compactor) step(end reg.GPVirtual) operand.Mem {
	return operand.Mem{Base: end, Index: p.left, Scale: 1}
}

func (p *x86Compactor) takeLanes(tail bool) {
	factors, whole := p.vec(regLanes, p.whole()), p.whole()
	switch {
	case tail:
		p.partIn(p.factors, p.rest, maskTail, regLanes)
		if p.half {
			p.widenInOrder(p.vec(regLanes, p.memory()), regLanes)
		}
	case p.half:
		p.widenInOrder(p.step(p.factors), regLanes)
	default:
		p.VMOVUPS(p.step(p.factors), factors)
	}
	zero := p.vec(regZero, whole)
	if p.masks {
		p.set().cmp(p.Context, notEqual, zero, factors, maskChosen)
		p.KMOVW(maskChosen, p.n.As32())
		p.POPCNTL(p.n.As32(), p.n.As32())
		return
	}
	chosen := p.vec(regChosen, whole)
	lanes := p.GP64()
	p.set().cmp(p.Context, notEqual, zero, factors, chosen)
	if p.wideLane() == 8 {
		p.VMOVMSKPD(chosen, lanes.As32())
	} else {
		p.VMOVMSKPS(chosen, lanes.As32())
	}
	p.POPCNTL(lanes.As32(), p.n.As32())
	order := p.vec(regSource, whole)
	p.VPBROADCASTD(operand.Mem{Base: p.order, Index: lanes, Scale: 4}, order)
	p.VPSRLVD(p.vec(regNibbles, whole), order, order)
}

func (p *x86Compactor) compress(tail bool) {
	value, factors := p.vec(regPacked, p.whole()), p.vec(regLanes, p.whole())
	switch {
	case tail:
		p.partIn(p.from, p.rest, maskTail, regPacked)
		if p.half {
			p.widenInOrder(p.vec(regPacked, p.memory()), regPacked)
		}
		p.set().mul(p.Context, factors, value, value)
		p.LEAQ(operand.Mem{Base: p.from, Index: p.rest, Scale: uint8(p.size)}, p.from)
	case p.half:
		p.widenInOrder(p.step(p.from), regPacked)
		p.set().mul(p.Context, factors, value, value)
	default:
		p.set().mul(p.Context, p.step(p.from), factors, value)
	}
	switch {
	case p.masks && p.wideLane() == 8:
		p.VCOMPRESSPD_Z(value, maskChosen, value)
	case p.masks:
		p.VCOMPRESSPS_Z(value, maskChosen, value)
	default:
		p.VPERMPS(value, p.vec(regSource, p.whole()), value)
	}
	if p.half {
		p.narrowInOrder()
	}
}

// result returns the register with what is stored.
func (p *x86Compactor) result() int {
	if p.half {
		return regNarrow
	}
	return regPacked
}

func (p *x86Compactor) putPacked(whole bool) {
	if whole {
		p.VMOVUPS(p.vec(p.result(), p.memory()), mem(p.dst, 0))
	} else {
		p.partLanes()
		p.partOut(p.result(), p.dst, p.n, maskPart)
	}
	p.LEAQ(operand.Mem{Base: p.packed(), Index: p.n, Scale: uint8(p.size)}, p.packed())
}

func (p *x86Compactor) takePacked(whole bool) {
	switch {
	case !whole:
		p.partLanes()
		p.partIn(p.from, p.n, maskPart, regPacked)
		if p.half {
			p.widenInOrder(p.vec(regPacked, p.memory()), regPacked)
		}
	case p.half:
		p.widenInOrder(mem(p.from, 0), regPacked)
	default:
		p.VMOVUPS(mem(p.from, 0), p.vec(regPacked, p.whole()))
	}
	p.LEAQ(operand.Mem{Base: p.packed(), Index: p.n, Scale: uint8(p.size)}, p.packed())
}

func (p *x86Compactor) expand(tail bool) {
	value, factors, whole := p.vec(regPacked, p.whole()), p.vec(regLanes, p.whole()), p.whole()
	switch {
	case p.masks && p.wideLane() == 8:
		p.VEXPANDPD_Z(value, maskChosen, value)
	case p.masks:
		p.VEXPANDPS_Z(value, maskChosen, value)
	default:
		p.VPERMPS(value, p.vec(regSource, whole), value)
	}
	old, chosen, set := p.vec(regSum, whole), p.vec(regChosen, whole), p.set()
	switch {
	case !p.sums() && p.masks:
		set.mulZ(p.Context, factors, value, maskChosen, value)
	case !p.sums():
		set.mul(p.Context, factors, value, value)
		set.and(p.Context, chosen, value, value)
	default:
		set.mul(p.Context, factors, value, value)
		if p.half {
			p.roundInOrder()
		}
		switch {
		case tail:
			p.partIn(p.dst, p.rest, maskTail, regSum)
		case p.half:
			p.VMOVDQU(p.step(p.dst), p.vec(regSum, p.memory()))
		default:
			p.VMOVUPS(p.step(p.dst), old)
		}
		switch {
		case p.half:
			p.widenInOrder(p.vec(regSum, p.memory()), regPart)
			set.add(p.Context, value, p.vec(regPart, whole), value)
		case p.masks:
			set.add(p.Context, value, old, maskChosen, old)
			value = old
		default:
			set.add(p.Context, value, old, value)
			set.blend(p.Context, chosen, value, old, value)
		}
	}
	result := p.result()
	if p.half {
		p.narrowInOrder()
		if p.sums() {
			p.keepOld()
		}
	} else if p.sums() && p.masks {
		result = regSum
	}
	if tail {
		p.partOut(result, p.dst, p.rest, maskTail)
		p.LEAQ(operand.Mem{Base: p.dst, Index: p.rest, Scale: uint8(p.size)}, p.dst)
		return
	}
	if p.stream {
		p.VMOVNTPS(p.vec(result, p.memory()), p.step(p.dst))
		return
	}
	p.VMOVUPS(p.vec(result, p.memory()), p.step(p.dst))
}

// keepOld gives the lanes of dropped channels back what dst had.
func (p *x86Compactor) keepOld() {
	w := p.memory()
	sum, old := p.vec(regNarrow, w), p.vec(regSum, w)
	if p.masks {
		p.VMOVDQU16(sum, maskChosen, old)
		p.VMOVUPS(old, sum)
		return
	}
	chosen, upper := vectors[regChosen].AsX(), vectors[regPart].AsX()
	p.VEXTRACTI128(operand.U8(1), vectors[regChosen].AsY(), upper)
	p.VPACKSSDW(upper, chosen, chosen)
	p.VPBLENDVB(chosen, sum, old, sum)
}

// partLanes sets maskPart to as many lanes as are kept.
func (p *x86Compactor) partLanes() {
	if p.masks {
		p.lowLanes(p.n, maskPart)
	}
}

// partIn loads the first elements of a step, fewer than all, and clears the other lanes. Without masks it
// takes as many elements from the end as the lowest bit of n says, and so on.
func (p *x86Compactor) partIn(from, n reg.GPVirtual, mask reg.Register, to int) {
	if p.masks {
		if p.half {
			p.VMOVDQU16_Z(mem(from, 0), mask, p.vec(to, p.memory()))
		} else {
			p.set().movZ(p.Context, mem(from, 0), mask, p.vec(to, p.whole()))
		}
		return
	}
	value, part := vectors[to].AsX(), vectors[regPart].AsX()
	end := p.GP64()
	p.LEAQ(operand.Mem{Base: from, Index: n, Scale: uint8(p.size)}, end)
	p.VXORPS(value, value, value)
	p.climb(partsUp(p.lanes()), p.unlessBit(n), p.Label, func(elements int) {
		bytes := elements * p.size
		p.SUBQ(operand.I32(bytes), end)
		into := part
		if elements == 1 {
			into = value
		}
		p.load(mem(end, 0), into, block{bytes: bytes})
		switch {
		case elements == 1:
		case bytes == 16:
			p.VINSERTI128(operand.U8(1), value, vectors[regPart].AsY(), vectors[to].AsY())
		case bytes == 8:
			p.VUNPCKLPD(value, part, value)
		default:
			p.VUNPCKLPS(value, part, value)
		}
	})
}

// unlessBit returns what jumps unless a number has a bit.
func (p *x86Compactor) unlessBit(n reg.GPVirtual) func(int, string) {
	return func(bit int, to string) {
		p.TESTQ(operand.I32(bit), n)
		p.JZ(operand.LabelRef(to))
	}
}

// partOut stores the first elements of a step, fewer than all. Without masks it spoils the register.
func (p *x86Compactor) partOut(from int, to, n reg.GPVirtual, mask reg.Register) {
	if p.masks {
		if p.half {
			p.VMOVDQU16(p.vec(from, p.memory()), mask, mem(to, 0))
		} else {
			p.set().mov(p.Context, p.vec(from, p.whole()), mask, mem(to, 0))
		}
		return
	}
	value := vectors[from].AsX()
	at := p.GP64()
	p.MOVQ(to, at)
	p.climb(partsDown(p.lanes()), p.unlessBit(n), p.Label, func(elements int) {
		bytes := elements * p.size
		p.store(value, mem(at, 0), block{bytes: bytes})
		if elements > 1 {
			p.ADDQ(operand.I32(bytes), at)
			switch bytes {
			case 16:
				p.VEXTRACTI128(operand.U8(1), vectors[from].AsY(), value)
			case 8:
				p.VPSHUFD(operand.U8(0xee), value, value)
			default:
				p.VPSRLQ(operand.U8(32), value, value)
			}
		}
	})
}

// widenInOrder sets a register to the halves of a step as float32.
func (p *x86Compactor) widenInOrder(from operand.Op, to int) {
	value := p.vec(to, p.whole())
	if p.elem.name == "BF16" {
		p.VPMOVZXWD(from, value)
		p.VPSLLD(operand.U8(16), value, value)
		return
	}
	p.VCVTPH2PS(from, value)
}

// roundInOrder rounds regPacked to halves.
func (p *x86Compactor) roundInOrder() {
	if p.elem.name == "BF16" {
		p.round(regPacked, p.whole())
		return
	}
	narrow := p.vec(regNarrow, p.memory())
	p.VCVTPS2PH(operand.U8(0), p.vec(regPacked, p.whole()), narrow)
	p.VCVTPH2PS(narrow, p.vec(regPacked, p.whole()))
}

// narrowInOrder sets regNarrow to the halves of regPacked.
func (p *x86Compactor) narrowInOrder() {
	value, narrow := p.vec(regPacked, p.whole()), p.vec(regNarrow, p.memory())
	if p.elem.name != "BF16" {
		p.VCVTPS2PH(operand.U8(0), value, narrow)
		return
	}
	p.roundBits(regPacked, p.whole())
	p.VPSRLD(operand.U8(16), value, value)
	if p.masks {
		p.VPMOVDW(value, narrow)
		return
	}
	p.VEXTRACTI128(operand.U8(1), value, narrow)
	p.VPACKUSDW(narrow, vectors[regPacked].AsX(), narrow)
}

// orders returns the table by which lanes are compressed or expanded on AVX2.
func (p *x86Compactor) orders() operand.Mem {
	table, name := &p.tables.compress, "compress"
	if !p.kernel.gathers() {
		table, name = &p.tables.expand, "expand"
	}
	if *table == (operand.Mem{}) {
		lanes := p.lanes()
		*table = p.data(name, func(add func(uint32)) {
			for kept := range 1 << lanes {
				entry := uint32(0)
				for to, from := range p.kernel.order(kept, lanes) {
					for part := range 8 / lanes {
						entry |= uint32(from*(8/lanes)+part) << (4 * (to*(8/lanes) + part))
					}
				}
				add(entry)
			}
		})
	}
	return *table
}

func (p *x86Compactor) nibbles() operand.Mem {
	if p.tables.nibbles == (operand.Mem{}) {
		p.tables.nibbles = p.data("nibbles", func(add func(uint32)) {
			for i := range 8 {
				add(uint32(4 * i))
			}
		})
	}
	return p.tables.nibbles
}

func (p *x86Compactor) data(name string, fill func(add func(uint32))) operand.Mem {
	table := p.StaticGlobal(name)
	p.DataAttributes(attr.RODATA | attr.NOPTR)
	fill(func(v uint32) { p.AppendDatum(operand.U32(v)) })
	return table
}
