package kernel_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// buildTags returns the tags that this test was built with.
func buildTags() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				return s.Value
			}
		}
	}
	return ""
}

// linkedBy returns the symbols of a program that is one statement.
func linkedBy(t *testing.T, tool, tags, statement string) []byte {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	// The overlay puts the program into the module, which has its dependencies.
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	imports := `"fmt"`
	for _, path := range []string{"spatialdropout", "spatialdropout/layout", "spatialdropout/kernel"} {
		if strings.Contains(statement, filepath.Base(path)+".") {
			imports += "; \"github.com/spatialdropout/" + path + `"`
		}
	}
	program := write("main.go", []byte("package main\n\nimport ("+imports+")\n\nfunc main() { fmt.Println(); "+statement+" }\n"))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, "testdata", "linked", "main.go"): program}})
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "linked")
	run := func(args ...string) []byte {
		cmd := exec.Command(tool, args...)
		cmd.Env = append(os.Environ(), "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", cmd, err, out)
		}
		return out
	}
	run("build", "-overlay", write("overlay.json", overlay), "-tags", tags, "-o", binary, "./testdata/linked")
	return run("tool", "nm", binary)
}

// TestProgramsContainOnlyTheKindsTheyName builds programs and reads their symbols. A table or
// a switch that reaches every kind would link all of their assembly, most of which is for
// halves.
func TestProgramsContainOnlyTheKindsTheyName(t *testing.T) {
	tool, err := exec.LookPath("go") // which "go test" puts on the path
	if err != nil {
		t.Skip("NOT TESTED: there is no go tool to link programs with")
	}
	if kernel.Instrumented {
		return // the programs are the same
	}
	tags := buildTags()
	assembly := (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64") && !slices.Contains(strings.Split(tags, ","), "purego")
	for _, c := range []struct{ kinds, statement, fused string }{
		{"F32", `x := []float32{1}; v := kernel.Of(x); fmt.Println(kernel.RunFused(&kernel.Fused{Factors: v, Scales: v, Shifts: v}, v, v, nil, 0))`, "F32"},
		{"F16 F64", `x, y := kernel.As(kernel.F16, []uint16{1}), kernel.Of([]float64{1}); fmt.Println(kernel.RunFused(&kernel.Fused{Factors: x, Scales: x, Shifts: x}, x, x, nil, 0), y)`, "F16 F64"},
		{"F32", `x := []float32{1}; kernel.Pixels(kernel.Scale, x, x, x, nil)`, ""},
		{"F32", `x := kernel.Of([]float32{1}); fmt.Println(kernel.Run(kernel.Affine, x, x, x, x, nil, 0))`, ""},
		{"F64", `x := []float64{1}; kernel.Planes(kernel.Divide, x, x, x, nil, 1)`, ""},
		{"F16", `x := kernel.As(kernel.F16, []uint16{1}); kernel.PixelsOf(kernel.Scale, x, x, x, kernel.Vector{})`, ""},
		{"BF16", `x := kernel.As(kernel.BF16, []uint16{1}); fmt.Println(kernel.Run(kernel.Scale, x, x, x, kernel.Vector{}, nil, 0))`, ""},
		{"F32 F64", `x, y := []float32{1}, []float64{1}; kernel.Pixels(kernel.Add, x, x, x, nil); kernel.Pixels(kernel.Add, y, y, y, nil)`, ""},
		{"", `fmt.Println(kernel.Tier(), kernel.Copy, kernel.Vector{}.Len())`, ""},
	} {
		if testing.Short() && c.kinds != "F32" {
			continue
		}
		symbols := linkedBy(t, tool, tags, c.statement)
		for what, pattern := range map[string]string{
			"dispatch":       `kernel\.dispatch(F32|F64|F16|BF16)\b`,
			"assembly":       `kernel\.\w+?(F32|F64|BF16|F16)(?:AVX512|AVX2|NEONFP16|NEON)\b`,
			"fused dispatch": `kernel\.dispatchFused(F32|F64|F16|BF16)\b`,
			"fused assembly": `kernel\.(?:fuse|grad)\w*?(F32|F64|BF16|F16)(?:AVX512|AVX2|NEONFP16|NEON)\b`,
		} {
			got := []string{}
			for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(symbols, -1) {
				if kind := string(m[1]); !slices.Contains(got, kind) {
					got = append(got, kind)
				}
			}
			slices.Sort(got)
			want := strings.Fields(c.kinds)
			if strings.HasPrefix(what, "fused") {
				want = strings.Fields(c.fused)
			}
			if strings.HasSuffix(what, "assembly") && !assembly {
				want = nil
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: a program with %s of %v, want %v", c.statement, what, got, want)
			}
		}
	}
}

// A program contains the other families of kernels only if it calls one, and for the kinds that it names.
func TestProgramsContainOnlyTheFamiliesTheyCall(t *testing.T) {
	tool, err := exec.LookPath("go") // which "go test" puts on the path
	if err != nil {
		t.Skip("NOT TESTED: there is no go tool to link programs with")
	}
	if kernel.Instrumented {
		return // the programs are the same
	}
	const x = `x := []float32{1}; `
	for _, c := range []struct{ statement, want string }{
		{x + `kernel.Pixels(kernel.Scale, x, x, x, nil)`, ""},
		{x + `v := kernel.Of(x); fmt.Println(kernel.Run(kernel.Affine, v, v, v, v, nil, 0))`, ""},
		{x + `v := kernel.Of(x); fmt.Println(kernel.RunCompact(kernel.Scatter, v, v, v, nil, 0))`, "F32 compact"},
		{`v := kernel.As(kernel.F16, []uint16{1}); fmt.Println(kernel.RunCompact(kernel.Gather, v, v, v, nil, 0))`, "F16 compact"},
	} {
		// The methods of Kind.more: what they call is inlined where there is no assembly.
		var got []string
		for _, m := range regexp.MustCompile(`kernel\.\(?\*?more(F32|F64|F16|BF16)\)?\.(compact|fused)\b`).FindAllSubmatch(linkedBy(t, tool, buildTags(), c.statement), -1) {
			if family := string(m[1]) + " " + string(m[2]); !slices.Contains(got, family) {
				got = append(got, family)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: a program with %v, want %s", c.statement, got, c.want)
		}
	}
}

// A program contains what runs lists only if it makes one, and what joins tensors only if it has any.
func TestProgramsContainOnlyTheTensorsTheyMake(t *testing.T) {
	tool, err := exec.LookPath("go") // which "go test" puts on the path
	if err != nil {
		t.Skip("NOT TESTED: there is no go tool to link programs with")
	}
	if kernel.Instrumented {
		return // the programs are the same
	}
	const x, g = `x := []float32{1}; `, `x := []float32{1}; g, _ := layout.NC.Of(1, 1); `
	for _, c := range []struct{ statement, want string }{
		{x + `v := kernel.Of(x); fmt.Println(kernel.Run(kernel.Scale, v, v, v, kernel.Vector{}, nil, 0))`, ""},
		{x + `v := kernel.OfList([][]float32{x, x}); fmt.Println(kernel.Run(kernel.Scale, v, v, kernel.Of(x), kernel.Vector{}, nil, 0))`, "kernel.listRun"},
		{g + `fmt.Println(spatialdropout.Apply(x, x, nil, g))`, ""},
		{g + `t := spatialdropout.Of(x, g); fmt.Println(spatialdropout.ApplyTensor(t, t, nil, 0))`, "layout.Join"},
		{g + `t := spatialdropout.Tensor{Data: kernel.OfList([][]float32{x}), Geometry: g}; fmt.Println(spatialdropout.ApplyTensor(t, t, nil, 0))`, "kernel.listRun layout.Join"},
	} {
		var got []string
		for _, m := range regexp.MustCompile(`/(kernel\.listRun|layout\.Join)\b`).FindAllSubmatch(linkedBy(t, tool, buildTags(), c.statement), -1) {
			if name := string(m[1]); !slices.Contains(got, name) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: a program with %v, want %q", c.statement, got, c.want)
		}
	}
}

// TestPuregoLinksOnlyPlainGo asks the go command what programs link with the tag purego:
// nothing outside this module and the standard library, and no assembly or C of this module.
func TestPuregoLinksOnlyPlainGo(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("NOT TESTED: there is no go tool to ask")
	}
	const module = "github.com/spatialdropout/spatialdropout"
	list := func(arch, tags string) string {
		c := exec.Command(tool, "list", "-tags", tags, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}} {{.SFiles}} {{.CgoFiles}}{{end}}", "../...")
		c.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", c, err, out)
		}
		return string(out)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		packages := strings.Split(strings.TrimSpace(list(arch, "purego")), "\n")
		if len(packages) < 10 {
			t.Fatalf("%s: %d packages: %v", arch, len(packages), packages)
		}
		for _, p := range packages {
			if p != module+" [] []" && (!strings.HasPrefix(p, module+"/") || !strings.HasSuffix(p, " [] []")) {
				t.Errorf("%s: with purego programs link %s", arch, p)
			}
		}
		// What the list must not show is there without the tag.
		if all := list(arch, ""); !strings.Contains(all, "golang.org/x/sys/cpu [") || !strings.Contains(all, module+"/kernel [bf16_") {
			t.Errorf("%s: without a tag programs link %s", arch, all)
		}
	}
}
