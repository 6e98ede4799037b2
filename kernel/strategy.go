package kernel

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spatialdropout/spatialdropout/internal/excerpt"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// Strategy is how the kernels use a machine: from which size on they store past the cache,
// and how they share work among goroutines. No result depends on it, only time does.
//
// The default follows from the processor and its caches, and [ParseStrategy] of no text returns it. [Tune]
// measures one instead. SPATIALDROPOUT_STRATEGY in the environment sets fields when the
// program starts, in the form of [Strategy.String], and so pins them for a benchmark.
// SPATIALDROPOUT_STREAM, a number of bytes, sets the three sizes for streaming at once. A value
// that makes no sense is reported on standard error, and the default stays.
type Strategy struct {
	// StreamPlanes is the size of dst in bytes from which channels-first data out of place are
	// stored past the cache. Other data stay in the cache then, and no line is read before
	// it is written. The default is three eighths of the largest cache, from 4 to 32 MiB, and
	// 32 MiB if the size of the cache is unknown. Goroutines that share a call store past the cache
	// from twice the size on.
	//
	// Half of the planes of 56×56 float32 dropped, one core, 32 MiB of L3: how many times as fast
	// as ordinary stores those past the cache are, and how many times as fast both are if all of the
	// result is read right afterwards. The time to read it counts.
	//
	//	                6.4 MB      8 MB        9.6 MB        11 MB  13 MB       16 MB  26 MB
	//	Zen 4           0.9 to 1.1  1.0 to 1.3  1.3 to 1.4    1.7    1.9 to 2.5  1.8    1.9 to 2.1
	//	Zen 4 and read  0.6         0.6         0.65 to 0.75  0.8    0.85        0.95   1.2
	//	Zen 5           0.9                     1.0                  1.3 to 1.6         1.6 to 2.3
	//	Zen 5 and read                                               0.75        1.1
	//
	// (On Zen 4 other planes are dropped in the next call, as in training, so that src takes all of
	// its place in the cache.) On Sapphire Rapids 32 MiB are a tie, with a cache that a virtual
	// machine does not tell the size of.
	StreamPlanes int
	// StreamRows is the same for channels-last data, also for goroutines that share a call. One core,
	// 32 MiB of L3, rows of 64 channels, and on Zen 4 of 256 in the second place:
	//
	//	                6.4 MB  9.6 MB    11 MB     13 MB     16 MB
	//	Zen 4                   1.1, 1.0  1.6, 1.1  1.8, 1.4  1.8, 1.5
	//	Zen 4 and read          0.65      0.7       0.8       1.0
	//	Zen 5           0.75    0.9                 1.5       1.5
	//	Zen 5 and read                              1.5
	StreamRows int
	// StreamInPlace is the size of dst in bytes from which channels-first data in place, and
	// sums, are processed four planes at a time, and dropped planes are stored past the cache. From
	// that size on [Copy] stores past the cache, too.
	// In place that needs dropped planes: where a quarter of the planes is dropped or fewer,
	// they are processed one after the other. The default is five eighths of the largest
	// cache, three quarters on processors by AMD other than Zen 5, from 8 to 32 MiB, and 32 MiB if the
	// size of the cache is unknown.
	//
	// Half of the planes of 56×56 float32 dropped, one core, 32 MiB of L3: how many times as fast
	// that is, alone and if all of the result is read right afterwards, with the time to read it.
	//
	//	                13 MB  16 MB  17 MB       21 MB  23 MB  26 MB        28 MB  51 MB
	//	Zen 4           0.55   0.65               0.8    0.95   1.0 to 1.1   1.1    1.2
	//	Zen 4 and read  0.6    0.6                0.65   0.85   0.85 to 1.0  0.95   1.1
	//	Zen 5           1.0                                     1.5
	//	Zen 5 and read                0.7 to 0.9  1.1
	//
	// On Zen 4 other planes are dropped in each call. Where they are the same in all calls nothing
	// reads them again, and 20, 26 and 32 MB are 2.0, 1.5 and 1.2 times as fast. If all of src was
	// written right before, as in training, 20 MB with the read are 0.75 times as fast, and 24 to
	// 51 MB 0.95 to 1.05 times.
	//
	// With a tenth of the planes dropped, 17 to 51 MB are 0.9 to 1.0 times as fast on Zen 5, with a
	// fifth 0.8 to 1.1 times, and with three tenths 1.0 to 1.2 times. Sums are 0.8 times as fast at
	// 6 MB, and 1.05 to 1.1 times from 13 MB up. On Zen 4 they are 1.0 to 1.3 times as fast from 6 MB
	// up, but 0.8 times at 13 and 20 MB where no plane is dropped.
	StreamInPlace int
	// StoreAhead is how many bytes ahead of ordinary stores their cache lines are prefetched
	// on amd64. A store to a line that is not in the first cache waits for it, and some
	// processors fetch ahead for loads only. 0 prefetches nothing.
	//
	// The default is 512, and 0 on processors by AMD. Out of place in the second cache of a
	// Sapphire Rapids, 512 brings 48 GB/s instead of 35 with AVX2 and 46 instead of 41 with
	// AVX-512. It costs 5 to 30 % on Zen 4 from 2 MB up, and 0 to 20 % on Zen 5 from 50 KB to
	// 51 MB, in place most of all. (PREFETCHW, which Go's assembler lacks, brings the same as
	// PREFETCHT0 on Sapphire Rapids. Prefetching the source brought nothing in the cache.)
	StoreAhead int
	// LoadAhead is how many bytes ahead of the loads of rows their cache lines are prefetched with AVX-512, which
	// loads under a mask where channels may be dropped. Some processors do not fetch ahead for such loads. 0 prefetches
	// what is loaded next anyway. It is the same for planes of 1 KiB and less, of which those that are dropped are not
	// loaded: the processor does not fetch ahead across the holes. There 0 prefetches what would be loaded next.
	//
	// The default is 2048, and 0 on processors by AMD before Zen 5. In no cache before, rows take 1.5 times as long on
	// Zen 5 without it as without a mask (0.8 to 6 MB), and with it as long. Distances from 256 to 4096 bytes bring the
	// same from memory, and 2048 costs least in the cache. Zen 4 fetches ahead under a mask as it does without one, from
	// the cache and from memory. There 2048 makes rows of 64 channels in place 1.01 times as fast as 0 at 0.8 MB, 0.93
	// times at 2.4 MB and 0.9 times at 51 MB. Kernels without the prefetch are 1.05 times as fast as with a distance of 0
	// in the cache, in place, and as fast from memory.
	LoadAhead int
	// QuarterRows is the length in bytes below which rows of whole cache lines of float32 and float64 are walked in
	// four quarters side by side on amd64, out of place and in the cache. Longer ones are walked
	// one after the other. In place, and past the cache, rows of any length are walked in
	// quarters, and so are halves, which share then what is widened.
	//
	// The default is 0 on processors by AMD, and math.MaxInt elsewhere. One after the other, rows of 256 bytes to 16 KiB
	// of float32 are 1.0 to 1.5 times as fast on Zen 5 from 0.3 to 6 MB, and 1.2 to 2 times in samples of 7×7. But rows
	// of 384 and 512 bytes that all fit the first cache are 0.8 times as fast. On Zen 4 rows of float32 of 256 bytes to 8 KiB
	// are 1.1 to 1.2 times as fast from 50 KB to 3 MB, wherever dst lies in its page, and rows of 16 KiB 0.9 times at 0.8 MB.
	// Halves are 0.8 to 0.9 times (bfloat16) and 0.75 times (float16) as fast one after the other on Zen 4.
	QuarterRows int
	// QuarterBytes is the least length of the four quarters in which rows are walked past the cache on amd64. Where a
	// quarter of a sample is shorter, its rows are walked one after the other. (To begin with a quarter takes a while,
	// since the processor does not fetch ahead yet.)
	//
	// The default is 16 KiB on processors by AMD before Zen 5, and 0 elsewhere, where it was not measured. On Zen 4, one
	// after the other, pixels of 3 channels of 56×56 float32 (quarters of 9 KiB) are 1.1 times as fast, those of 5 (15
	// KiB) 1.02 times, those of 8 (25 KiB) 0.89 times, and those of 64 (quarters of a call, 64 KiB) 0.8 times.
	QuarterBytes int
	// Behind is how many bytes further in its page of memory than src dst may lie so that rows of whole cache lines are
	// walked backward on amd64, out of place. Forward, each load would follow a
	// store to the same place of another page, and some processors wait until that is done. Tensors often lie
	// so that a heap has allocated one after the other. Four planes side by side are walked backward past the cache if dst
	// lies a quarter of it further, or less, and two of them lie at the same place of a page. 0 means never.
	//
	// The default is 512 on processors by AMD before Zen 5, and 0 elsewhere, where it was not measured. GB/s on Zen 4
	// forward where src and dst lie at the same place of a page, and forward and backward where dst lies 64 bytes further
	// (rows, half of the channels dropped, AVX-512, medians of one to three runs):
	//
	//	float32, 1024 channels, 0.8 MB          47  28  46
	//	float32, 256 channels, 3.2 MB           46  34  47
	//	float32, 3 channels, 0.15 MB            48  36  42
	//	bfloat16, 1024 channels, 0.4 MB         30  18  27
	//	bfloat16, 2048 channels, 1.6 MB         29  15  25
	//	float32 past the cache, 51 MB           17  11  15
	//	bfloat16 past the cache, 26 MB          17   8  15
	//	float32 past the cache with a ReLU      20   8  20
	//
	// Forward, they do 0.95 of what they do at the same place where dst lies 256 bytes further, and 0.85 where it lies 512
	// bytes further past the cache with a ReLU. Planes of 112×112 and 256×256 float32 are stored past
	// the cache at 24 GB/s instead of 12 backward where dst lies 64 bytes further, and at 46 and 36 instead of 31 and 18
	// where half of them are dropped. Halves, and quotients, do as much instead of 9. 128 bytes further they are 1.05
	// to 1.4 times as fast, and 256 bytes further 0.9 to 1.0 times. Planes that all lie at different places of a
	// page wait little: those of 28×28 are 0.7 times as fast backward, those of 56×56 0.85 times (13 and 26 MB).
	Behind int
	// Share is the size of dst in bytes from which [Run] shares the work among goroutines. A
	// smaller call stays on the calling one, whatever its workers. The default is 512 KiB.
	Share int
	// Grain is the least number of bytes that a goroutine gets. The default is 128 KiB.
	Grain int
	// Wake is the size of dst in bytes from which [Run] starts goroutines to help even if the
	// call before was long ago. In smaller calls only those help that wait for work since the
	// call before, or that a series of calls has started. The default is 16 MiB.
	Wake int
	// Linger is how long a goroutine that has helped waits actively for the next call. It ends
	// afterwards. Calls that follow each other within that time find help at once. The default
	// is 0.1 ms.
	Linger time.Duration
}

// leastStream and the others bound what follows from the size of a cache, which may be that
// of a host with many virtual machines.
const (
	leastStream        = 4 << 20
	leastStreamInPlace = 8 << 20
	mostStream         = 32 << 20
)

// zen5 is the family of that processor.
const zen5 = 26

// defaultStrategy returns the strategy that fits the processor by what was measured on
// others, see the fields of [Strategy].
func defaultStrategy() Strategy { return strategyFor(tier.ThisProcessor()) }

func strategyFor(p tier.Processor) Strategy {
	s := Strategy{
		StreamPlanes:  mostStream,
		StreamRows:    mostStream,
		StreamInPlace: mostStream,
		StoreAhead:    512,
		LoadAhead:     2048,
		QuarterRows:   math.MaxInt,
		Share:         512 << 10,
		Grain:         128 << 10,
		Wake:          16 << 20,
		Linger:        100 * time.Microsecond,
	}
	inPlace := p.Cache / 8 * 5
	if p.Vendor == "AuthenticAMD" || p.Vendor == "HygonGenuine" {
		s.StoreAhead = 0
		s.LoadAhead, s.QuarterRows, s.QuarterBytes, s.Behind = 0, 0, 16<<10, 512
		inPlace = p.Cache / 8 * 6
		if p.Family >= zen5 {
			s.LoadAhead, s.QuarterBytes, s.Behind = 2048, 0, 0
			inPlace = p.Cache / 8 * 5
		}
	}
	if p.Cache > 0 {
		s.StreamPlanes = min(max(leastStream, p.Cache/8*3), mostStream)
		s.StreamRows = s.StreamPlanes
		s.StreamInPlace = min(max(leastStreamInPlace, inPlace), mostStream)
	}
	return s
}

// inUse is the strategy in use, nil until the first call: to ask the processor takes longer
// than a program should take to start (35 µs in a virtual machine). streamLeast is its smallest size for
// streaming, and 0 until then: of no size is a call [alone], and it asks [short].
var (
	inUse       atomic.Pointer[Strategy]
	streamLeast atomic.Int64
)

// What follows are fields of the strategy in use, for the assembly, unless those that Tune measures are lent.
var (
	storeAhead   uint64 = 512
	loadAhead    uint64 = 2048
	quarterRows  uint64 = math.MaxInt
	quarterBytes uint64
	behind       uint64
)

// spreading is held while the strategy in use changes, or a variable that holds a part of it.
// lent says that [Tune] has the two of them that it measures.
var (
	spreading sync.Mutex
	lent      bool
)

func init() {
	if os.Getenv(strategyVariable) != "" || os.Getenv(streamVariable) != "" {
		use(strategyFrom(os.Getenv(strategyVariable), os.Getenv(streamVariable)))
	}
}

// strategy returns the strategy in use.
func strategy() *Strategy {
	if s := inUse.Load(); s != nil {
		return s
	}
	return firstStrategy()
}

// short reports whether dst of so many bytes is too short to be stored past the cache, whatever it
// holds. The first call of a program finds no bound, and takes a strategy into use: the assembly reads
// fields of it in calls of every size.
func short(bytes int) bool {
	least := streamLeast.Load()
	if least == 0 {
		strategy()
		least = streamLeast.Load()
	}
	return int64(bytes) < least
}

//go:noinline
func firstStrategy() *Strategy {
	s := defaultStrategy()
	spreading.Lock()
	defer spreading.Unlock()
	if inUse.CompareAndSwap(nil, &s) {
		spread(&s)
	}
	return inUse.Load()
}

func use(s Strategy) {
	spreading.Lock()
	defer spreading.Unlock()
	inUse.Store(&s)
	spread(&s)
}

// spread sets the variables that hold a part of the strategy.
func spread(s *Strategy) {
	streamLeast.Store(int64(min(s.StreamPlanes, s.StreamRows, s.StreamInPlace)))
	atomic.StoreUint64(&loadAhead, uint64(s.LoadAhead))
	atomic.StoreUint64(&quarterBytes, uint64(s.QuarterBytes))
	atomic.StoreUint64(&behind, uint64(s.Behind))
	if !lent {
		tellAssembly(s.StoreAhead, s.QuarterRows)
	}
}

// tellAssembly sets the variables that the assembly reads.
func tellAssembly(ahead, quarters int) {
	atomic.StoreUint64(&storeAhead, uint64(ahead))
	atomic.StoreUint64(&quarterRows, uint64(quarters))
}

// lend keeps the variables that the assembly reads from following the strategy in use, until
// takeBack.
func lend() {
	strategy() // so that there is one to return to
	spreading.Lock()
	defer spreading.Unlock()
	lent = true
}

func takeBack() {
	spreading.Lock()
	defer spreading.Unlock()
	lent = false
	spread(inUse.Load())
}

// CurrentStrategy returns the strategy in use.
func CurrentStrategy() Strategy { return *strategy() }

// SetStrategy makes later calls use a strategy. It may be called at any time. It returns a
// [*ArgumentError], and the strategy in use stays, if a field makes no sense: sizes and times
// must not be negative, Linger is whole microseconds and at most a second, StoreAhead, LoadAhead and Behind at most
// a page of 4096 bytes, and Grain at least 1 byte. math.MaxInt as a size means never.
func SetStrategy(s Strategy) error {
	if err := s.check(); err != nil {
		return err
	}
	use(s)
	return nil
}

// The greatest values that make sense.
const (
	mostAhead  = pageBytes
	mostLinger = time.Second
)

// A field is one of a strategy, by its name in the text.
type field struct {
	name        string
	least, most int
	size        func(*Strategy) *int // nil for Linger
}

var fields = [...]field{
	{"stream-planes", 0, math.MaxInt, func(s *Strategy) *int { return &s.StreamPlanes }},
	{"stream-rows", 0, math.MaxInt, func(s *Strategy) *int { return &s.StreamRows }},
	{"stream-in-place", 0, math.MaxInt, func(s *Strategy) *int { return &s.StreamInPlace }},
	{"store-ahead", 0, mostAhead, func(s *Strategy) *int { return &s.StoreAhead }},
	{"load-ahead", 0, mostAhead, func(s *Strategy) *int { return &s.LoadAhead }},
	{"quarter-rows", 0, math.MaxInt, func(s *Strategy) *int { return &s.QuarterRows }},
	{"quarter-bytes", 0, math.MaxInt, func(s *Strategy) *int { return &s.QuarterBytes }},
	{"behind", 0, mostAhead, func(s *Strategy) *int { return &s.Behind }},
	{"share", 0, math.MaxInt, func(s *Strategy) *int { return &s.Share }},
	{"grain", 1, math.MaxInt, func(s *Strategy) *int { return &s.Grain }},
	{"wake", 0, math.MaxInt, func(s *Strategy) *int { return &s.Wake }},
	{name: "linger"},
}

// want says which values a field may have.
func (f *field) want() string {
	switch {
	case f.size == nil:
		return fmt.Sprintf("a time from 0s to %v in whole microseconds, such as 50us", mostLinger)
	case f.most == math.MaxInt:
		return fmt.Sprintf("a number of bytes, %d or more", f.least)
	}
	return fmt.Sprintf("a number of bytes from %d to %d", f.least, f.most)
}

// parse sets a field to what a text stands for. A number of bytes beyond the greatest
// integer means never. It returns false, and s is unchanged, if the text makes no sense.
func (f *field) parse(s *Strategy, text string) bool {
	if f.size == nil {
		d, err := time.ParseDuration(text)
		if err != nil || !lingers(d) {
			return false
		}
		s.Linger = d
		return true
	}
	u, err := strconv.ParseUint(text, 10, 64)
	v := int(min(u, math.MaxInt))
	if err != nil || v < f.least || v > f.most {
		return false
	}
	*f.size(s) = v
	return true
}

// lingers reports whether a duration may be Linger.
func lingers(d time.Duration) bool {
	return d >= 0 && d <= mostLinger && d%time.Microsecond == 0
}

// text returns the value of a field as it stands in the text of a strategy.
func (f *field) text(s *Strategy) string {
	if f.size == nil {
		return s.Linger.String()
	}
	return strconv.Itoa(*f.size(s))
}

func (s *Strategy) check() error {
	for i := range fields {
		f := &fields[i]
		if ok := lingers(s.Linger); f.size != nil && (*f.size(s) < f.least || *f.size(s) > f.most) || f.size == nil && !ok {
			return misset(f.name, f.text(s), f.want())
		}
	}
	return nil
}

// String returns the strategy in the form of [ParseStrategy].
func (s Strategy) String() string {
	var b strings.Builder
	for i := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(fields[i].name + "=" + fields[i].text(&s))
	}
	return b.String()
}

// ParseStrategy returns the default strategy with some fields changed, such as
// "stream-planes=8388608,linger=50us". Sizes are numbers of bytes. Of a field that is given
// twice the last value counts. ParseStrategy returns an [*ArgumentError] if a field is unknown or
// its value makes no sense.
func ParseStrategy(text string) (Strategy, error) {
	s := defaultStrategy()
	for text != "" {
		var part string
		part, text, _ = strings.Cut(text, ",")
		name, value, _ := strings.Cut(part, "=")
		if err := s.parse(name, value); err != nil {
			return defaultStrategy(), err
		}
	}
	return s, nil
}

func (s *Strategy) parse(name, value string) error {
	var names []string
	for i := range fields {
		f := &fields[i]
		if f.name == name {
			if !f.parse(s, value) {
				return misset(name, value, f.want())
			}
			return nil
		}
		names = append(names, f.name)
	}
	return misset(name, value, "one of the fields "+strings.Join(names, ", "))
}

// misset returns the error of a field.
func misset(name, value, want string) error {
	return refused(name, want, "a strategy with %s", excerpt.Quote(name+"="+value))
}

// The environment variables that change the default.
const (
	strategyVariable = "SPATIALDROPOUT_STRATEGY"
	streamVariable   = "SPATIALDROPOUT_STREAM"
)

// strategyFrom returns the strategy that the environment sets.
func strategyFrom(text, stream string) Strategy {
	s, err := ParseStrategy(text)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", strategyVariable, err)
	}
	if stream == "" {
		return s
	}
	f := &fields[0] // whose values are those of the three
	if !f.parse(&s, stream) {
		fmt.Fprintf(os.Stderr, "%s: %s, want %s\n", streamVariable, excerpt.Quote(stream), f.want())
		return s
	}
	s.StreamRows, s.StreamInPlace = s.StreamPlanes, s.StreamPlanes
	return s
}
