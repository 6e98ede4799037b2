package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
)

// bench runs the command in this process, without standard input.
func bench(args ...string) (status int, stdout, stderr string) {
	return benchOn(nil, args...)
}

// benchOn runs the command with standard input.
func benchOn(input []byte, args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(args, bytes.NewReader(input), &out, &err)
	return status, out.String(), err.String()
}

// save writes an array of increasing float32 numbers and returns the path.
func save(t *testing.T, shape ...int) string {
	t.Helper()
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(i) + 0.1
	}
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := npy.Of(data, shape...).WriteFile(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBadUsage(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"x.npy", `unexpected argument "x.npy"`},
		{"-nonsense", "-nonsense"},
		{"-rate 1.5 -png x", "want a number from 0 to 1"},
		{"-rate NaN -png x", "want a number from 0 to 1"},
		{"-seed -1 -png x", "want a number from 0 to 2⁶⁴−1"},
		{"-rounds -1", "want a number from 0 to 10000"},
		{"-layout NXY -png x", `unknown axis order "NXY", want one of NCHW, NHWC`},
		{"-policy drop -png x", "want select or multiply"},
		{"-layout NCW -png x", "-layout NCW without -input, want NCHW or NHWC"},
		{"-output y.npy", "-output without -input"},
		{"-workers 2", "-workers without -input"},
		{"-rate 0.3", "-rate without -input or -png"},
		{"-input x.npy -output y.npy", "-input without -layout, want the order of the tensor's axes: NCHW, NHWC"},
		{"-input x.npy -layout NCHW", "-input without -output, -png or -json"},
		{"-input x.npy -layout NCHW -output y.npy -rounds 3", "-rounds with -input, want one of them"},
		{"-input x.npy -layout NCHW -output y.npy -suite full", "-suite with -input, want one of them"},
		{"-input x.npy -layout NCHW -output y.npy -sweep x.svg", "-sweep with -input, want one of them"},
		{"-input x.npy -layout NCHW -output y.npy -benchstat", "-benchstat with -input, want one of them"},
		{"-input x.npy -layout NCHW -output y.npy -type half", "want float16, bfloat16, float32 or float64"},
		{"-type bfloat16", "-type without -input"},
		{"-suite all", "want maps or full"},
		{"-suite full -rounds 0", "-suite with -rounds 0, want 1 round or more"},
		{"-sweep x.svg -rounds 0", "-sweep with -rounds 0"},
		{"-benchstat -rounds 0", "-benchstat with -rounds 0"},
		{"-suite maps -sweep x.svg", "-sweep and -suite, want one of them"},
		{"-json -benchstat", "-json and -benchstat, want one of them"},
		{"-tune -rounds 3", "-rounds with -tune, want one of them"},
		{"-tune -input x.npy", "-input with -tune, want one of them"},
		{"-version -tune", "-tune with -version, want one of them"},
		{"-tune-budget 1s", "-tune-budget without -tune, want both"},
		{"-tune -tune-budget 0s", "want a time such as 500ms, of more than 0s and 1h0m0s at most"},
		{"-tune -tune-budget 61m", "want a time such as 500ms"},
		{"-input=", "-input is empty"},
		{"-sweep=", "-sweep is empty"},
	} {
		status, stdout, stderr := bench(strings.Fields(c.args)...)
		if status != 2 || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("bench %s: status %d, stdout %q, stderr %q, want status 2 and %q", c.args, status, stdout, stderr, c.want)
		}
	}
}

func TestFailures(t *testing.T) {
	x := save(t, 2, 3, 4, 4)
	dir := filepath.Dir(x)
	words := filepath.Join(t.TempDir(), "words.npy")
	if err := npy.Of(make([]uint16, 6), 1, 2, 3).WriteFile(words); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-input", dir + "/none.npy", "-layout", "NCHW", "-json"}, "none.npy"},
		{[]string{"-input", x, "-layout", "NCW", "-json"}, "NCW of 4 dims [2 3 4 4], want 3"},
		{[]string{"-input", x, "-layout", "NCHW8c", "-json"}, "want the 5 dims N, C/8, H, W, 8"},
		{[]string{"-input", x, "-layout", "NCHW", "-output", dir + "/none/y.npy"}, "y.npy"},
		{[]string{"-input", x, "-layout", "NCHW", "-png", dir + "/none/y.png"}, "y.png"},
		{[]string{"-input", words, "-layout", "NCW", "-json"}, "(1, 2, 3) of <u2, want an array of floats, or -type bfloat16"},
		{[]string{"-input", words, "-layout", "NCW", "-type", "float16", "-json"}, "<u2, want an array of float16 for -type float16"},
		{[]string{"-input", x, "-layout", "NCHW", "-type", "bfloat16", "-json"}, "<f4, want an array of bfloat16 or uint16 for -type bfloat16"},
		{[]string{"-input", save(t, 0, 3, 4, 4), "-layout", "NCHW", "-png", dir + "/y.png"}, "no elements"},
	} {
		status, _, stderr := bench(c.args...)
		if status != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("bench %v: status %d, stderr %q, want status 1 and %q", c.args, status, stderr, c.want)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("the directory holds %v after failures, want only x.npy", left)
	}
}

func TestHelp(t *testing.T) {
	status, stdout, stderr := bench("-h")
	if status != 0 || stderr != "" || !strings.Contains(stdout, "go run ./bench -input") || !strings.Contains(stdout, "-sample-offset") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestStdoutFails(t *testing.T) {
	x := save(t, 1, 2, 3, 3)
	for _, args := range [][]string{{"-h"}, {"-rounds", "0"}, {"-tune", "-tune-budget", "1ms"}, {"-tune", "-tune-budget", "1ms", "-json"}, {"-input", x, "-layout", "NCHW", "-json"}, {"-input", x, "-layout", "NCHW", "-output", x + "y.npy"}} {
		if status := run(args, strings.NewReader(""), fullDisk{}, io.Discard); status != 1 {
			t.Errorf("bench %v on a full disk: status %d, want 1", args, status)
		}
	}
}

func TestInputIsApplied(t *testing.T) {
	x := save(t, 2, 5, 7, 6)
	y := x + ".out.npy"
	status, stdout, stderr := bench("-input", x, "-layout", "nhwc", "-rate", "0.3", "-seed", "7", "-step", "3", "-sample-offset", "9", "-policy", "multiply", "-output", y)
	if status != 0 {
		t.Fatal(stderr)
	}
	in, err := npy.ReadFile(x)
	if err != nil {
		t.Fatal(err)
	}
	src := in.Data.([]float32)
	g, err := layout.NHWC.Of(2, 5, 7, 6)
	if err != nil {
		t.Fatal(err)
	}
	d, err := spatialdropout.New(0.3, spatialdropout.WithSeed(7), spatialdropout.WithArithmetic(mask.Arithmetic{Policy: mask.Multiply}))
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.At(mask.Place{Step: 3, Shard: mask.Shard{SampleOffset: 9}}, g).Mask()
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, len(src))
	if err := spatialdropout.Apply(want, src, m, g); err != nil {
		t.Fatal(err)
	}
	out, err := npy.ReadFile(y)
	if err != nil {
		t.Fatal(err)
	}
	if err := compare(out.Data.([]float32), want, shape{2, 6, 5, 7}, layout.NHWC); err != nil {
		t.Error(err)
	}
	if line := "(2, 5, 7, 6) of <f4 in NHWC, rate 0.3, philox:7, step 3: kept "; !strings.Contains(stdout, line) || strings.Count(stdout, "\n") != 1 {
		t.Errorf("got %q, want one line with %q", stdout, line)
	}

	status, stdout, stderr = bench("-input", x, "-layout", "NHWC", "-rate", "0.3", "-seed", "7", "-step", "3", "-sample-offset", "9", "-json")
	var a Applied
	if err := json.Unmarshal([]byte(stdout), &a); status != 0 || err != nil {
		t.Fatal(status, err, stderr)
	}
	if kept := m.CountKept(); a.Kept != kept || a.Kept+a.Dropped != 12 || a.Output != "" {
		t.Errorf("got %+v, want %d of 12 kept", a, kept)
	}
}

func TestInputBlockedAndFloat64(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.npy")
	if err := npy.Of(make([]float64, 2*2*3*3*8), 2, 2, 3, 3, 8).WriteFile(path); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := bench("-input", path, "-layout", "NCHW8c", "-png", path+".png", "-json")
	var a Applied
	if err := json.Unmarshal([]byte(stdout), &a); status != 0 || err != nil {
		t.Fatal(status, err, stderr)
	}
	if a.Kept+a.Dropped != 32 {
		t.Errorf("%d channels, want 32", a.Kept+a.Dropped)
	}
}

func TestInputHalves(t *testing.T) {
	src := make([]uint16, 3*4*5)
	for i := range src {
		src[i] = 0x3c00 + 13*uint16(i) // of either type between 0.007 and 2
	}
	g, err := layout.NCW.Of(3, 4, 5)
	if err != nil {
		t.Fatal(err)
	}
	d, err := spatialdropout.New(0.3, spatialdropout.WithSeed(7))
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Draw(g)
	if err != nil {
		t.Fatal(err)
	}
	if kept := m.CountKept(); kept == 0 || kept == 12 {
		t.Fatalf("%d of 12 kept, want some of each", kept)
	}
	halves, brains := make([]npy.Float16, len(src)), make([]npy.BFloat16, len(src))
	for i, x := range src {
		halves[i], brains[i] = npy.Float16(x), npy.BFloat16(x)
	}
	for _, c := range []struct {
		in   *npy.Array
		kind *kernel.Kind
		flag []string
		says string
	}{
		{npy.Of(halves, 3, 4, 5), kernel.F16, nil, "(3, 4, 5) of <f2 in NCW"},
		{npy.Of(halves, 3, 4, 5), kernel.F16, []string{"-type", "Float16"}, "(3, 4, 5) of <f2 in NCW"},
		{npy.Of(src, 3, 4, 5), kernel.BF16, []string{"-type", "bfloat16"}, "(3, 4, 5) of <u2, read as bfloat16, in NCW"},
		{npy.Of(brains, 3, 4, 5), kernel.BF16, nil, "(3, 4, 5) of <V2, read as bfloat16, in NCW"},
		{npy.Of(brains, 3, 4, 5), kernel.BF16, []string{"-type", "bfloat16"}, "(3, 4, 5) of <V2, read as bfloat16, in NCW"},
	} {
		x := filepath.Join(t.TempDir(), "x.npy")
		if err := c.in.WriteFile(x); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := bench(append(c.flag, "-input", x, "-layout", "NCW", "-rate", "0.3", "-seed", "7", "-output", x+".out.npy", "-png", x+".png")...)
		if status != 0 || !strings.Contains(stdout, c.says) {
			t.Fatalf("status %d, stdout %q, stderr %q, want %q", status, stdout, stderr, c.says)
		}
		want := make([]uint16, len(src))
		if err := spatialdropout.ApplyTensor(spatialdropout.As(c.kind, want, g), spatialdropout.As(c.kind, src, g), m, 0); err != nil {
			t.Fatal(err)
		}
		out, err := npy.ReadFile(x + ".out.npy")
		if err != nil {
			t.Fatal(err)
		}
		if reflect.TypeOf(out.Data) != reflect.TypeOf(c.in.Data) {
			t.Errorf("%s: the output holds %T, want the type of the input", c.says, out.Data)
		}
		for i, w := range want {
			var got uint16
			switch data := out.Data.(type) {
			case []npy.Float16:
				got = uint16(data[i])
			case []npy.BFloat16:
				got = uint16(data[i])
			case []uint16:
				got = data[i]
			}
			if got != w {
				t.Errorf("%s: element %d is %04x, want %04x", c.says, i, got, w)
			}
		}
	}
}

func TestFormatsByHand(t *testing.T) {
	for _, c := range []struct {
		f    format
		bits uint16
		x    float64
	}{
		{binary16, 0x3c00, 1}, {binary16, 0xc000, -2}, {binary16, 0x3555, 0x1.554p-2},
		{binary16, 0x7bff, 65504}, {binary16, 0x0400, 0x1p-14}, {binary16, 0x03ff, 0x1.ff8p-15}, {binary16, 0x8001, -0x1p-24},
		{brain16, 0x3f80, 1}, {brain16, 0xc000, -2}, {brain16, 0x3eab, 0x1.56p-2},
		{brain16, 0x7f7f, 0x1.fep127}, {brain16, 0x0080, 0x1p-126}, {brain16, 0x0001, 0x1p-133},
	} {
		if x := c.f.value(c.bits); x != c.x {
			t.Errorf("%v: %04x has the value %v, want %v", c.f, c.bits, x, c.x)
		}
		if bits := c.f.round(c.x); bits != c.bits {
			t.Errorf("%v: %v has the bits %04x, want %04x", c.f, c.x, bits, c.bits)
		}
	}
}

func TestFormatsRoundToNearestEven(t *testing.T) {
	for _, f := range []format{binary16, brain16} {
		infinity := f.infinity()
		if !math.IsInf(f.value(infinity), 1) || f.round(math.Inf(-1)) != 1<<15|infinity || !math.IsNaN(f.value(f.round(math.NaN()))) {
			t.Errorf("%v: infinity or NaN changes when converted and back", f)
		}
		for bits := range infinity {
			x, next := f.value(bits), f.value(bits+1)
			if bits+1 == infinity { // infinity: rounded to as if the exponents continued
				next = 2*x - f.value(bits-1)
			}
			even := bits + bits&1
			between := (x + next) / 2 // exact in float64
			for _, c := range []struct {
				x    float64
				want uint16
			}{{x, bits}, {between, even}, {math.Nextafter(between, 0), bits}, {math.Nextafter(between, next), bits + 1}} {
				if got := f.round(c.x); got != c.want {
					t.Fatalf("%v: %v is rounded to %04x, want %04x", f, c.x, got, c.want)
				}
				if got := f.round(-c.x); got != 1<<15|c.want {
					t.Fatalf("%v: %v is rounded to %04x, want %04x", f, -c.x, got, 1<<15|c.want)
				}
			}
		}
	}
}

func TestHalvesByHand(t *testing.T) {
	for _, c := range []struct {
		name               string
		mul, add           func(x, y uint16) uint16
		x, y, product, sum uint16
	}{
		// 3·(1+2⁻¹⁰) lies halfway between two numbers. The even one is above.
		{name: "float16", mul: float16Words(float16s.mul), add: float16Words(float16s.add), x: 0x4200, y: 0x3c01, product: 0x4202, sum: 0x4400},
		// 3·(1+2⁻⁷) is such a number of bfloat16.
		{name: "bfloat16", mul: brainWords.mul, add: brainWords.add, x: 0x4040, y: 0x3f81, product: 0x4042, sum: 0x4080},
	} {
		if got := c.mul(c.x, c.y); got != c.product {
			t.Errorf("%s: product %04x, want %04x", c.name, got, c.product)
		}
		if got := c.add(c.x, c.y); got != c.sum {
			t.Errorf("%s: sum %04x, want %04x", c.name, got, c.sum)
		}
	}
	if of := float16s.of(1 / (1 - float16s.barely)); of != 0x3c01 {
		t.Errorf("float16: the factor just above 1 is %04x", of)
	}
	if of := bfloat16s.of(1 / (1 - bfloat16s.barely)); of != 0x3f81 {
		t.Errorf("bfloat16: the factor just above 1 is %04x", of)
	}
}

func float16Words(f func(x, y npy.Float16) npy.Float16) func(x, y uint16) uint16 {
	return func(x, y uint16) uint16 { return uint16(f(npy.Float16(x), npy.Float16(y))) }
}

func TestReferenceByHand(t *testing.T) {
	m, err := mask.New(1, 2, 0.5, mask.Arithmetic{})
	if err != nil {
		t.Fatal(err)
	}
	m.Set(0, 1, false)
	nan := float32(math.NaN())
	for _, c := range []struct {
		order    layout.Order
		add      bool
		src, dst []float32
		want     []float32
	}{
		{layout.NCHW, false, []float32{1, 2, nan, 4}, make([]float32, 4), []float32{2, 4, 0, 0}},
		{layout.NHWC, false, []float32{1, nan, 3, 4}, make([]float32, 4), []float32{2, 0, 6, 0}},
		{layout.NHWC, true, []float32{1, nan, 3, 4}, []float32{10, 20, 30, 40}, []float32{12, 20, 36, 40}},
	} {
		float32s.reference(c.dst, c.src, shape{1, 2, 1, 2}, c.order, m, c.add)
		if err := compare(c.dst, c.want, shape{1, 2, 1, 2}, c.order); err != nil {
			t.Errorf("%v, add %v: got %v, want %v", c.order, c.add, c.dst, c.want)
		}
	}
}

func TestVerifyFindsAWrongBit(t *testing.T) {
	s := shape{2, 3, 4, 5}
	data := make([]float32, s.len())
	for i := range data {
		data[i] = float32(i) - 17.3
	}
	v := Verified{Map: "small", Shape: s}
	if err := verifyAs(&v, data, kernel.Tiers(), float32s, library); err != nil {
		t.Fatal(err)
	}
	calls := 2 * len(verifyRates) * len(verifyPolicies) * 6 * len(kernel.Tiers()) * len(verifyWorkers)
	if v.Results != calls || v.Elements != calls*s.len() {
		t.Errorf("%d results and %d elements, want %d and %d", v.Results, v.Elements, calls, calls*s.len())
	}

	bad := library
	bad.forward = func(p spatialdropout.Pass, dst, src spatialdropout.Tensor) error {
		err := p.Forward(dst, src)
		dst.Data.Bytes()[4*87] ^= 1
		return err
	}
	err := verifyAs(&v, data, kernel.Tiers(), float32s, bad)
	if err == nil {
		t.Fatal("a wrong bit was not found")
	}
	for _, part := range []string{"small, NCHW float32", kernel.Tiers()[0], " forward, rate 0,", "element 87 (sample 1, channel 1, position 7) has bits "} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestJSON(t *testing.T) {
	all, err := loadMaps()
	if err != nil {
		t.Fatal(err)
	}
	r := newReport()
	steps := 0
	progress := func(_ string, n int) func() { steps += n; return func() { steps-- } }
	r.Rounds = 2
	if err := r.measureMaps([]workload{{"tiny", "deep", shape{3, 8, 7, 7}}}, all, progress); err != nil {
		t.Fatal(err)
	}
	if steps != 0 {
		t.Errorf("%d steps of progress bars are missing", steps)
	}
	var text, doc bytes.Buffer
	if err := r.printTable(&text); err != nil || !strings.Contains(text.String(), "3×8×7×7") {
		t.Errorf("%v, table %s", err, &text)
	}
	if err := writeJSON(&doc, r); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(doc.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Results) != 8 || len(back.Bandwidths) != 1 || back.Draw == nil || back.Timed != 8*len(kernel.Tiers()) {
		t.Fatalf("got %d results, %d bandwidths, draw %v, %d verified", len(back.Results), len(back.Bandwidths), back.Draw, back.Timed)
	}
	for _, res := range back.Results {
		q := res.Kernel[kernel.Tiers()[0]]
		if !(q.Q1 > 0 && q.Q1 <= q.Median && q.Median <= q.Q3) || res.Limit <= 0 || res.Shape != (shape{3, 8, 7, 7}) {
			t.Errorf("got %+v", res)
		}
	}

	if testing.Short() {
		return
	}
	status, stdout, stderr := bench("-rounds", "0", "-json")
	if err := json.Unmarshal([]byte(stdout), &back); status != 0 || stderr != "" || err != nil || len(back.Verified) != 3 {
		t.Errorf("status %d, stderr %q, %v, %d maps", status, stderr, err, len(back.Verified))
	}
}

func TestLimit(t *testing.T) {
	b := Bandwidths{Copy: Bandwidth{GBs: 10}, Fill: Bandwidth{GBs: 30}, Update: Bandwidth{GBs: 20}, Add: Bandwidth{GBs: 8}}
	for _, c := range []struct {
		w    work
		want float64
	}{
		{work{order: layout.NCHW}, 10},
		{work{order: layout.NCHW, dropped: 1}, 30},
		{work{order: layout.NCHW, dropped: 0.5}, 15},                // 1 / (0.5/10 + 0.5/30)
		{work{order: layout.NCHW, dropped: 0.5, inPlace: true}, 24}, // 1 / (0.5/20 + 0.5/30)
		{work{order: layout.NHWC, dropped: 0.5}, 10},
		{work{order: layout.NHWC, dropped: 0.5, inPlace: true}, 20},
		{work{order: layout.NCHW, add: true}, 8},
		{work{order: layout.NCHW, dropped: 0.75, add: true}, 32},
		{work{order: layout.NHWC, dropped: 0.75, add: true}, 8},
	} {
		if got := b.limit(c.w); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%+v: limit %v, want %v", c.w, got, c.want)
		}
	}
	b.Fill.GBs = 5 // a fill that is slower than reading is not used
	if got := b.limit(work{order: layout.NCHW, dropped: 0.5, inPlace: true}); got != 20 {
		t.Errorf("limit %v with a slow fill, want 20", got)
	}
	b.Copy.offer(9, "slower")
	b.Copy.offer(11, "faster")
	if b.Copy != (Bandwidth{11, "faster"}) {
		t.Errorf("best of 10, 9 and 11 is %v", b.Copy)
	}
}

func TestQuartiles(t *testing.T) {
	if q := quartilesOf([]float64{7}); q != (Quartiles{7, 7, 7}) {
		t.Errorf("of a single sample: %v", q)
	}
	if q := quartilesOf([]float64{9, 1, 5}); q.Median < 1 || q.Median > 9 || q.Q1 > q.Median || q.Q3 < q.Median {
		t.Errorf("of 9, 1, 5: %v", q)
	}
}

func TestPicture(t *testing.T) {
	x := save(t, 1, 20, 8, 8)
	status, _, stderr := bench("-input", x, "-layout", "NCHW", "-rate", "0.5", "-seed", "1", "-png", x+".png")
	if status != 0 {
		t.Fatal(stderr)
	}
	f, err := os.Open(x + ".png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	d, err := spatialdropout.New(0.5, spatialdropout.WithSeed(1))
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.Draw(shape{1, 20, 8, 8}.geometry(layout.NCHW))
	if err != nil {
		t.Fatal(err)
	}
	if kept := m.CountKept(); kept == 0 || kept == 20 {
		t.Fatalf("%d of 20 kept, want some of each", kept)
	}
	g := gridOf(20, 8, 8)
	for c := range 20 {
		before := g.rect(c).Add(image.Pt(margin, margin+heading))
		after := before.Add(image.Pt(max(leastWidth, g.width())+between, 0))
		if blank(img, before) {
			t.Errorf("feature map %d is blank before", c)
		}
		if blank(img, after) == m.Kept(0, c) {
			t.Errorf("feature map %d after: blank %v, kept %v", c, blank(img, after), m.Kept(0, c))
		}
	}
}

// blank reports whether the inside of a frame is white.
func blank(img image.Image, r image.Rectangle) bool {
	r = r.Inset(1)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if r, g, b, _ := img.At(x, y).RGBA(); r != 0xffff || g != 0xffff || b != 0xffff {
				return false
			}
		}
	}
	return true
}

func TestPictureOfEveryOrder(t *testing.T) {
	for _, o := range layout.Orders() {
		dims := []int{2, 3, 4, 5, 2}
		switch o {
		case layout.NCHW8c, layout.NCHW16c:
			continue // TestInputBlockedAndFloat64
		case layout.ChannelsFirst, layout.ChannelsLast:
		default:
			dims = dims[:len(o.String())]
		}
		x := save(t, dims...)
		if status, _, stderr := bench("-input", x, "-layout", o.String(), "-png", x+".png"); status != 0 {
			t.Errorf("%v: %s", o, stderr)
		}
	}
}
