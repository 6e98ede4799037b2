package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// strands is how many places of memory are worked on at once. Loads that walk
// one page of 4 KiB after the other wait for the memory anew at each, since the
// processor does not fetch ahead across their borders. Four walks side by side
// wait for all at once: 13.9 GB/s instead of 11.5 out of place, and with what is
// to be cleared done by the way 17.3 instead of 13.0 where half of the planes
// are dropped, 20.0 instead of 10.9 in place (300 MB, planes of 56×56, Sapphire
// Rapids). Two strands bring half of that, prefetching 1 to 4 KiB ahead of one a
// third.
//
// Prefetching the first lines of the planes that come next lost 3 %.
//
// A division is about as fast as memory. Past the cache, 103 MB of float32 and
// float64 are divided 1.4 to 1.9 times as fast as with ordinary stores and halves
// 1.04 to 1.3 times; where half of the planes are dropped, four strands multiply
// that by 1.2 to 1.3, of halves by 1.4 to 1.5, in place by 1.1 to 1.5, and sums by
// 1.0 to 1.3. Where none is, they cost halves 6 to 18 %, and floats gain up to 28 %
// or lose up to 22 % (planes of 56×56, rows of 256 channels, Zen 4).
const strands = 4

// aheadBytes is how far ahead of its loads a strand of halves is prefetched: with
// more to compute for a line, the processor looks ahead over fewer of them. That
// wins 4 to 8 %. Behind the end of a plane nothing is fetched: 512 or 1024 bytes
// too many lost as much where half of the planes are dropped.
const aheadBytes = 256

func (p *x86) jumpUnlessLines(to string) {
	p.TESTQ(operand.I32(lineBytes/p.size-1), p.length)
	p.JNZ(operand.LabelRef(to))
}

func (p *x86) jumpIfLong(to string) {
	p.CMPQ(p.length, operand.I32(runBytes/p.size))
	p.JAE(operand.LabelRef(to))
}

// fourPlanes multiplies four planes and clears others, a cache line of each in turn.
// What is cleared is always written past the cache, and loads stay ahead of
// stores: where planes are whole pages, a load that follows a store to the same
// place of another page would wait for it.
func (p *x86) fourPlanes(l *loops) {
	places := func(i int) operand.Mem { return mem(p.extra, 8*i) }
	planes := [strands]int{regPlane, regOne, regKeep, regTouch}
	var to [strands]reg.GPVirtual
	for i := range to {
		to[i] = p.GP64()
		p.MOVQ(places(i), to[i])
		p.ADDQ(p.dst, to[i])
		factor := p.GP64()
		p.MOVQ(places(strands+i), factor)
		p.plane(operand.Mem{Base: p.factors, Index: factor, Scale: 1}, operand.Mem{}, planes[i])
	}
	p.SUBQ(p.dst, p.src) // the distance
	p.Comment(p.formula(choice{}))
	p.Label("turn")
	line := lineBytes / p.tier.width
	if p.half {
		p.CMPQ(p.length, operand.I32(aheadBytes/p.size))
		p.JLE(operand.LabelRef("near"))
		for i := range to {
			p.PREFETCHT0(operand.Mem{Base: to[i], Index: p.src, Scale: 1, Disp: aheadBytes})
		}
		p.Label("near")
		for at := 0; at < lineBytes; at += p.tier.width {
			var places []place
			for i, r := range to {
				places = append(places, place{mem(r, at), operand.Mem{Base: r, Index: p.src, Scale: 1, Disp: at}, planes[i]})
			}
			hold := []int{regFactorLow, regFactorHigh, regOld, regDropped}
			if p.readsDst() { // the registers are needed for what is added to
				hold = nil
			}
			p.scattered(l, places, choice{}, hold)
		}
	} else {
		set := instructions[p.elem.name]
		values := []int{0, 1, 2, 3, 4, 5, 6, 8} // 7 holds a factor
		for i := range to {
			for v := range line {
				p.scaled(set, operand.Mem{Base: to[i], Index: p.src, Scale: 1, Disp: v * p.tier.width}, p.vec(planes[i], p.whole()), p.vec(values[i*line+v], p.whole()))
			}
		}
		for i := range to {
			for v := range line {
				if p.readsDst() {
					value := p.vec(values[i*line+v], p.whole())
					set.add(p.Context, mem(to[i], v*p.tier.width), value, value)
				}
				p.store(p.vec(values[i*line+v], p.whole()), mem(to[i], v*p.tier.width), p.whole())
			}
		}
	}
	fills := p.GP64()
	p.MOVQ(places(3*strands), fills)
	p.Label("fill")
	p.DECQ(fills)
	p.JL(operand.LabelRef("filled"))
	at := p.GP64()
	p.MOVQ(operand.Mem{Base: p.extra, Index: fills, Scale: 8, Disp: 8 * 2 * strands}, at)
	for v := range line {
		p.VMOVNTPS(p.vec(regZero, p.whole()), operand.Mem{Base: p.dst, Index: at, Scale: 1, Disp: v * p.tier.width})
	}
	p.JMP(operand.LabelRef("fill"))
	p.Label("filled")
	p.ADDQ(operand.I32(lineBytes), p.dst)
	for i := range to {
		p.ADDQ(operand.I32(lineBytes), to[i])
	}
	p.SUBQ(operand.I32(lineBytes/p.size), p.length)
	p.JNZ(operand.LabelRef("turn"))
}

// zones walks rows of whole cache lines: a quarter of the rows, all quarters at
// once, and then those that are left. In the cache this saves loads of factors,
// of which four rows share each.
func (p *x86) quarters(l *loops) {
	rowBytes, quarter, one, three := p.GP64(), p.GP64(), p.GP64(), p.GP64()
	p.MOVQ(p.length, rowBytes)
	p.SHLQ(p.shift(), rowBytes)
	p.MOVQ(p.count, quarter)
	p.SHRQ(operand.U8(2), quarter)
	p.JZ(operand.LabelRef("rest"))
	p.MOVQ(quarter, one)
	p.IMULQ(rowBytes, one)
	p.LEAQ(operand.Mem{Base: one, Index: one, Scale: 2}, three)
	zone := func(base reg.GPVirtual, z, at int) operand.Mem {
		return []operand.Mem{
			{Base: base, Disp: at},
			{Base: base, Index: one, Scale: 1, Disp: at},
			{Base: base, Index: one, Scale: 2, Disp: at},
			{Base: base, Index: three, Scale: 1, Disp: at},
		}[z]
	}
	walk := func(label string, zones int) {
		p.Label(label)
		p.startRow()
		p.restart()
		p.Comment(p.formula(choice{drop: p.drops()}))
		p.Label(label + "Line")
		p.zoneLines(l, zones, zone)
		p.advance(moves{toDst, toSrc, toFactors}, operand.I32(lineBytes))
		p.SUBQ(operand.I32(lineBytes/p.size), p.left)
		p.JNZ(operand.LabelRef(label + "Line"))
	}
	walk("zones", strands)
	p.DECQ(quarter)
	p.JNZ(operand.LabelRef("zones"))
	p.ADDQ(three, p.dst)
	p.ADDQ(three, p.src)
	p.Label("rest")
	p.ANDQ(operand.I32(strands-1), p.count)
	p.JZ(operand.LabelRef("done"))
	walk("single", 1)
	p.DECQ(p.count)
	p.JNZ(operand.LabelRef("single"))
	p.Label("done")
}

// zoneLines does a cache line of every zone, loads ahead of stores as in braids.
func (p *x86) zoneLines(l *loops, zones int, zone func(base reg.GPVirtual, z, at int) operand.Mem) {
	line, whole := lineBytes/p.tier.width, p.whole()
	for z := range zones {
		if !p.stream {
			p.PREFETCHT0(zone(p.dst, z, prefetchBytes))
		}
	}
	if p.half {
		for at := 0; at < lineBytes; at += p.tier.width {
			p.lanes(whole, mem(p.row[0], at), operand.Mem{})
			var places []place
			for z := range zones {
				places = append(places, place{zone(p.dst, z, at), zone(p.src, z, at), 0})
			}
			p.scattered(l, places, choice{row: true, drop: p.drops()}, []int{regOld, regPlane, regOne, regKeep})
		}
		return
	}
	const factors, keeps = 8, 10 // registers behind those of the values
	set := instructions[p.elem.name]
	keep := func(v int) reg.Register {
		if p.masks {
			return maskOf(v)
		}
		return p.vec(keeps+v, whole)
	}
	for v := range line {
		p.load(mem(p.row[0], v*p.tier.width), p.vec(factors+v, whole), whole)
		if p.drops() {
			set.cmp(p.Context, notEqual, p.vec(regZero, whole), p.vec(factors+v, whole), keep(v))
		}
	}
	for z := range zones {
		for v := range line {
			value, factor, src := p.vec(z*line+v, whole), p.vec(factors+v, whole), zone(p.src, z, v*p.tier.width)
			if p.drops() && p.masks {
				p.scaledZ(set, src, factor, keep(v), value)
				continue
			}
			p.scaled(set, src, factor, value)
			if p.drops() {
				set.and(p.Context, keep(v), value, value)
			}
		}
	}
	for z := range zones {
		for v := range line {
			p.store(p.vec(z*line+v, whole), zone(p.dst, z, v*p.tier.width), whole)
		}
	}
}

// A place is where elements lie, and the register with their factor if they have one.
type place struct {
	dst, src operand.Mem
	factor   int
}

// scattered computes a vector at each of several places. If there is a register to
// hold each result, all loads are ahead of all stores.
func (p *x86) scattered(l *loops, places []place, c choice, hold []int) {
	w := p.whole()
	for i, at := range places {
		p.factor = at.factor
		p.at = func(to pointer) operand.Mem { return map[pointer]operand.Mem{toDst: at.dst, toSrc: at.src}[to] }
		l.compute(w, c)
		if hold == nil {
			l.put(w)
		} else {
			p.VMOVUPS(p.value(w), p.vec(hold[i], w))
		}
	}
	p.factor, p.at = regPlane, nil
	for i, v := range hold {
		if i < len(places) {
			p.store(p.vec(v, w), places[i].dst, w)
		}
	}
}

// runBytes is the shortest plane that is streamed alone. Shorter ones are one
// stream, so that no partial line is written at each border; most longer ones are
// braided.
const runBytes = 3 << 10

// runs streams planes of a vector or more as if they were one plane: only the
// factor changes on the way, in the middle of a vector where a plane ends there.
// Planes of 7×7 are written at 1.3 times the speed of copy so (67 MB, Sapphire
// Rapids), with ordinary stores at 1.1 times. In the cache, where they are not
// streamed, runs with ordinary stores gained nothing over planes one by one, on
// AVX2 and on AVX-512.
func (p *x86) joined(l *loops) {
	width, lanes := p.tier.width, p.tier.width/p.size
	whole := p.whole()
	table := p.GP64()
	if !p.masks {
		p.LEAQ(p.borderTable(), table)
	}

	plane := func() {
		p.takeFactor()
		p.choices(choice{drop: p.drops()})
	}
	m := moves{toDst, toSrc}
	step := l.element(choice{drop: p.drops()})
	p.left = p.GP64()
	plane()
	p.MOVQ(p.length, p.left)
	p.head("run", m, step)
	p.Label("run")
	p.CMPQ(p.left, operand.I32(lanes))
	p.JL(operand.LabelRef("border"))
	p.Comment(p.formula(choice{drop: p.drops()}))
	p.Label("vector")
	step(whole)
	p.advance(m, operand.I32(width))
	p.SUBQ(operand.I32(lanes), p.left)
	p.CMPQ(p.left, operand.I32(lanes))
	p.JGE(operand.LabelRef("vector"))

	p.Label("border")
	p.DECQ(p.count)
	p.JZ(operand.LabelRef("last"))
	p.broadcastRaw(mem(p.factors, 0), regRun)
	p.broadcastRaw(mem(p.factors, p.size), regNext)
	p.ADDQ(operand.I32(p.size), p.factors)
	if p.masks {
		p.lowLanes(p.left)
		p.VMOVDQU16(p.vec(regRun, whole), maskTail, p.vec(regNext, whole))
	} else {
		ends := p.GP64()
		p.MOVQ(p.left, ends)
		p.SHLQ(p.shift(), ends)
		p.NEGQ(ends)
		p.VMOVUPS(operand.Mem{Base: table, Index: ends, Scale: 1, Disp: width}, p.vec(regBorder, whole))
		p.VPBLENDVB(p.vec(regBorder, whole), p.vec(regRun, whole), p.vec(regNext, whole), p.vec(regNext, whole))
	}
	p.mixed(regNext)
	l.compute(whole, choice{row: true, drop: p.drops()})
	l.put(whole)
	p.advance(m, operand.I32(width))
	p.ADDQ(p.length, p.left)
	p.SUBQ(operand.I32(lanes), p.left)
	plane()
	p.JMP(operand.LabelRef("run"))

	p.Label("last")
	n := p.GP64()
	p.MOVQ(p.left, n)
	for bytes := width / 2; bytes >= p.size; bytes /= 2 {
		skip := fmt.Sprintf("runBelow%d", bytes)
		p.TESTQ(operand.I32(bytes/p.size), n)
		p.JZ(operand.LabelRef(skip))
		step(block{bytes: bytes})
		p.advance(m, operand.I32(bytes))
		p.Label(skip)
	}
	p.VZEROUPPER()
	p.RET()
}

// In runs: the lanes before a border, on AVX2, and the factor that ends there.
const (
	regBorder = 7
	regRun    = 4
)

// broadcastRaw sets all lanes of a register to an element in memory.
func (p *x86) broadcastRaw(from operand.Mem, to int) {
	if p.half {
		p.VPBROADCASTW(from, p.vec(to, p.whole()))
		return
	}
	instructions[p.elem.name].broadcast(p.Context, from, p.vec(to, p.whole()))
}

// borderTable returns where a vector of ones lies before one of zeros: read from
// where the lanes of a plane end.
func (p *x86) borderTable() operand.Mem {
	if *p.table == (operand.Mem{}) {
		*p.table = p.StaticGlobal("border")
		p.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 2 * p.tier.width / 8 {
			bits := uint64(0)
			if i < p.tier.width/8 {
				bits--
			}
			p.AppendDatum(operand.U64(bits))
		}
	}
	return *p.table
}
