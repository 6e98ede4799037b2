package kernel

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout/layout"
)

// ended waits until no goroutine helps any more.
func ended(t *testing.T) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		running := 0
		for k := range crew {
			if crew[k].state.Load() != asleep {
				running++
			}
		}
		if running == 0 {
			return
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("%d helpers have not ended", running)
		}
	}
}

// rested lets helpers help again that were suspended.
func rested() {
	for k := range crew {
		crew[k].resting.Store(0)
		crew[k].rest.Store(0)
	}
}

// doubled calls Run with some workers on n ones, and returns an error unless all are
// doubled.
func doubled(n, workers int) error {
	dst, src := make([]float32, n), make([]float32, n)
	for i := range src {
		src[i] = 1
	}
	if err := Run(Multiply, Of(dst), Of(src), Of([]float32{2}), Vector{}, []layout.Loop{alike(n, 1, 0)}, workers); err != nil {
		return err
	}
	for i, y := range dst {
		if y != 2 {
			return fmt.Errorf("element %d of %d is %v after a call with %d workers", i, n, y, workers)
		}
	}
	return nil
}

func TestWorkersAreBounded(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	s := Strategy{Grain: 100}
	for _, c := range []struct{ procs, bytes, most, want int }{
		{8, 1 << 20, 0, 8}, {8, 1 << 20, 3, 3}, {8, 1 << 20, 100, 8}, {1, 1 << 20, 100, 1}, {8, 250, 0, 2}, {8, 250, 100, 2}, {8, 99, 5, 0},
		{8, 1 << 20, int(^uint(0) >> 1), 8}, {1000, 1 << 30, 0, mostHelpers + 1}, {1000, 1 << 30, 1 << 30, mostHelpers + 1},
	} {
		runtime.GOMAXPROCS(c.procs)
		if runtime.GOMAXPROCS(0) != c.procs {
			continue // WebAssembly has one
		}
		if got := workersFor(&s, c.bytes, c.most); got != c.want {
			t.Errorf("%+v: %d workers", c, got)
		}
	}
}

// Goroutines that help end by themselves, and none is left.
func TestHelpersEnd(t *testing.T) {
	ShareAll(t)
	ended(t)
	before := runtime.NumGoroutine()
	for range 100 {
		if err := doubled(1<<12, 4); err != nil {
			t.Fatal(err)
		}
	}
	ended(t)
	for begin := time.Now(); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// started returns whether the goroutine of helper k was started since alone. It may have
// ended.
func started(k int) bool { return crew[k].started.Load() != 0 }

// Small calls start nobody unless others follow each other, and never more than workers ask
// for.
func TestHelpersAreStartedForSeriesAndLargeCalls(t *testing.T) {
	ShareAll(t)
	if runtime.GOMAXPROCS(0) < 4 {
		return // WebAssembly has one
	}
	s := CurrentStrategy()
	s.Wake, s.Share, s.Linger = 1<<20, 1<<10, 100*time.Millisecond
	use(s)
	call := func(bytes, workers int) {
		t.Helper()
		rested()
		if err := doubled(bytes/4, workers); err != nil {
			t.Fatal(err)
		}
	}
	alone := func() {
		ended(t)
		lately.Store(-int64(time.Hour))
		for k := range crew {
			crew[k].started.Store(0)
		}
	}
	alone()
	if call(1<<19, 4); started(0) {
		t.Error("a single small call starts a helper")
	}
	if call(1<<19, 4); !started(0) || !started(2) || started(3) {
		t.Errorf("a second small call with 4 workers starts %v, %v, %v, %v, want three", started(0), started(1), started(2), started(3))
	}
	alone()
	if call(1<<20, 2); !started(0) || started(1) {
		t.Errorf("a large call with 2 workers starts %v, %v, want one", started(0), started(1))
	}
	alone()
	call(1<<20, 1)
	call(1<<9, 4)
	if call(1<<9, 4); started(0) {
		t.Error("one worker, or calls below the size for sharing, start a helper")
	}
	alone()
	runtime.GOMAXPROCS(1)
	call(1<<20, 4)
	if call(1<<20, 0); started(0) {
		t.Error("GOMAXPROCS of 1 starts a helper")
	}
	runtime.GOMAXPROCS(4)
	alone()
	now := now()
	crew[0].resting.Store(now + int64(time.Hour))
	if err := doubled(1<<20, 2); err != nil || started(0) {
		t.Errorf("a helper that rests is started, %v", err)
	}
	rested()
}

// A helper rests if it has waited in vain, or for a caller that does not get on: there is no core
// for it. One whose caller has ended just ends.
func TestHelpersRestThatAreInTheWay(t *testing.T) {
	ShareAll(t)
	s := CurrentStrategy()
	s.Linger = 100 * time.Microsecond
	use(s)
	rests := func(helped, asked bool) bool {
		var h helper
		h.asked.Store(asked)
		began := now()
		if h.wait(&began, helped) {
			t.Fatal("a helper is asked by nobody")
		}
		return h.resting.Load() > 0
	}
	for _, c := range []struct{ helped, asked, want bool }{{false, false, true}, {false, true, true}, {true, true, true}, {true, false, false}} {
		got := rests(c.helped, c.asked)
		for range 100 {
			if got == c.want {
				break
			}
			got = rests(c.helped, c.asked) // another program has interrupted the one before
		}
		if got != c.want {
			t.Errorf("helped before %v, asked by one that works %v: rests %v, want %v", c.helped, c.asked, got, c.want)
		}
	}
}

// A helper that begins late rests: another goroutine has its processor. A call does not count on one that has been on
// its way for long.
func TestNobodyCountsOnALateHelper(t *testing.T) {
	ShareAll(t)
	ended(t)
	var late helper
	if late.started.Store(now() - 2*promptly); late.resting.Load() != 0 {
		t.Fatal("a new helper rests")
	}
	if late.work(); late.resting.Load() < now()-int64(time.Minute) || late.rest.Load() != leastRest {
		t.Errorf("a helper that began late rests for %v, want %v", time.Duration(late.rest.Load()), time.Duration(leastRest))
	}
	defer rested()
	defer crew[0].state.Store(asleep)
	for _, c := range []struct {
		state uint32
		since time.Duration
		bytes int
		want  bool
	}{
		{waiting, 0, joinBytes, true}, {waiting, 0, joinBytes - 1, false}, {waiting, 2 * time.Duration(suspended), joinBytes, false},
		{ready, 0, 1, true}, {ready, time.Hour, 1, true},
	} {
		s, got := CurrentStrategy(), false
		s.Wake = joinBytes
		for range 100 { // another program may interrupt a call
			rested()
			var help [1]bool
			crew[0].started.Store(now() - int64(c.since))
			crew[0].state.Store(c.state)
			if got = muster(&s, help[:], c.bytes); got == c.want {
				break
			}
		}
		if got != c.want {
			t.Errorf("%+v: asked %v", c, got)
		}
	}
}

// The end of a call is the end of what it has asked of helpers.
func TestNobodyIsAskedAfterACall(t *testing.T) {
	ShareAll(t)
	for range 100 {
		if err := doubled(1<<16, 4); err != nil {
			t.Fatal(err)
		}
		for k := range crew {
			if crew[k].asked.Load() {
				t.Fatalf("helper %d is still asked", k)
			}
		}
	}
}

// The caller takes back what a helper has not begun.
func TestNobodyWaitsForAHelperThatDoesNotCome(t *testing.T) {
	ShareAll(t)
	ended(t)
	for k := range 3 {
		crew[k].state.Store(ready) // but nobody is there
		defer crew[k].state.Store(asleep)
	}
	for workers := 2; workers <= 4; workers++ {
		if err := doubled(1<<16, workers); err != nil {
			t.Error(err)
		}
		for k := range 3 {
			if crew[k].job.Load() != nil {
				t.Errorf("%d workers: helper %d still has the job", workers, k)
			}
		}
	}
}

// Pieces are taken from both ends by many, each of them once.
func TestPiecesAreTakenOnce(t *testing.T) {
	for _, pieces := range []uint32{1, 2, 3, 7, 64, 1000} {
		var s share
		s.left.Store(uint64(pieces) << 32)
		taken := make([]atomic.Int32, pieces)
		var all sync.WaitGroup
		for k := range 4 {
			all.Add(1)
			go func() {
				defer all.Done()
				for {
					lo, hi := s.take(k == 0)
					if lo == hi {
						return
					}
					for i := lo; i < hi; i++ {
						taken[i].Add(1)
					}
				}
			}()
		}
		all.Wait()
		for i := range taken {
			if n := taken[i].Load(); n != 1 {
				t.Errorf("piece %d of %d was taken %d times", i, pieces, n)
			}
		}
	}
}

// Many callers at once, of many sizes, share the helpers.
func TestCallersShareHelpers(t *testing.T) {
	ShareAll(t)
	var all sync.WaitGroup
	for seed := range uint64(6) {
		all.Add(1)
		go func() {
			defer all.Done()
			r := rand.New(rand.NewPCG(seed, 8))
			for range 200 {
				if err := doubled(1+r.IntN(1<<r.IntN(16)), r.IntN(6)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	all.Wait()
	for k := range crew {
		if j := crew[k].job.Load(); j != nil && j != &taken {
			t.Errorf("helper %d still has a job", k)
		}
	}
}

// A series of calls and a caller that is busy elsewhere in between.
func BenchmarkRunWithWorkers(b *testing.B) {
	for _, bytes := range []int{1 << 19, 1 << 21, 1 << 23, 1 << 25} {
		dst, src := aligned[float32](bytes/4), aligned[float32](bytes/4)
		for _, workers := range []int{1, 2} {
			for _, apart := range []time.Duration{0, 10 * time.Millisecond} {
				b.Run(fmt.Sprintf("bytes=%d/workers=%d/apart=%v", bytes, workers, apart), func(b *testing.B) {
					b.SetBytes(int64(bytes))
					for range b.N {
						if apart > 0 {
							b.StopTimer()
							time.Sleep(apart)
							b.StartTimer()
						}
						if err := Run(Scale, Of(dst), Of(src), Of([]float32{2}), Vector{}, []layout.Loop{alike(bytes/4, 1, 0)}, workers); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// A helper does job after job without an allocation, which AllocsPerRun does not see in calls:
// it lets one processor run.
func TestHelpersDoNotAllocate(t *testing.T) {
	n := nest{operands: operands{kind: F32, op: Scale}, block: block{count: 1, length: 256}}
	dst, factors := make([]float32, n.total()), []float32{2}
	n.dst, n.src, n.factors = erase(dst).data, erase(dst).data, erase(factors).data
	var h helper
	var j job
	if allocs := testing.AllocsPerRun(100, func() {
		j.set(&n, n.total(), 1)
		h.ask(&j)
		if !h.help() || j.helping.Load() != 0 {
			t.Fatal("the helper does not do the job")
		}
	}); allocs != 0 {
		t.Errorf("a job allocates %v times", allocs)
	}
}
