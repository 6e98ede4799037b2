package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// README.md shows the reports that are checked in, to the letter, code of the
// program, and pictures that exist and are small.
func TestReadmeShowsTheResults(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []head{average, flattens} {
		report, err := os.ReadFile(filepath.Join("results", h.String(), "report.txt"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(readme), "```\n"+string(report)+"```\n") {
			t.Errorf("README.md does not show the report of head %v", h)
		}
	}
	source, err := os.ReadFile("dropout.go")
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(snippets) == 0 {
		t.Error("README.md shows no code")
	}
	for _, s := range snippets {
		if !strings.Contains(string(source), s[1]) {
			t.Errorf("dropout.go does not hold this code of README.md:\n%s", s[1])
		}
	}
	pictures := regexp.MustCompile(`!\[[^]]+\]\(([^)]+)\)`).FindAllStringSubmatch(string(readme), -1)
	if len(pictures) < 2 {
		t.Errorf("README.md shows %d pictures, want curves and maps", len(pictures))
	}
	for _, picture := range pictures {
		info, err := os.Stat(picture[1])
		if err != nil {
			t.Error(err)
		} else if info.Size() > 300_000 {
			t.Errorf("%s has %d bytes, want 300000 at most", picture[1], info.Size())
		}
	}
}
