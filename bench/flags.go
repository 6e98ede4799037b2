package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// options are the command's flags.
type options struct {
	input, output, png string
	sweep              string
	suite              string
	json, benchstat    bool
	rounds             int

	order   layout.Order
	rate    float64
	stream  string // name and options
	seed    string // as users of the framework write it
	step    uint64
	offset  int
	batch   int
	policy  *mask.Policy // nil: that of the stream
	rule    *mask.Rule   // nil: that of the stream
	sharing mask.Sharing
	workers int
	kind    *kernel.Kind // of the input; nil: as the array says
}

// The suites that can be measured.
const (
	suiteMaps = "maps"
	suiteFull = "full"
)

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// flagSet sets o to the defaults and returns the flags that change it.
func (o *options) flagSet() *flag.FlagSet {
	*o = options{suite: suiteMaps, rounds: 10, order: layout.NCHW, rate: 0.5, stream: "philox", seed: "42"}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard) // run reports errors
	f.Usage = func() {}
	f.StringVar(&o.input, "input", "", "apply dropout to the tensor in `FILE` instead of running the benchmark: a .npy of float16, float32 or float64, or of bfloat16 with -type")
	f.StringVar(&o.output, "output", "", "write the result of -input to `FILE`, as .npy")
	f.StringVar(&o.png, "png", "", "draw the feature maps before and after dropout to `FILE`")
	f.Func("suite", "measure the suite `NAME`: maps measures the feature maps, full the cases by which the library is judged, each with its aim (default maps)", func(s string) error {
		if s != suiteMaps && s != suiteFull {
			return errors.New("want maps or full")
		}
		o.suite = s
		return nil
	})
	f.StringVar(&o.sweep, "sweep", "", "measure tensors from 8 KiB to 256 MiB instead of a suite, and plot throughput over size to `FILE`, as .svg")
	f.BoolVar(&o.json, "json", false, "print one JSON document instead of text")
	f.BoolVar(&o.benchstat, "benchstat", false, "print each sample in Go's benchmark format, for benchstat, instead of text")
	f.Func("rounds", "measure `N` rounds and print medians; 0 only verifies (default 10)", number(&o.rounds, natural, "a number, 0 or more"))
	f.Func("layout", "the axes lie in the order `NAME`: "+orders()+" (default NCHW for the feature maps, required with -input)", func(s string) (err error) {
		o.order, err = layout.Parse(s)
		return err
	})
	f.Func("rate", "drop a channel with probability `P`, from 0 to 1 (default 0.5)", number(&o.rate, probability, "a number from 0 to 1"))
	f.StringVar(&o.stream, "stream", o.stream, "draw from the random stream `NAME` and compute as its framework does: "+strings.Join(mask.StreamNames(), ", ")+"; options follow a slash, as in jax/fold")
	f.StringVar(&o.seed, "seed", o.seed, "the random stream has seed `N`, as users of the framework write it")
	f.Func("step", "draw the mask of call `N` on a tensor of this shape, counted from 0 (default 0)", number(&o.step, unsigned, "a number from 0 to 2⁶⁴−1"))
	f.Func("sample-offset", "the first sample has index `N` in a larger batch (default 0)", number(&o.offset, natural, "a number, 0 or more"))
	f.Func("batch", "the larger batch has `N` samples (default: it ends with this tensor)", number(&o.batch, positive, "a number, 1 or more"))
	f.Func("policy", "compute dropped elements by the policy `NAME`: select writes +0, multiply the product with 0 (default: that of the stream, select for philox)",
		named([]mask.Policy{mask.Select, mask.Multiply}, func(p mask.Policy) { o.policy = &p }))
	f.Func("rule", "scale kept elements by the rule `NAME`: reciprocal, widereciprocal, roundedreciprocal, quotient, compiledquotient or unscaled; alpha is feature alpha dropout, gaussian multiplies by noise of variance rate/(1-rate) (default: that of the stream, reciprocal for philox)",
		named([]mask.Rule{mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient, mask.CompiledQuotient, mask.Unscaled, mask.Alpha, mask.Gaussian}, func(r mask.Rule) { o.rule = &r }))
	f.Func("sharing", "share trials between channels as `NAME` says: each, perchannel, persample or fixedcount (default each)",
		named([]mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample, mask.FixedCount}, func(s mask.Sharing) { o.sharing = s }))
	f.Func("type", "the elements of -input are `NAME`: bfloat16 for an array of uint16, since NumPy has no bfloat16; float16, float32 and float64 only check the type of the array", named([]*kernel.Kind{kernel.F16, kernel.BF16, kernel.F32, kernel.F64}, func(k *kernel.Kind) { o.kind = k }))
	f.Func("workers", "use at most `N` goroutines for -input; 0 chooses by size (default 0)", number(&o.workers, natural, "a number, 0 or more"))
	return f
}

// number returns a flag's parser, which sets p.
func number[T any](p *T, parse func(string) (T, error), want string) func(string) error {
	return func(s string) error {
		x, err := parse(s)
		if err != nil {
			return errors.New("want " + want)
		}
		*p = x
		return nil
	}
}

// named returns the parser of a flag that names one of a few values.
func named[T fmt.Stringer](values []T, use func(T)) func(string) error {
	var names []string
	for _, v := range values {
		names = append(names, strings.ToLower(v.String()))
	}
	return func(s string) error {
		i := slices.Index(names, strings.ToLower(s))
		if i < 0 {
			last := len(names) - 1
			return fmt.Errorf("want %s or %s", strings.Join(names[:last], ", "), names[last])
		}
		use(values[i])
		return nil
	}
}

func positive(s string) (int, error) {
	n, err := natural(s)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return n, err
}

func natural(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, strconv.IntSize-1)
	return int(n), err
}

func unsigned(s string) (uint64, error) { return strconv.ParseUint(s, 0, 64) }

func probability(s string) (float64, error) {
	p, err := strconv.ParseFloat(s, 64)
	if err == nil && !(p >= 0 && p <= 1) {
		err = strconv.ErrRange
	}
	return math.Abs(p), err // -0 is 0
}

func orders() string {
	var names []string
	for _, o := range layout.Orders() {
		names = append(names, o.String())
	}
	return strings.Join(names, ", ")
}

// parse returns the options that args set. It returns a usageError or flag.ErrHelp.
func parse(args []string) (o options, err error) {
	f := o.flagSet()
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, usageError{err}
	}
	if f.NArg() > 0 {
		return o, usagef("unexpected argument %q, want flags only", f.Arg(0))
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, name := range []string{"input", "output", "png", "sweep"} {
		if given[name] && f.Lookup(name).Value.String() == "" {
			return o, usagef("-%s is empty, want the name of a file", name)
		}
	}

	if _, err := o.dropout(mask.Float32); err != nil {
		return o, usageError{err}
	}
	if o.input != "" {
		if !given["layout"] {
			// A wrong guess would go unnoticed.
			return o, usagef("-input without -layout, want the order of the tensor's axes: %s", orders())
		}
		for _, name := range []string{"rounds", "suite", "sweep", "benchstat"} {
			if given[name] {
				return o, usagef("-%s with -input, want one of them: -%[1]s is for the benchmark", name)
			}
		}
		if o.output == "" && o.png == "" && !o.json {
			return o, usagef("-input without -output, -png or -json, want one of them or more")
		}
		return o, nil
	}
	for _, name := range []string{"output", "workers", "type"} {
		if given[name] {
			return o, usagef("-%s without -input, want both", name)
		}
	}
	for _, name := range []string{"layout", "rate", "stream", "seed", "step", "sample-offset", "batch", "policy", "rule", "sharing"} {
		if given[name] && o.png == "" {
			return o, usagef("-%s without -input or -png, want one of them", name)
		}
	}
	if given["sweep"] && given["suite"] {
		return o, usagef("-sweep and -suite, want one of them")
	}
	if o.json && o.benchstat {
		return o, usagef("-json and -benchstat, want one of them")
	}
	for _, name := range []string{"suite", "sweep", "benchstat"} {
		if given[name] && o.rounds == 0 {
			return o, usagef("-%s with -rounds 0, want 1 round or more", name)
		}
	}
	order := dense4(o.order)
	if order == 0 {
		return o, usagef("-layout %v without -input, want NCHW or NHWC for the feature maps", o.order)
	}
	o.order = order
	return o, nil
}

// dense4 returns NCHW or NHWC, whichever o means for four axes, or 0 if it is neither.
func dense4(o layout.Order) layout.Order {
	switch o {
	case layout.NCHW, layout.ChannelsFirst:
		return layout.NCHW
	case layout.NHWC, layout.ChannelsLast:
		return layout.NHWC
	}
	return 0
}

func help(w io.Writer) error {
	var b strings.Builder
	b.WriteString(helpText)
	var o options
	f := o.flagSet()
	f.SetOutput(&b)
	f.PrintDefaults()
	_, err := io.WriteString(w, b.String())
	return err
}

const helpText = `Without flags bench applies spatial dropout to real feature maps on every tier
of instructions that this machine has, compares each result bit for bit with a
plain loop, and measures throughput. With -input it applies dropout to a tensor
from a file.

  go run ./bench                       verify and measure
  go run ./bench -rounds 0             only verify
  go run ./bench -png maps.png         draw the feature maps as well
  go run ./bench -suite full           measure all cases that the library is judged by
  go run ./bench -sweep sweep.svg      plot throughput from the first cache to memory
  go run ./bench -json > report.json   write a report for a script
  go run ./bench -benchstat > new.txt  write samples for benchstat old.txt new.txt
  go run ./bench -input x.npy -layout NHWC -rate 0.3 -seed 7 -output y.npy
  go run ./bench -stream pytorch -seed 0 -input x.npy -layout NCHW -output y.npy

Throughput is in GB/s and counts each element once. All contenders for a tensor
take turns, round after round, and medians are compared, so that a disturbance
of the machine hits all of them. "Plain Go" is the loop dst = src · factor. Copy
and clear are Go's own. The factor of kept channels is just above 1, because a
factor of 1 costs nothing in place.

The limit is the throughput that memory allows. In a channels-first tensor a
kept element is read and written, and a dropped one is only written. In a
channels-last tensor all are read and written, since a cache line holds many
channels:

  seconds = kept bytes / copy bandwidth + dropped bytes / fill bandwidth

The copy bandwidth is the best of copy and of one long multiplication with
ordinary or streaming stores, measured on this tensor in this run. The fill
bandwidth is the best of clear and of a fill with ordinary or streaming stores.
In place a kept element costs the best of reading, multiplying and writing back,
and a dropped one costs that or a fill, whichever is faster. AddTo reads both
tensors and writes one where an element is kept, and does nothing where it is
dropped. A fraction slightly above 1 is noise, or a tensor of which more stays in
the cache because half of it is not read.

The full suite compares ratios of medians, rounded to two digits, with their
aims. The verdict is on the best tier. AVX2 is measured beside AVX-512. The full
suite takes one to two minutes and 2 GB of memory, and so does a sweep.

NumPy has no bfloat16. To apply dropout to bfloat16 data, save their bits as
uint16 and give -type bfloat16. The output is uint16 again.

With -stream the masks are those that another framework draws, and the results
those that it computes, bit for bit: "-stream pytorch -seed 0" gives what
F.dropout2d(x, rate) returns after torch.manual_seed(0) on a CPU in PyTorch 2.7
and later. For x86-64 builds of PyTorch 2.0 to 2.6 the stream is pytorch-mkl.

The exit status is 0 on success, 1 if something failed or a result is wrong, 2 if
the flags are wrong, and 130, 143 or 129 after SIGINT, SIGTERM or SIGHUP. A file
is written completely or stays as it was. If the reader of standard output goes
away, as head does, SIGPIPE ends the command silently.

Flags:
`
