package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/mask"
)

// TestMain runs the command instead of the tests if the environment asks for it. compare
// starts this same program.
func TestMain(m *testing.M) {
	if os.Getenv("SHARDS_COMMAND") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// For every stream, two workers and the two that resume write what one process writes.
func TestShardsAndResumedRunsAgreeWithOneProcess(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	streams := append(mask.StreamNames(), "jax:3/original", "jax:3/fold/x64", "tensorflow:5,6/float64", "tensorflow:5,6/bfloat16")
	for _, stream := range streams {
		t.Run(stream, func(t *testing.T) {
			cmd := exec.Command(self, "-stream", stream)
			cmd.Env = append(os.Environ(), "SHARDS_COMMAND=1")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			if n := strings.Count(string(out), "2 processes wrote the bits of one"); n != 2*steps {
				t.Errorf("%d steps agree, want %d:\n%s", n, 2*steps, out)
			}
		})
	}
}

func TestAFileThatIsNoStateIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "unexpected end of JSON input"},
		"long":          {strings.Repeat(" ", 1<<16) + "{}", "has more than 65536 bytes"},
		"endless":       {"/dev/zero", "has more than 65536 bytes"},
		"deep":          {strings.Repeat("[", 60_000), "want the state of a worker"},
		"a long number": {`{"rate": ` + strings.Repeat("9", 60_000) + "}", "want the state of a worker"},
		"a long text":   {`{"stream": "` + strings.Repeat("x", 60_000) + `"}`, "want the state of a worker"},
		"another type":  {`"state"`, "want the state of a worker"},
		"no rate":       {`{"rate": 7, "stream": "philox:1"}`, "rate 7"},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.text
			if name != "endless" {
				path = filepath.Join(t.TempDir(), "state")
				if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
					t.Fatal(err)
				}
			} else if _, err := os.Stat(path); err != nil {
				t.Skip(err)
			}
			var out bytes.Buffer
			err := work(&out, "philox:1", 0, path)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 1000 || out.Len() > 0 {
				t.Errorf("%.1000v, want %q; %d bytes of output", err, c.want, out.Len())
			}
		})
	}
}

func TestBadFlags(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		`unexpected argument "pytorch:0"`: {"pytorch:0"},
		"-worker 2, want 0 to 1":          {"-worker", "2"},
		"-worker -2, want 0 to 1":         {"-worker", "-2"},
		"invalid value":                   {"-worker", "NaN"},
	} {
		cmd := exec.Command(self, args...)
		cmd.Env = append(os.Environ(), "SHARDS_COMMAND=1")
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, %q, want status 2 and %q", args, err, out, want)
		}
	}
}
