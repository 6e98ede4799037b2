package kernel

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/layout"
)

// relaid returns loops whose src lies differently: the loops nest in a random order there,
// with and without gaps, and now and then one reads the same elements again.
func relaid(r *rand.Rand, loops []layout.Loop) []layout.Loop {
	loops = slices.Clone(loops)
	span, gaps := 1, r.IntN(2)
	for _, i := range r.Perm(len(loops)) {
		l := &loops[i]
		if l.Src = span + gaps*r.IntN(5); r.IntN(12) == 0 {
			l.Src = r.IntN(3)
		}
		span += max(0, l.Size-1) * l.Src
	}
	return loops
}

// toRows returns the loops that make rows of channels of planes: NCHW to NHWC. The planes
// have a gap of some elements after each of them, and the rows have gaps, too.
func toRows(samples, channels, plane, srcGap, dstGap int) []layout.Loop {
	row, column := channels+dstGap, plane+srcGap
	return []layout.Loop{apart(samples, plane*row, channels*column, channels), apart(plane, row, 1, 0), apart(channels, 1, column, 1)}
}

// toPlanes returns the loops that make planes of rows of channels: NHWC to NCHW.
func toPlanes(samples, channels, plane, srcGap, dstGap int) []layout.Loop {
	row, column := channels+srcGap, plane+dstGap
	return []layout.Loop{apart(samples, channels*column, plane*row, channels), apart(channels, column, 1, 1), apart(plane, 1, row, 0)}
}

// TestTranspositionsAgreeWithTheOracle covers every operation, type and tier, with channels and
// pixels around the numbers that fill a cache line, and the rows and columns of a tile.
func TestTranspositionsAgreeWithTheOracle(t *testing.T) {
	t.Run("float32", testTranspositions[float32])
	t.Run("float64", testTranspositions[float64])
	t.Run("float16", testTranspositions[float16])
	t.Run("bfloat16", testTranspositions[bfloat16])
}

func testTranspositions[T number](t *testing.T) {
	shift := formatOf[T]().kind.shift
	lanes := lineBytes >> shift
	tall := gatherLines * lanes          // rows of a tile, at least
	piece := gatherBytes >> shift / tall // and elements of each
	r := rand.New(rand.NewPCG(21, uint64(shift)))
	var shapes [][2]int // channels and pixels of a plane
	for _, few := range []int{1, 2, 3, 4, lanes - 1, lanes, lanes + 1, tall - 1, tall, tall + 1, 2*tall + 3} {
		for _, many := range []int{1, 5, lanes, 49, piece - 1, piece, piece + 1, 2*piece + lanes + 1, gatherBytes>>shift/3 + 1} {
			shapes = append(shapes, [2]int{few, many}, [2]int{many, few})
		}
	}
	// Planes long enough to be processed four side by side out of one tile.
	room := gatherBytes >> shift
	shapes = append(shapes, [2]int{4, room / 4}, [2]int{4, room/4 - 1}, [2]int{8, room / 8}, [2]int{5, room / 8})
	if testing.Short() || Instrumented {
		shapes = slices.DeleteFunc(shapes, func([2]int) bool { return r.IntN(4) > 0 })
	}
	for i, shape := range shapes {
		for _, relay := range []func(samples, channels, plane, srcGap, dstGap int) []layout.Loop{toRows, toPlanes} {
			samples := 1 + i%2
			loops := relay(samples, shape[0], shape[1], r.IntN(2)*r.IntN(5), r.IntN(2)*r.IntN(5))
			ways := []way{{op: Copy, shift: r.IntN(lanes), workers: 1}}
			for range 2 {
				ways = append(ways, way{op: allOps[r.IntN(len(allOps))], shift: r.IntN(lanes), workers: r.IntN(5)})
			}
			if shape[0]*shape[1] > 40000 {
				ways = ways[:1+i%2] // the oracle is slow
			}
			checkRun[T](t, r, loops, ways...)
		}
	}
	// Each operation both ways, alone and shared.
	for _, op := range allOps {
		for workers := range 4 {
			w := way{op: op, shift: r.IntN(lanes), workers: workers}
			checkRun[T](t, r, toRows(2, 2*lanes+3, 50, 0, 0), w)
			checkRun[T](t, r, toPlanes(2, 2*lanes+3, 50, 1, 0), w)
		}
	}
}

// TestRandomNestsThatLieDifferentlyAgreeWithTheOracle covers views of any number of axes, in
// any order, with gaps, broadcasts and any steps of the factor.
func TestRandomNestsThatLieDifferentlyAgreeWithTheOracle(t *testing.T) {
	for seed := range uint64(2400) {
		r := rand.New(rand.NewPCG(22, seed))
		loops := relaid(r, randomNest(r, 1200))
		w := way{op: allOps[r.IntN(len(allOps))], shift: r.IntN(16), workers: r.IntN(9)}
		switch dtype.Type(seed % uint64(len(kinds))) {
		case dtype.Float32:
			checkRun[float32](t, r, loops, w)
		case dtype.Float64:
			checkRun[float64](t, r, loops, w)
		case dtype.Float16:
			checkRun[float16](t, r, loops, w)
		case dtype.BFloat16:
			checkRun[bfloat16](t, r, loops, w)
		}
	}
}

// Views have rows that lie further apart in src than in dst, rows that overlap there, and gaps
// between the elements.
func TestViewsBecomeDense(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 23))
	for _, loops := range [][]layout.Loop{
		{apart(5, 300, 777, 1), apart(300, 1, 1, 0)}, {apart(5, 300, 7, 1), apart(300, 1, 1, 0)}, {apart(4, 1500, 2000, 0), apart(50, 30, 40, 0), apart(30, 1, 1, 1)},
		{apart(3, 3000, 4000, 3), apart(3, 1000, 1000, 1), apart(1000, 1, 1, 0)}, {apart(2, 4000, 9000, 0), apart(500, 8, 8, 0), apart(8, 1, 1, 1)},
		{apart(300, 1, 2, 0)}, {apart(300, 1, 2, 1)}, {apart(300, 2, 1, 1)}, {apart(40, 9, 1, 1), apart(9, 1, 40, 3)},
	} {
		for _, op := range allOps {
			checkRuns(t, r, loops, way{op: op, shift: r.IntN(16), workers: r.IntN(4)})
		}
	}
}

func TestCopyOfATranspositionAndBackIsTheIdentity(t *testing.T) {
	for _, c := range []struct{ samples, channels, plane int }{{1, 1, 1}, {2, 3, 49}, {3, 64, 49}, {1, 513, 31}, {2, 16, 784}} {
		n := c.samples * c.channels * c.plane
		x, rows, back := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range x {
			x[i] = float64(i + 1)
		}
		for workers := range 4 {
			clear(rows)
			clear(back)
			for _, err := range []error{
				Run(Copy, Of(rows), Of(x), Vector{}, Vector{}, toRows(c.samples, c.channels, c.plane, 0, 0), workers),
				Run(Copy, Of(back), Of(rows), Vector{}, Vector{}, toPlanes(c.samples, c.channels, c.plane, 0, 0), workers),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(back, x) {
				t.Fatalf("%+v with %d workers: other elements came back", c, workers)
			}
			if c.channels > 1 && c.plane > 1 && slices.Equal(rows, x) {
				t.Fatalf("%+v with %d workers: nothing was transposed", c, workers)
			}
		}
	}
}

// dst and src that lie differently may not reach into each other at all, not even where
// they share no element.
func TestRunRefusesOverlapOfWhatLiesDifferently(t *testing.T) {
	x, factors := make([]float32, 200), []float32{2, 2, 2, 2, 2, 2}
	for i := range x {
		x[i] = float32(i + 1)
	}
	before := slices.Clone(x)
	for _, loops := range [][]layout.Loop{toRows(1, 6, 4, 0, 0), toPlanes(1, 6, 4, 0, 0), toRows(1, 6, 4, 2, 0), toPlanes(1, 6, 4, 0, 1), {apart(24, 2, 1, 0)}, {apart(24, 1, 2, 0)}, {apart(24, 1, 0, 0)}} {
		dst, src, _ := extent(loops)
		for distance := -dst - 1; distance <= src+1; distance++ { // from src to dst
			y, from := x[100+distance:], x[100:]
			for workers := range 3 {
				err := Run(Multiply, Of(y), Of(from), Of(factors), Vector{}, loops, workers)
				var overlap *OverlapError
				if want := -dst < distance && distance < src; !want && err != nil || want && !errors.As(err, &overlap) {
					t.Fatalf("%v at a distance of %d: %v, want an *OverlapError: %v", loops, distance, err, want)
				}
				if err == nil {
					copy(x, before)
					continue
				}
				if overlap.Elements != dst || overlap.Distance != 4*distance {
					t.Errorf("%v: %+v, want %d elements and %d bytes", loops, overlap, dst, 4*distance)
				}
				if !slices.Equal(x, before) {
					t.Fatalf("%v at a distance of %d: refused, and written", loops, distance)
				}
			}
		}
	}
}

// BenchmarkTransposition compares operations that change the layout with copy, which bounds
// them, and takes turns with it. ×copy is the time of copy in times of the library, the medians of
// all turns.
//
//	go test ./kernel -run '^$' -bench 'Transposition/type=float32/' -benchtime 15x
func BenchmarkTransposition(b *testing.B) {
	b.Run("type=float32", benchmarkTransposition[float32])
	b.Run("type=float64", benchmarkTransposition[float64])
	b.Run("type=bfloat16", benchmarkTransposition[bfloat16])
}

func benchmarkTransposition[T number](b *testing.B) {
	for _, c := range []struct{ samples, channels, plane int }{
		{1, 64, 28 * 28}, {8, 512, 7 * 7}, {4, 65, 27 * 27}, {1, 3, 224 * 224}, {2, 2048, 7 * 7}, // in L2
		{32, 64, 56 * 56}, {64, 256, 28 * 28}, {64, 2048, 7 * 7}, {32, 65, 55 * 55}, {32, 3, 224 * 224}, // in memory
	} {
		for _, way := range []struct {
			name  string
			loops []layout.Loop
		}{{"rows", toRows(c.samples, c.channels, c.plane, 0, 0)}, {"planes", toPlanes(c.samples, c.channels, c.plane, 0, 0)}} {
			for _, op := range []Op{Copy, Scale, Add} {
				b.Run(fmt.Sprintf("size=%dx%dx%d/to=%s/op=%v", c.samples, c.channels, c.plane, way.name, op), func(b *testing.B) {
					n := c.samples * c.channels * c.plane
					src, dst, factors := make([]T, n), make([]T, n), make([]T, c.samples*c.channels)
					for i := range src {
						src[i] = num[T](1)
					}
					copy(dst, src)
					for i := range factors {
						factors[i] = num[T](float64(i % 3))
					}
					run := callsOf[T]().Run
					ours, theirs := inTurns(b, n, func() {
						if err := run(op, dst, src, factors, nil, way.loops, 1); err != nil {
							b.Fatal(err)
						}
					}, func() { copy(dst, src) })
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(float64(n*formatOf[T]().bits/8)/ours, "GB/s")
					b.ReportMetric(theirs/ours, "×copy")
				})
			}
		}
	}
}
