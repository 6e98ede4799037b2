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

// ReadFile reads the one array in the file at path, as Read does. Errors name the path.
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

// WriteFile writes the array to path as numpy.save does. The file appears, or replaces the one that
// was there, only once it is complete; after an error there is what there was before.
//
// A file that is replaced must be writable and keeps its permission bits, and a symbolic link to it
// keeps pointing to it. What cannot be replaced, a device or a pipe or whatever file standard
// output goes to, is written to directly. Errors name the path, the shape and the size.
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

// Save makes a file of what write writes, of whatever format, under the terms of
// [Array.WriteFile]: whole, or after an error as it was before.
func Save(path string, write func(io.Writer) error) error {
	// Opening the target without truncation tells what it is and whether it may be written.
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
	// Behind /dev/stdout may be a file that the caller reads through its own descriptor, or a
	// pipe: when its reader leaves, a process ends that writes to its standard output.
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

// replace writes a temporary file beside path and renames it to path; old is what it replaces.
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

// Abandon is for a program that is interrupted, just before it exits: it removes the temporary
// files of everything that is being saved. What then has not been saved never is; its [Save] does
// not return.
func Abandon() {
	unfinished.Lock() // for good
	for temp := range unfinished.files {
		os.Remove(temp) // nobody is left to do more about it
	}
}

// unfinished are the temporary files that are neither renamed nor removed yet.
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

// finish renames or removes a temporary file.
func (t *temporaries) finish(temp string, how func() error) error {
	t.Lock()
	defer t.Unlock()
	err := how()
	if err == nil {
		delete(t.files, temp)
	}
	return err
}
