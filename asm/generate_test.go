package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
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

// TestWordsAreWhatTheirCommentsSay decodes every hand-encoded instruction with
// an independent decoder.
func TestWordsAreWhatTheirCommentsSay(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	words := regexp.MustCompile(`WORD +\$0x([0-9a-f]{8}) // (.+)`).FindAllSubmatch(files["neon_arm64.s"], -1)
	if all := bytes.Count(files["neon_arm64.s"], []byte("WORD")); len(words) != all || all == 0 {
		t.Fatalf("%d of %d words have a comment", len(words), all)
	}
	for _, w := range words {
		word, err := strconv.ParseUint(string(w[1]), 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		var code [4]byte
		binary.LittleEndian.PutUint32(code[:], uint32(word))
		inst, err := arm64asm.Decode(code[:])
		if err != nil {
			t.Fatalf("%#08x, %s: %v", word, w[2], err)
		}
		blanks := strings.NewReplacer(", ", ",")
		if got := arm64asm.GNUSyntax(inst); blanks.Replace(got) != blanks.Replace(string(w[2])) {
			t.Errorf("%#08x is %s, its comment says %s", word, got, w[2])
		}
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
		"avx2_amd64.s":   "AVX AVX2 F16C MMX+ SSE SSE2",
		"avx512_amd64.s": "AVX AVX2 F16C MMX+ SSE SSE2 AVX512F AVX512VL AVX512DQ AVX512BW",
	} {
		functions := strings.Split(string(files[name]), "\nTEXT ·")
		want := 0
		for _, k := range kernels() {
			if tier := strings.ToUpper(name[:strings.Index(name, "_")]); k.symbol(tier) == k.name()+tier {
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
			if name == "avx2_amd64.s" && regexp.MustCompile(`\b(Z\d+|K\d)\b`).MatchString(body) {
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
