package spatialdropout_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// readFile returns the text of a file.
func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// guideFiles are the files of the examples of MIGRATING.md and FRAMEWORKS.md.
func guideFiles(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"internal/guide/*_test.go", "internal/guide/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		all = append(all, files...)
	}
	return all
}

// Every Go snippet of a page stands in a tested example or in the types that one uses, line for
// line: as it is, without the tab that indents the body of a function, or, if it is a whole
// program, with other names of package and function and without the output.
func TestReadmesShowCodeThatRuns(t *testing.T) {
	var examples string
	for _, file := range append(guideFiles(t), "program_test.go", "example_test.go", "fuse_example_test.go", "compact_example_test.go", "layout/example_test.go", "mask/example_test.go", "kernel/example_test.go") {
		examples += readFile(t, file)
	}
	bodies := examples + strings.ReplaceAll(examples, "\n\t", "\n")
	programs := regexp.MustCompile(`(?s)\n\t// Output:.*?\n}`).ReplaceAllString(examples, "\n}")
	program := strings.NewReplacer("package main\n", "package spatialdropout_test\n", "func main() {", "func Example() {")
	for _, file := range []string{"README.md", "mask/README.md", "MIGRATING.md", "FRAMEWORKS.md"} {
		snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readFile(t, file), -1)
		if len(snippets) == 0 {
			t.Fatalf("%s shows no code", file)
		}
		for _, s := range snippets {
			code, in := "\n"+s[1], bodies
			if strings.HasPrefix(s[1], "package ") {
				code, in = program.Replace(s[1]), programs
			}
			if !strings.Contains(in, code) {
				t.Errorf("no example holds this code of %s:\n%s", file, s[1])
			}
		}
	}
}

// printed is what calls of another framework printed, all the same.
type printed struct {
	Name    string // of the example
	Calls   []string
	Printed string
}

// The rows of MIGRATING.md show every call that was recorded from a framework, beside code of
// the example that prints the same numbers. A row of other numbers shows code of an example, too.
func TestRowsShowCodeThatPrintsWhatTheFrameworksPrint(t *testing.T) {
	var rows []printed
	if err := json.Unmarshal([]byte(readFile(t, "internal/guide/testdata/printed.json")), &rows); err != nil {
		t.Fatal(err)
	}
	// The body of each example, with those of the helpers that it calls and without the name of
	// this package, and its output.
	bodies, outputs := map[string]string{}, map[string]string{}
	helpers := regexp.MustCompile(`(?s)\nfunc (\w+)(\(.*?\n)}\n`).FindAllStringSubmatch(readFile(t, "internal/guide/guide_test.go"), -1)
	for _, file := range guideFiles(t) {
		for _, e := range regexp.MustCompile(`(?s)\nfunc Example_(\w+)\(\) {\n(.*?)\t// Output:(.*?)\n}\n`).FindAllStringSubmatch(readFile(t, file), -1) {
			body := e[2]
			for _, h := range helpers {
				if strings.Contains(e[2], h[1]+"(") {
					body += h[2]
				}
			}
			bodies[e[1]] = strings.ReplaceAll(body, "spatialdropout.", "")
			outputs[e[1]] = strings.TrimSpace(strings.ReplaceAll(e[3], "\n\t// ", " "))
		}
	}
	code := regexp.MustCompile("`([^`]+)`")
	spans := func(cell string) (all []string) {
		for _, s := range code.FindAllStringSubmatch(cell, -1) {
			all = append(all, s[1])
		}
		return all
	}
	shown := map[string]int{}
	for _, line := range strings.Split(readFile(t, "MIGRATING.md"), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		if len(cells) != 3 || len(spans(cells[0])) == 0 || len(spans(cells[1])) == 0 || len(spans(cells[2])) == 0 {
			t.Errorf("a row without three cells of code: %s", line)
			continue
		}
		holds := func(name string) bool {
			for _, s := range append(spans(cells[1]), spans(cells[2])...) {
				if !strings.Contains(bodies[name], s) {
					return false
				}
			}
			return true
		}
		calls := spans(cells[0])
		i := slices.IndexFunc(rows, func(r printed) bool {
			return slices.Equal(r.Calls, calls[:min(len(calls), len(r.Calls))]) && shown[r.Name] == 0 && holds(r.Name)
		})
		switch other := strings.Contains(cells[0], "other numbers"); {
		case other:
			found := false
			for name := range bodies {
				found = found || holds(name)
			}
			if !found {
				t.Errorf("no example holds the code of the row of %s", calls[0])
			}
		case i < 0:
			t.Errorf("no example of what %q printed holds the code of its row", calls)
		default:
			shown[rows[i].Name]++
		}
	}
	for _, r := range rows {
		if shown[r.Name] != 1 {
			t.Errorf("no row of MIGRATING.md shows %q", r.Calls)
		}
		if outputs[r.Name] != r.Printed {
			t.Errorf("Example_%s prints\n%s, the framework printed\n%s", r.Name, outputs[r.Name], r.Printed)
		}
	}
	if len(rows) < 50 {
		t.Errorf("%d calls were recorded, want 50 or more", len(rows))
	}
}
