package gorgonia_test

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
		if err != nil {
			t.Fatal(err)
		}
		examples += string(text)
	}
	bodies := strings.ReplaceAll(examples, "\n\t", "\n")
	programs := regexp.MustCompile(`(?s)\n\t// Output:.*?\n}`).ReplaceAllString(examples, "\n}")
	program := strings.NewReplacer("package main\n", "package gorgonia_test\n", "func main() {", "func Example() {")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(snippets) < 3 {
		t.Fatalf("the README shows %d snippets, want 3 or more", len(snippets))
	}
	for _, s := range snippets {
		code, in := "\n"+s[1], bodies
		if strings.HasPrefix(s[1], "package ") {
			code, in = program.Replace(s[1]), programs
		}
		if !strings.Contains(in, code) {
			t.Errorf("no example holds this code of the README:\n%s", s[1])
		}
	}
}

// The program of the README prints what the README says it prints.
func TestReadmeShowsTheOutput(t *testing.T) {
	program, err := os.ReadFile("program_test.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, output, found := strings.Cut(string(program), "\t// Output:\n")
	if !found {
		t.Fatal("the program has no output")
	}
	output = strings.ReplaceAll(strings.TrimSuffix(output, "}\n"), "\t// ", "    ")
	if !strings.Contains(string(readme), "\n"+output) {
		t.Errorf("the README does not show the output\n%s", output)
	}
}
