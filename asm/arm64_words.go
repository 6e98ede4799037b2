package main

import (
	"fmt"
	"strings"
)

// encoding is an arm64 instruction that Go's assembler does not know, from the
// classes "SIMD three same", "SIMD three different", "SIMD two-register
// miscellaneous" and "Load/store register" of the Arm Architecture Reference
// Manual (C4.1). It has a fixed part, register fields of five bits, and some have a
// field for the size of the lanes.
type encoding struct {
	word uint32 // with all fields 0
	text string // in the manual's syntax, %d for each register
	wide uint32 // the bit for lanes of 8 bytes instead of 4, 0 if the lanes are fixed
	fp16 uint32 // the word for lanes of 2 bytes, from the class "SIMD three same (FP16)", 0 if there is none
}

var (
	fmul = encoding{word: 0x6e20dc00, text: "fmul v%d.4s, v%d.4s, v%d.4s", wide: 1 << 22, fp16: 0x6e401c00}
	fdiv = encoding{word: 0x6e20fc00, text: "fdiv v%d.4s, v%d.4s, v%d.4s", wide: 1 << 22, fp16: 0x6e403c00}
	fmax = encoding{word: 0x4e20f400, text: "fmax v%d.4s, v%d.4s, v%d.4s", wide: 1 << 22, fp16: 0x4e403400}
	fmin = encoding{word: 0x4ea0f400, text: "fmin v%d.4s, v%d.4s, v%d.4s", wide: 1 << 22, fp16: 0x4ec03400}
	fadd = encoding{word: 0x4e20d400, text: "fadd v%d.4s, v%d.4s, v%d.4s", wide: 1 << 22, fp16: 0x4e401400}

	// Comparisons: all ones in a lane where the second operand is greater, or not less, than the
	// third. They are false for a NaN.
	fcmgt = encoding{word: 0x6ea0e400, text: "fcmgt v%d.4s, v%d.4s, v%d.4s", wide: 1 << 22, fp16: 0x6ec02400}
	fcmge = encoding{word: 0x6e20e400, text: "fcmge v%d.4s, v%d.4s, v%d.4s", wide: 1 << 22, fp16: 0x6e402400}

	// float16 to float32 and back, low and high half of a vector.
	fcvtl  = encoding{word: 0x0e217800, text: "fcvtl v%d.4s, v%d.4h"}
	fcvtl2 = encoding{word: 0x4e217800, text: "fcvtl2 v%d.4s, v%d.8h"}
	fcvtn  = encoding{word: 0x0e216800, text: "fcvtn v%d.4h, v%d.4s"}
	fcvtn2 = encoding{word: 0x4e216800, text: "fcvtn2 v%d.8h, v%d.4s"}

	// The upper halves of sums, to the low and the high half of a vector.
	addhn  = encoding{word: 0x0e604000, text: "addhn v%d.4h, v%d.4s, v%d.4s"}
	addhn2 = encoding{word: 0x4e604000, text: "addhn2 v%d.8h, v%d.4s, v%d.4s"}

	// Products of the low and the high half of a vector, and an unsigned comparison.
	umull  = encoding{word: 0x2ea0c000, text: "umull v%d.2d, v%d.2s, v%d.2s"}
	umull2 = encoding{word: 0x6ea0c000, text: "umull2 v%d.2d, v%d.4s, v%d.4s"}
	cmhi   = encoding{word: 0x6ea03400, text: "cmhi v%d.4s, v%d.4s, v%d.4s", wide: 1 << 22}

	// These move the pointer, except peekHalf. A load clears the rest of the register.
	loadHalf  = encoding{word: 0x7c402400, text: "ldr h%d, [x%d], #2"}
	peekHalf  = encoding{word: 0x7d400000, text: "ldr h%d, [x%d]"}
	storeHalf = encoding{word: 0x7c002400, text: "str h%d, [x%d], #2"}
)

// encode returns the instruction and its text, for lanes of size bytes if the lanes are
// not fixed. The registers are in the order of the text.
func (e encoding) encode(size int, registers ...int) (word uint32, text string) {
	if len(registers) != strings.Count(e.text, "%d") {
		panic(fmt.Sprintf("%s: got registers %v", e.text, registers))
	}
	word, text = e.word, e.text
	switch {
	case e.wide != 0 && size == 8:
		word |= e.wide
		text = strings.ReplaceAll(text, "4s", "2d")
	case e.fp16 != 0 && size == 2:
		word = e.fp16
		text = strings.ReplaceAll(text, "4s", "8h")
	}
	operands := make([]any, len(registers))
	for i, r := range registers {
		if r < 0 || r > 31 {
			panic(fmt.Sprintf("%s: register %d", e.text, r))
		}
		word |= uint32(r) << [...]int{0, 5, 16}[i]
		operands[i] = r
	}
	return word, fmt.Sprintf(text, operands...)
}
