package draw

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// routines are the routines that have assembly, by its names without a tier, each with a
// call for some words of bits.
var routines = []struct {
	name string
	call func(words int) machine.Call
}{
	{"philox", func(n int) machine.Call {
		return machine.Call{Operands: []machine.Operand{written("bits", 8*n), trialsOperand}, Run: func(at []unsafe.Pointer) {
			dispatchPhilox((*uint64)(at[0]), n, (*trials)(at[1]))
		}}
	}},
	{"threefry", func(n int) machine.Call {
		return machine.Call{Operands: []machine.Operand{written("bits", 8*n), trialsOperand}, Run: func(at []unsafe.Pointer) {
			dispatchThreefry((*uint64)(at[0]), n, (*trials)(at[1]))
		}}
	}},
	{"threefryPairs", func(n int) machine.Call {
		return machine.Call{Operands: []machine.Operand{written("first", 8*n), written("second", 8*n), trialsOperand}, Run: func(at []unsafe.Pointer) {
			dispatchThreefryPairs((*uint64)(at[0]), (*uint64)(at[1]), n, (*trials)(at[2]))
		}}
	}},
	{"mersenneTwister", func(int) machine.Call {
		return machine.Call{Operands: []machine.Operand{written("words", 4*624), written("state", 4*624)}, Run: func(at []unsafe.Pointer) {
			dispatchMersenneTwister((*[624]uint32)(at[0]), (*[624]uint32)(at[1]))
		}}
	}},
	{"compareWords", func(n int) machine.Call { // n counts bytes of bits, of which there are whole words
		return machine.Call{Operands: []machine.Operand{written("bits", (n+7)/8*8), {Name: "words", Bytes: 8 * 4 * n}}, Run: func(at []unsafe.Pointer) {
			dispatchCompareWords((*uint64)(at[0]), (*uint32)(at[1]), n, 1<<32-1, 1<<31)
		}}
	}},
	{"comparePairs", func(n int) machine.Call {
		return machine.Call{Operands: []machine.Operand{written("bits", (n+7)/8*8), {Name: "words", Bytes: 8 * 8 * n}}, Run: func(at []unsafe.Pointer) {
			dispatchComparePairs((*uint64)(at[0]), (*uint32)(at[1]), n, 1<<52)
		}}
	}},
	{"mcg31", func(n int) machine.Call {
		powers := machine.Operand{Name: "powers", Bytes: int(unsafe.Sizeof(mcg31Powers)), Fill: func(at unsafe.Pointer) { *(*[66]uint32)(at) = mcg31Powers }}
		return machine.Call{Operands: []machine.Operand{written("bits", 8*n), powers}, Run: func(at []unsafe.Pointer) {
			dispatchMCG31((*uint64)(at[0]), n, (*[66]uint32)(at[1]), 1, 1<<30)
		}}
	}},
}

// written returns an operand that a call writes.
func written(name string, bytes int) machine.Operand {
	return machine.Operand{Name: name, Bytes: bytes, Written: true}
}

var trialsOperand = machine.Operand{Name: "trials", Bytes: int(unsafe.Sizeof(trials{})), Fill: func(at unsafe.Pointer) {
	(&Spec{Counter: [4]uint32{1, 2, 3, 4}, Stride: [4]uint32{1, 1, 1, 1}, Key: [2]uint32{5, 6}, Threshold: 1 << 31}).set((*trials)(at))
}}

// everyCall runs a test of each routine on calls of many sizes.
func everyCall(t *testing.T, test func(t *testing.T, c machine.Call)) {
	t.Helper()
	for _, r := range routines {
		t.Run(r.name, func(t *testing.T) {
			for words := 1; words <= 40; words++ {
				test(t, r.call(words))
			}
		})
	}
}

func TestTiersAreThoseOfTheMachine(t *testing.T) { machine.CheckTiers(t) }

func TestCallsLeaveTheMachineAsItWas(t *testing.T) { machine.CheckState(t, everyCall) }

// TestNoAssemblyIsUntested fails if there is a function of assembly that the tests do
// not range over: each must be one of routines on a tier, and what dispatch calls there.
func TestNoAssemblyIsUntested(t *testing.T) {
	for arch, suffixes := range machine.Suffixes {
		t.Run(arch, func(t *testing.T) {
			all := map[string][]string{}
			for _, r := range routines {
				want := []string{r.name + suffixes[0], r.name + suffixes[1]}
				if arch == "arm64" {
					want[0] = want[1] // nothing in them computes in float16
				}
				all[strings.ToLower(r.name)] = want
			}
			machine.CheckSymbols(t, arch, all)
		})
	}
}

// onStack runs every draw on arrays on its own stack and returns what they write.
//
//go:noinline
func onStack() string {
	spec := Spec{Counter: [4]uint32{1}, Stride: [4]uint32{1}, Key: [2]uint32{2, 3}, Threshold: 1 << 30}
	var bits [7][3]uint64
	var words, state [624]uint32
	Philox(bits[0][:], &spec)
	Threefry(bits[1][:], &spec)
	ThreefryPairs(bits[2][:], bits[3][:], &spec)
	state[5] = 7
	MersenneTwister(&words, &state)
	Words(bits[4][:], words[:150], 0, 1<<20)
	Pairs(bits[5][:], words[:300], 1<<50)
	MCG31(bits[6][:], 5, 6, 1<<30)
	sum := uint64(0)
	for i, w := range state {
		sum = sum*31 + uint64(w) + uint64(words[i])
	}
	return fmt.Sprintf("%#x and a sum of %#x", bits, sum)
}

func TestStacksGrowUnderEveryRoutine(t *testing.T) {
	machine.Use(tier.Generic)
	want := onStack()
	machine.Use(tier.Available()[0])
	machine.CheckStacks(t, func() string {
		if got := onStack(); got != want {
			return "got " + got + ", want " + want
		}
		return ""
	})
}

// BenchmarkRoutines measures every routine on every tier, in bytes that it writes.
//
//	go test ./internal/draw -run '^$' -bench Routines/routine=philox
func BenchmarkRoutines(b *testing.B) {
	for _, r := range routines {
		machine.Benchmark(b, "routine="+r.name+"/words=32", r.call(32))
	}
}
