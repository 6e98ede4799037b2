package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Instruction sets of amd64, as avo names them.
const (
	avx      = "AVX"
	avx2     = "AVX2"
	f16c     = "F16C"
	avx512f  = "AVX512F"
	avx512bw = "AVX512BW"
	avx512dq = "AVX512DQ"
	avx512vl = "AVX512VL"
	vbmi     = "AVX512VBMI"
	vnni     = "AVX512VNNI"
	gfni     = "GFNI"
	popcnt   = "POPCNT"
	cpuid    = "CPUID" // every amd64 has it, and no kernel needs it
)

// amd64Plain are the instructions on general registers and memory that every amd64
// has (GOAMD64=v1).
var amd64Plain = words(
	"MOVB MOVL MOVQ MOVWLZX LEAQ CMOVQEQ CMOVQGT",
	"ADDL ADDQ ADCQ SUBQ SBBQ IMULQ NEGL NEGQ INCQ DECL DECQ CMPL CMPQ",
	"ANDL ANDQ ORQ XORL XORQ NOTL TESTL TESTQ SHLL SHLQ SHRQ SARQ BSFQ BTL BTSQ SETCS",
	"PREFETCHT0 RET",
)

var amd64Jumps = words("JMP JE JEQ JNE JZ JNZ JL JLE JG JGE JB JBE JHI JAE")

// amd64Form is what an instruction on vectors needs, "" where there is none of its
// kind.
type amd64Form struct {
	x, y   string // encoded with VEX, on 128 bits or fewer and on 256
	evex   string // encoded with EVEX; narrower than 512 bits it needs AVX512VL too
	scalar bool   // one element, whatever the length: AVX512VL does not matter
}

// amd64Forms are from the Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 2, the columns "CPUID feature flag". A name with a kind of operand
// is for the form that has it first.
var amd64Forms = func() map[string]amd64Form {
	forms := map[string]amd64Form{}
	for _, row := range []struct {
		names string
		form  amd64Form
	}{
		{"VADDPS VADDPD VMINPS VMINPD VMULPS VMULPD VDIVPS VDIVPD VCMPPS VCMPPD VSHUFPS VUNPCKLPS VUNPCKHPS VUNPCKLPD VUNPCKHPD", amd64Form{x: avx, y: avx, evex: avx512f}},
		{"VMOVUPS VMOVUPD VMOVNTPS", amd64Form{x: avx, y: avx, evex: avx512f}},
		{"VANDPS VANDPD VXORPS", amd64Form{x: avx, y: avx, evex: avx512dq}},
		{"VBLENDVPS VBLENDVPD VMOVMSKPS VMOVMSKPD VMOVDQU", amd64Form{x: avx, y: avx}},
		{"VBROADCASTSS", amd64Form{x: avx, y: avx, evex: avx512f}},
		{"VBROADCASTSS:x", amd64Form{x: avx2, y: avx2, evex: avx512f}},
		{"VBROADCASTSD", amd64Form{y: avx, evex: avx512f}},
		{"VBROADCASTSD:x", amd64Form{y: avx2, evex: avx512f}},
		{"VCVTPH2PS VCVTPS2PH", amd64Form{x: f16c, y: f16c, evex: avx512f}},

		{"VMOVSS VMOVSD VMOVHPS VMOVD VMOVQ", amd64Form{x: avx, evex: avx512f, scalar: true}},
		{"VPINSRW VPEXTRW", amd64Form{x: avx, evex: avx512bw, scalar: true}},

		{"VPADDD VPSUBD VPMULLD VPMULUDQ VPMINUD VPSLLD VPSLLQ VPSRLD VPSRLQ", amd64Form{x: avx, y: avx2, evex: avx512f}},
		{"VPCMPEQD VPCMPGTD VPCMPGTQ VPSHUFD VPUNPCKLQDQ VPUNPCKHQDQ VPUNPCKLDQ VPUNPCKHDQ", amd64Form{x: avx, y: avx2, evex: avx512f}},
		{"VPADDW VPSUBUSW VPSRLW VPCMPEQW VPSHUFB VPACKSSDW VPACKUSDW VPACKSSWB VPUNPCKLWD VPUNPCKHWD", amd64Form{x: avx, y: avx2, evex: avx512bw}},
		{"VPAND VPANDN VPOR VPXOR VPBLENDW VPBLENDVB VPMOVMSKB", amd64Form{x: avx, y: avx2}},
		{"VINSERTI128 VEXTRACTI128", amd64Form{y: avx2}},
		{"VINSERTF128", amd64Form{y: avx}},
		{"VPERMD VPERMQ VPERMPS", amd64Form{y: avx2, evex: avx512f}},
		{"VPMOVZXWD VPMOVZXBQ", amd64Form{x: avx, y: avx2, evex: avx512f}},
		{"VPSRLVD", amd64Form{x: avx2, y: avx2, evex: avx512f}},
		{"VPBROADCASTD VPBROADCASTQ", amd64Form{x: avx2, y: avx2, evex: avx512f}},
		{"VPBROADCASTW", amd64Form{x: avx2, y: avx2, evex: avx512bw}},
		{"VPBROADCASTD:general VPBROADCASTQ:general", amd64Form{evex: avx512f}},
		{"VPBROADCASTW:general", amd64Form{evex: avx512bw}},

		{"VPANDD VPANDQ VPXORD VPTERNLOGD VPROLD VPROLQ VMOVDQU32", amd64Form{evex: avx512f}},
		{"VPCMPUD VPCMPUQ VPTESTMD VFIXUPIMMPS VINSERTI64X4 VEXTRACTI64X4 VPMOVDW", amd64Form{evex: avx512f}},
		{"VCOMPRESSPS VCOMPRESSPD VEXPANDPS VEXPANDPD", amd64Form{evex: avx512f}},
		{"VPCMPW VPTESTMW VPBLENDMW VMOVDQU16", amd64Form{evex: avx512bw}},

		// Encoded with VEX, but on the masks of AVX-512.
		{"KMOVW KUNPCKBW", amd64Form{evex: avx512f, scalar: true}},
		{"KMOVB", amd64Form{evex: avx512dq, scalar: true}},
		{"KMOVD KMOVQ KUNPCKWD KUNPCKDQ", amd64Form{evex: avx512bw, scalar: true}},

		// Of sets that come with some CPUs of a tier and not with others.
		{"VPERMB VPERMI2B VPERMT2B VPMULTISHIFTQB", amd64Form{evex: vbmi}},
		{"VPDPBUSD VPDPBUSDS VPDPWSSD VPDPWSSDS", amd64Form{evex: vnni}},
		{"VGF2P8MULB VGF2P8AFFINEQB VGF2P8AFFINEINVQB", amd64Form{x: gfni, y: gfni, evex: gfni}},
	} {
		for name := range words(row.names) {
			forms[name] = row.form
		}
	}
	return forms
}()

var amd64Forbidden = forbidden{
	{regexp.MustCompile(`^VFN?M(ADD|SUB)`), "rounds product and sum together"},
	{regexp.MustCompile(`^V?R(CP|SQRT)`), "estimates"},
	{regexp.MustCompile(`^(V?LDMXCSR|FXRSTOR|XRSTOR)`), "changes how the caller's numbers are rounded"},
	{regexp.MustCompile(`^(STD|CLD|POPF[LQW]?)$`), "changes the direction flag, which is clear in Go"},
	{regexp.MustCompile(`^(REPN?|(MOVS|STOS|LODS|SCAS|CMPS)[BWLQ])$`), "repeats by the direction flag"},
	{regexp.MustCompile(`^(CALL|SYSCALL|INT)$`), "calls"},
	{regexp.MustCompile(`^(PUSH|POP[^C]|POP$|ENTER|LEAVE)`), "moves the stack pointer"},
	{regexp.MustCompile(`^(BYTE|WORD|LONG|QUAD)$`), "is machine code that the gate cannot read"},
	{regexp.MustCompile(`^(V?MOVNT(DQA?|I[LQ]|Q)|MOVNTP[SD]|V?MASKMOVDQU|MASKMOVQ)$`), "streams in a way that no kernel needs"},
}

// Kinds of operands, by how they look.
var amd64Kinds = []struct {
	name string
	look *regexp.Regexp
}{
	{"constant", regexp.MustCompile(`^\$[-+]?(0x[0-9a-f]+|\d+)$`)},
	{"x", regexp.MustCompile(`^X(\d+)$`)},
	{"y", regexp.MustCompile(`^Y(\d+)$`)},
	{"z", regexp.MustCompile(`^Z(\d+)$`)},
	{"mask", regexp.MustCompile(`^K[0-7]$`)},
	{"general", regexp.MustCompile(`^([ABCD][XL]|[SD]I|R[89]|R1[0-4])$`)},
	{"memory", regexp.MustCompile(`^[-+]?\d*\(([ABCD]X|[SD]I|R[89]|R1[0-4])\)(\(([ABCD]X|[SD]I|R[89]|R1[0-4])\*[1248]\))?$`)},
	{"memory", regexp.MustCompile(`^(\w+\+\d+\(FP\)|\w+<>\+\d+\(SB\)|·(storeAhead|loadAhead|quarterRows|quarterBytes|behind)\+0\(SB\))$`)}, // arguments, data of the file and what a strategy sets
	{"stack", regexp.MustCompile(`^(\d*)\(SP\)$`)},
}

// amd64Reserved are registers that are not a function's own: the frame pointer, by
// which profilers walk the stack, the stack pointer, save for what is in the frame,
// and R15, with which the assembler finds globals in plugins. The g of R14 and the
// zero of X15 are promises of ABIInternal: here, in ABI0, who calls keeps them.
var amd64Reserved = regexp.MustCompile(`\b(BP|BPB|SP|R15)\b`)

// amd64Kind returns the kind of an operand, "" if it has none, and its number.
func amd64Kind(operand string) (kind string, number int) {
	for _, k := range amd64Kinds {
		if m := k.look.FindStringSubmatch(operand); m != nil {
			if len(m) > 1 {
				number, _ = strconv.Atoi(m[1])
			}
			return k.name, number
		}
	}
	return "", 0
}

// amd64Needs returns the instruction sets that an instruction needs beyond those
// of every amd64, and a complaint if it does not know.
func amd64Needs(in instruction) (sets []string, complaint string) {
	if set, ok := map[string]string{"CPUID": cpuid, "POPCNTL": popcnt}[in.name]; ok && len(in.suffixes) == 0 {
		return []string{set}, ""
	}
	if amd64Plain[in.name] || amd64Jumps[in.name] || in.name == "VZEROUPPER" {
		if len(in.suffixes) > 0 {
			return nil, "a suffix that it cannot have"
		}
		if in.name == "VZEROUPPER" {
			return []string{avx}, ""
		}
		return nil, ""
	}
	kinds := map[string]bool{}
	first, high := "", false
	for i, operand := range in.operands {
		kind, number := amd64Kind(operand)
		kinds[kind] = true
		if i == 0 {
			first = kind
		}
		high = high || number >= 16 && (kind == "x" || kind == "y")
	}
	form, ok := amd64Forms[in.name+":"+first]
	if !ok {
		form, ok = amd64Forms[in.name]
	}
	if !ok {
		return nil, unknown
	}
	evex := high || kinds["z"] || kinds["mask"] || form.x == "" && form.y == ""
	for _, suffix := range in.suffixes {
		if suffix != "Z" && suffix != "BCST" {
			return nil, "a suffix that changes how it rounds, or that the gate does not know"
		}
		evex = true
	}
	set := form.x
	switch {
	case evex:
		set = form.evex
	case kinds["y"]:
		set = form.y
	}
	switch {
	case set == "":
		return nil, "is in the gate's table, but not with such registers"
	case evex && !form.scalar && !kinds["z"]:
		return []string{set, avx512vl}, ""
	case evex:
		// AVX512F comes with each of its extensions.
		return []string{set}, ""
	}
	return []string{set}, ""
}

// amd64Reach returns how many bytes an instruction reads or writes in memory, at
// most.
func amd64Reach(in instruction) int {
	last := in.name[len(in.name)-1:]
	switch {
	case in.name == "LEAQ" || strings.HasPrefix(in.name, "PREFETCH"):
		return 1
	case amd64Plain[in.name] || strings.HasPrefix(in.name, "VPBROADCAST") || slices.Contains(in.suffixes, "BCST"):
		if n, ok := map[string]int{"B": 1, "W": 2, "L": 4, "D": 4, "S": 4}[last]; ok && !strings.HasSuffix(in.name, "PD") {
			return n
		}
		return 8
	}
	reach := 8
	for _, operand := range in.operands {
		kind, _ := amd64Kind(operand)
		reach = max(reach, map[string]int{"x": 16, "y": 32, "z": 64}[kind])
	}
	return reach
}

// gateAligned checks what a function does with the address of its own stack. It may align
// one, at once and to a power of two, in a register that serves for nothing else, and
// reach from there as far as the frame goes wherever the border lay.
func gateAligned(f function, report report) {
	address := regexp.MustCompile(`^(\d*)\(SP\)$`)
	for i, in := range f.body {
		if in.name != "LEAQ" || !address.MatchString(in.operands[0]) {
			continue
		}
		from, _ := strconv.Atoi(address.FindStringSubmatch(in.operands[0])[1])
		r := in.operands[1]
		align := fmt.Sprintf("ANDQ $-%d, %s", from+1, r)
		if next := i + 1; next == len(f.body) || from&(from+1) != 0 || strings.Join(strings.Fields(f.body[next].text), " ") != align || slices.Contains(f.targets(), next) {
			report(in, "is an address of the stack that the next instruction does not align")
			continue
		}
		name := regexp.MustCompile(`\b(` + r + `|` + strings.TrimSuffix(r, "X") + `L)\b`)
		base := regexp.MustCompile(`^(\d*)\(` + r + `\)$`)
		for k, in := range f.body {
			for _, operand := range in.operands {
				m := base.FindStringSubmatch(operand)
				switch {
				case k == i || k == i+1 || !name.MatchString(operand):
				case k < i:
					report(in, "uses %s, which holds an address of the stack from line %d on", r, f.body[i].line)
				case m == nil || in.name == "LEAQ":
					report(in, "uses %s, an address of the stack, for more than memory at a distance", r)
				default:
					at, _ := strconv.Atoi(m[1])
					if end := from + at + amd64Reach(in); end > f.frame {
						report(in, "reaches byte %d of a frame of %d where the stack lies badly", end, f.frame)
					}
				}
			}
		}
	}
}

// gateAMD64 checks one kernel for amd64.
func gateAMD64(f function, report report, needs func(instruction, []string)) {
	streams, wide := false, false
	for _, in := range f.body {
		if why := amd64Forbidden.why(in.name); why != "" {
			report(in, "%s", why)
			continue
		}
		sets, complaint := amd64Needs(in)
		if complaint != "" {
			report(in, "%s", complaint)
			continue
		}
		needs(in, sets)
		if last := len(in.operands) - 1; last > 0 && in.name != "CMPQ" && strings.HasPrefix(in.operands[last], "·") {
			report(in, "writes to a variable of the package")
		}
		for _, operand := range in.operands {
			kind, number := amd64Kind(operand)
			switch kind {
			case "x", "y", "z":
				if number >= 16 {
					report(in, "VZEROUPPER does not clear the upper half of %s", operand)
				}
				if sets == nil {
					report(in, "is SSE on a vector, which waits for what AVX has left in its upper half")
				}
				wide = wide || kind != "x"
			case "stack":
				if end := number + amd64Reach(in); end > f.frame {
					report(in, "reaches byte %d of a frame of %d", end, f.frame)
				}
			case "":
				if reserved := amd64Reserved.FindString(operand); reserved != "" {
					report(in, "%s is not the function's own", reserved)
				} else if !amd64Jumps[in.name] {
					report(in, "%s is no operand that the gate can read", operand)
				}
			}
		}
		streams = streams || strings.HasPrefix(in.name, "VMOVNT")
	}
	gateAligned(f, report)
	gateFlow(f, amd64Jumps, "JMP", report)
	// Without VZEROUPPER, SSE code of the caller would be slow ever after.
	targets := f.targets()
	for i, in := range f.body {
		if wide && in.name == "RET" && (i == 0 || f.body[i-1].name != "VZEROUPPER" || slices.Contains(targets, i)) {
			report(in, "is reached without VZEROUPPER")
		}
	}
	// Callers fence by what a kernel is. Four planes clear others past the cache even where they
	// do not stream.
	if want := strings.HasPrefix(f.name, "stream") || strings.Contains(f.name, "FourPlanes"); streams != want {
		report(instruction{line: f.line, text: f.name}, "has streaming stores %v, by its name %v", streams, want)
	}
}

// amd64Sets returns all that a function needs, sorted.
func amd64Sets(f function) []string {
	all := map[string]bool{}
	for _, in := range f.body {
		sets, _ := amd64Needs(in)
		for _, set := range sets {
			all[set] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// TestAvoAgreesOnWhatKernelsNeed compares the gate's table with avo's own.
func TestAvoAgreesOnWhatKernelsNeed(t *testing.T) {
	everywhere := words("CMOV MMX+ SSE SSE2")
	for file, text := range assembly(t) {
		if !strings.HasSuffix(file, "_amd64.s") {
			continue
		}
		functions, _ := parse(text)
		for _, f := range functions {
			if len(f.requires) == 0 && f.name != "pause" { // which is a NOP where it is unknown
				t.Errorf("%s: %s does not say what it requires", file, f.name)
			}
			var want []string
			for _, set := range f.requires {
				if !everywhere[set] {
					want = append(want, set)
				}
			}
			slices.Sort(want)
			if got := amd64Sets(f); !slices.Equal(got, want) {
				t.Errorf("%s: %s needs %v, avo says %v", file, f.name, got, want)
			}
		}
	}
}

// TestTiersAskForWhatTheGateAllows compares what a file may use with the features
// that package tier asks for before it uses the tier.
func TestTiersAskForWhatTheGateAllows(t *testing.T) {
	asked := map[string]bool{avx: true} // is asked for with AVX2
	lines := supportedBy(t, "tier_amd64.go")
	for i, tier := range []string{"avx2", "avx512"} { // each builds on the one before
		for _, m := range regexp.MustCompile(`cpu\.X86\.Has(\w+)|(f16c)\(\)`).FindAllStringSubmatch(lines[1-i], -1) {
			asked[m[1]+strings.ToUpper(m[2])] = true
		}
		got := slices.Sorted(maps.Keys(asked))
		want := slices.Sorted(slices.Values(tierSets[tier+"_amd64"]))
		if !slices.Equal(got, want) || strings.ContainsAny(lines[1-i], "|!") {
			t.Errorf("for %s the features %v are asked for, the gate allows %v: %s", tier, got, want, lines[1-i])
		}
	}
}

// supportedBy returns what a file of package tier asks for before it uses the two tiers
// of its architecture, best first.
func supportedBy(t *testing.T, name string) [2]string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "internal", "tier", name))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`return supported\(\n\t\t(.+),\n\t\t(.+),\n\t\)\n`).FindStringSubmatch(string(source))
	if m == nil {
		t.Fatalf("%s: found no list of what the CPU supports", name)
	}
	return [2]string(m[1:])
}
