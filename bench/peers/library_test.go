package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestLibraryIsCalledFromC builds the library, and a C program with it.
func TestLibraryIsCalledFromC(t *testing.T) {
	folder := t.TempDir()
	library := filepath.Join(folder, "libpeers.so")
	program := filepath.Join(folder, "call")
	build := [][]string{
		{"go", "build", "-buildmode=c-shared", "-o", library, "."},
		{"cc", "-I", folder, "-o", program, "testdata/call.c", library, "-Wl,-rpath," + folder},
	}
	for _, command := range build {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	out, err := exec.Command(program).CombinedOutput()
	want := "2 4 6 0 0 0\ntimed released\n-1 a tensor of 0×2×3, want 1 or more of each\n"
	if err != nil || string(out) != want {
		t.Errorf("the program ends with %v and prints\n%s\nwant\n%s", err, out, want)
	}
}
