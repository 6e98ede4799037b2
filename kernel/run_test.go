package kernel

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

// each calls f with every element that loops visit and the entry of its factor.
func each(loops []Loop, f func(at, factor int)) { eachFrom(loops, 0, 0, f) }

func eachFrom(loops []Loop, at, factor int, f func(at, factor int)) {
	if len(loops) == 0 {
		f(at, factor)
		return
	}
	for i := range loops[0].Size {
		eachFrom(loops[1:], at+i*loops[0].Stride, factor+i*loops[0].Factor, f)
	}
}

// reach returns how many elements and factors loops reach over, by brute force.
func reach(loops []Loop) (span, entries int) {
	each(loops, func(at, factor int) {
		span, entries = max(span, at+1), max(entries, factor+1)
	})
	return span, entries
}

// odd returns n factors that matter: dropped, untouched, and inexact ones, a few
// that no dropout has, mostly of one kind or mixed.
func odd[T number](r *rand.Rand, n int) []T {
	dropped := r.IntN(5)
	all := make([]T, n)
	for i := range all {
		switch all[i] = num[T]([...]float64{1, 1.25, 1.0 / 3, -2}[r.IntN(4)]); {
		case r.IntN(4) < dropped:
			all[i] = num[T]([...]float64{0, 0, 0, math.Copysign(0, -1)}[r.IntN(4)])
		case r.IntN(20) == 0:
			all[i] = num[T]([...]float64{math.NaN(), math.Inf(1)}[r.IntN(2)])
		}
	}
	return all
}

// A way is how a nest is run.
type way struct {
	op      Op
	shift   int // elements by which dst is off a cache line
	inPlace bool
	workers int
}

// everyMode calls f on every tier, first without and then with streaming stores,
// whatever the size.
func everyMode(f func(mode string)) {
	tier, from := Tier(), streamBytes
	defer func() { use(tier); streamBytes = from }()
	for _, tier := range available {
		use(tier)
		streamBytes = math.MaxInt
		f("tier " + tier)
		streamBytes = 0
		f("tier " + tier + ", streaming")
	}
}

// far runs a nest as [Run] does with data far larger than the cache, on tiers
// without streaming stores, too.
func far[T number](op Op, dst, src, factors []T, loops []Loop, workers int) error {
	var n nest
	e := formatOf[T]().elem
	span, err := n.set(e, op, of(dst), of(src), of(factors), loops)
	if err != nil || span == 0 {
		return err
	}
	n.operands = operandsOf(e, op, of(dst).data, of(src).data, of(factors), span)
	n.far = op < Affine
	total := n.total()
	if workers = min(workers, total); workers > 1 {
		parallel(&n, total, workers)
	} else {
		n.walk(0, total)
	}
	return nil
}

// checkRun runs a nest in every given way on every tier and compares all of dst,
// and what lies around it, with the oracle's loop.
func checkRun[T number](t *testing.T, r *rand.Rand, loops []Loop, ways ...way) {
	t.Helper()
	const guard = 64
	f, call := formatOf[T](), callsOf[T]()
	span, entries := reach(loops)
	outer := aligned[T](span + 2*guard + 64)
	start := aligned[T](len(outer))
	src := aligned[T](span + 3)[3:]
	// More factors than needed, and as many shifts.
	factors := odd[T](r, entries+r.IntN(3))
	shifts := make([]T, len(factors))
	var values [509]T
	for i := range values {
		values[i] = plain[T](r)
	}
	for i := range shifts {
		shifts[i] = values[r.IntN(len(values))]
	}
	for i := range start {
		start[i] = values[i%len(values)]
	}
	for i := range src {
		src[i] = values[(i*7+i/len(values)+3)%len(values)]
	}
	want, loose := make([]T, len(start)), make([]bool, len(start))
	for _, w := range ways {
		dst := outer[guard+w.shift:][:span]
		before, from := start[guard+w.shift:][:span], src
		if w.inPlace {
			from = before
		}
		copy(want, start)
		clear(loose)
		each(loops, func(at, factor int) {
			k := guard + w.shift + at
			var bits uint64
			bits, loose[k] = f.oracle(w.op, bitsOf(before[at]), bitsOf(from[at]), bitsOf(factors[factor]), bitsOf(shifts[factor]), false)
			want[k] = fromBits[T](bits)
		})
		given := factors
		if w.op.shifts() {
			given = append(append([]T(nil), factors...), shifts...)
		}
		everyMode(func(mode string) {
			copy(outer, start)
			from := src
			if w.inPlace {
				from = dst
			}
			run := call.Run
			switch {
			case streamBytes == 0 && !streams():
				run = far[T]
			case w.workers <= 1 && span%2 == 0:
				run = func(op Op, dst, src, factors []T, loops []Loop, _ int) error {
					return call.RunAlone(op, dst, src, factors, loops)
				}
			}
			if err := run(w.op, dst, from, given, loops, w.workers); err != nil {
				t.Fatalf("%v, %+v: %v", loops, w, err)
			}
			if i := differ(outer, want, loose); i >= 0 {
				t.Fatalf("%s, %v, %+v, %s: element %d is %#x, want %#x", f.name, loops, w, mode, i-guard-w.shift, bitsOf(outer[i]), bitsOf(want[i]))
			}
		})
	}
}

// checkRuns runs a nest of every type.
func checkRuns(t *testing.T, r *rand.Rand, loops []Loop, ways ...way) {
	t.Helper()
	checkRun[float32](t, r, loops, ways...)
	checkRun[float64](t, r, loops, ways...)
	checkRun[float16](t, r, loops, ways...)
	checkRun[bfloat16](t, r, loops, ways...)
}

// everyWay runs a nest of every type with every combination, in place and not.
func everyWay(t *testing.T, loops []Loop, ops []Op, shifts, workers []int) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(len(loops))))
	var ways []way
	for _, op := range ops {
		for _, shift := range shifts {
			for _, w := range workers {
				ways = append(ways, way{op, shift, false, w}, way{op, shift, true, w})
			}
		}
	}
	checkRuns(t, r, loops, ways...)
}

var allOps = []Op{Scale, Multiply, Divide, Add, AddMultiply, AddDivide, Affine, AffineMultiply, AffineMax, Copy}

// pixelsOf and planesOf are the two dense nests.
func pixelsOf(rows, channels int) []Loop { return []Loop{{rows, channels, 0}, {channels, 1, 1}} }
func planesOf(count, plane int) []Loop   { return []Loop{{count, plane, 1}, {plane, 1, 0}} }

func TestFewChannelsAndManyRows(t *testing.T) {
	for _, channels := range []int{1, 2, 3, 5, 8, 64, 65, 100, 255, 1001} {
		for _, rows := range []int{1, 3, 9001/channels + 3} {
			everyWay(t, pixelsOf(rows, channels), []Op{Scale, Divide, AddMultiply, Affine}, []int{0, 5}, []int{1})
		}
	}
	for _, channels := range []int{1, 3, 16, 65} {
		everyWay(t, pixelsOf(5001/channels, channels), allOps, []int{3}, []int{3})
	}
	// Images with factors of their own, and a gap between them.
	for _, channels := range []int{3, 65} {
		loops := append([]Loop{{2, 9001, channels + 1}}, pixelsOf(9000/channels, channels)...)
		everyWay(t, loops, []Op{Scale, Add, AddDivide, AffineMultiply}, []int{1}, []int{1})
	}
}

// Few channels are repeated to a tile where there are rows enough for four, and
// a row that is long already is not.
func TestTilesServeShortRows(t *testing.T) {
	const row = tileBytes / 4
	for _, c := range []struct {
		channels, elements int
		want               bool
	}{
		{1, 4 * row, true}, {1, 4*row - 1, false}, {3, 5 * row, true}, {3, 3*row - 3, false}, {64, 4 * row, true}, {100, 100 * row, true},
		{127, 1 << 20, true}, {511, 1 << 20, false}, {row, 1 << 20, false}, {1001, 1 << 20, false}, {4096, 1 << 20, false},
	} {
		elements := c.elements - c.elements%c.channels
		src, dst, factors := make([]float32, elements), make([]float32, elements), make([]float32, c.channels)
		for i := range src {
			src[i] = 1
		}
		for i := range factors {
			factors[i] = float32(i + 1)
		}
		n := nest{operands: operands{elem: f32, op: Scale, dst: unsafe.Pointer(&dst[0]), src: unsafe.Pointer(&src[0]), factors: unsafe.Pointer(&factors[0])}, block: block{pixels: true, count: elements / c.channels, length: c.channels}}
		got := n.tiled(0, 0, 0, elements)
		for i, y := range dst {
			want := float32(0)
			if got {
				want = float32(i%c.channels + 1)
			}
			if y != want {
				t.Fatalf("%d channels, tiled %v: element %d is %v, want %v", c.channels, got, i, y, want)
			}
		}
		if got != c.want {
			t.Errorf("%d elements of %d channels: tiled %v, want %v", elements, c.channels, got, c.want)
		}
	}
}

// The rows just short of four tiles and just beyond take different paths.
func TestRowsAroundTheSizesOfATile(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, channels := range []int{3, 7, 16, 511, 512, 513, 1024, 2048, 2050} {
		line := lineMultiple(channels * 4)
		long := line * max(1, tileBytes/line) / 4 // elements of a tile
		for _, elements := range []int{4*long - channels, 4 * long, 4*long + channels, 5*long - channels, 5*long + 2*channels} {
			if elements < 30000 {
				loops := pixelsOf(elements/channels, channels)
				ways := []way{{op: Scale}, {op: Add, shift: 7}, {op: Multiply, inPlace: true}, {op: Divide, shift: 3}, {op: Affine, shift: 1}}
				checkRun[float32](t, r, loops, ways...)
				checkRun[float16](t, r, pixelsOf(2*loops[0].Size, channels), ways...)
			}
		}
	}
}

func testBlocks[T number](t *testing.T) {
	limit := callBytes >> formatOf[T]().elem.shift()
	r := rand.New(rand.NewPCG(9, 9))
	for i, loops := range [][]Loop{
		planesOf(1, limit-1), planesOf(1, limit), planesOf(2, limit+1), planesOf(1, 2*limit+1), planesOf(3, limit/2+1), planesOf(limit+5, 1),
		pixelsOf(1, limit-1), pixelsOf(1, limit), pixelsOf(2, limit+1), pixelsOf(1, 2*limit+1), pixelsOf(3, limit/2+1), pixelsOf(limit+5, 1),
	} {
		if testing.Short() && i%3 != 2 {
			continue // those a little longer than a call stand for the others
		}
		checkRun[T](t, r, loops, way{op: Scale, shift: 1}, way{op: AddDivide, workers: 2}, way{op: AffineMultiply, inPlace: true, workers: 3})
	}
}

func TestBlocksLargerThanOneCall(t *testing.T) {
	t.Run("float32", testBlocks[float32])
	t.Run("float64", testBlocks[float64])
	t.Run("float16", testBlocks[float16])
	t.Run("bfloat16", testBlocks[bfloat16])
}

// testSizes runs three planes of sizes around those from which something else is
// done with them, at every misalignment.
func testSizes[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	shift := formatOf[T]().elem.shift()
	lanes := streamAlign >> shift
	for _, from := range []int{1, lanes, 2 * lanes, braidBytes >> shift, 2 * braidBytes >> shift} {
		for _, plane := range []int{from - 1, from, from + 1, from + lanes - 1} {
			if plane == 0 {
				continue
			}
			for skew := range lanes {
				checkRun[T](t, r, planesOf(3, plane), way{op: Scale, shift: skew}, way{op: Multiply + Op(r.IntN(int(AddDivide))), shift: skew, workers: 2})
			}
		}
	}
}

func TestPlanesAroundTheSizesOfStreaming(t *testing.T) {
	t.Run("float32", testSizes[float32])
	t.Run("float64", testSizes[float64])
	t.Run("float16", testSizes[float16])
	t.Run("bfloat16", testSizes[bfloat16])
}

// testBraids runs planes that are done four at once, as few and as many as there
// may be, on cache lines and off them.
func testBraids[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(17, 17))
	shift := formatOf[T]().elem.shift()
	least, lanes := braidBytes>>shift, streamAlign>>shift
	counts := []int{1, 2, 3, 4, 5, 8, 9, 13, 30, 75}
	if RaceEnabled {
		counts = []int{1, 5, 13}
	}
	for _, count := range counts {
		for _, plane := range []int{least, least + lanes, least + 1, least + lanes - 1, least + 5*lanes + 3} {
			for _, workers := range []int{1, 2 + r.IntN(5)} {
				op, skew := Op(r.IntN(int(Affine))), r.IntN(lanes)
				checkRun[T](t, r, planesOf(count, plane), way{op: Scale, workers: workers}, way{op: op, shift: skew, workers: workers}, way{op: op, shift: r.IntN(lanes), inPlace: true, workers: workers})
			}
		}
	}
	// What no braid does goes plane by plane, also where one could.
	for _, plane := range []int{least, least + lanes, 2*least + 1} {
		checkRun[T](t, r, planesOf(5, plane), way{op: Affine}, way{op: AffineMultiply, inPlace: true}, way{op: Copy, shift: r.IntN(lanes)})
	}
	// Braids within a nest: each block begins elsewhere in a cache line, with
	// factors of its own or with the same ones.
	for range 12 {
		count, plane := 1+r.IntN(11), least+r.IntN(2*least)
		loops := append([]Loop{{1 + r.IntN(3), count*plane + r.IntN(3*lanes), r.IntN(2) * (count + r.IntN(3))}}, planesOf(count, plane)...)
		op, workers := Op(r.IntN(int(Affine))), 1+r.IntN(4)
		checkRun[T](t, r, loops, way{op, r.IntN(lanes), false, workers}, way{op, r.IntN(lanes), true, workers})
	}
	// Planes that are dropped beside such ones as take two calls of a braid: by this seed
	// there are enough of both.
	checkRun[T](t, rand.New(rand.NewPCG(5, 1)), planesOf(7, callBytes/4>>shift), way{op: Scale, workers: 1})
	// Longer than a call takes of four planes, and of one.
	limit := callBytes >> shift
	for _, plane := range []int{limit / 8, limit/8 + lanes, limit/8 + 1, limit/4 + 3*lanes, limit/2 - 5, limit, limit + 7} {
		checkRun[T](t, r, planesOf(6, plane), way{op: Scale, shift: r.IntN(lanes), workers: 1 + r.IntN(2)}, way{op: Multiply + Op(r.IntN(3)), shift: r.IntN(2) * r.IntN(lanes), inPlace: r.IntN(2) == 0, workers: 1})
	}
}

func TestPlanesDoneTogether(t *testing.T) {
	t.Run("float32", testBraids[float32])
	t.Run("float64", testBraids[float64])
	t.Run("float16", testBraids[float16])
	t.Run("bfloat16", testBraids[bfloat16])
}

// testUntouched runs planes of signalling NaNs, which any product or quotient
// would change.
func testUntouched[T number](t *testing.T, op Op) {
	f, call := formatOf[T](), callsOf[T]()
	const count, dropped = 6, 3
	factors := make([]T, count)
	for p := range factors {
		factors[p] = num[T](1)
	}
	factors[dropped] = num[T](0)
	for _, plane := range []int{2, 3, 64, 1000, 3000, callBytes>>f.elem.shift() + 1} {
		dst, want := make([]T, count*plane), make([]T, count*plane)
		for i := range want {
			want[i] = fromBits[T](f.inf() | 1)
		}
		clear(want[dropped*plane:][:plane])
		everyMode(func(mode string) {
			for _, c := range []struct {
				what string
				call func() error
			}{
				{"Planes", func() error { call.Planes[op](dst, dst, factors, plane); return nil }},
				{"Run", func() error { return call.Run(op, dst, dst, factors, planesOf(count, plane), 1) }},
				{"the data that is far larger than the cache", func() error { return far(op, dst, dst, factors, planesOf(count, plane), 2) }},
			} {
				for i := range dst {
					dst[i] = fromBits[T](f.inf() | 1)
				}
				if err := c.call(); err != nil {
					t.Fatal(err)
				}
				if i := differ(dst, want, make([]bool, len(dst))); i >= 0 {
					t.Fatalf("%v of %s, %s of %d planes of %d, %s: element %d is %#x, want %#x", op, f.name, c.what, count, plane, mode, i, bitsOf(dst[i]), bitsOf(want[i]))
				}
			}
		})
	}
}

func TestPlanesInPlaceWithFactorOneAreNotTouched(t *testing.T) {
	for _, op := range []Op{Scale, Divide} {
		testUntouched[float32](t, op)
		testUntouched[float64](t, op)
		testUntouched[float16](t, op)
		testUntouched[bfloat16](t, op)
	}
}

// randomNest returns loops that nest, some of them dense, outermost first.
func randomNest(r *rand.Rand, elements int) []Loop {
	var loops []Loop
	span, count := 1, 1
	for range r.IntN(MaxLoops + 1) {
		size := 1 + r.IntN(5)
		if r.IntN(3) == 0 {
			size = 1 + r.IntN(40)
		}
		if count *= size; count > elements {
			break
		}
		stride := span
		if r.IntN(2) == 0 {
			stride += r.IntN(7)
		}
		factor := r.IntN(2)
		if r.IntN(3) == 0 {
			factor = r.IntN(9)
		}
		loops = append([]Loop{{size, stride, factor}}, loops...)
		span += (size - 1) * stride
	}
	return loops
}

func TestRandomNestsAreBruteForce(t *testing.T) {
	for seed := range uint64(2400) {
		r := rand.New(rand.NewPCG(11, seed))
		loops := randomNest(r, 1200)
		op, workers := allOps[r.IntN(len(allOps))], r.IntN(9)
		ways := []way{{op, r.IntN(16), false, workers}, {op, r.IntN(16), true, workers}}
		switch elem(seed % elems) {
		case f32:
			checkRun[float32](t, r, loops, ways...)
		case f64:
			checkRun[float64](t, r, loops, ways...)
		case f16:
			checkRun[float16](t, r, loops, ways...)
		case bf16:
			checkRun[bfloat16](t, r, loops, ways...)
		}
	}
}

func TestMeasureIsBruteForce(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(12, seed))
		loops := randomNest(r, 2000)
		if len(loops) > 0 && r.IntN(8) == 0 {
			loops[r.IntN(len(loops))].Size = 0
		}
		span, entries, reason := measure(loops)
		wantSpan, wantEntries := reach(loops)
		if reason != "" || span != wantSpan || wantSpan > 0 && entries != wantEntries {
			t.Fatalf("seed %d: %v measure %d elements, %d factors, %q, want %d and %d", seed, loops, span, entries, reason, wantSpan, wantEntries)
		}
	}
}

func TestMeasureGoesAsFarAsAnIntCounts(t *testing.T) {
	for _, c := range []struct {
		loops         []Loop
		span, entries int
	}{
		{[]Loop{{2, math.MaxInt - 1, 0}}, math.MaxInt, 1}, {[]Loop{{2, 1, math.MaxInt - 1}}, 2, math.MaxInt},
		{[]Loop{{2, math.MaxInt - 4, 1}, {4, 1, 0}}, math.MaxInt, 2},
		// A single step may be as long as it likes, or as short.
		{[]Loop{{1, math.MaxInt, math.MaxInt}, {4, 1, 1}}, 4, 4}, {[]Loop{{1, 0, 0}, {3, 4, 0}, {1, 2, 9}, {4, 1, 1}}, 12, 4},
	} {
		if span, entries, reason := measure(c.loops); span != c.span || entries != c.entries || reason != "" {
			t.Errorf("%v measure %d elements, %d factors, %q, want %d and %d", c.loops, span, entries, reason, c.span, c.entries)
		}
	}
	for _, loops := range [][]Loop{{{2, math.MaxInt, 0}}, {{2, 1, math.MaxInt}}, {{2, math.MaxInt - 3, 1}, {4, 1, 0}}, {{3, math.MaxInt/2 + 1, 0}}} {
		if _, _, reason := measure(loops); !strings.Contains(reason, "further than an int counts") {
			t.Errorf("%v: %q", loops, reason)
		}
	}
}

func TestCollideIsBruteForce(t *testing.T) {
	both := [2]int{}
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(13, seed))
		loops := randomNest(r, 300)
		visited := make(map[int]bool)
		each(loops, func(at, _ int) { visited[at] = true })
		span, _ := reach(loops)
		for range 40 {
			distance := r.IntN(2*span+1) - span
			want := false
			for at := range visited {
				want = want || visited[at+distance]
			}
			if got := collide(loops, distance); got != want {
				t.Fatalf("seed %d: %v at a distance of %d collide: %v, want %v", seed, loops, distance, got, want)
			}
			if want {
				both[1]++
			} else {
				both[0]++
			}
		}
	}
	// Single steps lead nowhere, however long.
	for _, loops := range [][]Loop{{{1, 0, 0}, {4, 1, 1}}, {{4, 1, 1}, {1, 0, 0}}, {{1, math.MaxInt, 0}, {4, 1, 1}}} {
		for distance := -5; distance <= 5; distance++ {
			if got, want := collide(loops, distance), -4 < distance && distance < 4; got != want {
				t.Errorf("%v at a distance of %d collide: %v, want %v", loops, distance, got, want)
			}
		}
	}
	if min(both[0], both[1]) < 5000 {
		t.Errorf("%d apart and %d colliding tell little", both[0], both[1])
	}
}

func TestPartsCoverTheWorkOnce(t *testing.T) {
	line := unsafe.Pointer(unsafe.SliceData(aligned[float64](64)))
	for _, e := range []elem{f32, f64, f16, bf16} {
		for skew := 0; skew < 64; skew += 1 << e.shift() {
			for _, row := range []int{0, 1, 3, 16, 50} { // 0 stands for planes, and for a single row
				for workers := 1; workers < 40; workers++ {
					for _, total := range []int{workers, workers + 1, 63, 64, 65, 150, 1000, 12345, math.MaxInt >> 6} {
						if total < workers {
							continue
						}
						if row > 0 {
							total -= total % row
						}
						j := &job{total: total, workers: workers, nest: nest{operands: operands{elem: e, dst: unsafe.Add(line, skew)}, block: block{pixels: row > 0 || workers%2 == 1, count: 1 + min(row, 1), length: max(row, 1)}}}
						what := fmt.Sprintf("%d elements of type %d, %d bytes off a line, rows of %d, %d workers", total, e, skew, row, workers)
						if j.cut(0) != 0 || j.cut(workers) != total {
							t.Fatalf("%s: from %d to %d", what, j.cut(0), j.cut(workers))
						}
						for k := 1; k < workers; k++ {
							at := j.cut(k)
							if at < j.cut(k-1) || at > total {
								t.Fatalf("%s: part %d begins at %d behind %d", what, k, at, j.cut(k-1))
							}
							if row > 0 && at%row != 0 {
								t.Fatalf("%s: part %d begins at %d within a row", what, k, at)
							}
							if row == 0 && at > 0 && (at<<e.shift()+skew)%streamAlign != 0 {
								t.Fatalf("%s: part %d begins at %d within a line", what, k, at)
							}
						}
					}
				}
			}
		}
	}
}

// Added once to zeros, ones count the visits.
func TestEveryWorkerVisitsItsPartOnce(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(14, seed))
		loops := randomNest(r, 3000)
		span, entries := reach(loops)
		dst, src, factors := aligned[float32](span + 16)[r.IntN(16):][:span], make([]float32, span), make([]float32, entries)
		for i := range src {
			src[i] = 1
		}
		for i := range factors {
			factors[i] = 1
		}
		workers := 1 + r.IntN(70)
		if err := Run(Add, dst, src, factors, loops, workers); err != nil {
			t.Fatal(err)
		}
		each(loops, func(at, _ int) { dst[at]-- })
		for at, y := range dst {
			if y != 0 {
				t.Fatalf("seed %d: %v with %d workers visit element %d %v times too often", seed, loops, workers, at, y)
			}
		}
	}
}

func testRefusals[T number](t *testing.T) {
	call := callsOf[T]()
	ok := pixelsOf(3, 4)
	for _, c := range []struct {
		what              string
		op                Op
		dst, src, factors int
		loops             []Loop
		workers           int
		words             []string
	}{
		{"no operation", Copy + 1, 12, 12, 4, ok, 1, []string{"Op(10)"}},
		{"negative workers", Scale, 12, 12, 4, ok, -3, []string{"-3 workers", "0 or more"}},
		{"too many loops", Scale, 12, 12, 4, make([]Loop, 7), 1, []string{"7 loops", "at most 6"}},
		{"a negative size", Scale, 12, 12, 4, []Loop{{-1, 4, 0}, {4, 1, 1}}, 1, []string{"loop 0", "negative"}},
		{"a negative stride", Scale, 12, 12, 4, []Loop{{3, 4, 0}, {4, -1, 1}}, 1, []string{"loop 1", "negative"}},
		{"a negative factor", Scale, 12, 12, 4, []Loop{{3, 4, -1}, {4, 1, 1}}, 1, []string{"loop 0", "negative"}},
		{"a stride of zero", Scale, 12, 12, 4, []Loop{{3, 0, 0}, {4, 1, 1}}, 1, []string{"loop 0", "stride 0", "4 elements"}},
		{"rows that overlap", Scale, 12, 12, 4, []Loop{{3, 3, 0}, {4, 1, 1}}, 1, []string{"loop 0", "stride 3", "4 elements"}},
		{"loops inside out", Scale, 12, 12, 4, []Loop{{4, 1, 1}, {3, 4, 0}}, 1, []string{"loop 0", "stride 1", "9 elements"}},
		{"too far a stride", Scale, 12, 12, 4, []Loop{{3, math.MaxInt / 2, 0}, {4, 1, 1}}, 1, []string{"loop 0", "further than an int counts"}},
		{"too far a reach", Scale, 12, 12, 4, []Loop{{5, math.MaxInt / 2, 0}, {4, 1, 1}}, 1, []string{"loop 0", "further"}},
		{"too far a factor", Scale, 12, 12, 4, []Loop{{3, 4, math.MaxInt/2 + 1}, {4, 1, 1}}, 1, []string{"loop 0", "further"}},
		{"too many factors", Scale, 12, 12, 4, []Loop{{2, 4, math.MaxInt}, {4, 1, 1}}, 1, []string{"loop 0", "further"}},
		{"a product that wraps to nothing", Scale, 12, 12, 4, []Loop{{4, 1 << (bits.UintSize - 2), 1}, {1 << (bits.UintSize - 2), 1, 0}}, 1, []string{"loop 0", "further"}},
		{"a short dst", Scale, 11, 12, 4, ok, 1, []string{"dst of 11", "src of 12", "12, 12 and 4"}},
		{"a short src", Add, 12, 3, 4, ok, 1, []string{"dst of 12", "src of 3", "12, 12 and 4"}},
		{"few factors", Multiply, 12, 12, 3, ok, 1, []string{"factors of 3", "12, 12 and 4"}},
		{"few divisors", Divide, 12, 12, 3, ok, 1, []string{"factors of 3", "12, 12 and 4"}},
		{"no divisors", AddDivide, 12, 12, 0, ok, 1, []string{"factors of 0"}},
		{"no factors", AddMultiply, 12, 12, 0, ok, 1, []string{"factors of 0"}},
		{"no src for a copy", Copy, 12, 0, 0, ok, 1, []string{"src of 0"}},
		{"no shifts", Affine, 12, 12, 4, ok, 1, []string{"factors and shifts of 4", "twice 4 or more"}},
		{"few shifts", AffineMultiply, 12, 12, 6, ok, 1, []string{"factors and shifts of 6", "12, 12 and twice 4"}},
		{"a factor without a shift", Affine, 12, 12, 7, ok, 1, []string{"factors and shifts of 7", "twice 4"}},
		{"one more factor than shifts", AffineMultiply, 12, 12, 9, ok, 1, []string{"factors and shifts of 9", "twice 4"}},
		{"a short dst to shift", Affine, 11, 12, 8, ok, 1, []string{"dst of 11", "src of 12", "12, 12 and twice 4"}},
		{"a short src to shift", Affine, 12, 11, 8, ok, 1, []string{"dst of 12", "src of 11", "12, 12 and twice 4"}},
	} {
		dst, src, factors := make([]T, c.dst), make([]T, c.src), make([]T, c.factors)
		for i := range dst {
			dst[i] = num[T](-5)
		}
		check := func(what string, err error) {
			t.Helper()
			var loop *LoopError
			if !errors.As(err, &loop) {
				t.Errorf("%s: %v, want a *LoopError", what, err)
				return
			}
			if fmt.Sprint(loop.Loops) != fmt.Sprint(c.loops) {
				t.Errorf("%s: the error has loops %v, want %v", what, loop.Loops, c.loops)
			}
			for _, w := range append(c.words, "kernel: ") {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s: %q does not say %q", what, err, w)
				}
			}
			for i, y := range dst {
				if y != num[T](-5) {
					t.Errorf("%s: element %d was written", what, i)
				}
			}
		}
		check(c.what, call.Run(c.op, dst, src, factors, c.loops, c.workers))
		if c.workers >= 0 {
			check(c.what+", alone", call.RunAlone(c.op, dst, src, factors, c.loops))
		}
	}
}

func TestRunRefusesBeforeItWrites(t *testing.T) {
	t.Run("float32", testRefusals[float32])
	t.Run("float64", testRefusals[float64])
	t.Run("float16", testRefusals[float16])
	t.Run("bfloat16", testRefusals[bfloat16])
}

func TestRunOfNothingIsFine(t *testing.T) {
	for _, loops := range [][]Loop{{{0, 0, 0}}, {{0, 4, 0}, {4, 1, 1}}, {{3, 4, 0}, {0, 1, 1}}, {{0, math.MaxInt, math.MaxInt}}} {
		for _, op := range allOps {
			for _, err := range []error{Run[float64](op, nil, nil, nil, loops, 2), RunF16[uint16](op, nil, nil, nil, loops, 2), RunAloneBF16[uint16](op, nil, nil, nil, loops)} {
				if err != nil {
					t.Errorf("%v: %v", loops, err)
				}
			}
		}
	}
	// A loop of no steps among others, where there is something that could be written.
	for _, loops := range [][]Loop{{{0, 4, 0}, {4, 1, 1}}, {{3, 4, 0}, {0, 1, 1}}, {{3, 4, 0}, {0, 4, 0}, {4, 1, 1}}, {{3, 4, 1}, {0, 4, 5}, {4, 1, 0}}, {{0, 1, 0}}} {
		x, factors := make([]float32, 12), []float32{2, 2, 2, 2}
		for i := range x {
			x[i] = 7
		}
		for _, err := range []error{Run(Multiply, x, x, factors, loops, 3), RunAlone(Multiply, x, x, factors, loops)} {
			if err != nil {
				t.Errorf("%v: %v", loops, err)
			}
		}
		for i := range x {
			if x[i] != 7 {
				t.Errorf("%v: element %d was written", loops, i)
			}
		}
	}
	one := []float32{3}
	if err := Run(Scale, one, one, []float32{2}, nil, 5); err != nil || one[0] != 6 {
		t.Errorf("no loops: %v, %v, want the element at 0 scaled", one, err)
	}
}

func testOverlaps[T number](t *testing.T) {
	call, size := callsOf[T](), 1<<formatOf[T]().elem.shift()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(15, seed))
		loops := randomNest(r, 200)
		span, entries := reach(loops)
		visited := make(map[int]bool)
		each(loops, func(at, _ int) { visited[at] = true })
		buf, factors := make([]T, 2*span), make([]T, entries)
		for i := range buf {
			buf[i] = num[T](float64(i + 1))
		}
		distance := r.IntN(span + 1)
		shared := false
		for at := range visited {
			shared = shared || distance > 0 && visited[at+distance]
		}
		low, high := buf[:span], buf[distance:][:span]
		for _, c := range []struct {
			dst, src []T
			bytes    int
		}{{low, high, -size * distance}, {high, low, size * distance}} {
			before := append([]T(nil), buf...)
			// What Run refuses, Overlap says before.
			errs := []error{Overlap(c.dst, c.src, loops), call.Run(Scale, c.dst, c.src, factors, loops, 1+r.IntN(3))}
			for i, err := range errs {
				var overlap *OverlapError
				if got := errors.As(err, &overlap); got != shared || err != nil && !got {
					t.Fatalf("seed %d: %s of %v at a distance of %d: %v, want an *OverlapError: %v", seed, [...]string{"Overlap", "Run"}[i], loops, distance, err, shared)
				}
				if shared && (overlap.Distance != c.bytes || overlap.Elements != span) {
					t.Fatalf("seed %d: %+v, want %d elements at %d bytes", seed, overlap, span, c.bytes)
				}
			}
			if shared {
				for i := range buf {
					if buf[i] != before[i] {
						t.Fatalf("seed %d: element %d was written", seed, i)
					}
				}
			}
			copy(buf, before)
		}
	}
}

func TestRunRefusesPartialOverlap(t *testing.T) {
	t.Run("float32", testOverlaps[float32])
	t.Run("float64", testOverlaps[float64])
	t.Run("float16", testOverlaps[float16])
	t.Run("bfloat16", testOverlaps[bfloat16])
}

// Slices of half an element's distance cannot come from one Go slice, but from
// a file mapped into memory.
func TestRunRefusesElementsThatAreHalvesOfOthers(t *testing.T) {
	raw := make([]float64, 20)
	dst := unsafe.Slice((*float64)(unsafe.Add(unsafe.Pointer(&raw[0]), 4)), 8)
	loops := []Loop{{8, 1, 0}}
	for _, err := range []error{Run(Copy, raw[:8], dst, nil, loops, 1), Overlap(raw[:8], dst, loops)} {
		var overlap *OverlapError
		if !errors.As(err, &overlap) || overlap.Distance != -4 {
			t.Errorf("%v, want an *OverlapError of -4 bytes", err)
		}
	}
}

func TestOverlapRefusesLoopsThatDoNotNest(t *testing.T) {
	buf := make([]float32, 24)
	loops := []Loop{{3, 3, 0}, {4, 1, 1}}
	err := Overlap(buf[:12], buf[12:], loops)
	var loop *LoopError
	if !errors.As(err, &loop) || fmt.Sprint(loop.Loops) != fmt.Sprint(loops) || !strings.Contains(err.Error(), "stride 3") {
		t.Errorf("%v, want a *LoopError of %v", err, loops)
	}
	// What visits nothing shares nothing.
	for _, loops := range [][]Loop{{{0, 4, 0}, {4, 1, 1}}, {{3, 4, 0}, {0, 1, 1}}} {
		if err := Overlap(buf[:12], buf[1:13], loops); err != nil {
			t.Errorf("%v: %v", loops, err)
		}
	}
}

// asked returns how many goroutines a call asks for help.
func asked(f func()) int {
	var helpers atomic.Int64
	made := jobs.New
	defer func() { jobs = sync.Pool{New: made} }()
	jobs = sync.Pool{New: func() any {
		j := made().(*job)
		work := j.work
		j.work = func() { helpers.Add(1); work() }
		return j
	}}
	f()
	return int(helpers.Load())
}

// From 16 MiB of visited elements on Run shares its work unasked, 4 MiB or more for
// each; with a number of workers it is their number that counts.
func TestRunSharesItsWorkWithAsManyAsItSays(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	const large = parallelBytes / 4
	src, dst := make([]float32, large+4), make([]float32, large+4)
	for i := range src {
		src[i] = float32(i%1000 + 1)
	}
	for _, c := range []struct{ elements, visited, workers, procs, want int }{
		{large, large, 0, 5, 3}, {large, large, 0, 2, 1}, {large, large, 0, 1, 0}, {large + 4, large + 4, 0, 5, 3}, {large + 4, large, 0, 5, 3},
		{large - 1, large - 1, 0, 5, 0}, {large + 4, large - 1, 0, 5, 0}, {large + 4, 1, 0, 5, 0},
		{large, large, 1, 5, 0}, {large, large, 2, 5, 1}, {12, 12, 0, 5, 0}, {12, 12, 1, 5, 0}, {12, 12, 3, 1, 2}, {12, 3, 7, 5, 2}, {12, 1, 7, 5, 0},
	} {
		runtime.GOMAXPROCS(c.procs)
		clear(dst)
		var err error
		got := asked(func() {
			err = Run(Multiply, dst[:c.elements], src, []float32{2}, []Loop{{c.visited, 1, 0}}, c.workers)
		})
		if err != nil || got != c.want {
			t.Errorf("%+v: %d helpers, %v", c, got, err)
		}
		for i, y := range dst {
			want := float32(0)
			if i < c.visited {
				want = 2 * src[i]
			}
			if y != want {
				t.Fatalf("%+v: element %d is %v, want %v", c, i, y, want)
			}
		}
	}
}

func testCopy[T number](t *testing.T) {
	call := callsOf[T]()
	everyTier(t, func(t *testing.T) {
		for seed := range uint64(100) {
			r := rand.New(rand.NewPCG(16, seed))
			loops := randomNest(r, 500)
			span, _ := reach(loops)
			src, dst, want := make([]T, span), make([]T, span), make([]T, span)
			for i := range src {
				src[i] = hard[T](r)
			}
			if err := call.Run(Copy, dst, src, nil, loops, int(seed%4)); err != nil {
				t.Fatal(err)
			}
			each(loops, func(at, _ int) { want[at] = src[at] })
			for i := range dst {
				if bitsOf(dst[i]) != bitsOf(want[i]) {
					t.Fatalf("seed %d: %v: element %d is %#x, want %#x", seed, loops, i, bitsOf(dst[i]), bitsOf(want[i]))
				}
			}
		}
	})
}

func TestCopyKeepsEveryBit(t *testing.T) {
	t.Run("float32", testCopy[float32])
	t.Run("float64", testCopy[float64])
	t.Run("float16", testCopy[float16])
	t.Run("bfloat16", testCopy[bfloat16])
}
