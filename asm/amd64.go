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

// amd64Streaming is the tier whose streaming kernels serve both. Those that
// AVX-512 had wrote channels-last data at 0.95 times the speed of copy instead of
// 1.0 and planes at the same speed (103 MB, Zen 4).
const amd64Streaming = "AVX2"

// unroll is how many vectors a turn of the main loop takes: two cache lines on
// AVX2, four on AVX-512.
const unroll = 4

// shortBytes is the longest plane that is done without a branch on its factor:
// what the L1 cache delivers in the time of a mispredicted branch, by estimate.
const shortBytes = 1 << 10

// amd64Program returns the kernels of one tier.
func amd64Program(t amd64Tier) (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	for _, k := range kernels() {
		if k.stream && t.name != amd64Streaming {
			continue
		}
		p := &program{Context: c, kernel: k, tier: t, set: instructions[k.elem.name]}
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

// Vector registers, by number. Those above 15 are left alone: VZEROUPPER does
// not clean their upper halves.
//
//	0–3    value of each vector of a turn
//	4–7    its factors, in pixels
//	8–11   its second operand: a mask, a sum
//	12     the plane's factor in every lane
//	13     zeros
//	14     in short planes: ones
//	15, 7  in short planes of AVX2: lanes to keep, lanes to touch
const (
	regValue  = 0
	regFactor = 4
	regOther  = 8
	regPlane  = 12
	regZero   = 13
	regOne    = 14
	regKeep   = 15
	regTouch  = 7
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

// program writes one kernel.
type program struct {
	*build.Context
	kernel
	tier amd64Tier
	set  instructionSet

	dst, src, factors, count, length reg.GPVirtual

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
	p.dst = p.Load(p.Param("dst"), p.GP64()).(reg.GPVirtual)
	p.src = p.Load(p.Param("src"), p.GP64()).(reg.GPVirtual)
	p.factors = p.Load(p.Param("factors"), p.GP64()).(reg.GPVirtual)
	p.count = p.Load(p.Param("count"), p.GP64()).(reg.GPVirtual)
	p.length = p.Load(p.Param("length"), p.GP64()).(reg.GPVirtual)
	p.VXORPS(reg.X13, reg.X13, reg.X13)
	switch {
	case p.pixels:
		p.rows()
	case p.stream, p.add && !p.choose:
		p.longPlanes()
	default:
		p.CMPQ(p.length, operand.I32(shortBytes/p.size))
		p.JHI(operand.LabelRef("long"))
		if p.add {
			p.shortPlanes("short", true)
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
	if p.tier.masks {
		p.tail()
	}
	p.Label("row")
	f, n := p.GP64(), p.GP64()
	p.MOVQ(p.factors, f)
	p.MOVQ(p.length, n)
	p.sweep("row", n, []reg.GPVirtual{p.dst, p.src, f}, func(u, at int, w piece) {
		value, factor, other := p.vec(regValue+u, w), p.vec(regFactor+u, w), p.vec(regOther+u, w)
		p.load(mem(f, at), factor, w)
		if p.choose && p.tier.masks {
			p.set.cmp(p.Context, notEqual, p.vec(regZero, w), factor, maskOf(u))
		}
		switch {
		case p.choose && !p.add && p.tier.masks:
			p.chosenProduct(mem(p.src, at), factor, maskOf(u), value, w)
		default:
			p.product(mem(p.src, at), factor, value, w)
			switch {
			case p.choose && p.add && p.tier.masks:
				value = p.chosenSum(mem(p.dst, at), maskOf(u), value, other, w)
			case p.choose && p.add:
				p.set.cmp(p.Context, notEqual, p.vec(regZero, w), factor, factor)
				value = p.chosenSum(mem(p.dst, at), factor, value, other, w)
			case p.choose:
				p.set.cmp(p.Context, notEqual, p.vec(regZero, w), factor, other)
				p.set.and(p.Context, other, value, value)
			case p.add:
				p.sum(mem(p.dst, at), value, w)
			}
		}
		p.store(value, mem(p.dst, at), w)
	})
	p.DECQ(p.count)
	p.JNZ(operand.LabelRef("row"))
}

// longPlanes walks planes so long that a branch on the factor pays: a dropped
// plane is not read, an unchanged one not touched.
//
// Where half of the planes are dropped, streaming reaches about 0.7 of what its
// reads and fills would take apart (planes of 56×56, 103 MB, Zen 4). Prefetching
// the next kept plane during a fill did not help, neither 8, 24 or 64 lines of it
// nor all.
func (p *program) longPlanes() {
	planeBytes, n := p.GP64(), p.GP64()
	p.MOVQ(p.length, planeBytes)
	p.SHLQ(p.shift(), planeBytes)

	p.Label("plane")
	if p.choose || !p.add && !p.stream {
		bits := p.GP64()
		p.loadBits(bits)
		if !p.add && !p.stream {
			p.CMPQ(p.dst, p.src)
			p.JNE(operand.LabelRef("changed"))
			p.compareOne(bits)
			p.JE(operand.LabelRef("skip"))
			p.Label("changed")
		}
		if p.choose {
			p.shiftOutSign(bits)
			p.JZ(operand.LabelRef("dropped"))
		}
	}
	p.set.broadcast(p.Context, operand.Mem{Base: p.factors}, p.vec(regPlane, p.whole()))
	p.MOVQ(p.length, n)
	p.sweep("kept", n, []reg.GPVirtual{p.dst, p.src}, func(u, at int, w piece) {
		value := p.vec(regValue+u, w)
		p.product(mem(p.src, at), p.vec(regPlane, w), value, w)
		if p.add {
			p.sum(mem(p.dst, at), value, w)
		}
		p.store(value, mem(p.dst, at), w)
	})
	p.Label("next")
	p.ADDQ(operand.I32(p.size), p.factors)
	p.DECQ(p.count)
	p.JNZ(operand.LabelRef("plane"))
	if !p.choose && (p.add || p.stream) {
		return
	}
	p.JMP(operand.LabelRef("done"))

	if p.choose && !p.add {
		p.Label("dropped")
		p.ADDQ(planeBytes, p.src)
		p.MOVQ(p.length, n)
		p.sweep("fill", n, []reg.GPVirtual{p.dst}, func(u, at int, w piece) {
			p.store(p.vec(regZero, w), mem(p.dst, at), w)
		})
		p.JMP(operand.LabelRef("next"))
	}
	switch {
	case p.choose && p.add:
		p.Label("dropped")
	case !p.add && !p.stream:
		p.Label("skip")
	default:
		p.Label("done")
		return
	}
	p.ADDQ(planeBytes, p.dst)
	p.ADDQ(planeBytes, p.src)
	p.JMP(operand.LabelRef("next"))
	p.Label("done")
}

// shortPlanes walks planes so short that a mispredicted branch would cost more
// than the plane: what the factor says becomes a mask. back says that dst is
// read, too: then a plane with factor 1 stays as it is.
func (p *program) shortPlanes(label string, back bool) {
	whole := p.whole()
	n := p.GP64()
	touch := back && !p.add
	if touch {
		one := p.GP64()
		p.MOVQ(operand.U64(p.one), one)
		p.VMOVQ(one, reg.X14)
		p.set.broadcast(p.Context, reg.X14, p.vec(regOne, whole))
	}
	p.Label(label)
	factor := p.vec(regPlane, whole)
	p.set.broadcast(p.Context, operand.Mem{Base: p.factors}, factor)
	p.ADDQ(operand.I32(p.size), p.factors)
	switch {
	case p.choose && p.tier.masks:
		p.set.cmp(p.Context, notEqual, p.vec(regZero, whole), factor, maskKeep)
	case p.choose:
		p.set.cmp(p.Context, notEqual, p.vec(regZero, whole), factor, p.vec(regKeep, whole))
	}
	switch {
	case touch && p.tier.masks:
		p.set.cmp(p.Context, notEqual, p.vec(regOne, whole), factor, maskTouch)
	case touch:
		p.set.cmp(p.Context, notEqual, p.vec(regOne, whole), factor, p.vec(regTouch, whole))
	}
	p.MOVQ(p.length, n)
	p.sweep(label, n, []reg.GPVirtual{p.dst, p.src}, func(u, at int, w piece) {
		value, other := p.vec(regValue+u, w), p.vec(regOther+u, w)
		factor, keep := p.vec(regPlane, w), p.vec(regKeep, w)
		switch {
		case p.add:
			p.product(mem(p.src, at), factor, value, w)
			if p.tier.masks {
				keep = maskKeep
			}
			value = p.chosenSum(mem(p.dst, at), keep, value, other, w)
		case touch && p.tier.masks:
			p.load(mem(p.src, at), value, w)
			p.set.mul(p.Context, factor, value, maskTouch, value)
			if p.choose {
				p.set.movZ(p.Context, value, maskKeep, value)
			}
		case touch:
			p.load(mem(p.src, at), value, w)
			p.set.mul(p.Context, factor, value, other)
			if p.choose {
				p.set.and(p.Context, keep, other, other)
			}
			p.set.blend(p.Context, p.vec(regTouch, w), other, value, value)
		case p.choose && p.tier.masks:
			p.chosenProduct(mem(p.src, at), factor, maskKeep, value, w)
		default:
			p.product(mem(p.src, at), factor, value, w)
			if p.choose {
				p.set.and(p.Context, keep, value, value)
			}
		}
		p.store(value, mem(p.dst, at), w)
	})
	p.DECQ(p.count)
	p.JNZ(operand.LabelRef(label))
	p.VZEROUPPER()
	p.RET()
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
func (p *program) sweep(label string, n reg.GPVirtual, pointers []reg.GPVirtual, step func(u, at int, w piece)) {
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
	p.JL(operand.LabelRef(label + "Half"))

	p.Label(label + "Turn")
	for u := range unroll {
		step(u, u*p.tier.width, whole)
	}
	advance(operand.I32(unroll * p.tier.width))
	p.SUBQ(operand.I32(unroll*lanes), n)
	p.CMPQ(n, operand.I32(unroll*lanes))
	p.JGE(operand.LabelRef(label + "Turn"))

	// What is left of n, and so which of these branches are taken, is the same
	// for every plane or row.
	p.Label(label + "Half")
	for vectors := unroll / 2; vectors > 0; vectors /= 2 {
		skip := fmt.Sprintf("%sBelow%d", label, vectors*p.tier.width)
		p.TESTQ(operand.I32(vectors*lanes), n)
		p.JZ(operand.LabelRef(skip))
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
	p.KMOVW(lanes, maskTail)
	p.SHLQ(p.shift(), p.tailBytes)
}

// product sets value to factor · src.
func (p *program) product(src operand.Mem, factor, value reg.Register, w piece) {
	if w.vector() {
		p.set.mul(p.Context, src, factor, value)
		return
	}
	p.load(src, value, w)
	p.set.mul(p.Context, value, factor, value)
}

// chosenProduct sets value to factor · src in the lanes of a mask, to +0 in the
// others.
func (p *program) chosenProduct(src operand.Mem, factor, keep, value reg.Register, w piece) {
	if w.vector() {
		p.set.mulZ(p.Context, src, factor, keep, value)
		return
	}
	p.load(src, value, w)
	p.set.mulZ(p.Context, value, factor, keep, value)
}

// chosenSum returns the register, value or other, that holds dst, with value
// added in the lanes to keep. Those are a mask where the tier has masks, else a
// vector.
func (p *program) chosenSum(dst operand.Mem, keep, value, other reg.Register, w piece) reg.Register {
	p.load(dst, other, w)
	if p.tier.masks {
		p.set.add(p.Context, value, other, keep, other)
		return other
	}
	p.set.add(p.Context, value, other, value)
	p.set.blend(p.Context, keep, value, other, value)
	return value
}

// sum adds dst to value.
func (p *program) sum(dst operand.Mem, value reg.Register, w piece) {
	if w.vector() {
		p.set.add(p.Context, dst, value, value)
		return
	}
	other := p.vec(regOther, w)
	p.load(dst, other, w)
	p.set.add(p.Context, other, value, value)
}

func (p *program) load(from operand.Mem, to reg.Register, w piece) {
	switch {
	case w.mask != nil:
		p.set.movZ(p.Context, from, w.mask, to)
	case w.bytes == 4:
		p.VMOVSS(from, to)
	case w.bytes == 8:
		p.VMOVSD(from, to)
	default:
		p.set.mov(p.Context, from, to)
	}
}

func (p *program) store(from reg.Register, to operand.Mem, w piece) {
	switch {
	case w.mask != nil:
		p.set.mov(p.Context, from, w.mask, to)
	case w.bytes == 4:
		p.VMOVSS(from, to)
	case w.bytes == 8:
		p.VMOVSD(from, to)
	case p.stream && w.bytes == p.tier.width && !w.cached:
		p.set.stream(p.Context, from, to)
	default:
		p.set.mov(p.Context, from, to)
	}
}

// loadBits loads the bits of the plane's factor.
func (p *program) loadBits(to reg.GPVirtual) {
	if p.size == 8 {
		p.MOVQ(operand.Mem{Base: p.factors}, to)
	} else {
		p.MOVL(operand.Mem{Base: p.factors}, to.As32())
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
	if p.size == 8 {
		p.ADDQ(bits, bits)
	} else {
		p.ADDL(bits.As32(), bits.As32())
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

// vector reports whether the piece is a whole register, which may be an operand
// in memory.
func (w piece) vector() bool { return w.mask == nil && w.bytes >= 16 }

// instructionSet is what an element type needs of AVX2 and AVX-512.
type instructionSet struct {
	mov, mul, add, and, cmp, broadcast func(*build.Context, ...operand.Op)

	movZ   func(c *build.Context, from, mask, to operand.Op)
	mulZ   func(c *build.Context, x, y, mask, to operand.Op)
	blend  func(c *build.Context, choice, yes, no, to operand.Op)
	stream func(c *build.Context, from, to operand.Op)
}

var instructions = map[string]instructionSet{
	"F32": {
		mov:       (*build.Context).VMOVUPS,
		mul:       (*build.Context).VMULPS,
		add:       (*build.Context).VADDPS,
		and:       (*build.Context).VANDPS,
		cmp:       (*build.Context).VCMPPS,
		broadcast: (*build.Context).VBROADCASTSS,
		movZ:      (*build.Context).VMOVUPS_Z,
		mulZ:      (*build.Context).VMULPS_Z,
		blend:     (*build.Context).VBLENDVPS,
		stream:    (*build.Context).VMOVNTPS,
	},
	"F64": {
		mov:       (*build.Context).VMOVUPD,
		mul:       (*build.Context).VMULPD,
		add:       (*build.Context).VADDPD,
		and:       (*build.Context).VANDPD,
		cmp:       (*build.Context).VCMPPD,
		broadcast: (*build.Context).VBROADCASTSD,
		movZ:      (*build.Context).VMOVUPD_Z,
		mulZ:      (*build.Context).VMULPD_Z,
		blend:     (*build.Context).VBLENDVPD,
		stream:    (*build.Context).VMOVNTPD,
	},
}
