package kernel_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/kernel"
	"github.com/spatialdropout/spatialdropout/layout"
)

// Memory may have more bytes than an int counts on 32-bit platforms. It is refused before any of
// it is touched.
func TestMoreBytesThanAnIntCounts(t *testing.T) {
	testMostBytes[Celsius](t, kernel.CallsOfFloats[Celsius]())
	testMostBytes[Metres](t, kernel.CallsOfVectors(kernel.Of[Metres]))
	testMostBytes[Float16](t, kernel.CallsOfVectors(kernel.HalvesOf[Float16](kernel.F16)))
}

func testMostBytes[T Celsius | Metres | Float16 | BFloat16](t *testing.T, c kernel.Calls[T]) {
	memory := make([]T, 8)
	for i := range memory {
		memory[i] = 1
	}
	most := math.MaxInt / int(unsafe.Sizeof(memory[0]))
	n := most + 1
	dst, factors := unsafe.Slice(&memory[0], n), []T{2}
	check := func(name string, err error, asWanted bool) {
		t.Helper()
		if !asWanted || err == nil || !strings.Contains(err.Error(), "an int counts") {
			t.Errorf("%s, %s: %v, want an error of bytes that an int does not count", c.Name, name, err)
		}
		for i, x := range memory {
			if x != 1 {
				t.Fatalf("%s, %s: element %d is %v, want 1 as before", c.Name, name, i, x)
			}
		}
	}
	want := func(loop string) string {
		return fmt.Sprintf("kernel: Multiply of %s with dst of %d elements, want at most %d, whose bytes an int counts", loop, n, most)
	}
	err := caught(func() { c.Planes(kernel.Multiply, dst, dst, factors, nil, n) })
	check("Planes", err, kernel.Refuses(err, kernel.Argument("dst")) && err.Error() == want("planes"))
	err = caught(func() { c.Pixels(kernel.Multiply, dst, dst, factors, nil) })
	check("Pixels", err, kernel.Refuses(err, kernel.Argument("dst")) && err.Error() == want("pixels"))
	root := 1
	for root*root < n {
		root *= 2
	}
	for name, loops := range map[string][]layout.Loop{
		"one loop":     {{Size: n, Dst: 1, Src: 1}},
		"rows":         {{Size: n / 2, Dst: 2, Src: 2}, {Size: 2, Dst: 1, Src: 1}},
		"a gap in dst": {{Size: 2, Dst: n - 1, Src: n - 1}},
		"a gap in src": {{Size: 2, Dst: 1, Src: n - 1}},
		"few numbers":  {{Size: n / root, Dst: root, Src: root, Factor: 1}, {Size: root, Dst: 1, Src: 1}},
	} {
		many := unsafe.Slice(&factors[0], 1<<16)
		for workers := range 3 {
			err := c.Run(kernel.Multiply, dst, dst, many, nil, loops, workers)
			check("Run of "+name, err, kernel.Refuses(err, kernel.Argument("loops")))
		}
	}
	err = c.Run(kernel.Multiply, memory[:2], memory[2:4], dst, nil, []layout.Loop{{Size: 2, Dst: 1, Src: 1, Factor: n - 1}}, 1)
	check("Run with a gap in the factors", err, kernel.Refuses(err, kernel.Argument("loops")))
}
