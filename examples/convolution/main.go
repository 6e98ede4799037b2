// Command convolution measures spatial dropout with a convolution behind it, forward and backward,
// in the shapes of ResNet-50: computed with every channel, and with the kept channels alone.
//
//	go run .
//	go run . -only 14×14 -rates 0.2
//	go run . -h
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options are the command's flags.
type options struct {
	plan
	out string // directory of the results
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{plan: plan{rates: []float64{0.1, 0.2, 0.3, 0.4, 0.5}, shapes: stages}}
	f := flag.NewFlagSet("convolution", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.batch, "batch", 8, "a batch has `N` samples")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "`N` goroutines share a batch")
	f.DurationVar(&o.time, "time", 100*time.Second, "measure for `DURATION`, but everything at least once")
	f.Func("rates", "measure the rates `LIST` (default 0.1,0.2,0.3,0.4,0.5)", func(s string) (err error) {
		o.rates, err = parseRates(s)
		return err
	})
	f.Func("only", "measure the convolutions with `TEXT` in their names, such as 3×3 or 7×7", func(s string) error {
		if o.shapes = matching(s); len(o.shapes) == 0 {
			return fmt.Errorf("no convolution has that in its name, want a part of one of: %s", names(stages))
		}
		return nil
	})
	f.TextVar(&o.order, "filters", hwio, "the axes of filters have the order `ORDER`: HWIO, as in TensorFlow, or OIHW, as in PyTorch")
	f.StringVar(&o.out, "out", "", "write the report, a picture and all times to the directory `DIR`; times that are there count, too")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("argument %q, want flags only", f.Arg(0))
	}
	if o.batch < 1 {
		return o, fmt.Errorf("-batch %d, want 1 or more", o.batch)
	}
	if o.workers < 1 {
		return o, fmt.Errorf("-workers %d, want 1 or more", o.workers)
	}
	o.workers = min(o.workers, o.batch)
	o.shapes = slices.Clone(o.shapes)
	for i := range o.shapes {
		o.shapes[i].order = o.order
	}
	return o, nil
}

func parseRates(s string) ([]float64, error) {
	var rates []float64
	for _, word := range strings.Split(s, ",") {
		rate, err := strconv.ParseFloat(word, 64)
		if err != nil || !(rate >= 0 && rate < 1) {
			return nil, fmt.Errorf("rate %q, want a number from 0, below 1", word)
		}
		rates = append(rates, rate)
	}
	return rates, nil
}

func names(shapes []shape) string {
	var all []string
	for _, s := range shapes {
		all = append(all, s.String())
	}
	return strings.Join(all, "; ")
}

// run runs the command and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "convolution:", err)
		return 2
	}
	if err := o.run(stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "convolution:", err)
		return 1
	}
	return 0
}

// run measures, prints the report and writes the results.
func (o options) run(stdout, stderr io.Writer) error {
	var before measurement
	if o.out != "" {
		if err := os.MkdirAll(o.out, 0o777); err != nil {
			return err
		}
		var err error
		if before, err = read(filepath.Join(o.out, timesFile), library); err != nil {
			return err
		}
		if err := before.fits(o.plan); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(o.out, timesFile), err)
		}
	}
	m, err := o.plan.measure(rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)), before, progress(stderr, o.time))
	if err != nil {
		return err
	}
	text := m.report()
	if _, err := io.WriteString(stdout, text); err != nil || o.out == "" {
		return err
	}
	if err := m.write(filepath.Join(o.out, timesFile)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "report.txt"), []byte(text), 0o666); err != nil {
		return err
	}
	return m.save(o.out, "speedup")
}

// progress returns a function that shows how much of the time is over. The bar is only drawn on a
// terminal.
func progress(w io.Writer, of time.Duration) func(time.Duration) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(time.Duration) {}
	}
	bar := progressbar.NewOptions64(of.Milliseconds()+1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("measuring"),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish())
	return func(d time.Duration) { bar.Set64(min(d, of).Milliseconds()) } // an error in drawing the bar is ignored
}
