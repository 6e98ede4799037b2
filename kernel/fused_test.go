package kernel_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// fusedCase is what a fused call computes.
type fusedCase struct {
	form             int     // no activation, a ReLU, a leaky one
	number           float64 // the limit or the slope
	sum              bool
	backward, output bool
}

// anyFused returns what a call may compute.
func anyFused(r *rand.Rand) fusedCase {
	f := fusedCase{form: r.IntN(3), backward: r.IntN(2) == 0}
	f.output, f.sum = f.backward && r.IntN(2) == 0, !f.backward && r.IntN(2) == 0
	f.number = [][]float64{{0}, {math.Inf(1), 1, 3}, {0, 0.5, -2}}[f.form][r.IntN([]int{1, 3, 3}[f.form])]
	if f.output { // which says nothing of a limit, or with a negative slope
		f.number = []float64{0, math.Inf(1), 0.5}[f.form]
	}
	return f
}

// activation returns that of the call.
func (f fusedCase) activation() kernel.Activation {
	switch {
	case f.form == 0:
		return kernel.Activation{}
	case f.form == 2:
		return kernel.LeakyReLU(f.number)
	case math.IsInf(f.number, 1):
		return kernel.ReLU
	}
	return kernel.ClippedReLU(f.number)
}

// aux reports whether the call reads another tensor.
func (f fusedCase) aux() bool { return f.sum || f.backward && f.form > 0 }

// fusedLoops returns loops that nest, of any strides. Factors go in steps of their own: rows may be
// longer than a sample has channels.
func fusedLoops(r *rand.Rand) (loops []layout.Loop) {
	inside := 1
	for range 1 + r.IntN(4) {
		l := layout.Loop{Size: 1 + r.IntN(7), Dst: inside + r.IntN(3)*r.IntN(2), Factor: r.IntN(3)}
		if r.IntN(8) == 0 {
			l.Size = 40 + r.IntN(40)
		}
		l.Src = l.Dst
		if r.IntN(5) == 0 {
			l.Src = r.IntN(9)
		}
		if inside+(l.Size-1)*l.Dst > 30000 {
			break
		}
		inside += (l.Size - 1) * l.Dst
		loops = append([]layout.Loop{l}, loops...)
	}
	return loops
}

// visited calls f for each element that loops visit, and returns how far they reach.
func visited(loops []layout.Loop, f func(dst, src, factor int)) (dst, src, factors int) {
	var visit func(k, d, s, e int)
	visit = func(k, d, s, e int) {
		if k < len(loops) {
			for i := range loops[k].Size {
				visit(k+1, d+i*loops[k].Dst, s+i*loops[k].Src, e+i*loops[k].Factor)
			}
			return
		}
		dst, src, factors = max(dst, d+1), max(src, s+1), max(factors, e+1)
		f(d, s, e)
	}
	visit(0, 0, 0, 0)
	return dst, src, factors
}

// fusedInteger returns what a formula gives for numbers of which it rounds nothing.
func fusedInteger(f fusedCase, op kernel.Op, x, z, factor, more, a, s float64) float64 {
	dropout := func(x float64) float64 {
		switch {
		case factor == 0 && op != kernel.Multiply && op != kernel.AffineMultiply:
			return more
		case op == kernel.Divide:
			return x / factor
		}
		return x*factor + more
	}
	l := f.number
	if !f.backward {
		t := x*a + s
		switch {
		case f.form == 1:
			t = min(max(t, 0), l)
		case f.form == 2 && !(t > 0):
			t *= l
		}
		if f.sum {
			return z + dropout(t)
		}
		return dropout(t)
	}
	t, g := z*a+s, dropout(x)
	if f.output {
		t = z
	}
	switch {
	case f.form == 1 && !(t > 0 && t < l):
		g = 0
	case f.form == 2 && !(t > 0):
		g *= l
	}
	return g * a
}

// Fused nests of any loops compute their formula for each element, with the factor of its entry and the
// scale and the shift of its channel.
func TestFusedNestsOfAnyLoops(t *testing.T) {
	kernel.ShareAll(t)
	runs := uint64(3000)
	if testing.Short() || kernel.Instrumented {
		runs /= 8
	}
	for seed := range runs {
		r := rand.New(rand.NewPCG(71, seed))
		loops := fusedLoops(r)
		span, reach, entries := visited(loops, func(int, int, int) {})
		channels := 1 + r.IntN(1+entries)
		f := anyFused(r)
		ops := []kernel.Op{kernel.Scale, kernel.Scale, kernel.Multiply, kernel.Divide, kernel.Affine, kernel.AffineMultiply}
		if f.backward {
			ops = ops[:4]
		}
		op := ops[r.IntN(len(ops))]
		number := func(n, least, most int) []float32 {
			all := make([]float32, n)
			for i := range all {
				all[i] = float32(least + r.IntN(most-least+1))
			}
			return all
		}
		dst, src, aux := number(span, -9, 9), number(reach, -9, 9), number(span, -9, 9)
		factors, scales, shifts, more := number(entries, 0, 2), number(channels, -3, 3), number(channels, -3, 3), number(entries, -3, 3)
		same := true
		for _, l := range loops {
			same = same && (l.Src == l.Dst || l.Size == 1)
		}
		switch r.IntN(4) {
		case 0:
			if same {
				src = dst
			}
		case 1:
			aux = dst
		}
		call := kernel.Fused{Activation: f.activation(), Backward: f.backward, Output: f.output, Op: op, Factors: kernel.Of(factors), Scales: kernel.Of(scales), Shifts: kernel.Of(shifts)}
		if f.aux() {
			call.Aux = kernel.Of(aux)
		}
		shifted := op == kernel.Affine || op == kernel.AffineMultiply
		if shifted {
			call.FactorShifts = kernel.Of(more)
		}
		want := slices.Clone(dst)
		visited(loops, func(d, s, e int) {
			m := 0.0
			if shifted {
				m = float64(more[e])
			}
			want[d] = float32(fusedInteger(f, op, float64(src[s]), float64(aux[d]), float64(factors[e]), m, float64(scales[e%channels]), float64(shifts[e%channels])))
		})
		if err := kernel.RunFused(&call, kernel.Of(dst), kernel.Of(src), loops, r.IntN(4)); err != nil {
			t.Fatalf("seed %d: %+v of %v: %v", seed, f, loops, err)
		}
		for i := range dst {
			if dst[i] != want[i] {
				t.Fatalf("seed %d: %+v around %v of %v with %d channels: element %d is %v, want %v", seed, f, op, loops, channels, i, dst[i], want[i])
			}
		}
	}
}

// Fused rows have the same bits wherever dst lies in its page, and src and aux in theirs: floats are walked backward
// where dst lies a little further in its page than src.
func TestFusedRowsAnywhereInAPage(t *testing.T) {
	const page = 4096
	r := rand.New(rand.NewPCG(72, 1))
	var memory [3][]byte // of dst, src and aux
	for i := range memory {
		all := make([]byte, 6*page)
		memory[i] = all[-uintptr(unsafe.Pointer(&all[0]))&(page-1):][:5*page]
	}
	before := kernel.CurrentStrategy()
	defer kernel.SetStrategy(before)
	machine.EveryTier(t, func(t *testing.T) {
		for run := range 400 {
			s := before
			s.StreamRows, s.StoreAhead, s.Behind = r.IntN(2)<<30, r.IntN(2)*512, r.IntN(2)*page
			if err := kernel.SetStrategy(s); err != nil {
				t.Fatal(err)
			}
			kind := []*kernel.Kind{kernel.F32, kernel.F64, kernel.F16, kernel.BF16}[run%4]
			size := []int{4, 8, 2, 2}[run%4]
			f, row, rows := anyFused(r), 64*(1+r.IntN(9)), 1+r.IntN(14)
			channels, bytes := row/size, row*rows
			numbers := func(n int) (all []byte) {
				for range n {
					switch x := float64(r.IntN(19) - 9); kind {
					case kernel.F64:
						all = binary.NativeEndian.AppendUint64(all, math.Float64bits(x))
					case kernel.F32:
						all = binary.NativeEndian.AppendUint32(all, math.Float32bits(float32(x)))
					case kernel.F16:
						all = binary.NativeEndian.AppendUint16(all, dtype.Float16.Round(x))
					default:
						all = binary.NativeEndian.AppendUint16(all, dtype.BFloat16.Round(x))
					}
				}
				return all
			}
			each := func() kernel.Vector { return kernel.OfBytes(kind, numbers(channels)) }
			call := kernel.Fused{Activation: f.activation(), Backward: f.backward, Output: f.output, Factors: each(), Scales: each(), Shifts: each()}
			loops := []layout.Loop{{Size: rows, Dst: channels, Src: channels}, {Size: channels, Dst: 1, Src: 1, Factor: 1}}
			over := r.IntN(3) // src, aux or neither is dst
			given := [3][]byte{}
			for i := range given {
				given[i] = numbers(rows * channels)
			}
			result := func(at [3]int) []byte {
				var vectors [3]kernel.Vector
				var dst []byte
				for i, all := range memory {
					some := all[at[i] : at[i]+bytes]
					if i > 0 && over == i {
						copy(dst, given[i])
						some = dst
					} else {
						copy(some, given[i])
					}
					if i == 0 {
						dst = some
					}
					vectors[i] = kernel.OfBytes(kind, some)
				}
				if f.aux() {
					call.Aux = vectors[2]
				}
				if err := kernel.RunFused(&call, vectors[0], vectors[1], loops, 1); err != nil {
					t.Fatal(err)
				}
				return slices.Clone(dst)
			}
			want := result([3]int{})
			for _, at := range [][3]int{{64, 0, 0}, {0, 64, 0}, {64, 0, 128}, {512, 0, 0}, {2048, 0, 0}, {0, 4032, 64}, {0, 4096 - size, 0}, {1024 + size, 0, 0}} {
				if !slices.Equal(result(at), want) {
					t.Fatalf("%+v of %v, %d rows of %d bytes at %d: other bits than at 0", f, kind, rows, row, at)
				}
			}
		}
	})
}

// What is wrong with a fused nest is a typed error, and nothing is written.
func TestFusedNestsRefuseWhatDoesNotFit(t *testing.T) {
	memory := make([]float32, 100)
	for i := range memory {
		memory[i] = float32(i)
	}
	of := func(from, n int) kernel.Vector { return kernel.Of(memory[from : from+n]) }
	loops := []layout.Loop{{Size: 3, Dst: 4, Src: 4}, {Size: 4, Dst: 1, Src: 1, Factor: 1}}
	twisted := []layout.Loop{{Size: 3, Dst: 4, Src: 1}, {Size: 4, Dst: 1, Src: 3, Factor: 1}}
	type arguments struct {
		f        *kernel.Fused
		dst, src kernel.Vector
		loops    []layout.Loop
		workers  int
	}
	for _, c := range []struct {
		what  string
		set   func(a *arguments)
		err   error // of this type
		words []string
	}{
		{"nothing", func(a *arguments) { a.f = nil }, kernel.Argument("f"), []string{"want a Fused"}},
		{"Copy", func(a *arguments) { a.f.Op = kernel.Copy }, kernel.Argument("Op"), []string{"Copy"}},
		{"an unknown operation", func(a *arguments) { a.f.Op = 77 }, kernel.Argument("Op"), []string{"Op(77)"}},
		{"a sum", func(a *arguments) { a.f.Op = kernel.Add }, kernel.Argument("Op"), []string{"around Add", "AffineMultiply"}},
		{"a ReLU of its own", func(a *arguments) { a.f.Op = kernel.AffineMax }, kernel.Argument("Op"), []string{"AffineMax"}},
		{"a gradient of shifts", func(a *arguments) { a.f.Backward, a.f.Op = true, kernel.Affine }, kernel.Argument("Op"), []string{"the gradient of a ReLU around Affine", "Scale, Multiply or Divide"}},
		{"no kind", func(a *arguments) { a.dst = kernel.Vector{} }, kernel.Argument("kind"), []string{"no kind"}},
		{"another kind of src", func(a *arguments) { a.src = kernel.Of(make([]float64, 12)) }, kernel.Argument("kind"), []string{"float32", "float64"}},
		{"another kind of factors", func(a *arguments) { a.f.Factors = kernel.Of(make([]float64, 12)) }, kernel.Argument("kind"), []string{"float64"}},
		{"another kind of aux", func(a *arguments) { a.f.Aux = kernel.Of(make([]float64, 12)) }, kernel.Argument("kind"), []string{"Aux of float64", "float32"}},
		{"another kind of scales", func(a *arguments) { a.f.Scales = kernel.Of(make([]float64, 4)) }, kernel.Argument("kind"), []string{"Scales of float64"}},
		{"another kind of shifts", func(a *arguments) { a.f.Shifts = kernel.Of(make([]float64, 4)) }, kernel.Argument("kind"), []string{"Shifts of float64"}},
		{"a list of scales", func(a *arguments) { a.f.Scales = kernel.OfList([][]float32{{1}, {2}}) }, kernel.Argument("Scales"), []string{"Scales", "one slice"}},
		{"a list of factors", func(a *arguments) { a.f.Factors = kernel.OfList([][]float32{{1}, {2}}) }, kernel.Argument("Factors"), []string{"factors", "one slice"}},
		{"no scales", func(a *arguments) { a.f.Scales = kernel.Vector{} }, kernel.Argument("Scales"), []string{"0 scales and 4 shifts"}},
		{"more shifts", func(a *arguments) { a.f.Shifts = of(80, 5) }, kernel.Argument("Scales"), []string{"4 scales and 5 shifts"}},
		{"an aux too many", func(a *arguments) { a.f.Activation, a.f.Backward = kernel.Activation{}, true }, kernel.Argument("Aux"), []string{"the gradient of a scale and a shift with an aux", "none"}},
		{"an empty aux", func(a *arguments) { a.f.Aux = of(0, 0) }, kernel.Argument("Aux"), []string{"aux of 0", "12"}},
		{"no aux of a gradient", func(a *arguments) { a.f.Backward, a.f.Aux = true, kernel.Vector{} }, kernel.Argument("Aux"), []string{"the gradient of a ReLU", "aux of 0", "12"}},
		{"an empty aux beside a list", func(a *arguments) {
			a.f.Aux, a.dst = of(0, 0), kernel.OfList([][]float32{memory[0:6], memory[6:12]})
		}, kernel.Argument("Aux"), []string{"aux"}},
		{"few factors beside a list", func(a *arguments) {
			a.f.Factors, a.dst = of(60, 3), kernel.OfList([][]float32{memory[0:6], memory[6:12]})
		}, kernel.Argument("Factors"), []string{"factors of 3"}},
		{"a limit of 0", func(a *arguments) { a.f.Activation = kernel.ClippedReLU(0) }, kernel.Argument("Activation"), []string{"ClippedReLU(0)", "above 0"}},
		{"a limit that is 0 as float32", func(a *arguments) { a.f.Activation = kernel.ClippedReLU(1e-60) }, kernel.Argument("Activation"), []string{"1e-60", "above 0"}},
		{"no limit", func(a *arguments) { a.f.Activation = kernel.ClippedReLU(math.NaN()) }, kernel.Argument("Activation"), []string{"NaN", "above 0"}},
		{"an infinite slope", func(a *arguments) { a.f.Activation = kernel.LeakyReLU(1e40) }, kernel.Argument("Activation"), []string{"1e+40", "Inf", "finite"}},
		{"a limit and the output", func(a *arguments) { a.f.Backward, a.f.Output = true, true }, kernel.Argument("Output"), []string{"ClippedReLU(6)", "the input"}},
		{"a negative slope and the output", func(a *arguments) { a.f.Activation, a.f.Backward, a.f.Output = kernel.LeakyReLU(-1e-60), true, true }, kernel.Argument("Output"), []string{"LeakyReLU(-1e-60)", "the input"}},
		{"negative workers", func(a *arguments) { a.workers = -1 }, kernel.Argument("workers"), []string{"-1"}},
		{"a short dst", func(a *arguments) { a.dst = of(0, 11) }, kernel.Argument("dst"), []string{"11"}},
		{"a short src", func(a *arguments) { a.src = of(12, 11) }, kernel.Argument("src"), []string{"11"}},
		{"a short aux", func(a *arguments) { a.f.Aux = of(24, 11) }, kernel.Argument("Aux"), []string{"aux of 11", "12"}},
		{"few factors", func(a *arguments) { a.f.Factors = of(60, 3) }, kernel.Argument("Factors"), []string{"3"}},
		{"shifts of dropout that Scale does not have", func(a *arguments) { a.f.FactorShifts = of(60, 4) }, kernel.Argument("FactorShifts"), []string{"shifts of 4"}},
		{"no shifts of dropout", func(a *arguments) { a.f.Op = kernel.Affine }, kernel.Argument("FactorShifts"), []string{"shifts of 0"}},
		{"loops that do not nest", func(a *arguments) { a.loops = []layout.Loop{{Size: 3, Dst: 1, Src: 4}, loops[1]} }, kernel.Argument("loops"), []string{"loop 0"}},
		{"a dst that overlaps src", func(a *arguments) { a.src = of(5, 12) }, new(kernel.OverlapError), []string{"src"}},
		{"a dst that is a transposed src", func(a *arguments) { a.src, a.loops = a.dst, twisted }, new(kernel.OverlapError), []string{"src"}},
		{"a dst that overlaps aux", func(a *arguments) { a.f.Aux = of(1, 12) }, new(kernel.OverlapError), []string{"aux"}},
		{"a dst that overlaps a list", func(a *arguments) { a.f.Aux = kernel.OfList([][]float32{memory[4:10], memory[40:46]}) }, new(kernel.OverlapError), []string{"aux"}},
		{"factors in dst", func(a *arguments) { a.f.Factors = of(11, 4) }, new(kernel.OverlapError), []string{"factors"}},
		{"scales in dst", func(a *arguments) { a.f.Scales = of(11, 4) }, new(kernel.OverlapError), []string{"scales"}},
		{"shifts in dst", func(a *arguments) { a.f.Shifts = of(0, 4) }, new(kernel.OverlapError), []string{"shifts"}},
		{"shifts in a list dst", func(a *arguments) {
			a.dst, a.f.Shifts = kernel.OfList([][]float32{memory[0:6], memory[6:12]}), of(9, 4)
		}, new(kernel.OverlapError), []string{"shifts"}},
	} {
		f := kernel.Fused{Activation: kernel.ClippedReLU(6), Aux: of(24, 12), Factors: of(60, 4), Scales: of(70, 4), Shifts: of(80, 4)}
		a := arguments{&f, of(0, 12), of(12, 12), loops, 1}
		c.set(&a)
		before := slices.Clone(memory)
		err := kernel.RunFused(a.f, a.dst, a.src, a.loops, a.workers)
		if err == nil {
			t.Errorf("%s: no error", c.what)
			continue
		}
		wantWords(t, c.what, err, c.words...)
		if !kernel.Refuses(err, c.err) {
			t.Errorf("%s: %#v, want %#v", c.what, err, c.err)
		}
		if !slices.Equal(memory, before) {
			t.Errorf("%s: written before it failed", c.what)
		}
	}
	f := kernel.Fused{Factors: of(60, 4), Scales: of(70, 4), Shifts: of(80, 4)}
	g, err := layout.NCHW.Of(1, 4, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	nest, err := layout.Join(g, g)
	if err != nil {
		t.Fatal(err)
	}
	after := nest.Parts()[0]
	after.Dst = 13
	for _, c := range []struct {
		what string
		p    *layout.Part
		err  error
		word string
	}{{"no part", nil, kernel.Argument("p"), "no part"}, {"a part before the slices", &layout.Part{Dst: -1}, kernel.Argument("p"), "element -1 of dst"}, {"a part after dst", &after, kernel.Argument("p"), "element 13 of dst"}} {
		if err := kernel.RunFusedPart(&f, of(0, 12), of(12, 12), c.p, 1); !kernel.Refuses(err, c.err) {
			t.Errorf("%s: %#v, want %#v", c.what, err, c.err)
		} else {
			wantWords(t, c.what, err, c.word)
		}
	}
	if err := kernel.RunFusedPart(&f, of(0, 12), of(12, 12), &nest.Parts()[0], 1); err != nil {
		t.Errorf("a part: %v", err)
	}
}

// An activation is written as in Go, and its limit is that of a kernel.
func TestActivations(t *testing.T) {
	for a, want := range map[kernel.Activation]string{
		{}: "Activation{}", kernel.ReLU: "ReLU", kernel.ClippedReLU(6): "ClippedReLU(6)", kernel.ClippedReLU(math.Inf(1)): "ClippedReLU(+Inf)",
		kernel.LeakyReLU(0.01): "LeakyReLU(0.01)",
	} {
		if a.String() != want {
			t.Errorf("%q, want %q", a.String(), want)
		}
		for _, kind := range []*kernel.Kind{kernel.F32, kernel.F64, kernel.F16, kernel.BF16} {
			if err := a.Check(kind, false); err != nil {
				t.Errorf("%v of %v: %v", a, kind, err)
			}
		}
	}
	// A limit that is infinite in the type limits nothing.
	if err := kernel.ClippedReLU(1e5).Check(kernel.F16, true); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{"a limit": kernel.ClippedReLU(1e5).Check(kernel.F32, true), "a slope": kernel.LeakyReLU(-1).Check(kernel.BF16, true)} {
		if !kernel.Refuses(err, kernel.Argument("Output")) {
			t.Errorf("%s and the output: %v, want an *ArgumentError of Output", what, err)
		}
	}
}

// wantWords reports unless err says all the words, and what is wanted.
func wantWords(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	for _, w := range append(words, "want", "kernel: ") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %q does not say %q", what, err, w)
		}
	}
}
