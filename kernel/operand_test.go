package kernel

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// bothWalks calls f with rows walked one after the other, and again with rows in quarters if
// kernel k chooses between them. Rows of whole cache lines one after the other are walked backward, since others are walked
// as those are that would go forward. Quarters are walked backward in every other call.
func bothWalks(k routine, f func()) {
	defer anyWalk()()
	walkRows(false, true)
	f()
	if Tier() != tier.Generic && walksQuarters()[k.name] {
		quarterWalks++
		walkRows(true, quarterWalks%2 == 0)
		f()
	}
}

var quarterWalks int

// walkRows has rows walked in quarters, or one after the other, and backward wherever dst lies in its page, or forward.
func walkRows(inQuarters, backward bool) {
	quarterRows, quarterBytes, behind = 0, math.MaxInt, 0
	if inQuarters {
		quarterRows, quarterBytes = math.MaxInt, 0
	}
	if backward {
		behind = pageBytes
	}
}

// anyWalk returns what ends the effect of walkRows.
func anyWalk() func() {
	rows, bytes, back := quarterRows, quarterBytes, behind
	return func() { quarterRows, quarterBytes, behind = rows, bytes, back }
}

// walksQuarters has the kernels of which some tier of this architecture reads quarterRows, quarterBytes or behind.
var walksQuarters = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	files, err := filepath.Glob("*_" + runtime.GOARCH + ".s")
	if err != nil {
		panic(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		for _, function := range strings.Split(string(text), "\nTEXT ·")[1:] {
			if strings.Contains(function, "·quarter") || strings.Contains(function, "·behind") {
				name, _, _ := strings.Cut(function, "(")
				for _, suffix := range machine.Suffixes[runtime.GOARCH] {
					name = strings.TrimSuffix(name, suffix)
				}
				all[name] = true
			}
		}
	}
	return all
})

// everyCall runs a test of each routine on calls of many sizes.
func everyCall(t *testing.T, test func(t *testing.T, c machine.Call)) {
	t.Helper()
	eachRoutine(func(k routine) {
		t.Run(k.name, func(t *testing.T) {
			for _, length := range fewLengths(k) {
				for count := 1; count <= 4; count++ {
					if testing.Short() && count == 3 {
						continue
					}
					for _, kept := range [][2]bool{{false, false}, {true, true}, {true, false}, {false, true}} {
						one := k.shape == planes && count == 1 || k.shape == pixels && length == 1
						if one && kept[0] != kept[1] {
							continue // a single channel is kept or not
						}
						bothWalks(k, func() { test(t, k.call(count, length, kept)) })
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
// slow and has simple loops over groups of some hundred elements.
func fewLengths(k routine) (few []int) {
	n, step := 0, 11
	if Tier() == tier.Generic {
		step = 33
	}
	for _, length := range lengths(k.typ) {
		if !k.takes(length) {
			continue
		}
		if length*k.typ.Size() > unrolled {
			if n++; n%step != 0 {
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
