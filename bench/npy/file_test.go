package npy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// holds fails unless dir contains exactly the named files, so that no temporary file is left.
func holds(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("the directory holds %q, expected %q", got, names)
	}
}

// oldFile creates a file that a failed write must not change. It returns the path.
func oldFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.npy")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func untouched(t *testing.T, path string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		t.Errorf("the target holds %.20q (%v), expected it unchanged", got, err)
	}
	holds(t, filepath.Dir(path), "a.npy")
}

func TestWriteRefusesAShapeThatDoesNotFitTheData(t *testing.T) {
	for name, test := range map[string]struct {
		a     *Array
		words []string
	}{
		"too few data":         {Of(make([]float32, 5), 2, 3), []string{"(2, 3) of <f4", "5 elements", "expected 6"}},
		"too many data":        {Of(make([]float64, 7), 2, 3), []string{"(2, 3) of <f8", "7 elements", "expected 6"}},
		"no data for 0-d":      {Of([]float32{}), []string{"() of <f4", "0 elements", "expected 1"}},
		"data for an empty":    {Of(make([]float32, 1), 3, 0), []string{"(3, 0)", "1 elements", "expected 0"}},
		"negative dimension":   {Of(make([]float32, 6), -2, -3), []string{"negative dimension -2", "(-2, -3)"}},
		"overflow":             {Of([]float32{}, math.MaxInt, 2), []string{"overflows"}},
		"overflow with a zero": {Of([]float32{}, math.MaxInt, 2, 0), []string{"overflows"}},
		"65 dimensions":        {Of(make([]float32, 1), ones(65)...), []string{"65 dimensions", "at most 64"}},
		"integers":             {&Array{Shape: []int{1}, Data: []int32{1}}, []string{"[]int32", allSlices}},
		"no data at all":       {&Array{}, []string{"<nil>", allSlices}},
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			says(t, test.a.Write(&buf), append(test.words, "npy: writing")...)
			if buf.Len() > 0 {
				t.Errorf("wrote %d bytes despite the error", buf.Len())
			}
			path := oldFile(t)
			says(t, test.a.WriteFile(path), append(test.words, path)...)
			untouched(t, path)
		})
	}
}

func TestWriteWrapsTheErrorOfItsWriter(t *testing.T) {
	broken := errors.New("broken cable")
	a := count[float32](2, 3)
	for limit := range len(encode(t, a)) {
		err := a.Write(&limitedWriter{limit, broken})
		if says(t, err, "broken cable", "(2, 3) of <f4"); !errors.Is(err, broken) {
			t.Fatalf("%v does not wrap the writer's error", err)
		}
	}
}

type limitedWriter struct {
	left int
	err  error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if n := min(len(p), w.left); n < len(p) {
		return n, w.err
	}
	w.left -= len(p)
	return len(p), nil
}

func TestWriteFileReplacesALongerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	for _, a := range []*Array{count[float64](500), count[float32](3)} {
		if err := a.WriteFile(path); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sameBits(t, got, a)
	}
}

func TestWriteFileFollowsASymbolicLink(t *testing.T) {
	path := oldFile(t)
	link := filepath.Join(t.TempDir(), "link.npy")
	if err := os.Symlink(path, link); err != nil {
		t.Skip(err)
	}
	if err := count[float32](3).WriteFile(link); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Lstat(link); info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, got, count[float32](3))
	holds(t, filepath.Dir(path), "a.npy")
}

func TestWriteFileFollowsLinksToAFileThatIsNotThereYet(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(elsewhere, "deep"), 0o777); err != nil {
		t.Fatal(err)
	}
	// new.npy leads to folder/../made.npy, where folder is elsewhere/deep: to elsewhere/made.npy.
	for name, to := range map[string]string{"folder": filepath.Join(elsewhere, "deep"), "new.npy": "again.npy", "again.npy": "folder/../made.npy"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	if err := count[float32](3).WriteFile(filepath.Join(dir, "new.npy")); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(filepath.Join(elsewhere, "made.npy"))
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, got, count[float32](3))
	holds(t, dir, "again.npy", "folder", "new.npy")
	holds(t, elsewhere, "deep", "made.npy")
}

func TestResolveFindsOneFileBehindAllItsNames(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := os.Mkdir("sub", 0o777); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"link.npy": "a.npy", "sub/up.npy": "../a.npy", "here": ".", "endless": "endless"} {
		if err := os.Symlink(to, name); err != nil {
			t.Skip(err)
		}
	}
	for range 2 { // without the file and with it
		for _, name := range []string{"a.npy", "./a.npy", "sub/../a.npy", "link.npy", "sub/up.npy", "here/here/a.npy", filepath.Join(dir, "a.npy")} {
			if got, err := Resolve(name); err != nil || got != filepath.Join(dir, "a.npy") {
				t.Errorf("%s is %s (%v), expected a.npy in %s", name, got, err, dir)
			}
		}
		if err := os.WriteFile("a.npy", nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, err = Resolve("endless")
	says(t, err, "endless", "symbolic links")
	_, err = Resolve("none/a.npy")
	if says(t, err, "none/a.npy"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
}

func TestErrorsDoNotNameTheTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	file := oldFile(t)
	occupied := filepath.Join(dir, "occupied")
	if err := os.Mkdir(occupied, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, path := range []string{filepath.Join("none", "a.npy"), filepath.Join(file, "a.npy"), occupied, strings.Repeat("n", 300), ""} {
		err := count[float32](3).WriteFile(path)
		if says(t, err, path, "(3,) of <f4"); strings.Contains(err.Error(), ".tmp") {
			t.Errorf("the error names a file that the caller does not know: %v", err)
		}
	}
}

func TestWriteFileLeavesNoFileIfItCannotStart(t *testing.T) {
	a := count[float32](1, 3)
	dir := t.TempDir()
	size := "140 bytes"

	missing := filepath.Join(dir, "missing", "a.npy")
	err := a.WriteFile(missing)
	if says(t, err, missing, "(1, 3) of <f4", size); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
	says(t, a.WriteFile(dir), dir, "(1, 3) of <f4", size)
	long := filepath.Join(dir, strings.Repeat("n", 300))
	says(t, a.WriteFile(long), long, "(1, 3) of <f4", size)
	holds(t, dir)

	path := oldFile(t)
	says(t, a.WriteFile(filepath.Join(path, "a.npy")), path, "(1, 3) of <f4", size)
	untouched(t, path)
}

func TestWriteFileRemovesItsTemporaryFileIfTheRenameFails(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	says(t, count[float32](1, 3).WriteFile(""), "(1, 3) of <f4", "140 bytes", "rename")
	holds(t, dir)
}

func TestWriteFileLeavesNoFileIfItFailsHalfway(t *testing.T) {
	broken := errors.New("broken disk")
	path := oldFile(t)
	half := func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 70)); err != nil {
			t.Error(err)
		}
		return broken
	}
	if err := Save(path, half); !errors.Is(err, broken) {
		t.Errorf("%v does not wrap the error of the write", err)
	}
	untouched(t, path)
	if err := Save(filepath.Join(filepath.Dir(path), "new.npy"), half); !errors.Is(err, broken) {
		t.Errorf("%v does not wrap the error of the write", err)
	}
	untouched(t, path)
}

func TestWriteFileWritesToStandardOutputIfPathIsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.npy")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	defer func(was *os.File) { os.Stdout = was }(os.Stdout)
	os.Stdout = f
	if err := count[float32](3).WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	got, err := Read(f)
	if err != nil {
		t.Fatal("the open file does not hold the array: ", err)
	}
	sameBits(t, got, count[float32](3))
}

// BenchmarkFile reads and writes 100 MB, and compares with the os package on the same bytes.
func BenchmarkFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.npy")
	a := count[float32](25, 1_000_000)
	if err := a.WriteFile(path); err != nil {
		b.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	for _, op := range []struct {
		name string
		run  func() error
	}{
		{"npy.ReadFile", func() error { _, err := ReadFile(path); return err }},
		{"os.ReadFile", func() error { _, err := os.ReadFile(path); return err }},
		{"npy.Read_of_a_stream", func() error { _, err := Read(bytes.NewReader(raw)); return err }},
		{"npy.WriteFile_over_a_file", func() error { return a.WriteFile(path) }},
		{"os.WriteFile_over_a_file", func() error { return os.WriteFile(path, raw, 0o666) }},
		{"npy.WriteFile", func() error { os.Remove(path); return a.WriteFile(path) }},
		{"os.WriteFile", func() error { os.Remove(path); return os.WriteFile(path, raw, 0o666) }},
	} {
		b.Run("op="+op.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if err := op.run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
