package spatialdropout_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
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

func testGolden[T number](t *testing.T, f golden.File, c golden.Case) {
	k := kindOf[T]()
	s, err := f.Of(c)
	if err != nil {
		t.Fatal(err)
	}
	opts := []spatialdropout.Option{spatialdropout.WithStream(s)}
	if strings.Contains(c.API, "alpha") {
		opts = append(opts, spatialdropout.WithAlpha())
	}
	if c.Jit {
		opts = append(opts, jitted(c)...)
	}
	o, err := layout.Parse(c.Layout)
	if err != nil {
		t.Fatal(err)
	}
	g, err := o.Of(c.Shape...)
	if err != nil {
		t.Fatal(err)
	}
	drop, err := spatialdropout.New(c.Rate, opts...)
	if err != nil {
		t.Fatal(err)
	}
	x, dy := elements[T](t, c.X), elements[T](t, c.DY)
	for _, call := range c.Calls {
		m := drop.Draw(g)
		if got := golden.Text(m); got != call.Mask {
			t.Fatalf("call %d draws %s, want %s", call.Step, got, call.Mask)
		}
		got := make([]T, len(x))
		if err := k.apply(got, x, m, g); err != nil {
			t.Fatal(err)
		}
		compareGolden(t, k, fmt.Sprintf("call %d, y", call.Step), got, elements[T](t, call.Y), x)
		if err := k.apply(got, dy, m.Gradient(), g); err != nil {
			t.Fatal(err)
		}
		compareGolden(t, k, fmt.Sprintf("call %d, dx", call.Step), got, elements[T](t, call.DX), dy)
	}
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
	for _, f := range files {
		for i, c := range f.Cases {
			t.Run(fmt.Sprintf("%s/%d", f.Name, i), func(t *testing.T) {
				defer func() {
					if t.Failed() {
						t.Logf("%s, seed %v, rate %v, %s, %s %v, jit %v", c.API, c.Seed, c.Rate, c.Dtype, c.Layout, c.Shape, c.Jit)
					}
				}()
				switch c.Dtype {
				case "float32":
					testGolden[float32](t, f, c)
				case "float64":
					testGolden[float64](t, f, c)
				case "float16":
					testGolden[float16](t, f, c)
				case "bfloat16":
					testGolden[bfloat16](t, f, c)
				default:
					t.Fatalf("data of %q", c.Dtype)
				}
			})
		}
	}
}

// jitted returns what goes with a case that was compiled as a whole.
func jitted(c golden.Case) []spatialdropout.Option {
	return []spatialdropout.Option{spatialdropout.WithRule(mask.RoundedReciprocal)}
}
