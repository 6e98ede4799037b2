package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/bench/npy"
)

// Two files that are written to one path are one file less than was asked for.
func TestOutputsThatWouldDestroyOneAnotherAreRefused(t *testing.T) {
	x := save(t, 1, 4, 5, 5)
	dir := filepath.Dir(x)
	t.Chdir(dir)
	if err := os.Mkdir("sub", 0o777); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link.png": "o.npy", "x.png": "x.npy", "here": "."} {
		if err := os.Symlink(to, name); err != nil {
			t.Skip(err)
		}
	}
	input := []string{"-input", x, "-layout", "NCHW"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{append(input, "-output", "o.npy", "-png", "o.npy"), "-png o.npy is the file of -output o.npy"},
		{append(input, "-output", "o.npy", "-png", "./o.npy"), "-png ./o.npy is the file of -output o.npy"},
		{append(input, "-output", filepath.Join(dir, "o.npy"), "-png", "sub/../o.npy"), "is the file of -output"},
		{append(input, "-output", "o.npy", "-png", "link.png"), "-png link.png is the file of -output o.npy"},
		{append(input, "-output", "here/o.npy", "-png", "link.png"), "-png link.png is the file of -output here/o.npy"},
		{append(input, "-png", "x.png"), "-png x.png is the file of -input"},
		{append(input, "-png", x), "is the file of -input"},
		{[]string{"-sweep", "a.svg", "-png", "here/a.svg"}, "-sweep a.svg is the file of -png here/a.svg"},
	} {
		status, stdout, stderr := bench(c.args...)
		if status != 2 || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("bench %v: status %d, stdout %q, stderr %q, want status 2 and %q", c.args, status, stdout, stderr, c.want)
		}
	}
	if _, err := npy.ReadFile(x); err != nil {
		t.Error("the input has changed: ", err)
	}
	if _, err := os.Stat("o.npy"); err == nil {
		t.Error("an output was written")
	}
}

func TestOutputMayReplaceTheInput(t *testing.T) {
	x := save(t, 1, 8, 2, 2)
	args := []string{"-input", x, "-layout", "NCHW", "-seed", "3", "-output"}
	other := filepath.Join(t.TempDir(), "y.npy")
	for _, path := range []string{other, x} {
		if status, _, stderr := bench(append(args, path)...); status != 0 {
			t.Fatal(stderr)
		}
	}
	want, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(x); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the input was not replaced by the result (%v)", err)
	}
}

func TestNamesThatPromiseAnotherFormatAreRefused(t *testing.T) {
	x := save(t, 1, 4, 5, 5)
	t.Chdir(t.TempDir())
	input := []string{"-input", x, "-layout", "NCHW"}
	for want, args := range map[string][]string{
		"-png y.gif, want a name that ends in .png":       append(input, "-png", "y.gif"),
		"-png y, want a name that ends in .png":           append(input, "-png", "y"),
		"-png png, want a name that ends in .png":         {"-png", "png"},
		"-output y.png, want a name that ends in .npy":    append(input, "-output", "y.png"),
		"-output y.npy.gz, want a name that ends in .npy": append(input, "-output", "y.npy.gz"),
		"-sweep y.png, want a name that ends in .svg":     {"-sweep", "y.png"},
		"-png -, want the name of a file":                 append(input, "-png", "-"),
		"-sweep -, want the name of a file":               {"-sweep", "-"},
	} {
		status, stdout, stderr := bench(args...)
		if status != 2 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("bench %v: status %d, stdout %q, stderr %q, want status 2 and %q", args, status, stdout, stderr, want)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("%v was written (%v)", left, err)
	}
	if status, _, stderr := bench(append(input, "-png", "Y.PNG")...); status != 0 {
		t.Error(stderr)
	}
}

func TestErrorsNameTheFileThatWasGiven(t *testing.T) {
	x := save(t, 1, 4, 5, 5)
	t.Chdir(t.TempDir())
	var missing *os.PathError
	if _, err := os.Create("none/y"); !errors.As(err, &missing) {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-input", x, "-layout", "NCHW", "-output", "none/y.npy"},
		{"-input", x, "-layout", "NCHW", "-png", "none/y.png"},
		{"-png", "none/y.png"},
		{"-sweep", "none/y.svg"},
	} {
		status, _, stderr := bench(args...)
		if path := args[len(args)-1]; status != 1 || !strings.Contains(stderr, path) || !strings.Contains(stderr, missing.Err.Error()) || strings.Contains(stderr, ".tmp") {
			t.Errorf("bench %v: status %d, stderr %q, want status 1 and %s", args, status, stderr, path)
		}
	}
}

func TestStandardInputAndOutput(t *testing.T) {
	x := save(t, 2, 5, 3, 3)
	raw, err := os.ReadFile(x)
	if err != nil {
		t.Fatal(err)
	}
	y := filepath.Join(t.TempDir(), "y.npy")
	status, report, stderr := bench("-input", x, "-layout", "NCHW", "-output", y)
	if status != 0 {
		t.Fatal(stderr)
	}
	want, err := os.ReadFile(y)
	if err != nil {
		t.Fatal(err)
	}
	report = report[strings.Index(report, ": ("):strings.Index(report, "wrote")]

	status, stdout, stderr := benchOn(raw, "-input", "-", "-layout", "NCHW", "-output", "-")
	if status != 0 || stdout != string(want) || stderr != "standard input"+report+"wrote standard output\n" {
		t.Errorf("status %d, %d bytes on standard output, want %d, and on standard error %q", status, len(stdout), len(want), stderr)
	}
	status, stdout, stderr = benchOn(raw, "-input", "-", "-layout", "NCHW", "-output", "-", "-json")
	if status != 0 || stdout != string(want) || !strings.Contains(stderr, `"input": "-"`) || !strings.Contains(stderr, `"output": "-"`) {
		t.Errorf("with -json: status %d, %d bytes on standard output, want %d, and on standard error %q", status, len(stdout), len(want), stderr)
	}
	status, stdout, stderr = benchOn(raw, "-input", "-", "-layout", "NCHW", "-png", y+".png")
	if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "standard input"+report) {
		t.Errorf("with a picture: status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	status, stdout, stderr = benchOn(raw[:100], "-input", "-", "-layout", "NCHW", "-output", "-")
	if status != 1 || stdout != "" || !strings.Contains(stderr, "standard input: npy: truncated") {
		t.Errorf("truncated: status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if status := run([]string{"-input", "-", "-layout", "NCHW", "-output", "-"}, bytes.NewReader(raw), fullDisk{}, new(bytes.Buffer)); status != 1 {
		t.Errorf("on a full disk: status %d, want 1", status)
	}
}
