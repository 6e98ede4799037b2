package main

import (
	"fmt"
	"strings"
)

// A compacting kernel moves the planes, or the channels of rows, whose factor is not 0, to
// the ones that lie densely, or back. gather reads every plane and writes the kept
// ones, scatter and scatterAdd read as many planes as are kept.

// describeCompact fills the table of compacting operations.
func describeCompact() {
	compact.operations = []operation{
		{"gather", mul(X, F), None},
		{"scatter", mul(X, F), Zero},
		{"scatterAdd", add(Y, mul(X, F)), Y},
	}
	streamed := map[string][]shape{"gather": shapes[:1], "scatter": shapes}
	compact.kernels = func() []kernel { return compact.kernelsOf(streamed) }
	compact.written = func(tier, kernel) bool { return true }
	compact.doc = "The compactions. f is the factor of a plane or of a channel. One whose factor is 0 is dropped, and the others are kept, in order. The packed tensor has the kept ones only. x is an element of src and y the element of dst. Each product and sum is rounded, none is fused."
	compact.entry = func(o operation) string {
		return fmt.Sprintf(", gathers: %v, adds: %v", o.dropped == None, o.readsDst())
	}
}

// gathers reports whether dst has the kept planes or channels alone. Otherwise src has.
func (o operation) gathers() bool { return o.dropped == None }

// compactLoop returns the loop that a compacting kernel is, for its doc comment.
func (k kernel) compactLoop(name string) []string {
	full := "p*length+i"
	to, from := full, "n"
	if k.gathers() {
		to, from = "n", full
	}
	factor, n := "factors[p]", "n*length+i"
	if k.pixels {
		factor, n = "factors[i]", "n"
	}
	at := func(name, index string) string {
		if index == "n" {
			index = n
		}
		return name + "[" + index + "]"
	}
	names := map[*expr]string{X: at("src", from), Y: at("dst", to), F: factor}
	step := []string{
		"if " + factor + " != 0 {",
		"\t" + names[Y] + " = " + k.value.text(names),
		"\tn++",
		"}",
	}
	if k.dropped == Zero {
		step = append(step[:3], "} else {", "\t"+names[Y]+" = 0", "}")
	}
	outer, inner := "for p := range count {", "for i := range length {"
	lines := []string{name + " is the loop", "", "\tn := 0"}
	if k.pixels {
		lines = append(lines, "\t"+outer, "\t\t"+inner)
		for _, s := range step {
			lines = append(lines, "\t\t\t"+s)
		}
		return append(lines, "\t\t}", "\t}", "")
	}
	lines = append(lines, "\t"+outer)
	for _, s := range step {
		if strings.Contains(s, " = ") {
			lines = append(lines, "\t\t\t"+inner, "\t\t"+"\t"+s, "\t\t\t}")
			continue
		}
		lines = append(lines, "\t\t"+s)
	}
	return append(lines, "\t}", "")
}
