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

// arm64Program returns kernels of one tier. avo knows no arm64
// instruction, but its intermediate form and its printers take any: registers are
// fixed here, and of avo's passes none is needed but the one that includes textflag.h.
func arm64Program(kernels []kernel, t tier) (*ir.File, error) {
	f := ir.NewFile()
	constraint, err := buildtags.ParseConstraint("!purego")
	if err != nil {
		return nil, err
	}
	f.Constraints = buildtags.Constraints{constraint}
	tables := map[string]bool{} // of compaction, which the kernels of a file share
	for _, k := range kernels {
		p := &neon{Function: ir.NewFunction(k.name() + t.name), kernel: k}
		p.Doc = p.doc(t.name)
		if t.float16 {
			// float32 has more than twice as many digits: to round to it first, as others
			// do, changes no product, no quotient and no sum.
			p.Doc = append(p.Doc, "It computes in float16, which gives the same numbers.")
			p.half = false
		}
		l := &loops{machine: p, kernel: k}
		switch k.family {
		case fused:
			l.machine = &neonFused{neon: p}
		case compact:
			c := &neonCompactor{neon: p}
			l.machine = c
			if name, _ := c.table(); k.pixels && !tables[name] {
				tables[name] = true
				f.AddSection(c.orderTable())
			}
		}
		l.emit()
		if p.err != nil {
			return nil, p.err
		}
		p.prune()
		f.AddSection(p.Function)
	}
	return f, pass.IncludeTextFlagHeader(f)
}

// General registers. R16 to R18 and R27 to R30 belong to the linker, the platform and
// the runtime.
const (
	xDst = iota
	xSrc
	xFactors
	xCount
	xLength
	xShifts
	xLeft      // elements left of a plane or row
	xRow       // the factors left of a row
	xRowShifts // the shifts left of a row
	xBytes     // length in bytes
	xFactor    // bits of a factor
	xOne       // bits of 1
	xConstant  // bits on their way to a vector register
)

// Vector registers. Up to vMask each name stands for the four vectors of a turn. Halves
// take two, which become four of float32.
const (
	vValue  = 0
	vFactor = 4  // in rows
	vWide   = 8  // halves as float32
	vSecond = 12 // the second operand as float32
	vOther  = 16
	vMask   = 20 // in rows: all ones where the factor is not 0

	vLive  = 20 // in planes: all ones if the factor is not 0
	vKeep  = 21 // all ones if the plane stays as it is
	vOne   = 22
	vPlane = 24 // the plane's factor; for halves as float32, with its bits in the next register
	vShift = 26 // the plane's shift, as vPlane

	// Constants.
	vZero      = 28
	vLast      = 29 // the bit of a float32 that is the last one of a bfloat16
	vRound     = 30 // just below half of vLast
	vMagnitude = 31 // all bits of an element but the sign
)

// neon is the machine of both tiers of arm64. Loads and stores move the pointers. k.half
// says that elements are computed as float32, which NEONFP16 need not do.
type neon struct {
	*ir.Function
	kernel
	err error

	accum int // the register of the accumulator
}

func (p *neon) begin() {
	signature, err := gotypes.ParseSignature(p.signature())
	if err != nil {
		p.err = err
		return
	}
	p.SetSignature(signature)
	p.Attributes = attr.NOSPLIT
	p.AddPragma("noescape")
	names := []string{"dst", "src", "factors", "count", "length"} // in the order of their registers
	if p.shifts() {
		names = append(names, "shifts")
	}
	registers := []int{xDst, xSrc, xFactors, xCount, xLength, xShifts}[:len(names)]
	if p.family == fused {
		names, registers = append(names, "scales"), append(registers, xScales)
		if p.readsAux() {
			names, registers = append(names, "aux"), append(registers, xAux)
		}
		if p.value.has(L) {
			names, registers = append(names, "limit"), append(registers, xCap)
		}
	}
	for i, name := range names {
		basic, err := signature.Params().Lookup(name).Resolve()
		if err != nil {
			p.err = err
			return
		}
		p.ins("MOVD", basic.Addr, x(registers[i]))
	}
	p.constants()
}

func (p *neon) comment(text string) { p.AddComment(text) }

func (p *neon) label(name string) { p.AddLabel(ir.Label(name)) }

func (p *neon) jump(to string) { p.branch("B", to) }

func (p *neon) ret() { p.AddInstruction(&ir.Instruction{Opcode: "RET", IsTerminal: true}) }

func (p *neon) jumpIf(c condition, to string) {
	switch c {
	case inPlace:
		p.ins("CMP", x(xSrc), x(xDst))
		p.branch("BEQ", to)
	case apart:
		p.ins("CMP", x(xSrc), x(xDst))
		p.branch("BNE", to)
	case onAux:
		p.ins("CMP", x(xAux), x(xDst))
		p.branch("BEQ", to)
	case factorIsOne:
		p.ins("CMP", x(xOne), x(xFactor))
		p.branch("BEQ", to)
	case factorIsZero: // the sign shifted out, a zero has no bits
		p.ins("LSL", imm(65-8*p.size), x(xFactor), x(xFactor))
		p.branch("CBZ", to, x(xFactor))
	case another:
		p.ins("SUBS", imm(1), x(xCount), x(xCount))
		p.branch("BNE", to)
	case longer(c.elements):
		p.ins("CMP", imm(c.elements), x(xLength))
		p.branch("BHI", to)
	case fewer(c.elements):
		// As again does. Once below 0, the bits that count less than a turn are still those of what is left.
		p.ins("SUBS", imm(c.elements), x(xLeft), x(xLeft))
		p.branch("BLT", to)
	case again(c.elements):
		p.ins("SUBS", imm(c.elements), x(xLeft), x(xLeft))
		p.branch("BGE", to)
	case without(c.elements):
		p.branch("TBZ", to, imm(bits.TrailingZeros(uint(c.elements))), x(xLeft))
	default:
		panic("no jump where " + c.name)
	}
}

func (p *neon) start(w walk, c choice) {
	switch w {
	case longWalk:
		p.ins("LSL", imm(p.shift()), x(xLength), x(xBytes))
		if c.keep {
			p.ins("MOVD", raw(fmt.Sprintf("$%#x", p.one)), x(xOne))
		}
	case shortWalk:
		if c.keep {
			p.constant(vOne, p.one, p.lanes())
		}
	}
}

func (p *neon) factorBits() {
	p.ins(map[int]string{2: "MOVHU", 4: "MOVWU", 8: "MOVD"}[p.size], at(xFactors), x(xFactor))
}

func (p *neon) splat(e *expr) {
	if e != F {
		p.pass(moves{toFactors})
		p.splatDropped()
		return
	}
	p.next(vPlane, xFactors)
	if p.shifts() {
		p.next(vShift, xShifts)
	}
}

// splatDropped sets as many registers as put stores to what a dropped plane becomes.
func (p *neon) splatDropped() {
	all := width(p.turn()).vectors()
	for u := range all {
		switch {
		case p.dropped == Zero:
			p.ins("VEOR", v16(vValue+u), v16(vValue+u), v16(vValue+u))
		case u+1 < all:
			p.ins("VLD1R", at(xShifts), p.list(vValue+u, 1))
		default:
			p.ins("VLD1R.P", after(xShifts, p.size), p.list(vValue+u, 1))
		}
	}
	if p.rectifies() {
		p.arithmetic(fmax, vValue, vValue, vZero, width(p.turn()))
	}
}

func (p *neon) nextFactor() {} // splat or pass has

func (p *neon) pass(m moves) {
	for _, to := range m {
		if to == toFactors {
			p.ins("ADD", imm(p.size), x(xFactors), x(xFactors))
			continue
		}
		r := map[pointer]int{toDst: xDst, toSrc: xSrc, toAux: xAux}[to]
		p.ins("ADD", x(xBytes), x(r), x(r))
	}
}

func (p *neon) choices(c choice) {
	if c.drop {
		p.notZero(vLive, p.bits(vPlane))
	}
	if c.keep {
		p.ins("VCMEQ", p.vec(vOne), p.vec(p.bits(vPlane)), p.vec(vKeep))
	}
}

func (p *neon) startRow() {
	p.ins("MOVD", x(xFactors), x(xRow))
	if p.shifts() {
		p.ins("MOVD", x(xShifts), x(xRowShifts))
	}
}

// turn is what the main loop takes: of halves two vectors, which are work enough.
func (p *neon) turn() int {
	if p.half {
		return int(unroll / 2 * vector)
	}
	return int(unroll * vector)
}

func (p *neon) restart() { p.ins("MOVD", x(xLength), x(xLeft)) }

// each takes all vectors in one step: a load fills up to four registers.
func (p *neon) each(bytes int, _ moves, step func(block)) { step(block{bytes: bytes}) }

func (p *neon) prefetch(int) {}

func (p *neon) tail(int, string, moves, func(block)) bool { return false }

// take leaves the shifts of a row until they are added. What a dropped plane becomes is in the accumulator already.
func (p *neon) take(e *expr, b block, c choice) {
	switch e {
	case X:
		p.takeX(b, c)
	case Z:
		p.load(vValue, xAux, width(b.bytes))
	case F:
		p.load(vFactor, xRow, width(b.bytes))
	}
}

// takeX keeps x apart from the result if a lane may stay as it is.
func (p *neon) takeX(b block, c choice) {
	p.accum = vValue
	if c.keep {
		p.accum = vOther
	}
	w := width(b.bytes)
	if c.row && c.drop {
		for u := range w.vectors() {
			p.notZero(vMask+u, vFactor+u)
		}
	}
	p.load(p.accum, xSrc, w)
	for u := range w.vectors() {
		switch {
		case c.row && c.drop:
			p.ins("VAND", v16(vMask+u), v16(p.accum+u), v16(p.accum+u))
		case c.drop:
			p.ins("VAND", v16(vLive), v16(p.accum+u), v16(p.accum+u))
		}
	}
}

func (p *neon) apply(s stage, b block, c choice) {
	w := width(b.bytes)
	switch {
	case s.leaf == F && c.row:
		p.arithmetic(arithmeticWords[s.operator], vValue, p.accum, vFactor, w)
	case s.leaf == F:
		p.arithmetic(arithmeticWords[s.operator], vValue, p.accum, vPlane, w)
	case s.leaf == Y:
		p.peek(vOther, xDst, w)
		p.arithmetic(fadd, vValue, vOther, vValue, w)
	case s.operator == maximum:
		p.arithmetic(fmax, vValue, vValue, vZero, w)
	case c.row:
		p.load(vOther, xRowShifts, w)
		p.arithmetic(fadd, vValue, vValue, vOther, w)
	default:
		p.arithmetic(fadd, vValue, vValue, vShift, w)
	}
	p.accum = vValue
}

func (p *neon) finish(b block, c choice) {
	for u := range width(b.bytes).vectors() {
		mask, other := vLive, vOther+u
		switch {
		case !c.drop:
		case c.row:
			mask = vMask + u
			p.notZero(mask, vFactor+u)
		case p.dropped == S:
			other = p.bits(vShift)
		}
		if c.drop {
			p.otherwise(vValue+u, other, mask)
		}
		if c.keep {
			p.ins("VBIT", v16(vKeep), v16(vOther+u), v16(vValue+u))
		}
	}
}

func (p *neon) put(b block) { p.store(vValue, width(b.bytes)) }

// constants sets up what all elements of a call need.
func (p *neon) constants() {
	if p.drops() {
		p.constant(vMagnitude, 1<<(8*p.size-1)-1, p.lanes())
	}
	if p.bfloat() && p.family != fused || p.rectifies() {
		p.ins("VEOR", v16(vZero), v16(vZero), v16(vZero))
	}
	if p.bfloat() {
		p.constant(vLast, 0x10000, "S4")
		p.constant(vRound, 0x7fff, "S4")
	}
}

func (p *neon) constant(v int, bits uint64, lanes string) {
	p.ins("MOVD", raw(fmt.Sprintf("$%#x", bits)), x(xConstant))
	p.ins("VDUP", x(xConstant), vec(v, lanes))
}

// next sets all lanes to the number at a pointer, and moves the pointer to the next.
func (p *neon) next(v, from int) {
	p.ins("VLD1R.P", after(from, p.size), p.list(p.bits(v), 1))
	if p.half {
		p.widen(v, p.bits(v), vector/2)
	}
}

// bits returns the register with the bits of vPlane or vShift.
func (p *neon) bits(v int) int {
	if p.half {
		return v + 1
	}
	return v
}

// notZero sets the lanes of a mask where a factor is neither +0 nor -0.
func (p *neon) notZero(mask, factor int) {
	p.ins("VCMTST", p.vec(vMagnitude), p.vec(factor), p.vec(mask))
}

// otherwise sets the lanes that a mask leaves out to what a dropped element becomes:
// other, or +0.
func (p *neon) otherwise(v, other, mask int) {
	if p.dropped != Zero {
		p.ins("VBIF", v16(mask), v16(other), v16(v))
	} else {
		p.ins("VAND", v16(mask), v16(v), v16(v))
	}
}

// arithmeticWords has the instruction of each operator on two numbers.
var arithmeticWords = map[operator]encoding{product: fmul, quotient: fdiv, sum: fadd}

// arithmetic sets the registers from d up to the product, the quotient or the sum of
// those from a up and from b up, rounded to the type of the elements. It computes w
// bytes. b may be vPlane, vShift or vZero, one register for all.
func (p *neon) arithmetic(e encoding, d, a, b int, w width) {
	each := 1
	if b == vPlane || b == vShift || b == vZero {
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

// widen sets the registers from d up to w bytes of halves, as float32.
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

// narrow rounds vWide to w bytes of halves, to nearest, ties to even. A bfloat16 is the
// upper half of the float32 after just less than half of its last bit is added, or half
// of it if that bit is set. NaNs need no care: they come from operands whose lower half
// is 0, so that theirs is 0, too, and nothing carries into the upper half.
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

// width is how many bytes a step takes: several vectors, one, or a part of one.
type width int

const vector width = 16

func (w width) vectors() int { return max(1, int(w/vector)) }

// wides returns how many vectors of float32 the halves become.
func (w width) wides() int { return max(1, int(w/(vector/2))) }

// load loads w bytes into the registers from v up and moves the pointer past them.
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

// store stores w bytes to dst and moves the pointer past them.
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

// move returns the instruction that moves w bytes. A load clears the rest of the
// register.
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

// branch adds a jump on a condition, which operands may say more about.
func (p *neon) branch(opcode, label string, operands ...operand.Op) {
	p.AddInstruction(&ir.Instruction{Opcode: opcode, Operands: append(operands, operand.LabelRef(label)), IsBranch: true, IsConditional: opcode != "B"})
}

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

// lanes returns the arrangement of a vector of elements.
func (p *neon) lanes() string { return map[int]string{2: "H8", 4: "S4", 8: "D2"}[p.size] }

// vec returns a vector register of elements.
func (p *neon) vec(v int) operand.Op { return vec(v, p.lanes()) }

// list returns n vector registers from v up.
func (p *neon) list(v, n int) operand.Op {
	var all []string
	for u := range n {
		all = append(all, p.vec(v+u).Asm())
	}
	return raw("[" + strings.Join(all, ", ") + "]")
}

// raw is an operand in the text of the assembly.
type raw string

func (r raw) Asm() string { return string(r) }

func x(i int) operand.Op                 { return raw(fmt.Sprintf("R%d", i)) }
func f(i int) operand.Op                 { return raw(fmt.Sprintf("F%d", i)) }
func vec(i int, lanes string) operand.Op { return raw(fmt.Sprintf("V%d.%s", i, lanes)) }
func v16(i int) operand.Op               { return vec(i, "B16") }
func imm(i int) operand.Op               { return raw(fmt.Sprintf("$%d", i)) }
func at(base int) operand.Op             { return raw(fmt.Sprintf("(R%d)", base)) }
func after(base, n int) operand.Op       { return raw(fmt.Sprintf("%d(R%d)", n, base)) }
