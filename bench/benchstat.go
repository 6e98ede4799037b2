package main

import (
	"bytes"
	"fmt"
	"io"
)

// printSamples prints one line for each sample in Go's benchmark format, for
// golang.org/x/perf/cmd/benchstat.
func (r *Report) printSamples(w io.Writer) error {
	var b bytes.Buffer
	m := r.Machine
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: github.com/spatialdropout/spatialdropout/bench\ncpu: %s\n", m.GOOS, m.GOARCH, m.CPU)
	procs := ""
	if m.Procs > 1 {
		procs = fmt.Sprintf("-%d", m.Procs)
	}
	for _, c := range r.timed {
		for _, s := range c.seconds {
			fmt.Fprintf(&b, "Benchmark%s%s\t%d\t%.2f ns/op", c.name, procs, c.reps, 1e9*s)
			if c.bytes > 0 {
				fmt.Fprintf(&b, "\t%.2f MB/s", float64(c.bytes)/s/1e6)
			}
			b.WriteByte('\n')
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
