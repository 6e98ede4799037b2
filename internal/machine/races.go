//go:build race

package machine

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/tier"
)

// plantVariable makes PlantRaces run its races.
const plantVariable = "SPATIALDROPOUT_PLANT_RACES"

// EachCall calls f with a call of every routine of a package.
type EachCall func(f func(name string, c Call))

// races reports whether the race detector sees that a call and a function run which
// nothing orders. The function is given operand i. The detector forgets some accesses,
// and after a report it no longer watches that memory: there are some tries, each on
// memory of its own.
func races(c Call, i int, f func(first, after *byte)) bool {
	for range 10 { // with 5, one of 1536 races was missed on a machine with 20 times its load
		var at []unsafe.Pointer
		for _, o := range c.Operands {
			p := onLine(unsafe.Pointer(&make([]uint64, o.Bytes/8+16)[0]))
			o.fill(p)
			at = append(at, p)
		}
		before, done := runtime.RaceErrors(), make(chan bool)
		go func() {
			c.Run(at)
			close(done)
		}()
		f((*byte)(at[i]), (*byte)(unsafe.Add(at[i], c.Operands[i].Bytes)))
		<-done
		if runtime.RaceErrors() > before {
			return true
		}
	}
	return false
}

var sink byte

// PlantRaces runs calls beside a write to one of their operands, or a read of one that
// they write, and beside the same next to the operand. The program then fails, as any
// program does that has races: CheckRaces runs it and reads what it prints.
func PlantRaces(t *testing.T, calls EachCall) {
	if os.Getenv(plantVariable) == "" {
		return
	}
	for _, name := range plantedTiers() {
		t.Run(name, func(t *testing.T) {
			defer Use(tier.InUse())
			Use(name)
			plantRaces(calls)
		})
	}
}

// plantedTiers returns the best tier and the last one, plain Go. What tells the detector what a call does
// comes before the choice among the tiers.
func plantedTiers() []string {
	all := tier.Available()
	return slices.Compact([]string{all[0], all[len(all)-1]})
}

func plantRaces(calls EachCall) {
	calls(func(name string, c Call) {
		for i, o := range c.Operands {
			// A write must keep the bits: a call relies on its factors and places.
			fmt.Printf("planted %s %s %s: written %v, beside it %v\n", tier.InUse(), name, o.Name,
				races(c, i, func(first, _ *byte) { same := *first; *first = same }),
				races(c, i, func(_, after *byte) { *after = 1 }))
			if o.Written {
				fmt.Printf("planted %s %s %s: read %v, beside it %v\n", tier.InUse(), name, o.Name,
					races(c, i, func(first, _ *byte) { sink += *first }),
					races(c, i, func(_, after *byte) { sink += *after }))
			}
		}
	})
}

// CheckRaces runs the test that plants races, by its name, in a program of its own. The
// detector must report each race, in which only assembly takes part on one side, and
// nothing where there is none.
func CheckRaces(t *testing.T, plants string, calls EachCall) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-test.run", "^"+plants+"$", "-test.v")
	c.Env = append(os.Environ(), plantVariable+"=1", "GORACE=suppress_equal_stacks=0")
	out, _ := c.CombinedOutput() // it fails, see PlantRaces
	lines := regexp.MustCompile(`(?m)^planted (.+): (written|read) (true|false), beside it (true|false)$`).FindAllStringSubmatch(string(out), -1)
	want := 0 // one race with each operand, and one more with each that is written
	calls(func(_ string, c Call) {
		for _, o := range c.Operands {
			if want++; o.Written {
				want++
			}
		}
	})
	if want *= len(plantedTiers()); want == 0 || len(lines) != want {
		t.Fatalf("%d races were planted, want %d: %s", len(lines), want, out[max(0, len(out)-1000):])
	}
	t.Logf("%d races were planted", want)
	for _, l := range lines {
		if l[3] != "true" || l[4] != "false" {
			t.Errorf("%s, %s by another goroutine: reported %s, beside the operand %s", l[1], l[2], l[3], l[4])
		}
	}
}
