// Package npy reads and writes NumPy .npy files of one array. The elements are float16, bfloat16,
// float32, float64 or uint16. The last of these can hold the bits of types that NumPy does not have.
//
// Reading accepts versions 1.0, 2.0 and 3.0 of the format, little-endian and in C order. Writing
// produces version 1.0, byte for byte what numpy.save writes for the same array (NumPy 1.24 or
// newer). Bits are unchanged both ways, NaN payloads included, on hosts of either byte order.
//
// NumPy has no bfloat16. The type is that of the ml_dtypes package, which JAX and TensorFlow use.
// numpy.save writes its elements as two raw bytes each, under the name <V2. numpy.load returns such
// bytes, of which the view method of the array with ml_dtypes.bfloat16 makes numbers again.
package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"reflect"
	"slices"
	"strings"
	"unsafe"
)

// Array is an n-dimensional array in C order: the last index runs fastest.
type Array struct {
	Shape []int // one length per dimension; empty for a single number (0-d)
	Data  any   // a slice of an Element, with as many elements as the product of Shape
}

// Float16 holds the bits of an IEEE 754 binary16.
type Float16 uint16

// BFloat16 holds the bits of a bfloat16, which are the upper half of those of a float32.
type BFloat16 uint16

// Element lists the element types of an [Array], one for each row of dtypes.
type Element interface {
	Float16 | BFloat16 | float32 | float64 | uint16
}

// dtype pairs the name of an element type in the header with the Go type of its slices. Reading
// and writing only need the size of an element.
type dtype struct {
	descr string
	slice reflect.Type
}

var dtypes = []dtype{
	{"<f2", reflect.TypeFor[[]Float16]()},
	{"<V2", reflect.TypeFor[[]BFloat16]()},
	{"<f4", reflect.TypeFor[[]float32]()},
	{"<f8", reflect.TypeFor[[]float64]()},
	{"<u2", reflect.TypeFor[[]uint16]()},
}

// String returns the name in the header, with what it means if NumPy does not tell.
func (dt dtype) String() string {
	if dt.descr == "<V2" {
		return "'<V2' (bfloat16)"
	}
	return "'" + dt.descr + "'"
}

func (dt dtype) size() int { return int(dt.slice.Elem().Size()) }

// Of returns an Array of the given shape that shares data. Writing the array checks that the two
// fit.
func Of[T Element](data []T, shape ...int) *Array {
	return &Array{Shape: append([]int{}, shape...), Data: data}
}

// String returns the shape in Python's notation and the dtype, as in "(1, 3, 4) of <f4".
func (a *Array) String() string {
	for _, dt := range dtypes {
		if dt.slice == reflect.TypeOf(a.Data) {
			return tuple(a.Shape) + " of " + dt.descr
		}
	}
	return fmt.Sprintf("%s of %T", tuple(a.Shape), a.Data)
}

// Read reads one array of any shape. It reads r to its end.
//
// Read returns an error if the header is malformed, the file is truncated, bytes follow the data,
// or the array has another dtype, is big-endian or is in Fortran order (unless at most one dimension
// exceeds 1, since the two orders then agree). Memory grows as data arrive and stays a small
// multiple of the bytes read, whatever the header claims.
func Read(r io.Reader) (*Array, error) {
	a, err := read(r)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	return a, nil
}

func read(r io.Reader) (*Array, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	dt, err := lookup(h.descr)
	if err != nil {
		return nil, err
	}
	n, err := elements(h.shape, dt.size())
	if err != nil {
		return nil, err
	}
	long := slices.DeleteFunc(slices.Clone(h.shape), func(d int) bool { return d <= 1 })
	if h.fortran && len(long) > 1 {
		return nil, fmt.Errorf("shape %s is in Fortran order, expected C order: save numpy.ascontiguousarray(a) instead", tuple(h.shape))
	}
	a := &Array{Shape: h.shape}
	if a.Data, err = readData(r, dt, n); err != nil {
		return nil, fmt.Errorf("%s of %s: %w", tuple(h.shape), dt.descr, err)
	}
	switch k, err := io.ReadFull(r, make([]byte, 1)); {
	case k > 0:
		return nil, fmt.Errorf("trailing bytes: got more than the %d bytes of data expected for %v", n*dt.size(), a)
	case err != io.EOF:
		return nil, fmt.Errorf("reading after the end of %v: %w", a, err)
	}
	return a, nil
}

func lookup(descr string) (dtype, error) {
	if descr == "|V2" {
		// numpy.load drops the byte order of <V2, and numpy.save writes what is left.
		descr = "<V2"
	}
	for _, dt := range dtypes {
		if dt.descr == descr {
			return dt, nil
		}
	}
	note, advice := "", ": convert with astype before numpy.save"
	switch {
	case strings.HasPrefix(descr, "["):
		note, advice = ", a structured type", ": save one field a['x'] of the array"
	case strings.HasPrefix(descr, ">"):
		note = " (big-endian)"
	case len(descr) > 1 && descr[1] == 'V':
		note, advice = " (raw bytes)", ": convert with view and astype before numpy.save"
	}
	return dtype{}, fmt.Errorf("descr %.40q%s, expected %s%s", descr, note, oneOf(dtype.String), advice)
}

// oneOf lists all dtypes: "a, b or c".
func oneOf(name func(dtype) string) string {
	var b strings.Builder
	for i, dt := range dtypes {
		switch i {
		case 0:
		case len(dtypes) - 1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(name(dt))
	}
	return b.String()
}

// chunk is the number of bytes that are allocated before any have arrived. Every element size
// divides it.
const chunk = 1 << 16

// readData reads n elements. The header may overstate n, so readData allocates more than a chunk
// only if a file is known to have the bytes. Otherwise it doubles what it has read.
func readData(r io.Reader, dt dtype, n int) (any, error) {
	room := int64(chunk)
	if f, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			room = max(room, min(info.Size(), math.MaxInt))
		}
	}
	size := dt.size()
	data := reflect.New(dt.slice).Elem()
	data.Set(reflect.MakeSlice(dt.slice, 0, min(n, int(room)/size)))
	for data.Len() < n {
		done := data.Len()
		if done == data.Cap() {
			data.Grow(min(n-done, done))
		}
		data.SetLen(min(n, data.Cap()))
		part := memory(data)[done*size:]
		if err := fill(r, part, "data", done*size, n*size); err != nil {
			return nil, err
		}
		if !littleEndian {
			swap(part, size)
		}
	}
	return data.Interface(), nil
}

// fill reads all of buf, which is a part of what. The error gives the bytes read so far, before of
// them in earlier calls, and the total that is expected.
func fill(r io.Reader, buf []byte, what string, before, total int) error {
	k, err := io.ReadFull(r, buf)
	if err == nil {
		return nil
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("truncated %s: got %d bytes, expected %d: %w", what, before+k, total, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("reading the %s after %d of %d bytes: %w", what, before+k, total, err)
}

// Write writes the array as numpy.save does. It returns an error, and writes nothing, if Data is not
// a slice of an [Element] or its length is not the product of Shape.
func (a *Array) Write(w io.Writer) error {
	enc, err := a.encode()
	if err == nil {
		err = enc.write(w)
	}
	if err != nil {
		return fmt.Errorf("npy: writing %v: %w", a, err)
	}
	return nil
}

// encoded is an array ready to be written. raw is the memory of its data in the host's byte order.
type encoded struct {
	header, raw []byte
	size        int
}

func (a *Array) encode() (encoded, error) {
	for _, dt := range dtypes {
		if dt.slice != reflect.TypeOf(a.Data) {
			continue
		}
		raw := memory(reflect.ValueOf(a.Data))
		n, err := elements(a.Shape, dt.size())
		if got := len(raw) / dt.size(); err == nil && got != n {
			err = fmt.Errorf("got data of %d elements, expected %d", got, n)
		}
		return encoded{formatHeader(dt.descr, a.Shape), raw, dt.size()}, err
	}
	return encoded{}, fmt.Errorf("got data of type %T, expected %s", a.Data, oneOf(func(dt dtype) string { return dt.slice.String() }))
}

func (e encoded) write(w io.Writer) error {
	_, err := w.Write(e.header)
	if littleEndian && err == nil {
		_, err = w.Write(e.raw)
		return err
	}
	for part := range slices.Chunk(e.raw, chunk) {
		if err == nil {
			part = slices.Clone(part)
			swap(part, e.size)
			_, err = w.Write(part)
		}
	}
	return err
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// memory returns the bytes of a slice without copying them.
func memory(slice reflect.Value) []byte {
	return unsafe.Slice((*byte)(slice.UnsafePointer()), slice.Len()*int(slice.Type().Elem().Size()))
}

// swap reverses the byte order of each element.
func swap(raw []byte, size int) {
	for ; len(raw) > 0; raw = raw[size:] {
		slices.Reverse(raw[:size])
	}
}
