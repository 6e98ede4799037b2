package kernel

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/dtype"
)

// Float is the data that the generic functions take: float32, float64 and types made of
// them.
type Float interface{ ~float32 | ~float64 }

// Half is any 16-bit type that holds float16, IEEE 754's binary16, or bfloat16, the
// upper half of a float32. The [Kind] says which one it is, see [As].
//
// Factors and shifts are halves, too. A product or quotient is computed in float32 and
// rounded once to the nearest half, ties to even, subnormals included. A sum is computed
// from the rounded product or quotient in the same way. float32 has enough digits that
// the result is the half nearest to the exact one. A NaN stays a NaN.
type Half interface{ ~uint16 }

// Kind is a type of elements together with the kernels for it. A program contains the
// kernels of the kinds that it names, and no others.
type Kind struct {
	name, wants string // such as "float32" and "elements of 4 bytes"
	typ         dtype.Type
	shift       uint8  // binary logarithm of the bytes of an element
	one         uint64 // the bits of the number 1, leftmost in the word
	ways        *[ops]ways
	exec        func(k id, dst, src, factors, extra unsafe.Pointer, count, length int)
	// far does planes in plain Go in data far larger than the cache. Halves have none: their
	// arithmetic takes longer than memory.
	far func(op Op, dst, src, factors, shifts unsafe.Pointer, count, length int)
	// more has a method for each of the other families of kernels, such as [compacter]. The linker
	// leaves out a method that no function calls which the program reaches.
	more any
}

// The kinds: float32, float64, float16 and bfloat16.
var (
	F32  = &Kind{"float32", "elements of 4 bytes", dtype.Float32, 2, 0x3f800000 << 32, &waysF32, dispatchF32, farF32, moreF32{}}
	F64  = &Kind{"float64", "elements of 8 bytes", dtype.Float64, 3, 0x3ff0000000000000, &waysF64, dispatchF64, farF64, moreF64{}}
	F16  = &Kind{"float16", "elements of 2 bytes", dtype.Float16, 1, 0x3c00 << 48, &waysF16, dispatchF16, nil, moreF16{}}
	BF16 = &Kind{"bfloat16", "elements of 2 bytes", dtype.BFloat16, 1, 0x3f80 << 48, &waysBF16, dispatchBF16, nil, moreBF16{}}
)

// The types whose methods run the other families of kernels.
type (
	moreF32  struct{}
	moreF64  struct{}
	moreF16  struct{}
	moreBF16 struct{}
)

// String returns NumPy's name of the type, such as "float32".
func (k *Kind) String() string {
	if !k.known() {
		return "no kind"
	}
	return k.name
}

// known reports whether k is one of the kinds, and neither nil nor zero.
func (k *Kind) known() bool { return k != nil && k.ways != nil }

// Type returns the type of the elements. It panics with an [*ArgumentError] if k is nil.
func (k *Kind) Type() dtype.Type {
	if k == nil {
		panic(kindless())
	}
	return k.typ
}

// Size returns the bytes of an element. It panics with an [*ArgumentError] if k is nil.
func (k *Kind) Size() int {
	if k == nil {
		panic(kindless())
	}
	return k.bytes(1)
}

// kindOf returns the kind of T. It is a constant for the compiler, which leaves out the
// other kind.
func kindOf[T Float]() *Kind {
	var x T
	if unsafe.Sizeof(x) == 4 {
		return F32
	}
	return F64
}

// bytes returns the bytes of n elements. The mask tells the compiler that no bit is shifted
// out of the word whole.
func (k *Kind) bytes(n int) int { return n << (k.shift & 7) }

// most returns the number of elements whose bytes an int counts.
func (k *Kind) most() int { return math.MaxInt >> (k.shift & 7) }

// beyond reports whether an int does not count the bytes of n elements that are in memory, as may
// be on 32-bit platforms. On others the compiler leaves it out.
func (k *Kind) beyond(n int) bool { return bits.UintSize == 32 && n > k.most() }

// call runs a kernel on the calling goroutine. The kernels keep no pointer, which the
// compiler cannot see through a function value: without hide, memory on the caller's
// stack would have to be allocated.
func (k *Kind) call(routine id, dst, src, factors, extra unsafe.Pointer, count, length int) {
	k.exec(routine, hide(dst), hide(src), hide(factors), hide(extra), count, length)
}

// hide returns p in a way that escape analysis does not follow. It costs nothing: a load
// through the address of a uintptr would go through memory. The compiler takes a sum for a
// pointer that is not nil: the result must be passed on, and not compared with nil. It may
// also forget that the sum is a pointer, and would not move it with the stack: nothing may be
// called before the result is passed on. Checkptr, which the race detector brings, would call;
// without it, hide is a call whose result is a pointer there.
//
//go:nocheckptr
func hide(p unsafe.Pointer) unsafe.Pointer { return unsafe.Add(nil, uintptr(p)) }

// Vector is a slice of elements whose kind is known at run time only, or a list of such slices,
// see [AsList]. It refers to the memory of the slice that it was made of. The zero Vector is
// empty and fits every kind.
type Vector struct {
	kind *Kind
	vector
}

// vector is a slice without its type. That of a list has the address of the list and the negative
// number of its slices, so that no comparison of a length takes it for a slice that fits.
type vector struct {
	data unsafe.Pointer
	len  int
}

// count writes the sizes of elements.
var count = [...]string{2: "2", 4: "4", 8: "8"}

func erase[T Float | Half](s []T) vector {
	return vector{unsafe.Pointer(unsafe.SliceData(s)), len(s)}
}

// Of returns the Vector of a slice of float32 or float64.
func Of[T Float](s []T) Vector { return Vector{kindOf[T](), erase(s)} }

// As returns the Vector of a slice whose elements are of the given kind. It panics with an
// [*ArgumentError] if the kind is nil or zero, or its elements have another size.
func As[T Float | Half](kind *Kind, s []T) Vector {
	var x T
	if !kind.known() {
		panic(kindless())
	}
	if 1<<(kind.shift&7) != unsafe.Sizeof(x) {
		// Without a call, for which As could not be inlined.
		panic(&ArgumentError{"kind", "elements of " + count[unsafe.Sizeof(x)] + " bytes for a vector of " + kind.name, kind.wants})
	}
	return Vector{kind, erase(s)}
}

// Kind returns the kind of the elements, nil for the zero Vector.
func (v Vector) Kind() *Kind { return v.kind }

// Len returns the number of elements of a slice, and 0 for a list, see [Vector.Slices].
func (v Vector) Len() int { return max(v.len, 0) }

// From returns the elements from offset n up. It panics with an [*ArgumentError] unless n is from
// 0 to the length.
func (v Vector) From(n int) Vector {
	if n < 0 || n > v.len {
		panic(outside(n, v.len))
	}
	return v.from(n)
}

// from is From of an offset that is within the vector.
func (v Vector) from(n int) Vector {
	if n == v.len {
		return Vector{kind: v.kind}
	}
	return Vector{v.kind, vector{unsafe.Add(v.data, n<<v.kind.shift), v.len - n}}
}

// Data returns the address of the first element, or of a list. If there is none it means
// nothing.
func (v Vector) Data() unsafe.Pointer { return v.data }

// Bytes returns the memory of the elements, none for a list.
func (v Vector) Bytes() []byte {
	if v.len <= 0 {
		return nil
	}
	return unsafe.Slice((*byte)(v.data), v.len<<v.kind.shift)
}

// OfBytes returns the Vector of elements of a kind that lie in a byte slice in the
// machine's own byte order. It panics with an [*ArgumentError] unless the slice is aligned to
// an element and holds whole elements, and if the kind is nil or zero.
func OfBytes(kind *Kind, memory []byte) Vector {
	if !kind.known() {
		panic(kindless())
	}
	data, size := unsafe.Pointer(unsafe.SliceData(memory)), kind.Size()
	// 32-bit platforms align numbers of 8 bytes to 4.
	offset := int(uintptr(data)) & (min(size, int(unsafe.Alignof(uint64(0)))) - 1)
	if offset|len(memory)&(size-1) != 0 {
		panic(ragged(kind, len(memory), offset))
	}
	return Vector{kind, vector{data, len(memory) >> (kind.shift & 7)}}
}
