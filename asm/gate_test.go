package main

import (
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The gate reads assembly as it is in the files, whoever wrote it, and lets only
// through what it knows: each instruction has a row in a table, and a new one that
// has none is a finding until somebody has looked up what it needs.

// finding is something that must not be in the assembly.
type finding struct {
	function string
	line     int
	code     string
	what     string
}

func (f finding) String() string {
	return fmt.Sprintf("%s, line %d: %s: %s", f.function, f.line, f.code, f.what)
}

// tierSets are the instruction sets that a file may use, by the end of its name without
// .s, which says the tier. What every CPU of the architecture has goes without saying.
var tierSets = map[string][]string{
	"fence_amd64":    {},
	"cpuid_amd64":    {cpuid},
	"avx2_amd64":     {avx, avx2, f16c, popcnt},
	"avx512_amd64":   {avx, avx2, f16c, popcnt, avx512f, avx512bw, avx512dq, avx512vl},
	"neon_arm64":     {},
	"neonfp16_arm64": {fp16},
}

// gate returns all that is wrong with an assembly file.
func gate(file, text string) []finding {
	tier := strings.TrimSuffix(path.Base(file), ".s")
	if _, ok := tierSets[tier]; !ok {
		for _, f := range families[1:] {
			tier = strings.TrimPrefix(tier, f.name+"_")
		}
		_, tier, _ = strings.Cut(tier, "_") // without the type
	}
	sets, ok := tierSets[tier]
	if !ok {
		return []finding{{code: file, what: "a file of no tier"}}
	}
	functions, found := parse(text)
	for _, f := range functions {
		report := func(in instruction, format string, a ...any) {
			found = append(found, finding{f.name, in.line, in.text, fmt.Sprintf(format, a...)})
		}
		needs := func(in instruction, needed []string) {
			for _, set := range needed {
				if !slices.Contains(sets, set) {
					report(in, "needs %s, which %s does not promise", set, tier)
				}
			}
		}
		switch {
		case tier == "fence_amd64":
			gateFence(f, report)
		case strings.HasSuffix(tier, "_amd64"):
			gateAMD64(f, report, needs)
		default:
			gateARM64(f, report, needs)
		}
	}
	return found
}

// report notes a finding at an instruction.
type report = func(in instruction, format string, a ...any)

// gateFlow checks that a function is left by RET alone and goes nowhere else.
func gateFlow(f function, jumps map[string]bool, always string, report report) {
	for _, in := range f.body {
		if !jumps[in.name] {
			continue
		}
		target := "nowhere"
		if n := len(in.operands); n > 0 {
			target = in.operands[n-1]
		}
		if at, ok := f.labels[target]; !ok {
			report(in, "goes to what is no label of the function")
		} else if at == len(f.body) {
			report(in, "goes to the end of the function, where no RET is")
		}
	}
	if len(f.body) == 0 {
		report(instruction{line: f.line, text: f.name}, "has no RET")
	} else if last := f.body[len(f.body)-1]; last.name != "RET" && last.name != always {
		report(last, "is the end of the function and no RET")
	}
}

// gateFence checks that a fence orders streaming stores, that a pause waits, and that they
// do nothing else.
func gateFence(f function, report report) {
	var code []string
	for _, in := range f.body {
		code = append(code, in.text)
	}
	want, ok := map[string]string{"fence": "SFENCE", "pause": "PAUSE"}[f.name]
	if !ok || !slices.Equal(code, []string{want, "RET"}) {
		report(instruction{line: f.line, text: f.name}, "is %q, want a fence of SFENCE and RET or a pause of PAUSE and RET", code)
	}
}

// forbidden are instructions that no table may have, and why.
type forbidden []struct {
	names *regexp.Regexp
	why   string
}

func (all forbidden) why(name string) string {
	for _, f := range all {
		if f.names.MatchString(name) {
			return f.why
		}
	}
	return ""
}

// words splits lists of mnemonics.
func words(lists ...string) map[string]bool {
	all := map[string]bool{}
	for _, list := range lists {
		for _, w := range strings.Fields(list) {
			all[w] = true
		}
	}
	return all
}

const unknown = "not in the gate's table: look up what it needs and add it"

func TestGateLetsTheAssemblyThrough(t *testing.T) {
	for file, text := range assembly(t) {
		for _, f := range gate(file, text) {
			t.Errorf("%s: %s", file, f)
		}
	}
}

func TestFilesHaveTheCatalogueAndNothingElse(t *testing.T) {
	for file, text := range assembly(t) {
		functions, _ := parse(text)
		var got []string
		for _, f := range functions {
			got = append(got, f.name)
		}
		if want := catalogued(file); !reflect.DeepEqual(got, want) {
			t.Errorf("%s has functions %v, want %v", file, got, want)
		}
	}
}
