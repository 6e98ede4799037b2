package main

import (
	"bytes"
	"os"
	"os/exec"
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
