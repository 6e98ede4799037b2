package layout_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/extreme"
	"github.com/spatialdropout/spatialdropout/layout"
)

// ints returns some numbers, or none.
func ints(r *rand.Rand) []int {
	n := extreme.One(r, 0, 1, 2, 3, 4, 4, 5, 7, 9, 300)
	if n == 0 {
		return nil
	}
	all := make([]int, n)
	for i := range all {
		all[i] = extreme.Int(r)
	}
	return all
}

// Nils, zero values and extreme numbers give an error of this package, or a geometry that
// keeps its promises.
func TestExtremes(t *testing.T) {
	runs := uint64(4000)
	if testing.Short() {
		runs /= 8
	}
	geometries := make([]layout.Geometry, 1)
	taken := 0
	for seed := range runs {
		r := rand.New(rand.NewPCG(30, seed))
		keep := func(g layout.Geometry, err error) error {
			if err != nil {
				if g != (layout.Geometry{}) {
					t.Fatalf("seed %d: %v with the error %v", seed, g, err)
				}
				return err
			}
			taken++
			if g.Samples() < 0 || g.Channels() < 0 || g.PaddedChannels() < g.Channels() || g.Spatial() < 0 || g.Len() < 0 {
				t.Fatalf("seed %d: %v with a negative number", seed, g)
			}
			for _, l := range g.Loops() {
				if l.Size < 0 || l.Dst < 0 || l.Factor < 0 || l.Src != l.Dst || (l.Size == 0) != (g.Len() == 0) {
					t.Fatalf("seed %d: %v with loops %v", seed, g, g.Loops())
				}
			}
			if len(geometries) < 500 {
				geometries = append(geometries, g)
			} else {
				geometries[r.IntN(len(geometries))] = g
			}
			return nil
		}
		order := layout.Order(extreme.One(r, 0, 1, 2, 3, 7, 13, 14, 15, 16, 17, 18, 255))
		dims, strides := ints(r), ints(r)
		if r.IntN(2) == 0 && len(dims) > 0 {
			strides = make([]int, len(dims))
			for i := range strides {
				strides[i] = extreme.Int(r)
			}
		}
		sample, channel := extreme.Int(r), extreme.Int(r)
		extreme.Check(t, func() string { return fmt.Sprintf("%v.Of(%v)", order, dims) }, func() error {
			return keep(order.Of(dims...))
		})
		extreme.Check(t, func() string { return fmt.Sprintf("Strided(%v, %v, %d, %d)", dims, strides, sample, channel) }, func() error {
			return keep(layout.Strided(dims, strides, sample, channel))
		})
		noise := append([]int{}, dims...)
		for i := range noise {
			if r.IntN(2) == 0 {
				noise[i] = 1
			}
		}
		if r.IntN(8) == 0 {
			noise = strides
		}
		extreme.Check(t, func() string { return fmt.Sprintf("NoiseShape(%v, %v)", dims, noise) }, func() error {
			return keep(layout.NoiseShape(dims, noise))
		})
		extreme.Check(t, func() string { return fmt.Sprintf("%v.Strided(%v, %v)", order, dims, strides) }, func() error {
			return keep(order.Strided(dims, strides))
		})
		name := extreme.One(r, "", "NCHW", "nhwc", "\x00", strings.Repeat("x", 1<<16), strings.Repeat("\xff", 1<<16))
		extreme.Check(t, func() string { return fmt.Sprintf("Parse(%.20q)", name) }, func() error {
			_, err := layout.Parse(name)
			return err
		})
		a, b := extreme.One(r, geometries...), extreme.One(r, geometries...)
		extreme.Check(t, func() string { return fmt.Sprintf("Join(%v, %v)", a, b) }, func() error {
			n, err := layout.Join(a, b)
			for _, p := range n.Parts() {
				if p.Dst < 0 || p.Src < 0 || p.Factor < 0 || len(p.Loops()) == 0 {
					t.Fatalf("seed %d: Join(%v, %v) has the part %+v", seed, a, b, p)
				}
			}
			return err
		})
		channels := extreme.Int(r)
		extreme.Check(t, func() string { return fmt.Sprintf("Packed(%d) of %v", channels, a) }, func() error {
			p, ok := a.Packed(channels)
			if ok && (p.Channels() != channels || p.Samples() != a.Samples() || p.Spatial() != a.Spatial() || p.View()) {
				t.Fatalf("seed %d: %v with %d channels is %v", seed, a, channels, p)
			}
			if !ok && channels >= 0 && channels <= a.Channels() && a.PaddedChannels() == a.Channels() && a.Len() > 0 && a.PaddedChannels() < 8 {
				t.Fatalf("seed %d: %v has no geometry with %d channels", seed, a, channels)
			}
			return nil
		})
		extreme.Check(t, func() string { return fmt.Sprintf("String of %v", order) }, func() error {
			if text := order.String() + a.String(); len(text) > 1000 {
				t.Fatalf("seed %d: %d bytes of %q", seed, len(text), text)
			}
			return nil
		})
	}
	if taken < int(runs)/20 {
		t.Errorf("%d geometries of %d calls, want a twentieth", taken, 4*runs)
	}
}

// The zero values are empty.
func TestZeroValues(t *testing.T) {
	var g layout.Geometry
	if g.Len() != 0 || g.Samples() != 0 || g.Channels() != 0 || g.Spatial() != 0 || g.PaddedChannels() != 0 || g.View() || g.Planes() || g.Pixels() || len(g.Loops()) != 1 || g.Loops()[0] != (layout.Loop{}) {
		t.Errorf("the zero Geometry is %v with loops %v", g, g.Loops())
	}
	if p, ok := g.Packed(0); !ok || p.Len() != 0 {
		t.Errorf("the zero Geometry is packed as %v, %v", p, ok)
	}
	var n layout.Nest
	if len(n.Parts()) != 0 {
		t.Errorf("the zero Nest has parts %v", n.Parts())
	}
	var p layout.Part
	if loops := p.Loops(); len(loops) != 1 || loops[0] != (layout.Loop{}) {
		t.Errorf("the zero Part has loops %v", loops)
	}
	if n, err := layout.Join(g, g); err != nil || len(n.Parts()) != 1 {
		t.Errorf("the zero Geometry joined with itself: %v, %v", n.Parts(), err)
	}
}
