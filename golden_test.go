package spatialdropout_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout"
	"github.com/spatialdropout/spatialdropout/layout"
	"github.com/spatialdropout/spatialdropout/mask"
	"github.com/spatialdropout/spatialdropout/mask/testdata/golden"
)

// elements reads little-endian numbers.
func elements[T number](t *testing.T, text string) []T {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	switch all := any(&all).(type) {
	case *[]float32:
		for ; len(b) > 0; b = b[4:] {
			*all = append(*all, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
	case *[]float64:
		for ; len(b) > 0; b = b[8:] {
			*all = append(*all, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	case *[]float16:
		for ; len(b) > 0; b = b[2:] {
			*all = append(*all, float16(binary.LittleEndian.Uint16(b)))
		}
	case *[]bfloat16:
		for ; len(b) > 0; b = b[2:] {
			*all = append(*all, bfloat16(binary.LittleEndian.Uint16(b)))
		}
	}
	return all
}

// flushed returns all with subnormal numbers replaced by zeros of their sign.
func flushed[T number](k *kind[T], all []T, smallest float64) []T {
	for i, x := range all {
		if math.Abs(k.float(x)) < smallest {
			all[i] = k.of(math.Copysign(0, k.float(x)))
		}
	}
	return all
}

// testGolden computes the outputs and gradients of a case again. It returns how many of
// both it has compared.
func testGolden[T number](t *testing.T, f golden.File, c golden.Case) (compared int) {
	k := kindOf[T]()
	s, err := f.Of(c)
	if err != nil {
		t.Fatal(err)
	}
	o, err := layout.Parse(c.Layout)
	if err != nil {
		t.Fatal(err)
	}
	g, err := o.Of(c.Shape...)
	if err != nil {
		t.Fatal(err)
	}
	opts := []spatialdropout.Option{spatialdropout.WithStream(s)}
	if strings.Contains(c.API, "alpha") {
		opts = append(opts, withRuleOn(s, mask.Alpha))
	} else if f.Old() {
		opts = append(opts, withRuleOn(s, mask.RoundedReciprocal))
	}
	plain := newDropout(t, c.Rate, opts...)
	drops := [2]*spatialdropout.Dropout{plain, plain}
	if f.XLA(c) {
		// The stream's rule is that of what XLA compiled.
		y, dx := f.Compiled(c)
		for i, compiled := range []bool{y, dx} {
			if !compiled {
				drops[i] = newDropout(t, c.Rate, append(opts, withRuleOn(s, mask.Quotient))...)
			}
		}
	}
	x, dy := elements[T](t, c.X), elements[T](t, c.DY)
	if f.Flushes(c) {
		smallest := 0x1p-126
		if c.Dtype == "float64" {
			smallest = 0x1p-1022
		}
		x, dy = flushed(k, x, smallest), flushed(k, dy, smallest)
	}
	unlikeY, unlikeDX := f.Unlike(c)
	got := make([]T, len(x))
	for _, call := range c.Calls {
		at := plain.Next(g).Place()
		for i, what := range []struct {
			name, want, unlike string
			from               []T
		}{{"y", call.Y, unlikeY, x}, {"dx", call.DX, unlikeDX, dy}} {
			p := drops[i].At(at, g)
			m, err := p.Mask()
			if err != nil {
				t.Fatal(err)
			}
			if got := golden.Text(m); got != call.Mask {
				t.Fatalf("call %d draws %s, want %s", call.Step, got, call.Mask)
			}
			if what.unlike != "" {
				continue
			}
			use, do := m, p.Forward
			if i == 1 {
				use, do = m.Gradient(), p.Backward
			}
			want := elements[T](t, what.want)
			if err := k.apply(got, what.from, use, g); err != nil {
				t.Fatal(err)
			}
			compareGolden(t, k, fmt.Sprintf("call %d, %s", call.Step, what.name), got, want, what.from)
			clear(got)
			if err := do(k.tensor(got, g), k.tensor(what.from, g)); err != nil {
				t.Fatal(err)
			}
			compareGolden(t, k, fmt.Sprintf("call %d, %s of a pass", call.Step, what.name), got, want, what.from)
			compared++
		}
	}
	return compared
}

func compareGolden[T number](t *testing.T, k *kind[T], what string, got, want, from []T) {
	t.Helper()
	for i := range want {
		// A NaN is a NaN: which of them, IEEE 754 leaves open.
		if bitsOf(got[i]) != bitsOf(want[i]) && !(math.IsNaN(k.float(got[i])) && math.IsNaN(k.float(want[i]))) {
			t.Fatalf("%s: element %d, %v, becomes %v, want %v", what, i, k.float(from[i]), k.float(got[i]), k.float(want[i]))
		}
	}
}

// What a framework computed, forward and backward, is computed again to the bit, with
// the stream's own policy and rule.
func TestOutputsAreThoseOfTheFrameworks(t *testing.T) {
	files, err := golden.Files()
	if err != nil {
		t.Fatal(err)
	}
	compared := map[string]int{}
	for _, f := range files {
		for i, c := range f.Cases {
			t.Run(fmt.Sprintf("%s/%d", f.Name, i), func(t *testing.T) {
				defer func() {
					if t.Failed() {
						t.Logf("%s, seed %v, rate %v, %s, %s %v, compiled %v", c.API, c.Seed, c.Rate, c.Dtype, c.Layout, c.Shape, c.Jit)
					}
				}()
				var n int
				switch c.Dtype {
				case "float32":
					n = testGolden[float32](t, f, c)
				case "float64":
					n = testGolden[float64](t, f, c)
				case "float16":
					n = testGolden[float16](t, f, c)
				case "bfloat16":
					n = testGolden[bfloat16](t, f, c)
				default:
					t.Fatalf("data of %q", c.Dtype)
				}
				compared[f.Name+" "+c.Dtype] += n
			})
		}
		if compared[f.Name+" float32"] < 40 && f.Framework != "oneDNN" {
			t.Errorf("%s: compared %d outputs and gradients of float32, want 40 or more", f.Name, compared[f.Name+" float32"])
		}
	}
	var names []string
	for what := range compared {
		names = append(names, what)
	}
	slices.Sort(names)
	for _, what := range names {
		t.Logf("%s: %d outputs and gradients", what, compared[what])
	}
}
