package spatialdropout_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// wave is a schedule that is not data.
type wave struct{}

func (wave) Rate(rate float64, step uint64) float64 { return rate * float64(1+step%3) / 3 }

// variants returns options of every kind. Each call makes new ones, with streams that
// nobody has drawn from.
func variants() map[string]func() []spatialdropout.Option {
	all := map[string]func() []spatialdropout.Option{}
	add := func(name string, opts func() []spatialdropout.Option) { all[name] = opts }
	one := func(name string, opt spatialdropout.Option) {
		add(name, func() []spatialdropout.Option { return []spatialdropout.Option{spatialdropout.WithSeed(3), opt} })
	}
	add("nothing", func() []spatialdropout.Option { return nil })
	for r := mask.Reciprocal; r <= mask.AtInference; r++ {
		if r != mask.Expectation && r != mask.AlphaGradient {
			one(r.String(), withRule(r))
		}
		if r != mask.Expectation && r != mask.AlphaGradient && r != mask.Quotient && r != mask.CompiledQuotient {
			one(r.String()+" with Multiply", spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply, Rule: r}))
		}
	}
	for _, s := range []mask.Sharing{mask.PerChannel, mask.PerSample, mask.FixedCount} {
		one(s.String(), spatialdropout.WithSharing(s))
	}
	one("samples of a batch", shardOf(3, 12))
	one("channels of a sample", spatialdropout.WithShard(mask.Shard{ChannelOffset: 4, Channels: 90}))
	one("samples and channels", spatialdropout.WithShard(mask.Shard{SampleOffset: 1, Samples: 9, ChannelOffset: 3, Channels: 90}))
	one("Ramp", spatialdropout.WithSchedule(spatialdropout.Ramp(5)))
	one("a schedule", spatialdropout.WithSchedule(wave{}))
	one("always", spatialdropout.WithAlways())
	one("workers", spatialdropout.WithWorkers(3))
	for _, text := range []string{"pytorch:5", "keras-torch:5", "jax:5", "tensorflow:5", "flax-nnx:5/x64/count=3", "onednn:5"} {
		add(text, func() []spatialdropout.Option {
			s, err := mask.ParseStream(text)
			if err != nil {
				panic(err)
			}
			return []spatialdropout.Option{spatialdropout.WithStream(s)}
		})
	}
	source := func() mask.Stream { return mask.Source(rand.NewPCG(7, 8)) }
	add("a source", func() []spatialdropout.Option { return []spatialdropout.Option{spatialdropout.WithStream(source())} })
	add("a count from a source", func() []spatialdropout.Option {
		return []spatialdropout.Option{spatialdropout.WithStream(source()), spatialdropout.WithSharing(mask.FixedCount)}
	})
	add("alpha dropout from a source, always", func() []spatialdropout.Option {
		return []spatialdropout.Option{spatialdropout.WithStream(source()), withRule(mask.Alpha), spatialdropout.WithAlways()}
	})
	add("a generator", func() []spatialdropout.Option {
		return []spatialdropout.Option{spatialdropout.WithGenerator(spatialdropout.NewGenerator(mask.PyTorch(9)))}
	})
	return all
}

// once reports whether the stream of d draws each place once.
func once(d *spatialdropout.Dropout) bool { return !rewinds(d.Generator().Stream()) }

// use is a pass with what each of its calls must give.
type use[T number] struct {
	name                   string
	pass                   spatialdropout.Pass
	x                      tensor
	src, dy, sum           []T
	forward, backward, add []T
}

// newUse returns a use of a pass whose mask is m. The mask nil is that of the identity.
func newUse[T number](t *testing.T, r *rand.Rand, name string, p spatialdropout.Pass, x tensor, m *mask.Mask) *use[T] {
	t.Helper()
	k := kindOf[T]()
	number := func() []T {
		all := make([]T, x.length)
		for i := range all {
			all[i] = k.of(r.NormFloat64())
		}
		return all
	}
	u := &use[T]{name: name, pass: p, x: x, src: number(), dy: number(), sum: number()}
	u.forward, u.backward, u.add = make([]T, x.length), make([]T, x.length), slices.Clone(u.sum)
	if m == nil {
		u.forward, u.backward = slices.Clone(u.src), slices.Clone(u.dy)
		for _, p := range x.places {
			u.add[p.at] = k.plus(u.sum[p.at], u.dy[p.at])
		}
		if x.view {
			clear(u.forward)
			clear(u.backward)
			for _, p := range x.places {
				u.forward[p.at], u.backward[p.at] = u.src[p.at], u.dy[p.at]
			}
		}
		return u
	}
	for _, err := range []error{
		k.apply(u.forward, u.src, m, x.geom), k.apply(u.backward, u.dy, m.Gradient(), x.geom), k.addTo(u.add, u.dy, m.Gradient(), x.geom),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// check makes one call of the pass: F, B or A for Forward, Backward or AddTo.
func (u *use[T]) check(call rune) error {
	k := kindOf[T]()
	dst, src, want, do := make([]T, u.x.length), u.src, u.forward, u.pass.Forward
	switch call {
	case 'B':
		src, want, do = u.dy, u.backward, u.pass.Backward
	case 'A':
		copy(dst, u.sum)
		src, want, do = u.dy, u.add, u.pass.AddTo
	}
	if err := do(k.tensor(dst, u.x.geom), k.tensor(src, u.x.geom)); err != nil {
		return fmt.Errorf("%s, %c: %w", u.name, call, err)
	}
	if err := differ(dst, want, want); err != nil {
		return fmt.Errorf("%s, %c: %w", u.name, call, err)
	}
	return nil
}

// identityOf returns what newUse takes for the evaluation of d: the mask that scales it, or
// nil.
func identityOf(t *testing.T, p spatialdropout.Pass) *mask.Mask {
	t.Helper()
	m, err := p.Mask()
	if err != nil {
		t.Fatal(err)
	}
	if m.Identity() {
		return nil
	}
	return m
}

func testAnyOrder[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 40))
	for name, opts := range variants() {
		for _, shape := range [][2]tensor{
			{dense(t, layout.NCHW, 3, 5, 2, 3), dense(t, layout.NHWC, 2, 3, 1, 33)},
			{dense(t, layout.NCHW8c, 2, 11, 2, 3), strided(t, []int{2, 3, 4, 5}, []int{140, 20, 5, 1}, 0, 1)},
		} {
			d, drawing := newDropout(t, 0.3, opts()...), newDropout(t, 0.3, opts()...)
			d.Draw(shape[0].geom) // Ramp has rate 0 at step 0
			draw(t, drawing, shape[0].geom)
			pass := func(what string, x tensor, do func(dst, src spatialdropout.Tensor) (spatialdropout.Pass, error)) *use[T] {
				src := make([]T, x.length)
				p, err := do(k.tensor(make([]T, x.length), x.geom), k.tensor(src, x.geom))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				var m *mask.Mask
				if what == "evaluation" && (name != "always" && name != "alpha dropout from a source, always") {
					m = identityOf(t, p)
				} else {
					m = draw(t, drawing, x.geom)
					if got, err := p.Mask(); err != nil || !got.Equal(m) {
						t.Fatalf("%s, %s: mask %v, %v, want\n%v", name, what, got, err, m)
					}
				}
				return newUse[T](t, r, name+", "+what+" of "+x.name, p, x, m)
			}
			// Twins: one Dropout, two tensors, then their backward passes.
			left, between, right := pass("left", shape[0], d.Forward), pass("evaluation", shape[0], d.Evaluate), pass("right", shape[1], d.Forward)
			if left.pass.Place() == right.pass.Place() {
				t.Fatalf("%s: two passes at the place %+v", name, left.pass.Place())
			}
			uses := map[byte]*use[T]{'l': left, 'e': between, 'r': right}
			for _, order := range []string{"lB rB", "rB lB", "lA rA", "rA lA", "rB lA eB", "eA lF rB lF eF rA lB rF eB", "lB lB rA rA"} {
				for i := 0; i < len(order); i += 3 {
					if err := uses[order[i]].check(rune(order[i+1])); err != nil {
						t.Fatalf("in the order %q: %v", order, err)
					}
				}
			}
			if state(d) != state(drawing) {
				t.Fatalf("%s: backward passes move the stream to %+v, want %+v", name, state(d), state(drawing))
			}
			// A place makes its pass again, where its stream can be drawn again.
			if p := d.At(left.pass.Place(), left.x.geom); once(d) {
				wantError(t, name, p.Backward(k.tensor(make([]T, left.x.length), left.x.geom), k.tensor(left.dy, left.x.geom)), "cannot go back")
			} else if again := *left; true {
				again.pass = p
				for _, call := range "FBA" {
					if err := again.check(call); err != nil {
						t.Fatalf("at its place again: %v", err)
					}
				}
			}
		}
	}
}

// Passes of one Dropout are used in any order and more than once, with any options.
func TestPassesRunInAnyOrder(t *testing.T) {
	t.Run("float32", testAnyOrder[float32])
	t.Run("float64", testAnyOrder[float64])
	t.Run("float16", testAnyOrder[float16])
	t.Run("bfloat16", testAnyOrder[bfloat16])
}

func testLayerPasses[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 41))
	k := kindOf[T]()
	for name, opts := range variants() {
		l, drawing := newLayer[T](t, 0.3, opts()...), newDropout(t, 0.3, opts()...)
		always := name == "always" || name == "alpha dropout from a source, always"
		var uses []*use[T]
		for i, x := range []tensor{dense(t, layout.NCHW, 3, 5, 2, 3), dense(t, layout.NHWC, 2, 3, 1, 33), dense(t, layout.NC, 3, 7), dense(t, layout.NCW, 4, 70, 3), dense(t, layout.NC, 2, 9), dense(t, layout.NCHW, 3, 5, 2, 3)} {
			l.SetTraining(i%3 != 1)
			before := l.Pass()
			src := make([]T, x.length)
			if err := l.Forward(src, src, x.geom); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			p := l.Pass()
			if p == before || p != l.Pass() {
				t.Fatalf("%s: the pass of Forward %d is %v, before %v, again %v", name, i, p, before, l.Pass())
			}
			var m *mask.Mask
			if i%3 == 1 && !always {
				m = identityOf(t, p)
			} else {
				m = draw(t, drawing, x.geom)
			}
			u := newUse[T](t, r, fmt.Sprintf("%s, Forward %d", name, i), p, x, m)
			uses = append(uses, u)
			// The layer's own backward pass does not depend on whether its pass was taken.
			if i%2 == 0 {
				if got := backward(t, l, u.dy, x.geom); !same(got, u.backward) {
					t.Fatalf("%s, Forward %d: Backward is not that of the pass", name, i)
				}
			} else {
				got := slices.Clone(u.sum)
				if err := l.AddTo(got, u.dy, x.geom); err != nil || !same(got, u.add) {
					t.Fatalf("%s, Forward %d: %v, AddTo is not that of the pass", name, i, err)
				}
			}
			if i == 2 { // a Forward that fails, too, leaves passes alone
				wantError(t, name, l.Forward(src[1:], src, x.geom), "dst")
			}
		}
		for range 2 {
			for _, i := range r.Perm(len(uses)) {
				for _, call := range "BAF" {
					if err := uses[i].check(call); err != nil {
						t.Fatalf("after later Forwards: %v", err)
					}
				}
			}
		}
		// Nobody takes this pass, and the next Forward uses its memory.
		x := dense(t, layout.NC, 3, 50)
		for range 3 {
			y := forward(t, l, filled(x.length, k.of(1)), x.geom)
			m := draw(t, drawing, x.geom)
			want := make([]T, x.length)
			if err := k.apply(want, filled(x.length, k.of(1)), m, x.geom); err != nil || !same(y, want) {
				t.Fatalf("%s: %v, a Forward after all passes gives %v, want %v", name, err, y, want)
			}
		}
	}
}

// The pass of a layer is a value: it stays what it was when the layer goes on.
func TestPassOfALayerOutlivesLaterForwards(t *testing.T) {
	t.Run("float32", testLayerPasses[float32])
	t.Run("float64", testLayerPasses[float64])
	t.Run("float16", testLayerPasses[float16])
	t.Run("bfloat16", testLayerPasses[bfloat16])
}

// The pass of a source holds its mask, which many goroutines may use.
func TestPassesMayBeUsedConcurrently(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 42))
	x := dense(t, layout.NCHW, 3, 70, 2, 3)
	for name, opts := range variants() {
		d, drawing := newDropout(t, 0.3, opts()...), newDropout(t, 0.3, opts()...)
		var uses []*use[float32]
		for range 3 {
			y := spatialdropout.Of(make([]float32, x.length), x.geom)
			p, err := d.Forward(y, y)
			if err != nil {
				t.Fatal(err)
			}
			uses = append(uses, newUse[float32](t, r, name, p, x, draw(t, drawing, x.geom)))
		}
		var group sync.WaitGroup
		errs := make(chan error, 6)
		for user := range cap(errs) {
			group.Add(1)
			go func() {
				defer group.Done()
				for i, call := range "FBABFA" {
					if err := uses[(i+user)%3].check(call); err != nil {
						errs <- err
						return
					}
				}
			}()
		}
		group.Wait()
		close(errs)
		for err := range errs {
			t.Error(err)
		}
	}
}

func testEvaluationPass[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 43))
	const rate = 0.3
	for j, rule := range []mask.Rule{mask.Reciprocal, mask.Quotient, mask.Unscaled, mask.Alpha, mask.Gaussian, mask.AtInference} {
		d := newDropout(t, rate, withRule(rule))
		atStep(t, d, 4)
		before := state(d)
		for i, x := range tensors(t) {
			if (i+j)%4 > 0 && (instrumented || testing.Short() && rule != mask.AtInference) {
				continue // each rule has some of the tensors, and each tensor some of the rules
			}
			dst, src := operands[T](r, x)
			evaluate := func(dst, src []T, _ int) error {
				_, err := d.Evaluate(k.tensor(dst, x.geom), k.tensor(src, x.geom))
				return err
			}
			p, err := d.Evaluate(k.tensor(slices.Clone(dst), x.geom), k.tensor(src, x.geom))
			if err != nil {
				t.Fatal(err)
			}
			m, err := p.Mask()
			if err != nil || m.CountKept() != x.samples*x.channels || m.Samples() != x.samples || m.Channels() != x.channels {
				t.Fatalf("%s, %v: %v, mask %v, want everything kept", x.name, rule, err, m)
			}
			call, y := call{}, x
			if rule == mask.AtInference {
				call.rate, call.rule = rate, mask.Expectation
			} else { // the identity, padding and all
				y.places, y.padding = slices.Clone(x.places), nil
				for _, at := range x.padding {
					y.places = append(y.places, place{at: at})
				}
			}
			for what, do := range map[string]func(dst, src []T, workers int) error{
				"Evaluate": evaluate,
				"Forward":  func(dst, src []T, _ int) error { return p.Forward(k.tensor(dst, x.geom), k.tensor(src, x.geom)) },
				"Backward": func(dst, src []T, _ int) error { return p.Backward(k.tensor(dst, x.geom), k.tensor(src, x.geom)) },
			} {
				for _, inPlace := range []bool{false, true} {
					call.inPlace = inPlace
					if err := checkDo(y, call, m, dst, src, do, 1); err != nil {
						t.Fatalf("%s, %v, %s of evaluation: %v", x.name, rule, what, err)
					}
				}
			}
			// What is added to padding is nothing.
			call.add, call.inPlace = true, false
			if err := checkDo(x, call, m, dst, src, func(dst, src []T, _ int) error { return p.AddTo(k.tensor(dst, x.geom), k.tensor(src, x.geom)) }, 1); err != nil {
				t.Fatalf("%s, %v, AddTo of evaluation: %v", x.name, rule, err)
			}
			// To another layout, padding of dst becomes +0.
			for _, z := range others(t, x) {
				call.add = false
				moved, _ := operands[T](r, z)
				for what, do := range map[string]func(dst, src spatialdropout.Tensor) error{
					"Evaluate": func(dst, src spatialdropout.Tensor) error { _, err := d.Evaluate(dst, src); return err },
					"Forward":  p.Forward, "Backward": p.Backward,
				} {
					if err := checkMove(z, x, call, m, moved, src, do); err != nil {
						t.Fatalf("%v, %s of evaluation: %v", rule, what, err)
					}
				}
				call.add = true
				if err := checkMove(z, x, call, m, moved, src, p.AddTo); err != nil {
					t.Fatalf("%v, AddTo of evaluation: %v", rule, err)
				}
			}
		}
		if state(d) != before {
			t.Errorf("%v: evaluation moves the stream from %+v to %+v", rule, before, state(d))
		}
	}
}

// Evaluation returns a pass, too: the identity or a scaling, forward and backward.
func TestEvaluationHasAPass(t *testing.T) {
	t.Run("float32", testEvaluationPass[float32])
	t.Run("float64", testEvaluationPass[float64])
	t.Run("float16", testEvaluationPass[float16])
	t.Run("bfloat16", testEvaluationPass[bfloat16])
}

// expectMove is expect where dst lies as x and src as y. Padding of dst that src does not
// have is +0, and nothing is added to it. The race detector does not watch it.
//
//go:norace
func expectMove[T number](x, y tensor, c call, m *mask.Mask, dst, src []T) (want, or []T) {
	if x.geom == y.geom {
		return expect(x, c, m, dst, src)
	}
	k := kindOf[T]()
	want, or = slices.Clone(dst), slices.Clone(dst)
	kept, dropped := k.formulas(c, x.channels)
	// Where the elements of src lie, by their logical index.
	plane := len(y.places) / max(y.samples*y.channels, 1)
	from := make([]int, len(y.places))
	for _, p := range y.places {
		from[(p.n*y.channels+p.c)*plane+p.position] = p.at
	}
	lives := x.lives(m)
	for _, p := range x.places {
		f := dropped
		if lives[p.n*x.channels+p.c] {
			f = kept
		}
		want[p.at], or[p.at] = k.element(c, dst[p.at], src[from[(p.n*y.channels+p.c)*plane+p.position]], f)
	}
	for _, at := range x.padding {
		if !c.add {
			want[at], or[at] = 0, 0
		}
	}
	return want, or
}

// checkMove makes a call on a dst that lies as x and a src that lies as y, and compares
// with the oracle: every bit of dst, the gaps of a view, what lies around dst, and that src
// is only read.
func checkMove[T number](x, y tensor, c call, m *mask.Mask, dst, src []T, do func(dst, src spatialdropout.Tensor) error) error {
	want, or := expectMove(x, y, c, m, dst, src)
	return compareMove(x, y, c, dst, src, want, or, do)
}

// compareMove is checkMove with what [expectMove] has returned.
func compareMove[T number](x, y tensor, c call, dst, src, want, or []T, do func(dst, src spatialdropout.Tensor) error) error {
	k := kindOf[T]()
	what := fmt.Sprintf("%s from %s, %v, tier %s", x.name, y.name, c, kernel.Tier())
	outside := k.of(-77)
	outer := filled(2*guard+len(dst), outside)
	got := outer[guard : guard+len(dst) : guard+len(dst)]
	copy(got, dst)
	from := slices.Clone(src)
	if err := do(k.tensor(got, x.geom), k.tensor(from, y.geom)); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := differ(got, want, or); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	for i := range guard {
		if outer[i] != outside || outer[guard+len(dst)+i] != outside {
			return fmt.Errorf("%s: written outside dst", what)
		}
	}
	if err := differ(from, src, src); err != nil {
		return fmt.Errorf("%s: src was written: %w", what, err)
	}
	return nil
}

func testMove[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 44))
	var calls []call
	for _, c := range callsAt(0, 0.3, 1) {
		if !c.inPlace {
			calls = append(calls, c)
		}
	}
	for _, rule := range []mask.Rule{mask.WideReciprocal, mask.Quotient, mask.CompiledQuotient, mask.Unscaled, mask.Alpha, mask.AlphaGradient} {
		calls = append(calls, call{rate: 0.3, rule: rule, seed: 5})
		if rule != mask.Alpha {
			calls = append(calls, call{rate: 0.3, rule: rule, add: true, seed: 6})
		}
	}
	all := append(tensors(t),
		// Transposed blocks that fill lines and pieces, and leave a rest.
		dense(t, layout.NCHW, 2, 37, 9, 13), dense(t, layout.NHWC, 1, 33, 31, 70), dense(t, layout.NCW, 1, 3, 3001), dense(t, layout.NCHW16c, 1, 40, 5, 7),
	)
	for i, x := range all {
		if testing.Short() && i%3 != 0 {
			continue
		}
		for k, y := range append(others(t, x), x) {
			for j, c := range calls {
				if testing.Short() {
					if (i/3+j+k)%12 > 0 {
						continue // of the tensors that are left, too, some have each call
					}
				} else if skip := (i+j)%3 > 0 || (i+j)%12 > 0 && instrumented; skip {
					continue
				}
				m, err := mask.New(x.samples, x.channels, c.rate, mask.Arithmetic{Policy: c.policy, Rule: c.rule})
				if err != nil {
					t.Fatal(err)
				}
				for n := range x.samples {
					for ch := range x.channels {
						m.Set(n, ch, c.rate == 0 || c.rate < 1 && r.IntN(3) > 0)
					}
				}
				dst, _ := operands[T](r, x)
				src, _ := operands[T](r, y)
				want, or := expectMove(x, y, c, m, dst, src)
				onTiers(t, func(string) {
					for _, workers := range []int{0, 3} {
						do := func(dst, src spatialdropout.Tensor) error { return spatialdropout.ApplyTensor(dst, src, m, workers) }
						if c.add {
							do = func(dst, src spatialdropout.Tensor) error { return spatialdropout.AddToTensor(dst, src, m, workers) }
						}
						if err := compareMove(x, y, c, dst, src, want, or, do); err != nil {
							t.Errorf("%d workers: %v", workers, err)
						}
					}
				})
			}
		}
		if t.Failed() {
			return // the other tensors would say the same
		}
	}
}

// dst and src may lie differently: dropout and a change of layout are one pass.
func TestChangesOfLayoutAreTheOracles(t *testing.T) {
	t.Run("float32", testMove[float32])
	t.Run("float64", testMove[float64])
	t.Run("float16", testMove[float16])
	t.Run("bfloat16", testMove[bfloat16])
}

func testMovedPass[T number](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 45))
	first, last, blocked := dense(t, layout.NCHW, 2, 11, 3, 4), dense(t, layout.NHWC, 2, 3, 4, 11), dense(t, layout.NCHW8c, 2, 11, 3, 4)
	slice := strided(t, []int{2, 11, 3, 4}, []int{400, 20, 5, 1}, 0, 1)
	all := []tensor{first, last, blocked, slice}
	for name, opts := range variants() {
		if name == "Gaussian" || name == "Gaussian with Multiply" {
			continue // the oracle has no noise; see below
		}
		d, drawing := newDropout(t, 0.3, opts()...), newDropout(t, 0.3, opts()...)
		for i, x := range all {
			y := all[(i+1)%len(all)]
			m := draw(t, drawing, x.geom)
			c := callOf(m)
			if name == mask.FixedCount.String() || name == "a count from a source" {
				c.count = 8 // of 11
			}
			dst, _ := operands[T](r, x)
			src, _ := operands[T](r, y)
			var p spatialdropout.Pass
			err := checkMove(x, y, c, m, dst, src, func(dst, src spatialdropout.Tensor) (err error) {
				p, err = d.Forward(dst, src)
				return err
			})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			// The gradient may lie in still other ways.
			x, y := all[(i+2)%len(all)], all[(i+3)%len(all)]
			dst, _ = operands[T](r, x)
			src, _ = operands[T](r, y)
			for _, err := range []error{checkMove(x, y, c, m, dst, src, p.Forward), checkMove(x, y, gradientOf(c), m, dst, src, p.Backward), checkMove(x, y, sumOf(gradientOf(c)), m, dst, src, p.AddTo)} {
				if err != nil {
					t.Fatalf("%s, the pass: %v", name, err)
				}
			}
		}
	}
	// Noise does not depend on the layout.
	k := kindOf[T]()
	d := newDropout(t, 0.3, withRule(mask.Gaussian))
	p := d.Next(first.geom)
	ones := filled(first.length, k.of(1))
	y, z := make([]T, first.length), make([]T, last.length)
	if err := p.Forward(k.tensor(y, first.geom), k.tensor(ones, first.geom)); err != nil {
		t.Fatal(err)
	}
	if err := p.Forward(k.tensor(z, last.geom), k.tensor(ones, first.geom)); err != nil {
		t.Fatal(err)
	}
	all2 := map[place]T{}
	for _, p := range first.places {
		all2[place{n: p.n, c: p.c, position: p.position}] = y[p.at]
	}
	for _, p := range last.places {
		if want := all2[place{n: p.n, c: p.c, position: p.position}]; bitsOf(z[p.at]) != bitsOf(want) {
			t.Fatalf("channel %d of sample %d is %v channels last, %v channels first", p.c, p.n, k.float(z[p.at]), k.float(want))
		}
	}
}

// gradientOf returns the call of the gradient.
func gradientOf(c call) call {
	if c.rule == mask.Alpha {
		c.rule = mask.AlphaGradient
	}
	return c
}

// sumOf returns the call that adds.
func sumOf(c call) call {
	c.add = true
	return c
}

// A pass takes tensors that lie differently, with any options.
func TestPassesChangeLayouts(t *testing.T) {
	t.Run("float32", testMovedPass[float32])
	t.Run("float64", testMovedPass[float64])
	t.Run("float16", testMovedPass[float16])
	t.Run("bfloat16", testMovedPass[bfloat16])
}

// The zero Pass refuses every tensor, as that of a layer before its first Forward does.
func TestZeroPassRefusesEveryTensor(t *testing.T) {
	x := dense(t, layout.NC, 2, 3)
	for what, p := range map[string]spatialdropout.Pass{"the zero Pass": {}, "the pass of a new layer": newLayer[float32](t, 0.5).Pass()} {
		if p.Place() != (mask.Place{}) {
			t.Errorf("%s is at %+v", what, p.Place())
		}
		m, err := p.Mask()
		if m != nil || !refusesArgument(err, "mask") {
			t.Errorf("%s: mask %v, %v, want an *ArgumentError of the mask", what, m, err)
		}
		for _, x := range []tensor{x, {name: "the zero Geometry"}} {
			data := filled[float32](x.length, 7)
			for name, do := range calledBy(p) {
				err := do(spatialdropout.Of(data, x.geom), spatialdropout.Of(data, x.geom))
				if !refusesArgument(err, "mask") {
					t.Errorf("%s, %s of %s: %v, want an *ArgumentError of the mask", what, name, x.name, err)
				}
				wantError(t, what, err, "no mask")
			}
			if !same(data, filled[float32](x.length, 7)) {
				t.Errorf("%s wrote", what)
			}
		}
	}
}
