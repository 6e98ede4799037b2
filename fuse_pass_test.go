package spatialdropout_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

func testFusedPasses[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 71))
	x := dense(t, layout.NCHW8c, 3, 11, 2, 3)
	number := func(n int) []T {
		all := make([]T, n)
		for i := range all {
			all[i] = k.of(r.NormFloat64())
		}
		return all
	}
	tensorOf := func(data []T) spatialdropout.Tensor { return k.tensor(data, x.geom) }
	for name, opts := range variants() {
		d, drawing := newDropout(t, 0.3, opts()...), newDropout(t, 0.3, opts()...)
		d.Draw(x.geom) // Ramp has rate 0 at step 0
		draw(t, drawing, x.geom)
		a := spatialdropout.Around{Scale: k.vector(number(x.channels)), Shift: k.vector(number(x.channels)), Activation: kernel.LeakyReLU(0.2)}
		src, residual, dy := number(x.length), number(x.length), number(x.length)
		type use struct {
			what string
			pass spatialdropout.Pass
			m    *mask.Mask
		}
		var uses []use
		always := name == "always" || name == "alpha dropout from a source, always"
		for _, what := range []string{"first", "evaluation", "second"} {
			do := d.Fuse
			if what == "evaluation" {
				do = d.FuseEvaluation
			}
			dst := slices.Clone(residual)
			p, err := do(tensorOf(dst), tensorOf(src), tensorOf(residual), a)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, what, err)
			}
			m, err := p.Mask()
			if err != nil {
				t.Fatal(err)
			}
			if what != "evaluation" || always {
				if want := draw(t, drawing, x.geom); !m.Equal(want) {
					t.Fatalf("%s, %s: mask %v, want %v", name, what, m, want)
				}
			} else if m.CountKept() != x.samples*x.channels {
				t.Fatalf("%s: evaluation drops", name)
			}
			want := make([]T, x.length)
			if err := spatialdropout.FuseTensor(tensorOf(want), tensorOf(src), tensorOf(residual), m, a, 1); err != nil {
				t.Fatal(err)
			}
			if !same(dst, want) {
				t.Fatalf("%s, %s: not what the mask makes of it", name, what)
			}
			uses = append(uses, use{name + ", " + what, p, m})
		}
		if d.State() != drawing.State() {
			t.Fatalf("%s: at %+v, want %+v", name, d.State(), drawing.State())
		}
		for _, i := range []int{2, 0, 1, 0, 2, 1} {
			u := uses[i]
			got, want := make([]T, x.length), make([]T, x.length)
			if err := u.pass.FuseBackward(tensorOf(got), tensorOf(dy), spatialdropout.FromInput(tensorOf(src)), a); err != nil {
				t.Fatalf("%s: %v", u.what, err)
			}
			if err := spatialdropout.FuseBackwardTensor(tensorOf(want), tensorOf(dy), spatialdropout.FromInput(tensorOf(src)), u.m, a, 2); err != nil {
				t.Fatal(err)
			}
			if !same(got, want) {
				t.Fatalf("%s: the gradient is not that of the mask", u.what)
			}
			if err := u.pass.Fuse(tensorOf(got), tensorOf(src), spatialdropout.Tensor{}, a); err != nil {
				t.Fatal(err)
			}
			if err := spatialdropout.FuseTensor(tensorOf(want), tensorOf(src), spatialdropout.Tensor{}, u.m, a, 2); err != nil || !same(got, want) {
				t.Fatalf("%s: %v, computed again it is another", u.what, err)
			}
		}
		// A call that is refused spends nothing.
		before := d.State()
		if _, err := d.Fuse(tensorOf(dy[1:]), tensorOf(src), spatialdropout.Tensor{}, a); err == nil || d.State() != before {
			t.Errorf("%s: %v, at %+v, want %+v", name, err, d.State(), before)
		}
		if _, err := d.Fuse(tensorOf(dy), tensorOf(src), tensorOf(src), spatialdropout.Around{Activation: kernel.LeakyReLU(math.NaN())}); err == nil || d.State() != before {
			t.Errorf("%s: %v, at %+v, want %+v", name, err, d.State(), before)
		}
	}
}

// A pass of a fused call has its mask and its gradient, in any order, in evaluation, too.
func TestFusedPassesRunInAnyOrder(t *testing.T) {
	t.Run("float32", testFusedPasses[float32])
	t.Run("float64", testFusedPasses[float64])
	t.Run("float16", testFusedPasses[float16])
	t.Run("bfloat16", testFusedPasses[bfloat16])
}

func testFromOutput[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 72))
	for _, x := range []tensor{dense(t, layout.NCHW, 3, 5, 4, 9), dense(t, layout.NHWC, 3, 4, 9, 5), dense(t, layout.NCHW16c, 2, 19, 3, 2)} {
		for _, opts := range [][]spatialdropout.Option{
			nil, {withRule(mask.WideReciprocal)}, {withRule(mask.Quotient)}, {withRule(mask.Unscaled)}, {spatialdropout.WithSharing(mask.FixedCount)}, {spatialdropout.WithSharing(mask.PerSample)},
		} {
			for _, rate := range []float64{0, 0.3, 0.9, 1} {
				m := draw(t, newDropout(t, rate, opts...), x.geom)
				for _, act := range []kernel.Activation{kernel.ReLU, kernel.LeakyReLU(0.3), kernel.LeakyReLU(0), kernel.Activation{}} {
					a := spatialdropout.Around{Scale: k.vector(values[T](r, x.channels)), Shift: k.vector(values[T](r, x.channels)), Activation: act}
					src, dy, y := values[T](r, x.length), values[T](r, x.length), make([]T, x.length)
					if err := spatialdropout.FuseTensor(k.tensor(y, x.geom), k.tensor(src, x.geom), spatialdropout.Tensor{}, m, a, 1); err != nil {
						t.Fatal(err)
					}
					in, out := make([]T, x.length), slices.Clone(y)
					for _, err := range []error{
						spatialdropout.FuseBackwardTensor(k.tensor(in, x.geom), k.tensor(dy, x.geom), spatialdropout.FromInput(k.tensor(src, x.geom)), m, a, 1),
						spatialdropout.FuseBackwardTensor(k.tensor(out, x.geom), k.tensor(dy, x.geom), spatialdropout.FromOutput(k.tensor(out, x.geom)), m, a, 1),
					} {
						if err != nil {
							t.Fatal(err)
						}
					}
					if err := alike(out, in); err != nil {
						t.Fatalf("%s, %v, rate %v, %v: from the output, %v from the input", x.name, act, rate, m.Arithmetic().Rule, err)
					}
				}
			}
		}
	}
}

// The gradient from the output is that from the input, where it is offered.
func TestGradientFromOutputIsThatFromInput(t *testing.T) {
	t.Run("float32", testFromOutput[float32])
	t.Run("float64", testFromOutput[float64])
	t.Run("float16", testFromOutput[float16])
	t.Run("bfloat16", testFromOutput[bfloat16])
}

// FuseBackward is the derivative of Fuse, by central differences.
func TestFusedGradientIsTheDerivative(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 73))
	x := dense(t, layout.NHWC, 2, 2, 3, 4)
	for _, act := range []kernel.Activation{kernel.Activation{}, kernel.ReLU, kernel.ClippedReLU(1), kernel.LeakyReLU(0.1), kernel.LeakyReLU(-2)} {
		for _, rule := range []mask.Rule{mask.Reciprocal, mask.Quotient, mask.Alpha, mask.Gaussian, mask.AtInference} {
			m := draw(t, newDropout(t, 0.4, withRule(rule)), x.geom)
			number := func(n int) []float64 {
				all := make([]float64, n)
				for i := range all {
					all[i] = r.NormFloat64()
				}
				return all
			}
			a := spatialdropout.Around{Scale: kernel.Of(number(x.channels)), Shift: kernel.Of(number(x.channels)), Activation: act}
			src, residual, dy, dx, y := number(x.length), number(x.length), number(x.length), make([]float64, x.length), make([]float64, x.length)
			from := spatialdropout.FromInput(spatialdropout.Of(src, x.geom))
			if err := spatialdropout.FuseBackward(dx, dy, from, m, a, x.geom); err != nil {
				t.Fatal(err)
			}
			value := func(i int, h float64) (sum float64) {
				src := slices.Clone(src)
				src[i] += h
				if err := spatialdropout.Fuse(y, src, residual, m, a, x.geom); err != nil {
					t.Fatal(err)
				}
				for k := range y {
					sum += y[k] * dy[k]
				}
				return sum
			}
			for i := range src {
				const h = 1e-6
				if got, want := dx[i], (value(i, h)-value(i, -h))/(2*h); math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
					t.Errorf("%v, %v: element %d has the gradient %v, want %v", act, rule, i, got, want)
				}
			}
		}
	}
}

func testFusedErrors[T number](t *testing.T) {
	k := kindOf[T]()
	r := rand.New(rand.NewPCG(1, 74))
	x, other := dense(t, layout.NCHW, 2, 3, 4, 5), dense(t, layout.NHWC, 2, 4, 5, 3)
	memory := values[T](r, 400)
	dst, src, beside := memory[:120], memory[130:250], memory[260:380]
	m := draw(t, newDropout(t, 0.5), x.geom)
	of := func(data []T) spatialdropout.Tensor { return k.tensor(data, x.geom) }
	three := func() kernel.Vector { return k.vector(filled(3, k.of(1))) }
	relu := spatialdropout.Around{Activation: kernel.ReLU}
	masked := func(opts ...spatialdropout.Option) *mask.Mask { return draw(t, newDropout(t, 0.5, opts...), x.geom) }
	type arguments struct {
		dst, src, beside spatialdropout.Tensor
		m                *mask.Mask
		a                spatialdropout.Around
		workers          int
		output           bool
	}
	good := arguments{of(dst), of(src), of(beside), m, relu, 1, false}
	strange, doubles := k.vector(nil).Kind(), kernel.Of(make([]float64, 120))
	if strange == kernel.F64 {
		doubles = kernel.Of(make([]float32, 120))
	}
	for _, c := range []struct {
		what  string
		set   func(c *arguments)
		err   error // of this type and argument
		words []string
		only  string // of the directions
	}{
		{"negative workers", func(c *arguments) { c.workers = -3 }, &kernel.ArgumentError{Argument: "workers"}, []string{"-3"}, ""},
		{"short dst", func(c *arguments) { c.dst = of(dst[1:]) }, &spatialdropout.ArgumentError{Argument: "dst"}, []string{"dst", "119", "120"}, ""},
		{"long src", func(c *arguments) { c.src = of(memory[130:251]) }, &spatialdropout.ArgumentError{Argument: "src"}, []string{"src", "121", "120"}, ""},
		{"a short tensor beside", func(c *arguments) { c.beside = of(beside[2:]) }, &spatialdropout.ArgumentError{Argument: "beside"}, []string{"118", "120"}, ""},
		{"a tensor beside without elements", func(c *arguments) { c.beside = spatialdropout.Tensor{Geometry: x.geom} }, &spatialdropout.ArgumentError{Argument: "beside"}, []string{"0", "120"}, ""},
		{"no tensor to go from", func(c *arguments) { c.beside = spatialdropout.Tensor{} }, &spatialdropout.ArgumentError{Argument: "from"}, []string{"from", "0", "120"}, "backward"},
		{"a tensor beside that lies differently", func(c *arguments) { c.beside = k.tensor(beside, other.geom) }, &spatialdropout.ArgumentError{Argument: "beside"}, []string{"2×3 channels of 4×5", "channels innermost, with strides of 60, 3 and 1 elements", "as dst does", "positions innermost, with strides of 20 and 1 elements"}, ""},
		{"a tensor beside of another shape", func(c *arguments) { c.beside = k.tensor(beside, dense(t, layout.NCHW, 2, 5, 4, 3).geom) }, &spatialdropout.ArgumentError{Argument: "beside"}, []string{"2×5 channels of 4×3", "as dst does, of 2×3 channels of 4×5"}, ""},
		{"a list beside that is none", func(c *arguments) { c.beside = k.list([][]T{beside[:60], beside[:59]}, x.geom) }, &spatialdropout.ArgumentError{Argument: "beside"}, []string{"59"}, ""},
		{"another kind beside", func(c *arguments) { c.beside = spatialdropout.Tensor{Data: doubles, Geometry: x.geom} }, &spatialdropout.ArgumentError{Argument: "beside"}, []string{strange.String(), doubles.Kind().String()}, ""},
		{"another kind of src", func(c *arguments) { c.src = spatialdropout.Tensor{Data: doubles, Geometry: x.geom} }, &kernel.ArgumentError{Argument: "kind"}, []string{strange.String(), doubles.Kind().String()}, ""},
		{"a dst that overlaps src", func(c *arguments) { c.src = of(memory[1:121]) }, new(kernel.OverlapError), []string{"src"}, ""},
		{"a dst that overlaps the tensor beside", func(c *arguments) { c.beside = of(memory[119:239]) }, new(kernel.OverlapError), []string{"overlap"}, ""},
		{"a list beside that overlaps dst", func(c *arguments) { c.beside = k.list([][]T{beside[:60], memory[3:63]}, x.geom) }, new(kernel.OverlapError), []string{"overlap"}, ""},
		{"a src that lies differently and is dst", func(c *arguments) { c.src = k.tensor(dst, other.geom) }, new(kernel.OverlapError), []string{"dst"}, ""},
		{"no mask", func(c *arguments) { c.m = nil }, &spatialdropout.ArgumentError{Argument: "mask"}, []string{"no mask"}, ""},
		{"a mask of other channels", func(c *arguments) { c.m = draw(t, newDropout(t, 0.5), dense(t, layout.NC, 2, 4).geom) }, &spatialdropout.ArgumentError{Argument: "mask"}, []string{"2×4", "2×3 channels of 4×5"}, ""},
		{"two scales", func(c *arguments) { c.a.Scale = k.vector(filled(2, k.of(1))) }, &spatialdropout.ArgumentError{Argument: "Scale"}, []string{"Scale", "2", "3", "2×3 channels of 4×5"}, ""},
		{"six shifts", func(c *arguments) { c.a.Shift = k.vector(filled(6, k.of(1))) }, &spatialdropout.ArgumentError{Argument: "Shift"}, []string{"Shift", "6", "3"}, ""},
		{"a list of scales", func(c *arguments) { c.a.Scale = k.list([][]T{beside[:3], beside[:3]}, x.geom).Data }, &spatialdropout.ArgumentError{Argument: "Scale"}, []string{"Scale", "2 slices"}, ""},
		{"scales of another kind", func(c *arguments) { c.a.Scale = doubles.From(117) }, &spatialdropout.ArgumentError{Argument: "Scale"}, []string{"Scale", doubles.Kind().String()}, ""},
		{"shifts of another kind", func(c *arguments) { c.a.Shift = doubles.From(117) }, &spatialdropout.ArgumentError{Argument: "Shift"}, []string{"Shift", doubles.Kind().String()}, ""},
		{"scales in dst", func(c *arguments) { c.a.Scale = k.vector(dst[5:8]) }, new(kernel.OverlapError), []string{"scales"}, ""},
		{"shifts in dst", func(c *arguments) { c.a.Scale, c.a.Shift = three(), k.vector(memory[118:121]) }, new(kernel.OverlapError), []string{"shifts"}, ""},
		{"a limit of 0", func(c *arguments) { c.a.Activation = kernel.ClippedReLU(0) }, &spatialdropout.ArgumentError{Argument: "Activation"}, []string{"ClippedReLU(0)", "above 0"}, ""},
		{"a limit below 0", func(c *arguments) { c.a.Activation = kernel.ClippedReLU(-6) }, &spatialdropout.ArgumentError{Argument: "Activation"}, []string{"-6", "above 0"}, ""},
		{"no limit", func(c *arguments) { c.a.Activation = kernel.ClippedReLU(math.NaN()) }, &spatialdropout.ArgumentError{Argument: "Activation"}, []string{"NaN", "above 0"}, ""},
		{"an infinite slope", func(c *arguments) { c.a.Activation = kernel.LeakyReLU(math.Inf(1)) }, &spatialdropout.ArgumentError{Argument: "Activation"}, []string{"Inf", "finite"}, ""},
		{"no slope", func(c *arguments) { c.a.Activation = kernel.LeakyReLU(math.NaN()) }, &spatialdropout.ArgumentError{Argument: "Activation"}, []string{"NaN", "finite"}, ""},
		{"a limit and the output", func(c *arguments) { c.a.Activation, c.output = kernel.ClippedReLU(6), true }, &spatialdropout.ArgumentError{Argument: "from"}, []string{"output", "FromInput"}, "backward"},
		{"a negative slope and the output", func(c *arguments) { c.a.Activation, c.output = kernel.LeakyReLU(-1), true }, &spatialdropout.ArgumentError{Argument: "from"}, []string{"output", "FromInput"}, "backward"},
		{"Multiply and the output", func(c *arguments) { c.m, c.output = masked(withPolicy(mask.Multiply)), true }, &spatialdropout.ArgumentError{Argument: "from"}, []string{"+0", "FromInput"}, "backward"},
		{"alpha dropout and the output", func(c *arguments) { c.m, c.output = masked(withRule(mask.Alpha)), true }, &spatialdropout.ArgumentError{Argument: "from"}, []string{"shifts", "FromInput"}, "backward"},
		{"Gaussian noise and the output", func(c *arguments) { c.m, c.output = masked(withRule(mask.Gaussian)), true }, &spatialdropout.ArgumentError{Argument: "from"}, []string{"FromInput"}, "backward"},
		{"a factor below 1 and the output", func(c *arguments) {
			d := newDropout(t, 0.5, withRule(mask.AtInference))
			p, err := d.Evaluate(of(slices.Clone(dst)), of(src))
			if err != nil {
				t.Fatal(err)
			}
			if c.m, err = p.Mask(); err != nil {
				t.Fatal(err)
			}
			c.output = true
		}, &spatialdropout.ArgumentError{Argument: "from"}, []string{"0.5", "FromInput"}, "backward"},
	} {
		for _, direction := range []string{"forward", "backward"} {
			if c.only != "" && c.only != direction {
				continue
			}
			args := good
			c.set(&args)
			before := slices.Clone(memory)
			var err error
			if direction == "forward" {
				err = spatialdropout.FuseTensor(args.dst, args.src, args.beside, args.m, args.a, args.workers)
			} else {
				from := spatialdropout.FromInput(args.beside)
				if args.output {
					from = spatialdropout.FromOutput(args.beside)
				}
				err = spatialdropout.FuseBackwardTensor(args.dst, args.src, from, args.m, args.a, args.workers)
			}
			wantError(t, direction+" with "+c.what, err, append(c.words, "want")...)
			beside := map[string]string{"forward": "residual", "backward": "from"}[direction]
			if !refusesAs(err, c.err, beside) {
				t.Errorf("%s with %s: %#v, want %#v", direction, c.what, err, c.err)
			}
			if !same(memory, before) {
				t.Errorf("%s with %s: written before it failed", direction, c.what)
				copy(memory, before)
			}
		}
	}
	if err := spatialdropout.FuseTensor(good.dst, good.src, good.beside, good.m, good.a, good.workers); err != nil {
		t.Errorf("a call without a mistake: %v", err)
	}
}

// refusesAs reports whether err is an error of the type of want about the same argument, where "beside" stands for the
// name of the tensor beside dst.
func refusesAs(err, want error, beside string) bool {
	switch want := want.(type) {
	case *kernel.ArgumentError:
		return refusesKernel(err, want.Argument)
	case *spatialdropout.ArgumentError:
		return refusesArgument(err, want.Argument) || want.Argument == "beside" && refusesArgument(err, beside)
	}
	return fmt.Sprintf("%T", err) == fmt.Sprintf("%T", want)
}

// What is wrong with a fused call is a typed error, and nothing is written.
func TestFusedCallsRefuseWhatDoesNotFit(t *testing.T) {
	t.Run("float32", testFusedErrors[float32])
	t.Run("float64", testFusedErrors[float64])
	t.Run("float16", testFusedErrors[float16])
	t.Run("bfloat16", testFusedErrors[bfloat16])
}

// A fused call of nothing is nothing, and one of a zero Dropout or Pass is an error.
func TestFusedCallsOfNothing(t *testing.T) {
	x := dense(t, layout.NCHW, 2, 3, 0, 5)
	d := newDropout(t, 0.5)
	m := draw(t, d, x.geom)
	a := spatialdropout.Around{Activation: kernel.ReLU}
	none := spatialdropout.Of([]float32{}, x.geom)
	if err := spatialdropout.Fuse(nil, []float32{}, nil, m, a, x.geom); err != nil {
		t.Error(err)
	}
	if err := spatialdropout.FuseBackward(nil, []float32{}, spatialdropout.FromInput(none), m, a, x.geom); err != nil {
		t.Error(err)
	}
	p, err := d.Fuse(none, none, none, a)
	if err == nil {
		err = p.FuseBackward(none, none, spatialdropout.FromOutput(none), a)
	}
	if err != nil {
		t.Error(err)
	}
	if _, err := new(spatialdropout.Dropout).Fuse(none, none, none, a); !errors.As(err, new(*spatialdropout.UseError)) {
		t.Errorf("a zero Dropout: %v", err)
	}
	if _, err := new(spatialdropout.Dropout).FuseEvaluation(none, none, none, a); !errors.As(err, new(*spatialdropout.UseError)) {
		t.Errorf("a zero Dropout in evaluation: %v", err)
	}
	if err := (spatialdropout.Pass{}).Fuse(none, none, none, a); !refusesArgument(err, "mask") {
		t.Errorf("a zero Pass: %v", err)
	}
	if err := (spatialdropout.Pass{}).FuseBackward(none, none, spatialdropout.From{}, a); !refusesArgument(err, "mask") {
		t.Errorf("the gradient of a zero Pass: %v", err)
	}
}

// Scale and Shift lie outside dst, in every layout: also where padding follows the numbers in a copy.
func TestNumbersOfChannelsLieOutsideDst(t *testing.T) {
	shape := []int{2, 3, 2, 2}
	for _, x := range []tensor{dense(t, layout.NCHW, shape...), dense(t, layout.NHWC, 2, 2, 2, 3), dense(t, layout.NCHW8c, shape...), dense(t, layout.NCHW16c, shape...)} {
		for _, y := range append(others(t, x), x) {
			r := rand.New(rand.NewPCG(1, 75))
			d := newDropout(t, 0.5)
			m := draw(t, d, x.geom)
			memory, src := values[float32](r, x.length+4), spatialdropout.Of(values[float32](r, y.length), y.geom)
			before, state := slices.Clone(memory), d.State()
			dst := spatialdropout.Of(memory[2:][:x.length], x.geom)
			for _, at := range []int{0, 2, x.length, x.length + 1} {
				numbers := kernel.Of(memory[at:][:3])
				for what, a := range map[string]spatialdropout.Around{"scales": {Scale: numbers}, "shifts": {Shift: numbers}} {
					_, drawn := d.Fuse(dst, src, spatialdropout.Tensor{}, a)
					for _, err := range []error{
						drawn, spatialdropout.FuseTensor(dst, src, spatialdropout.Tensor{}, m, a, 1),
						spatialdropout.FuseBackwardTensor(dst, src, spatialdropout.From{}, m, a, 1),
					} {
						var overlap *kernel.OverlapError
						if !errors.As(err, &overlap) || overlap.With != what {
							t.Errorf("%s from %s: %v, want an overlap of dst with %s", x.name, y.name, err, what)
						}
					}
				}
			}
			if !same(memory, before) || d.State() != state {
				t.Errorf("%s from %s: written or drawn before it failed", x.name, y.name)
			}
		}
	}
}
