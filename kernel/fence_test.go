//go:build linux && amd64 && !purego && !race

package kernel

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	"github.com/spatialdropout/spatialdropout/internal/machine"
	"github.com/spatialdropout/spatialdropout/internal/tier"
	"github.com/spatialdropout/spatialdropout/layout"
)

// stepVariable makes the program run the stepped calls and nothing else, each between
// breakpoints that a tracer must handle.
const stepVariable = "SPATIALDROPOUT_STEP"

// steppedCall is a call whose instructions are checked one by one.
type steppedCall struct {
	name, tier string
	from       int  // bytes of dst from which it may store past the cache
	streams    bool // it stores past the cache
	forgets    bool // and no fence follows
	run        func()
}

// steppedCalls returns calls that store past the cache, one for each way that leads to a
// kernel. In place they store at most dropped planes past it. A kernel by itself leaves the
// fence to its caller.
func steppedCalls() (calls []steppedCall) {
	for _, tier := range tier.Available() {
		if tier == "generic" {
			continue
		}
		calls = append(calls, slices.Concat(
			stepped[float32](tier, Scale, 0, func(line, _ int) []layout.Loop { return densePlanes(3, 4*line) }),
			stepped[float64](tier, Multiply, 1, func(line, _ int) []layout.Loop { return densePlanes(3, 4*line+3) }),
			stepped[bfloat16](tier, Divide, 0, func(_, whole int) []layout.Loop { return densePlanes(6, whole) }),
			stepped[float32](tier, Scale, 3, func(_, whole int) []layout.Loop { return densePlanes(5, 2*whole+5) }),
			stepped[float32](tier, Divide, 0, func(line, _ int) []layout.Loop { return denseRows(9, 2*line) }),
			stepped[float16](tier, Scale, 5, func(line, _ int) []layout.Loop { return denseRows(100, line) }),
			stepped[float64](tier, Scale, 0, func(_, _ int) []layout.Loop { return denseRows(200, 3) }),
			stepped[float64](tier, Scale, 0, func(_, whole int) []layout.Loop {
				return append([]layout.Loop{alike(2, 7*whole, 0)}, densePlanes(3, whole)...)
			}),
			stepped[float32](tier, Scale, 0, func(line, _ int) []layout.Loop { return toRows(2, 4*line, 3*line+1, 0, 0) }),
			stepped[float64](tier, Scale, 0, func(line, _ int) []layout.Loop { return toPlanes(1, 5, 8*line, 1, 0) }),
			stepped[float32](tier, Multiply, 0, func(line, _ int) []layout.Loop {
				return append([]layout.Loop{alike(3, 31*line, 2*line)}, denseRows(4, 2*line)...)
			}),
		)...)
		x, y, f := make([]float32, 2048), aligned[float32](2048), []float32{2, 3}
		calls = append(calls, steppedCall{tier + ": a kernel by itself", tier, 0, true, true, func() {
			p := unsafe.Pointer(&y[0])
			F32.ways[Scale][1][planes].exec(p, p, unsafe.Pointer(&f[0]), nil, 1, 64)
		}})
		list, other := make([][]float32, 4), make([][]float32, 4)
		for i := range list {
			list[i], other[i] = aligned[float32](512), make([]float32, 512)
		}
		factors := []float32{1.25, 0, -2, 3}
		calls = append(calls, steppedCall{tier + ": a list", tier, 0, true, false, func() {
			if err := Run(Scale, OfList(list), OfList(other), Of(factors), Vector{}, densePlanes(4, 512), 1); err != nil {
				panic(err)
			}
		}})
		for _, from := range []int{8192, 8193} {
			calls = append(calls, steppedCall{fmt.Sprintf("%s: 8192 bytes, past the cache from %d bytes up", tier, from), tier, from, from == 8192, false, func() {
				Planes(Scale, y, x, f, nil, 1024)
			}})
		}
	}
	return calls
}

// stepped returns the calls that run one nest. nest is given the elements of a cache line and
// those of the shortest plane that is processed side by side with others. dst begins skew
// elements after a cache line.
func stepped[T number](tier string, op Op, skew int, nest func(line, whole int) []layout.Loop) (calls []steppedCall) {
	f, call := formatOf[T](), callsOf[T]()
	loops := nest(lineBytes>>f.kind.shift, wholeBytes>>f.kind.shift)
	span, srcSpan, entries := extent(loops)
	factors := make([]T, entries)
	for i := range factors {
		factors[i] = num[T]([]float64{1.25, 0, -2}[i%3])
	}
	dst := aligned[T](skew + span)[skew:]
	for _, src := range [][]T{make([]T, srcSpan), dst} {
		inPlace := &src[0] == &dst[0]
		if last := loops[len(loops)-1]; inPlace && last.Dst != last.Src {
			continue // a transposition in place is refused
		}
		add := func(by string, run func()) {
			calls = append(calls, steppedCall{
				name:    fmt.Sprintf("%s: %s of %s, %v, %v, in place %v", tier, by, f.name, op, loops, inPlace),
				tier:    tier,
				streams: !inPlace,
				run:     run,
			})
		}
		add("Run", func() {
			if err := call.Run(op, dst, src, factors, nil, loops, 1); err != nil {
				panic(err)
			}
		})
		switch last := loops[len(loops)-1]; {
		case inPlace || len(loops) > 2:
		case last.Factor == 0:
			add("Planes", func() { call.Planes(op, dst, src, factors, nil, last.Size) })
		default:
			add("Pixels", func() { call.Pixels(op, dst, src, factors, nil) })
		}
	}
	return calls
}

// init keeps the main goroutine on the first thread of the program, which is the traced one.
func init() {
	if os.Getenv(stepVariable) != "" {
		runtime.LockOSThread()
	}
}

// TestMain runs the stepped calls instead of the tests, where it is asked to.
func TestMain(m *testing.M) {
	if os.Getenv(stepVariable) == "" {
		os.Exit(m.Run())
	}
	debug.SetGCPercent(-1)
	for i, c := range steppedCalls() {
		machine.Use(c.tier)
		streamFrom(c.from)
		if i == 0 {
			// The tracer stops all other threads at the first breakpoint. A goroutine that is
			// locked to its thread would need one of them to give way.
			runtime.UnlockOSThread()
		}
		runtime.Breakpoint()
		c.run()
		runtime.Breakpoint()
	}
	os.Exit(0)
}

// Instructions that matter to the order of stores.
const (
	anyInstruction = iota
	breakpoint
	streamingStore
	storeFence
)

// orders returns the class of an instruction, given its first bytes. It knows the SSE, VEX and
// EVEX encodings of MOVNTPS, MOVNTPD, MOVNTDQ and MOVNTI (Intel 64 and IA-32 Architectures
// Software Developer's Manual, volume 2).
func orders(code []byte) int {
	isStore := func(opcode byte) int {
		if opcode == 0x2b || opcode == 0xe7 {
			return streamingStore
		}
		return anyInstruction
	}
	switch {
	case code[0] == 0xcc:
		return breakpoint
	case code[0] == 0xc5: // VEX of two bytes
		return isStore(code[2])
	case code[0] == 0xc4 && code[1]&0x1f == 1: // VEX of three bytes, opcodes after 0F
		return isStore(code[3])
	case code[0] == 0x62 && code[1]&0x07 == 1: // EVEX, opcodes after 0F
		return isStore(code[4])
	}
	for code[0] == 0x66 || code[0]&0xf0 == 0x40 { // prefixes
		code = code[1:]
	}
	switch {
	case code[0] != 0x0f:
		return anyInstruction
	case code[1] == 0xae && code[2] == 0xf8: // SFENCE
		return storeFence
	case code[1] == 0xc3: // MOVNTI
		return streamingStore
	}
	return isStore(code[1])
}

// walked counts the instructions of a call.
type walked struct {
	instructions, stores int
	open                 bool // a streaming store followed the last fence
}

// stopOthers stops all threads of a process but the first one, each while it waits in a system
// call, where it holds no lock of the runtime. sysmon would ask the goroutine to give way every
// 10 ms, and most of what is stepped through would be the scheduler.
func stopOthers(pid int) error {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return err
		}
		for waits := tid == pid; !waits; {
			if err := syscall.PtraceAttach(tid); err != nil {
				return err
			}
			if _, err := syscall.Wait4(tid, nil, syscall.WALL, nil); err != nil {
				return err
			}
			var regs syscall.PtraceRegs
			if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
				return err
			}
			if waits = int64(regs.Orig_rax) >= 0; !waits {
				if err := syscall.PtraceDetach(tid); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// step runs the stepped calls in another process, instruction by instruction.
func step(t *testing.T) (calls []walked) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // only the thread that starts to trace may continue
	defer runtime.UnlockOSThread()
	pid, err := syscall.ForkExec(program, []string{program}, &syscall.ProcAttr{
		Env:   append(os.Environ(), stepVariable+"=1"),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	// Where WANT_TIERS is set, nothing may be left out.
	if wanted := os.Getenv("WANT_TIERS") != ""; !wanted && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS)) {
		t.Skipf("NOT TESTED: tracing is not permitted here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGKILL)

	wait := func() (status syscall.WaitStatus) {
		for {
			switch child, err := syscall.Wait4(-1, &status, syscall.WALL, nil); {
			case err != nil:
				t.Fatal(err)
			case child == pid:
				return status
			} // another thread has ended
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if status := wait(); status.StopSignal() != syscall.SIGTRAP {
		t.Fatalf("the program begins with status %#x", status)
	}
	must(syscall.PtraceCont(pid, 0))
	known := map[uint64]int{}
	for inside := false; ; {
		status := wait()
		switch {
		case status.Exited():
			if status.ExitStatus() != 0 || inside {
				t.Fatalf("the program has ended with status %d after %d calls", status.ExitStatus(), len(calls))
			}
			return calls
		case !status.Stopped():
			t.Fatalf("the program has ended after %d calls: %v", len(calls), status.Signal())
		case inside && status.StopSignal() == syscall.SIGURG: // a request to preempt the goroutine, which is repeated
			must(syscall.PtraceSingleStep(pid))
			continue
		case inside && status.StopSignal() != syscall.SIGTRAP:
			t.Fatalf("%v in call %d", status.StopSignal(), len(calls)-1)
		case status.StopSignal() != syscall.SIGTRAP:
			must(syscall.PtraceCont(pid, int(status.StopSignal())))
			continue
		}
		if !inside {
			inside = true
			calls = append(calls, walked{})
			if len(calls) == 1 {
				must(stopOthers(pid))
			}
			must(syscall.PtraceSingleStep(pid))
			continue
		}
		var regs syscall.PtraceRegs
		must(syscall.PtraceGetRegs(pid, &regs))
		what, ok := known[regs.Rip]
		if !ok {
			code := make([]byte, 8)
			_, err := syscall.PtracePeekText(pid, uintptr(regs.Rip), code)
			must(err)
			what = orders(code)
			known[regs.Rip] = what
		}
		call := &calls[len(calls)-1]
		call.instructions++
		switch what {
		case streamingStore:
			call.stores++
			call.open = true
		case storeFence:
			call.open = false
		case breakpoint:
			inside = false
			regs.Rip++
			must(syscall.PtraceSetRegs(pid, &regs))
			must(syscall.PtraceCont(pid, 0))
			continue
		}
		must(syscall.PtraceSingleStep(pid))
	}
}

// TestStreamingStoresAreFenced checks every instruction that calls execute: results show a
// missing fence only where another processor reads too early.
func TestStreamingStoresAreFenced(t *testing.T) {
	if testing.Short() {
		t.Skip("a step takes some 30 µs, and there are 100,000 for each tier")
	}
	want := steppedCalls()
	if len(want) == 0 {
		t.Skip("no tier of this machine stores past the cache")
	}
	got := step(t)
	if len(got) != len(want) {
		t.Fatalf("%d calls were stepped through, want %d", len(got), len(want))
	}
	instructions, stores, streamed := 0, 0, 0
	for i, c := range want {
		g := got[i]
		instructions += g.instructions
		stores += g.stores
		if g.stores > 0 {
			streamed++
		}
		if c.streams && g.stores == 0 || c.from > 0 && !c.streams && g.stores > 0 || g.open != c.forgets {
			t.Errorf("%s: %d streaming stores among %d instructions, want any: %v; a fence is missing: %v, want %v", c.name, g.stores, g.instructions, c.streams, g.open, c.forgets)
		}
	}
	t.Logf("%d calls, %d of them with streaming stores: %d instructions, %d streaming stores", len(got), streamed, instructions, stores)
}
