package main

import (
	"fmt"
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
)

// neonTransposition writes one routine that transposes. It has small tiles only, of four
// elements of four lines.
type neonTransposition struct {
	*neon
	transposition
}

// General registers of transpositions. xLines are four.
const (
	xTo        = iota // dst of the first row of a tile
	xLine             // src of the first line of a tile
	xRows             // of a line
	xColumns          // lines left
	xRowStep          // bytes from one row to the next
	xLineStep         // bytes from one line to the next
	xAt               // of a row
	xRowsLeft         // of a line
	xLines            // where the lines are read
	xBack      = xLines + few
	xBackBytes = xBack + 1
)

// arm64Transpositions returns the routines, which both tiers use.
func arm64Transpositions() (*ir.File, error) {
	f := ir.NewFile()
	constraint, err := buildtags.ParseConstraint("!purego")
	if err != nil {
		return nil, err
	}
	f.Constraints = buildtags.Constraints{constraint}
	for _, t := range transpositions {
		p := &neonTransposition{&neon{Function: ir.NewFunction(t.name + neonTier.name), kernel: kernel{elem: elem{size: t.size}}}, t}
		p.Doc = t.doc(neonTier.name)
		signature, err := gotypes.ParseSignature(t.signature())
		if err != nil {
			return nil, err
		}
		p.SetSignature(signature)
		p.Attributes = attr.NOSPLIT
		p.AddPragma("noescape")
		for i, name := range []string{"dst", "src", "rows", "columns", "to", "from"} {
			basic, err := signature.Params().Lookup(name).Resolve()
			if err != nil {
				return nil, err
			}
			p.ins("MOVD", basic.Addr, x(i))
		}
		p.emit()
		f.AddSection(p.Function)
	}
	return f, pass.IncludeTextFlagHeader(f)
}

func (p *neonTransposition) emit() {
	p.label("lines")
	p.ins("MOVD", x(xLine), x(xLines))
	for k := 1; k < few; k++ {
		// A line that there is not is the last one again.
		p.ins("CMP", imm(k), x(xColumns))
		p.ins("CSEL", raw("GT"), x(xLineStep), raw("ZR"), x(xBack))
		p.ins("ADD", x(xBack), x(xLines+k-1), x(xLines+k))
	}
	p.ins("MOVD", x(xTo), x(xAt))
	p.ins("MOVD", x(xRows), x(xRowsLeft))
	p.label("tile")
	p.tile()
	p.ins("SUBS", imm(few), x(xRowsLeft), x(xRowsLeft))
	p.branch("BLE", "next")
	p.ins("CMP", imm(few), x(xRowsLeft))
	p.branch("BGE", "tile")
	p.back(xRowsLeft, xAt, xRowStep, xLines, xLines+1, xLines+2, xLines+3)
	p.jump("tile")

	p.label("next")
	p.ins("SUBS", imm(few), x(xColumns), x(xColumns))
	p.branch("BLE", "done")
	p.ins("ADD", imm(few*p.transposition.size), x(xTo), x(xTo))
	p.ins("LSL", imm(bits.TrailingZeros(few)), x(xLineStep), x(xBack))
	p.ins("ADD", x(xBack), x(xLine), x(xLine))
	p.ins("CMP", imm(few), x(xColumns))
	p.branch("BGE", "lines")
	p.back(xColumns, xLine, xLineStep, xTo)
	p.jump("lines")
	p.label("done")
	p.ret()
}

// back moves pointers back so that a whole tile is left: one by strides, and others by as many
// elements.
func (p *neonTransposition) back(left, strides, stride int, elements ...int) {
	p.ins("SUB", imm(few), x(left), x(xBack))
	p.ins("LSL", imm(bits.TrailingZeros(uint(p.transposition.size))), x(xBack), x(xBackBytes))
	for _, e := range elements {
		p.ins("ADD", x(xBackBytes), x(e), x(e))
	}
	p.ins("MUL", x(stride), x(xBack), x(xBack))
	p.ins("ADD", x(xBack), x(strides), x(strides))
	p.ins("MOVD", imm(few), x(left))
}

// tile transposes four elements of four lines.
func (p *neonTransposition) tile() {
	zip := func(lanes string, a, b, low, high int) {
		p.ins("VZIP1", vec(b, lanes), vec(a, lanes), vec(low, lanes))
		if high >= 0 {
			p.ins("VZIP2", vec(b, lanes), vec(a, lanes), vec(high, lanes))
		}
	}
	row := func() { p.ins("ADD", x(xRowStep), x(xAt), x(xAt)) }
	switch p.transposition.size {
	case 2:
		for k := range few {
			p.ins("FMOVD.P", after(xLines+k, 8), f(k))
		}
		zip("H8", 0, 1, 4, -1)
		zip("H8", 2, 3, 5, -1)
		zip("S4", 4, 5, 6, 7)
		for k := range 2 {
			p.ins("FMOVD", f(6+k), at(xAt))
			row()
			p.ins("VMOV", raw(fmt.Sprintf("V%d.D[1]", 6+k)), x(xBack))
			p.ins("MOVD", x(xBack), at(xAt))
			row()
		}
	case 4:
		for k := range few {
			p.ins("FMOVQ.P", after(xLines+k, 16), f(k))
		}
		zip("S4", 0, 2, 4, 6)
		zip("S4", 1, 3, 5, 7)
		zip("S4", 4, 5, 8, 9)
		zip("S4", 6, 7, 10, 11)
		for k := range few {
			p.ins("FMOVQ", f(8+k), at(xAt))
			row()
		}
	default:
		for k := range few {
			p.ins("VLD1.P", after(xLines+k, 32), p.list(2*k, 2))
		}
		for half := range 2 {
			zip("D2", half, 2+half, 8+4*half, 10+4*half)   // lines 0 and 1
			zip("D2", 4+half, 6+half, 9+4*half, 11+4*half) // lines 2 and 3
		}
		for k := range few {
			p.ins("VST1", p.list(8+2*k, 2), at(xAt))
			row()
		}
	}
}
