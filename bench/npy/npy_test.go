package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

// count returns the array of the function count in testdata/make_golden.py: -1.5, -1, -0.5, 0, ...
// in C order.
func count[T Element](shape ...int) *Array {
	n := 1
	for _, d := range shape {
		n *= d
	}
	data := make([]T, n)
	for i := range data {
		x := float64(i)*0.5 - 1.5
		switch p := any(&data[i]).(type) {
		case *Float16:
			*p = half(x)
		case *BFloat16:
			*p = BFloat16(math.Float32bits(float32(x)) >> 16) // exact
		case *float32:
			*p = float32(x)
		case *float64:
			*p = x
		}
	}
	return Of(data, shape...)
}

// half returns x as float16. x is 0 or a normal number that needs no rounding.
func half(x float64) Float16 {
	if x == 0 {
		return 0
	}
	fraction, exponent := math.Frexp(math.Abs(x))
	bits := Float16(exponent+14)<<10 | Float16((2*fraction-1)*1024)
	if x < 0 {
		bits |= 1 << 15
	}
	return bits
}

// specials16 returns F2_BITS of testdata/make_golden.py.
func specials16[T Float16 | BFloat16 | uint16]() []T {
	return []T{0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0x7C00, 0xFC00, 0x7E00, 0xFE00, 0x7C01, 0xFDA5}
}

func fromBits32(list ...uint32) []float32 {
	out := make([]float32, len(list))
	for i, b := range list {
		out[i] = math.Float32frombits(b)
	}
	return out
}

func fromBits64(list ...uint64) []float64 {
	out := make([]float64, len(list))
	for i, b := range list {
		out[i] = math.Float64frombits(b)
	}
	return out
}

func ones(n int) []int { return slices.Repeat([]int{1}, n) }

// saved holds the arrays of testdata/saved.
func saved() map[string]*Array {
	m := map[string]*Array{
		"f2_0d": count[Float16](), "f4_0d": count[float32](), "f8_0d": count[float64](),
		"f2_empty_1d": count[Float16](0), "f4_empty_1d": count[float32](0), "f8_empty_1d": count[float64](0),
		"f2_empty_3d": count[Float16](2, 0, 3), "f4_empty_3d": count[float32](2, 0, 3), "f8_empty_3d": count[float64](2, 0, 3),
		"f2_1d": count[Float16](5), "f4_1d": count[float32](5), "f8_1d": count[float64](5),
		"f2_3d": count[Float16](1, 3, 4), "f4_3d": count[float32](1, 3, 4), "f8_3d": count[float64](1, 3, 4),
		"f2_5d": count[Float16](2, 1, 3, 2, 2), "f4_5d": count[float32](2, 1, 3, 2, 2), "f8_5d": count[float64](2, 1, 3, 2, 2),
		"v2_0d": count[BFloat16](), "v2_empty_1d": count[BFloat16](0), "v2_empty_3d": count[BFloat16](2, 0, 3),
		"v2_1d": count[BFloat16](5), "v2_3d": count[BFloat16](1, 3, 4), "v2_5d": count[BFloat16](2, 1, 3, 2, 2),
		"v2_special": Of(specials16[BFloat16](), 6, 2),
		"f4_32d":     count[float32](ones(32)...),
		"f2_special": Of(specials16[Float16](), 6, 2),
		"u2_special": Of(specials16[uint16](), 6, 2),
		"f4_special": Of(fromBits32(
			0x00000000, 0x80000000, 0x00000001, 0x807FFFFF, 0x00800000, 0x7F7FFFFF,
			0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFBABE55), 6, 2),
		"f8_special": Of(fromBits64(
			0x0000000000000000, 0x8000000000000000, 0x0000000000000001, 0x800FFFFFFFFFFFFF,
			0x0010000000000000, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000,
			0x7FF8000000000000, 0xFFF8000000000000, 0x7FF0000000000001, 0xFFF7BADBABE55555), 6, 2),
	}
	if strconv.IntSize == 64 {
		for _, zeros := range []int{10, 11, 12} {
			shape := append([]int{0, int(math.Pow10(zeros))}, ones(9)...)
			m[fmt.Sprintf("f4_padding_%d", zeros)] = count[float32](shape...)
		}
	}
	return m
}

// sameBits fails unless got has the shape, the element type and the bits of want.
func sameBits(t *testing.T, got, want *Array) {
	t.Helper()
	if !slices.Equal(got.Shape, want.Shape) {
		t.Fatalf("shape %v, expected %v", got.Shape, want.Shape)
	}
	if g, w := bitsOf(t, got), bitsOf(t, want); !slices.Equal(g, w) || reflect.TypeOf(got.Data) != reflect.TypeOf(want.Data) {
		t.Fatalf("%T with bits %x, expected %T with bits %x", got.Data, g, want.Data, w)
	}
}

func bitsOf(t *testing.T, a *Array) (out []uint64) {
	t.Helper()
	switch data := a.Data.(type) {
	case []Float16:
		for _, x := range data {
			out = append(out, uint64(x))
		}
	case []BFloat16:
		for _, x := range data {
			out = append(out, uint64(x))
		}
	case []uint16:
		for _, x := range data {
			out = append(out, uint64(x))
		}
	case []float32:
		for _, x := range data {
			out = append(out, uint64(math.Float32bits(x)))
		}
	case []float64:
		for _, x := range data {
			out = append(out, math.Float64bits(x))
		}
	default:
		t.Fatalf("data of type %T", a.Data)
	}
	return out
}

func encode(t *testing.T, a *Array) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := a.Write(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func says(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, expected one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
	if len(err.Error()) > 2000 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

// file builds a .npy file from parts, which may be wrong.
func file(version byte, dict string, data ...byte) []byte {
	out := append([]byte("\x93NUMPY"), version, 0)
	if version == 1 {
		out = binary.LittleEndian.AppendUint16(out, uint16(len(dict)))
	} else {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(dict)))
	}
	return append(append(out, dict...), data...)
}

func dict(descr, fortran, shape string) string {
	return fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n", descr, fortran, shape)
}

func TestReadReturnsTheBitsThatNumPySaved(t *testing.T) {
	for name, want := range saved() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "saved", name+".npy")
			got, err := ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sameBits(t, got, want)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = Read(bytes.NewReader(raw)); err != nil {
				t.Fatal(err)
			}
			sameBits(t, got, want)
		})
	}
}

func TestWriteProducesTheBytesThatNumPySaved(t *testing.T) {
	for name, a := range saved() {
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("testdata", "saved", name+".npy"))
			if err != nil {
				t.Fatal(err)
			}
			if got := encode(t, a); !bytes.Equal(got, want) {
				t.Errorf("wrote\n%q\nexpected\n%q", got, want)
			}
			path := filepath.Join(t.TempDir(), "a.npy")
			if err := a.WriteFile(path); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
				t.Errorf("wrote the file\n%q\nexpected\n%q", got, want)
			}
		})
	}
}

func TestEveryGoldenFileIsTested(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("some golden shapes need 64 bits")
	}
	files, err := filepath.Glob(filepath.Join("testdata", "saved", "*.npy"))
	if err != nil || len(files) != len(saved()) {
		t.Errorf("%d files in testdata/saved, %d in the test's table (%v)", len(files), len(saved()), err)
	}
}

func TestReadAcceptsVersions2And3(t *testing.T) {
	for _, name := range []string{"version_2", "version_3"} {
		a, err := ReadFile(filepath.Join("testdata", "read", name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		sameBits(t, a, count[float32](3, 4))
	}
}

// numpy.load makes |V2 of bfloat16, and numpy.save writes that name.
func TestReadAcceptsBFloat16ThatNumPyHasLoadedAndSaved(t *testing.T) {
	a, err := ReadFile(filepath.Join("testdata", "read", "v2_saved_again.npy"))
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, a, count[BFloat16](3, 4))
}

func TestReadAcceptsEveryFormOfHeader(t *testing.T) {
	data := []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}
	for _, dict := range []string{
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
		`{"shape":(2,),"fortran_order":False,"descr":"<f4"}`,
		"{ 'fortran_order' : False , 'descr' : \"<f4\" , 'shape' : ( 2 , ) , } \n",
		"\n{'descr': '<f4',\n 'fortran_order': False,\r\n\t'shape': (2,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }",
		"{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }",
	} {
		for version := byte(1); version <= 3; version++ {
			a, err := Read(bytes.NewReader(file(version, dict, data...)))
			if err != nil {
				t.Errorf("%q: %v", dict, err)
				continue
			}
			sameBits(t, a, Of([]float32{1, 2}, 2))
		}
	}
	for shape, want := range map[string][]int{
		"(1, 2)": {1, 2}, "(1L, 2L, )": {1, 2}, "(2,1,1)": {2, 1, 1},
	} {
		a, err := Read(bytes.NewReader(file(1, dict("'<f4'", "True", shape), data...)))
		if err != nil {
			t.Errorf("%s: %v", shape, err)
			continue
		}
		sameBits(t, a, Of([]float32{1, 2}, want...))
	}
}

func TestReadAcceptsTheLongestHeader(t *testing.T) {
	short := dict("'<f4'", "False", "()")
	for version := byte(1); version <= 3; version++ {
		padded := strings.Repeat(" ", math.MaxUint16-len(short)) + short
		a, err := Read(bytes.NewReader(file(version, padded, 0, 0, 0x80, 0x3f)))
		if err != nil {
			t.Fatal(err)
		}
		sameBits(t, a, Of([]float32{1}))
	}
}

// allDtypes and allSlices are the lists of element types in errors.
const (
	allDtypes = "'<f2', '<V2' (bfloat16), '<f4', '<f8' or '<u2'"
	allSlices = "[]npy.Float16, []npy.BFloat16, []float32, []float64 or []uint16"
)

func TestReadRefuses(t *testing.T) {
	four := []byte{1, 2, 3, 4}
	good := file(1, dict("'<f4'", "False", "(2,)"), 1, 2, 3, 4, 5, 6, 7, 8)
	header := func(text string) []byte { return file(1, text, four...) }
	shape := func(text string) []byte { return header(dict("'<f4'", "False", text)) }
	tests := []struct {
		name  string
		file  []byte
		words []string
	}{
		{"no bytes", nil, []string{"truncated magic", "got 0 bytes", "expected 8"}},
		{"part of the magic", good[:5], []string{"truncated magic", "got 5 bytes", "expected 8"}},
		{"another file format", []byte("PK\x03\x04 a zip file"), []string{"magic", `"PK\x03\x04 a"`, `expected "\x93NUMPY"`}},
		{"version 4", file(4, "{}"), []string{"unknown version 4.0", "expected 1.0, 2.0 or 3.0"}},
		{"version 1.1", []byte("\x93NUMPY\x01\x01\x00\x00"), []string{"unknown version 1.1"}},
		{"version 0", []byte("\x93NUMPY\x00\x00\x00\x00"), []string{"unknown version 0.0"}},
		{"part of the header length", good[:9], []string{"truncated header length", "got 1 bytes", "expected 2"}},
		{"part of a long header length", []byte("\x93NUMPY\x02\x00\x10\x00\x00"), []string{"truncated header length", "got 3 bytes", "expected 4"}},
		{"part of the header", good[:30], []string{"truncated header", "got 20 bytes", "expected "}},
		{"no data", good[:len(good)-8], []string{"truncated data", "got 0 bytes", "expected 8", "(2,) of <f4"}},
		{"part of the data", good[:len(good)-3], []string{"truncated data", "got 5 bytes", "expected 8", "(2,) of <f4"}},
		{"one byte too many", append(slices.Clone(good), 0), []string{"trailing bytes", "8 bytes", "(2,) of <f4"}},
		{"two arrays", append(slices.Clone(good), good...), []string{"trailing bytes"}},
		{"a byte after an empty array", shape("(0,)"), []string{"trailing bytes", "0 bytes", "(0,) of <f4"}},
		{"a header of 64 KiB", file(2, strings.Repeat(" ", 1<<16)), []string{"header length 65536", "at most 65535"}},
		{"a header of 4 GiB", []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{}"), []string{"header length 4294967295", "at most 65535"}},

		{"big-endian floats", header(dict("'>f4'", "False", "(1,)")), []string{`">f4"`, "big-endian", allDtypes, "astype"}},
		{"integers", header(dict("'<i4'", "False", "(1,)")), []string{`"<i4"`, allDtypes}},
		{"big-endian half floats", header(dict("'>f2'", "False", "(1,)")), []string{`">f2"`, "big-endian", allDtypes, "astype"}},
		{"signed integers of 16 bits", header(dict("'<i2'", "False", "(1,)")), []string{`"<i2"`, allDtypes}},
		{"long doubles", header(dict("'<f16'", "False", "(1,)")), []string{`"<f16"`, allDtypes}},
		{"objects", header(dict("'|O'", "False", "(1,)")), []string{`"|O"`, allDtypes}},
		{"native order", header(dict("'f4'", "False", "(1,)")), []string{`"f4"`, allDtypes}},
		{"a descr of 9000 characters", header(dict("'"+strings.Repeat("x", 9000)+"'", "False", "(1,)")), []string{"descr", "xxx"}},
		{"a structured type", header(dict("[('x', '<f4')]", "False", "(1,)")), []string{`descr "[('x', '<f4')]", a structured type`, allDtypes, "a['x']"}},
		{"a structured type with brackets in a name", header(dict("[('x]', '<f4'), ('y', [('[', '|S3')])]", "False", "(1,)")), []string{"[('x]', '<f4'), ('y'", "a structured type"}},
		{"a structured type of 60000 characters", header(dict("[('"+strings.Repeat("x", 60000)+"', '<f4')]", "False", "(1,)")), []string{"xxx", "a structured type"}},
		{"30000 nested lists", header(dict(strings.Repeat("[", 30000)+strings.Repeat("]", 30000), "False", "(1,)")), []string{"[[[", "a structured type"}},
		{"60000 open lists", header(dict(strings.Repeat("[", 60000), "False", "(1,)")), []string{"malformed header", "descr", "[[[", "ends with ]"}},
		{"60000 open tuples", shape(strings.Repeat("(", 60000)), []string{"malformed header", "shape", `"("`, "integer"}},
		{"raw bytes", header(dict("'|V4'", "False", "(1,)")), []string{`"|V4" (raw bytes)`, allDtypes, "view and astype"}},
		{"float8 of ml_dtypes", header(dict("'<V1'", "False", "(1,)")), []string{`"<V1" (raw bytes)`, allDtypes, "view and astype"}},
		{"big-endian bfloat16", header(dict("'>V2'", "False", "(1,)")), []string{`">V2" (big-endian)`, allDtypes, "astype"}},
		{"Fortran order", file(1, dict("'<f4'", "True", "(2, 1, 2)")), []string{"(2, 1, 2)", "Fortran order", "C order", "numpy.ascontiguousarray"}},

		{"an empty header", header(""), []string{"malformed header", "the end of the header", "expected {"}},
		{"a blank header", header("   \n"), []string{"malformed header", "the end of the header", "expected {"}},
		{"a tuple instead of a dict", header("('<f4', False, (1,))"), []string{"malformed header", `"("`, "expected {"}},
		{"a bare comma", header("{,}"), []string{"malformed header", `","`, "quoted string"}},
		{"an unclosed dict", header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), "), []string{"malformed header", "the end of the header"}},
		{"an unclosed string", header("{'descr': '<f4, }"), []string{"malformed header", "descr", "quoted string"}},
		{"no comma between keys", header("{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}"), []string{"malformed header", `"'fortran_order'"`, "comma"}},
		{"two commas", header("{'descr': '<f4',, 'fortran_order': False, 'shape': (1,)}"), []string{"malformed header", `","`}},
		{"no colon", header("{'descr' '<f4', 'fortran_order': False, 'shape': (1,)}"), []string{"malformed header", "expected :"}},
		{"an unquoted key", header("{descr: '<f4', 'fortran_order': False, 'shape': (1,)}"), []string{"malformed header", `"descr"`, "quoted string"}},
		{"a missing descr", header("{'fortran_order': False, 'shape': (1,)}"), []string{"missing key", "descr"}},
		{"a missing fortran_order", header("{'descr': '<f4', 'shape': (1,)}"), []string{"missing key", "fortran_order"}},
		{"a missing shape", header("{'descr': '<f4', 'fortran_order': False}"), []string{"missing key", "shape"}},
		{"no keys", header("{}"), []string{"missing key"}},
		{"a duplicate key", header("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"), []string{"duplicate key", "descr"}},
		{"an unknown key", header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'extra': 1}"), []string{"unknown key", "extra"}},
		{"bytes after the dict", header(dict("'<f4'", "False", "(1,)") + "x"), []string{"malformed header", `"x"`, "padding"}},
		{"padding with NUL", header(dict("'<f4'", "False", "(1,)") + "\x00"), []string{"malformed header", `"\x00"`, "padding"}},
		{"an order of 0", header(dict("'<f4'", "0", "(1,)")), []string{"fortran_order", `"0"`, "True or False"}},
		{"a quoted order", header(dict("'<f4'", "'False'", "(1,)")), []string{"fortran_order", "True or False"}},
		{"an unquoted descr", header(dict("<f4", "False", "(1,)")), []string{"descr", `"<f4"`, "quoted string"}},

		{"a negative dimension", shape("(-1,)"), []string{"negative dimension -1"}},
		{"two negative dimensions", shape("(-1, -1)"), []string{"negative dimension -1", "(-1, -1)"}},
		{"a fraction", shape("(1.0,)"), []string{"shape", `"1.0"`, "integer"}},
		{"an exponent", shape("(1e0,)"), []string{"shape", `"1e0"`, "integer"}},
		{"hexadecimal", shape("(0x1,)"), []string{"shape", `"0x1"`, "integer"}},
		{"a leading zero", shape("(01,)"), []string{"shape", `"01"`, "integer"}},
		{"a plus sign", shape("(+1,)"), []string{"shape", `"+1"`, "integer"}},
		{"an underscore", shape("(1_0,)"), []string{"shape", `"1_0"`, "integer"}},
		{"a truth value", shape("(True,)"), []string{"shape", `"True"`, "integer"}},
		{"a string dimension", shape("('1',)"), []string{"shape", `"'1'"`, "integer"}},
		{"L alone", shape("(L,)"), []string{"shape", `"L"`, "integer"}},
		{"two Ls", shape("(1LL,)"), []string{"shape", `"1LL"`, "integer"}},
		{"a nested tuple", shape("((1,),)"), []string{"shape", `"("`, "integer"}},
		{"a number as shape", shape("1"), []string{"shape", `"1"`, "tuple"}},
		{"a number in parentheses", shape("(1)"), []string{"shape", "(1)", "(1,)"}},
		{"a list as shape", shape("[1]"), []string{"shape", "tuple"}},
		{"a lone comma in a shape", shape("(,)"), []string{"shape", `","`, "integer"}},
		{"an unclosed shape", shape("(1, 1"), []string{"shape", `"}"`, "integer"}},
		{"a shape without commas", shape("(1 1)"), []string{"shape", `"1"`, "comma or )"}},
		{"a dimension that overflows an int", shape("(99999999999999999999,)"), []string{"shape", "99999999999999999999", "overflows"}},
		{"a dimension of 9000 digits", shape("(" + strings.Repeat("9", 9000) + ",)"), []string{"shape", "overflows"}},
		{"a product that overflows an int", shape(fmt.Sprintf("(%d, 2)", math.MaxInt)), []string{"overflows", strconv.Itoa(math.MaxInt)}},
		{"a size in bytes that overflows an int", shape(fmt.Sprintf("(%d,)", math.MaxInt/4+1)), []string{"overflows", "4 bytes an element"}},
		{"a product that wraps to 1", shape(fmt.Sprintf("(%d, %[1]d)", math.MaxInt)), []string{"overflows"}},
		{"an overflow before a zero", shape(fmt.Sprintf("(%d, 8, 0)", math.MaxInt)), []string{"overflows"}},
		{"an overflow after a zero", shape(fmt.Sprintf("(0, %d, 8)", math.MaxInt)), []string{"overflows"}},
		{"65 dimensions", shape("(" + strings.Repeat("1, ", 65) + ")"), []string{"65 dimensions", "at most 64"}},
		{"20000 dimensions", shape("(" + strings.Repeat("1, ", 20000) + ")"), []string{"20000 dimensions", "at most 64"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := Read(bytes.NewReader(test.file))
			says(t, err, append(test.words, "npy: ")...)
			if a != nil {
				t.Errorf("an array as well as an error")
			}
			path := filepath.Join(t.TempDir(), "bad.npy")
			if err := os.WriteFile(path, test.file, 0o666); err != nil {
				t.Fatal(err)
			}
			_, err = ReadFile(path)
			says(t, err, append(test.words, "npy: ", path)...)
		})
	}
}

func TestReadFileRefusesOtherArraysOfNumPy(t *testing.T) {
	for name, words := range map[string][]string{
		"big_endian":      {">f4", "big-endian", allDtypes},
		"big_endian_half": {">f2", "big-endian", allDtypes},
		"fortran":         {"(3, 4)", "Fortran order", "numpy.ascontiguousarray"},
		"int32":           {"<i4", allDtypes},
		"structured":      {`descr "[('x', '<f4'), ('y', '<f4')]", a structured type`},
	} {
		path := filepath.Join("testdata", "refused", name+".npy")
		_, err := ReadFile(path)
		says(t, err, append(words, path)...)
	}
	_, err := ReadFile("missing.npy")
	says(t, err, "npy: ", "missing.npy")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
	dir := t.TempDir()
	_, err = ReadFile(dir)
	says(t, err, "npy: ", dir)
}

// allocated returns the number of bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestReadAllocatesLittleForAFalseHeader(t *testing.T) {
	const bound = 1 << 20
	trillion := "(1000000000000,)"
	if strconv.IntSize < 64 {
		trillion = "(500000000,)"
	}
	for name, lie := range map[string][]byte{
		"elements":       file(1, dict("'<f4'", "False", trillion), make([]byte, 100)...),
		"doubles":        file(1, dict("'<f8'", "False", strings.ReplaceAll(trillion, "5", "1")), make([]byte, 100)...),
		"header of 4GiB": append([]byte("\x93NUMPY\x03\x00\xff\xff\xff\xff"), make([]byte, 188)...),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lie.npy")
			if err := os.WriteFile(path, lie, 0o666); err != nil {
				t.Fatal(err)
			}
			var err, errFile error
			got := allocated(func() { _, err = Read(bytes.NewReader(lie)) })
			gotFile := allocated(func() { _, errFile = ReadFile(path) })
			says(t, err, "expected")
			says(t, errFile, "expected", path)
			if got > bound || gotFile > bound {
				t.Errorf("Read allocated %d bytes and ReadFile %d, expected at most %d", got, gotFile, bound)
			}
		})
	}
}

func TestReadAllocatesASmallMultipleOfAStream(t *testing.T) {
	const held = 10 << 20
	lie := file(1, dict("'<f4'", "False", "(500000000,)"), make([]byte, held)...)
	var err error
	got := allocated(func() { _, err = Read(bytes.NewReader(lie)) })
	says(t, err, "truncated data", strconv.Itoa(held), "2000000000")
	if got > 5*held {
		t.Errorf("allocated %d bytes for a stream of %d", got, held)
	}
}

func TestReadAcceptsDataInPieces(t *testing.T) {
	small, large := count[float64](7, 3), count[float32](3, 100_003)
	for name, a := range map[string]*Array{"small": small, "large": large} {
		raw := encode(t, a)
		for kind, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader,
			"halves": iotest.HalfReader, "error with data": iotest.DataErrReader,
		} {
			got, err := Read(wrap(bytes.NewReader(raw)))
			if err != nil {
				t.Fatalf("%s, %s: %v", name, kind, err)
			}
			sameBits(t, got, a)
		}
	}
}

func TestReadWrapsTheErrorOfItsReader(t *testing.T) {
	broken := errors.New("broken cable")
	raw := encode(t, count[float32](2, 3))
	for n := range len(raw) + 1 {
		_, err := Read(io.MultiReader(bytes.NewReader(raw[:n]), iotest.ErrReader(broken)))
		if says(t, err, "broken cable"); !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: %v does not wrap the reader's error", n, err)
		}
		if _, err := Read(bytes.NewReader(raw[:n])); n < len(raw) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut to %d bytes: %v is not ErrUnexpectedEOF", n, err)
		}
	}
}

func TestBytesAreSwappedOnAHostOfTheOtherByteOrder(t *testing.T) {
	defer func(was bool) { littleEndian = was }(littleEndian)
	a := count[float32](3, 30_001)
	raw := encode(t, a)
	littleEndian = !littleEndian
	got, err := Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	want := bitsOf(t, a)
	for i, b := range bitsOf(t, got) {
		if uint32(b) != bits.ReverseBytes32(uint32(want[i])) {
			t.Fatalf("element %d is %#x, expected the bytes of %#x reversed", i, b, want[i])
		}
	}
	if again := encode(t, got); !bytes.Equal(again, raw) {
		t.Error("written again, the file differs")
	}
}

func TestOfSharesDataAndKeepsItsOwnShape(t *testing.T) {
	data, shape := []float32{1, 2}, []int{2}
	a := Of(data, shape...)
	data[0], shape[0] = 5, 9
	if a.Data.([]float32)[0] != 5 || a.Shape[0] != 2 {
		t.Errorf("%v with %v", a, a.Data)
	}
}

func TestStringNamesShapeAndDtype(t *testing.T) {
	for want, a := range map[string]*Array{
		"(1, 3, 4) of <f4": Of([]float32(nil), 1, 3, 4),
		"(3,) of <f8":      Of([]float64(nil), 3),
		"(3, 1) of <f2":    Of([]Float16(nil), 3, 1),
		"(2, 2) of <V2":    Of([]BFloat16(nil), 2, 2),
		"(1,) of <u2":      Of([]uint16(nil), 1),
		"() of []int":      {Data: []int{1}},
		"(2,) of <nil>":    {Shape: []int{2}},
	} {
		if got := a.String(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("testdata", "*", "*.npy"))
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := Read(bytes.NewReader(raw))
		if err != nil {
			if says(t, err, "npy: "); a != nil {
				t.Fatal("an array as well as an error")
			}
			return
		}
		again, err := Read(bytes.NewReader(encode(t, a)))
		if err != nil {
			t.Fatalf("the written file cannot be read: %v", err)
		}
		sameBits(t, again, a)
		if data := memory(reflect.ValueOf(a.Data)); littleEndian && !bytes.HasSuffix(raw, data) {
			t.Fatal("the data are not the end of the file")
		}
	})
}

// FuzzHeader reads files whose header is a dict in any form that Python may write, and whose data
// may be too short or too long.
func FuzzHeader(f *testing.F) {
	for i, dims := range [][]byte{{}, {0}, {1}, {7}, {3, 4}, {1, 9, 1}, {0, 5}, {2, 3, 4, 5}, {1, 1, 1, 1, 1, 1, 1, 1}} {
		for descr := range uint8(len(dtypes)) {
			f.Add(dims, descr, uint16(i*41)+uint16(descr)*97, int8(0), []byte("\x01\x7c\x00\x80\xff\x7f\x01\xf0\x7f"))
		}
		f.Add(dims, uint8(i), uint16(i), int8(1-i%3), []byte{})
	}
	f.Fuzz(func(t *testing.T, dims []byte, descr uint8, spelling uint16, extra int8, raw []byte) {
		choose := func(n uint16) int {
			defer func() { spelling /= n }()
			return int(spelling % n)
		}
		dt := dtypes[int(descr)%len(dtypes)]
		dims = dims[:min(len(dims), 70)]
		shape, n, room, long := make([]int, len(dims)), 1, 4096, 0
		for i, d := range dims {
			if shape[i] = int(d); shape[i] > room {
				shape[i] = 1
			}
			room /= max(shape[i], 1) // zeros left out, as Read does
			n *= shape[i]
			if shape[i] > 1 {
				long++
			}
		}
		quote, space, suffix := [...]string{"'", `"`}[choose(2)], [...]string{"", " ", "\t ", "\r\n"}[choose(4)], [...]string{"", "L"}[choose(2)]
		fortran := choose(2) == 1
		var tuple strings.Builder
		for _, d := range shape {
			fmt.Fprintf(&tuple, "%d%s%s,%s", d, suffix, space, space)
		}
		values := []string{
			quote + "descr" + quote + ":" + space + quote + dt.descr + quote,
			quote + "fortran_order" + quote + space + ":" + map[bool]string{false: "False", true: "True"}[fortran],
			quote + "shape" + quote + ":" + space + "(" + tuple.String() + ")",
		}
		for i := range values { // in any order
			k := i + choose(uint16(len(values)-i))
			values[i], values[k] = values[k], values[i]
		}
		dict := "{" + space + strings.Join(values, space+","+space) + [...]string{"", ",", " , "}[choose(3)] + "}" + space + "\n"
		version := 1 + choose(3)
		file := append([]byte(magic), byte(version), 0)
		if version == 1 {
			file = binary.LittleEndian.AppendUint16(file, uint16(len(dict)))
		} else {
			file = binary.LittleEndian.AppendUint32(file, uint32(len(dict)))
		}
		file = append(file, dict...)
		data := make([]byte, max(n*dt.size()+int(extra), 0))
		for i := range data {
			if len(raw) > 0 {
				data[i] = raw[i%len(raw)] + byte(i/len(raw))
			}
		}
		a, err := Read(bytes.NewReader(append(file, data...)))
		if len(data) != n*dt.size() || fortran && long > 1 || len(shape) > maxDims {
			says(t, err, "npy: ")
			return
		}
		if err != nil {
			t.Fatalf("%q and %d bytes: %v", dict, len(data), err)
		}
		if !slices.Equal(a.Shape, shape) || reflect.TypeOf(a.Data) != dt.slice || !bytes.HasSuffix(encode(t, a), data) || reflect.ValueOf(a.Data).Len() != n {
			t.Fatalf("%q and %d bytes become %v of %x", dict, len(data), a, a.Data)
		}
	})
}
