package kernel

import (
	"sync"
	"sync/atomic"
)

const (
	// parallelBytes is the size of dst from which Run uses several goroutines unasked.
	parallelBytes = 16 << 20
	// grainBytes is what each goroutine has at least.
	grainBytes = 4 << 20
)

// job is one nest that several goroutines share. Jobs are kept for reuse, with the function
// value that starts a goroutine, so that a parallel call does not allocate.
type job struct {
	nest    nest
	total   int
	workers int
	next    atomic.Int64
	done    sync.WaitGroup
	work    func()
}

var jobs = sync.Pool{New: func() any {
	j := new(job)
	j.work = func() {
		j.share(int(j.next.Add(1)))
		j.done.Done()
	}
	return j
}}

// parallel walks all elements of n on the calling goroutine and workers-1 others.
func parallel(n *nest, total, workers int) {
	j := jobs.Get().(*job)
	j.nest, j.total, j.workers = *n, total, workers
	j.next.Store(0)
	j.done.Add(workers - 1)
	for range workers - 1 {
		go j.work()
	}
	j.share(0)
	j.done.Wait()
	j.nest = nest{} // let go of the caller's data
	jobs.Put(j)
}

// share walks part k of the work.
func (j *job) share(k int) {
	if lo, hi := j.cut(k), j.cut(k+1); lo < hi {
		j.nest.walk(lo, hi)
	}
}

// cut returns where part k begins: at the beginning of a row where a block has several.
// Otherwise it is the beginning of a cache line, if the nest has no gaps, so that no two
// workers write to the same line.
func (j *job) cut(k int) int {
	if k == j.workers {
		return j.total
	}
	at := j.total/j.workers*k + j.total%j.workers*k/j.workers
	if j.nest.shape == pixels && j.nest.count > 1 || j.nest.across.rows > 0 {
		return at - at%j.nest.length
	}
	line := lineBytes >> j.nest.kind.shift
	skew := (int(uintptr(j.nest.dst)) & (lineBytes - 1)) >> j.nest.kind.shift
	return max(0, at-(at+skew)%line)
}
