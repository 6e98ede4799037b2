package spatialdropout_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// calls are the ways to call that every tensor must stand.
func calls() []call {
	var all []call
	for _, rate := range []float64{0, 0.1, 0.5, 1} {
		for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
			for k := range 4 {
				all = append(all, call{add: k&1 > 0, inPlace: k&2 > 0, rate: rate, policy: policy, seed: uint64(3 + k)})
			}
		}
	}
	return all
}

func testOracle[T spatialdropout.Float](t *testing.T) {
	all := tensors(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range calls() {
		for _, x := range all {
			dst, src := operands[T](r, x)
			onTiers(t, func(string) {
				if err := checkCall(x, c, dst, src, 1, 2, 3, 7); err != nil {
					t.Errorf("%s: %v", x.name, err)
				}
			})
		}
	}
}

func TestEveryBitIsTheOracles(t *testing.T) {
	t.Run("float32", testOracle[float32])
	t.Run("float64", testOracle[float64])
	t.Run("named float32", testOracle[named32])
	t.Run("named float64", testOracle[named64])
}

// The oracle's tensors cover their buffers: a mistake in them would make every
// comparison worth less.
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

// The default number of workers and streaming stores begin at sizes that the
// small tensors do not reach.
func TestLargeTensorsAreTheOracles(t *testing.T) {
	const n = 34 << 20 / 4 // over 32 MiB in float32
	for _, x := range []struct {
		order layout.Order
		dims  []int
	}{
		{layout.NCHW, []int{2, 5, 929, 960}},
		{layout.NHWC, []int{2, 929, 960, 5}},
		{layout.NHWC, []int{1, 929, 72, 133}},
	} {
		g, err := x.order.Of(x.dims...)
		if err != nil {
			t.Fatal(err)
		}
		if x.dims[0] == 2 && g.Len() < n {
			t.Fatalf("%v: %d elements are too few to stream", g, g.Len())
		}
		src, dst := make([]float32, g.Len()), make([]float32, g.Len())
		for i := range src {
			src[i] = float32(i%8191) - 4000
		}
		drop := newDropout(t, 0.5, spatialdropout.WithSeed(5))
		m := drop.Draw(g)
		first := x.order == layout.NCHW
		onTiers(t, func(tier string) {
			for i := range dst {
				dst[i] = -1
			}
			if err := spatialdropout.Apply(dst, src, m, g); err != nil {
				t.Fatal(err)
			}
			for i, y := range dst {
				channel, sample := i%g.Channels(), i/(g.Len()/g.Samples())
				if first {
					channel = i / g.Spatial() % g.Channels()
				}
				var want float32
				if m.Kept(sample, channel) {
					want = 2 * src[i]
				}
				if math.Float32bits(y) != math.Float32bits(want) {
					t.Fatalf("%v%v, tier %s: element %d is %v, want %v", x.order, x.dims, tier, i, y, want)
				}
			}
		})
	}
}

// signalling is a signalling NaN with a payload: any arithmetic makes it quiet.
const signalling = 0x7f8abcde

func TestInPlaceFactorOneLeavesPlanesAloneForAnyWorkers(t *testing.T) {
	// A worker's part or the bound on one call may leave a rest of one element.
	for _, plane := range []int{2, 3, 15, 16, 17, 33, 65536, 65537, 65551} {
		x := dense(t, layout.NCW, 2, 3, plane)
		m := newDropout(t, 0).Draw(x.geom)
		m.Set(1, 1, false) // or all would be a copy
		dropped := 4 * plane
		buf := make([]float32, x.length+16)
		for shift := range 16 {
			data := buf[shift:][:x.length]
			onTiers(t, func(tier string) {
				for _, w := range []spatialdropout.Workers{1, 2, 3, 7, 16, 51} {
					for i := range data {
						data[i] = fromBits[float32](signalling)
					}
					if err := spatialdropout.Apply(data, data, m, x.geom, w); err != nil {
						t.Fatal(err)
					}
					for i := range data {
						want := uint64(signalling)
						if i >= dropped && i < dropped+plane {
							want = 0
						}
						if bitsOf(data[i]) != want {
							t.Fatalf("%s, tier %s, %d workers, shift %d: element %d became %#x", x.name, tier, w, shift, i, bitsOf(data[i]))
						}
					}
				}
			})
			if plane > 1000 && shift > 2 {
				break
			}
		}
	}
}

func TestRateZeroIsTheIdentityToTheBit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	drop := newDropout(t, 0)
	for _, x := range []tensor{dense(t, layout.NCHW, 2, 3, 9, 15), dense(t, layout.NHWC, 2, 9, 15, 3), dense(t, layout.NC, 3, 5)} {
		src := values[float32](r, x.length)
		m := drop.Draw(x.geom)
		onTiers(t, func(tier string) {
			for _, inPlace := range []bool{false, true} {
				from := append([]float32(nil), src...)
				dst := make([]float32, x.length)
				if inPlace {
					dst = from
				}
				if err := spatialdropout.Apply(dst, from, m, x.geom); err != nil {
					t.Fatal(err)
				}
				if err := differ(dst, src, src); err != nil {
					t.Errorf("%s, tier %s, in place %v: %v", x.name, tier, inPlace, err)
				}
			}
		})
	}
}

func TestDroppedMapSwallowsNaN(t *testing.T) {
	x := dense(t, layout.NHWC, 1, 3, 3, 2)
	m, err := mask.New(1, 2, 0.5, mask.Select)
	if err != nil {
		t.Fatal(err)
	}
	m.Set(0, 1, false)
	src, dst := make([]float64, x.length), make([]float64, x.length)
	for _, p := range x.places {
		if p.c == 1 {
			src[p.at] = [...]float64{math.NaN(), math.Inf(1), math.Inf(-1), -1}[p.at/2%4]
		} else {
			src[p.at] = 3
		}
	}
	if err := spatialdropout.Apply(dst, src, m, x.geom); err != nil {
		t.Fatal(err)
	}
	for _, p := range x.places {
		if want := [...]uint64{math.Float64bits(6), 0}[p.c]; bitsOf(dst[p.at]) != want {
			t.Errorf("element %d of channel %d is %v", p.at, p.c, dst[p.at])
		}
	}
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
		m := drop.Draw(x.geom)
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
		m := drop.Draw(x.geom)
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

func TestOrdersAgreeAfterTransposition(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	drop := newDropout(t, 0.3, spatialdropout.WithSeed(3))
	first := dense(t, layout.NCHW, 3, 11, 5, 7)
	m := drop.Draw(first.geom)
	src := values[float32](r, first.length)
	want := make([]float32, len(src))
	if err := spatialdropout.Apply(want, src, m, first.geom); err != nil {
		t.Fatal(err)
	}
	for _, other := range []tensor{dense(t, layout.NHWC, 3, 5, 7, 11), dense(t, layout.NCHW8c, 3, 11, 5, 7), dense(t, layout.NCHW16c, 3, 11, 5, 7)} {
		// The k-th position of a channel is the k-th in either order.
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

func TestAddToIsApplyThenAdd(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	drop := newDropout(t, 0.3, spatialdropout.WithSeed(4))
	for _, x := range tensors(t) {
		m := drop.Draw(x.geom)
		src, dst := make([]float32, x.length), make([]float32, x.length)
		for i := range src {
			src[i], dst[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		dropped := append([]float32(nil), dst...)
		if err := spatialdropout.Apply(dropped, src, m, x.geom); err != nil {
			t.Fatal(err)
		}
		onTiers(t, func(tier string) {
			sum := append([]float32(nil), dst...)
			if err := spatialdropout.AddTo(sum, src, m, x.geom); err != nil {
				t.Fatal(err)
			}
			for _, p := range x.places {
				if want := dst[p.at] + dropped[p.at]; bitsOf(sum[p.at]) != bitsOf(want) {
					t.Fatalf("%s, tier %s: element %d is %v, want %v + %v = %v", x.name, tier, p.at, sum[p.at], dst[p.at], dropped[p.at], want)
				}
			}
		})
	}
}

// A product of two numbers whose low halves matter: fused with the sum it gives
// another result.
func TestAddToNeverFuses(t *testing.T) {
	const n = 67
	x := dense(t, layout.NCW, 1, 1, n)
	pixels := dense(t, layout.NWC, 1, 1, n)
	for _, x := range []tensor{x, pixels} {
		m, err := mask.New(x.samples, x.channels, 0.1, mask.Select)
		if err != nil {
			t.Fatal(err)
		}
		f := 1 / (1 - 0.1)
		src, dst := make([]float64, n), make([]float64, n)
		fused := 0
		for i := range src {
			src[i] = 1 + float64(i)/101
			dst[i] = -float64(src[i] * f)
			if math.FMA(src[i], f, dst[i]) != 0 {
				fused++
			}
		}
		if fused < n/2 {
			t.Fatalf("only %d of %d products tell a fused sum", fused, n)
		}
		onTiers(t, func(tier string) {
			sum := append([]float64(nil), dst...)
			if err := spatialdropout.AddTo(sum, src, m, x.geom); err != nil {
				t.Fatal(err)
			}
			for i := range sum {
				if bitsOf(sum[i]) != 0 {
					t.Fatalf("%s, tier %s: element %d is %v, want +0", x.name, tier, i, sum[i])
				}
			}
		})
	}
}

// Two channel slices of one wide tensor share a range of memory and no element.
func TestInterleavedViewsAreNoOverlap(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	const wide = 7
	for _, v := range []struct {
		x    tensor
		step int // elements from a channel to the next
	}{
		{strided(t, []int{2, 3, 4, 5}, []int{wide * 20, 20, 5, 1}, 0, 1), 20},
		{strided(t, []int{2, 4, 5, 3}, []int{wide * 20, wide * 5, wide, 1}, 0, 3), 1},
	} {
		all := values[float32](r, 2*wide*20)
		for _, from := range [][2]int{{0, 3}, {3, 0}, {0, 4}, {4, 0}, {1, 4}} {
			for _, c := range calls() {
				c.inPlace = false
				buf := append([]float32(nil), all...)
				dst, src := buf[from[0]*v.step:], buf[from[1]*v.step:]
				drop := newDropout(t, c.rate, spatialdropout.WithSeed(c.seed), spatialdropout.WithPolicy(c.policy))
				m := drop.Draw(v.x.geom)
				want, or := expect(v.x, c, m, dst, src)
				var err error
				if c.add {
					err = spatialdropout.AddTo(dst, src, m, v.x.geom)
				} else {
					err = spatialdropout.Apply(dst, src, m, v.x.geom)
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

func TestFactorIsRoundedOnceFromFloat64(t *testing.T) {
	for _, rate := range []float64{1e-20, 0.1, 0.15, 0.2, 0.3, 1.0 / 3, 0.7, 0.9, 0.999, 1 - 0x1p-53} {
		for _, x := range []tensor{dense(t, layout.NCW, 1, 1, 40), dense(t, layout.NWC, 1, 1, 40)} {
			m, err := mask.New(x.samples, x.channels, rate, mask.Select)
			if err != nil {
				t.Fatal(err)
			}
			ones, y := make([]float32, 40), make([]float32, 40)
			for i := range ones {
				ones[i] = 1
			}
			if err := spatialdropout.Apply(y, ones, m, x.geom); err != nil {
				t.Fatal(err)
			}
			want := float32(1 / (1 - rate))
			for i := range y {
				if y[i] != want {
					t.Fatalf("%s, rate %v: element %d is %v, want %v", x.name, rate, i, y[i], want)
				}
			}
		}
	}
}

func TestHighWorkerCountsDoNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for _, x := range []tensor{dense(t, layout.NCHW, 3, 5, 9, 11), dense(t, layout.NHWC, 3, 9, 11, 5), dense(t, layout.NC, 2, 3), dense(t, layout.NC, 1, 1)} {
		for _, c := range calls() {
			dst, src := operands[float32](r, x)
			if err := checkCall(x, c, dst, src, 0, 64, 1000, 4096); err != nil {
				t.Error(fmt.Errorf("%s: %w", x.name, err))
			}
		}
	}
}
