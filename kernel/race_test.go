//go:build race

package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"testing"
	"unsafe"
)

// plantVariable makes TestPlantedRaces run its races.
const plantVariable = "SPATIALDROPOUT_PLANT_RACES"

// races reports whether the race detector sees that a call and a function run which
// nothing orders. The function is given operand i. It forgets some accesses, and after
// a report watches that memory no more: there are some tries, each on memory of its own.
func (c call) races(i int, f func(first, behind *byte)) bool {
	for range 5 {
		var at []unsafe.Pointer
		for _, o := range c.operands {
			room := make([]uint64, o.bytes/8+16)
			p := unsafe.Pointer(&room[(64-uintptr(unsafe.Pointer(&room[0]))%64)%64/8]) // streams need a line
			if o.fill != nil {
				o.fill(p)
			}
			at = append(at, p)
		}
		before, done := runtime.RaceErrors(), make(chan bool)
		go func() {
			c.run(at)
			close(done)
		}()
		f((*byte)(at[i]), (*byte)(unsafe.Add(at[i], c.operands[i].bytes)))
		<-done
		if runtime.RaceErrors() > before {
			return true
		}
	}
	return false
}

// racing calls f with a call of every routine that has assembly.
func racing(f func(name string, c call)) {
	for k, c := range catalogue {
		f(c.name, kernelCall(id(k), 3, 64, [2]bool{true, false}))
	}
	for _, d := range drawCalls {
		f(d.name, d.call(8))
	}
}

var sink byte

// TestPlantedRaces runs calls beside what writes one of their operands, or reads one that
// they write, and beside what does so next to it. The program fails then, as any does in
// which there are races: [TestTheRaceDetectorSeesAssembly] has it do so and reads what is
// printed.
func TestPlantedRaces(t *testing.T) {
	if os.Getenv(plantVariable) == "" {
		return
	}
	everyTier(t, func(t *testing.T) {
		racing(func(name string, c call) {
			for i, o := range c.operands {
				// With the bits that are there: a call believes its factors and places.
				fmt.Printf("planted %s %s %s: written %v, beside it %v\n", Tier(), name, o.name,
					c.races(i, func(first, _ *byte) { same := *first; *first = same }),
					c.races(i, func(_, behind *byte) { *behind = 1 }))
				if o.written {
					fmt.Printf("planted %s %s %s: read %v, beside it %v\n", Tier(), name, o.name,
						c.races(i, func(first, _ *byte) { sink += *first }),
						c.races(i, func(_, behind *byte) { sink += *behind }))
				}
			}
		})
	})
}

// TestTheRaceDetectorSeesAssembly has races reported that only assembly takes part in,
// and none where there is none.
func TestTheRaceDetectorSeesAssembly(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "-test.run", "^TestPlantedRaces$", "-test.v")
	c.Env = append(os.Environ(), plantVariable+"=1", "GORACE=suppress_equal_stacks=0")
	out, _ := c.CombinedOutput() // it fails, see above
	lines := regexp.MustCompile(`(?m)^planted (.+): (written|read) (true|false), beside it (true|false)$`).FindAllStringSubmatch(string(out), -1)
	want := 0 // one race with each operand, and one more with what is written
	racing(func(_ string, c call) {
		for _, o := range c.operands {
			if want++; o.written {
				want++
			}
		}
	})
	if want *= len(available); len(lines) != want {
		t.Fatalf("%d races were planted, want %d: %s", len(lines), want, out[max(0, len(out)-1000):])
	}
	t.Logf("%d races were planted", want)
	for _, l := range lines {
		if l[3] != "true" || l[4] != "false" {
			t.Errorf("%s: %s by somebody else is a race %s, beside it %s", l[1], l[2], l[3], l[4])
		}
	}
}
