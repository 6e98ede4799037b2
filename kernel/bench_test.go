package kernel

import (
	"fmt"
	"testing"
	"unsafe"
)

// BenchmarkRoutines measures every routine that has assembly, on every tier, in bytes that it
// writes. Kernels get planes or rows that fit the first cache and the second, half of them
// dropped.
//
//	go test ./kernel -run '^$' -bench 'Routines/multiplyPlanesF32/'
func BenchmarkRoutines(b *testing.B) {
	before := Tier()
	defer use(before)
	run := func(name string, c call) {
		var at [4]unsafe.Pointer
		written := 0
		for i, o := range c.operands {
			at[i] = unsafe.Pointer(&aligned[float64](o.bytes/8 + 1)[0])
			if o.fill != nil {
				o.fill(at[i])
			}
			if o.written {
				written += o.bytes
			}
		}
		for _, tier := range available {
			b.Run(name+"/"+tier, func(b *testing.B) {
				use(tier)
				b.SetBytes(int64(written))
				for range b.N {
					c.run(at[:])
				}
			})
		}
	}
	eachKernel(func(k id) {
		for _, bytes := range []int{256, 8 << 10} { // of a plane
			run(fmt.Sprintf("%v/%d", k, bytes), kernelCall(k, 4, bytes/k.typ().Size(), [2]bool{true, false}))
		}
	})
	for _, d := range drawCalls {
		run(d.name+"/32", d.call(32))
	}
}
