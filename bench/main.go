// Command bench verifies and measures this module on the machine it runs on. It
// applies spatial dropout to real feature maps, compares each result bit for bit with a
// plain loop, and measures how close each kernel comes to the limit of memory. It also
// applies dropout to a tensor from a file, and draws feature maps.
//
//	go run ./bench
//	go run ./bench -input x.npy -layout NHWC -rate 0.3 -seed 7 -output y.npy
//	go run ./bench -h
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/schollz/progressbar/v3"

	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/bench/signals"
)

func main() {
	interrupted := signals.Context()
	status := make(chan int, 1)
	go func() { status <- run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr) }()
	select {
	case s := <-status:
		os.Exit(s)
	case <-interrupted.Done():
		// The process ends without waiting for run, which may be in a long call or
		// blocked on a pipe.
		npy.Abandon()
		cause := context.Cause(interrupted).(signals.Interrupt)
		if term.IsTerminal(int(os.Stderr.Fd())) {
			fmt.Fprintln(os.Stderr) // after ^C, or a progress bar
		}
		fail(os.Stderr, cause)
		os.Exit(cause.Status())
	}
}

// fail prints an error.
func fail(stderr io.Writer, err error) {
	// A closed pipe at standard output ends the command silently, as usual. At standard
	// error it must not, so that the exit status still tells what happened.
	signal.Ignore(syscall.SIGPIPE)
	fmt.Fprintln(stderr, "bench:", excerpt(err.Error()))
}

// excerpt returns the beginning and the end of a text that is too long to read. An error
// quotes what was given, whatever its length.
func excerpt(text string) string {
	const most, end = 1000, 200 // characters
	if len(text) <= most {
		return text
	}
	all := []rune(text)
	if len(all) <= most {
		return text
	}
	return fmt.Sprintf("%s … (%d characters) … %s", string(all[:most-end]), len(all)-most, string(all[len(all)-end:]))
}

// run runs the command and returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args)
	report := stdout
	if err == nil && o.writesToStdout() {
		report = stderr
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		err = help(stdout)
	case err != nil:
	case o.version:
		err = version(o, stdout)
	case o.tune:
		err = tune(o, stdout)
	case o.input != "":
		err = benchTensor(o, stdin, stdout, report)
	default:
		err = benchMaps(o, report, stderr)
	}
	if err == nil {
		return 0
	}
	fail(stderr, err)
	if errors.As(err, new(usageError)) {
		fmt.Fprintln(stderr, "bench: -h explains the flags")
		return 2
	}
	return 1
}

// benchMaps draws, verifies and measures with the feature maps of this module.
func benchMaps(o options, stdout, stderr io.Writer) error {
	all, err := loadMaps()
	if err != nil {
		return err
	}
	if o.sweep != "" {
		if err := drawable(o.sweep); err != nil {
			return err
		}
	}
	report := newReport()
	report.columns = cmp.Or(o.columns, terminalColumns(stdout), usualColumns)
	text := stdout
	if o.json || o.benchstat {
		text = io.Discard
	}
	if err := report.Machine.print(text); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(text); err != nil {
		return err
	}

	if o.png != "" {
		if err := drawMaps(o, all); err != nil {
			return err
		}
		report.PNG = o.png
		if _, err := fmt.Fprintf(text, "wrote %s\n\n", o.png); err != nil {
			return err
		}
	}

	if _, err := io.WriteString(text, verifyText); err != nil {
		return err
	}
	for _, m := range all {
		v, err := verifyMap(m, report.Machine.Tiers)
		if err != nil {
			return err
		}
		report.Verified = append(report.Verified, v)
		if err := v.print(text, report.Machine.Tiers); err != nil {
			return err
		}
	}

	if o.rounds > 0 {
		report.Rounds = o.rounds
		if err := report.run(o, all, progressOn(stderr), text); err != nil {
			return err
		}
	}
	switch {
	case o.json:
		return writeJSON(stdout, report)
	case o.benchstat:
		return report.printSamples(stdout)
	}
	return nil
}

// run makes the measurements that the flags ask for and prints them.
func (r *Report) run(o options, all []featureMap, begin progress, text io.Writer) error {
	if o.sweep != "" {
		return r.runSweep(o.sweep, all, begin, text)
	}
	r.Suite = o.suite
	if o.suite == suiteFull {
		if err := r.measureFull(sizes, sizesBetween, all, begin); err != nil {
			return err
		}
		return r.printFigures(text)
	}
	if err := r.measureMaps(workloads, all, begin); err != nil {
		return err
	}
	return r.printTable(text)
}

func (r *Report) runSweep(path string, all []featureMap, begin progress, text io.Writer) error {
	if err := r.measureSweep(sweepFrom, sweepTo, all, begin); err != nil {
		return err
	}
	if err := r.printTable(text); err != nil {
		return err
	}
	if err := r.drawSweep(path); err != nil {
		return err
	}
	r.Sweep = path
	_, err := fmt.Fprintf(text, "wrote %s\n", path)
	return err
}

// terminalColumns returns the width of a terminal, at least that of the narrowest table. It
// is 0 for any other writer.
func terminalColumns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return max(width, leastColumns)
}

// progressOn returns a progress that draws its bars on w if that is a terminal.
func progressOn(w io.Writer) progress {
	return func(what string, steps int) func() {
		f, ok := w.(*os.File)
		if !ok || !term.IsTerminal(int(f.Fd())) {
			return func() {}
		}
		bar := progressbar.NewOptions(steps,
			progressbar.OptionSetWriter(w),
			progressbar.OptionSetDescription(what),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(false))
		return func() { bar.Add(1) } // an error in drawing the bar is ignored
	}
}
