package spatialdropout_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every Go snippet of a README stands in a tested example, line for line: without the tab
// that indents the body of a function, or, if it is a whole program, with other names of
// package and function and without the output.
func TestReadmesShowCodeThatRuns(t *testing.T) {
	var examples string
	for _, file := range []string{"program_test.go", "example_test.go", "layout/example_test.go", "mask/example_test.go", "kernel/example_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples += string(text)
	}
	bodies := strings.ReplaceAll(examples, "\n\t", "\n")
	programs := regexp.MustCompile(`(?s)\n\t// Output:.*?\n}`).ReplaceAllString(examples, "\n}")
	program := strings.NewReplacer("package main\n", "package spatialdropout_test\n", "func main() {", "func Example() {")
	for _, file := range []string{"README.md", "mask/README.md"} {
		readme, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
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
