package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
)

// arm64Tier is the suffix of the kernels for arm64. Streaming stores (STNP) are
// only a hint there, so that streaming kernels are the plain ones.
const arm64Tier = "NEON"

// arm64Program returns the NEON kernels. avo knows no arm64 instruction, but its
// intermediate form and its printers take any: registers are fixed here, and of
// avo's passes none is needed but the one that includes textflag.h.
func arm64Program() (*ir.File, error) {
	f := ir.NewFile()
	constraint, err := buildtags.ParseConstraint("!purego")
	if err != nil {
		return nil, err
	}
	f.Constraints = buildtags.Constraints{constraint}
	for _, k := range kernels() {
		if k.stream {
			continue
		}
		p := &neon{Function: ir.NewFunction(k.name() + arm64Tier), kernel: k}
		if err := p.emit(); err != nil {
			return nil, err
		}
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
	xLeft   // elements left of a plane or row
	xRow    // the factors of a row that are left
	xBytes  // length in bytes
	xFactor // bits of a factor
	xOne    // bits of 1
)

// Vector registers: four values of a turn, their factors, their second operands,
// and what a plane has of each.
const (
	vValue   = 0
	vFactor  = 4
	vOther   = 16
	vMask    = 20
	vPlane   = 24
	vZero    = 25
	vOne     = 26
	vDropped = 27 // all ones where the plane's factor is 0
	vKeep    = 28 // all ones where the plane stays as it is
)

// neon writes one kernel.
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
	p.Doc = p.doc(arm64Tier)
	for i, name := range []string{"dst", "src", "factors", "count", "length"} {
		basic, err := signature.Params().Lookup(name).Resolve()
		if err != nil {
			return err
		}
		p.ins("MOVD", basic.Addr, x(i))
	}
	switch {
	case p.pixels:
		p.rows()
	case p.add && !p.choose:
		p.longPlanes()
	default:
		p.ins("CMP", imm(shortBytes/p.size), x(xLength))
		p.jump("BHI", "long")
		if p.add {
			p.shortPlanes("short", true)
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

// rows walks count rows of length channels, the factors beside them.
func (p *neon) rows() {
	p.label("row")
	p.ins("MOVD", x(xFactors), x(xRow))
	p.ins("MOVD", x(xLength), x(xLeft))
	p.sweep("row", func(w width) {
		p.load(vFactor, xRow, w)
		p.load(vValue, xSrc, w)
		for u := range w.vectors() {
			p.word(fmul, vValue+u, vValue+u, vFactor+u)
		}
		if p.add {
			p.peek(vOther, xDst, w)
		}
		for u := range w.vectors() {
			if p.choose {
				p.word(fcmeqZero, vMask+u, vFactor+u)
			}
			switch {
			case p.add:
				p.word(fadd, vValue+u, vOther+u, vValue+u)
				if p.choose {
					p.word(bit, vValue+u, vOther+u, vMask+u)
				}
			case p.choose:
				p.word(bic, vValue+u, vValue+u, vMask+u)
			}
		}
		p.store(vValue, w)
	})
	p.ins("SUBS", imm(1), x(xCount), x(xCount))
	p.jump("BNE", "row")
}

// longPlanes walks planes so long that a branch on the factor pays: a dropped
// plane is not read, an unchanged one not touched.
func (p *neon) longPlanes() {
	p.ins("LSL", imm(p.shift()), x(xLength), x(xBytes))
	if !p.add {
		p.ins("MOVD", raw(fmt.Sprintf("$%#x", p.one)), x(xOne))
		p.ins("VEOR", v16(vZero), v16(vZero), v16(vZero))
	}
	p.label("plane")
	if p.choose || !p.add {
		p.ins(p.sized("MOVWU", "MOVD"), at(xFactors), x(xFactor))
	}
	if !p.add {
		p.ins("CMP", x(xSrc), x(xDst))
		p.jump("BNE", "changed")
		p.ins("CMP", x(xOne), x(xFactor))
		p.jump("BEQ", "skip")
		p.label("changed")
	}
	if p.choose {
		// Without its sign, a zero has no bits.
		p.ins(p.sized("LSLW", "LSL"), imm(1), x(xFactor), x(xFactor))
		p.ins("CBZ", x(xFactor), raw("dropped"))
	}
	p.ins("VLD1R", at(xFactors), p.list(vPlane, 1))
	p.ins("MOVD", x(xLength), x(xLeft))
	p.sweep("kept", func(w width) {
		p.load(vValue, xSrc, w)
		for u := range w.vectors() {
			p.word(fmul, vValue+u, vValue+u, vPlane)
		}
		if p.add {
			p.peek(vOther, xDst, w)
			for u := range w.vectors() {
				p.word(fadd, vValue+u, vOther+u, vValue+u)
			}
		}
		p.store(vValue, w)
	})
	p.label("next")
	p.ins("ADD", imm(p.size), x(xFactors), x(xFactors))
	p.ins("SUBS", imm(1), x(xCount), x(xCount))
	p.jump("BNE", "plane")
	p.ret()

	if p.choose && !p.add {
		p.label("dropped")
		p.ins("ADD", x(xBytes), x(xSrc), x(xSrc))
		p.ins("MOVD", x(xLength), x(xLeft))
		p.zeros()
		p.sweep("fill", func(w width) { p.store(vValue, w) })
		p.jump("B", "next")
	}
	if p.choose && p.add {
		p.label("dropped")
	} else if !p.add {
		p.label("skip")
	} else {
		return
	}
	p.ins("ADD", x(xBytes), x(xDst), x(xDst))
	p.ins("ADD", x(xBytes), x(xSrc), x(xSrc))
	p.jump("B", "next")
}

// zeros clears the values of a turn.
func (p *neon) zeros() {
	for u := range unroll {
		p.ins("VEOR", v16(vValue+u), v16(vValue+u), v16(vValue+u))
	}
}

// shortPlanes walks planes so short that a mispredicted branch would cost more
// than the plane: what the factor says becomes a mask. back says that dst is
// read, too: then a plane with factor 1 stays as it is.
func (p *neon) shortPlanes(label string, back bool) {
	keep := back && !p.add
	if keep {
		p.ins("MOVD", raw(fmt.Sprintf("$%#x", p.one)), x(xOne))
		p.ins("VDUP", x(xOne), raw(fmt.Sprintf("V%d.%s", vOne, p.sized("S4", "D2"))))
	}
	p.label(label)
	p.ins("VLD1R.P", after(xFactors, p.size), p.list(vPlane, 1))
	if p.choose {
		p.word(fcmeqZero, vDropped, vPlane)
	}
	if keep {
		p.word(fcmeq, vKeep, vPlane, vOne)
	}
	p.ins("MOVD", x(xLength), x(xLeft))
	p.sweep(label, func(w width) {
		p.load(vOther, xSrc, w)
		for u := range w.vectors() {
			p.word(fmul, vValue+u, vOther+u, vPlane)
		}
		if p.add {
			p.peek(vOther, xDst, w)
		}
		for u := range w.vectors() {
			if p.add {
				p.word(fadd, vValue+u, vOther+u, vValue+u)
				p.word(bit, vValue+u, vOther+u, vDropped)
				continue
			}
			if p.choose {
				p.word(bic, vValue+u, vValue+u, vDropped)
			}
			if keep {
				p.word(bit, vValue+u, vOther+u, vKeep)
			}
		}
		p.store(vValue, w)
	})
	p.ins("SUBS", imm(1), x(xCount), x(xCount))
	p.jump("BNE", label)
	p.ret()
}

// width is how many bytes a step takes: a turn of unroll vectors, a vector, or a
// part of one.
type width int

const vector width = 16

func (w width) vectors() int { return max(1, int(w/vector)) }

// sweep takes the elements that are left in turns of unroll vectors, then single
// vectors, then halves of one. In place no element may be done twice, so the
// rest is never an overlapping vector.
func (p *neon) sweep(label string, step func(w width)) {
	lanes := int(vector) / p.size
	p.ins("CMP", imm(unroll*lanes), x(xLeft))
	p.jump("BLT", label+"Single")
	p.label(label + "Turn")
	step(unroll * vector)
	p.ins("SUB", imm(unroll*lanes), x(xLeft), x(xLeft))
	p.ins("CMP", imm(unroll*lanes), x(xLeft))
	p.jump("BGE", label+"Turn")
	p.label(label + "Single")
	p.ins("CMP", imm(lanes), x(xLeft))
	p.jump("BLT", label+"Rest")
	step(vector)
	p.ins("SUB", imm(lanes), x(xLeft), x(xLeft))
	p.jump("B", label+"Single")
	p.label(label + "Rest")
	for w := vector / 2; int(w) >= p.size; w /= 2 {
		skip := fmt.Sprintf("%sBelow%d", label, w)
		p.ins("TBZ", imm(bits.TrailingZeros(uint(int(w)/p.size))), x(xLeft), raw(skip))
		step(w)
		p.label(skip)
	}
}

// load loads w bytes into registers from v on and moves the pointer behind them.
func (p *neon) load(v, from int, w width) {
	if w > vector {
		p.ins("VLD1.P", after(from, int(w)), p.list(v, w.vectors()))
		return
	}
	p.ins(w.move()+".P", after(from, int(w)), f(v))
}

// peek loads w bytes and leaves the pointer where it is.
func (p *neon) peek(v, from int, w width) {
	if w > vector {
		p.ins("VLD1", at(from), p.list(v, w.vectors()))
		return
	}
	p.ins(w.move(), at(from), f(v))
}

// store stores w bytes to dst and moves it behind them.
func (p *neon) store(v int, w width) {
	if w > vector {
		p.ins("VST1.P", p.list(v, w.vectors()), after(xDst, int(w)))
		return
	}
	p.ins(w.move()+".P", f(v), after(xDst, int(w)))
}

// move returns the instruction that moves w bytes; a load clears the rest of
// the register.
func (w width) move() string {
	return map[width]string{4: "FMOVS", 8: "FMOVD", 16: "FMOVQ"}[w]
}

// word adds an instruction that Go's assembler lacks.
func (p *neon) word(e encoding, registers ...int) {
	word, text := e.encode(p.size, registers...)
	p.ins("WORD", raw(fmt.Sprintf("$%#08x // %s", word, text)))
}

func (p *neon) ins(opcode string, operands ...operand.Op) {
	p.AddInstruction(&ir.Instruction{Opcode: opcode, Operands: operands})
}

func (p *neon) jump(opcode, label string) {
	p.AddInstruction(&ir.Instruction{Opcode: opcode, Operands: []operand.Op{raw(label)}, IsBranch: true, IsConditional: opcode != "B"})
}

func (p *neon) ret() { p.AddInstruction(&ir.Instruction{Opcode: "RET", IsTerminal: true}) }

func (p *neon) label(name string) { p.AddLabel(ir.Label(name)) }

// sized returns the instruction for the element's size.
func (p *neon) sized(four, eight string) string {
	if p.size == 8 {
		return eight
	}
	return four
}

func (p *neon) shift() int { return bits.TrailingZeros(uint(p.size)) }

// list is n vector registers from v on.
func (p *neon) list(v, n int) operand.Op {
	s := "["
	for u := range n {
		if u > 0 {
			s += ", "
		}
		s += fmt.Sprintf("V%d.%s", v+u, p.sized("S4", "D2"))
	}
	return raw(s + "]")
}

// raw is an operand as it is written.
type raw string

func (r raw) Asm() string { return string(r) }

func x(i int) operand.Op           { return raw(fmt.Sprintf("R%d", i)) }
func f(i int) operand.Op           { return raw(fmt.Sprintf("F%d", i)) }
func v16(i int) operand.Op         { return raw(fmt.Sprintf("V%d.B16", i)) }
func imm(i int) operand.Op         { return raw(fmt.Sprintf("$%d", i)) }
func at(base int) operand.Op       { return raw(fmt.Sprintf("(R%d)", base)) }
func after(base, n int) operand.Op { return raw(fmt.Sprintf("%d(R%d)", n, base)) }
