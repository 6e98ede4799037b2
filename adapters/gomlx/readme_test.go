package gomlx_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every Go snippet of the README stands in a tested example, line for line: without the tab
// that indents the body of a function, or, if it is a whole program, with other names of
// package and function and without the output.
func TestReadmeShowsCodeThatRuns(t *testing.T) {
	var examples string
	for _, file := range []string{"program_test.go", "example_test.go"} {
		text, err := os.ReadFile(file)
		must(t, err)
		examples += string(text)
	}
	bodies := strings.ReplaceAll(examples, "\n\t", "\n")
	programs := regexp.MustCompile(`(?s)\n\n\t// Output:.*?\n}`).ReplaceAllString(examples, "\n}")
	program := strings.NewReplacer("package main\n", "package gomlx_test\n", "func main() {", "func Example() {")
	readme, err := os.ReadFile("README.md")
	must(t, err)
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(snippets) == 0 {
		t.Fatal("README.md shows no code")
	}
	for _, s := range snippets {
		code, in := "\n"+s[1], bodies
		if strings.HasPrefix(s[1], "package ") {
			code, in = program.Replace(s[1]), programs
		}
		if !strings.Contains(in, code) {
			t.Errorf("no example holds this code:\n%s", s[1])
		}
	}
}
