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
//	sed -n 's/.*WORD *\$\(0x.e[45cd][0-9a-f]*\) .*/.inst \1/p' kernel/*f16_neonfp16_arm64.s | sort -u |
//		aarch64-linux-gnu-as -o words.o - && aarch64-linux-gnu-objdump -d words.o
const armFP16 = `
   0:	4e401600 	fadd	v0.8h, v16.8h, v0.8h
   4:	4e40177b 	fadd	v27.8h, v27.8h, v0.8h
   8:	4e411621 	fadd	v1.8h, v17.8h, v1.8h
   c:	4e421642 	fadd	v2.8h, v18.8h, v2.8h
  10:	4e431663 	fadd	v3.8h, v19.8h, v3.8h
  14:	4e4c1400 	fadd	v0.8h, v0.8h, v12.8h
  18:	4e4c1508 	fadd	v8.8h, v8.8h, v12.8h
  1c:	4e4d1421 	fadd	v1.8h, v1.8h, v13.8h
  20:	4e4d1529 	fadd	v9.8h, v9.8h, v13.8h
  24:	4e4e1442 	fadd	v2.8h, v2.8h, v14.8h
  28:	4e4e154a 	fadd	v10.8h, v10.8h, v14.8h
  2c:	4e4f1463 	fadd	v3.8h, v3.8h, v15.8h
  30:	4e4f156b 	fadd	v11.8h, v11.8h, v15.8h
  34:	4e501400 	fadd	v0.8h, v0.8h, v16.8h
  38:	4e511421 	fadd	v1.8h, v1.8h, v17.8h
  3c:	4e521442 	fadd	v2.8h, v2.8h, v18.8h
  40:	4e531463 	fadd	v3.8h, v3.8h, v19.8h
  44:	4e5a1400 	fadd	v0.8h, v0.8h, v26.8h
  48:	4e5a1421 	fadd	v1.8h, v1.8h, v26.8h
  4c:	4e5a1442 	fadd	v2.8h, v2.8h, v26.8h
  50:	4e5a1463 	fadd	v3.8h, v3.8h, v26.8h
  54:	4e5a1508 	fadd	v8.8h, v8.8h, v26.8h
  58:	4e5a1529 	fadd	v9.8h, v9.8h, v26.8h
  5c:	4e5a154a 	fadd	v10.8h, v10.8h, v26.8h
  60:	4e5a156b 	fadd	v11.8h, v11.8h, v26.8h
  64:	4e5c3400 	fmax	v0.8h, v0.8h, v28.8h
  68:	4e5c3421 	fmax	v1.8h, v1.8h, v28.8h
  6c:	4e5c3442 	fmax	v2.8h, v2.8h, v28.8h
  70:	4e5c3463 	fmax	v3.8h, v3.8h, v28.8h
  74:	4edb3400 	fmin	v0.8h, v0.8h, v27.8h
  78:	4edb3421 	fmin	v1.8h, v1.8h, v27.8h
  7c:	4edb3442 	fmin	v2.8h, v2.8h, v27.8h
  80:	4edb3463 	fmin	v3.8h, v3.8h, v27.8h
  84:	6e441c00 	fmul	v0.8h, v0.8h, v4.8h
  88:	6e443c00 	fdiv	v0.8h, v0.8h, v4.8h
  8c:	6e451c21 	fmul	v1.8h, v1.8h, v5.8h
  90:	6e453c21 	fdiv	v1.8h, v1.8h, v5.8h
  94:	6e461c42 	fmul	v2.8h, v2.8h, v6.8h
  98:	6e463c42 	fdiv	v2.8h, v2.8h, v6.8h
  9c:	6e471c63 	fmul	v3.8h, v3.8h, v7.8h
  a0:	6e473c63 	fdiv	v3.8h, v3.8h, v7.8h
  a4:	6e482790 	fcmge	v16.8h, v28.8h, v8.8h
  a8:	6e492790 	fcmge	v16.8h, v28.8h, v9.8h
  ac:	6e4a2790 	fcmge	v16.8h, v28.8h, v10.8h
  b0:	6e4b2790 	fcmge	v16.8h, v28.8h, v11.8h
  b4:	6e541c00 	fmul	v0.8h, v0.8h, v20.8h
  b8:	6e541d08 	fmul	v8.8h, v8.8h, v20.8h
  bc:	6e551c21 	fmul	v1.8h, v1.8h, v21.8h
  c0:	6e551d29 	fmul	v9.8h, v9.8h, v21.8h
  c4:	6e561c00 	fmul	v0.8h, v0.8h, v22.8h
  c8:	6e561c21 	fmul	v1.8h, v1.8h, v22.8h
  cc:	6e561c42 	fmul	v2.8h, v2.8h, v22.8h
  d0:	6e561c63 	fmul	v3.8h, v3.8h, v22.8h
  d4:	6e561d08 	fmul	v8.8h, v8.8h, v22.8h
  d8:	6e561d29 	fmul	v9.8h, v9.8h, v22.8h
  dc:	6e561d4a 	fmul	v10.8h, v10.8h, v22.8h
  e0:	6e561d6b 	fmul	v11.8h, v11.8h, v22.8h
  e4:	6e571c63 	fmul	v3.8h, v3.8h, v23.8h
  e8:	6e571d6b 	fmul	v11.8h, v11.8h, v23.8h
  ec:	6e581c00 	fmul	v0.8h, v0.8h, v24.8h
  f0:	6e581c21 	fmul	v1.8h, v1.8h, v24.8h
  f4:	6e581c42 	fmul	v2.8h, v2.8h, v24.8h
  f8:	6e581c63 	fmul	v3.8h, v3.8h, v24.8h
  fc:	6e581e00 	fmul	v0.8h, v16.8h, v24.8h
 100:	6e581e21 	fmul	v1.8h, v17.8h, v24.8h
 104:	6e581e42 	fmul	v2.8h, v18.8h, v24.8h
 108:	6e581e63 	fmul	v3.8h, v19.8h, v24.8h
 10c:	6e583c00 	fdiv	v0.8h, v0.8h, v24.8h
 110:	6e583c21 	fdiv	v1.8h, v1.8h, v24.8h
 114:	6e583c42 	fdiv	v2.8h, v2.8h, v24.8h
 118:	6e583c63 	fdiv	v3.8h, v3.8h, v24.8h
 11c:	6e583e00 	fdiv	v0.8h, v16.8h, v24.8h
 120:	6e583e21 	fdiv	v1.8h, v17.8h, v24.8h
 124:	6e583e42 	fdiv	v2.8h, v18.8h, v24.8h
 128:	6e583e63 	fdiv	v3.8h, v19.8h, v24.8h
 12c:	6e5b1c08 	fmul	v8.8h, v0.8h, v27.8h
 130:	6e5b1c0c 	fmul	v12.8h, v0.8h, v27.8h
 134:	6e5b1c29 	fmul	v9.8h, v1.8h, v27.8h
 138:	6e5b1c2c 	fmul	v12.8h, v1.8h, v27.8h
 13c:	6e5b1c4a 	fmul	v10.8h, v2.8h, v27.8h
 140:	6e5b1c4c 	fmul	v12.8h, v2.8h, v27.8h
 144:	6e5b1c6b 	fmul	v11.8h, v3.8h, v27.8h
 148:	6e5b1c6c 	fmul	v12.8h, v3.8h, v27.8h
 14c:	6e5b2510 	fcmge	v16.8h, v8.8h, v27.8h
 150:	6e5b2530 	fcmge	v16.8h, v9.8h, v27.8h
 154:	6e5b2550 	fcmge	v16.8h, v10.8h, v27.8h
 158:	6e5b2570 	fcmge	v16.8h, v11.8h, v27.8h
 15c:	6e5c1f60 	fmul	v0.8h, v27.8h, v28.8h
 160:	6edc2410 	fcmgt	v16.8h, v0.8h, v28.8h
 164:	6edc2430 	fcmgt	v16.8h, v1.8h, v28.8h
 168:	6edc2450 	fcmgt	v16.8h, v2.8h, v28.8h
 16c:	6edc2470 	fcmgt	v16.8h, v3.8h, v28.8h
 170:	6edc2510 	fcmgt	v16.8h, v8.8h, v28.8h
 174:	6edc2530 	fcmgt	v16.8h, v9.8h, v28.8h
 178:	6edc2550 	fcmgt	v16.8h, v10.8h, v28.8h
 17c:	6edc2570 	fcmgt	v16.8h, v11.8h, v28.8h
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
