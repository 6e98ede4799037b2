package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"
)

// draw is a kernel that draws: from a counter-based generator as many words of bits
// as it is told, or from mt19937 its next 624 numbers.
type draw struct {
	name string // without a tier
	to   string // the arguments that bits are written to, none for mt19937
	doc  string // what it does, behind its name
}

var (
	philox        = draw{"philox", "bits", "draws words of bits from Philox4x32-10, four from each block."}
	threefry      = draw{"threefry", "bits", "draws words of bits from Threefry2x32-20, one from the exclusive or of the two words of a block."}
	threefryPairs = draw{"threefryPairs", "first, second", "draws words of bits from Threefry2x32-20, one from the first word of a block and one from the second."}

	mersenneTwister = draw{"mersenneTwister", "", "advances the state of mt19937 by 624 words and writes them, tempered, to words."}

	draws = []draw{philox, threefry, threefryPairs, mersenneTwister}
)

// Of a draw's description, what begins where, in bytes: see trials in package
// kernel.
const (
	drawCounter = 4 * 0
	drawStride  = 4 * 4
	drawKey     = 4 * 8
	drawMask    = 4 * 10
	drawBelow   = 4 * 11
)

// signature is that of the kernel on every tier.
func (d draw) signature() string {
	if d == mersenneTwister {
		return "func(words, state *[624]uint32)"
	}
	return "func(" + d.to + " *uint64, words int, trials *[12]uint32)"
}

// arguments are the names of all.
func (d draw) arguments() []string {
	if d == mersenneTwister {
		return []string{"words", "state"}
	}
	return append(d.outputs(), "words", "trials")
}

// outputs are the names of the arguments that bits are written to.
func (d draw) outputs() []string { return strings.Split(d.to, ", ") }

// lines is the doc comment of the kernel on a tier.
func (d draw) lines(tier string) []string { return []string{d.name + tier + " " + d.doc} }

// Philox4x32: what a round multiplies with, and what it adds to the key.
const (
	philoxRounds = 10

	philoxMul0, philoxMul1   = 0xd2511f53, 0xcd9e8d57
	philoxWeyl0, philoxWeyl1 = 0x9e3779b9, 0xbb67ae85
)

// Threefry2x32: the rotations of eight rounds, behind each four of which come keys,
// and what makes a third key of the two.
const (
	threefryRounds = 20
	threefryParity = 0x1bd11bda
)

var threefryRotations = [8]int{13, 15, 26, 6, 17, 29, 16, 24}

// mt19937: the words of its state, how far behind a word another lies that goes into
// it, what is added where the next one is odd, the bit that does not come from the
// next one, and which bits temper a word, shifted by 7 and by 15.
const (
	twisterWords = 624
	twisterFar   = 397
	twisterOdd   = 0x9908b0df
	twisterUpper = 1 << 31

	twisterTemper7, twisterTemper15 = 0x9d2c5680, 0xefc60000
)

// twist is a piece of the state: n words from one on, which become new with those
// from next and from far on.
type twist struct{ from, n, next, far int }

// twists are the pieces. What is far ahead of the first is old, of the others it is
// new already, and so is what is next to the last word: the first one. Within a piece
// nothing is read as new that was written by less than a vector before.
func twists() []twist {
	const first = twisterWords - twisterFar
	return []twist{
		{0, first, 1, twisterFar},
		{first, twisterWords - 1 - first, first + 1, 0},
		{twisterWords - 1, 1, 0, twisterFar - 1},
	}
}

// drawDispatchFile returns the choice between the tiers of one architecture, for
// the reasons that dispatchFile has. Tiers that draw with the kernels of another are
// named with it.
func drawDispatchFile(tiers [][2]string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n//go:build !purego\n\npackage kernel\n\nimport \"unsafe\"\n\n", generated)
	for _, d := range draws {
		parameters, assembly, plain := d.to+" *uint64, words int, t *trials", d.to+", words, (*[12]uint32)(unsafe.Pointer(t))", d.to+", words, t"
		if d == mersenneTwister {
			parameters, assembly, plain = "words, state *[624]uint32", "words, state", "words, state"
		}
		fmt.Fprintf(&b, "// dispatch%[1]s runs %[2]s on the best tier in use.\nfunc dispatch%[1]s(%[3]s) {\n\tswitch {\n", exported(d.name), d.name, parameters)
		for _, t := range tiers {
			fmt.Fprintf(&b, "\tcase use%s:\n\t\t%s%s(%s)\n", t[0], d.name, t[1], assembly)
		}
		fmt.Fprintf(&b, "\tdefault:\n\t\t%sGeneric(%s)\n\t}\n}\n\n", d.name, plain)
	}
	return format.Source(b.Bytes())
}

func exported(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
