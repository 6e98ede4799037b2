package main

import "fmt"

// encoding is an arm64 vector instruction that Go's assembler does not know,
// from the "SIMD three same", "SIMD two-register miscellaneous" classes of the
// Arm Architecture Reference Manual (C4.1): a fixed part, the size of the lanes,
// and register fields of five bits.
type encoding struct {
	name string
	word uint32 // all fields 0
	wide uint32 // bit that makes lanes of 4 bytes lanes of 8, 0 where lanes do not matter
	zero bool   // the last operand is #0.0 and takes no field
}

var (
	fmul      = encoding{name: "fmul", word: 0x6e20dc00, wide: 1 << 22}
	fadd      = encoding{name: "fadd", word: 0x4e20d400, wide: 1 << 22}
	fcmeq     = encoding{name: "fcmeq", word: 0x4e20e400, wide: 1 << 22}
	fcmeqZero = encoding{name: "fcmeq", word: 0x4ea0d800, wide: 1 << 22, zero: true}
	bic       = encoding{name: "bic", word: 0x4e601c00} // d = n &^ m
	bit       = encoding{name: "bit", word: 0x6ea01c00} // d = n where m is set
)

// encode returns the instruction on lanes of size bytes with registers d, n, m
// (d, n before #0.0), and its text in the manual's syntax.
func (e encoding) encode(size int, registers ...int) (word uint32, text string) {
	want, lanes := 3, "16b"
	if e.zero {
		want = 2
	}
	if len(registers) != want {
		panic(fmt.Sprintf("%s takes %d registers, got %v", e.name, want, registers))
	}
	word = e.word
	if e.wide != 0 {
		lanes = "4s"
		if size == 8 {
			word |= e.wide
			lanes = "2d"
		}
	}
	text = e.name
	for i, r := range registers {
		if r < 0 || r > 31 {
			panic(fmt.Sprintf("%s of register %d", e.name, r))
		}
		word |= uint32(r) << [...]int{0, 5, 16}[i]
		text += fmt.Sprintf("%s v%d.%s", [...]string{"", ",", ","}[i], r, lanes)
	}
	if e.zero {
		text += ", #0.0"
	}
	return word, text
}
