package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// disassembly is of a loop over vectors, one over what is left, a loop around
// both, and a way back that is no loop of its own.
const disassembly = `
0000000000010000 <main.scaleF32NEON.abi0>:
; main.scaleF32NEON.abi0():
; /src/neon_arm64.s:3
   10000:      	ldr	x0, [sp, #0x8]
; /src/neon_arm64.s:6
   10004:      	ld1	{ v0.4s, v1.4s }, [x1], #32
; /src/neon_arm64.s:7
   10008:      	st1	{ v0.4s, v1.4s }, [x0], #32
; /src/neon_arm64.s:8
   1000c:      	b.ge	0x10004 <main.scaleF32NEON.abi0+0x4>
; /src/neon_arm64.s:11
   10010:      	str	q0, [x0], #16
; /src/neon_arm64.s:12
   10014:      	cbnz	x5, 0x10010 <main.scaleF32NEON.abi0+0x10>
; /src/neon_arm64.s:13
   10018:      	b.ne	0x10000 <main.scaleF32NEON.abi0>
; /src/neon_arm64.s:14
   1001c:      	mov	x9, #0x3f800000         // =1065353216
; /src/neon_arm64.s:15
   10020:      	b	0x10018 <main.scaleF32NEON.abi0+0x18>
`

const source = `TEXT ·scaleF32NEON(SB), NOSPLIT, $0-40

	MOVD dst+0(FP), R0

turn:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	VST1.P [V0.S4, V1.S4], 32(R0)
	BGE    turn

single:
	FMOVQ.P F0, 16(R0)
	CBNZ    R5, single
`

func disassembled(t *testing.T) []*function {
	t.Helper()
	functions, err := parse(disassembly)
	if err != nil || len(functions) != 1 || functions[0].name != "scaleF32NEON" {
		t.Fatalf("parsed %v, %v", functions, err)
	}
	return functions
}

func TestLoopsAreFound(t *testing.T) {
	functions := disassembled(t)
	if n := len(functions[0].code); n != 9 {
		t.Errorf("%d instructions", n)
	}
	if source := functions[0].code[7].source; source != (place{"neon_arm64.s", 14}) {
		t.Errorf("an instruction is of %v", source)
	}
	if text := functions[0].code[7].text; text != "mov x9, #0x3f800000" {
		t.Errorf("an instruction reads %q", text)
	}
	var found []string
	for _, l := range functions[0].innermost() {
		found = append(found, fmt.Sprintf("%x-%x", l.body[0].address, l.last().address))
	}
	if want := []string{"10004-1000c", "10010-10014", "10018-10020"}; !reflect.DeepEqual(found, want) {
		t.Errorf("loops %v, want %v", found, want)
	}
	main, err := mainLoops(functions, labels("neon_arm64.s", source))
	if err != nil {
		t.Fatal(err)
	}
	if len(main) != 1 || main[0].name != "turn" || main[0].loaded != 32 || main[0].stored != 32 {
		t.Errorf("main loops %+v", main)
	}
}

func TestTransfer(t *testing.T) {
	for _, c := range []struct {
		text           string
		loaded, stored int
	}{
		{"fmul v0.4s, v0.4s, v24.4s", 0, 0},
		{"sub x5, x5, #0x10", 0, 0},
		{"ld1 { v0.2d, v1.2d, v2.2d, v3.2d }, [x1], #64", 64, 0},
		{"st1 { v0.8h }, [x0]", 0, 16},
		{"ld1 { v0.4h, v1.4h }, [x1]", 16, 0},
		{"ld1r { v24.4s }, [x2], #4", 4, 0},
		{"st1 { v0.h }[1], [x0]", 0, 2},
		{"ldp q0, q1, [x1, #0x20]", 32, 0},
		{"stnp q0, q1, [x0]", 0, 32},
		{"ldur d3, [x1, #-0x8]", 8, 0},
		{"str h0, [x0], #2", 0, 2},
		{"ldr w8, [x2]", 4, 0},
		{"ldrh w8, [x2]", 2, 0},
		{"ldrsw x8, [x2]", 4, 0},
	} {
		if loaded, stored, err := transfer(c.text); loaded != c.loaded || stored != c.stored || err != nil {
			t.Errorf("%s loads %d and stores %d, want %d and %d; %v", c.text, loaded, stored, c.loaded, c.stored, err)
		}
	}
	if _, _, err := transfer("ldxr x0, [x1]"); err == nil {
		t.Error("a strange load has a size")
	}
}

func TestStoresThatMoveAreSplit(t *testing.T) {
	const want = `# LLVM-MCA-BEGIN 0
.L0:
ld1 { v0.4s, v1.4s }, [x1], #32
st1 { v0.4s, v1.4s }, [x0]
add x0, x0, #32
b.ge .L0
# LLVM-MCA-END 0
`
	if got := regions(disassembled(t)[0].innermost()[:1]); got != want {
		t.Errorf("llvm-mca reads\n%swant\n%s", got, want)
	}
}

func TestTimings(t *testing.T) {
	const report = `{"CodeRegions": [%s, %s, %s], "TargetInfo": {"Resources": ["N1UnitB", "N1UnitL.\u0000", "N1UnitL.\u0001", "N1UnitV0"]}}`
	region := func(cycles int, usage float64, uops int) string {
		return fmt.Sprintf(`{"Instructions": ["ld1", "b.ge"],
"ResourcePressureView": {"ResourcePressureInfo": [
	{"InstructionIndex": 0, "ResourceIndex": 3, "ResourceUsage": 4},
	{"InstructionIndex": 2, "ResourceIndex": 0, "ResourceUsage": 1},
	{"InstructionIndex": 2, "ResourceIndex": 1, "ResourceUsage": %g},
	{"InstructionIndex": 2, "ResourceIndex": 2, "ResourceUsage": %g}]},
"SummaryView": {"DispatchWidth": 8, "Iterations": 10, "TotalCycles": %d, "TotaluOps": %d}}`, usage, usage, cycles, uops)
	}
	got, err := readTimings([]byte(fmt.Sprintf(report, region(40, 3.98, 120), region(40, 2, 320), region(40, 2, 120))))
	if want := []timing{{4, "L"}, {4, "dispatch"}, {4, "latency"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("timings %v, %v, want %v", got, err, want)
	}
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		loaded, stored int
		want           []float64 // of cores
	}{
		{0, 64, []float64{2, 2}},
		{64, 64, []float64{4, 8. / 3}},
		{128, 64, []float64{6, 4}},
	} {
		for i, want := range c.want {
			if got := cores[i].limit(&loop{loaded: c.loaded, stored: c.stored}); got != want {
				t.Errorf("%s needs %g cycles for %d and %d bytes, want %g", cores[i].name, got, c.loaded, c.stored, want)
			}
		}
	}
}

func TestTrace(t *testing.T) {
	functions := disassembled(t)
	const line = "Trace 0: 0x7f5d4c31eb00 [0000000001009331/%016x/00000001/00080201] main.scaleF32NEON.abi0\n"
	var log strings.Builder
	log.WriteString("qemu: a warning\n")
	for _, c := range calls() {
		fmt.Fprintf(&log, line, 0x10000)
		for range c.count * c.length {
			fmt.Fprintf(&log, line+line+line, 0x10004, 0x10004, 0x1000c) // one logged twice
		}
		fmt.Fprintf(&log, line, 0x20000) // elsewhere
	}
	if err := readTrace(strings.NewReader(log.String()), functions); err != nil {
		t.Fatal(err)
	}
	if n := len(functions[0].runs); n != len(calls()) {
		t.Fatalf("%d runs of %d", n, len(calls()))
	}
	loops := functions[0].innermost()
	if taken, not := loops[0].perElement(short), loops[1].perElement(short); taken != 2 || not != 0 {
		t.Errorf("%g instructions an element in the loop that ran, %g in the other", taken, not)
	}
}

func TestProgramCallsEveryKernel(t *testing.T) {
	var p program
	text, err := p.write(`package kernel

func scaleF32NEON(dst *float32, src *float32, factors *float32, count int, length int)
func affineF16NEON(dst *uint16, src *uint16, factors *uint16, shifts *uint16, count int, length int)
`, `package kernel

func scaleF16NEONFP16(dst *uint16, src *uint16, factors *uint16, count int, length int)
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"var dst, factors, shifts, src memory",
		"fill[float32](c)\n\t\tscaleF32NEON(pointer[float32](&dst), pointer[float32](from), pointer[float32](&factors), c.count, c.length)",
		"scaleF16NEONFP16(pointer[uint16](&dst), pointer[uint16](from), pointer[uint16](&factors), c.count, c.length)",
		"affineF16NEON(pointer[uint16](&dst), pointer[uint16](from), pointer[uint16](&factors), pointer[uint16](&shifts), c.count, c.length)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the program lacks %q:\n%s", want, text)
		}
	}
	if !reflect.DeepEqual(p.kernels, []string{"scaleF32NEON", "affineF16NEON", "scaleF16NEONFP16"}) {
		t.Errorf("kernels %v", p.kernels)
	}
	for _, stubs := range []string{
		"package kernel\n",
		"package kernel\n\nfunc multiplyFourPlanesF32NEON(dst *float32, places *[13]int)\n",
		"package kernel\n\nfunc narrowNEON(dst *uint16, src *float32)\n",
	} {
		if _, err := new(program).write(stubs); err == nil {
			t.Errorf("there is a program for %q", stubs)
		}
	}
}

func TestOnlyTheTableIsReplaced(t *testing.T) {
	page, err := replace([]byte("above\n"+begin+"old\n"+end+"below\n"), "new")
	if want := "above\n" + begin + "\nnew\n" + end + "below\n"; err != nil || string(page) != want {
		t.Errorf("page %q, %v, want %q", page, err, want)
	}
	for _, page := range []string{"", begin, end + begin} {
		if _, err := replace([]byte(page), "new"); err == nil {
			t.Errorf("%q has a table", page)
		}
	}
}
