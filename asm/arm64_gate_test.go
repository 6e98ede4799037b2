package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fp16 is FEAT_FP16, arithmetic in float16, which not every arm64 has. Conversions
// from and to float32 each has.
const fp16 = "FP16"

// arm64Plain are instructions that every arm64 has, under the names of Go's
// assembler: on general registers, on vectors of integers, loads and stores.
var arm64Plain = words(
	"MOVD MOVWU MOVHU MOVB FMOVS FMOVD FMOVQ",
	"ADC ADD ADDW AND CLZ EOR EORW LSL LSR MUL RBIT SUB SUBS CMP CSEL RET",
	"VLD1 VLD1R VST1 VMOV VDUP",
	"VADD VADDP VSUB VUMIN VCMEQ VCMTST",
	"VAND VEOR VBIT VBIF VSHL VSRI VUSHR VUSRA",
	"VREV32 VREV64 VTBL VUZP1 VUZP2 VZIP1 VZIP2",
)

var arm64Jumps = words("B BEQ BNE BLT BLE BGE BHI CBZ CBNZ TBZ")

// arm64Words are the instructions that Go's assembler does not know, under the
// Arm Architecture Reference Manual's names; with those of arm64Floats it depends on
// the lanes what they need.
var (
	arm64Words  = words("fcvtl fcvtl2 fcvtn fcvtn2 addhn addhn2 umull umull2 cmhi ldr str")
	arm64Floats = words("fadd fmul fdiv fmax fmin fcmgt fcmge")
	float16Lane = regexp.MustCompile(`\bv\d+\.[48]h\b|\bh\d+\b`)
)

var arm64Forbidden = forbidden{
	{regexp.MustCompile(`^(VFML[AS]|FN?M(ADD|SUB)[SDH]|fml(a|s|al2?|sl2?)|fn?m(add|sub))$`), "rounds product and sum together"},
	{regexp.MustCompile(`^(V?FR(ECP|SQRT)|fr(ecp|sqrt))`), "estimates"},
	{regexp.MustCompile(`^(MSR|msr)$`), "may change how the caller's numbers are rounded"},
	{regexp.MustCompile(`^(BL|CALL|SVC|BLR|bl|blr|svc)$`), "calls"},
	{regexp.MustCompile(`^(BYTE|LONG|QUAD)$`), "is machine code that the gate cannot read"},
	{regexp.MustCompile(`^(V?F?STNP|stnp)`), "streams, which no kernel for arm64 says it does"},
}

// Operands, by how they look.
var arm64Operand = regexp.MustCompile(`^(` + strings.Join([]string{
	`\$[-+]?(0x[0-9a-f]+|\d+)`,
	`[RF]\d+`, `ZR`, `GT`,
	`V\d+\.(B8|B16|H4|H8|S2|S4|D1|D2)`, `V\d+\.[BHSD]\[\d+\]`, `\[V\d+\.\w+(, V\d+\.\w+)*\]`,
	`(-?\d+)?\(R\d+\)`,
	`\w+\+\d+\(FP\)`, `\$\w+<>\+0\(SB\)`, // arguments, and the address of data of the file
}, "|") + `)$`)

// Registers that are not a function's own: the linker's R16 and R17, the
// platform's R18, the assembler's R27, g in R28, the frame and the stack pointer
// and the link register. No kernel has a frame. Vectors all are the function's
// own: in ABI0 none outlives a call.
var (
	arm64Reserved = regexp.MustCompile(`\b(R1[678](_PLATFORM)?|R2[789]|R30|RSP|SP|LR|g)\b`)
	wordReserved  = regexp.MustCompile(`\b([wx](1[678]|2[789]|30)|w?sp)\b`)
)

// gateARM64 checks one kernel for arm64.
func gateARM64(f function, report report, needs func(instruction, []string)) {
	if f.frame > 0 {
		report(instruction{line: f.line, text: f.name}, "has a frame, which the gate does not know to guard")
	}
	for _, in := range f.body {
		if in.name == "WORD" {
			gateWord(in, report, needs)
			continue
		}
		if why := arm64Forbidden.why(in.name); why != "" {
			report(in, "%s", why)
			continue
		}
		if !arm64Plain[in.name] && !arm64Jumps[in.name] {
			report(in, unknown)
			continue
		}
		if len(in.suffixes) > 0 && !slices.Equal(in.suffixes, []string{"P"}) {
			report(in, "a suffix that the gate does not know")
		}
		for i, operand := range in.operands {
			if reserved := arm64Reserved.FindString(operand); reserved != "" {
				report(in, "%s is not the function's own", reserved)
			} else if target := arm64Jumps[in.name] && i == len(in.operands)-1; !target && !arm64Operand.MatchString(operand) {
				report(in, "%s is no operand that the gate can read", operand)
			}
		}
	}
	gateFlow(f, arm64Jumps, "B", report)
}

// gateWord checks a hand-encoded instruction, by its comment if that tells the
// truth.
func gateWord(in instruction, report report, needs func(instruction, []string)) {
	word, err := strconv.ParseUint(strings.TrimPrefix(strings.Join(in.operands, ","), "$0x"), 16, 32)
	if err != nil {
		report(in, "is no word: %v", err)
		return
	}
	text, err := decoded(uint32(word))
	if err != nil {
		report(in, "%v", err)
		return
	}
	if text != in.comment {
		report(in, "is %s, its comment says %q", text, in.comment)
		return
	}
	name, operands, _ := strings.Cut(text, " ")
	if why := arm64Forbidden.why(name); why != "" {
		report(in, "%s", why)
		return
	}
	if !arm64Words[name] && !arm64Floats[name] {
		report(in, unknown)
		return
	}
	if reserved := wordReserved.FindString(operands); reserved != "" {
		report(in, "%s is not the function's own", reserved)
	}
	half := arm64Floats[name] && float16Lane.MatchString(operands)
	if half {
		needs(in, []string{fp16})
	}
	// The class "SIMD three same (FP16)" of the manual: a second opinion, from the
	// bits.
	if class := word&0x9f60c400 == 0x0e400400; class != half {
		report(in, "is FP16 %v by its bits, %v by its text", class, half)
	}
}

// TestNEONFP16ComputesInFloat16 looks for arithmetic in float32, which would show
// that the second tier has more kernels than need it.
func TestNEONFP16ComputesInFloat16(t *testing.T) {
	const file = "kernel/f16_neonfp16_arm64.s"
	functions, _ := parse(assembly(t)[file])
	computes := 0
	for _, f := range functions {
		for _, in := range f.body {
			if in.name != "WORD" || !strings.HasPrefix(in.comment, "f") {
				continue
			}
			computes++
			if name, operands, _ := strings.Cut(in.comment, " "); !arm64Floats[name] || !float16Lane.MatchString(operands) {
				t.Errorf("%s: %s, line %d: %s", file, f.name, in.line, in.comment)
			}
		}
	}
	if computes == 0 {
		t.Errorf("%s computes nothing", file)
	}
}

// TestARM64TiersAskForWhatTheGateAllows looks at what package tier asks for before it
// uses each tier, and for float16 on each system.
func TestARM64TiersAskForWhatTheGateAllows(t *testing.T) {
	if got, want := supportedBy(t, "tier_arm64.go"), [2]string{"hasFP16()", "cpu.ARM64.HasASIMD"}; got != want {
		t.Errorf("the tiers ask for %q, want %q", got, want)
	}
	for name, want := range map[string][]string{
		"fp16_arm64.go":        {"cpu.ARM64.HasASIMDHP", "cpu.ARM64.HasFPHP"}, // vectors, scalars
		"fp16_darwin_arm64.go": {"hw.optional.arm.FEAT_FP16", "hw.optional.neon_fp16"},
	} {
		source, err := os.ReadFile(filepath.Join("..", "internal", "tier", name))
		if err != nil {
			t.Fatal(err)
		}
		got := regexp.MustCompile(`cpu\.ARM64\.Has\w+|hw\.optional[.\w]+`).FindAllString(string(source), -1)
		if !slices.Equal(got, want) {
			t.Errorf("%s asks for %v, want %v", name, got, want)
		}
	}
}
