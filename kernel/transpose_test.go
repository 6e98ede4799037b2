package kernel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
)

// transpositions are the routines that transpose, by the size of their elements.
var transpositions = []transposition{
	{"transpose16", 2, dispatchTranspose16},
	{"transpose32", 4, dispatchTranspose32},
	{"transpose64", 8, dispatchTranspose64},
}

type transposition struct {
	name string
	size int
	run  func(dst, src unsafe.Pointer, rows, columns, to, from int)
}

// extents returns the bytes of dst and of src that a call may reach.
func (t transposition) extents(rows, columns, to, from int) (dst, src int) {
	return (max(rows, fewElements)-1)*to + max(columns, fewElements)*t.size, (columns-1)*from + max(rows, fewElements)*t.size
}

// call returns a call with gaps of some elements between rows and between lines.
func (t transposition) call(rows, columns, dstGap, srcGap int) machine.Call {
	to, from := (columns+dstGap)*t.size, (rows+srcGap)*t.size
	dst, src := t.extents(rows, columns, to, from)
	return machine.Call{
		Operands: []machine.Operand{{Name: "dst", Bytes: dst, Written: true}, {Name: "src", Bytes: src}},
		Run:      func(at []unsafe.Pointer) { t.run(at[0], at[1], rows, columns, to, from) },
	}
}

// tileEdges are numbers of rows and columns around those of the tiles.
func tileEdges() []int {
	all := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 20, 24, 31, 32, 33, 48, 65}
	if testing.Short() || Instrumented {
		all = []int{1, 2, 3, 4, 5, 8, 9, 16, 17, 33}
	}
	return all
}

// everyTransposition runs a test of each routine on calls of many sizes.
func everyTransposition(t *testing.T, test func(t *testing.T, c machine.Call)) {
	t.Helper()
	for _, routine := range transpositions {
		t.Run(routine.name, func(t *testing.T) {
			for _, rows := range tileEdges() {
				for _, columns := range tileEdges() {
					test(t, routine.call(rows, columns, rows%3, columns%2))
				}
			}
		})
	}
}

// transpose is what a routine means. The race detector does not watch it.
//
//go:norace
func (t transposition) transpose(dst, src []byte, rows, columns, to, from int) {
	for row := range rows {
		for c := range columns {
			d, s := dst[row*to+c*t.size:], src[c*from+row*t.size:]
			for i := range t.size {
				d[i] = s[i]
			}
		}
	}
}

// check runs a call on elements that are all different, beside a loop. Only the elements of
// the rows may change, or of the few that a short call writes.
func (t transposition) check(test *testing.T, r *rand.Rand, rows, columns, dstGap, srcGap int) {
	test.Helper()
	to, from := (columns+dstGap)*t.size, (rows+srcGap)*t.size
	dstBytes, srcBytes := t.extents(rows, columns, to, from)
	const guard = 64
	shift, away := r.IntN(8)*t.size, r.IntN(8)*t.size
	words := func(bytes int) []byte {
		all := make([]uint64, bytes/8+1)
		for i := range all {
			all[i] = r.Uint64()
		}
		return unsafe.Slice((*byte)(unsafe.Pointer(&all[0])), bytes)
	}
	memory, source := words(guard+shift+dstBytes+guard), words(away+srcBytes)
	want, given := slices.Clone(memory), slices.Clone(source)
	dst, src := memory[guard+shift:], source[away:]
	t.run(unsafe.Pointer(&dst[0]), unsafe.Pointer(&src[0]), rows, columns, to, from)
	wanted := want[guard+shift:]
	for row := range max(rows, fewElements) {
		at := row * to
		copy(wanted[at:], dst[at:][:max(columns, fewElements)*t.size]) // which may have changed
	}
	t.transpose(wanted, src, rows, columns, to, from)
	if !bytes.Equal(memory, want) {
		i := 0
		for memory[i] == want[i] {
			i++
		}
		if i -= guard + shift; i < 0 || i/to >= rows || i%to >= columns*t.size {
			test.Fatalf("%s of %d×%d, rows %d and lines %d bytes apart, wrote byte %d of what surrounds dst", t.name, rows, columns, to, from, i)
		}
		test.Fatalf("%s of %d×%d, rows %d and lines %d bytes apart, byte %d of row %d: gave %#x, want %#x", t.name, rows, columns, to, from, i%to, i/to, dst[i], wanted[i])
	}
	if !slices.Equal(source, given) {
		test.Fatalf("%s of %d×%d wrote to src", t.name, rows, columns)
	}
}

// testTransposition runs a routine on all small numbers of rows and columns, and around those of
// its tiles.
func testTransposition(t *testing.T, routine transposition) {
	machine.EveryTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(41, uint64(routine.size)))
		for _, rows := range tileEdges() {
			for _, columns := range tileEdges() {
				for range 3 {
					routine.check(t, r, rows, columns, r.IntN(3), r.IntN(3))
				}
			}
		}
		for range 60 {
			routine.check(t, r, 1+r.IntN(200), 1+r.IntN(200), r.IntN(20), r.IntN(20))
		}
	})
}

// FuzzTranspositions compares each routine on every tier with a loop.
func FuzzTranspositions(f *testing.F) {
	for i, rows := range tileEdges() {
		f.Add(uint8(i), uint16(rows), uint16(i*i), uint8(i), uint8(i*3), uint64(i))
	}
	f.Fuzz(func(t *testing.T, which uint8, rows, columns uint16, dstGap, srcGap uint8, seed uint64) {
		routine := transpositions[int(which)%len(transpositions)]
		machine.EachTier(func(string) {
			routine.check(t, rand.New(rand.NewPCG(seed, 42)), 1+int(rows)%300, 1+int(columns)%300, int(dstGap), int(srcGap))
		})
	})
}

// BenchmarkTranspositions measures each routine on every tier, with tiles that fit the first
// cache.
//
//	go test ./kernel -run '^$' -bench 'Transpositions/'
func BenchmarkTranspositions(b *testing.B) {
	for _, t := range transpositions {
		for _, shape := range [][2]int{{64, 64}, {256, 3}, {3, 256}, {33, 65}} {
			machine.Benchmark(b, fmt.Sprintf("%s/%dx%d", t.name, shape[0], shape[1]), t.call(shape[0], shape[1], 0, 0))
		}
	}
}
