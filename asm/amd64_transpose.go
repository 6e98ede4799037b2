package main

import (
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// x86Transposition writes one routine that transposes. A tile is a few lines, and a few
// elements of each, which registers hold. The last tile of a line, and the last lines, reach
// back into the tile before: elements are only moved, so that a second time does no harm.
type x86Transposition struct {
	*build.Context
	transposition

	dst, src       reg.GPVirtual // of the first row and line of a tile
	to, from       reg.GPVirtual
	columns, rows  reg.GPVirtual // what is left
	at, line, step reg.GPVirtual // of a tile, see walk
	ahead          reg.GPVirtual // bytes of a line
	lines          [4]reg.GPVirtual
}

// amd64Transpositions returns the routines of AVX2, which AVX-512 uses, too.
func amd64Transpositions(t tier) (*ir.File, error) {
	c := build.NewContext()
	c.ConstraintExpr("!purego")
	for _, e := range transpositions {
		p := &x86Transposition{Context: c, transposition: e}
		p.Function(e.name + t.name)
		p.Attributes(attr.NOSPLIT)
		p.Pragma("noescape")
		p.Doc(e.doc(t.name)...)
		p.SignatureExpr(e.signature())
		p.emit()
	}
	f, err := c.Result()
	if err != nil {
		return nil, err
	}
	return f, pass.Compile.Execute(f)
}

// tile returns how many elements of how many lines a large tile takes, 0 if there are none.
func (p *x86Transposition) tile() (rows, columns int) {
	switch p.size {
	case 2:
		return 8, 16
	case 4:
		return 8, 8
	}
	return 0, 0
}

func (p *x86Transposition) emit() {
	argument := func(name string) reg.GPVirtual { return p.Load(p.Param(name), p.GP64()).(reg.GPVirtual) }
	p.dst, p.src, p.to, p.from = argument("dst"), argument("src"), argument("to"), argument("from")
	p.columns = argument("columns")
	p.at, p.rows, p.step = p.GP64(), p.GP64(), p.GP64()
	if rows, columns := p.tile(); rows > 0 {
		p.CMPQ(p.columns, operand.I32(columns))
		p.JL(operand.LabelRef("small"))
		p.Load(p.Param("rows"), p.rows)
		p.CMPQ(p.rows, operand.I32(rows))
		p.JL(operand.LabelRef("small"))
		p.large(rows, columns)
		p.Label("small")
	}
	p.small()
}

// large walks tiles that are never larger than what is left at first. line moves along the
// lines of a tile, and at along the rows.
func (p *x86Transposition) large(rows, columns int) {
	p.line, p.ahead = p.GP64(), p.GP64()
	p.Load(p.Param("rows"), p.ahead)
	p.SHLQ(operand.U8(bits.TrailingZeros(uint(p.size))), p.ahead)
	p.Label("lines")
	p.Load(p.Param("rows"), p.rows)
	p.MOVQ(p.src, p.line)
	p.MOVQ(p.dst, p.at)
	p.Label("tile")
	p.prefetch(columns)
	if p.size == 4 {
		p.tile32()
	} else {
		p.tile16()
	}
	p.ADDQ(operand.I32(rows*p.size), p.line)
	p.SUBQ(operand.I32(rows), p.rows)
	p.CMPQ(p.rows, operand.I32(rows))
	p.JGE(operand.LabelRef("tile"))
	p.CMPQ(p.rows, operand.I32(0))
	p.JE(operand.LabelRef("next"))
	p.back(p.rows, rows, p.line, p.at, p.to)
	p.JMP(operand.LabelRef("tile"))

	p.Label("next")
	p.ADDQ(operand.I32(columns*p.size), p.dst)
	p.MOVQ(p.from, p.step)
	p.SHLQ(operand.U8(map[int]int{8: 3, 16: 4}[columns]), p.step)
	p.ADDQ(p.step, p.src)
	p.SUBQ(operand.I32(columns), p.columns)
	p.CMPQ(p.columns, operand.I32(columns))
	p.JGE(operand.LabelRef("lines"))
	p.CMPQ(p.columns, operand.I32(0))
	p.JE(operand.LabelRef("done"))
	p.back(p.columns, columns, p.dst, p.src, p.from)
	p.JMP(operand.LabelRef("lines"))
	p.Label("done")
	p.VZEROUPPER()
	p.RET()
}

// prefetch prefetches what follows the elements of this call in each line of a tile: callers go
// on there. No processor foresees that, as lines are far apart.
func (p *x86Transposition) prefetch(columns int) {
	next := p.GP64()
	p.LEAQ(operand.Mem{Base: p.line, Index: p.ahead, Scale: 1}, next)
	p.LEAQ(operand.Mem{Base: p.from, Index: p.from, Scale: 2}, p.step)
	for k := 0; k < columns; k += 4 {
		if k > 0 {
			p.LEAQ(operand.Mem{Base: next, Index: p.from, Scale: 4}, next)
		}
		p.PREFETCHT0(operand.Mem{Base: next})
		p.PREFETCHT0(operand.Mem{Base: next, Index: p.from, Scale: 1})
		p.PREFETCHT0(operand.Mem{Base: next, Index: p.from, Scale: 2})
		p.PREFETCHT0(operand.Mem{Base: next, Index: p.step, Scale: 1})
	}
}

// back moves pointers back so that a whole tile is left: one by elements, and the other one by
// as many strides.
func (p *x86Transposition) back(left reg.GPVirtual, tile int, elements, strides, stride reg.GPVirtual) {
	p.SUBQ(operand.I32(tile), left)
	p.LEAQ(operand.Mem{Base: elements, Index: left, Scale: uint8(p.size)}, elements)
	p.IMULQ(stride, left)
	p.ADDQ(left, strides)
	p.MOVQ(operand.I32(tile), left)
}

// tile32 transposes 8 elements of 8 lines. The upper half of a register has the line four
// further on, so that no element crosses the middle.
func (p *x86Transposition) tile32() {
	lines := p.lineAddresses(8)
	for half := range 2 {
		for k := range 4 {
			p.VMOVUPS(lines(k, 16*half), vectors[k].AsX())
			p.VINSERTF128(operand.U8(1), lines(k+4, 16*half), vectors[k].AsY(), vectors[k].AsY())
		}
		p.unpack4(func(i int) reg.Register { return vectors[i].AsY() })
		for _, r := range []int{8, 9, 10, 11} {
			p.storeRow(vectors[r].AsY())
		}
	}
}

// unpack4 transposes four elements of 4 bytes of registers 0 to 3, in each half, to
// registers 8 to 11.
func (p *x86Transposition) unpack4(v func(int) reg.Register) {
	p.VUNPCKLPS(v(1), v(0), v(4)) // elements 0 and 1 of lines 0 and 1
	p.VUNPCKHPS(v(1), v(0), v(5))
	p.VUNPCKLPS(v(3), v(2), v(6))
	p.VUNPCKHPS(v(3), v(2), v(7))
	p.VUNPCKLPD(v(6), v(4), v(8))
	p.VUNPCKHPD(v(6), v(4), v(9))
	p.VUNPCKLPD(v(7), v(5), v(10))
	p.VUNPCKHPD(v(7), v(5), v(11))
}

// tile16 transposes 8 elements of 16 lines. The upper half of a register has the line eight
// further on.
func (p *x86Transposition) tile16() {
	lines := p.lineAddresses(16)
	y := func(i int) reg.Register { return vectors[i].AsY() }
	for k := range 8 {
		p.VMOVDQU(lines(k, 0), vectors[k].AsX())
		p.VINSERTI128(operand.U8(1), lines(k+8, 0), y(k), y(k))
	}
	for k := range 4 { // pairs of lines
		p.VPUNPCKLWD(y(2*k+1), y(2*k), y(8+2*k))
		p.VPUNPCKHWD(y(2*k+1), y(2*k), y(9+2*k))
	}
	for k := range 2 { // fours of lines
		for high := range 2 {
			p.VPUNPCKLDQ(y(8+4*k+2+high), y(8+4*k+high), y(4*k+2*high))
			p.VPUNPCKHDQ(y(8+4*k+2+high), y(8+4*k+high), y(4*k+2*high+1))
		}
	}
	for k := range 4 {
		p.VPUNPCKLQDQ(y(4+k), y(k), y(8+2*k))
		p.VPUNPCKHQDQ(y(4+k), y(k), y(9+2*k))
	}
	for r := range 8 {
		p.storeRow(y(8 + r))
	}
}

// lineAddresses returns where the lines of a tile lie, at a distance of bytes.
func (p *x86Transposition) lineAddresses(n int) func(k, bytes int) operand.Mem {
	var fours []reg.GPVirtual
	base := p.line
	for k := 0; k < n; k += 4 {
		if k > 0 {
			next := p.GP64()
			p.LEAQ(operand.Mem{Base: base, Index: p.from, Scale: 4}, next)
			base = next
		}
		fours = append(fours, base)
	}
	p.LEAQ(operand.Mem{Base: p.from, Index: p.from, Scale: 2}, p.step)
	return func(k, bytes int) operand.Mem {
		m := operand.Mem{Base: fours[k/4], Disp: bytes}
		switch k % 4 {
		case 1:
			m.Index, m.Scale = p.from, 1
		case 2:
			m.Index, m.Scale = p.from, 2
		case 3:
			m.Index, m.Scale = p.step, 1
		}
		return m
	}
}

// storeRow stores a row of a tile and moves to the next.
func (p *x86Transposition) storeRow(v reg.Register) {
	p.VMOVUPS(v, operand.Mem{Base: p.at})
	p.ADDQ(p.to, p.at)
}

// small walks tiles of four elements of four lines. Lines that there are not are the last one
// again. step is the distance along the lines.
func (p *x86Transposition) small() {
	for k := range p.lines {
		p.lines[k] = p.GP64()
	}
	p.MOVQ(p.src, p.lines[0])
	p.Label("few")
	for k := 1; k < few; k++ {
		// step is 0 if there is no line k.
		p.XORL(p.step.As32(), p.step.As32())
		p.CMPQ(p.columns, operand.I32(k))
		p.CMOVQGT(p.from, p.step)
		p.LEAQ(operand.Mem{Base: p.lines[k-1], Index: p.step, Scale: 1}, p.lines[k])
	}
	p.XORL(p.step.As32(), p.step.As32())
	p.MOVQ(p.dst, p.at)
	p.Load(p.Param("rows"), p.rows)
	p.Label("fewTile")
	p.fewTile()
	p.ADDQ(operand.I32(few*p.size), p.step)
	p.SUBQ(operand.I32(few), p.rows)
	p.JLE(operand.LabelRef("fewNext"))
	p.CMPQ(p.rows, operand.I32(few))
	p.JGE(operand.LabelRef("fewTile"))
	p.back(p.rows, few, p.step, p.at, p.to)
	p.JMP(operand.LabelRef("fewTile"))

	p.Label("fewNext")
	p.SUBQ(operand.I32(few), p.columns)
	p.JLE(operand.LabelRef("fewDone"))
	p.ADDQ(operand.I32(few*p.size), p.dst)
	p.LEAQ(operand.Mem{Base: p.lines[0], Index: p.from, Scale: few}, p.lines[0])
	p.CMPQ(p.columns, operand.I32(few))
	p.JGE(operand.LabelRef("few"))
	p.back(p.columns, few, p.dst, p.lines[0], p.from)
	p.JMP(operand.LabelRef("few"))
	p.Label("fewDone")
	p.VZEROUPPER()
	p.RET()
}

// fewTile transposes four elements of four lines.
func (p *x86Transposition) fewTile() {
	line := func(k, bytes int) operand.Mem {
		return operand.Mem{Base: p.lines[k], Index: p.step, Scale: 1, Disp: bytes}
	}
	x := func(i int) reg.Register { return vectors[i].AsX() }
	y := func(i int) reg.Register { return vectors[i].AsY() }
	switch p.size {
	case 2:
		for k := range few {
			p.VMOVSD(line(k, 0), x(k))
		}
		p.VPUNPCKLWD(x(1), x(0), x(4))
		p.VPUNPCKLWD(x(3), x(2), x(5))
		p.VPUNPCKLDQ(x(5), x(4), x(0))
		p.VPUNPCKHDQ(x(5), x(4), x(1))
		for k := range 2 {
			p.VMOVSD(x(k), operand.Mem{Base: p.at})
			p.ADDQ(p.to, p.at)
			p.VMOVHPS(x(k), operand.Mem{Base: p.at})
			p.ADDQ(p.to, p.at)
		}
	case 4:
		for k := range few {
			p.VMOVUPS(line(k, 0), x(k))
		}
		p.unpack4(x)
		for r := range few {
			p.storeRow(x(8 + r))
		}
	default:
		for half := range 2 {
			for k := range 2 {
				p.VMOVUPS(line(k, 16*half), x(k))
				p.VINSERTF128(operand.U8(1), line(k+2, 16*half), y(k), y(k))
			}
			p.VUNPCKLPD(y(1), y(0), y(4))
			p.VUNPCKHPD(y(1), y(0), y(5))
			p.storeRow(y(4))
			p.storeRow(y(5))
		}
	}
}
