package main

/*
#include <stdint.h>

// A job, see type job. The Python package contest declares the same.
typedef struct {
	int32_t work, dtype, order, workers;
	int64_t samples, channels, spatial;
	double rate;
	void *x, *y, *dy, *dx, *factors;
	int32_t activation, reads_input, weights;
	double limit;
	void *other, *scales, *shifts;
} peers_job;
*/
import "C"

import (
	"encoding/json"
	"errors"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/kernel"
)

// prepared are the jobs that the caller holds, by the handle that it got.
var prepared struct {
	sync.Mutex
	jobs map[int64]func()
	last int64
}

// peersDescribe writes a JSON object to a buffer: the contenders, with the versions of
// their modules, and what the library was built with. It returns the length of the text,
// which has been cut if that exceeds the buffer's.
//
//export peersDescribe
func peersDescribe(buffer *C.char, size C.int64_t) C.int64_t {
	type entry struct {
		Name     string   `json:"name"`
		Version  string   `json:"version"`
		Policies policies `json:"policies"`
		Families []family `json:"families"`
		Signed   bool     `json:"signed"`
	}
	description := struct {
		Go         string  `json:"go"`
		Experiment string  `json:"experiment"`
		Procs      int     `json:"procs"`
		Tier       string  `json:"tier"`
		Contenders []entry `json:"contenders"`
	}{Go: runtime.Version(), Procs: runtime.GOMAXPROCS(0), Tier: kernel.Tier()}
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			versions[m.Path] = m.Version
		}
		for _, s := range info.Settings {
			if s.Key == "GOEXPERIMENT" {
				description.Experiment = s.Value
			}
		}
	}
	for _, name := range names() {
		c := contenders[name]
		version := runtime.Version()
		if c.module != "" {
			version = versions[c.module]
		}
		description.Contenders = append(description.Contenders, entry{name, version, c.policy, c.families(), c.signed})
	}
	text, err := json.Marshal(description)
	if err != nil {
		panic(err) // strings and numbers can be encoded
	}
	return write(buffer, size, string(text))
}

// peersPrepare makes a contender ready for a job, and does it once. It returns a handle, 0
// if the contender does not offer such a job, or -1 if it fails. With 0 and -1 it writes the
// reason to a buffer.
//
//export peersPrepare
func peersPrepare(name *C.char, j *C.peers_job, buffer *C.char, size C.int64_t) C.int64_t {
	do, err := prepare(C.GoString(name), job{
		work: work(j.work), dtype: dtype(j.dtype), order: order(j.order), workers: int(j.workers),
		samples: int(j.samples), channels: int(j.channels), spatial: int(j.spatial),
		rate: float64(j.rate), x: j.x, y: j.y, dy: j.dy, dx: j.dx, factors: j.factors,
		activation: activation(j.activation), readsInput: j.reads_input != 0, limit: float64(j.limit),
		other: j.other, scales: j.scales, shifts: j.shifts, weights: j.weights != 0,
	})
	if err != nil {
		write(buffer, size, err.Error())
		if errors.Is(err, errNotOffered) {
			return 0
		}
		return -1
	}
	prepared.Lock()
	defer prepared.Unlock()
	if prepared.jobs == nil {
		prepared.jobs = map[int64]func(){}
	}
	prepared.last++
	prepared.jobs[prepared.last] = do
	return C.int64_t(prepared.last)
}

// peersRelease forgets a handle, and with it the memory of its job.
//
//export peersRelease
func peersRelease(handle C.int64_t) {
	prepared.Lock()
	defer prepared.Unlock()
	delete(prepared.jobs, int64(handle))
}

// peersTime does a job repeatedly, and returns the nanoseconds that all of it took, or -1
// if there is no such handle. After each repetition it reads size bytes at result.
//
//export peersTime
func peersTime(handle C.int64_t, repetitions C.int64_t, result unsafe.Pointer, size C.int64_t) C.int64_t {
	prepared.Lock()
	do := prepared.jobs[int64(handle)]
	prepared.Unlock()
	if do == nil {
		return -1
	}
	start := time.Now()
	for range int64(repetitions) {
		do()
		if size > 0 {
			read(result, int(size))
		}
	}
	return C.int64_t(time.Since(start))
}

// peersRead reads memory as the next layer of a network would: it is the reader for all
// contenders.
//
//export peersRead
func peersRead(result unsafe.Pointer, size C.int64_t) { read(result, int(size)) }

// total keeps the compiler from leaving the sums out.
var total uint64

// read sums up memory, in words of 8 bytes.
func read(result unsafe.Pointer, size int) {
	words := elements[uint64](result, size/8)
	var a, b, c, d uint64
	for len(words) >= 8 {
		a += words[0] + words[4]
		b += words[1] + words[5]
		c += words[2] + words[6]
		d += words[3] + words[7]
		words = words[8:]
	}
	for _, w := range words {
		a += w
	}
	total = a + b + c + d
}

// write copies a text to a buffer, with a zero after it, and returns its length.
func write(buffer *C.char, size C.int64_t, text string) C.int64_t {
	if size > 0 {
		to := elements[byte](unsafe.Pointer(buffer), int(size))
		n := copy(to[:size-1], strings.ReplaceAll(text, "\x00", " "))
		to[n] = 0
	}
	return C.int64_t(len(text))
}
