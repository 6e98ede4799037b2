package main

import (
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// abreast is how many places of memory a kernel works on side by side. Loads that
// walk one page of 4 KiB after the other wait for the memory at each page anew, since
// the processor does not fetch ahead across their borders. Four walks side by side
// wait for all four together: 13.9 GB/s instead of 11.5 out of place, and with the
// dropped planes cleared along the way 17.3 instead of 13.0 where half of the planes
// are dropped, 20.0 instead of 10.9 in place (300 MB, planes of 56×56, Sapphire
// Rapids). Two side by side bring half of that, prefetching 1 to 4 KiB ahead of one
// walk a third. Prefetching the first lines of the planes that come next lost 3 %.
//
// A division is about as fast as memory. Past the cache, 103 MB of float32 and
// float64 are divided 1.4 to 1.9 times as fast as with ordinary stores and halves
// 1.04 to 1.3 times. Where half of the planes are dropped, four side by side multiply
// that by 1.2 to 1.3, of halves by 1.4 to 1.5, in place by 1.1 to 1.5, and sums by
// 1.0 to 1.3. Where no plane is dropped, they cost halves 6 to 18 %, and floats gain
// up to 28 % or lose up to 22 % (planes of 56×56, rows of 256 channels, Zen 4).
//
// What gained nothing beyond the noise with float32 at 51 MB, half of the planes dropped, or none out of
// place: prefetching 256, 512 or 1024 bytes ahead of the loads, or 512 bytes with PREFETCHNTA, and
// two or four lines of each plane in a turn (Zen 4).
const abreast = 4

// aheadBytes is how far ahead of its loads each of four planes of halves is
// prefetched: with more to compute for a line, the processor looks ahead over fewer
// of them. That wins 4 to 8 %. Beyond the end of a plane nothing is prefetched: 512
// or 1024 bytes too many lost as much where half of the planes are dropped.
const aheadBytes = 256

// variable returns a variable of package kernel, of eight bytes.
func variable(name string) operand.Mem {
	return operand.Mem{Symbol: operand.Symbol{Name: "·" + name}, Base: reg.StaticBase}
}

// walkFourPlanes multiplies four planes, or divides them, and clears others: a cache
// line of each in turn. Cleared lines are always written past the cache. Loads stay
// ahead of stores: where planes are whole pages, a load after a store to the same
// place of another page would wait for it. places says, too, whether the lines are walked backward.
func (p *x86) walkFourPlanes(l *loops) {
	places := func(i int) operand.Mem { return mem(p.extra, 8*i) }
	planes := [abreast]int{regPlane, regOne, regKeep, regTouch}
	var to [abreast]reg.GPVirtual
	for i := range to {
		to[i] = p.GP64()
		p.MOVQ(places(i), to[i])
		p.ADDQ(p.dst, to[i])
		factor := p.GP64()
		p.MOVQ(places(abreast+i), factor)
		p.plane(operand.Mem{Base: p.factors, Index: factor, Scale: 1}, operand.Mem{}, planes[i])
	}
	p.SUBQ(p.dst, p.src) // the distance
	step, last := p.GP64(), p.GP64()
	p.MOVQ(places(3*abreast+1), step) // -1 if backward
	p.MOVQ(p.length, last)
	p.SHLQ(p.shift(), last)
	p.SUBQ(operand.I32(lineBytes), last)
	p.ANDQ(step, last)
	p.ANDQ(operand.I32(-2*lineBytes), step)
	p.ADDQ(operand.I32(lineBytes), step)
	p.ADDQ(last, p.dst)
	for i := range to {
		p.ADDQ(last, to[i])
	}
	ahead := p.GP64()
	if p.half {
		p.LEAQ(operand.Mem{Base: p.src, Index: step, Scale: aheadBytes / lineBytes}, ahead)
	}
	p.Comment(p.formula(choice{}))
	p.Label("turn")
	line := lineBytes / p.tier.width
	if p.half {
		p.CMPQ(p.length, operand.I32(aheadBytes/p.size))
		p.JLE(operand.LabelRef("near"))
		for i := range to {
			p.PREFETCHT0(operand.Mem{Base: to[i], Index: ahead, Scale: 1})
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
	p.MOVQ(places(3*abreast), fills)
	p.Label("fill")
	p.DECQ(fills)
	p.JL(operand.LabelRef("filled"))
	at := p.GP64()
	p.MOVQ(operand.Mem{Base: p.extra, Index: fills, Scale: 8, Disp: 8 * 2 * abreast}, at)
	for v := range line {
		p.VMOVNTPS(p.vec(regZero, p.whole()), operand.Mem{Base: p.dst, Index: at, Scale: 1, Disp: v * p.tier.width})
	}
	p.JMP(operand.LabelRef("fill"))
	p.Label("filled")
	p.ADDQ(step, p.dst)
	for i := range to {
		p.ADDQ(step, to[i])
	}
	p.SUBQ(operand.I32(lineBytes/p.size), p.length)
	p.JNZ(operand.LabelRef("turn"))
}

// walkQuarters walks rows of whole cache lines: the four quarters of the rows side by
// side, then the rows that are left. In the first cache this saves loads of factors, which
// four rows share, and halves, which are widened. Past the cache, rows are walked one after the other if quarters are
// shorter than a variable of package kernel says: to begin with a quarter takes a while. Where nothing is streamed, rows
// of floats are walked so out of place if they are as long as another variable says, and those that need not be walked
// backward are left to the label row.
func (p *x86) walkQuarters(l *loops) {
	step := p.direction()
	if p.fetchesLoads() {
		p.reverse(step, p.loads)
	}
	if p.prefetches() {
		p.reverse(step, p.ahead)
	}
	rowBytes := p.GP64()
	p.MOVQ(p.length, rowBytes)
	p.SHLQ(p.shift(), rowBytes)
	// Rows follow each other without a branch: from the last line of one the factors go back to the first. Rows of 12
	// lines with a loop each took 1.35 times as long in two of three runs, where the processor did not foresee its end.
	first, past := p.factors, p.GP64()
	p.ADDQ(p.ifBackward(step, rowBytes, -lineBytes), first)
	p.MOVQ(rowBytes, past)
	p.reverse(step, past)
	p.ADDQ(first, past)
	p.row[0] = p.GP64()
	p.MOVQ(first, p.row[0])
	if !p.stream && !p.half {
		p.jumpIf(inPlace, "inQuarters")
		p.CMPQ(rowBytes, variable("quarterRows"))
		p.JB(operand.LabelRef("inQuarters"))
		p.TESTQ(step, step)
		p.JGE(operand.LabelRef("row"))
		p.IMULQ(rowBytes, p.count)
		p.JMP(operand.LabelRef("singly"))
		p.Label("inQuarters")
	}
	one, three, left := p.GP64(), p.GP64(), p.count // bytes
	p.MOVQ(p.count, one)
	p.IMULQ(rowBytes, left)
	p.SHRQ(operand.U8(2), one)
	p.JZ(operand.LabelRef("singly"))
	p.IMULQ(rowBytes, one)
	if p.stream {
		p.CMPQ(one, variable("quarterBytes"))
		p.JB(operand.LabelRef("singly"))
	}
	p.LEAQ(operand.Mem{Base: one, Index: one, Scale: 2}, three)
	p.SUBQ(one, left)
	p.SUBQ(three, left)
	walk := func(label string, rows int, bytes reg.GPVirtual) {
		p.advance(moves{toDst, toSrc}, p.ifBackward(step, bytes, -lineBytes))
		lines := p.GP64()
		p.MOVQ(bytes, lines)
		p.SHRQ(operand.U8(bits.TrailingZeros(lineBytes)), lines)
		p.Comment(p.formula(choice{drop: p.drops()}))
		p.Label(label)
		p.rowLines(l, rows, func(base reg.GPVirtual, r, at int) operand.Mem {
			return quarterOf(r, block{at: at}, base, one, three)
		})
		p.advance(moves{toDst, toSrc, toFactors}, step)
		p.CMPQ(p.row[0], past)
		p.CMOVQEQ(first, p.row[0])
		p.DECQ(lines)
		p.JNZ(operand.LabelRef(label))
	}
	walk("quarters", abreast, one)
	p.advance(moves{toDst, toSrc}, p.ifBackward(step, one, lineBytes))
	p.advance(moves{toDst, toSrc}, three)
	p.TESTQ(left, left)
	p.JZ(operand.LabelRef("done"))
	p.Label("singly")
	walk("single", 1, left)
	p.Label("done")
}

// pageBytes is a page of memory, of which the low bits of an address say where it lies.
const pageBytes = 4 << 10

// direction returns a register with the bytes from a line to the next one that is walked. They are negative if dst lies
// a little further in its page than src, as a variable of package kernel says. Walked forward, a load would follow a
// store to the same place of another page there, and wait until that is done. Four quarters, which are whole pages apart,
// wait all together.
//
// Fused halves, which compute for longer,
// lose less past the cache: bfloat16 goes from 9.0 GB/s to 7.2 where dst lies 64 bytes further. Backward they took 1.0 to
// 1.25 times as long, and are always walked forward.
func (p *x86) direction() reg.GPVirtual {
	step := p.GP64()
	p.MOVQ(p.dst, step)
	p.SUBQ(p.src, step)
	p.DECQ(step)
	p.ANDQ(operand.I32(pageBytes-1), step)
	p.CMPQ(step, variable("behind"))
	p.SBBQ(step, step) // -1 if backward
	p.ANDQ(operand.I32(-2*lineBytes), step)
	p.ADDQ(operand.I32(lineBytes), step)
	return step
}

// ifBackward returns a register with a number of bytes and some more if rows are walked backward, and 0 otherwise.
func (p *x86) ifBackward(step, bytes reg.GPVirtual, more int) reg.GPVirtual {
	result := p.GP64()
	p.MOVQ(step, result)
	p.ADDQ(result, result)
	p.SBBQ(result, result) // all ones if step is negative
	p.ADDQ(operand.I32(more), bytes)
	p.ANDQ(bytes, result)
	p.SUBQ(operand.I32(more), bytes)
	return result
}

// reverse turns a distance round if rows are walked backward.
func (p *x86) reverse(step, distance reg.GPVirtual) {
	sign := p.GP64()
	p.MOVQ(step, sign)
	p.SARQ(operand.U8(63), sign)
	p.XORQ(sign, distance)
	p.SUBQ(sign, distance)
}

// quarterOf returns where a block of a quarter lies, if one quarter and three take so many bytes.
func quarterOf(quarter int, b block, base, one, three reg.GPVirtual) operand.Mem {
	return []operand.Mem{
		{Base: base, Disp: b.at},
		{Base: base, Index: one, Scale: 1, Disp: b.at},
		{Base: base, Index: one, Scale: 2, Disp: b.at},
		{Base: base, Index: three, Scale: 1, Disp: b.at},
	}[quarter]
}

// rowLines does a cache line of some rows that share their factors, loads ahead of
// stores as in walkFourPlanes. row says where vector v of a row lies.
func (p *x86) rowLines(l *loops, rows int, row func(base reg.GPVirtual, r, at int) operand.Mem) {
	line, whole := lineBytes/p.tier.width, p.whole()
	if p.prefetches() {
		p.whereAhead(func() {
			ahead := p.GP64()
			p.LEAQ(operand.Mem{Base: p.dst, Index: p.ahead, Scale: 1}, ahead)
			for r := range rows {
				p.PREFETCHT0(row(ahead, r, 0))
			}
		})
	}
	if p.fetchesLoads() && rows > 1 {
		p.quarters = p.GP64()
		p.LEAQ(operand.Mem{Base: p.src, Index: p.loads, Scale: 1}, p.quarters)
	}
	if p.half {
		for at := 0; at < lineBytes; at += p.tier.width {
			p.lanes(whole, mem(p.row[0], at), operand.Mem{})
			var places []place
			for r := range rows {
				places = append(places, place{row(p.dst, r, at), row(p.src, r, at), 0})
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
	for r := range rows {
		for v := range line {
			value, factor, src := p.vec(r*line+v, whole), p.vec(factors+v, whole), row(p.src, r, v*p.tier.width)
			if p.drops() && p.masks {
				p.fetchAhead(src)
				p.scaledZ(set, src, factor, keep(v), value)
				continue
			}
			p.scaled(set, src, factor, value)
			if p.drops() {
				set.and(p.Context, keep(v), value, value)
			}
		}
	}
	for r := range rows {
		for v := range line {
			p.store(p.vec(r*line+v, whole), row(p.dst, r, v*p.tier.width), whole)
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

// joinedBytes is the shortest plane that is streamed by itself. Shorter planes are
// joined to one stream, so that no partial line is written at each border. Most longer
// planes are done four at a time.
const joinedBytes = 3 << 10

// walkJoined streams planes of a vector or more as if they were one plane. Only the
// factor changes along the way, in the middle of a vector where a plane ends there.
// Planes of 7×7 are written at 1.3 times the speed of copy this way, with ordinary
// stores at 1.1 times (67 MB, Sapphire Rapids). In the cache, joined planes with
// ordinary stores gained nothing over planes one by one, on AVX2 and on AVX-512.
func (p *x86) walkJoined(l *loops) {
	width, lanes := p.tier.width, p.tier.width/p.size
	whole := p.whole()
	table := p.GP64()
	if !p.masks {
		p.LEAQ(p.borderTable(), table)
	}

	plane := func() {
		p.splat(F)
		p.choices(choice{drop: p.drops()})
	}
	m := moves{toDst, toSrc}
	step := l.element(choice{drop: p.drops()})
	p.left = p.GP64()
	plane()
	p.MOVQ(p.length, p.left)
	p.head("joined", m, step)
	p.Label("joined")
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
	p.broadcastRaw(mem(p.factors, 0), regEnd)
	p.broadcastRaw(mem(p.factors, p.size), regNext)
	p.ADDQ(operand.I32(p.size), p.factors)
	if p.masks {
		p.lowLanes(p.left, maskTail)
		p.VMOVDQU16(p.vec(regEnd, whole), maskTail, p.vec(regNext, whole))
	} else {
		ends := p.GP64()
		p.MOVQ(p.left, ends)
		p.SHLQ(p.shift(), ends)
		p.NEGQ(ends)
		p.VMOVUPS(operand.Mem{Base: table, Index: ends, Scale: 1, Disp: width}, p.vec(regBorder, whole))
		p.VPBLENDVB(p.vec(regBorder, whole), p.vec(regEnd, whole), p.vec(regNext, whole), p.vec(regNext, whole))
	}
	p.mixed(regNext)
	l.compute(whole, choice{row: true, drop: p.drops()})
	l.put(whole)
	p.advance(m, operand.I32(width))
	p.ADDQ(p.length, p.left)
	p.SUBQ(operand.I32(lanes), p.left)
	plane()
	p.JMP(operand.LabelRef("joined"))

	p.Label("last")
	n := p.GP64()
	p.MOVQ(p.left, n)
	p.left = n
	l.rest("joined", width/2, m, true, step)
	p.ret()
}

// Vector registers of joined planes.
const (
	regBorder = 7 // on AVX2: all ones in the lanes before a border
	regEnd    = 4 // the factor of the plane that ends there
)

// broadcastRaw sets all lanes of a register to an element in memory.
func (p *x86) broadcastRaw(from operand.Mem, to int) {
	if p.half {
		p.VPBROADCASTW(from, p.vec(to, p.whole()))
		return
	}
	instructions[p.elem.name].broadcast(p.Context, from, p.vec(to, p.whole()))
}

// borderTable returns a vector of ones followed by one of zeros. A load across the two
// gives a mask with any number of leading ones.
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
