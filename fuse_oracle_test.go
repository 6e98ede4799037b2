package spatialdropout_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/mask"
)

// fusing is a fused call of the oracle. x is where dst and the tensor beside it lie, and y where src
// does.
type fusing[T number] struct {
	x, y         tensor
	c            call
	m            *mask.Mask
	scale, shift []T // nil if there is none
	bend         bend
	residual     []T // nil if there is none
	backward     bool
	from         []T // what went in
}

// bend is an activation as the oracle knows it.
type bend struct {
	activation   kernel.Activation
	clips, leaks bool
	number       float64 // the limit or the slope
}

var bends = [...]bend{
	{},
	{kernel.ReLU, true, false, math.Inf(1)},
	{kernel.ClippedReLU(6), true, false, 6},
	{kernel.ClippedReLU(0.3), true, false, 0.3},
	{kernel.LeakyReLU(0.01), false, true, 0.01},
	{kernel.LeakyReLU(-1.5), false, true, -1.5},
	{kernel.LeakyReLU(0), false, true, 0},
}

// entered returns what goes into the activation: x·a + b, each rounded.
//
//go:norace
func (f *fusing[T]) entered(x T, channel int) T {
	k := kindOf[T]()
	if f.scale != nil && channel >= 0 {
		x = k.times(x, f.scale[channel])
	}
	if f.shift != nil && channel >= 0 {
		x = k.plus(x, f.shift[channel])
	}
	return x
}

// activated returns the activation of t.
//
//go:norace
func (f *fusing[T]) activated(t T) T {
	k := kindOf[T]()
	if f.bend.clips {
		switch l := k.of(f.bend.number); {
		case k.float(t) <= 0:
			return k.of(0)
		case k.float(t) > k.float(l):
			return l
		}
	} else if f.bend.leaks && !(k.float(t) > 0) {
		return k.times(k.of(f.bend.number), t)
	}
	return t
}

// passed returns what of a gradient passes the activation, into which t went.
//
//go:norace
func (f *fusing[T]) passed(g, t T) T {
	k := kindOf[T]()
	if f.bend.clips {
		if l := k.float(k.of(f.bend.number)); k.float(t) <= 0 || k.float(t) >= l && !math.IsInf(l, 1) {
			return k.of(0)
		}
	} else if f.bend.leaks && !(k.float(t) > 0) {
		return k.times(k.of(f.bend.number), g)
	}
	return g
}

// element returns what one element becomes: x in src, z beside dst, with the formula and the number of its
// channel, -1 for padding.
//
//go:norace
func (f *fusing[T]) element(x, z T, form formula[T], channel int) T {
	k, drops := kindOf[T](), f.c.policy == mask.Select
	c := call{policy: f.c.policy}
	if f.backward {
		if form.dropped && drops {
			return k.of(0)
		}
		g, _ := k.element(c, 0, x, form)
		g = f.passed(g, f.entered(z, channel))
		if f.scale != nil && channel >= 0 {
			g = k.times(g, f.scale[channel])
		}
		return g
	}
	if form.dropped && drops && !form.shifted {
		if f.residual != nil {
			return z
		}
		return k.of(0)
	}
	value, _ := k.element(c, 0, f.activated(f.entered(x, channel)), form)
	if f.residual != nil {
		value = k.plus(z, value)
	}
	return value
}

// formulas returns the formula of each channel of each sample.
func (f *fusing[T]) formulas() func(n, c int) formula[T] {
	k := kindOf[T]()
	if f.c.rule == mask.Gaussian {
		factors := make([]T, f.x.samples*f.x.channels)
		if err := mask.Factors(k.vector(nil).Kind().Type(), factors, f.m, f.x.channels); err != nil {
			panic(err)
		}
		return func(n, c int) formula[T] { return formula[T]{factor: factors[n*f.x.channels+c]} }
	}
	c := f.c
	if f.backward && c.rule == mask.Alpha {
		c.rule = mask.AlphaGradient
	}
	kept, dropped := k.formulas(c, f.x.channels)
	return func(n, c int) formula[T] {
		if f.m.Kept(n, c) {
			return kept
		}
		return dropped
	}
}

// expect returns dst after the call. The race detector does not watch it, nor what it calls.
//
//go:norace
func (f *fusing[T]) expect(dst, src []T) []T {
	k, want, of := kindOf[T](), slices.Clone(dst), f.formulas()
	beside := f.residual
	if f.backward {
		beside = f.from
	}
	z := func(at int) T {
		if beside == nil {
			return k.of(0)
		}
		return beside[at]
	}
	// Where the elements of src lie, by their logical index.
	plane := len(f.y.places) / max(f.y.samples*f.y.channels, 1)
	from := make([]int, len(f.y.places))
	for _, p := range f.y.places {
		from[(p.n*f.y.channels+p.c)*plane+p.position] = p.at
	}
	for _, p := range f.x.places {
		want[p.at] = f.element(src[from[(p.n*f.y.channels+p.c)*plane+p.position]], z(p.at), of(p.n, p.c), p.c)
	}
	for _, at := range f.x.padding {
		form := formula[T]{dropped: true, shifted: f.c.rule == mask.Alpha && f.c.rate > 0 && f.c.rate < 1 && !f.backward}
		if f.x.geom != f.y.geom {
			want[at] = (&fusing[T]{residual: f.residual, backward: f.backward}).element(0, z(at), formula[T]{dropped: true}, -1)
		} else {
			want[at] = f.element(src[at], z(at), form, -1)
		}
	}
	return want
}

func (f *fusing[T]) around() spatialdropout.Around {
	k := kindOf[T]()
	a := spatialdropout.Around{Activation: f.bend.activation}
	if f.scale != nil {
		a.Scale = k.vector(f.scale)
	}
	if f.shift != nil {
		a.Shift = k.vector(f.shift)
	}
	return a
}

// alike returns an error at the first element that is another number. A NaN equals any NaN: which payload
// survives is up to the processor.
func alike[T number](got, want []T) error {
	if bytes.Equal(bytesOf(got), bytesOf(want)) {
		return nil
	}
	k := kindOf[T]()
	for i := range want {
		if bitsOf(got[i]) != bitsOf(want[i]) && !(math.IsNaN(k.float(got[i])) && math.IsNaN(k.float(want[i]))) {
			return fmt.Errorf("element %d is %#x, want %#x", i, bitsOf(got[i]), bitsOf(want[i]))
		}
	}
	return nil
}

// anyFusing returns a fused call with numbers of every kind.
func anyFusing[T number](r *rand.Rand, x, y tensor) *fusing[T] {
	k := kindOf[T]()
	f := &fusing[T]{x: x, y: y, backward: r.IntN(2) == 0}
	numbers := func() []T {
		if r.IntN(3) == 0 {
			return nil
		}
		all := make([]T, x.channels)
		for i := range all {
			all[i] = k.of(r.NormFloat64())
		}
		if r.IntN(4) == 0 {
			copy(all, values[T](r, (x.channels+1)/2))
		}
		return all
	}
	f.scale, f.shift = numbers(), numbers()
	f.bend = bends[r.IntN(len(bends))]
	f.c = call{rate: [...]float64{0, 0.1, 0.3, 0.5, 1}[r.IntN(5)]}
	if r.IntN(2) == 0 {
		f.c.rule = mask.Rule(r.IntN(int(mask.AtInference) + 1))
		if f.c.rule == mask.Expectation || f.c.rule == mask.AlphaGradient {
			f.c.rule = mask.Alpha
		}
		if f.c.rule != mask.Quotient && f.c.rule != mask.CompiledQuotient {
			f.c.policy = mask.Policy(r.IntN(2))
		}
	}
	d, err := spatialdropout.New(f.c.rate, spatialdropout.WithSeed(r.Uint64()), spatialdropout.WithArithmetic(mask.Arithmetic{Policy: f.c.policy, Rule: f.c.rule}))
	if err == nil {
		f.m, err = d.Draw(x.geom)
	}
	if err != nil {
		panic(err)
	}
	if f.c.rule == mask.Gaussian && f.c.rate < 1 {
		f.c.policy = mask.Multiply // nothing is dropped but padding, whose product with 0 counts
	} else if f.c.rule == mask.Gaussian {
		f.c.rule = mask.Unscaled
	}
	return f
}

// do makes the call with tensors.
func (f *fusing[T]) do(dst, src, beside spatialdropout.Tensor, workers int) error {
	if f.backward {
		return spatialdropout.FuseBackwardTensor(dst, src, spatialdropout.FromInput(beside), f.m, f.around(), workers)
	}
	if f.residual == nil {
		beside = spatialdropout.Tensor{}
	}
	return spatialdropout.FuseTensor(dst, src, beside, f.m, f.around(), workers)
}

// check makes the call, with memory shared in one of the ways that are allowed, and compares
// every bit of dst and what lies around it. Lists are of that many slices, 0 for one slice.
func (f *fusing[T]) check(r *rand.Rand, workers int, lists [3]int) error {
	k := kindOf[T]()
	dst, _ := operands[T](r, f.x)
	src, _ := operands[T](r, f.y)
	beside, _ := operands[T](r, f.x)
	srcIsDst, besideIsDst := f.x.geom == f.y.geom && r.IntN(2) == 0, r.IntN(3) == 0
	f.residual, f.from = nil, beside
	if r.IntN(2) == 0 {
		f.residual = beside
	}
	used := f.residual != nil && !f.backward || f.backward && f.bend.activation != kernel.Activation{}
	besideIsDst = besideIsDst && used
	if srcIsDst {
		src = dst
	}
	if besideIsDst {
		beside = dst
		f.from = dst
		if f.residual != nil {
			f.residual = dst
		}
	}
	want := f.expect(dst, src)
	what := fmt.Sprintf("%s from %s, %v, %v, scale %v, shift %v, residual %v, backward %v, dst is src %v, beside %v, lists %v, %d workers, tier %s",
		f.x.name, f.y.name, f.c, f.bend.activation, f.scale != nil, f.shift != nil, f.residual != nil, f.backward, srcIsDst, besideIsDst, lists, workers, kernel.Tier())
	place := func(data []T, x tensor, slices int) (spatialdropout.Tensor, func() []T, func() error) {
		if slices > 0 {
			s := scatter(r, data, slices)
			return k.list(s.list, x.geom), s.joined, s.between
		}
		outer := filled(2*guard+len(data), k.of(-77))
		inner := outer[guard : guard+len(data) : guard+len(data)]
		copy(inner, data)
		return k.tensor(inner, x.geom), func() []T { return inner }, func() error {
			fill(inner, k.of(-77))
			return differ(outer, filled(len(outer), k.of(-77)), filled(len(outer), k.of(-77)))
		}
	}
	to, got, outside := place(dst, f.x, lists[0])
	from, read, _ := to, got, outside
	if !srcIsDst {
		from, read, _ = place(src, f.y, lists[1])
	}
	third, seen := to, got
	if !besideIsDst {
		third, seen, _ = place(beside, f.x, lists[2])
	}
	if err := f.do(to, from, third, workers); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := alike(got(), want); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if !srcIsDst && !same(read(), src) || !besideIsDst && !same(seen(), beside) {
		return fmt.Errorf("%s: an operand was written", what)
	}
	if err := outside(); err != nil {
		return fmt.Errorf("%s: written outside dst: %w", what, err)
	}
	return nil
}
