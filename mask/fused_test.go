package mask_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// On arm64 and others Go fuses a product with a sum, which rounds once and not twice, unless
// the product is converted. Results are the same on every architecture if it never does.
func TestNoProductIsFusedWithASum(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("NOT TESTED: there is no go tool to compile with")
	}
	packages := []string{"build", "-gcflags=-S", "-o", os.DevNull, "."}
	if !testing.Short() {
		packages = append(packages, "..", "../layout", "../kernel", "../internal/draw", "../internal/dtype", "../internal/loop")
	}
	fused := regexp.MustCompile(`\(\S+\.go:\d+\)\s+FN?M(ADD|SUB)\w*`)
	suspect := [][]byte{[]byte("MADD"), []byte("MSUB")} // a regular expression takes long to look through all code
	for _, arch := range []string{"arm64", "riscv64"} {
		c := exec.Command(tool, packages...)
		c.Env = append(os.Environ(), "GOARCH="+arch, "GOOS=linux", "CGO_ENABLED=0")
		code, err := c.CombinedOutput()
		if err != nil || len(code) < 1<<16 {
			t.Fatalf("%s: %v, %d bytes of code: %.500s", arch, err, len(code), code)
		}
		for _, line := range bytes.Split(code, []byte("\n")) {
			if bytes.Contains(line, suspect[0]) || bytes.Contains(line, suspect[1]) {
				if f := fused.Find(line); f != nil {
					t.Errorf("%s: %s", arch, f)
				}
			}
		}
	}
}
