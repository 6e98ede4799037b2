package spatialdropout_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// scattered is a tensor in slices that lie in memory in random order, with other elements
// between them.
type scattered[T number] struct {
	memory []T
	list   [][]T
}

// scatter returns data in n slices of equal length.
func scatter[T number](r *rand.Rand, data []T, n int) *scattered[T] {
	return scatterIn(r, data, lengthsOf(n, len(data)/max(n, 1)))
}

// lengthsOf returns n equal lengths.
func lengthsOf(n, length int) []int {
	lengths := make([]int, n)
	for i := range lengths {
		lengths[i] = length
	}
	return lengths
}

// scatterIn returns data in slices of these lengths.
func scatterIn[T number](r *rand.Rand, data []T, lengths []int) *scattered[T] {
	n := len(lengths)
	s := &scattered[T]{memory: filled(1+len(data)+3*n, kindOf[T]().of(-77)), list: make([][]T, n)}
	starts := make([]int, n+1)
	for i, length := range lengths {
		starts[i+1] = starts[i] + length
	}
	at := 1
	for _, i := range r.Perm(n) {
		s.list[i] = s.memory[at : at+lengths[i] : at+lengths[i]]
		copy(s.list[i], data[starts[i]:])
		at += lengths[i] + 1 + r.IntN(3)
	}
	return s
}

// joined returns the elements of the slices, one slice after the other.
func (s *scattered[T]) joined() []T { return slices.Concat(s.list...) }

// between returns an error if an element between the slices was written. It clears the slices.
func (s *scattered[T]) between() error {
	other := kindOf[T]().of(-77)
	for _, part := range s.list {
		fill(part, other)
	}
	if want := filled(len(s.memory), other); !same(s.memory, want) {
		return fmt.Errorf("written outside the slices")
	}
	return nil
}

// views returns n slices of data.
func views[T number](data []T, n int) [][]T {
	list := make([][]T, n)
	for i := range list {
		list[i] = data[i*len(data)/n : (i+1)*len(data)/n]
	}
	return list
}

// whole reports whether n equal slices of the buffer of x hold whole feature maps.
func (x *tensor) whole(n int) bool {
	if n < 1 || len(x.places)+len(x.padding) != x.length || x.length%n != 0 {
		return false
	}
	in := make(map[[2]int]int)
	for _, p := range x.places {
		slice := p.at / (x.length / n)
		if other, seen := in[[2]int{p.n, p.c}]; seen && other != slice {
			return false
		}
		in[[2]int{p.n, p.c}] = slice
	}
	return true
}

// divisions returns all numbers of slices into which the buffer of x can be divided.
func (x *tensor) divisions() (all []int) {
	for n := 1; n <= x.length; n++ {
		if x.geom.Divides(n) {
			all = append(all, n)
		}
	}
	return all
}

// A division holds whole feature maps, and every division by samples, or by channels that come
// first, is one.
func TestDivisionsHoldWholeFeatureMaps(t *testing.T) {
	for _, x := range tensors(t) {
		for n := -1; n < x.length+2; n++ {
			got := x.geom.Divides(n)
			if x.length == 0 && got != (n >= 0) || x.length > 0 && got && n != 1 && !x.whole(n) {
				t.Errorf("%s: %d slices: %v", x.name, n, got)
			}
		}
		if x.length > 0 && !x.geom.Divides(1) {
			t.Errorf("%s: one slice is no division", x.name)
		}
	}
	for _, c := range []struct {
		x    tensor
		want []int
	}{
		{dense(t, layout.NCHW, 4, 6, 2, 2), []int{1, 2, 4, 8, 12, 24}}, {dense(t, layout.NHWC, 4, 2, 2, 6), []int{1, 2, 4}},
		{dense(t, layout.CHW, 6, 2, 2), []int{1, 2, 3, 6}}, {dense(t, layout.HWC, 2, 2, 6), []int{1}},
		{dense(t, layout.NC, 3, 4), []int{1, 3, 6, 12}}, {dense(t, layout.NHWC, 3, 1, 1, 4), []int{1, 3, 6, 12}},
		{dense(t, layout.NCHW8c, 3, 11, 2, 2), []int{1, 3, 6}}, {dense(t, layout.NCHW8c, 2, 30, 1, 1), []int{1, 2, 4, 8}},
		{dense(t, layout.NCDHW, 2, 3, 2, 2, 2), []int{1, 2, 6}}, {dense(t, layout.ChannelsLast, 2, 2, 2, 2, 3), []int{1, 2}},
		{strided(t, []int{3, 2, 4, 5}, []int{40, 20, 5, 1}, 1, 0), []int{1, 3, 6}}, // channels around samples
		{strided(t, []int{3, 4, 2}, []int{8, 2, 1}, 2, 0), []int{1, 3}},            // samples innermost
		{strided(t, []int{2, 3, 4}, []int{100, 30, 7}, 0, 1), []int{1}}, {dense(t, layout.NC, 1, 1), []int{1}},
	} {
		if got := c.x.divisions(); !slices.Equal(got, c.want) {
			t.Errorf("%s falls into %d slices, want %d", c.x.name, got, c.want)
		}
	}
}

// shareAll lets goroutines share calls of any size until the test ends.
func shareAll(t testing.TB) {
	before := kernel.CurrentStrategy()
	s := before
	s.Share, s.Grain, s.Wake = 1, 1, 1
	if err := kernel.SetStrategy(s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kernel.SetStrategy(before); err != nil {
			t.Error(err)
		}
	})
}

// checkLists makes a call on lists and compares with the oracle. Where dst, or src, is no list
// its number of slices is 0.
func checkLists[T number](r *rand.Rand, x tensor, c call, m *mask.Mask, dst, src []T, to, from, workers int) error {
	k := kindOf[T]()
	do := spatialdropout.ApplyTensor
	if c.add {
		do = spatialdropout.AddToTensor
	}
	err := checkDo(x, c, m, dst, src, func(dst, src []T, w int) error {
		if c.inPlace && to != from {
			// One memory, whose parts are named in two ways.
			y, z := k.tensor(dst, x.geom), k.tensor(dst, x.geom)
			if to > 0 {
				y = k.list(views(dst, to), x.geom)
			}
			if from > 0 {
				z = k.list(views(dst, from), x.geom)
			}
			return do(y, z, m, w)
		}
		outer := scatter(r, dst, max(to, 1))
		y := k.list(outer.list, x.geom)
		if to == 0 {
			y = k.tensor(outer.list[0], x.geom)
		}
		inner, z := outer, y
		if !c.inPlace {
			if inner, z = scatter(r, src, max(from, 1)), k.tensor(src, x.geom); from > 0 {
				z = k.list(inner.list, x.geom)
			}
		}
		if err := do(y, z, m, w); err != nil {
			return err
		}
		copy(dst, outer.joined())
		if !c.inPlace && !same(inner.joined(), src) {
			return fmt.Errorf("src was written")
		}
		return outer.between()
	}, workers)
	if err != nil {
		return fmt.Errorf("%s, dst in %d slices, src in %d: %w", x.name, to, from, err)
	}
	return nil
}

func testLists[T number](t *testing.T) {
	shareAll(t)
	r := rand.New(rand.NewPCG(1, 60))
	all := append(calls(), call{rate: 0.3, rule: mask.Alpha}, call{rate: 0.3, rule: mask.Quotient, add: true}, call{rate: 0.3, rule: mask.Alpha, inPlace: true})
	for i, x := range append(tensors(t), dense(t, layout.NCHW, 4, 6, 9, 33), dense(t, layout.NCHW, 3, 40, 1, 2)) {
		cuts := x.divisions()
		if len(cuts) == 0 {
			continue
		}
		cuts[0] = 0 // one slice
		for j, to := range cuts {
			for k, from := range cuts {
				if (i+j+k)%5 > 0 && len(cuts) > 3 || (i+j+k)%4 > 0 && (instrumented || testing.Short()) {
					continue
				}
				c := all[(i+5*j+11*k)%len(all)]
				m, err := mask.New(x.samples, x.channels, c.rate, mask.Arithmetic{Policy: c.policy, Rule: c.rule})
				if err != nil {
					t.Fatal(err)
				}
				for n := range x.samples {
					for ch := range x.channels {
						m.Set(n, ch, c.rate == 0 || c.rate < 1 && r.IntN(3) > 0)
					}
				}
				dst, src := values[T](r, x.length), values[T](r, x.length)
				onTiers(t, func(string) {
					for _, w := range []int{1, 0, 3} {
						if err := checkLists(r, x, c, m, dst, src, to, from, w); err != nil {
							t.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// A list is the tensor of its slices, wherever they are.
func TestListsAreTheOracles(t *testing.T) {
	t.Run("float32", testLists[float32])
	t.Run("float64", testLists[float64])
	t.Run("named float32", testLists[named32])
	t.Run("named float64", testLists[named64])
	t.Run("float16", testLists[float16])
	t.Run("bfloat16", testLists[bfloat16])
}

func testListsPastTheCache[T number](t *testing.T) {
	streamFrom(t, 0)
	testLists[T](t)
	r := rand.New(rand.NewPCG(1, 61))
	for _, x := range []tensor{dense(t, layout.NCW, 3, 14, 1117), dense(t, layout.NCW, 2, 8, 2048), dense(t, layout.NWC, 4, 601, 5)} {
		dst, src := values[T](r, x.length), values[T](r, x.length)
		for i, c := range callsAt(0.3) {
			m := draw(t, newDropout(t, c.rate, spatialdropout.WithSeed(c.seed), withPolicy(c.policy)), x.geom)
			for j, n := range x.divisions() {
				if testing.Short() && (i+j)%4 > 0 {
					continue
				}
				onTiers(t, func(string) {
					if err := checkLists(r, x, c, m, dst, src, n, n, 2); err != nil {
						t.Fatal(err)
					}
				})
			}
		}
	}
}

func TestListsPastTheCacheAreTheOracles(t *testing.T) {
	t.Run("float32", testListsPastTheCache[float32])
	t.Run("bfloat16", testListsPastTheCache[bfloat16])
}

func testListsMove[T number](t *testing.T) {
	shareAll(t)
	k, r := kindOf[T](), rand.New(rand.NewPCG(1, 62))
	for i, x := range append(tensors(t), dense(t, layout.NHWC, 2, 9, 13, 37), dense(t, layout.NCHW16c, 2, 40, 5, 7)) {
		for j, y := range others(t, x) {
			if (i+j)%3 > 0 && instrumented {
				continue
			}
			m := draw(t, newDropout(t, 0.4), x.geom)
			dst, src := values[T](r, x.length), values[T](r, y.length)
			for _, to := range append(x.divisions(), 0) {
				for _, from := range append(y.divisions(), 0) {
					if r.IntN(3) > 0 && to*from > 12 {
						continue
					}
					do := spatialdropout.ApplyTensor
					if r.IntN(2) == 0 {
						do = spatialdropout.AddToTensor
					}
					want := slices.Clone(dst)
					if err := do(k.tensor(want, x.geom), k.tensor(src, y.geom), m, 1); err != nil {
						t.Fatal(err)
					}
					outer, inner := scatter(r, dst, max(to, 1)), scatter(r, src, max(from, 1))
					a, b := k.tensor(outer.list[0], x.geom), k.tensor(inner.list[0], y.geom)
					if to > 0 {
						a = k.list(outer.list, x.geom)
					}
					if from > 0 {
						b = k.list(inner.list, y.geom)
					}
					if err := do(a, b, m, r.IntN(4)); err != nil {
						t.Fatalf("%s in %d slices from %s in %d: %v", x.name, to, y.name, from, err)
					}
					if err := differ(outer.joined(), want, want); err != nil {
						t.Fatalf("%s in %d slices from %s in %d: %v", x.name, to, y.name, from, err)
					}
					if !same(inner.joined(), src) {
						t.Fatalf("%s in %d slices from %s in %d: src was written", x.name, to, y.name, from)
					}
					if err := outer.between(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// Lists of different layouts are joined as two slices are.
func TestListsChangeLayouts(t *testing.T) {
	t.Run("float32", testListsMove[float32])
	t.Run("float64", testListsMove[float64])
	t.Run("bfloat16", testListsMove[bfloat16])
}

// Every option, forward, backward and in evaluation, is the same on a list as on one slice.
func TestPassesTakeLists(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 63))
	x, last := dense(t, layout.NCHW, 3, 4, 2, 5), dense(t, layout.NHWC, 3, 2, 5, 4)
	for name, opts := range variants() {
		for _, c := range []struct {
			x tensor
			n int
		}{{x, 3}, {x, 12}, {x, 6}, {last, 3}} {
			one, other := newDropout(t, 0.4, opts()...), newDropout(t, 0.4, opts()...)
			for step := range 4 {
				src, dy, sum := values[float32](r, x.length), values[float32](r, x.length), values[float32](r, x.length)
				of := func(data []float32) spatialdropout.Tensor { return spatialdropout.Of(data, c.x.geom) }
				list := func(s *scattered[float32]) spatialdropout.Tensor { return listOf(s.list, c.x.geom) }
				call, listed := one.Forward, other.Forward
				if step%2 > 0 {
					call, listed = one.Evaluate, other.Evaluate
				}
				y, ys, xs, dys := make([]float32, x.length), scatter(r, dy, c.n), scatter(r, src, c.n), scatter(r, dy, c.n)
				p, err := call(of(y), of(src))
				q, other := listed(list(ys), list(xs))
				compare := func(what string, got *scattered[float32]) {
					t.Helper()
					if err != nil || other != nil {
						t.Fatalf("%s, %s, %d slices, %s: %v, in a list %v", name, c.x.name, c.n, what, err, other)
					}
					if err := differ(got.joined(), y, y); err != nil {
						t.Fatalf("%s, %s, %d slices, %s: %v", name, c.x.name, c.n, what, err)
					}
				}
				compare("forward", ys)
				dx := scatter(r, src, c.n)
				err, other = p.Backward(of(y), of(dy)), q.Backward(list(dx), list(dys))
				compare("Backward", dx)
				dx = scatter(r, sum, c.n)
				copy(y, sum)
				err, other = p.AddTo(of(y), of(dy)), q.AddTo(list(dx), list(dys))
				compare("AddTo", dx)
				copy(y, src)
				err, other = p.Forward(of(y), of(y)), q.Forward(list(xs), list(xs))
				compare("Forward in place", xs)
			}
		}
	}
}

// Every refusal has a type that says what was given, and writes nothing.
func TestListsThatDoNotFitAreRefused(t *testing.T) {
	x, last := dense(t, layout.NCHW, 2, 3, 4, 5), dense(t, layout.NHWC, 2, 4, 5, 3)
	view := strided(t, []int{2, 3, 4, 5}, []int{70, 20, 5, 1}, 0, 1)
	buf := filled[float32](600, 7)
	in := func(n, from int) [][]float32 { return views(buf[from:from+120], n) }
	list := func(parts [][]float32, x tensor) spatialdropout.Tensor { return listOf(parts, x.geom) }
	with := func(parts [][]float32, i int, part []float32) [][]float32 { parts[i] = part; return parts }
	good, src := list(in(6, 0), x), list(in(6, 150), x)
	wrong := func(name string, slices, slice, length int, x tensor) error {
		e := &spatialdropout.ArgumentError{Argument: name, Given: fmt.Sprintf("%s is a list of %d slices", name, slices)}
		switch {
		case slice >= 0:
			e.Given += fmt.Sprintf(", of which slice %d holds %d elements", slice, length)
			e.Want = fmt.Sprintf("%d for %v", x.length/slices, x.geom)
		case x.geom.View():
			e.Given += fmt.Sprintf(" for %v", x.geom)
			e.Want = "a tensor without gaps"
		default:
			e.Given += fmt.Sprintf(" for %v", x.geom)
			e.Want = "whole samples in each, or whole channels where those come first"
		}
		return e
	}
	m := draw(t, newDropout(t, 0.5), x.geom)
	for _, c := range []struct {
		what     string
		dst, src spatialdropout.Tensor
		want     error
	}{
		{"a short slice", list(with(in(6, 0), 4, buf[80:99]), x), src, wrong("dst", 6, 4, 19, x)},
		{"a long slice", good, list(with(in(6, 150), 0, buf[150:171]), x), wrong("src", 6, 0, 21, x)},
		{"a nil slice", list(with(in(2, 0), 1, nil), x), src, wrong("dst", 2, 1, 0, x)},
		{"slices of another tensor", list(in(6, 0)[:2], x), src, wrong("dst", 2, 0, 20, x)},
		{"half a sample and a half", list(views(buf[:120], 4), x), src, wrong("dst", 4, -1, 0, x)},
		{"rows of planes", good, list(views(buf[:120], 24), x), wrong("src", 24, -1, 0, x)},
		{"channels of rows", list(in(6, 0), last), list(in(6, 150), last), wrong("dst", 6, -1, 0, last)},
		{"a view", list(in(2, 0), view), src, wrong("dst", 2, -1, 0, view)},
		{"no list", listOf[float32](nil, x.geom), src, &spatialdropout.ArgumentError{Argument: "dst", Given: "dst holds 0 elements", Want: "120 for 2×3 channels of 4×5"}},
		{"a list of one short slice", good, list(in(1, 150)[:1], view), &spatialdropout.ArgumentError{Argument: "src", Given: "src holds 120 elements", Want: fmt.Sprintf("%d or more for %v", view.length, view.geom)}},
		{"another kind", good, listOf(views(make([]float64, 120), 6), x.geom), twoKinds(kernel.F32, kernel.F64)},
		{"a slice of dst twice", list(with(in(6, 0), 4, buf[20:40]), x), src, &kernel.OverlapError{With: "dst", Elements: 20}},
		{"slices of dst that overlap", list(with(in(6, 0), 4, buf[21:41]), x), src, &kernel.OverlapError{With: "dst", Elements: 20, Distance: 4}},
		{"another slice of src", good, list(with(in(6, 150), 2, buf[20:40]), x), &kernel.OverlapError{With: "src", Elements: 20, Distance: 0}},
		{"a shifted slice of src", good, list(with(in(6, 150), 5, buf[101:121]), x), &kernel.OverlapError{With: "src", Elements: 20, Distance: -4}},
		{"one slice that overlaps", good, spatialdropout.Of(buf[119:239], x.geom), &kernel.OverlapError{With: "src", Elements: 20, Distance: 4 * (100 - 119)}},
		{"dst of one slice that overlaps", spatialdropout.Of(buf[1:121], x.geom), list(in(6, 0), x), &kernel.OverlapError{With: "src", Elements: 120, Distance: 4}},
		{"another layout in place", list(in(2, 0), x), list(in(2, 0), last), &kernel.OverlapError{With: "src", Elements: 60, Distance: 0}},
	} {
		d := newDropout(t, 0.5, spatialdropout.WithSeed(9))
		once := newDropout(t, 0.5, spatialdropout.WithStream(mask.Source(rand.NewPCG(9, 9))))
		before := state(once)
		calls := map[string]func() error{
			"ApplyTensor":         func() error { return spatialdropout.ApplyTensor(c.dst, c.src, m, 0) },
			"AddToTensor":         func() error { return spatialdropout.AddToTensor(c.dst, c.src, m, 2) },
			"Forward":             func() error { _, err := d.Forward(c.dst, c.src); return err },
			"Evaluate":            func() error { _, err := d.Evaluate(c.dst, c.src); return err },
			"Forward of a source": func() error { _, err := once.Forward(c.dst, c.src); return err },
		}
		for name, do := range calledBy(d.At(mask.Place{}, x.geom)) {
			calls["Pass."+name] = func() error { return do(c.dst, c.src) }
		}
		for name, do := range calls {
			if err := do(); !reflect.DeepEqual(err, c.want) {
				t.Errorf("%s with %s: %#v, want %#v", name, c.what, err, c.want)
			}
		}
		if step(d) != 0 || state(once) != before {
			t.Errorf("a call refused for %s moves the stream to %d", c.what, step(d))
		}
	}
	if !same(buf, filled[float32](600, 7)) {
		t.Error("a refused call wrote")
	}
	wantError(t, "a short slice", wrong("dst", 6, 4, 19, x), "dst is a list of 6 slices, of which slice 4 holds 19 elements, want 20 for 2×3 channels of 4×5")
	wantError(t, "a cut", wrong("src", 24, -1, 0, x), "src is a list of 24 slices for 2×3 channels of 4×5, want whole samples in each, or whole channels where those come first")
	wantError(t, "a view", wrong("src", 2, -1, 0, view), "want a tensor without gaps")
	wantError(t, "overlap", &kernel.OverlapError{With: "dst", Elements: 20, Distance: 4}, "a slice of 20 elements in the list dst begins 4 bytes from another one and overlaps, want no overlap")
}

// Slices of src may be one: they are only read.
func TestListsReadOneSliceManyTimes(t *testing.T) {
	g := dense(t, layout.NCHW, 2, 3, 2, 2).geom
	one := []float32{1, 2, 3, 4}
	y, want := make([]float32, 24), make([]float32, 24)
	m := draw(t, newDropout(t, 0.5), g)
	if err := spatialdropout.ApplyTensor(spatialdropout.Of(y, g), listOf([][]float32{one, one, one, one, one, one}, g), m, 1); err != nil {
		t.Fatal(err)
	}
	if err := spatialdropout.Apply(want, slices.Concat(one, one, one, one, one, one), m, g); err != nil || !same(y, want) {
		t.Errorf("%v, %v, want %v", y, err, want)
	}
}

// A list without elements is empty, whatever its number of slices.
func TestListsOfNothing(t *testing.T) {
	g := dense(t, layout.NCHW, 2, 0, 2, 2).geom
	d := newDropout(t, 0.5)
	for _, list := range [][][]float32{nil, {}, {nil}, {nil, {}, nil}} {
		x := listOf(list, g)
		p, err := d.Forward(x, x)
		if err == nil {
			err = p.AddTo(x, x)
		}
		if err != nil {
			t.Errorf("%d slices of nothing: %v", len(list), err)
		}
	}
	// An empty tensor of any kind goes with it, as with an empty slice.
	empty := listOf([][]float32{nil, {}}, g)
	for _, other := range []spatialdropout.Tensor{{Geometry: g}, spatialdropout.Of([]float64{}, g), listOf([][]float64{{}, {}}, g)} {
		for _, pair := range [][2]spatialdropout.Tensor{{empty, other}, {other, empty}} {
			p, err := d.Forward(pair[0], pair[1])
			if err == nil {
				err = p.Backward(pair[1], pair[0])
			}
			if err == nil {
				_, err = d.Evaluate(pair[0], pair[1])
			}
			if err != nil {
				t.Errorf("nothing of %v and of %v: %v", pair[0].Data.Kind(), pair[1].Data.Kind(), err)
			}
		}
	}
	x := listOf([][]float32{{}, {1}}, g)
	_, err := d.Forward(x, x)
	wantError(t, "an element of nothing", err, "slice 1 holds 1 elements, want 0")
}

func testListAllocs[T number](t *testing.T) {
	k, r := kindOf[T](), rand.New(rand.NewPCG(1, 64))
	for _, n := range []int{4, 132} {
		x := dense(t, layout.NCHW, 4, 33, 8, 9)
		y, src := scatter(r, values[T](r, x.length), n), scatter(r, values[T](r, x.length), n)
		one := values[T](r, x.length)
		d := newDropout(t, 0.5, spatialdropout.WithWorkers(2))
		m := draw(t, d, x.geom)
		for name, f := range map[string]func() error{
			"ApplyTensor": func() error {
				return spatialdropout.ApplyTensor(k.list(y.list, x.geom), k.list(src.list, x.geom), m, 2)
			},
			"in place":       func() error { return spatialdropout.AddToTensor(k.list(y.list, x.geom), k.list(y.list, x.geom), m, 1) },
			"from one slice": func() error { return spatialdropout.ApplyTensor(k.list(y.list, x.geom), k.tensor(one, x.geom), m, 0) },
			"a pass": func() error {
				p, err := d.Forward(k.list(y.list, x.geom), k.list(src.list, x.geom))
				if err == nil {
					err = p.Backward(k.tensor(one, x.geom), k.list(y.list, x.geom))
				}
				return err
			},
		} {
			n := allocs(func() {
				if err := f(); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("%s allocates %v times", name, n)
			}
		}
	}
}

func TestListsDoNotAllocateAfterWarmUp(t *testing.T) {
	if instrumented {
		return // sync.Pool throws away at random then
	}
	t.Run("float32", testListAllocs[float32])
	t.Run("float16", testListAllocs[float16])
}

func fuzzLists[T number](t *testing.T, x tensor, c call, to, from, workers int, seed uint64, raw []byte) {
	cuts := append(x.divisions(), 0)
	m := draw(t, newDropout(t, c.rate, spatialdropout.WithSeed(seed), withPolicy(c.policy)), x.geom)
	r := rand.New(rand.NewPCG(seed, 3))
	dst, src := rawOf[T](raw, x.length, 1), rawOf[T](raw, x.length, 6)
	onTiers(t, func(string) {
		if err := checkLists(r, x, c, m, dst, src, cuts[to%len(cuts)], cuts[from%len(cuts)], workers); err != nil {
			t.Error(err)
		}
	})
}

// FuzzLists compares lists with the oracle, for any tensor that can be divided.
func FuzzLists(f *testing.F) {
	shapes(func(order, axes uint8, shape []byte, k int) {
		f.Add(order, axes, shape, uint8(k), uint8(k*3), uint64(k), uint8(k), noise)
	})
	f.Fuzz(func(t *testing.T, order, axes uint8, shape []byte, to, from uint8, seed uint64, choice uint8, raw []byte) {
		x, ok := fuzzedTensor(t, order, axes, shape)
		if !ok || x.length == 0 {
			return
		}
		for n := range x.length + 2 {
			if x.geom.Divides(n) && !x.whole(n) && n != 1 {
				t.Fatalf("%s: %d slices hold no whole feature maps", x.name, n)
			}
		}
		if len(x.places)+len(x.padding) != x.length {
			return // gaps
		}
		c := call{add: choice&1 > 0, inPlace: choice&2 > 0, rate: 0.3}
		if choice&4 > 0 {
			c.policy = mask.Multiply
		}
		switch choice >> 3 % 4 {
		case 0:
			fuzzLists[float32](t, x, c, int(to), int(from), int(choice>>5), seed, raw)
		case 1:
			fuzzLists[float64](t, x, c, int(to), int(from), int(choice>>5), seed, raw)
		case 2:
			fuzzLists[float16](t, x, c, int(to), int(from), int(choice>>5), seed, raw)
		default:
			fuzzLists[bfloat16](t, x, c, int(to), int(from), int(choice>>5), seed, raw)
		}
	})
}
