package kernel

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// suffixes are what the names of assembly functions end with, by architecture, best
// tier first, as [dispatch] chooses.
var suffixes = map[string][]string{
	"amd64": {"AVX512", "AVX2"},
	"arm64": {"NEONFP16", "NEON"},
}

// symbols returns the functions of the assembly of an architecture.
func symbols(t *testing.T, arch string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_" + arch + ".s")
	if err != nil || len(files) == 0 {
		t.Fatalf("assembly for %s: %v, %v", arch, files, err)
	}
	all := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^TEXT\s+·?(\w+)`).FindAllStringSubmatch(string(text), -1) {
			if all[m[1]] {
				t.Errorf("%s is there twice", m[1])
			}
			all[m[1]] = true
		}
	}
	return all
}

// dispatched returns which functions the generated dispatch of an architecture calls for
// each kernel: for kernels by their case, for draws by the function's own name.
func dispatched(t *testing.T, arch string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, name := range []string{"dispatch_" + arch + ".go", "dispatch_draw_" + arch + ".go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		var kernel string
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				kernel = strings.ToLower(strings.TrimPrefix(n.Name.Name, "dispatch"))
			case *ast.CaseClause:
				for _, e := range n.List {
					if name, ok := e.(*ast.Ident); ok && !strings.HasPrefix(name.Name, "use") {
						kernel = name.Name
					}
				}
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); ok && hasTier(arch, name.Name) {
					all[kernel] = append(all[kernel], name.Name)
				}
			}
			return true
		})
	}
	return all
}

func hasTier(arch, symbol string) bool {
	return slices.ContainsFunc(suffixes[arch], func(suffix string) bool { return strings.HasSuffix(symbol, suffix) })
}

// TestNoAssemblyIsUntested fails if there is a function of assembly that the tests do
// not range over: each must be a kernel of the catalogue, or one of drawCalls, on a tier,
// and be what dispatch calls there.
func TestNoAssemblyIsUntested(t *testing.T) {
	for arch, suffixes := range suffixes {
		t.Run(arch, func(t *testing.T) {
			symbols, dispatched := symbols(t, arch), dispatched(t, arch)
			called := map[string]bool{}
			check := func(name string, want []string) {
				got := dispatched[name]
				delete(dispatched, name)
				if !slices.Equal(got, want) {
					t.Errorf("%s is done by %v, want %v", name, got, want)
				}
				for _, s := range got {
					called[s] = true
					if !symbols[s] {
						t.Errorf("%s, which does %s, is not in the assembly", s, name)
					}
				}
			}
			for _, c := range catalogue[none+1:] {
				name, tiers := c.name, suffixes
				half := c.typ == dtype.Float16 || c.typ == dtype.BFloat16
				switch {
				case arch == "amd64" && (c.past || c.shape == fourPlanes) && !half:
					tiers = []string{"AVX2", "AVX2"} // memory is what they wait for
				case arch == "arm64" && c.shape == fourPlanes:
					tiers = nil // plane by plane, in Go
				case arch == "arm64" && c.typ != dtype.Float16:
					tiers = []string{"NEON", "NEON"}
				}
				if arch == "arm64" && c.past {
					name = strings.ToLower(name[6:7]) + name[7:] // with ordinary stores
				}
				var want []string
				for _, tier := range tiers {
					want = append(want, name+tier)
				}
				check(c.name, want)
			}
			for _, d := range drawCalls {
				want := []string{d.name + suffixes[0], d.name + suffixes[1]}
				if arch == "arm64" {
					want[0] = want[1]
				}
				check(strings.ToLower(d.name), want)
			}
			for name, by := range dispatched {
				t.Errorf("%s, done by %v, is not in the catalogue, or not in drawCalls", name, by)
			}
			if arch == "amd64" {
				called["fence"] = true // see TestFenceIsAStoreFence in asm
			}
			for s := range symbols {
				if !called[s] {
					t.Errorf("%s is in the assembly, and nothing calls it", s)
				}
			}
		})
	}
}
