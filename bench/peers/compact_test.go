package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"unsafe"
)

// TestCompactContendersAgree compares every contender of the compact family with a list of
// products.
func TestCompactContendersAgree(t *testing.T) {
	done := 0
	for _, name := range names() {
		for _, w := range []work{gather, scatter, scatterAdd} {
			for _, o := range []order{planes, rows} {
				for _, workers := range []int{1, 3} {
					for _, weights := range []bool{false, true} {
						j := job{work: w, order: o, workers: workers, samples: 3, channels: 21, spatial: 35, rate: 0.5, weights: weights}
						t.Run(fmt.Sprintf("%s/%d/%d/%d/%t", name, w, o, workers, weights), func(t *testing.T) {
							if compactAgree(t, name, j, func(f float32) float32 { return f }, func(f float32) float32 { return f }) {
								done++
							}
							j.dtype = bfloat16s
							compactAgree(t, name, j, narrow, widen)
						})
					}
				}
			}
		}
	}
	if done < 2*24 {
		t.Errorf("%d jobs were done, want those of two contenders", done)
	}
}

// compactAgree reports whether a contender offers a job, and compares its result. of makes an
// element, and value is what an element is.
func compactAgree[T float32 | uint16](t *testing.T, name string, j job, of func(float32) T, value func(T) float32) bool {
	t.Helper()
	kept := of(2)
	if j.weights {
		kept, j.rate = of(1), 0
	}
	whole, factors := make([]T, j.len()), make([]T, j.samples*j.channels)
	for i := range factors {
		if i%3 != 1 && i%7 != 2 {
			factors[i] = kept // the same channels in all samples
		}
	}
	var packed, scaled []T // the kept elements, in the order of the tensor
	back, before := make([]T, j.len()), make([]T, j.len())
	for i := range whole {
		whole[i], before[i] = of(float32(i%101)-50.5), of(float32(i%13)/3-77)
		if j.work == scatterAdd {
			back[i] = before[i]
		}
		if f := factors[channel(j, i)]; f != 0 {
			packed, scaled = append(packed, whole[i]), append(scaled, product(whole[i], f))
			p := scaled[len(scaled)-1]
			if back[i] = p; j.work == scatterAdd {
				back[i] = of(value(before[i]) + value(p))
			}
		}
	}
	x, want := whole, scaled
	if j.work != gather {
		x, want = packed, back
	}
	y := make([]T, len(want))
	j.x, j.y, j.factors = unsafe.Pointer(&x[0]), unsafe.Pointer(&y[0]), unsafe.Pointer(&factors[0])
	do, err := prepare(name, j)
	if errors.Is(err, errNotOffered) {
		return false
	}
	if err != nil {
		t.Error(err)
		return false
	}
	copy(y, before)
	do()
	size := len(y) * j.size()
	if !bytes.Equal(elements[byte](j.y, size), elements[byte](unsafe.Pointer(&want[0]), size)) {
		t.Errorf("%s: other elements than the kept ones", name)
	}
	return true
}
