package kernel

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/reference"
)

// The tests have a Go type for each type of data. Both of these are a [Half] for the
// kernels.
type (
	float16  uint16
	bfloat16 uint16
)

type number interface {
	float32 | float64 | float16 | bfloat16
}

// format says how the numbers of a type are built: a sign, an exponent and a
// fraction. The oracle computes with bits: one text serves all types, and no NaN is
// changed along the way.
type format struct {
	name           string
	typ            dtype.Type
	kind           *Kind
	bits, fraction int

	hard []uint64 // values that a kernel may get wrong

	half    *reference.Half // of halves
	decoded []float32       // the value of each of their patterns of bits
}

var formats = [...]*format{
	dtype.Float32:  newFormat(dtype.Float32, 32, 23),
	dtype.Float64:  newFormat(dtype.Float64, 64, 52),
	dtype.Float16:  newFormat(dtype.Float16, 16, 10),
	dtype.BFloat16: newFormat(dtype.BFloat16, 16, 7),
}

func formatOf[T number]() *format {
	var x T
	switch any(x).(type) {
	case float32:
		return formats[dtype.Float32]
	case float64:
		return formats[dtype.Float64]
	case float16:
		return formats[dtype.Float16]
	}
	return formats[dtype.BFloat16]
}

func newFormat(typ dtype.Type, bits, fraction int) *format {
	f := &format{name: typ.String(), typ: typ, kind: kinds[typ], bits: bits, fraction: fraction}
	if bits == 16 {
		f.half = map[int]*reference.Half{10: reference.Float16, 7: reference.BFloat16}[fraction]
		for bits := range 1 << 16 {
			f.decoded = append(f.decoded, float32(f.half.Value(uint16(bits))))
		}
	}
	// Zero, subnormals, the extremes, infinity, quiet and signalling NaNs with a
	// payload, and numbers whose product with a factor needs rounding.
	for _, b := range []uint64{
		0, 1, 1<<fraction - 1, 1 << fraction, f.quiet() + 1, f.one(), f.one() + 1, f.inf() - 1, f.inf(),
		f.inf() | f.quiet(), f.inf() | f.quiet() | f.quiet()>>2 | 3, f.inf() | 1, f.inf() | f.quiet()>>1,
		f.of(3), f.of(1.0 / 3), f.of(0.1),
	} {
		f.hard = append(f.hard, b, b|f.sign())
	}
	return f
}

func (f *format) sign() uint64  { return 1 << (f.bits - 1) }
func (f *format) inf() uint64   { return f.sign() - 1<<f.fraction }
func (f *format) quiet() uint64 { return 1 << (f.fraction - 1) }
func (f *format) bias() int     { return 1<<(f.bits-2-f.fraction) - 1 }
func (f *format) one() uint64   { return uint64(f.bias()) << f.fraction }

func (f *format) zero(bits uint64) bool { return bits&^f.sign() == 0 }
func (f *format) nan(bits uint64) bool  { return bits&^f.sign() > f.inf() }

// encode returns the bits of the half nearest to x, see [reference.Half.Nearest].
func (f *format) encode(x float64) uint64 { return uint64(f.half.Nearest(x)) }

// of returns the bits of the number nearest to x.
func (f *format) of(x float64) uint64 {
	switch f.typ {
	case dtype.Float32:
		return uint64(math.Float32bits(float32(x)))
	case dtype.Float64:
		return math.Float64bits(x)
	}
	return f.encode(x)
}

// times returns the product as it is documented: halves are multiplied in float32,
// and the product is rounded once more.
//
//go:norace
func (f *format) times(a, b uint64) uint64 {
	switch f.typ {
	case dtype.Float32:
		return uint64(math.Float32bits(math.Float32frombits(uint32(a)) * math.Float32frombits(uint32(b))))
	case dtype.Float64:
		return math.Float64bits(math.Float64frombits(a) * math.Float64frombits(b))
	}
	return f.encode(float64(f.decoded[a] * f.decoded[b]))
}

// over returns the quotient. A quotient of finite numbers is rounded once from twice
// as many digits as they have and two more, which are enough to tell it from a border
// between two numbers. Other quotients need no rounding, and NaNs are the processor's.
//
//go:norace
func (f *format) over(a, b uint64) uint64 {
	finite := a&^f.sign() < f.inf() && b&^f.sign() < f.inf() && !f.zero(b)
	switch f.typ {
	case dtype.Float32:
		x, y := math.Float32frombits(uint32(a)), math.Float32frombits(uint32(b))
		if finite {
			return f.of(float64(x) / float64(y))
		}
		return uint64(math.Float32bits(x / y))
	case dtype.Float64:
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		if finite {
			q, _ := new(big.Float).SetPrec(2*53+2).Quo(big.NewFloat(x), big.NewFloat(y)).Float64()
			return math.Float64bits(q)
		}
		return math.Float64bits(x / y)
	}
	if finite {
		return f.encode(float64(f.decoded[a]) / float64(f.decoded[b]))
	}
	return f.encode(float64(f.decoded[a] / f.decoded[b]))
}

// plus returns the sum. Halves are added in float32, and the sum is rounded once more.
//
//go:norace
func (f *format) plus(a, b uint64) uint64 {
	switch f.typ {
	case dtype.Float32:
		return uint64(math.Float32bits(math.Float32frombits(uint32(a)) + math.Float32frombits(uint32(b))))
	case dtype.Float64:
		return math.Float64bits(math.Float64frombits(a) + math.Float64frombits(b))
	}
	return f.encode(float64(f.decoded[a] + f.decoded[b]))
}

// rectified returns +0 for what is negative or −0. A NaN becomes quiet.
func (f *format) rectified(x uint64) uint64 {
	switch {
	case f.nan(x):
		return x | f.quiet()
	case x&f.sign() != 0:
		return 0
	}
	return x
}

// oracle returns the result of op for one element, as it is documented. untouched says
// that the element is part of a plane in place, which a factor of 1 leaves alone. Where
// two NaNs meet, the processor chooses which one survives, and the documentation
// promises no more than a NaN: such a result is loose.
//
//go:norace
func (f *format) oracle(op Op, y, x, factor, shift uint64, untouched bool) (want uint64, loose bool) {
	if f.zero(factor) {
		switch op {
		case Scale, Divide:
			return 0, false
		case Add, AddDivide:
			return y, false
		case Affine:
			return shift, false
		case AffineMax:
			return f.rectified(shift), f.nan(shift)
		}
	}
	if untouched && factor == f.one() && (op == Scale || op == Multiply || op == Divide) {
		return y, false
	}
	if op == Copy {
		return x, false
	}
	product := f.times(x, factor)
	if op == Divide || op == AddDivide {
		product = f.over(x, factor)
	}
	loose = f.nan(x) && f.nan(factor)
	addend := y
	switch op {
	case Scale, Multiply, Divide:
		return product, loose
	case Affine, AffineMultiply:
		addend = shift
	case AffineMax:
		y := f.plus(shift, product)
		return f.rectified(y), f.nan(y)
	}
	return f.plus(addend, product), loose || f.nan(addend) && f.nan(product)
}

// same reports whether a result is the oracle's.
//
//go:norace
func (f *format) same(got, want uint64, loose bool) bool {
	return got == want || loose && f.nan(got) && got&f.quiet() != 0
}

// hard returns a value that a kernel may get wrong, or an ordinary one.
func hard[T number](r *rand.Rand) T {
	f := formatOf[T]()
	if r.IntN(3) > 0 {
		return fromBits[T](f.hard[r.IntN(len(f.hard))])
	}
	return fromBits[T](f.of(r.NormFloat64()))
}

// plain returns a value that is no signalling NaN: those stay what they are where a
// product with 1 is left out.
func plain[T number](r *rand.Rand) T {
	f := formatOf[T]()
	for {
		if x := hard[T](r); !f.nan(bitsOf(x)) || bitsOf(x)&f.quiet() != 0 {
			return x
		}
	}
}

// bitsOf returns the bits of x.
func bitsOf[T number](x T) uint64 {
	switch unsafe.Sizeof(x) {
	case 2:
		return uint64(*(*uint16)(unsafe.Pointer(&x)))
	case 4:
		return uint64(*(*uint32)(unsafe.Pointer(&x)))
	}
	return *(*uint64)(unsafe.Pointer(&x))
}

// fromBits returns the number that has these bits.
func fromBits[T number](bits uint64) (x T) {
	switch unsafe.Sizeof(x) {
	case 2:
		*(*uint16)(unsafe.Pointer(&x)) = uint16(bits)
	case 4:
		*(*uint32)(unsafe.Pointer(&x)) = uint32(bits)
	default:
		*(*uint64)(unsafe.Pointer(&x)) = bits
	}
	return x
}

// num returns the number nearest to x.
func num[T number](x float64) T { return fromBits[T](formatOf[T]().of(x)) }

// bytesOf returns the memory of s.
func bytesOf[T number](s []T) []byte {
	var x T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(x)))
}

// aligned returns n elements of which the first begins a cache line.
func aligned[T number](n int) []T {
	var x T
	size := int(unsafe.Sizeof(x))
	buf := make([]T, n+64/size)
	skip := int(-uintptr(unsafe.Pointer(&buf[0]))&63) / size
	return buf[skip : skip+n]
}

// The oracle of halves must agree with the definitions of their formats.
func TestOracleOfHalvesFollowsTheirStandards(t *testing.T) {
	for _, f := range formats {
		one, _ := f.oracle(Multiply, 0, f.one(), f.one(), 0, false)
		if two := f.plus(one, one); one != f.kind.one>>(64-f.bits) || one != f.of(1) || two != f.of(2) || f.bits != 8<<f.kind.shift {
			t.Errorf("%s: 1 is %#x, and with it another 1 %#x", f.name, one, two)
		}
		// The digits of 1/3 alternate, and half of a subnormal number may lie on a border
		// between two.
		third := map[dtype.Type]uint64{dtype.Float32: 0x3eaaaaab, dtype.Float64: 0x3fd5555555555555, dtype.Float16: 0x3555, dtype.BFloat16: 0x3eab}[f.typ]
		if got := f.over(f.one(), f.of(3)); got != third {
			t.Errorf("%s: 1 divided by 3 is %#x, want %#x", f.name, got, third)
		}
		for a, want := range map[uint64]uint64{1: 0, 2: 1, 3: 2, 5: 2, 7: 4, f.sign() | 3: f.sign() | 2, f.inf(): f.inf(), f.sign(): f.sign()} {
			if got := f.over(a, f.of(2)); got != want {
				t.Errorf("%s: %#x divided by 2 is %#x, want %#x", f.name, a, got, want)
			}
		}
		if got := f.over(f.inf()-1, f.of(-0.5)); got != f.sign()|f.inf() {
			t.Errorf("%s: the largest number divided by -1/2 is %#x", f.name, got)
		}
		for _, x := range f.hard {
			if nan := f.times(x, f.one()); f.nan(x) && nan != x|f.quiet() {
				t.Errorf("%s: NaN %#x times 1 is %#x", f.name, x, nan)
			}
		}
	}
}

// All pairs of fractions are divided at one exponent where the quotient is normal, and
// at all exponents where it is subnormal.
func TestQuotientsOfHalvesAreRoundedTwiceWithoutHarm(t *testing.T) {
	for _, f := range formats[dtype.Float16:] {
		step := uint64(1)
		if testing.Short() || Instrumented {
			step = 7
		}
		// check divides a number with each fraction by one number.
		check := func(exponent, by uint64) {
			var x, y []uint16
			for a := uint64(0); a < 1<<f.fraction; a += step {
				x = append(x, uint16(exponent|a))
			}
			y = make([]uint16, len(x))
			factor := uint16(by)
			halfPlanes(f.typ, &operations[Divide], unsafe.Pointer(&y[0]), unsafe.Pointer(&x[0]), unsafe.Pointer(&factor), nil, 1, len(x))
			for i := range x {
				if want := f.over(uint64(x[i]), by); uint64(y[i]) != want {
					t.Fatalf("%s: %#x divided by %#x is %#x, want %#x", f.name, x[i], by, y[i], want)
				}
			}
		}
		for b := uint64(0); b < 1<<f.fraction; b += step {
			check(f.one(), f.one()|b)
			for k := range uint64(f.fraction + 2) {
				check(1<<f.fraction, f.one()+k<<f.fraction|b)
			}
		}
	}
}

// everyHalf does op on all 65536 halves with each of the factors.
func everyHalf[T number](t *testing.T, op Op, factors, shifts []uint64) {
	f, call := formatOf[T](), callsOf[T]()
	const halves = 1 << 16
	if len(factors)%2 == 0 || len(shifts) != len(factors) {
		t.Fatalf("%d factors and %d shifts, want the same odd number of each", len(factors), len(shifts))
	}
	// The number of channels is odd: in rows of them, every half meets every factor.
	n := halves * len(factors)
	src, start, want, loose := make([]T, n), make([]T, n), make([]T, n), make([]bool, n)
	factor, shift := make([]T, len(factors)), make([]T, len(factors))
	for c := range factors {
		factor[c], shift[c] = fromBits[T](factors[c]), fromBits[T](shifts[c])
	}
	for i := range src {
		// y is 1/4 of x or four times x, so that the sum is rounded, or anything.
		x := uint64(i % halves)
		y := [...]uint64{x + 2<<f.fraction, x - 2<<f.fraction, x * 40503 >> 2, x ^ f.sign()}[i/halves%4] % halves
		src[i], start[i] = fromBits[T](x), fromBits[T](y)
		w, l := f.oracle(op, y, x, factors[i%len(factors)], shifts[i%len(factors)], false)
		want[i], loose[i] = fromBits[T](w), l
	}
	plane := func(s []T, c int) []T {
		p := make([]T, 0, halves)
		for i := c; i < n; i += len(factors) {
			p = append(p, s[i])
		}
		return p
	}
	var planes [3][]T
	for c := range factors {
		for k, s := range [][]T{src, start, want} {
			planes[k] = append(planes[k], plane(s, c)...)
		}
	}
	dst := make([]T, n)
	check := func(what string, want []T, element func(i int) int) {
		t.Helper()
		if i := differBut(dst, want, func(i int) bool { return loose[element(i)] }); i >= 0 {
			e := element(i)
			t.Fatalf("%v %s of %s: y %#x, x %#x, factor %#x, shift %#x gave %#x, want %#x", op, what, f.name, bitsOf(start[e]), bitsOf(src[e]), factors[e%len(factors)], shifts[e%len(factors)], bitsOf(dst[i]), bitsOf(want[i]))
		}
	}
	machine.EveryTier(t, func(t *testing.T) {
		copy(dst, start)
		call.Pixels(op, dst, src, factor, ShiftsOf(op, shift))
		check("pixels", want, func(i int) int { return i })
		copy(dst, planes[1])
		call.Planes(op, dst, planes[0], factor, ShiftsOf(op, shift), halves)
		check("planes", planes[2], func(i int) int { return i/halves + i%halves*len(factors) })
	})
}

// hardFactors returns factors that dropout uses and others that are hard to compute
// with, an odd number of them.
func (f *format) hardFactors() []uint64 {
	all := append(append([]uint64(nil), f.hard...), f.of(1.25), f.of(1.5), f.of(2), f.of(10), f.of(1/0.9), f.of(1/0.7), f.of(0.9), f.of(0.7), f.of(0.75), f.of(4), f.of(1/(1-0.99999)), f.of(0x1p53), f.of(0x1p-10), f.inf()-2<<f.fraction)
	return all[:len(all)-1+len(all)%2]
}

func testEveryHalf[T number](t *testing.T) {
	f := formatOf[T]()
	factors := f.hardFactors()
	for op := Scale; op < Copy; op++ {
		if testing.Short() && op != Scale && op != Divide && op != AddMultiply && op != Affine && op != AffineMax {
			continue // the others have the same products, quotients and sums
		}
		some := factors
		if op > Divide {
			// Products and quotients are those of Multiply and Divide: fewer factors do for
			// their sums.
			some = []uint64{0, f.sign(), f.one(), f.of(1.25), f.of(-1.0 / 3), f.inf(), f.inf() | f.quiet() | 1, f.inf() - 1, 1, f.of(0x1p-10), f.of(3)}
		}
		shifts := make([]uint64, len(some))
		for c := range shifts {
			shifts[c] = [...]uint64{f.inf() | 1, f.sign(), f.of(0.1), 1, f.of(-3), f.inf() | f.sign(), 0}[c%7]
		}
		t.Run(fmt.Sprint(op), func(t *testing.T) { everyHalf[T](t, op, some, shifts) })
	}
}

func TestEveryHalfIsComputedWithHardFactors(t *testing.T) {
	if Instrumented {
		return // there is a single goroutine
	}
	t.Run("float16", testEveryHalf[float16])
	t.Run("bfloat16", testEveryHalf[bfloat16])
}
