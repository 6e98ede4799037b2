package spatialdropout_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// compact returns the Compaction of a mask.
func compact(t testing.TB, m *mask.Mask, g layout.Geometry) *spatialdropout.Compaction {
	t.Helper()
	c := new(spatialdropout.Compaction)
	if err := c.Reset(m, g); err != nil {
		t.Fatal(err)
	}
	return c
}

// compactWeights returns the Compaction of weights behind a sample of a mask.
func compactWeights(t testing.TB, m *mask.Mask, n int, g layout.Geometry) *spatialdropout.Compaction {
	t.Helper()
	c := new(spatialdropout.Compaction)
	if err := c.ResetWeights(m, n, g); err != nil {
		t.Fatal(err)
	}
	return c
}

func testScatterOfGather[T number](t *testing.T) {
	k, r := kindOf[T](), rand.New(rand.NewPCG(2, 11))
	for _, x := range tensors(t) {
		for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.FixedCount} {
			m := draw(t, newDropout(t, 0.4, spatialdropout.WithSharing(sharing)), x.geom)
			if !x.packable(m) {
				continue
			}
			c := compact(t, m, x.geom)
			dst, src := operands[T](r, x)
			want := slices.Clone(dst)
			if err := k.apply(want, src, m, x.geom); err != nil {
				t.Fatal(err)
			}
			packed := make([]T, c.Len())
			moved := c.Unscaled()
			if err := method[T](c, kernel.Gather)(packed, src, 1); err != nil {
				t.Fatal(err)
			}
			if err := method[T](&moved, kernel.Scatter)(dst, packed, 1); err != nil {
				t.Fatal(err)
			}
			if err := differ(dst, want, want); err != nil {
				t.Errorf("%s, %v: Scatter of Gather is not Apply: %v", x.name, sharing, err)
			}
			// Moved and then scaled is scaled and then moved.
			other := make([]T, c.Len())
			if err := method[T](&moved, kernel.Gather)(other, want, 1); err != nil {
				t.Fatal(err)
			}
			if err := differ(other, packed, packed); err != nil {
				t.Errorf("%s, %v: Gather of Apply: %v", x.name, sharing, err)
			}
		}
	}
}

// What Gather has packed, and Scatter without the factor puts back, is what Apply writes, to the bit.
func TestScatterOfGatherIsApply(t *testing.T) {
	t.Run("float32", testScatterOfGather[float32])
	t.Run("float64", testScatterOfGather[float64])
	t.Run("float16", testScatterOfGather[float16])
	t.Run("bfloat16", testScatterOfGather[bfloat16])
}

// At rate 0.5 elements are doubled, to the bit: on integers Scatter is the transpose of Gather exactly, and
// ScatterAdd is Scatter and a sum.
func TestScatterIsTheTransposeOfGather(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 12))
	for _, x := range tensors(t) {
		for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample} {
			m := draw(t, newDropout(t, 0.5, spatialdropout.WithSharing(sharing)), x.geom)
			if !x.packable(m) {
				continue
			}
			c := compact(t, m, x.geom)
			plain := c.Unscaled()
			for _, c := range []*spatialdropout.Compaction{c, &plain} {
				v, y := integers(r, x.length), integers(r, c.Len())
				gathered, scattered := make([]float64, c.Len()), make([]float64, x.length)
				sum := slices.Clone(v)
				for _, err := range []error{c.Gather(kernel.Of(gathered), kernel.Of(v), 0), c.Scatter(kernel.Of(scattered), kernel.Of(y), 0), c.ScatterAdd(kernel.Of(sum), kernel.Of(y), 0)} {
					if err != nil {
						t.Fatal(err)
					}
				}
				a, b := 0.0, dot(x, v, scattered)
				for i := range y {
					a += gathered[i] * y[i]
				}
				if a != b {
					t.Errorf("%s, %v: ⟨Gather x, y⟩ = %v, ⟨x, Scatter y⟩ = %v", x.name, sharing, a, b)
				}
				for _, p := range x.places {
					if sum[p.at] != v[p.at]+scattered[p.at] {
						t.Fatalf("%s, %v: ScatterAdd at %d is %v, want %v + %v", x.name, sharing, p.at, sum[p.at], v[p.at], scattered[p.at])
					}
				}
			}
		}
	}
}

// Channels, counts and offsets are those of the mask, and where every sample keeps as many the packed tensor has a
// geometry: the tensor is one of fewer channels.
func TestPackedTensorsAreDescribed(t *testing.T) {
	rectangles := 0
	for _, x := range tensors(t) {
		for _, sharing := range []mask.Sharing{mask.Each, mask.PerChannel, mask.PerSample, mask.FixedCount} {
			m := draw(t, newDropout(t, 0.5, spatialdropout.WithSharing(sharing), spatialdropout.WithSeed(5)), x.geom)
			if !x.packable(m) {
				continue
			}
			what := fmt.Sprintf("%s, %v", x.name, sharing)
			c := compact(t, m, x.geom)
			places := x.keptPlaces(m)
			if c.Len() != len(places) {
				t.Errorf("%s: %d elements, want %d", what, c.Len(), len(places))
			}
			equal, same := true, true
			for n := range x.samples {
				var kept []int
				for ch := range x.channels {
					if m.Kept(n, ch) && x.length > 0 { // nothing is listed of a tensor without elements
						kept = append(kept, ch)
					}
				}
				if !slices.Equal(c.Kept(n), kept) {
					t.Errorf("%s: sample %d keeps %v, want %v", what, n, c.Kept(n), kept)
				}
				equal = equal && len(kept) == len(c.Kept(0))
				same = same && slices.Equal(kept, c.Kept(0))
				if first := slices.IndexFunc(places, func(p place) bool { return p.n == n }); first >= 0 && c.Offset(n) != first {
					t.Errorf("%s: sample %d begins at %d, want %d", what, n, c.Offset(n), first)
				}
			}
			if c.Shared() != same {
				t.Errorf("%s: shared %v, want %v", what, c.Shared(), same)
			}
			g, ok := c.Packed()
			groups := len(x.padding) > 0 && x.channels > 8 || x.geom.PaddedChannels() > 16 && strings.HasPrefix(x.name, "NCHW16c") || x.geom.PaddedChannels() > 8 && strings.HasPrefix(x.name, "NCHW8c")
			if ok != (equal && !groups) {
				t.Errorf("%s: a geometry %v, want %v", what, ok, equal && !groups)
			}
			if !ok {
				continue
			}
			rectangles++
			if g.Len() != c.Len() || g.Samples() != x.samples || x.samples > 0 && g.Channels() != len(c.Kept(0)) || g.Spatial() != x.geom.Spatial() || g.View() {
				t.Fatalf("%s: packed %v", what, g)
			}
			// Each element is where the geometry has that channel: its loops visit the elements of the packed tensor in
			// order, with the index of their channel.
			at := 0
			var loops func(l []layout.Loop, offset, entry int)
			loops = func(l []layout.Loop, offset, entry int) {
				if len(l) > 0 {
					for i := range l[0].Size {
						loops(l[1:], offset+i*l[0].Dst, entry+i*l[0].Factor)
					}
					return
				}
				p := places[at]
				if rank, _ := slices.BinarySearch(c.Kept(p.n), p.c); offset != at || entry != p.n*g.Channels()+rank {
					t.Fatalf("%s: element %d is visited at %d, as channel %d of all, want %d", what, at, offset, entry, p.n*g.Channels()+rank)
				}
				at++
			}
			loops(g.Loops(), 0, 0)
		}
	}
	if rectangles < 100 {
		t.Errorf("%d packed tensors with a geometry, want 100", rectangles)
	}
	for _, c := range []struct{ full, packed tensor }{
		{dense(t, layout.NCHW, 3, 7, 4, 5), dense(t, layout.NCHW, 3, 2, 4, 5)},
		{dense(t, layout.NHWC, 3, 4, 5, 7), dense(t, layout.NHWC, 3, 4, 5, 2)},
		{dense(t, layout.NC, 3, 7), dense(t, layout.NC, 3, 2)}, {dense(t, layout.NCHW16c, 3, 7, 2, 2), dense(t, layout.NHWC, 3, 2, 2, 2)},
		{strided(t, []int{3, 7, 5}, []int{100, 12, 2}, 0, 1), dense(t, layout.NCW, 3, 2, 5)},
		{strided(t, []int{7, 5, 3}, []int{15, 3, 1}, 2, 0), strided(t, []int{2, 5, 3}, []int{15, 3, 1}, 2, 0)},
	} {
		if g, ok := c.full.geom.Packed(2); !ok || g != c.packed.geom {
			t.Errorf("%s with 2 channels is %v (%v), want %s", c.full.name, g, ok, c.packed.name)
		}
	}
}

// A NaN in a dropped map is not read, and Inf in one vanishes.
func TestNaNsInDroppedMapsAreNotPacked(t *testing.T) {
	for _, x := range []tensor{dense(t, layout.NCHW, 3, 7, 5, 5), dense(t, layout.NHWC, 3, 5, 5, 37), dense(t, layout.NCHW8c, 2, 11, 3, 3), dense(t, layout.NC, 3, 70)} {
		m := draw(t, newDropout(t, 0.5), x.geom)
		c := compact(t, m, x.geom)
		src := filled[float32](x.length, float32(math.NaN()))
		for i, p := range x.places {
			if m.Kept(p.n, p.c) {
				src[p.at] = float32(i)
			} else if i%2 == 0 {
				src[p.at] = float32(math.Inf(1))
			}
		}
		onTiers(t, func(tier string) {
			packed := make([]float32, c.Len())
			if err := c.Gather(kernel.Of(packed), kernel.Of(src), 0); err != nil {
				t.Fatal(err)
			}
			back := filled[float32](x.length, float32(math.NaN()))
			if err := c.Scatter(kernel.Of(back), kernel.Of(packed), 0); err != nil {
				t.Fatal(err)
			}
			for i, v := range append(packed, back...) {
				if v != v || math.IsInf(float64(v), 0) {
					t.Fatalf("%s, tier %s: element %d is %v", x.name, tier, i, v)
				}
			}
		})
	}
}

// Weights of the layer behind are gathered along the axis of input channels, in both of the usual orders, and their
// gradient is added where it belongs.
func TestWeightsAreGatheredAlongTheirInputs(t *testing.T) {
	const out, in, kh, kw = 5, 37, 3, 2
	x := dense(t, layout.NCHW, 3, in, 2, 2)
	first, last := strided(t, []int{out, in, kh, kw}, []int{in * kh * kw, kh * kw, kw, 1}, layout.Unbatched, 1), strided(t, []int{kh, kw, in, out}, []int{kw * in * out, in * out, out, 1}, layout.Unbatched, 2)
	dense := strided(t, []int{out, in}, []int{in, 1}, layout.Unbatched, 1)
	r := rand.New(rand.NewPCG(2, 13))
	for _, policy := range []mask.Policy{mask.Select, mask.Multiply} {
		m := draw(t, newDropout(t, 0.3, withPolicy(policy)), x.geom)
		for n := range x.samples {
			for _, w := range []tensor{first, last, dense} {
				c := compactWeights(t, m, n, w.geom)
				weights := integers(r, w.length)
				some, gradient := make([]float64, c.Len()), integers(r, w.length)
				if err := c.Gather(kernel.Of(some), kernel.Of(weights), 0); err != nil {
					t.Fatal(err)
				}
				want, i := slices.Clone(gradient), 0
				places := slices.Clone(w.places)
				slices.SortFunc(places, func(p, q place) int { return p.at - q.at })
				for _, p := range places {
					if !m.Kept(n, p.c) {
						continue
					}
					if some[i] != weights[p.at] {
						t.Fatalf("%s, sample %d: element %d is %v, want %v", w.name, n, i, some[i], weights[p.at])
					}
					want[p.at] += some[i]
					i++
				}
				if i != c.Len() || !slices.Equal(c.Kept(0), m.AppendKept(nil, n)) {
					t.Errorf("%s, sample %d: %d elements of channels %v", w.name, n, c.Len(), c.Kept(0))
				}
				if err := c.ScatterAdd(kernel.Of(gradient), kernel.Of(some), 0); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(gradient, want) {
					t.Errorf("%s, sample %d: the gradient is another one", w.name, n)
				}
			}
		}
	}
}

// Channels that Set keeps at rate 1 have the factor 0, as in Apply: nothing is kept.
func TestNothingIsKeptAtRateOne(t *testing.T) {
	g := dense(t, layout.NCHW, 1, 2, 1, 3).geom
	m, err := mask.New(1, 2, 1, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	m.Set(0, 1, true)
	c := compact(t, m, g)
	if c.Len() != 0 || len(c.Kept(0)) != 0 {
		t.Errorf("%d elements of channels %v", c.Len(), c.Kept(0))
	}
	dst := []float32{1, 2, 3, 4, 5, 6}
	if err := c.Scatter(kernel.Of(dst), kernel.Of[float32](nil), 0); err != nil || !slices.Equal(dst, make([]float32, 6)) {
		t.Errorf("%v, %v", dst, err)
	}
	// Everything is kept in evaluation, to the bit.
	if err := m.Reset(1, 2, 0, mask.Arithmetic{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Reset(m, g); err != nil {
		t.Fatal(err)
	}
	signalling := math.Float32frombits(0x7f800001)
	src := []float32{signalling, 2, 3, 4, 5, signalling}
	if err := c.Gather(kernel.Of(dst), kernel.Of(src), 0); err != nil {
		t.Fatal(err)
	}
	for i := range dst {
		if math.Float32bits(dst[i]) != math.Float32bits(src[i]) {
			t.Errorf("element %d is %#x", i, math.Float32bits(dst[i]))
		}
	}
}

// A mask is packed with the bits of Apply, or refused with the reason.
func TestMasksThatDoMoreThanScale(t *testing.T) {
	x := dense(t, layout.NCHW, 2, 6, 2, 3)
	for _, a := range []struct {
		arithmetic mask.Arithmetic
		rate       float64
		half       bool // of float16
		words      string
	}{
		{mask.Arithmetic{}, 0.5, false, ""}, {mask.Arithmetic{Rule: mask.WideReciprocal}, 0.3, false, ""}, {mask.Arithmetic{Rule: mask.Unscaled}, 0.5, true, ""},
		{mask.Arithmetic{Rule: mask.RoundedReciprocal}, 0.3, true, ""}, {mask.Arithmetic{Rule: mask.AtInference}, 0.5, false, ""}, {mask.Arithmetic{Rule: mask.AlphaGradient}, 0.5, false, ""},
		{mask.Arithmetic{Rule: mask.CompiledQuotient}, 0.3, false, ""},
		{mask.Arithmetic{Rule: mask.Expectation}, 0.999, true, ""},
		{mask.Arithmetic{Rule: mask.Expectation}, 1 - 0x1p-30, true, "factor for float16 is rounded to 0"},
		{mask.Arithmetic{Rule: mask.Quotient}, 0.3, false, ""}, {mask.Arithmetic{Rule: mask.Quotient}, 1, false, ""},
		{mask.Arithmetic{Rule: mask.Alpha}, 0.3, false, "sets dropped channels to a number other than 0"},
		{mask.Arithmetic{Rule: mask.Gaussian}, 0.3, false, "drops no channel"},
		{mask.Arithmetic{Rule: mask.Gaussian}, 1, false, ""}, {mask.Arithmetic{Rule: mask.Alpha}, 0, false, ""},
		{mask.Arithmetic{Policy: mask.Multiply, Rule: mask.Alpha}, 0.3, false, "a mask with Alpha, which sets dropped channels to a number other than 0"},
		{mask.Arithmetic{Policy: mask.Multiply}, 0, false, ""}, // nothing is dropped
	} {
		m, err := mask.New(x.samples, x.channels, a.rate, a.arithmetic)
		if err != nil {
			t.Fatal(err)
		}
		for c := range x.channels {
			m.Set(0, c, a.rate == 0 || a.rate < 1 && c%2 == 0)
		}
		what := fmt.Sprintf("%v at %v", a.arithmetic, a.rate)
		src := []float32{1, -2, 3, -4, 5, 6}
		for len(src) < x.length {
			src = append(src, src...)
		}
		src = src[:x.length]
		halves := make([]uint16, x.length)
		for i := range halves {
			halves[i] = uint16(0x3c00 + i)
		}
		var c spatialdropout.Compaction
		err = c.Reset(m, x.geom)
		if err == nil && a.half {
			err = c.Gather(kernel.As(kernel.F16, make([]uint16, c.Len())), kernel.As(kernel.F16, halves), 1)
		}
		if a.words != "" {
			if !refusesArgument(err, "mask") || !strings.Contains(err.Error(), a.words) {
				t.Errorf("%s: %v, want an *ArgumentError of the mask with %q", what, err, a.words)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		want, got := make([]float32, x.length), filled[float32](x.length, -77)
		packed, moved := make([]float32, c.Len()), c.Unscaled()
		if err := errors.Join(spatialdropout.Apply(want, src, m, x.geom), c.Gather(kernel.Of(packed), kernel.Of(src), 0), moved.Scatter(kernel.Of(got), kernel.Of(packed), 0)); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if err := differ(got, want, want); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The policy says what becomes of dropped elements, which are not packed. Those that are have the bits of Apply.
func TestPoliciesPackTheSameChannels(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 42))
	odd := [...]float32{float32(math.NaN()), float32(math.Inf(-1)), -3, 5}
	for _, x := range []tensor{
		dense(t, layout.NCHW, 3, 7, 5, 5), dense(t, layout.NCHW, 8, 16, 12, 12), dense(t, layout.NHWC, 3, 5, 5, 37), dense(t, layout.NCHW8c, 2, 11, 3, 3),
		strided(t, []int{2, 4, 3}, []int{20, 4, 1}, 0, 1),
	} {
		for _, rule := range []mask.Rule{mask.Reciprocal, mask.WideReciprocal, mask.RoundedReciprocal, mask.Unscaled, mask.AlphaGradient} {
			for _, rate := range []float64{0.5, 1} {
				m, err := mask.New(x.samples, x.channels, rate, mask.Arithmetic{Policy: mask.Multiply, Rule: rule})
				if err != nil {
					t.Fatal(err)
				}
				for n := range x.samples {
					for c := range x.channels {
						m.Set(n, c, rate < 1 && r.IntN(2) == 0)
					}
				}
				c, what := compact(t, m, x.geom), fmt.Sprintf("%s, %v at %v", x.name, rule, rate)
				src := values[float32](r, x.length)
				for i := range src {
					if i%5 == 0 {
						src[i] = odd[i/5%len(odd)]
					}
				}
				applied, scattered := filled[float32](x.length, -77), filled[float32](x.length, -77)
				added, before := values[float32](r, x.length), []float32(nil)
				before = slices.Clone(added)
				packed, moved := make([]float32, c.Len()), c.Unscaled()
				if err := errors.Join(
					spatialdropout.Apply(applied, src, m, x.geom), c.Gather(kernel.Of(packed), kernel.Of(src), 0),
					moved.Scatter(kernel.Of(scattered), kernel.Of(packed), 0), moved.ScatterAdd(kernel.Of(added), kernel.Of(packed), 0),
				); err != nil {
					t.Fatal(err)
				}
				for i, p := range x.keptPlaces(m) {
					if differ(packed[i:i+1], applied[p.at:p.at+1], applied[p.at:p.at+1]) != nil {
						t.Fatalf("%s: packed element %d is %v, want %v", what, i, packed[i], applied[p.at])
					}
				}
				negative, noNumber := 0, 0
				for _, p := range x.places {
					got := scattered[p.at : p.at+1]
					if m.Kept(p.n, p.c) {
						if differ(got, applied[p.at:p.at+1], applied[p.at:p.at+1]) != nil {
							t.Fatalf("%s: kept element %v is %v, want %v", what, p, got, applied[p.at])
						}
						continue
					}
					if math.Float32bits(got[0]) != 0 || math.Float32bits(added[p.at]) != math.Float32bits(before[p.at]) {
						t.Fatalf("%s: dropped element %v is %v, and %v of %v after a sum", what, p, got, added[p.at], before[p.at])
					}
					switch v := applied[p.at]; {
					case v != v:
						noNumber++
					case math.Signbit(float64(v)):
						negative++
					case v != 0:
						t.Fatalf("%s: Apply sets dropped element %v to %v", what, p, v)
					}
				}
				if negative == 0 || noNumber == 0 {
					t.Errorf("%s: %d products with 0 are −0 and %d NaN, want some of each", what, negative, noNumber)
				}
				for _, at := range x.padding {
					if math.Float32bits(scattered[at]) != 0 {
						t.Fatalf("%s: padding is %v", what, scattered[at])
					}
				}
			}
		}
	}
}

// Masks of PyTorch multiply dropped elements by 0, and are packed.
func TestMasksOfPyTorchArePacked(t *testing.T) {
	x := dense(t, layout.NCHW, 2, 4, 1, 2)
	m := draw(t, newDropout(t, 0.5, spatialdropout.WithStream(mask.PyTorch(0))), x.geom)
	c := compact(t, m, x.geom)
	src := integers(rand.New(rand.NewPCG(2, 43)), x.length)
	packed, want := make([]float64, c.Len()), []float64(nil)
	for _, p := range x.keptPlaces(m) {
		want = append(want, 2*src[p.at])
	}
	if err := c.Gather(kernel.Of(packed), kernel.Of(src), 0); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(packed, want) || len(want) == 0 || m.Arithmetic().Policy != mask.Multiply {
		t.Errorf("%v of %v, want %v", packed, src, want)
	}
}

// The lists of an Unscaled Compaction are those of the one it comes from, until it is Reset.
func TestResetOfUnscaledLeavesItsOrigin(t *testing.T) {
	x := dense(t, layout.NCHW, 2, 4, 2, 2)
	c := compact(t, masked(t, x, 0), x.geom)
	moved := c.Unscaled()
	for _, reset := range []func() error{
		func() error { return moved.Reset(masked(t, x, 3), x.geom) },
		func() error { return moved.ResetWeights(masked(t, x, 2), 1, dense(t, layout.CW, 4, 3).geom) },
	} {
		moved = c.Unscaled()
		if err := reset(); err != nil {
			t.Fatal(err)
		}
		for n := range x.samples {
			if got := c.Kept(n); !slices.Equal(got, []int{1, 2, 3}) {
				t.Errorf("sample %d keeps %v, want all but channel 0", n, got)
			}
		}
	}
	if got := moved.Kept(0); !slices.Equal(got, []int{0, 1, 3}) {
		t.Errorf("after Reset it keeps %v, want all but channel 2", got)
	}
}

// masked returns a mask for a tensor that drops one channel of each sample.
func masked(t testing.TB, x tensor, dropped int) *mask.Mask {
	t.Helper()
	m, err := mask.New(x.samples, x.channels, 0.5, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range x.samples {
		m.Set(n, dropped, false)
	}
	return m
}

// At rate 1 the factor is 0: nothing is packed, not even a channel that Set keeps.
func TestNothingIsPackedAtRateOne(t *testing.T) {
	x := dense(t, layout.NCHW, 2, 3, 2, 2)
	m, err := mask.New(x.samples, x.channels, 1, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	m.Set(0, 1, true)
	m.Set(1, 2, true)
	dst, want := filled[float32](x.length, -77), filled[float32](x.length, -77)
	c := compact(t, m, x.geom)
	if err := errors.Join(c.Scatter(kernel.Of(dst), kernel.Of[float32](nil), 0), spatialdropout.Apply(want, filled[float32](x.length, 3), m, x.geom)); err != nil {
		t.Fatal(err)
	}
	if err := differ(dst, want, want); err != nil || c.Len() != 0 || len(c.Kept(0)) != 0 {
		t.Errorf("%d elements, Scatter is not Apply: %v", c.Len(), err)
	}
	if err := c.ResetWeights(m, 0, dense(t, layout.CW, 3, 5).geom); err != nil || c.Len() != 0 {
		t.Errorf("%d weights: %v", c.Len(), err)
	}
}

// Weights may have groups of channels with padding, also where all are kept.
func TestWeightsInGroups(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 41))
	for _, channels := range []int{5, 8, 11, 16} {
		x := dense(t, layout.NCHW8c, 1, channels, 2, 3)
		for _, dropped := range []int{-1, 0, 4} {
			m, err := mask.New(1, channels, 0.5, mask.Arithmetic{})
			if err != nil {
				t.Fatal(err)
			}
			if dropped >= 0 {
				m.Set(0, dropped, false)
			}
			c := compactWeights(t, m, 0, x.geom)
			for _, op := range compactions {
				if err := checkCompact[float32](r, x, op, call{rate: 0.5, rule: mask.Unscaled}, m, c, 0, 1, 3); err != nil {
					t.Errorf("%s without channel %d: %v", x.name, dropped, err)
				}
			}
		}
	}
}
