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
	if out, err := os.Stdout.Stat(); err == nil && os.SameFile(info, out) {
		return cmp.Or(old.Close(), write(os.Stdout))
	}
	if !info.Mode().IsRegular() {
		err := write(old)
		return cmp.Or(err, old.Close())
	}
	if err := old.Close(); err != nil {
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	return replace(path, info, write)
}

// replace writes a temporary file in the directory of path and renames it to path. old describes
// the file that it replaces, nil if there is none.
func replace(path string, old fs.FileInfo, write func(io.Writer) error) error {
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%016x.tmp", rand.Uint64()))
	f, err := unfinished.create(temp)
	if err != nil {
		return err
	}
	if old != nil {
		err = f.Chmod(old.Mode().Perm())
	}
	if err == nil {
		err = write(f)
	}
	if err = cmp.Or(err, f.Close()); err == nil {
		err = unfinished.finish(temp, func() error { return os.Rename(temp, path) })
	}
	if err != nil {
		return errors.Join(err, unfinished.finish(temp, func() error { return os.Remove(temp) }))
	}
	return nil
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
