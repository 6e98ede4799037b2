package kernel

import (
	"math"
	"sync"
	"time"
)

// Tune measures on this machine what the default strategy takes from measurements on others, and
// returns the strategy that follows. It sets nothing: [SetStrategy] does.
//
// Tune scales float32 on one core, half of the channels dropped, and compares
//
//   - a StoreAhead of 0 with one of 512: planes of 56×56, out of place and in place, dst of 256 KiB
//     and 2 MiB;
//   - one row after the other with quarters, for a QuarterRows of 0, 8 KiB or math.MaxInt: rows of
//     512 bytes, 2 KiB and 8 KiB, dst of 256 KiB and 2 MiB;
//   - ordinary stores with those past the cache: planes of 56×56 for StreamPlanes, rows of 256
//     channels for StreamRows, planes in place for StreamInPlace, dst of 2, 3, 4, 6, 8, 12, 16, 24,
//     32, 48 and 64 MiB. The field is the smallest of these sizes from which on streaming is at
//     least 1.1 times as fast, or larger than those at which it is as much slower. What it
//     costs to read the result right afterwards counts by half, see [Comparison.Ratio].
//
// The two ways take turns, and the shortest time of each counts. A field keeps its default if
// the budget does not suffice for it, if no measurement contradicts the default, or if the
// difference is small. LoadAhead, QuarterBytes, Behind, Share, Grain, Wake and Linger are not measured.
//
// Tune ends when the budget is spent, or when all has been measured often enough, which takes a
// few seconds. It finishes a measurement that has begun, which takes tens of milliseconds.
// It takes 128 MiB of memory. It returns the default at once if the budget is not
// positive, or if the tier in use has no stores past the cache, as outside of amd64.
//
// Other calls may run meanwhile, and a strategy may be set, which is in use at once. But until
// Tune returns, all calls prefetch, and walk through rows, as Tune does just then. No result
// depends on it. Calls of Tune wait for each other.
//
// Each of the reports is called at the end with every comparison for which the budget sufficed.
// A nil report is left out.
func Tune(budget time.Duration, reports ...func(Comparison)) Strategy {
	s := defaultStrategy()
	if budget <= 0 || !streams() {
		return s
	}
	t := tuner{budget: int64(budget), now: now, sample: new(scratch).sample}
	s = t.tune(s)
	for _, report := range reports {
		if report == nil {
			continue
		}
		for _, c := range t.made {
			report(c)
		}
	}
	return s
}

// Comparison is one that [Tune] has made of two ways to do the same work.
type Comparison struct {
	Field string           // of the strategy, which depends on it, as in [ParseStrategy]
	Work  string           // such as "planes in place"
	Bytes int              // of dst, down to whole planes
	Ways  [2]string        // such as "ordinary" and "streamed"
	Calls [2]time.Duration // the shortest time of a call
	Reads [2]time.Duration // the shortest time to read all of dst after a call; 0 where that does not count
}

// Ratio returns how many times as fast the second way is. The time of a way is that of a call
// and half of that to read dst, as if half of all callers read the result right away.
func (c Comparison) Ratio() float64 {
	first, second := c.Calls[0]+c.Reads[0]/2, c.Calls[1]+c.Reads[1]/2
	if first <= 0 || second <= 0 {
		return 1 // by a clock that stands still
	}
	return float64(first) / float64(second)
}

const (
	// streamMargin is how many times as fast streaming must be. Whatever else is in the
	// cache suffers from ordinary stores, but whoever reads a part of the result gains.
	streamMargin = 1.1
	// cacheMargin is the same for ways to work in the cache, by the geometric mean of the
	// comparisons. On an idle machine means of seven calls of Tune lay within 5 % of each
	// other, but for one that was 8 % off.
	cacheMargin = 1.05
	// turns is the number of times that both ways are measured before the next comparison,
	// and passes how often all comparisons take place: a disturbance lasts for some time.
	turns, passes = 5, 5
)

// A tuner makes comparisons until its budget is spent.
type tuner struct {
	budget int64 // in the unit of now
	now    func() int64
	// sample does a work once in one of its ways.
	sample func(w *work, k int) (call, read time.Duration)

	begin int64
	made  []Comparison
}

// tuning is held while a tuner makes comparisons.
var tuning sync.Mutex

// tune returns s with the fields that follow from the comparisons that it makes.
func (t *tuner) tune(s Strategy) Strategy {
	tuning.Lock()
	defer tuning.Unlock()
	lend()
	defer takeBack()
	t.begin = t.now()
	if works := aheadWorks(&s); t.compare(works) == len(works) {
		s.StoreAhead = aheadBy(works, s.StoreAhead)
	}
	if works := quarterWorks(&s); t.compare(works) == len(works) {
		s.QuarterRows = quartersBy(works, s.QuarterRows)
	}
	works := streamWorks(&s)
	works = works[:t.compare(works)]
	s.StreamPlanes = streamBy(works, "stream-planes", s.StreamPlanes)
	s.StreamRows = streamBy(works, "stream-rows", s.StreamRows)
	s.StreamInPlace = streamBy(works, "stream-in-place", s.StreamInPlace)
	return s
}

// compare measures works in both ways. It returns how many of them, the first ones, have been
// measured often enough.
func (t *tuner) compare(works []*work) (done int) {
	defer func() {
		for _, w := range works[:done] {
			t.made = append(t.made, w.Comparison)
		}
	}()
	for pass := range passes {
		for i, w := range works {
			for turn := range turns {
				if t.now()-t.begin >= t.budget {
					return done
				}
				for k := range w.ways {
					call, read := t.sample(w, k)
					if pass > 0 || turn > 0 {
						call, read = min(call, w.Calls[k]), min(read, w.Reads[k])
					}
					w.Calls[k], w.Reads[k] = call, read
				}
			}
			done = max(done, i+1)
		}
	}
	return done
}

// aheadBy returns StoreAhead by comparisons of 0 with another value.
func aheadBy(works []*work, standard int) int {
	logs := 0.0
	for _, w := range works {
		logs += math.Log(w.Ratio())
	}
	switch gain := math.Exp(logs / float64(len(works))); {
	case gain >= cacheMargin:
		return works[0].ways[1].ahead
	case gain <= 1/cacheMargin:
		return works[0].ways[0].ahead
	}
	return standard
}

// quartersBy returns QuarterRows by comparisons of one row after the other with quarters.
func quartersBy(works []*work, standard int) int {
	best := standard
	for _, quarters := range [...]int{0, 8 << 10, math.MaxInt} {
		// The two differ in rows of some lengths.
		logs, count := 0.0, 0
		for _, w := range works {
			switch row := w.length << F32.shift; {
			case row < quarters && row >= best:
				logs += math.Log(w.Ratio())
				count++
			case row >= quarters && row < best:
				logs -= math.Log(w.Ratio())
				count++
			}
		}
		if count > 0 && math.Exp(logs/float64(count)) >= cacheMargin {
			best = quarters
		}
	}
	return best
}

// streamBy returns a size for streaming by comparisons of ordinary stores with those past the
// cache in ascending sizes.
func streamBy(works []*work, field string, standard int) int {
	var of []*work
	for _, w := range works {
		if w.Field == field {
			of = append(of, w)
		}
	}
	first := len(of) // from where on streaming wins
	for first > 0 && of[first-1].Ratio() >= streamMargin {
		first--
	}
	if first < len(of) {
		if standard <= of[first].Bytes && (first == 0 || standard > of[first-1].Bytes) {
			return standard
		}
		return of[first].Bytes
	}
	// It does not win, but may lose at the default.
	for i := len(of) - 1; i >= 0 && of[i].Bytes >= standard; i-- {
		switch {
		case of[i].Ratio() > 1/streamMargin:
		case i == len(of)-1:
			return 2 * of[i].Bytes // what is larger has not been measured
		default:
			return of[i+1].Bytes
		}
	}
	return standard
}
