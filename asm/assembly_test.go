package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// function is one function of a file in the syntax of Go's assembler.
type function struct {
	name     string
	line     int
	frame    int      // bytes
	requires []string // avo's own opinion on what it needs
	body     []instruction
	labels   map[string]int // by name, the index in body of what follows
}

// instruction is one line of a function.
type instruction struct {
	line     int
	text     string // without the comment
	name     string // without the suffixes, each of which follows a dot
	suffixes []string
	operands []string
	comment  string
}

// targets returns the indices in body to which labels lead.
func (f function) targets() []int {
	var targets []int
	for _, at := range f.labels {
		targets = append(targets, at)
	}
	return targets
}

var (
	textLine     = regexp.MustCompile(`^TEXT ·(\w+)\(SB\), NOSPLIT, \$(\d+)(?:-\d+)?$`)
	labelLine    = regexp.MustCompile(`^(\w+):$`)
	codeLine     = regexp.MustCompile(`^\t([A-Z][A-Z0-9]*)((?:\.[A-Z0-9_]+)*)(?: +([^;]*))?$`)
	dataLine     = regexp.MustCompile(`^(DATA|GLOBL) \w+<>`)
	requiresLine = regexp.MustCompile(`^// Requires: (.+)$`)
	commaOutside = regexp.MustCompile(`(?:[^,(\[]|\([^)]*\)|\[[^\]]*\])+`)
)

// parse reads an assembly file. What it does not understand it finds fault with:
// macros, several instructions in a line and the like would hide from the gate.
func parse(text string) ([]function, []finding) {
	var functions []function
	var found []finding
	var requires []string
	for i, l := range strings.Split(text, "\n") {
		code, comment, _ := strings.Cut(l, "//")
		code, comment = strings.TrimRight(code, " \t"), strings.TrimSpace(comment)
		f := &function{}
		if n := len(functions); n > 0 {
			f = &functions[n-1]
		}
		if m := requiresLine.FindStringSubmatch(l); m != nil {
			requires = strings.Split(m[1], ", ")
			continue
		}
		if code == "" || code == `#include "textflag.h"` || dataLine.MatchString(code) {
			continue
		}
		if m := textLine.FindStringSubmatch(code); m != nil {
			frame, err := strconv.Atoi(m[2])
			if err != nil {
				found = append(found, finding{m[1], i + 1, code, "a frame that is no number"})
			}
			functions = append(functions, function{name: m[1], line: i + 1, frame: frame, requires: requires, labels: map[string]int{}})
			requires = nil
			continue
		}
		if m := labelLine.FindStringSubmatch(code); m != nil && f.labels != nil {
			f.labels[m[1]] = len(f.body)
			continue
		}
		m := codeLine.FindStringSubmatch(code)
		if m == nil || f.labels == nil {
			found = append(found, finding{f.name, i + 1, strings.TrimSpace(code), "not a line that the gate can read"})
			continue
		}
		in := instruction{line: i + 1, text: strings.TrimSpace(code), name: m[1], comment: comment}
		if m[2] != "" {
			in.suffixes = strings.Split(m[2][1:], ".")
		}
		for _, operand := range commaOutside.FindAllString(m[3], -1) {
			in.operands = append(in.operands, strings.TrimSpace(operand))
		}
		f.body = append(f.body, in)
	}
	return functions, found
}

// packages have the assembly.
var packages = []string{"kernel", "internal/draw", "internal/tier"}

// assembly returns the assembly of all packages by the paths of its files from the root.
func assembly(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range packages {
		names, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*.s"))
		if err != nil || len(names) == 0 {
			t.Fatalf("found assembly %v: %v", names, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[path.Join(folder, filepath.Base(name))] = string(text)
		}
	}
	return files
}

// catalogued returns the functions that a file of assembly is to have, in order:
// one for each kernel that a tier has of its own, and nothing else.
func catalogued(file string) []string {
	var names []string
	stem, _, _ := strings.Cut(path.Base(file), "_amd64")
	stem, _, _ = strings.Cut(stem, "_arm64")
	tier := strings.ToUpper(stem)
	switch {
	case stem == "fence":
		names = []string{"fence", "pause"}
	case stem == "cpuid":
		names = []string{"cpuid"}
	case strings.HasPrefix(stem, "transpose_"):
		for _, t := range transpositions {
			names = append(names, t.name+strings.TrimPrefix(tier, "TRANSPOSE_"))
		}
	case path.Dir(file) == "internal/draw":
		for _, d := range draws {
			names = append(names, d.name+tier)
		}
	default:
		for _, all := range tiers {
			for _, t := range all {
				for _, f := range families {
					for _, e := range elems {
						for _, k := range t.kernels(f, e) {
							if file == "kernel/"+t.file(f, e)+".s" {
								names = append(names, k.name()+t.name)
							}
						}
					}
				}
			}
		}
	}
	return names
}
