package kernel

import (
	"math"
	"runtime"
	"runtime/metrics"
	"testing"
	"unsafe"
)

// BenchmarkStopTheWorld reports how long a garbage collection waits for a kernel to release
// its goroutine while 1 GiB is scaled: in one call of assembly, and in the bounded calls that
// Planes makes.
//
//	go test ./kernel -run '^$' -bench StopTheWorld
func BenchmarkStopTheWorld(b *testing.B) {
	data := make([]float32, 1<<28)
	factors := []float32{1.0000001}
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"way=onecall", func() {
			F32.ways[Scale][0][planes].exec(unsafe.Pointer(&data[0]), unsafe.Pointer(&data[0]), unsafe.Pointer(&factors[0]), nil, 1, len(data))
		}},
		{"way=Planes", func() { Planes(Scale, data, data, factors, nil, len(data)) }},
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
			after := waits()
			b.ReportMetric(quantile(before, after, 0.99)*1e6, "µs-99%-wait")
			b.ReportMetric(quantile(before, after, 1)*1e6, "µs-longest-wait")
		})
	}
}

// waits returns a histogram of how long collections have waited until all goroutines had
// stopped.
func waits() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: "/sched/pauses/stopping/gc:seconds"}}
	metrics.Read(s)
	return s[0].Value.Float64Histogram()
}

// quantile returns the bound, in seconds, that the given part of the waits between two readings
// does not exceed.
func quantile(before, after *metrics.Float64Histogram, part float64) float64 {
	var counts []uint64
	var all, some uint64
	for i, n := range after.Counts {
		counts = append(counts, n-before.Counts[i])
		all += counts[i]
	}
	for i, n := range counts {
		if some += n; n > 0 && float64(some) >= part*float64(all) {
			if bound := after.Buckets[i+1]; !math.IsInf(bound, 1) {
				return bound
			}
			return after.Buckets[i]
		}
	}
	return 0
}
