package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
)

// neonDrawing writes one kernel that draws, whose numbers have 32 bits.
type neonDrawing struct {
	*neon
	draw
}

// arm64Draws returns the kernels that draw. There is nothing for float16 in them:
// both tiers have the same.
func arm64Draws() (*ir.File, error) {
	f := ir.NewFile()
	constraint, err := buildtags.ParseConstraint("!purego")
	if err != nil {
		return nil, err
	}
	f.Constraints = buildtags.Constraints{constraint}
	for _, d := range draws {
		p := &neonDrawing{&neon{Function: ir.NewFunction(d.name + arm64Tier), kernel: kernel{elem: elem{size: 4}}}, d}
		p.Doc = d.lines(arm64Tier)
		signature, err := gotypes.ParseSignature(d.signature())
		if err != nil {
			return nil, err
		}
		p.SetSignature(signature)
		p.Attributes = attr.NOSPLIT
		p.AddPragma("noescape")
		for i, name := range append(d.outputs(), "words", "trials") {
			basic, err := signature.Params().Lookup(name).Resolve()
			if err != nil {
				return nil, err
			}
			to := xBits + i
			switch name {
			case "words":
				to = xWords
			case "trials":
				to = xTrials
			}
			p.ins("MOVD", basic.Addr, x(to))
		}
		switch d {
		case philox:
			p.philox()
		}
		p.ret()
		f.AddSection(p.Function)
	}
	return f, pass.IncludeTextFlagHeader(f)
}

// General registers of draws.
const (
	xBits    = iota // where they go
	xSecond         // where those of the second words go
	xWords          // what is left of them, in turns
	xTrials         // what the draw is
	xKey            // two
	xScratch = xKey + 2
)

// Vector registers of Philox.
const (
	vWords   = 0  // of two sets of four blocks, by set and word
	vProduct = 8  // low and high half
	vMul     = 10 // the two that are multiplied with
	vWeyl    = 12 // what is added to the keys
	vKey     = 14
	vCounter = 16 // four
	vStride  = 20 // four times that of each word
	vLimit   = 24 // below
	vCounts  = 25 // the bits of a word that count
	vWeight  = 26 // of the bits in each byte
	vOrder   = 27
	vBits    = 28
)

// philox draws 32 trials a turn. Four blocks share a vector; their products are
// sorted into high and low halves.
func (p *neonDrawing) philox() {
	p.comparison()
	p.wide(vOrder, 0x0d0905010c080400, 0x0f0b07030e0a0602) // from words of blocks to blocks of words
	for h, c := range []uint32{philoxMul0, philoxMul1, philoxWeyl0, philoxWeyl1} {
		p.constant(vMul+h, uint64(c), "S4")
	}
	for h := range 2 {
		p.ins("MOVWU", offset(xTrials, drawKey+4*h), x(xKey+h))
	}
	p.counters(4)
	p.ins("LSL", imm(1), x(xWords), x(xWords))

	p.label("turn")
	for h := range 2 {
		p.ins("VDUP", x(xKey+h), p.vec(vKey+h))
	}
	c := [2][4]int{{0, 1, 2, 3}, {4, 5, 6, 7}}
	for s := range c {
		for j := range 4 {
			p.ins("VMOV", v16(vCounter+j), v16(vWords+c[s][j]))
			p.ins("VADD", p.vec(vStride+j), p.vec(vCounter+j), p.vec(vCounter+j))
		}
	}
	for r := range philoxRounds {
		for s := range c {
			for h := range 2 {
				product, other := vWords+c[s][2*h], vWords+c[s][3-2*h]
				p.word(umull, vProduct, product, vMul+h)
				p.word(umull2, vProduct+1, product, vMul+h)
				p.ins("VEOR", v16(vKey+1-h), v16(other), v16(other))
				p.ins("VUZP1", p.vec(vProduct+1), p.vec(vProduct), p.vec(product))
				p.ins("VUZP2", p.vec(vProduct+1), p.vec(vProduct), p.vec(vProduct))
				p.ins("VEOR", v16(vProduct), v16(other), v16(other))
			}
			c[s] = [4]int{c[s][1], c[s][2], c[s][3], c[s][0]}
		}
		for h := range 2 {
			if r < philoxRounds-1 {
				p.ins("VADD", p.vec(vWeyl+h), p.vec(vKey+h), p.vec(vKey+h))
			}
		}
	}
	for s := range c {
		p.compare(vBits+s, c[s])
		p.ins("VTBL", v16(vOrder), raw(fmt.Sprintf("[V%d.B16]", vBits+s)), v16(vBits+s))
		p.ins("VAND", v16(vWeight), v16(vBits+s), v16(vBits+s))
	}
	for range 3 {
		p.ins("VADDP", v16(vBits+1), v16(vBits), v16(vBits))
	}
	p.ins("FMOVS.P", f(vBits), after(xBits, 4))
	p.ins("SUBS", imm(1), x(xWords), x(xWords))
	p.jump("BNE", "turn")
}

// comparison sets up what words are compared with.
func (p *neonDrawing) comparison() {
	for _, c := range [][2]int{{vLimit, drawBelow}, {vCounts, drawMask}} {
		p.ins("MOVWU", offset(xTrials, c[1]), x(xScratch))
		p.ins("VDUP", x(xScratch), p.vec(c[0]))
	}
	p.wide(vWeight, 0x8040201008040201, 0x8040201008040201)
}

// wide sets a vector.
func (p *neonDrawing) wide(v int, low, high uint64) {
	for i, bits := range []uint64{low, high} {
		p.ins("MOVD", raw(fmt.Sprintf("$%#x", bits)), x(xScratch))
		p.ins("VMOV", x(xScratch), raw(fmt.Sprintf("V%d.D[%d]", v, i)))
	}
}

// counters sets up the first n words of the first four blocks, and how far those of
// the next four are.
func (p *neonDrawing) counters(n int) {
	for j := range n {
		p.ins("MOVWU", offset(xTrials, drawCounter+4*j), x(xScratch))
		p.ins("MOVWU", offset(xTrials, drawStride+4*j), x(xScratch+1))
		for lane := range 4 {
			p.ins("VMOV", x(xScratch), raw(fmt.Sprintf("V%d.S[%d]", vCounter+j, lane)))
			p.ins("ADDW", x(xScratch+1), x(xScratch), x(xScratch))
		}
		p.ins("LSL", imm(2), x(xScratch+1), x(xScratch+1))
		p.ins("VDUP", x(xScratch+1), p.vec(vStride+j))
	}
}

// compare makes bytes of the words of four vectors, all ones where they are below.
func (p *neonDrawing) compare(to int, from [4]int) {
	for _, v := range from {
		p.ins("VAND", v16(vCounts), v16(vWords+v), v16(vWords+v))
		p.word(cmhi, vWords+v, vLimit, vWords+v)
	}
	for i := range 2 {
		p.ins("VUZP1", vec(vWords+from[2*i+1], "H8"), vec(vWords+from[2*i], "H8"), vec(vWords+from[2*i], "H8"))
	}
	p.ins("VUZP1", v16(vWords+from[2]), v16(vWords+from[0]), v16(to))
}

func offset(base, at int) operand.Op { return raw(fmt.Sprintf("%d(R%d)", at, base)) }
