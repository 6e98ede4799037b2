package spatialdropout_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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

func TestNewRefusesWhatIsNoRate(t *testing.T) {
	for rate, word := range map[float64]string{
		math.NaN(): "NaN", -0.1: "-0.1", -5e-324: "-5e-324", 1.5: "1.5", 1 + 0x1p-52: "1.0000000000000002", 20: "20",
		math.Inf(1): "+Inf", math.Inf(-1): "-Inf",
	} {
		d, err := spatialdropout.New(rate)
		wantError(t, fmt.Sprintf("New(%v)", rate), err, word, "0 to 1")
		l, lerr := spatialdropout.NewLayer[float32](rate)
		wantError(t, fmt.Sprintf("NewLayer(%v)", rate), lerr, word, "0 to 1")
		if d != nil || l != nil {
			t.Errorf("rate %v: a result besides the error", rate)
		}
	}
}

func TestOptionsRefuseWhatTheyCannotMean(t *testing.T) {
	for _, o := range []struct {
		what   string
		option spatialdropout.Option
		words  []string
	}{
		{"WithPolicy(2)", spatialdropout.WithPolicy(2), []string{"Policy(2)", "Select", "Multiply"}},
		{"WithPolicy(255)", spatialdropout.WithPolicy(255), []string{"Policy(255)"}},
		{"WithSampleOffset(-3)", spatialdropout.WithSampleOffset(-3), []string{"offset -3", "0 or more"}},
		{"WithSampleOffset(MinInt)", spatialdropout.WithSampleOffset(math.MinInt), []string{fmt.Sprint(math.MinInt)}},
		{"WithWorkers(-1)", spatialdropout.WithWorkers(-1), []string{"-1 workers", "0 or more"}},
	} {
		_, err := spatialdropout.New(0.5, o.option)
		wantError(t, "New "+o.what, err, o.words...)
		_, err = spatialdropout.NewLayer[float64](0.5, spatialdropout.WithSeed(1), o.option, spatialdropout.WithStep(2))
		wantError(t, "NewLayer "+o.what, err, o.words...)
	}
}

// refuses makes a call of Apply and of AddTo that must fail and leave every bit
// of buf, in which dst and src lie, as it is.
func refuses[T spatialdropout.Float](t *testing.T, what string, buf, dst, src []T, m *mask.Mask, g layout.Geometry, workers []spatialdropout.Workers, words ...string) {
	t.Helper()
	before := append([]T(nil), buf...)
	for name, do := range map[string]func(dst, src []T, m *mask.Mask, g layout.Geometry, workers ...spatialdropout.Workers) error{
		"Apply": spatialdropout.Apply[T], "AddTo": spatialdropout.AddTo[T],
	} {
		err := do(dst, src, m, g, workers...)
		wantError(t, name+" "+what, err, words...)
		if err := differ(buf, before, before); err != nil {
			t.Errorf("%s %s wrote before it failed: %v", name, what, err)
		}
	}
}

func TestApplyRefusesWhatDoesNotFit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x := dense(t, layout.NCHW, 2, 3, 4, 5)
	view := strided(t, []int{2, 3, 4}, []int{30, 8, 2}, 0, 1)
	padded := dense(t, layout.NCHW8c, 2, 3, 2, 2)
	drop := newDropout(t, 0.5)
	m := drop.Draw(x.geom)
	buf := values[float64](r, 300)
	dst, src := buf[:120], buf[150:270]

	refuses(t, "with negative workers", buf, dst, src, m, x.geom, []spatialdropout.Workers{-2}, "-2", "0 or more")
	refuses(t, "with workers twice", buf, dst, src, m, x.geom, []spatialdropout.Workers{1, 5}, "1", "5", "one number")
	refuses(t, "with short dst", buf, dst[:119], src, m, x.geom, nil, "dst", "119", "120")
	refuses(t, "with long dst", buf, buf[:121], src, m, x.geom, nil, "dst", "121", "120")
	refuses(t, "with short src", buf, dst, src[:7], m, x.geom, nil, "src", "7", "120")
	refuses(t, "with long src", buf, dst, buf[150:271], m, x.geom, nil, "src", "121", "120")
	refuses(t, "with no dst", buf, nil, src, m, x.geom, nil, "dst", "0 elements", "120")
	refuses(t, "with no src", buf, dst, nil, m, x.geom, nil, "src", "0 elements", "120")
	refuses(t, "with elements for no tensor", buf, dst, src, newDropout(t, 0.5).Draw(layout.Geometry{}), layout.Geometry{}, nil, "120", "want 0")

	vm := drop.Draw(view.geom)
	refuses(t, "with dst short of a view", buf, buf[:view.length-1], src, vm, view.geom, nil, "dst", fmt.Sprint(view.length-1), fmt.Sprint(view.length), "more")
	refuses(t, "with src short of a view", buf, dst, src[:view.length-1], vm, view.geom, nil, "src", fmt.Sprint(view.length-1), fmt.Sprint(view.length), "more")
	pm := drop.Draw(padded.geom)
	refuses(t, "with dst without padding", buf, buf[:24], src[:64], pm, padded.geom, nil, "dst", "24", "64")

	refuses(t, "without a mask", buf, dst, src, nil, x.geom, nil, "no mask")
	for _, dims := range [][]int{{2, 4}, {3, 3}, {3, 2}, {1, 6}, {6, 1}, {0, 3}} {
		other := drop.Draw(dense(t, layout.NC, dims...).geom)
		refuses(t, fmt.Sprintf("with a mask of %v", dims), buf, dst, src, other, x.geom, nil, fmt.Sprintf("%d×%d", dims[0], dims[1]), "2×3")
	}
	refuses(t, "with the zero mask", buf, dst, src, new(mask.Mask), x.geom, nil, "0×0", "2×3")

	empty := dense(t, layout.NCHW, 2, 3, 0, 5)
	refuses(t, "without a mask for no elements", buf, nil, nil, nil, empty.geom, nil, "no mask")
	refuses(t, "with a mask of another empty tensor", buf, nil, nil, drop.Draw(dense(t, layout.NC, 4, 3).geom), empty.geom, nil, "4×3", "2×3")
}

func TestApplyRefusesPartialOverlap(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	drop := newDropout(t, 0.5)
	for _, x := range []tensor{
		dense(t, layout.NCHW, 2, 3, 4, 5), dense(t, layout.NHWC, 2, 4, 5, 3), dense(t, layout.NCHW8c, 2, 3, 2, 2),
		strided(t, []int{2, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1), strided(t, []int{2, 4, 5, 3}, []int{140, 35, 7, 1}, 0, 3),
	} {
		taken := make(map[int]bool)
		for _, p := range x.places {
			taken[p.at] = true
		}
		for _, at := range x.padding {
			taken[at] = true
		}
		m := drop.Draw(x.geom)
		buf := values[float32](r, 2*x.length+2)
		overlaps := 0
		for distance := 1; distance <= x.length; distance++ {
			shared := false
			for at := range taken {
				shared = shared || taken[at+distance]
			}
			low, high := buf[:x.length], buf[distance:][:x.length]
			for _, c := range []struct {
				dst, src []float32
				bytes    int
			}{{high, low, 4 * distance}, {low, high, -4 * distance}} {
				before := append([]float32(nil), buf...)
				if !shared {
					if err := spatialdropout.Apply(c.dst, c.src, m, x.geom); err != nil {
						t.Fatalf("%s: %d elements apart share nothing: %v", x.name, distance, err)
					}
					copy(buf, before)
					continue
				}
				overlaps++
				err := spatialdropout.Apply(c.dst, c.src, m, x.geom)
				var overlap *kernel.OverlapError
				if !errors.As(err, &overlap) {
					t.Fatalf("%s: %d elements apart: %v, want a *kernel.OverlapError", x.name, distance, err)
				}
				if overlap.Distance != c.bytes {
					t.Errorf("%s: distance of %d bytes, want %d", x.name, overlap.Distance, c.bytes)
				}
				wantError(t, x.name, err, fmt.Sprint(overlap.Distance), "overlap", "dst = src")
				refuses(t, x.name, buf, c.dst, c.src, m, x.geom, []spatialdropout.Workers{3}, "overlap")
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

func TestApplyTakesExactAliasingAndNeighbours(t *testing.T) {
	x := dense(t, layout.NCHW, 2, 3, 4, 5)
	m := newDropout(t, 0.5).Draw(x.geom)
	buf := make([]float32, 2*x.length)
	for _, s := range [][2][]float32{
		{buf[:x.length], buf[:x.length]}, {buf[:x.length], buf[x.length:]}, {buf[x.length:], buf[:x.length]},
	} {
		if err := spatialdropout.Apply(s[0], s[1], m, x.geom); err != nil {
			t.Error(err)
		}
	}
}

func TestEmptyTensorsAreFine(t *testing.T) {
	drop := newDropout(t, 0.5)
	for _, x := range []tensor{
		dense(t, layout.NCHW, 0, 3, 4, 5), dense(t, layout.NCHW, 2, 0, 4, 5), dense(t, layout.NHWC, 2, 4, 0, 5), dense(t, layout.CHW, 0, 0, 0),
		dense(t, layout.NCHW16c, 2, 3, 4, 0), strided(t, []int{0, 3}, []int{3, 1}, 0, 1), {name: "the zero Geometry"},
	} {
		m := drop.Draw(x.geom)
		if m.Samples() != x.geom.Samples() || m.Channels() != x.geom.Channels() {
			t.Errorf("%s: mask of %d×%d", x.name, m.Samples(), m.Channels())
		}
		if err := spatialdropout.Apply(nil, []float32{}, m, x.geom); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if err := spatialdropout.AddTo([]float64{}, nil, m, x.geom, 2); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}
