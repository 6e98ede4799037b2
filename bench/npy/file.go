package npy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

// ReadFile reads the array in the file at path. Errors name the path, and are otherwise those of
// [Read].
func ReadFile(path string) (*Array, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	defer f.Close()
	a, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("npy: %s: %w", path, err)
	}
	return a, nil
}

// WriteFile writes the array to path as numpy.save does. The file appears, or replaces the one at
// path, only once it is complete. After an error everything is as before.
//
// A file that is replaced must be writable and keeps its permission bits. A symbolic link to it
// stays. A device, a pipe and the file of standard output cannot be replaced and are written to
// directly. Errors name the path, the shape and the size.
func (a *Array) WriteFile(path string) error {
	enc, err := a.encode()
	if err == nil {
		err = Save(path, enc.write)
	}
	if err != nil {
		return fmt.Errorf("npy: writing %s, %v, %d bytes: %w", path, a, len(enc.header)+len(enc.raw), err)
	}
	return nil
}

// Save writes a file of any format as [Array.WriteFile] does: write produces the contents, and
// the file is complete or, after an error, as it was before.
func Save(path string, write func(io.Writer) error) error {
	// Opening the target without truncating it shows what it is and whether it is writable.
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return replace(path, nil, write)
	}
	if err != nil {
		return err
	}
	info, err := old.Stat()
	if err != nil {
		return errors.Join(err, old.Close())
	}
	// /dev/stdout may be a file that the caller reads through its own descriptor, which a
	// replacement would miss. It may also be a pipe, and a process that writes to standard
	// output is expected to end when the reader goes away.
	if standardOutput(info) {
		return cmp.Or(old.Close(), write(os.Stdout))
	}
	if !info.Mode().IsRegular() {
		err := write(old)
		return cmp.Or(err, old.Close())
	}
	if err := old.Close(); err != nil {
		return err
	}
	return replace(path, info, write)
}

// Direct reports whether [Save] writes to path directly, because it is a device, a pipe or the
// file of standard output, and whether it is the latter. Nothing is opened.
func Direct(path string) (direct, stdout bool) {
	info, err := os.Stat(path)
	if err != nil {
		return false, false
	}
	stdout = standardOutput(info)
	return stdout || !info.Mode().IsRegular() && !info.IsDir(), stdout
}

func standardOutput(info fs.FileInfo) bool {
	out, err := os.Stdout.Stat()
	return err == nil && os.SameFile(info, out)
}

// Resolve returns the absolute path of the file that [Save] creates or replaces: no part of it is
// a symbolic link.
func Resolve(path string) (string, error) {
	const maxLinks = 255
	at := path
	for range maxLinks {
		// filepath.Dir would remove the .. after a link, which is not where the link leads.
		dir, base := filepath.Split(at)
		dir, err := filepath.EvalSymlinks(cmp.Or(dir, "."))
		if err == nil {
			dir, err = filepath.Abs(dir)
		}
		if err != nil {
			return "", named(err, path)
		}
		at = filepath.Join(dir, base)
		to, err := os.Readlink(at)
		if err != nil {
			return at, nil // not a link, or nothing yet
		}
		if at = to; !filepath.IsAbs(to) {
			at = dir + string(filepath.Separator) + to
		}
	}
	return "", &fs.PathError{Op: "resolve", Path: path, Err: fmt.Errorf("more than %d symbolic links", maxLinks)}
}

// replace writes a temporary file beside that of path and renames it. old describes the file that
// it replaces, nil if there is none. Errors name path instead of the temporary file.
func replace(path string, old fs.FileInfo, write func(io.Writer) error) error {
	target, err := Resolve(path)
	if err != nil {
		return creating(err)
	}
	temp := filepath.Join(filepath.Dir(target), fmt.Sprintf(".%016x.tmp", rand.Uint64()))
	f, err := unfinished.create(temp)
	if err != nil {
		return creating(named(err, path))
	}
	if old != nil {
		err = named(f.Chmod(old.Mode().Perm()), path)
	}
	if err == nil {
		err = write(unnamed{f, path})
	}
	if err = cmp.Or(err, named(f.Close(), path)); err == nil {
		err = named(unfinished.finish(temp, func() error { return os.Rename(temp, target) }), path)
	}
	if err != nil {
		return errors.Join(err, unfinished.finish(temp, func() error { return os.Remove(temp) }))
	}
	return nil
}

// unnamed is a temporary file. Its errors name the file that it becomes.
type unnamed struct {
	file *os.File
	path string
}

func (u unnamed) Write(p []byte) (int, error) {
	n, err := u.file.Write(p)
	return n, named(err, u.path)
}

// creating says in an error what the caller wanted of the file.
func creating(err error) error {
	var one *fs.PathError
	if errors.As(err, &one) {
		one.Op = "create"
	}
	return err
}

// named returns an error of a file operation with another path. The cause stays.
func named(err error, path string) error {
	var one *fs.PathError
	var two *os.LinkError
	switch {
	case errors.As(err, &one):
		return &fs.PathError{Op: one.Op, Path: path, Err: one.Err}
	case errors.As(err, &two):
		return &fs.PathError{Op: two.Op, Path: path, Err: two.Err}
	}
	return err
}

// Abandon removes the temporary files of all calls of [Save] that have not finished. Those calls,
// and later ones, never return. An interrupted program calls Abandon just before it exits.
func Abandon() {
	unfinished.Lock() // and never unlock
	for temp := range unfinished.files {
		os.Remove(temp) // an error has nowhere to go
	}
}

// unfinished holds the temporary files that are neither renamed nor removed yet.
var unfinished = temporaries{files: map[string]bool{}}

type temporaries struct {
	sync.Mutex
	files map[string]bool
}

func (t *temporaries) create(temp string) (*os.File, error) {
	t.Lock()
	defer t.Unlock()
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil {
		t.files[temp] = true
	}
	return f, err
}

// finish calls how, which renames or removes a temporary file, and forgets the file on success.
func (t *temporaries) finish(temp string, how func() error) error {
	t.Lock()
	defer t.Unlock()
	err := how()
	if err == nil {
		delete(t.files, temp)
	}
	return err
}
