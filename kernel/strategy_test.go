package kernel

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/internal/tier"
	"github.com/spatialdropout/spatialdropout/layout"
)

// streamFrom lets a dst of so many bytes or more go past the cache.
func streamFrom(bytes int) {
	s := CurrentStrategy()
	s.StreamPlanes, s.StreamRows, s.StreamInPlace = bytes, bytes, bytes
	use(s)
}

// shareAll lets workers share work of every size, and starts them for every call.
func shareAll() {
	s := CurrentStrategy()
	s.Share, s.Grain, s.Wake = 0, 1, 0
	use(s)
}

// reported returns what f writes to standard error.
func reported(t *testing.T, f func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := os.Stderr
	os.Stderr = file
	f()
	os.Stderr = before
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDefaultStrategyFollowsFromTheProcessor(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		processor                                                                             tier.Processor
		streamPlanes, streamInPlace, storeAhead, loadAhead, quarterRows, quarterBytes, behind int
	}{
		{tier.Processor{}, 32 * mib, 32 * mib, 512, 2048, math.MaxInt, 0, 0},
		{tier.Processor{Vendor: "AuthenticAMD", Family: 26, Cache: 32 * mib}, 12 * mib, 20 * mib, 0, 2048, 0, 0, 0},
		{tier.Processor{Vendor: "AuthenticAMD", Family: 25, Cache: 32 * mib}, 12 * mib, 24 * mib, 0, 0, 0, 16 << 10, 512},
		{tier.Processor{Vendor: "AuthenticAMD", Family: 26}, 32 * mib, 32 * mib, 0, 2048, 0, 0, 0},
		{tier.Processor{Vendor: "HygonGenuine", Cache: 16 * mib}, 6 * mib, 12 * mib, 0, 0, 0, 16 << 10, 512},
		{tier.Processor{Vendor: "GenuineIntel", Family: 6, Cache: 480 * mib}, 32 * mib, 32 * mib, 512, 2048, math.MaxInt, 0, 0},
		{tier.Processor{Vendor: "GenuineIntel", Family: 6, Cache: 8 * mib}, 4 * mib, 8 * mib, 512, 2048, math.MaxInt, 0, 0},
		{tier.Processor{Vendor: "GenuineIntel", Family: 6, Cache: math.MaxInt}, 32 * mib, 32 * mib, 512, 2048, math.MaxInt, 0, 0},
		{tier.Processor{Vendor: "other", Cache: 24 * mib}, 9 * mib, 15 * mib, 512, 2048, math.MaxInt, 0, 0},
	} {
		s := strategyFor(c.processor)
		if s.StreamPlanes != c.streamPlanes || s.StreamRows != c.streamPlanes || s.StreamInPlace != c.streamInPlace || s.StoreAhead != c.storeAhead || s.LoadAhead != c.loadAhead || s.QuarterRows != c.quarterRows || s.QuarterBytes != c.quarterBytes || s.Behind != c.behind {
			t.Errorf("%+v: %v, want %+v", c.processor, s, c)
		}
		if err := s.check(); err != nil {
			t.Errorf("%+v: %v", c.processor, err)
		}
	}
	if got, want := defaultStrategy(), strategyFor(tier.ThisProcessor()); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTextOfAStrategyComesBack(t *testing.T) {
	for _, s := range []Strategy{
		defaultStrategy(),
		{Grain: 1},
		{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 * time.Microsecond},
		{math.MaxInt, math.MaxInt, math.MaxInt, 4096, 4096, math.MaxInt, math.MaxInt, 4096, math.MaxInt, math.MaxInt, math.MaxInt, time.Second},
	} {
		if got, err := ParseStrategy(s.String()); err != nil || got != s {
			t.Errorf("%v came back as %v, %v", s, got, err)
		}
	}
	want := defaultStrategy()
	want.StreamRows, want.Linger = 7, 1500*time.Microsecond
	if got, err := ParseStrategy("linger=1.5ms,stream-rows=9,stream-rows=007"); err != nil || got != want {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if got, err := ParseStrategy(""); err != nil || got != defaultStrategy() {
		t.Errorf("%v, %v, want the default", got, err)
	}
}

func TestStrategiesThatMakeNoSenseAreRefused(t *testing.T) {
	before := CurrentStrategy()
	long := strings.Repeat("9", 1<<20)
	for text, want := range map[string]string{
		"stream-planes":          "stream-planes=\", want a number of bytes, 0 or more",
		"stream-planes=-1":       "stream-planes=-1\", want a number of bytes, 0 or more",
		"stream-rows=8M":         "stream-rows=8M\", want a number of bytes",
		"stream-in-place= 1":     "stream-in-place= 1\", want a number of bytes",
		"store-ahead=4097":       "store-ahead=4097\", want a number of bytes from 0 to 4096",
		"load-ahead=4097":        "load-ahead=4097\", want a number of bytes from 0 to 4096",
		"behind=4097":            "behind=4097\", want a number of bytes from 0 to 4096",
		"grain=0":                "grain=0\", want a number of bytes, 1 or more",
		"share=" + long:          "… (1048582 bytes), want a number",
		"linger=1":               "linger=1\", want a time from 0s to 1s in whole microseconds, such as 50us",
		"linger=-1us":            "linger=-1us\", want a time from 0s",
		"linger=1500ns":          "linger=1500ns\", want a time from 0s to 1s in whole",
		"linger=1001ms":          "linger=1001ms\", want a time from 0s to 1s",
		"ahead=1":                "ahead=1\", want one of the fields stream-planes, stream-rows, stream-in-place, store-ahead, load-ahead, quarter-rows, quarter-bytes, behind, share, grain, wake, linger",
		"wake=1,":                "",
		"wake=1,,":               "=\", want one of the fields",
		long:                     "… (1048577 bytes), want one of the fields",
		"stream-planes=1,linger": "linger=\", want a time from 0s",
	} {
		got, err := ParseStrategy(text)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", excerpt.Quote(text), err)
			}
			continue
		}
		var typed *ArgumentError
		if !errors.As(err, &typed) || !strings.Contains(err.Error(), want) || got != defaultStrategy() || len(err.Error()) > 300 {
			t.Errorf("%s: %v and %v, want the default and %q", excerpt.Quote(text), got, err, want)
		}
	}
	for _, s := range []Strategy{
		{}, {StreamPlanes: -1, Grain: 1}, {StreamRows: math.MinInt, Grain: 1}, {StreamInPlace: -1, Grain: 1}, {StoreAhead: 4097, Grain: 1},
		{StoreAhead: -1, Grain: 1}, {Share: -1, Grain: 1}, {Wake: -1, Grain: 1}, {Grain: -1}, {Linger: -1, Grain: 1}, {Linger: time.Hour, Grain: 1}, {Linger: 1, Grain: 1},
	} {
		var typed *ArgumentError
		if err := SetStrategy(s); !errors.As(err, &typed) || !strings.Contains(typed.Given, "\""+typed.Argument+"=") {
			t.Errorf("%v: %v, want an *ArgumentError of a field", s, err)
		}
	}
	if got := CurrentStrategy(); got != before {
		t.Errorf("%v after refusals, want %v", got, before)
	}
}

func TestSetStrategySetsWhatIsInUse(t *testing.T) {
	before := CurrentStrategy()
	defer use(before)
	// It may be set in the environment of the tests.
	if want := strategyFrom(os.Getenv(strategyVariable), os.Getenv(streamVariable)); before != want {
		t.Errorf("%v at the start, want %v", before, want)
	}
	s := Strategy{StreamPlanes: 3, StreamRows: 2, StreamInPlace: 4, StoreAhead: 64, LoadAhead: 32, QuarterRows: 9, QuarterBytes: 7, Behind: 192, Grain: 5}
	if err := SetStrategy(s); err != nil || CurrentStrategy() != s || streamLeast.Load() != 2 || storeAhead != 64 || loadAhead != 32 || quarterRows != 9 || quarterBytes != 7 || behind != 192 {
		t.Errorf("%v, %v, %d, %d, %d, %d and %d in use, want %v", err, CurrentStrategy(), streamLeast.Load(), storeAhead, loadAhead, quarterBytes, behind, s)
	}
}

// What the assembly reads does not follow the processor before a strategy is in use, so that the first call must take
// one into use whatever its size and family.
func TestFirstCallTakesAStrategyIntoUse(t *testing.T) {
	before := CurrentStrategy()
	defer use(before)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{4, 64, 5000} {
		dst, src, factors := make([]float32, 4*n), make([]float32, 4*n), []float32{2, 0, 2, 0}
		loops := []layout.Loop{{Size: 4, Dst: n, Src: n, Factor: 1}, {Size: n, Dst: 1, Src: 1}}
		for name, call := range map[string]func(){
			"Planes": func() { Planes(Scale, dst, src, factors, nil, n) },
			"Pixels": func() { Pixels(Scale, dst, src, factors, nil) },
			"Run":    func() { must(Run(Scale, Of(dst), Of(src), Of(factors), Vector{}, loops, 1)) },
			"RunFused": func() {
				f := Fused{Factors: Of(factors), Scales: Of(factors), Shifts: Of(factors)}
				must(RunFused(&f, Of(dst), Of(src), loops, 1))
			},
			"RunCompact of planes": func() { must(RunCompact(Gather, Of(dst[:2*n]), Of(src), Of(factors), planeLoops(4, n), 1)) },
			"RunCompact of rows":   func() { must(RunCompact(Scatter, Of(dst), Of(src[:2*n]), Of(factors), rowLoops(n, 4), 1)) },
		} {
			inUse.Store(nil)
			streamLeast.Store(0)
			tellAssembly(4096, 1)
			loadAhead, quarterBytes, behind = 1, 1, 1
			if call(); inUse.Load() == nil || !inUseIs(defaultStrategy()) {
				t.Errorf("%s of %d elements: %d, %d, %d, %d and %d in use, want %v", name, 4*n, storeAhead, loadAhead, quarterRows, quarterBytes, behind, defaultStrategy())
			}
		}
	}
}

func TestEnvironmentSetsTheStrategy(t *testing.T) {
	standard := defaultStrategy()
	streams := func(bytes int) Strategy {
		s := standard
		s.StreamPlanes, s.StreamRows, s.StreamInPlace = bytes, bytes, bytes
		return s
	}
	waking := standard
	waking.Wake = 12
	both := streams(3)
	both.Wake = 12
	for _, c := range []struct {
		strategy, stream string
		want             Strategy
	}{
		{"", "", standard}, {"", "0", streams(0)}, {"", "1", streams(1)}, {"", "007", streams(7)}, {"", "1048576", streams(1 << 20)},
		// More than any memory means never.
		{"", fmt.Sprint(math.MaxInt), streams(math.MaxInt)}, {"", "9223372036854775808", streams(math.MaxInt)}, {"", "18446744073709551615", streams(math.MaxInt)},
		{"wake=12", "", waking}, {"wake=12,stream-rows=9", "3", both},
	} {
		var got Strategy
		if warning := reported(t, func() { got = strategyFrom(c.strategy, c.stream) }); got != c.want || warning != "" {
			t.Errorf("%q and %q: %v with warning %q, want %v", c.strategy, c.stream, got, warning, c.want)
		}
	}
	for _, value := range []string{"-1", "+1", " 1", "1 ", "32M", "32MiB", "1e6", "1.5", "0x10", "1_000", "many", "\n", "18446744073709551616", strings.Repeat("9", 100)} {
		for variable, f := range map[string]func() Strategy{
			"SPATIALDROPOUT_STREAM: ":   func() Strategy { return strategyFrom("", value) },
			"SPATIALDROPOUT_STRATEGY: ": func() Strategy { return strategyFrom("stream-planes="+value, "") },
		} {
			var got Strategy
			warning := reported(t, func() { got = f() })
			if got != standard {
				t.Errorf("%s%q: %v, want the default", variable, value, got)
			}
			if !strings.HasPrefix(warning, variable) || !strings.Contains(warning, "want a number of bytes") || len(warning) > 300 {
				t.Errorf("%q warns %q, want it to begin with %q", value, warning, variable)
			}
		}
	}
}
