//go:build linux || darwin

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout/bench/npy"
)

// TestMain runs the command instead of the tests if the environment asks for it, so that
// tests can start it as a process with its own signals, descriptors and limits.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_COMMAND") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command returns the command, which is not started yet, and its standard error.
func command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "BENCH_COMMAND=1")
	stderr := new(bytes.Buffer)
	cmd.Stderr = stderr
	return cmd, stderr
}

// start starts cmd, and kills it after a minute. Signals that the test ignores, as a
// background job does, have their default effect on cmd.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		killer.Stop()
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// end waits for cmd and returns its status.
func end(cmd *exec.Cmd) syscall.WaitStatus {
	cmd.Wait() // the status is in ProcessState
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// exits fails unless cmd exits with a status and prints one line to standard error that
// contains the words.
func exits(t *testing.T, cmd *exec.Cmd, stderr *bytes.Buffer, status int, words ...string) {
	t.Helper()
	if got := end(cmd); !got.Exited() || got.ExitStatus() != status {
		t.Errorf("%v: ended with %#x, want exit status %d", cmd.Args[1:], got, status)
	}
	if n := strings.Count(stderr.String(), "\n"); n != 1 {
		t.Errorf("%v: %d lines on standard error, want 1:\n%.2000s", cmd.Args[1:], n, stderr)
	}
	for _, word := range append(words, "bench: ") {
		if !strings.Contains(stderr.String(), word) {
			t.Errorf("%v: standard error is %q, want %q in it", cmd.Args[1:], stderr, word)
		}
	}
}

// holds fails unless dir contains exactly the named files.
func holds(t *testing.T, dir string, names ...string) {
	t.Helper()
	if got := listed(t, dir); !slices.Equal(got, names) {
		t.Errorf("the directory holds %q, want %q", got, names)
	}
}

func listed(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestStandardOutputOnAFullDisk(t *testing.T) {
	x := save(t, 1, 20, 8, 8)
	for _, args := range [][]string{
		{"-h"},
		{"-rounds", "0"},
		{"-input", x, "-layout", "NCHW", "-json"},
		{"-input", x, "-layout", "NCHW", "-output", "/dev/stdout"},
	} {
		cmd, stderr := command(t, args...)
		// A limit on the size of files replaces a full disk on every system.
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `ulimit -f 0; exec "$@"`, "sh", cmd.Path}, args...)
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		cmd.Stdout = out
		start(t, cmd)
		exits(t, cmd, stderr, 1, "file too large")

		if _, err := os.Stat("/dev/full"); err != nil {
			continue // not on Linux
		}
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		cmd, stderr = command(t, args...)
		cmd.Stdout = full
		start(t, cmd)
		exits(t, cmd, stderr, 1, "no space left on device")
	}
}

func TestAFullDiskLeavesTheOldFile(t *testing.T) {
	x := save(t, 1, 20, 8, 8)
	dir := t.TempDir()
	for _, name := range []string{"old.npy", "old.png"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"old", "new"} {
		for flag, extension := range map[string]string{"-output": ".npy", "-png": ".png"} {
			path := filepath.Join(dir, name+extension)
			args := []string{"-input", x, "-layout", "NCHW", flag, path}
			cmd, stderr := command(t, args...)
			cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `ulimit -f 1; exec "$@"`, "sh", cmd.Path}, args...)
			start(t, cmd)
			exits(t, cmd, stderr, 1, path, "file too large")
		}
	}
	holds(t, dir, "old.npy", "old.png")
	for _, name := range []string{"old.npy", "old.png"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != "old" {
			t.Errorf("%s holds %.20q (%v)", name, got, err)
		}
	}
}

// The command finds out before it computes that its output cannot be written.
func TestAReadOnlyDirectoryLeavesTheOldFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can write everywhere")
	}
	x := save(t, 1, 20, 8, 8)
	dir := t.TempDir()
	olds := []string{"old.npy", "old.png", "old.svg"}
	for _, name := range olds {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	for _, name := range []string{"old", "new"} {
		path := filepath.Join(dir, name)
		for _, args := range [][]string{
			{"-input", x, "-layout", "NCHW", "-output", path + ".npy"},
			{"-input", x, "-layout", "NCHW", "-png", path + ".png"},
			{"-png", path + ".png"},
			{"-sweep", path + ".svg"},
		} {
			cmd, stderr := command(t, args...)
			start(t, cmd)
			exits(t, cmd, stderr, 1, path, "permission denied")
		}
	}
	holds(t, dir, olds...)
}

func TestASweepThatCannotBeWrittenIsNotMeasured(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "sweep.svg")
	cmd, stderr := command(t, "-sweep", path)
	began := time.Now()
	start(t, cmd)
	exits(t, cmd, stderr, 1, path, "no such file")
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the error came after %v", took)
	}
}

// closed returns the write end of a pipe whose read end is closed.
func closed(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	return w
}

// This happens in "bench | head".
func TestAClosedPipeEndsTheCommandSilently(t *testing.T) {
	x := save(t, 1, 20, 8, 8)
	for _, args := range [][]string{
		{"-h"},
		{"-rounds", "0"},
		{"-input", x, "-layout", "NCHW", "-json"},
		{"-input", x, "-layout", "NCHW", "-output", "/dev/stdout"},
	} {
		cmd, stderr := command(t, args...)
		cmd.Stdout = closed(t)
		start(t, cmd)
		if got := end(cmd); !got.Signaled() || got.Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
			t.Errorf("%v: ended with %#x, want SIGPIPE, and %q on standard error", args, got, stderr)
		}
	}
}

func TestAClosedStandardErrorKeepsTheStatus(t *testing.T) {
	for status, args := range map[int][]string{
		1: {"-input", "missing.npy", "-layout", "NCHW", "-json"},
		2: {"-nonsense"},
	} {
		cmd, _ := command(t, args...)
		cmd.Stderr = closed(t)
		start(t, cmd)
		if got := end(cmd); !got.Exited() || got.ExitStatus() != status {
			t.Errorf("%v: ended with %#x, want exit status %d", args, got, status)
		}
	}
}

// Unlike standard output, a named pipe is an output file, and its closing is an error.
func TestANamedPipeWithoutAReaderIsAnError(t *testing.T) {
	x := save(t, 1, 20, 200, 200) // more than a pipe holds
	pipe := fifo(t)
	cmd, stderr := command(t, "-input", x, "-layout", "NCHW", "-output", pipe)
	start(t, cmd)
	r, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r.Close()
	exits(t, cmd, stderr, 1, pipe, "broken pipe")
}

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// interrupts holds the signals that ask the command to end, with its messages.
var interrupts = map[syscall.Signal]string{
	syscall.SIGINT:  "bench: interrupted\n",
	syscall.SIGTERM: "bench: terminated\n",
	syscall.SIGHUP:  "bench: hangup\n",
}

// ends fails unless cmd exits as it should after a signal.
func ends(t *testing.T, cmd *exec.Cmd, stderr *bytes.Buffer, sig syscall.Signal) {
	t.Helper()
	exits(t, cmd, stderr, 128+int(sig))
	if got := stderr.String(); got != interrupts[sig] {
		t.Errorf("standard error is %q, want %q", got, interrupts[sig])
	}
}

func TestInterruptWhileReading(t *testing.T) {
	for sig := range interrupts {
		cmd, stderr := command(t, "-input", fifo(t), "-layout", "NCHW", "-json")
		start(t, cmd)
		w, err := os.OpenFile(cmd.Args[2], os.O_WRONLY, 0) // waits for the command
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		cmd.Process.Signal(sig)
		ends(t, cmd, stderr, sig)
	}
}

func TestInterruptWhileVerifying(t *testing.T) {
	for sig := range interrupts {
		cmd, stderr := command(t)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		start(t, cmd)
		if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Signal(sig)
		io.Copy(io.Discard, stdout)
		ends(t, cmd, stderr, sig)
	}
}

func TestInterruptWhileSavingLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old.png")
	if err := os.WriteFile(old, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for sig := range interrupts {
		for _, path := range []string{old, filepath.Join(dir, "new.png")} {
			cmd, stderr := saving(t, path)
			cmd.Process.Signal(sig)
			cmd.Process.Signal(syscall.SIGCONT)
			ends(t, cmd, stderr, sig)
			holds(t, dir, "old.png")
		}
	}
	if got, err := os.ReadFile(old); err != nil || string(got) != "old" {
		t.Errorf("the old file holds %.20q (%v)", got, err)
	}
}

// saving starts the command and stops it with SIGSTOP while it saves a picture to path.
// Encoding the picture takes long enough to do so.
func saving(t *testing.T, path string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	temporary := func(name string) bool { return strings.HasSuffix(name, ".tmp") }
	dir := filepath.Dir(path)
	for range 10 {
		cmd, stderr := command(t, "-png", path)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		start(t, cmd)
		missed := make(chan struct{})
		go func() {
			defer close(missed)
			// The text after the description of the machine follows the picture.
			for text := ""; strings.Count(text, "\n\n") < 2; {
				b := make([]byte, 1)
				if _, err := stdout.Read(b); err != nil {
					return
				}
				text += string(b)
			}
		}()
		for open := true; open; time.Sleep(100 * time.Microsecond) {
			if slices.ContainsFunc(listed(t, dir), temporary) {
				cmd.Process.Signal(syscall.SIGSTOP)
				var status syscall.WaitStatus
				if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
					t.Fatalf("not stopped: %#x, %v", status, err)
				}
				if slices.ContainsFunc(listed(t, dir), temporary) {
					return cmd, stderr
				}
			}
			select {
			case <-missed:
				open = false
			default:
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		if filepath.Base(path) == "new.png" {
			os.Remove(path)
		}
	}
	t.Fatal("the command was never stopped while it saved a picture")
	return nil, nil
}

func TestInterruptWithAClosedStandardErrorKeepsTheStatus(t *testing.T) {
	cmd, _ := command(t, "-input", fifo(t), "-layout", "NCHW", "-json")
	cmd.Stderr = closed(t)
	start(t, cmd)
	w, err := os.OpenFile(cmd.Args[2], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd.Process.Signal(syscall.SIGINT)
	if got := end(cmd); !got.Exited() || got.ExitStatus() != 130 {
		t.Errorf("ended with %#x, want exit status 130", got)
	}
}

// A second interrupt ends a command that the first one could not end, here because its
// message cannot be written.
func TestASecondInterruptKills(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for size := 1 << 16; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = w.Write(make([]byte, size))
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	cmd, _ := command(t, "-input", fifo(t), "-layout", "NCHW", "-json")
	cmd.Stderr = w
	start(t, cmd)
	input, err := os.OpenFile(cmd.Args[2], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	cmd.Process.Signal(syscall.SIGINT)
	stop := make(chan struct{})
	go func() {
		for { // one signal may be lost if it arrives before the first is handled
			select {
			case <-time.After(200 * time.Millisecond):
				cmd.Process.Signal(syscall.SIGINT)
			case <-stop:
				return
			}
		}
	}()
	got := end(cmd)
	close(stop)
	if !got.Signaled() || got.Signal() != syscall.SIGINT {
		t.Errorf("ended with %#x, want SIGINT", got)
	}
}

// A shell's background jobs ignore SIGINT, and the command of nohup ignores SIGHUP.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	var x bytes.Buffer
	if err := npy.Of(make([]float32, 12), 1, 3, 2, 2).Write(&x); err != nil {
		t.Fatal(err)
	}
	pipe := fifo(t)
	args := []string{"-input", pipe, "-layout", "NCHW", "-json"}
	cmd, stderr := command(t, args...)
	cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh", "-c", `trap "" INT HUP; exec "$@"`, "sh", cmd.Path}, args...)
	start(t, cmd)
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Process.Signal(syscall.SIGHUP)
	time.Sleep(50 * time.Millisecond) // time for what must not happen
	_, err = w.Write(x.Bytes())
	if err = errors.Join(err, w.Close()); err != nil {
		t.Error(err)
	}
	if got := end(cmd); got != 0 {
		t.Errorf("ended with %#x, want exit status 0: %s", got, stderr)
	}
}
