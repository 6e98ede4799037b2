package main

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"unsafe"
)

// TestFusedContendersAgree compares every contender of the fused family with the formula, each
// operator of which rounds to the type.
func TestFusedContendersAgree(t *testing.T) {
	done := map[string]bool{}
	for _, name := range names() {
		if contenders[name].fused == nil || contenders[name].policy == isBound {
			continue
		}
		for _, w := range []work{fuse, fuseAdd, fuseBackward} {
			for _, o := range []order{planes, rows} {
				for _, limit := range []float64{math.Inf(1), 6, 0.25} {
					for _, inPlace := range []bool{false, true} {
						for _, readsInput := range []bool{false, true} {
							j := job{work: w, order: o, workers: 1, samples: 3, channels: 21, spatial: 35, rate: 0.5,
								limit: limit, readsInput: readsInput}
							if limit < 1 {
								j.activation = leaky
							}
							if readsInput && w != fuseBackward || !readsInput && w == fuseBackward && limit == 6 {
								continue // no such thing, and a result that does not say what was cut off
							}
							t.Run(fmt.Sprintf("%s/%d/%d/%g/%t/%t", name, w, o, limit, inPlace, readsInput), func(t *testing.T) {
								for j.workers = 1; j.workers <= 3; j.workers += 2 {
									if fusedAgree(t, name, j, inPlace, func(f float32) float32 { return f }, func(f float32) float32 { return f }) {
										done[name] = true
									}
									j.dtype = bfloat16s
									fusedAgree(t, name, j, inPlace, narrow, widen)
									j.dtype = float32s
								}
							})
						}
					}
				}
			}
		}
	}
	for _, name := range []string{"ours", "ours, separate", "plain Go"} {
		if !done[name] {
			t.Errorf("%s did no job", name)
		}
	}
}

// fusedAgree reports whether a contender offers a job, and compares the bits of its result. of
// rounds a number to an element, and value is what an element is.
func fusedAgree[T float32 | uint16](t *testing.T, name string, j job, inPlace bool, of func(float32) T, value func(T) float32) bool {
	t.Helper()
	n := j.len()
	x, other, y := make([]T, n), make([]T, n), make([]T, n)
	for i := range x {
		x[i], other[i] = of(float32(i%101)/7-7), of(float32(i%89)/8-5.0625)
	}
	factors := make([]T, j.samples*j.channels)
	for i := range factors {
		if i%3 != 1 {
			factors[i] = of(2)
		}
	}
	scales, shifts := make([]T, j.channels), make([]T, j.channels)
	for c := range scales {
		scales[c], shifts[c] = of(float32(c%5)/3-0.9), of(float32(c%7)/5-0.5)
	}
	round := func(f float32) float32 { return value(of(f)) }
	want := make([]float32, n)
	for i := range want {
		f := value(factors[channel(j, i)])
		a, b := value(scales[channel(j, i)%j.channels]), value(shifts[channel(j, i)%j.channels])
		want[i] = fusedElement(&j, value(x[i]), value(other[i]), a, b, f, contenders[name].policy[j.order], round)
	}

	src, aux := x, other
	if inPlace && j.work == fuseAdd {
		aux = y
	} else if inPlace {
		src = y
	}
	j.x, j.y, j.factors = unsafe.Pointer(&src[0]), unsafe.Pointer(&y[0]), unsafe.Pointer(&factors[0])
	j.scales, j.shifts = unsafe.Pointer(&scales[0]), unsafe.Pointer(&shifts[0])
	if j.work != fuse {
		j.other = unsafe.Pointer(&aux[0])
	}
	do, err := prepare(name, j)
	if errors.Is(err, errNotOffered) {
		return false
	}
	if err != nil {
		t.Error(err)
		return false
	}
	copy(y, x)
	if j.work == fuseAdd {
		copy(y, other)
	}
	do()
	for i, v := range y {
		if contenders[name].signed && j.work == fuseBackward && value(v) == 0 && want[i] == 0 {
			continue
		}
		if math.Float32bits(value(v)) != math.Float32bits(want[i]) {
			t.Errorf("%s: element %d is %v, want %v", name, i, value(v), want[i])
			break
		}
	}
	return true
}

// fusedElement returns what an element of a job must be.
func fusedElement(j *job, x, other, a, b, f float32, policy string, round func(float32) float32) float32 {
	limit := float32(j.limit)
	line := func(x float32) float32 { return round(round(x*a) + b) }
	dropped := f == 0 && policy == "select"
	if j.work == fuseBackward {
		z := other
		if j.readsInput {
			z = line(z)
		}
		g := round(x * f)
		switch {
		case dropped:
			return 0
		case j.activation == leaky && !(z > 0):
			g = round(g * limit)
		case j.activation == relu && !(z > 0 && z < limit):
			g = 0
		}
		return round(g * a)
	}
	u := line(x)
	if j.activation == relu {
		u = min(max(u, 0), limit)
	} else if !(u > 0) {
		u = round(u * limit)
	}
	u = round(u * f)
	if dropped {
		u = 0
	}
	if j.work == fuseAdd {
		u = round(other + u)
	}
	return u
}
