// Package loop measures loops over two buffers and finds out whether the buffers
// share an element that the loops visit.
package loop

import (
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/layout"
)

// Reach is how many elements of dst and src, and how many factors, lie from the
// first to the last that loops visit. All are 0 if the loops visit none.
type Reach struct {
	Dst, Src, Factors int
}

// Refusal says why loops cannot be run: what is wrong with them, and what was expected.
type Refusal struct {
	Given, Want string
}

// Measure returns the reach of loops, and why they cannot be run if they are more than
// [layout.MaxLoops], a number is negative or too great, or a step in dst is shorter than all
// that lies inside it, so that an element could be written twice.
func Measure(loops []layout.Loop) (r Reach, refusal *Refusal) {
	if len(loops) > layout.MaxLoops {
		return Reach{}, &Refusal{fmt.Sprintf("%d loops", len(loops)), fmt.Sprintf("at most %d", layout.MaxLoops)}
	}
	empty := false
	r = Reach{1, 1, 1}
	for i := len(loops) - 1; i >= 0; i-- {
		l := loops[i]
		if l.Size < 0 || l.Dst < 0 || l.Src < 0 || l.Factor < 0 {
			return Reach{}, &Refusal{fmt.Sprintf("loop %d has a negative number", i), "0 or more"}
		}
		if l.Size == 0 {
			empty = true
		}
		if l.Size <= 1 {
			continue
		}
		if l.Dst < r.Dst {
			return Reach{}, &Refusal{fmt.Sprintf("loop %d has stride %d", i, l.Dst), fmt.Sprintf("at least the %d elements inside it", r.Dst)}
		}
		if !further(&r.Dst, l.Size, l.Dst) || !further(&r.Src, l.Size, l.Src) || !further(&r.Factors, l.Size, l.Factor) {
			return Reach{}, &Refusal{fmt.Sprintf("loop %d reaches further than an int counts", i), "fewer or shorter steps"}
		}
	}
	if empty {
		return Reach{}, nil
	}
	return r, nil
}

const maxInt = int(^uint(0) >> 1)

// further adds to reach what a loop of more than one step adds. It returns false
// if the sum overflows an int.
func further(reach *int, size, stride int) bool {
	hi, lo := bits.Mul(uint(size-1), uint(stride))
	if hi != 0 || lo > uint(maxInt-*reach) {
		return false
	}
	*reach += int(lo)
	return true
}

// Same reports whether every loop has the same step in dst and src, so that a
// buffer can be its own source.
func Same(loops []layout.Loop) bool {
	for _, l := range loops {
		if l.Dst != l.Src && l.Size > 1 {
			return false
		}
	}
	return true
}

// Overlap reports whether dst and src share memory of an element that loops visit,
// unless dst is src and each element its own source. Elements have size bytes.
// Loops that lie differently in dst and src overlap wherever the reaches do:
// then Overlap may report true for buffers that share only elements in gaps.
// It also returns how many bytes dst begins after src.
func Overlap(dst, src unsafe.Pointer, size int, loops []layout.Loop, r Reach) (distance int, overlap bool) {
	distance = int(uintptr(dst) - uintptr(src))
	if distance >= r.Src*size || -distance >= r.Dst*size {
		return distance, false
	}
	if !Same(loops) {
		return distance, true
	}
	return distance, distance != 0 && (distance%size != 0 || Collide(loops, distance/size))
}

// Collide reports whether two copies of a nest, distance elements apart, visit a
// common element of dst: whether distance is a sum of steps, of each loop fewer
// than its size forwards or backwards.
func Collide(loops []layout.Loop, distance int) bool {
	if distance < 0 {
		distance = -distance
	}
	if len(loops) == 0 {
		return distance == 0
	}
	l := loops[0]
	if l.Size <= 1 {
		return Collide(loops[1:], distance)
	}
	// The strides nest: only the two multiples next to what is left can be meant.
	steps := distance / l.Dst
	return steps < l.Size && Collide(loops[1:], distance-steps*l.Dst) ||
		steps+1 < l.Size && Collide(loops[1:], distance-(steps+1)*l.Dst)
}
