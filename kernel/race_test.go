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

	"github.com/spatialdropout/spatialdropout/layout"
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

// TestCallsOfKernelsAreShort runs nests of all shapes: however much there is to do, no call
// of a kernel does more than callBytes of it. Nobody can preempt one, and a collection of
// garbage waits for it.
func TestCallsOfKernelsAreShort(t *testing.T) {
	t.Run("float32", testShortCalls[float32])
	t.Run("float64", testShortCalls[float64])
}

func testShortCalls[T number](t *testing.T) {
	call, limit := callsOf[T](), callBytes>>formatOf[T]().elem.shift()
	longest, calls := 0, 0
	watchCall = func(bytes int) { longest, calls = max(longest, bytes), calls+1 }
	defer func() { watchCall = nil }()
	for _, loops := range [][]layout.Loop{
		planesOf(1, 3*limit), planesOf(2, limit+1), planesOf(limit, 5), planesOf(5, limit/4), planesOf(6, limit/2), planesOf(9, limit/4+7), planesOf(2*limit+9, 1),
		pixelsOf(1, 3*limit), pixelsOf(3, limit+1), pixelsOf(limit, 3), pixelsOf(5, limit/4), pixelsOf(300, limit/64), pixelsOf(2*limit+9, 1),
		{level(3, 2*limit, 1), level(2*limit, 1, 0)}, {level(3, 2*limit+5, 0), level(limit/32, 32, 0), level(32, 1, 1)},
	} {
		span, entries := reach(loops)
		src, factors := make([]T, span), make([]T, 2*entries)
		for i := range factors {
			factors[i] = num[T](1.5)
		}
		everyMode(func(mode string) {
			for _, op := range []Op{Scale, Add, Affine} {
				given := factors
				if !op.shifts() {
					given = factors[:entries]
				}
				longest, calls = 0, 0
				if err := call.RunAlone(op, aligned[T](span), src, given, loops); err != nil {
					t.Fatal(err)
				}
				if longest > callBytes || calls == 0 {
					t.Errorf("%s, %v of %v: %d calls of up to %d bytes, want at most %d", mode, op, loops, calls, longest, callBytes)
				}
			}
		})
	}
}
