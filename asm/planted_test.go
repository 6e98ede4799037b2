package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// planted is a function with a fault.
type planted struct {
	file, function string
	frame          string // "" for none
	code           string // lines; RET and what must precede it follow, unless one is there
	want           string // is in the one finding; "" for none
}

// text returns the planted file.
func (p planted) text() string {
	frame := p.frame
	if frame == "" {
		frame = "$0-40"
	}
	code := p.code
	if !strings.Contains(code, "RET") {
		if strings.HasSuffix(p.file, "_amd64.s") {
			code += "\nVZEROUPPER"
		}
		code += "\nRET"
	}
	var b strings.Builder
	b.WriteString("#include \"textflag.h\"\n\nDATA zeros<>+0(SB)/8, $0x0000000000000000\nGLOBL zeros<>(SB), RODATA|NOPTR, $8\n\n")
	b.WriteString("// func " + p.function + "()\nTEXT ·" + p.function + "(SB), NOSPLIT, " + frame + "\n")
	for _, l := range strings.Split(code, "\n") {
		if !strings.HasSuffix(l, ":") && !strings.HasPrefix(l, "#") {
			l = "\t" + l
		}
		b.WriteString(l + "\n")
	}
	return b.String()
}

const (
	inAVX2     = "kernel/f32_avx2_amd64.s"
	inAVX512   = "kernel/f32_avx512_amd64.s"
	inNEON     = "kernel/f32_neon_arm64.s"
	inNEONFP16 = "kernel/f16_neonfp16_arm64.s"
)

var plantedFaults = []planted{
	// What a tier does not promise.
	{inAVX2, "scale", "", "VADDPS Z0, Z1, Z2", "needs AVX512F"},
	{"internal/draw/avx2_amd64.s", "philox", "", "VPROLD $0x10, Z0, Z0", "needs AVX512F"},
	{inAVX2, "scale", "", "CPUID", "needs CPUID"},
	{inAVX2, "scale", "", "VCMPPS $0x04, Z0, Z1, K1", "needs AVX512F"},
	{inAVX2, "scale", "", "KMOVB K1, (AX)", "needs AVX512DQ"},
	{inAVX2, "scale", "", "KMOVD K1, AX", "needs AVX512BW"},
	{inAVX2, "scale", "", "VXORPS Z0, Z0, Z0", "needs AVX512DQ"},
	{inAVX512, "scale", "", "VPERMB Z0, Z1, Z2", "needs AVX512VBMI"},
	{inAVX512, "scale", "", "VPDPBUSD Z0, Z1, Z2", "needs AVX512VNNI"},
	{inAVX512, "scale", "", "VGF2P8AFFINEQB $0x00, Y0, Y1, Y2", "needs GFNI"},
	{"kernel/fence_amd64.s", "fence", "$0", "VZEROUPPER\nSFENCE\nRET", "want a fence of SFENCE and RET or a pause of PAUSE and RET"},
	{"kernel/fence_amd64.s", "fence", "$0", "LFENCE\nRET", "want a fence of SFENCE and RET or a pause of PAUSE and RET"},
	{"kernel/fence_amd64.s", "pause", "$0", "SFENCE\nRET", "want a fence of SFENCE and RET or a pause of PAUSE and RET"},
	{"kernel/fence_amd64.s", "fence", "$0", "RET", "want a fence of SFENCE and RET or a pause of PAUSE and RET"},
	{"kernel/f32_sse2_amd64.s", "scale", "", "ADDQ AX, BX", "a file of no tier"},
	{"kernel/f32_avx512_arm64.s", "scale", "", "ADD R0, R1, R2", "a file of no tier"},

	// What no table has, or not so.
	{inAVX2, "scale", "", "ANDNL AX, BX, CX", unknown},
	{inAVX2, "scale", "", "TZCNTQ AX, BX", unknown},
	{inAVX2, "scale", "", "MOVUPS X0, (AX)", unknown},
	{inAVX512, "scale", "", "VSCATTERDPS Z0, K1, (AX)", unknown},
	{inAVX512, "scale", "", "SFENCE", unknown},
	{inAVX512, "scale", "", "VPXOR Z0, Z0, Z0", "not with such registers"},
	{inAVX512, "scale", "", "VADDPS.RZ_SAE Z0, Z1, Z2", "a suffix that changes how it rounds"},
	{inAVX2, "scale", "", "ADDQ.Z AX, BX", "a suffix that it cannot have"},
	{inAVX2, "scale", "", "MOVQ AX, X0", "is SSE on a vector"},
	{inAVX2, "scale", "", "BYTE $0x90", "machine code"},

	// How numbers are computed.
	{inAVX2, "scale", "", "VFMADD231PS Y0, Y1, Y2", "rounds product and sum together"},
	{inAVX512, "scale", "", "VFNMSUB132PD Z0, Z1, Z2", "rounds product and sum together"},
	{inAVX512, "scale", "", "VRCP14PS Z0, Z1", "estimates"},
	{inAVX2, "scale", "", "VRSQRTPS Y0, Y1", "estimates"},
	{inAVX2, "scale", "", "LDMXCSR (AX)", "how the caller's numbers are rounded"},
	{inAVX2, "scale", "", "VLDMXCSR (AX)", "how the caller's numbers are rounded"},

	// What belongs to the caller.
	{inAVX2, "scale", "", "STD", "direction flag"},
	{inAVX2, "scale", "", "CLD", "direction flag"},
	{inAVX2, "scale", "", "POPFQ", "direction flag"},
	{inAVX2, "scale", "", "REP", "repeats"},
	{inAVX2, "scale", "", "STOSQ", "repeats"},
	{inAVX2, "scale", "", "PUSHQ AX", "stack pointer"},
	{inAVX2, "scale", "", "CALL ·fence(SB)", "calls"},
	{inAVX2, "scale", "", "ADDQ $+8, SP", "SP is not the function's own"},
	{inAVX2, "scale", "", "MOVQ (SP)(AX*8), BX", "SP is not the function's own"},
	{inAVX2, "scale", "", "MOVQ x-8(SP), BX", "SP is not the function's own"},
	{inAVX2, "scale", "", "MOVQ AX, BP", "BP is not the function's own"},
	{inAVX2, "scale", "", "VMOVUPS (BP)(AX*1), Y0", "BP is not the function's own"},
	{inAVX2, "scale", "", "MOVQ R15, AX", "R15 is not the function's own"},
	{inAVX2, "scale", "", "MOVQ ·useAVX2(SB), AX", "no operand that the gate can read"},
	{inAVX2, "scale", "", "MOVQ AX, ·storeAhead+0(SB)", "writes to a variable"},
	{inAVX2, "scale", "", "ADDQ AX, ·quarterRows+0(SB)", "writes to a variable"},
	{inAVX2, "scale", "", "MOVQ (TLS), AX", "no operand that the gate can read"},
	{inAVX2, "scale", "", "MOVQ AX, (SP)", "reaches byte 8 of a frame of 0"},
	{inAVX2, "scale", "$64-40", "VMOVDQU Y0, 33(SP)", "reaches byte 65 of a frame of 64"},
	{inAVX512, "scale", "$64-40", "VPADDD.BCST 61(SP), Z0, Z0", "reaches byte 65 of a frame of 64"},
	{inAVX512, "scale", "$64-40", "LEAQ 127(SP), AX\nANDQ $-128, AX", "reaches byte 128 of a frame of 64"},

	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX", "that the next instruction does not align"},
	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX\nANDQ $-64, AX", "that the next instruction does not align"},
	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX\nANDQ $-32, BX", "that the next instruction does not align"},
	{inAVX512, "scale", "$64-40", "LEAQ 23(SP), AX\nANDQ $-24, AX", "that the next instruction does not align"},
	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX\nhere:\nANDQ $-32, AX\nJNZ here", "that the next instruction does not align"},
	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX\nANDQ $-32, AX\nVMOVDQU Y0, 2(AX)", "reaches byte 65 of a frame of 64 where"},
	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX\nANDQ $-32, AX\nVMOVDQU Y0, -8(AX)", "for more than memory at a distance"},
	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX\nANDQ $-32, AX\nVMOVDQU Y0, (AX)(BX*8)", "for more than memory at a distance"},
	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX\nANDQ $-32, AX\nADDQ CX, AX", "for more than memory at a distance"},
	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX\nANDQ $-32, AX\nLEAQ 8(AX), BX", "for more than memory at a distance"},
	{inAVX512, "scale", "$64-40", "LEAQ 31(SP), AX\nANDQ $-32, AX\nMOVB AL, (CX)", "for more than memory at a distance"},
	{inAVX512, "scale", "$64-40", "MOVQ (AX), BX\nLEAQ 31(SP), AX\nANDQ $-32, AX", "which holds an address of the stack"},

	// What is left behind in the upper halves of vectors.
	{inAVX2, "scale", "", "VADDPS Y0, Y1, Y2\nRET", "without VZEROUPPER"},
	{inAVX512, "scale", "", "VZEROUPPER\nVADDPS Z0, Z1, Z2\nRET", "without VZEROUPPER"},
	{inAVX2, "scale", "", "VADDPS Y0, Y1, Y2\nJZ done\nVZEROUPPER\ndone:\nRET", "without VZEROUPPER"},
	{inAVX2, "scale", "", "VADDPS Y0, Y1, Y2\nJZ done\nVZEROUPPER\nRET\ndone:\nDECQ AX\nRET", "without VZEROUPPER"},

	// Where a function ends.
	{inAVX2, "scale", "", "VZEROUPPER\nRET\nDECQ AX", "is the end of the function and no RET"},
	{inAVX2, "scale", "", "JZ done\nVZEROUPPER\nRET\ndone:", "where no RET is"},
	{inAVX2, "scale", "", "JMP ·fence(SB)", "no label of the function"},
	{inNEON, "scale", "", "RET\nADD R0, R1, R2", "is the end of the function and no RET"},
	{inNEON, "scale", "", "B ·other(SB)", "no label of the function"},

	// Streaming stores, and who must fence.
	{inAVX2, "scalePlanesF32AVX2", "", "VMOVNTPS Y0, (AX)", "has streaming stores true, by its name false"},
	{inAVX2, "streamScalePlanesF32AVX2", "", "VMOVUPS Y0, (AX)", "has streaming stores false, by its name true"},
	{inAVX2, "multiplyFourPlanesF32AVX2", "", "VMOVUPS Y0, (AX)", "has streaming stores false, by its name true"},
	{"internal/draw/avx512_amd64.s", "philoxAVX512", "", "VMOVNTPS Z0, (AX)", "has streaming stores true, by its name false"},
	{inAVX2, "scale", "", "VMOVNTDQ Y0, (AX)", "streams in a way that no kernel needs"},
	{inAVX2, "scale", "", "MOVNTIQ AX, (BX)", "streams in a way that no kernel needs"},
	{inAVX2, "scale", "", "VMASKMOVDQU X0, X1", "streams in a way that no kernel needs"},
	{inNEON, "scale", "", "STNP (R0, R1), (R2)", "streams, which no kernel for arm64"},

	// Lines that would pass for something else.
	{inAVX2, "scale", "", "ADDQ AX, BX; STD", "not a line that the gate can read"},
	{inAVX2, "scale", "", "#define ADDQ STD", "not a line that the gate can read"},
	{inAVX2, "scale", "", "addq AX, BX", "not a line that the gate can read"},

	// arm64.
	{inNEON, "scale", "", "VSHA1H V0, V1", unknown},
	{inNEON, "scale", "", "FADDS F0, F1, F2", unknown},
	{inNEON, "scale", "", "VLD1.W 32(R0), [V0.S4, V1.S4]", "a suffix that the gate does not know"},
	{inNEON, "scale", "", "MOVD R0, R18", "R18 is not the function's own"},
	{inNEON, "scale", "", "MOVD R0, R18_PLATFORM", "R18_PLATFORM is not the function's own"},
	{inNEON, "scale", "", "ADD $8, R28, R0", "R28 is not the function's own"},
	{inNEON, "scale", "", "MOVD g, R0", "g is not the function's own"},
	{inNEON, "scale", "", "MOVD R27, R0", "R27 is not the function's own"},
	{inNEON, "scale", "", "MOVD (R29), R0", "R29 is not the function's own"},
	{inNEON, "scale", "", "MOVD R0, R30", "R30 is not the function's own"},
	{inNEON, "scale", "", "VLD1.P 16(R16), [V0.S4]", "R16 is not the function's own"},
	{inNEON, "scale", "", "FMOVQ F0, 16(RSP)", "RSP is not the function's own"},
	{inNEON, "scale", "", "MOVD ·useNEON(SB), R0", "no operand that the gate can read"},
	{inNEON, "scale", "$32-40", "ADD R0, R1, R2", "has a frame"},
	{inNEON, "scale", "", "MSR R0, FPCR", "how the caller's numbers are rounded"},
	{inNEON, "scale", "", "BL ·fence(SB)", "calls"},
	{inNEON, "scale", "", "VFMLA V0.S4, V1.S4, V2.S4", "rounds product and sum together"},
	{inNEON, "scale", "", "FMADDS F0, F1, F2, F3", "rounds product and sum together"},

	// Words of arm64.
	{inNEON, "scale", "", "WORD $0x6e441c00 // fmul v0.8h, v0.8h, v4.8h", "needs FP16"},
	{"internal/draw/neon_arm64.s", "philox", "", "WORD $0x4e401600 // fadd v0.8h, v16.8h, v0.8h", "needs FP16"},
	{inNEON, "scale", "", "WORD $0x6e38de00 // fmul v0.4s, v16.4s, v25.4s", "its comment says"},
	{inNEON, "scale", "", "WORD $0x6e38de00", "its comment says"},
	{inNEON, "scale", "", "WORD $0xffffffff // fmul v0.4s, v16.4s, v24.4s", "binutils were not asked"},
	{inNEON, "scale", "", "WORD $0x4e22cc20 // fmla v0.4s, v1.4s, v2.4s", "rounds product and sum together"},
	{inNEON, "scale", "", "WORD $0xd51b4400 // msr s3_3_c4_c4_0, x0", "how the caller's numbers are rounded"},
	{inNEON, "scale", "", "WORD $0x4ea1d820 // frecpe v0.4s, v1.4s", "estimates"},
	{inNEON, "scale", "", "WORD $0x4ea28420 // add v0.4s, v1.4s, v2.4s", unknown},
	{inNEON, "scale", "", "WORD $0x7d400240 // ldr h0, [x18]", "x18 is not the function's own"},
	{inNEON, "scale", "", "WORD $0x7d4003e0 // ldr h0, [sp]", "sp is not the function's own"},
	{inNEONFP16, "scale", "", "WORD $0x0e401400 // fadd v0.4h, v0.4h, v0.4h", "binutils were not asked"},
}

// What the gate must let through, next to what it must not.
var plantedSound = []planted{
	{inAVX2, "scale", "", "turn:\nVADDPS 32(R10)(AX*4), Y1, Y2\nVMOVUPS zeros<>+0(SB), X0\nMOVQ dst+0(FP), AX\nJNZ turn", ""},
	{inAVX2, "scale", "", "VADDPS X0, X1, X2\nRET", ""},
	{inAVX2, "scale", "$64-40", "VMOVDQU Y0, 32(SP)\nMOVL AX, 60(SP)", ""},
	{inAVX512, "scale", "$64-40", "VPADDD.BCST 60(SP), Z0, Z0", ""},
	{inAVX512, "scale", "", "VMULPS.Z 64(AX), Z1, K2, Z3", ""},
	{inAVX2, "streamScalePlanesF32AVX2", "", "VMOVNTPS Y0, (AX)", ""},
	{"kernel/fence_amd64.s", "fence", "$0", "SFENCE\nRET", ""},
	{inNEON, "scale", "", "turn:\nVLD1.P 32(R1), [V0.S4, V1.S4]\nWORD $0x6e38de00 // fmul v0.4s, v16.4s, v24.4s\nTBZ $3, R6, turn", ""},
	{inNEONFP16, "scale", "", "WORD $0x6e441c00 // fmul v0.8h, v0.8h, v4.8h", ""},
}

// TestGateFindsWhatIsPlanted plants every fault alone and wants it found, once and
// where it is.
func TestGateFindsWhatIsPlanted(t *testing.T) {
	for _, p := range append(plantedFaults, plantedSound...) {
		found := gate(p.file, p.text())
		switch {
		case p.want == "" && len(found) > 0:
			t.Errorf("%s: %q: found %v, want nothing", p.file, p.code, found)
		case p.want == "":
		case len(found) != 1 || !strings.Contains(found[0].String(), p.want):
			t.Errorf("%s: %q: found %v, want %q", p.file, p.code, found, p.want)
		case found[0].line > 0:
			code := found[0].code
			if line := strings.Split(p.text(), "\n")[found[0].line-1]; !strings.Contains(line, code) {
				t.Errorf("%s: %q: found %v, but that line is %q", p.file, p.code, found[0], line)
			}
			if found[0].function != p.function {
				t.Errorf("%s: %q: found %v, want it in %s", p.file, p.code, found[0], p.function)
			}
		}
	}
}

// TestGateFindsWhatNarrowVectorsNeed wants AVX512VL where a vector of AVX-512 is
// narrower than 512 bits. The one tier with AVX-512 promises both.
func TestGateFindsWhatNarrowVectorsNeed(t *testing.T) {
	for code, want := range map[string][]string{
		"VADDPS X1, X2, X16":           {avx512f, avx512vl},
		"VADDPS Y1, Y2, K1, Y3":        {avx512f, avx512vl},
		"VPTERNLOGD $0xaa, X0, X1, X2": {avx512f, avx512vl},
		"VPADDW.Z X0, X1, K1, X2":      {avx512bw, avx512vl},
		"VMOVSS X16, (AX)":             {avx512f},
		"VADDPS Z1, Z2, Z3":            {avx512f},
		"VADDPS X1, X2, X3":            {avx},
		"VPADDD X1, X2, X3":            {avx},
		"VPADDD Y1, Y2, Y3":            {avx2},
		"VPADDD (AX), Y2, Y3":          {avx2},
		"VBROADCASTSS (AX), Y0":        {avx},
		"VBROADCASTSS X0, Y0":          {avx2},
		"VBROADCASTSD X0, Z0":          {avx512f},
		"VPBROADCASTD X0, X1":          {avx2},
		"VPBROADCASTD AX, Y1":          {avx512f, avx512vl},
		"VPBROADCASTW AX, Z1":          {avx512bw},
		"VCVTPH2PS (AX), Y0":           {f16c},
		"VCVTPS2PH $0x00, Z0, Y0":      {avx512f},
		"VPMULLD (SP), Y0, Y1":         {avx2},
		"CMOVQEQ AX, BX":               nil,
		"VZEROUPPER":                   {avx},
	} {
		functions, found := parse(planted{inAVX512, "scale", "", code + "\nRET", ""}.text())
		if len(functions) != 1 || len(found) > 0 {
			t.Fatalf("%s: read %d functions, found %v", code, len(functions), found)
		}
		got, complaint := amd64Needs(functions[0].body[0])
		if complaint != "" || !slices.Equal(got, want) {
			t.Errorf("%s needs %v %s, want %v", code, got, complaint, want)
		}
	}
	var high []string
	for _, f := range gate(inAVX2, planted{inAVX2, "scale", "", "VADDPS X1, X2, X16", ""}.text()) {
		high = append(high, f.what)
	}
	want := []string{
		"needs AVX512F, which avx2_amd64 does not promise",
		"needs AVX512VL, which avx2_amd64 does not promise",
		"VZEROUPPER does not clear the upper half of X16",
	}
	if !slices.Equal(high, want) {
		t.Errorf("found %q in X16, want %q", high, want)
	}
}

// TestGateHasAPlantForEachRule wants every reason for which an instruction is
// forbidden, and every set beyond the tiers, planted.
func TestGateHasAPlantForEachRule(t *testing.T) {
	planted := map[string]bool{}
	for _, p := range plantedFaults {
		for _, f := range gate(p.file, p.text()) {
			planted[f.what] = true
		}
	}
	for _, f := range append(slices.Clone(amd64Forbidden), arm64Forbidden...) {
		if !planted[f.why] {
			t.Errorf("nothing planted %s", f.why)
		}
	}
	all := strings.Join(slices.Collect(maps.Keys(planted)), "\n")
	for _, set := range []string{avx512f, avx512bw, avx512dq, vbmi, vnni, gfni, fp16} {
		if !strings.Contains(all, "needs "+set+",") {
			t.Errorf("nothing planted needs %s", set)
		}
	}
}
