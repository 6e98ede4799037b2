package spatialdropout_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeShowsCodeThatRuns holds every Go snippet of the README against the
// tested examples: each must stand in one of them, line for line, but for the
// tab by which a function's body is indented.
func TestReadmeShowsCodeThatRuns(t *testing.T) {
	var examples string
	for _, file := range []string{"example_test.go", "layout/example_test.go", "mask/example_test.go", "kernel/example_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples += string(text)
	}
	examples = strings.ReplaceAll(examples, "\n\t", "\n")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(snippets) == 0 {
		t.Fatal("the README shows no code")
	}
	for _, s := range snippets {
		if !strings.Contains(examples, "\n"+s[1]) {
			t.Errorf("no example holds this code of the README:\n%s", s[1])
		}
	}
}
