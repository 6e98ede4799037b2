package main

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
)

// armFP16 is what binutils make of the words that arm64asm does not know:
//
//	sed -n 's/.*WORD *\$\(0x.e[45][0-9a-f]*\) .*/.inst \1/p' kernel/f16_neonfp16_arm64.s | sort -u |
//		aarch64-linux-gnu-as -o words.o - && aarch64-linux-gnu-objdump -d words.o
const armFP16 = `
   0:	4e401600 	fadd	v0.8h, v16.8h, v0.8h
   4:	4e411621 	fadd	v1.8h, v17.8h, v1.8h
   8:	4e421642 	fadd	v2.8h, v18.8h, v2.8h
   c:	4e431663 	fadd	v3.8h, v19.8h, v3.8h
  10:	4e501400 	fadd	v0.8h, v0.8h, v16.8h
  14:	4e511421 	fadd	v1.8h, v1.8h, v17.8h
  18:	4e521442 	fadd	v2.8h, v2.8h, v18.8h
  1c:	4e531463 	fadd	v3.8h, v3.8h, v19.8h
  20:	4e5a1400 	fadd	v0.8h, v0.8h, v26.8h
  24:	4e5a1421 	fadd	v1.8h, v1.8h, v26.8h
  28:	4e5a1442 	fadd	v2.8h, v2.8h, v26.8h
  2c:	4e5a1463 	fadd	v3.8h, v3.8h, v26.8h
  30:	4e5c3400 	fmax	v0.8h, v0.8h, v28.8h
  34:	4e5c3421 	fmax	v1.8h, v1.8h, v28.8h
  38:	4e5c3442 	fmax	v2.8h, v2.8h, v28.8h
  3c:	4e5c3463 	fmax	v3.8h, v3.8h, v28.8h
  40:	6e441c00 	fmul	v0.8h, v0.8h, v4.8h
  44:	6e443c00 	fdiv	v0.8h, v0.8h, v4.8h
  48:	6e451c21 	fmul	v1.8h, v1.8h, v5.8h
  4c:	6e453c21 	fdiv	v1.8h, v1.8h, v5.8h
  50:	6e461c42 	fmul	v2.8h, v2.8h, v6.8h
  54:	6e463c42 	fdiv	v2.8h, v2.8h, v6.8h
  58:	6e471c63 	fmul	v3.8h, v3.8h, v7.8h
  5c:	6e473c63 	fdiv	v3.8h, v3.8h, v7.8h
  60:	6e581c00 	fmul	v0.8h, v0.8h, v24.8h
  64:	6e581c21 	fmul	v1.8h, v1.8h, v24.8h
  68:	6e581c42 	fmul	v2.8h, v2.8h, v24.8h
  6c:	6e581c63 	fmul	v3.8h, v3.8h, v24.8h
  70:	6e581e00 	fmul	v0.8h, v16.8h, v24.8h
  74:	6e581e21 	fmul	v1.8h, v17.8h, v24.8h
  78:	6e581e42 	fmul	v2.8h, v18.8h, v24.8h
  7c:	6e581e63 	fmul	v3.8h, v19.8h, v24.8h
  80:	6e583c00 	fdiv	v0.8h, v0.8h, v24.8h
  84:	6e583c21 	fdiv	v1.8h, v1.8h, v24.8h
  88:	6e583c42 	fdiv	v2.8h, v2.8h, v24.8h
  8c:	6e583c63 	fdiv	v3.8h, v3.8h, v24.8h
  90:	6e583e00 	fdiv	v0.8h, v16.8h, v24.8h
  94:	6e583e21 	fdiv	v1.8h, v17.8h, v24.8h
  98:	6e583e42 	fdiv	v2.8h, v18.8h, v24.8h
  9c:	6e583e63 	fdiv	v3.8h, v19.8h, v24.8h
`

// armFP16Words are the texts of the words of armFP16.
var armFP16Words = func() map[uint32]string {
	texts := map[uint32]string{}
	for _, l := range regexp.MustCompile(`:\t([0-9a-f]{8}) \t(\w+)\t(.+)`).FindAllStringSubmatch(armFP16, -1) {
		word, err := strconv.ParseUint(l[1], 16, 32)
		if err != nil {
			panic(err)
		}
		texts[uint32(word)] = l[2] + " " + l[3]
	}
	return texts
}()

// decoded returns what an instruction of arm64 is according to decoders that share
// nothing with the generator.
func decoded(word uint32) (string, error) {
	var code [4]byte
	binary.LittleEndian.PutUint32(code[:], word)
	inst, err := arm64asm.Decode(code[:])
	if err == nil {
		// It has no space behind some commas.
		return strings.ReplaceAll(strings.ReplaceAll(arm64asm.GNUSyntax(inst), ", ", ","), ",", ", "), nil
	}
	if text := armFP16Words[word]; text != "" {
		return text, nil
	}
	return "", fmt.Errorf("%#08x: %w, and binutils were not asked", word, err)
}

func TestDumpIsReadWhole(t *testing.T) {
	if n := strings.Count(armFP16, "\n") - 1; len(armFP16Words) != n {
		t.Errorf("read %d words of %d lines", len(armFP16Words), n)
	}
}

func TestEncodingsRefuseWrongRegisters(t *testing.T) {
	for _, registers := range [][]int{{0, 1}, {0, 1, 2, 3}, {0, 1, 32}, {-1, 0, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("fmul of registers %v is encoded", registers)
				}
			}()
			fmul.encode(4, registers...)
		}()
	}
}
