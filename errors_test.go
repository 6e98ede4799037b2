package spatialdropout_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// wantError reports unless err says all the words.
func wantError(t testing.TB, what string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want one with %q", what, words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
}

func TestNewRefusesWhatIsNotARate(t *testing.T) {
	for rate, word := range map[float64]string{
		math.NaN(): "NaN", -0.1: "-0.1", -5e-324: "-5e-324", 1.5: "1.5", 1 + 0x1p-52: "1.0000000000000002", 20: "20",
		math.Inf(1): "+Inf", math.Inf(-1): "-Inf",
	} {
		d, err := spatialdropout.New(rate)
		wantError(t, fmt.Sprintf("New(%v)", rate), err, word, "0 to 1")
		l, lerr := spatialdropout.NewLayer[float32](rate)
		wantError(t, fmt.Sprintf("NewLayer(%v)", rate), lerr, word, "0 to 1")
		r, rerr := spatialdropout.Restore(spatialdropout.State{Rate: rate, GeneratorState: spatialdropout.GeneratorState{Stream: "philox:1"}})
		wantError(t, fmt.Sprintf("Restore of rate %v", rate), rerr, word, "0 to 1")
		if d != nil || l != nil || r != nil {
			t.Errorf("rate %v: a result besides the error", rate)
		}
		for what, err := range map[string]error{"New": err, "NewLayer": lerr, "Restore": rerr} {
			var refused *mask.ArgumentError
			if want := (mask.ArgumentError{Argument: "rate", Given: fmt.Sprintf("rate %v", rate), Want: "a number from 0 to 1"}); !errors.As(err, &refused) || *refused != want {
				t.Errorf("%s(%v): %v, want %v", what, rate, err, &want)
			}
		}
	}
}

func TestOptionsRefuseWhatTheyCannotMean(t *testing.T) {
	arithmetic := func(p mask.Policy, r mask.Rule) spatialdropout.Option {
		return spatialdropout.WithArithmetic(mask.Arithmetic{Policy: p, Rule: r})
	}
	shard := spatialdropout.WithShard
	for _, o := range []struct {
		what   string
		option spatialdropout.Option
		name   string // the argument in an *ArgumentError, or in a *mask.ArgumentError without "With"
		words  []string
	}{
		{"policy 2", arithmetic(2, 0), "policy", []string{"Policy(2)", "Select", "Multiply"}},
		{"policy 255", arithmetic(255, 0), "policy", []string{"Policy(255)"}},
		{"rule 200", arithmetic(0, 200), "rule", []string{"Rule(200)", "Reciprocal", "WideReciprocal", "RoundedReciprocal", "Quotient", "Alpha", "Gaussian", "Unscaled", "AtInference"}},
		{"Expectation", arithmetic(0, mask.Expectation), "rule", []string{"Expectation", "AtInference"}},
		{"AlphaGradient", arithmetic(0, mask.AlphaGradient), "rule", []string{"AlphaGradient", "want Alpha"}},
		{"WithSharing(4)", spatialdropout.WithSharing(4), "sharing", []string{"Sharing(4)", "Each", "PerChannel", "PerSample", "FixedCount"}},
		{"samples outside the batch", shard(mask.Shard{SampleOffset: 8, Samples: 8}), "WithShard", []string{"SampleOffset:8", "Samples:8", "within the batch"}},
		{"samples far outside the batch", shard(mask.Shard{SampleOffset: math.MaxUint64, Samples: 1}), "WithShard", []string{fmt.Sprint(uint64(math.MaxUint64))}},
		{"channels outside the sample", shard(mask.Shard{ChannelOffset: 9, Channels: 3}), "WithShard", []string{"ChannelOffset:9", "Channels:3", "channels"}},
		{"WithStream(nil)", spatialdropout.WithStream(nil), "WithStream", []string{"no stream", "package mask"}},
		{"WithGenerator(nil)", spatialdropout.WithGenerator(nil), "WithGenerator", []string{"no generator", "NewGenerator"}},
		{"WithGenerator of the zero Generator", spatialdropout.WithGenerator(new(spatialdropout.Generator)), "WithGenerator", []string{"no generator", "NewGenerator"}},
		{"WithSchedule(nil)", spatialdropout.WithSchedule(nil), "WithSchedule", []string{"no schedule", "Ramp"}},
		{"WithWorkers(-1)", spatialdropout.WithWorkers(-1), "WithWorkers", []string{"-1 workers", "0 or more"}},
		{"a nil option", nil, "opts", []string{"is nil", "function"}},
	} {
		_, err := spatialdropout.New(0.5, o.option)
		wantError(t, "New "+o.what, err, o.words...)
		_, lerr := spatialdropout.NewLayer[float64](0.5, spatialdropout.WithAlways(), o.option, spatialdropout.WithWorkers(2))
		wantError(t, "NewLayer "+o.what, lerr, o.words...)
		_, rerr := spatialdropout.Restore(newDropout(t, 0.5).State(), o.option)
		wantError(t, "Restore "+o.what, rerr, o.words...)
		for _, err := range []error{err, lerr, rerr} {
			if !refusesArgument(err, o.name) {
				t.Errorf("%s: %T %v, want an error of %q", o.what, err, err, o.name)
			}
		}
	}
	_, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1), nil)
	wantError(t, "a nil option after another", err, "option 1")
}

// refusesArgument reports whether err refuses an argument for what it is: with an error of package mask if it is the
// policy, the rule, the sharing, the stream or the rate.
func refusesArgument(err error, argument string) bool {
	switch argument {
	case "policy", "rule", "sharing", "stream", "rate":
		var refused *mask.ArgumentError
		return errors.As(err, &refused) && refused.Argument == argument
	}
	var refused *spatialdropout.ArgumentError
	return errors.As(err, &refused) && refused.Argument == argument
}

// refusesKernel reports whether err is an error of package kernel that refuses an argument for what it is.
func refusesKernel(err error, argument string) bool {
	var refused *kernel.ArgumentError
	return errors.As(err, &refused) && refused.Argument == argument
}

// WithStream takes both results of a function that returns a stream. The error is that of New.
func TestStreamThatIsRefusedIsAnErrorOfNew(t *testing.T) {
	wrong := spatialdropout.WithStream(mask.JAX(mask.KeyOf(1, false), mask.XLA))
	_, err := spatialdropout.New(0.5, wrong)
	_, lerr := spatialdropout.NewLayer[float32](0.5, wrong)
	_, rerr := spatialdropout.Restore(newDropout(t, 0.5).State(), wrong)
	for what, err := range map[string]error{"New": err, "NewLayer": lerr, "Restore": rerr} {
		if !refusesArgument(err, "stream") {
			t.Errorf("%s: %T %v, want a *mask.ArgumentError of the stream", what, err, err)
		}
		wantError(t, what, err, "jax", "xla", "fold")
	}
	d := newDropout(t, 0.5, spatialdropout.WithStream(mask.JAX(mask.KeyOf(1, false), mask.Fold)))
	if got := d.Generator().Stream().String(); got != "jax:1/fold" {
		t.Errorf("a stream without an error is %s, want jax:1/fold", got)
	}
	if _, err := spatialdropout.New(0.5, spatialdropout.WithStream(mask.PyTorch(1), nil, nil)); err != nil {
		t.Errorf("errors that are nil: %v", err)
	}
}

// refuses makes calls of Apply and AddTo that must fail and leave every bit of buf, in which
// dst and src lie, as it is.
func refuses[T number](t *testing.T, what string, buf, dst, src []T, m *mask.Mask, g layout.Geometry, workers []int, words ...string) {
	t.Helper()
	before := append([]T(nil), buf...)
	k := kindOf[T]()
	for name, do := range map[string]func(dst, src []T, m *mask.Mask, g layout.Geometry, workers ...int) error{"Apply": k.apply, "AddTo": k.addTo} {
		err := do(dst, src, m, g, workers...)
		wantError(t, name+" "+what, err, words...)
		if err := differ(buf, before, before); err != nil {
			t.Errorf("%s %s wrote before it failed: %v", name, what, err)
		}
	}
}

func testRefuses[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x := dense(t, layout.NCHW, 2, 3, 4, 5)
	view := strided(t, []int{2, 3, 4}, []int{30, 8, 2}, 0, 1)
	padded := dense(t, layout.NCHW8c, 2, 3, 2, 2)
	drop := newDropout(t, 0.5)
	m := draw(t, drop, x.geom)
	buf := values[T](r, 300)
	dst, src := buf[:120], buf[150:270]

	refuses(t, "with negative workers", buf, dst, src, m, x.geom, []int{-2}, "-2", "0 or more")
	refuses(t, "with short dst", buf, dst[:119], src, m, x.geom, nil, "dst", "119", "120")
	refuses(t, "with long dst", buf, buf[:121], src, m, x.geom, nil, "dst", "121", "120")
	refuses(t, "with short src", buf, dst, src[:7], m, x.geom, nil, "src", "7", "120")
	refuses(t, "with long src", buf, dst, buf[150:271], m, x.geom, nil, "src", "121", "120")
	refuses(t, "with no dst", buf, nil, src, m, x.geom, nil, "dst", "0 elements", "120")
	refuses(t, "with no src", buf, dst, nil, m, x.geom, nil, "src", "0 elements", "120")
	refuses(t, "with elements for no tensor", buf, dst, src, draw(t, newDropout(t, 0.5), layout.Geometry{}), layout.Geometry{}, nil, "120", "want 0")

	vm := draw(t, drop, view.geom)
	refuses(t, "with dst short of a view", buf, buf[:view.length-1], src, vm, view.geom, nil, "dst", fmt.Sprint(view.length-1), fmt.Sprint(view.length), "more")
	refuses(t, "with src short of a view", buf, dst, src[:view.length-1], vm, view.geom, nil, "src", fmt.Sprint(view.length-1), fmt.Sprint(view.length), "more")
	pm := draw(t, drop, padded.geom)
	refuses(t, "with dst without padding", buf, buf[:24], src[:64], pm, padded.geom, nil, "dst", "24", "64")

	refuses(t, "without a mask", buf, dst, src, nil, x.geom, nil, "no mask")
	for _, dims := range [][]int{{2, 4}, {3, 3}, {3, 2}, {1, 6}, {6, 1}, {0, 3}} {
		other := draw(t, drop, dense(t, layout.NC, dims...).geom)
		refuses(t, fmt.Sprintf("with a mask of %v", dims), buf, dst, src, other, x.geom, nil, fmt.Sprintf("%d×%d", dims[0], dims[1]), "2×3")
	}
	refuses(t, "with the zero mask", buf, dst, src, new(mask.Mask), x.geom, nil, "0×0", "2×3")

	empty := dense(t, layout.NCHW, 2, 3, 0, 5)
	refuses(t, "without a mask for no elements", buf, nil, nil, nil, empty.geom, nil, "no mask")
	refuses(t, "with a mask of another empty tensor", buf, nil, nil, draw(t, drop, dense(t, layout.NC, 4, 3).geom), empty.geom, nil, "4×3", "2×3")
}

func TestApplyRefusesWhatDoesNotFit(t *testing.T) {
	t.Run("float32", testRefuses[float32])
	t.Run("float64", testRefuses[float64])
	t.Run("float16", testRefuses[float16])
	t.Run("bfloat16", testRefuses[bfloat16])
}

func testOverlap[T number](t *testing.T) {
	k := kindOf[T]()
	size := sizeOf[T]()
	r := rand.New(rand.NewPCG(2, 2))
	drop := newDropout(t, 0.5)
	for _, x := range []tensor{
		dense(t, layout.NCHW, 2, 3, 4, 5), dense(t, layout.NHWC, 2, 4, 5, 3), dense(t, layout.NCHW8c, 2, 3, 2, 2),
		strided(t, []int{2, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1), strided(t, []int{2, 4, 5, 3}, []int{140, 35, 7, 1}, 0, 3),
		dense(t, layout.NC, 3, 51), // more factors than a small call has
	} {
		taken := make(map[int]bool)
		for _, p := range x.places {
			taken[p.at] = true
		}
		for _, at := range x.padding {
			taken[at] = true
		}
		m := draw(t, drop, x.geom)
		buf := values[T](r, 2*x.length+2)
		overlaps := 0
		for distance := 1; distance <= x.length; distance++ {
			shared := false
			for at := range taken {
				shared = shared || taken[at+distance]
			}
			low, high := buf[:x.length], buf[distance:][:x.length]
			for _, c := range []struct {
				dst, src []T
				bytes    int
			}{{high, low, size * distance}, {low, high, -size * distance}} {
				before := append([]T(nil), buf...)
				if !shared {
					if err := k.apply(c.dst, c.src, m, x.geom); err != nil {
						t.Fatalf("%s: %d elements apart share nothing: %v", x.name, distance, err)
					}
					copy(buf, before)
					continue
				}
				overlaps++
				err := k.apply(c.dst, c.src, m, x.geom)
				var overlap *kernel.OverlapError
				if !errors.As(err, &overlap) {
					t.Fatalf("%s: %d elements apart: %v, want a *kernel.OverlapError", x.name, distance, err)
				}
				if overlap.Distance != c.bytes {
					t.Errorf("%s: distance of %d bytes, want %d", x.name, overlap.Distance, c.bytes)
				}
				wantError(t, x.name, err, fmt.Sprint(overlap.Distance), "overlap", "dst = src")
				refuses(t, x.name, buf, c.dst, c.src, m, x.geom, []int{3}, "overlap")
				if err := differ(buf, before, before); err != nil {
					t.Fatalf("%s: %v", x.name, err)
				}
			}
		}
		if overlaps == 0 {
			t.Errorf("%s: no overlap tried", x.name)
		}
	}
}

func TestApplyRefusesPartialOverlap(t *testing.T) {
	t.Run("float32", testOverlap[float32])
	t.Run("float16", testOverlap[float16])
	t.Run("bfloat16", testOverlap[bfloat16])
}

// Where channels are left over of a blocked order, a call is done in parts: none of them may
// write what another one reads.
func TestApplyRefusesOverlapBetweenParts(t *testing.T) {
	for _, orders := range [][2]layout.Order{
		{layout.NCHW8c, layout.NCHW}, {layout.NCHW, layout.NCHW8c}, {layout.NCHW16c, layout.NHWC}, {layout.NHWC, layout.NCHW16c}, {layout.NCHW16c, layout.NCHW8c}, {layout.NCHW8c, layout.NCHW16c},
	} {
		for _, dims := range [][]int{{1, 9, 2, 2}, {1, 27, 1, 3}, {2, 9, 1, 2}} {
			var tensors [2]tensor
			for i, o := range orders {
				if tensors[i] = dense(t, layout.NHWC, dims[0], dims[2], dims[3], dims[1]); o != layout.NHWC {
					tensors[i] = dense(t, o, dims...)
				}
			}
			to, from := tensors[0], tensors[1]
			m := draw(t, newDropout(t, 0.5), to.geom)
			buf := values[float32](rand.New(rand.NewPCG(3, 3)), 2*to.length+from.length)
			src := buf[to.length:][:from.length] // dst goes from before it to behind it
			read := 0                            // padding is not
			for _, p := range from.places {
				read = max(read, p.at+1)
			}
			for at := 0; at <= to.length+read; at++ {
				dst, before := buf[at:][:to.length], append([]float32(nil), buf...)
				err := spatialdropout.ApplyTensor(spatialdropout.Of(dst, to.geom), spatialdropout.Of(src, from.geom), m, 1)
				if at == 0 || at == to.length+read {
					if err != nil {
						t.Errorf("%s and %s that meet: %v", to.name, from.name, err)
					}
					copy(buf, before)
					continue
				}
				var overlap *kernel.OverlapError
				if !errors.As(err, &overlap) {
					t.Errorf("dst of %s begins %d elements from src of %s: %v, want a *kernel.OverlapError", to.name, at-to.length, from.name, err)
				}
				if !same(buf, before) {
					t.Errorf("dst of %s begins %d elements from src of %s: a refused call wrote", to.name, at-to.length, from.name)
				}
				copy(buf, before)
			}
		}
	}
}

func testAliasing[T number](t *testing.T) {
	x := dense(t, layout.NCHW, 2, 3, 4, 5)
	m := draw(t, newDropout(t, 0.5), x.geom)
	buf := make([]T, 2*x.length)
	for _, s := range [][2][]T{
		{buf[:x.length], buf[:x.length]}, {buf[:x.length], buf[x.length:]}, {buf[x.length:], buf[:x.length]},
	} {
		if err := kindOf[T]().apply(s[0], s[1], m, x.geom); err != nil {
			t.Error(err)
		}
	}
}

func TestApplyTakesExactAliasingAndNeighbours(t *testing.T) {
	t.Run("float32", testAliasing[float32])
	t.Run("float16", testAliasing[float16])
	t.Run("bfloat16", testAliasing[bfloat16])
}

func TestEmptyTensorsAreFine(t *testing.T) {
	drop := newDropout(t, 0.5)
	for _, x := range []tensor{
		dense(t, layout.NCHW, 0, 3, 4, 5), dense(t, layout.NCHW, 2, 0, 4, 5), dense(t, layout.NHWC, 2, 4, 0, 5), dense(t, layout.CHW, 0, 0, 0),
		dense(t, layout.NCHW16c, 2, 3, 4, 0), strided(t, []int{0, 3}, []int{3, 1}, 0, 1), {name: "the zero Geometry"},
	} {
		m := draw(t, drop, x.geom)
		if m.Samples() != x.geom.Samples() || m.Channels() != x.geom.Channels() {
			t.Errorf("%s: mask of %d×%d", x.name, m.Samples(), m.Channels())
		}
		if err := spatialdropout.Apply(nil, []float32{}, m, x.geom); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if err := spatialdropout.AddTo([]float64{}, nil, m, x.geom); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if err := spatialdropout.ApplyTensor(spatialdropout.As(kernel.F16, []float16{}, x.geom), spatialdropout.As[float16](kernel.F16, nil, x.geom), m, 0); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if err := spatialdropout.AddToTensor(spatialdropout.As[bfloat16](kernel.BF16, nil, x.geom), spatialdropout.As(kernel.BF16, []bfloat16{}, x.geom), m, 2); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		// A tensor without data has no kind.
		none := spatialdropout.Tensor{Geometry: x.geom}
		if err := spatialdropout.ApplyTensor(none, none, m, 2); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		p, err := drop.Forward(none, none)
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		for name, do := range calledBy(p) {
			if err := do(none, none); err != nil {
				t.Errorf("%s, %s: %v", x.name, name, err)
			}
		}
		if _, err := drop.Evaluate(none, none); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

// twoKinds is the error of tensors of two kinds.
func twoKinds(dst, src *kernel.Kind) error {
	return &kernel.ArgumentError{Argument: "kind", Given: fmt.Sprintf("dst of %v and src of %v", dst, src), Want: "one kind"}
}

// Every refusal has a type that says what was given, and writes nothing.
func TestErrorsHaveTypes(t *testing.T) {
	x, last := dense(t, layout.NCHW, 2, 3, 4, 5), dense(t, layout.NHWC, 2, 4, 5, 3)
	other := dense(t, layout.NCHW, 2, 3, 5, 4)
	d := newDropout(t, 0.5)
	m := draw(t, d, x.geom)
	buf := filled[float32](300, 7)
	doubles, halves := filled[float64](120, 7), filled[float16](120, 7)
	of := func(data []float32, x tensor) spatialdropout.Tensor { return spatialdropout.Of(data, x.geom) }
	dst, src := of(buf[:120], x), of(buf[150:270], x)
	for _, c := range []struct {
		what     string
		dst, src spatialdropout.Tensor
		m        *mask.Mask
		want     error
	}{
		{"short dst", of(buf[:119], x), src, m, &spatialdropout.ArgumentError{Argument: "dst", Given: "dst holds 119 elements", Want: "120 for 2×3 channels of 4×5"}},
		{"long src", dst, of(buf[150:271], x), m, &spatialdropout.ArgumentError{Argument: "src", Given: "src holds 121 elements", Want: "120 for 2×3 channels of 4×5"}},
		{"no src", dst, spatialdropout.Tensor{Geometry: x.geom}, m, &spatialdropout.ArgumentError{Argument: "src", Given: "src holds 0 elements", Want: "120 for 2×3 channels of 4×5"}},
		{"another kind of src", dst, spatialdropout.Of(doubles, x.geom), m, twoKinds(kernel.F32, kernel.F64)},
		{"halves of another kind", spatialdropout.As(kernel.F16, halves, x.geom), spatialdropout.As(kernel.BF16, make([]uint16, 120), x.geom), m, twoKinds(kernel.F16, kernel.BF16)},
		{"another shape", dst, of(buf[150:270], other), m, &layout.ArgumentError{Argument: "src", Given: fmt.Sprintf("dst of %v with src of %v", x.geom, other.geom), Want: "the same samples, channels and spatial dims"}},
		{"overlap", of(buf[1:121], x), of(buf[:120], x), m, &kernel.OverlapError{With: "src", Elements: 120, Distance: 4}},
		{"another layout in place", dst, of(buf[:120], last), m, &kernel.OverlapError{With: "src", Elements: 120}},
		{"another layout, overlapping", of(buf[119:239], last), of(buf[:120], x), m, &kernel.OverlapError{With: "src", Elements: 120, Distance: 4 * 119}},
		{"no mask", dst, src, nil, &spatialdropout.ArgumentError{Argument: "mask", Given: "no mask or pass, or one of 0×0 channels, for a tensor of 2×3 channels of 4×5", Want: "one made for its geometry"}},
		{"another mask", dst, src, draw(t, d, dense(t, layout.NC, 3, 2).geom), &spatialdropout.ArgumentError{Argument: "mask", Given: "a mask of 3×2 channels for a tensor of 2×3 channels of 4×5", Want: "one made for its geometry"}},
		{"another mask for another layout", of(buf[150:270], last), dst, draw(t, d, dense(t, layout.NC, 1, 6).geom), &spatialdropout.ArgumentError{Argument: "mask", Given: "a mask of 1×6 channels for a tensor of 2×3 channels of 4×5", Want: "one made for its geometry"}},
	} {
		calls := map[string]func() error{
			"ApplyTensor": func() error { return spatialdropout.ApplyTensor(c.dst, c.src, c.m, 0) },
			"AddToTensor": func() error { return spatialdropout.AddToTensor(c.dst, c.src, c.m, 2) },
		}
		if c.m == m {
			calls["Forward"] = func() error { _, err := d.Forward(c.dst, c.src); return err }
			calls["Evaluate"] = func() error { _, err := d.Evaluate(c.dst, c.src); return err }
			for name, do := range calledBy(d.At(mask.Place{}, x.geom)) {
				calls["Pass."+name] = func() error { return do(c.dst, c.src) }
			}
		}
		for name, do := range calls {
			if err := do(); !reflect.DeepEqual(err, c.want) {
				t.Errorf("%s with %s: %#v, want %#v", name, c.what, err, c.want)
			}
		}
	}
	if !same(buf, filled[float32](300, 7)) || !same(doubles, filled[float64](120, 7)) || !same(halves, filled[float16](120, 7)) {
		t.Error("a refused call wrote")
	}
	if step(d) != 3 {
		t.Errorf("refused calls move the stream to step %d, want 3 after three masks", step(d))
	}
	wantError(t, "another layout in place", spatialdropout.ApplyTensor(dst, of(buf[:120], last), m, 0), "dst of 120 elements is src, whose elements lie differently, want no overlap")
	wantError(t, "another kind of src", spatialdropout.ApplyTensor(dst, spatialdropout.Of(doubles, x.geom), m, 0), "kernel: dst of float32 and src of float64, want one kind")
	for what, f := range map[string]func(){
		"As of float32 as float16":  func() { spatialdropout.As(kernel.F16, buf[:120], x.geom) },
		"As of halves as float64":   func() { spatialdropout.As(kernel.F64, halves, x.geom) },
		"As of doubles as bfloat16": func() { spatialdropout.As(kernel.BF16, doubles, x.geom) },
	} {
		func() {
			defer func() {
				if err, _ := recover().(error); !refusesKernel(err, "kind") {
					t.Errorf("%s: %v, want a *kernel.ArgumentError of the kind", what, err)
				}
			}()
			f()
			t.Errorf("%s is no error", what)
		}()
	}
}
