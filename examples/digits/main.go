// Command digits trains small convolutional networks on few images of handwritten digits:
// without dropout, with element-wise dropout and with spatial dropout. It prints how they
// compare, and draws how they learn.
//
//	go run .
//	go run . -head dense
//	go run . -h
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
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
	var o options
	f := flag.NewFlagSet("digits", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.TextVar(&o.head, "head", average, "the digits are recognised from the `KIND` of features: average takes that of each feature map, dense all their elements")
	f.IntVar(&o.seeds, "seeds", 12, "compare the kinds of dropout on `N` training sets, each with a seed of its own")
	f.IntVar(&o.pilots, "pilots", 3, "choose places and rates with `N` more training sets")
	o.rates = []float64{0.1, 0.2, 0.4}
	f.Func("rates", "choose from the rates `LIST` (default 0.1,0.2,0.4)", func(s string) (err error) {
		o.rates, err = parseRates(s)
		return err
	})
	f.IntVar(&o.samples, "samples", 100, "a training set has `N` images, as many of each digit")
	f.IntVar(&o.epochs, "epochs", 60, "train `N` times on each image")
	f.IntVar(&o.batch, "batch", 10, "make a step on `N` images")
	f.Float64Var(&o.learningRate, "learning-rate", 0.01, "begin with the step size `X`, which falls to 0")
	f.Uint64Var(&o.seed, "seed", 1, "all draws follow from the seed `N`")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "train `N` networks at a time")
	f.StringVar(&o.out, "out", "", "write report and pictures to the directory `DIR` (default results/KIND)")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("argument %q, want flags only", f.Arg(0))
	}
	if o.out == "" {
		o.out = filepath.Join("results", o.head.String())
	}
	return o, o.check()
}

// check returns an error if a plan cannot be carried out.
func (p plan) check() error {
	for _, number := range []struct {
		name         string
		value, least int
	}{
		{"seeds", p.seeds, 2}, {"pilots", p.pilots, 1}, {"epochs", p.epochs, 1}, {"batch", p.batch, 1}, {"workers", p.workers, 1},
	} {
		if number.value < number.least {
			return fmt.Errorf("-%s %d, want %d or more", number.name, number.value, number.least)
		}
	}
	if !(p.learningRate > 0) || math.IsInf(p.learningRate, 0) {
		return fmt.Errorf("-learning-rate %v, want a positive number", p.learningRate)
	}
	return nil
}

func parseRates(s string) ([]float64, error) {
	var rates []float64
	for _, word := range strings.Split(s, ",") {
		rate, err := strconv.ParseFloat(word, 64)
		if err != nil || !(rate > 0 && rate < 1) {
			return nil, fmt.Errorf("rate %q, want a number between 0 and 1", word)
		}
		rates = append(rates, rate)
	}
	return rates, nil
}

// run runs the command and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "digits:", err)
		return 2
	}
	d, err := load[float32]()
	if err == nil {
		err = o.run(d, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "digits:", err)
		return 1
	}
	return 0
}

// run carries out the plan and writes the results.
func (o options) run(d data[float32], stdout, stderr io.Writer) error {
	if _, err := d.trainingSet(o.seeds+o.pilots-1, o.samples); err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o777); err != nil {
		return err
	}
	start := time.Now()
	e, err := o.plan.run(d, progress(stderr, o.trials()))
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "trained %d networks in %v\n", o.trials(), time.Since(start).Round(time.Second))

	var text strings.Builder
	if err := e.report(&text, d); err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, text.String()); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "report.txt"), []byte(text.String()), 0o666); err != nil {
		return err
	}
	if err := save(o.out, "curves", 9*vg.Inch, 3.6*vg.Inch, e.drawCurves); err != nil {
		return err
	}
	return save(o.out, "maps", 9*vg.Inch, 3.4*vg.Inch, func(c draw.Canvas) error { return e.drawMaps(c, d.test) })
}

// progress returns a function that moves a bar on by one step. The bar is only drawn on a
// terminal.
func progress(w io.Writer, steps int) func() {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	bar := progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("networks"),
		progressbar.OptionShowCount(),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish())
	return func() { bar.Add(1) } // an error in drawing the bar is ignored
}
