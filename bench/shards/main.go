// Command shards shows that machines that share a batch, and runs that are resumed, draw
// the masks of a single run without communication.
//
// It starts two worker processes. Each of them holds half of the samples of a batch and
// draws its own rows of the mask. After three steps the workers save their states and
// exit. Two new workers restore the states and continue. The output of all four is
// compared, bit for bit, with that of one process that holds the whole batch and makes
// all steps.
//
//	go run ./bench/shards
//	go run ./bench/shards -stream pytorch:0
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/bench/signals"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

const (
	workers  = 2
	samples  = 6 // of a batch
	channels = 37
	side     = 7
	steps    = 3 // of a worker
	rate     = 0.3
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("shards: ")
	stream := flag.String("stream", "philox:42", "random `STREAM` with its seed")
	worker := flag.Int("worker", -1, "run as worker `N`; the command starts its workers itself")
	state := flag.String("state", "", "`FILE` from which a worker restores its state, if it exists, and to which it saves it")
	flag.Parse()
	usage := func(format string, args ...any) {
		log.Printf(format, args...)
		os.Exit(2)
	}
	switch {
	case flag.NArg() > 0:
		usage("unexpected argument %.40q, want flags only", flag.Arg(0))
	case *worker < -1 || *worker >= workers:
		usage("-worker %d, want 0 to %d", *worker, workers-1)
	}
	var err error
	if *worker >= 0 {
		// An interrupt from the terminal reaches all processes. The parent ends its workers.
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		err = work(os.Stdout, *stream, *worker, *state)
	} else {
		ctx := signals.Context()
		// A write to a closed pipe ends the process, so nothing is written before the
		// temporary files are removed.
		var text bytes.Buffer
		err = compare(ctx, &text, *stream)
		if ctx.Err() != nil && err != nil {
			err = context.Cause(ctx)
		}
		if _, e := os.Stdout.Write(text.Bytes()); err == nil {
			err = e
		}
	}
	var interrupt signals.Interrupt
	switch {
	case errors.As(err, &interrupt):
		log.Print(err)
		os.Exit(interrupt.Status())
	case err != nil:
		log.Fatal(err)
	}
}

// work runs a worker. It writes the output of its samples for a few steps.
func work(w io.Writer, stream string, worker int, path string) error {
	const share = samples / workers
	drop, err := restore(path)
	if os.IsNotExist(err) {
		drop, err = dropout(stream, spatialdropout.WithShard(mask.Shard{SampleOffset: uint64(worker * share), Samples: samples}))
	}
	if err != nil {
		return err
	}
	for range steps {
		y, err := step(drop, worker*share, share)
		if err == nil {
			err = binary.Write(w, binary.LittleEndian, y)
		}
		if err != nil {
			return err
		}
	}
	saved, err := json.Marshal(drop.State())
	if err != nil {
		return err
	}
	return os.WriteFile(path, saved, 0o644)
}

// restore returns the dropout of a saved state. The file of one is small, and errors quote
// at most a part of it.
func restore(path string) (*spatialdropout.Dropout, error) {
	const most = 1 << 16 // bytes
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	saved, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if len(saved) > most {
		return nil, fmt.Errorf("%s has more than %d bytes, want the state of a worker", path, most)
	}
	var state spatialdropout.State
	var drop *spatialdropout.Dropout
	if err = json.Unmarshal(saved, &state); err == nil {
		drop, err = spatialdropout.Restore(state)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %.300v, want the state of a worker", path, err)
	}
	return drop, nil
}

func dropout(stream string, opts ...spatialdropout.Option) (*spatialdropout.Dropout, error) {
	s, err := mask.ParseStream(stream)
	if err != nil {
		return nil, err
	}
	return spatialdropout.New(rate, append(opts, spatialdropout.WithStream(s))...)
}

// step applies a new mask to count samples of the batch, the first of which is from.
func step(drop *spatialdropout.Dropout, from, count int) ([]float32, error) {
	geom, err := layout.NCHW.Of(count, channels, side, side)
	if err != nil {
		return nil, err
	}
	x := make([]float32, geom.Len())
	for i := range x {
		x[i] = float32(math.Sin(float64(from*channels*side*side + i)))
	}
	t := spatialdropout.Of(x, geom)
	_, err = drop.Forward(t, t)
	return x, err
}

// compare runs the workers twice and compares their output with that of one process.
func compare(ctx context.Context, w io.Writer, stream string) error {
	single, err := dropout(stream)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "shards")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for run := range 2 {
		parts, err := start(ctx, stream, dir)
		if err != nil {
			return err
		}
		for s := range steps {
			want, err := step(single, 0, samples)
			if err != nil {
				return err
			}
			var got []float32
			for _, p := range parts {
				share := len(want) / workers
				got = append(got, p[s*share:][:share]...)
			}
			if !slices.EqualFunc(got, want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				return fmt.Errorf("step %d: the output of the workers differs from that of a single process", run*steps+s)
			}
			fmt.Fprintf(w, "step %d: %d processes wrote the bits of one\n", run*steps+s, workers)
		}
	}
	return nil
}

// start runs all workers in parallel and returns the output of each. All have exited when
// it returns.
func start(ctx context.Context, stream, dir string) (parts [workers][]float32, err error) {
	self, err := os.Executable()
	if err != nil {
		return parts, err
	}
	var all [workers]*exec.Cmd
	var outputs [workers]io.Reader
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	for i := range all {
		all[i] = exec.CommandContext(ctx, self, "-stream", stream, "-worker", fmt.Sprint(i), "-state", filepath.Join(dir, fmt.Sprint(i)))
		all[i].Stderr = os.Stderr
		if outputs[i], err = all[i].StdoutPipe(); err != nil {
			return parts, err
		}
		if err := all[i].Start(); err != nil {
			return parts, err
		}
		defer func() {
			kill() // for an early return; it does nothing to a worker that has exited
			all[i].Wait()
		}()
	}
	for i := range all {
		parts[i] = make([]float32, steps*samples/workers*channels*side*side)
		if err := binary.Read(outputs[i], binary.LittleEndian, parts[i]); err != nil {
			return parts, fmt.Errorf("worker %d: %w", i, err)
		}
		if err := all[i].Wait(); err != nil {
			return parts, fmt.Errorf("worker %d: %w", i, err)
		}
	}
	return parts, nil
}
