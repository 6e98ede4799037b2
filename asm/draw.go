package main

import (
	"bytes"
	"fmt"
	"go/format"
	"slices"
	"strings"
)

// draw is a routine that draws words of bits from a counter-based generator or from
// MCG31m1, numbers from mt19937, or bits from numbers.
type draw struct {
	name       string // without a tier
	parameters string
	doc        string     // what follows the name in the doc comment
	operands   [3]touched // the unused ones are zero
}

// touched is memory that a draw reads or writes. Dispatch tells the race detector.
type touched struct {
	name, bytes string
	written     bool
}

var (
	philox = draw{"philox", "bits *uint64, words int, trials *[12]uint32", "draws words of bits from Philox4x32-10, four bits with each block.",
		[3]touched{{"bits", "8 * words", true}, {"trials", "48", false}}}
	threefry = draw{"threefry", "bits *uint64, words int, trials *[12]uint32", "draws words of bits from Threefry2x32-20, one bit with the exclusive or of the two words of each block.",
		[3]touched{{"bits", "8 * words", true}, {"trials", "48", false}}}
	threefryPairs = draw{"threefryPairs", "first, second *uint64, words int, trials *[12]uint32", "draws words of bits from Threefry2x32-20, one bit with each word of each block.",
		[3]touched{{"first", "8 * words", true}, {"second", "8 * words", true}, {"trials", "48", false}}}

	mersenneTwister = draw{"mersenneTwister", "words, state *[624]uint32", "advances the state of mt19937 by 624 words and writes them, tempered, to words.",
		[3]touched{{"words", "4 * 624", true}, {"state", "4 * 624", true}}}
	compareWords = draw{"compareWords", "bits *uint64, words *uint32, eights int, mask, threshold uint32", "compares words, of which the bits of mask count, with a threshold that is not 0. It writes a byte for each eight words.",
		[3]touched{{"bits", "eights", true}, {"words", "8 * 4 * eights", false}}}
	comparePairs = draw{"comparePairs", "bits *uint64, words *uint32, eights int, threshold uint64", "compares pairs of words, of which the low 53 bits count, with a threshold. It writes a byte for each eight pairs.",
		[3]touched{{"bits", "eights", true}, {"words", "8 * 8 * eights", false}}}
	mcg31 = draw{"mcg31", "bits *uint64, words int, powers *[66]uint32, x, threshold uint32", "draws words of bits from MCG31m1, the first bit with the number x. powers are the first powers of the multiplier. The threshold is at most the modulus.",
		[3]touched{{"bits", "8 * words", true}, {"powers", "4 * 66", false}}}

	draws = []draw{philox, threefry, threefryPairs, mersenneTwister, compareWords, comparePairs, mcg31}
)

// The offsets of what a draw is described by, in bytes: see trials in package draw.
const (
	drawCounter   = 4 * 0
	drawStride    = 4 * 4
	drawKey       = 4 * 8
	drawMask      = 4 * 10
	drawThreshold = 4 * 11
)

// signature is the signature of the routine on every tier.
func (d draw) signature() string { return "func(" + d.parameters + ")" }

// arguments are the names of the parameters.
func (d draw) arguments() []string {
	var names []string
	for _, p := range strings.Split(d.parameters, ", ") {
		name, _, _ := strings.Cut(p, " ")
		names = append(names, name)
	}
	return names
}

// outputs are the names of the arguments to which a generator writes bits: those before
// words.
func (d draw) outputs() []string {
	all := d.arguments()
	return all[:slices.Index(all, "words")]
}

// lines is the doc comment of the routine on a tier.
func (d draw) lines(tier string) []string { return []string{d.name + tier + " " + d.doc} }

// Philox4x32: the multipliers of a round, and what it adds to the key.
const (
	philoxRounds = 10

	philoxMul0, philoxMul1   = 0xd2511f53, 0xcd9e8d57
	philoxWeyl0, philoxWeyl1 = 0x9e3779b9, 0xbb67ae85
)

// Threefry2x32: the rotations of eight rounds, with keys added after each four, and
// what makes a third key of the two.
const (
	threefryRounds = 20
	threefryParity = 0x1bd11bda
)

var threefryRotations = [8]int{13, 15, 26, 6, 17, 29, 16, 24}

// mt19937: how many words its state has, the distance of the far word that goes into
// each word, what is added if the next word is odd, the one bit that does not come from
// the next word, and the masks that temper a word, shifted by 7 and by 15.
const (
	twisterWords = 624
	twisterFar   = 397
	twisterOdd   = 0x9908b0df
	twisterUpper = 1 << 31

	twisterTemper7, twisterTemper15 = 0x9d2c5680, 0xefc60000
)

// pairBits is how many bits the number of a pair of words has.
const pairBits = 53

// MCG31m1: the modulus, which is a power of two less one, and how many numbers a turn
// computes side by side.
const (
	mcg31Modulus = 1<<31 - 1
	mcg31Lanes   = 64
)

// twist is a piece of the state: the n words that begin at from are replaced, with the
// help of the n words that begin at next and of those that begin at far.
type twist struct{ from, n, next, far int }

// twists returns the pieces of the state in order. The far words of the first piece are
// old. Those of the others are new already, and so is the word next to the last one, which
// is the first. Within a piece no word is read that was replaced less than a vector before.
func twists() []twist {
	const first = twisterWords - twisterFar
	return []twist{
		{0, first, 1, twisterFar},
		{first, twisterWords - 1 - first, first + 1, 0},
		{twisterWords - 1, 1, 0, twisterFar - 1},
	}
}

// drawDispatchFile returns the choice between the tiers of one architecture, best first,
// as direct calls: see dispatchFile. Each tier comes with the tier whose routines it uses.
func drawDispatchFile(tiers [][2]string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// %s\n\n//go:build !purego\n\npackage draw\n\nimport (\n\t\"unsafe\"\n\n\t\"github.com/spatialdropout/spatialdropout/internal/race\"\n\t\"github.com/spatialdropout/spatialdropout/internal/tier\"\n)\n\n", generated)
	for _, d := range draws {
		parameters := strings.Replace(d.parameters, "trials *[12]uint32", "t *trials", 1)
		plain := strings.Replace(strings.Join(d.arguments(), ", "), "trials", "t", 1)
		assembly := strings.Replace(plain, "words, t", "words, (*[12]uint32)(unsafe.Pointer(t))", 1)
		fmt.Fprintf(&b, "// dispatch%[1]s runs %[2]s on the tier in use.\nfunc dispatch%[1]s(%[3]s) {\n", exported(d.name), d.name, parameters)
		fmt.Fprintf(&b, "\tif race.Enabled {\n")
		for _, o := range d.operands {
			if o.name == "" {
				break
			}
			call := map[bool]string{false: "race.Read", true: "race.Write"}[o.written]
			fmt.Fprintf(&b, "\t\t%s(unsafe.Pointer(%s), %s)\n", call, strings.Replace(o.name, "trials", "t", 1), o.bytes)
		}
		fmt.Fprintf(&b, "\t}\n\tswitch {\n")
		for _, t := range tiers {
			fmt.Fprintf(&b, "\tcase tier.%s:\n\t\t%s%s(%s)\n", t[0], d.name, t[1], assembly)
		}
		fmt.Fprintf(&b, "\tdefault:\n\t\t%sGeneric(%s)\n\t}\n}\n\n", d.name, plain)
	}
	return format.Source(b.Bytes())
}

func exported(name string) string {
	if strings.HasPrefix(name, "mcg") {
		return "MCG" + name[3:]
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
