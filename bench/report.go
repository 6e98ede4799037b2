package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spatialdropout/spatialdropout/internal/cpu"
	"github.com/spatialdropout/spatialdropout/kernel"
)

// Report holds the results of a run, which are printed as text or as JSON.
type Report struct {
	Machine    Machine      `json:"machine"`
	Verified   []Verified   `json:"verification"`
	Timed      int          `json:"timed_results_verified"` // calls that were verified and then timed
	Suite      string       `json:"suite,omitempty"`
	Rounds     int          `json:"rounds"`
	Draw       *Draw        `json:"draw,omitempty"`
	Bandwidths []Bandwidths `json:"bandwidths"`
	Results    []Result     `json:"results"` // throughput in GB/s
	Figures    []Figure     `json:"figures,omitempty"`
	PNG        string       `json:"png,omitempty"`
	Sweep      string       `json:"sweep,omitempty"`

	timed   []*contender
	columns int // of the tables, in characters
}

// Machine describes what a run measures, and on what machine.
type Machine struct {
	Module   string   `json:"module"`
	Version  string   `json:"version"`  // of this command
	Library  string   `json:"library"`  // version of the module whose kernels are measured
	Commit   string   `json:"commit"`   // "unknown" if the build does not say
	Modified bool     `json:"modified"` // the tree had changes that are not in Commit
	CPU      string   `json:"cpu"`
	L1       int      `json:"l1_bytes"`
	L2       int      `json:"l2_bytes"`
	L3       int      `json:"l3_bytes"`
	Procs    int      `json:"gomaxprocs"`
	Go       string   `json:"go"`
	GOOS     string   `json:"goos"`
	GOARCH   string   `json:"goarch"`
	Tier     string   `json:"tier"`
	Tiers    []string `json:"tiers"`
	// Strategy is how the kernels use the machine, in the form of kernel.ParseStrategy.
	Strategy string `json:"strategy"`
}

const (
	libraryPath = "github.com/spatialdropout/spatialdropout"
	devel       = "(devel)" // what Go says of a module that was built where it lies
)

func thisMachine() Machine {
	here := cpu.This()
	m := Machine{
		Module: "unknown", Version: "(unknown)", Library: devel, Commit: "unknown",
		CPU: here.Name, L1: here.L1, L2: here.L2, L3: here.L3, Procs: runtime.GOMAXPROCS(0),
		Go: runtime.Version(), GOOS: runtime.GOOS, GOARCH: runtime.GOARCH,
		Tier: kernel.Tier(), Tiers: kernel.Tiers(), Strategy: kernel.CurrentStrategy().String(),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		m.build(info)
	}
	return m
}

// build takes what the program was built from.
func (m *Machine) build(info *debug.BuildInfo) {
	m.Module, m.Version = info.Main.Path, info.Main.Version
	for _, dep := range info.Deps {
		if dep.Path == libraryPath {
			if dep.Replace != nil {
				dep = dep.Replace
			}
			m.Library = cmp.Or(dep.Version, devel)
		}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			m.Commit = s.Value
		case "vcs.modified":
			m.Modified = s.Value == "true"
		}
	}
}

func newReport() *Report {
	return &Report{Machine: thisMachine(), Bandwidths: []Bandwidths{}, Results: []Result{}, columns: usualColumns}
}

func (m Machine) print(w io.Writer) error {
	commit := m.Commit
	switch {
	case m.Modified:
		commit += " with changes"
	case commit == "unknown" && m.Version == devel:
		commit += " (go run -buildvcs=true tells)"
	}
	here := cpu.CPU{Name: m.CPU, L1: m.L1, L2: m.L2, L3: m.L3}
	_, err := fmt.Fprintf(w, "%s %s, library %s\ncommit %s\n%s %s/%s, GOMAXPROCS %d\n%v\ntier %s, available %s\nstrategy %s\n",
		m.Module, m.Version, m.Library, commit, m.Go, m.GOOS, m.GOARCH, m.Procs, here, m.Tier, strings.Join(m.Tiers, ", "), wrapped(m.Strategy))
	return err
}

// wrapped breaks a list without blanks into lines that are no longer than a table, after
// commas.
func wrapped(list string) string {
	const indent = 2
	var b strings.Builder
	width := usualColumns - len("strategy ")
	for _, part := range strings.SplitAfter(list, ",") {
		if width -= len(part); width < 0 {
			b.WriteString("\n  ")
			width = usualColumns - indent - len(part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// version prints what -version asks for.
func version(o options, w io.Writer) error {
	if o.json {
		return writeJSON(w, thisMachine())
	}
	return thisMachine().print(w)
}

func writeJSON(w io.Writer, document any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // leave "<f4" as it is
	return e.Encode(document)
}
