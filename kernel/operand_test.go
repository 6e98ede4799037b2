package kernel

import (
	"math"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// bothWalks calls f with rows walked one after the other, and again with rows in quarters if
// kernel k has rows.
func bothWalks(k id, f func()) {
	defer func(rows uint64) { quarterRows = rows }(quarterRows)
	quarterRows = 0
	f()
	if catalogue[k].shape == pixels {
		quarterRows = math.MaxInt
		f()
	}
}

// kernelCall returns a call of a kernel on count planes or rows of a length. kept says
// which of every two channels are not dropped. A kernel of four planes has count planes
// to clear, at most four.
func kernelCall(k id, count, length int, kept [2]bool) machine.Call {
	c := catalogue[k]
	shift := kinds[c.typ].shift
	planes, channels := count, count
	var b fourPlaces
	switch {
	case c.shape == fourPlanes:
		// Four of eight planes are computed, with those at both ends or without.
		planes, channels = 8, 8
		b.fills = count
		for i := range 4 {
			computed, cleared := (i+6)%8, (i+2)%8
			if count%2 == 0 {
				computed, cleared = cleared, computed
			}
			b.at[i], b.factor[i] = computed*length<<shift, computed<<shift
			b.fill[i] = cleared * length << shift
		}
		count = 4
	case c.shape == pixels:
		channels = length
	}
	n := planes * length << shift
	all := machine.Call{Operands: []machine.Operand{
		{Name: "dst", Bytes: n, Written: true},
		{Name: "src", Bytes: n},
		{Name: "factors", Bytes: channels << shift, Fill: func(at unsafe.Pointer) {
			for i := range channels {
				at, value := unsafe.Add(at, i<<shift), uint64(0)
				if kept[i%2] {
					value = kinds[c.typ].one>>(64-8<<shift) + 1
				}
				switch shift {
				case 1:
					*(*uint16)(at) = uint16(value)
				case 2:
					*(*uint32)(at) = uint32(value)
				case 3:
					*(*uint64)(at) = value
				}
			}
		}},
	}}
	switch {
	case c.shape == fourPlanes:
		all.Operands = append(all.Operands, machine.Operand{Name: "places", Bytes: int(unsafe.Sizeof(b)), Fill: func(at unsafe.Pointer) { *(*fourPlaces)(at) = b }})
	case operations[c.op].shifts:
		all.Operands = append(all.Operands, machine.Operand{Name: "shifts", Bytes: channels << shift})
	default:
		all.Run = func(at []unsafe.Pointer) { k.exec(at[0], at[1], at[2], nil, count, length) }
		return all
	}
	all.Run = func(at []unsafe.Pointer) { k.exec(at[0], at[1], at[2], at[3], count, length) }
	return all
}

// takes reports whether a kernel accepts planes or rows of a length.
func (k id) takes(length int) bool {
	c, lanes := catalogue[k], 64/k.typ().Size()
	return !(c.past && length < lanes || (c.past && c.shape == pixels || c.shape == fourPlanes) && length%lanes != 0)
}

// everyCall runs a test of each routine on calls of many sizes.
func everyCall(t *testing.T, test func(t *testing.T, c machine.Call)) {
	t.Helper()
	eachKernel(func(k id) {
		t.Run(k.String(), func(t *testing.T) {
			for _, length := range fewLengths(k) {
				for count := 1; count <= 4; count++ {
					if testing.Short() && count == 3 {
						continue
					}
					for _, kept := range [][2]bool{{false, false}, {true, true}, {true, false}, {false, true}} {
						bothWalks(k, func() { test(t, kernelCall(k, count, length, kept)) })
					}
				}
			}
		})
	})
	everyTransposition(t, test)
}

// unrolled is a number of bytes that takes every loop of a kernel through two turns, of four
// cache lines each, and a remainder.
const unrolled = 2*4*64 + 63

// fewLengths returns lengths that a kernel accepts: all up to two turns of its loops and any
// remainder, and some of the longer ones of [lengths]. There are fewer for plain Go, which is
// slow and has simple loops.
func fewLengths(k id) (few []int) {
	n := 0
	for _, length := range lengths(k.typ()) {
		if !k.takes(length) {
			continue
		}
		if length*k.typ().Size() > unrolled {
			if n++; n%11 != 0 {
				continue
			}
		} else if slow := Instrumented || testing.Short() || Tier() == tier.Generic; slow && length > 20 && length%7 != 0 {
			continue
		}
		few = append(few, length)
	}
	return few
}

func TestCallsLeaveTheMachineAsItWas(t *testing.T) { machine.CheckState(t, everyCall) }
