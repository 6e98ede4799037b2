//go:build linux || darwin

package npy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fullDevice returns the path of a device that is always full. For root, who could replace
// /dev/full with a faulty WriteFile, it creates another node.
func fullDevice(t *testing.T) string {
	t.Helper()
	device := "/dev/full"
	if _, err := os.Stat(device); err != nil {
		t.Skip(err)
	}
	if os.Geteuid() == 0 {
		device = filepath.Join(t.TempDir(), "full")
		if err := syscall.Mknod(device, syscall.S_IFCHR|0o666, 1<<8|7); err != nil {
			t.Skip(err)
		}
	}
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	f.Close()
	return device
}

func TestWriteFileReportsAFullDevice(t *testing.T) {
	device := fullDevice(t)
	for _, a := range []*Array{count[float32](1, 3), count[float32](0), count[float64](300_000)} {
		err := a.WriteFile(device)
		if says(t, err, device, a.String(), "bytes"); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v is not ENOSPC", err)
		}
	}
	if info, err := os.Stat(device); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Fatalf("%s is no longer a device (%v)", device, err)
	}
}

// A limit on the size of files replaces a full disk. It holds for root as well. It is set in another
// process, so that the files of the test framework are not limited.
func TestWriteFileOnAFullDiskLeavesTheOldFile(t *testing.T) {
	const path = "NPY_FULL_DISK"
	if target := os.Getenv(path); target != "" {
		fullDisk(t, target)
		return
	}
	target := oldFile(t)
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), path+"="+target)
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	untouched(t, target)
}

func fullDisk(t *testing.T, path string) {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: 1000}); err != nil {
		t.Fatal(err)
	}
	err := count[float64](1000).WriteFile(path)
	if says(t, err, path, "(1000,) of <f8", "8128 bytes"); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("%v is not EFBIG", err)
	}
	err = count[float64](1000).WriteFile(filepath.Join(filepath.Dir(path), "new.npy"))
	if says(t, err, "new.npy", "(1000,) of <f8", "8128 bytes"); strings.Contains(err.Error(), ".tmp") {
		t.Errorf("the error names the temporary file: %v", err)
	}
}

// Abandon cannot be undone, so it is called in another process.
func TestAbandonRemovesTemporaryFiles(t *testing.T) {
	const path = "NPY_ABANDON"
	if target := os.Getenv(path); target != "" {
		abandon(t, target)
		return
	}
	target := oldFile(t)
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), path+"="+target)
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	untouched(t, target)
}

func abandon(t *testing.T, path string) {
	half, whole := make(chan string), make(chan string)
	written := make(chan string, 3)
	for _, path := range []string{path, filepath.Join(filepath.Dir(path), "new.npy")} {
		go Save(path, func(w io.Writer) error {
			w.Write([]byte("half"))
			half <- path
			<-whole
			written <- path
			return nil
		})
		<-half
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 3 {
		t.Errorf("the directory holds %v (%v), expected the old file and two temporary ones", names, err)
	}
	Abandon()
	close(whole)
	<-written
	<-written
	go Save(path, func(io.Writer) error {
		written <- path
		return nil
	})
	select {
	case path := <-written:
		t.Errorf("Save of %s began after Abandon", path)
	case <-time.After(50 * time.Millisecond): // time for what must not happen
	}
}

func TestWriteFileInAReadOnlyDirectoryLeavesTheOldFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can write everywhere")
	}
	path := oldFile(t)
	if err := os.Chmod(filepath.Dir(path), 0o555); err != nil {
		t.Fatal(err)
	}
	err := count[float32](1, 3).WriteFile(path)
	if says(t, err, path, "(1, 3) of <f4", "140 bytes"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v is not ErrPermission", err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	untouched(t, path)
}

func TestANamedPipeIsWrittenAndRead(t *testing.T) {
	a := count[float64](100, 1000)
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.WriteFile(fifo) }()
	got, err := ReadFile(fifo)
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, got, a)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(fifo); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe was replaced (%v)", err)
	}
}

func TestWriteFileWritesToADescriptorOfAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a := count[float32](30, 1000)
	done := make(chan error, 1)
	go func() {
		done <- errors.Join(a.WriteFile(fmt.Sprintf("/dev/fd/%d", w.Fd())), w.Close())
	}()
	got, err := Read(r)
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, got, a)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// The size of the file must not make Read allocate more than the header asks for.
func TestReadAllocatesLittleForASparseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse.npy")
	if err := count[float32](3).WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<36); err != nil {
		t.Skip(err)
	}
	var err error
	got := allocated(func() { _, err = ReadFile(path) })
	if says(t, err, "trailing bytes"); got > 1<<20 {
		t.Errorf("allocated %d bytes", got)
	}
}

func TestWriteFileKeepsPermissionBits(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	usual, _ := os.Stat(plain)
	path := filepath.Join(dir, "a.npy")
	for _, perm := range []os.FileMode{usual.Mode(), 0o600, 0o640, 0o755} {
		if err := count[float32](3).WriteFile(path); err != nil {
			t.Fatal(err)
		}
		if info, _ := os.Stat(path); info.Mode() != perm {
			t.Errorf("mode %v, expected %v", info.Mode(), perm)
		}
		next := map[os.FileMode]os.FileMode{usual.Mode(): 0o600, 0o600: 0o640, 0o640: 0o755, 0o755: 0o755}[perm]
		if err := os.Chmod(path, next); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, dir, "a.npy", "plain")
}

func TestWriteFileRefusesAWriteProtectedTarget(t *testing.T) {
	path := oldFile(t)
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		f.Close()
		t.Skip("this user can write to protected files")
	}
	says(t, count[float32](1, 3).WriteFile(path), path, "permission denied")
	untouched(t, path)
}
