package kernel

import (
	"fmt"
	"testing"
	"unsafe"
)

// operand is memory that a call reads or writes.
type operand struct {
	name    string
	bytes   int
	written bool
	fill    func(at unsafe.Pointer) // nil where any bits will do
}

// call is one call of a routine that has assembly. Tests choose where its operands lie.
type call struct {
	operands []operand
	run      func(at []unsafe.Pointer)
}

// String lists the sizes of the operands.
func (c call) String() string {
	s := "a call with"
	for _, o := range c.operands {
		s += fmt.Sprintf(" %d bytes of %s", o.bytes, o.name)
	}
	return s
}

// kernelCall returns a call of a kernel on count planes or rows of a length. kept says
// which of every two channels are not dropped. A kernel of four planes has count planes
// to clear, at most four.
func kernelCall(k id, count, length int, kept [2]bool) call {
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
	all := call{operands: []operand{
		{name: "dst", bytes: n, written: true},
		{name: "src", bytes: n},
		{name: "factors", bytes: channels << shift, fill: func(at unsafe.Pointer) {
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
		all.operands = append(all.operands, operand{name: "places", bytes: int(unsafe.Sizeof(b)), fill: func(at unsafe.Pointer) { *(*fourPlaces)(at) = b }})
	case operations[c.op].shifts:
		all.operands = append(all.operands, operand{name: "shifts", bytes: channels << shift})
	default:
		all.run = func(at []unsafe.Pointer) { k.exec(at[0], at[1], at[2], nil, count, length) }
		return all
	}
	all.run = func(at []unsafe.Pointer) { k.exec(at[0], at[1], at[2], at[3], count, length) }
	return all
}

// takes reports whether a kernel accepts planes or rows of a length.
func (k id) takes(length int) bool {
	c, lanes := catalogue[k], 64/k.typ().Size()
	return !(c.past && length < lanes || (c.past && c.shape == pixels || c.shape == fourPlanes) && length%lanes != 0)
}

// drawCalls are the routines that draw, by the names of their assembly, each with its
// calls for some words of bits.
var drawCalls = []struct {
	name string
	call func(words int) call
}{
	{"philox", func(n int) call {
		return call{[]operand{bitsOperand("bits", 8*n), trialsOperand}, func(at []unsafe.Pointer) {
			dispatchPhilox((*uint64)(at[0]), n, (*trials)(at[1]))
		}}
	}},
	{"threefry", func(n int) call {
		return call{[]operand{bitsOperand("bits", 8*n), trialsOperand}, func(at []unsafe.Pointer) {
			dispatchThreefry((*uint64)(at[0]), n, (*trials)(at[1]))
		}}
	}},
	{"threefryPairs", func(n int) call {
		return call{[]operand{bitsOperand("first", 8*n), bitsOperand("second", 8*n), trialsOperand}, func(at []unsafe.Pointer) {
			dispatchThreefryPairs((*uint64)(at[0]), (*uint64)(at[1]), n, (*trials)(at[2]))
		}}
	}},
	{"mersenneTwister", func(int) call {
		return call{[]operand{bitsOperand("words", 4*624), bitsOperand("state", 4*624)}, func(at []unsafe.Pointer) {
			dispatchMersenneTwister((*[624]uint32)(at[0]), (*[624]uint32)(at[1]))
		}}
	}},
	{"wordsBelow", func(n int) call { // as many bytes of bits, in whole words
		return call{[]operand{bitsOperand("bits", (n+7)/8*8), {name: "words", bytes: 8 * 4 * n}}, func(at []unsafe.Pointer) {
			dispatchWordsBelow((*uint64)(at[0]), (*uint32)(at[1]), n, 1<<32-1, 1<<31)
		}}
	}},
	{"pairsBelow", func(n int) call {
		return call{[]operand{bitsOperand("bits", (n+7)/8*8), {name: "words", bytes: 8 * 8 * n}}, func(at []unsafe.Pointer) {
			dispatchPairsBelow((*uint64)(at[0]), (*uint32)(at[1]), n, 1<<52)
		}}
	}},
	{"mcg31", func(n int) call {
		powers := operand{name: "powers", bytes: int(unsafe.Sizeof(mcg31Powers)), fill: func(at unsafe.Pointer) { *(*[66]uint32)(at) = mcg31Powers }}
		return call{[]operand{bitsOperand("bits", 8*n), powers}, func(at []unsafe.Pointer) {
			dispatchMCG31((*uint64)(at[0]), n, (*[66]uint32)(at[1]), 1, 1<<30)
		}}
	}},
}

func bitsOperand(name string, bytes int) operand {
	return operand{name: name, bytes: bytes, written: true}
}

var trialsOperand = operand{name: "trials", bytes: int(unsafe.Sizeof(trials{})), fill: func(at unsafe.Pointer) {
	*(*trials)(at) = (&Draw{Counter: [4]uint32{1, 2, 3, 4}, Stride: [4]uint32{1, 1, 1, 1}, Key: [2]uint32{5, 6}, Below: 1 << 31}).trials()
}}

// everyCall runs a test of each routine that has assembly on calls of many sizes.
func everyCall(t *testing.T, test func(t *testing.T, c call)) {
	t.Helper()
	eachKernel(func(k id) {
		t.Run(k.String(), func(t *testing.T) {
			for _, length := range fewLengths(k) {
				for count := 1; count <= 4; count++ {
					if testing.Short() && count == 3 {
						continue
					}
					for _, kept := range [][2]bool{{false, false}, {true, true}, {true, false}, {false, true}} {
						test(t, kernelCall(k, count, length, kept))
					}
				}
			}
		})
	})
	for _, d := range drawCalls {
		t.Run(d.name, func(t *testing.T) {
			for words := 1; words <= 40; words++ {
				test(t, d.call(words))
			}
		})
	}
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
		} else if slow := RaceEnabled || testing.Short() || Tier() == tierGeneric; slow && length > 20 && length%7 != 0 {
			continue
		}
		few = append(few, length)
	}
	return few
}
