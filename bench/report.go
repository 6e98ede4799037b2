package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
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

	timed []*contender
}

// Machine describes the machine of a run.
type Machine struct {
	CPU    string   `json:"cpu"`
	L1     int      `json:"l1_bytes"`
	L2     int      `json:"l2_bytes"`
	L3     int      `json:"l3_bytes"`
	Procs  int      `json:"gomaxprocs"`
	Go     string   `json:"go"`
	GOOS   string   `json:"goos"`
	GOARCH string   `json:"goarch"`
	Tier   string   `json:"tier"`
	Tiers  []string `json:"tiers"`
}

func newReport() *Report {
	here := cpu.This()
	return &Report{
		Machine: Machine{
			CPU: here.Name, L1: here.L1, L2: here.L2, L3: here.L3, Procs: runtime.GOMAXPROCS(0),
			Go: runtime.Version(), GOOS: runtime.GOOS, GOARCH: runtime.GOARCH,
			Tier: kernel.Tier(), Tiers: kernel.Tiers(),
		},
		Bandwidths: []Bandwidths{}, Results: []Result{},
	}
}

func (m Machine) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%v\n%s %s/%s, GOMAXPROCS %d\ntier %s, available %s\n\n", cpu.This(), m.Go, m.GOOS, m.GOARCH, m.Procs, m.Tier, strings.Join(m.Tiers, ", "))
	return err
}

func writeJSON(w io.Writer, document any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // leave "<f4" as it is
	return e.Encode(document)
}
