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

// races reports whether the race detector reports a race between a call and a function
// that accesses operand i. The detector forgets some accesses, and does not watch memory
// any more after a report: there are several tries, each with new memory.
func (c call) races(i int, f func(first, after *byte)) bool {
	for range 10 { // with 5, one of 1536 races was missed on a machine with 20 times its load
		var at []unsafe.Pointer
		for _, o := range c.operands {
			room := make([]uint64, o.bytes/8+16)
			p := unsafe.Pointer(&room[(64-uintptr(unsafe.Pointer(&room[0]))%64)%64/8]) // stores past the cache need a line
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
	eachKernel(func(k id) { f(k.String(), kernelCall(k, 3, 64, [2]bool{true, false})) })
	for _, d := range drawCalls {
		f(d.name, d.call(8))
	}
}

var sink byte

// TestPlantedRaces runs calls together with a write to one of their operands, or a read of
// one that they write, and together with accesses next to it. Races make the program fail:
// [TestTheRaceDetectorSeesAssembly] runs it and reads what it prints.
func TestPlantedRaces(t *testing.T) {
	if os.Getenv(plantVariable) == "" {
		return
	}
	everyTier(t, func(t *testing.T) {
		racing(func(name string, c call) {
			for i, o := range c.operands {
				// The bits stay: a call relies on its factors and places.
				fmt.Printf("planted %s %s %s: written %v, beside it %v\n", Tier(), name, o.name,
					c.races(i, func(first, _ *byte) { same := *first; *first = same }),
					c.races(i, func(_, after *byte) { *after = 1 }))
				if o.written {
					fmt.Printf("planted %s %s %s: read %v, beside it %v\n", Tier(), name, o.name,
						c.races(i, func(first, _ *byte) { sink += *first }),
						c.races(i, func(_, after *byte) { sink += *after }))
				}
			}
		})
	})
}

// TestTheRaceDetectorSeesAssembly fails if a race with assembly is not reported, or one is
// where there is none.
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
			t.Errorf("%s: %s by another goroutine is a race: %s, next to it: %s, want true and false", l[1], l[2], l[3], l[4])
		}
	}
}

// TestCallsOfKernelsAreShort fails if a call of a kernel gets more than callBytes: it cannot
// be preempted, and a garbage collection waits for it.
func TestCallsOfKernelsAreShort(t *testing.T) {
	t.Run("float32", testShortCalls[float32])
	t.Run("float64", testShortCalls[float64])
}

func testShortCalls[T number](t *testing.T) {
	call, limit := callsOf[T](), callBytes>>formatOf[T]().kind.shift
	longest, calls := 0, 0
	watchCall = func(bytes int) { longest, calls = max(longest, bytes), calls+1 }
	defer func() { watchCall = nil }()
	for _, loops := range [][]Loop{
		densePlanes(1, 3*limit), densePlanes(2, limit+1), densePlanes(limit, 5), densePlanes(5, limit/4), densePlanes(6, limit/2), densePlanes(9, limit/4+7), densePlanes(2*limit+9, 1),
		denseRows(1, 3*limit), denseRows(3, limit+1), denseRows(limit, 3), denseRows(5, limit/4), denseRows(300, limit/64), denseRows(2*limit+9, 1),
		{alike(3, 2*limit, 1), alike(2*limit, 1, 0)}, {alike(3, 2*limit+5, 0), alike(limit/32, 32, 0), alike(32, 1, 1)},
	} {
		span, _, entries := extent(loops)
		src, factors := make([]T, span), make([]T, entries)
		for i := range factors {
			factors[i] = num[T](1.5)
		}
		everyMode(func(mode string) {
			for _, op := range []Op{Scale, Add, Affine} {
				longest, calls = 0, 0
				if err := call.Run(op, aligned[T](span), src, factors, ShiftsOf(op, factors), loops, 1); err != nil {
					t.Fatal(err)
				}
				if longest > callBytes || calls == 0 {
					t.Errorf("%s, %v of %v: %d calls of up to %d bytes, want at most %d", mode, op, loops, calls, longest, callBytes)
				}
			}
		})
	}
}
