package loop_test

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
)

// memoryOf returns the memory of slices, or of one slice that is no list.
func memoryOf(list [][]uint16) loop.Memory {
	if len(list) == 1 {
		return loop.Memory{Data: unsafe.Pointer(unsafe.SliceData(list[0])), Length: len(list[0])}
	}
	return loop.Memory{Data: unsafe.Pointer(unsafe.SliceData(list)), Slices: len(list), Length: len(list[0])}
}

// owners returns the slices and offsets of which each element of a buffer is.
func owners(buf []uint16, list [][]uint16) [][][2]int {
	all := make([][][2]int, len(buf))
	for i, s := range list {
		if len(s) == 0 {
			continue
		}
		from := int(uintptr(unsafe.Pointer(&s[0]))-uintptr(unsafe.Pointer(&buf[0]))) / 2
		for k := range s {
			all[from+k] = append(all[from+k], [2]int{i, i*len(s) + k})
		}
	}
	return all
}

// Slices are compared with all others, however they lie.
func TestSharedAgreesWithEveryElement(t *testing.T) {
	found := make(map[string]int)
	for seed := range uint64(20000) {
		r := rand.New(rand.NewPCG(5, seed))
		buf := make([]uint16, 400)
		n, m := 1+r.IntN(6), 1+r.IntN(6)
		length := 1 + r.IntN(12)
		other := max(1, n*length/m)
		if r.IntN(4) == 0 {
			other = 1 + r.IntN(150) // far longer than those of dst, perhaps
		}
		dst, src := make([][]uint16, n), make([][]uint16, m)
		crowd := 20 + r.IntN(360) // how far they lie apart
		at := func(length int) []uint16 {
			from := r.IntN(min(crowd, 400-length))
			return buf[from : from+length : from+length]
		}
		ordered := r.IntN(2) == 0
		for i := range dst {
			if dst[i] = at(length); ordered {
				dst[i] = buf[i*length : (i+1)*length]
			}
		}
		switch r.IntN(3) {
		case 0: // in place, perhaps with another division or a slice apart
			for i := range src {
				if src[i] = at(other); ordered && (i+1)*other <= len(buf) {
					src[i] = buf[i*other : (i+1)*other]
				}
			}
			if m == n && r.IntN(2) == 0 {
				copy(src, dst)
			}
		default:
			for i := range src {
				src[i] = at(other)
			}
		}
		alike := r.IntN(2) == 0
		want := map[string]bool{}
		to, from := owners(buf, dst), owners(buf, src)
		for i := range buf {
			if len(to[i]) > 1 {
				want["dst"] = true
			}
			for _, d := range to[i] {
				for _, s := range from[i] {
					if !alike || d[1] != s[1] {
						want["src"] = true
					}
				}
			}
		}
		a, b := memoryOf(dst), memoryOf(src)
		with, distance, shared := loop.Shared(&a, &b, 2, alike)
		what := fmt.Sprintf("seed %d: dst in %d slices of %d, src in %d of %d, alike %v", seed, n, length, m, other, alike)
		switch {
		case shared != (len(want) > 0):
			t.Fatalf("%s: %v, want %v", what, shared, want)
		case shared && (!want[with] || want["dst"] && with == "src"):
			t.Fatalf("%s: with %s, want one of %v", what, with, want)
		case shared:
			// Two slices of that distance overlap.
			others := src
			if with == "dst" {
				others = dst
			}
			is := false
			for i, d := range dst {
				for k, s := range others {
					is = is || (with == "src" || i != k) && int(uintptr(unsafe.Pointer(&d[0]))-uintptr(unsafe.Pointer(&s[0]))) == distance
				}
			}
			if !is || distance >= 2*len(others[0]) || distance <= -2*length {
				t.Fatalf("%s: a distance of %d bytes", what, distance)
			}
		}
		found[fmt.Sprint(shared, with, alike)]++
	}
	for _, what := range []string{"truedsttrue", "truesrctrue", "truesrcfalse", "falsetrue", "falsefalse"} {
		if n := found[what]; n < 100 {
			t.Errorf("%d calls with %s, want 100", n, what)
		}
	}
}

// The time depends on the number of slices, and not on how long those of src are.
func TestSharedOfLongSlices(t *testing.T) {
	type header struct {
		at       uintptr // of nobody's memory
		len, cap int
	}
	const base, long = 1 << 16, 1 << (bits.UintSize * 3 / 4)
	list := func(all ...header) loop.Memory {
		return loop.Memory{Data: unsafe.Pointer(&all[0]), Slices: len(all), Length: all[0].len}
	}
	dst := list(header{base + 3*long, 1, 1}, header{base + 1*long, 1, 1})
	for _, c := range []struct {
		src    loop.Memory
		shared bool
	}{
		{list(header{base, long, long}, header{base + 2*long, long, long}), false},
		{list(header{base, long, long}, header{base + 2*long + 1, long, long}), true},
		{list(header{base + 1, long, long}, header{base + 2*long, long, long}), true},
	} {
		if with, distance, shared := loop.Shared(&dst, &c.src, 1, false); shared != c.shared || shared && (with != "src" || distance != long-1) {
			t.Errorf("%v, with %q at %d, want %v and %d", shared, with, distance, c.shared, long-1)
		}
	}
}

// An element at an offset is that of the slice into which the offset falls.
func TestAddressOfAnElement(t *testing.T) {
	list := [][]uint16{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}
	m := memoryOf(list)
	one := memoryOf(list[1:2])
	for i := range 9 {
		if got := *(*uint16)(m.Address(i, 1)); int(got) != i+1 {
			t.Errorf("element %d is %d", i, got)
		}
		if i < 3 && *(*uint16)(one.Address(i, 1)) != list[1][i] {
			t.Errorf("element %d of one slice is %d", i, *(*uint16)(one.Address(i, 1)))
		}
	}
}

// Every slice of a list must be aligned, and not its first one alone.
func TestAlignedIsAboutEverySlice(t *testing.T) {
	elements := make([]uint16, 40)
	for uintptr(unsafe.Pointer(&elements[0]))%8 != 0 {
		elements = elements[1:]
	}
	aligned, odd, even := elements[4:8], elements[13:17], elements[18:22] // 8, 26 and 36 bytes from an address of 8
	for _, c := range []struct {
		list [][]uint16
		most int // the greatest power of two, up to 8, of which all begin at a multiple
	}{
		{[][]uint16{aligned}, 8}, {[][]uint16{odd}, 2}, {[][]uint16{even}, 4},
		{[][]uint16{aligned, elements[24:28]}, 8}, {[][]uint16{aligned, odd}, 2}, {[][]uint16{even, aligned}, 4}, {[][]uint16{aligned, even, odd}, 2},
	} {
		m := memoryOf(c.list)
		for bytes := 1; bytes <= 8; bytes *= 2 {
			if got := m.Aligned(bytes); got != (bytes <= c.most) {
				t.Errorf("%d slices, aligned to %d bytes: aligned to %d is %v", len(c.list), c.most, bytes, got)
			}
		}
	}
}

// Of memory that is not ragged the answer is that of Shared.
func TestSharedRaggedOfEqualSlicesIsShared(t *testing.T) {
	buf := make([]uint16, 24)
	for name, lists := range map[string][2][][]uint16{
		"apart":    {{buf[:4], buf[8:12]}, {buf[4:8], buf[12:16]}},
		"with src": {{buf[:4], buf[8:12]}, {buf[16:20], buf[10:14]}},
		"with dst": {{buf[:4], buf[2:6]}, {buf[12:16], buf[16:20]}},
		"one each": {{buf[:8]}, {buf[4:12]}},
	} {
		dst, src := memoryOf(lists[0]), memoryOf(lists[1])
		with, elements, distance, shared := loop.SharedRagged(&dst, &src, 2)
		wantWith, wantDistance, want := loop.Shared(&dst, &src, 2, false)
		if with != wantWith || distance != wantDistance || shared != want || elements != len(lists[0][0]) {
			t.Errorf("%s: %q, %d elements, %d, %v, want %q, %d, %d, %v", name, with, elements, distance, shared, wantWith, len(lists[0][0]), wantDistance, want)
		}
		if shared == (name == "apart") {
			t.Errorf("%s: shared is %v", name, shared)
		}
	}
}
