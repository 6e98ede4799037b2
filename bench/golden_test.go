package main

import (
	little "encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/mask/testdata/golden"
)

// array returns the array whose elements hexadecimal text holds, and their bits. If flush
// is set, subnormal numbers become zeros.
func array(t *testing.T, text, dtype string, shape []int, flush bool) (*npy.Array, []uint64) {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var bits []uint64
	switch dtype {
	case "float32":
		var x []float32
		for ; len(b) > 0; b = b[4:] {
			w := little.LittleEndian.Uint32(b)
			if flush && w&0x7f800000 == 0 {
				w &= 1 << 31
			}
			bits, x = append(bits, uint64(w)), append(x, math.Float32frombits(w))
		}
		return npy.Of(x, shape...), bits
	case "float64":
		var x []float64
		for ; len(b) > 0; b = b[8:] {
			w := little.LittleEndian.Uint64(b)
			if flush && w&0x7ff0000000000000 == 0 {
				w &= 1 << 63
			}
			bits, x = append(bits, w), append(x, math.Float64frombits(w))
		}
		return npy.Of(x, shape...), bits
	case "float16":
		var x []npy.Float16
		for ; len(b) > 0; b = b[2:] {
			w := little.LittleEndian.Uint16(b)
			bits, x = append(bits, uint64(w)), append(x, npy.Float16(w))
		}
		return npy.Of(x, shape...), bits
	case "bfloat16":
		var x []uint16
		for ; len(b) > 0; b = b[2:] {
			w := little.LittleEndian.Uint16(b)
			if flush && w&0x7f80 == 0 {
				w &= 1 << 15
			}
			bits, x = append(bits, uint64(w)), append(x, w)
		}
		return npy.Of(x, shape...), bits
	}
	t.Fatalf("data of %q", dtype)
	return nil, nil
}

// notANumber reports whether bits are those of a NaN.
func notANumber(bits uint64, dtype string) bool {
	infinity, sign := map[string]uint64{"float32": 0x7f800000, "float64": 0x7ff << 52, "float16": 0x7c00, "bfloat16": 0x7f80}[dtype], map[string]uint64{"float32": 1 << 31, "float64": 1 << 63, "float16": 1 << 15, "bfloat16": 1 << 15}[dtype]
	return bits&^sign > infinity
}

// The command writes, bit for bit, what other frameworks returned for the same array in
// all recorded calls.
func TestOutputEqualsThatOfTheFramework(t *testing.T) {
	files, err := golden.Files()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range files {
		t.Run(f.Name, func(t *testing.T) {
			compared := 0
			for i, c := range f.Cases {
				if why, _ := f.Unlike(c); why != "" {
					continue
				}
				stream, err := f.Of(c)
				if err != nil {
					t.Fatal(err)
				}
				text, options, _ := strings.Cut(stream.String(), "/")
				name, seed, _ := strings.Cut(text, ":")
				if options != "" {
					name += "/" + options
				}
				in, out := filepath.Join(dir, fmt.Sprint(i, ".npy")), filepath.Join(dir, fmt.Sprint(i, ".out.npy"))
				x, _ := array(t, c.X, c.Dtype, c.Shape, f.Flushes(c))
				if err := x.WriteFile(in); err != nil {
					t.Fatal(err)
				}
				args := []string{"-stream", name, "-seed", seed, "-input", in, "-layout", c.Layout, "-rate", fmt.Sprint(c.Rate), "-output", out, "-type", c.Dtype}
				alpha := strings.Contains(c.API, "alpha")
				if alpha {
					args = append(args, "-rule", "alpha")
				}
				if f.Old() && !alpha {
					args = append(args, "-rule", "roundedreciprocal")
				}
				if compiled, _ := f.Compiled(c); f.XLA(c) && !compiled {
					args = append(args, "-rule", "quotient")
				}
				for _, call := range c.Calls {
					args := append(args, "-step", fmt.Sprint(call.Step))
					if status, _, stderr := bench(args...); status != 0 {
						t.Fatalf("bench %v: %s", args, stderr)
					}
					got, err := npy.ReadFile(out)
					if err != nil {
						t.Fatal(err)
					}
					_, want := array(t, call.Y, c.Dtype, c.Shape, false)
					for at, w := range numbersOf(got) {
						if w != want[at] && !(notANumber(w, c.Dtype) && notANumber(want[at], c.Dtype)) {
							t.Fatalf("bench %v: element %d is %#x, want %#x", args, at, w, want[at])
						}
					}
					compared++
				}
			}
			if compared < 30 && f.Framework != "oneDNN" {
				t.Errorf("compared %d arrays, want 30 or more", compared)
			}
		})
	}
}

// numbersOf returns the bits of the elements of an array.
func numbersOf(a *npy.Array) (all []uint64) {
	switch x := a.Data.(type) {
	case []float32:
		for _, x := range x {
			all = append(all, uint64(math.Float32bits(x)))
		}
	case []float64:
		for _, x := range x {
			all = append(all, math.Float64bits(x))
		}
	case []npy.Float16:
		for _, x := range x {
			all = append(all, uint64(x))
		}
	case []uint16:
		for _, x := range x {
			all = append(all, uint64(x))
		}
	}
	return all
}
