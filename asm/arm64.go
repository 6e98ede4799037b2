package main

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
)

// The suffixes of the kernels for arm64. Streaming stores (STNP) are only a hint
// there, so that streaming kernels are the plain ones. The second tier computes in
// float16 what is float16; all else it takes from the first.
const (
	arm64Tier     = "NEON"
	arm64FP16Tier = "NEONFP16"
)

// arm64Program returns the kernels that are a tier's own. avo knows no arm64
// instruction, but its intermediate form and its printers take any: registers are
// fixed here, and of avo's passes none is needed but the one that includes
// textflag.h.
func arm64Program(tier string) (*ir.File, error) {
	f := ir.NewFile()
	constraint, err := buildtags.ParseConstraint("!purego")
	if err != nil {
		return nil, err
	}
	f.Constraints = buildtags.Constraints{constraint}
	for _, k := range kernels() {
		if k.symbol(tier) != k.name()+tier {
			continue
		}
		p := &neon{Function: ir.NewFunction(k.name() + tier), kernel: k}
		p.Doc = p.doc(tier)
		if tier == arm64FP16Tier {
			// float32 has more than twice as many digits: to round to it first, as others
			// do, changes no product, no quotient and no sum.
			p.Doc = append(p.Doc, "It computes in float16, which gives the same numbers.")
			p.half = false
		}
		if err := p.emit(); err != nil {
			return nil, err
		}
		p.prune()
		f.AddSection(p.Function)
	}
	return f, pass.IncludeTextFlagHeader(f)
}

// General registers. R16 to R18 and R27 to R30 are the linker's, the platform's
// and the runtime's.
const (
	xDst = iota
	xSrc
	xFactors
	xCount
	xLength
	xShifts
	xLeft      // elements left of a plane or row
	xRow       // the factors of a row that are left
	xRowShifts // the shifts of a row that are left
	xBytes     // length in bytes
	xFactor    // bits of a factor
	xOne       // bits of 1
	xConstant  // bits on their way to a vector register
)

// Vector registers. Up to vMask each name stands for the vectors of a turn, four,
// or two of halves that make four of float32.
const (
	vValue  = 0
	vFactor = 4  // in rows
	vWide   = 8  // halves as float32
	vSecond = 12 // likewise, of the second operand
	vOther  = 16
	vMask   = 20 // in rows: all ones where the factor is not 0

	vLive  = 20 // in planes: all ones if the factor is not 0
	vKeep  = 21 // all ones if the plane stays as it is
	vOne   = 22
	vPlane = 24 // the plane's factor; of halves as float32, their bits in the next register
	vShift = 26 // the plane's shift, likewise

	// Constants.
	vZero      = 28
	vLast      = 29 // the bit of a float32 that is the last one of a bfloat16
	vRound     = 30 // just below half of vLast
	vMagnitude = 31 // all bits of an element but the sign
)

// neon writes one kernel. Its elements are called halves where they are computed
// as float32.
type neon struct {
	*ir.Function
	kernel
}

func (p *neon) emit() error {
	signature, err := gotypes.ParseSignature(p.signature())
	if err != nil {
		return err
	}
	p.SetSignature(signature)
	p.Attributes = attr.NOSPLIT
	p.AddPragma("noescape")
	names := []string{"dst", "src", "factors", "count", "length"} // in the order of their registers
	if p.shifts() {
		names = append(names, "shifts")
	}
	for i, name := range names {
		basic, err := signature.Params().Lookup(name).Resolve()
		if err != nil {
			return err
		}
		p.ins("MOVD", basic.Addr, x(i))
	}
	p.constants()
	switch {
	case p.pixels:
		p.rows()
	case !p.drops() && p.sums():
		p.longPlanes()
	default:
		p.ins("CMP", imm(p.short()), x(xLength))
		p.jump("BHI", "long")
		if p.sums() {
			p.shortPlanes("short", false)
		} else {
			p.ins("CMP", x(xSrc), x(xDst))
			p.jump("BEQ", "inPlace")
			p.shortPlanes("apart", false)
			p.label("inPlace")
			p.shortPlanes("short", true)
		}
		p.label("long")
		p.longPlanes()
	}
	p.ret()
	return nil
}

// constants sets up what all elements of a call need.
func (p *neon) constants() {
	if p.drops() {
		p.constant(vMagnitude, 1<<(8*p.size-1)-1, p.lanes())
	}
	if p.bfloat() {
		p.ins("VEOR", v16(vZero), v16(vZero), v16(vZero))
		p.constant(vLast, 0x10000, "S4")
		p.constant(vRound, 0x7fff, "S4")
	}
}

func (p *neon) constant(v int, bits uint64, lanes string) {
	p.ins("MOVD", raw(fmt.Sprintf("$%#x", bits)), x(xConstant))
	p.ins("VDUP", x(xConstant), vec(v, lanes))
}

// rows walks count rows of length channels, the factors beside them.
func (p *neon) rows() {
	p.label("next")
	p.ins("MOVD", x(xFactors), x(xRow))
	if p.shifts() {
		p.ins("MOVD", x(xShifts), x(xRowShifts))
	}
	p.sweep("row", func(w width) {
		p.load(vFactor, xRow, w)
		p.load(vValue, xSrc, w)
		p.arithmetic(p.operation(), vValue, vValue, vFactor, w)
		switch {
		case p.readsDst():
			p.peek(vOther, xDst, w)
			p.arithmetic(fadd, vValue, vOther, vValue, w)
		case p.shifts():
			p.load(vOther, xRowShifts, w)
			p.arithmetic(fadd, vValue, vValue, vOther, w)
		}
		if p.drops() {
			for u := range w.vectors() {
				p.notZero(vMask+u, vFactor+u)
				p.otherwise(vValue+u, vOther+u, vMask+u)
			}
		}
		p.store(vValue, w)
	})
	p.ins("SUBS", imm(1), x(xCount), x(xCount))
	p.jump("BNE", "next")
}

// longPlanes walks planes so long that a branch on the factor pays: a dropped
// plane is not read, an unchanged one not touched.
func (p *neon) longPlanes() {
	p.ins("LSL", imm(p.shift()), x(xLength), x(xBytes))
	if !p.sums() {
		p.ins("MOVD", raw(fmt.Sprintf("$%#x", p.one)), x(xOne))
	}
	p.label("plane")
	if p.drops() || !p.sums() {
		p.ins(map[int]string{2: "MOVHU", 4: "MOVWU", 8: "MOVD"}[p.size], at(xFactors), x(xFactor))
	}
	if !p.sums() {
		p.ins("CMP", x(xSrc), x(xDst))
		p.jump("BNE", "changed")
		p.ins("CMP", x(xOne), x(xFactor))
		p.jump("BEQ", "skip")
		p.label("changed")
	}
	if p.drops() {
		// Without its sign, a zero has no bits.
		p.ins("LSL", imm(65-8*p.size), x(xFactor), x(xFactor))
		p.ins("CBZ", x(xFactor), operand.LabelRef("dropped"))
	}
	p.plane()
	p.sweep("kept", func(w width) {
		p.load(vValue, xSrc, w)
		p.arithmetic(p.operation(), vValue, vValue, vPlane, w)
		switch {
		case p.readsDst():
			p.peek(vOther, xDst, w)
			p.arithmetic(fadd, vValue, vOther, vValue, w)
		case p.shifts():
			p.arithmetic(fadd, vValue, vValue, vShift, w)
		}
		p.store(vValue, w)
	})
	p.label("next")
	p.ins("SUBS", imm(1), x(xCount), x(xCount))
	p.jump("BNE", "plane")
	if !p.drops() && p.sums() {
		return
	}
	p.ret()

	switch {
	case p.drops() && !p.readsDst():
		p.label("dropped")
		p.fill()
		p.jump("B", "next")
		if p.shifts() {
			return
		}
		p.label("skip")
	case p.drops():
		p.label("dropped")
	case !p.sums():
		p.label("skip")
	}
	p.ins("ADD", imm(p.size), x(xFactors), x(xFactors))
	p.ins("ADD", x(xBytes), x(xDst), x(xDst))
	p.ins("ADD", x(xBytes), x(xSrc), x(xSrc))
	p.jump("B", "next")
}

// plane takes the next plane's factor and shift.
func (p *neon) plane() {
	p.next(vPlane, xFactors)
	if p.shifts() {
		p.next(vShift, xShifts)
	}
}

// next takes a number for all lanes and moves the pointer behind it.
func (p *neon) next(v, from int) {
	p.ins("VLD1R.P", after(from, p.size), p.list(p.bits(v), 1))
	if p.half {
		p.widen(v, p.bits(v), vector/2)
	}
}

// bits is the register that holds the bits of vPlane or vShift.
func (p *neon) bits(v int) int {
	if p.half {
		return v + 1
	}
	return v
}

// fill sets a dropped plane to +0 or to its shift.
func (p *neon) fill() {
	p.ins("ADD", imm(p.size), x(xFactors), x(xFactors))
	for u := range p.turn().vectors() {
		switch {
		case !p.shifts():
			p.ins("VEOR", v16(vValue+u), v16(vValue+u), v16(vValue+u))
		case u+1 < p.turn().vectors():
			p.ins("VLD1R", at(xShifts), p.list(vValue+u, 1))
		default:
			p.ins("VLD1R.P", after(xShifts, p.size), p.list(vValue+u, 1))
		}
	}
	p.ins("ADD", x(xBytes), x(xSrc), x(xSrc))
	p.sweep("fill", func(w width) { p.store(vValue, w) })
}

// shortPlanes walks planes so short that a mispredicted branch would cost more
// than the plane: what the factor says becomes a mask. keep says that dst is src:
// then a plane with factor 1 stays as it is.
func (p *neon) shortPlanes(label string, keep bool) {
	if keep {
		p.constant(vOne, p.one, p.lanes())
	}
	p.label(label)
	p.plane()
	if p.drops() {
		p.notZero(vLive, p.bits(vPlane))
	}
	if keep {
		p.ins("VCMEQ", p.vec(vOne), p.vec(p.bits(vPlane)), p.vec(vKeep))
	}
	p.sweep(label, func(w width) {
		from := vValue
		if keep {
			from = vOther
		}
		p.load(from, xSrc, w)
		p.arithmetic(p.operation(), vValue, from, vPlane, w)
		switch {
		case p.readsDst():
			p.peek(vOther, xDst, w)
			p.arithmetic(fadd, vValue, vOther, vValue, w)
		case p.shifts():
			p.arithmetic(fadd, vValue, vValue, vShift, w)
		}
		for u := range w.vectors() {
			if p.drops() && p.shifts() {
				p.otherwise(vValue+u, p.bits(vShift), vLive)
			} else if p.drops() {
				p.otherwise(vValue+u, vOther+u, vLive)
			}
			if keep {
				p.ins("VBIT", v16(vKeep), v16(vOther+u), v16(vValue+u))
			}
		}
		p.store(vValue, w)
	})
	p.ins("SUBS", imm(1), x(xCount), x(xCount))
	p.jump("BNE", label)
	p.ret()
}

// notZero sets the lanes of a mask where a factor is neither +0 nor -0.
func (p *neon) notZero(mask, factor int) {
	p.ins("VCMTST", p.vec(vMagnitude), p.vec(factor), p.vec(mask))
}

// otherwise gives dropped lanes, those that a mask leaves out, what they get: other,
// or +0 if the operation has no sum.
func (p *neon) otherwise(v, other, mask int) {
	if p.sums() {
		p.ins("VBIF", v16(mask), v16(other), v16(v))
	} else {
		p.ins("VAND", v16(mask), v16(v), v16(v))
	}
}

// operation is what is done with an element and its factor.
func (p *neon) operation() encoding {
	if p.divides() {
		return fdiv
	}
	return fmul
}

// arithmetic sets w bytes of registers from d on to the product, the quotient or
// the sum of those from a and from b on, rounded to the type of the elements. b may
// be vPlane or vShift.
func (p *neon) arithmetic(e encoding, d, a, b int, w width) {
	each := 1
	if b == vPlane || b == vShift {
		each = 0
	}
	if !p.half {
		for u := range w.vectors() {
			p.word(e, d+u, a+u, b+u*each)
		}
		return
	}
	p.widen(vWide, a, w)
	if each != 0 {
		p.widen(vSecond, b, w)
		b = vSecond
	}
	for i := range w.wides() {
		p.word(e, vWide+i, vWide+i, b+i*each)
	}
	p.narrow(d, w)
}

// widen makes float32 of w bytes of halves.
func (p *neon) widen(d, from int, w width) {
	for i := range w.wides() {
		v, high := from+i/2, i%2 == 1
		switch {
		case p.bfloat() && high:
			p.ins("VZIP2", vec(v, "H8"), vec(vZero, "H8"), vec(d+i, "H8"))
		case p.bfloat():
			p.ins("VZIP1", vec(v, "H8"), vec(vZero, "H8"), vec(d+i, "H8"))
		case high:
			p.word(fcvtl2, d+i, v)
		default:
			p.word(fcvtl, d+i, v)
		}
	}
}

// narrow rounds vWide to w bytes of halves, to the nearest, the even one of two.
// A bfloat16 is the upper half of the float32, to which is added just less than
// half of its last bit, or half of it if that bit is set. NaNs need no care: they
// come from operands whose lower half is 0, so that theirs is, too, and nothing
// is carried into the upper.
func (p *neon) narrow(d int, w width) {
	if p.bfloat() {
		for i := range w.wides() {
			p.ins("VCMTST", vec(vLast, "S4"), vec(vWide+i, "S4"), vec(vSecond+i, "S4")) // -1 where set
		}
		for i := range w.wides() {
			p.ins("VSUB", vec(vSecond+i, "S4"), vec(vWide+i, "S4"), vec(vWide+i, "S4"))
		}
	}
	for i := range w.wides() {
		v, high := d+i/2, i%2 == 1
		switch {
		case p.bfloat() && high:
			p.word(addhn2, v, vWide+i, vRound)
		case p.bfloat():
			p.word(addhn, v, vWide+i, vRound)
		case high:
			p.word(fcvtn2, v, vWide+i)
		default:
			p.word(fcvtn, v, vWide+i)
		}
	}
}

func (p *neon) bfloat() bool { return p.half && p.elem.name == "BF16" }

// width is how many bytes a step takes: a turn of vectors, a vector, or a part of
// one.
type width int

const vector width = 16

func (w width) vectors() int { return max(1, int(w/vector)) }

// wides is how many vectors of float32 the halves make.
func (w width) wides() int { return max(1, int(w/(vector/2))) }

// turn is what the main loop takes at once. Halves have work enough in two vectors.
func (p *neon) turn() width {
	if p.half {
		return unroll / 2 * vector
	}
	return unroll * vector
}

// sweep takes the elements that are left in turns, then, bit by bit of their
// number, in halves of one. In place no element may be done twice, so the rest is
// never an overlapping vector.
func (p *neon) sweep(label string, step func(w width)) {
	p.ins("MOVD", x(xLength), x(xLeft))
	// Once below 0, the bits that count less than a turn are still those of what is
	// left.
	p.ins("SUBS", imm(int(p.turn())/p.size), x(xLeft), x(xLeft))
	p.jump("BLT", label+"Rest")
	p.label(label + "Turn")
	step(p.turn())
	p.ins("SUBS", imm(int(p.turn())/p.size), x(xLeft), x(xLeft))
	p.jump("BGE", label+"Turn")
	p.label(label + "Rest")
	for w := p.turn() / 2; int(w) >= p.size; w /= 2 {
		skip := fmt.Sprintf("%sBelow%d", label, w)
		p.ins("TBZ", imm(bits.TrailingZeros(uint(int(w)/p.size))), x(xLeft), operand.LabelRef(skip))
		step(w)
		p.label(skip)
	}
}

// load loads w bytes into registers from v on and moves the pointer behind them.
func (p *neon) load(v, from int, w width) {
	switch {
	case w > vector:
		p.ins("VLD1.P", after(from, int(w)), p.list(v, w.vectors()))
	case w == 2:
		p.word(loadHalf, v, from)
	default:
		p.ins(w.move()+".P", after(from, int(w)), f(v))
	}
}

// peek loads w bytes and leaves the pointer where it is.
func (p *neon) peek(v, from int, w width) {
	switch {
	case w > vector:
		p.ins("VLD1", at(from), p.list(v, w.vectors()))
	case w == 2:
		p.word(peekHalf, v, from)
	default:
		p.ins(w.move(), at(from), f(v))
	}
}

// store stores w bytes to dst and moves it behind them.
func (p *neon) store(v int, w width) {
	switch {
	case w > vector:
		p.ins("VST1.P", p.list(v, w.vectors()), after(xDst, int(w)))
	case w == 2:
		p.word(storeHalf, v, xDst)
	default:
		p.ins(w.move()+".P", f(v), after(xDst, int(w)))
	}
}

// move returns the instruction that moves w bytes; a load clears the rest of
// the register.
func (w width) move() string {
	return map[width]string{4: "FMOVS", 8: "FMOVD", 16: "FMOVQ"}[w]
}

// word adds an instruction that Go's assembler lacks.
func (p *neon) word(e encoding, registers ...int) {
	lane := p.size
	if p.half {
		lane = 4
	}
	word, text := e.encode(lane, registers...)
	p.ins("WORD", raw(fmt.Sprintf("$%#08x // %s", word, text)))
}

func (p *neon) ins(opcode string, operands ...operand.Op) {
	p.AddInstruction(&ir.Instruction{Opcode: opcode, Operands: operands})
}

func (p *neon) jump(opcode, label string) {
	p.AddInstruction(&ir.Instruction{Opcode: opcode, Operands: []operand.Op{operand.LabelRef(label)}, IsBranch: true, IsConditional: opcode != "B"})
}

func (p *neon) ret() { p.AddInstruction(&ir.Instruction{Opcode: "RET", IsTerminal: true}) }

func (p *neon) label(name string) { p.AddLabel(ir.Label(name)) }

// prune removes labels that nothing jumps to.
func (p *neon) prune() {
	used := map[ir.Label]bool{}
	for _, in := range p.Instructions() {
		for _, o := range in.Operands {
			if to, ok := o.(operand.LabelRef); ok {
				used[ir.Label(to)] = true
			}
		}
	}
	p.Nodes = slices.DeleteFunc(p.Nodes, func(n ir.Node) bool {
		label, ok := n.(ir.Label)
		return ok && !used[label]
	})
}

func (p *neon) shift() int { return bits.TrailingZeros(uint(p.size)) }

// lanes is the arrangement of a vector of elements.
func (p *neon) lanes() string { return map[int]string{2: "H8", 4: "S4", 8: "D2"}[p.size] }

// vec is a vector register of elements.
func (p *neon) vec(v int) operand.Op { return vec(v, p.lanes()) }

// list is n vector registers from v on.
func (p *neon) list(v, n int) operand.Op {
	var all []string
	for u := range n {
		all = append(all, p.vec(v+u).Asm())
	}
	return raw("[" + strings.Join(all, ", ") + "]")
}

// raw is an operand as it is written.
type raw string

func (r raw) Asm() string { return string(r) }

func x(i int) operand.Op                 { return raw(fmt.Sprintf("R%d", i)) }
func f(i int) operand.Op                 { return raw(fmt.Sprintf("F%d", i)) }
func vec(i int, lanes string) operand.Op { return raw(fmt.Sprintf("V%d.%s", i, lanes)) }
func v16(i int) operand.Op               { return vec(i, "B16") }
func imm(i int) operand.Op               { return raw(fmt.Sprintf("$%d", i)) }
func at(base int) operand.Op             { return raw(fmt.Sprintf("(R%d)", base)) }
func after(base, n int) operand.Op       { return raw(fmt.Sprintf("%d(R%d)", n, base)) }
