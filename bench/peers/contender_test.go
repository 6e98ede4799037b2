package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"
)

// TestContendersAgree compares every contender with the product of each element, for all
// jobs with given factors.
func TestContendersAgree(t *testing.T) {
	done := map[string]bool{}
	for _, name := range names() {
		for _, o := range []order{planes, rows} {
			for _, inPlace := range []bool{false, true} {
				for _, workers := range []int{1, 3} {
					t.Run(fmt.Sprintf("%s/%d/%t/%d", name, o, inPlace, workers), func(t *testing.T) {
						j := job{work: both, order: o, workers: workers, samples: 3, channels: 21, spatial: 35, rate: 0.5}
						if agree(t, name, j, inPlace, func(f float32) float32 { return f }, math.Float32bits) {
							done[name] = true
						}
						j.dtype = bfloat16s
						if agree(t, name, j, inPlace, func(f float32) uint16 { return narrow(f) }, func(h uint16) uint32 { return uint32(h) }) {
							done[name] = true
						}
					})
				}
			}
		}
	}
	for _, name := range names() {
		if !done[name] && contenders[name].missing == "" && contenders[name].prepare != nil &&
			!strings.HasPrefix(name, "ours, stream") { // those draw only
			t.Errorf("%s did no job", name)
		}
	}
}

// agree reports whether the contender offers the job, and compares the bits of what it
// makes. of makes an element, and bits reads one.
func agree[T float32 | uint16](t *testing.T, name string, j job, inPlace bool, of func(float32) T, bits func(T) uint32) bool {
	t.Helper()
	n := j.samples * j.channels * j.spatial
	x, dy := make([]T, n), make([]T, n)
	for i := range x {
		x[i], dy[i] = of(float32(i%101)-50.5), of(float32(i%89)/8+0.125)
	}
	factors := make([]T, j.samples*j.channels)
	for i := range factors {
		if i%3 != 1 {
			factors[i] = of(2)
		}
	}
	y, dx := make([]T, n), make([]T, n)
	from, gradient := x, dy
	if inPlace {
		from, gradient = y, dx
	}
	j.x, j.y, j.factors = unsafe.Pointer(&from[0]), unsafe.Pointer(&y[0]), unsafe.Pointer(&factors[0])
	j.dy, j.dx = unsafe.Pointer(&gradient[0]), unsafe.Pointer(&dx[0])
	do, err := prepare(name, j)
	if errors.Is(err, errNotOffered) {
		return false
	}
	if err != nil {
		t.Error(err)
		return false
	}
	copy(y, x)
	copy(dx, dy)
	do()
	for _, p := range [][2][]T{{y, x}, {dx, dy}} {
		for i, v := range p[1] {
			want := v
			switch f := factors[channel(j, i)]; {
			case name == "clear":
				want = of(0)
			case contenders[name].policy == isBound:
			case f != 0:
				want = product(v, f)
			case contenders[name].policy[j.order] == "select":
				want = of(0)
			default:
				want = product(v, of(0))
			}
			if bits(p[0][i]) != bits(want) {
				t.Errorf("%s: element %d is %v, want %v", name, i, p[0][i], want)
				return true
			}
		}
	}
	return true
}

// channel returns the index of the factor of element i.
func channel(j job, i int) int {
	if j.order == planes {
		return i / j.spatial
	}
	return i/(j.spatial*j.channels)*j.channels + i%j.channels
}

// product returns x·f. The factors of this test are powers of two, so that no product of
// bfloat16 is rounded.
func product[T float32 | uint16](x, f T) T {
	switch x := any(x).(type) {
	case float32:
		return any(x * any(f).(float32)).(T)
	case uint16:
		wide := math.Float32frombits(uint32(x)<<16) * math.Float32frombits(uint32(any(f).(uint16))<<16)
		return any(uint16(math.Float32bits(wide) >> 16)).(T)
	}
	panic("no other type")
}

// TestNarrowRoundsToEven compares the plain conversion with all neighbours of a half.
func TestNarrowRoundsToEven(t *testing.T) {
	for _, c := range []struct {
		bits uint32
		want uint16
	}{
		{0x3f800000, 0x3f80}, {0x3f807fff, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81},
		{0x3f818000, 0x3f82}, {0x7f7fffff, 0x7f80}, {0xff800000, 0xff80}, {0x80000001, 0x8000},
		{0x7f800001, 0x7fc0},
	} {
		if got := narrow(math.Float32frombits(c.bits)); got != c.want {
			t.Errorf("narrow(%#x) = %#x, want %#x", c.bits, got, c.want)
		}
	}
}

// TestPrepareRefuses compares the reasons for refusing what cannot be done.
func TestPrepareRefuses(t *testing.T) {
	var memory [8]float32
	p := unsafe.Pointer(&memory[0])
	good := job{samples: 1, channels: 2, spatial: 3, workers: 1, x: p, y: p, factors: p}
	for want, change := range map[string]func(j *job){
		"work 11 is not one of 0 to 10": func(j *job) { j.work = 11 },
		"activation 2 is not 0 or 1":    func(j *job) { j.work, j.activation = fuse, 2 },
		"no memory for scales, shifts or the other tensor": func(j *job) {
			j.work, j.scales, j.shifts = fuseAdd, j.x, j.x
		},
		"dtype 2 is not 0 or 1":                      func(j *job) { j.dtype = 2 },
		"order -1 is not 0 or 1":                     func(j *job) { j.order = -1 },
		"0 workers, want 1 or more":                  func(j *job) { j.workers = 0 },
		"a tensor of 1×2×-3, want 1 or more of each": func(j *job) { j.spatial = -3 },
		"no memory for x or y":                       func(j *job) { j.y = nil },
		"no memory for dy or dx":                     func(j *job) { j.work = both },
		"no memory for factors":                      func(j *job) { j.factors = nil },
	} {
		j := good
		change(&j)
		if _, err := prepare("ours", j); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := prepare("nobody", good); err == nil || err.Error() != `no contender "nobody"` {
		t.Errorf("%v", err)
	}
}
