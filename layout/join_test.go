package layout_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
)

// shape is samples, channels and spatial dims.
type shape struct {
	samples, channels int
	spatial           []int
}

// each calls f with every index: n, c, and then the position.
func (s shape) each(f func(index []int)) {
	dims := append([]int{s.samples, s.channels}, s.spatial...)
	elements(dims, make([]int, len(dims)), func(index []int, _ int) { f(index) })
}

// tensor is a geometry and where, by the oracle's own reckoning, the element of an
// index lies.
type tensor struct {
	name  string
	geom  layout.Geometry
	place func(index []int) int
	block int // channels of a group, 0 if not blocked
}

// blocked returns the tensor of a blocked order.
func blocked(t testing.TB, o layout.Order, block int, s shape) tensor {
	h, w := 1, 1
	switch len(s.spatial) {
	case 1:
		w = s.spatial[0]
	case 2:
		h, w = s.spatial[0], s.spatial[1]
	}
	g, err := o.Of(s.samples, s.channels, h, w)
	if err != nil {
		t.Fatal(err)
	}
	groups := (s.channels + block - 1) / block
	return tensor{fmt.Sprint(o), g, func(index []int) int {
		at := 0
		for _, i := range index[2:] {
			at = at*w + i
		}
		return ((index[0]*groups+index[1]/block)*h*w+at)*block + index[1]%block
	}, block}
}

// strided returns a view whose axes (n, c and the spatial ones) lie in the given
// order, outermost first, each with a gap after what lies inside it.
func strided(t testing.TB, s shape, order, gaps []int) tensor {
	dims := append([]int{s.samples, s.channels}, s.spatial...)
	strides := make([]int, len(dims))
	stride := 1
	for k := len(order) - 1; k >= 0; k-- {
		stride += gaps[k]
		strides[order[k]] = stride
		stride *= max(dims[order[k]], 1)
	}
	g, err := layout.Strided(dims, strides, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return tensor{fmt.Sprintf("axes %v with gaps %v", order, gaps), g, func(index []int) int {
		at := 0
		for i, stride := range strides {
			at += index[i] * stride
		}
		return at
	}, 0}
}

// permutations calls f with every order of the numbers below n.
func permutations(n int, f func([]int)) {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	var next func(k int)
	next = func(k int) {
		if k == n {
			f(append([]int(nil), all...))
			return
		}
		for i := k; i < n; i++ {
			all[k], all[i] = all[i], all[k]
			next(k + 1)
			all[k], all[i] = all[i], all[k]
		}
	}
	next(0)
}

// tensors returns tensors of a shape that lie in every way: each order of the axes,
// without gaps and with some, and blocked.
func tensors(t testing.TB, s shape) (all []tensor) {
	rank := 2 + len(s.spatial)
	permutations(rank, func(order []int) {
		for gaps := range 1 << rank {
			if gaps&(gaps-1) != 0 && gaps != 1<<rank-1 {
				continue // none, one or all
			}
			wide := make([]int, rank)
			for i := range wide {
				wide[i] = gaps >> i & 1 * (2 + i)
			}
			all = append(all, strided(t, s, order, wide))
		}
	})
	if len(s.spatial) <= 2 {
		all = append(all, blocked(t, layout.NCHW8c, 8, s), blocked(t, layout.NCHW16c, 16, s))
	}
	return all
}

// pair is where an element is taken from, and the entry of its factor.
type pair struct{ src, factor int }

// nowhere is no pair: nothing lies there.
var nowhere = pair{-1 << 30, 0}

// joined is the memory of checkJoin, which is called very often.
var joined struct{ want, got []pair }

// checkJoin compares Join with the places of the oracle.
func checkJoin(t *testing.T, s shape, dst, src tensor) {
	t.Helper()
	fail := func(format string, args ...any) { // formats no name of a check that passes
		t.Helper()
		t.Fatalf("%+v, dst %s, src %s: %s", s, dst.name, src.name, fmt.Sprintf(format, args...))
	}
	n, err := layout.Join(dst.geom, src.geom)
	if err != nil {
		fail("%v", err)
	}
	const padding = -1
	pitch := dst.geom.PaddedChannels()
	// For each place of dst what is taken to it.
	want, got := joined.want[:0], joined.got[:0]
	count := 0
	put := func(at int, p pair) {
		for len(want) <= at {
			want = append(want, nowhere)
		}
		if want[at] != nowhere {
			fail("the oracle puts two elements at %d", at)
		}
		want[at] = p
		count++
	}
	s.each(func(index []int) {
		put(dst.place(index), pair{src.place(index), index[0]*pitch + index[1]})
	})
	if pitch > s.channels {
		more := shape{s.samples, pitch, s.spatial}
		more.each(func(index []int) {
			if index[1] < s.channels {
				return
			}
			p := pair{padding, index[0]*pitch + index[1]}
			if dst.geom == src.geom {
				p.src = dst.place(index)
			}
			put(dst.place(index), p)
		})
	}
	for range want {
		got = append(got, nowhere)
	}
	joined.want, joined.got = want, got
	visited := 0
	parts := n.Parts()
	for i := range parts {
		part := &parts[i]
		loops := part.Loops()
		reach, single := 1, len(loops) == 1
		for k := len(loops) - 1; k >= 0; k-- {
			l := loops[k]
			if l.Size == 0 && count > 0 || l.Size == 1 && !single || l.Dst < reach && l.Size > 0 {
				fail("part %d has loops %v, which do not nest or have steps too few", i, loops)
			}
			if k > 0 {
				if o := loops[k-1]; o.Dst == l.Size*l.Dst && o.Src == l.Size*l.Src && o.Factor == l.Size*l.Factor {
					fail("part %d has loops %v, two of which are one", i, loops)
				}
			}
			reach += (l.Size - 1) * l.Dst
		}
		each(loops, func(at, from, factor int) {
			at, from, factor = at+part.Dst, from+part.Src, factor+part.Factor
			if at < 0 || at >= len(got) || want[at] == nowhere {
				fail("%v visit %d of dst, where no element lies", parts, at)
			}
			if got[at] != nowhere {
				fail("%v visit %d of dst twice", parts, at)
			}
			if part.Padding {
				if from != at {
					fail("padding at %d has its source at %d, want itself", at, from)
				}
				from = padding
			}
			got[at] = pair{from, factor}
			visited++
		})
	}
	if visited != count {
		fail("%v visit %d elements, want %d", parts, visited, count)
	}
	for at, p := range want {
		if got[at] != p {
			fail("%v take element %d of src with factor %d to %d of dst, want %d with %d", parts, got[at].src, got[at].factor, at, p.src, p.factor)
		}
	}
	if dst.geom == src.geom {
		g := dst.geom
		if len(parts) != 1 || parts[0].Dst != 0 || parts[0].Src != 0 || parts[0].Factor != 0 || parts[0].Padding || fmt.Sprint(parts[0].Loops()) != fmt.Sprint(g.Loops()) {
			fail("%+v, want one part with loops %v", parts, g.Loops())
		}
	} else if dst.block == 0 && src.block == 0 && len(parts) != 1 {
		fail("%d parts without a blocked order", len(parts))
	}
}

func TestJoinMatchesBruteForce(t *testing.T) {
	for _, spatial := range [][]int{{}, {1}, {3}, {2, 3}, {1, 2}, {0, 2}} {
		for samples := range 3 {
			for _, channels := range []int{0, 1, 2, 3, 7, 8, 9, 16, 17, 24, 28, 32, 35} {
				s := shape{samples, channels, spatial}
				all := tensors(t, s)
				for i, dst := range all {
					for k, src := range all {
						// How many channels there are matters to blocked orders alone.
						if dst.block == 0 && src.block == 0 && channels > 2 && (channels > 3 || (i+k)%8 > 0) {
							continue
						}
						if testing.Short() && (i+k+samples)%5 > 0 && dst.geom != src.geom {
							continue
						}
						checkJoin(t, s, dst, src)
					}
				}
			}
		}
	}
}

// Six loops are enough for three spatial dims that lie in any two ways.
func TestJoinOfThreeSpatialDims(t *testing.T) {
	s := shape{2, 3, []int{2, 3, 2}}
	r := rand.New(rand.NewPCG(1, 2))
	all := tensors(t, s)
	for range 1500 {
		checkJoin(t, s, all[r.IntN(len(all))], all[r.IntN(len(all))])
	}
}

func TestJoinRefusesDifferentShapes(t *testing.T) {
	of := func(o layout.Order, dims ...int) layout.Geometry {
		g, err := o.Of(dims...)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	for _, c := range []struct {
		what     string
		dst, src layout.Geometry
		words    []string
	}{
		{"other samples", of(layout.NCHW, 2, 3, 4, 5), of(layout.NHWC, 3, 4, 5, 3), []string{"dst of 2×3 channels of 4×5", "src of 3×3"}},
		{"other channels", of(layout.NCHW, 2, 3, 4, 5), of(layout.NHWC, 2, 4, 5, 4), []string{"2×3", "2×4"}},
		{"other channels of one group", of(layout.NCHW8c, 2, 3, 4, 5), of(layout.NCHW8c, 2, 4, 4, 5), []string{"2×3", "2×4"}},
		{"height and width exchanged", of(layout.NCHW, 2, 3, 4, 5), of(layout.NHWC, 2, 5, 4, 3), []string{"of 4×5", "of 5×4", "the same"}},
		{"spatial dims made one", of(layout.NCHW, 2, 3, 4, 5), of(layout.NCW, 2, 3, 20), []string{"of 4×5", "of 20"}},
		{"no spatial dims", of(layout.NC, 2, 3), of(layout.NCW, 2, 3, 2), []string{"of 1 ", "of 2,"}},
		{"no spatial dims, and one that is 0", of(layout.NC, 2, 3), of(layout.NCW, 2, 3, 0), []string{"of 1 ", "of 0,"}},
		{"empty tensors", of(layout.NCHW, 2, 3, 0, 5), of(layout.NCHW, 2, 3, 5, 0), []string{"of 0×5", "of 5×0"}},
		{"an empty tensor and none", of(layout.NCHW, 0, 3, 4, 5), layout.Geometry{}, []string{"0×3", "0×0"}},
	} {
		n, err := layout.Join(c.dst, c.src)
		wantError(t, c.what, err, append(c.words, "layout: ", "want")...)
		var refused *layout.ArgumentError
		if len(n.Parts()) != 0 || !errors.As(err, &refused) || refused.Argument != "src" {
			t.Errorf("%s: %v with an error %#v", c.what, n.Parts(), err)
		}
	}
	for _, pair := range [][2]layout.Geometry{
		{of(layout.NCHW, 2, 3, 1, 5), of(layout.NWC, 2, 5, 3)},
		{of(layout.NCHW8c, 1, 3, 1, 1), of(layout.CW, 3, 1)},
		{{}, {}},
	} {
		if _, err := layout.Join(pair[0], pair[1]); err != nil {
			t.Errorf("dims of 1 count: %v", err)
		}
	}
}

func TestJoinRefusesTooManyLoops(t *testing.T) {
	six := shape{2, 2, []int{2, 2, 2, 2}}
	gaps := make([]int, 6)
	checkJoin(t, six, strided(t, six, []int{0, 1, 2, 3, 4, 5}, gaps), strided(t, six, []int{5, 4, 3, 2, 1, 0}, gaps))
	dims := []int{2, 2, 2, 2, 2, 2, 2}
	dense, err := layout.ChannelsFirst.Of(dims...)
	if err != nil {
		t.Fatal(err)
	}
	turned, err := layout.Strided(dims, []int{1, 2, 4, 8, 16, 32, 64}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = layout.Join(dense, turned)
	wantError(t, "seven axes turned round", err, "2×2 channels of 2×2×2×2×2", "at most 6 loops")
	var refused *layout.ArgumentError
	if !errors.As(err, &refused) || refused.Argument != "src" {
		t.Errorf("%#v", err)
	}
}

// FuzzJoin compares Join with the oracle of its tests. Which axes lie where, and with
// what gaps, is drawn from the seed.
func FuzzJoin(f *testing.F) {
	f.Add(uint8(2), uint8(20), []byte{3, 2}, uint64(1))
	f.Add(uint8(1), uint8(28), []byte{5}, uint64(2))
	f.Add(uint8(3), uint8(3), []byte{2, 3, 2}, uint64(3))
	f.Add(uint8(0), uint8(3), []byte{}, uint64(4))
	f.Add(uint8(2), uint8(2), []byte{2, 1, 0, 2}, uint64(5))
	for seed := range uint64(40) {
		f.Add(uint8(1+seed%3), uint8(seed), []byte{2, 3, 1}[:seed%4], seed)
	}
	f.Fuzz(func(t *testing.T, samples, channels uint8, spatial []byte, seed uint64) {
		s := shape{samples: int(samples % 8), channels: int(channels % 64), spatial: []int{}}
		count := s.samples * max(s.channels, 1)
		for _, d := range spatial[:min(len(spatial), 4)] {
			d := int(d % 8)
			if count *= max(d, 1); count > 4000 {
				return
			}
			s.spatial = append(s.spatial, d)
		}
		r := rand.New(rand.NewPCG(seed, 0))
		lie := func() tensor {
			if k := r.IntN(6); len(s.spatial) <= 2 && k < 2 {
				return blocked(t, []layout.Order{layout.NCHW8c, layout.NCHW16c}[k], 8<<k, s)
			}
			gaps := make([]int, 2+len(s.spatial))
			for i := range gaps {
				gaps[i] = max(0, r.IntN(8)-4)
			}
			return strided(t, s, r.Perm(len(gaps)), gaps)
		}
		checkJoin(t, s, lie(), lie())
	})
}
