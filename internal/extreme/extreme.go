// Package extreme throws at the exported functions of a package what nobody means: nils,
// zero values, the least and the greatest numbers. Tests use it.
package extreme

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// numbers are small ones and those next to a limit. Two of them have a product that is
// small, or larger than the 2³⁶ trials that a mask may have: what lies between would take
// memory for nothing.
var numbers = []int{0, 1, 2, 3, 4, 6, 12, -1, math.MinInt, math.MaxInt, math.MaxInt - 1, math.MaxInt - 63}

func init() {
	if bits.UintSize == 64 {
		numbers = append(numbers, math.MaxInt>>13, math.MaxInt>>18, math.MaxInt>>25+1)
	}
}

// Int returns a number, more often than not a small one.
func Int(r *rand.Rand) int {
	if r.IntN(2) == 0 {
		return r.IntN(7)
	}
	return One(r, numbers...)
}

// Rate returns a number that is a rate, or none.
func Rate(r *rand.Rand) float64 {
	return One(r, 0, 0.5, 1, 0.3, math.NaN(), math.Inf(1), math.Inf(-1), -0.5, 2, 5e-324, math.Copysign(0, -1), 1-0x1p-53)
}

// One returns one of some values.
func One[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

const (
	mostText  = 2 << 10     // bytes of an error
	mostBytes = 1 << 20     // that a call allocates
	mostTime  = time.Second // that it takes
	module    = "github.com/spatialdropout/spatialdropout"
)

// Check makes a call that may return an error, or panic with one. It fails the test unless the
// error has a type of this module, and a short text, and the call took little time and memory.
func Check(t testing.TB, what func() string, call func() error) {
	t.Helper()
	before := allocated()
	begin := time.Now()
	err := Caught(call)
	took := time.Since(begin)
	if bytes := allocated() - before; bytes > mostBytes {
		t.Fatalf("%s allocates %d bytes", what(), bytes)
	}
	if took > mostTime {
		t.Fatalf("%s takes %v", what(), took)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		typ := reflect.TypeOf(err)
		if typ.Kind() != reflect.Pointer || !strings.HasPrefix(typ.Elem().PkgPath(), module) {
			t.Fatalf("%s: an error of type %T: %v", what(), err, err)
		}
		if text := err.Error(); len(text) > mostText || !strings.Contains(text, ": ") {
			t.Fatalf("%s: an error of %d bytes: %.200s", what(), len(text), text)
		}
	}
}

// allocated returns the bytes that the program has allocated. It leaves out small objects that share
// a span with room for more, some KiB for each size. runtime.ReadMemStats counts them, but stops
// the world, for longer than most calls take.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Caught returns the error of a call, or that with which it panics.
func Caught(call func() error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = p
		default:
			err = fmt.Errorf("a panic with %T: %v", p, p)
		}
	}()
	return call()
}
