package kernel

import (
	"math"
	"runtime"
	"runtime/metrics"
	"testing"
	"unsafe"
)

// BenchmarkStopTheWorld shows how long a garbage collection has to wait for a
// kernel to let go of its goroutine, at the longest, while 1 GiB is scaled: in one
// call of assembly, and in the calls of bounded work that Planes makes.
//
//	go test ./kernel -run '^$' -bench StopTheWorld
func BenchmarkStopTheWorld(b *testing.B) {
	data := make([]float32, 1<<28)
	factors := []float32{1.0000001}
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"one call", func() {
			dispatch(scalePlanesF32, unsafe.Pointer(&data[0]), unsafe.Pointer(&data[0]), unsafe.Pointer(&factors[0]), nil, 1, len(data))
		}},
		{"Planes", func() { Planes(data, data, factors, len(data)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)) * 4)
			runtime.GC()
			before := waits()
			done := make(chan bool)
			go func() {
				for range b.N {
					c.f()
				}
				close(done)
			}()
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
					runtime.GC()
				}
			}
			b.ReportMetric(longest(before, waits())*1e6, "µs-longest-wait")
		})
	}
}

// waits returns how often a collection has waited for so long until all
// goroutines had stopped.
func waits() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: "/sched/pauses/stopping/gc:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64Histogram()
}

// longest returns the upper bound, in seconds, of the longest wait between two
// readings.
func longest(before, after *metrics.Float64Histogram) float64 {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			if bound := after.Buckets[i+1]; !math.IsInf(bound, 1) {
				return bound
			}
			return after.Buckets[i]
		}
	}
	return 0
}
