package kernel

import (
	"math"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// value returns what bits mean.
func (f *format) value(bits uint64) float64 {
	switch f.typ {
	case dtype.Float32:
		return float64(math.Float32frombits(uint32(bits)))
	case dtype.Float64:
		return math.Float64frombits(bits)
	}
	return f.half.Value(uint16(bits))
}

func testNeverFuses[T number](t *testing.T) {
	const n = 67
	f, call := formatOf[T](), callsOf[T]()
	factor := num[T](1 / (1 - 0.1))
	src, dst := make([]T, n), make([]T, n)
	fused := 0
	for i := range src {
		x := f.of(1 + float64(i)/101)
		y := f.times(f.times(x, bitsOf(factor)), f.of(-1))
		src[i], dst[i] = fromBits[T](x), fromBits[T](y)
		if math.FMA(f.value(x), f.value(bitsOf(factor)), f.value(y)) != 0 {
			fused++
		}
	}
	if fused < n/2 {
		t.Fatalf("only %d of %d products tell a fused sum", fused, n)
	}
	row := make([]T, n)
	for i := range row {
		row[i] = factor
	}
	machine.EveryTier(t, func(t *testing.T) {
		for _, op := range []Op{Add, AddMultiply} {
			for what, do := range map[string]func(sum []T){
				"a plane":             func(sum []T) { call.Planes(op, sum, src, row[:1], nil, n) },
				"planes":              func(sum []T) { call.Planes(op, sum, src, row, nil, 1) },
				"pixels of a channel": func(sum []T) { call.Pixels(op, sum, src, row[:1], nil) },
				"a pixel":             func(sum []T) { call.Pixels(op, sum, src, row, nil) },
			} {
				sum := append([]T(nil), dst...)
				do(sum)
				for i := range sum {
					if bitsOf(sum[i]) != 0 {
						t.Fatalf("%v, %s: element %d is %#x, want +0", op, what, i, bitsOf(sum[i]))
					}
				}
			}
		}
	})
}

// The low digits of the products matter: a product that is fused with the sum, or not
// rounded to a half before it, gives another result.
func TestAddNeverFuses(t *testing.T) {
	t.Run("float32", testNeverFuses[float32])
	t.Run("float64", testNeverFuses[float64])
	t.Run("float16", testNeverFuses[float16])
	t.Run("bfloat16", testNeverFuses[bfloat16])
}
