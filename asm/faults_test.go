package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// plant is a fault put into what the generator writes, which a test of its package must
// find: in the named function the first old becomes new.
type plant struct {
	fault    string
	routine  string // without a tier
	old, new string
	test     string
	says     string // what its message must contain
}

const (
	boundsTest  = "TestCallsStayWithinTheirOperands"
	meaningTest = "TestKernelsMeanTheirReferenceLoop"
	stateTest   = "TestCallsLeaveTheMachineAsItWas"
)

// amd64Plants are for the tier AVX2, which more machines have than the one above.
var amd64Plants = []plant{
	{"8 bytes are read of the last 4 of src", "multiplyPlanesF32",
		"VMOVSS (CX), X0", "VMOVSD (CX), X0", boundsTest, "0 bytes after src"},
	{"a byte before src is read", "affinePlanesF64",
		"\tMOVQ factors+16(FP), DX\n", "\tMOVB -1(CX), DX\n\tMOVQ factors+16(FP), DX\n", boundsTest, "1 bytes before src"},
	{"the line behind dst is read", "addPlanesF64",
		"\tVZEROUPPER\n", "\tMOVB (AX), DX\n\tVZEROUPPER\n", boundsTest, "0 bytes after dst"},
	{"a byte before the factors is read", "scalePixelsF64",
		"\tMOVQ length+32(FP), BX\n", "\tMOVB -1(DX), BX\n\tMOVQ length+32(FP), BX\n", boundsTest, "1 bytes before factors"},
	{"a line is written 8 bytes too far", "divideFourPlanesF64",
		"VMOVUPS Y8, 32(R10)", "VMOVUPS Y8, 40(R10)", meaningTest, "want"},
	{"8 bytes are written where 4 belong to dst", "dividePlanesF32",
		"VMOVSS X0, (AX)", "VMOVSD X0, (AX)", meaningTest, "of what surrounds dst"},
	{"8 bytes are written where 4 belong to dst, and fault", "addMultiplyPlanesF32",
		"VMOVSS X0, (AX)", "VMOVSD X0, (AX)", boundsTest, "0 bytes after dst"},
	{"the last element is multiplied twice", "multiplyPlanesF64",
		"\tVMULPD X0, X12, X0\n", "\tVMULPD X0, X12, X0\n\tVMULPD X0, X12, X0\n", meaningTest, "gave"},
	{"a vector of a row is multiplied twice", "multiplyPixelsF32",
		"\tVMOVUPS Y0, (AX)\n", "\tVMULPS Y8, Y0, Y0\n\tVMOVUPS Y0, (AX)\n", meaningTest, "gave"},
	{"an element is not written", "scalePlanesBF16",
		"\tVMOVUPS Y4, 96(AX)\n", "", meaningTest, "gave"},
	{"upper halves are left dirty", "affineMultiplyPixelsF32",
		"\tVZEROUPPER\n", "", stateTest, "in the upper half of Y"},
	{"the direction is left reversed", "affinePixelsF64",
		"\tVZEROUPPER\n", "\tSTD\n\tVZEROUPPER\n", stateTest, "Flags:1024"},
	{"rounding is set to zero", "affineMultiplyPlanesF32",
		"\tVZEROUPPER\n", "\tMOVL $0xff80, -8(SP)\n\tLDMXCSR -8(SP)\n\tVZEROUPPER\n", stateTest, "Control:65408"},
	{"a negative sum is kept", "affineMaxPlanesF32",
		"\tVANDPS Y8, Y0, Y0\n", "", meaningTest, "gave"},
	{"16 bytes are read of the last 8 of a line", "transpose16",
		"VMOVSD (R12)(R9*1), X3", "VMOVUPS (R12)(R9*1), X3", boundsTest, "0 bytes after src"},
	{"a line is taken for another", "transpose32",
		"VINSERTF128 $0x01, (R12)(BX*2), Y2, Y2", "VINSERTF128 $0x01, (R12), Y2, Y2", meaningTest, "gave"},
	{"upper halves are left dirty", "transpose64",
		"\tVZEROUPPER\n", "", stateTest, "in the upper half of Y"},
	{"a whole vector is stored where dst ends", "gatherPixelsF32",
		"JHI near", "", boundsTest, "0 bytes after dst"},
	{"a whole vector is loaded where src ends", "scatterPixelsF64",
		"JHI near", "", boundsTest, "0 bytes after src"},
	{"a dropped channel has what its lane came from", "streamScatterPixelsF32",
		"VANDPS Y15, Y0, Y0", "", meaningTest, "want"},
	{"planes are gathered in another order", "gatherPlanesF64",
		"BSFQ", "BSRQ", meaningTest, "want"},
	{"a plane that is not kept is not cleared", "scatterPlanesF32",
		"XORQ R11, R12", "XORQ R12, R12", meaningTest, "want"},
	{"what a dropped channel had is lost", "scatterAddPixelsF16",
		"VPBLENDVB X15, X4, X3, X4", "", meaningTest, "want"},
	{"a register is taken for zero", "scalePlanesF32",
		"\tVXORPS X13, X13, X13\n", "", stateTest, "wrote other bits with garbage"},
	{"a gate is never shut", "gradReLUPlanesF32",
		"\tVANDPS Y2, Y0, Y0\n", "", meaningTest, "gave"},
	{"a limit does not shut a gate", "gradReLUPlanesF64",
		"\tVANDPD Y1, Y2, Y2\n", "", meaningTest, "gave"},
	{"an infinite limit shuts a gate", "gradReLUPixelsF32",
		"\tVADDPS Y2, Y10, Y10\n", "", meaningTest, "gave"},
	{"a limit limits nothing", "fuseReLUPixelsF64",
		"\tVMINPD Y0, Y10, Y0\n", "", meaningTest, "gave"},
	{"what is negative is not attenuated", "fuseLeakyPlanesF64",
		"\tVBLENDVPD Y1, Y0, Y2, Y0\n", "", meaningTest, "gave"},
	{"the residual is not added", "fuseLeakyAddPixelsF32",
		"\tVADDPS Y0, Y1, Y0\n", "", meaningTest, "gave"},
	{"the residual of a dropped plane is copied in part", "fuseReLUAddPlanesF32",
		"\tVMOVUPS 96(R8), Y0\n\tVMOVUPS Y0, 96(AX)\n", "", meaningTest, "gave"},
	{"a sum is not rounded to halves", "fuseLeakyPixelsF16",
		"\tVCVTPS2PH $0x00, Y0, X6\n\tVCVTPH2PS X6, Y0\n", "", meaningTest, "gave"},
	{"8 bytes are read of the last 4 of aux", "gradLeakyPixelsF32",
		"VMOVSS (R8), X1", "VMOVSD (R8), X1", boundsTest, "0 bytes after aux"},
	{"a tie goes down", "fuseLeakyPlanesBF16",
		"\tVPOR Y6, Y0, Y0\n", "", meaningTest, "gave"},
	{"a tie goes up", "multiplyPixelsBF16",
		"\tVPSUBUSW Y6, Y0, Y0\n", "", meaningTest, "gave"},
	{"8 bytes are read of the last 4 of scales", "gradPixelsF32",
		"VMOVSS (SI)(R10*1), X5", "VMOVSD (SI)(R10*1), X5", boundsTest, "0 bytes after scales"},
	{"a byte after the limit is read", "gradLeakyPlanesF64",
		"\tVBROADCASTSD (R9), Y10\n", "\tVBROADCASTSD (R9), Y10\n\tMOVB 8(R9), R9\n", boundsTest, "0 bytes after limit"},
	{"upper halves are left dirty", "gradLeakyOutPlanesBF16",
		"\tVZEROUPPER\n", "", stateTest, "in the upper half of Y"},
	{"a register is taken for zero", "fuseReLUPlanesF32",
		"\tVXORPS X13, X13, X13\n", "", stateTest, "wrote other bits with garbage"},
}

var amd64DrawPlants = []plant{
	{"4 bytes are read after the trials", "philox",
		"\tVZEROUPPER\n", "\tMOVL 48(DX), AX\n\tVZEROUPPER\n", boundsTest, "0 bytes after trials"},
	{"a word too much is drawn", "mcg31",
		"\tVZEROUPPER\n", "\tMOVB AX, (AX)\n\tVZEROUPPER\n", boundsTest, "0 bytes after bits"},
	{"upper halves are left dirty", "compareWords",
		"\tVZEROUPPER\n", "", stateTest, "in the upper half of Y"},
}

var arm64Plants = []plant{
	{"8 bytes are read of the last 4 of src", "multiplyPlanesF32",
		"FMOVS.P 4(R1), F0", "FMOVD.P 4(R1), F0", boundsTest, "0 bytes after src"},
	{"8 bytes are written where 4 belong to dst", "dividePlanesF32",
		"FMOVS.P F0, 4(R0)", "FMOVD.P F0, 4(R0)", meaningTest, "of what surrounds dst"},
	{"an element is multiplied twice", "multiplyPlanesF64",
		"WORD    $0x6e78dc00 // fmul v0.2d, v0.2d, v24.2d\n", "WORD    $0x6e78dc00 // fmul v0.2d, v0.2d, v24.2d\n\tWORD    $0x6e78dc00\n", meaningTest, "gave"},
	{"rounding is set to zero", "affineMultiplyPlanesF32",
		"\tRET\n", "\tMOVD $0xc00000, R0\n\tMSR R0, FPCR\n\tRET\n", stateTest, "Control:12582912"},
	{"16 bytes are read of the last 8 of a line", "transpose16",
		"FMOVD.P 8(R11), F3", "FMOVQ (R11), F3\n\tADD $8, R11, R11", boundsTest, "0 bytes after src"},
	{"a row is taken for another", "transpose32",
		"FMOVQ F10, (R6)", "FMOVQ F11, (R6)", meaningTest, "gave"},
	{"a whole vector is stored where dst ends", "gatherPixelsF32",
		"BHI near", "", boundsTest, "0 bytes after dst"},
	{"a whole vector is loaded where src ends", "scatterPixelsBF16",
		"BHI near", "", boundsTest, "0 bytes after src"},
	{"a gate is never shut", "gradReLUPlanesF32",
		"\tVBIT V16.B16, V28.B16, V0.B16\n", "", meaningTest, "gave"},
	{"a limit limits nothing", "fuseReLUPixelsF64",
		"\tWORD $0x4efbf400 // fmin v0.2d, v0.2d, v27.2d\n", "", meaningTest, "gave"},
	{"8 bytes are read of the last 4 of aux", "gradLeakyOutPlanesF32",
		"FMOVS.P 4(R13), F8", "FMOVD.P 4(R13), F8", boundsTest, "0 bytes after aux"},
	{"the platform's register is written", "affinePlanesF32",
		"\tRET\n", "\tMOVD $5, R18_PLATFORM\n\tRET\n", stateTest, "Other:5"},
}

var arm64DrawPlants = []plant{
	{"a byte before the bits is written", "threefry",
		"\tMOVD words+8(FP)", "\tMOVB R0, -1(R0)\n\tMOVD words+8(FP)", boundsTest, "1 bytes before bits"},
}

// plantAll returns the files with all plants, which must be in different functions, so
// that one program shows them all.
func plantAll(t *testing.T, files map[string][]byte, folder, tier, arch string, plants []plant) map[string]string {
	t.Helper()
	all := map[string]string{}
	spaces := regexp.MustCompile(`[ \t]+`)
	planted := map[string]bool{}
	for _, p := range plants {
		symbol := "TEXT ·" + p.routine + tier + "("
		if planted[symbol] {
			t.Fatalf("two plants in %s", symbol)
		}
		planted[symbol] = true
		found := false
		for name, file := range files {
			if path.Dir(name) != folder || !strings.HasSuffix(name, arch+".s") {
				continue
			}
			text := string(file)
			if before, ok := all[name]; ok {
				text = before
			}
			begin := strings.Index(text, symbol)
			if begin < 0 {
				continue
			}
			end := len(text)
			if next := strings.Index(text[begin+1:], "\nTEXT ·"); next >= 0 {
				end = begin + 1 + next
			}
			// avo aligns what follows a mnemonic with as many spaces as it needs.
			old := regexp.MustCompile(spaces.ReplaceAllString(regexp.QuoteMeta(p.old), `[ \t]+`))
			at := old.FindStringIndex(text[begin:end])
			if at == nil {
				t.Fatalf("%s%s has no %q", p.routine, tier, p.old)
			}
			all[name] = text[:begin+at[0]] + p.new + text[begin+at[1]:]
			found = true
		}
		if !found {
			t.Fatalf("there is no %s%s", p.routine, tier)
		}
	}
	return all
}

// TestPlantedFaultsAreFound builds the tests of the packages with faults in the assembly,
// and without, and has each fault found by the test that is there for it.
func TestPlantedFaultsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds and runs the tests of other packages")
	}
	files, err := generatedFiles()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("amd64", func(t *testing.T) {
		testPlants(t, files, "kernel", "AVX2", "amd64", nil, amd64Plants)
		testPlants(t, files, "internal/draw", "AVX2", "amd64", nil, amd64DrawPlants)
	})
	t.Run("arm64", func(t *testing.T) {
		qemu, err := exec.LookPath("qemu-aarch64")
		if err != nil {
			t.Skip("there is no qemu-aarch64")
		}
		cortex := []string{qemu, "-cpu", "cortex-a53"}
		testPlants(t, files, "kernel", "NEON", "arm64", cortex, arm64Plants)
		testPlants(t, files, "internal/draw", "NEON", "arm64", cortex, arm64DrawPlants)
	})
}

// writeOverlay writes files of the repository with other texts, by their names in it, into dir. It
// returns the file for the flag -overlay of the go command.
func writeOverlay(t *testing.T, dir, root string, files map[string]string) string {
	t.Helper()
	overlay := map[string]map[string]string{"Replace": {}}
	for name, text := range files {
		file := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(root, filepath.FromSlash(name))] = file
	}
	replacements, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay")
	if err := os.WriteFile(file, replacements, 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// buildTest builds the tests of the package in a folder and returns the program.
func buildTest(t *testing.T, folder, program string, environment []string, arguments ...string) string {
	t.Helper()
	c := exec.Command("go", append(append([]string{"test", "-c", "-vet=off", "-ldflags=-w", "-o", program}, arguments...), ".")...)
	c.Dir = folder
	c.Env = append(append(os.Environ(), "GOFLAGS=-trimpath"), environment...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// testPlants plants faults in the assembly of one package, by its folder.
func testPlants(t *testing.T, files map[string][]byte, folder, tier, arch string, emulator []string, plants []plant) {
	dir := t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	tested := filepath.Join(root, filepath.FromSlash(folder))
	overlay := writeOverlay(t, dir, root, plantAll(t, files, folder, tier, arch, plants))
	build := func(program string, arguments ...string) string {
		return buildTest(t, tested, filepath.Join(dir, program), []string{"GOARCH=" + arch}, arguments...)
	}
	run := func(program string, p plant) (string, error) {
		pattern := fmt.Sprintf("^%s$/^%s$/^%s$", p.test, strings.ToLower(tier), p.routine)
		if p.test == meaningTest {
			pattern = fmt.Sprintf("^%s$/^%s$/^%s$", p.test, p.routine, strings.ToLower(tier))
		}
		arguments := append(append([]string(nil), emulator...), program, "-test.short", "-test.v", "-test.run", pattern)
		c := exec.Command(arguments[0], arguments[1:]...)
		c.Dir = tested
		out, err := c.CombinedOutput()
		if !strings.Contains(string(out), "/"+p.routine) {
			t.Fatalf("%s has not run: %s", pattern, out)
		}
		return string(out), err
	}
	planted, sound := build("planted", "-overlay", overlay), build("sound")
	t.Run("untested in "+folder, func(t *testing.T) {
		file := strings.ToLower(tier) + "_" + arch + ".s"
		if folder == "kernel" {
			file = "f32_" + file
		}
		testUntested(t, tested, plants[0].routine, file, tier, append(emulator[:len(emulator):len(emulator)], sound))
	})
	for _, p := range plants {
		t.Run(p.routine, func(t *testing.T) {
			if out, err := run(sound, p); err != nil {
				t.Fatalf("%s fails without a plant: %v\n%s", p.test, err, out)
			}
			out, err := run(planted, p)
			if err == nil {
				t.Errorf("%s: %s does not find it", p.fault, p.test)
			} else if !strings.Contains(out, p.says) {
				t.Errorf("%s: %s says %s, want %q", p.fault, p.test, out, p.says)
			}
		})
	}
}

// testUntested renames a function of assembly: the tests must find one that they do not
// range over, and a routine without one.
func testUntested(t *testing.T, tested, routine, name, tier string, program []string) {
	dir := t.TempDir()
	names, err := filepath.Glob(filepath.Join(tested, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if ext := filepath.Ext(name); ext == ".s" || ext == ".go" {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func() (string, error) {
		c := exec.Command(program[0], append(program[1:len(program):len(program)], "-test.run", "^TestNoAssemblyIsUntested$")...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := run(); err != nil {
		t.Fatalf("it fails without a plant: %v\n%s", err, out)
	}
	file := filepath.Join(dir, name)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	renamed := strings.Replace(string(text), "TEXT ·"+routine+tier+"(", "TEXT ·another"+tier+"(", 1)
	if err := os.WriteFile(file, []byte(renamed), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := run()
	for _, want := range []string{"another" + tier + " is in the assembly, and nothing calls it", routine + tier + ", called for " + routine + ", is not in the assembly"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%v: %s, want %q", err, out, want)
		}
	}
}
