package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spatialdropout/spatialdropout/bench/npy"
)

// standard is the value of -input that means standard input, and of -output that means
// standard output.
const standard = "-"

// shown returns a file's name for people.
func shown(path, stream string) string {
	if path == standard {
		return stream
	}
	return path
}

// output is a file that the command writes.
type output struct{ flag, path, extension string }

// outputs returns the files that the flags ask for.
func (o options) outputs() []output {
	var given []output
	for _, out := range []output{{"output", o.output, ".npy"}, {"png", o.png, ".png"}, {"sweep", o.sweep, ".svg"}} {
		if out.path != "" {
			given = append(given, out)
		}
	}
	return given
}

// checkFiles refuses outputs that would destroy one another or what is read, and names that
// promise another format than what is written.
func (o options) checkFiles() error {
	all := o.outputs()
	for i, out := range all {
		for _, other := range all[:i] {
			if same(out.path, other.path) {
				return usagef("-%s %s is the file of -%s %s, want another one", out.flag, out.path, other.flag, other.path)
			}
		}
	}
	for _, out := range all {
		// The result may replace the tensor that it was computed from, a picture may not.
		if o.input != "" && o.input != standard && out.flag != "output" && same(out.path, o.input) {
			return usagef("-%s %s is the file of -input %s, want another one", out.flag, out.path, o.input)
		}
		if o.state != "" && same(out.path, o.state) {
			return usagef("-%s %s is the file of -torch-state %s, want another one", out.flag, out.path, o.state)
		}
		if out.path == standard {
			if out.flag != "output" {
				return usagef("-%s -, want the name of a file: only -output writes to standard output", out.flag)
			}
			continue
		}
		if direct, _ := npy.Direct(out.path); !direct && !strings.EqualFold(filepath.Ext(out.path), out.extension) {
			return usagef("-%s %s, want a name that ends in %s, the format that is written", out.flag, out.path, out.extension)
		}
	}
	return nil
}

// writesToStdout reports whether a file is written to standard output, so that nothing
// else may be.
func (o options) writesToStdout() bool {
	for _, out := range o.outputs() {
		if _, stdout := npy.Direct(out.path); stdout || out.path == standard {
			return true
		}
	}
	return false
}

// same reports whether two paths lead to one file, which need not exist yet.
func same(a, b string) bool {
	first, err := about(a)
	if err == nil {
		if second, err := about(b); err == nil {
			return os.SameFile(first, second)
		}
		return false
	}
	x, errX := npy.Resolve(a)
	y, errY := npy.Resolve(b)
	return errX == nil && errY == nil && x == y
}

// about describes an existing file.
func about(path string) (os.FileInfo, error) {
	if path == standard {
		return os.Stdout.Stat()
	}
	return os.Stat(path)
}
