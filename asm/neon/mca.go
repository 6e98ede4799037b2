package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// core is a model of llvm-mca, with what the core can do. README.md gives the sources.
type core struct {
	short, name string
	dispatch    int // micro-operations a cycle
	pipes       int // each loads or stores 16 bytes a cycle
	storePipes  int // the pipes that can store
}

var cores = []core{
	{short: "N1", name: "neoverse-n1", dispatch: 8, pipes: 2, storePipes: 2},
	{short: "V2", name: "neoverse-v2", dispatch: 16, pipes: 3, storePipes: 2},
}

// limit returns the cycles that the core needs for the loads and stores of a turn.
func (c core) limit(l *loop) float64 {
	const width = 16
	return max(float64(l.stored)/float64(width*c.storePipes), float64(l.loaded+l.stored)/float64(width*c.pipes))
}

// timing is what llvm-mca reports about a turn.
type timing struct {
	cycles float64
	bound  string
}

// moving is a store that moves its pointer. In llvm-mca the pointer waits for the data.
// A core adds in a separate micro-operation, so that llvm-mca gets an addition.
var moving = regexp.MustCompile(`^(st.* \[(x\d+)\]), (#\w+)$`)

// regions returns the loops in the form that llvm-mca reads.
func regions(loops []*loop) string {
	var b strings.Builder
	for n, l := range loops {
		fmt.Fprintf(&b, "# LLVM-MCA-BEGIN %d\n.L%d:\n", n, n)
		for _, in := range l.body {
			text := moving.ReplaceAllString(in.text, "$1\nadd $2, $2, $3")
			if m := jump.FindStringSubmatchIndex(text); m != nil {
				text = fmt.Sprintf("%s.L%d", text[:m[2]], n)
			}
			fmt.Fprintln(&b, text)
		}
		fmt.Fprintf(&b, "# LLVM-MCA-END %d\n", n)
	}
	return b.String()
}

// simulate times the loops, which it writes into directory dir, on cores[i].
func simulate(i int, loops []*loop, dir string) error {
	c := cores[i]
	file := filepath.Join(dir, "loops.s")
	if err := os.WriteFile(file, []byte(regions(loops)), 0o644); err != nil {
		return err
	}
	text, err := output(mca, "-mtriple=aarch64", "-mcpu="+c.name, fmt.Sprintf("-dispatch=%d", c.dispatch), "-iterations=1000", "-json", file)
	if err != nil {
		return err
	}
	timings, err := readTimings([]byte(text))
	if err != nil {
		return err
	}
	if len(timings) != len(loops) {
		return fmt.Errorf("%s timed %d of %d loops", mca, len(timings), len(loops))
	}
	for n, l := range loops {
		l.timing = append(l.timing, timings[n])
	}
	return nil
}

// unit matches the kind of a unit in its name, such as the V of N1UnitV0.
var unit = regexp.MustCompile(`Unit([A-Z]+)`)

// readTimings reads the report of llvm-mca. A region is bound by the units that are
// busy in nearly every cycle.
func readTimings(text []byte) ([]timing, error) {
	var report struct {
		CodeRegions []struct {
			Instructions         []string
			ResourcePressureView struct {
				ResourcePressureInfo []struct {
					InstructionIndex, ResourceIndex int
					ResourceUsage                   float64
				}
			}
			SummaryView struct{ DispatchWidth, Iterations, TotalCycles, TotaluOps float64 }
		}
		TargetInfo struct{ Resources []string }
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, err
	}
	const nearly = 0.9
	var timings []timing
	for _, r := range report.CodeRegions {
		s := r.SummaryView
		cycles := s.TotalCycles / s.Iterations
		var bounds []string
		for _, p := range r.ResourcePressureView.ResourcePressureInfo {
			// The sum follows the instructions.
			if p.InstructionIndex == len(r.Instructions) && p.ResourceUsage > nearly*cycles {
				bounds = append(bounds, unit.FindStringSubmatch(report.TargetInfo.Resources[p.ResourceIndex])[1])
			}
		}
		if s.TotaluOps/s.Iterations/s.DispatchWidth > nearly*cycles {
			bounds = append(bounds, "dispatch")
		}
		if bounds == nil {
			bounds = []string{"latency"}
		}
		timings = append(timings, timing{cycles, strings.Join(slices.Compact(bounds), ", ")})
	}
	return timings, nil
}
