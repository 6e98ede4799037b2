package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// stems are the names of the files with kernels, without the extension.
var stems = []string{"f32_neon_arm64", "f64_neon_arm64", "f16_neon_arm64", "bf16_neon_arm64", "f16_neonfp16_arm64"}

//go:embed calls.go
var callsFile []byte

// mainFile is the program that calls every kernel in every way, without the operands
// and the calls.
const mainFile = `package main

import "unsafe"

// memory is an operand of the largest call, of any type.
type memory [2 * long * 8]byte

var %s memory

func pointer[T any](m *memory) *T { return (*T)(unsafe.Pointer(m)) }

// fill makes every factor 0 or 2, of which one byte is not 0 in every type.
func fill[T any](c call) {
	size := int(unsafe.Sizeof(*new(T)))
	for i := range factors {
		factors[i] = 0
		if !c.dropped && i%%size == size-1 {
			factors[i] = 0x40
		}
	}
}

func main() {
	for _, c := range calls() {
		from := &src
		if c.inPlace {
			from = &dst
		}
%s	}
}
`

// program is a program that links the kernels.
type program struct {
	file    string
	kernels []string
	labels  map[place]string // by the instruction that follows
}

// place is a line of a source.
type place struct {
	file string
	line int
}

// build builds a program of the kernels in directory kernel and of calls of
// each, in a module of its own.
func build(kernel, dir string) (*program, error) {
	p := &program{file: filepath.Join(dir, "program"), labels: map[place]string{}}
	files := map[string]string{
		"go.mod":   "module neon\n\ngo 1.23\n",
		"calls.go": string(callsFile),
	}
	var declarations []string
	for _, stem := range stems {
		source, err := os.ReadFile(filepath.Join(kernel, stem+".s"))
		if err != nil {
			return nil, err
		}
		stubs, err := os.ReadFile(filepath.Join(kernel, stem+".go"))
		if err != nil {
			return nil, err
		}
		maps.Copy(p.labels, labels(stem+".s", string(source)))
		declarations = append(declarations, string(stubs))
		files[stem+".s"] = string(source)
		files[stem+".go"] = strings.Replace(string(stubs), "\npackage kernel\n", "\npackage main\n", 1)
	}
	var err error
	if files["main.go"], err = p.write(declarations...); err != nil {
		return nil, err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command("go", "build", "-o", p.file, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return p, nil
}

// write returns the main file for kernels with these declarations.
func (p *program) write(stubs ...string) (string, error) {
	operands := map[string]bool{}
	var body strings.Builder
	for _, file := range stubs {
		f, err := parser.ParseFile(token.NewFileSet(), "", file, 0)
		if err != nil {
			return "", err
		}
		before := len(p.kernels)
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			typ, args, err := arguments(fn, operands)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&body, "\t\tfill[%s](c)\n\t\t%s(%s)\n", typ, fn.Name, strings.Join(args, ", "))
			p.kernels = append(p.kernels, fn.Name.Name)
		}
		if len(p.kernels) == before {
			return "", fmt.Errorf("no kernel is declared by\n%s", file)
		}
	}
	return fmt.Sprintf(mainFile, strings.Join(slices.Sorted(maps.Keys(operands)), ", "), body.String()), nil
}

// arguments returns what a kernel is called with, and its type of elements:
// pointers to operands of the parameters' names, and the numbers of a call.
func arguments(fn *ast.FuncDecl, operands map[string]bool) (typ string, args []string, err error) {
	for _, param := range fn.Type.Params.List {
		for _, name := range param.Names {
			star, ok := param.Type.(*ast.StarExpr)
			if !ok {
				args = append(args, "c."+name.Name)
				continue
			}
			element, ok := star.X.(*ast.Ident)
			if !ok || typ != "" && typ != element.Name {
				return "", nil, fmt.Errorf("%s: what does %s point to?", fn.Name, name)
			}
			typ = element.Name
			operands[name.Name] = true
			at := "&" + name.Name
			if name.Name == "src" {
				at = "from"
			}
			args = append(args, fmt.Sprintf("pointer[%s](%s)", typ, at))
		}
	}
	return typ, args, nil
}

// labels returns the labels of a source file by the place of the instruction that
// follows, the first of several.
func labels(file, source string) map[place]string {
	all := map[place]string{}
	pending := ""
	for i, line := range strings.Split(source, "\n") {
		name, isLabel := strings.CutSuffix(line, ":")
		switch {
		case isLabel && pending == "":
			pending = name
		case strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "\t//") && pending != "":
			all[place{file, i + 1}] = pending
			pending = ""
		}
	}
	return all
}
