package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

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
	version            bool
	tune               bool
	tuneBudget         time.Duration
	rounds             int
	columns            int // 0: those of the terminal

	order  layout.Order
	rate   float64
	stream string      // name, perhaps a seed, and options
	seed   string      // as users of the framework write it; of a stream without one
	state  string      // a file with the state of PyTorch's generator
	torch  mask.Stream // what the state makes of the stream; nil without one
	step   uint64
	offset int
	batch  int

	channelOffset, channels int

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
	*o = options{suite: suiteMaps, rounds: 10, tuneBudget: 10 * time.Second, order: layout.NCHW, rate: 0.5, stream: "philox", seed: "42"}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard) // run reports errors
	f.Usage = func() {}
	f.StringVar(&o.input, "input", "", "apply dropout to the tensor in `FILE` instead of running the benchmark: a .npy of float16, bfloat16, float32 or float64; - is standard input")
	f.StringVar(&o.output, "output", "", "write the result of -input to `FILE`, as .npy of the same type; it may be the file of -input, and - is standard output, in which case the report goes to standard error")
	f.StringVar(&o.png, "png", "", "draw the feature maps before and after dropout to `FILE`, as .png")
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
	f.BoolVar(&o.version, "version", false, "print the versions of this command and of the library, the commit, the processor, its tier and Go's version, and exit; with -json as JSON")
	f.BoolVar(&o.tune, "tune", false, "measure which strategy of the kernels fits this machine, print it with what was measured, and exit; with -json as JSON")
	f.Func("tune-budget", "stop -tune after the time `T`, such as 500ms; it needs a few seconds (default 10s)", number(&o.tuneBudget, budget, fmt.Sprintf("a time such as 500ms, of more than 0s and %v at most", mostBudget)))
	f.Func("rounds", "measure `N` rounds and print medians; 0 only verifies (default 10)", number(&o.rounds, upTo(maxRounds), fmt.Sprintf("a number from 0 to %d", maxRounds)))
	f.Func("columns", fmt.Sprintf("print tables for `N` columns of characters, from %d (default: those of the terminal, %d elsewhere)", leastColumns, usualColumns), number(&o.columns, atLeastColumns, fmt.Sprintf("a number from %d to %d", leastColumns, mostColumns)))
	f.Func("layout", "the axes lie in the order `NAME`: "+orders()+" (default NCHW for the feature maps, required with -input)", func(s string) (err error) {
		o.order, err = layout.Parse(s)
		return err
	})
	f.Func("rate", "drop a channel with probability `P`, from 0 to 1 (default 0.5)", number(&o.rate, probability, "a number from 0 to 1"))
	f.StringVar(&o.stream, "stream", o.stream, "draw from the random stream `NAME` and compute as its framework does: "+strings.Join(mask.StreamNames(), ", ")+"; a seed follows a colon, as in pytorch:0, and options a slash, as in jax/fold or jax:0/fold")
	f.StringVar(&o.seed, "seed", o.seed, "the random stream has seed `N`, as users of the framework write it: -stream pytorch -seed 0 is -stream pytorch:0")
	f.StringVar(&o.state, "torch-state", "", "the random stream begins where PyTorch's generator is: `FILE` holds the 5056 bytes of torch.get_rng_state(), which has the seed; the stream is pytorch or pytorch-mkl")
	f.Func("step", "draw the mask of call `N` on a tensor of this shape, counted from 0 (default 0)", number(&o.step, unsigned, "a number from 0 to 2⁶⁴−1"))
	f.Func("sample-offset", "the first sample has index `N` in a larger batch (default 0)", number(&o.offset, upTo(math.MaxInt), fmt.Sprintf("a number from 0 to %d", math.MaxInt)))
	f.Func("batch", "the larger batch has `N` samples (default: it ends with this tensor)", number(&o.batch, positive, fmt.Sprintf("a number from 1 to %d", math.MaxInt)))
	f.Func("channel-offset", "the first channel has index `N` in a sample of a larger tensor (default 0)", number(&o.channelOffset, upTo(math.MaxInt), fmt.Sprintf("a number from 0 to %d", math.MaxInt)))
	f.Func("channels", "a sample of the larger tensor has `N` channels (default: it ends with this tensor)", number(&o.channels, positive, fmt.Sprintf("a number from 1 to %d", math.MaxInt)))
	f.Func("policy", "compute dropped elements by the policy `NAME`: select writes +0, multiply the product with 0 (default: that of the stream, select for philox)",
		named([]mask.Policy{mask.Select, mask.Multiply}, func(p mask.Policy) { o.policy = &p }))
	f.Func("rule", "scale kept elements by the rule `NAME`: reciprocal, widereciprocal, roundedreciprocal, quotient, compiledquotient or unscaled; alpha is feature alpha dropout, gaussian multiplies by noise of variance rate/(1-rate) (default: that of the stream, reciprocal for philox)",
		named([]mask.Rule{mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Quotient, mask.CompiledQuotient, mask.Unscaled, mask.Alpha, mask.Gaussian}, func(r mask.Rule) { o.rule = &r }))
	f.Func("sharing", "share trials between channels as `NAME` says: each, perchannel, persample or fixedcount (default each)",
		named([]mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample, mask.FixedCount}, func(s mask.Sharing) { o.sharing = s }))
	f.Func("type", "the elements of -input are `NAME`: bfloat16 makes an array of uint16 one of bfloat16; otherwise the flag only checks the type of the array", named([]*kernel.Kind{kernel.F16, kernel.BF16, kernel.F32, kernel.F64}, func(k *kernel.Kind) { o.kind = k }))
	f.Func("workers", "use at most `N` goroutines for -input; 0 chooses by size (default 0)", number(&o.workers, upTo(maxWorkers), fmt.Sprintf("a number from 0 to %d", maxWorkers)))
	return f
}

// The greatest values of flags.
const (
	maxRounds   = 10_000
	maxWorkers  = 1024
	mostColumns = 10_000
	mostBudget  = time.Hour
)

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
	n, err := upTo(math.MaxInt)(s)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return n, err
}

func budget(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && (d <= 0 || d > mostBudget) {
		err = strconv.ErrRange
	}
	return d, err
}

func atLeastColumns(s string) (int, error) {
	n, err := upTo(mostColumns)(s)
	if err == nil && n < leastColumns {
		err = strconv.ErrRange
	}
	return n, err
}

// upTo returns a parser of numbers from 0 to limit.
func upTo(limit int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.ParseUint(s, 10, strconv.IntSize-1)
		if err == nil && n > uint64(limit) {
			err = strconv.ErrRange
		}
		return int(n), err
	}
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
func parse(args []string) (options, error) {
	o, err := parseFlags(args)
	if err == nil {
		err = o.checkFiles()
	}
	return o, err
}

func parseFlags(args []string) (o options, err error) {
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
	for _, name := range []string{"input", "output", "png", "sweep", "torch-state"} {
		if given[name] && f.Lookup(name).Value.String() == "" {
			return o, usagef("-%s is empty, want the name of a file", name)
		}
	}

	if o.version {
		for name := range given {
			if name != "version" && name != "json" {
				return o, usagef("-%s with -version, want one of them", name)
			}
		}
		return o, nil
	}
	if o.tune {
		for name := range given {
			if name != "tune" && name != "tune-budget" && name != "json" {
				return o, usagef("-%s with -tune, want one of them", name)
			}
		}
		return o, nil
	}
	if given["tune-budget"] {
		return o, usagef("-tune-budget without -tune, want both")
	}
	if o.state != "" {
		if o.torch, err = o.readState(given["seed"]); err != nil {
			return o, err
		}
	}
	if err := o.checkStream(given["seed"]); err != nil {
		return o, err
	}
	if o.input != "" {
		if !given["layout"] {
			// A wrong guess would go unnoticed.
			return o, usagef("-input without -layout, want the order of the tensor's axes: %s", orders())
		}
		for _, name := range []string{"rounds", "columns", "suite", "sweep", "benchstat"} {
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
	for _, name := range []string{"layout", "rate", "stream", "seed", "torch-state", "step", "sample-offset", "batch", "channel-offset", "channels", "policy", "rule", "sharing"} {
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

// readState returns the stream that the file of -torch-state says.
func (o options) readState(seeded bool) (mask.Stream, error) {
	if seeded || o.stream != "pytorch" && o.stream != "pytorch-mkl" {
		given := "-stream " + o.stream
		if seeded {
			given = "-seed " + o.seed
		}
		return nil, usagef("%s with -torch-state, which has the seed, want -stream pytorch or -stream pytorch-mkl alone", given)
	}
	f, err := os.Open(o.state)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	state, err := io.ReadAll(io.LimitReader(f, 1<<16)) // more than any state
	if err != nil {
		return nil, err
	}
	stream, err := mask.PyTorchFrom(state, o.stream == "pytorch-mkl")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.state, err)
	}
	return stream, nil
}

// checkStream refuses a stream that does not exist. Errors quote what was given.
func (o options) checkStream(seeded bool) error {
	const most = 4096 // the text of a stream with a state
	for _, text := range []struct{ flag, value string }{{"stream", o.stream}, {"seed", o.seed}} {
		if len(text.value) > most {
			return usagef("-%s %.40q and %d characters more, want %d at most", text.flag, text.value, len(text.value)-40, most)
		}
	}
	if _, err := mask.ParseStream(o.stream); err != nil {
		return usageError{err}
	}
	if _, _, seed := o.streamParts(); seeded && seed != o.seed {
		return usagef("-seed %s and -stream %s, want the seed in one of them", o.seed, o.stream)
	}
	if _, err := o.dropout(mask.Float32); err != nil {
		return usageError{err}
	}
	return nil
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
  go run ./bench -tune                 measure which strategy fits this machine
  go run ./bench -json > report.json   write a report for a script
  go run ./bench -benchstat > new.txt  write samples for benchstat old.txt new.txt
  go run ./bench -input x.npy -layout NHWC -rate 0.3 -seed 7 -output y.npy
  go run ./bench -stream pytorch:0 -input x.npy -layout NCHW -output y.npy
  go run ./bench -input - -layout NCHW -output - < x.npy > y.npy
  go run -buildvcs=true ./bench -version

Throughput is in GB/s and counts each element once. All contenders for a tensor
take turns, round after round, and medians are compared, so that a disturbance
of the machine hits all of them. 12.3±4% is a median and half the distance of the
quartiles, in per cent of it. A row with a ? at its end has more than ±10%
somewhere. "Plain Go" is the loop dst = src · factor. Copy and clear are Go's own.
The factor of kept channels is just above 1, because a factor of 1 costs nothing
in place.

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
suite takes half a minute to two minutes and 2 GB of memory, and so does a sweep.

The output has the type of the input. NumPy has no bfloat16. An array of the
ml_dtypes package, such as those of JAX, is saved as raw bytes (<V2), which are
read as bfloat16. Any other bfloat16 data go in as uint16 with -type bfloat16.
Either way, numpy.load(FILE).view(ml_dtypes.bfloat16) reads the result.

With -stream the masks are those that another framework draws, and the results
those that it computes, bit for bit: "-stream pytorch:0" gives what
F.dropout2d(x, rate) returns after torch.manual_seed(0) on a CPU in PyTorch 2.7
and later. For x86-64 builds of PyTorch 2.0 to 2.6 the stream is pytorch-mkl.
Without a seed of its own the stream has that of -seed. In the middle of a program
the stream begins with -torch-state FILE, where Python has written
open(FILE, "wb").write(bytes(torch.get_rng_state().numpy())).

The exit status is 0 on success, 1 if something failed or a result is wrong, 2 if
the flags are wrong, and 130, 143 or 129 after SIGINT, SIGTERM or SIGHUP. A file
is written completely or stays as it was. If the reader of standard output goes
away, as head does, SIGPIPE ends the command silently.

Flags:
`
