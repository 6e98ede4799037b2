// Command shards shows that machines which share a batch, and runs that are resumed,
// draw what a single machine draws in one go, without a word between them.
//
// It starts two worker processes. Each has half of the samples of every batch and
// draws its rows of the mask. After three steps the workers save their states and end;
// two new ones restore them and go on. What the four wrote is compared, bit for bit,
// with what one process writes that has the whole batch and does all steps.
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
	steps    = 3 // until the workers end, and again after
	rate     = 0.3
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("shards: ")
	stream := flag.String("stream", "philox:42", "random `STREAM` with its seed")
	worker := flag.Int("worker", -1, "be worker `N`, which the command starts itself")
	state := flag.String("state", "", "`FILE` that a worker restores its state from, if there is one, and saves it to")
	flag.Parse()
	var err error
	if *worker >= 0 {
		// An interrupt from the terminal goes to all; what becomes of a worker is its parent's business.
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		err = work(os.Stdout, *stream, *worker, *state)
	} else {
		ctx := signals.Context()
		// Standard output may end the process, so it comes when nothing is left to be removed.
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

// work is a worker: it writes its part of the output of a few steps.
func work(w io.Writer, stream string, worker int, path string) error {
	const share = samples / workers
	var drop *spatialdropout.Dropout
	saved, err := os.ReadFile(path)
	switch {
	case err == nil:
		var state spatialdropout.State
		if err := json.Unmarshal(saved, &state); err != nil {
			return err
		}
		drop, err = spatialdropout.Restore(state)
	case os.IsNotExist(err):
		drop, err = dropout(stream, spatialdropout.WithShard(spatialdropout.Shard{SampleOffset: uint64(worker * share), Samples: samples}))
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
	saved, err = json.Marshal(drop.State())
	if err != nil {
		return err
	}
	return os.WriteFile(path, saved, 0o644)
}

func dropout(stream string, opts ...spatialdropout.Option) (*spatialdropout.Dropout, error) {
	s, err := mask.ParseStream(stream)
	if err != nil {
		return nil, err
	}
	return spatialdropout.New(rate, append(opts, spatialdropout.WithStream(s))...)
}

// step applies a new mask to so many samples of the batch, from the given one on.
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

// compare runs the workers, twice, and compares what they wrote.
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
				return fmt.Errorf("step %d: the workers' outputs are not those of a single process", run*steps+s)
			}
			fmt.Fprintf(w, "step %d: %d processes wrote the bits of one\n", run*steps+s, workers)
		}
	}
	return nil
}

// start runs all workers at once and returns what each wrote. When it returns, all have ended.
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
			kill() // after an error; what has ended is past it
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
