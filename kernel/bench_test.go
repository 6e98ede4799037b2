package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// BenchmarkRoutines measures every kernel on every tier, in bytes that it writes. Planes or
// rows fit the first cache and the second, half of them dropped.
//
//	go test ./kernel -run '^$' -bench 'Routines/routine=multiplyPlanesF32/'
func BenchmarkRoutines(b *testing.B) {
	eachRoutine(func(k routine) {
		for _, bytes := range []int{256, 8 << 10} { // of a plane
			machine.Benchmark(b, fmt.Sprintf("routine=%v/bytes=%d", k, bytes), k.call(4, bytes/k.typ.Size(), [2]bool{true, false}))
		}
	})
}

// BenchmarkLoops compares [Planes] and [Pixels] with the loops that a user would write
// instead, on the tier in use. The two take turns. ×loop is the time of the loop in times of
// the library, the medians of all turns; 20 or more of them make it repeatable:
//
//	SPATIALDROPOUT_DISABLE=avx2 go test ./kernel -run '^$' -bench 'Loops/^float32$/' -benchtime 21x
func BenchmarkLoops(b *testing.B) {
	b.Run("float32", benchmarkLoops[float32])
	b.Run("float64", benchmarkLoops[float64])
	b.Run("float16", benchmarkLoops[float16])
	b.Run("bfloat16", benchmarkLoops[bfloat16])
}

func benchmarkLoops[T number](b *testing.B) {
	for _, c := range []struct {
		name          string
		shape         shape
		count, length int
	}{
		{"NCHW-64x7x7", planes, 64, 49}, {"NCHW-4096x7x7", planes, 4096, 49}, {"NCHW-4096x2x2", planes, 4096, 4}, {"NCHW-16x56x56", planes, 16, 3136}, {"NCHW-8192x56x56", planes, 8192, 3136}, {"NCHW-524288x7x7", planes, 524288, 49},
		{"NHWC-49x64", pixels, 49, 64}, {"NHWC-1000x3", pixels, 1000, 3}, {"NHWC-3136x64", pixels, 3136, 64}, {"NHWC-196x1024", pixels, 196, 1024}, {"NHWC-49x2048", pixels, 49, 2048}, {"NHWC-100352x256", pixels, 100352, 256},
	} {
		for _, rate := range []float64{0, 0.5} {
			for _, op := range allOps {
				for _, inPlace := range []bool{false, true} {
					if op != Copy && (!inPlace || op == Scale) {
						name := fmt.Sprintf("%s/rate-%v/%v", c.name, rate, op)
						if inPlace {
							name += "-in-place"
						}
						b.Run(name, func(b *testing.B) { compareLoop[T](b, op, c.shape, c.count, c.length, rate, inPlace) })
					}
				}
			}
		}
	}
}

// compareLoop measures one call and its loop in turn.
func compareLoop[T number](b *testing.B, op Op, shape shape, count, length int, rate float64, inPlace bool) {
	f, r := formatOf[T](), rand.New(rand.NewPCG(31, 1))
	number := func(x float64) T { return fromBits[T](f.of(x)) }
	src, entries := make([]T, count*length), count
	if shape == pixels {
		entries = length
	}
	some := make([]T, 4099)
	for i := range some {
		some[i] = number(1 + r.Float64())
	}
	for i := range src {
		src[i] = some[i%len(some)]
	}
	dst := src
	if !inPlace {
		dst = slices.Clone(src)
	}
	factors, shifts := make([]T, entries), make([]T, entries)
	for i := range factors {
		if factors[i], shifts[i] = number(1+1.0/64), number(1.0/8); r.Float64() < rate {
			factors[i] = 0
		}
	}
	y, x, fs, bs := As(f.kind, dst), As(f.kind, src), As(f.kind, factors), As(f.kind, shifts)
	if !operations[op].shifts {
		bs = Vector{}
	}
	library := func() { PixelsOf(op, y, x, fs, bs) }
	if shape == planes {
		library = func() { PlanesOf(op, y, x, fs, bs, length) }
	}
	loop := loopOf(op, shape, dst, src, factors, shifts)

	turn := 0
	ours, theirs := inTurns(b, len(dst), func() {
		if turn++; inPlace && rate == 0 && turn%64 == 0 { // lest the elements overflow
			copy(src, some)
		}
		library()
	}, loop)
	bytes := float64(len(dst) * f.bits / 8)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(bytes/ours, "GB/s")
	b.ReportMetric(bytes/theirs, "loop-GB/s")
	b.ReportMetric(theirs/ours, "×loop")
}

// inTurns measures two calls in turn, as often as the benchmark is told, and returns the median
// times in ns. A turn takes a call so often that some thousands of n elements are done.
func inTurns(b *testing.B, n int, one, other func()) (oneTime, otherTime float64) {
	calls := max(1, 20_000/n)
	measure := func(call func()) float64 {
		begin := time.Now()
		for range calls {
			call()
		}
		return float64(time.Since(begin)) / float64(calls)
	}
	measure(one)
	measure(other)
	var times [2][]float64
	for range b.N {
		times[0], times[1] = append(times[0], measure(one)), append(times[1], measure(other))
	}
	slices.Sort(times[0])
	slices.Sort(times[1])
	return times[0][len(times[0])/2], times[1][len(times[1])/2]
}

// loopOf returns the loop that a user would write for an operation.
func loopOf[T number](op Op, shape shape, dst, src, factors, shifts []T) func() {
	switch y := any(dst).(type) {
	case []float32:
		return floatLoop(op, shape, y, any(src).([]float32), any(factors).([]float32), any(shifts).([]float32))
	case []float64:
		return floatLoop(op, shape, y, any(src).([]float64), any(factors).([]float64), any(shifts).([]float64))
	case []float16:
		return func() {
			float16PlanesLoop(op, shape, y, any(src).([]float16), any(factors).([]float16), any(shifts).([]float16))
		}
	case []bfloat16:
		return func() {
			bfloat16PlanesLoop(op, shape, y, any(src).([]bfloat16), any(factors).([]bfloat16), any(shifts).([]bfloat16))
		}
	}
	panic("no loop for such elements")
}

func floatLoop[T float32 | float64](op Op, shape shape, dst, src, factors, shifts []T) func() {
	if shape == planes {
		return func() { planesLoop(op, dst, src, factors, shifts, len(dst)/len(factors)) }
	}
	return func() {
		n := len(factors)
		for d, s := dst, src; len(d) >= n; d, s = d[n:], s[n:] {
			rowLoop(op, d[:n], s[:n], factors, shifts)
		}
	}
}

//go:noinline
func planesLoop[T float32 | float64](op Op, dst, src, factors, shifts []T, plane int) {
	for p, f := range factors {
		d, s, shift := dst[p*plane:][:plane], src[p*plane:][:plane], shifts[p]
		switch op {
		case Scale, Multiply:
			for i, x := range s {
				d[i] = x * f
			}
		case Divide:
			for i, x := range s {
				d[i] = x / f
			}
		case Add, AddMultiply:
			for i, x := range s {
				d[i] += x * f
			}
		case AddDivide:
			for i, x := range s {
				d[i] += x / f
			}
		case Affine, AffineMultiply:
			for i, x := range s {
				d[i] = x*f + shift
			}
		case AffineMax:
			for i, x := range s {
				d[i] = max(x*f+shift, 0)
			}
		}
	}
}

//go:noinline
func rowLoop[T float32 | float64](op Op, dst, src, factors, shifts []T) {
	switch op {
	case Scale, Multiply:
		for c, f := range factors {
			dst[c] = src[c] * f
		}
	case Divide:
		for c, f := range factors {
			dst[c] = src[c] / f
		}
	case Add, AddMultiply:
		for c, f := range factors {
			dst[c] += src[c] * f
		}
	case AddDivide:
		for c, f := range factors {
			dst[c] += src[c] / f
		}
	case Affine, AffineMultiply:
		for c, f := range factors {
			dst[c] = src[c]*f + shifts[c]
		}
	case AffineMax:
		for c, f := range factors {
			dst[c] = max(src[c]*f+shifts[c], 0)
		}
	}
}

func float16PlanesLoop(op Op, shape shape, dst, src, factors, shifts []float16) {
	if shape == pixels {
		for n := len(factors); len(dst) >= n; dst, src = dst[n:], src[n:] {
			float16RowLoop(op, dst[:n], src[:n], factors, shifts)
		}
		return
	}
	plane := len(dst) / len(factors)
	for p := range factors {
		d, s, f, shift := dst[p*plane:][:plane], src[p*plane:][:plane], float16Value(factors[p]), float16Value(shifts[p])
		switch op {
		case Scale, Multiply:
			for i, x := range s {
				d[i] = float16Of(float16Value(x) * f)
			}
		case Divide:
			for i, x := range s {
				d[i] = float16Of(float16Value(x) / f)
			}
		case Add, AddMultiply:
			for i, x := range s {
				d[i] = float16Of(float16Value(d[i]) + float16Value(float16Of(float16Value(x)*f)))
			}
		case AddDivide:
			for i, x := range s {
				d[i] = float16Of(float16Value(d[i]) + float16Value(float16Of(float16Value(x)/f)))
			}
		case Affine, AffineMultiply:
			for i, x := range s {
				d[i] = float16Of(float16Value(float16Of(float16Value(x)*f)) + shift)
			}
		case AffineMax:
			for i, x := range s {
				d[i] = float16Of(max(float16Value(float16Of(float16Value(x)*f))+shift, 0))
			}
		}
	}
}

func float16RowLoop(op Op, dst, src, factors, shifts []float16) {
	switch op {
	case Scale, Multiply:
		for c, f := range factors {
			dst[c] = float16Of(float16Value(src[c]) * float16Value(f))
		}
	case Divide:
		for c, f := range factors {
			dst[c] = float16Of(float16Value(src[c]) / float16Value(f))
		}
	case Add, AddMultiply:
		for c, f := range factors {
			dst[c] = float16Of(float16Value(dst[c]) + float16Value(float16Of(float16Value(src[c])*float16Value(f))))
		}
	case AddDivide:
		for c, f := range factors {
			dst[c] = float16Of(float16Value(dst[c]) + float16Value(float16Of(float16Value(src[c])/float16Value(f))))
		}
	case Affine, AffineMultiply:
		for c, f := range factors {
			dst[c] = float16Of(float16Value(float16Of(float16Value(src[c])*float16Value(f))) + float16Value(shifts[c]))
		}
	case AffineMax:
		for c, f := range factors {
			dst[c] = float16Of(max(float16Value(float16Of(float16Value(src[c])*float16Value(f)))+float16Value(shifts[c]), 0))
		}
	}
}

func bfloat16PlanesLoop(op Op, shape shape, dst, src, factors, shifts []bfloat16) {
	if shape == pixels {
		for n := len(factors); len(dst) >= n; dst, src = dst[n:], src[n:] {
			bfloat16RowLoop(op, dst[:n], src[:n], factors, shifts)
		}
		return
	}
	plane := len(dst) / len(factors)
	for p := range factors {
		d, s, f, shift := dst[p*plane:][:plane], src[p*plane:][:plane], bfloat16Value(factors[p]), bfloat16Value(shifts[p])
		switch op {
		case Scale, Multiply:
			for i, x := range s {
				d[i] = bfloat16Of(bfloat16Value(x) * f)
			}
		case Divide:
			for i, x := range s {
				d[i] = bfloat16Of(bfloat16Value(x) / f)
			}
		case Add, AddMultiply:
			for i, x := range s {
				d[i] = bfloat16Of(bfloat16Value(d[i]) + bfloat16Value(bfloat16Of(bfloat16Value(x)*f)))
			}
		case AddDivide:
			for i, x := range s {
				d[i] = bfloat16Of(bfloat16Value(d[i]) + bfloat16Value(bfloat16Of(bfloat16Value(x)/f)))
			}
		case Affine, AffineMultiply:
			for i, x := range s {
				d[i] = bfloat16Of(bfloat16Value(bfloat16Of(bfloat16Value(x)*f)) + shift)
			}
		case AffineMax:
			for i, x := range s {
				d[i] = bfloat16Of(max(bfloat16Value(bfloat16Of(bfloat16Value(x)*f))+shift, 0))
			}
		}
	}
}

func bfloat16RowLoop(op Op, dst, src, factors, shifts []bfloat16) {
	switch op {
	case Scale, Multiply:
		for c, f := range factors {
			dst[c] = bfloat16Of(bfloat16Value(src[c]) * bfloat16Value(f))
		}
	case Divide:
		for c, f := range factors {
			dst[c] = bfloat16Of(bfloat16Value(src[c]) / bfloat16Value(f))
		}
	case Add, AddMultiply:
		for c, f := range factors {
			dst[c] = bfloat16Of(bfloat16Value(dst[c]) + bfloat16Value(bfloat16Of(bfloat16Value(src[c])*bfloat16Value(f))))
		}
	case AddDivide:
		for c, f := range factors {
			dst[c] = bfloat16Of(bfloat16Value(dst[c]) + bfloat16Value(bfloat16Of(bfloat16Value(src[c])/bfloat16Value(f))))
		}
	case Affine, AffineMultiply:
		for c, f := range factors {
			dst[c] = bfloat16Of(bfloat16Value(bfloat16Of(bfloat16Value(src[c])*bfloat16Value(f))) + bfloat16Value(shifts[c]))
		}
	case AffineMax:
		for c, f := range factors {
			dst[c] = bfloat16Of(max(bfloat16Value(bfloat16Of(bfloat16Value(src[c])*bfloat16Value(f)))+bfloat16Value(shifts[c]), 0))
		}
	}
}

// Halves are rounded after each operation, as they are with a type of their own. The
// conversions are those that a user would write: a bfloat16 by hand, a float16 by a library.

func bfloat16Value(x bfloat16) float32 { return math.Float32frombits(uint32(x) << 16) }

func bfloat16Of(x float32) bfloat16 {
	bits := math.Float32bits(x)
	if x != x {
		return bfloat16(bits>>16 | 0x40)
	}
	return bfloat16((bits + 0x7fff + bits>>16&1) >> 16)
}

func float16Value(x float16) float32 { return dtype.Float16.Widen(uint16(x)) }

func float16Of(x float32) float16 { return float16(dtype.Float16.Narrow(x)) }
