package kernel

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// mostHelpers bounds the goroutines that help all callers. Memory is busy with fewer.
const mostHelpers = 63

// crew holds the places of goroutines that help callers. A goroutine is started when a call
// needs it, waits actively for the next call for as long as [Strategy.Linger], and ends: it
// takes tens of microseconds until the operating system lets a parked thread run, in which
// one core does a megabyte. Which one helps has a fixed part of the data, see [job].
//
// Nobody helps callers in a test's bubble (package testing/synctest). A goroutine that one of
// them starts belongs to the bubble, which ends, and whose clock advances, only when the goroutine
// has ended; and callers elsewhere may keep it busy.
var crew [mostHelpers]helper

// helper is the place of one goroutine.
type helper struct {
	job     atomic.Pointer[job] // what it is asked to do; taken while it does that
	state   atomic.Uint32
	started atomic.Int64 // when the goroutine was, or let others run
	asked   atomic.Bool  // for a job of short pieces that its caller has not ended
	resting atomic.Int64 // until when not to ask it
	rest    atomic.Int64 // how long it rests next time
	worker  int          // which one of a job it is
	run     func()       // work of the helper, made once
	_       [2 * lineBytes]byte
}

// The states of a helper.
const (
	asleep  = iota // there is no goroutine
	waiting        // a goroutine has been started, or lets others run
	ready          // it waits actively, or does a job
)

// taken stands for the job that a helper is doing.
var taken job

// epoch is what times are counted from. lately is when the last call that might have used
// help began.
var (
	epoch  = time.Now()
	lately atomic.Int64
)

func now() int64 { return int64(time.Since(epoch)) }

const (
	// promptly is how long the start of a goroutine may take if a processor is idle, on a
	// virtual machine. One that began later waited for others, and must not wait actively
	// where they could run.
	promptly = int64(4 * time.Millisecond)
	// slice is how long a helper runs before others get a chance. The scheduler would suspend
	// it after 10 ms, perhaps in the middle of a piece for which the caller waits.
	slice = int64(time.Millisecond)
	// joinBytes is the size of dst from which a call lasts about as long as it takes until a
	// goroutine that has been started runs. It may join then. (A call too short for that would
	// lose some per cent by being cut into pieces.)
	joinBytes = 2 << 20
	// suspended is how long nobody waits for a helper, or a helper for its next turn, unless
	// the operating system lets another program run in its place, which it does for
	// milliseconds. Turns take a microsecond, and pieces end at about the same time. What
	// interrupts a core of a virtual machine for 50 to 300 µs comes alone: a rest after each
	// such gap, of 4 ms and more, cost calls of 12.8 MB half of what two workers gain.
	suspended = int64(400 * time.Microsecond)
	// unneeded is how long a helper waits in vain, or for the end of a call of short pieces
	// in which nothing is left to do, unless it keeps the caller from running: the operating
	// system has put both on one core, since another program uses the second one.
	unneeded = int64(50 * time.Microsecond)
	// leastRest and mostRest bound how long a helper rests that was suspended, or kept its
	// caller from running: four times as long each time. Calls with two workers take as long
	// as with one then while another program uses the second core (0.6 to 12.8 MB, Zen 5).
	// Without a rest they take up to four times as long, and 1.4 to 2 times with a rest for
	// those that were suspended only.
	leastRest = int64(time.Millisecond)
	mostRest  = int64(64 * time.Millisecond)
)

// muster finds out which helpers to ask in a call of so many bytes: those that are ready,
// and in a long one also those that may come before it ends. One that has been on its way for long is
// not coming: the processor has something else to do. (While another program used the second core, 294 of 302
// calls of 3.2 MB that had counted on one were alone, Zen 4.) It starts goroutines for a large
// call and in a series of calls. It returns false if there is no helper to ask.
func muster(s *Strategy, help []bool, bytes int) (any bool) {
	begin := now()
	if begin < 0 {
		return false // in a bubble: its clock begins in 2000
	}
	// The call before may have taken as long as a slow one of this size.
	series := begin-lately.Swap(begin) <= int64(s.Linger)+int64(bytes/8)
	large, long := bytes >= s.Wake, bytes >= joinBytes
	for k := range help {
		h := &crew[k]
		if begin < h.resting.Load() {
			continue
		}
		state := h.state.Load()
		if state == asleep && (large || series) {
			h.start(k+1, begin)
			state = waiting
		}
		help[k] = state == ready || state == waiting && (large || long) && begin-h.started.Load() <= suspended
		any = any || help[k]
	}
	return any
}

// start starts the goroutine if there is none.
func (h *helper) start(worker int, begin int64) {
	if !h.state.CompareAndSwap(asleep, waiting) {
		return
	}
	h.started.Store(begin)
	if h.run == nil {
		h.worker, h.run = worker, h.work
	}
	go h.run()
}

// ask asks a helper to do its share of a job. It returns false if it is busy.
func (h *helper) ask(j *job) bool {
	j.helping.Add(1)
	if h.job.CompareAndSwap(nil, j) {
		h.asked.Store(j.short)
		return true
	}
	j.helping.Add(-1)
	return false
}

// takeBack takes a job back if the helper has not begun with it.
func (h *helper) takeBack(j *job) {
	if h.job.CompareAndSwap(j, nil) {
		j.helping.Add(-1)
		return
	}
	h.refresh()
}

// tire lets the helper rest from now on: there is no core for it.
func (h *helper) tire(at int64) {
	rest := min(max(leastRest, 4*h.rest.Load()), mostRest)
	h.rest.Store(rest)
	h.resting.Store(at + rest)
}

// refresh shortens the rest of a helper that came in time.
func (h *helper) refresh() {
	if rest := h.rest.Load(); rest > 0 {
		h.rest.Store(rest - rest/64 - 1)
	}
}

// work does jobs until none has come for a while.
func (h *helper) work() {
	began := now()
	patient, helped := began-h.started.Load() <= promptly, false
	for {
		for h.help() {
			patient, helped = true, true
		}
		if patient && h.wait(&began, helped) {
			continue
		}
		if !patient {
			h.tire(now())
		}
		h.state.Store(asleep)
		// Someone may have asked before that.
		if h.job.Load() == nil || !h.state.CompareAndSwap(asleep, waiting) {
			return
		}
	}
}

// help does what the helper is asked to, if there is anything.
func (h *helper) help() bool {
	j := h.job.Load()
	if j == nil {
		return false
	}
	if !h.job.CompareAndSwap(j, &taken) {
		return false
	}
	defer func() {
		if fault := recover(); fault != nil {
			kept := fault // on the heap, where fault would be without a panic as well
			j.fault.Store(&kept)
			j.abandoned.Store(true)
		}
		h.job.Store(nil)
		j.helping.Add(-1)
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(j.onFault))
	j.work(h.worker)
	return true
}

// wait waits actively until the helper is asked for something, and returns false if that
// takes longer than it may. began is when others last had a chance to run. helped says that the
// goroutine has helped since it was started.
func (h *helper) wait(began *int64, helped bool) bool {
	linger := int64(strategy().Linger)
	start := now()
	if start-*began > slice {
		h.started.Store(start)
		h.state.Store(waiting)
		runtime.Gosched()
		start = now()
		*began = start
	}
	h.state.Store(ready)
	// The clock of a bubble stands still, and muster takes it for the usual one where the
	// system's shows a year before 2000: the number of turns is bounded, too.
	const pauses, perTurn = 16, 16 // pauses, and nanoseconds that a turn takes at least, where a pause is nothing
	last := start
	for turn := int64(0); turn*perTurn <= linger; turn++ {
		for range pauses {
			if h.job.Load() != nil {
				return true
			}
			pause()
		}
		t := now()
		if t-last > suspended {
			h.tire(t)
			return false
		}
		if t-start >= linger {
			if t-start >= unneeded && (!helped || h.asked.Load()) {
				h.tire(t)
			}
			return false
		}
		last = t
	}
	return false
}
