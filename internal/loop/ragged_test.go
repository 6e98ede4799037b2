package loop_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/loop"
)

// raggedOf returns the memory of slices of any lengths.
func raggedOf(list [][]uint16) loop.Memory {
	return loop.Memory{Data: unsafe.Pointer(unsafe.SliceData(list)), Slices: len(list), Ragged: true}
}

// Slices of any lengths are compared with all others, however they lie.
func TestSharedOfRaggedListsAgreesWithEveryElement(t *testing.T) {
	found := make(map[string]int)
	for seed := range uint64(20000) {
		r := rand.New(rand.NewPCG(6, seed))
		buf := make([]uint16, 400)
		crowd := 20 + r.IntN(360) // how far they lie apart
		list := func(n, length int) [][]uint16 {
			all := make([][]uint16, n)
			for i := range all {
				l := length
				if l < 0 { // any
					l = r.IntN(1 + r.IntN(40))
				}
				from := r.IntN(min(crowd, 400-l))
				all[i] = buf[from : from+l : from+l]
			}
			return all
		}
		lengths := [...][2]int{{-1, 1 + r.IntN(50)}, {1 + r.IntN(50), -1}, {-1, -1}}[seed%3] // of dst and of src
		dst, src := list(1+r.IntN(6), lengths[0]), list(1+r.IntN(6), lengths[1])
		a, b := raggedOf(dst), raggedOf(src)
		if lengths[0] >= 0 {
			a = memoryOf(dst)
		}
		if lengths[1] >= 0 {
			b = memoryOf(src)
		}
		want := map[string]bool{}
		to, from := owners(buf, dst), owners(buf, src)
		for i := range buf {
			want["dst"] = want["dst"] || len(to[i]) > 1
			want["src"] = want["src"] || len(to[i]) > 0 && len(from[i]) > 0
		}
		with, elements, distance, shared := loop.SharedRagged(&a, &b, 2)
		what := fmt.Sprintf("seed %d: dst in %d slices and src in %d", seed, len(dst), len(src))
		switch {
		case shared != (want["dst"] || want["src"]):
			t.Fatalf("%s: %v, want %v", what, shared, want)
		case shared && (!want[with] || want["dst"] && with == "src"):
			t.Fatalf("%s: with %s, want one of %v", what, with, want)
		case shared:
			others := src
			if with == "dst" {
				others = dst
			}
			is := false
			for i, d := range dst {
				for k, s := range others {
					apart := int(uintptr(unsafe.Pointer(unsafe.SliceData(d))) - uintptr(unsafe.Pointer(unsafe.SliceData(s))))
					is = is || (with == "src" || i != k) && elements == len(d) && apart == distance && apart < 2*len(s) && -apart < 2*len(d)
				}
			}
			if !is {
				t.Fatalf("%s: with %s, a slice of %d elements at a distance of %d bytes", what, with, elements, distance)
			}
		}
		found[fmt.Sprint(shared, with)]++
	}
	for _, what := range []string{"truedst", "truesrc", "false"} {
		if n := found[what]; n < 1000 {
			t.Errorf("%d calls with %q, want 1000", n, what)
		}
	}
}
