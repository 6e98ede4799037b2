package spatialdropout_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// calls returns the calls that every test of tensors makes.
func calls() []call { return callsAt(0, 0.1, 0.5, 1) }

func callsAt(rates ...float64) []call {
	var all []call
	for _, rate := range rates {
		for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
			for k := range 4 {
				all = append(all, call{add: k&1 > 0, inPlace: k&2 > 0, rate: rate, policy: policy, seed: uint64(3 + k)})
			}
		}
	}
	return all
}

func testOracle[T number](t *testing.T) {
	all := tensors(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range calls() {
		for _, x := range all {
			dst, src := operands[T](r, x)
			checkTiers(t, x, c, dst, src, 0, 1, 2, 3, 7)
		}
	}
}

func TestEveryBitIsTheOracles(t *testing.T) {
	if instrumented {
		return // large tensors, which goroutines share, are tested below
	}
	t.Run("float32", testOracle[float32])
	t.Run("float64", testOracle[float64])
	t.Run("named float32", testOracle[named32])
	t.Run("named float64", testOracle[named64])
	t.Run("float16", testOracle[float16])
	t.Run("bfloat16", testOracle[bfloat16])
}

// streamFrom lets a dst of so many bytes or more be written past the cache until the test
// ends.
func streamFrom(t testing.TB, bytes int) {
	before := kernel.CurrentStrategy()
	s := before
	s.StreamPlanes, s.StreamRows, s.StreamInPlace = bytes, bytes, bytes
	if err := kernel.SetStrategy(s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kernel.SetStrategy(before); err != nil {
			t.Error(err)
		}
	})
}

func testStreaming[T number](t *testing.T) {
	streamFrom(t, 0)
	all := append(tensors(t),
		// Planes of which four are written side by side, aligned to a cache line and not,
		// and rows shorter and longer than a cache line.
		dense(t, layout.NCW, 1, 19, 2048), dense(t, layout.NCW, 3, 7, 1117), dense(t, layout.NWC, 2, 601, 5), dense(t, layout.NWC, 1, 9, 1024),
	)
	r := rand.New(rand.NewPCG(1, 9))
	for _, c := range callsAt(0.3) {
		for _, x := range all {
			dst, src := operands[T](r, x)
			checkTiers(t, x, c, dst, src, 0, 3)
		}
	}
}

// Where the result lands, in the cache or past it, does not show in its bits.
func TestStreamedIsTheOracles(t *testing.T) {
	t.Run("float32", testStreaming[float32])
	t.Run("float64", testStreaming[float64])
	t.Run("float16", testStreaming[float16])
	t.Run("bfloat16", testStreaming[bfloat16])
}

// few returns how many factors fit the stack of a call: 128 bytes of them.
func few[T number]() int { return 128 / sizeOf[T]() }

func testBorder[T number](t *testing.T) {
	var all []tensor
	for _, n := range []int{7, 8, 9, few[T]() - 1, few[T](), few[T]() + 1} {
		all = append(all,
			dense(t, layout.NC, 1, n), dense(t, layout.NC, n, 1), dense(t, layout.NCW, 1, n, 3), dense(t, layout.NWC, 1, 7, n), dense(t, layout.NCW, n, 1, 5),
			strided(t, []int{n, 3}, []int{4, 1}, layout.Unbatched, 0), strided(t, []int{3, n}, []int{n + 1, 1}, layout.Unbatched, 1),
			strided(t, []int{n, 2, 3}, []int{10, 4, 1}, layout.Unbatched, 0), // three loops
		)
	}
	// Padding takes factors, too.
	all = append(all, dense(t, layout.NCHW8c, 1, 7, 2, 2), dense(t, layout.NCHW8c, 2, 7, 1, 2), dense(t, layout.NCHW8c, 1, 30, 1, 1), dense(t, layout.NCHW8c, 1, 63, 1, 1), dense(t, layout.NCHW16c, 2, 20, 2, 1))
	for n := 4095; n <= 4097; n++ {
		some := map[int]int{4095: 5, 4096: 4, 4097: 17}[n] // a divisor
		all = append(all,
			dense(t, layout.NCW, 1, 1, n), dense(t, layout.NWC, 1, n, 1), dense(t, layout.NCW, 1, some, n/some), dense(t, layout.NWC, 1, n/some, some),
			strided(t, []int{5, n / 5}, []int{n/5 + n%5, 1}, layout.Unbatched, 0),
		)
	}
	r := rand.New(rand.NewPCG(1, 8))
	for _, c := range callsAt(0, 0.3) {
		for _, x := range all {
			dst, src := operands[T](r, x)
			checkTiers(t, x, c, dst, src, 0, 2)
		}
	}
}

// Calls of few factors for few elements take a shorter path.
func TestBorderOfSmallCallsIsTheOracles(t *testing.T) {
	if instrumented {
		return // no goroutine takes part
	}
	t.Run("float32", testBorder[float32])
	t.Run("float64", testBorder[float64])
	t.Run("float16", testBorder[float16])
	t.Run("bfloat16", testBorder[bfloat16])
}

// The oracle's tensors cover their buffers. A mistake in them would weaken every
// comparison.
func TestOracleTensorsAreSound(t *testing.T) {
	for _, x := range tensors(t) {
		seen := make([]bool, x.length)
		for _, p := range x.places {
			if seen[p.at] {
				t.Errorf("%s: two elements at %d", x.name, p.at)
			}
			seen[p.at] = true
		}
		g := x.geom
		if g.Samples() != x.samples || g.Channels() != x.channels || g.Len() != x.length || g.View() != x.view || g.Samples()*g.Channels()*g.Spatial() != len(x.places) {
			t.Errorf("%s: geometry %v with length %d, the oracle has %d×%d, %d elements, length %d", x.name, g, g.Len(), x.samples, x.channels, len(x.places), x.length)
		}
	}
}

func testLarge[T number](t *testing.T) {
	large, part := 32<<20/4, 1 // elements that are streamed, the most of all defaults in float32
	if testing.Short() || instrumented {
		large, part = large/9, 3 // which still are enough for several workers
	}
	n := large + large/16
	k := kindOf[T]()
	streamFrom(t, large*sizeOf[T]())
	numbers, twice := make([]T, 8191), make([]T, 8191)
	for i := range numbers {
		numbers[i] = k.of(float64(i) - 4000.5)
		twice[i] = k.times(numbers[i], k.of(2))
	}
	for _, x := range []struct {
		order layout.Order
		dims  []int
	}{
		{layout.NCHW, []int{2, 5, 929/part + 1, 960/part + 1}},
		{layout.NHWC, []int{2, 929/part + 1, 960/part + 1, 5}},
		{layout.NHWC, []int{1, 929/part + 1, 72/part + 1, 133}},
	} {
		g, err := x.order.Of(x.dims...)
		if err != nil {
			t.Fatal(err)
		}
		if x.dims[0] == 2 && g.Len() < n {
			t.Fatalf("%v: %d elements are too few to stream", g, g.Len())
		}
		src, dst, want := make([]T, g.Len()), make([]T, g.Len()), make([]T, g.Len())
		drop := newDropout(t, 0.5, spatialdropout.WithSeed(5))
		m := draw(t, drop, g)
		for i := 0; i < len(src); {
			copy(want[i:], twice)
			i += copy(src[i:], numbers)
		}
		sample, plane := g.Spatial()*g.Channels(), g.Spatial()
		for n := range g.Samples() {
			for c := range g.Channels() {
				elements := want[n*sample:][:sample]
				switch {
				case m.Kept(n, c):
				case x.order == layout.NCHW:
					clear(elements[c*plane:][:plane])
				default:
					for i := c; i < sample; i += g.Channels() {
						elements[i] = 0
					}
				}
			}
		}
		onTiers(t, func(tier string) {
			copy(dst, src) // which is nowhere right
			if err := k.apply(dst, src, m, g); err != nil {
				t.Fatal(err)
			}
			if err := differ(dst, want, want); err != nil {
				t.Fatalf("%v%v, tier %s: %v", x.order, x.dims, tier, err)
			}
		})
	}
}

// Several workers by default, and streaming stores, begin at sizes that the small tensors
// do not reach.
func TestLargeTensorsAreTheOracles(t *testing.T) {
	t.Run("float32", testLarge[float32])
	t.Run("float16", testLarge[float16])
	t.Run("bfloat16", testLarge[bfloat16])
}

func testFactorOne[T number](t *testing.T) {
	k := kindOf[T]()
	// A worker's part or the bound on one call, 256 KiB, may leave a rest of one
	// element.
	bound := 256 << 10 / sizeOf[T]()
	for _, plane := range []int{2, 3, 15, 16, 17, 33, bound, bound + 1, bound + 15} {
		g, err := layout.NCW.Of(2, 3, plane)
		if err != nil {
			t.Fatal(err)
		}
		m := draw(t, newDropout(t, 0), g)
		m.Set(1, 1, false) // or all would be a copy
		before := filled(g.Len(), fromBits[T](k.signalling))
		want := append([]T(nil), before...)
		clear(want[4*plane : 5*plane])
		buf := make([]T, g.Len()+16)
		for shift := range 16 {
			data := buf[shift:][:g.Len()]
			onTiers(t, func(tier string) {
				for _, w := range []int{1, 2, 3, 7, 16, 51} {
					copy(data, before)
					if err := k.apply(data, data, m, g, w); err != nil {
						t.Fatal(err)
					}
					if err := differ(data, want, want); err != nil {
						t.Fatalf("planes of %d, tier %s, %d workers, shift %d: %v", plane, tier, w, shift, err)
					}
				}
			})
			if plane > 1000 && shift > 2 {
				break
			}
		}
	}
}

func TestInPlaceFactorOneLeavesPlanesAloneForAnyWorkers(t *testing.T) {
	t.Run("float32", testFactorOne[float32])
	t.Run("float64", testFactorOne[float64])
	t.Run("float16", testFactorOne[float16])
	t.Run("bfloat16", testFactorOne[bfloat16])
}

func testRateZero[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
		drop := newDropout(t, 0, withPolicy(policy))
		for _, x := range []tensor{dense(t, layout.NCHW, 2, 3, 9, 15), dense(t, layout.NHWC, 2, 9, 15, 3), dense(t, layout.NC, 3, 5), dense(t, layout.NC, 3, 50), dense(t, layout.NCHW8c, 1, 16, 3, 3)} {
			src := values[T](r, x.length)
			src[0] = fromBits[T](kindOf[T]().signalling)
			m := draw(t, drop, x.geom)
			onTiers(t, func(tier string) {
				for _, inPlace := range []bool{false, true} {
					from := append([]T(nil), src...)
					dst := make([]T, x.length)
					if inPlace {
						dst = from
					}
					if err := kindOf[T]().apply(dst, from, m, x.geom); err != nil {
						t.Fatal(err)
					}
					if err := differ(dst, src, src); err != nil {
						t.Errorf("%s, %v, tier %s, in place %v: %v", x.name, policy, tier, inPlace, err)
					}
				}
			})
		}
	}
}

func TestRateZeroIsTheIdentityToTheBit(t *testing.T) {
	t.Run("float32", testRateZero[float32])
	t.Run("float64", testRateZero[float64])
	t.Run("float16", testRateZero[float16])
	t.Run("bfloat16", testRateZero[bfloat16])
}

func testSwallow[T number](t *testing.T) {
	k := kindOf[T]()
	x := dense(t, layout.NHWC, 1, 3, 3, 2)
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	m.Set(0, 1, false)
	src, dst := make([]T, x.length), make([]T, x.length)
	for _, p := range x.places {
		if p.c == 1 {
			src[p.at] = k.of([...]float64{math.NaN(), math.Inf(1), math.Inf(-1), -1}[p.at/2%4])
		} else {
			src[p.at] = k.of(3)
		}
	}
	if err := k.apply(dst, src, m, x.geom); err != nil {
		t.Fatal(err)
	}
	for _, p := range x.places {
		if want := [...]T{k.of(6), 0}[p.c]; bitsOf(dst[p.at]) != bitsOf(want) {
			t.Errorf("element %d of channel %d is %v", p.at, p.c, k.float(dst[p.at]))
		}
	}
}

func TestDroppedMapSwallowsNaN(t *testing.T) {
	t.Run("float64", testSwallow[float64])
	t.Run("float16", testSwallow[float16])
	t.Run("bfloat16", testSwallow[bfloat16])
}

// integers returns n small integers, on which all sums here are exact.
func integers(r *rand.Rand, n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = float64(r.IntN(2001) - 1000)
	}
	return all
}

// applied returns src with dropout.
func applied(t *testing.T, x tensor, m *mask.Mask, src []float64) []float64 {
	t.Helper()
	dst := make([]float64, len(src))
	if err := spatialdropout.Apply(dst, src, m, x.geom); err != nil {
		t.Fatalf("%s: %v", x.name, err)
	}
	return dst
}

func dot(x tensor, a, b []float64) float64 {
	var sum float64
	for _, p := range x.places {
		sum += a[p.at] * b[p.at]
	}
	return sum
}

func TestBackwardIsTheAdjointOfForward(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	drop := newDropout(t, 0.5, spatialdropout.WithSeed(1))
	for _, x := range tensors(t) {
		m := draw(t, drop, x.geom)
		v, dy := integers(r, x.length), integers(r, x.length)
		if a, b := dot(x, applied(t, x, m, v), dy), dot(x, v, applied(t, x, m, dy)); a != b {
			t.Errorf("%s: ⟨Apply(x), dy⟩ = %v, ⟨x, Apply(dy)⟩ = %v", x.name, a, b)
		}
	}
}

func TestApplyIsLinear(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	drop := newDropout(t, 0.5, spatialdropout.WithSeed(2))
	for _, x := range tensors(t) {
		m := draw(t, drop, x.geom)
		u, v := integers(r, x.length), integers(r, x.length)
		w := make([]float64, x.length)
		for i := range w {
			w[i] = 3*u[i] - 5*v[i]
		}
		au, av, aw := applied(t, x, m, u), applied(t, x, m, v), applied(t, x, m, w)
		for i := range aw {
			if aw[i] != 3*au[i]-5*av[i] {
				t.Fatalf("%s: element %d of Apply(3u−5v) is %v, want %v", x.name, i, aw[i], 3*au[i]-5*av[i])
			}
		}
	}
}

// What a mask drops it drops again, and nothing more: apart from the factor 2, the operator
// is a projection.
func TestMaskIsIdempotent(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	drop := newDropout(t, 0.5, spatialdropout.WithSeed(3))
	for _, x := range tensors(t) {
		m := draw(t, drop, x.geom)
		once := applied(t, x, m, integers(r, x.length))
		for i, y := range applied(t, x, m, once) {
			if y != 2*once[i] {
				t.Fatalf("%s: element %d is %v, and the second time %v", x.name, i, once[i], y)
			}
		}
	}
}

func TestOrdersAgreeAfterTransposition(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	drop := newDropout(t, 0.3, spatialdropout.WithSeed(3))
	first := dense(t, layout.NCHW, 3, 11, 5, 7)
	m := draw(t, drop, first.geom)
	src := values[float32](r, first.length)
	want := make([]float32, len(src))
	if err := spatialdropout.Apply(want, src, m, first.geom); err != nil {
		t.Fatal(err)
	}
	for _, other := range []tensor{dense(t, layout.NHWC, 3, 5, 7, 11), dense(t, layout.NCHW8c, 3, 11, 5, 7), dense(t, layout.NCHW16c, 3, 11, 5, 7)} {
		// The k-th position of a channel is the k-th in both orders.
		where := make(map[[3]int]int)
		count := make(map[[2]int]int)
		for _, p := range other.places {
			k := count[[2]int{p.n, p.c}]
			where[[3]int{p.n, p.c, k}] = p.at
			count[[2]int{p.n, p.c}] = k + 1
		}
		moved, got := make([]float32, other.length), make([]float32, other.length)
		at := func(p place) int { return where[[3]int{p.n, p.c, p.at % 35}] }
		for _, p := range first.places {
			moved[at(p)] = src[p.at]
		}
		if err := spatialdropout.Apply(got, moved, m, other.geom); err != nil {
			t.Fatal(err)
		}
		for _, p := range first.places {
			if bitsOf(got[at(p)]) != bitsOf(want[p.at]) {
				t.Fatalf("%s: channel %d of sample %d is %v, in NCHW %v", other.name, p.c, p.n, got[at(p)], want[p.at])
			}
		}
	}
}

func testAddIsApply[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(11, 12))
	drop := newDropout(t, 0.3, spatialdropout.WithSeed(4))
	for _, x := range tensors(t) {
		m := draw(t, drop, x.geom)
		src, dst := make([]T, x.length), make([]T, x.length)
		for i := range src {
			src[i], dst[i] = k.of(r.NormFloat64()), k.of(r.NormFloat64())
		}
		dropped := append([]T(nil), dst...)
		if err := k.apply(dropped, src, m, x.geom); err != nil {
			t.Fatal(err)
		}
		onTiers(t, func(tier string) {
			sum := append([]T(nil), dst...)
			if err := k.addTo(sum, src, m, x.geom); err != nil {
				t.Fatal(err)
			}
			for _, p := range x.places {
				if want := k.plus(dst[p.at], dropped[p.at]); bitsOf(sum[p.at]) != bitsOf(want) {
					t.Fatalf("%s, tier %s: element %d is %v, want %v + %v = %v", x.name, tier, p.at, k.float(sum[p.at]), k.float(dst[p.at]), k.float(dropped[p.at]), k.float(want))
				}
			}
		})
	}
}

func TestAddToIsApplyThenAdd(t *testing.T) {
	t.Run("float32", testAddIsApply[float32])
	t.Run("float16", testAddIsApply[float16])
	t.Run("bfloat16", testAddIsApply[bfloat16])
}

func testInterleaved[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(13, 14))
	const wide = 7
	for _, v := range []struct {
		x    tensor
		step int // elements from a channel to the next
	}{
		{strided(t, []int{2, 3, 4, 5}, []int{wide * 20, 20, 5, 1}, 0, 1), 20},
		{strided(t, []int{2, 4, 5, 3}, []int{wide * 20, wide * 5, wide, 1}, 0, 3), 1},
	} {
		all := values[T](r, 2*wide*20)
		for _, from := range [][2]int{{0, 3}, {3, 0}, {0, 4}, {4, 0}, {1, 4}} {
			for _, c := range calls() {
				c.inPlace = false
				buf := append([]T(nil), all...)
				dst, src := buf[from[0]*v.step:], buf[from[1]*v.step:]
				drop := newDropout(t, c.rate, spatialdropout.WithSeed(c.seed), withPolicy(c.policy))
				m := draw(t, drop, v.x.geom)
				want, or := expect(v.x, c, m, dst, src)
				var err error
				if c.add {
					err = k.addTo(dst, src, m, v.x.geom)
				} else {
					err = k.apply(dst, src, m, v.x.geom)
				}
				if err == nil {
					err = differ(dst, want, or)
				}
				if err == nil {
					outside := from[0] * v.step
					err = differ(buf[:outside], all[:outside], all[:outside])
				}
				if err != nil {
					t.Errorf("%s, channels %d into %d, %v: %v", v.x.name, from[1], from[0], c, err)
				}
			}
		}
	}
}

// Two channel slices of one wide tensor share a range of memory but no element.
func TestInterleavedViewsAreNoOverlap(t *testing.T) {
	t.Run("float32", testInterleaved[float32])
	t.Run("float16", testInterleaved[float16])
	t.Run("bfloat16", testInterleaved[bfloat16])
}

func testHighWorkerCounts[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, x := range []tensor{dense(t, layout.NCHW, 3, 5, 9, 11), dense(t, layout.NHWC, 3, 9, 11, 5), dense(t, layout.NC, 2, 3), dense(t, layout.NC, 1, 1), dense(t, layout.NC, 3, 51)} {
		for _, c := range calls() {
			dst, src := operands[T](r, x)
			if err := checkCall(x, c, dst, src, 0, 64, 1000, 4096); err != nil {
				t.Error(fmt.Errorf("%s: %w", x.name, err))
			}
		}
	}
}

func TestHighWorkerCountsDoNotMatter(t *testing.T) {
	t.Run("float32", testHighWorkerCounts[float32])
	t.Run("float16", testHighWorkerCounts[float16])
	t.Run("bfloat16", testHighWorkerCounts[bfloat16])
}
