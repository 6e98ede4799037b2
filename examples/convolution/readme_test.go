package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// README.md shows the means of the reports that are checked in, to the letter, code of the program, and
// a picture that exists and is small.
func TestReadmeShowsTheResults(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	for _, products := range []string{"openblas", "gonum"} {
		report, err := os.ReadFile(filepath.Join("results", products, "report.txt"))
		if err != nil {
			t.Fatal(err)
		}
		means, details, found := strings.Cut(string(report), "\n\nForward and backward together")
		if !found || !strings.Contains(readme, "```\n"+means+"\n```\n") {
			t.Errorf("README.md does not show the means of %s", products)
		}
		for _, s := range stages {
			if got := strings.Count(details, "│ "+s.String()+" "); got != 5 {
				t.Errorf("the report of %s has %v %d times, want 5, one for each rate", products, s, got)
			}
		}
	}
	source, err := os.ReadFile("kept.go")
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readme, -1)
	if len(snippets) == 0 {
		t.Error("README.md shows no code")
	}
	for _, s := range snippets {
		if !strings.Contains(string(source), s[1]) {
			t.Errorf("kept.go does not hold this code of README.md:\n%s", s[1])
		}
	}
	pictures := regexp.MustCompile(`!\[[^]]+\]\(([^)]+)\)`).FindAllStringSubmatch(readme, -1)
	if len(pictures) == 0 {
		t.Error("README.md shows no picture")
	}
	for _, picture := range pictures {
		info, err := os.Stat(picture[1])
		if err != nil {
			t.Error(err)
		} else if info.Size() > 300_000 {
			t.Errorf("%s has %d bytes, want 300000 at most", picture[1], info.Size())
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^):#]+)\)`).FindAllStringSubmatch(readme, -1) {
		if _, err := os.Stat(link[1]); err != nil {
			t.Error(err)
		}
	}
}

// The reports that are checked in follow from the times beside them.
func TestReportsFollowFromTheTimes(t *testing.T) {
	o, err := parse(nil, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for products, library := range map[string]string{"gonum": "gonum.org/v1/gonum", "openblas": "gonum.org/v1/netlib"} {
		m, err := read(filepath.Join("results", products, timesFile), library)
		if err != nil {
			t.Fatal(err)
		}
		m.shapes, m.rates = o.shapes, o.rates
		report, err := os.ReadFile(filepath.Join("results", products, "report.txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{m.counts(), m.means(), m.details()} {
			if !strings.Contains(string(report), part) {
				t.Errorf("the report of %s lacks\n%s", products, part)
			}
		}
	}
}
