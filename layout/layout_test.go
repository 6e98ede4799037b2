package layout_test

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/layout"
)

// wantError fails the test unless err contains all the words.
func wantError(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want one with %q", what, words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not contain %q", what, err, w)
		}
	}
}

// rank is the number of dims of each order that takes a fixed number.
var rank = map[layout.Order]int{
	layout.NCHW: 4, layout.NHWC: 4, layout.NCW: 3, layout.NWC: 3, layout.NCDHW: 5, layout.NDHWC: 5,
	layout.CHW: 3, layout.HWC: 3, layout.CW: 2, layout.WC: 2, layout.CDHW: 4, layout.DHWC: 4,
	layout.NC: 2, layout.NCHW8c: 4, layout.NCHW16c: 4,
}

func TestParseRoundTrip(t *testing.T) {
	seen := make(map[string]bool)
	for _, o := range layout.Orders() {
		name := o.String()
		if seen[name] {
			t.Errorf("two orders are called %s", name)
		}
		seen[name] = true
		for _, spelled := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if got, err := layout.Parse(spelled); got != o || err != nil {
				t.Errorf("Parse(%q) = %v, %v, want %v", spelled, got, err, o)
			}
		}
	}
	if len(seen) != 17 {
		t.Errorf("%d orders, want 17", len(seen))
	}
}

func TestParseListsKnownNamesOnError(t *testing.T) {
	for _, name := range []string{"", "NCWH", "NCHW ", "NCHW4c", "NCHW8", "channelsfirst", "channels first", "Order(1)", "NCHWNCHW", "\x00"} {
		o, err := layout.Parse(name)
		wantError(t, "Parse("+name+")", err, fmt.Sprintf("%q", name), "NCHW", "NHWC", "NCHW16c", "channels_first", "channels_last")
		var unknown *layout.ArgumentError
		if o != 0 || !errors.As(err, &unknown) || unknown.Argument != "order" || unknown.Given != fmt.Sprintf("unknown axis order %q", name) {
			t.Errorf("Parse(%q) gave %v with an error %#v", name, o, err)
		}
	}
}

// refuses reports whether err refuses an argument.
func refuses(err error, argument string) bool {
	var refused *layout.ArgumentError
	return errors.As(err, &refused) && refused.Argument == argument
}

func TestUnknownOrderIsAnError(t *testing.T) {
	for _, o := range []layout.Order{0, layout.ChannelsLast + 1, 200, 255} {
		if want := fmt.Sprintf("Order(%d)", uint8(o)); o.String() != want {
			t.Errorf("%d is called %s, want %s", uint8(o), o, want)
		}
		for _, dims := range [][]int{nil, {1}, {1, 2}, {1, 2, 3, 4}} {
			g, err := o.Of(dims...)
			wantError(t, "Of", err, fmt.Sprintf("Order(%d)", uint8(o)), "unknown axis order", "NCHW16c")
			if strided, stridedErr := o.Strided(dims, dims); fmt.Sprint(stridedErr) != fmt.Sprint(err) || strided != (layout.Geometry{}) {
				t.Errorf("%v.Strided(%v) gave %v and the error %v, want that of Of: %v", o, dims, strided, stridedErr, err)
			}
			if g != (layout.Geometry{}) {
				t.Errorf("%v.Of(%v) gave %v with an error", o, dims, g)
			}
		}
	}
}

func TestOfRefusesWrongRank(t *testing.T) {
	dims := []int{3, 4, 5, 6, 7, 8, 9}
	for _, o := range layout.Orders() {
		for n := 0; n <= len(dims); n++ {
			given := dims[:n]
			g, err := o.Of(given...)
			want, fixed := rank[o]
			if fixed && n == want || !fixed && n >= 2 {
				if err != nil {
					t.Errorf("%v.Of(%v): %v", o, given, err)
				}
				continue
			}
			expected := fmt.Sprintf("want %d", want)
			if !fixed {
				expected = "want 2 or more"
			}
			strided, stridedErr := o.Strided(given, make([]int, n))
			if fmt.Sprint(stridedErr) != fmt.Sprint(err) || strided != (layout.Geometry{}) {
				t.Errorf("%v.Strided of dims %v gave %v and the error %v, want that of Of: %v", o, given, strided, stridedErr, err)
			}
			if !refuses(err, "dims") || !refuses(stridedErr, "shape") {
				t.Errorf("%v of %v: Of gave the error %#v, and Strided %#v, want those of dims and of shape", o, given, err, stridedErr)
			}
			wantError(t, fmt.Sprintf("%v.Of(%v)", o, given), err, o.String(), expected, fmt.Sprintf("of %d dims", n), fmt.Sprint(given))
			if g != (layout.Geometry{}) {
				t.Errorf("%v.Of(%v) gave %v with an error", o, given, g)
			}
		}
	}
}

func TestOfRefusesNegativeDims(t *testing.T) {
	for _, o := range layout.Orders() {
		n := max(rank[o], 2)
		for i := range n {
			for _, d := range []int{-1, math.MinInt} {
				dims := make([]int, n) // a zero besides must not hide it
				dims[i] = d
				g, err := o.Of(dims...)
				wantError(t, fmt.Sprintf("%v.Of(%v)", o, dims), err, o.String(), fmt.Sprintf("dim %d is %d", i, d), "want 0 or more")
				if g != (layout.Geometry{}) {
					t.Errorf("%v.Of(%v) gave %v with an error", o, dims, g)
				}
			}
		}
	}
}

func TestOfRefusesOverflow(t *testing.T) {
	const half = 1 << (bits.UintSize/2 - 1) // twice its square overflows an int
	for _, dims := range [][]int{
		{math.MaxInt, 2, 1, 1}, {1, 1, 2, math.MaxInt}, {half, half, 2, 1}, {half, half, half, half}, {math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt},
		// A zero among huge ones: the sizes that are left still overflow.
		{0, half, half, 2}, {math.MaxInt, 0, 3, 1}, {math.MaxInt, math.MaxInt, 0, 1}, {half, half, 4, 0},
		// The product wraps around to a small number.
		{half, half, 4, 1}, {half * 2 * 2, half, 1, 1},
	} {
		for _, o := range []layout.Order{layout.NCHW, layout.NHWC, layout.ChannelsFirst, layout.ChannelsLast, layout.NCHW8c, layout.NCHW16c, layout.CDHW} {
			g, err := o.Of(dims...)
			wantError(t, fmt.Sprintf("%v.Of(%v)", o, dims), err, o.String(), fmt.Sprint(dims), "want a number of elements that fits in an int")
			if g != (layout.Geometry{}) {
				t.Errorf("%v.Of(%v) gave %v with an error", o, dims, g)
			}
		}
	}
	// Only rounding up to a full group overflows.
	for _, c := range []int{math.MaxInt, math.MaxInt - 3} {
		_, err := layout.NCHW8c.Of(1, c, 1, 1)
		wantError(t, "a padded group too many", err, fmt.Sprint(c), "fits in an int")
		_, err = layout.NCHW16c.Of(0, c, 0, 0)
		wantError(t, "a padded group too many in an empty tensor", err, fmt.Sprint(c), "fits in an int")
	}
	if g, err := layout.NC.Of(math.MaxInt, 1); err != nil || g.Len() != math.MaxInt {
		t.Errorf("the largest tensor: %v, %v", g, err)
	}
	if g, err := layout.NCHW.Of(math.MaxInt, 0, 1, 1); err != nil || g.Len() != 0 {
		t.Errorf("a huge dim beside a zero: %v, %v", g, err)
	}
	if g, err := layout.NCHW8c.Of(1, math.MaxInt-8, 1, 1); err != nil || g.Len() != math.MaxInt-7 {
		t.Errorf("the largest blocked tensor: %v, %v", g, err)
	}
}

func TestGeometryComparesByValue(t *testing.T) {
	a, err := layout.NCHW.Of(2, 3, 4, 5)
	if err != nil {
		t.Fatal(err)
	}
	b, err := layout.ChannelsFirst.Of(2, 3, 4, 5)
	if err != nil {
		t.Fatal(err)
	}
	c, err := layout.NHWC.Of(2, 4, 5, 3)
	if err != nil {
		t.Fatal(err)
	}
	if a != b {
		t.Errorf("%v and %v are the same tensor and differ", a, b)
	}
	if a == c {
		t.Errorf("NCHW and NHWC are equal")
	}
	if s := a.String(); !strings.Contains(s, "2×3") || !strings.Contains(s, "4×5") {
		t.Errorf("described as %q", s)
	}
	v, err := layout.Strided([]int{2, 3}, []int{7, 2}, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	if s := v.String(); !strings.Contains(s, "2×3") || !strings.Contains(s, "view of 12") {
		t.Errorf("described as %q", s)
	}
}

func TestDenseGeometryCounts(t *testing.T) {
	for _, c := range []struct {
		order                              layout.Order
		dims                               []int
		samples, channels, spatial, padded int
	}{
		{layout.NCHW, []int{2, 3, 4, 5}, 2, 3, 20, 3},
		{layout.NHWC, []int{2, 4, 5, 3}, 2, 3, 20, 3},
		{layout.NCW, []int{2, 3, 7}, 2, 3, 7, 3},
		{layout.NWC, []int{2, 7, 3}, 2, 3, 7, 3},
		{layout.NCDHW, []int{2, 3, 4, 5, 6}, 2, 3, 120, 3},
		{layout.NDHWC, []int{2, 4, 5, 6, 3}, 2, 3, 120, 3},
		{layout.CHW, []int{3, 4, 5}, 1, 3, 20, 3},
		{layout.HWC, []int{4, 5, 3}, 1, 3, 20, 3},
		{layout.CW, []int{3, 4}, 1, 3, 4, 3},
		{layout.WC, []int{4, 3}, 1, 3, 4, 3},
		{layout.CDHW, []int{3, 4, 5, 6}, 1, 3, 120, 3},
		{layout.DHWC, []int{4, 5, 6, 3}, 1, 3, 120, 3},
		{layout.NC, []int{2, 3}, 2, 3, 1, 3},
		{layout.NCHW8c, []int{2, 3, 4, 5}, 2, 3, 20, 8},
		{layout.NCHW8c, []int{2, 8, 4, 5}, 2, 8, 20, 8},
		{layout.NCHW16c, []int{2, 17, 4, 5}, 2, 17, 20, 32},
		{layout.ChannelsFirst, []int{2, 3}, 2, 3, 1, 3},
		{layout.ChannelsFirst, []int{2, 3, 4, 5, 6, 7}, 2, 3, 840, 3},
		{layout.ChannelsLast, []int{2, 4, 5, 6, 7, 3}, 2, 3, 840, 3},
	} {
		g, err := c.order.Of(c.dims...)
		if err != nil {
			t.Errorf("%v.Of(%v): %v", c.order, c.dims, err)
			continue
		}
		if g.Samples() != c.samples || g.Channels() != c.channels || g.Spatial() != c.spatial || g.PaddedChannels() != c.padded || g.Len() != c.samples*c.padded*c.spatial || g.View() {
			t.Errorf("%v.Of(%v): %v, %d padded channels, %d elements, view %v", c.order, c.dims, g, g.PaddedChannels(), g.Len(), g.View())
		}
	}
}

func TestStridedRefuses(t *testing.T) {
	big := math.MaxInt/2 + 1
	for _, c := range []struct {
		what            string
		shape, strides  []int
		sample, channel int
		words           []string
	}{
		{"a stride too few", []int{2, 3}, []int{3}, 0, 1, []string{"2 dims", "1 strides", "[2 3]", "[3]"}},
		{"a stride too many", []int{2}, []int{3, 1}, layout.Unbatched, 0, []string{"1 dims", "2 strides"}},
		{"no axes", nil, nil, layout.Unbatched, 0, []string{"dims []", "want one dim or more"}},
		{"a channel axis that is not there", []int{2, 3}, []int{3, 1}, 0, 2, []string{"channel axis 2", "0 to 1"}},
		{"a negative channel axis", []int{2, 3}, []int{3, 1}, 0, -1, []string{"channel axis -1", "0 to 1"}},
		{"a sample axis that is not there", []int{2, 3}, []int{3, 1}, 2, 0, []string{"sample axis 2", "0 to 1", "Unbatched"}},
		{"a negative sample axis", []int{2, 3}, []int{3, 1}, -2, 0, []string{"sample axis -2", "Unbatched"}},
		{"one axis for both", []int{2, 3}, []int{3, 1}, 1, 1, []string{"axis 1", "samples", "channels", "want two axes"}},
		{"a negative dim", []int{2, -3}, []int{3, 1}, 0, 1, []string{"axis 1", "-3", "want neither negative"}},
		{"a negative dim beside a zero", []int{0, -3}, []int{3, 1}, 0, 1, []string{"axis 1", "-3", "want neither negative"}},
		{"a negative stride", []int{2, 3}, []int{-3, 1}, 0, 1, []string{"axis 0", "-3", "want neither negative"}},
		{"a negative stride of one step", []int{1, 3}, []int{-3, 1}, 0, 1, []string{"axis 0", "-3", "want neither negative"}},
		{"a stride of zero", []int{2, 3}, []int{0, 1}, 0, 1, []string{"overlap", "stride 0", "[2 3]", "[0 1]"}},
		{"a broadcast channel", []int{4, 3}, []int{1, 0}, 0, 1, []string{"overlap", "stride 0"}},
		{"all strides zero", []int{2, 2}, []int{0, 0}, 0, 1, []string{"overlap", "stride 0"}},
		{"rows one too near", []int{2, 3}, []int{2, 1}, 0, 1, []string{"overlap", "stride 2", "3 elements", "[2 3]", "[2 1]"}},
		{"two axes of one stride", []int{2, 3}, []int{4, 4}, 0, 1, []string{"overlap", "stride 4"}},
		{"a sliding window", []int{5, 3, 4}, []int{1, 1, 9}, 0, 1, []string{"overlap"}},
		{"a stride too far", []int{3, 2}, []int{big, 1}, 0, 1, []string{"overflow an int", fmt.Sprint(big)}},
		{"a last element too far", []int{2, 2}, []int{math.MaxInt, 1}, 0, 1, []string{"overflow an int"}},
		{"strides that wrap", []int{2, 5}, []int{big, big}, 0, 1, []string{fmt.Sprint(big)}},
		{"too many elements", []int{big, 2}, []int{1, 1}, 0, 1, []string{"want a number of elements that fits in an int"}},
		{"too many elements but for a zero", []int{big, 2, 0}, []int{1, 1, 1}, 0, 1, []string{"want a number of elements that fits in an int"}},
		{"seven axes with gaps", []int{2, 2, 2, 2, 2, 2, 2}, []int{2187, 729, 243, 81, 27, 9, 3}, 0, 1, []string{"7 axes", "at most 6"}},
	} {
		g, err := layout.Strided(c.shape, c.strides, c.sample, c.channel)
		wantError(t, c.what, err, append(c.words, "layout: ")...)
		var refused *layout.ArgumentError
		if g != (layout.Geometry{}) || !errors.As(err, &refused) || !slices.Contains([]string{"shape", "strides", "sampleAxis", "channelAxis"}, refused.Argument) {
			t.Errorf("%s: %v with an error %#v", c.what, g, err)
		}
	}
}

func TestSpatialDimsAreBounded(t *testing.T) {
	dims := []int{3, 4, 2, 1, 2, 2, 2, 2, 2, 1}
	g, err := layout.ChannelsFirst.Of(dims...)
	if err != nil || g.Spatial() != 64 || g.Len() != 768 {
		t.Errorf("ChannelsFirst.Of(%v): %v, %v", dims, g, err)
	}
	strides := []int{256, 64, 32, 32, 16, 8, 4, 2, 1, 1}
	if v, err := layout.Strided(dims, strides, 0, 1); err != nil || v != g {
		t.Errorf("Strided(%v, %v): %+v, %v, want %+v", dims, strides, v, err, g)
	}
	for _, seventh := range []int{2, 0} {
		dims[9] = seventh
		_, err := layout.ChannelsFirst.Of(dims...)
		wantError(t, "Of seven", err, "channels_first of 10 dims", "at most 6 spatial dims longer than 1")
		_, err = layout.Strided(dims, strides, 0, 1)
		wantError(t, "Strided of seven", err, fmt.Sprint(dims), "at most 6 spatial dims longer than 1")
	}
}

func TestStridedAcceptsUnusualStrides(t *testing.T) {
	for _, c := range []struct {
		what            string
		shape, strides  []int
		sample, channel int
		length          int
		view            bool
	}{
		{"any stride of one step", []int{1, 3, 1}, []int{math.MaxInt, 1, 0}, 0, 1, 3, true},
		{"a single element", []int{1}, []int{0}, layout.Unbatched, 0, 1, false},
		{"a single element of many", []int{1}, []int{2}, layout.Unbatched, 0, 1, true},
		{"overlap where there is nothing", []int{2, 3, 0}, []int{0, 0, 5}, 0, 1, 0, false},
		{"nothing in a wider tensor", []int{2, 3, 0}, []int{7, 0, 5}, 0, 1, 0, true},
		{"a reach of all an int counts", []int{2, 1}, []int{math.MaxInt - 1, 1}, 0, 1, math.MaxInt, true},
		{"six axes with gaps", []int{2, 2, 2, 2, 2, 2}, []int{729, 243, 81, 27, 9, 3}, 0, 1, 1093, true},
		{"seven axes that merge", []int{2, 2, 2, 2, 2, 2, 2}, []int{64, 32, 16, 8, 4, 2, 1}, 0, 1, 128, false},
		{"rows that touch", []int{2, 3}, []int{3, 1}, 0, 1, 6, false},
		{"rows that do not", []int{2, 3}, []int{4, 1}, 0, 1, 7, true},
		{"channels 2 to 4 of one sample of eight", []int{1, 3, 9}, []int{72, 9, 1}, 0, 1, 27, true},
		{"one row of many", []int{1, 1, 1, 5}, []int{20, 20, 5, 1}, 0, 1, 5, true},
		{"a single channel of many", []int{2, 1, 3}, []int{3, 9, 1}, 0, 1, 6, true},
		{"all rows there are", []int{1, 1, 1, 5}, []int{5, 5, 5, 1}, 0, 1, 5, false},
	} {
		shape, strides := append([]int(nil), c.shape...), append([]int(nil), c.strides...)
		g, err := layout.Strided(shape, strides, c.sample, c.channel)
		if err != nil || g.Len() != c.length || g.View() != c.view {
			t.Errorf("%s: %v, %d elements, view %v, %v, want %d, %v", c.what, g, g.Len(), g.View(), err, c.length, c.view)
		}
		if fmt.Sprint(shape, strides) != fmt.Sprint(c.shape, c.strides) {
			t.Errorf("%s: the arguments became %v and %v", c.what, shape, strides)
		}
	}
}

// elements calls f with every index into shape and its offset.
func elements(shape, strides []int, f func(index []int, offset int)) {
	index := make([]int, len(shape))
	var loop func(axis, offset int)
	loop = func(axis, offset int) {
		if axis == len(shape) {
			f(index, offset)
			return
		}
		for i := range shape[axis] {
			index[axis] = i
			loop(axis+1, offset+i*strides[axis])
		}
	}
	loop(0, 0)
}

// each calls f for every element that loops visit.
func each(loops []layout.Loop, f func(dst, src, factor int)) {
	var visit func(k, dst, src, factor int)
	visit = func(k, dst, src, factor int) {
		if k == len(loops) {
			f(dst, src, factor)
			return
		}
		for range loops[k].Size {
			visit(k+1, dst, src, factor)
			dst, src, factor = dst+loops[k].Dst, src+loops[k].Src, factor+loops[k].Factor
		}
	}
	visit(0, 0, 0, 0)
}

// walked returns, for every offset that the loops of g visit, the entry of the
// factors. It reports an offset visited twice.
func walked(t *testing.T, g layout.Geometry) map[int]int {
	t.Helper()
	all := make(map[int]int)
	each(g.Loops(), func(dst, src, factor int) {
		if _, ok := all[dst]; ok || src != dst {
			t.Errorf("%v: loops %v visit %d twice, or as %d of src", g, g.Loops(), dst, src)
		}
		all[dst] = factor
	})
	checkBlock(t, g, all)
	return all
}

// checkBlock compares what g says of planes and pixels with the factor of every element.
func checkBlock(t *testing.T, g layout.Geometry, factors map[int]int) {
	t.Helper()
	planes, pixels := len(factors) > 0 && len(factors) == g.Len(), len(factors) > 0 && len(factors) == g.Len()
	for at, factor := range factors {
		planes = planes && factor == at/g.Spatial()
		pixels = pixels && factor == at%(g.Samples()*g.PaddedChannels())
	}
	pixels = pixels && !planes // of a single element each, they are both
	if g.Planes() != planes || g.Pixels() != pixels {
		t.Errorf("%v is planes: %v, and pixels: %v, want %v and %v", g, g.Planes(), g.Pixels(), planes, pixels)
	}
}

// checkStrided compares a call of Strided with brute force: it must fail if two
// elements share a place, and otherwise may fail only if the axes do not nest.
// It reports whether the call succeeded.
func checkStrided(t *testing.T, shape, strides []int, sample, channel int) bool {
	t.Helper()
	owner := make(map[int]int)
	length, shared := 0, false
	elements(shape, strides, func(index []int, offset int) {
		n := 0
		if sample != layout.Unbatched {
			n = index[sample]
		}
		_, taken := owner[offset]
		shared = shared || taken
		owner[offset] = n*shape[channel] + index[channel]
		length = max(length, offset+1)
	})
	g, err := layout.Strided(shape, strides, sample, channel)
	if err != nil {
		if !shared && nests(shape, strides) {
			t.Errorf("Strided(%v, %v, %d, %d): %v", shape, strides, sample, channel, err)
		}
		return false
	}
	if shared {
		t.Errorf("Strided(%v, %v, %d, %d) accepts elements that share a place", shape, strides, sample, channel)
		return true
	}
	if g.Len() != length {
		t.Errorf("Strided(%v, %v, %d, %d) has length %d, want %d", shape, strides, sample, channel, g.Len(), length)
	}
	if got := walked(t, g); fmt.Sprint(got) != fmt.Sprint(owner) {
		t.Errorf("Strided(%v, %v, %d, %d) visits %v, want %v", shape, strides, sample, channel, got, owner)
	}
	return true
}

// nests reports by brute force whether every stride is at least as long as all
// that the shorter ones reach over, and whether at most six axes have more than
// one step.
func nests(shape, strides []int) bool {
	axes := 0
	for i, stride := range strides {
		if shape[i] < 2 {
			continue
		}
		axes++
		reach := 1
		for k, inner := range strides {
			if shape[k] > 1 && (inner < stride || inner == stride && k != i) {
				reach += (shape[k] - 1) * inner
			}
		}
		if stride < reach {
			return false
		}
	}
	return axes <= 6
}

func TestDenseLoopsVisitEachElementOnce(t *testing.T) {
	for _, o := range layout.Orders() {
		n := rank[o]
		if n == 0 {
			n = 5
		}
		for _, dims := range [][]int{{2, 3, 4, 5, 6}, {1, 3, 1, 5, 2}, {3, 1, 2, 1, 1}, {1, 1, 1, 1, 1}, {2, 17, 2, 1, 18}} {
			g, err := o.Of(dims[:n]...)
			if err != nil {
				t.Fatal(err)
			}
			all := walked(t, g)
			if len(all) != g.Len() {
				t.Errorf("%v.Of(%v) visits %d of %d elements", o, dims[:n], len(all), g.Len())
			}
			count := make(map[int]int)
			for at, factor := range all {
				if at < 0 || at >= g.Len() {
					t.Errorf("%v.Of(%v) visits %d of %d", o, dims[:n], at, g.Len())
				}
				count[factor]++
			}
			for f := range g.Samples() * g.PaddedChannels() {
				if count[f] != g.Spatial() {
					t.Errorf("%v.Of(%v): factor %d serves %d elements, want %d", o, dims[:n], f, count[f], g.Spatial())
				}
			}
		}
	}
}

func TestStridedMatchesBruteForce(t *testing.T) {
	accepted, refused := 0, 0
	for a := range 4 {
		for b := range 4 {
			for c := 1; c < 4; c++ {
				elements([]int{8, 7, 5}, []int{0, 0, 0}, func(strides []int, _ int) {
					for _, axes := range [][2]int{{0, 1}, {2, 0}, {layout.Unbatched, 2}} {
						if checkStrided(t, []int{a, b, c}, append([]int(nil), strides...), axes[0], axes[1]) {
							accepted++
						} else {
							refused++
						}
					}
				})
				if t.Failed() {
					t.FailNow()
				}
			}
		}
	}
	if accepted < 1000 || refused < 1000 {
		t.Errorf("%d accepted and %d refused, want 1000 of each", accepted, refused)
	}
}

// An order says which axis is which. The strides say where they lie: those of NCHW below make
// the tensor channels last in memory, and the other way round.
func TestStridedOfAnOrder(t *testing.T) {
	turned, err := layout.NCHW.Strided([]int{2, 3, 4, 5}, []int{60, 1, 15, 3})
	want, wantErr := layout.NHWC.Of(2, 4, 5, 3)
	if err != nil || wantErr != nil || turned != want {
		t.Errorf("NCHW.Strided gave %+v, %v, want NHWC.Of: %+v, %v", turned, err, want, wantErr)
	}
	for _, o := range layout.Orders() {
		dims := []int{2, 3, 4, 5, 6}
		if n := rank[o]; n > 0 {
			dims = dims[:n]
		}
		// The first axis innermost, with gaps, as in a slice of a tensor of Fortran's order.
		strides := make([]int, len(dims))
		stride := 1
		for i, d := range dims {
			strides[i] = stride
			stride *= d + 1
		}
		letters, block := letters(o, len(dims))
		got, err := o.Strided(dims, strides)
		if block > 0 {
			wantError(t, "a blocked order", err, o.String(), fmt.Sprint(dims), "not blocked")
			if got != (layout.Geometry{}) || !refuses(err, "order") {
				t.Errorf("%v.Strided gave %v with an error %#v, want none with one of the order", o, got, err)
			}
			continue
		}
		want, wantErr := layout.Strided(dims, strides, strings.Index(letters, "N"), strings.Index(letters, "C"))
		if err != nil || wantErr != nil || got != want {
			t.Errorf("%v.Strided(%v, %v) = %+v, %v, want %+v, %v", o, dims, strides, got, err, want, wantErr)
		}
		_, err = o.Strided(dims, strides[1:])
		wantError(t, "a stride too few", err, fmt.Sprintf("%d dims and %d strides", len(dims), len(dims)-1))
	}
}

// Axes may be given in any order: the value depends on where they lie.
func TestDenseStridedEqualsOf(t *testing.T) {
	for _, o := range layout.Orders() {
		for _, dims := range [][]int{{2, 3, 4, 5, 6}, {1, 3, 1, 5, 2}, {3, 1, 2, 1, 1}, {1, 1, 1, 1, 1}, {2, 0, 3, 1, 2}, {0, 2, 2, 3, 1}} {
			if n := rank[o]; n > 0 {
				dims = dims[:n]
			}
			letters, block := letters(o, len(dims))
			if block > 0 {
				continue
			}
			strides := make([]int, len(dims))
			stride, sample, channel := 1, layout.Unbatched, 0
			for i := len(dims) - 1; i >= 0; i-- {
				strides[i] = stride
				stride *= max(dims[i], 1)
				switch letters[i] {
				case 'N':
					sample = i
				case 'C':
					channel = i
				}
			}
			want, err := o.Of(dims...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := layout.Strided(dims, strides, sample, channel)
			if err != nil || got != want {
				t.Errorf("Strided(%v, %v, %d, %d) = %+v, %v, want %v.Of: %+v", dims, strides, sample, channel, got, err, o, want)
			}
			if got, err := o.Strided(dims, strides); err != nil || got != want {
				t.Errorf("%v.Strided(%v, %v) = %+v, %v, want that of Of: %+v", o, dims, strides, got, err, want)
			}
			// The sample axis last, of the same strides.
			if sample == 0 {
				moved := func(s []int) []int { return append(append([]int(nil), s[1:]...), s[0]) }
				got, err := layout.Strided(moved(dims), moved(strides), len(dims)-1, channel-1)
				if err != nil || got != want {
					t.Errorf("Strided(%v, %v) = %+v, %v, want %v.Of: %+v", moved(dims), moved(strides), got, err, o, want)
				}
			}
		}
	}
}

func TestStridesOfSingleStepsDoNotMatter(t *testing.T) {
	for _, c := range []struct {
		shape   []int
		strides [][]int
	}{
		{[]int{2, 1, 3}, [][]int{{3, 3, 1}, {3, 1, 1}, {3, 0, 1}, {3, 6, 1}}},
		{[]int{1, 2, 3}, [][]int{{6, 3, 1}, {0, 3, 1}, {1, 3, 1}}},
		{[]int{2, 3, 1}, [][]int{{3, 1, 1}, {3, 1, 0}, {3, 1, 6}}},
		{[]int{0, 2, 3}, [][]int{{6, 3, 1}, {0, 0, 0}, {1, 1, 1}, {3, 6, 2}}},
		{[]int{2, 0, 3}, [][]int{{3, 3, 1}, {0, 0, 0}, {1, 6, 4}}},
		{[]int{2, 3, 0}, [][]int{{3, 1, 1}, {0, 0, 0}, {1, 2, 6}}},
	} {
		want, err := layout.NCW.Of(c.shape...)
		if err != nil {
			t.Fatal(err)
		}
		for _, strides := range c.strides {
			if got, err := layout.Strided(c.shape, strides, 0, 1); err != nil || got != want {
				t.Errorf("Strided(%v, %v) = %+v, %v, want %+v", c.shape, strides, got, err, want)
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	shape, strides, noise := []int{2, 20, 5, 5}, []int{500, 25, 5, 1}, []int{2, 20, 1, 1}
	for _, order := range []layout.Order{layout.NCHW, layout.NHWC, layout.NCHW8c, layout.ChannelsLast} {
		allocs := testing.AllocsPerRun(100, func() {
			a, err := order.Of(2, 20, 5, 5)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Loops()) > layout.MaxLoops || a.Len() < 1000 {
				t.Fatal(a)
			}
		})
		if allocs != 0 {
			t.Errorf("%v.Of allocates %v times", order, allocs)
		}
	}
	allocs := testing.AllocsPerRun(100, func() {
		strided, err := layout.NCHW.Strided(shape, strides)
		if err != nil || strided.Len() < 1000 {
			t.Fatal(strided, err)
		}
		a, err := layout.NoiseShape(shape, noise)
		if err != nil {
			t.Fatal(err)
		}
		b, err := layout.NCHW16c.Of(2, 20, 5, 5)
		if err != nil {
			t.Fatal(err)
		}
		n, err := layout.Join(a, b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n.Parts() {
			if len(n.Parts()[i].Loops()) > layout.MaxLoops {
				t.Fatal(n)
			}
		}
	})
	if allocs != 0 {
		t.Errorf("Strided, NoiseShape and Join allocate %v times", allocs)
	}
}

// gapped returns strides of a shape whose axes nest in a random order with gaps of any length between them, and the
// number of elements from the first to the last. It returns false if an int does not count them.
func gapped(r *rand.Rand, shape []int) (strides []int, length int, ok bool) {
	strides = make([]int, len(shape))
	length, inside := 1, 0
	for _, axis := range r.Perm(len(shape)) {
		gap := 1 + uint(r.Uint64()>>(1+r.IntN(63))>>(64-bits.UintSize))
		stride, carry := bits.Add(uint(inside), gap, 0)
		if carry != 0 || stride > math.MaxInt {
			return nil, 0, false
		}
		over, reach := bits.Mul(uint(shape[axis]), stride)
		if over != 0 || reach > math.MaxInt {
			return nil, 0, false
		}
		strides[axis], inside = int(stride), int(reach)
		length += (shape[axis] - 1) * int(stride)
	}
	return strides, length, true
}

// Dims and strides may be as long as an int, whatever room they take in a Geometry.
func TestLongDimsAndStrides(t *testing.T) {
	accepted, long := [layout.MaxLoops + 1]int{}, 0
	for seed := range uint64(40000) {
		r := rand.New(rand.NewPCG(7, seed))
		shape := make([]int, 1+r.IntN(layout.MaxLoops))
		for i := range shape {
			shape[i] = 2 + r.IntN(1<<r.IntN(1+r.IntN(bits.UintSize/2)))
		}
		strides, length, ok := gapped(r, shape)
		from, _, fromOK := gapped(r, shape)
		if !ok || !fromOK {
			continue
		}
		channel, sample := r.IntN(len(shape)), r.IntN(len(shape))
		if sample == channel {
			sample = layout.Unbatched
		}
		accepted[len(shape)]++
		want := make([]layout.Loop, len(shape))
		for i, size := range shape {
			want[i] = layout.Loop{Size: size, Dst: strides[i], Src: strides[i]}
			if i == channel {
				want[i].Factor = 1
			} else if i == sample {
				want[i].Factor = shape[channel]
			}
			if strides[i] > math.MaxInt>>8 {
				long++
			}
		}
		slices.SortFunc(want, func(a, b layout.Loop) int { return b.Dst - a.Dst })
		g, err := layout.Strided(shape, strides, sample, channel)
		if err != nil || g.Len() != length || !slices.Equal(g.Loops(), want) {
			t.Fatalf("Strided(%v, %v, %d, %d) has length %d and loops %v, want %d and %v: %v", shape, strides, sample, channel, g.Len(), g.Loops(), length, want, err)
		}
		src, err := layout.Strided(shape, from, sample, channel)
		if err != nil {
			t.Fatal(err)
		}
		if (g == src) != slices.Equal(strides, from) {
			t.Fatalf("geometries of %v with strides %v and %v are equal: %v", shape, strides, from, g == src)
		}
		for i := range want {
			want[i].Src = from[slices.Index(strides, want[i].Dst)]
		}
		joined, err := layout.Join(g, src)
		if err != nil || len(joined.Parts()) != 1 || !slices.Equal(joined.Parts()[0].Loops(), want) {
			t.Fatalf("strides %v and %v of %v join as %v, want %v: %v", strides, from, shape, joined.Parts(), want, err)
		}
	}
	for depth, n := range accepted {
		if depth > 0 && n < 20 {
			t.Errorf("%d tensors of %d loops, want 20", n, depth)
		}
	}
	if long < 10 {
		t.Errorf("%d strides near the greatest int, want 10", long)
	}
}
