package spago

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every Go snippet of the README stands in a tested example, line for line: without the tab that
// indents the body of a function, or, if it is a whole program, with other names of package and
// function and without the output.
func TestReadmeShowsCodeThatRuns(t *testing.T) {
	var examples string
	for _, file := range []string{"program_test.go", "example_test.go"} {
		text := must(os.ReadFile(file))(t)
		examples += string(text)
	}
	bodies := strings.ReplaceAll(examples, "\n\t", "\n")
	programs := regexp.MustCompile(`(?s)\n\t// Output:.*?\n}`).ReplaceAllString(examples, "\n}")
	program := strings.NewReplacer("package main\n", "package spago_test\n", "func main() {", "func Example() {")
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(must(os.ReadFile("README.md"))(t)), -1)
	if len(snippets) < 4 {
		t.Fatalf("README.md shows %d pieces of code", len(snippets))
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
