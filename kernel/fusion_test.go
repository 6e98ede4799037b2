package kernel

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
)

func TestEveryFusedKernelIsReachedAsWhatItComputes(t *testing.T) {
	reached := map[fusedID]bool{}
	// Past the cache go those of many layers.
	streamed := map[fusedOp]bool{fuse: true, fuseReLU: true, fuseLeaky: true, fuseAdd: true, fuseReLUAdd: true, grad: true, gradReLU: true, gradReLUOut: true}
	for typ, ways := range map[dtype.Type]*[fusedOps]fusedWays{dtype.Float32: &waysFusedF32, dtype.Float64: &waysFusedF64, dtype.Float16: &waysFusedF16, dtype.BFloat16: &waysFusedBF16} {
		for op := fuse; op < fusedOps; op++ {
			for past := range 2 {
				for shape := planes; shape <= pixels; shape++ {
					k := ways[op][past][shape]
					want := fusedEntry{name: fusedCatalogue[k].name, op: op, typ: typ, past: past == 1, shape: shape}
					switch streams := streamed[op]; {
					case past == 1 && !streams:
						if k != noFused {
							t.Errorf("%v of %v, shape %d, past the cache: %v, want no kernel", op, typ, shape, k)
						}
					case k == noFused || fusedCatalogue[k] != want:
						t.Errorf("%v of %v, shape %d, past the cache %d: %+v, want %+v", op, typ, shape, past, fusedCatalogue[k], want)
					}
					reached[k] = true
				}
			}
		}
	}
	for k := noFused + 1; k < fusedIDs; k++ {
		if !reached[k] {
			t.Errorf("no fusion leads to %v", k)
		}
	}
	if want := 1 + len(formats)*2*(11+8); len(fusedCatalogue) != want {
		t.Errorf("the catalogue has %d entries, want %d: none, and for each type two shapes of eleven fusions, eight of which store past the cache as well", len(fusedCatalogue), want)
	}
}

// TestFusedKernelsAreSeparatePasses compares fused kernels with one kernel of the core after the
// other.
func TestFusedKernelsAreSeparatePasses(t *testing.T) {
	t.Run("float32", testSeparatePasses[float32])
	t.Run("float64", testSeparatePasses[float64])
	t.Run("float16", testSeparatePasses[float16])
	t.Run("bfloat16", testSeparatePasses[bfloat16])
}

func testSeparatePasses[T number](t *testing.T) {
	f := formatOf[T]()
	r := rand.New(rand.NewPCG(4, uint64(f.typ)))
	const count, length = 40, 48
	const n = count * length
	draw := func(n int, of func(*rand.Rand) T) []T {
		s := make([]T, n)
		for i := range s {
			s[i] = of(r)
		}
		return s
	}
	x, z := draw(n, hard[T]), draw(n, hard[T])
	scales, shifts := draw(count+length, hard[T]), draw(count+length, hard[T])
	factors := draw(count+length, func(r *rand.Rand) T { return num[T](float64(r.IntN(3))) })
	// A scale of 0 drops an element in Affine, which gives the shift whatever x is.
	for i := range scales {
		if f.zero(bitsOf(scales[i])) {
			scales[i] = num[T](0.5)
		}
	}
	unlimited := fromBits[T](f.inf())
	ways := map[dtype.Type]*[fusedOps]fusedWays{dtype.Float32: &waysFusedF32, dtype.Float64: &waysFusedF64, dtype.Float16: &waysFusedF16, dtype.BFloat16: &waysFusedBF16}[f.typ]
	machine.EveryTier(t, func(t *testing.T) {
		for shape := planes; shape <= pixels; shape++ {
			pass := func(op Op, dst, src, factors, shifts []T) {
				f.kind.exec(f.kind.ways[op][0][shape], unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), unsafe.Pointer(&factors[0]), unsafe.Pointer(&shifts[0]), count, length)
			}
			for _, c := range []struct {
				op     fusedOp
				passes func(y []T)
			}{
				{fuse, func(y []T) {
					pass(Affine, y, x, scales, shifts)
					pass(Scale, y, y, factors, shifts)
				}},
				{fuseReLU, func(y []T) {
					pass(AffineMax, y, x, scales, shifts)
					pass(Scale, y, y, factors, shifts)
				}},
				{fuseAdd, func(y []T) {
					between := make([]T, n)
					pass(AffineMultiply, between, x, scales, shifts)
					copy(y, z)
					pass(Add, y, between, factors, shifts)
				}},
				{grad, func(y []T) {
					pass(Scale, y, x, factors, shifts)
					pass(Multiply, y, y, scales, shifts)
				}},
			} {
				got, want := make([]T, n), make([]T, n)
				fusedRoutine(ways[c.op][0][shape]).exec(arguments{unsafe.Pointer(&got[0]), unsafe.Pointer(&x[0]), unsafe.Pointer(&z[0]), unsafe.Pointer(&factors[0]), unsafe.Pointer(&scales[0]), unsafe.Pointer(&shifts[0]), unsafe.Pointer(&unlimited)}, count, length)
				c.passes(want)
				for i := range got {
					channel := i / length
					if shape == pixels {
						channel = i % length
					}
					if c.op == grad && f.zero(bitsOf(factors[channel])) {
						want[i] = num[T](0) // of which the second pass makes −0 or not a number
					}
					if g, w := bitsOf(got[i]), bitsOf(want[i]); g != w && !(f.nan(g) && f.nan(w)) {
						t.Fatalf("%v, shape %d, element %d: x %#x, z %#x, factor %#x, scale %#x, shift %#x gave %#x, and separate passes %#x", c.op, shape, i, bitsOf(x[i]), bitsOf(z[i]), bitsOf(factors[channel]), bitsOf(scales[channel]), bitsOf(shifts[channel]), g, w)
					}
				}
			}
		}
	})
}
