package main

import (
	little "encoding/binary"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/bench/npy"
	"github.com/spatialdropout/spatialdropout/mask/testdata/golden"
)

// dtypes are the element types by their names in the golden data. The bits of infinity are
// those of the exponent.
var dtypes = map[string]struct {
	size     int
	infinity uint64
	array    func(bits []uint64, shape ...int) *npy.Array
}{
	"float32":  {4, 0x7f800000, arrayOf[float32]},
	"float64":  {8, 0x7ff << 52, arrayOf[float64]},
	"float16":  {2, 0x7c00, arrayOf[npy.Float16]},
	"bfloat16": {2, 0x7f80, arrayOf[npy.BFloat16]},
}

// bitsIn returns the bits of the elements that hexadecimal text holds. If flush is set,
// subnormal numbers become zeros.
func bitsIn(t *testing.T, text, dtype string, flush bool) (all []uint64) {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	d := dtypes[dtype]
	for element := range slices.Chunk(b, d.size) {
		var word [8]byte
		copy(word[:], element)
		bits := little.LittleEndian.Uint64(word[:])
		if flush && bits&d.infinity == 0 {
			bits &= sign(d.size)
		}
		all = append(all, bits)
	}
	return all
}

func sign(size int) uint64 { return 1 << (8*size - 1) }

// notANumber reports whether bits are those of a NaN.
func notANumber(bits uint64, dtype string) bool {
	d := dtypes[dtype]
	return bits&^sign(d.size) > d.infinity
}

// arrayOf returns the array whose elements have the given bits.
func arrayOf[T element](bits []uint64, shape ...int) *npy.Array {
	data := make([]T, len(bits))
	for i, b := range bits {
		switch p := unsafe.Pointer(&data[i]); unsafe.Sizeof(data[i]) {
		case 2:
			*(*uint16)(p) = uint16(b)
		case 4:
			*(*uint32)(p) = uint32(b)
		default:
			*(*uint64)(p) = b
		}
	}
	return npy.Of(data, shape...)
}

// allBits returns the bits of an array.
func allBits(a *npy.Array) []uint64 {
	switch data := a.Data.(type) {
	case []float32:
		return eachBits(data)
	case []float64:
		return eachBits(data)
	case []npy.Float16:
		return eachBits(data)
	case []npy.BFloat16:
		return eachBits(data)
	}
	return nil
}

func eachBits[T element](data []T) (all []uint64) {
	for _, x := range data {
		all = append(all, bitsOf(x))
	}
	return all
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
				which := []string{"-stream", name, "-seed", seed}
				if i%2 == 1 {
					which = []string{"-stream", stream.String()}
				}
				in, out := filepath.Join(dir, fmt.Sprint(i, ".npy")), filepath.Join(dir, fmt.Sprint(i, ".out.npy"))
				x := dtypes[c.Dtype].array(bitsIn(t, c.X, c.Dtype, f.Flushes(c)), c.Shape...)
				if err := x.WriteFile(in); err != nil {
					t.Fatal(err)
				}
				args := append(which, "-input", in, "-layout", c.Layout, "-rate", fmt.Sprint(c.Rate), "-output", out, "-type", c.Dtype)
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
					want := bitsIn(t, call.Y, c.Dtype, false)
					have := allBits(got)
					if len(have) != len(want) {
						t.Fatalf("bench %v: %d elements, want %d", args, len(have), len(want))
					}
					for at, w := range have {
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
