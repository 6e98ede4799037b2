package main

import (
	"fmt"
	"go/types"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
)

// neonDrawing writes one routine that draws, for arm64. Its lanes have 32 bits.
type neonDrawing struct {
	*neon
	draw
}

// arm64Draws returns the routines that draw. They do not compute in float16: both tiers
// use the same.
func arm64Draws() (*ir.File, error) {
	f := ir.NewFile()
	constraint, err := buildtags.ParseConstraint("!purego")
	if err != nil {
		return nil, err
	}
	f.Constraints = buildtags.Constraints{constraint}
	for _, d := range draws {
		p := &neonDrawing{&neon{Function: ir.NewFunction(d.name + neonTier.name), kernel: kernel{elem: elem{size: 4}}}, d}
		p.Doc = d.lines(neonTier.name)
		signature, err := gotypes.ParseSignature(d.signature())
		if err != nil {
			return nil, err
		}
		p.SetSignature(signature)
		p.Attributes = attr.NOSPLIT
		p.AddPragma("noescape")
		registers := map[string]int{"bits": xBits, "first": xBits, "second": xSecond, "words": xWords, "trials": xTrials, "powers": xPowers, "x": xFirst, "threshold": xThreshold}
		switch d {
		case mersenneTwister:
			registers = map[string]int{"words": xBits, "state": xState}
		case compareWords, comparePairs:
			registers = map[string]int{"bits": xBits, "words": xFrom, "eights": xWords, "mask": xMask, "threshold": xThreshold}
		}
		for _, name := range d.arguments() {
			basic, err := signature.Params().Lookup(name).Resolve()
			if err != nil {
				return nil, err
			}
			move := "MOVD"
			if basic.Type == types.Typ[types.Uint32] {
				move = "MOVWU"
			}
			p.ins(move, basic.Addr, x(registers[name]))
		}
		switch d {
		case philox:
			p.philox()
		case mersenneTwister:
			p.twister()
		case compareWords, comparePairs:
			p.comparison()
		case mcg31:
			p.mcg31()
		default:
			p.threefry()
		}
		p.ret()
		f.AddSection(p.Function)
	}
	return f, pass.IncludeTextFlagHeader(f)
}

// General registers.
const (
	xBits    = iota     // where the bits are written
	xSecond             // where those of the second words are written
	xWords              // how many turns are left
	xTrials             // the description of the draw
	xKey                // three
	xScratch = xKey + 3 // two

	xState = xTrials // of mt19937
	xNext  = xKey    // the words that follow those of a vector
	xFar   = xKey + 1

	xFrom      = xSecond // of comparisons: the words
	xRest      = xTrials // eights of trials after the last whole word of bits
	xMask      = xKey
	xThreshold = xKey + 1

	xPowers = xTrials // of MCG31m1
	xFirst  = xKey    // the number of the first trial
)

// Vector registers that several draws use.
const (
	vLimit  = 24 // the threshold
	vCounts = 25 // the bits of a word that count
	vWeight = 26 // of each byte's bit among eight
	vBits   = 28 // two
)

// limits sets up what words are compared with.
func (p *neonDrawing) limits() {
	for _, c := range [][2]int{{vLimit, drawThreshold}, {vCounts, drawMask}} {
		p.ins("MOVWU", offset(xTrials, c[1]), x(xScratch))
		p.ins("VDUP", x(xScratch), p.vec(c[0]))
	}
	p.wide(vWeight, 0x8040201008040201, 0x8040201008040201)
}

// wide sets the two halves of a vector.
func (p *neonDrawing) wide(v int, low, high uint64) {
	for i, bits := range []uint64{low, high} {
		p.ins("MOVD", raw(fmt.Sprintf("$%#x", bits)), x(xScratch))
		p.ins("VMOV", x(xScratch), raw(fmt.Sprintf("V%d.D[%d]", v, i)))
	}
}

// counters sets up the first n words of the counters of the first four blocks, and what
// each word advances by for the next four.
func (p *neonDrawing) counters(to, stride, n int) {
	for j := range n {
		p.ins("MOVWU", offset(xTrials, drawCounter+4*j), x(xScratch))
		p.ins("MOVWU", offset(xTrials, drawStride+4*j), x(xScratch+1))
		for lane := range 4 {
			p.ins("VMOV", x(xScratch), raw(fmt.Sprintf("V%d.S[%d]", to+j, lane)))
			p.ins("ADDW", x(xScratch+1), x(xScratch), x(xScratch))
		}
		p.ins("LSL", imm(2), x(xScratch+1), x(xScratch+1))
		p.ins("VDUP", x(xScratch+1), p.vec(stride+j))
	}
}

// compare makes bytes of the words of four vectors: all ones if a word is less than the
// threshold, else 0.
func (p *neonDrawing) compare(to int, from [4]int) {
	for _, v := range from {
		p.ins("VAND", v16(vCounts), v16(v), v16(v))
		p.word(cmhi, v, vLimit, v)
	}
	p.narrowed(to, from)
}

// narrowed makes a vector of bytes of four vectors of words.
func (p *neonDrawing) narrowed(to int, from [4]int) {
	for i := range 2 {
		p.ins("VUZP1", vec(from[2*i+1], "H8"), vec(from[2*i], "H8"), vec(from[2*i], "H8"))
	}
	p.ins("VUZP1", v16(from[2]), v16(from[0]), v16(to))
}

// list16 is a list of one vector of bytes.
func list16(i int) operand.Op { return raw("[" + v16(i).Asm() + "]") }

func offset(base, at int) operand.Op { return raw(fmt.Sprintf("%d(R%d)", at, base)) }
