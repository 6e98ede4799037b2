package kernel

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
	"github.com/spatialdropout/spatialdropout/layout"
)

// visit is an element of dst, the element of src and the entry of the factors that
// belong together.
type visit struct{ dst, src, factor int }

// each calls f with everything that loops visit, in their order.
func each(loops []layout.Loop, f func(at visit)) {
	for _, at := range visits(loops) {
		f(at)
	}
}

// visits returns everything that loops visit, in their order. The race detector does not watch it.
//
//go:norace
func visits(loops []layout.Loop) []visit {
	n := 1
	for _, l := range loops {
		n *= l.Size
	}
	if n == 0 {
		return nil
	}
	all := append(make([]visit, 0, n), visit{})
	for k := len(loops) - 1; k >= 0; k-- { // each repeats all of those within it
		l, once := loops[k], all
		for i := 1; i < l.Size; i++ {
			for _, at := range once {
				all = append(all, visit{at.dst + i*l.Dst, at.src + i*l.Src, at.factor + i*l.Factor})
			}
		}
	}
	return all
}

// extent returns how many elements of dst and of src and how many factors loops extend
// over, by brute force.
func extent(loops []layout.Loop) (dst, src, factors int) { return reach(visits(loops)) }

// reach is extent of what loops visit. The race detector does not watch it.
//
//go:norace
func reach(all []visit) (dst, src, factors int) {
	for _, at := range all {
		dst, src, factors = max(dst, at.dst+1), max(src, at.src+1), max(factors, at.factor+1)
	}
	return dst, src, factors
}

// expectRun sets in want, which is as dst was, what an operation makes of all that loops visit, and in loose
// what is loose. The race detector does not watch it.
//
//go:norace
func expectRun[T number](f *format, op Op, all []visit, want []T, loose []bool, dst, src, factors, shifts []T) {
	for _, at := range all {
		var bits uint64
		bits, loose[at.dst] = f.oracle(op, bitsOf(dst[at.dst]), bitsOf(src[at.src]), bitsOf(factors[at.factor]), bitsOf(shifts[at.factor]), false)
		want[at.dst] = fromBits[T](bits)
	}
}

// odd returns n factors: 0, 1 and inexact ones, and a few that no dropout uses. The share
// of zeros is random.
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
	shift   int // distance of dst from a cache line, in elements
	inPlace bool
	workers int
}

// modes counts the calls of everyMode: every other one walks rows in quarters, and all backward.
var modes int

// everyMode calls f on every tier, first without and then with stores past the cache,
// whatever the size, and in plain Go as with data far larger than the cache.
func everyMode(f func(mode string)) {
	defer use(CurrentStrategy())
	defer func(far int) { farBytes = far }(farBytes)
	s := CurrentStrategy()
	s.QuarterRows, s.QuarterBytes, s.Behind = 0, math.MaxInt, 0
	if modes%2 == 0 {
		s.QuarterRows, s.QuarterBytes, s.Behind = math.MaxInt, 0, 4*pageBytes
	}
	modes++
	use(s)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0))))
	shareAll()
	machine.EachTier(func(name string) {
		streamFrom(math.MaxInt)
		farBytes = math.MaxInt
		f("tier " + name)
		if name == tier.Generic {
			farBytes = 0
			f("tier " + name + ", data far away")
		}
		streamFrom(0)
		f("tier " + name + ", past the cache")
	})
}

// pastCache does what [Run] does with data far larger than the cache, also on tiers
// without stores past the cache.
func pastCache[T number](op Op, dst, src, factors, shifts []T, loops []layout.Loop, workers int) error {
	var n nest
	kind := formatOf[T]().kind
	d, s, f, b := vectorOf(dst).vector, vectorOf(src).vector, vectorOf(factors).vector, vectorOf(shifts).vector
	span, err := n.set(kind, op, d, s, f, b, loops)
	if err != nil || span == 0 {
		return err
	}
	n.operands = operands{kind: kind, op: op, dst: d.data, src: s.data, factors: f.data, shifts: b.data}
	n.pastCache = kind.ways[op][0][fourPlanes] != none
	total := n.total()
	if workers = min(workers, total); workers > 1 {
		parallel(strategy(), &n, total, span, workers)
	} else {
		n.walk(0, total)
	}
	return nil
}

// checkRun runs a nest in every given way, best those that differ only in their workers one after the
// other, on every tier and compares all of dst, and what
// surrounds it, with the oracle. In place the strides of dst and src must be the same.
func checkRun[T number](t *testing.T, r *rand.Rand, loops []layout.Loop, ways ...way) {
	t.Helper()
	const guard = 64
	f, call, vectors := formatOf[T](), callsOf[T](), CallsOfVectors(vectorOf[T])
	all := visits(loops)
	span, srcSpan, entries := reach(all)
	outer := aligned[T](span + 2*guard + 64)
	start := aligned[T](len(outer))
	src := aligned[T](srcSpan + 3)[3:]
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
	for i := 0; i < len(start); {
		i += copy(start[i:], values[:])
	}
	for i := 0; i < len(src); { // each part beside others of start
		i += copy(src[i:], values[(i*7+3)%len(values):])
	}
	given := append([]T(nil), src...)
	want, loose := make([]T, len(start)), make([]bool, len(start))
	var last way
	for i, w := range ways {
		dst := outer[guard+w.shift:][:span]
		if last.workers = w.workers; i == 0 || w != last {
			before, from := start[guard+w.shift:][:span], src
			if w.inPlace {
				from = before
			}
			copy(want, start)
			clear(loose)
			expectRun(f, w.op, all, want[guard+w.shift:], loose[guard+w.shift:], before, from, factors, shifts)
		}
		last = w
		everyMode(func(mode string) {
			copy(outer, start)
			from := src
			if w.inPlace {
				from = dst
			}
			run := call.Run
			switch {
			case streamLeast.Load() == 0 && !streams():
				run = pastCache[T]
			case span%2 == 0:
				run = vectors.Run
			}
			if err := run(w.op, dst, from, factors, ShiftsOf(w.op, shifts), loops, w.workers); err != nil {
				t.Fatalf("%v, %+v: %v", loops, w, err)
			}
			if i := differ(outer, want, loose); i >= 0 {
				t.Fatalf("%s, %v, %+v, %s: element %d is %#x, want %#x", f.name, loops, w, mode, i-guard-w.shift, bitsOf(outer[i]), bitsOf(want[i]))
			}
			if i := differ(src, given, make([]bool, len(src))); i >= 0 {
				t.Fatalf("%s, %v, %+v, %s: element %d of src is %#x, want %#x", f.name, loops, w, mode, i, bitsOf(src[i]), bitsOf(given[i]))
			}
		})
	}
}

// checkRuns is checkRun of every type.
func checkRuns(t *testing.T, r *rand.Rand, loops []layout.Loop, ways ...way) {
	t.Helper()
	checkRun[float32](t, r, loops, ways...)
	checkRun[float64](t, r, loops, ways...)
	checkRun[float16](t, r, loops, ways...)
	checkRun[bfloat16](t, r, loops, ways...)
}

// everyWay runs a nest with every type and every combination, in place and out of place.
func everyWay(t *testing.T, loops []layout.Loop, ops []Op, shifts, workers []int) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(len(loops))))
	var ways []way
	for _, op := range ops {
		for _, shift := range shifts {
			for _, inPlace := range []bool{false, true} {
				for _, w := range workers {
					ways = append(ways, way{op, shift, inPlace, w})
				}
			}
		}
	}
	checkRuns(t, r, loops, ways...)
}

var allOps = []Op{Scale, Multiply, Divide, Add, AddMultiply, AddDivide, Affine, AffineMultiply, AffineMax, Copy}

// denseRows returns the loops of rows of channels without gaps.
func denseRows(rows, channels int) []layout.Loop {
	return []layout.Loop{alike(rows, channels, 0), alike(channels, 1, 1)}
}

// densePlanes returns the loops of planes without gaps.
func densePlanes(count, plane int) []layout.Loop {
	return []layout.Loop{alike(count, plane, 1), alike(plane, 1, 0)}
}

func TestRowsOfAnyNumberOfChannels(t *testing.T) {
	for _, channels := range []int{1, 2, 3, 5, 8, 64, 65, 100, 255, 1001} {
		for _, rows := range []int{1, 3, 9001/channels + 3} {
			everyWay(t, denseRows(rows, channels), []Op{Scale, Divide, AddMultiply, Affine}, []int{0, 5}, []int{1})
		}
	}
	for _, channels := range []int{1, 3, 16, 65} {
		everyWay(t, denseRows(5001/channels, channels), allOps, []int{3}, []int{3})
	}
	// Samples with their own factors, and a gap between them.
	for _, channels := range []int{3, 65} {
		loops := append([]layout.Loop{alike(2, 9001, channels+1)}, denseRows(9000/channels, channels)...)
		everyWay(t, loops, []Op{Scale, Add, AddDivide, AffineMultiply}, []int{1}, []int{1})
	}
}

// The factors of short rows are repeated to a tile if there are enough rows for four
// tiles. Those of long rows are not.
func TestShortRowsBecomeTiles(t *testing.T) {
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
		n := nest{operands: operands{kind: F32, op: Scale, dst: unsafe.Pointer(&dst[0]), src: unsafe.Pointer(&src[0]), factors: unsafe.Pointer(&factors[0])}, block: block{shape: pixels, count: elements / c.channels, length: c.channels}}
		got := n.tiled(place{}, 0, elements)
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

// Rows just short of four tiles and just beyond take different paths.
func TestRowsAroundTheSizeOfTiles(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, channels := range []int{3, 7, 16, 511, 512, 513, 1024, 2048, 2050} {
		line := lineMultiple(channels * 4)
		long := line * max(1, tileBytes/line) / 4 // elements of a tile
		for _, elements := range []int{4*long - channels, 4 * long, 4*long + channels, 5*long - channels, 5*long + 2*channels} {
			if elements < 30000 {
				loops := denseRows(elements/channels, channels)
				ways := []way{{op: Scale}, {op: Add, shift: 7}, {op: Multiply, inPlace: true}, {op: Divide, shift: 3}, {op: Affine, shift: 1}}
				checkRun[float32](t, r, loops, ways...)
				checkRun[float16](t, r, denseRows(2*loops[0].Size, channels), ways...)
			}
		}
	}
}

func testBlocks[T number](t *testing.T) {
	limit := callBytes >> formatOf[T]().kind.shift
	r := rand.New(rand.NewPCG(9, 9))
	for i, loops := range [][]layout.Loop{
		densePlanes(1, limit-1), densePlanes(1, limit), densePlanes(2, limit+1), densePlanes(1, 2*limit+1), densePlanes(3, limit/2+1), densePlanes(limit+5, 1),
		denseRows(1, limit-1), denseRows(1, limit), denseRows(2, limit+1), denseRows(1, 2*limit+1), denseRows(3, limit/2+1), denseRows(limit+5, 1),
	} {
		if testing.Short() && i%3 != 2 {
			continue // blocks a little longer than a call stand for the others
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

// testCleared runs blocks around the sizes from which the runtime clears dropped planes.
func testCleared[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(11, 9))
	shift := formatOf[T]().kind.shift
	least := clearedBytes >> shift
	for _, inPlace := range []bool{false, true} {
		for _, bytes := range []int{clearedBlock, clearedBlockInPlace} {
			count := bytes>>shift/least - 1
			if testing.Short() && (bytes == clearedBlockInPlace) != inPlace {
				continue
			}
			for _, plane := range []int{least - 1, least + 3, least + least/count + 1} {
				w := way{op: Scale, shift: 5, inPlace: inPlace, workers: 1}
				ways := []way{w, w, w}
				ways[1].workers, ways[2].workers = 2, 3
				if testing.Short() {
					ways = ways[:2]
				}
				checkRun[T](t, r, densePlanes(count, plane), ways...)
			}
		}
	}
}

func TestDroppedPlanesThatTheRuntimeClears(t *testing.T) {
	t.Run("float32", testCleared[float32])
	t.Run("float64", testCleared[float64])
	t.Run("float16", testCleared[float16])
	t.Run("bfloat16", testCleared[bfloat16])
}

// testSizes runs three planes of sizes around those where they are processed in another
// way, at every misalignment.
func testSizes[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	shift := formatOf[T]().kind.shift
	lanes := lineBytes >> shift
	for _, from := range []int{1, lanes, 2 * lanes, wholeBytes >> shift, 2 * wholeBytes >> shift} {
		for _, plane := range []int{from - 1, from, from + 1, from + lanes - 1} {
			if plane == 0 {
				continue
			}
			for skew := range lanes {
				checkRun[T](t, r, densePlanes(3, plane), way{op: Scale, shift: skew}, way{op: Multiply + Op(r.IntN(int(AddDivide))), shift: skew, workers: 2})
			}
		}
	}
}

func TestPlanesAroundTheSizesOfStoresPastTheCache(t *testing.T) {
	t.Run("float32", testSizes[float32])
	t.Run("float64", testSizes[float64])
	t.Run("float16", testSizes[float16])
	t.Run("bfloat16", testSizes[bfloat16])
}

// testFourAtOnce runs few and many planes that are processed four side by side, on cache
// lines and off them.
func testFourAtOnce[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(17, 17))
	shift := formatOf[T]().kind.shift
	least, lanes := wholeBytes>>shift, lineBytes>>shift
	counts := []int{1, 2, 3, 4, 5, 8, 9, 13, 30, 75}
	nests, limit := 12, callBytes>>shift
	long := []int{limit / 8, limit/8 + lanes, limit/8 + 1, limit/4 + 3*lanes, limit/2 - 5, limit, limit + 7}
	if Instrumented || testing.Short() {
		counts, nests, long = []int{1, 5, 13}, 4, []int{limit/8 + 1, limit / 4, limit + 7}
	}
	for _, count := range counts {
		for _, plane := range []int{least, least + lanes, least + 1, least + lanes - 1, least + 5*lanes + 3} {
			for _, workers := range []int{1, 2 + r.IntN(5)} {
				op, skew := Op(r.IntN(int(Affine))), r.IntN(lanes)
				checkRun[T](t, r, densePlanes(count, plane), way{op: Scale, workers: workers}, way{op: op, shift: skew, workers: workers}, way{op: op, shift: r.IntN(lanes), inPlace: true, workers: workers})
			}
		}
	}
	// Operations without a kernel of four planes go plane by plane.
	for _, plane := range []int{least, least + lanes, 2*least + 1} {
		checkRun[T](t, r, densePlanes(5, plane), way{op: Affine}, way{op: AffineMultiply, inPlace: true}, way{op: Copy, shift: r.IntN(lanes)})
	}
	// Planes within a nest: each block begins elsewhere in a cache line, with its own
	// factors or with the same ones.
	for range nests {
		count, plane := 1+r.IntN(11), least+r.IntN(2*least)
		loops := append([]layout.Loop{alike(1+r.IntN(3), count*plane+r.IntN(3*lanes), r.IntN(2)*(count+r.IntN(3)))}, densePlanes(count, plane)...)
		op, workers := Op(r.IntN(int(Affine))), 1+r.IntN(4)
		checkRun[T](t, r, loops, way{op, r.IntN(lanes), false, workers}, way{op, r.IntN(lanes), true, workers})
	}
	// Dropped planes together with kept ones that take two calls each: this seed gives
	// enough of both.
	checkRun[T](t, rand.New(rand.NewPCG(5, 1)), densePlanes(7, callBytes/4>>shift), way{op: Scale, workers: 1})
	// Planes longer than one call takes, of four and of a single one.
	for _, plane := range long {
		checkRun[T](t, r, densePlanes(6, plane), way{op: Scale, shift: r.IntN(lanes), workers: 1 + r.IntN(2)}, way{op: Multiply + Op(r.IntN(3)), shift: r.IntN(2) * r.IntN(lanes), inPlace: r.IntN(2) == 0, workers: 1})
	}
}

func TestLoadsThatWaitAreForeseen(t *testing.T) {
	apart, together := [4]int{0, 5 << 10, 10 << 10, 15 << 10}, [4]int{64, 5 << 10, 8<<10 + 64, 15 << 10}
	for _, c := range []struct {
		at       [4]int
		distance int
		behind   int
		want     bool
	}{
		{together, 64, 128, true},
		{together, 128, 128, true},
		{together, 129, 128, false},
		{together, 0, 128, false},
		{together, 0, pageBytes, true},
		{together, 1, 0, false},
		{together, -64, 128, false},
		{together, 64 - 7*pageBytes, 128, true},
		{together, 64 + 7*pageBytes, 128, true},
		{apart, 64, 128, false},
		{[4]int{0, 5 << 10, 10 << 10, 16 << 10}, 64, 128, true},
		{[4]int{0, -pageBytes, 10 << 10, 15 << 10}, 64, 128, true},
	} {
		if p := (fourPlaces{at: c.at}); p.wait(uintptr(c.distance), c.behind) != c.want {
			t.Errorf("planes at %d, dst %d bytes after src, waits up to %d: want %v", c.at, c.distance, c.behind, c.want)
		}
	}
}

func TestFourPlanesSideBySide(t *testing.T) {
	t.Run("float32", testFourAtOnce[float32])
	t.Run("float64", testFourAtOnce[float64])
	t.Run("float16", testFourAtOnce[float16])
	t.Run("bfloat16", testFourAtOnce[bfloat16])
}

// testUntouched runs planes of signalling NaNs: any product or quotient changes them.
func testUntouched[T number](t *testing.T, op Op) {
	f, call := formatOf[T](), callsOf[T]()
	const count, dropped = 6, 3
	factors := make([]T, count)
	for p := range factors {
		factors[p] = num[T](1)
	}
	factors[dropped] = num[T](0)
	for _, plane := range []int{2, 3, 64, 1000, 3000, callBytes>>f.kind.shift + 1} {
		dst, want := make([]T, count*plane), make([]T, count*plane)
		for i := range want {
			want[i] = fromBits[T](f.inf() | 1)
		}
		for i := range want[dropped*plane:][:plane] {
			bits, _ := f.oracle(op, 0, f.inf()|1, 0, 0, false)
			want[dropped*plane+i] = fromBits[T](bits)
		}
		everyMode(func(mode string) {
			for _, c := range []struct {
				what string
				call func() error
			}{
				{"Planes", func() error { call.Planes(op, dst, dst, factors, nil, plane); return nil }},
				{"Run", func() error { return call.Run(op, dst, dst, factors, nil, densePlanes(count, plane), 1) }},
				{"data far larger than the cache", func() error { return pastCache(op, dst, dst, factors, nil, densePlanes(count, plane), 2) }},
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
	for _, op := range []Op{Scale, Multiply, Divide} {
		testUntouched[float32](t, op)
		testUntouched[float64](t, op)
		testUntouched[float16](t, op)
		testUntouched[bfloat16](t, op)
	}
}

// randomNest returns loops with the same strides in dst and src, outermost first, with
// and without gaps.
func randomNest(r *rand.Rand, elements int) []layout.Loop {
	var loops []layout.Loop
	span, count := 1, 1
	for range r.IntN(layout.MaxLoops + 1) {
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
		loops = append([]layout.Loop{alike(size, stride, factor)}, loops...)
		span += (size - 1) * stride
	}
	return loops
}

func TestRandomNestsAgreeWithTheOracle(t *testing.T) {
	for seed := range uint64(2400) {
		r := rand.New(rand.NewPCG(11, seed))
		loops := randomNest(r, 1200)
		op, workers := allOps[r.IntN(len(allOps))], r.IntN(9)
		ways := []way{{op, r.IntN(16), false, workers}, {op, r.IntN(16), true, workers}}
		switch dtype.Type(seed % uint64(len(kinds))) {
		case dtype.Float32:
			checkRun[float32](t, r, loops, ways...)
		case dtype.Float64:
			checkRun[float64](t, r, loops, ways...)
		case dtype.Float16:
			checkRun[float16](t, r, loops, ways...)
		case dtype.BFloat16:
			checkRun[bfloat16](t, r, loops, ways...)
		}
	}
}

// rowsIn says what the rows of a nest are, for cut.
type rowsIn int

const (
	noRows rowsIn = iota
	rowsOfPixels
	rowsGathered
)

func TestPartsCoverTheWorkOnce(t *testing.T) {
	line := unsafe.Pointer(unsafe.SliceData(aligned[float64](64)))
	for _, kind := range kinds {
		for skew := 0; skew < 64; skew += kind.Size() {
			for _, row := range []int{0, 1, 3, 16, 50} { // 0 stands for planes, and for a single row
				for _, rows := range []rowsIn{noRows, rowsOfPixels, rowsGathered} {
					if (row == 0) != (rows == noRows) {
						continue
					}
					for workers := 1; workers < 40; workers++ {
						for _, total := range []int{workers, workers + 1, 63, 64, 65, 150, 1000, 12345, math.MaxInt >> 6} {
							if total < workers {
								continue
							}
							if row > 0 {
								total -= total % row
							}
							j := &job{total: total, workers: workers, pieces: 1 + uint32(total%5), nest: nest{operands: operands{kind: kind, dst: unsafe.Add(line, skew)}, block: block{count: 1 + min(row, 1), length: max(row, 1)}}}
							switch {
							case rows == rowsGathered:
								j.nest.across.rows = 7
								j.nest.shape = shape(workers % 2)
							case rows == rowsOfPixels || workers%2 == 1:
								j.nest.shape = pixels
							}
							what := fmt.Sprintf("%d elements of %v, %d bytes off a line, rows %d of %d, %d workers", total, kind, skew, rows, row, workers)
							if j.cut(0, 0) != 0 || j.cut(workers-1, j.pieces) != total {
								t.Fatalf("%s: from %d to %d", what, j.cut(0, 0), j.cut(workers-1, j.pieces))
							}
							for k, before := 1, 0; k < workers*int(j.pieces); k++ {
								share, piece := k/int(j.pieces), uint32(k)%j.pieces
								at := j.cut(share, piece)
								if at < before || at > total {
									t.Fatalf("%s: part %d begins at %d, the part before it at %d", what, k, at, before)
								}
								if piece == 0 && at != j.cut(share-1, j.pieces) {
									t.Fatalf("%s: share %d begins at %d, the one before it ends at %d", what, share, at, j.cut(share-1, j.pieces))
								}
								before = at
								if row > 0 && at%row != 0 {
									t.Fatalf("%s: part %d begins at %d within a row", what, k, at)
								}
								if row == 0 && at > 0 && (at*kind.Size()+skew)%lineBytes != 0 {
									t.Fatalf("%s: part %d begins at %d within a line", what, k, at)
								}
							}
						}
					}
				}
			}
		}
	}
}

// Adding ones to zeros counts the visits.
func TestWorkersVisitEachElementOnce(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(14, seed))
		loops := randomNest(r, 3000)
		if seed%3 == 0 {
			loops = relaid(r, loops)
		}
		span, srcSpan, entries := extent(loops)
		dst, src, factors := aligned[float32](span + 16)[r.IntN(16):][:span], make([]float32, srcSpan), make([]float32, entries)
		for i := range src {
			src[i] = 1
		}
		for i := range factors {
			factors[i] = 1
		}
		workers := 1 + r.IntN(70)
		if err := Run(Add, Of(dst), Of(src), Of(factors), Vector{}, loops, workers); err != nil {
			t.Fatal(err)
		}
		each(loops, func(at visit) { dst[at.dst]-- })
		for at, y := range dst {
			if y != 0 {
				t.Fatalf("seed %d: %v with %d workers visit element %d %v times too often", seed, loops, workers, at, y)
			}
		}
	}
}

func testRefusals[T number](t *testing.T) {
	call, kind := callsOf[T](), formatOf[T]().kind
	ok := denseRows(3, 4)
	for _, c := range []struct {
		what                      string
		op                        Op
		dst, src, factors, shifts int
		loops                     []layout.Loop
		workers                   int
		err                       error // its type and its argument
		words                     []string
	}{
		{"negative workers", Scale, 12, 12, 4, 0, ok, -3, Argument("workers"), []string{"-3 workers", "0 or more"}},
		{"too many loops", Scale, 12, 12, 4, 0, make([]layout.Loop, layout.MaxLoops+1), 1, Argument("loops"), []string{"7 loops", "at most 6"}},
		{"a negative size", Scale, 12, 12, 4, 0, []layout.Loop{alike(-1, 4, 0), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "negative"}},
		{"a negative stride of dst", Scale, 12, 12, 4, 0, []layout.Loop{alike(3, 4, 0), apart(4, -1, 1, 1)}, 1, Argument("loops"), []string{"loop 1", "negative"}},
		{"a negative stride of src", Scale, 12, 12, 4, 0, []layout.Loop{alike(3, 4, 0), apart(4, 1, -1, 1)}, 1, Argument("loops"), []string{"loop 1", "negative"}},
		{"a negative factor", Scale, 12, 12, 4, 0, []layout.Loop{alike(3, 4, -1), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "negative"}},
		{"a stride of zero", Scale, 12, 12, 4, 0, []layout.Loop{alike(3, 0, 0), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "stride 0", "4 elements"}},
		{"a stride of zero in dst", Scale, 12, 12, 4, 0, []layout.Loop{apart(3, 0, 4, 0), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "stride 0", "4 elements"}},
		{"rows that overlap", Scale, 12, 12, 4, 0, []layout.Loop{alike(3, 3, 0), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "stride 3", "4 elements"}},
		{"loops inside out", Scale, 12, 12, 4, 0, []layout.Loop{alike(4, 1, 1), alike(3, 4, 0)}, 1, Argument("loops"), []string{"loop 0", "stride 1", "9 elements"}},
		{"a transposition into loops inside out", Scale, 12, 12, 4, 0, []layout.Loop{apart(4, 1, 3, 1), apart(3, 4, 1, 0)}, 1, Argument("loops"), []string{"loop 0", "stride 1", "9 elements"}},
		{"too long a stride", Scale, 12, 12, 4, 0, []layout.Loop{alike(3, math.MaxInt/2, 0), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "further than an int counts"}},
		{"too long a stride of src", Scale, 12, 12, 4, 0, []layout.Loop{apart(3, 4, math.MaxInt/2, 0), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "further than an int counts"}},
		{"too many steps", Scale, 12, 12, 4, 0, []layout.Loop{alike(5, math.MaxInt/2, 0), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "further"}},
		{"too long a stride of the factors", Scale, 12, 12, 4, 0, []layout.Loop{alike(3, 4, math.MaxInt/2+1), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "further"}},
		{"too many factors", Scale, 12, 12, 4, 0, []layout.Loop{alike(2, 4, math.MaxInt), alike(4, 1, 1)}, 1, Argument("loops"), []string{"loop 0", "further"}},
		{"a product that wraps to nothing", Scale, 12, 12, 4, 0, []layout.Loop{alike(4, 1<<(bits.UintSize-2), 1), alike(1<<(bits.UintSize-2), 1, 0)}, 1, Argument("loops"), []string{"loop 0", "further"}},
		{"a short dst", Scale, 11, 12, 4, 0, ok, 1, Argument("dst"), []string{"dst of 11", "src of 12", "12, 12, 4 and 0"}},
		{"a short src", Add, 12, 3, 4, 0, ok, 1, Argument("src"), []string{"dst of 12", "src of 3", "12, 12, 4 and 0"}},
		{"few factors", Multiply, 12, 12, 3, 0, ok, 1, Argument("factors"), []string{"factors of 3", "12, 12, 4 and 0"}},
		{"few divisors", Divide, 12, 12, 3, 0, ok, 1, Argument("factors"), []string{"factors of 3", "12, 12, 4 and 0"}},
		{"no divisors", AddDivide, 12, 12, 0, 0, ok, 1, Argument("factors"), []string{"factors of 0"}},
		{"no factors", AddMultiply, 12, 12, 0, 0, ok, 1, Argument("factors"), []string{"factors of 0"}},
		{"no src for a copy", Copy, 12, 0, 0, 0, ok, 1, Argument("src"), []string{"src of 0", "12, 12, 0 and 0"}},
		{"shifts for a copy", Copy, 12, 12, 0, 4, ok, 1, Argument("shifts"), []string{"shifts of 4", "12, 12, 0 and 0"}},
		{"shifts that nothing takes", Scale, 12, 12, 4, 4, ok, 1, Argument("shifts"), []string{"shifts of 4", "12, 12, 4 and 0"}},
		{"a shift that nothing takes", AddDivide, 12, 12, 4, 1, ok, 2, Argument("shifts"), []string{"shifts of 1", "12, 12, 4 and 0"}},
		{"no shifts", Affine, 12, 12, 4, 0, ok, 1, Argument("shifts"), []string{"factors of 4", "shifts of 0", "12, 12, 4 and 4"}},
		{"few shifts", AffineMultiply, 12, 12, 6, 3, ok, 1, Argument("shifts"), []string{"factors of 6", "shifts of 3", "12, 12, 4 and 4"}},
		{"few factors and enough shifts", Affine, 12, 12, 3, 9, ok, 1, Argument("factors"), []string{"factors of 3", "shifts of 9", "12, 12, 4 and 4"}},
		{"a short dst to shift", Affine, 11, 12, 4, 4, ok, 1, Argument("dst"), []string{"dst of 11", "src of 12", "12, 12, 4 and 4"}},
		{"a short src to shift", Affine, 12, 11, 4, 4, ok, 1, Argument("src"), []string{"dst of 12", "src of 11", "12, 12, 4 and 4"}},
		{"a short src that lies differently", Scale, 12, 13, 4, 0, []layout.Loop{apart(3, 4, 1, 0), apart(4, 1, 4, 1)}, 1, Argument("src"), []string{"dst of 12", "src of 13", "12, 15, 4 and 0"}},
		{"a short dst that lies differently", Scale, 11, 15, 4, 0, []layout.Loop{apart(3, 4, 1, 0), apart(4, 1, 4, 1)}, 2, Argument("dst"), []string{"dst of 11", "src of 15", "12, 15, 4 and 0"}},
	} {
		dst, src, factors, shifts := make([]T, c.dst), make([]T, c.src), make([]T, c.factors), make([]T, c.shifts)
		for i := range dst {
			dst[i] = num[T](-5)
		}
		check := func(what string, err error) {
			t.Helper()
			if !Refuses(err, c.err) {
				t.Errorf("%v, %s: %#v, want %#v", kind, what, err, c.err)
				return
			}
			words := append(slices.Clone(c.words), "kernel: ", ", want ")
			if c.workers >= 0 {
				words = append(words, fmt.Sprintf("loops %v: ", c.loops))
			}
			for _, w := range words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%v, %s: %q does not contain %q", kind, what, err, w)
				}
			}
			for i, y := range dst {
				if y != num[T](-5) {
					t.Errorf("%v, %s: element %d was written", kind, what, i)
				}
			}
		}
		check(c.what, call.Run(c.op, dst, src, factors, shifts, c.loops, c.workers))
		check(c.what+", vectors", CallsOfVectors(vectorOf[T]).Run(c.op, dst, src, factors, shifts, c.loops, c.workers))
		if c.workers >= 0 {
			check(c.what+", shared", call.Run(c.op, dst, src, factors, shifts, c.loops, 3))
			check(c.what+", unasked", call.Run(c.op, dst, src, factors, shifts, c.loops, 0))
		}
	}
}

func TestRunRefusesBeforeItWrites(t *testing.T) {
	t.Run("float32", testRefusals[float32])
	t.Run("float64", testRefusals[float64])
	t.Run("float16", testRefusals[float16])
	t.Run("bfloat16", testRefusals[bfloat16])
}

func TestRunOfNothingDoesNothing(t *testing.T) {
	for _, loops := range [][]layout.Loop{{alike(0, 0, 0)}, {alike(0, 4, 0), alike(4, 1, 1)}, {alike(3, 4, 0), alike(0, 1, 1)}, {alike(0, math.MaxInt, math.MaxInt)}, {apart(0, 1, math.MaxInt, 0)}} {
		for _, op := range allOps {
			for workers := range 3 {
				for _, err := range []error{Run(op, Of[float64](nil), Of[float64](nil), Of[float64](nil), Of[float64](nil), loops, workers), Run(op, As[uint16](F16, nil), As[uint16](F16, nil), Vector{}, Vector{}, loops, workers), Run(op, As[uint16](BF16, nil), As[uint16](BF16, nil), As[uint16](BF16, nil), As[uint16](BF16, nil), loops, workers)} {
					if err != nil {
						t.Errorf("%v: %v", loops, err)
					}
				}
			}
		}
	}
	// A loop of no steps among others, with elements that could be written.
	for _, loops := range [][]layout.Loop{{alike(0, 4, 0), alike(4, 1, 1)}, {alike(3, 4, 0), alike(0, 1, 1)}, {alike(3, 4, 0), alike(0, 4, 0), alike(4, 1, 1)}, {alike(3, 4, 1), alike(0, 4, 5), alike(4, 1, 0)}, {alike(0, 1, 0)}, {apart(3, 4, 1, 0), apart(0, 1, 4, 0)}, {apart(0, 4, 1, 0), apart(3, 1, 4, 1)}} {
		x, factors := make([]float32, 12), []float32{2, 2, 2, 2}
		for i := range x {
			x[i] = 7
		}
		for workers := range 4 {
			if err := Run(Multiply, Of(x), Of(x), Of(factors), Vector{}, loops, workers); err != nil {
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
	if err := Run(Scale, Of(one), Of(one), Of([]float32{2}), Vector{}, nil, 5); err != nil || one[0] != 6 {
		t.Errorf("no loops: %v, %v, want the element at 0 scaled", one, err)
	}
}

func testOverlaps[T number](t *testing.T) {
	call, size := callsOf[T](), formatOf[T]().kind.Size()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(15, seed))
		loops := randomNest(r, 200)
		span, _, entries := extent(loops)
		visited := make(map[int]bool)
		each(loops, func(at visit) { visited[at.dst] = true })
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
			for workers := range 4 {
				err := call.Run(Scale, c.dst, c.src, factors, nil, loops, workers)
				var overlap *OverlapError
				if got := errors.As(err, &overlap); got != shared || err != nil && !got {
					t.Fatalf("seed %d: %v at a distance of %d with %d workers: %v, want an *OverlapError: %v", seed, loops, distance, workers, err, shared)
				}
				if shared && (overlap.Distance != c.bytes || overlap.Elements != span) {
					t.Fatalf("seed %d: %+v, want %d elements at %d bytes", seed, overlap, span, c.bytes)
				}
				if shared && differ(buf, before, make([]bool, len(buf))) >= 0 {
					t.Fatalf("seed %d: refused, and written %v", seed, buf)
				}
				copy(buf, before)
			}
		}
	}
}

func TestRunRefusesPartialOverlap(t *testing.T) {
	t.Run("float32", testOverlaps[float32])
	t.Run("float64", testOverlaps[float64])
	t.Run("float16", testOverlaps[float16])
	t.Run("bfloat16", testOverlaps[bfloat16])
}

// Slices half an element apart cannot come from one Go slice. They can come from a file
// mapped into memory.
func TestRunRefusesSlicesHalfAnElementApart(t *testing.T) {
	raw := make([]float64, 20)
	src := unsafe.Slice((*float64)(unsafe.Add(unsafe.Pointer(&raw[0]), 4)), 8)
	for _, loops := range [][]layout.Loop{{alike(8, 1, 0)}, {alike(2, 4, 0), alike(3, 1, 1)}} {
		for op, factors := range map[Op][]float64{Copy: nil, Scale: make([]float64, 3)} {
			err := Run(op, Of(raw[:8]), Of(src), Of(factors), Vector{}, loops, 1)
			var overlap *OverlapError
			if !errors.As(err, &overlap) || overlap.Distance != -4 {
				t.Errorf("%v of %v: %v, want an *OverlapError of -4 bytes", op, loops, err)
			}
		}
	}
}

func testCopy[T number](t *testing.T) {
	call := callsOf[T]()
	machine.EveryTier(t, func(t *testing.T) {
		for seed := range uint64(200) {
			r := rand.New(rand.NewPCG(16, seed))
			loops := randomNest(r, 500)
			if seed%2 == 0 {
				loops = relaid(r, loops)
			}
			span, srcSpan, _ := extent(loops)
			src, dst, want := make([]T, srcSpan), make([]T, span), make([]T, span)
			for i := range src {
				src[i] = hard[T](r)
			}
			if err := call.Run(Copy, dst, src, nil, nil, loops, int(seed/2%4)); err != nil {
				t.Fatal(err)
			}
			each(loops, func(at visit) { want[at.dst] = src[at.src] })
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
