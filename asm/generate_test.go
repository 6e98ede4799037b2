package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// generatedFiles has what the generator writes, which takes it some seconds.
var generatedFiles = sync.OnceValues(generate)

func TestGeneratedFilesAreWhatTheGeneratorWrites(t *testing.T) {
	files, err := generatedFiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes: run go generate", name)
		}
	}
	for name := range assembly(t) {
		if files[name] == nil {
			t.Errorf("%s is not generated", name)
		}
	}
}

// TestDivisionsAreDivisions looks for products where a quotient is promised: one
// with the reciprocal is not always its result.
func TestDivisionsAreDivisions(t *testing.T) {
	division := regexp.MustCompile(`^(VDIVP[SD]|fdiv .*)$`)
	product := regexp.MustCompile(`^(VMULP[SD]|fmul .*)$`)
	for file, text := range assembly(t) {
		if !strings.HasPrefix(file, "kernel/") || file == "kernel/fence_amd64.s" || strings.HasPrefix(file, "kernel/transpose_") {
			continue // the others compute with elements
		}
		functions, _ := parse(text)
		for _, f := range functions {
			divides, multiplies := false, false
			for _, in := range f.body {
				name := in.name
				if name == "WORD" {
					name = in.comment
				}
				divides = divides || division.MatchString(name)
				multiplies = multiplies || product.MatchString(name)
			}
			want := strings.Contains(strings.ToLower(f.name), "divide")
			if divides != want || multiplies == want {
				t.Errorf("%s: %s divides %v and multiplies %v", file, f.name, divides, multiplies)
			}
		}
	}
}
