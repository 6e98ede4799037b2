package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// amd64Program returns kernels of one tier.
func amd64Program(kernels []kernel, t tier) (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	table, nothing := new(operand.Mem), new(operand.Mem)
	orders := new(orderTables)
	for _, k := range kernels {
		p := &x86{Context: c, kernel: k, tier: t, table: table, nothing: nothing, factor: regPlane}
		floats := &x86Floats{x86: p, set: instructions[k.elem.name]}
		switch {
		case k.family == fused && k.half:
			p.arithmetic = &x86FusedHalves{x86Halves: &x86Halves{x86: p}}
		case k.family == fused:
			p.arithmetic = &x86FusedFloats{floats}
		case k.half:
			p.arithmetic = &x86Halves{x86: p}
		default:
			p.arithmetic = floats
		}
		l := &loops{machine: p, kernel: k}
		if k.family == compact {
			l.machine = &x86Compactor{x86: p, tables: orders}
		}
		l.emit()
	}
	f, err := c.Result()
	if err != nil {
		return nil, err
	}
	return f, pass.Compile.Execute(f)
}

// amd64Fence returns the functions of one instruction: what must follow streaming kernels,
// and what a loop waits with.
func amd64Fence() (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	function := func(name, doc string, instruction func()) {
		c.Function(name)
		c.Attributes(attr.NOSPLIT)
		c.Doc(doc)
		c.SignatureExpr("func()")
		instruction()
		c.RET()
	}
	function("fence", "fence makes what streaming kernels have written visible before anything written later.", c.SFENCE)
	function("pause", "pause tells the processor that a loop waits for another core.", c.PAUSE)
	f, err := c.Result()
	if err != nil {
		return nil, err
	}
	return f, pass.Compile.Execute(f)
}

// Vector registers, by number. No kernel uses those above 15: VZEROUPPER does not
// clear their upper halves. regKeep and regTouch hold, without mask registers, which
// lanes of a short plane to keep and to touch.
const (
	regPlane = 12 // the factor of a plane, in all lanes
	regZero  = 13
	regOne   = 14 // in short planes in place: the number 1
	regShift = 14 // in planes: the shift
	regNext  = 14 // in joined planes: the next plane's factor
	regKeep  = 15
	regTouch = 7
)

// Mask registers of AVX-512.
var (
	maskTail  = reg.K1 // lanes of the last, partial vector
	maskKeep  = reg.K2 // in short planes: all lanes if the factor is not 0
	maskTouch = reg.K3 // in short planes: all lanes if the factor is not 1
)

// maskOf returns the mask of lanes with a factor other than 0, for vector u of rows.
func maskOf(u int) reg.Register { return []reg.Register{reg.K4, reg.K5, reg.K6, reg.K7}[u] }

// Comparisons, which are true also for a NaN.
const (
	notEqual = operand.U8(4)  // NEQ_UQ
	positive = operand.U8(22) // NLE_UQ, with 0
)

// arithmetic is what of a machine depends on the type of the elements.
type arithmetic interface {
	// constants sets up what all elements of a call need.
	constants()
	// plane takes a factor, and its shift if the kernel has shifts, for whole vectors
	// of a plane.
	plane(factor, shift operand.Mem, to int)
	// choose sets up, for the plane whose factor was taken from there, which lanes to
	// drop and which to leave as they are.
	choose(factor operand.Mem, c choice)
	// unit sets regOne.
	unit()
	// lanes takes the factors of a row, and its shifts if the kernel has shifts.
	lanes(b block, factor, shift operand.Mem)
	// mixed takes a vector that holds the factors of lanes.
	mixed(from int)
	// rectifyShift returns a register with the shift of a plane, or 0 if it is negative.
	rectifyShift() int
	// value returns the register with the accumulator.
	value(b block) reg.Register

	takeX(b block, c choice)
	apply(s stage, b block, c choice)
	finish(b block, c choice)
}

// x86 is the machine of both tiers of amd64.
type x86 struct {
	*build.Context
	kernel
	tier
	arithmetic
	table, nothing *operand.Mem // borderTable and zeros, which the kernels of a file share

	dst, src, factors, extra, count, length reg.GPVirtual
	aux, scales, limit                      reg.GPVirtual // of fused kernels

	left     reg.GPVirtual    // elements left of a plane or a row
	stride   reg.GPVirtual    // bytes from one plane to the next
	bits     reg.GPVirtual    // of a plane's factor
	from     reg.GPVirtual    // where src is read: elsewhere if the plane is dropped
	row      [2]reg.GPVirtual // the factors of a row, and its shifts
	strides  [2]reg.GPVirtual // bytes from a row to the next, and to the third after it
	nowhere  reg.GPVirtual    // zeros to read a dropped plane from
	unread   reg.GPVirtual    // bytes from dst to the src to prefetch, if dropped planes are not read
	tailSize reg.GPVirtual    // bytes of the last, partial vector of a row

	fetches int           // calls of whereAhead, to name labels
	ahead   reg.GPVirtual // bytes from a store to the line that is prefetched with it
	loads   reg.GPVirtual // likewise from a load under a mask

	quarters reg.GPVirtual // where src is prefetched of rows in quarters

	last    bool     // the vector is the last of a turn
	late    bool     // stores wait until all vectors of a turn are computed
	waiting []func() // those that do

	factor int                      // the register with the plane's factor
	held   held                     // the registers with factors, scales and shifts of several rows
	fill   int                      // the register with what a dropped plane is set to
	taken  func(block) reg.Register // the accumulator if it is neither x nor computed
	signs  int                      // the register with notPositive, 0 if there is none
	// at says where the element of dst and of src lies if not at the pointers.
	at func(p pointer) operand.Mem
}

func (p *x86) begin() {
	name := p.kernel.name() + p.tier.name
	p.Function(name)
	p.Attributes(attr.NOSPLIT)
	p.Pragma("noescape")
	p.Doc(p.doc(p.tier.name)...)
	p.SignatureExpr(p.signature())
	argument := func(name string) reg.GPVirtual { return p.Load(p.Param(name), p.GP64()).(reg.GPVirtual) }
	p.dst, p.src, p.factors, p.length = argument("dst"), argument("src"), argument("factors"), argument("length")
	if extra := p.kernel.extra(); extra != "" {
		p.extra = argument(extra)
	}
	if p.family == fused {
		p.scales = argument("scales")
		if p.readsAux() {
			p.aux = argument("aux")
		}
		if p.kernel.value.has(L) {
			p.limit = argument("limit")
		}
	}
	if !p.fourPlanes {
		p.count = argument("count")
	}
	if p.prefetches() {
		p.ahead = p.GP64()
		p.MOVQ(variable("storeAhead"), p.ahead)
	}
	if p.fetchesLoads() {
		p.loads = p.GP64()
		p.MOVQ(variable("loadAhead"), p.loads)
	}
	p.from = p.src
	p.VXORPS(reg.X13, reg.X13, reg.X13)
	p.constants()
}

func (p *x86) comment(text string) { p.Comment(text) }

func (p *x86) label(name string) { p.Label(name) }

func (p *x86) jump(to string) { p.JMP(operand.LabelRef(to)) }

// ret clears the upper halves of the vectors: without that, SSE code of the caller
// would be slow ever after.
func (p *x86) ret() {
	p.VZEROUPPER()
	p.RET()
}

func (p *x86) jumpIf(c condition, to string) {
	label := operand.LabelRef(to)
	switch c {
	case inPlace:
		p.CMPQ(p.dst, p.src)
		p.JEQ(label)
	case apart:
		p.CMPQ(p.dst, p.src)
		p.JNE(label)
	case onAux:
		p.CMPQ(p.dst, p.aux)
		p.JEQ(label)
	case factorIsOne:
		if p.size == 8 {
			one := p.GP64()
			p.MOVQ(operand.U64(p.one), one)
			p.CMPQ(p.bits, one)
		} else {
			p.CMPL(p.bits.As32(), operand.U32(p.one))
		}
		p.JE(label)
	case factorIsZero:
		p.shiftOutSign()
		p.JZ(label)
	case another:
		p.DECQ(p.count)
		p.JNZ(label)
	case longer(c.elements):
		p.CMPQ(p.length, operand.I32(c.elements))
		p.JHI(label)
	case atLeast(c.elements):
		p.CMPQ(p.length, operand.I32(c.elements))
		p.JAE(label)
	case fewer(c.elements):
		p.CMPQ(p.left, operand.I32(c.elements))
		p.JL(label)
	case again(c.elements):
		p.SUBQ(operand.I32(c.elements), p.left)
		p.CMPQ(p.left, operand.I32(c.elements))
		p.JGE(label)
	case without(c.elements):
		p.TESTQ(operand.I32(c.elements), p.left)
		p.JZ(label)
	case ragged:
		p.TESTQ(operand.I32(lineBytes/p.size-1), p.length)
		p.JNZ(label)
	default:
		panic("no jump where " + c.name)
	}
}

func (p *x86) start(w walk, c choice) {
	if w == rowWalk {
		p.startTail()
		return
	}
	p.unread = nil
	if w == longWalk && p.family == core {
		p.planeBytes()
	}
	p.left = p.GP64()
	p.from = p.src
	if w == longWalk {
		return
	}
	if c.keep {
		p.unit()
	}
	if p.kernel.unread(c) {
		p.startUnread()
	}
}

// startUnread prepares a loop over short planes in which those that are dropped need not be read.
func (p *x86) startUnread() {
	p.nowhere = p.GP64()
	p.LEAQ(p.zeros(), p.nowhere)
	p.unread = p.GP64()
	p.MOVQ(p.src, p.unread)
	p.SUBQ(p.dst, p.unread)
	ahead := operand.Op(operand.I32(loadAhead))
	if p.family == core {
		ahead = variable("loadAhead")
	}
	p.ADDQ(ahead, p.unread)
	p.planeBytes()
	p.from = p.GP64()
}

func (p *x86) planeBytes() {
	p.stride = p.GP64()
	p.MOVQ(p.length, p.stride)
	p.SHLQ(p.shift(), p.stride)
}

func (p *x86) factorBits() {
	p.bits = p.GP64()
	switch p.size {
	case 8:
		p.MOVQ(operand.Mem{Base: p.factors}, p.bits)
	case 4:
		p.MOVL(operand.Mem{Base: p.factors}, p.bits.As32())
	default:
		p.MOVWLZX(operand.Mem{Base: p.factors}, p.bits.As32())
	}
}

// shiftOutSign leaves 0, and the zero flag, if a factor's bits are those of a zero
// of either sign.
func (p *x86) shiftOutSign() {
	switch p.size {
	case 8:
		p.ADDQ(p.bits, p.bits)
	case 4:
		p.ADDL(p.bits.As32(), p.bits.As32())
	default:
		p.ADDL(p.bits.As32(), p.bits.As32())
		p.TESTL(operand.U32(0xffff), p.bits.As32())
	}
}

// splat takes the shift for what a dropped plane becomes from where that of its factor is.
func (p *x86) splat(e *expr) {
	if e == F || e.has(S) {
		p.plane(mem(p.factors, 0), mem(p.extra, 0), regPlane)
	}
	if e == F {
		return
	}
	p.fill = regZero
	if e.has(S) {
		p.fill = regShift
	}
	if p.rectifies() {
		p.fill = p.rectifyShift()
	}
}

func (p *x86) nextFactor() {
	p.ADDQ(operand.I32(p.size), p.factors)
	if p.shifts() {
		p.ADDQ(operand.I32(p.size), p.extra)
	}
	if p.family == fused {
		p.ADDQ(operand.I32(p.size), p.scales)
	}
}

// pass leaves the factors to nextFactor. It has no register with the bytes of a plane to spare in fused
// kernels.
func (p *x86) pass(m moves) {
	for _, to := range m {
		switch r := p.register(to); {
		case to == toFactors:
		case p.family == core:
			p.ADDQ(p.stride, r)
		default:
			p.LEAQ(operand.Mem{Base: r, Index: p.length, Scale: uint8(p.size)}, r)
		}
	}
}

// choices has a dropped plane read from where there is nothing but zeros, in the L1
// cache. That makes planes of 7×7, half of them dropped, 1.1 to 1.2 times as fast in
// the L2 cache (Sapphire Rapids class).
func (p *x86) choices(c choice) {
	p.choose(mem(p.factors, 0), c)
	if p.unread == nil {
		return
	}
	p.factorBits()
	p.MOVQ(p.src, p.from)
	p.shiftOutSign()
	p.CMOVQEQ(p.nowhere, p.from)
	p.ADDQ(p.stride, p.src)
}

// zeros returns a table of zeros, as long as a short plane can be.
func (p *x86) zeros() operand.Mem {
	if *p.nothing == (operand.Mem{}) {
		*p.nothing = p.StaticGlobal("zeros")
		p.DataAttributes(attr.RODATA | attr.NOPTR)
		for range shortBytes / 8 {
			p.AppendDatum(operand.U64(0))
		}
	}
	return *p.nothing
}

func (p *x86) startRow() {
	p.left = p.GP64()
	if p.family == fused {
		p.row[0] = p.GP64()
		p.XORL(p.row[0].As32(), p.row[0].As32())
		return
	}
	for i, from := range []reg.GPVirtual{p.factors, p.extra} {
		p.row[i] = p.GP64()
		if i == 0 || p.shifts() {
			p.MOVQ(from, p.row[i])
		}
	}
}

func (p *x86) take(e *expr, b block, c choice) {
	p.taken = nil
	switch e {
	case X:
		p.takeX(b, c)
	case F:
		p.lanes(b, mem(p.row[0], b.at), mem(p.row[1], b.at))
	case Z:
		p.taken = func(b block) reg.Register { return p.vec(regValue+b.beside, b) }
		for _, v := range p.parts(b) {
			p.load(p.place(toAux, v), p.taken(v), v)
		}
	default:
		p.taken = func(b block) reg.Register { return p.vec(p.fill, b) }
	}
}

// value returns the register with the accumulator.
func (p *x86) value(b block) reg.Register {
	if p.taken != nil {
		return p.taken(b)
	}
	return p.arithmetic.value(b)
}

// turn is a cache line in fused kernels of halves, which have work enough in it, or what is computed side by side.
func (p *x86) turn() int {
	switch {
	case p.family == fused && p.half && p.pixels:
		return lineBytes
	case p.family == fused && p.half:
		return max(lineBytes, p.sideBySide()*p.tier.width)
	}
	return unroll * p.tier.width
}

func (p *x86) restart() { p.MOVQ(p.length, p.left) }

func (p *x86) each(bytes int, m moves, step func(block)) {
	if bytes < p.tier.width {
		step(block{bytes: bytes})
	}
	beside := 1
	if !p.pixels {
		beside = min(p.sideBySide(), bytes/p.tier.width)
	}
	p.late = p.storesLast()
	for u := 0; u < bytes/p.tier.width; u += beside {
		p.last = u == bytes/p.tier.width-1
		step(block{bytes: p.tier.width, vector: u, at: u * p.tier.width, vectors: beside})
	}
	for _, store := range p.waiting {
		store()
	}
	p.late, p.waiting = false, nil
	p.advance(m, operand.I32(bytes))
}

// storesLast reports whether all vectors of a turn are loaded before the first one is stored, each in a register of its
// own. A load that follows a store to the same place of another page waits for what is stored. Where dst lies 64 bytes
// further in its page than src, as tensors often do that a heap has allocated one after the other, each load of 64 bytes
// would wait for the one before it.
//
// There planes of 14×14 to 112×112 float32 are 1.2 to 1.4 times as fast out of place this way at 1.6 to 6.4 MB, and
// planes of 7×7 1.0 to 1.15 times. Where dst lies 128 bytes further they are 1.05 to 1.15 times as fast, and
// elsewhere as fast. In place planes of 14×14 to 112×112 are 1.0 to 1.1 times as fast (AVX-512, Zen 4). Vectors of 32
// bytes do not wait there, and are as fast either way. Eight vectors in a turn would gain 0 to 4 % more with AVX-512, and
// lose as much in place.
//
// Planes of 14×14 to 112×112 bfloat16 are 1.1 to 1.4 times as fast there with AVX-512, and up to 1.6 times in the first
// cache. Those of 7×7 are as fast. What else computes halves loads vectors of 32 bytes, or needs all registers.
func (p *x86) storesLast() bool {
	if p.half && (p.elem.name != "BF16" || !p.masks || p.sums()) {
		return false
	}
	return p.family == core && !p.pixels
}

// regHolds are free in planes of halves that are not added to anything.
var regHolds = [unroll - 1]int{regFactorLow, regFactorHigh, regDropped}

// advance moves pointers.
func (p *x86) advance(m moves, by operand.Op) {
	for _, to := range m {
		p.ADDQ(by, p.register(to))
	}
}

// register returns the pointer's register.
func (p *x86) register(to pointer) reg.GPVirtual {
	return map[pointer]reg.GPVirtual{toDst: p.dst, toSrc: p.from, toAux: p.aux, toFactors: p.row[0], toShifts: p.row[1]}[to]
}

// place returns where a block lies.
func (p *x86) place(to pointer, b block) operand.Mem {
	if p.at != nil {
		return p.at(to)
	}
	if b.rows > 0 {
		return p.inRow(p.register(to), b.beside, b.at)
	}
	return mem(p.register(to), b.at)
}

// prefetches reports whether the kernel prefetches lines ahead of its stores. How far
// ahead is a variable of package kernel, since processors differ. (Loads find the lines of
// dst where it is read.)
func (p *x86) prefetches() bool {
	return !p.fourPlanes && (!p.stream || p.family == fused && !p.pixels) && !p.readsDst()
}

// prefetch prefetches lines of dst, and of src if dropped planes are not read there. The
// holes that those leave keep the processor from fetching ahead by itself. On Zen 5, half of the
// planes dropped and in no cache before, planes of 7×7 float32 take 0.5 to 0.6 times as long this way,
// and those of 14×14 0.75 times (0.8 to 6 MB, AVX-512 and AVX2). In the third cache it makes no
// difference. In the second one planes of 7×7 take 0.9 to 1.04 times as long, and those of 14×14
// 1.2 times with AVX-512 and 1.1 times with AVX2, which is as long as if all planes were read.
// PREFETCHT1 brings the same from memory and costs more there. With AVX-512, planes of 7×7 float64
// take 0.6 to 0.8 times as long from memory and 1.0 to 1.3 times in the second cache, those of 7×7
// and 14×14 halves 0.35 to 0.65 times and 0.85 to 1.0 times.
//
// The cost is greatest where the second cache holds just what is read: 0.8 MB of dst, 1.25 to
// 1.35 times. Calls on less than 1 MB that left planes of 512 bytes and more to themselves took 0.8
// to 0.9 times as long at 0.03 and 0.8 MB, 1.0 times in between, and 1.2 times from memory. The
// branch cost those of 7×7 up to 9 %.
//
// A strategy says how far ahead that is. On Zen 4 it is 0: the line that is loaded next, and those of dropped planes,
// which leave no holes then. Half of the planes dropped, float32 from memory, those of 7×7 take 0.8 times as long
// this way, and those of 14×14 0.9 to 1.0 times. At 2048 bytes they take 1.03 to 1.2 times as long as at 0 from memory,
// and 1.0 to 1.25 times if a fifth is dropped. In the caches they take 0.92 to 1.02 times as long if half is dropped, and
// 1.0 to 1.2 times if none is. To read dropped planes instead takes 0.85 to 1.07 times as long from memory as 0, and
// 1.0 to 1.2 times in the caches.
func (p *x86) prefetch(bytes int) {
	// Where planes are left out, the processor does not fetch ahead far enough. Fused planes of 56×56 float32, half of
	// them dropped, are streamed at 1.3 times the speed this way (103 MB, Zen 5). Those that are not
	// streamed gain 1.2 times there, and lose 1.1 times in the second and the third cache.
	if p.family == fused && p.stream && p.unread == nil {
		for at := 0; at < bytes; at += lineBytes {
			p.PREFETCHT0(mem(p.from, at+loadAhead))
			if p.readsAux() {
				p.PREFETCHT0(mem(p.aux, at+loadAhead))
			}
		}
		return
	}
	if p.unread != nil {
		for at := 0; at < bytes; at += lineBytes {
			p.PREFETCHT0(operand.Mem{Base: p.dst, Index: p.unread, Scale: 1, Disp: at})
		}
	}
	p.whereAhead(func() {
		for at := 0; at < bytes; at += lineBytes {
			p.PREFETCHT0(operand.Mem{Base: p.dst, Index: p.ahead, Scale: 1, Disp: at})
		}
	})
}

// whereAhead prefetches unless the distance is 0. To prefetch the line that is stored to next
// costs 20 % out of place at 3 MB where nothing is dropped, and with AVX2 13 % in place in
// the second cache. The branch costs 0 to 4 % where half of the planes of 28×28 float32 are
// dropped (Zen 5).
func (p *x86) whereAhead(prefetch func()) {
	p.fetches++
	done := fmt.Sprintf("prefetched%d", p.fetches)
	p.TESTQ(p.ahead, p.ahead)
	p.JZ(operand.LabelRef(done))
	prefetch()
	p.Label(done)
}

func (p *x86) put(b block) {
	for _, v := range p.parts(b) {
		from, to := p.value(v), p.place(toDst, v)
		if p.late {
			if p.half && !p.last { // all vectors are computed in the same register
				hold := p.vec(regHolds[v.vector], v)
				p.VMOVUPS(from, hold)
				from = hold
			}
			p.waiting = append(p.waiting, func() { p.store(from, to, v) })
		} else {
			p.store(from, to, v)
		}
	}
}

// parts returns the vectors of a block that are computed side by side.
func (p *x86) parts(b block) []block {
	all := make([]block, max(1, b.vectors, b.rows))
	for i := range all {
		all[i] = b
		if all[i].beside = i; b.rows == 0 {
			all[i].at += i * p.tier.width
		}
	}
	return all
}

// head takes the elements before the first cache line that begins in dst.
func (p *x86) head(label string, m moves, step func(block)) {
	for bytes := p.size; bytes < lineBytes; bytes *= 2 {
		skip := fmt.Sprintf("%sAligned%d", label, bytes)
		p.TESTQ(operand.I32(bytes), p.dst)
		p.JZ(operand.LabelRef(skip))
		step(block{bytes: bytes, cached: true})
		p.advance(m, operand.I32(bytes))
		p.SUBQ(operand.I32(bytes/p.size), p.left)
		p.Label(skip)
	}
}

// startTail sets up the mask at the end of every row.
func (p *x86) startTail() {
	if !p.masks {
		return
	}
	p.tailSize = p.GP64()
	p.MOVQ(p.length, p.tailSize)
	p.ANDQ(operand.I32(p.tier.width/p.size-1), p.tailSize)
	p.lowLanes(p.tailSize, maskTail)
	p.SHLQ(p.shift(), p.tailSize)
}

// lowLanes sets a mask to the first n lanes: 2ⁿ − 1.
func (p *x86) lowLanes(n reg.GPVirtual, mask reg.Register) {
	lanes := p.GP32()
	p.MOVQ(n, reg.RCX)
	p.MOVL(operand.U32(1), lanes)
	p.SHLL(reg.CL, lanes)
	p.DECL(lanes)
	p.KMOVD(lanes, mask)
}

func (p *x86) tail(bytes int, label string, m moves, step func(block)) bool {
	if !p.masks || bytes >= p.tier.width {
		return false
	}
	p.ANDQ(operand.I32(p.tier.width/p.size-1), p.left)
	p.JZ(operand.LabelRef(label + "End"))
	step(block{bytes: p.tier.width, tail: true})
	p.advance(m, p.tailSize)
	p.Label(label + "End")
	return true
}

func (p *x86) shift() operand.U8 { return operand.U8(bits.TrailingZeros(uint(p.size))) }

func (p *x86) whole() block { return block{bytes: p.tier.width} }

// vec returns vector register i, as wide as a block needs.
func (p *x86) vec(i int, w block) reg.Register {
	v := vectors[i]
	switch {
	case w.bytes == 64:
		return v.AsZ()
	case w.bytes == 32:
		return v.AsY()
	}
	return v.AsX()
}

var vectors = [...]reg.VecPhysical{
	reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7,
	reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15,
}

func mem(base reg.Register, at int) operand.Mem { return operand.Mem{Base: base, Disp: at} }
