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

// amd64Tier is an instruction set of amd64.
type amd64Tier struct {
	name  string
	width int  // bytes of a vector
	masks bool // mask registers: tails and choices need no ladder and no blend
}

var amd64Tiers = []amd64Tier{
	{name: "AVX2", width: 32},
	{name: "AVX512", width: 64, masks: true},
}

// amd64Streaming is the tier whose streaming kernels of floats serve both. Those
// that AVX-512 had wrote channels-last data at 0.95 times the speed of copy
// instead of 1.0 and planes at the same speed (103 MB, Zen 4). Halves have more to
// compute: there AVX-512 is faster by 3 to 13 % (planes of 56×56, Sapphire
// Rapids).
const amd64Streaming = "AVX2"

// unroll is how many vectors a turn of the main loop takes: two cache lines on
// AVX2, four on AVX-512.
const unroll = 4

// shortBytes is the longest plane that is done without a branch on its factor:
// what the L1 cache delivers in the time of a mispredicted branch, by estimate.
const shortBytes = 1 << 10

// shortDivided is that plane where it is divided, which takes several times as
// long: where half of the planes are dropped, those of 200 bytes of float16 are 1.5
// to 1.7 times as fast with a branch, of 400 bytes of float32 1.4 to 1.5 times, of
// 196 bytes 1.0 to 1.1 times, and those of 64 bytes less than half as fast (in the
// L2 cache, Zen 4).
const shortDivided = 1 << 7

// short returns the length of the longest plane that is done so.
func (k kernel) short() int {
	if k.divides() {
		return shortDivided / k.size
	}
	return shortBytes / k.size
}

// amd64Program returns the kernels of one tier.
func amd64Program(t amd64Tier) (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	table, nothing := new(operand.Mem), new(operand.Mem)
	for _, k := range kernels() {
		if k.symbol(t.name) != k.name()+t.name {
			continue
		}
		p := &program{Context: c, kernel: k, tier: t, table: table, nothing: nothing}
		p.arithmetic = p.floats()
		if k.half {
			p.arithmetic = p.halves()
		}
		p.emit()
	}
	f, err := c.Result()
	if err != nil {
		return nil, err
	}
	return f, pass.Compile.Execute(f)
}

// amd64Fence returns the function that ends a run of streaming kernels.
func amd64Fence() (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	c.Function("fence")
	c.Attributes(attr.NOSPLIT)
	c.Doc("fence makes what streaming kernels have written visible before anything that is written later.")
	c.SignatureExpr("func()")
	c.SFENCE()
	c.RET()
	f, err := c.Result()
	if err != nil {
		return nil, err
	}
	return f, pass.Compile.Execute(f)
}

// prefetchBytes is how far ahead of the stores their cache lines are asked for. A
// store to a line that is not in the L1 cache waits for it, and the processor
// fetches ahead for loads only: out of place in the L2 cache this makes 48 GB/s
// of 35 with AVX2 and 46 of 41 with AVX-512 (56×56, Sapphire Rapids class). PREFETCHW,
// which Go's assembler lacks, does the same. Of the source nothing need be asked
// for: 256 to 4096 bytes ahead brought nothing in the cache.
const prefetchBytes = 512

// Vector registers, by number. Those above 15 are left alone: VZEROUPPER does
// not clean their upper halves. What is computed with one factor for all lanes
// finds that in regPlane, what is chosen by the factor finds its lanes in regKeep
// and regTouch, or in mask registers.
const (
	regPlane = 12
	regZero  = 13
	regOne   = 14 // in short planes, in place: the number 1
	regShift = 14 // in affine planes: the shift
	regNext  = 14 // in runs: the next plane's factor
	regKeep  = 15
	regTouch = 7
)

// Mask registers of AVX-512.
var (
	maskTail  = reg.K1 // lanes of the last, partial vector
	maskKeep  = reg.K2 // in short planes: all lanes if the factor is not 0
	maskTouch = reg.K3 // in short planes: all lanes if the factor is not 1
)

// maskOf is the mask of lanes with a factor other than 0 in pixels.
func maskOf(u int) reg.Register { return []reg.Register{reg.K4, reg.K5, reg.K6, reg.K7}[u] }

const notEqual = operand.U8(4) // NEQ_UQ: true also for NaN

// arithmetic is what an element type needs. Its functions work on vector u of a
// turn, which is as wide as the piece.
type arithmetic struct {
	// constants sets up what all elements of a call need.
	constants func()
	// plane takes a factor, and its shift if the kernel is affine, for whole
	// vectors of a plane.
	plane func(factor, shift operand.Mem, to int)
	// choices sets up, for the plane whose factor was taken from there, which lanes
	// to keep, and to touch.
	choices func(factor operand.Mem, touch bool)
	// unit sets regOne.
	unit func()
	// lanes takes the factors of a row, and its shifts if the kernel is affine.
	lanes func(u int, factor, shift operand.Mem, w piece)
	// mixed takes a vector that holds the factors of lanes.
	mixed func(from int)
	// product stores the operation on src to dst.
	product func(u int, dst, src operand.Mem, how how, w piece)
}

// how says where an operation finds its factor and what it chooses by it.
type how struct {
	row    bool // factors lane by lane, as lanes or mixed took them
	plane  int  // else the register with the plane's factor
	choose bool // a factor may be 0 where that means something
	touch  bool // a factor may be 1, which leaves dst as it is; dst is src
}

// program writes one kernel.
type program struct {
	*build.Context
	kernel
	arithmetic
	tier amd64Tier
	// What the kernels of a file share: the table of runs, and zeros.
	table, nothing *operand.Mem

	dst, src, factors, extra, count, length reg.GPVirtual

	tailBytes reg.GPVirtual // of the last, partial vector
}

// piece is a part of a vector: all of it, or its first bytes, or the lanes of a
// mask.
type piece struct {
	bytes  int
	mask   reg.Register
	cached bool // not streamed although the kernel streams
}

func (p *program) emit() {
	name := p.name() + p.tier.name
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
	if !p.braid {
		p.count = argument("count")
	}
	p.VXORPS(reg.X13, reg.X13, reg.X13)
	p.constants()
	switch {
	case p.braid:
		p.braids()
	case p.pixels && p.stream:
		p.zones()
	case p.pixels && p.sums():
		p.rows()
	case p.pixels:
		p.TESTQ(operand.I32(lineBytes/p.size-1), p.length)
		p.JNZ(operand.LabelRef("row"))
		p.zones()
		p.VZEROUPPER()
		p.RET()
		p.rows()
	case p.stream:
		p.CMPQ(p.length, operand.I32(runBytes/p.size))
		p.JAE(operand.LabelRef("long"))
		p.runs()
		p.Label("long")
		p.longPlanes()
	case !p.drops() && p.sums():
		p.longPlanes()
	default:
		p.CMPQ(p.length, operand.I32(p.short()))
		p.JHI(operand.LabelRef("long"))
		if p.sums() {
			p.shortPlanes("short", false)
		} else {
			p.CMPQ(p.dst, p.src)
			p.JEQ(operand.LabelRef("inPlace"))
			p.shortPlanes("apart", false)
			p.Label("inPlace")
			p.shortPlanes("short", true)
		}
		p.Label("long")
		p.longPlanes()
	}
	p.VZEROUPPER()
	p.RET()
}

// rows walks count rows of length channels, the factors beside them.
func (p *program) rows() {
	p.Label("row")
	if p.tier.masks {
		p.tail()
	}
	p.Label("next")
	n := p.GP64()
	f, pointers := p.rowPointers()
	p.MOVQ(p.length, n)
	p.sweep("row", n, pointers, true, func(u, at int, w piece) {
		p.lanes(u, mem(f[0], at), mem(f[1], at), w)
		p.product(u, mem(p.dst, at), mem(p.src, at), how{row: true, choose: p.drops()}, w)
	})
	p.DECQ(p.count)
	p.JNZ(operand.LabelRef("next"))
}

// rowPointers sets up a pointer to the factors of a row, and one to its shifts.
// It returns them, and with them all that move along the row.
func (p *program) rowPointers() (f [2]reg.GPVirtual, all []reg.GPVirtual) {
	all = []reg.GPVirtual{p.dst, p.src}
	for i, from := range []reg.GPVirtual{p.factors, p.extra} {
		f[i] = p.GP64()
		if i == 0 || p.shifts() {
			p.MOVQ(from, f[i])
			all = append(all, f[i])
		}
	}
	return f, all
}

// longPlanes walks planes so long that a branch on the factor pays: a dropped
// plane is not read, an unchanged one not touched.
func (p *program) longPlanes() {
	planeBytes, n := p.GP64(), p.GP64()
	p.MOVQ(p.length, planeBytes)
	p.SHLQ(p.shift(), planeBytes)
	unchanged := !p.sums() && !p.stream // a factor of 1 leaves elements as they are

	p.Label("plane")
	if p.drops() || unchanged {
		bits := p.GP64()
		p.loadBits(bits)
		if unchanged {
			p.CMPQ(p.dst, p.src)
			p.JNE(operand.LabelRef("changed"))
			p.compareOne(bits)
			p.JE(operand.LabelRef("skip"))
			p.Label("changed")
		}
		if p.drops() {
			p.shiftOutSign(bits)
			p.JZ(operand.LabelRef("dropped"))
		}
	}
	p.plane(mem(p.factors, 0), mem(p.extra, 0), regPlane)
	p.MOVQ(p.length, n)
	p.sweep("kept", n, []reg.GPVirtual{p.dst, p.src}, true, func(u, at int, w piece) {
		p.product(u, mem(p.dst, at), mem(p.src, at), how{plane: regPlane}, w)
	})
	p.Label("next")
	p.nextPlane()
	p.DECQ(p.count)
	p.JNZ(operand.LabelRef("plane"))
	if !p.drops() && !unchanged {
		return
	}
	p.VZEROUPPER()
	p.RET()

	if p.drops() {
		p.Label("dropped")
		if !p.readsDst() {
			value := regZero
			if p.shifts() {
				p.plane(mem(p.factors, 0), mem(p.extra, 0), regPlane)
				value = regShift
			}
			p.ADDQ(planeBytes, p.src)
			p.MOVQ(p.length, n)
			p.sweep("fill", n, []reg.GPVirtual{p.dst}, true, func(u, at int, w piece) {
				p.store(p.vec(value, w), mem(p.dst, at), w)
			})
			p.JMP(operand.LabelRef("next"))
		}
	}
	if unchanged {
		p.Label("skip")
	}
	if unchanged || p.drops() && p.readsDst() {
		p.ADDQ(planeBytes, p.dst)
		p.ADDQ(planeBytes, p.src)
		p.JMP(operand.LabelRef("next"))
	}
}

// nextPlane moves on to the next factor, and to its shift.
func (p *program) nextPlane() {
	p.ADDQ(operand.I32(p.size), p.factors)
	if p.shifts() {
		p.ADDQ(operand.I32(p.size), p.extra)
	}
}

// shortPlanes walks planes so short that a mispredicted branch would cost more
// than the plane: what the factor says becomes a mask. Where dst is src, a plane
// with factor 1 stays as it is.
func (p *program) shortPlanes(label string, inPlace bool) {
	n := p.GP64()
	if inPlace {
		p.unit()
	}
	from, zeros, planeBytes := p.src, p.GP64(), p.GP64()
	unread := p.drops() && !p.sums() && !inPlace
	if unread {
		from = p.GP64()
		p.LEAQ(p.zeros(), zeros)
		p.MOVQ(p.length, planeBytes)
		p.SHLQ(p.shift(), planeBytes)
	}
	p.Label(label)
	p.plane(mem(p.factors, 0), mem(p.extra, 0), regPlane)
	p.choices(mem(p.factors, 0), inPlace)
	if unread {
		// A dropped plane is read from where there is nothing but zeros, in the L1
		// cache: planes of 7×7, half of them dropped, 1.1 to 1.2 times as fast in the
		// L2 cache (Sapphire Rapids class).
		bits := p.GP64()
		p.loadBits(bits)
		p.MOVQ(p.src, from)
		p.shiftOutSign(bits)
		p.CMOVQEQ(zeros, from)
		p.ADDQ(planeBytes, p.src)
	}
	p.nextPlane()
	p.MOVQ(p.length, n)
	p.sweep(label, n, []reg.GPVirtual{p.dst, from}, !inPlace, func(u, at int, w piece) {
		p.product(u, mem(p.dst, at), mem(from, at), how{plane: regPlane, choose: p.drops(), touch: inPlace}, w)
	})
	p.DECQ(p.count)
	p.JNZ(operand.LabelRef(label))
	p.VZEROUPPER()
	p.RET()
}

// zeros returns where there are as many zeros as a short plane has bytes.
func (p *program) zeros() operand.Mem {
	if *p.nothing == (operand.Mem{}) {
		*p.nothing = p.StaticGlobal("zeros")
		p.DataAttributes(attr.RODATA | attr.NOPTR)
		for range shortBytes / 8 {
			p.AppendDatum(operand.U64(0))
		}
	}
	return *p.nothing
}

// sweep takes n elements in turns of unroll vectors, then half as many, then one,
// then what is left, and moves the pointers behind them. n is used up. step does
// vector u of a turn, at bytes from the pointers.
//
// In place no element may be done twice, so that the rest is never an
// overlapping vector. It is a ladder of halves, in the rows of AVX-512 a vector
// under a mask. Not in its planes: of a store under a mask nothing can be
// forwarded to a load that overlaps the vector's place, which made planes of 7×7
// in place half as fast and those out of place no faster.
//
// apart says that dst may be elsewhere than src: then the lines to store to are
// prefetched.
func (p *program) sweep(label string, n reg.GPVirtual, pointers []reg.GPVirtual, apart bool, step func(u, at int, w piece)) {
	lanes := p.tier.width / p.size
	advance := func(by operand.Op) {
		for _, r := range pointers {
			p.ADDQ(by, r)
		}
	}
	whole := piece{bytes: p.tier.width}
	if p.stream && !p.pixels {
		p.head(label, n, advance, step)
	}
	p.CMPQ(n, operand.I32(unroll*lanes))
	p.JL(operand.LabelRef(label + "Rest"))

	p.Label(label + "Turn")
	fetch := func(bytes int) {
		for at := 0; at < bytes && apart && !p.readsDst() && !p.stream; at += 64 {
			p.PREFETCHT0(mem(p.dst, at+prefetchBytes))
		}
	}
	fetch(unroll * p.tier.width)
	for u := range unroll {
		step(u, u*p.tier.width, whole)
	}
	advance(operand.I32(unroll * p.tier.width))
	p.SUBQ(operand.I32(unroll*lanes), n)
	p.CMPQ(n, operand.I32(unroll*lanes))
	p.JGE(operand.LabelRef(label + "Turn"))

	// What is left of n, and so which of these branches are taken, is the same
	// for every plane or row.
	p.Label(label + "Rest")
	for vectors := unroll / 2; vectors > 0; vectors /= 2 {
		skip := fmt.Sprintf("%sBelow%d", label, vectors*p.tier.width)
		p.TESTQ(operand.I32(vectors*lanes), n)
		p.JZ(operand.LabelRef(skip))
		if vectors*p.tier.width >= 64 {
			fetch(vectors * p.tier.width)
		}
		for u := range vectors {
			step(u, u*p.tier.width, whole)
		}
		advance(operand.I32(vectors * p.tier.width))
		p.Label(skip)
	}
	if p.stream && p.pixels {
		return // rows are whole lines
	}
	if p.tier.masks && p.pixels {
		p.ANDQ(operand.I32(lanes-1), n)
		p.JZ(operand.LabelRef(label + "End"))
		step(0, 0, piece{bytes: p.tier.width, mask: maskTail})
		advance(p.tailBytes)
	} else {
		for bytes := p.tier.width / 2; bytes >= p.size; bytes /= 2 {
			skip := fmt.Sprintf("%sBelow%d", label, bytes)
			p.TESTQ(operand.I32(bytes/p.size), n)
			p.JZ(operand.LabelRef(skip))
			step(0, 0, piece{bytes: bytes})
			advance(operand.I32(bytes))
			p.Label(skip)
		}
	}
	p.Label(label + "End")
}

// head takes the elements before the first cache line that begins in dst.
func (p *program) head(label string, n reg.GPVirtual, advance func(operand.Op), step func(u, at int, w piece)) {
	for bytes := p.size; bytes < 64; bytes *= 2 {
		skip := fmt.Sprintf("%sAligned%d", label, bytes)
		p.TESTQ(operand.I32(bytes), p.dst)
		p.JZ(operand.LabelRef(skip))
		step(0, 0, piece{bytes: bytes, cached: true})
		advance(operand.I32(bytes))
		p.SUBQ(operand.I32(bytes/p.size), n)
		p.Label(skip)
	}
}

// tail sets up what the last, partial vector of a row needs; it is the same for
// all of them.
func (p *program) tail() {
	p.tailBytes = p.GP64()
	p.MOVQ(p.length, p.tailBytes)
	p.ANDQ(operand.I32(p.tier.width/p.size-1), p.tailBytes)
	// As many lanes as elements: 2ⁿ − 1.
	lanes := p.GP32()
	p.MOVQ(p.tailBytes, reg.RCX)
	p.MOVL(operand.U32(1), lanes)
	p.SHLL(reg.CL, lanes)
	p.DECL(lanes)
	p.KMOVD(lanes, maskTail)
	p.SHLQ(p.shift(), p.tailBytes)
}

// loadBits loads the bits of the plane's factor.
func (p *program) loadBits(to reg.GPVirtual) {
	switch p.size {
	case 8:
		p.MOVQ(operand.Mem{Base: p.factors}, to)
	case 4:
		p.MOVL(operand.Mem{Base: p.factors}, to.As32())
	default:
		p.MOVWLZX(operand.Mem{Base: p.factors}, to.As32())
	}
}

// compareOne compares a factor's bits with those of 1.
func (p *program) compareOne(bits reg.GPVirtual) {
	if p.size == 8 {
		one := p.GP64()
		p.MOVQ(operand.U64(p.one), one)
		p.CMPQ(bits, one)
	} else {
		p.CMPL(bits.As32(), operand.U32(p.one))
	}
}

// shiftOutSign leaves 0, and the zero flag, if a factor's bits are those of a
// zero of either sign.
func (p *program) shiftOutSign(bits reg.GPVirtual) {
	switch p.size {
	case 8:
		p.ADDQ(bits, bits)
	case 4:
		p.ADDL(bits.As32(), bits.As32())
	default:
		p.ADDL(bits.As32(), bits.As32())
		p.TESTL(operand.U32(0xffff), bits.As32())
	}
}

func (p *program) shift() operand.U8 { return operand.U8(bits.TrailingZeros(uint(p.size))) }

func (p *program) whole() piece { return piece{bytes: p.tier.width} }

// vec returns vector register i as wide as the piece needs.
func (p *program) vec(i int, w piece) reg.Register {
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
