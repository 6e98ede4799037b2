package machine

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
)

// Suffixes are what the names of assembly functions end with, by architecture, best
// tier first.
var Suffixes = map[string][]string{
	"amd64": {"AVX512", "AVX2"},
	"arm64": {"NEONFP16", "NEON"},
}

// CheckSymbols fails if the package in the working directory has a function of
// assembly, for an architecture, that its tests do not range over. want has the
// functions that generated dispatch must call for each routine the tests know, best
// tier first; direct are functions that other code calls.
func CheckSymbols(t *testing.T, arch string, want map[string][]string, direct ...string) {
	t.Helper()
	symbols, dispatched := symbols(t, arch), dispatched(t, arch)
	called := map[string]bool{}
	for _, name := range direct {
		called[name] = true
	}
	for name, want := range want {
		got := dispatched[name]
		delete(dispatched, name)
		if !slices.Equal(got, want) {
			t.Errorf("dispatch calls %v for %s, want %v", got, name, want)
		}
		for _, s := range got {
			called[s] = true
			if !symbols[s] {
				t.Errorf("%s, called for %s, is not in the assembly", s, name)
			}
		}
	}
	for name, by := range dispatched {
		t.Errorf("no test knows %s, for which dispatch calls %v", name, by)
	}
	for s := range symbols {
		if !called[s] {
			t.Errorf("%s is in the assembly, and nothing calls it", s)
		}
	}
}

// symbols returns the functions of the assembly for an architecture.
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
				t.Errorf("two functions have the name %s", m[1])
			}
			all[m[1]] = true
		}
	}
	return all
}

// dispatched returns the functions that the generated dispatch for an architecture
// calls, by routine: a case that is a constant names one, or else the function that
// dispatches, without its prefix and in lower case.
func dispatched(t *testing.T, arch string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	names, err := filepath.Glob("dispatch_*" + arch + ".go")
	if err != nil || len(names) == 0 {
		t.Fatalf("dispatch for %s: %v, %v", arch, names, err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		var routine string
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				routine = strings.ToLower(strings.TrimPrefix(n.Name.Name, "dispatch"))
			case *ast.CaseClause:
				for _, e := range n.List {
					if name, ok := e.(*ast.Ident); ok {
						routine = name.Name
					}
				}
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.Ident); ok && hasTier(arch, name.Name) {
					all[routine] = append(all[routine], name.Name)
				}
			}
			return true
		})
	}
	return all
}

func hasTier(arch, symbol string) bool {
	return slices.ContainsFunc(Suffixes[arch], func(suffix string) bool { return strings.HasSuffix(symbol, suffix) })
}
