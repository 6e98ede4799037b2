package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
)

func TestGeneratedFilesAreWhatTheGeneratorWrites(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "kernel", name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("kernel/%s is not what the generator writes: run go generate", name)
		}
	}
}

// armFP16 is what binutils make of the words that arm64asm does not know:
//
//	sed -n 's/.*WORD *\$\(0x.e[45][0-9a-f]*\) .*/.inst \1/p' kernel/neonfp16_arm64.s | sort -u |
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
  30:	6e441c00 	fmul	v0.8h, v0.8h, v4.8h
  34:	6e443c00 	fdiv	v0.8h, v0.8h, v4.8h
  38:	6e451c21 	fmul	v1.8h, v1.8h, v5.8h
  3c:	6e453c21 	fdiv	v1.8h, v1.8h, v5.8h
  40:	6e461c42 	fmul	v2.8h, v2.8h, v6.8h
  44:	6e463c42 	fdiv	v2.8h, v2.8h, v6.8h
  48:	6e471c63 	fmul	v3.8h, v3.8h, v7.8h
  4c:	6e473c63 	fdiv	v3.8h, v3.8h, v7.8h
  50:	6e581c00 	fmul	v0.8h, v0.8h, v24.8h
  54:	6e581c21 	fmul	v1.8h, v1.8h, v24.8h
  58:	6e581c42 	fmul	v2.8h, v2.8h, v24.8h
  5c:	6e581c63 	fmul	v3.8h, v3.8h, v24.8h
  60:	6e581e00 	fmul	v0.8h, v16.8h, v24.8h
  64:	6e581e21 	fmul	v1.8h, v17.8h, v24.8h
  68:	6e581e42 	fmul	v2.8h, v18.8h, v24.8h
  6c:	6e581e63 	fmul	v3.8h, v19.8h, v24.8h
  70:	6e583c00 	fdiv	v0.8h, v0.8h, v24.8h
  74:	6e583c21 	fdiv	v1.8h, v1.8h, v24.8h
  78:	6e583c42 	fdiv	v2.8h, v2.8h, v24.8h
  7c:	6e583c63 	fdiv	v3.8h, v3.8h, v24.8h
  80:	6e583e00 	fdiv	v0.8h, v16.8h, v24.8h
  84:	6e583e21 	fdiv	v1.8h, v17.8h, v24.8h
  88:	6e583e42 	fdiv	v2.8h, v18.8h, v24.8h
  8c:	6e583e63 	fdiv	v3.8h, v19.8h, v24.8h
`

// arm64Words returns the hand-encoded instructions of an assembly file and what
// their comments say.
func arm64Words(t *testing.T, file []byte) map[uint32]string {
	t.Helper()
	all := map[uint32]string{}
	lines := regexp.MustCompile(`WORD +\$0x([0-9a-f]{8}) // (.+)`).FindAllSubmatch(file, -1)
	if n := bytes.Count(file, []byte("WORD")); len(lines) != n || n == 0 {
		t.Fatalf("%d of %d words have a comment", len(lines), n)
	}
	for _, l := range lines {
		word, err := strconv.ParseUint(string(l[1]), 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		text := string(l[2])
		if before, ok := all[uint32(word)]; ok && before != text {
			t.Fatalf("%#08x is said to be %s and %s", word, before, text)
		}
		all[uint32(word)] = text
	}
	return all
}

// TestWordsAreWhatTheirCommentsSay decodes every hand-encoded instruction with
// an independent decoder.
func TestWordsAreWhatTheirCommentsSay(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	dump := map[uint32]string{}
	for _, l := range regexp.MustCompile(`:\t([0-9a-f]{8}) \t(.+)`).FindAllStringSubmatch(armFP16, -1) {
		word, err := strconv.ParseUint(l[1], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		dump[uint32(word)] = l[2]
	}
	if n := strings.Count(armFP16, "\n") - 1; len(dump) != n {
		t.Fatalf("read %d words of %d lines", len(dump), n)
	}
	spaces := strings.NewReplacer(", ", ",", "\t", " ")
	for name, file := range files {
		if !strings.HasSuffix(name, "_arm64.s") {
			continue
		}
		for word, text := range arm64Words(t, file) {
			var code [4]byte
			binary.LittleEndian.PutUint32(code[:], word)
			got := ""
			if inst, err := arm64asm.Decode(code[:]); err == nil {
				got = arm64asm.GNUSyntax(inst)
			} else if got = dump[word]; got == "" {
				t.Errorf("%s: %#08x, %s: %v, and binutils were not asked", name, word, text, err)
				continue
			}
			if spaces.Replace(got) != spaces.Replace(text) {
				t.Errorf("%s: %#08x is %s, its comment says %s", name, word, got, text)
			}
		}
	}
}

// TestOnlyNEONFP16ComputesInFloat16 looks for arithmetic that not every arm64
// has: the first tier has none of it, the second no other, and no more kernels
// than need it.
func TestOnlyNEONFP16ComputesInFloat16(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, tier := range []string{arm64Tier, arm64FP16Tier} {
		name := strings.ToLower(tier) + "_arm64.s"
		for word, text := range arm64Words(t, files[name]) {
			// The class "SIMD three same (FP16)" of the Arm Architecture Reference Manual.
			fp16 := word&0x9f60c400 == 0x0e400400
			if want := tier == arm64FP16Tier && strings.HasPrefix(text, "f"); fp16 != want {
				t.Errorf("%s: %#08x, %s: needs FEAT_FP16 %v, want %v", name, word, text, fp16, want)
			}
		}
		var want []string
		for _, k := range kernels() {
			if !k.stream && !k.braid && (tier == arm64Tier || k.elem.name == "F16") {
				want = append(want, k.name()+tier)
			}
		}
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^TEXT ·(\w+)`).FindAllSubmatch(files[name], -1) {
			got = append(got, string(m[1]))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s has functions %v, want %v", name, got, want)
		}
	}
}

// TestEveryARM64Draws looks for what not every arm64 has where both tiers draw, and
// for every kernel.
func TestEveryARM64Draws(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	const name = "draw_neon_arm64.s"
	for word, text := range arm64Words(t, files[name]) {
		if word&0x9f60c400 == 0x0e400400 { // as in TestOnlyNEONFP16ComputesInFloat16
			t.Errorf("%s: %#08x, %s needs FEAT_FP16", name, word, text)
		}
	}
	var want, got []string
	for _, d := range draws {
		want = append(want, d.name+arm64Tier)
	}
	for _, m := range regexp.MustCompile(`(?m)^TEXT ·(\w+)`).FindAllSubmatch(files[name], -1) {
		got = append(got, string(m[1]))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s has functions %v, want %v", name, got, want)
	}
	if reserved := regexp.MustCompile(`\bR(1[678]|2[789]|30)\b`).Find(files[name]); reserved != nil {
		t.Errorf("%s uses %s", name, reserved)
	}
}

// TestKernelsStayWithinTheirTier looks for what the feature tests of a tier do
// not promise, and for what every kernel must do before it returns.
func TestKernelsStayWithinTheirTier(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, allowed := range map[string]string{
		"avx2_amd64.s":        "AVX AVX2 CMOV F16C MMX+ SSE SSE2",
		"avx512_amd64.s":      "AVX AVX2 CMOV F16C MMX+ SSE SSE2 AVX512F AVX512VL AVX512DQ AVX512BW",
		"draw_avx2_amd64.s":   "AVX AVX2 CMOV F16C MMX+ SSE SSE2",
		"draw_avx512_amd64.s": "AVX AVX2 CMOV F16C MMX+ SSE SSE2 AVX512F AVX512VL AVX512DQ AVX512BW",
	} {
		functions := strings.Split(string(files[name]), "\nTEXT ·")
		want := 0
		plain, drawing := strings.CutPrefix(name, "draw_")
		if drawing {
			want = len(draws)
		}
		for _, k := range kernels() {
			if tier := strings.ToUpper(plain[:strings.Index(plain, "_")]); !drawing && k.symbol(tier) == k.name()+tier {
				want++
			}
		}
		if len(functions)-1 != want {
			t.Errorf("%s has %d functions, want one for each of %d kernels", name, len(functions)-1, want)
		}
		for i, body := range functions[1:] {
			kernel := body[:strings.Index(body, "(")]
			requires := regexp.MustCompile(`// Requires: (.+)\n$`).FindStringSubmatch(functions[i] + "\n")
			if requires == nil {
				t.Fatalf("%s does not say what it requires", kernel)
			}
			for _, isa := range strings.Split(requires[1], ", ") {
				if !strings.Contains(" "+allowed+" ", " "+isa+" ") {
					t.Errorf("%s in %s needs %s", kernel, name, isa)
				}
			}
			if high := regexp.MustCompile(`\b[XYZ](1[6-9]|2\d|3[01])\b`).FindString(body); high != "" {
				t.Errorf("%s uses %s, whose upper half VZEROUPPER does not clear", kernel, high)
			}
			if plain == "avx2_amd64.s" && regexp.MustCompile(`\b(Z\d+|K\d)\b`).MatchString(body) {
				t.Errorf("%s uses registers of AVX-512", kernel)
			}
			if strings.Count(body, "VZEROUPPER\n\tRET") != strings.Count(body, "RET\n") {
				t.Errorf("%s returns without VZEROUPPER", kernel)
			}
			// Braids clear past the cache even where they do not stream.
			if strings.Contains(body, "VMOVNT") != (strings.HasPrefix(kernel, "stream") || strings.Contains(kernel, "Braid")) {
				t.Errorf("%s has streaming stores and not the name, or the name and no such store", kernel)
			}
		}
	}
}

// TestDivisionsAreDivisions looks for products, and estimates of reciprocals, where
// a quotient is promised: it is not always their result.
func TestDivisionsAreDivisions(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	divisions := regexp.MustCompile(`\b(VDIVP[SD]|fdiv)\b`)
	others := regexp.MustCompile(`\b(VMULP[SD]|VRCP\w+|VF\w*M(ADD|SUB)\w+|fmul|frecp\w|fml[as]|VFML[AS])\b`)
	for name, file := range files {
		if !strings.HasSuffix(name, ".s") || name == "fence_amd64.s" || strings.HasPrefix(name, "draw_") {
			continue // what is left computes with elements
		}
		for _, body := range strings.Split(string(file), "\nTEXT ·")[1:] {
			kernel := body[:strings.Index(body, "(")]
			want := strings.Contains(strings.ToLower(kernel), "divide")
			if divides, multiplies := divisions.MatchString(body), others.MatchString(body); divides != want || multiplies == want {
				t.Errorf("%s divides %v and multiplies %v", kernel, divides, multiplies)
			}
		}
	}
}

func TestFenceIsAStoreFence(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(files["fence_amd64.s"], []byte("\tSFENCE\n\tRET\n")) {
		t.Errorf("fence_amd64.s:\n%s", files["fence_amd64.s"])
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
