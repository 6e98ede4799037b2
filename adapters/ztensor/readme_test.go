package ztensor_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every Go snippet of README.md stands in a tested example, line for line: without the tab
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
	program := strings.NewReplacer("package main\n", "package ztensor_test\n", "func main() {", "func Example() {")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(snippets) == 0 {
		t.Fatal("README.md shows no code")
	}
	for _, s := range snippets {
		code := "\n" + s[1]
		if strings.HasPrefix(s[1], "package ") {
			if !strings.Contains("\n"+programs, program.Replace(code)) {
				t.Errorf("no example is this program of README.md:\n%s", code)
			}
		} else if !strings.Contains(bodies, code) && !strings.Contains(examples, code) {
			t.Errorf("no example holds this code of README.md:\n%s", code)
		}
	}
}
