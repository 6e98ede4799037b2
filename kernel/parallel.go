package kernel

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// workersFor returns how many goroutines share a nest of so many bytes: at most the given
// number, and GOMAXPROCS of them if that is 0.
func workersFor(s *Strategy, bytes, most int) int {
	workers := min(runtime.GOMAXPROCS(0), bytes/s.Grain, mostHelpers+1)
	if most > 0 {
		workers = min(workers, most)
	}
	return workers
}

// job is one nest that several goroutines share. Each has a share of its own, the same one
// in every call on the same data, since it may find them in its cache. Whoever is done with
// its share takes from those of others, so that the caller never waits for a goroutine that
// has not begun. Jobs are kept for reuse: a call with several workers does not allocate.
type job struct {
	nest    nest
	total   int
	workers int
	pieces  uint32 // in each share
	shares  []share
	short   bool // pieces are shortPiece at most

	helping   atomic.Int32 // goroutines that have been asked to help and have not finished
	fault     atomic.Pointer[any]
	onFault   bool // debug.SetPanicOnFault of the caller
	abandoned atomic.Bool
}

// share is the part of a job that one worker begins with: a range of pieces that are still
// to do, the first one in the low half. Its worker takes from the front and others from the
// back.
type share struct {
	left atomic.Uint64
	_    [2*lineBytes - 8]byte // processors fetch lines in pairs
}

const (
	// pieceBytes is the size to which shares are cut, by estimate. Pieces are taken several at
	// a time.
	pieceBytes = 32 << 10
	// pieceBytesPastCache is that of data that are stored past the cache: they end with a
	// fence, and planes are collected to process four at a time.
	pieceBytesPastCache = 512 << 10
	// shortPiece is the size of a piece that is done before a helper that finds nothing to do
	// has waited for Linger, by far.
	shortPiece = 256 << 10
	// mostPieces is the greatest number of pieces of a share.
	mostPieces = 64
)

var jobs = sync.Pool{New: func() any { return new(job) }}

// parallel walks all elements of n on the calling goroutine, with up to workers-1 others to
// help if help is at hand. span is the number of elements that dst extends over. A panic of any
// of them is the caller's, once all have finished.
func parallel(s *Strategy, n *nest, total, span, workers int) {
	bytes := total << n.kind.shift
	var help [mostHelpers]bool
	if !muster(s, help[:workers-1], bytes) {
		n.walk(0, total)
		return
	}
	n.together(s, span<<n.kind.shift)
	j := jobs.Get().(*job)
	j.set(n, total, workers)
	defer j.end(help[:workers-1])
	for k, asked := range help[:workers-1] {
		help[k] = asked && crew[k].ask(j)
	}
	j.work(0)
}

// set makes j the job of a nest.
func (j *job) set(n *nest, total, workers int) {
	j.nest, j.total, j.workers = *n, total, workers
	if len(j.shares) < workers {
		j.shares = make([]share, workers)
	}
	least := pieceBytes
	if n.pastCache {
		least = pieceBytesPastCache
	}
	j.pieces = uint32(min(max(1, total<<n.kind.shift/workers/least), mostPieces))
	j.short = total<<n.kind.shift/workers/int(j.pieces) <= shortPiece
	for k := range workers {
		j.shares[k].left.Store(uint64(j.pieces) << 32)
	}
	j.onFault = debug.SetPanicOnFault(false)
	debug.SetPanicOnFault(j.onFault)
	j.abandoned.Store(false)
	j.fault.Store(nil)
}

// end waits for the goroutines that help and puts j back. If one of them has panicked, so
// does end. After a panic of the caller they are kept from beginning anything new.
func (j *job) end(helpers []bool) {
	j.abandoned.Store(true) // nothing is left, or the caller panics
	for k, asked := range helpers {
		if asked {
			crew[k].asked.Store(false)
			crew[k].takeBack(j)
		}
	}
	j.await(helpers)
	fault := j.fault.Load()
	j.nest = nest{} // let go of the caller's data
	jobs.Put(j)
	if fault != nil {
		panic(*fault)
	}
}

// await waits for the goroutines that have not finished. It does so actively: a caller that
// blocks is woken by a helper that then waits actively in its place, for a tenth of a
// millisecond. Only if the operating system may have suspended a helper, perhaps for the
// caller, does await sleep.
func (j *job) await(helpers []bool) {
	if j.helping.Load() == 0 {
		return
	}
	const turns, patience = 64, int64(200 * time.Microsecond)
	begin := now()
	waited := int64(0)
	for waited < patience {
		for range turns {
			if j.helping.Load() == 0 {
				break
			}
			pause()
		}
		if waited = now() - begin; j.helping.Load() == 0 {
			break
		}
	}
	for j.helping.Load() > 0 {
		time.Sleep(20 * time.Microsecond)
	}
	if waited < patience {
		return
	}
	if end := now(); end-begin >= suspended {
		for k, asked := range helpers {
			if asked {
				crew[k].tire(end)
			}
		}
	}
}

// work does what worker k takes: its own share, and then what is left of the others.
func (j *job) work(k int) {
	for i := range j.workers {
		of := k + i
		if of >= j.workers {
			of -= j.workers
		}
		for !j.abandoned.Load() {
			lo, hi := j.shares[of].take(of == k)
			if lo == hi {
				break
			}
			from, to := j.cut(of, lo), j.cut(of, hi)
			if from < to {
				j.nest.walk(from, to)
			}
		}
	}
}

// take takes a quarter of the pieces that are left, and returns an empty range if there are
// none.
func (s *share) take(front bool) (lo, hi uint32) {
	for {
		left := s.left.Load()
		first, end := uint32(left), uint32(left>>32)
		if first == end {
			return 0, 0
		}
		some := (end - first + 3) / 4
		lo, hi = first, first+some
		rest := uint64(end)<<32 | uint64(hi)
		if !front {
			lo, hi = end-some, end
			rest = uint64(lo)<<32 | uint64(first)
		}
		if s.left.CompareAndSwap(left, rest) {
			return lo, hi
		}
	}
}

// cut returns where a piece of a share begins: at the beginning of a row where a block has
// several. Otherwise it is the beginning of a cache line, if the nest has no gaps, so that no
// two workers write to the same line.
func (j *job) cut(share int, piece uint32) int {
	if piece == j.pieces {
		share, piece = share+1, 0
	}
	if share == j.workers {
		return j.total
	}
	// The quotient and the remainder apart, since the product of all may overflow.
	parts := j.workers * int(j.pieces)
	part := share*int(j.pieces) + int(piece)
	at := j.total/parts*part + j.total%parts*part/parts
	if j.nest.shape == pixels && j.nest.count > 1 || j.nest.across.rows > 0 {
		return at - at%j.nest.length
	}
	line := lineBytes >> j.nest.kind.shift
	skew := (int(uintptr(j.nest.dst)) & (lineBytes - 1)) >> j.nest.kind.shift
	return max(0, at-(at+skew)%line)
}
