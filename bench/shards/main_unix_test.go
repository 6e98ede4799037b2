//go:build linux || darwin

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// command returns a command with its own directory for temporary files.
func command(t *testing.T, name string, args ...string) (cmd *exec.Cmd, dir string, stderr *bytes.Buffer) {
	t.Helper()
	dir, stderr = t.TempDir(), new(bytes.Buffer)
	cmd = exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "SHARDS_COMMAND=1", "TMPDIR="+dir)
	cmd.Stderr = stderr
	return cmd, dir, stderr
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// entries returns the number of files in dir.
func entries(t *testing.T, dir string) int {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestFailuresLeaveNoFiles(t *testing.T) {
	r, closed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer closed.Close()
	full, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if _, err := full.Seek(1<<10, io.SeekStart); err != nil { // the states are shorter
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		limit  string // on the size of files, in place of a full disk
		stdout *os.File
		status string
		words  string
	}{
		"closed pipe":             {"unlimited", closed, "signal: broken pipe", ""},
		"disk full of the output": {"1", full, "exit status 1", "file too large"},
		"disk full of the states": {"0", nil, "exit status 1", "file too large"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, dir, stderr := command(t, "/bin/sh", "-c", `ulimit -f $1; exec "$0"`, self(t), c.limit)
			if c.stdout != nil {
				cmd.Stdout = c.stdout
			}
			err := cmd.Run()
			if err == nil || err.Error() != c.status || !strings.Contains(stderr.String(), c.words) || c.words == "" && stderr.Len() > 0 {
				t.Errorf("%v, want %s; standard error is %q, want %q in it", err, c.status, stderr, c.words)
			}
			if n := entries(t, dir); n > 0 {
				t.Errorf("%d temporary files are left", n)
			}
		})
	}
}

func TestInterruptsLeaveNoFiles(t *testing.T) {
	// Give the command the default handlers, even if the test ignores a signal.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	for sig, want := range map[syscall.Signal]string{
		syscall.SIGINT:  "shards: interrupted\n",
		syscall.SIGTERM: "shards: terminated\n",
		syscall.SIGHUP:  "shards: hangup\n",
	} {
		var cmd *exec.Cmd
		var dir string
		var stderr *bytes.Buffer
		for range 10 { // it may end before it is interrupted
			cmd, dir, stderr = command(t, self(t))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for began := time.Now(); entries(t, dir) == 0 && time.Since(began) < 10*time.Second; time.Sleep(100 * time.Microsecond) {
			}
			cmd.Process.Signal(sig)
			if cmd.Wait() != nil {
				break
			}
		}
		if got := cmd.ProcessState.ExitCode(); got != 128+int(sig) || stderr.String() != want {
			t.Errorf("%v: exit status %d, want %d; standard error is %q", sig, got, 128+int(sig), stderr)
		}
		if n := entries(t, dir); n > 0 {
			t.Errorf("%d temporary files are left", n)
		}
	}
}
